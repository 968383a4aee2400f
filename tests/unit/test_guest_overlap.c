/* SPDX-License-Identifier: MIT */
/*
 * The control plane while a VP is inside: the handler that runs stands for the other VP, and what
 * it calls for the control plane that goes on meanwhile.
 */
#include "guest_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/balance.h>
#include <vmbus/power.h>
#include <vmbus/stuck.h>
#include <vmbus/tl_connect.h>

static struct rig rig;

static void start_at(uint32_t version)
{
    rig_start(&rig, NULL);
    rig_connect(&rig, version, 4);
}

static int set_up(void **state)
{
    (void)state;
    start_at(VMB_VERSION_5_3);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static void poll_twice(void)
{
    for (uint32_t turn = 0; turn < 2; turn++) {
        assert_false(vmb_guest_poll(rig.guest));
    }
}

/* ---- Who is inside is waited for -------------------------------------------------------------
 */

/* A VP that has looked it up is inside: what comes under this number now would get its event. */
static void offer_a_relid_that_is_not_released(struct rig *self)
{
    if (self->rescinded_count == 0) {
        self->let_go_at_once = true;
        rig_rescind(self, 2);
        poll_twice();
        self->offered_count = 0;
        rig_offer(self, 2);
        assert_int_equal(self->offered_count, 0);
        assert_null(vmb_guest_relid2channel(self->guest, 2));
    }
}

static void a_relid_is_nobodys_until_it_is_released(void **state)
{
    struct vmb_guest_counters counters;

    (void)state;
    (void)rig_open_on(&rig, 1, 1, VMB_NOTIFY_DIRECT);
    rig.in_event = offer_a_relid_that_is_not_released;
    rig.posted_read = rig.posted_count;
    (void)rig_event(&rig, 1, 1);
    assert_int_equal(rig.rescinded_count, 1);
    assert_int_equal(rig_next(&rig, VMB_MSG_RELID_RELEASED)->u.relid_released.relid, 2);
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.offers_refused, 1);
    rig_offer(&rig, 2);
    assert_int_equal(rig.offered_count, 1);
}

static void close_the_other(struct rig *self)
{
    if (vmb_channel_state(self->offered[1]) == VMB_CHANNEL_OPEN) {
        assert_int_equal(vmb_channel_close(self->offered[1], rig_done, self), VMB_OK);
        poll_twice();
        /* Nobody runs it, but a VP that may have looked it up is still inside. */
        assert_int_equal(self->closed_count, 0);
    }
}

static void a_close_waits_for_every_vp_inside(void **state)
{
    (void)state;
    (void)rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    (void)rig_open(&rig, 2, VMB_NOTIFY_DIRECT);
    rig.in_event = close_the_other;
    (void)rig_event(&rig, 2, 1);
    rig_poll(&rig);
    assert_int_equal(rig.closed_count, 1);
}

static void leave_the_bus(struct rig *self)
{
    assert_int_equal(vmb_guest_unload(self->guest), VMB_OK);
    poll_twice();
    assert_int_equal(self->closed_count, 0);
    self->in_event = NULL;
}

static void leaving_waits_for_every_vp_inside(void **state)
{
    (void)state;
    (void)rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    rig.in_event = leave_the_bus;
    (void)rig_event(&rig, 2, 1);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    assert_int_equal(rig.closed_count, 1);
    assert_int_equal(rig.closed_reason, VMB_ERR_GONE);
}

static void leaving_waits_for_pollers(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_POLLED);

    (void)state;
    while (vmb_channel_rearm(channel)) {
    }
    (void)rig_event(&rig, 2, 1); /* It polls now. */
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    rig_no_more(&rig);
    assert_false(vmb_channel_rearm(channel));
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
}

static void closing_and_leaving_at_once_closes_once(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_DIRECT);

    (void)state;
    assert_int_equal(vmb_channel_close(channel, rig_done, &rig), VMB_OK);
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    assert_int_equal(rig.closed_count, 1);
    assert_int_equal(rig.done_count, 2); /* Of the open, of the close. */
    assert_int_equal(rig.done_status, VMB_ERR_GONE);
}

