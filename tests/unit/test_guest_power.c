/* SPDX-License-Identifier: MIT */
/* VPs that come and go, sleep and awakening, a crash; and who gets which VP, and who hangs. */
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

static void restart_at(uint32_t version)
{
    rig_stop(&rig);
    rig_start_at(&rig, version);
}

static int set_up(void **state)
{
    (void)state;
    rig_start_at(&rig, VMB_VERSION_5_3);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

/* ---- VPs ------------------------------------------------------------------------------------- */

static void channels_move_away_before_a_vp_stops(void **state)
{
    struct vmb_channel *channel = rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);

    (void)state;
    (void)rig_open_on(&rig, 2, 2, VMB_NOTIFY_DIRECT);
    (void)rig_open_on(&rig, 3, 1, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, rig_stopped, &rig), VMB_OK);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 3, rig_stopped, &rig), VMB_ERR_BUSY);
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, 2), VMB_ERR_WRONG_STATE);
    rig_answer_modify(&rig, 0);
    assert_int_equal(rig.stop_count, 0);
    rig_answer_modify(&rig, 0);
    assert_int_equal(rig.stop_count, 1);
    assert_int_equal(rig.stop_status, VMB_OK);
    assert_int_not_equal(vmb_channel_target_vp(channel), 2);
    rig_no_more(&rig);
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, 2), VMB_OK);
    assert_int_equal(vmb_channel_set_target_vp(channel, 2, NULL, NULL), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_guest_vp_start(rig.guest, 2, rig.message_pages + 2 * VMB_PAGE_BYTES,
                                        rig.event_pages + 2 * VMB_PAGE_BYTES),
                     VMB_OK);
    assert_int_equal(vmb_channel_set_target_vp(channel, 2, NULL, NULL), VMB_OK);
}

static void flags_left_on_a_stopped_vp_are_not_lost(void **state)
{
    uint8_t *flags = vmb_hv_event_flags(rig.event_pages + 2 * VMB_PAGE_BYTES, 2);

    (void)state;
    (void)rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);
    (void)rig_open_on(&rig, 2, 2, VMB_NOTIFY_DEFERRED);
    rig.event_count = 0;
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, rig_stopped, &rig), VMB_OK);
    rig_answer_modify(&rig, 0);
    rig_answer_modify(&rig, 0);
    assert_int_equal(rig.stop_count, 1);
    flags[0] = 1u << 1 | 1u << 2; /* Set before the host had moved; its interrupt never came. */
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, 2), VMB_OK);
    assert_int_equal(rig.event_count, 1);
    assert_false(vmb_guest_run(rig.guest, 0, 10)); /* Handed on to the connect VP. */
    assert_int_equal(rig.event_count, 2);
}

static void a_refused_move_keeps_the_vp_in_service(void **state)
{
    struct vmb_channel *channel = rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);

    (void)state;
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, rig_stopped, &rig), VMB_OK);
    rig_answer_modify(&rig, VMB_NTSTATUS_FAILURE);
    assert_int_equal(rig.stop_count, 1);
    assert_int_equal(rig.stop_status, VMB_ERR_REFUSED);
    assert_int_equal(vmb_channel_target_vp(channel), 2);
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, 2), VMB_ERR_WRONG_STATE);
}

static void a_move_that_is_never_answered_keeps_the_vp_in_service(void **state)
{
    (void)state;
    (void)rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, rig_stopped, &rig), VMB_OK);
    rig_pass(&rig, 11000000000u);
    assert_int_equal(rig.stop_count, 1);
    assert_int_equal(rig.stop_status, VMB_ERR_TIMEOUT);
}

static void before_5_3_a_later_answer_shows_that_the_moves_are_done(void **state)
{
    (void)state;
    restart_at(VMB_VERSION_5_2);
    (void)rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, rig_stopped, &rig), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    assert_int_equal(rig.stop_count, 0);
    (void)rig_answer_gpadl(&rig, 0);
    rig_answer_teardown(&rig);
    assert_int_equal(rig.stop_count, 1);
    assert_int_equal(rig.stop_status, VMB_OK);
    rig_no_more(&rig);
}

