/* SPDX-License-Identifier: MIT */
/* What a host refuses: calls that cannot be, calls at the wrong time, a guest's wrong requests. */
#include "host_rig.h"

#include <vmbus/host_paravisor.h>

#define STATE(name) VMB_HOST_CHANNEL_##name

/* ---- Making a host ---------------------------------------------------------------------------
 */

static vmb_status post(void *context, uint32_t vp, uint8_t sint, const void *message,
                       uint32_t bytes)
{
    (void)context;
    (void)vp;
    (void)sint;
    (void)message;
    (void)bytes;
    return VMB_OK;
}

static void raise_event(void *context, uint32_t vp, uint8_t sint, uint16_t flag)
{
    (void)context;
    (void)vp;
    (void)sint;
    (void)flag;
}

static vmb_status map(void *context, const vmb_gpn *gpns, uint32_t count,
                      struct vmb_host_mapping *out)
{
    (void)context;
    (void)gpns;
    (void)count;
    (void)out;
    return VMB_ERR_NO_MEMORY;
}

static void unmap(void *context, const struct vmb_host_mapping *mapping, uint32_t count)
{
    (void)context;
    (void)mapping;
    (void)count;
}

static uint64_t now(void *context)
{
    (void)context;
    return 1;
}

static const struct vmb_host_platform whole = {.struct_bytes = sizeof(whole),
                                               .post_message = post,
                                               .raise_event = raise_event,
                                               .map_pages = map,
                                               .unmap_pages = unmap,
                                               .now_ns = now};

static struct vmb_host_options small(void)
{
    return (struct vmb_host_options){.struct_bytes = sizeof(struct vmb_host_options),
                                     .vp_count = 2,
                                     .channel_limit = 4,
                                     .gpadl_page_limit = 64,
                                     .message_limit = 16};
}

static vmb_status init(const struct vmb_host_options *options,
                       const struct vmb_host_platform *platform,
                       const struct vmb_host_events *events)
{
    struct vmb_host_options good = small();
    struct vmb_host *host = NULL;
    size_t bytes = vmb_host_memory_bytes(&good);
    void *memory = aligned_alloc(64, bytes);
    vmb_status status = vmb_host_init(memory, bytes, options, platform, events, &host);

    free(memory);
    return status;
}

static void an_embedder_without_one_of_its_callbacks_is_refused(void **state)
{
    struct vmb_host_options options = small();
    struct vmb_host_platform platform = whole;
    struct vmb_host_events events = {.struct_bytes = 4};

    (void)state;
    assert_int_equal(init(&options, &whole, NULL), VMB_OK);
    assert_int_equal(init(&options, &whole, &events), VMB_ERR_INVALID_ARGUMENT);
#define WITHOUT(callback)                                                                          \
    platform = whole;                                                                              \
    platform.callback = NULL;                                                                      \
    assert_int_equal(init(&options, &platform, NULL), VMB_ERR_INVALID_ARGUMENT)
    WITHOUT(post_message);
    WITHOUT(raise_event);
    WITHOUT(map_pages);
    WITHOUT(unmap_pages);
    WITHOUT(now_ns);
#undef WITHOUT
    platform = whole;
    platform.struct_bytes = 8;
    assert_int_equal(init(&options, &platform, NULL), VMB_ERR_INVALID_ARGUMENT);
}

static void options_out_of_range_are_refused(void **state)
{
    struct vmb_host_options options = small();

    (void)state;
    options.redirect_sint = 3;
    options.monitor_interval_ns = 5;
    options.post_retry_ns = 5;
    assert_int_equal(vmb_host_memory_bytes(&options) > 0, true);
#define WITH(field, value)                                                                         \
    options = small();                                                                             \
    options.field = (value);                                                                       \
    assert_int_equal(init(&options, &whole, NULL), VMB_ERR_INVALID_ARGUMENT)
    WITH(redirect_sint, 16);
    WITH(gpadl_page_limit, 0xFFFFFFFFu);
    WITH(message_limit, 65537);
    WITH(channel_limit, 2048);
#undef WITH
}

