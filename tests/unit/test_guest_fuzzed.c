/* SPDX-License-Identifier: MIT */
/* What fuzz/fuzz_guest.c has found, each as a test of its own. */
#include "guest_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <vmbus/power.h>

static struct rig rig;
static vmb_status close_status;
static uint32_t closes_done, closed_calls, events;

static void close_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    (void)context;
    (void)channel;
    assert_int_equal(rig.done_count, 1); /* The open has ended before. */
    close_status = status;
    closes_done++;
}

static void impatient_opened(void *device, struct vmb_endpoint *endpoint)
{
    (void)endpoint;
    assert_int_equal(vmb_channel_close(device, close_done, NULL), VMB_OK);
}

static void impatient_event(void *device)
{
    (void)device;
    events++;
}

static void impatient_closed(void *device, vmb_status reason)
{
    (void)device;
    assert_int_equal(reason, VMB_OK);
    closed_calls++;
}

static const struct vmb_driver impatient = {.name = "impatient",
                                            .opened = impatient_opened,
                                            .on_event = impatient_event,
                                            .closed = impatient_closed};

/* The open's `done` was lost, and that of the close was called while the host had the rings. */
static void closing_within_opened_ends_both_requests(void **state)
{
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};
    struct vmb_channel *channel;

    (void)state;
    rig_start(&rig, NULL);
    rig_connect(&rig, VMB_VERSION_5_3, 1);
    channel = vmb_guest_relid2channel(rig.guest, 1);
    options.driver = &impatient;
    options.device = channel;
    options.done = rig_done;
    options.done_context = &rig;
    assert_int_equal(vmb_channel_open(channel, &options), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    rig_answer_open(&rig, 0);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_status, VMB_OK);
    assert_int_equal(closes_done, 0);
    (void)rig_next(&rig, VMB_MSG_CLOSE_CHANNEL);
    rig_answer_teardown(&rig);
    assert_int_equal(closes_done, 1);
    assert_int_equal(close_status, VMB_OK);
    assert_int_equal(closed_calls, 1);
    assert_int_equal(events, 0); /* No handler starts once close has been called. */
    rig_stop(&rig);
}

/* The rings' GPADL stood twice in the list of GPADLs, and the next timeout went round for ever. */
static void a_close_that_cannot_be_posted_does_not_keep_the_rings_gpadl(void **state)
{
    struct vmb_channel *channel;

    (void)state;
    rig_start(&rig, NULL);
    rig_connect(&rig, VMB_VERSION_5_3, 1);
    channel = rig_open(&rig, 1, VMB_NOTIFY_DEFERRED);
    rig.post_result = VMB_ERR_PLATFORM;
    assert_int_equal(vmb_channel_close(channel, rig_done, &rig), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(rig.done_status, VMB_ERR_STILL_SHARED);
    rig.post_result = VMB_OK;
    assert_int_equal(rig_open_begin(&rig, channel, VMB_NOTIFY_DEFERRED), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_GPADL_HEADER);
    rig_pass(&rig, 30000000000u); /* The host says nothing. */
    assert_int_equal(rig.done_status, VMB_ERR_STILL_SHARED);
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_OFFERED);
    rig_stop(&rig);
}

static void closing_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    (void)context;
    assert_int_equal(status, VMB_ERR_GONE);
    assert_int_equal(vmb_channel_close(channel, NULL, NULL), VMB_ERR_WRONG_STATE);
}

/* The channel stood twice among those that wait for quiet, and its driver was closed twice. */
static void closing_within_the_end_of_a_move_that_a_close_ends(void **state)
{
    struct vmb_channel *channel;

    (void)state;
    rig_start(&rig, NULL);
    rig_connect(&rig, VMB_VERSION_5_3, 1);
    channel = rig_open(&rig, 1, VMB_NOTIFY_DEFERRED);
    assert_int_equal(vmb_channel_set_target_vp(channel, 2, closing_done, NULL), VMB_OK);
    assert_int_equal(vmb_channel_close(channel, rig_done, &rig), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_CLOSE_CHANNEL);
    rig_answer_teardown(&rig);
    assert_int_equal(rig.closed_count, 1);
    assert_int_equal(rig.done_status, VMB_OK);
    rig_stop(&rig);
}

static void answer_unload(void)
{
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
}

static void resume(void)
{
    struct vmb_message answer = {.number = VMB_MSG_VERSION_RESPONSE};

    assert_int_equal(vmb_guest_resume(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    answer.u.version_response.version_supported = true;
    rig_say(&rig, &answer);
    (void)rig_next(&rig, VMB_MSG_REQUEST_OFFERS);
}

/* A channel without a relid was unmapped from the array of relids, far outside of it. */
static void suspending_before_all_devices_are_back(void **state)
{
    (void)state;
    rig_start(&rig, NULL);
    rig_connect(&rig, VMB_VERSION_5_3, 3);
    assert_int_equal(vmb_guest_suspend(rig.guest), VMB_OK);
    answer_unload();
    resume();
    rig_offer(&rig, 2); /* The host is slow: the others are not back yet. */
    assert_int_equal(vmb_guest_suspend(rig.guest), VMB_OK);
    answer_unload();
    assert_int_equal(rig.suspended_count, 2);
    resume();
    rig_offer(&rig, 1);
    rig_offer(&rig, 3);
    assert_int_equal(rig.resumed_count, 3);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_ALL_OFFERS_DELIVERED});
    assert_int_equal(rig.rescinded_count, 1);
    /* And one that did not come back, and that nobody has let go of yet. */
    assert_int_equal(vmb_guest_suspend(rig.guest), VMB_OK);
    answer_unload();
    assert_int_equal(vmb_channel_let_go(rig.rescinded), VMB_OK);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_within_opened_ends_both_requests),
        cmocka_unit_test(closing_within_the_end_of_a_move_that_a_close_ends),
        cmocka_unit_test(suspending_before_all_devices_are_back),
        cmocka_unit_test(a_close_that_cannot_be_posted_does_not_keep_the_rings_gpadl),
    };

    return cmocka_run_group_tests_name("guest fuzzed", tests, NULL, NULL);
}
