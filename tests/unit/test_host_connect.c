/* SPDX-License-Identifier: MIT */
/* The host's connection: contact, versions, features, pause, leaving; VMBus versions 0.13 to 6.0.
 */
#include "host_rig.h"

static const uint32_t versions[] = {
    VMB_VERSION_0_13, VMB_VERSION_1_1, VMB_VERSION_2_4, VMB_VERSION_3_0,
    VMB_VERSION_4_0,  VMB_VERSION_4_1, VMB_VERSION_5_0, VMB_VERSION_5_1,
    VMB_VERSION_5_2,  VMB_VERSION_5_3, VMB_VERSION_6_0,
};
#define VERSION_COUNT (sizeof(versions) / sizeof(versions[0]))

static struct vmb_host_options limits(void)
{
    return (struct vmb_host_options){.struct_bytes = sizeof(struct vmb_host_options),
                                     .vp_count = 8,
                                     .channel_limit = 4,
                                     .gpadl_page_limit = 100,
                                     .message_limit = 8};
}

static void every_version_is_agreed_to(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < VERSION_COUNT; i++) {
        struct hrig *rig = hrig_new(NULL);
        const struct vmb_msg_version_response *response;

        hrig_contact(rig, versions[i], 0);
        response = &hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response;
        assert_true(response->version_supported);
        assert_int_equal(response->connection_state, VMB_CONNECTION_STATE_OK);
        if (versions[i] >= VMB_VERSION_5_0) {
            assert_int_equal(response->message_connection_id, VMB_CONNECTION_MULTICLIENT);
        } else {
            assert_int_equal(response->selected_version, versions[i]);
        }
        /* Messages go to the VP that was asked for, but only from 3.0 on. */
        assert_int_equal(hrig_last(rig)->vp, versions[i] >= VMB_VERSION_3_0 ? 3 : 0);
        assert_int_equal(hrig_last(rig)->sint, VMB_HOST_SINT);
        assert_int_equal(hrig_last(rig)->byte_count, versions[i] >= VMB_VERSION_6_0 ? 20 : 16);
        assert_int_equal(vmb_host_version(rig->host), versions[i]);
        assert_int_equal(rig->connected_count, 1);
        /* The shared connection has a doorbell only where channels share it. */
        assert_int_equal(rig->doorbells_open, versions[i] < VMB_VERSION_1_1 ? 1 : 0);
        hrig_free(rig);
    }
}

static void unknown_versions_are_refused_in_the_short_form(void **state)
{
    static const uint32_t unknown[] = {0,          1,          0x00010000, 0x00020005,
                                       0x00060001, 0x00070000, UINT32_MAX};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        struct hrig *rig = hrig_new(NULL);

        hrig_contact(rig, unknown[i], 0);
        assert_false(
            hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.version_supported);
        assert_int_equal(hrig_last(rig)->byte_count, 16);
        assert_int_equal(vmb_host_version(rig->host), VMB_VERSION_NONE);
        assert_int_equal(rig->connected_count, 0);
        hrig_free(rig);
    }
}

static void a_host_can_be_limited_to_some_versions(void **state)
{
    struct vmb_host_options options = limits();
    size_t i;

    (void)state;
    options.min_version = VMB_VERSION_2_4;
    options.max_version = VMB_VERSION_5_2;
    for (i = 0; i < VERSION_COUNT; i++) {
        struct hrig *rig = hrig_new(&options);

        hrig_contact(rig, versions[i], 0);
        assert_int_equal(
            hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.version_supported,
            versions[i] >= VMB_VERSION_2_4 && versions[i] <= VMB_VERSION_5_2);
        hrig_free(rig);
    }
}