static void a_channel_may_be_let_go_while_unload_is_under_way(void **state)
{
    (void)state;
    rig_rescind(&rig, 1);
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    assert_int_equal(vmb_channel_let_go(rig.offered[0]), VMB_OK);
    rig_no_more(&rig); /* Behind Unload nothing is said. */
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(vmb_guest_deinit(rig.guest), VMB_OK);
    rig_connect(&rig, VMB_VERSION_5_3, 4);
    assert_non_null(vmb_guest_relid2channel(rig.guest, 4));
}

/* ---- What is due for who is gone -------------------------------------------------------------
 */

static void due_for_a_channel_that_left_is_nothing(void **state)
{
    (void)state;
    (void)rig_open(&rig, 1, VMB_NOTIFY_DEFERRED);
    while (vmb_guest_run(rig.guest, 0, 10)) {
    }
    rig.event_count = 0;
    (void)rig_event(&rig, 1, 1);
    rig_rescind(&rig, 1);
    rig_answer_teardown(&rig);
    assert_int_equal(vmb_channel_let_go(rig.offered[0]), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_RELID_RELEASED);
    assert_false(vmb_guest_run(rig.guest, 1, 10));
    assert_int_equal(rig.event_count, 0);
}

/* A packet from the host into the ring of the channel that was opened last. */
static void packet_comes(void)
{
    struct vmb_ring_tx tx;
    uint64_t word = 7;
    struct vmb_slice slice = {.bytes = &word, .byte_count = sizeof(word)};
    struct vmb_packet_out packet = {.type = 6};

    assert_int_equal(vmb_ring_tx_init(&tx,
                                      (uint8_t *)(void *)rig.last_pages.base + 5 * VMB_PAGE_BYTES,
                                      4 * VMB_PAGE_BYTES),
                     VMB_OK);
    assert_int_equal(vmb_ring_tx_write(&tx, &packet, &slice, 1), VMB_OK);
    if (vmb_ring_tx_commit(&tx)) {
        rig.signals++; /* The host would. */
    }
}

static void read_one(void)
{
    uint64_t buffer[8];
    struct vmb_packet packet;

    assert_int_equal(vmb_endpoint_receive(rig.endpoint, buffer, sizeof(buffer), &packet), VMB_OK);
    vmb_endpoint_release(rig.endpoint);
}

static void a_poller_that_leaves_packets_goes_on(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_POLLED);

    (void)state;
    packet_comes();
    assert_true(vmb_channel_rearm(channel));
    read_one();
    assert_false(vmb_channel_rearm(channel));
}

static void an_event_while_polling_is_the_pollers(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_POLLED);

    (void)state;
    (void)rig_event(&rig, 0, 1); /* It polls already, since the open. */
    assert_true(vmb_channel_rearm(channel));
    assert_false(vmb_channel_rearm(channel));
}

static void break_rings(void)
{
    uint8_t *base = (uint8_t *)(void *)rig.last_pages.base;

    base[5 * VMB_PAGE_BYTES] = 3; /* The inbound ring's write index: not one that can be. */
}

static void a_poller_of_a_broken_ring_comes_to_an_end(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_POLLED);
    uint64_t buffer[8];
    struct vmb_packet packet;

    (void)state;
    break_rings();
    assert_int_equal(vmb_endpoint_receive(rig.endpoint, buffer, sizeof(buffer), &packet),
                     VMB_ERR_PEER);
    while (vmb_channel_rearm(channel)) {
        fail_msg("a broken ring has nothing to poll for");
    }
}

static void read_it(struct rig *self)
{
    (void)self;
    read_one();
}

static void a_deferred_handler_that_leaves_packets_runs_again(void **state)
{
    (void)state;
    (void)rig_open(&rig, 1, VMB_NOTIFY_DEFERRED);
    while (vmb_guest_run(rig.guest, 0, 10)) {
    }
    packet_comes();
    packet_comes();
    rig.in_event = read_it;
    rig.event_count = 0;
    (void)rig_event(&rig, 0, 1);
    assert_true(vmb_guest_run(rig.guest, 0, 1)); /* One is left, and no signal will come for it. */
    assert_false(vmb_guest_run(rig.guest, 0, 1));
    assert_int_equal(rig.event_count, 2);
}

/* ---- Hanging ---------------------------------------------------------------------------------
 */