/* The host may not have read of a move that somebody asked for long before the stop. */
static void before_5_3_a_move_of_before_the_stop_is_fenced_too(void **state)
{
    struct vmb_channel *channel;

    (void)state;
    restart_at(VMB_VERSION_4_1);
    rig.let_go_at_once = true;
    channel = rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_channel_set_target_vp(channel, 0, NULL, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, rig_stopped, &rig), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    rig_answer_teardown(&rig);
    assert_int_equal(rig.stop_count, 1);
    assert_int_equal(rig.stop_status, VMB_OK);
    /* The answer was for all moves: the next stop needs none. */
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 1, rig_stopped, &rig), VMB_OK);
    rig_no_more(&rig);
    assert_int_equal(rig.stop_count, 2);
}

static void a_refused_fence_is_an_answer_too(void **state)
{
    (void)state;
    restart_at(VMB_VERSION_4_1);
    (void)rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, rig_stopped, &rig), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    (void)rig_answer_gpadl(&rig, 1);
    assert_int_equal(rig.stop_count, 1);
    assert_int_equal(rig.stop_status, VMB_OK);
}

static void a_rescind_during_the_fence_is_let_go_when_the_fence_is_down(void **state)
{
    uint32_t handle;

    (void)state;
    restart_at(VMB_VERSION_4_1);
    rig.let_go_at_once = true;
    (void)rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, rig_stopped, &rig), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    handle = rig_next(&rig, VMB_MSG_GPADL_HEADER)->u.gpadl_header.gpadl;
    rig_rescind(&rig, 1);
    rig_answer_teardown(&rig); /* The rings. */
    rig_no_more(&rig);         /* Not released yet. */
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_GPADL_CREATED,
                                        .u.gpadl_created = {.relid = 1, .gpadl = handle}});
    rig_answer_teardown(&rig);
    assert_int_equal(rig_next(&rig, VMB_MSG_RELID_RELEASED)->u.relid_released.relid, 1);
    assert_int_equal(rig.stop_count, 1);
}

static void below_4_1_a_vp_with_channels_stays(void **state)
{
    (void)state;
    restart_at(VMB_VERSION_4_0);
    (void)rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, rig_stopped, &rig), VMB_ERR_VERSION);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 3, rig_stopped, &rig), VMB_OK); /* An idle one. */
    rig_poll(&rig);
    assert_int_equal(rig.stop_status, VMB_OK);
}

static void the_vp_of_messages_stays_while_connected(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 0, rig_stopped, &rig), VMB_ERR_WRONG_STATE);
}

static void a_stop_survives_close_rescind_and_opens_in_between(void **state)
{
    struct vmb_channel *closing = rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};

    (void)state;
    (void)rig_open_on(&rig, 2, 2, VMB_NOTIFY_DIRECT);
    options.driver = rig_driver(VMB_NOTIFY_DIRECT);
    options.device = &rig;
    options.target_vp = 2;
    assert_int_equal(vmb_channel_open(rig.offered[2], &options), VMB_OK); /* In the middle. */
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, rig_stopped, &rig), VMB_OK);
    assert_int_equal(vmb_channel_open(rig.offered[3], &options), VMB_ERR_INVALID_ARGUMENT);
    (void)rig_answer_gpadl(&rig, 0);
    assert_int_equal(vmb_channel_close(closing, NULL, NULL), VMB_OK);
    rig_rescind(&rig, 2);
    rig_pass(&rig, 1000000);
    assert_int_equal(rig.stop_count, 1);
    assert_int_equal(rig.stop_status, VMB_OK);
    while (rig.posted_read < rig.posted_count) {
        const struct vmb_message *message = &rig.posted[rig.posted_read++].message;

        if (message->number == VMB_MSG_OPEN_CHANNEL) {
            assert_int_not_equal(message->u.open_channel.target_vp, 2); /* It was moved in time. */
        }
    }
}

/* ---- Sleep -----------------------------------------------------------------------------------
 */

