/* SPDX-License-Identifier: MIT */
/* When a half says "signal the peer": as truth tables, and against every kind of peer we know. */
#include "test_ring_pair.h"

/* ---- Data for the consumer ------------------------------------------------------------------- */

/* A signal goes to a consumer that wants some and had read all before the batch; to no other. */
static void test_signal_for_data(void **state)
{
    static const uint32_t masks[] = {0, 1, 2, 0x80000000u};
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t start = 0; start < SMALL; start += 248) { /* Wraps, too. */
        for (uint32_t batch = 1; batch <= 3; batch++) {
            for (uint32_t mask = 0; mask < 4; mask++) {
                for (uint32_t read = 0; read <= batch + 1; read++) {
                    /* Read: one packet before the batch, its start, inside it, its end. */
                    uint32_t out = (start + read * 24) % SMALL;
                    bool expected = masks[mask] == 0 && read == 1;

                    pair_restart(&pair, start);
                    assert_int_equal(send_sized(&pair, 24), VMB_OK);
                    publish(&pair);
                    for (uint32_t i = 0; i < batch; i++) {
                        assert_int_equal(send_sized(&pair, 24), VMB_OK);
                    }
                    field_put(&pair, VMB_RING_READ_OFFSET, out);
                    field_put(&pair, VMB_RING_INTERRUPT_MASK, masks[mask]);
                    assert_int_equal(vmb_ring_tx_commit(&pair.tx), expected);
                    assert_int_equal(pair.tx.counters.signals_sent, 1 + (expected ? 1 : 0));
                    assert_int_equal(pair.tx.counters.signals_spared, expected ? 0 : 1);
                }
            }
        }
    }
    pair_drop(&pair);
}

/* Exactly one signal for each time that an unmasked consumer has found the ring empty. */
static void test_one_signal_for_each_edge(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t round = 1; round <= 200; round++) {
        assert_int_equal(send_sized(&pair, 40), VMB_OK);
        assert_true(vmb_ring_tx_commit(&pair.tx));
        for (uint32_t i = 0; i < round % 7; i++) { /* It is awake and has not got further. */
            assert_int_equal(send_sized(&pair, 48), VMB_OK);
            assert_false(vmb_ring_tx_commit(&pair.tx));
        }
        while (skip_packet(&pair) == VMB_OK) {
        }
        release(&pair);
    }
    assert_int_equal(pair.tx.counters.signals_sent, 200);
    pair_drop(&pair);
}

static void test_nothing_staged_is_nothing_published(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    field_put(&pair, VMB_RING_WRITE_OFFSET, 0x5A5A5A5Au); /* Would be overwritten by a store. */
    assert_false(vmb_ring_tx_commit(&pair.tx));
    assert_int_equal(field_get(&pair, VMB_RING_WRITE_OFFSET), 0x5A5A5A5Au);
    field_put(&pair, VMB_RING_READ_OFFSET, 0x5A5A5A5Au);
    assert_false(vmb_ring_rx_commit(&pair.rx));
    assert_int_equal(field_get(&pair, VMB_RING_READ_OFFSET), 0x5A5A5A5Au);
    pair_drop(&pair);
}

/* ---- Sleep of the consumer ------------------------------------------------------------------- */

static void test_mask_and_unmask(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    assert_false(vmb_ring_rx_unmask(&pair.rx));
    vmb_ring_rx_mask(&pair.rx);
    assert_int_equal(field_get(&pair, VMB_RING_INTERRUPT_MASK), 1);
    assert_int_equal(send_sized(&pair, 24), VMB_OK);
    assert_false(vmb_ring_tx_commit(&pair.tx)); /* Masked: we look by ourselves. */

    assert_true(vmb_ring_rx_unmask(&pair.rx)); /* And here we do, so this packet is not lost. */
    assert_int_equal(field_get(&pair, VMB_RING_INTERRUPT_MASK), 0);
    vmb_ring_rx_mask(&pair.rx);
    assert_int_equal(skip_packet(&pair), VMB_OK);
    assert_int_equal(skip_packet(&pair), VMB_ERR_RING_EMPTY);
    release(&pair);
    assert_false(vmb_ring_rx_unmask(&pair.rx));

    assert_int_equal(send_sized(&pair, 24), VMB_OK);
    assert_true(vmb_ring_tx_commit(&pair.tx)); /* Asleep: this one is signalled. */
    pair_drop(&pair);
}