static uint32_t hangs(void)
{
    return vmb_guest_check_stuck(rig.guest, false, NULL, NULL);
}

static bool flag_was_set;

static void note_flag(void *context, const struct vmb_stuck_report *report)
{
    (void)context;
    flag_was_set = report->flag_set;
}

static void who_polls_does_not_hang(void **state)
{
    (void)state;
    (void)rig_open(&rig, 1, VMB_NOTIFY_POLLED);
    packet_comes();
    assert_int_equal(hangs() + hangs() + hangs(), 0);
}

static void who_reads_now_and_then_does_not_hang(void **state)
{
    (void)state;
    (void)rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    packet_comes();
    assert_int_equal(hangs(), 0);
    read_one();
    packet_comes();
    assert_int_equal(hangs(), 0); /* Something has been read since. */
    assert_int_equal(hangs(), 1);
}

static void a_ring_that_its_peer_broke_does_not_hang(void **state)
{
    uint8_t *base;

    (void)state;
    (void)rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    packet_comes();
    assert_int_equal(hangs(), 0);
    base = (uint8_t *)(void *)rig.last_pages.base;
    base[4] = 3; /* The outbound ring's read index. */
    assert_int_equal(hangs(), 0);
    base[4] = 0;
    base[5 * VMB_PAGE_BYTES] = 3;
    assert_int_equal(hangs(), 0);
}

static void an_interrupt_that_was_not_taken_is_named(void **state)
{
    uint8_t *flags = vmb_hv_event_flags(rig.event_pages + 3 * VMB_PAGE_BYTES, 2);

    (void)state;
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, NULL, NULL), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, 2), VMB_OK);
    (void)rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    packet_comes();
    flags[0] = 1u << 1;
    assert_int_equal(hangs(), 0);
    assert_int_equal(vmb_guest_check_stuck(rig.guest, false, note_flag, NULL), 1);
    assert_true(flag_was_set);
}

static void a_channel_that_interrupts_nobody_cannot_hang(void **state)
{
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};

    (void)state;
    options.driver = rig_driver(VMB_NOTIFY_DIRECT);
    options.device = &rig;
    options.target_vp = VMB_VP_NONE;
    assert_int_equal(vmb_channel_open(rig.offered[0], &options), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    rig_answer_open(&rig, 0);
    packet_comes();
    assert_int_equal(hangs() + hangs(), 0);
}

/* ---- Balance ---------------------------------------------------------------------------------
 */

static uint32_t pairs(void *context, uint32_t vp)
{
    (void)context;
    return vp / 2;
}

static uint32_t alone(void *context, uint32_t vp)
{
    (void)context;
    return vp;
}

static void make_busy(uint32_t relid)
{
    for (uint32_t turn = 0; turn < 50; turn++) {
        (void)rig_event(&rig, 0, relid);
    }
}

static void moves_stay_within_a_node(void **state)
{
    (void)state;
    (void)rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    (void)rig_open(&rig, 2, VMB_NOTIFY_DIRECT);
    (void)vmb_guest_rebalance(rig.guest, NULL, NULL, 0);
    make_busy(1);
    make_busy(2);
    assert_int_equal(vmb_guest_rebalance(rig.guest, alone, NULL, 8), 0);
    make_busy(1);
    make_busy(2);
    assert_int_equal(vmb_guest_rebalance(rig.guest, pairs, NULL, 8), 1);
    assert_int_equal(rig_next(&rig, VMB_MSG_MODIFY_CHANNEL)->u.modify_channel.target_vp, 1);
    /* While it moves it counts as being there, and is not moved again. */
    make_busy(1);
    make_busy(2);
    assert_int_equal(vmb_guest_rebalance(rig.guest, pairs, NULL, 8), 0);
}

static void nothing_moves_to_a_vp_out_of_service(void **state)
{
    (void)state;
    for (uint32_t vp = 1; vp < RIG_VPS; vp++) {
        assert_int_equal(vmb_guest_vp_stop(rig.guest, vp, NULL, NULL), VMB_OK);
        rig_poll(&rig);
    }
    (void)rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    (void)rig_open(&rig, 2, VMB_NOTIFY_DIRECT);
    (void)vmb_guest_rebalance(rig.guest, NULL, NULL, 0);
    make_busy(1);
    make_busy(2);
    assert_int_equal(vmb_guest_rebalance(rig.guest, NULL, NULL, 8), 0);
}