static void suspend_now(void)
{
    assert_int_equal(vmb_guest_suspend(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(rig.suspended_count, 1);
    assert_int_equal(rig.suspended_status, VMB_OK);
    rig.suspended_count = 0;
}

static void resume_begin(uint32_t version)
{
    struct vmb_message answer = {.number = VMB_MSG_VERSION_RESPONSE};

    assert_int_equal(vmb_guest_resume(rig.guest), VMB_OK);
    assert_int_equal(rig_next(&rig, VMB_MSG_INITIATE_CONTACT)->u.initiate_contact.requested_version,
                     version);
    answer.u.version_response.version_supported = true;
    rig_say(&rig, &answer);
    (void)rig_next(&rig, VMB_MSG_REQUEST_OFFERS);
}

/* The device that was offered as `old`, under another number and with another connection. */
static void offer_again(uint32_t old, uint32_t relid)
{
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};

    offer.u.offer.relid = relid;
    offer.u.offer.instance_guid.bytes[0] = (uint8_t)old;
    offer.u.offer.connection_id = 0x9000 + relid;
    offer.u.offer.is_dedicated = true;
    rig_say(&rig, &offer);
}

static void after_a_sleep_devices_have_new_relids(void **state)
{
    struct vmb_channel *second = rig_open_on(&rig, 2, 1, VMB_NOTIFY_DIRECT);

    (void)state;
    suspend_now();
    assert_int_equal(rig.closed_count, 1);
    assert_int_equal(rig.shares_live, 0);
    assert_int_equal(vmb_channel_state(second), VMB_CHANNEL_SUSPENDED);
    assert_int_equal(vmb_channel_relid(second), VMB_RELID_NONE);
    assert_null(vmb_guest_relid2channel(rig.guest, 2));
    resume_begin(VMB_VERSION_5_3);
    offer_again(2, 40);
    offer_again(1, 2);  /* The number that the second had. */
    offer_again(77, 5); /* New. */
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_ALL_OFFERS_DELIVERED});
    assert_int_equal(rig.resumed_count, 2);
    assert_ptr_equal(rig.resumed[0], second);
    assert_ptr_equal(vmb_guest_relid2channel(rig.guest, 40), second);
    assert_ptr_equal(vmb_guest_relid2channel(rig.guest, 2), rig.offered[0]);
    assert_int_equal(vmb_channel_offer(second)->connection_id, 0x9000 + 40);
    assert_int_equal(rig.offered_count, 5);
    /* Those that did not come back are gone, and nothing is said of them. */
    assert_int_equal(rig.rescinded_count, 2);
    assert_int_equal(vmb_channel_let_go(rig.rescinded), VMB_OK);
    rig_no_more(&rig);
    (void)rig_open_on(&rig, 40, 1, VMB_NOTIFY_DIRECT);
    (void)rig_event(&rig, 3, 40);
    assert_int_equal(rig.event_count, 1);
}

static void sub_channels_and_sockets_do_not_survive_a_sleep(void **state)
{
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};

    (void)state;
    offer.u.offer = *vmb_channel_offer(rig.offered[0]);
    offer.u.offer.relid = 50;
    offer.u.offer.subchannel_index = 1;
    rig_say(&rig, &offer);
    offer.u.offer.relid = 51;
    offer.u.offer.subchannel_index = 0;
    offer.u.offer.flags = VMB_OFFER_HVSOCK;
    offer.u.offer.instance_guid.bytes[3] = 9;
    rig_say(&rig, &offer);
    assert_int_equal(rig.offered_count, 6);
    rig.let_go_at_once = true;
    suspend_now();
    assert_int_equal(rig.rescinded_count, 2);
}

static void a_resume_insists_on_the_version_and_can_be_retried(void **state)
{
    (void)state;
    suspend_now();
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_resume(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_VERSION_RESPONSE}); /* Not supported. */
    assert_int_equal(rig.connected_status, VMB_ERR_VERSION);
    rig_no_more(&rig); /* No lower one is asked for. */
    resume_begin(VMB_VERSION_5_3);
    offer_again(1, 1);
    assert_int_equal(rig.resumed_count, 1);
}

static void a_sleeping_bus_can_be_given_up(void **state)
{
    (void)state;
    rig.let_go_at_once = true;
    suspend_now();
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    assert_int_equal(rig.rescinded_count, 4);
    assert_int_equal(rig.unloaded_count, 1);
    rig.offered_count = 0;
    rig_connect(&rig, VMB_VERSION_5_3, 3);
    assert_int_equal(rig.offered_count, 3);
}

