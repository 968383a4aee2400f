/* SPDX-License-Identifier: MIT */
/* What a guest refuses: calls with arguments that cannot be, and calls at the wrong time. */
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

static void start_at(uint32_t version)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options)};

    options.features = VMB_FEATURE_MODIFY_CONNECTION | VMB_FEATURE_PAUSE_RESUME;
    rig_start(&rig, &options);
    if (version != 0) {
        rig_connect(&rig, version, 4);
    }
}

static int set_up(void **state)
{
    (void)state;
    start_at(VMB_VERSION_6_0);
    return 0;
}

static int set_up_unconnected(void **state)
{
    (void)state;
    start_at(0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

/* ---- Making a guest --------------------------------------------------------------------------
 */

static vmb_status post(void *context, uint32_t connection, const void *message, uint32_t bytes)
{
    (void)context;
    (void)connection;
    (void)message;
    (void)bytes;
    return VMB_OK;
}

static void signal_event(void *context, uint32_t connection, uint16_t flag)
{
    (void)context;
    (void)connection;
    (void)flag;
}

static vmb_status share(void *context, uint32_t count, struct vmb_pages *out)
{
    (void)context;
    (void)count;
    (void)out;
    return VMB_ERR_NO_MEMORY;
}

static void unshare(void *context, const struct vmb_pages *pages)
{
    (void)context;
    (void)pages;
}

static uint64_t now(void *context)
{
    (void)context;
    return 1;
}

static void end_of_message(void *context, uint32_t vp)
{
    (void)context;
    (void)vp;
}

static const struct vmb_guest_platform whole = {.struct_bytes = sizeof(whole),
                                                .post_message = post,
                                                .signal_event = signal_event,
                                                .share_pages = share,
                                                .unshare_pages = unshare,
                                                .now_ns = now,
                                                .end_of_message = end_of_message};

static struct vmb_guest_options small(void)
{
    return (struct vmb_guest_options){
        .struct_bytes = sizeof(struct vmb_guest_options), .vp_count = 2, .channel_limit = 4};
}

static vmb_status init(const struct vmb_guest_options *options,
                       const struct vmb_guest_platform *platform)
{
    struct vmb_guest *guest = NULL;
    struct vmb_guest_options good = small();
    size_t bytes = vmb_guest_memory_bytes(&good);
    void *memory = aligned_alloc(64, bytes);
    vmb_status status = vmb_guest_init(memory, bytes, options, platform, NULL, &guest);

    free(memory);
    return status;
}

static void a_port_without_one_of_its_callbacks_is_refused(void **state)
{
    struct vmb_guest_options options = small();
    struct vmb_guest_platform platform = whole;

    (void)state;
    assert_int_equal(init(&options, &platform), VMB_OK);
    assert_int_equal(init(&options, NULL), VMB_ERR_INVALID_ARGUMENT);
#define WITHOUT(callback)                                                                          \
    platform = whole;                                                                              \
    platform.callback = NULL;                                                                      \
    assert_int_equal(init(&options, &platform), VMB_ERR_INVALID_ARGUMENT)
    WITHOUT(post_message);
    WITHOUT(signal_event);
    WITHOUT(share_pages);
    WITHOUT(unshare_pages);
    WITHOUT(now_ns);
    WITHOUT(end_of_message);
#undef WITHOUT
    platform = whole;
    platform.struct_bytes = 8; /* Before there were callbacks. */
    assert_int_equal(init(&options, &platform), VMB_ERR_INVALID_ARGUMENT);
    platform.struct_bytes = sizeof(platform) + 8; /* Of a newer library. */
    assert_int_equal(init(&options, &platform), VMB_ERR_INVALID_ARGUMENT);
    platform.struct_bytes = offsetof(struct vmb_guest_platform, work_ready); /* Of an older one. */
    assert_int_equal(init(&options, &platform), VMB_OK);
}

static void options_out_of_range_are_refused(void **state)
{
    struct vmb_guest_options options = small();

    (void)state;
    assert_true(vmb_guest_memory_bytes(NULL) > 0); /* Every default. */
#define WITH(field, value)                                                                         \
    options = small();                                                                             \
    options.field = (value);                                                                       \
    assert_int_equal(vmb_guest_memory_bytes(&options), 0);                                         \
    assert_int_equal(init(&options, &whole), VMB_ERR_INVALID_ARGUMENT)
    WITH(struct_bytes, sizeof(options) + 8);
    WITH(connect_vp, 2);
    WITH(min_version, 7);
    WITH(max_version, 7);
    WITH(features, 0x80000000u);
#undef WITH
}

static void memory_that_does_not_fit_is_refused(void **state)
{
    struct vmb_guest_options options = small();
    struct vmb_guest_events events = {.struct_bytes = sizeof(events) + 8};
    size_t bytes = vmb_guest_memory_bytes(&options);
    uint8_t *memory = aligned_alloc(64, bytes + 64);
    struct vmb_guest *guest = NULL;

    (void)state;
    assert_int_equal(vmb_guest_init(NULL, bytes, &options, &whole, NULL, &guest),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_guest_init(memory + 8, bytes, &options, &whole, NULL, &guest),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_guest_init(memory, bytes - 1, &options, &whole, NULL, &guest),
                     VMB_ERR_TOO_SMALL);
    assert_int_equal(vmb_guest_init(memory, bytes, &options, &whole, &events, &guest),
                     VMB_ERR_INVALID_ARGUMENT);
    free(memory);
}

/* ---- Not connected ---------------------------------------------------------------------------
 */

static void without_a_bus_there_is_nothing_to_do(void **state)
{
    struct vmb_tl_connect connect = {.endpoint.bytes = {1}};

    (void)state;
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_suspend(rig.guest), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_resume(rig.guest), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_pause(rig.guest, NULL, NULL), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_continue(rig.guest), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_move_monitors(rig.guest, NULL, NULL), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_tl_connect(rig.guest, &connect, NULL, NULL), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_OK); /* Nothing to leave. */
    rig_no_more(&rig);
}

static void a_guest_connects_once(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_deinit(rig.guest), VMB_ERR_WRONG_STATE);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    rig_no_more(&rig);
}