/* Packets that are known and not yet read count as well as those that came meanwhile. */
static void test_unmask_with_packets_left(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    assert_int_equal(send_sized(&pair, 24), VMB_OK);
    assert_int_equal(send_sized(&pair, 24), VMB_OK);
    publish(&pair);
    assert_int_equal(skip_packet(&pair), VMB_OK);
    release(&pair);
    assert_true(vmb_ring_rx_unmask(&pair.rx));
    pair_drop(&pair);
}

/* ---- Space for the producer ------------------------------------------------------------------ */

/* A ring with @used_bytes written and none read, its first packet being @first_bytes. */
static void pair_fill(struct pair *pair, uint32_t first_bytes, uint32_t used_bytes)
{
    assert_int_equal(send_sized(pair, first_bytes), VMB_OK);
    if (used_bytes != first_bytes) {
        assert_int_equal(send_sized(pair, used_bytes - first_bytes), VMB_OK);
    }
    publish(pair);
}

/*
 * The zone: a signal if a commit ends at or above the number rounded down and began below the
 * number rounded up plus 8. Every number around the old and the new amount of free bytes.
 */
static void test_signal_for_space(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t used = 200; used <= SMALL - 8; used += 488) {
        for (uint32_t freed = 24; freed <= 160; freed += 8) {
            uint32_t old_free = SMALL - used;
            uint32_t new_free = old_free + freed;

            for (uint32_t wanted = old_free > 40 ? old_free - 40 : 1; wanted < new_free + 40;
                 wanted++) {
                uint32_t first = wanted / 8 * 8;
                uint32_t last = (wanted + 7) / 8 * 8 + 8;

                pair_restart(&pair, used / 8 * 8);
                pair_fill(&pair, freed, used);
                assert_int_equal(skip_packet(&pair), VMB_OK);
                field_put(&pair, VMB_RING_PENDING_SEND_BYTES, wanted);
                assert_int_equal(vmb_ring_rx_commit(&pair.rx),
                                 new_free >= first && old_free < last);
            }
        }
    }
    pair_drop(&pair);
}

/* Nobody waits: no signal, however much is freed. */
static void test_no_signal_if_nobody_waits(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    pair_fill(&pair, 2000, SMALL - 16);
    assert_int_equal(skip_packet(&pair), VMB_OK);
    assert_false(vmb_ring_rx_commit(&pair.rx));
    assert_int_equal(skip_packet(&pair), VMB_OK);
    assert_false(vmb_ring_rx_commit(&pair.rx));
    assert_int_equal(pair.rx.counters.signals_sent, 0);
    assert_int_equal(pair.rx.counters.signals_spared, 2);
    pair_drop(&pair);
}

/* What counts is what is free now: the producer may have used space since the packets were seen. */
static void test_space_is_counted_from_a_fresh_index(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    pair_fill(&pair, 1000, 2000);
    assert_int_equal(skip_packet(&pair), VMB_OK);
    assert_int_equal(send_sized(&pair, 2000), VMB_OK); /* After the consumer has looked. */
    publish(&pair);
    field_put(&pair, VMB_RING_PENDING_SEND_BYTES, 1104); /* Free: from 96 to 1096. */
    assert_false(vmb_ring_rx_commit(&pair.rx));
    assert_int_equal(skip_packet(&pair), VMB_OK);
    assert_true(vmb_ring_rx_commit(&pair.rx)); /* To 2096. */
    pair_drop(&pair);

    /* It may even have used what was just given back: then it did not wait for less. */
    pair_make(&pair, SMALL);
    pair_fill(&pair, 4000, 4000);
    assert_int_equal(skip_packet(&pair), VMB_OK);
    field_put(&pair, VMB_RING_WRITE_OFFSET, 3000); /* 3096 in use, 1000 free, 4000 given back. */
    field_put(&pair, VMB_RING_PENDING_SEND_BYTES, 1000);
    assert_true(vmb_ring_rx_commit(&pair.rx));
    pair_drop(&pair);
}

/* More than the ring has is never free; the producer is woken when all of it is. */
static void test_impossible_wish_is_met_by_an_empty_ring(void **state)
{
    static const uint32_t wishes[] = {SMALL - 1, SMALL, SMALL + 1, 0x7FFFFFFFu, UINT32_MAX};
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        pair_restart(&pair, 8);
        pair_fill(&pair, 2000, 4000);
        field_put(&pair, VMB_RING_PENDING_SEND_BYTES, wishes[i]);
        assert_int_equal(skip_packet(&pair), VMB_OK);
        assert_false(vmb_ring_rx_commit(&pair.rx));
        assert_int_equal(skip_packet(&pair), VMB_OK);
        assert_true(vmb_ring_rx_commit(&pair.rx));
    }
    pair_drop(&pair);
}

