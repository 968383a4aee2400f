/* SPDX-License-Identifier: MIT */
/* A port that gives only what is required, a user who is told nothing: the bus works all the same.
 */
#include "guest_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/power.h>
#include <vmbus/stuck.h>
#include <vmbus/tl_connect.h>

static struct rig rig;
static uint32_t events;

static int set_up(void **state)
{
    (void)state;
    rig_start_bare(&rig, NULL);
    rig_connect(&rig, VMB_VERSION_5_3, 4);
    events = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static void on_event(void *device)
{
    (void)device;
    events++;
}

static void on_event_that_comes_again(void *device)
{
    (void)device;
    if (events++ == 0) {
        (void)rig_event(&rig, 1, 1);
    }
}

/* A driver with the one function that it must have, opened by somebody who does not wait. */
static struct vmb_channel *open_with(uint32_t relid, const struct vmb_driver *driver)
{
    struct vmb_channel *channel = vmb_guest_relid2channel(rig.guest, relid);
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};

    options.driver = driver;
    options.target_vp = 1;
    assert_int_equal(vmb_channel_open(channel, &options), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    rig_answer_open(&rig, 0);
    while (vmb_guest_run(rig.guest, 1, 10)) {
    }
    events = 0;
    return channel;
}

static const struct vmb_driver deferred = {.on_event = on_event};
static const struct vmb_driver busy = {.on_event = on_event_that_comes_again};

static void a_channel_lives_and_is_released_by_itself(void **state)
{
    struct vmb_channel *channel = open_with(1, &deferred);

    (void)state;
    assert_int_equal(rig_event(&rig, 1, 1) & VMB_GUEST_WORK_RUN, VMB_GUEST_WORK_RUN);
    assert_false(vmb_guest_run(rig.guest, 1, 1));
    assert_int_equal(events, 1);
    assert_int_equal(vmb_channel_close(channel, NULL, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_CLOSE_CHANNEL);
    rig_answer_teardown(&rig);
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_OFFERED);
    rig_rescind(&rig, 1);
    /* Nobody is told, so nobody has to let go. */
    assert_int_equal(rig_next(&rig, VMB_MSG_RELID_RELEASED)->u.relid_released.relid, 1);
}

static void what_comes_during_a_run_is_found_by_the_next(void **state)
{
    (void)state;
    (void)open_with(1, &busy);
    (void)rig_event(&rig, 1, 1);
    while (vmb_guest_run(rig.guest, 1, 1)) {
    }
    assert_int_equal(events, 2);
}

static void a_rescinded_open_channel_is_released_by_itself(void **state)
{
    (void)state;
    (void)open_with(1, &deferred);
    rig_rescind(&rig, 1);
    rig_answer_teardown(&rig);
    (void)rig_next(&rig, VMB_MSG_RELID_RELEASED);
}

static void what_was_due_on_a_stopped_vp_runs_on_the_connect_vp(void **state)
{
    struct vmb_message answer = {.number = VMB_MSG_MODIFY_CHANNEL_RESPONSE};

    (void)state;
    (void)open_with(1, &deferred);
    (void)rig_event(&rig, 1, 1);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 1, NULL, NULL), VMB_OK);
    answer.u.modify_channel_response.relid =
        rig_next(&rig, VMB_MSG_MODIFY_CHANNEL)->u.modify_channel.relid;
    rig_say(&rig, &answer);
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, 1), VMB_OK);
    assert_int_equal(vmb_guest_on_interrupt(rig.guest, 1), VMB_GUEST_WORK_NONE); /* No pages. */
    assert_false(vmb_guest_run(rig.guest, 0, 10));
    assert_int_equal(events, 1);
}

static void an_open_channel_ends_with_the_bus(void **state)
{
    (void)state;
    (void)open_with(1, &deferred);
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(rig.shares_live, 0);
    rig_connect(&rig, VMB_VERSION_5_3, 1);
    assert_non_null(vmb_guest_relid2channel(rig.guest, 1));
}

