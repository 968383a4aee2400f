/* SPDX-License-Identifier: MIT */
/* Several packets at once: the same as one by one, wherever a burst ends and whatever ends it. */
#include "test_ring_pair.h"

#define MOST  40u /* Packets of a burst. */
#define LONG  600u
#define STEPS 20000u

struct burst {
    struct vmb_packet_out packets[MOST];
    struct vmb_slice payloads[MOST];
    uint8_t bytes[MOST][LONG];
};

static uint64_t draw_state = 1;

static uint32_t draw(uint32_t limit)
{
    draw_state = draw_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(draw_state >> 33) % limit;
}

/* In-band packets that say their number, of lengths that are mostly short. */
static void burst_fill(struct burst *burst, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bytes = draw(4) != 0 ? draw(72) : draw(LONG + 1u);

        pattern_fill(burst->bytes[i], bytes, first + i);
        burst->payloads[i] = (struct vmb_slice){burst->bytes[i], bytes};
        burst->packets[i] = (struct vmb_packet_out){
            .type = draw(3) != 0 ? VMB_PACKET_IN_BAND : VMB_PACKET_COMPLETION,
            .flags = (uint16_t)draw(2),
            .transaction_id = (uint64_t)(first + i) << 32 | bytes,
        };
    }
}

/* The payload that a packet of this id was given. */
static void check_payload(const struct vmb_packet *packet, uint32_t number, const uint8_t *bytes)
{
    uint8_t expected[LONG + 8] = {0};
    uint32_t count = (uint32_t)packet->transaction_id;

    assert_int_equal(packet->transaction_id >> 32, number);
    assert_int_equal(packet->header_bytes, VMB_PACKET_DESCRIPTOR_BYTES);
    assert_int_equal(packet->payload_bytes, (count + 7u) & ~7u);
    pattern_fill(expected, count, number);
    assert_memory_equal(bytes, expected, packet->payload_bytes);
}

/* Take what comes, at most @limit packets and @room bytes of payload; returns how many came. */
static uint32_t take(struct pair *pair, uint32_t first, uint32_t limit, uint32_t room)
{
    struct vmb_packet packets[MOST];
    uint8_t buffer[8192];
    uint32_t count = MOST + 1u, at = 0;
    vmb_status status = vmb_ring_rx_next_many(&pair->rx, buffer, room, packets, limit, &count);

    if (status == VMB_ERR_TOO_SMALL) {
        assert_true(packets[0].payload_bytes > room);
        assert_int_equal(packets[0].transaction_id >> 32, first);
    }
    assert_true(status == VMB_OK ? count != 0 && count <= limit : count == 0);
    assert_true(status == VMB_OK || status == VMB_ERR_TOO_SMALL || status == VMB_ERR_RING_EMPTY);
    for (uint32_t i = 0; i < count; i++) {
        check_payload(&packets[i], first + i, buffer + at);
        at += packets[i].payload_bytes;
    }
    assert_true(at <= room);
    return count;
}

/* Bursts of every length through every place of a small ring; nothing is lost or out of order. */
static void test_any_bursts(void **state)
{
    static struct burst burst;
    struct pair pair;
    uint32_t sent = 0, received = 0, count, wanted;
    uint64_t bytes = 0;
    vmb_status status;

    (void)state;
    pair_make(&pair, SMALL);
    pair_restart(&pair, 8);
    for (uint32_t step = 0; step < STEPS; step++) {
        wanted = draw(MOST + 1u);
        burst_fill(&burst, sent, wanted);
        status = vmb_ring_tx_write_many(&pair.tx, burst.packets, burst.payloads, wanted, &count);
        assert_true(status == VMB_OK ? count == wanted
                                     : status == VMB_ERR_RING_FULL && count < wanted);
        for (uint32_t i = 0; i < count; i++) {
            bytes += burst.payloads[i].byte_count;
        }
        sent += count;
        publish(&pair);
        received += take(&pair, received, 1u + draw(MOST), draw(8) != 0 ? 8192 : draw(600) & ~7u);
        if (draw(2) != 0) {
            release(&pair);
        }
    }
    while (received < sent) {
        received += take(&pair, received, MOST, 8192);
    }
    assert_true(sent > STEPS);
    assert_true(pair.tx.counters.packets == sent && pair.tx.counters.bytes == bytes);
    assert_true(pair.rx.counters.packets == sent);
    assert_false(pair.tx.broken || pair.rx.broken);
    pair_drop(&pair);
}