/* A producer that has never heard of the request is told of each batch. */
static void test_producer_without_flow_control(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    field_put(&pair, VMB_RING_FEATURE_BITS, ~VMB_RING_FEATURE_FLOW);
    assert_int_equal(vmb_ring_rx_init(&pair.rx, pair.memory, SMALL), VMB_OK);
    pair_fill(&pair, 24, 48);
    assert_int_equal(skip_packet(&pair), VMB_OK);
    assert_true(vmb_ring_rx_commit(&pair.rx));
    assert_false(vmb_ring_rx_commit(&pair.rx)); /* Nothing freed. */
    assert_int_equal(skip_packet(&pair), VMB_OK);
    assert_true(vmb_ring_rx_commit(&pair.rx));
    pair_drop(&pair);
}

/* ---- A producer that waits ------------------------------------------------------------------- */

/* It says what it waits for, as little as will do, and never the whole ring. */
static void test_wait_for_space(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t bytes = 1; bytes <= SMALL - 16; bytes++) {
        uint32_t rounded = (bytes + 7) / 8 * 8;
        uint32_t used = SMALL - rounded < 24 ? 24 : SMALL - rounded; /* Leaves 8 too few. */
        uint32_t first = used < 48 ? used : 24;

        pair_restart(&pair, bytes / 8 * 8);
        pair_fill(&pair, first, used);
        assert_int_equal(vmb_ring_tx_wait_space(&pair.tx, bytes), VMB_ERR_RING_FULL);
        assert_int_equal(field_get(&pair, VMB_RING_PENDING_SEND_BYTES), rounded + 8);
        assert_true(rounded + 8 <= SMALL - 8);

        assert_int_equal(skip_packet(&pair), VMB_OK);
        assert_true(vmb_ring_rx_commit(&pair.rx));
        assert_int_equal(vmb_ring_tx_wait_space(&pair.tx, bytes), VMB_OK);
        assert_int_equal(field_get(&pair, VMB_RING_PENDING_SEND_BYTES), 0);
    }
    assert_int_equal(vmb_ring_tx_wait_space(&pair.tx, 0), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_ring_tx_wait_space(&pair.tx, SMALL - 15), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_ring_tx_wait_space(&pair.tx, UINT32_MAX), VMB_ERR_INVALID_ARGUMENT);
    pair_drop(&pair);
}

/* A request stands until there is space: smaller packets do not withdraw it, the awaited one does.
 */
static void test_request_stands_until_it_is_met(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    pair_fill(&pair, 2000, 4000);
    assert_int_equal(vmb_ring_tx_wait_space(&pair.tx, 1000), VMB_ERR_RING_FULL);
    assert_int_equal(send_sized(&pair, 24), VMB_OK); /* Fits as it is. */
    assert_int_equal(vmb_ring_tx_wait_space(&pair.tx, 1000), VMB_ERR_WRONG_STATE);
    publish(&pair);
    assert_int_equal(field_get(&pair, VMB_RING_PENDING_SEND_BYTES), 1008);
    assert_int_equal(skip_packet(&pair), VMB_OK);
    assert_true(vmb_ring_rx_commit(&pair.rx));
    assert_int_equal(send_sized(&pair, 1000), VMB_OK);
    assert_int_equal(field_get(&pair, VMB_RING_PENDING_SEND_BYTES), 0);
    assert_int_equal(pair.tx.full, 0); /* No packet was refused. */
    pair_drop(&pair);
}

/* Free bytes as the page shows them; packets need 8 more than they take. */
typedef bool (*signals_rule)(uint32_t old_free, uint32_t new_free, uint32_t wanted);

static bool linux_signals(uint32_t old_free, uint32_t new_free, uint32_t wanted)
{
    return old_free <= wanted && new_free > wanted;
}

static bool openvmm_signals(uint32_t old_free, uint32_t new_free, uint32_t wanted)
{
    return old_free - 8 < (wanted & ~7u) && new_free - 8 >= (wanted & ~7u);
}

static bool qemu_signals(uint32_t old_free, uint32_t new_free, uint32_t wanted)
{
    return old_free < wanted && new_free >= wanted;
}

