/* SPDX-License-Identifier: MIT */
/* Corners of coming onto the bus: which versions are asked, whose answers count, whose pages. */
#include "guest_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/monitor.h>
#include <vmbus/power.h>

#include "guest/vmb_guest_state.h"

static struct rig rig;

static void start_with(const struct vmb_guest_options *options)
{
    rig_start(&rig, options);
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

/* The host supports nothing: how low does the guest go? */
static uint32_t lowest_asked(void)
{
    struct vmb_message answer = {.number = VMB_MSG_VERSION_RESPONSE};
    uint32_t version = 0;

    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    rig_poll(&rig);
    while (rig.posted_read < rig.posted_count) {
        version = rig_next(&rig, VMB_MSG_INITIATE_CONTACT)->u.initiate_contact.requested_version;
        rig_say(&rig, &answer);
    }
    assert_int_equal(rig.connected_status, VMB_ERR_VERSION);
    return version;
}

static void no_version_below_the_lowest_wanted_is_asked(void **state)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options)};

    (void)state;
    options.min_version = VMB_VERSION_5_0;
    start_with(&options);
    assert_int_equal(lowest_asked(), VMB_VERSION_5_0);
}

static void hosts_that_speak_to_vp_0_only_are_not_asked_from_another(void **state)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options)};

    (void)state;
    options.connect_vp = 1;
    start_with(&options);
    assert_int_equal(lowest_asked(), VMB_VERSION_3_0);
    rig_stop(&rig);
    options.max_version = VMB_VERSION_2_4;
    start_with(&options);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_ERR_WRONG_STATE);
}

static void say_version_response(void)
{
    uint8_t bytes[24] = {VMB_MSG_VERSION_RESPONSE, 0, 0, 0, 0, 0, 0, 0, 1};

    rig_say_bytes(&rig, VMB_SYNIC_MESSAGE_TYPE, bytes, sizeof(bytes));
}

static void an_answer_before_the_question_is_nobodys(void **state)
{
    struct vmb_guest_counters counters;

    (void)state;
    start_with(NULL);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    rig.post_result = VMB_ERR_RETRY;
    say_version_response(); /* Before the first poll: nothing has been queued. */
    say_version_response(); /* Queued, not posted. */
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.messages_unexpected, 2);
    assert_int_equal(rig.connected_count, 0);
    rig.post_result = VMB_OK;
    rig_pass(&rig, 1000000u);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
}

static void leave_again(struct rig *self)
{
    assert_int_equal(vmb_guest_unload(self->guest), VMB_OK);
}

static void who_leaves_when_told_asks_for_no_offers(void **state)
{
    struct vmb_message answer = {.number = VMB_MSG_VERSION_RESPONSE};

    (void)state;
    start_with(NULL);
    rig.in_connected = leave_again;
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    answer.u.version_response.version_supported = true;
    answer.u.version_response.selected_version = VMB_VERSION_6_0;
    rig_say(&rig, &answer);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    rig_no_more(&rig);
}

/* ---- Monitor pages of the host ---------------------------------------------------------------
 */

static struct vmb_channel *open_monitored(void)
{
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};
    struct vmb_channel *channel;

    offer.u.offer.relid = 50;
    offer.u.offer.is_dedicated = true;
    offer.u.offer.connection_id = 0x2032;
    offer.u.offer.monitor_allocated = true;
    offer.u.offer.monitor_id = 3;
    rig_say(&rig, &offer);
    channel = vmb_guest_relid2channel(rig.guest, 50);
    options.driver = rig_driver(VMB_NOTIFY_DIRECT);
    options.device = &rig;
    options.monitored = true;
    assert_int_equal(vmb_channel_open(channel, &options), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    rig_answer_open(&rig, 0);
    return channel;
}