static void a_bus_sleeps_and_wakes(void **state)
{
    struct vmb_channel *slept = vmb_guest_relid2channel(rig.guest, 2);
    struct vmb_message answer = {.number = VMB_MSG_VERSION_RESPONSE};

    (void)state;
    assert_int_equal(vmb_guest_suspend(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(vmb_guest_resume(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    answer.u.version_response.version_supported = true;
    rig_say(&rig, &answer);
    (void)rig_next(&rig, VMB_MSG_REQUEST_OFFERS);
    rig_offer(&rig, 2);
    assert_int_equal(vmb_channel_state(slept), VMB_CHANNEL_OFFERED);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_ALL_OFFERS_DELIVERED});
    /* The three that did not come back are given up without a word: the host does not know them. */
    rig_no_more(&rig);
    assert_null(vmb_guest_relid2channel(rig.guest, 1));
}

static void a_sleeping_bus_is_given_up(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_suspend(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    assert_int_equal(vmb_guest_deinit(rig.guest), VMB_OK);
}

static void a_contact_that_fails_leaves_nothing(void **state)
{
    (void)state;
    rig_stop(&rig);
    rig_start_bare(&rig, NULL);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    rig_pass(&rig, 11000000000u);
    assert_int_equal(vmb_guest_deinit(rig.guest), VMB_OK);
    assert_int_equal(vmb_guest_version(rig.guest), 0);
}

static void a_port_that_cannot_post_ends_the_offers(void **state)
{
    struct vmb_message answer = {.number = VMB_MSG_VERSION_RESPONSE};

    (void)state;
    rig_stop(&rig);
    rig_start_bare(&rig, NULL);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    answer.u.version_response.version_supported = true;
    answer.u.version_response.selected_version = VMB_VERSION_6_0;
    rig.post_result = VMB_ERR_PLATFORM;
    rig_say(&rig, &answer);
    rig_no_more(&rig);
    assert_int_equal(vmb_guest_version(rig.guest), VMB_VERSION_6_0);
}

static void requests_may_be_made_without_waiting_for_them(void **state)
{
    struct vmb_tl_connect connect = {.endpoint.bytes = {1}, .service.bytes = {4}};
    struct vmb_channel *channel = open_with(1, &deferred);

    (void)state;
    assert_int_equal(vmb_guest_tl_connect(rig.guest, &connect, NULL, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_TL_CONNECT_REQUEST);
    assert_int_equal(vmb_channel_set_target_vp(channel, 2, NULL, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    rig_pass(&rig, 11000000000u);
    assert_int_equal(vmb_channel_target_vp(channel), 1);
}

static void hangs_are_counted_though_nobody_is_told(void **state)
{
    struct vmb_guest_counters counters;
    struct vmb_ring_tx tx;
    uint64_t word = 7;
    struct vmb_slice slice = {.bytes = &word, .byte_count = sizeof(word)};
    struct vmb_packet_out packet = {.type = 6};

    (void)state;
    (void)open_with(1, &deferred);
    assert_int_equal(vmb_ring_tx_init(&tx,
                                      (uint8_t *)(void *)rig.last_pages.base + 5 * VMB_PAGE_BYTES,
                                      4 * VMB_PAGE_BYTES),
                     VMB_OK);
    assert_int_equal(vmb_ring_tx_write(&tx, &packet, &slice, 1), VMB_OK);
    assert_true(vmb_ring_tx_commit(&tx));
    assert_int_equal(vmb_guest_check_stuck(rig.guest, false, NULL, NULL), 0);
    assert_int_equal(vmb_guest_check_stuck(rig.guest, false, NULL, NULL), 1);
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.stuck, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_channel_lives_and_is_released_by_itself),
        TEST(what_comes_during_a_run_is_found_by_the_next),
        TEST(a_rescinded_open_channel_is_released_by_itself),
        TEST(what_was_due_on_a_stopped_vp_runs_on_the_connect_vp),
        TEST(an_open_channel_ends_with_the_bus),
        TEST(a_bus_sleeps_and_wakes),
        TEST(a_sleeping_bus_is_given_up),
        TEST(a_contact_that_fails_leaves_nothing),
        TEST(a_port_that_cannot_post_ends_the_offers),
        TEST(requests_may_be_made_without_waiting_for_them),
        TEST(hangs_are_counted_though_nobody_is_told),
    };

    return cmocka_run_group_tests_name("guest bare", tests, NULL, NULL);
}
