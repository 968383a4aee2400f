/* SPDX-License-Identifier: MIT */
/* Offers, rescinds and relids: who is told what, in which order, and when a number is free again.
 */
#include "host_rig.h"

#define RINGS 100u

/* Class and instance from one byte each. */
static struct vmb_host_channel *offer(struct hrig *rig, uint32_t device, uint8_t class_byte,
                                      uint8_t instance, uint16_t index, uint16_t order)
{
    struct vmb_host_offer_options options = {.struct_bytes = sizeof(options),
                                             .driver = &hrig_driver,
                                             .device = &rig->devices[device],
                                             .hooks = &hrig_hooks,
                                             .class_id = {{class_byte}},
                                             .instance_id = {{instance}},
                                             .subchannel_index = index,
                                             .order = order};

    assert_int_equal(vmb_host_offer(rig->host, &options, &rig->devices[device].channel), VMB_OK);
    return rig->devices[device].channel;
}

static void expect_offer(struct hrig *rig, uint8_t class_byte, uint8_t instance, uint16_t index,
                         uint32_t relid)
{
    const struct vmb_msg_offer *sent = &hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer;

    assert_int_equal(sent->interface_guid.bytes[0], class_byte);
    assert_int_equal(sent->instance_guid.bytes[0], instance);
    assert_int_equal(sent->subchannel_index, index);
    assert_int_equal(sent->relid, relid);
}

static void the_order_is_class_order_device_index(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    int round;

    (void)state;
    offer(rig, 0, 9, 1, 0, 0);
    offer(rig, 1, 5, 2, 0, 7);
    offer(rig, 2, 5, 8, 0, 3);
    offer(rig, 3, 5, 2, 2, 0); /* Stays with its primary channel. */
    offer(rig, 4, 5, 2, 1, 0);
    for (round = 0; round < 2; round++) { /* The same in each connection. */
        hrig_connect(rig, VMB_VERSION_5_3, 0);
        expect_offer(rig, 5, 8, 0, 1);
        expect_offer(rig, 5, 2, 0, 2);
        expect_offer(rig, 5, 2, 1, 3);
        expect_offer(rig, 5, 2, 2, 4);
        expect_offer(rig, 9, 1, 0, 5);
        hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
        hrig_expect_nothing(rig);
    }
    hrig_free(rig);
}

static void an_offer_says_what_its_version_can_say(void **state)
{
    static const uint32_t versions[] = {VMB_VERSION_0_13, VMB_VERSION_1_1, VMB_VERSION_6_0};
    uint8_t user[3] = {1, 2, 3};

    (void)state;
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        struct hrig *rig = hrig_new(NULL);
        struct vmb_host_offer_options options = {
            .struct_bytes = sizeof(options),
            .driver = &hrig_driver,
            .device = &rig->devices[0],
            .flags = VMB_OFFER_PIPE | VMB_OFFER_CONFIDENTIAL_RING | VMB_OFFER_PINNED_MEMORY,
            .mmio_megabytes = 64,
            .monitored = true,
            .user_defined = user,
            .user_defined_bytes = sizeof(user)};
        const struct vmb_msg_offer *sent;

        assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_OK);
        hrig_connect(rig, versions[i], 0);
        sent = &hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer;
        assert_int_equal(hrig_last(rig)->byte_count, versions[i] < VMB_VERSION_1_1 ? 190 : 196);
        assert_true(vmb_guid_equal(&sent->interface_guid, &hrig_driver.class_id));
        /* Confidential and pinned mean something only if their features were granted. */
        assert_int_equal(sent->flags, VMB_OFFER_PIPE);
        assert_int_equal(sent->mmio_megabytes, 64);
        assert_int_equal(sent->user_defined[2], 3);
        assert_int_equal(sent->user_defined[3], 0);
        assert_false(sent->monitor_allocated); /* The guest gave no pages. */
        assert_int_equal(sent->monitor_id, VMB_MONITOR_NONE);
        assert_int_equal(sent->is_dedicated, versions[i] >= VMB_VERSION_1_1);
        assert_int_equal(sent->connection_id, versions[i] < VMB_VERSION_1_1
                                                  ? VMB_CONNECTION_EVENT
                                                  : VMB_HOST_CONNECTION_BASE + 1);
        hrig_free(rig);
    }
}

static void devices_may_come_at_any_time(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_offer(rig, 0, 1, 0);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer.relid, 1);
    hrig_offer(rig, 1, 1, 1);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer.subchannel_index, 1);
    hrig_expect_nothing(rig); /* And no second AllOffersDelivered. */
    hrig_free(rig);
}

static void nothing_is_offered_before_it_is_asked_for(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_contact(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_VERSION_RESPONSE);
    hrig_offer(rig, 0, 1, 0);
    hrig_expect_nothing(rig);
    assert_int_equal(vmb_host_channel_relid(rig->devices[0].channel), VMB_RELID_NONE);
    hrig_free(rig);
}

