/* SPDX-License-Identifier: MIT */
/* The endpoint: packets through both rings, and the doorbell exactly when the ring says so. */
#include "endpoint_pair.h"

#define RING_BYTES 4096u

static void packets_arrive_as_they_were_sent(void **state)
{
    struct pair *pair = pair_new(RING_BYTES);
    struct vmb_slice slices[] = {{"ab", 2}, {NULL, 0}, {"cdefgh", 6}, {"i", 1}};
    struct vmb_packet packet;
    uint8_t buffer[64];

    (void)state;
    assert_int_equal(vmb_endpoint_stage(&pair->guest.endpoint, slices, 4, 77, true), VMB_OK);
    assert_false(pair->host.rung); /* Staged only. */
    assert_int_equal(vmb_endpoint_receive(&pair->host.endpoint, buffer, sizeof(buffer), &packet),
                     VMB_ERR_RING_EMPTY);
    vmb_endpoint_flush(&pair->guest.endpoint);
    assert_true(pair->host.rung);
    assert_int_equal(vmb_endpoint_receive(&pair->host.endpoint, buffer, sizeof(buffer), &packet),
                     VMB_OK);
    assert_int_equal(packet.type, VMB_PACKET_IN_BAND);
    assert_int_equal(packet.flags, VMB_PACKET_WANTS_COMPLETION);
    assert_int_equal(packet.transaction_id, 77);
    assert_int_equal(packet.payload_bytes, 16); /* 9, rounded up as it travelled. */
    assert_memory_equal(buffer, "abcdefghi\0\0\0\0\0\0\0", 16);
    assert_int_equal(vmb_endpoint_complete(&pair->host.endpoint, 77, "done", 4), VMB_OK);
    assert_int_equal(vmb_endpoint_receive(&pair->guest.endpoint, buffer, sizeof(buffer), &packet),
                     VMB_OK);
    assert_int_equal(packet.type, VMB_PACKET_COMPLETION);
    assert_int_equal(packet.flags, 0);
    assert_int_equal(packet.transaction_id, 77);
    pair_free(pair);
}

static void a_batch_rings_once(void **state)
{
    struct pair *pair = pair_new(RING_BYTES);
    struct vmb_slice slice = {"12345678", 8};
    uint32_t index;

    (void)state;
    for (index = 0; index < 10; index++) {
        assert_int_equal(vmb_endpoint_stage(&pair->guest.endpoint, &slice, 1, 0, false), VMB_OK);
    }
    vmb_endpoint_flush(&pair->guest.endpoint);
    assert_true(pair->host.rung);
    pair->host.rung = false;
    assert_int_equal(vmb_endpoint_send(&pair->guest.endpoint, "x", 1, 0, false), VMB_OK);
    assert_false(pair->host.rung); /* The host has not yet read the batch, so it is awake. */
    assert_int_equal(pair->guest.endpoint.tx.counters.packets, 11);
    assert_int_equal(pair->guest.endpoint.tx.counters.signals_sent, 1);
    assert_int_equal(pair->guest.endpoint.tx.counters.signals_spared, 1);
    pair_free(pair);
}

static void a_masked_reader_is_left_alone(void **state)
{
    struct pair *pair = pair_new(RING_BYTES);
    struct vmb_ring_state tx, rx;
    struct vmb_packet packet;
    uint8_t buffer[16];

    (void)state;
    vmb_endpoint_mask(&pair->host.endpoint);
    assert_int_equal(vmb_endpoint_send(&pair->guest.endpoint, "x", 1, 0, false), VMB_OK);
    assert_false(pair->host.rung);
    assert_int_equal(vmb_endpoint_inspect(&pair->host.endpoint, &tx, &rx), VMB_OK);
    assert_int_equal(tx.used_bytes, 0);
    assert_int_equal(rx.used_bytes, 32);
    assert_true(rx.masked);
    assert_true(vmb_endpoint_unmask(&pair->host.endpoint)); /* Look again: it came meanwhile. */
    assert_int_equal(vmb_endpoint_receive(&pair->host.endpoint, buffer, sizeof(buffer), &packet),
                     VMB_OK);
    assert_false(vmb_endpoint_unmask(&pair->host.endpoint));
    assert_int_equal(vmb_endpoint_send(&pair->guest.endpoint, "x", 1, 0, false), VMB_OK);
    assert_true(pair->host.rung);
    pair_free(pair);
}

static void space_wakes_the_writer(void **state)
{
    struct pair *pair = pair_new(RING_BYTES);
    uint8_t payload[1000] = {0}, buffer[1000];
    struct vmb_packet packet;
    uint32_t sent = 0;

    (void)state;
    while (vmb_endpoint_send(&pair->guest.endpoint, payload, sizeof(payload), 0, false) == VMB_OK) {
        sent++;
    }
    assert_int_equal(sent, 3);
    assert_int_equal(vmb_endpoint_wait_space(&pair->guest.endpoint, sizeof(payload)),
                     VMB_ERR_RING_FULL);
    assert_int_equal(vmb_endpoint_receive(&pair->host.endpoint, buffer, sizeof(buffer), &packet),
                     VMB_OK);
    assert_false(pair->guest.rung); /* Read, but its space is not given back yet. */
    vmb_endpoint_release(&pair->host.endpoint);
    assert_true(pair->guest.rung);
    assert_int_equal(vmb_endpoint_wait_space(&pair->guest.endpoint, sizeof(payload)), VMB_OK);
    assert_int_equal(vmb_endpoint_send(&pair->guest.endpoint, payload, sizeof(payload), 0, false),
                     VMB_OK);
    pair_free(pair);
}