static void a_host_that_cannot_move_is_not_asked(void **state)
{
    (void)state;
    rig_stop(&rig);
    start_at(VMB_VERSION_3_0);
    (void)rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    (void)rig_open(&rig, 2, VMB_NOTIFY_DIRECT);
    (void)vmb_guest_rebalance(rig.guest, NULL, NULL, 0);
    make_busy(1);
    make_busy(2);
    assert_int_equal(vmb_guest_rebalance(rig.guest, NULL, NULL, 8), 0);
    rig_no_more(&rig);
}

static void what_closes_is_not_moved(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};

    (void)state;
    (void)rig_open(&rig, 2, VMB_NOTIFY_DIRECT);
    (void)vmb_guest_rebalance(rig.guest, NULL, NULL, 0);
    make_busy(1);
    make_busy(2);
    assert_int_equal(vmb_channel_close(channel, NULL, NULL), VMB_OK);
    assert_int_equal(vmb_guest_rebalance(rig.guest, NULL, NULL, 8), 1);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    /* A device of another kind is nobody's sibling, whatever its instance. */
    offer.u.offer.relid = 60;
    offer.u.offer.is_dedicated = true;
    offer.u.offer.connection_id = 0x2060;
    offer.u.offer.interface_guid.bytes[0] = 9;
    offer.u.offer.instance_guid.bytes[0] = 2;
    rig_say(&rig, &offer);
    assert_int_equal(vmb_guest_choose_vp(rig.guest, rig.offered[4], NULL, NULL, 0), 1);
}

/* ---- Sockets ---------------------------------------------------------------------------------
 */

static uint32_t ended[3];

static void socket_told(void *context, struct vmb_tl_connect *connect, struct vmb_channel *channel,
                        vmb_status status)
{
    (void)connect;
    (void)channel;
    (void)status;
    ++*(uint32_t *)context;
}

static void each_socket_has_its_own_answer(void **state)
{
    struct vmb_tl_connect sockets[3] = {
        {.endpoint.bytes = {1}, .service.bytes = {4}},
        {.endpoint.bytes = {1}, .service.bytes = {5}},
        {.endpoint.bytes = {2}, .service.bytes = {4}},
    };
    struct vmb_message result = {.number = VMB_MSG_TL_CONNECT_RESULT};
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};

    (void)state;
    memset(ended, 0, sizeof(ended));
    assert_int_equal(vmb_guest_tl_connect(rig.guest, &sockets[0], socket_told, &ended[0]), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_TL_CONNECT_REQUEST);
    rig.now_ns += 1000;
    assert_int_equal(vmb_guest_tl_connect(rig.guest, &sockets[1], socket_told, &ended[1]), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_TL_CONNECT_REQUEST);
    rig.post_result = VMB_ERR_RETRY;
    assert_int_equal(vmb_guest_tl_connect(rig.guest, &sockets[2], socket_told, &ended[2]), VMB_OK);
    result.u.tl_connect_result.endpoint_guid = sockets[2].endpoint; /* Not asked yet. */
    result.u.tl_connect_result.service_guid = sockets[2].service;
    rig_say(&rig, &result);
    offer.u.offer.relid = 70;
    offer.u.offer.is_dedicated = true;
    offer.u.offer.flags = VMB_OFFER_HVSOCK;
    offer.u.offer.instance_guid = sockets[2].endpoint;
    offer.u.offer.interface_guid = sockets[2].service;
    rig_say(&rig, &offer);
    assert_int_equal(ended[0] + ended[1] + ended[2], 0);
    offer.u.offer.relid = 71;
    offer.u.offer.instance_guid = sockets[0].endpoint; /* Past the second, whose service differs. */
    offer.u.offer.interface_guid = sockets[0].service;
    rig_say(&rig, &offer);
    assert_int_equal(ended[0], 1);
    result.u.tl_connect_result.endpoint_guid = sockets[1].endpoint;
    rig_say(&rig, &result); /* Right endpoint, wrong service. */
    assert_int_equal(ended[1], 0);
    result.u.tl_connect_result.service_guid = sockets[1].service;
    rig_say(&rig, &result);
    assert_int_equal(ended[1], 1);
    rig_pass(&rig, 100000000000u);
    assert_int_equal(ended[2], 1);
}

