/* SPDX-License-Identifier: MIT */
/*
 * A guest that does not do its part: does not empty its message slot, floods, lies, starts over in
 * the middle. The host stays within its memory and its time, keeps the order, and recovers.
 */
#include "host_rig.h"

static struct vmb_host_options tight(void)
{
    return (struct vmb_host_options){.struct_bytes = sizeof(struct vmb_host_options),
                                     .vp_count = 4,
                                     .channel_limit = 12,
                                     .gpadl_limit = 16,
                                     .gpadl_page_limit = 200,
                                     .message_limit = 8};
}

static vmb_status post_teardown(struct hrig *rig, uint32_t handle)
{
    struct vmb_message message = {.number = VMB_MSG_GPADL_TEARDOWN};
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t count;

    message.u.gpadl_teardown.relid = 1;
    message.u.gpadl_teardown.gpadl = handle;
    assert_int_equal(vmb_message_encode(&message, rig->version, 0, bytes, sizeof(bytes), &count),
                     VMB_OK);
    return vmb_host_on_message(rig->host, rig->guest_connection, bytes, count);
}

static void nothing_overtakes(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    uint32_t handle;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    rig->slots_free = 0;
    for (handle = 0; handle < 10; handle++) {
        hrig_gpadl(rig, 1, handle, HRIG_FIRST_GPN, 1);
    }
    hrig_offer(rig, 1, 2, 0);
    assert_int_equal(vmb_host_revoke(rig->devices[0].channel), VMB_OK);
    hrig_poll(rig);
    for (handle = 0; handle < 10; handle++) {
        rig->slots_free = 1;
        vmb_host_on_slot_free(rig->host);
        hrig_poll(rig);
        assert_int_equal(hrig_expect(rig, VMB_MSG_GPADL_CREATED)->u.gpadl_created.gpadl, handle);
        hrig_expect_nothing(rig);
    }
    rig->slots_free = 100;
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_expect(rig, VMB_MSG_RESCIND_OFFER);
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

static void more_offers_than_the_queue_holds(void **state)
{
    struct vmb_host_options options = tight();
    struct hrig *rig = hrig_new(&options);
    uint32_t i;

    (void)state;
    for (i = 0; i < 12; i++) {
        hrig_offer(rig, i % HRIG_DEVICES, (uint8_t)(12 - i), 0);
    }
    hrig_contact(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_VERSION_RESPONSE);
    rig->slots_free = 0;
    hrig_header_only(rig, VMB_MSG_REQUEST_OFFERS);
    for (i = 1; i <= 12; i++) {
        const struct vmb_msg_offer *offer;

        rig->slots_free = 1;
        hrig_poll(rig);
        offer = &hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer;
        assert_int_equal(offer->relid, i);
        assert_int_equal(offer->instance_guid.bytes[0], i);
        hrig_expect_nothing(rig);
    }
    rig->slots_free = 1;
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_free(rig);
}

/* A guest that posts and never looks, until it is not heard any more. */
static void fill(struct hrig *rig)
{
    struct vmb_message message = {.number = VMB_MSG_GPADL_HEADER};
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t count, taken = 0;

    rig->slots_free = 0;
    message.u.gpadl_header.relid = 77; /* No such channel: each is answered. */
    assert_int_equal(vmb_message_encode(&message, rig->version, 0, bytes, sizeof(bytes), &count),
                     VMB_OK);
    while (vmb_host_on_message(rig->host, rig->guest_connection, bytes, count) == VMB_OK) {
        hrig_poll(rig);
        assert_true(++taken < 100);
    }
    assert_int_equal(taken, 7 + 6); /* The outbox but for one, the inbox but for two. */
}

static void a_guest_that_does_not_read_is_not_heard(void **state)
{
    struct vmb_host_options options = tight();
    struct hrig *rig = hrig_new(&options);
    struct vmb_host_counters counters;
    uint32_t i;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    fill(rig);
    assert_int_equal(post_teardown(rig, 100), VMB_ERR_RETRY);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.messages_refused, 2);
    rig->slots_free = 1; /* It reads one: one more is taken. */
    hrig_poll(rig);
    assert_int_equal(post_teardown(rig, 100), VMB_OK);
    assert_int_equal(post_teardown(rig, 100), VMB_ERR_RETRY);
    rig->slots_free = 100;
    hrig_poll(rig);
    for (i = 0; i < 13; i++) {
        hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    }
    hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN);
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