static void memory_that_does_not_fit_is_refused(void **state)
{
    struct vmb_host_options options = small();
    size_t bytes = vmb_host_memory_bytes(&options);
    uint8_t *memory = aligned_alloc(64, bytes + 64);
    struct vmb_host *host = NULL;

    (void)state;
    assert_int_equal(vmb_host_init(memory + 8, bytes, &options, &whole, NULL, &host),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_host_init(memory, bytes - 1, &options, &whole, NULL, &host),
                     VMB_ERR_TOO_SMALL);
    free(memory);
}

static void a_paravisor_is_whole_comes_first_and_is_the_only_one(void **state)
{
    static const struct vmb_host_paravisor all = {.struct_bytes = sizeof(all),
                                                  .post_message = post,
                                                  .raise_event = raise_event,
                                                  .map_pages = map,
                                                  .unmap_pages = unmap};
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_paravisor part;

    (void)state;
    assert_int_equal(vmb_host_set_paravisor(rig->host, NULL), VMB_ERR_INVALID_ARGUMENT);
#define WITH(field, value)                                                                         \
    part = all;                                                                                    \
    part.field = (value);                                                                          \
    assert_int_equal(vmb_host_set_paravisor(rig->host, &part), VMB_ERR_INVALID_ARGUMENT)
    WITH(struct_bytes, sizeof(all) - 1);
    WITH(post_message, NULL);
    WITH(raise_event, NULL);
    WITH(map_pages, NULL);
    WITH(unmap_pages, NULL);
#undef WITH
    hrig_contact(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_VERSION_RESPONSE);
    assert_int_equal(vmb_host_set_paravisor(rig->host, &all), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_host_on_trusted_message(rig->host, VMB_CONNECTION_MESSAGE, "12345678", 8),
                     VMB_ERR_INVALID_TARGET); /* Nothing of it stays. */
    vmb_host_reset(rig->host);
    hrig_poll(rig);
    assert_int_equal(vmb_host_set_paravisor(rig->host, &all), VMB_OK);
    assert_int_equal(vmb_host_set_paravisor(rig->host, &all), VMB_ERR_WRONG_STATE);
    hrig_free(rig);
}

static void what_is_in_use_is_not_given_up(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_gpadl *gpadl = NULL;

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    assert_int_equal(vmb_host_deinit(rig->host), VMB_ERR_WRONG_STATE); /* Connected. */
    assert_int_equal(vmb_host_gpadl_get(rig->devices[0].channel, 100, &gpadl), VMB_OK);
    vmb_host_reset(rig->host);
    hrig_poll(rig);
    assert_int_equal(vmb_host_deinit(rig->host), VMB_ERR_WRONG_STATE); /* Memory is held. */
    vmb_host_gpadl_put(gpadl);
    hrig_free(rig);
}

static void a_device_that_still_stops_keeps_the_host(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct hrig_device *device = &rig->devices[0];

    (void)state;
    device->close_answer = VMB_ERR_BUSY;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_header_only(rig, VMB_MSG_UNLOAD);
    assert_int_equal(vmb_host_deinit(rig->host), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_host_close_done(device->channel), VMB_OK);
    hrig_free(rig);
}

/* ---- Offers ----------------------------------------------------------------------------------
 */

static void an_offer_needs_a_whole_driver(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_driver driver = hrig_driver;
    struct vmb_host_offer_options options = {.struct_bytes = 4, .driver = &driver};

    (void)state;
    assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_ERR_INVALID_ARGUMENT);
    options.struct_bytes = sizeof(options);
    driver.opened = NULL;
    assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_ERR_INVALID_ARGUMENT);
    driver = hrig_driver;
    driver.closed = NULL;
    assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_ERR_INVALID_ARGUMENT);
    driver = hrig_driver;
    options.user_defined_bytes = 3;
    assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_ERR_INVALID_ARGUMENT);
    hrig_free(rig);
}

static void open_monitored(struct hrig *rig, uint32_t relid, uint32_t first)
{
    hrig_gpadl(rig, relid, 100 + relid, HRIG_FIRST_GPN + first, HRIG_RING_PAGES);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    hrig_open(rig, relid, 100 + relid, 0);
    hrig_expect(rig, VMB_MSG_OPEN_RESULT);
}