static void waiting_publishes_what_is_staged(void **state)
{
    struct pair *pair = pair_new(RING_BYTES);
    uint8_t payload[1000] = {0};
    struct vmb_slice slice = {payload, sizeof(payload)};
    vmb_status status;

    (void)state;
    do {
        status = vmb_endpoint_stage(&pair->guest.endpoint, &slice, 1, 0, false);
    } while (status == VMB_OK);
    assert_int_equal(status, VMB_ERR_RING_FULL);
    assert_int_equal(vmb_endpoint_wait_space(&pair->guest.endpoint, sizeof(payload)),
                     VMB_ERR_RING_FULL);
    assert_true(pair->host.rung); /* Else both would wait for ever. */
    pair_free(pair);
}

static void limits_are_told(void **state)
{
    struct pair *pair = pair_new(RING_BYTES);
    uint32_t limit = vmb_endpoint_payload_limit(&pair->guest.endpoint);
    uint8_t payload[RING_BYTES] = {0}, buffer[RING_BYTES];
    struct vmb_packet packet;

    (void)state;
    assert_int_equal(vmb_endpoint_send(&pair->guest.endpoint, payload, limit, 0, false), VMB_OK);
    assert_int_equal(vmb_endpoint_receive(&pair->host.endpoint, buffer, limit - 8u, &packet),
                     VMB_ERR_TOO_SMALL);
    assert_int_equal(packet.payload_bytes, limit);
    vmb_endpoint_skip(&pair->host.endpoint, &packet);
    vmb_endpoint_release(&pair->host.endpoint);
    assert_int_equal(vmb_endpoint_receive(&pair->host.endpoint, buffer, sizeof(buffer), &packet),
                     VMB_ERR_RING_EMPTY);
    assert_int_equal(vmb_endpoint_send(&pair->guest.endpoint, payload, limit + 1u, 0, false),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_endpoint_wait_space(&pair->guest.endpoint, limit + 1u),
                     VMB_ERR_INVALID_ARGUMENT);
    pair_free(pair);
}

static void a_type_specific_header_travels(void **state)
{
    struct pair *pair = pair_new(RING_BYTES);
    struct vmb_slice header = {"0123456789abcdef", 16};
    struct vmb_slice payload = {"payload!", 8};
    struct vmb_packet_out out = {.transaction_id = 5,
                                 .header = &header,
                                 .header_count = 1,
                                 .type = VMB_PACKET_GPA_DIRECT,
                                 .flags = VMB_PACKET_WANTS_COMPLETION};
    struct vmb_packet packet;
    uint8_t buffer[16];

    (void)state;
    assert_int_equal(vmb_endpoint_stage_typed(&pair->guest.endpoint, &out, &payload, 1), VMB_OK);
    vmb_endpoint_flush(&pair->guest.endpoint);
    assert_int_equal(vmb_endpoint_receive(&pair->host.endpoint, buffer, sizeof(buffer), &packet),
                     VMB_OK);
    assert_memory_equal(buffer, "payload!", 8);
    assert_int_equal(vmb_endpoint_receive_header(&pair->host.endpoint, &packet, buffer, 8),
                     VMB_ERR_TOO_SMALL);
    assert_int_equal(vmb_endpoint_receive_header(&pair->host.endpoint, &packet, buffer, 16),
                     VMB_OK);
    assert_memory_equal(buffer, "0123456789abcdef", 16);
    pair_free(pair);
}

static void nonsense_is_refused_at_init(void **state)
{
    struct pair *pair = pair_new(RING_BYTES);
    struct vmb_endpoint_rings rings = {pair->to_host, pair->to_guest, RING_BYTES, RING_BYTES};
    struct vmb_endpoint *endpoint = &pair->guest.endpoint;

    (void)state;
    assert_int_equal(vmb_endpoint_init(endpoint, &rings, NULL, NULL), VMB_ERR_INVALID_ARGUMENT);
    rings.tx_data_bytes = 100;
    assert_int_equal(vmb_endpoint_init(endpoint, &rings, pair_ring, NULL),
                     VMB_ERR_INVALID_ARGUMENT);
    rings.tx_data_bytes = RING_BYTES;
    pair->to_guest[0] = 3; /* An index that cannot be. */
    assert_int_equal(vmb_endpoint_init(endpoint, &rings, pair_ring, NULL), VMB_ERR_PEER);
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_arrive_as_they_were_sent),
        cmocka_unit_test(a_batch_rings_once),
        cmocka_unit_test(a_masked_reader_is_left_alone),
        cmocka_unit_test(space_wakes_the_writer),
        cmocka_unit_test(waiting_publishes_what_is_staged),
        cmocka_unit_test(limits_are_told),
        cmocka_unit_test(a_type_specific_header_travels),
        cmocka_unit_test(nonsense_is_refused_at_init),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