static void who_starts_over_gets_through(void **state)
{
    struct vmb_host_options options = tight();
    struct hrig *rig = hrig_new(&options);

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    fill(rig);
    hrig_contact(rig, VMB_VERSION_4_1, 0); /* A new kernel; the slot is still the old one's. */
    assert_int_equal(rig->devices[0].closed, 1);
    rig->slots_free = 10;
    hrig_poll(rig);
    assert_int_equal(
        hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.selected_version,
        VMB_VERSION_4_1);
    hrig_expect_nothing(rig);
    fill(rig);
    hrig_header_only(rig, VMB_MSG_UNLOAD);
    rig->slots_free = 10;
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_UNLOAD_COMPLETE);
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

static void contact_at(struct hrig *rig, uint8_t sint)
{
    struct vmb_message message = {.number = VMB_MSG_INITIATE_CONTACT};
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t count;

    message.u.initiate_contact.requested_version = VMB_VERSION_5_3;
    message.u.initiate_contact.target_sint = sint;
    assert_int_equal(vmb_message_encode(&message, 0, 0, bytes, sizeof(bytes), &count), VMB_OK);
    assert_int_equal(vmb_host_on_message(rig->host, VMB_CONNECTION_MULTICLIENT, bytes, count),
                     VMB_OK);
    hrig_poll(rig);
}

/* A device takes its time, the guest reads nothing, and its SynIC has more than one SINT: whoever
 * asks for another is refused there. The answer to the one who waits has its place all the same. */
static void who_waits_is_answered_among_those_refused(void **state)
{
    static const bool unloads[] = {false, true};

    (void)state;
    for (uint32_t k = 0; k < 2; k++) {
        struct vmb_host_options options = tight();
        struct hrig *rig = hrig_new(&options);
        uint32_t number = unloads[k] ? VMB_MSG_UNLOAD_COMPLETE : VMB_MSG_VERSION_RESPONSE;
        uint32_t answers = 0;

        hrig_with_open(rig, VMB_VERSION_5_3, 0);
        rig->devices[0].close_answer = VMB_ERR_BUSY;
        rig->slots_free = 0;
        if (unloads[k]) {
            hrig_header_only(rig, VMB_MSG_UNLOAD);
        } else {
            contact_at(rig, VMB_HOST_SINT);
        }
        for (uint32_t i = 0; i < 20; i++) {
            contact_at(rig, 5);
        }
        assert_int_equal(vmb_host_close_done(rig->devices[0].channel), VMB_OK);
        hrig_poll(rig);
        rig->lenient = true;
        rig->slots_free = 100;
        vmb_host_on_slot_free(rig->host);
        hrig_poll(rig);
        for (uint32_t i = rig->posted_read; i < rig->posted_count; i++) {
            answers += rig->posted[i].sint == VMB_HOST_SINT;
        }
        assert_int_equal(answers, 1);
        assert_int_equal(rig->posted[rig->posted_count - 1].sint, VMB_HOST_SINT);
        assert_int_equal(rig->posted[rig->posted_count - 1].bytes[0], number);
        rig->devices[0].close_answer = VMB_OK;
        hrig_free(rig);
    }
}

static void a_poll_is_bounded(void **state)
{
    static const uint8_t close[] = {VMB_MSG_CLOSE_CHANNEL, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0};
    struct vmb_host_options options = tight();
    struct hrig *rig;
    struct vmb_host_counters counters;
    uint32_t i;

    (void)state;
    options.message_limit = 128;
    rig = hrig_new(&options);
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    for (i = 0; i < 100; i++) {
        assert_int_equal(vmb_host_on_message(rig->host, 1, close, sizeof(close)), VMB_OK);
    }
    assert_true(vmb_host_poll(rig->host));
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.messages_unexpected, 64);
    rig->slots_free = 0;
    for (i = 0; i < 100; i++) {
        hrig_gpadl(rig, 77, i, HRIG_FIRST_GPN, 1);
    }
    rig->slots_free = 1000;
    assert_true(vmb_host_poll(rig->host));
    assert_int_equal(rig->posted_count - rig->posted_read, 64);
    assert_false(vmb_host_poll(rig->host));
    assert_int_equal(rig->posted_count - rig->posted_read, 100);
    hrig_free(rig);
}

static void a_taken_slot_is_tried_again_unasked(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_counters counters;
    uint32_t wakes;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    assert_true(vmb_host_next_deadline_ns(rig->host) == VMB_NEVER);
    rig->slots_free = 0;
    rig->now_ns = 5000;
    hrig_gpadl(rig, 1, 1, HRIG_FIRST_GPN, 1);
    assert_true(vmb_host_next_deadline_ns(rig->host) == 5000 + 1000000);
    wakes = rig->work_ready_count;
    vmb_host_on_slot_free(rig->host);
    assert_int_equal(rig->work_ready_count, wakes + 1);
    rig->slots_free = 1;
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    assert_true(vmb_host_next_deadline_ns(rig->host) == VMB_NEVER);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.post_retries, 1);
    hrig_free(rig);
}

