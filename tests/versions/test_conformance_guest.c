/* SPDX-License-Identifier: MIT */
/*
 * What a guest has to stand, one line of the checklist a test (docs/CONFORMANCE.md). The host is
 * one of ours, and where it has to misbehave, a hook on the way does it.
 */
#include "pair.h"

#include <vmbus/proto/pages.h>

static const uint32_t versions[] = {VMB_VERSION_0_13, VMB_VERSION_1_1, VMB_VERSION_2_4,
                                    VMB_VERSION_3_0,  VMB_VERSION_4_0, VMB_VERSION_4_1,
                                    VMB_VERSION_5_0,  VMB_VERSION_5_1, VMB_VERSION_5_2,
                                    VMB_VERSION_5_3,  VMB_VERSION_6_0};

enum {
    VERSION_COUNT = sizeof(versions) / sizeof(versions[0])
};

static struct pair *new_pair(uint32_t version)
{
    struct vmb_host_options host = {.max_version = version};
    struct pair *pair = pair_new(NULL, &host, false);

    pair_offer(pair, 0, 0, 0);
    pair_offer(pair, 1, 0, 0);
    return pair;
}

static struct pair *connected(void)
{
    struct pair *pair = new_pair(0);

    assert_int_equal(pair_connect(pair), VMB_OK);
    return pair;
}

static struct pair *opened(void)
{
    struct pair *pair = connected();

    assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
    assert_int_equal(pair_open(pair, 1, 2, false), VMB_OK);
    return pair;
}

static void talks(struct pair *pair, uint32_t number)
{
    pair_send(pair, number, 200);
    assert_int_equal(pair_drained(pair, number), VMB_OK);
}

static uint32_t pages_of(const struct pair *pair, enum pair_page kind)
{
    uint32_t count = 0, i;

    for (i = 0; i < PAIR_PAGES; i++) {
        count += pair->kind[i] == kind;
    }
    return count;
}

static void guest_1_two_cpus_flip_modify_channel_under_traffic(void **state)
{
    struct pair *pair = opened();
    uint32_t turn;

    (void)state;
    for (turn = 0; turn < 1000; turn++) {
        pair_send(pair, 0, 7);
        pair_send(pair, 1, 7);
        assert_int_equal(pair_retarget(pair, turn % 2, 1 + turn / 2 % 2), VMB_OK);
    }
    assert_int_equal(pair_drained(pair, 0), VMB_OK);
    assert_int_equal(pair_drained(pair, 1), VMB_OK);
    pair_free(pair);
}

/* ---- 2: a rescind at every message ------------------------------------------------------------
 */

static enum pair_way revoke_way;
static uint32_t revoke_number;
static bool revoke_due;

static bool revoke_sees(struct pair *pair, enum pair_way way, uint32_t number)
{
    if (way == revoke_way && number == revoke_number) {
        pair->passes = NULL;
        revoke_due = true;
    }
    return true;
}

static void revoke_between(struct pair *pair)
{
    if (revoke_due) {
        revoke_due = false;
        pair_revoke(pair, 0);
    }
}

