/* SPDX-License-Identifier: MIT */
/* A port that cannot post any more: whatever was asked for ends, once, and says so. */
#include "guest_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/monitor.h>
#include <vmbus/power.h>
#include <vmbus/tl_connect.h>

static struct rig rig;
static uint32_t told_count;
static vmb_status told_status;

static void start_at(uint32_t version)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options)};

    options.features = VMB_FEATURE_MODIFY_CONNECTION | VMB_FEATURE_PAUSE_RESUME;
    rig_start(&rig, &options);
    rig_connect(&rig, version, 4);
    told_count = 0;
}

static int set_up(void **state)
{
    (void)state;
    start_at(VMB_VERSION_6_0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static void told(void *context, vmb_status status)
{
    (void)context;
    told_count++;
    told_status = status;
}

static void gpadl_told(void *context, struct vmb_gpadl *gpadl, vmb_status status)
{
    (void)gpadl;
    told(context, status);
}

static void socket_told(void *context, struct vmb_tl_connect *connect, struct vmb_channel *channel,
                        vmb_status status)
{
    (void)connect;
    assert_null(channel);
    told(context, status);
}

static void vp_told(void *context, uint32_t vp, vmb_status status)
{
    (void)vp;
    told(context, status);
}

static void fail_posts(vmb_status status)
{
    rig.post_result = status;
    rig_poll(&rig);
}

static void the_offers_end_at_once(void **state)
{
    struct vmb_message answer = {.number = VMB_MSG_VERSION_RESPONSE};

    (void)state;
    rig_stop(&rig);
    rig_start(&rig, NULL);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    answer.u.version_response.version_supported = true;
    answer.u.version_response.selected_version = VMB_VERSION_6_0;
    rig.post_result = VMB_ERR_PLATFORM;
    rig_say(&rig, &answer);
    assert_int_equal(rig.connected_status, VMB_OK);
    assert_int_equal(rig.delivered_count, 1);
}

static void offers_that_ended_already_do_not_end_twice(void **state)
{
    struct vmb_message answer = {.number = VMB_MSG_VERSION_RESPONSE};

    (void)state;
    rig_stop(&rig);
    rig_start(&rig, NULL);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    answer.u.version_response.version_supported = true;
    answer.u.version_response.selected_version = VMB_VERSION_6_0;
    rig.post_result = VMB_ERR_RETRY;
    rig_say(&rig, &answer);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_ALL_OFFERS_DELIVERED});
    assert_int_equal(rig.delivered_count, 1);
    rig.post_result = VMB_ERR_PLATFORM;
    rig_pass(&rig, 1000000000u);
    assert_int_equal(rig.delivered_count, 1);
}

static void an_open_ends_before_the_host_knows_the_rings(void **state)
{
    (void)state;
    assert_int_equal(rig_open_begin(&rig, rig.offered[0], VMB_NOTIFY_DIRECT), VMB_OK);
    fail_posts(VMB_ERR_PLATFORM);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_status, VMB_ERR_PLATFORM);
    assert_int_equal(vmb_channel_state(rig.offered[0]), VMB_CHANNEL_OFFERED);
    assert_int_equal(rig.shares_live, 1); /* The contact's. */
}

static void rings_that_the_host_knows_are_lost(void **state)
{
    struct vmb_guest_counters counters;

    (void)state;
    assert_int_equal(rig_open_begin(&rig, rig.offered[0], VMB_NOTIFY_DIRECT), VMB_OK);
    rig_poll(&rig);
    rig.post_result = VMB_ERR_RETRY; /* OpenChannel waits. */
    (void)rig_answer_gpadl(&rig, 0);
    rig.post_result = VMB_ERR_PLATFORM;
    rig_pass(&rig, 1000000u);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_status, VMB_ERR_STILL_SHARED);
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.pages_leaked, 10);
}