static void what_cannot_be_delivered_is_dropped(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_counters counters;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    rig->post_error = VMB_ERR_INVALID_TARGET;
    hrig_gpadl(rig, 1, 1, HRIG_FIRST_GPN, 1);
    rig->post_error = VMB_OK;
    hrig_gpadl(rig, 1, 2, HRIG_FIRST_GPN, 1);
    assert_int_equal(hrig_expect(rig, VMB_MSG_GPADL_CREATED)->u.gpadl_created.gpadl, 2);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.messages_dropped, 1);
    hrig_free(rig);
}

static void a_guest_cannot_flood_the_log(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_counters counters;
    uint32_t i;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    for (i = 0; i < 1000; i++) {
        hrig_close(rig, 1); /* Not open. */
    }
    assert_in_range(rig->log_count, 1, 16);
    rig->now_ns += 1000000000;
    hrig_close(rig, 1);
    assert_in_range(rig->log_count, 2, 17);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.lines_suppressed, 1001 - rig->log_count);
    assert_int_equal(counters.messages_unexpected, 1001);
    hrig_free(rig);
}

/* ---- Anything at all ------------------------------------------------------------------------- */

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

/* A message of a random kind whose fields are small numbers, so that some of it makes sense. */
static void post_anything(struct hrig *rig)
{
    static const uint32_t versions[] = {VMB_VERSION_0_13, VMB_VERSION_2_4, VMB_VERSION_5_2,
                                        VMB_VERSION_5_3,  VMB_VERSION_6_0, 0x70000};
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES] = {0};
    uint32_t count = 8 + random_below(VMB_MESSAGE_MAX_BYTES - 7);
    uint32_t number = random_below(VMB_MSG_LAST + 2), i;

    if (number == VMB_MSG_UNLOAD && random_below(8) != 0) {
        number = VMB_MSG_REQUEST_OFFERS;
    }
    bytes[0] = (uint8_t)number;
    for (i = 8; i + 4 <= sizeof(bytes); i += 4) {
        bytes[i] = (uint8_t)random_below(random_below(4) == 0 ? 256 : 8);
    }
    if (number == VMB_MSG_INITIATE_CONTACT) {
        uint32_t version = versions[random_below(6)];

        memset(bytes + 8, 0, sizeof(bytes) - 8);
        memcpy(bytes + 8, (uint8_t[]){(uint8_t)version, 0, (uint8_t)(version >> 16), 0}, 4);
        bytes[16] = version >= VMB_VERSION_5_0 ? VMB_HOST_SINT : 0;
        bytes[17] = version >= VMB_VERSION_5_0 ? 0 : 0x10;
        bytes[18] = version >= VMB_VERSION_5_0 ? 0 : 0x10;
        bytes[20] = version == VMB_VERSION_6_0 ? 0x25 : 0;
        count = VMB_MESSAGE_MAX_BYTES;
    }
    (void)!vmb_host_on_message(rig->host, random_below(2) == 0 ? 1 : 4, bytes, count);
}

static void post_something_good(struct hrig *rig)
{
    uint32_t relid = 1 + random_below(4);
    struct vmb_message message = {0};
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t count;

    switch (random_below(5)) {
    case 0:
        message.number = VMB_MSG_REQUEST_OFFERS;
        break;
    case 1:
        message.number = VMB_MSG_GPADL_HEADER;
        message.u.gpadl_header.relid = relid;
        message.u.gpadl_header.gpadl = random_below(6);
        message.u.gpadl_header.range_count = 1;
        message.u.gpadl_header.range_data_bytes = 8 * 9;
        message.u.gpadl_header.range_word_count = 9;
        message.u.gpadl_header.range_words[0] = 8 * VMB_PAGE_BYTES;
        for (uint32_t i = 1; i < 9; i++) {
            message.u.gpadl_header.range_words[i] = HRIG_FIRST_GPN + 8 * relid + i;
        }
        break;
    case 2:
        message.number = VMB_MSG_OPEN_CHANNEL;
        message.u.open_channel.relid = relid;
        message.u.open_channel.ring_gpadl = random_below(6);
        message.u.open_channel.target_vp = random_below(5);
        message.u.open_channel.downstream_page_offset = 4;
        message.u.open_channel.connection_id = VMB_HOST_CONNECTION_BASE + relid;
        message.u.open_channel.event_flag = (uint16_t)relid;
        break;
    case 3:
        message.number = VMB_MSG_MODIFY_CHANNEL;
        message.u.modify_channel.relid = relid;
        message.u.modify_channel.target_vp = random_below(5);
        break;
    default:
        message.number = VMB_MSG_RELID_RELEASED;
        message.u.relid_released.relid = relid;
        break;
    }
    if (vmb_message_encode(&message, vmb_host_version(rig->host), vmb_host_features(rig->host),
                           bytes, sizeof(bytes), &count) == VMB_OK) {
        (void)!vmb_host_on_message(rig->host, 4, bytes, count);
    }
}