static void monitors_are_given_out_one_by_one(void **state)
{
    struct vmb_message message = {.number = VMB_MSG_INITIATE_CONTACT};
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct vmb_host_offer_options options = {.struct_bytes = sizeof(options),
                                                 .driver = &hrig_driver,
                                                 .device = &rig->devices[i],
                                                 .monitored = true,
                                                 .instance_id = {{(uint8_t)(i + 1)}}};

        assert_int_equal(vmb_host_offer(rig->host, &options, &rig->devices[i].channel), VMB_OK);
    }
    rig->version = VMB_VERSION_5_2;
    rig->guest_connection = VMB_CONNECTION_MULTICLIENT;
    message.u.initiate_contact.requested_version = VMB_VERSION_5_2;
    message.u.initiate_contact.target_sint = VMB_HOST_SINT;
    message.u.initiate_contact.parent_to_child_gpa = (HRIG_FIRST_GPN + 40ull) * VMB_PAGE_BYTES;
    message.u.initiate_contact.child_to_parent_gpa = (HRIG_FIRST_GPN + 41ull) * VMB_PAGE_BYTES;
    hrig_post(rig, &message);
    hrig_expect(rig, VMB_MSG_VERSION_RESPONSE);
    hrig_header_only(rig, VMB_MSG_REQUEST_OFFERS);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer.monitor_id, 0);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer.monitor_id, 1);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    open_monitored(rig, 1, 0);
    /* The taken slot is due before the monitors, or after them. */
    rig->slots_free = 0;
    hrig_gpadl(rig, 2, 7, HRIG_FIRST_GPN + 20, 1);
    assert_true(vmb_host_next_deadline_ns(rig->host) <= rig->now_ns + 100000);
    rig->slots_free = 100;
    vmb_host_on_slot_free(rig->host);
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    hrig_free(rig);
}

static void a_host_that_retries_often_looks_at_monitors_later(void **state)
{
    struct vmb_host_options options = {.struct_bytes = sizeof(options),
                                       .vp_count = 8,
                                       .channel_limit = 16,
                                       .gpadl_page_limit = 20000,
                                       .message_limit = 64,
                                       .post_retry_ns = 10};
    struct vmb_message message = {.number = VMB_MSG_INITIATE_CONTACT};
    struct hrig *rig = hrig_new(&options);
    struct vmb_host_offer_options offer = {.struct_bytes = sizeof(offer),
                                           .driver = &hrig_driver,
                                           .device = &rig->devices[0],
                                           .monitored = true};

    (void)state;
    assert_int_equal(vmb_host_offer(rig->host, &offer, &rig->devices[0].channel), VMB_OK);
    rig->version = VMB_VERSION_5_2;
    rig->guest_connection = VMB_CONNECTION_MULTICLIENT;
    message.u.initiate_contact.requested_version = VMB_VERSION_5_2;
    message.u.initiate_contact.target_sint = VMB_HOST_SINT;
    message.u.initiate_contact.parent_to_child_gpa = (HRIG_FIRST_GPN + 40ull) * VMB_PAGE_BYTES;
    message.u.initiate_contact.child_to_parent_gpa = (HRIG_FIRST_GPN + 41ull) * VMB_PAGE_BYTES;
    hrig_post(rig, &message);
    hrig_expect(rig, VMB_MSG_VERSION_RESPONSE);
    hrig_header_only(rig, VMB_MSG_REQUEST_OFFERS);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    open_monitored(rig, 1, 0);
    rig->slots_free = 0;
    hrig_gpadl(rig, 1, 7, HRIG_FIRST_GPN + 20, 1);
    assert_true(vmb_host_next_deadline_ns(rig->host) == rig->now_ns + 10);
    hrig_free(rig);
}

/* ---- Requests of the guest -------------------------------------------------------------------
 */