/* Else its channel would be nobody's. */
static void a_socket_that_nobody_waits_for_is_offered(void **state)
{
    struct vmb_tl_connect socket = {.endpoint.bytes = {1}, .service.bytes = {4}};
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};

    (void)state;
    assert_int_equal(vmb_guest_tl_connect(rig.guest, &socket, NULL, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_TL_CONNECT_REQUEST);
    offer.u.offer.relid = 70;
    offer.u.offer.flags = VMB_OFFER_HVSOCK;
    offer.u.offer.instance_guid = socket.endpoint;
    offer.u.offer.interface_guid = socket.service;
    rig_say(&rig, &offer);
    assert_int_equal(rig.offered_count, 5);
}

static void sockets_time_out_in_their_order(void **state)
{
    struct vmb_tl_connect first = {.endpoint.bytes = {1}}, second = {.endpoint.bytes = {2}};

    (void)state;
    memset(ended, 0, sizeof(ended));
    assert_int_equal(vmb_guest_tl_connect(rig.guest, &first, socket_told, &ended[0]), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_TL_CONNECT_REQUEST);
    rig.now_ns += 5000000000u;
    assert_int_equal(vmb_guest_tl_connect(rig.guest, &second, socket_told, &ended[1]), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_TL_CONNECT_REQUEST);
    rig_pass(&rig, 5000000001u);
    assert_int_equal(ended[0], 1);
    assert_int_equal(ended[1], 0);
    rig_pass(&rig, 5000000000u);
    assert_int_equal(ended[1], 1);
}

/* ---- A VP that stops -------------------------------------------------------------------------
 */

static vmb_status vp_status;

static void vp_told(void *context, uint32_t vp, vmb_status status)
{
    (void)context;
    (void)vp;
    vp_status = status;
}

static void a_channel_on_its_way_to_a_vp_is_that_vps(void **state)
{
    struct vmb_message answer = {.number = VMB_MSG_MODIFY_CHANNEL_RESPONSE};
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_DIRECT);

    (void)state;
    vp_status = VMB_ERR_BUSY;
    answer.u.modify_channel_response.relid = 1;
    assert_int_equal(vmb_channel_set_target_vp(channel, 2, NULL, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, vp_told, NULL), VMB_OK);
    rig_no_more(&rig);
    assert_int_equal(vp_status, VMB_ERR_BUSY); /* Arrives first, then is moved away. */
    rig_say(&rig, &answer);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    rig_say(&rig, &answer);
    assert_int_equal(vp_status, VMB_OK);
    assert_int_not_equal(vmb_channel_target_vp(channel), 2);
}

static void a_channel_on_its_way_elsewhere_is_waited_for(void **state)
{
    struct vmb_message answer = {.number = VMB_MSG_MODIFY_CHANNEL_RESPONSE};
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_DIRECT);

    (void)state;
    vp_status = VMB_ERR_BUSY;
    answer.u.modify_channel_response.relid = 1;
    assert_int_equal(vmb_channel_set_target_vp(channel, 3, NULL, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, vp_told, NULL), VMB_OK); /* Neither. */
    rig_poll(&rig);
    assert_int_equal(vp_status, VMB_OK);
    rig_say(&rig, &answer);
    assert_int_equal(vmb_channel_target_vp(channel), 3);
}

static void a_stop_waits_while_the_bus_is_come_onto(void **state)
{
    (void)state;
    rig_stop(&rig);
    rig_start(&rig, NULL);
    vp_status = VMB_ERR_BUSY;
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, vp_told, NULL), VMB_OK);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(vp_status, VMB_ERR_BUSY);
    rig_pass(&rig, 11000000000u); /* Nobody answers: not on the bus. */
    assert_int_equal(vp_status, VMB_OK);
}

/* ---- Falling asleep --------------------------------------------------------------------------
 */

static struct vmb_channel *kept; /* Rescinded, and not let go of yet. */

static void let_go_of_the_kept(struct rig *self)
{
    (void)self;
    if (kept != NULL) {
        assert_int_equal(vmb_channel_let_go(kept), VMB_OK);
        kept = NULL;
    }
}

