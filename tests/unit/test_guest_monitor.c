/* SPDX-License-Identifier: MIT */
/* Monitor pages, moving them, and pausing: what 6.0 hosts and lazy channels can do. */
#include "guest_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/monitor.h>
#include <vmbus/proto/pages.h>

static struct rig rig;
static uint32_t told_count;
static vmb_status told_status;

static void told(void *context, vmb_status status)
{
    (void)context;
    told_count++;
    told_status = status;
}

static void start_with(uint32_t features)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options)};

    options.features = features;
    rig_start(&rig, &options);
    rig_connect(&rig, features != 0 ? VMB_VERSION_6_0 : VMB_VERSION_5_3, 2);
    told_count = 0;
}

static int set_up(void **state)
{
    (void)state;
    start_with(VMB_FEATURE_MODIFY_CONNECTION | VMB_FEATURE_PAUSE_RESUME);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

/* The page in which the guest signals: the third of the contact's. */
static uint8_t *contact_monitor(void)
{
    return rig.shared_pages + 2 * VMB_PAGE_BYTES;
}

static struct vmb_channel *open_monitored(uint32_t relid, uint8_t monitor_id, bool wanted)
{
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};
    struct vmb_channel *channel;

    offer.u.offer.relid = relid;
    offer.u.offer.instance_guid.bytes[0] = (uint8_t)relid;
    offer.u.offer.is_dedicated = true;
    offer.u.offer.connection_id = 0x2000 + relid;
    offer.u.offer.monitor_allocated = true;
    offer.u.offer.monitor_id = monitor_id;
    rig_say(&rig, &offer);
    channel = vmb_guest_relid2channel(rig.guest, relid);
    options.driver = rig_driver(VMB_NOTIFY_DIRECT);
    options.device = &rig;
    options.monitored = wanted;
    assert_int_equal(vmb_channel_open(channel, &options), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    rig_answer_open(&rig, 0);
    return channel;
}

static void send_one(void)
{
    uint64_t word = 1;

    assert_int_equal(vmb_endpoint_send(rig.endpoint, &word, sizeof(word), 0, false), VMB_OK);
}

static void a_monitored_channel_sets_a_bit_instead_of_calling(void **state)
{
    uint8_t *page = contact_monitor();

    (void)state;
    (void)open_monitored(50, 70, true);
    send_one();
    assert_int_equal(rig.signals, 0);
    assert_int_equal(page[VMB_MONITOR_PENDING(2)], 1u << 70 % 32);
}

/* Whoever the monitor wakes on an old host looks into the interrupt page for whom it was. */
static void a_monitored_channel_of_an_old_host_is_named_in_the_interrupt_page(void **state)
{
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};

    (void)state;
    rig_stop(&rig);
    rig_start(&rig, NULL);
    rig_connect(&rig, VMB_VERSION_0_13, 1);
    offer.u.offer.relid = 50;
    offer.u.offer.monitor_allocated = true;
    offer.u.offer.monitor_id = 70;
    rig_say(&rig, &offer);
    options.driver = rig_driver(VMB_NOTIFY_DIRECT);
    options.device = &rig;
    options.monitored = true;
    assert_int_equal(vmb_channel_open(rig.offered[1], &options), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    rig_answer_open(&rig, 0);
    send_one();
    assert_int_equal(rig.signals, 0);
    assert_int_equal(contact_monitor()[VMB_MONITOR_PENDING(2)], 1u << 70 % 32);
    assert_int_equal(rig.shared_pages[2048 + 50 / 8], 1u << 50 % 8);
}

/* A page begins where a page begins; what a host says otherwise is not mapped. */
static void a_monitor_page_of_the_host_s_that_is_askew_is_not_used(void **state)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options)};
    struct vmb_message answer = {.number = VMB_MSG_VERSION_RESPONSE};
    static _Alignas(VMB_PAGE_BYTES) uint8_t page[VMB_PAGE_BYTES];

    (void)state;
    rig_stop(&rig);
    options.features = VMB_FEATURE_HOST_MONITOR_PAGES;
    rig_start(&rig, &options);
    rig.host_page = page;
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    answer.u.version_response.version_supported = true;
    answer.u.version_response.supported_features = VMB_FEATURE_HOST_MONITOR_PAGES;
    answer.u.version_response.child_to_parent_gpa = 0x123456002u;
    rig_say(&rig, &answer);
    assert_int_equal(rig.connected_status, VMB_OK);
    (void)rig_next(&rig, VMB_MSG_REQUEST_OFFERS);
    (void)open_monitored(50, 1, true);
    send_one();
    assert_int_equal(rig.signals, 1);
}

