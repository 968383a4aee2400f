/* SPDX-License-Identifier: MIT */
/* Doorbells in, interrupts out: which handler runs when, and which VP is interrupted. */
#include "host_rig.h"

#include <vmbus/proto/packet.h>
#include <vmbus/proto/pages.h>

#define RINGS       100u
#define OWN         (VMB_HOST_CONNECTION_BASE + 1u)
#define LEGACY_PAGE (HRIG_PAGES - 1u) /* Where hrig_contact() puts the interrupt page. */

static void signal_channel(struct hrig *rig)
{
    assert_int_equal(vmb_host_on_signal(rig->host, OWN, 0), VMB_OK);
}

/* The guest's side of the channel's rings: it writes the first. */
static void guest_sends(struct hrig *rig, struct vmb_ring_tx *tx, uint32_t packets)
{
    struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND};
    struct vmb_slice slice = {"a packet", 8};

    while (packets-- > 0) {
        assert_int_equal(vmb_ring_tx_write(tx, &packet, &slice, 1), VMB_OK);
    }
    if (vmb_ring_tx_commit(tx)) {
        signal_channel(rig);
    }
}

static void guest_ring(struct hrig *rig, struct vmb_ring_tx *tx)
{
    assert_int_equal(vmb_ring_tx_init(tx, hrig_page(rig, 0), 3 * VMB_PAGE_BYTES), VMB_OK);
}

static uint32_t mask_of(struct hrig *rig)
{
    return hrig_page(rig, 0)[VMB_RING_INTERRUPT_MASK];
}

static void read_one(struct hrig_device *device)
{
    struct vmb_packet packet;
    uint8_t buffer[64];

    assert_int_equal(mask_of(device->rig), 1);
    (void)!vmb_endpoint_receive(device->endpoint, buffer, sizeof(buffer), &packet);
}

static void read_all(struct hrig_device *device)
{
    struct vmb_packet packet;
    uint8_t buffer[64];

    while (vmb_endpoint_receive(device->endpoint, buffer, sizeof(buffer), &packet) == VMB_OK) {
    }
}

/* ---- Handlers -------------------------------------------------------------------------------- */

static void a_channel_is_born_with_an_event(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    assert_int_equal(rig->run_ready_count, 1);
    assert_int_equal(mask_of(rig), 1); /* Nobody need signal before the first run has looked. */
    hrig_run(rig);
    assert_int_equal(rig->devices[0].runs, 1);
    assert_int_equal(mask_of(rig), 0);
    assert_false(vmb_host_run(rig->host, 10));
    assert_int_equal(rig->devices[0].runs, 1);
    hrig_free(rig);
}

static void each_event_is_followed_by_a_run(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_open(rig, VMB_VERSION_5_3, 0);
    struct vmb_host_channel_counters counters;
    struct vmb_ring_tx tx;

    (void)state;
    rig->devices[0].in_event = read_all;
    hrig_run(rig);
    guest_ring(rig, &tx);
    guest_sends(rig, &tx, 3);
    guest_sends(rig, &tx, 3); /* Not read yet: the ring wants no second signal. */
    signal_channel(rig);
    signal_channel(rig); /* But a guest may. */
    hrig_run(rig);
    assert_int_equal(rig->devices[0].runs, 2);
    vmb_host_channel_read_counters(channel, &counters);
    assert_int_equal(counters.started, 1);
    assert_int_equal(counters.coalesced, 2);
    assert_int_equal(counters.handler_runs, 2);
    assert_int_equal(vmb_ring_tx_free_bytes(&tx), 3 * VMB_PAGE_BYTES - 8);
    hrig_free(rig);
}

static void signal_once_in_run(struct hrig_device *device)
{
    if (device->runs == 2) {
        signal_channel(device->rig);
        assert_true(vmb_host_run(device->rig->host, 10) == false); /* Not twice at once. */
        assert_int_equal(device->runs, 2);
    }
}