static void below_2_4_there_are_no_sub_channels(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_offer(rig, 0, 1, 0);
    hrig_offer(rig, 1, 1, 1);
    hrig_connect(rig, VMB_VERSION_1_1, 0);
    expect_offer(rig, 0xC1, 1, 0, 1);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_expect_nothing(rig);
    hrig_connect(rig, VMB_VERSION_2_4, 0);
    expect_offer(rig, 0xC1, 1, 0, 1);
    expect_offer(rig, 0xC1, 1, 1, 2);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_free(rig);
}

static void what_cannot_be_offered(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_driver no_event = hrig_driver;
    struct vmb_host_offer_options options = {.struct_bytes = sizeof(options)};
    uint32_t i;

    (void)state;
    assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_ERR_INVALID_ARGUMENT);
    no_event.on_event = NULL;
    options.driver = &no_event;
    assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_ERR_INVALID_ARGUMENT);
    options.driver = &hrig_driver;
    options.user_defined = "";
    options.user_defined_bytes = VMB_USER_DEFINED_BYTES + 1;
    assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_ERR_INVALID_ARGUMENT);
    options.user_defined_bytes = 0;
    options.subchannel_index = 1; /* Of no primary channel. */
    assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_ERR_INVALID_ARGUMENT);
    options.subchannel_index = 0;
    assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_OK);
    assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_ERR_WRONG_STATE);
    for (i = 1; i < 16; i++) {
        options.instance_id.bytes[0] = (uint8_t)i;
        assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_OK);
    }
    options.instance_id.bytes[0] = 16;
    assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_ERR_LIMIT);
    hrig_free(rig);
}

static void a_revoked_relid_is_the_guests_until_it_says_so(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_counters counters;

    (void)state;
    hrig_offer(rig, 0, 1, 0);
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    expect_offer(rig, 0xC1, 1, 0, 1);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    assert_int_equal(vmb_host_revoke(rig->devices[0].channel), VMB_OK);
    assert_int_equal(rig->devices[0].released, 1); /* Not open: at once. */
    assert_int_equal(vmb_host_revoke(rig->devices[0].channel), VMB_ERR_WRONG_STATE);
    hrig_poll(rig);
    assert_int_equal(hrig_expect(rig, VMB_MSG_RESCIND_OFFER)->u.rescind.relid, 1);
    hrig_offer(rig, 1, 2, 0);
    expect_offer(rig, 0xC1, 2, 0, 2);
    rig->devices[0].channel = NULL;
    hrig_release(rig, 1);
    hrig_offer(rig, 2, 3, 0);
    expect_offer(rig, 0xC1, 3, 0, 1);
    hrig_expect_nothing(rig);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.channels_in_use, 2);
    hrig_free(rig);
}

static void a_device_that_comes_back_waits_for_the_release(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_rings(rig, VMB_VERSION_5_3, 0);

    (void)state;
    assert_int_equal(vmb_host_revoke(channel), VMB_OK);
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_RESCIND_OFFER);
    assert_ptr_equal(hrig_offer(rig, 1, 1, 0), channel); /* The same class and instance. */
    assert_int_equal(vmb_host_channel_state(channel), VMB_HOST_CHANNEL_REOFFERED);
    hrig_open(rig, 1, RINGS, 1);
    hrig_close(rig, 1);
    hrig_expect_nothing(rig); /* Ignored, no reply. */
    hrig_release(rig, 1);
    assert_int_equal(vmb_host_channel_state(channel), VMB_HOST_CHANNEL_CLOSED);
    expect_offer(rig, 0xC1, 1, 0, 1);
    hrig_expect_nothing(rig);
    /* Its memory of before is gone; the new device opens with new memory. */
    hrig_open(rig, 1, RINGS, 1);
    assert_int_not_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    hrig_gpadl(rig, 1, RINGS, HRIG_FIRST_GPN, HRIG_RING_PAGES);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    hrig_open(rig, 1, RINGS, 1);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    assert_int_equal(rig->devices[0].opened, 0);
    assert_int_equal(rig->devices[1].opened, 1);
    hrig_free(rig);
}

static void reoffered_and_revoked_again(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    struct vmb_host_counters counters;

    (void)state;
    assert_int_equal(vmb_host_revoke(channel), VMB_OK);
    hrig_offer(rig, 1, 1, 0);
    hrig_expect(rig, VMB_MSG_RESCIND_OFFER);
    assert_int_equal(vmb_host_revoke(channel), VMB_OK);
    assert_int_equal(rig->devices[1].released, 1);
    hrig_poll(rig);
    hrig_expect_nothing(rig); /* The guest knows already. */
    hrig_release(rig, 1);
    hrig_expect_nothing(rig);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.channels_in_use, 0);
    rig->devices[0].channel = rig->devices[1].channel = NULL;
    hrig_free(rig);
}

static void offer_again_from_released(struct hrig_device *device)
{
    if (device->released == 1) {
        hrig_offer(device->rig, 0, 1, 0);
    }
}

static void a_device_may_come_back_from_within_its_release(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_open(rig, VMB_VERSION_5_3, 0);

    (void)state;
    rig->devices[0].in_released = offer_again_from_released;
    assert_int_equal(vmb_host_revoke(channel), VMB_OK);
    assert_int_equal(vmb_host_channel_state(channel), VMB_HOST_CHANNEL_REOFFERED);
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_RESCIND_OFFER);
    hrig_release(rig, 1);
    expect_offer(rig, 0xC1, 1, 0, 1);
    hrig_free(rig);
}