static void features_are_what_both_know(void **state)
{
    struct vmb_host_options options = limits();
    struct hrig *rig = hrig_new(&options);

    (void)state;
    hrig_contact(rig, VMB_VERSION_6_0, VMB_FEATURE_ALL);
    assert_int_equal(
        hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.supported_features,
        VMB_FEATURE_SIGNAL_PARAMETERS | VMB_FEATURE_MODIFY_CONNECTION | VMB_FEATURE_CLIENT_ID |
            VMB_FEATURE_PAUSE_RESUME);
    hrig_free(rig);

    options.features = VMB_HOST_FEATURES_NONE;
    rig = hrig_new(&options);
    hrig_contact(rig, VMB_VERSION_6_0, VMB_FEATURE_ALL);
    assert_int_equal(
        hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.supported_features, 0);
    assert_int_equal(vmb_host_features(rig->host), 0);
    hrig_free(rig);
}

static void the_hosts_own_monitor_pages_are_named_in_the_long_form(void **state)
{
    struct vmb_host_options options = limits();
    const struct vmb_msg_version_response *response;
    struct hrig *rig;

    (void)state;
    options.features = VMB_FEATURE_HOST_MONITOR_PAGES | VMB_FEATURE_MODIFY_CONNECTION;
    options.parent_to_child_gpa = (vmb_gpa)HRIG_FIRST_GPN * VMB_PAGE_BYTES;
    options.child_to_parent_gpa = (vmb_gpa)(HRIG_FIRST_GPN + 1) * VMB_PAGE_BYTES;
    rig = hrig_new(&options);
    hrig_contact(rig, VMB_VERSION_6_0, VMB_FEATURE_ALL);
    response = &hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response;
    assert_int_equal(hrig_last(rig)->byte_count, 40);
    assert_true(response->parent_to_child_gpa == options.parent_to_child_gpa);
    assert_true(response->child_to_parent_gpa == options.child_to_parent_gpa);
    /* And then they are not the guest's to change. */
    hrig_header_only(rig, VMB_MSG_MODIFY_CONNECTION);
    assert_int_equal(hrig_expect(rig, VMB_MSG_MODIFY_CONNECTION_RESPONSE)
                         ->u.modify_connection_response.connection_state,
                     VMB_CONNECTION_STATE_FAILED);
    hrig_free(rig);
}

static void contact_with_pages(struct hrig *rig, uint32_t version, vmb_gpa interrupt, vmb_gpa down,
                               vmb_gpa up)
{
    struct vmb_message message = {.number = VMB_MSG_INITIATE_CONTACT};

    rig->version = version;
    message.u.initiate_contact.requested_version = version;
    message.u.initiate_contact.interrupt_page_gpa = interrupt;
    message.u.initiate_contact.parent_to_child_gpa = down;
    message.u.initiate_contact.child_to_parent_gpa = up;
    rig->guest_connection = VMB_CONNECTION_MESSAGE;
    hrig_post(rig, &message);
}

static void bad_pages_fail_the_contact(void **state)
{
    const vmb_gpa good = (vmb_gpa)HRIG_FIRST_GPN * VMB_PAGE_BYTES;
    const struct vmb_msg_version_response *response;
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    /* One monitor page only, one that is not aligned, one that is no memory: failed, supported. */
    static const vmb_gpa pairs[][2] = {
        {1, 0}, {0, 1}, {1, (vmb_gpa)HRIG_FIRST_GPN * VMB_PAGE_BYTES + 8}, {1, 0x10000000}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        contact_with_pages(rig, VMB_VERSION_5_3, 0, pairs[i][0], pairs[i][1]);
        response = &hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response;
        assert_true(response->version_supported);
        assert_int_equal(response->connection_state, VMB_CONNECTION_STATE_FAILED);
        assert_int_equal(vmb_host_version(rig->host), VMB_VERSION_NONE);
    }
    rig->maps_refused = 1;
    contact_with_pages(rig, VMB_VERSION_5_3, 0, good, good + VMB_PAGE_BYTES);
    response = &hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response;
    assert_int_equal(response->connection_state, VMB_CONNECTION_STATE_LOW);
    /* Hosts below 2.4 know one failure: not supported. They need the interrupt page. */
    contact_with_pages(rig, VMB_VERSION_1_1, 0, 0, 0);
    assert_false(hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.version_supported);
    contact_with_pages(rig, VMB_VERSION_1_1, good, 1, 0);
    assert_false(hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.version_supported);
    contact_with_pages(rig, VMB_VERSION_1_1, good, good, good + VMB_PAGE_BYTES);
    assert_true(hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.version_supported);
    hrig_free(rig);
}