/* Stands for all that a device or a VMM may do at any moment. */
static void do_anything(struct hrig *rig)
{
    struct hrig_device *device = &rig->devices[random_below(4)];
    struct vmb_host_offer_options options = {
        .struct_bytes = sizeof(options),
        .driver = &hrig_driver,
        .device = device,
        .hooks = &hrig_hooks,
        .instance_id = {{(uint8_t)(1 + (device - rig->devices) / 2)}},
        .subchannel_index = (uint16_t)((device - rig->devices) % 2)};

    switch (random_below(9)) {
    case 0:
        if (device->channel == NULL) {
            struct vmb_host_channel *channel = NULL;

            if (vmb_host_offer(rig->host, &options, &channel) == VMB_OK) {
                device->channel = channel;
            }
        }
        break;
    case 1:
        if (device->channel != NULL && random_below(4) == 0) {
            (void)!vmb_host_revoke(device->channel);
        }
        break;
    case 2:
        if (device->channel != NULL) {
            (void)!vmb_host_open_done(device->channel, random_below(3) ? VMB_OK : VMB_ERR_REFUSED);
        }
        break;
    case 3:
        if (device->channel != NULL) {
            (void)!vmb_host_close_done(device->channel);
        }
        break;
    case 4:
        device->open_answer = random_below(2) ? VMB_OK : VMB_ERR_BUSY;
        device->close_answer = random_below(2) ? VMB_OK : VMB_ERR_BUSY;
        break;
    case 5:
        if (device->endpoint != NULL) {
            (void)!vmb_endpoint_send(device->endpoint, "x", 1, 0, false);
        }
        break;
    case 6:
        (void)!vmb_host_on_signal(rig->host, VMB_HOST_CONNECTION_BASE + random_below(6), 0);
        break;
    case 7:
        rig->slots_free = random_below(3) ? random_below(4) : 1000;
        break;
    default:
        (void)!vmb_host_run(rig->host, random_below(3));
        break;
    }
}

static void forget_channel(struct hrig_device *device)
{
    device->channel = NULL;
}

static void no_sequence_of_events_breaks_the_host(void **state)
{
    uint32_t seed, step, i;

    (void)state;
    for (seed = 1; seed <= 40; seed++) {
        struct vmb_host_options options = tight();
        struct hrig *rig = hrig_new(&options);

        random_state = seed;
        for (i = 0; i < HRIG_DEVICES; i++) {
            rig->devices[i].in_released = forget_channel;
        }
        for (step = 0; step < 1000; step++) {
            uint32_t kind = random_below(8);

            if (kind == 0) {
                post_anything(rig);
            } else if (kind <= 3) {
                post_something_good(rig);
            } else {
                do_anything(rig);
            }
            rig->maps_refused = random_below(64) == 0;
            rig->version = vmb_host_version(rig->host); /* To decode what is posted. */
            rig->features = vmb_host_features(rig->host);
            hrig_poll(rig);
            rig->posted_count = rig->posted_read = 0;
            rig->now_ns += 1000000;
        }
        hrig_free(rig); /* It has let go of everything. */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_overtakes),
        cmocka_unit_test(more_offers_than_the_queue_holds),
        cmocka_unit_test(a_guest_that_does_not_read_is_not_heard),
        cmocka_unit_test(who_starts_over_gets_through),
        cmocka_unit_test(who_waits_is_answered_among_those_refused),
        cmocka_unit_test(a_poll_is_bounded),
        cmocka_unit_test(a_taken_slot_is_tried_again_unasked),
        cmocka_unit_test(what_cannot_be_delivered_is_dropped),
        cmocka_unit_test(a_guest_cannot_flood_the_log),
        cmocka_unit_test(no_sequence_of_events_breaks_the_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