static void rescinded_at(enum pair_way way, uint32_t number)
{
    struct pair *pair = connected();
    struct pair_device *device = &pair->devices[0];
    uint32_t before;
    uint32_t relid = vmb_channel_relid(device->channel);

    pair->ring_pages = 40; /* Bodies too. */
    assert_int_equal(pair_open(pair, 1, 2, false), VMB_OK);
    before = pages_of(pair, PAIR_SHARED);
    revoke_way = way;
    revoke_number = number;
    pair->passes = revoke_sees;
    pair->between = revoke_between;
    assert_int_equal(pair_open_begin(pair, 0, 1, false), VMB_OK);
    pair_pump(pair);
    if (device->channel != NULL && device->done_status == VMB_OK && pair->passes != NULL) {
        pair_send(pair, 0, 20);
        assert_int_equal(vmb_channel_set_target_vp(device->channel, 3, NULL, NULL), VMB_OK);
        pair_pump(pair);
        if (pair->passes != NULL) {
            device->done_count = 0;
            assert_int_equal(vmb_channel_close(device->channel, pair_done, device), VMB_OK);
            pair_pump(pair);
        }
    }
    assert_null(pair->passes); /* It has come to that. */
    pair_pass(pair, 5000000000u);
    assert_int_equal(device->done_count, 1);
    assert_int_equal(device->rescinded, 1);
    assert_int_equal(device->released, 1);
    assert_int_equal(device->opened, device->closed);
    assert_int_equal(pair->passed[PAIR_TO_HOST][VMB_MSG_RELID_RELEASED], 1);
    assert_int_equal(pages_of(pair, PAIR_SHARED), before);
    pair_offer(pair, 0, 0, 0);
    pair_pump(pair);
    assert_int_equal(vmb_channel_relid(device->channel), relid);
    assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
    talks(pair, 0);
    talks(pair, 1);
    pair_free(pair);
}

static void guest_2_a_rescind_at_every_message_of_a_channels_life(void **state)
{
    static const uint32_t to_host[] = {VMB_MSG_GPADL_HEADER,  VMB_MSG_GPADL_BODY,
                                       VMB_MSG_OPEN_CHANNEL,  VMB_MSG_MODIFY_CHANNEL,
                                       VMB_MSG_CLOSE_CHANNEL, VMB_MSG_GPADL_TEARDOWN};
    static const uint32_t to_guest[] = {VMB_MSG_GPADL_CREATED, VMB_MSG_OPEN_RESULT,
                                        VMB_MSG_MODIFY_CHANNEL_RESPONSE, VMB_MSG_GPADL_TORNDOWN};
    uint32_t i;

    (void)state;
    for (i = 0; i < sizeof(to_host) / sizeof(to_host[0]); i++) {
        rescinded_at(PAIR_TO_HOST, to_host[i]);
    }
    for (i = 0; i < sizeof(to_guest) / sizeof(to_guest[0]); i++) {
        rescinded_at(PAIR_TO_GUEST, to_guest[i]);
    }
}

static void guest_2_unload_while_a_relid_is_being_released(void **state)
{
    struct pair *pair = connected();

    (void)state;
    pair->keep_rescinded = true;
    pair_revoke(pair, 0);
    pair_pump(pair);
    assert_int_equal(pair->devices[0].rescinded, 1);
    {
        struct vmb_channel *channel = vmb_guest_relid2channel(pair->guest, 1);

        assert_int_equal(vmb_channel_let_go(channel), VMB_OK);
        assert_int_equal(pair_unload(pair), VMB_OK); /* Before RelIdReleased is posted. */
    }
    assert_int_equal(pair_connect(pair), VMB_OK);
    assert_int_equal(pair_open(pair, 1, 1, false), VMB_OK);
    talks(pair, 1);
    pair_free(pair);
}

/* ---- 3 to 6: a host that says nonsense --------------------------------------------------------
 */

static void guest_3_flags_of_every_relid_at_random(void **state)
{
    struct pair *pair = opened();
    uint32_t seed = 12345, turn;

    (void)state;
    for (turn = 0; turn < 20000; turn++) {
        uint8_t *flags;
        uint32_t vp, relid;

        seed = seed * 1664525u + 1013904223u;
        vp = seed >> 30;
        relid = seed >> 8 & 2047u;
        flags = vmb_hv_event_flags(pair->synic[0].events + (size_t)vp * VMB_PAGE_BYTES, 2);
        flags[relid / 8] = (uint8_t)(flags[relid / 8] | 1u << relid % 8);
        pair->interrupt[vp] = true;
        if (turn % 100 == 0) {
            pair_send(pair, turn / 100 % 2, 5);
            pair_pump(pair);
        }
    }
    talks(pair, 0);
    talks(pair, 1);
    pair_free(pair);
}