static void contact_for_another_sint_or_vtl_disturbs_nobody(void **state)
{
    struct vmb_message message = {.number = VMB_MSG_INITIATE_CONTACT};
    struct vmb_msg_initiate_contact *contact = &message.u.initiate_contact;
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    contact->requested_version = VMB_VERSION_5_3;
    contact->target_sint = 5;
    contact->target_message_vp = 6;
    hrig_post(rig, &message);
    assert_false(hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.version_supported);
    assert_int_equal(hrig_last(rig)->vp, 6);
    assert_int_equal(hrig_last(rig)->sint, 5);
    contact->target_sint = VMB_HOST_SINT;
    contact->target_vtl = 2;
    hrig_post(rig, &message);
    hrig_expect_nothing(rig);
    assert_int_equal(rig->other_vtl_count, 1);
    assert_int_equal(vmb_host_version(rig->host), VMB_VERSION_5_3);
    assert_int_equal(rig->disconnected_count, 0);
    /* On the old connection these bytes are not looked at. */
    rig->guest_connection = VMB_CONNECTION_MESSAGE;
    hrig_post(rig, &message);
    assert_true(hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.version_supported);
    assert_int_equal(rig->disconnected_count, 1);
    hrig_free(rig);
}

static void contact_drops_the_old_connection_first(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_contact(rig, VMB_VERSION_4_0, 0);
    /* No UnloadComplete, nothing of the old connection: only the answer. */
    assert_true(hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.version_supported);
    hrig_expect_nothing(rig);
    assert_int_equal(rig->devices[0].closed, 1);
    assert_int_equal(rig->devices[0].reason, VMB_OK);
    assert_int_equal(rig->disconnected_count, 1);
    assert_int_equal(rig->disconnect_reason, VMB_HOST_CONTACTED);
    assert_int_equal(rig->mapped_pages, 0);
    assert_int_equal(rig->doorbells_open, 0);
    hrig_header_only(rig, VMB_MSG_REQUEST_OFFERS);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer.relid, 1);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_free(rig);
}

static void contact_while_leaving_waits_for_devices_and_the_latest_counts(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_open(rig, VMB_VERSION_5_3, 0);

    (void)state;
    rig->devices[0].close_answer = VMB_ERR_BUSY;
    hrig_contact(rig, VMB_VERSION_5_3, 0);
    hrig_expect_nothing(rig); /* The device is still busy with the old guest. */
    assert_int_equal(vmb_host_channel_state(channel), VMB_HOST_CHANNEL_CLOSING_CLIENT_RELEASE);
    hrig_contact(rig, VMB_VERSION_0_13, 0);
    hrig_header_only(rig, VMB_MSG_REQUEST_OFFERS); /* Nobody is connected. */
    hrig_expect_nothing(rig);
    assert_int_equal(rig->devices[0].closed, 0);
    assert_int_equal(vmb_host_close_done(channel), VMB_OK);
    hrig_poll(rig);
    assert_int_equal(
        hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.selected_version,
        VMB_VERSION_0_13);
    hrig_expect_nothing(rig);
    assert_int_equal(rig->disconnected_count, 1);
    assert_int_equal(vmb_host_channel_state(channel), VMB_HOST_CHANNEL_CLIENT_RELEASED);
    hrig_free(rig);
}