/*
 * Every consumer that we know wakes us with enough space, at the latest when the ring is empty:
 * for every packet, whatever was free before, whatever the steps in which it drains.
 */
static void test_known_consumers_wake_us(void **state)
{
    static const signals_rule rules[] = {linux_signals, openvmm_signals, qemu_signals};
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t bytes = 24; bytes <= SMALL - 16; bytes += 8) {
        uint32_t wanted;

        pair_restart(&pair, 0);
        pair_fill(&pair, 4080, 4080);
        assert_int_equal(vmb_ring_tx_wait_space(&pair.tx, bytes), VMB_ERR_RING_FULL);
        wanted = field_get(&pair, VMB_RING_PENDING_SEND_BYTES);
        for (uint32_t rule = 0; rule < 3; rule++) {
            for (uint32_t step = 8; step <= 72; step += 8) {
                uint32_t free_bytes = 8 + step % 16;
                bool woken = bytes + 8 <= free_bytes;

                while (!woken && free_bytes < SMALL) {
                    uint32_t next = free_bytes + step < SMALL ? free_bytes + step : SMALL;

                    woken = rules[rule](free_bytes, next, wanted) && next >= bytes + 8;
                    free_bytes = next;
                }
                assert_true(woken);
            }
        }
    }
    pair_drop(&pair);
}

/* What a producer stores for a packet of so many bytes. */
typedef uint32_t (*wants_rule)(uint32_t packet_bytes);

static uint32_t wants_packet(uint32_t packet_bytes)
{
    return packet_bytes; /* openvmm, Linux. */
}

static uint32_t wants_gap(uint32_t packet_bytes)
{
    return packet_bytes + 8; /* We. */
}

static uint32_t wants_odd(uint32_t packet_bytes)
{
    return packet_bytes - 7; /* Somebody who does not round up. */
}

static uint32_t wants_one_less(uint32_t packet_bytes)
{
    return packet_bytes + 7;
}

static uint32_t wants_all(uint32_t packet_bytes)
{
    (void)packet_bytes;
    return SMALL - 1; /* UEFI, for "empty". */
}

/*
 * And we wake every producer that we know: each packet that there is, drained in each of these
 * steps. A producer that is woken too early asks again, with the same number, and sleeps on.
 */
static void test_known_producers_are_woken(void **state)
{
    static const wants_rule rules[] = {wants_packet, wants_gap, wants_odd, wants_one_less,
                                       wants_all};
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t step = 24; step <= 56; step += 8) {
        for (uint32_t rule = 0; rule < sizeof(rules) / sizeof(rules[0]); rule++) {
            for (uint32_t bytes = 24; bytes <= SMALL - 16; bytes += 8) {
                bool woken = false;

                pair_restart(&pair, bytes);
                while (send_sized(&pair, step) == VMB_OK) {
                }
                publish(&pair);
                if (vmb_ring_tx_free_bytes(&pair.tx) >= bytes) {
                    continue; /* It need not wait. */
                }
                field_put(&pair, VMB_RING_PENDING_SEND_BYTES, rules[rule](bytes));
                while (!woken && skip_packet(&pair) == VMB_OK) {
                    woken =
                        vmb_ring_rx_commit(&pair.rx) && vmb_ring_tx_free_bytes(&pair.tx) >= bytes;
                }
                assert_true(woken);
                assert_in_range(pair.rx.counters.signals_sent, 1, 3);
            }
        }
    }
    pair_drop(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signal_for_data),
        cmocka_unit_test(test_one_signal_for_each_edge),
        cmocka_unit_test(test_nothing_staged_is_nothing_published),
        cmocka_unit_test(test_mask_and_unmask),
        cmocka_unit_test(test_unmask_with_packets_left),
        cmocka_unit_test(test_signal_for_space),
        cmocka_unit_test(test_no_signal_if_nobody_waits),
        cmocka_unit_test(test_space_is_counted_from_a_fresh_index),
        cmocka_unit_test(test_impossible_wish_is_met_by_an_empty_ring),
        cmocka_unit_test(test_producer_without_flow_control),
        cmocka_unit_test(test_wait_for_space),
        cmocka_unit_test(test_request_stands_until_it_is_met),
        cmocka_unit_test(test_known_consumers_wake_us),
        cmocka_unit_test(test_known_producers_are_woken),
    };

    return cmocka_run_group_tests_name("ring_signals", tests, NULL, NULL);
}