/* No pointer to a channel is valid after that, so none of them need be let go of. */
static void a_sleeping_bus_is_given_up_with_all_that_is_held(void **state)
{
    uint32_t limit = rig.offered_count;
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};

    (void)state;
    offer.u.offer = *vmb_channel_offer(rig.offered[0]);
    offer.u.offer.relid = 50;
    offer.u.offer.subchannel_index = 1;
    rig_say(&rig, &offer);
    assert_int_equal(rig.offered_count, limit + 1);
    suspend_now();
    assert_int_equal(rig.rescinded_count, 1); /* Sub-channels do not survive. Nobody lets go. */
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    assert_int_equal(rig.unloaded_count, 1);
    for (uint32_t i = 0; i < 16; i++) {
        rig.offered_count = 0;
        rig_connect(&rig, VMB_VERSION_5_3, 3);
        assert_int_equal(rig.offered_count, 3);
        suspend_now();
        assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    }
}

/* It is not connected, so there is nothing to suspend: what sleeps goes on sleeping. */
static void a_bus_that_sleeps_is_not_put_to_sleep(void **state)
{
    (void)state;
    suspend_now();
    assert_int_equal(vmb_guest_suspend(rig.guest), VMB_ERR_WRONG_STATE);
    assert_int_equal(rig.rescinded_count, 0);
    assert_int_equal(rig.unloaded_count, 0);
    resume_begin(VMB_VERSION_5_3);
    offer_again(1, 8);
    assert_int_equal(rig.resumed_count, 1);
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(rig.unloaded_count, 1);
}

/* Nothing will be offered: what sleeps is told as gone, and only then that this was all. */
static void a_resume_that_cannot_ask_for_offers_ends_all_the_same(void **state)
{
    struct vmb_message answer = {.number = VMB_MSG_VERSION_RESPONSE};

    (void)state;
    suspend_now();
    rig.delivered_count = 0;
    assert_int_equal(vmb_guest_resume(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    answer.u.version_response.version_supported = true;
    rig.post_result = VMB_ERR_PLATFORM;
    rig_say(&rig, &answer);
    assert_int_equal(rig.delivered_count, 1);
    assert_int_equal(rig.rescinded_count, 4);
}

/* Unload gives the devices up, those too that have not come back yet. */
static void a_bus_that_is_waking_up_can_be_left(void **state)
{
    (void)state;
    suspend_now();
    resume_begin(VMB_VERSION_5_3);
    offer_again(1, 8);
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(rig.unloaded_count, 1);
    assert_int_equal(vmb_guest_resume(rig.guest), VMB_ERR_WRONG_STATE);
    rig.offered_count = 0;
    rig_connect(&rig, VMB_VERSION_5_3, 3);
    assert_int_equal(rig.offered_count, 3);
}

/* It has no relid: nothing can be said of it. */
static void a_device_that_sleeps_is_asked_for_nothing(void **state)
{
    const struct vmb_gpadl_range range = {.byte_count = VMB_PAGE_BYTES, .first_gpn = 7};
    struct vmb_gpadl gpadl;

    (void)state;
    suspend_now();
    resume_begin(VMB_VERSION_5_3);
    assert_int_equal(vmb_channel_gpadl_create(rig.offered[0], &gpadl, &range, 1, NULL, NULL),
                     VMB_ERR_WRONG_STATE);
    assert_int_equal(rig_open_begin(&rig, rig.offered[0], VMB_NOTIFY_DIRECT), VMB_ERR_WRONG_STATE);
    rig_no_more(&rig);
}

static void sleep_in_the_middle_of_everything(void **state)
{
    (void)state;
    rig.let_go_at_once = true;
    (void)rig_open_on(&rig, 1, 2, VMB_NOTIFY_DEFERRED);
    assert_int_equal(rig_open_begin(&rig, rig.offered[1], VMB_NOTIFY_DIRECT), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(vmb_channel_set_target_vp(rig.offered[0], 1, rig_done, &rig), VMB_OK);
    rig_rescind(&rig, 3);
    rig.posted_read = rig.posted_count;
    assert_int_equal(vmb_guest_suspend(rig.guest), VMB_OK);
    rig_poll(&rig);
    rig.posted_read = rig.posted_count;
    assert_int_equal(rig.done_count, 2); /* The open and the retarget. */
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(rig.shares_live, 0);
    resume_begin(VMB_VERSION_5_3);
    offer_again(2, 9);
    offer_again(1, 8);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_ALL_OFFERS_DELIVERED});
    assert_int_equal(rig.resumed_count, 2);
    (void)rig_open_on(&rig, 8, 2, VMB_NOTIFY_DEFERRED);
}

/* ---- Crash -----------------------------------------------------------------------------------
 */

static void put(uint32_t vp, uint32_t number)
{
    uint8_t *slot = vmb_hv_slot(rig.message_pages + (size_t)vp * VMB_PAGE_BYTES, 2);

    memset(slot + 16, 0, 240);
    slot[16] = (uint8_t)number;
    slot[4] = 200;
    slot[5] = 1; /* More behind it. */
    slot[0] = 1;
}

static void a_crashed_kernel_leaves_the_bus(void **state)
{
    (void)state;
    (void)rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);
    assert_int_equal(rig_open_begin(&rig, rig.offered[1], VMB_NOTIFY_DIRECT), VMB_OK);
    rig_poll(&rig); /* And here it crashes. */
    rig.posted_count = rig.posted_read = 0;
    put(0, VMB_MSG_GPADL_CREATED); /* Left behind. */
    rig.end_of_messages = 0;
    rig.post_result = VMB_ERR_RETRY;
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_RETRY);
    assert_int_equal(rig.end_of_messages, 1);
    rig.post_result = VMB_OK;
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_RETRY);
    assert_int_equal(rig.posted_count, 1);
    assert_int_equal(rig.posted[0].message.number, VMB_MSG_UNLOAD);
    put(0, VMB_MSG_OFFER_CHANNEL);
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_RETRY);
    assert_int_equal(rig.posted_count, 1); /* Said once. */
    put(0, VMB_MSG_UNLOAD_COMPLETE);
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_OK);
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_OK);
}