/* Before the others in memory, one that does not survive a sleep: it is told as gone. */
static void offer_a_sub_channel(void)
{
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};

    offer.u.offer = *vmb_channel_offer(rig.offered[1]);
    offer.u.offer.subchannel_index = 1;
    offer.u.offer.relid = 50;
    rig.let_go_at_once = true;
    rig_rescind(&rig, 1);
    rig_say(&rig, &offer);
    rig.let_go_at_once = false;
    rig.posted_read = rig.posted_count;
}

/* Its user has waited with another for that. */
static void a_channel_may_be_let_go_while_others_fall_asleep(void **state)
{
    struct vmb_message answer = {.number = VMB_MSG_VERSION_RESPONSE};

    (void)state;
    offer_a_sub_channel();
    rig_rescind(&rig, 3);
    kept = rig.rescinded;
    rig.in_rescinded = let_go_of_the_kept;
    rig.posted_read = rig.posted_count;
    assert_int_equal(vmb_guest_suspend(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(rig.suspended_status, VMB_OK);
    assert_null(kept);
    rig.now_ns += 200000000000u;
    rig_poll(&rig);
    assert_true(vmb_guest_next_deadline_ns(rig.guest) == VMB_NEVER);
    assert_int_equal(vmb_guest_resume(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    answer.u.version_response.version_supported = true;
    rig_say(&rig, &answer);
    (void)rig_next(&rig, VMB_MSG_REQUEST_OFFERS);
    rig_no_more(&rig);
}

static void give_up_before_it_is_over(struct rig *self)
{
    assert_int_equal(vmb_guest_unload(self->guest), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_resume(self->guest), VMB_ERR_WRONG_STATE);
}

/* In the middle of it, the rings of those behind would be nobody's. */
static void a_bus_is_not_given_up_while_it_falls_asleep(void **state)
{
    (void)state;
    offer_a_sub_channel();
    (void)rig_open_on(&rig, 4, 1, VMB_NOTIFY_DIRECT);
    rig.in_rescinded = give_up_before_it_is_over;
    rig.rescinded_count = 0;
    rig.posted_read = rig.posted_count;
    assert_int_equal(vmb_guest_suspend(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(rig.rescinded_count, 1);
    assert_int_equal(rig.suspended_count, 1);
    assert_int_equal(rig.shares_live, 0);
    rig.in_rescinded = NULL;
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    assert_int_equal(rig.rescinded_count, 4);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_relid_is_nobodys_until_it_is_released),
        TEST(a_close_waits_for_every_vp_inside),
        TEST(leaving_waits_for_every_vp_inside),
        TEST(leaving_waits_for_pollers),
        TEST(closing_and_leaving_at_once_closes_once),
        TEST(a_channel_may_be_let_go_while_unload_is_under_way),
        TEST(due_for_a_channel_that_left_is_nothing),
        TEST(a_poller_that_leaves_packets_goes_on),
        TEST(an_event_while_polling_is_the_pollers),
        TEST(a_poller_of_a_broken_ring_comes_to_an_end),
        TEST(a_deferred_handler_that_leaves_packets_runs_again),
        TEST(who_polls_does_not_hang),
        TEST(who_reads_now_and_then_does_not_hang),
        TEST(a_ring_that_its_peer_broke_does_not_hang),
        TEST(an_interrupt_that_was_not_taken_is_named),
        TEST(a_channel_that_interrupts_nobody_cannot_hang),
        TEST(moves_stay_within_a_node),
        TEST(nothing_moves_to_a_vp_out_of_service),
        TEST(a_host_that_cannot_move_is_not_asked),
        TEST(what_closes_is_not_moved),
        TEST(each_socket_has_its_own_answer),
        TEST(sockets_time_out_in_their_order),
        TEST(a_socket_that_nobody_waits_for_is_offered),
        TEST(a_channel_on_its_way_to_a_vp_is_that_vps),
        TEST(a_channel_on_its_way_elsewhere_is_waited_for),
        TEST(a_stop_waits_while_the_bus_is_come_onto),
        TEST(a_channel_may_be_let_go_while_others_fall_asleep),
        TEST(a_bus_is_not_given_up_while_it_falls_asleep),
    };

    return cmocka_run_group_tests_name("guest overlap", tests, NULL, NULL);
}