static void guest_4_two_messages_back_to_back_a_thousand_times(void **state)
{
    struct pair *pair = connected();
    uint32_t turn;

    (void)state;
    for (turn = 0; turn < 1000; turn++) {
        pair_offer(pair, 2, 0, 0);
        pair_offer(pair, 3, 0, 0);
        pair_pump(pair);
        assert_non_null(pair->devices[2].channel);
        assert_non_null(pair->devices[3].channel);
        pair_revoke(pair, 2);
        pair_revoke(pair, 3);
        pair_pump(pair);
        assert_int_equal(pair->devices[2].rescinded, turn + 1);
        assert_int_equal(pair->devices[3].released, turn + 1);
    }
    pair_free(pair);
}

static void guest_5_truncated_oversized_and_unknown_messages(void **state)
{
    struct pair *pair = opened();
    uint8_t bytes[VMB_HV_MESSAGE_MAX];
    uint8_t *slot = vmb_hv_slot(pair->synic[0].messages, VMB_HV_SINT_VMBUS);
    uint32_t number, length;

    (void)state;
    memset(bytes, 0xEE, sizeof(bytes)); /* Names no channel, no handle. */
    for (number = 0; number < 64; number++) {
        for (length = 0; length <= sizeof(bytes); length++) {
            memset(bytes, 0, 8);
            bytes[0] = (uint8_t)number;
            (void)pair_say_bytes(pair, PAIR_TO_GUEST, 0, bytes, length);
            assert_false(vmb_hv_slot_occupied(slot));
        }
    }
    bytes[0] = VMB_MSG_RESCIND_OFFER;
    (void)pair_say_bytes(pair, PAIR_TO_GUEST, 0, bytes, 12);
    slot[VMB_HV_SLOT_SIZE] = 255; /* More than a slot holds. */
    slot[VMB_HV_SLOT_TYPE] = VMB_SYNIC_MESSAGE_TYPE;
    pair->interrupt[0] = true;
    pair_pump(pair);
    assert_false(vmb_hv_slot_occupied(slot));
    slot[VMB_HV_SLOT_TYPE + 3] = 0x80; /* A timer's. */
    pair->interrupt[0] = true;
    pair_pump(pair);
    assert_false(vmb_hv_slot_occupied(slot));
    talks(pair, 0);
    assert_int_equal(pair_close(pair, 1), VMB_OK);
    pair_free(pair);
}

/* The control page of the ring that the host writes, of the channel that was opened last. */
static uint8_t *ring_to_guest(struct pair *pair)
{
    return (uint8_t *)(void *)pair->last_share.base +
           (size_t)(PAIR_RING_PAGES + 1) * VMB_PAGE_BYTES;
}

static uint8_t *lie_at;
static uint32_t lie;

static void lie_between(struct pair *pair)
{
    uint8_t *flags = vmb_hv_event_flags(pair->synic[0].events + 2 * VMB_PAGE_BYTES, 2);

    memcpy(lie_at, &lie, sizeof(lie)); /* In whichever order of bytes: nonsense. */
    if ((flags[0] & 1u << 2) == 0) {
        flags[0] = (uint8_t)(flags[0] | 1u << 2); /* Look. */
        pair->interrupt[2] = true;
    }
}