/* A host that insists on its own monitor page, at @address. */
static struct vmb_channel *connect_to_page_of_host(vmb_gpa address)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options)};
    struct vmb_message answer = {.number = VMB_MSG_VERSION_RESPONSE};
    struct vmb_msg_version_response *response = &answer.u.version_response;

    options.features = VMB_FEATURE_HOST_MONITOR_PAGES | VMB_FEATURE_MODIFY_CONNECTION;
    start_with(&options);
    rig.host_page = address != 0 ? rig.shared_pages + 9000 * (size_t)VMB_PAGE_BYTES : NULL;
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    response->version_supported = true;
    response->selected_version = VMB_VERSION_6_0;
    response->supported_features = options.features;
    response->child_to_parent_gpa = address;
    /* Told in the form of what is asked for: the features are not agreed on yet. */
    {
        uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
        uint32_t byte_count = 0;

        assert_int_equal(vmb_message_encode(&answer, VMB_VERSION_6_0, options.features, bytes,
                                            sizeof(bytes), &byte_count),
                         VMB_OK);
        rig_say_bytes(&rig, VMB_SYNIC_MESSAGE_TYPE, bytes, byte_count);
    }
    assert_int_equal(rig.connected_status, VMB_OK);
    (void)rig_next(&rig, VMB_MSG_REQUEST_OFFERS);
    return open_monitored();
}

static void send_one(void)
{
    uint64_t word = 1;

    assert_int_equal(vmb_endpoint_send(rig.endpoint, &word, sizeof(word), 0, false), VMB_OK);
}

static void a_host_may_have_monitor_pages_of_its_own(void **state)
{
    (void)state;
    (void)connect_to_page_of_host(0xF0000000u);
    send_one();
    assert_int_equal(rig.signals, 0);
    assert_int_equal(vmb_guest_move_monitors(rig.guest, NULL, NULL), VMB_ERR_UNSUPPORTED);
}

static void a_host_may_look_at_no_monitor_page(void **state)
{
    struct vmb_channel *channel;

    (void)state;
    channel = connect_to_page_of_host(0);
    send_one();
    assert_int_equal(rig.signals, 1);
    assert_int_equal(vmb_channel_set_latency(channel, 1000), VMB_ERR_UNSUPPORTED);
}

static void a_channel_without_a_monitor_has_no_latency(void **state)
{
    (void)state;
    start_with(NULL);
    rig_connect(&rig, VMB_VERSION_5_3, 1);
    assert_int_equal(vmb_channel_set_latency(rig.offered[0], 1000), VMB_ERR_UNSUPPORTED);
}

/* ---- Limits ----------------------------------------------------------------------------------
 */

static void offers_beyond_the_limit_are_refused(void **state)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options), .channel_limit = 2};
    struct vmb_guest_counters counters;

    (void)state;
    start_with(&options);
    rig_connect(&rig, VMB_VERSION_5_3, 3);
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.offers_refused, 1);
    assert_null(vmb_guest_relid2channel(rig.guest, 3));
    rig_rescind(&rig, 1);
    assert_int_equal(vmb_channel_let_go(rig.offered[0]), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_RELID_RELEASED);
    rig_offer(&rig, 3); /* There is room again. */
    assert_non_null(vmb_guest_relid2channel(rig.guest, 3));
}

static void a_wait_without_end_does_not_overflow(void **state)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options)};

    (void)state;
    options.request_timeout_ns = UINT64_MAX;
    start_with(&options);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_INITIATE_CONTACT);
    assert_int_equal(vmb_guest_next_deadline_ns(rig.guest), VMB_NEVER - 1);
    rig.now_ns = VMB_NEVER / 2;
    rig_poll(&rig);
    assert_int_equal(rig.connected_count, 0);
}

/* What the hypervisor had queued behind the slot: it goes on without end. */
static void refill_slot(struct rig *self)
{
    uint8_t *slot = vmb_hv_slot(self->message_pages, 2);

    if (self->end_of_messages < 100) {
        memset(slot, 0, 40);
        slot[16] = VMB_MSG_ALL_OFFERS_DELIVERED;
        slot[4] = 8;
        slot[5] = 1; /* More behind it. */
        slot[0] = 1;
    }
}

static void a_host_that_talks_without_end_does_not_hold_the_poll(void **state)
{
    struct vmb_guest_counters counters;

    (void)state;
    start_with(NULL);
    rig_connect(&rig, VMB_VERSION_5_3, 1);
    rig.in_end_of_message = refill_slot;
    refill_slot(&rig);
    (void)vmb_guest_on_interrupt(rig.guest, 0);
    assert_true(rig.work_ready_count > 0);
    assert_true(vmb_guest_poll(rig.guest)); /* There is more, and others get their turn. */
    vmb_guest_read_counters(rig.guest, &counters);
    assert_true(counters.messages_received < 80);
    rig_poll(&rig);
    assert_int_equal(rig.end_of_messages, 100);
}