static void a_guest_without_memory_for_the_contact_stays_out(void **state)
{
    (void)state;
    rig.share_fails_at = 1;
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_ERR_NO_MEMORY);
    assert_int_equal(vmb_guest_deinit(rig.guest), VMB_OK);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
}

static void the_vp_of_messages_must_be_there(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, 0), VMB_OK);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_vp_start(rig.guest, 0, rig.message_pages, rig.event_pages), VMB_OK);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
}

/* ---- VPs -------------------------------------------------------------------------------------
 */

static void a_vp_needs_a_number_and_two_pages(void **state)
{
    uint8_t *message = rig.message_pages, *event = rig.event_pages;
    struct vmb_vp_counters counters;

    (void)state;
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, 1), VMB_OK);
    assert_int_equal(vmb_guest_vp_start(rig.guest, RIG_VPS, message, event),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_guest_vp_start(rig.guest, 1, NULL, event), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_guest_vp_start(rig.guest, 1, message, NULL), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_guest_vp_start(rig.guest, 1, message + 8, event),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_guest_vp_start(rig.guest, 1, message, event + 8),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_guest_vp_start(rig.guest, 2, message, event), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_vp_counters(rig.guest, RIG_VPS, &counters),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_guest_on_interrupt(rig.guest, RIG_VPS), VMB_GUEST_WORK_NONE);
    assert_false(vmb_guest_run(rig.guest, RIG_VPS, 1));
}

static void a_vp_that_is_not_there_cannot_be_stopped(void **state)
{
    uint32_t vp;

    (void)state;
    assert_int_equal(vmb_guest_vp_stop(rig.guest, RIG_VPS, NULL, NULL), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, RIG_VPS), VMB_ERR_WRONG_STATE);
    for (vp = 1; vp < RIG_VPS; vp++) {
        assert_int_equal(vmb_guest_vp_stop(rig.guest, vp, NULL, NULL), VMB_OK);
        rig_poll(&rig);
        assert_int_equal(vmb_guest_vp_stopped(rig.guest, vp), VMB_OK);
        assert_int_equal(vmb_guest_vp_stop(rig.guest, vp, NULL, NULL), VMB_ERR_WRONG_STATE);
        assert_int_equal(vmb_guest_vp_stopped(rig.guest, vp), VMB_ERR_WRONG_STATE);
    }
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 0, NULL, NULL), VMB_ERR_WRONG_STATE); /* Last. */
}