static void without_the_wish_it_calls(void **state)
{
    (void)state;
    (void)open_monitored(50, 70, false);
    send_one();
    assert_int_equal(rig.signals, 1);
    assert_int_equal(rig.signal_connection, 0x2000 + 50);
}

static void a_monitor_that_cannot_be_is_not_used(void **state)
{
    struct vmb_channel *channel;
    uint32_t byte;

    (void)state;
    channel = open_monitored(50, 200, true);
    send_one();
    assert_int_equal(rig.signals, 1);
    for (byte = 0; byte < VMB_PAGE_BYTES; byte++) {
        assert_int_equal(contact_monitor()[byte], 0);
    }
    assert_int_equal(vmb_channel_set_latency(channel, 1000), VMB_ERR_UNSUPPORTED);
}

static void a_latency_is_a_number_of_100_ns(void **state)
{
    struct vmb_channel *channel;
    uint8_t *page = contact_monitor();

    (void)state;
    channel = open_monitored(50, 3, true);
    assert_int_equal(vmb_channel_set_latency(channel, 100000), VMB_OK);
    assert_int_equal(page[VMB_MONITOR_LATENCY(3)] | page[VMB_MONITOR_LATENCY(3) + 1] << 8, 1000);
    assert_int_equal(vmb_channel_set_latency(channel, 6553500), VMB_OK);
    assert_int_equal(vmb_channel_set_latency(channel, 6553501), VMB_ERR_INVALID_ARGUMENT);
}

/* ---- Moving ----------------------------------------------------------------------------------
 */

static void answer_move(uint8_t state_code)
{
    struct vmb_message answer = {.number = VMB_MSG_MODIFY_CONNECTION_RESPONSE};

    answer.u.modify_connection_response.connection_state = state_code;
    rig_say(&rig, &answer);
}

static void monitor_pages_move_when_the_host_agrees(void **state)
{
    const struct vmb_message *modify;
    uint8_t *fresh;

    (void)state;
    (void)open_monitored(50, 1, true);
    assert_int_equal(vmb_guest_move_monitors(rig.guest, told, NULL), VMB_OK);
    assert_int_equal(vmb_guest_move_monitors(rig.guest, told, NULL), VMB_ERR_BUSY);
    fresh = (uint8_t *)(void *)rig.last_pages.base + VMB_PAGE_BYTES;
    modify = rig_next(&rig, VMB_MSG_MODIFY_CONNECTION);
    assert_int_equal(modify->u.modify_connection.child_to_parent_gpa, (rig.last_pages.first_gpn + 1)
                                                                          << VMB_PAGE_SHIFT);
    answer_move(VMB_CONNECTION_STATE_OK);
    assert_int_equal(told_count, 1);
    assert_int_equal(told_status, VMB_OK);
    send_one();
    assert_int_equal(fresh[VMB_MONITOR_PENDING(0)], 2);
    assert_int_equal(contact_monitor()[VMB_MONITOR_PENDING(0)], 0);
}