static void unload_is_answered_last_in_any_state(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel;

    (void)state;
    rig->version = VMB_VERSION_5_3;
    rig->guest_connection = VMB_CONNECTION_MESSAGE;
    hrig_header_only(rig, VMB_MSG_UNLOAD); /* Disconnected. */
    hrig_expect(rig, VMB_MSG_UNLOAD_COMPLETE);
    assert_int_equal(rig->disconnected_count, 0);

    channel = hrig_with_open(rig, VMB_VERSION_5_3, 0);
    rig->devices[0].close_answer = VMB_ERR_BUSY;
    hrig_gpadl_teardown(rig, 1, 100); /* Held by the open channel. */
    hrig_header_only(rig, VMB_MSG_UNLOAD);
    hrig_expect_nothing(rig);
    hrig_header_only(rig, VMB_MSG_UNLOAD); /* Again, while leaving. */
    assert_int_equal(vmb_host_close_done(channel), VMB_OK);
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_UNLOAD_COMPLETE); /* And no GpadlTorndown. */
    hrig_expect_nothing(rig);
    assert_int_equal(hrig_last(rig)->vp, 3);
    assert_int_equal(rig->disconnected_count, 1);
    assert_int_equal(rig->disconnect_reason, VMB_HOST_UNLOADED);
    assert_int_equal(rig->mapped_pages, 0);
    hrig_free(rig);
}

static void unload_complete_exists_from_1_1_on(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_connect(rig, VMB_VERSION_0_13, 0);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_header_only(rig, VMB_MSG_UNLOAD);
    hrig_expect_nothing(rig);
    assert_int_equal(rig->disconnected_count, 1);
    hrig_free(rig);
}

static void offers_are_sent_once(void **state)
{
    struct vmb_host_counters counters;
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_offer(rig, 0, 1, 0);
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_header_only(rig, VMB_MSG_REQUEST_OFFERS);
    hrig_expect_nothing(rig);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.messages_unexpected, 1);
    hrig_free(rig);
}

static void messages_of_nobody_connected_are_dropped(void **state)
{
    struct vmb_host_counters counters;
    struct hrig *rig = hrig_new(NULL);
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES] = {0};
    uint32_t number;

    (void)state;
    for (number = 0; number <= VMB_MSG_LAST + 1; number++) {
        if (number != VMB_MSG_INITIATE_CONTACT && number != VMB_MSG_UNLOAD) {
            bytes[0] = (uint8_t)number;
            hrig_post_bytes(rig, VMB_CONNECTION_MESSAGE, bytes, sizeof(bytes));
        }
    }
    hrig_expect_nothing(rig);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.messages_received, VMB_MSG_LAST);
    assert_int_equal(counters.messages_unknown + counters.messages_unexpected, VMB_MSG_LAST);
    hrig_free(rig);
}

static void newer_messages_are_unknown_to_older_versions(void **state)
{
    static const struct {
        uint32_t number, first;
    } newer[] = {{18, VMB_VERSION_4_0}, {21, VMB_VERSION_4_0}, {22, VMB_VERSION_4_1},
                 {25, UINT32_MAX},      {27, UINT32_MAX},      {29, UINT32_MAX}};
    uint8_t bytes[64] = {0};

    (void)state;
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        struct vmb_host_counters counters;
        struct hrig *rig = hrig_new(NULL);
        uint32_t unknown = 0;

        hrig_contact(rig, versions[v], 0);
        for (size_t i = 0; i < sizeof(newer) / sizeof(newer[0]); i++) {
            bytes[0] = (uint8_t)newer[i].number;
            hrig_post_bytes(rig, rig->guest_connection, bytes, sizeof(bytes));
            unknown += versions[v] < newer[i].first;
        }
        vmb_host_read_counters(rig->host, &counters);
        assert_int_equal(counters.messages_unknown, unknown);
        hrig_free(rig);
    }
}