static void a_crash_does_not_wait_for_ever(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_RETRY);
    rig.now_ns += 99000000000u;
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_RETRY);
    rig.now_ns += 2000000000u;
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_TIMEOUT);
}

static void hosts_below_3_0_are_left_alone_by_a_crash(void **state)
{
    (void)state;
    restart_at(VMB_VERSION_2_4);
    rig.posted_count = rig.posted_read = 0;
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_VERSION);
    assert_int_equal(rig.posted_count, 0);
}

/* ---- Who gets which VP -----------------------------------------------------------------------
 */

static uint32_t node_of(void *context, uint32_t vp)
{
    (void)context;
    return vp / 2; /* Two VPs a node. */
}

static void channels_spread_over_vps_and_nodes(void **state)
{
    struct vmb_channel *next = rig.offered[3];

    (void)state;
    assert_int_equal(vmb_guest_choose_vp(rig.guest, next, NULL, NULL, 0), 0);
    (void)rig_open_on(&rig, 1, 0, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_guest_choose_vp(rig.guest, next, NULL, NULL, 0), 1);
    assert_int_equal(vmb_guest_choose_vp(rig.guest, next, node_of, NULL, 1), 2);
    (void)rig_open_on(&rig, 2, 2, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_guest_choose_vp(rig.guest, next, node_of, NULL, 1), 3);
}

static void sub_channels_of_a_device_get_different_vps(void **state)
{
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};

    (void)state;
    (void)rig_open_on(&rig, 1, 1, VMB_NOTIFY_DIRECT);
    (void)rig_open_on(&rig, 2, 0, VMB_NOTIFY_DIRECT);
    (void)rig_open_on(&rig, 3, 2, VMB_NOTIFY_DIRECT);
    (void)rig_open_on(&rig, 4, 3, VMB_NOTIFY_DIRECT);
    offer.u.offer = *vmb_channel_offer(rig.offered[0]);
    offer.u.offer.relid = 60;
    offer.u.offer.subchannel_index = 1;
    rig_say(&rig, &offer);
    assert_int_equal(vmb_guest_choose_vp(rig.guest, rig.offered[4], NULL, NULL, 0), 0);
}

static void busy_vps_give_to_idle_ones(void **state)
{
    uint32_t turn;

    (void)state;
    (void)rig_open_on(&rig, 1, 1, VMB_NOTIFY_DIRECT);
    (void)rig_open_on(&rig, 2, 1, VMB_NOTIFY_DIRECT);
    (void)rig_open_on(&rig, 3, 1, VMB_NOTIFY_DIRECT);
    (void)vmb_guest_rebalance(rig.guest, NULL, NULL, 0); /* Forget what opening cost. */
    for (turn = 0; turn < 100; turn++) {
        (void)rig_event(&rig, 1, 1);
        (void)rig_event(&rig, 1, turn % 2 == 0 ? 2 : 3);
    }
    assert_int_equal(vmb_guest_rebalance(rig.guest, NULL, NULL, 10), 2);
    rig_answer_modify(&rig, 0);
    rig_answer_modify(&rig, 0);
    assert_int_equal(vmb_channel_target_vp(rig.offered[0]), 0); /* The busiest, to an idle one. */
    /* Nothing happened since: nothing moves. */
    assert_int_equal(vmb_guest_rebalance(rig.guest, NULL, NULL, 10), 0);
}