static void a_refused_move_changes_nothing(void **state)
{
    uint32_t live = rig.shares_live;

    (void)state;
    assert_int_equal(vmb_guest_move_monitors(rig.guest, told, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CONNECTION);
    answer_move(VMB_CONNECTION_STATE_FAILED);
    assert_int_equal(told_status, VMB_ERR_REFUSED);
    assert_int_equal(rig.shares_live, live);
    answer_move(VMB_CONNECTION_STATE_OK); /* Nobody waits for this one. */
    assert_int_equal(told_count, 1);
}

/* Which pages it looks at, only its late answer can say, and no second request could be told from
 * the first by its answer. */
static void a_move_without_an_answer_goes_on(void **state)
{
    uint8_t *fresh;

    (void)state;
    (void)open_monitored(50, 1, true);
    assert_int_equal(vmb_guest_move_monitors(rig.guest, told, NULL), VMB_OK);
    fresh = (uint8_t *)(void *)rig.last_pages.base + VMB_PAGE_BYTES;
    rig_pass(&rig, 11000000000u);
    assert_int_equal(told_count, 1);
    assert_int_equal(told_status, VMB_ERR_TIMEOUT);
    assert_int_equal(vmb_guest_move_monitors(rig.guest, told, NULL), VMB_ERR_BUSY);
    answer_move(VMB_CONNECTION_STATE_OK);
    assert_int_equal(told_count, 1);
    send_one();
    assert_int_equal(fresh[VMB_MONITOR_PENDING(0)], 2);
    assert_int_equal(vmb_guest_move_monitors(rig.guest, told, NULL), VMB_OK);
}

static void a_move_that_is_refused_late_gives_its_pages_back(void **state)
{
    uint32_t live = rig.shares_live;

    (void)state;
    assert_int_equal(vmb_guest_move_monitors(rig.guest, told, NULL), VMB_OK);
    rig_pass(&rig, 11000000000u);
    answer_move(VMB_CONNECTION_STATE_FAILED);
    assert_int_equal(told_count, 1);
    assert_int_equal(rig.shares_live, live);
    assert_int_equal(vmb_guest_move_monitors(rig.guest, told, NULL), VMB_OK);
}

static void a_move_that_was_never_answered_ends_with_the_bus(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_move_monitors(rig.guest, told, NULL), VMB_OK);
    rig_pass(&rig, 11000000000u);
    rig.posted_read = rig.posted_count;
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    assert_int_equal(told_count, 1);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(rig.shares_live, 0);
}

static void unload_in_the_middle_of_a_move_takes_all_pages_back(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_move_monitors(rig.guest, told, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CONNECTION);
    answer_move(VMB_CONNECTION_STATE_OK);
    assert_int_equal(vmb_guest_move_monitors(rig.guest, told, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CONNECTION);
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    assert_int_equal(told_status, VMB_ERR_GONE);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(rig.shares_live, 0);
}

static void hosts_without_the_features_are_not_asked(void **state)
{
    (void)state;
    rig_stop(&rig);
    start_with(0);
    assert_int_equal(vmb_guest_move_monitors(rig.guest, told, NULL), VMB_ERR_UNSUPPORTED);
    assert_int_equal(vmb_guest_pause(rig.guest, told, NULL), VMB_ERR_UNSUPPORTED);
    rig_no_more(&rig);
}

/* ---- Pause -----------------------------------------------------------------------------------
 */

static void while_paused_requests_wait(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_pause(rig.guest, told, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_PAUSE);
    assert_int_equal(told_count, 0);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_PAUSE_RESPONSE});
    assert_int_equal(told_status, VMB_OK);
    assert_int_equal(rig_open_begin(&rig, rig.offered[0], VMB_NOTIFY_DIRECT), VMB_OK);
    rig_no_more(&rig);
    /* And nobody need call again for them before the pause has ended. */
    assert_true(vmb_guest_next_deadline_ns(rig.guest) > rig.now_ns);
    assert_int_equal(vmb_guest_continue(rig.guest), VMB_OK);
    assert_true(vmb_guest_next_deadline_ns(rig.guest) <= rig.now_ns);
    (void)rig_next(&rig, VMB_MSG_RESUME);
    (void)rig_answer_gpadl(&rig, 0);
    assert_int_equal(vmb_guest_continue(rig.guest), VMB_ERR_WRONG_STATE);
}

static void unload_ends_a_pause(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_pause(rig.guest, told, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_PAUSE);
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    assert_int_equal(told_status, VMB_ERR_GONE);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(rig.unloaded_status, VMB_OK);
}