static void an_event_during_a_run_makes_it_run_again(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_run(rig);
    rig->devices[0].in_event = signal_once_in_run;
    signal_channel(rig);
    assert_true(vmb_host_run(rig->host, 1));
    assert_int_equal(rig->devices[0].runs, 2);
    hrig_run(rig);
    assert_int_equal(rig->devices[0].runs, 3);
    hrig_free(rig);
}

static void what_a_handler_leaves(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct hrig_device *device = &rig->devices[0];
    struct vmb_ring_tx tx;

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    guest_ring(rig, &tx);
    device->in_event = read_one; /* It has a budget of one packet: it is called again. */
    guest_sends(rig, &tx, 5);
    hrig_run(rig);
    assert_int_equal(device->runs, 5);
    /* One that reads nothing waits for something else, and is not called in a circle. */
    device->in_event = NULL;
    guest_sends(rig, &tx, 5);
    hrig_run(rig);
    assert_int_equal(device->runs, 6);
    assert_false(vmb_host_run(rig->host, 10));
    /* Its back end is ready. */
    device->in_event = read_all;
    vmb_host_kick(device->channel);
    hrig_run(rig);
    assert_int_equal(vmb_ring_tx_free_bytes(&tx), 3 * VMB_PAGE_BYTES - 8);
    hrig_free(rig);
}

static struct vmb_ring_tx late_tx;

static void guest_sends_behind_the_mask(struct hrig_device *device)
{
    struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND};

    read_all(device);
    if (device->runs == 1) {
        assert_int_equal(vmb_ring_tx_write(&late_tx, &packet, NULL, 0), VMB_OK);
        assert_false(vmb_ring_tx_commit(&late_tx)); /* Masked: no signal will come for it. */
    }
}

static void what_comes_behind_the_mask_is_not_lost(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    guest_ring(rig, &late_tx);
    rig->devices[0].in_event = guest_sends_behind_the_mask;
    hrig_run(rig);
    assert_int_equal(rig->devices[0].runs, 2);
    assert_int_equal(vmb_ring_tx_free_bytes(&late_tx), 3 * VMB_PAGE_BYTES - 8);
    hrig_free(rig);
}

static void close_in_run(struct hrig_device *device)
{
    hrig_close(device->rig, 1);
    /* We are still inside: the device is not told yet. */
    assert_int_equal(vmb_host_channel_state(device->channel), VMB_HOST_CHANNEL_CLOSING);
    assert_int_equal(device->closed, 0);
    assert_non_null(device->endpoint);
    signal_channel(device->rig);
}

static void closed_waits_for_the_handler_and_ends_it(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct hrig_device *device = &rig->devices[0];
    uint32_t wakes;

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    device->in_event = close_in_run;
    assert_false(vmb_host_run(rig->host, 10));
    wakes = rig->work_ready_count;
    assert_true(wakes > 0);
    hrig_poll(rig);
    assert_int_equal(device->closed, 1);
    assert_int_equal(vmb_host_on_signal(rig->host, OWN, 0), VMB_ERR_INVALID_TARGET);
    vmb_host_kick(device->channel);
    hrig_run(rig);
    assert_int_equal(device->runs, 1);
    hrig_free(rig);
}

static void a_budget_is_shared_fairly(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    uint32_t i, round;

    (void)state;
    for (i = 0; i < 4; i++) {
        hrig_offer(rig, i, (uint8_t)(i + 1), 0);
    }
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    for (i = 0; i < 4; i++) {
        hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
        hrig_gpadl(rig, i + 1, RINGS, HRIG_FIRST_GPN + i * HRIG_RING_PAGES, HRIG_RING_PAGES);
        hrig_open(rig, i + 1, RINGS, 0);
    }
    hrig_run(rig);
    for (round = 0; round < 8; round++) { /* All are always ready, one runs at a time. */
        for (i = 0; i < 4; i++) {
            assert_int_equal(vmb_host_on_signal(rig->host, OWN + i, 0), VMB_OK);
        }
        assert_true(vmb_host_run(rig->host, 1));
    }
    for (i = 0; i < 4; i++) {
        assert_int_equal(rig->devices[i].runs, 3);
    }
    assert_true(vmb_host_run(rig->host, 0));
    hrig_free(rig);
}