/* ---- Who hangs -------------------------------------------------------------------------------
 */

static struct vmb_stuck_report last_report;

static void stuck_told(void *context, const struct vmb_stuck_report *report)
{
    (void)context;
    last_report = *report;
}

static void read_all(struct rig *self)
{
    uint64_t buffer[8];
    struct vmb_packet packet;

    while (vmb_endpoint_receive(self->endpoint, buffer, sizeof(buffer), &packet) == VMB_OK) {
    }
    vmb_endpoint_release(self->endpoint);
}

/* A packet of the host in the channel's inbound ring, and no signal for it. */
static void packet_without_signal(void)
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
    assert_true(vmb_ring_tx_commit(&tx)); /* A signal is due, and is lost. */
}

static void a_channel_that_hangs_is_found_and_mended(void **state)
{
    (void)state;
    rig.in_event = read_all;
    (void)rig_open_on(&rig, 2, 1, VMB_NOTIFY_DEFERRED);
    assert_int_equal(vmb_guest_check_stuck(rig.guest, false, stuck_told, NULL), 0);
    packet_without_signal();
    assert_int_equal(vmb_guest_check_stuck(rig.guest, false, stuck_told, NULL), 0); /* Just come. */
    assert_int_equal(vmb_guest_check_stuck(rig.guest, true, stuck_told, NULL), 1);
    assert_int_equal(last_report.relid, 2);
    assert_int_equal(last_report.inbound.used_bytes, 32);
    assert_false(last_report.flag_set);
    assert_false(last_report.due);
    assert_false(vmb_guest_run(rig.guest, 0, 10));
    assert_int_equal(rig.event_count, 1);
    assert_int_equal(vmb_guest_check_stuck(rig.guest, true, stuck_told, NULL), 0);
    assert_int_equal(vmb_guest_check_stuck(rig.guest, true, stuck_told, NULL), 0);
}

static void a_port_that_forgets_to_run_is_told_apart(void **state)
{
    (void)state;
    rig.in_event = read_all;
    (void)rig_open_on(&rig, 2, 1, VMB_NOTIFY_DEFERRED);
    packet_without_signal();
    (void)rig_event(&rig, 1, 2);
    (void)vmb_guest_check_stuck(rig.guest, false, stuck_told, NULL);
    assert_int_equal(vmb_guest_check_stuck(rig.guest, false, stuck_told, NULL), 1);
    assert_true(last_report.due);
}

/* ---- Sockets ---------------------------------------------------------------------------------
 */

static uint32_t tl_count;
static vmb_status tl_status;
static struct vmb_channel *tl_channel;

static void tl_told(void *context, struct vmb_tl_connect *connect, struct vmb_channel *channel,
                    vmb_status status)
{
    (void)context;
    (void)connect;
    tl_count++;
    tl_status = status;
    tl_channel = channel;
}

static void a_socket_is_answered_by_its_own_offer(void **state)
{
    struct vmb_tl_connect connect = {.endpoint.bytes = {1, 2, 3}, .service.bytes = {4, 5, 6}};
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};
    const struct vmb_message *request;

    (void)state;
    tl_count = 0;
    assert_int_equal(vmb_guest_tl_connect(rig.guest, &connect, tl_told, NULL), VMB_OK);
    request = rig_next(&rig, VMB_MSG_TL_CONNECT_REQUEST);
    assert_int_equal(request->u.tl_connect_request.endpoint_guid.bytes[2], 3);
    offer.u.offer.relid = 70;
    offer.u.offer.flags = VMB_OFFER_HVSOCK;
    offer.u.offer.instance_guid = connect.endpoint;
    offer.u.offer.interface_guid = connect.service;
    offer.u.offer.instance_guid.bytes[0] = 9; /* Somebody else's. */
    rig_say(&rig, &offer);
    assert_int_equal(tl_count, 0);
    assert_int_equal(rig.offered_count, 5);
    offer.u.offer.relid = 71;
    offer.u.offer.instance_guid = connect.endpoint;
    rig_say(&rig, &offer);
    assert_int_equal(tl_count, 1);
    assert_int_equal(tl_status, VMB_OK);
    assert_int_equal(vmb_channel_relid(tl_channel), 71);
    assert_int_equal(rig.offered_count, 5); /* Not told twice. */
}