static void guest_6_garbage_in_a_ring_stops_its_channel_only(void **state)
{
    static const uint32_t garbage[] = {0xFFFFFFFF, 0xFFFFFFF8, 0x07070707, 0xF0F0F0F0, 0x00808000};
    uint32_t i, turn;

    (void)state;
    for (i = 0; i < 2 * sizeof(garbage) / sizeof(garbage[0]); i++) {
        struct pair *pair = opened();
        struct vmb_endpoint *endpoint;
        bool writes = i % 2 == 0;

        lie = garbage[i / 2];
        lie_at = writes ? ring_to_guest(pair) + VMB_RING_WRITE_OFFSET
                        : (uint8_t *)(void *)pair->last_share.base + VMB_RING_READ_OFFSET;
        assert_int_equal(vmb_channel_relid(pair->devices[1].channel), 2);
        pair->devices[1].payload_bytes = 1000; /* The ring is full soon. */
        pair_send(pair, 1, 3000);
        for (turn = 0; turn < 100; turn++) {
            lie_between(pair);
            (void)vmb_guest_on_interrupt(pair->guest, 2);
            pair->host_runs = vmb_host_run(pair->host, 4);
        }
        endpoint = pair->devices[1].endpoint;
        assert_true(writes ? endpoint->rx.broken : endpoint->tx.broken != 0);
        assert_true(pair->devices[1].received < 3000);
        talks(pair, 0);
        assert_int_equal(pair_close(pair, 1), VMB_OK);
        assert_int_equal(pair_open(pair, 1, 2, false), VMB_OK);
        pair->devices[1].payload_bytes = 0;
        talks(pair, 1);
        pair_free(pair);
    }
}

/* ---- 7 to 12 ----------------------------------------------------------------------------------
 */

static void guest_7_packets_of_nearly_ring_size_both_ways(void **state)
{
    struct pair *pair = connected();
    struct pair_device *device = &pair->devices[0];
    static uint8_t payload[PAIR_PAYLOAD];
    uint32_t limit, bytes;

    (void)state;
    pair->ring_pages = 1; /* The smallest. */
    assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
    limit = vmb_endpoint_payload_limit(device->endpoint);
    assert_true(limit < VMB_PAGE_BYTES && limit > VMB_PAGE_BYTES - 64);
    assert_int_equal(vmb_endpoint_send(device->endpoint, payload, limit + 1, 0, false),
                     VMB_ERR_INVALID_ARGUMENT);
    for (bytes = limit; bytes > limit - 64; bytes--) {
        device->payload_bytes = bytes;
        talks(pair, 0);
    }
    for (bytes = limit / 2 + 32; bytes > limit / 2 - 32; bytes--) {
        device->payload_bytes = bytes;
        talks(pair, 0);
    }
    pair_free(pair);
}

static void guest_8_nine_posts_of_ten_find_no_buffer(void **state)
{
    struct pair *pair = new_pair(0);
    struct vmb_guest_counters counters;

    (void)state;
    pair->post_busy = 10;
    pair->ring_pages = 60;
    assert_int_equal(pair_connect(pair), VMB_OK);
    assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
    talks(pair, 0);
    assert_int_equal(pair_retarget(pair, 0, 3), VMB_OK);
    assert_int_equal(pair_vp_off(pair, 3), VMB_OK);
    talks(pair, 0);
    assert_int_equal(pair_close(pair, 0), VMB_OK);
    assert_int_equal(pair_unload(pair), VMB_OK);
    vmb_guest_read_counters(pair->guest, &counters);
    assert_true(counters.post_retries > 8 * counters.messages_posted);
    pair_free(pair);
}

static void guest_9_each_version_that_a_host_can_be_limited_to(void **state)
{
    uint32_t i;

    (void)state;
    for (i = 0; i < VERSION_COUNT; i++) {
        struct pair *pair = new_pair(versions[i]);

        assert_int_equal(pair_connect(pair), VMB_OK);
        assert_int_equal(vmb_guest_version(pair->guest), versions[i]);
        assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
        talks(pair, 0);
        pair_free(pair);
    }
}