static void signals_that_belong_to_nobody(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_counters counters;

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_run(rig);
    assert_int_equal(vmb_host_on_signal(rig->host, OWN, 1), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_host_on_signal(rig->host, OWN + 1, 0), VMB_ERR_INVALID_TARGET);
    assert_int_equal(vmb_host_on_signal(rig->host, OWN + 2048, 0), VMB_ERR_INVALID_TARGET);
    assert_int_equal(vmb_host_on_signal(rig->host, 1, 0), VMB_ERR_INVALID_TARGET);
    assert_int_equal(vmb_host_on_signal(rig->host, UINT32_MAX, 0), VMB_ERR_INVALID_TARGET);
    hrig_run(rig);
    assert_int_equal(rig->devices[0].runs, 1);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.signals_unknown, 4);
    hrig_free(rig);
}

static void a_handler_can_ask_for_the_control_plane(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct hrig_device *device = &rig->devices[0];

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    device->in_event = NULL;
    vmb_host_request_control(device->channel);
    vmb_host_request_control(device->channel);
    assert_int_equal(device->controls, 0);
    hrig_poll(rig);
    assert_int_equal(device->controls, 1);
    hrig_free(rig);
}

/* ---- Interrupts ------------------------------------------------------------------------------ */

static void ring_the_guest(struct hrig *rig)
{
    assert_int_equal(vmb_endpoint_send(rig->devices[0].endpoint, "hello", 5, 0, false), VMB_OK);
}

static void an_interrupt_is_a_flag_on_the_target_vp(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_open(rig, VMB_VERSION_2_4, 0);
    struct vmb_host_channel_counters counters;

    (void)state;
    ring_the_guest(rig);
    assert_int_equal(rig->event_count, 1);
    assert_int_equal(rig->events[0].vp, 1);
    assert_int_equal(rig->events[0].sint, VMB_HOST_SINT);
    assert_int_equal(rig->events[0].flag, 1);
    ring_the_guest(rig); /* The guest has not read the first: it is awake. */
    assert_int_equal(rig->event_count, 1);
    vmb_host_channel_read_counters(channel, &counters);
    assert_int_equal(counters.events_raised, 1);
    hrig_free(rig);
}

static void a_guest_may_want_none(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_rings(rig, VMB_VERSION_5_3, 0);

    (void)state;
    hrig_open(rig, 1, RINGS, VMB_VP_NONE);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    assert_int_equal(vmb_host_channel_target_vp(channel), VMB_VP_NONE);
    ring_the_guest(rig);
    assert_int_equal(rig->event_count, 0);
    hrig_modify(rig, 1, 1); /* Nor can it have them later. */
    assert_int_not_equal(
        hrig_expect(rig, VMB_MSG_MODIFY_CHANNEL_RESPONSE)->u.modify_channel_response.status, 0);
    hrig_free(rig);
}

static void below_2_4_interrupts_go_by_the_page_to_vp_0(void **state)
{
    static const uint32_t versions[] = {VMB_VERSION_0_13, VMB_VERSION_1_1};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct hrig *rig = hrig_new(NULL);
        uint8_t *page = hrig_page(rig, LEGACY_PAGE);

        hrig_with_open(rig, versions[i], 0); /* It says VP 1, which means nothing yet. */
        hrig_run(rig);
        ring_the_guest(rig);
        assert_int_equal(page[0], 1u << 1); /* Bit 1 of the first half. */
        assert_int_equal(rig->events[0].vp, 0);
        assert_int_equal(rig->events[0].flag, 0);
        if (versions[i] == VMB_VERSION_0_13) {
            /* The other way: the second half, then the connection that all share. */
            page[2048] = 0xFF;
            page[2048 + 255] = 0x80;
            assert_int_equal(vmb_host_on_signal(rig->host, VMB_CONNECTION_EVENT, 0), VMB_OK);
            hrig_poll(rig);
            assert_int_equal(page[2048], 0);
            assert_int_equal(page[2048 + 255], 0);
        } else {
            signal_channel(rig);
        }
        hrig_run(rig);
        assert_int_equal(rig->devices[0].runs, 2);
        hrig_free(rig);
    }
}