static void a_socket_may_be_refused_or_forgotten(void **state)
{
    struct vmb_tl_connect connect = {.endpoint.bytes = {1}, .service.bytes = {4}};
    struct vmb_message result = {.number = VMB_MSG_TL_CONNECT_RESULT};

    (void)state;
    tl_count = 0;
    assert_int_equal(vmb_guest_tl_connect(rig.guest, &connect, tl_told, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_TL_CONNECT_REQUEST);
    result.u.tl_connect_result.endpoint_guid = connect.endpoint;
    result.u.tl_connect_result.service_guid = connect.service;
    result.u.tl_connect_result.status = VMB_NTSTATUS_CONNECTION_REFUSED;
    rig_say(&rig, &result);
    assert_int_equal(tl_status, VMB_ERR_REFUSED);
    assert_int_equal(connect.host_status, VMB_NTSTATUS_CONNECTION_REFUSED);
    assert_int_equal(vmb_guest_tl_connect(rig.guest, &connect, tl_told, NULL), VMB_OK);
    rig_pass(&rig, 11000000000u);
    assert_int_equal(tl_count, 2);
    assert_int_equal(tl_status, VMB_ERR_TIMEOUT);
    assert_int_equal(vmb_guest_tl_connect(rig.guest, &connect, tl_told, NULL), VMB_OK);
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(tl_count, 3);
    assert_int_equal(tl_status, VMB_ERR_GONE);
    restart_at(VMB_VERSION_3_0);
    assert_int_equal(vmb_guest_tl_connect(rig.guest, &connect, tl_told, NULL), VMB_ERR_VERSION);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(channels_move_away_before_a_vp_stops),
        TEST(flags_left_on_a_stopped_vp_are_not_lost),
        TEST(a_refused_move_keeps_the_vp_in_service),
        TEST(a_move_that_is_never_answered_keeps_the_vp_in_service),
        TEST(before_5_3_a_later_answer_shows_that_the_moves_are_done),
        TEST(before_5_3_a_move_of_before_the_stop_is_fenced_too),
        TEST(a_refused_fence_is_an_answer_too),
        TEST(a_rescind_during_the_fence_is_let_go_when_the_fence_is_down),
        TEST(below_4_1_a_vp_with_channels_stays),
        TEST(the_vp_of_messages_stays_while_connected),
        TEST(a_stop_survives_close_rescind_and_opens_in_between),
        TEST(after_a_sleep_devices_have_new_relids),
        TEST(sub_channels_and_sockets_do_not_survive_a_sleep),
        TEST(a_resume_insists_on_the_version_and_can_be_retried),
        TEST(a_sleeping_bus_can_be_given_up),
        TEST(a_sleeping_bus_is_given_up_with_all_that_is_held),
        TEST(a_bus_that_sleeps_is_not_put_to_sleep),
        TEST(a_resume_that_cannot_ask_for_offers_ends_all_the_same),
        TEST(a_bus_that_is_waking_up_can_be_left),
        TEST(a_device_that_sleeps_is_asked_for_nothing),
        TEST(sleep_in_the_middle_of_everything),
        TEST(a_crashed_kernel_leaves_the_bus),
        TEST(a_crash_does_not_wait_for_ever),
        TEST(hosts_below_3_0_are_left_alone_by_a_crash),
        TEST(channels_spread_over_vps_and_nodes),
        TEST(sub_channels_of_a_device_get_different_vps),
        TEST(busy_vps_give_to_idle_ones),
        TEST(a_channel_that_hangs_is_found_and_mended),
        TEST(a_port_that_forgets_to_run_is_told_apart),
        TEST(a_socket_is_answered_by_its_own_offer),
        TEST(a_socket_may_be_refused_or_forgotten),
    };

    return cmocka_run_group_tests_name("guest power", tests, NULL, NULL);
}