static void pages_that_cannot_be_mapped_are_answered(void **state)
{
    struct vmb_message message = {.number = VMB_MSG_MODIFY_CONNECTION};
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_connect(rig, VMB_VERSION_6_0, VMB_FEATURE_MODIFY_CONNECTION);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    rig->maps_refused = 1;
    message.u.modify_connection.parent_to_child_gpa = (HRIG_FIRST_GPN + 40ull) * VMB_PAGE_BYTES;
    message.u.modify_connection.child_to_parent_gpa = (HRIG_FIRST_GPN + 41ull) * VMB_PAGE_BYTES;
    hrig_post(rig, &message);
    assert_int_equal(hrig_expect(rig, VMB_MSG_MODIFY_CONNECTION_RESPONSE)
                         ->u.modify_connection_response.connection_state,
                     VMB_CONNECTION_STATE_LOW);
    hrig_free(rig);
}

static void an_interrupt_page_that_cannot_be_mapped_fails_the_contact(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    rig->maps_refused = 1;
    hrig_contact(rig, VMB_VERSION_1_1, 0);
    assert_false(hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.version_supported);
    /* The doorbell that all channels share, below 1.1. */
    rig->doorbell_answer = VMB_ERR_NO_MEMORY;
    hrig_contact(rig, VMB_VERSION_0_13, 0);
    assert_false(hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.version_supported);
    rig->doorbell_answer = VMB_OK;
    hrig_contact(rig, VMB_VERSION_0_13, 0);
    assert_true(hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.version_supported);
    hrig_free(rig);
}

static void a_contact_for_a_sint_that_is_none_is_not_answered(void **state)
{
    struct vmb_message message = {.number = VMB_MSG_INITIATE_CONTACT};
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    rig->version = VMB_VERSION_5_3;
    rig->guest_connection = VMB_CONNECTION_MULTICLIENT;
    message.u.initiate_contact.requested_version = VMB_VERSION_5_3;
    message.u.initiate_contact.target_sint = 16;
    hrig_post(rig, &message);
    hrig_expect_nothing(rig);
    assert_int_equal(vmb_host_version(rig->host), VMB_VERSION_NONE);
    hrig_free(rig);
}

static void a_connection_that_is_too_large_is_refused(void **state)
{
    struct vmb_message message = {.number = VMB_MSG_OPEN_CHANNEL};
    struct vmb_msg_open_channel *open = &message.u.open_channel;
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_6_0, VMB_FEATURE_SIGNAL_PARAMETERS);
    open->relid = 1;
    open->ring_gpadl = 100;
    open->downstream_page_offset = HRIG_RING_PAGES / 2;
    open->connection_id = 0x1000000;
    hrig_post(rig, &message);
    assert_int_not_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    hrig_free(rig);
}

static void signals_of_a_page_that_is_not_there_are_nothing(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_run(rig);
    assert_int_equal(vmb_host_on_signal(rig->host, VMB_CONNECTION_EVENT, 0), VMB_OK);
    hrig_poll(rig);
    hrig_run(rig);
    assert_int_equal(rig->devices[0].runs, 1);
    hrig_free(rig);
}

static void who_is_refused_a_socket_must_be_connected_and_heard(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_guid guid = {{1}};
    uint32_t i;

    (void)state;
    assert_int_equal(vmb_host_tl_refuse(rig->host, &guid, &guid), VMB_ERR_WRONG_STATE);
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    rig->slots_free = 0;
    for (i = 0; vmb_host_tl_refuse(rig->host, &guid, &guid) == VMB_OK; i++) {
        assert_true(i < 64);
    }
    assert_int_equal(vmb_host_tl_refuse(rig->host, &guid, &guid), VMB_ERR_RETRY);
    rig->slots_free = 1000;
    vmb_host_on_slot_free(rig->host);
    hrig_poll(rig);
    assert_int_equal(vmb_host_tl_refuse(rig->host, &guid, &guid), VMB_OK);
    hrig_free(rig);
}

static void post_reserved(struct hrig *rig, uint32_t number, uint32_t relid, uint32_t sint)
{
    struct vmb_message message = {.number = number};

    if (number == VMB_MSG_OPEN_RESERVED) {
        message.u.open_reserved.relid = relid;
        message.u.open_reserved.target_sint = sint;
        message.u.open_reserved.ring_gpadl = 100;
        message.u.open_reserved.downstream_page_offset = 4;
    } else {
        message.u.close_reserved.relid = relid;
        message.u.close_reserved.target_sint = sint;
    }
    hrig_post(rig, &message);
}