static void a_result_for_an_open_that_was_not_asked_is_nobodys(void **state)
{
    struct vmb_message result = {.number = VMB_MSG_OPEN_RESULT};
    struct vmb_guest_counters counters;

    (void)state;
    assert_int_equal(rig_open_begin(&rig, rig.offered[0], VMB_NOTIFY_DIRECT), VMB_OK);
    rig_poll(&rig);
    rig.post_result = VMB_ERR_RETRY;
    (void)rig_answer_gpadl(&rig, 0);
    result.u.open_result.relid = 1;
    rig_say(&rig, &result);
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.messages_unexpected, 1);
    assert_int_equal(rig.done_count, 0);
}

static void a_close_loses_the_rings(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_DIRECT);

    (void)state;
    assert_int_equal(vmb_channel_close(channel, rig_done, &rig), VMB_OK);
    fail_posts(VMB_ERR_PLATFORM);
    assert_int_equal(rig.closed_count, 1);
    assert_int_equal(rig.done_status, VMB_ERR_STILL_SHARED);
}

/* The device left while CloseChannel waited to be posted, which then failed for good. */
static void a_rescind_is_told_even_if_the_close_was_lost(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_DIRECT);

    (void)state;
    rig.post_result = VMB_ERR_RETRY;
    assert_int_equal(vmb_channel_close(channel, rig_done, &rig), VMB_OK);
    rig_poll(&rig);
    rig_rescind(&rig, 1);
    assert_int_equal(rig.rescinded_count, 0);
    rig.post_result = VMB_ERR_PLATFORM;
    rig_pass(&rig, 1000000u);
    assert_int_equal(rig.done_status, VMB_ERR_STILL_SHARED);
    assert_int_equal(rig.rescinded_count, 1);
    rig.post_result = VMB_OK;
    assert_int_equal(vmb_channel_let_go(channel), VMB_OK);
    assert_int_equal(rig_next(&rig, VMB_MSG_RELID_RELEASED)->u.relid_released.relid, 1);
}

static void a_retarget_changes_nothing(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_DIRECT);

    (void)state;
    assert_int_equal(vmb_channel_set_target_vp(channel, 2, rig_done, &rig), VMB_OK);
    fail_posts(VMB_ERR_PLATFORM);
    assert_int_equal(rig.done_status, VMB_ERR_PLATFORM);
    assert_int_equal(vmb_channel_target_vp(channel), 0);
}

static void a_move_that_was_never_answered_may_have_been_made(void **state)
{
    (void)state;
    (void)rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_channel_set_target_vp(rig.offered[0], 2, NULL, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    rig_pass(&rig, 11000000000u); /* Not answered: VP 0 or VP 2. */
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, vp_told, NULL), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(told_status, VMB_ERR_TIMEOUT);
}

/* Version 5.0, a channel on VP 2, which begins to stop: its move is posted. */
static void begin_a_stop_with_a_fence(void)
{
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};

    rig_stop(&rig);
    start_at(VMB_VERSION_5_0);
    options.driver = rig_driver(VMB_NOTIFY_DIRECT);
    options.device = &rig;
    options.target_vp = 2;
    assert_int_equal(vmb_channel_open(rig.offered[0], &options), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    rig_answer_open(&rig, 0);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, vp_told, NULL), VMB_OK);
    assert_false(vmb_guest_poll(rig.guest));
}

static void a_fence_that_cannot_be_posted_keeps_the_vp(void **state)
{
    (void)state;
    begin_a_stop_with_a_fence();
    fail_posts(VMB_ERR_PLATFORM);
    assert_int_equal(told_status, VMB_ERR_PLATFORM);
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, 2), VMB_ERR_WRONG_STATE);
}

static void a_fence_that_is_never_answered_keeps_the_vp(void **state)
{
    (void)state;
    begin_a_stop_with_a_fence();
    rig_pass(&rig, 11000000000u);
    assert_int_equal(told_count, 1);
    assert_int_equal(told_status, VMB_ERR_TIMEOUT);
}

static void a_fence_is_no_matter_when_the_bus_is_left(void **state)
{
    (void)state;
    begin_a_stop_with_a_fence();
    rig_poll(&rig);
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(told_count, 1);
    assert_int_equal(told_status, VMB_ERR_GONE);
}