static void guest_10_firmware_leaves_a_dirty_slot_and_flags(void **state)
{
    struct pair *pair = opened();
    struct vmb_message stale = {.number = VMB_MSG_RESCIND_OFFER, .u.rescind.relid = 1};
    struct vmb_message refusal = {.number = VMB_MSG_VERSION_RESPONSE};
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t byte_count;

    (void)state;
    pair_send(pair, 0, 1000);
    pair->guest_stopped = true;
    pair->host_stopped = true;
    assert_int_equal(
        vmb_message_encode(&stale, VMB_VERSION_6_0, 0, bytes, sizeof(bytes), &byte_count), VMB_OK);
    (void)pair_say_bytes(pair, PAIR_TO_GUEST, 0, bytes, byte_count);
    memset(pair->synic[0].events, 0xFF, (size_t)PAIR_VPS * VMB_PAGE_BYTES);
    pair->host_stopped = false;
    pair_reboot(pair, NULL);
    pair->interrupt[0] = pair->interrupt[1] = true;
    assert_int_equal(pair_connect(pair), VMB_OK);
    assert_int_equal(vmb_guest_version(pair->guest), VMB_VERSION_6_0);
    assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
    assert_int_equal(pair_open(pair, 1, 3, false), VMB_OK);
    talks(pair, 0);
    talks(pair, 1);
    (void)pair_say(pair, PAIR_TO_GUEST, &refusal); /* Too late to matter. */
    talks(pair, 1);
    pair_free(pair);
}

static void guest_10_a_crash_unloads_from_a_vp_that_is_not_the_buss(void **state)
{
    struct pair *pair = opened();
    vmb_status status = VMB_ERR_RETRY;
    uint32_t turn;

    (void)state;
    pair_send(pair, 0, 1000);
    pair_offer(pair, 2, 0, 0); /* Its offer lies in the slot that the answer needs. */
    pair->guest_stopped = true;
    pair_pump(pair);
    assert_true(vmb_hv_slot_occupied(vmb_hv_slot(pair->synic[0].messages, VMB_HV_SINT_VMBUS)));
    for (turn = 0; turn < 100 && status == VMB_ERR_RETRY; turn++) {
        status = vmb_guest_crash_unload(pair->guest);
        pair->now_ns += 10000000u;
        pair_pump(pair);
    }
    assert_int_equal(status, VMB_OK);
    assert_int_equal(pair->host_disconnected, 1);
    pair_reboot(pair, NULL);
    assert_int_equal(pair_connect(pair), VMB_OK);
    assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
    talks(pair, 0);
    pair_free(pair);
}

static void guest_11_resume_with_permuted_relids_and_connections(void **state)
{
    struct pair *pair = opened();
    uint32_t relid = vmb_channel_relid(pair->devices[1].channel);
    uint32_t connection = vmb_channel_offer(pair->devices[1].channel)->connection_id;

    (void)state;
    assert_int_equal(vmb_guest_suspend(pair->guest), VMB_OK);
    pair_pump(pair);
    assert_int_equal(pair->suspended_status, VMB_OK);
    pair->devices[1].instance = 0; /* Now it is the first. */
    pair_revoke(pair, 1);
    pair->devices[1].instance = 2;
    pair_pump(pair);
    pair->devices[2].instance = 0x01;
    pair_revoke(pair, 0);
    pair_pump(pair);
    pair_offer(pair, 1, 0, 0);
    pair->devices[0].instance = 0x60;
    pair_offer(pair, 0, 0, 0);
    pair->devices[0].instance = 1;
    assert_int_equal(vmb_guest_resume(pair->guest), VMB_OK);
    pair_pump(pair);
    assert_int_equal(pair->devices[1].resumed, 1);
    assert_true(vmb_channel_relid(pair->devices[1].channel) != relid);
    assert_true(vmb_channel_offer(pair->devices[1].channel)->connection_id != connection);
    assert_int_equal(pair_open(pair, 1, 3, false), VMB_OK);
    talks(pair, 1);
    assert_int_equal(pair->passed[PAIR_TO_HOST][VMB_MSG_RELID_RELEASED], 0);
    pair_free(pair);
}

static void guest_12_a_device_removed_released_and_added_at_once(void **state)
{
    struct pair *pair = opened();
    uint32_t relid = vmb_channel_relid(pair->devices[0].channel);
    uint32_t turn;

    (void)state;
    for (turn = 0; turn < 100; turn++) {
        pair_send(pair, 0, 1000);
        pair_revoke(pair, 0);
        pair_pump(pair);
        pair_offer(pair, 0, 0, 0);
        pair_pump(pair);
        assert_int_equal(vmb_channel_relid(pair->devices[0].channel), relid);
        assert_int_equal(pair_open(pair, 0, turn % PAIR_VPS, false), VMB_OK);
        talks(pair, 0);
    }
    talks(pair, 1);
    pair_free(pair);
}

