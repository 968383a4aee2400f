/* SPDX-License-Identifier: MIT */
/* Coming onto the bus, at each version, and leaving it. */
#include "guest_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct rig rig;

static int set_up(void **state)
{
    (void)state;
    rig_start(&rig, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static void a_guest_negotiates_down_to_each_version(void **state)
{
    uint32_t version;

    (void)state;
    for (version = VMB_VERSION_NEWEST; version != 0; version = vmb_version_next_lower(version)) {
        rig_stop(&rig);
        rig_start(&rig, NULL);
        rig_connect(&rig, version, 3);
        assert_int_equal(rig.connected_count, 1);
        assert_int_equal(rig.connected_status, VMB_OK);
        assert_int_equal(vmb_guest_version(rig.guest), version);
        assert_int_equal(rig.offered_count, 3);
        assert_int_equal(rig.delivered_count, 1);
    }
}

static void contact_goes_where_the_version_listens(void **state)
{
    (void)state;
    rig_connect(&rig, VMB_VERSION_4_1, 0);
    assert_int_equal(rig.posted[0].connection_id, VMB_CONNECTION_MULTICLIENT); /* 6.0 */
    assert_int_equal(rig.posted[4].connection_id, VMB_CONNECTION_MULTICLIENT); /* 5.0 */
    assert_int_equal(rig.posted[5].connection_id, VMB_CONNECTION_MESSAGE);     /* 4.1 */
    assert_int_equal(rig.posted[6].connection_id, VMB_CONNECTION_MESSAGE);     /* RequestOffers */
}

static void from_5_0_on_messages_go_where_the_host_said(void **state)
{
    (void)state;
    rig_connect(&rig, VMB_VERSION_5_3, 0);
    assert_int_equal(rig.posted[rig.posted_count - 1].connection_id, 0x77);
}

static void no_common_version_ends_with_a_status(void **state)
{
    struct vmb_message answer = {.number = VMB_MSG_VERSION_RESPONSE};
    uint32_t tries = 0;

    (void)state;
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    while (rig.connected_count == 0) {
        (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
        rig_say(&rig, &answer);
        tries++;
    }
    assert_int_equal(tries, 11);
    assert_int_equal(rig.connected_status, VMB_ERR_VERSION);
    assert_int_equal(rig.shares_live, 0);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK); /* It may be tried again. */
}

static void a_host_that_is_short_of_resources_is_not_asked_for_less(void **state)
{
    struct vmb_message answer = {.number = VMB_MSG_VERSION_RESPONSE};

    (void)state;
    answer.u.version_response.version_supported = true;
    answer.u.version_response.connection_state = VMB_CONNECTION_STATE_LOW;
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    rig_say(&rig, &answer);
    assert_int_equal(rig.connected_status, VMB_ERR_REFUSED);
    rig_no_more(&rig);
}

static void a_silent_host_ends_with_a_time_out(void **state)
{
    struct vmb_guest_counters counters;

    (void)state;
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    rig_pass(&rig, 9000000000u);
    assert_int_equal(rig.connected_count, 0);
    rig_pass(&rig, 2000000000u);
    assert_int_equal(rig.connected_count, 1);
    assert_int_equal(rig.connected_status, VMB_ERR_TIMEOUT);
    /* It was told of the pages and may yet use them. */
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.pages_leaked, 3);
    assert_int_equal(rig.shares_live, 1);
}

static void messages_of_an_earlier_owner_are_dropped(void **state)
{
    struct vmb_message stale = {.number = VMB_MSG_UNLOAD_COMPLETE};
    struct vmb_guest_counters counters;

    (void)state;
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    rig_say_bytes(&rig, VMB_SYNIC_MESSAGE_TYPE,
                  (const uint8_t[200]){VMB_MSG_OFFER_CHANNEL, [184] = 5}, 200);
    rig_say_bytes(&rig, VMB_SYNIC_MESSAGE_TYPE, (const uint8_t[8]){VMB_MSG_UNLOAD_COMPLETE}, 8);
    (void)stale;
    assert_int_equal(rig.offered_count, 0);
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.messages_unexpected + counters.messages_unknown, 2);
    assert_int_equal(rig.connected_count, 0);
}