static void only_the_message_connections_take_messages(void **state)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES + 1] = {VMB_MSG_UNLOAD};
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    assert_int_equal(vmb_host_on_message(rig->host, 0, bytes, 8), VMB_ERR_INVALID_TARGET);
    assert_int_equal(vmb_host_on_message(rig->host, 2, bytes, 8), VMB_ERR_INVALID_TARGET);
    assert_int_equal(vmb_host_on_message(rig->host, 0x2001, bytes, 8), VMB_ERR_INVALID_TARGET);
    assert_int_equal(vmb_host_on_message(rig->host, 1, bytes, sizeof(bytes)),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_host_on_message(rig->host, 1, bytes, 0), VMB_OK);
    assert_int_equal(vmb_host_on_message(rig->host, 4, bytes, 7), VMB_OK);
    hrig_poll(rig);
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

static void a_pause_holds_everything_behind_its_answer(void **state)
{
    struct vmb_host_counters counters;
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_open(rig, VMB_VERSION_6_0, VMB_FEATURE_PAUSE_RESUME);
    hrig_header_only(rig, VMB_MSG_PAUSE);
    hrig_expect(rig, VMB_MSG_PAUSE_RESPONSE);
    hrig_offer(rig, 1, 9, 0);
    assert_int_equal(vmb_host_revoke(rig->devices[0].channel), VMB_OK);
    hrig_poll(rig);
    hrig_close(rig, 1); /* Not accepted while paused. */
    hrig_expect_nothing(rig);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.messages_unexpected, 1);
    hrig_header_only(rig, VMB_MSG_RESUME);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_expect(rig, VMB_MSG_RESCIND_OFFER);
    hrig_expect_nothing(rig);
    rig->devices[0].channel = NULL;
    /* Unload and contact end a pause. */
    hrig_header_only(rig, VMB_MSG_PAUSE);
    hrig_expect(rig, VMB_MSG_PAUSE_RESPONSE);
    hrig_header_only(rig, VMB_MSG_UNLOAD);
    hrig_expect(rig, VMB_MSG_UNLOAD_COMPLETE);
    hrig_free(rig);
}

static void monitor_pages_can_be_changed(void **state)
{
    struct vmb_message message = {.number = VMB_MSG_MODIFY_CONNECTION};
    struct vmb_msg_modify_connection *modify = &message.u.modify_connection;
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_connect(rig, VMB_VERSION_6_0, VMB_FEATURE_MODIFY_CONNECTION);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    modify->parent_to_child_gpa = (vmb_gpa)HRIG_FIRST_GPN * VMB_PAGE_BYTES;
    hrig_post(rig, &message);
    assert_int_equal(hrig_expect(rig, VMB_MSG_MODIFY_CONNECTION_RESPONSE)
                         ->u.modify_connection_response.connection_state,
                     VMB_CONNECTION_STATE_FAILED);
    modify->child_to_parent_gpa = (vmb_gpa)(HRIG_FIRST_GPN + 1) * VMB_PAGE_BYTES;
    hrig_post(rig, &message);
    assert_int_equal(hrig_expect(rig, VMB_MSG_MODIFY_CONNECTION_RESPONSE)
                         ->u.modify_connection_response.connection_state,
                     VMB_CONNECTION_STATE_OK);
    assert_int_equal(rig->mapped_pages, 1);
    hrig_post(rig, &message);
    hrig_expect(rig, VMB_MSG_MODIFY_CONNECTION_RESPONSE);
    assert_int_equal(rig->mapped_pages, 1);
    hrig_free(rig);
}