static void memory_is_not_shared(void **state)
{
    struct vmb_gpadl_range range = {.byte_count = 4096, .first_gpn = 9};
    struct vmb_gpadl gpadl = {0};

    (void)state;
    assert_int_equal(vmb_channel_gpadl_create(rig.offered[0], &gpadl, &range, 1, gpadl_told, NULL),
                     VMB_OK);
    fail_posts(VMB_ERR_PLATFORM);
    assert_int_equal(told_status, VMB_ERR_PLATFORM);
}

static void memory_that_is_shared_stays_so(void **state)
{
    struct vmb_gpadl_range range = {.byte_count = 4096, .first_gpn = 9};
    struct vmb_gpadl gpadl = {0};

    (void)state;
    assert_int_equal(vmb_channel_gpadl_create(rig.offered[0], &gpadl, &range, 1, gpadl_told, NULL),
                     VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    assert_int_equal(told_status, VMB_OK);
    assert_int_equal(vmb_channel_gpadl_teardown(&gpadl, gpadl_told, NULL), VMB_OK);
    fail_posts(VMB_ERR_PLATFORM);
    assert_int_equal(told_status, VMB_ERR_STILL_SHARED);
}

static void a_release_is_logged_and_the_slot_used_again(void **state)
{
    uint32_t logs = rig.log_count;

    (void)state;
    rig_rescind(&rig, 1);
    rig.post_result = VMB_ERR_PLATFORM;
    assert_int_equal(vmb_channel_let_go(rig.offered[0]), VMB_OK);
    rig_poll(&rig);
    assert_true(rig.log_count > logs);
    rig_offer(&rig, 9);
    assert_ptr_equal(vmb_guest_relid2channel(rig.guest, 9), rig.offered[0]);
}

static void a_socket_is_not_asked_for(void **state)
{
    struct vmb_tl_connect connect = {.endpoint.bytes = {1}, .service.bytes = {4}};

    (void)state;
    assert_int_equal(vmb_guest_tl_connect(rig.guest, &connect, socket_told, NULL), VMB_OK);
    fail_posts(VMB_ERR_PLATFORM);
    assert_int_equal(told_status, VMB_ERR_PLATFORM);
}

static void monitor_pages_stay_where_they_are(void **state)
{
    uint32_t shares = rig.shares_live;

    (void)state;
    assert_int_equal(vmb_guest_move_monitors(rig.guest, told, NULL), VMB_OK);
    fail_posts(VMB_ERR_PLATFORM);
    assert_int_equal(told_status, VMB_ERR_PLATFORM);
    assert_int_equal(rig.shares_live, shares); /* The host was never told of the new ones. */
}

static void a_pause_does_not_begin(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_pause(rig.guest, told, NULL), VMB_OK);
    fail_posts(VMB_ERR_PLATFORM);
    assert_int_equal(told_status, VMB_ERR_PLATFORM);
    assert_int_equal(vmb_guest_continue(rig.guest), VMB_ERR_WRONG_STATE);
    rig.post_result = VMB_OK;
    assert_int_equal(vmb_guest_pause(rig.guest, told, NULL), VMB_OK);
}

static void a_pause_that_cannot_be_ended_can_be_ended_later(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_pause(rig.guest, told, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_PAUSE);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_PAUSE_RESPONSE});
    rig.post_result = VMB_ERR_RETRY;
    assert_int_equal(vmb_guest_continue(rig.guest), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(vmb_guest_continue(rig.guest), VMB_ERR_BUSY); /* Under way. */
    rig.post_result = VMB_ERR_PLATFORM;
    rig_pass(&rig, 1000000u);
    rig.post_result = VMB_OK;
    assert_int_equal(vmb_guest_continue(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_RESUME);
}

static void unload_ends_and_nothing_comes_back(void **state)
{
    struct vmb_guest_counters counters;

    (void)state;
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    fail_posts(VMB_ERR_PLATFORM);
    assert_int_equal(rig.unloaded_count, 1);
    assert_int_equal(rig.unloaded_status, VMB_ERR_PLATFORM);
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.pages_leaked, 3);
}