static void reserved_channels_keep_to_their_order(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_rings(rig, VMB_VERSION_5_3, 0);

    (void)state;
    rig->slots_free = 0; /* Its answer is owed while all that follows comes. */
    post_reserved(rig, VMB_MSG_OPEN_RESERVED, 1, 2);
    post_reserved(rig, VMB_MSG_CLOSE_RESERVED, 1, 16); /* No such SINT. */
    assert_int_equal(vmb_host_channel_state(channel), STATE(OPEN));
    rig->devices[0].close_answer = VMB_ERR_BUSY;
    post_reserved(rig, VMB_MSG_CLOSE_RESERVED, 1, 2);
    post_reserved(rig, VMB_MSG_CLOSE_RESERVED, 1, 2); /* Closing already. */
    hrig_open(rig, 1, 100, 1);                        /* Not while it is reserved. */
    hrig_release(rig, 1);
    assert_int_equal(vmb_host_close_done(channel), VMB_OK);
    hrig_poll(rig);
    post_reserved(rig, VMB_MSG_OPEN_RESERVED, 1, 2); /* Before its answer could be posted. */
    assert_int_equal(vmb_host_channel_state(channel), STATE(CLOSED));
    rig->slots_free = 100;
    vmb_host_on_slot_free(rig->host);
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_CLOSE_RESERVED_RESPONSE);
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

/* ---- Devices from within callbacks -----------------------------------------------------------
 */

static void poll_again(struct hrig_device *device)
{
    assert_false(vmb_host_poll(device->rig->host)); /* It goes on when the callback returns. */
}

static void a_poll_within_a_poll_does_nothing(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    rig->devices[0].in_closed = poll_again;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_close(rig, 1);
    assert_int_equal(rig->devices[0].closed, 1);
    hrig_free(rig);
}

static void a_reserved_channel_of_nobody_can_be_revoked(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_rings(rig, VMB_VERSION_5_3, 0);

    (void)state;
    post_reserved(rig, VMB_MSG_OPEN_RESERVED, 1, 2);
    hrig_expect(rig, VMB_MSG_OPEN_RESULT);
    hrig_header_only(rig, VMB_MSG_UNLOAD);
    hrig_expect(rig, VMB_MSG_UNLOAD_COMPLETE);
    assert_int_equal(vmb_host_revoke(channel), VMB_OK);
    hrig_poll(rig);
    assert_int_equal(rig->devices[0].closed, 1);
    assert_int_equal(rig->devices[0].released, 1);
    rig->devices[0].channel = NULL;
    hrig_free(rig);
}

static void an_open_that_outlives_its_guest_can_be_revoked(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_rings(rig, VMB_VERSION_5_3, 0);

    (void)state;
    rig->devices[0].open_answer = VMB_ERR_BUSY;
    hrig_open(rig, 1, 100, 1);
    hrig_header_only(rig, VMB_MSG_UNLOAD);
    assert_int_equal(vmb_host_channel_state(channel), STATE(OPENING_CLIENT_RELEASE));
    assert_int_equal(vmb_host_revoke(channel), VMB_OK);
    hrig_poll(rig);
    assert_int_equal(rig->devices[0].released, 1);
    rig->devices[0].channel = NULL;
    hrig_expect(rig, VMB_MSG_UNLOAD_COMPLETE);
    hrig_free(rig);
}

static void a_reserved_open_that_outlives_its_guest_can_be_revoked(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_rings(rig, VMB_VERSION_5_3, 0);

    (void)state;
    rig->devices[0].open_answer = VMB_ERR_BUSY;
    post_reserved(rig, VMB_MSG_OPEN_RESERVED, 1, 2);
    hrig_header_only(rig, VMB_MSG_UNLOAD);
    hrig_expect(rig, VMB_MSG_UNLOAD_COMPLETE);
    assert_int_equal(vmb_host_channel_state(channel), STATE(OPENING));
    assert_int_equal(vmb_host_revoke(channel), VMB_OK);
    hrig_poll(rig);
    assert_int_equal(rig->devices[0].released, 1);
    rig->devices[0].channel = NULL;
    hrig_free(rig);
}