/* ---- Channels while the bus is being left ----------------------------------------------------
 */

static void on_a_bus_that_is_left_nothing_begins(void **state)
{
    struct vmb_gpadl_range range = {.byte_count = 4096, .first_gpn = 9};
    struct vmb_channel *open = rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    struct vmb_gpadl gpadl = {0};

    (void)state;
    assert_int_equal(vmb_guest_suspend(rig.guest), VMB_OK);
    assert_int_equal(rig_open_begin(&rig, rig.offered[1], VMB_NOTIFY_DIRECT), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_channel_close(open, NULL, NULL), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_channel_set_target_vp(open, 1, NULL, NULL), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_channel_gpadl_create(rig.offered[1], &gpadl, &range, 1, NULL, NULL),
                     VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_resume(rig.guest), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_ERR_WRONG_STATE);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    rig_no_more(&rig);
}

static void a_rescinded_channel_takes_nothing_new(void **state)
{
    struct vmb_gpadl_range range = {.byte_count = 4096, .first_gpn = 9};
    struct vmb_gpadl gpadl = {0};

    (void)state;
    rig_rescind(&rig, 2);
    assert_int_equal(rig_open_begin(&rig, rig.offered[1], VMB_NOTIFY_DIRECT), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_channel_gpadl_create(rig.offered[1], &gpadl, &range, 1, NULL, NULL),
                     VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_channel_let_go(rig.offered[1]), VMB_OK);
    assert_int_equal(vmb_channel_state(rig.offered[1]), VMB_CHANNEL_RESCINDED);
    assert_int_equal(vmb_channel_let_go(rig.offered[1]), VMB_ERR_WRONG_STATE);
    rig.post_result = VMB_ERR_RETRY;
    rig_poll(&rig);
    assert_int_equal(vmb_channel_state(rig.offered[1]), VMB_CHANNEL_RESCINDED);
}

static void a_channel_that_is_not_open_has_no_endpoint_and_no_target(void **state)
{
    struct vmb_channel *channel = rig.offered[0];

    (void)state;
    assert_null(vmb_channel_endpoint(channel));
    assert_int_equal(vmb_channel_set_target_vp(channel, 1, NULL, NULL), VMB_ERR_WRONG_STATE);
    assert_int_equal(rig_open_begin(&rig, channel, VMB_NOTIFY_DIRECT), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_OPENING);
    rig_answer_open(&rig, 0);
    assert_int_equal(vmb_channel_set_target_vp(channel, RIG_VPS, NULL, NULL),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_channel_close(channel, NULL, NULL), VMB_OK);
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_CLOSING);
    rig.post_result = VMB_ERR_RETRY;
    rig_poll(&rig);
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_CLOSING); /* Quiet, host not told. */
    rig.post_result = VMB_OK;
    rig_pass(&rig, 1000000u);
    (void)rig_next(&rig, VMB_MSG_CLOSE_CHANNEL);
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_CLOSING); /* Told, rings not back. */
    rig_answer_teardown(&rig);
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_OFFERED);
}