static void an_answer_to_an_unload_that_was_not_asked_is_nobodys(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    fail_posts(VMB_ERR_RETRY);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(rig.unloaded_count, 0);
    rig.post_result = VMB_OK;
    rig_pass(&rig, 1000000u);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(rig.unloaded_status, VMB_OK);
}

static void a_crash_says_what_the_port_said(void **state)
{
    (void)state;
    rig.post_result = VMB_ERR_RETRY;
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_RETRY);
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_RETRY);
    rig.post_result = VMB_ERR_PLATFORM;
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_PLATFORM);
}

static void what_stands_in_the_middle_can_be_taken_back(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    struct vmb_gpadl_range range = {.byte_count = 4096, .first_gpn = 9};
    struct vmb_gpadl gpadl = {0};

    (void)state;
    rig.post_result = VMB_ERR_RETRY;
    assert_int_equal(vmb_channel_gpadl_create(rig.offered[1], &gpadl, &range, 1, gpadl_told, NULL),
                     VMB_OK);
    assert_int_equal(vmb_channel_set_target_vp(channel, 2, NULL, NULL), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(vmb_channel_close(channel, rig_done, &rig), VMB_OK); /* The move is moot. */
    rig.post_result = VMB_OK;
    rig_pass(&rig, 1000000u);
    (void)rig_next(&rig, VMB_MSG_GPADL_HEADER);
    (void)rig_next(&rig, VMB_MSG_CLOSE_CHANNEL);
}

/* As a host says that is posted to too often: it is connected, so there is such a connection. */
static void a_crash_asks_again_while_there_seems_to_be_no_connection(void **state)
{
    (void)state;
    rig.post_result = VMB_ERR_INVALID_TARGET;
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_RETRY);
    rig.post_result = VMB_OK;
    rig.posted_read = rig.posted_count;
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_RETRY);
    assert_int_equal(rig.posted_count, rig.posted_read + 1);
    rig.post_result = VMB_ERR_PLATFORM;
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_RETRY); /* Said once. */
}

static void a_crash_may_wait_for_ever(void **state)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options)};

    (void)state;
    rig_stop(&rig);
    options.unload_timeout_ns = UINT64_MAX;
    rig_start(&rig, &options);
    rig_connect(&rig, VMB_VERSION_6_0, 1);
    rig.posted_read = rig.posted_count;
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_RETRY);
    assert_int_equal(rig_next(&rig, VMB_MSG_UNLOAD)->number, VMB_MSG_UNLOAD);
    rig.now_ns += 1000000000000u;
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_RETRY);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_offers_end_at_once),
        TEST(offers_that_ended_already_do_not_end_twice),
        TEST(an_open_ends_before_the_host_knows_the_rings),
        TEST(rings_that_the_host_knows_are_lost),
        TEST(a_result_for_an_open_that_was_not_asked_is_nobodys),
        TEST(a_close_loses_the_rings),
        TEST(a_rescind_is_told_even_if_the_close_was_lost),
        TEST(a_retarget_changes_nothing),
        TEST(a_crash_asks_again_while_there_seems_to_be_no_connection),
        TEST(a_crash_may_wait_for_ever),
        TEST(a_move_that_was_never_answered_may_have_been_made),
        TEST(a_fence_that_cannot_be_posted_keeps_the_vp),
        TEST(a_fence_that_is_never_answered_keeps_the_vp),
        TEST(a_fence_is_no_matter_when_the_bus_is_left),
        TEST(memory_is_not_shared),
        TEST(memory_that_is_shared_stays_so),
        TEST(a_release_is_logged_and_the_slot_used_again),
        TEST(a_socket_is_not_asked_for),
        TEST(monitor_pages_stay_where_they_are),
        TEST(a_pause_does_not_begin),
        TEST(a_pause_that_cannot_be_ended_can_be_ended_later),
        TEST(unload_ends_and_nothing_comes_back),
        TEST(an_answer_to_an_unload_that_was_not_asked_is_nobodys),
        TEST(a_crash_says_what_the_port_said),
        TEST(what_stands_in_the_middle_can_be_taken_back),
    };

    return cmocka_run_group_tests_name("guest posts", tests, NULL, NULL);
}