/* A packet that may not be sent ends the burst; those before it are staged. */
static void test_bad_packet_in_a_burst(void **state)
{
    static struct burst burst;
    const uint8_t header[8] = {0};
    const struct vmb_slice slice = {header, sizeof(header)};
    struct pair pair;
    uint32_t count;

    (void)state;
    pair_make(&pair, SMALL);
    burst_fill(&burst, 0, 4);
    burst.packets[2].type = 5;
    assert_int_equal(vmb_ring_tx_write_many(&pair.tx, burst.packets, burst.payloads, 4, &count),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(count, 2);
    burst.packets[2].type = VMB_PACKET_IN_BAND;
    burst.packets[2].flags = 2;
    assert_int_equal(
        vmb_ring_tx_write_many(&pair.tx, &burst.packets[2], &burst.payloads[2], 1, &count),
        VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(count, 0);
    burst.packets[2].flags = 0;
    burst.packets[3].header = &slice; /* Unusual, and right. */
    burst.packets[3].header_count = 1;
    assert_int_equal(
        vmb_ring_tx_write_many(&pair.tx, &burst.packets[2], &burst.payloads[2], 2, &count), VMB_OK);
    assert_int_equal(count, 2);
    assert_int_equal(vmb_ring_tx_write_many(&pair.tx, NULL, NULL, 0, &count), VMB_OK);
    assert_int_equal(count, 0);
    publish(&pair);
    assert_int_equal(take(&pair, 0, 3, 8192), 3);
    assert_int_equal(pair.rx.counters.packets, 3);
    pair_drop(&pair);
}

static void test_limits_of_a_burst(void **state)
{
    static struct burst burst;
    struct vmb_packet packets[MOST];
    uint8_t buffer[64];
    struct pair pair;
    uint32_t count = 7;

    (void)state;
    pair_make(&pair, SMALL);
    assert_int_equal(vmb_ring_rx_next_many(&pair.rx, buffer, 64, packets, 0, &count),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(count, 0);
    count = 7;
    assert_int_equal(vmb_ring_rx_next_many(&pair.rx, buffer, 64, packets, MOST, &count),
                     VMB_ERR_RING_EMPTY);
    assert_int_equal(count, 0);
    burst_fill(&burst, 0, 3);
    for (uint32_t i = 0; i < 3; i++) {
        burst.payloads[i].byte_count = 24;
    }
    assert_int_equal(vmb_ring_tx_write_many(&pair.tx, burst.packets, burst.payloads, 3, &count),
                     VMB_OK);
    publish(&pair);
    /* Two fit; the third stays for whoever comes with more. */
    assert_int_equal(vmb_ring_rx_next_many(&pair.rx, buffer, 64, packets, MOST, &count), VMB_OK);
    assert_int_equal(count, 2);
    assert_int_equal(vmb_ring_rx_next_many(&pair.rx, buffer, 16, packets, MOST, &count),
                     VMB_ERR_TOO_SMALL);
    assert_int_equal(count, 0);
    assert_int_equal(packets[0].payload_bytes, 24);
    assert_int_equal(vmb_ring_rx_next_many(&pair.rx, buffer, 24, packets, 1, &count), VMB_OK);
    assert_int_equal(count, 1);
    pair_drop(&pair);
}

/* Behind good packets comes one that lies, in each way there is; they are delivered, it is not. */
static void test_broken_packet_in_a_burst(void **state)
{
    static const uint64_t lies[] = {
        0x0000000400020005u, /* A type that nobody uses. */
        0x0000000400010006u, /* A header shorter than the descriptor. */
        0x0000000100020006u, /* Shorter than its header. */
        0x0000000000020006u, /* Of no length. */
        0x0002000400020006u, /* A flag that nobody knows. */
        0x0000000500020006u, /* Longer than what was written. */
        0x0000FFFF00020006u, /* Longer than the ring. */
        0x0000000400020007u, /* Ranges in no room. */
    };
    static struct burst burst;
    struct vmb_packet packets[MOST];
    uint8_t buffer[512];
    struct pair pair;
    uint32_t count;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t place = 0; place < SMALL; place += 8) {
        for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
            pair_restart(&pair, place);
            burst_fill(&burst, 0, 3);
            for (uint32_t k = 0; k < 3; k++) {
                burst.payloads[k].byte_count = 16;
            }
            assert_int_equal(
                vmb_ring_tx_write_many(&pair.tx, burst.packets, burst.payloads, 3, &count), VMB_OK);
            publish(&pair);
            word_put(&pair, place + 80, lies[i]); /* Two packets of 40 bytes are before it. */
            assert_int_equal(
                vmb_ring_rx_next_many(&pair.rx, buffer, sizeof(buffer), packets, MOST, &count),
                VMB_OK);
            assert_int_equal(count, 2);
            assert_int_equal(
                vmb_ring_rx_next_many(&pair.rx, buffer, sizeof(buffer), packets, MOST, &count),
                VMB_ERR_PEER);
            assert_int_equal(count, 0);
            assert_true(pair.rx.broken);
        }
    }
    pair_drop(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_bursts),
        cmocka_unit_test(test_bad_packet_in_a_burst),
        cmocka_unit_test(test_limits_of_a_burst),
        cmocka_unit_test(test_broken_packet_in_a_burst),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