static void damaged_messages_free_the_slot_and_are_counted(void **state)
{
    uint8_t bytes[240] = {VMB_MSG_OFFER_CHANNEL};
    struct vmb_guest_counters counters;
    uint32_t length;

    (void)state;
    rig_connect(&rig, VMB_VERSION_5_3, 1);
    for (length = 0; length < 196; length += 3) {
        rig_say_bytes(&rig, VMB_SYNIC_MESSAGE_TYPE, bytes, length);
    }
    bytes[0] = 200;
    rig_say_bytes(&rig, VMB_SYNIC_MESSAGE_TYPE, bytes, 240);
    rig_say_bytes(&rig, 0x80000010u, bytes, 240); /* A timer's message on our SINT. */
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.messages_malformed + counters.messages_unknown, 66 + 2);
    assert_int_equal(rig.offered_count, 1);
    assert_true(rig.log_count <= 8); /* However many there are. */
}

static void posts_that_find_no_buffer_are_tried_again(void **state)
{
    struct vmb_guest_counters counters;

    (void)state;
    rig.post_result = VMB_ERR_RETRY;
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    rig_poll(&rig);
    assert_true(vmb_guest_next_deadline_ns(rig.guest) <= rig.now_ns + 1000);
    rig_pass(&rig, 20000);
    vmb_guest_read_counters(rig.guest, &counters);
    assert_in_range(counters.post_retries, 4, 6); /* 1, 2, 4, 8, 16 us */
    rig.post_result = VMB_OK;
    rig_pass(&rig, 100000);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    rig_no_more(&rig); /* Once. */
}

static void posts_that_never_find_one_fail_in_bounded_time(void **state)
{
    (void)state;
    rig.post_result = VMB_ERR_RETRY;
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    rig_pass(&rig, 60000000000u);
    assert_int_equal(rig.connected_count, 1);
    assert_int_equal(rig.connected_status, VMB_ERR_PLATFORM);
    assert_int_equal(rig.shares_live, 0);
}

static void a_host_without_the_connection_of_5_0_is_an_older_host(void **state)
{
    const struct vmb_message *contact;

    (void)state;
    rig.no_connection = VMB_CONNECTION_MULTICLIENT;
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    contact = rig_next(&rig, VMB_MSG_INITIATE_CONTACT); /* At once: no time passes. */
    assert_int_equal(contact->u.initiate_contact.requested_version, VMB_VERSION_4_1);
    assert_int_equal(rig.refused_posts, 5); /* 6.0, 5.3, 5.2, 5.1, 5.0; each once. */
    rig_no_more(&rig);
}

static void a_machine_without_a_host_is_found_out_at_once(void **state)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options),
                                        .max_version = VMB_VERSION_4_1};

    (void)state;
    rig_stop(&rig);
    rig_start(&rig, &options);
    rig.no_connection = VMB_CONNECTION_MESSAGE;
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(rig.connected_count, 1);
    assert_int_equal(rig.connected_status, VMB_ERR_INVALID_TARGET);
    assert_int_equal(rig.shares_live, 0);
}

static void a_connected_host_that_denies_its_connection_is_asked_again(void **state)
{
    struct vmb_guest_counters counters;

    (void)state;
    rig_connect(&rig, VMB_VERSION_4_0, 1);
    rig.no_connection = VMB_CONNECTION_MESSAGE;
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    rig_poll(&rig);
    rig_pass(&rig, 20000);
    assert_in_range(rig.refused_posts, 4, 6); /* It says so to guests that post too often. */
    rig.no_connection = 0;
    rig_pass(&rig, 100000);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.post_retries, rig.refused_posts);
}

static void unload_ends_everything_and_takes_the_pages_back(void **state)
{
    (void)state;
    rig_connect(&rig, VMB_VERSION_5_3, 2);
    (void)rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    rig.done_count = 0;
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    assert_int_equal(rig.closed_count, 1);
    assert_int_equal(rig.unloaded_count, 0);
    rig_offer(&rig, 9); /* Late; nothing but UnloadComplete counts now. */
    assert_int_equal(rig.offered_count, 2);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(rig.unloaded_count, 1);
    assert_int_equal(rig.unloaded_status, VMB_OK);
    assert_int_equal(rig.shares_live, 0);
    assert_int_equal(vmb_guest_version(rig.guest), 0);
    assert_null(vmb_guest_relid2channel(rig.guest, 1));
    assert_int_equal(vmb_guest_deinit(rig.guest), VMB_OK);
}