/* ---- What a guest must tolerate ---------------------------------------------------------------
 */

static bool early_result(struct pair *pair, enum pair_way way, uint32_t number)
{
    if (way == PAIR_TO_GUEST && number == VMB_MSG_OPEN_RESULT) {
        uint8_t *flags = vmb_hv_event_flags(pair->synic[0].events + VMB_PAGE_BYTES, 2);

        /* The channel's flag was there before the answer: its interrupt comes first. */
        flags[0] = (uint8_t)(flags[0] | 1u << 1);
        (void)vmb_guest_on_interrupt(pair->guest, 1);
    }
    return true;
}

static void guest_tolerates_interrupts_before_the_open_result(void **state)
{
    struct pair *pair = connected();

    (void)state;
    pair->passes = early_result;
    assert_int_equal(vmb_channel_relid(pair->devices[0].channel), 1);
    assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
    talks(pair, 0);
    pair_free(pair);
}

static void guest_tolerates_an_offer_twice(void **state)
{
    struct pair *pair = opened();
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};
    struct vmb_guest_counters counters;

    (void)state;
    offer.u.offer = *vmb_channel_offer(pair->devices[0].channel);
    (void)pair_say(pair, PAIR_TO_GUEST, &offer);
    assert_int_equal(pair->offered, 2);
    vmb_guest_read_counters(pair->guest, &counters);
    assert_int_equal(counters.offers_refused, 1);
    talks(pair, 0);
    pair_free(pair);
}

static void guest_tolerates_messages_of_other_versions(void **state)
{
    struct pair *pair = new_pair(VMB_VERSION_3_0);
    struct vmb_guest_counters counters;
    uint8_t bytes[16] = {VMB_MSG_MODIFY_CHANNEL_RESPONSE}; /* 5.3's. */

    (void)state;
    assert_int_equal(pair_connect(pair), VMB_OK);
    (void)pair_say_bytes(pair, PAIR_TO_GUEST, 0, bytes, sizeof(bytes));
    vmb_guest_read_counters(pair->guest, &counters);
    assert_int_equal(counters.messages_unknown, 1);
    assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
    talks(pair, 0);
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guest_1_two_cpus_flip_modify_channel_under_traffic),
        cmocka_unit_test(guest_2_a_rescind_at_every_message_of_a_channels_life),
        cmocka_unit_test(guest_2_unload_while_a_relid_is_being_released),
        cmocka_unit_test(guest_3_flags_of_every_relid_at_random),
        cmocka_unit_test(guest_4_two_messages_back_to_back_a_thousand_times),
        cmocka_unit_test(guest_5_truncated_oversized_and_unknown_messages),
        cmocka_unit_test(guest_6_garbage_in_a_ring_stops_its_channel_only),
        cmocka_unit_test(guest_7_packets_of_nearly_ring_size_both_ways),
        cmocka_unit_test(guest_8_nine_posts_of_ten_find_no_buffer),
        cmocka_unit_test(guest_9_each_version_that_a_host_can_be_limited_to),
        cmocka_unit_test(guest_10_firmware_leaves_a_dirty_slot_and_flags),
        cmocka_unit_test(guest_10_a_crash_unloads_from_a_vp_that_is_not_the_buss),
        cmocka_unit_test(guest_11_resume_with_permuted_relids_and_connections),
        cmocka_unit_test(guest_12_a_device_removed_released_and_added_at_once),
        cmocka_unit_test(guest_tolerates_interrupts_before_the_open_result),
        cmocka_unit_test(guest_tolerates_an_offer_twice),
        cmocka_unit_test(guest_tolerates_messages_of_other_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