static void a_pause_that_is_not_confirmed_is_told(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_pause(rig.guest, told, NULL), VMB_OK);
    rig_pass(&rig, 11000000000u);
    assert_int_equal(told_status, VMB_ERR_TIMEOUT);
    assert_int_equal(vmb_guest_continue(rig.guest), VMB_OK);
}

/* It names nothing: taken for the next one's, it would call a host paused that talks on. */
static void the_late_answer_to_a_pause_is_not_that_of_the_next(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_pause(rig.guest, told, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_PAUSE);
    rig_pass(&rig, 11000000000u);
    assert_int_equal(told_status, VMB_ERR_TIMEOUT);
    assert_int_equal(vmb_guest_continue(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_RESUME);
    assert_int_equal(vmb_guest_pause(rig.guest, told, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_PAUSE);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_PAUSE_RESPONSE});
    assert_int_equal(told_count, 1);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_PAUSE_RESPONSE});
    assert_int_equal(told_count, 2);
    assert_int_equal(told_status, VMB_OK);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_PAUSE_RESPONSE}); /* Nobody's. */
    assert_int_equal(told_count, 2);
}

static void the_late_answer_to_a_pause_is_not_that_of_one_not_asked_yet(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_pause(rig.guest, told, NULL), VMB_OK);
    rig_pass(&rig, 11000000000u);
    assert_int_equal(vmb_guest_continue(rig.guest), VMB_OK);
    rig_poll(&rig);
    rig.post_result = VMB_ERR_RETRY;
    assert_int_equal(vmb_guest_pause(rig.guest, told, NULL), VMB_OK);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_PAUSE_RESPONSE});
    assert_int_equal(told_count, 1);
    rig.post_result = VMB_OK;
    rig_pass(&rig, 1000000u);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_PAUSE_RESPONSE});
    assert_int_equal(told_count, 2);
    assert_int_equal(told_status, VMB_OK);
}

/* Ended before it has begun, the pause would be told to nobody, or its answer to the next one. */
static void a_pause_is_told_before_it_can_be_ended(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_pause(rig.guest, told, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_PAUSE);
    assert_int_equal(vmb_guest_continue(rig.guest), VMB_ERR_BUSY);
    rig_no_more(&rig);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_PAUSE_RESPONSE});
    assert_int_equal(told_count, 1);
    assert_int_equal(vmb_guest_continue(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_RESUME);
    assert_int_equal(vmb_guest_pause(rig.guest, NULL, NULL), VMB_OK); /* Told or not. */
    (void)rig_next(&rig, VMB_MSG_PAUSE);
    assert_int_equal(vmb_guest_continue(rig.guest), VMB_ERR_BUSY);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_PAUSE_RESPONSE});
    assert_int_equal(vmb_guest_continue(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_RESUME);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_monitored_channel_sets_a_bit_instead_of_calling),
        TEST(a_monitored_channel_of_an_old_host_is_named_in_the_interrupt_page),
        TEST(a_monitor_page_of_the_host_s_that_is_askew_is_not_used),
        TEST(without_the_wish_it_calls),
        TEST(a_monitor_that_cannot_be_is_not_used),
        TEST(a_latency_is_a_number_of_100_ns),
        TEST(monitor_pages_move_when_the_host_agrees),
        TEST(a_refused_move_changes_nothing),
        TEST(a_move_without_an_answer_goes_on),
        TEST(a_move_that_is_refused_late_gives_its_pages_back),
        TEST(a_move_that_was_never_answered_ends_with_the_bus),
        TEST(unload_in_the_middle_of_a_move_takes_all_pages_back),
        TEST(hosts_without_the_features_are_not_asked),
        TEST(while_paused_requests_wait),
        TEST(a_pause_is_told_before_it_can_be_ended),
        TEST(unload_ends_a_pause),
        TEST(a_pause_that_is_not_confirmed_is_told),
        TEST(the_late_answer_to_a_pause_is_not_that_of_the_next),
        TEST(the_late_answer_to_a_pause_is_not_that_of_one_not_asked_yet),
    };

    return cmocka_run_group_tests_name("guest monitor", tests, NULL, NULL);
}