static void gpadl_ended(void *context, struct vmb_gpadl *gpadl, vmb_status status)
{
    (void)gpadl;
    *(vmb_status *)context = status;
}

static void handles_of_gpadls_are_used_again_only_when_free(void **state)
{
    struct vmb_gpadl_range range = {.byte_count = 4096, .first_gpn = 9};
    struct vmb_gpadl first = {0}, second = {0};
    vmb_status status = VMB_OK;

    (void)state;
    start_with(NULL);
    rig_connect(&rig, VMB_VERSION_5_3, 1);
    assert_int_equal(
        vmb_channel_gpadl_create(rig.offered[0], &first, &range, 1, gpadl_ended, &status), VMB_OK);
    rig.guest->next_gpadl = first.handle; /* Four thousand million GPADLs later. */
    assert_int_equal(
        vmb_channel_gpadl_create(rig.offered[0], &second, &range, 1, gpadl_ended, &status), VMB_OK);
    assert_int_not_equal(second.handle, first.handle);
}

static void answers_about_gpadls_must_fit(void **state)
{
    struct vmb_gpadl_range range = {.byte_count = 60 * 4096, .first_gpn = 9};
    struct vmb_message created = {.number = VMB_MSG_GPADL_CREATED};
    struct vmb_message torndown = {.number = VMB_MSG_GPADL_TORNDOWN};
    struct vmb_gpadl gpadl = {0};
    struct vmb_guest_counters counters;
    vmb_status status = VMB_OK;

    (void)state;
    start_with(NULL);
    rig_connect(&rig, VMB_VERSION_5_3, 1);
    rig.post_result = VMB_ERR_RETRY;
    assert_int_equal(
        vmb_channel_gpadl_create(rig.offered[0], &gpadl, &range, 1, gpadl_ended, &status), VMB_OK);
    created.u.gpadl_created.gpadl = gpadl.handle;
    created.u.gpadl_created.relid = 7; /* Another channel's. */
    rig_say(&rig, &created);
    created.u.gpadl_created.relid = 1;
    rig_say(&rig, &created); /* Accepted what it has not heard to its end. */
    torndown.u.gpadl_torndown.gpadl = gpadl.handle;
    rig_say(&rig, &torndown); /* Nobody asked. */
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.messages_unexpected, 3);
    created.u.gpadl_created.status = 0xC0000001u; /* Refused before it has heard everything. */
    rig_say(&rig, &created);
    assert_int_equal(status, VMB_ERR_REFUSED);
    rig.post_result = VMB_OK;
    rig_pass(&rig, 1000000u);
    rig_no_more(&rig); /* The rest is not told. */
}

static void more_pages_than_a_gpadl_can_name_are_refused(void **state)
{
    struct vmb_gpadl_range range = {.byte_count = 0xFFFFFFFFu, .first_gpn = 9};
    struct vmb_gpadl gpadl = {0};

    (void)state;
    start_with(NULL);
    rig_connect(&rig, VMB_VERSION_5_3, 1);
    assert_int_equal(vmb_channel_gpadl_create(rig.offered[0], &gpadl, &range, 1, NULL, NULL),
                     VMB_ERR_INVALID_ARGUMENT);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, NULL, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_version_below_the_lowest_wanted_is_asked),
        TEST(hosts_that_speak_to_vp_0_only_are_not_asked_from_another),
        TEST(an_answer_before_the_question_is_nobodys),
        TEST(who_leaves_when_told_asks_for_no_offers),
        TEST(a_host_may_have_monitor_pages_of_its_own),
        TEST(a_host_may_look_at_no_monitor_page),
        TEST(a_channel_without_a_monitor_has_no_latency),
        TEST(offers_beyond_the_limit_are_refused),
        TEST(a_wait_without_end_does_not_overflow),
        TEST(a_host_that_talks_without_end_does_not_hold_the_poll),
        TEST(handles_of_gpadls_are_used_again_only_when_free),
        TEST(answers_about_gpadls_must_fit),
        TEST(more_pages_than_a_gpadl_can_name_are_refused),
    };

    return cmocka_run_group_tests_name("guest contact", tests, NULL, NULL);
}