static void an_open_needs_a_driver_that_can_be(void **state)
{
    static const struct vmb_driver no_handler = {.name = "none"};
    struct vmb_driver odd = *rig_driver(VMB_NOTIFY_DIRECT);
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};
    uint8_t data[VMB_USER_DEFINED_BYTES + 1] = {0xAB};
    struct vmb_channel *channel = rig.offered[0];

    (void)state;
    assert_int_equal(vmb_channel_open(channel, &options), VMB_ERR_INVALID_ARGUMENT);
    options.driver = &no_handler;
    assert_int_equal(vmb_channel_open(channel, &options), VMB_ERR_INVALID_ARGUMENT);
    odd.notify = (enum vmb_notify)7;
    options.driver = &odd;
    assert_int_equal(vmb_channel_open(channel, &options), VMB_ERR_INVALID_ARGUMENT);
    options.driver = rig_driver(VMB_NOTIFY_DIRECT);
    options.device = &rig;
    options.user_data = data;
    options.user_data_bytes = sizeof(data);
    assert_int_equal(vmb_channel_open(channel, &options), VMB_ERR_INVALID_ARGUMENT);
    options.user_data_bytes = 2;
    options.target_vp = VMB_VP_NONE;
    assert_int_equal(vmb_channel_open(channel, &options), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    rig_poll(&rig);
    assert_int_equal(rig.posted[rig.posted_read].message.u.open_channel.user_defined[0], 0xAB);
    rig_answer_open(&rig, 0);
    /* Interrupts nobody, so that there is nothing to move. */
    assert_int_equal(vmb_channel_set_target_vp(channel, 1, NULL, NULL), VMB_ERR_WRONG_STATE);
}

static void moves_and_pauses_are_made_one_at_a_time(void **state)
{
    (void)state;
    rig.share_fails_at = rig.shares_made + 1;
    assert_int_equal(vmb_guest_move_monitors(rig.guest, NULL, NULL), VMB_ERR_NO_MEMORY);
    assert_int_equal(vmb_guest_move_monitors(rig.guest, NULL, NULL), VMB_OK);
    assert_int_equal(vmb_guest_move_monitors(rig.guest, NULL, NULL), VMB_ERR_BUSY);
    assert_int_equal(vmb_guest_pause(rig.guest, NULL, NULL), VMB_OK);
    assert_int_equal(vmb_guest_pause(rig.guest, NULL, NULL), VMB_ERR_WRONG_STATE);
}

static void told(void *context, vmb_status status)
{
    assert_int_equal(status, VMB_OK);
    ++*(uint32_t *)context;
}

static void answers_to_nothing_are_counted(void **state)
{
    static const uint32_t numbers[] = {VMB_MSG_PAUSE_RESPONSE, VMB_MSG_MODIFY_CONNECTION_RESPONSE,
                                       VMB_MSG_TL_CONNECT_RESULT, VMB_MSG_UNLOAD_COMPLETE};
    struct vmb_guest_counters counters;
    uint32_t told_count = 0;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        rig_say(&rig, &(struct vmb_message){.number = numbers[i]});
    }
    assert_int_equal(vmb_guest_pause(rig.guest, told, &told_count), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_PAUSE);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_PAUSE_RESPONSE});
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_PAUSE_RESPONSE}); /* Once more. */
    assert_int_equal(told_count, 1);
    assert_int_equal(vmb_guest_move_monitors(rig.guest, NULL, NULL), VMB_OK); /* Waits. */
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_MODIFY_CONNECTION_RESPONSE});
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.messages_unexpected, 6);
}

#define TEST(function)  cmocka_unit_test_setup_teardown(function, set_up, tear_down)
#define APART(function) cmocka_unit_test_setup_teardown(function, set_up_unconnected, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_without_one_of_its_callbacks_is_refused),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(memory_that_does_not_fit_is_refused),
        APART(without_a_bus_there_is_nothing_to_do),
        APART(a_guest_connects_once),
        APART(a_guest_without_memory_for_the_contact_stays_out),
        APART(the_vp_of_messages_must_be_there),
        APART(a_vp_needs_a_number_and_two_pages),
        APART(a_vp_that_is_not_there_cannot_be_stopped),
        TEST(on_a_bus_that_is_left_nothing_begins),
        TEST(a_rescinded_channel_takes_nothing_new),
        TEST(a_channel_that_is_not_open_has_no_endpoint_and_no_target),
        TEST(an_open_needs_a_driver_that_can_be),
        TEST(moves_and_pauses_are_made_one_at_a_time),
        TEST(answers_to_nothing_are_counted),
    };

    return cmocka_run_group_tests_name("guest refusals", tests, NULL, NULL);
}