static void monitored_channels_are_looked_at_in_time(void **state)
{
    struct vmb_message message = {.number = VMB_MSG_INITIATE_CONTACT};
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_offer_options options = {.struct_bytes = sizeof(options),
                                             .driver = &hrig_driver,
                                             .device = &rig->devices[0],
                                             .monitored = true};
    const struct vmb_msg_offer *offer;

    (void)state;
    assert_int_equal(vmb_host_offer(rig->host, &options, &rig->devices[0].channel), VMB_OK);
    rig->version = VMB_VERSION_5_2;
    rig->guest_connection = VMB_CONNECTION_MULTICLIENT;
    message.u.initiate_contact.requested_version = VMB_VERSION_5_2;
    message.u.initiate_contact.target_sint = VMB_HOST_SINT;
    message.u.initiate_contact.parent_to_child_gpa = (HRIG_FIRST_GPN + 40ull) * VMB_PAGE_BYTES;
    message.u.initiate_contact.child_to_parent_gpa = (HRIG_FIRST_GPN + 41ull) * VMB_PAGE_BYTES;
    hrig_post(rig, &message);
    hrig_expect(rig, VMB_MSG_VERSION_RESPONSE);
    hrig_header_only(rig, VMB_MSG_REQUEST_OFFERS);
    offer = &hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer;
    assert_true(offer->monitor_allocated);
    assert_int_equal(offer->monitor_id, 0);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    assert_true(vmb_host_next_deadline_ns(rig->host) == VMB_NEVER);
    hrig_gpadl(rig, 1, RINGS, HRIG_FIRST_GPN, HRIG_RING_PAGES);
    hrig_open(rig, 1, RINGS, 0);
    hrig_run(rig);
    hrig_poll(rig);
    assert_true(vmb_host_next_deadline_ns(rig->host) == rig->now_ns + 100000);
    rig->now_ns += 100000;
    hrig_page(rig, 41)[VMB_MONITOR_PENDING(0)] = 0x03; /* Ours, and one that is nobody's. */
    hrig_poll(rig);
    assert_int_equal(hrig_page(rig, 41)[VMB_MONITOR_PENDING(0)], 0);
    hrig_run(rig);
    assert_int_equal(rig->devices[0].runs, 2);
    hrig_close(rig, 1);
    assert_true(vmb_host_next_deadline_ns(rig->host) == VMB_NEVER);
    hrig_free(rig);
}

/* ---- ModifyChannel --------------------------------------------------------------------------- */

static void expect_modified(struct hrig *rig, bool good)
{
    const struct vmb_msg_modify_channel_response *response =
        &hrig_expect(rig, VMB_MSG_MODIFY_CHANNEL_RESPONSE)->u.modify_channel_response;

    assert_int_equal(response->relid, 1);
    assert_int_equal(response->status, good ? 0 : VMB_NTSTATUS_FAILURE);
}

static void a_move_is_answered_from_5_3_on(void **state)
{
    static const uint32_t versions[] = {VMB_VERSION_4_1, VMB_VERSION_5_2, VMB_VERSION_5_3,
                                        VMB_VERSION_6_0};

    (void)state;
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        struct hrig *rig = hrig_new(NULL);
        struct vmb_host_channel *channel = hrig_with_open(rig, versions[i], 0);
        bool answers = versions[i] >= VMB_VERSION_5_3;

        hrig_modify(rig, 1, 7);
        if (answers) {
            expect_modified(rig, true);
        }
        assert_int_equal(vmb_host_channel_target_vp(channel), 7);
        assert_int_equal(rig->devices[0].modified_vp, 7);
        ring_the_guest(rig);
        assert_int_equal(rig->events[0].vp, 7);
        assert_int_equal(rig->events[0].flag, 1);
        hrig_modify(rig, 1, 8); /* No such VP. */
        if (answers) {
            expect_modified(rig, false);
        }
        hrig_modify(rig, 1, VMB_VP_NONE);
        if (answers) {
            expect_modified(rig, false);
        }
        hrig_close(rig, 1);
        hrig_modify(rig, 1, 2); /* Not open. */
        if (answers) {
            expect_modified(rig, false);
        }
        hrig_expect_nothing(rig);
        hrig_free(rig);
    }
}