static void socket_connections_are_the_embedders_business(void **state)
{
    struct vmb_message message = {.number = VMB_MSG_TL_CONNECT_REQUEST};
    const struct vmb_msg_tl_connect_result *result;
    const struct vmb_guid endpoint = {{7}}, service = {{8}};
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    message.u.tl_connect_request.endpoint_guid = endpoint;
    message.u.tl_connect_request.service_guid = service;
    assert_int_equal(vmb_host_tl_refuse(rig->host, &endpoint, &service), VMB_ERR_WRONG_STATE);
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    rig->tl_answer = VMB_OK;
    hrig_post(rig, &message);
    rig->tl_answer = VMB_ERR_BUSY;
    hrig_post(rig, &message);
    hrig_expect_nothing(rig); /* Success is an offer. */
    assert_int_equal(vmb_host_tl_refuse(rig->host, &endpoint, &service), VMB_OK);
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_TL_CONNECT_RESULT);
    rig->tl_answer = VMB_ERR_REFUSED;
    hrig_post(rig, &message);
    result = &hrig_expect(rig, VMB_MSG_TL_CONNECT_RESULT)->u.tl_connect_result;
    assert_int_equal(result->status, VMB_NTSTATUS_CONNECTION_REFUSED);
    assert_true(vmb_guid_equal(&result->endpoint_guid, &endpoint));
    assert_true(vmb_guid_equal(&result->service_guid, &service));
    /* 4.0 has the request but no way to say no. */
    hrig_connect(rig, VMB_VERSION_4_0, 0);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_post(rig, &message);
    hrig_expect_nothing(rig);
    assert_int_equal(rig->tl_count, 4);
    hrig_free(rig);
}

static void a_reset_says_nothing_to_the_guest(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    rig->slots_free = 0;
    hrig_gpadl(rig, 1, 101, HRIG_FIRST_GPN + 50, 3); /* Its answer is queued. */
    vmb_host_reset(rig->host);
    rig->slots_free = 1000;
    hrig_poll(rig);
    hrig_expect_nothing(rig);
    assert_int_equal(rig->disconnected_count, 1);
    assert_int_equal(rig->disconnect_reason, VMB_HOST_RESET);
    assert_int_equal(rig->devices[0].closed, 1);
    vmb_host_reset(rig->host);
    assert_int_equal(rig->disconnected_count, 1);
    hrig_free(rig);
}

static void options_out_of_range_need_no_memory(void **state)
{
    struct vmb_host_options options = limits();

    (void)state;
    assert_true(vmb_host_memory_bytes(&options) > 0);
    options.channel_limit = 2048;
    assert_int_equal(vmb_host_memory_bytes(&options), 0);
    options = limits();
    options.vp_count = 4097;
    assert_int_equal(vmb_host_memory_bytes(&options), 0);
    options = limits();
    options.message_limit = 7;
    assert_int_equal(vmb_host_memory_bytes(&options), 0);
    options = limits();
    options.gpadl_limit = 65536;
    assert_int_equal(vmb_host_memory_bytes(&options), 0);
    options = limits();
    options.min_version = VMB_VERSION_5_3;
    options.max_version = VMB_VERSION_5_2;
    assert_int_equal(vmb_host_memory_bytes(&options), 0);
    options = limits();
    options.struct_bytes = 4;
    assert_int_equal(vmb_host_memory_bytes(&options), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_is_agreed_to),
        cmocka_unit_test(unknown_versions_are_refused_in_the_short_form),
        cmocka_unit_test(a_host_can_be_limited_to_some_versions),
        cmocka_unit_test(features_are_what_both_know),
        cmocka_unit_test(the_hosts_own_monitor_pages_are_named_in_the_long_form),
        cmocka_unit_test(bad_pages_fail_the_contact),
        cmocka_unit_test(contact_for_another_sint_or_vtl_disturbs_nobody),
        cmocka_unit_test(contact_drops_the_old_connection_first),
        cmocka_unit_test(contact_while_leaving_waits_for_devices_and_the_latest_counts),
        cmocka_unit_test(unload_is_answered_last_in_any_state),
        cmocka_unit_test(unload_complete_exists_from_1_1_on),
        cmocka_unit_test(offers_are_sent_once),
        cmocka_unit_test(messages_of_nobody_connected_are_dropped),
        cmocka_unit_test(newer_messages_are_unknown_to_older_versions),
        cmocka_unit_test(only_the_message_connections_take_messages),
        cmocka_unit_test(a_pause_holds_everything_behind_its_answer),
        cmocka_unit_test(monitor_pages_can_be_changed),
        cmocka_unit_test(socket_connections_are_the_embedders_business),
        cmocka_unit_test(a_reset_says_nothing_to_the_guest),
        cmocka_unit_test(options_out_of_range_need_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