static void a_device_that_still_stops_is_not_offered_again(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_open(rig, VMB_VERSION_5_3, 0);
    struct vmb_host_offer_options options = {.struct_bytes = sizeof(options),
                                             .driver = &hrig_driver,
                                             .device = &rig->devices[1],
                                             .instance_id = {{1}}};

    (void)state;
    rig->devices[0].close_answer = VMB_ERR_BUSY;
    assert_int_equal(vmb_host_revoke(channel), VMB_OK);
    hrig_poll(rig);
    hrig_expect_nothing(rig); /* The guest is told when nobody touches its memory any more. */
    assert_int_equal(vmb_host_offer(rig->host, &options, NULL), VMB_ERR_BUSY);
    hrig_release(rig, 1); /* A guess: it knows nothing yet. */
    assert_int_equal(rig->devices[0].released, 0);
    assert_int_equal(vmb_host_close_done(channel), VMB_OK);
    assert_int_equal(rig->devices[0].closed, 1);
    assert_int_equal(rig->devices[0].reason, VMB_ERR_GONE);
    assert_int_equal(rig->devices[0].released, 1);
    rig->devices[0].channel = NULL;
    hrig_poll(rig);
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

static void a_relid_released_without_rescind_hides_the_device_until_the_next_contact(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_rings(rig, VMB_VERSION_5_3, 0);

    (void)state;
    hrig_release(rig, 1);
    assert_int_equal(vmb_host_channel_state(channel), VMB_HOST_CHANNEL_CLIENT_RELEASED);
    hrig_open(rig, 1, RINGS, 1);
    hrig_expect_nothing(rig);
    assert_int_equal(rig->mapped_pages, 0); /* Its GPADLs went with it. */
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    expect_offer(rig, 0xC1, 1, 0, 1);
    hrig_free(rig);
}

static void a_device_that_the_guest_never_saw_leaves_quietly(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_counters counters;

    (void)state;
    hrig_offer(rig, 0, 1, 0);
    assert_int_equal(vmb_host_revoke(rig->devices[0].channel), VMB_OK);
    assert_int_equal(rig->devices[0].released, 1);
    rig->devices[0].channel = NULL;
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.channels_in_use, 0);
    hrig_free(rig);
}

static void a_sub_channel_waits_for_its_primary(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_offer(rig, 0, 1, 0);
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    assert_int_equal(vmb_host_revoke(rig->devices[0].channel), VMB_OK);
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_RESCIND_OFFER);
    hrig_offer(rig, 0, 1, 0); /* Reoffered. */
    hrig_offer(rig, 1, 1, 1);
    hrig_expect_nothing(rig);
    hrig_release(rig, 1);
    expect_offer(rig, 0xC1, 1, 0, 1);
    expect_offer(rig, 0xC1, 1, 1, 2);
    hrig_free(rig);
}

static void channels_are_walked_in_the_order_of_offers(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel;
    struct vmb_guid class_id, instance;
    uint32_t cursor = 0, seen = 0;
    uint16_t index;
    void *device;

    (void)state;
    assert_null(vmb_host_next_channel(rig->host, &cursor));
    cursor = 0;
    hrig_offer(rig, 0, 3, 0);
    hrig_offer(rig, 1, 2, 0);
    hrig_offer(rig, 2, 2, 1);
    while ((channel = vmb_host_next_channel(rig->host, &cursor)) != NULL) {
        vmb_host_channel_identity(channel, &device, &class_id, &instance, &index);
        assert_ptr_equal(device, &rig->devices[seen == 2 ? 0 : seen + 1]);
        assert_int_equal(instance.bytes[0], seen == 2 ? 3 : 2);
        assert_int_equal(index, seen == 1);
        seen++;
    }
    assert_int_equal(seen, 3);
    hrig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_is_class_order_device_index),
        cmocka_unit_test(an_offer_says_what_its_version_can_say),
        cmocka_unit_test(devices_may_come_at_any_time),
        cmocka_unit_test(nothing_is_offered_before_it_is_asked_for),
        cmocka_unit_test(below_2_4_there_are_no_sub_channels),
        cmocka_unit_test(what_cannot_be_offered),
        cmocka_unit_test(a_revoked_relid_is_the_guests_until_it_says_so),
        cmocka_unit_test(a_device_that_comes_back_waits_for_the_release),
        cmocka_unit_test(reoffered_and_revoked_again),
        cmocka_unit_test(a_device_may_come_back_from_within_its_release),
        cmocka_unit_test(a_device_that_still_stops_is_not_offered_again),
        cmocka_unit_test(a_relid_released_without_rescind_hides_the_device_until_the_next_contact),
        cmocka_unit_test(a_device_that_the_guest_never_saw_leaves_quietly),
        cmocka_unit_test(a_sub_channel_waits_for_its_primary),
        cmocka_unit_test(channels_are_walked_in_the_order_of_offers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