static void what_nobody_asked_for_control_is_not_called(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *first = hrig_offer(rig, 0, 1, 0);
    struct vmb_host_channel *second = hrig_offer(rig, 1, 2, 0);

    (void)state;
    vmb_host_request_control(first);
    vmb_host_request_control(second);
    assert_int_equal(vmb_host_revoke(second), VMB_OK);
    rig->devices[1].channel = NULL;
    hrig_poll(rig);
    assert_int_equal(rig->devices[0].controls, 1);
    assert_int_equal(rig->devices[1].controls, 0);
    hrig_free(rig);
}

static void memory_without_a_mapping_has_no_address(void **state)
{
    struct vmb_host_gpadl_range range;
    struct vmb_host_gpadl *gpadl = NULL;
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_rings(rig, VMB_VERSION_5_3, 0);

    (void)state;
    assert_int_equal(vmb_host_gpadl_get(channel, 100, &gpadl), VMB_OK);
    assert_int_equal(vmb_host_gpadl_range(gpadl, 1, &range), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_host_gpadl_range(gpadl, 0, &range), VMB_OK);
    assert_non_null(range.base);
    vmb_host_gpadl_put(gpadl);
    assert_int_equal(vmb_host_gpadl_get(channel, 101, &gpadl), VMB_ERR_REFUSED);
    hrig_free(rig);
}

/* Two threads at it, one of them in the middle of raising the interrupt. */
static void raise_during_raise(struct hrig *rig)
{
    rig->in_raise = NULL;
    hrig_modify(rig, 1, 3);
    assert_int_equal(rig->devices[0].modified_vp, 3);
    assert_int_equal(vmb_endpoint_send(rig->devices[0].endpoint, "x", 1, 0, false), VMB_OK);
}

static void a_move_waits_for_the_interrupt_under_way(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    rig->in_raise = raise_during_raise;
    assert_int_equal(vmb_endpoint_send(rig->devices[0].endpoint, "x", 1, 0, false), VMB_OK);
    hrig_poll(rig);
    assert_int_equal(
        hrig_expect(rig, VMB_MSG_MODIFY_CHANNEL_RESPONSE)->u.modify_channel_response.status, 0);
    hrig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_embedder_without_one_of_its_callbacks_is_refused),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(memory_that_does_not_fit_is_refused),
        cmocka_unit_test(a_paravisor_is_whole_comes_first_and_is_the_only_one),
        cmocka_unit_test(what_is_in_use_is_not_given_up),
        cmocka_unit_test(a_device_that_still_stops_keeps_the_host),
        cmocka_unit_test(an_offer_needs_a_whole_driver),
        cmocka_unit_test(monitors_are_given_out_one_by_one),
        cmocka_unit_test(a_host_that_retries_often_looks_at_monitors_later),
        cmocka_unit_test(pages_that_cannot_be_mapped_are_answered),
        cmocka_unit_test(an_interrupt_page_that_cannot_be_mapped_fails_the_contact),
        cmocka_unit_test(a_contact_for_a_sint_that_is_none_is_not_answered),
        cmocka_unit_test(a_connection_that_is_too_large_is_refused),
        cmocka_unit_test(signals_of_a_page_that_is_not_there_are_nothing),
        cmocka_unit_test(who_is_refused_a_socket_must_be_connected_and_heard),
        cmocka_unit_test(reserved_channels_keep_to_their_order),
        cmocka_unit_test(a_poll_within_a_poll_does_nothing),
        cmocka_unit_test(a_reserved_channel_of_nobody_can_be_revoked),
        cmocka_unit_test(an_open_that_outlives_its_guest_can_be_revoked),
        cmocka_unit_test(a_reserved_open_that_outlives_its_guest_can_be_revoked),
        cmocka_unit_test(what_nobody_asked_for_control_is_not_called),
        cmocka_unit_test(memory_without_a_mapping_has_no_address),
        cmocka_unit_test(a_move_waits_for_the_interrupt_under_way),
    };

    return cmocka_run_group_tests_name("host refusals", tests, NULL, NULL);
}