static uint32_t moves_wanted; /* By the tests below, from within raise_event. */

static void move_in_raise(struct hrig *rig)
{
    rig->in_raise = NULL;
    for (uint32_t vp = 2; moves_wanted > 0; moves_wanted--, vp++) {
        hrig_modify(rig, 1, vp);
    }
    hrig_expect_nothing(rig); /* An interrupt for the old VP is on its way: that is us. */
}

static void the_answer_follows_the_last_interrupt_of_the_old_vp(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_open(rig, VMB_VERSION_5_3, 0);
    struct vmb_host_counters counters;

    (void)state;
    rig->in_raise = move_in_raise;
    moves_wanted = 2; /* The second while the first is under way: dropped, no reply of its own. */
    ring_the_guest(rig);
    hrig_expect_nothing(rig);
    hrig_poll(rig);
    expect_modified(rig, true);
    hrig_expect_nothing(rig);
    assert_int_equal(vmb_host_channel_target_vp(channel), 2);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.modifies_refused, 1);
    hrig_modify(rig, 1, 5); /* And on it goes. */
    expect_modified(rig, true);
    hrig_free(rig);
}

static void below_5_3_the_latest_wish_wins(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_open(rig, VMB_VERSION_5_2, 0);

    (void)state;
    rig->in_raise = move_in_raise;
    moves_wanted = 4;
    ring_the_guest(rig);
    hrig_poll(rig);
    assert_int_equal(vmb_host_channel_target_vp(channel), 5);
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

static void close_in_raise(struct hrig *rig)
{
    move_in_raise(rig);
    hrig_close(rig, 1);
}

static void a_channel_that_closes_gets_no_answer_to_its_move(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_endpoint *endpoint;

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    endpoint = rig->devices[0].endpoint;
    rig->devices[0].close_answer = VMB_ERR_BUSY; /* As a device must that still signals. */
    rig->in_raise = close_in_raise;
    moves_wanted = 1;
    assert_int_equal(vmb_endpoint_send(endpoint, "x", 1, 0, false), VMB_OK);
    assert_int_equal(vmb_host_close_done(rig->devices[0].channel), VMB_OK);
    hrig_poll(rig);
    hrig_expect_nothing(rig);
    /* Opened again it moves as it should. */
    hrig_open(rig, 1, RINGS, 1);
    hrig_expect(rig, VMB_MSG_OPEN_RESULT);
    hrig_modify(rig, 1, 3);
    expect_modified(rig, true);
    hrig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_channel_is_born_with_an_event),
        cmocka_unit_test(each_event_is_followed_by_a_run),
        cmocka_unit_test(an_event_during_a_run_makes_it_run_again),
        cmocka_unit_test(what_a_handler_leaves),
        cmocka_unit_test(what_comes_behind_the_mask_is_not_lost),
        cmocka_unit_test(closed_waits_for_the_handler_and_ends_it),
        cmocka_unit_test(a_budget_is_shared_fairly),
        cmocka_unit_test(signals_that_belong_to_nobody),
        cmocka_unit_test(a_handler_can_ask_for_the_control_plane),
        cmocka_unit_test(an_interrupt_is_a_flag_on_the_target_vp),
        cmocka_unit_test(a_guest_may_want_none),
        cmocka_unit_test(below_2_4_interrupts_go_by_the_page_to_vp_0),
        cmocka_unit_test(monitored_channels_are_looked_at_in_time),
        cmocka_unit_test(a_move_is_answered_from_5_3_on),
        cmocka_unit_test(the_answer_follows_the_last_interrupt_of_the_old_vp),
        cmocka_unit_test(below_5_3_the_latest_wish_wins),
        cmocka_unit_test(a_channel_that_closes_gets_no_answer_to_its_move),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