static void unload_in_the_middle_of_an_open_ends_that_open(void **state)
{
    (void)state;
    rig_connect(&rig, VMB_VERSION_5_3, 2);
    assert_int_equal(rig_open_begin(&rig, rig.offered[0], VMB_NOTIFY_DIRECT), VMB_OK);
    assert_int_equal(rig_open_begin(&rig, rig.offered[1], VMB_NOTIFY_DIRECT), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(rig.done_count, 2);
    assert_int_equal(rig.done_status, VMB_ERR_GONE);
    assert_int_equal(rig.closed_count, 0); /* It was never opened. */
    rig.posted_read += 2;
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(rig.unloaded_status, VMB_OK);
    assert_int_equal(rig.shares_live, 0);
}

static void a_host_that_does_not_confirm_keeps_the_pages(void **state)
{
    struct vmb_guest_counters counters;

    (void)state;
    rig_connect(&rig, VMB_VERSION_5_3, 1);
    (void)rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    rig_pass(&rig, 101000000000u);
    assert_int_equal(rig.unloaded_count, 1);
    assert_int_equal(rig.unloaded_status, VMB_ERR_TIMEOUT);
    assert_int_equal(rig.shares_live, 2);
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.pages_leaked, 3 + 10);
}

static void server_2008_has_no_unload_complete(void **state)
{
    struct vmb_guest_counters counters;

    (void)state;
    rig_connect(&rig, VMB_VERSION_0_13, 1);
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    assert_int_equal(rig.unloaded_status, VMB_OK);
    assert_int_equal(rig.unloaded_count, 1);
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.pages_leaked, 3); /* It may look into the interrupt page once more. */
    /* What was open when we left is never confirmed, so it is not taken back. */
    rig_connect(&rig, VMB_VERSION_0_13, 1);
    (void)rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    assert_int_equal(rig.unloaded_status, VMB_ERR_STILL_SHARED);
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.pages_leaked, 3 + 3 + 10);
}

static void after_unload_a_guest_connects_again(void **state)
{
    uint32_t round;

    (void)state;
    for (round = 1; round <= 5; round++) {
        rig_connect(&rig, VMB_VERSION_5_3, 3);
        (void)rig_open(&rig, round % 3 + 1, VMB_NOTIFY_DEFERRED);
        assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
        (void)rig_next(&rig, VMB_MSG_UNLOAD);
        rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
        assert_int_equal(rig.unloaded_count, round);
        assert_int_equal(rig.shares_live, 0);
    }
}

static void init_refuses_what_cannot_work(void **state)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options)};
    struct vmb_guest_platform platform = {.struct_bytes = sizeof(platform)};
    struct vmb_guest *guest = NULL;
    size_t bytes = vmb_guest_memory_bytes(&options);

    (void)state;
    assert_int_equal(vmb_guest_init(rig.memory, bytes, &options, &platform, NULL, &guest),
                     VMB_ERR_INVALID_ARGUMENT); /* Callbacks are missing. */
    options.vp_count = 5000;
    assert_int_equal(vmb_guest_memory_bytes(&options), 0);
    options.vp_count = 1;
    options.channel_limit = 2048;
    assert_int_equal(vmb_guest_memory_bytes(&options), 0);
    options.channel_limit = 0;
    options.max_version = 0x00050004;
    assert_int_equal(vmb_guest_memory_bytes(&options), 0);
    options.max_version = VMB_VERSION_3_0;
    options.min_version = VMB_VERSION_4_0;
    assert_int_equal(vmb_guest_memory_bytes(&options), 0);
}

static void memory_stays_within_its_target(void **state)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options), .vp_count = 4};

    (void)state;
    print_message("memory of a guest, 4 VPs: %zu bytes for 2047 channels\n",
                  vmb_guest_memory_bytes(&options));
    assert_true(vmb_guest_memory_bytes(&options) <= 3u << 20);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_guest_negotiates_down_to_each_version),
        TEST(contact_goes_where_the_version_listens),
        TEST(from_5_0_on_messages_go_where_the_host_said),
        TEST(no_common_version_ends_with_a_status),
        TEST(a_host_that_is_short_of_resources_is_not_asked_for_less),
        TEST(a_silent_host_ends_with_a_time_out),
        TEST(messages_of_an_earlier_owner_are_dropped),
        TEST(damaged_messages_free_the_slot_and_are_counted),
        TEST(posts_that_find_no_buffer_are_tried_again),
        TEST(posts_that_never_find_one_fail_in_bounded_time),
        TEST(a_host_without_the_connection_of_5_0_is_an_older_host),
        TEST(a_machine_without_a_host_is_found_out_at_once),
        TEST(a_connected_host_that_denies_its_connection_is_asked_again),
        TEST(unload_ends_everything_and_takes_the_pages_back),
        TEST(unload_in_the_middle_of_an_open_ends_that_open),
        TEST(a_host_that_does_not_confirm_keeps_the_pages),
        TEST(server_2008_has_no_unload_complete),
        TEST(after_unload_a_guest_connects_again),
        TEST(init_refuses_what_cannot_work),
        TEST(memory_stays_within_its_target),
    };

    return cmocka_run_group_tests_name("guest connect", tests, NULL, NULL);
}
