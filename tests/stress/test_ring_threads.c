/* SPDX-License-Identifier: MIT */
/*
 * Two threads on one ring, each asleep whenever the ring lets it be. Every packet is checked; a
 * wake-up that gets lost would leave both asleep, which the watchdog turns into a report of both
 * ends and a failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include <vmbus/ring.h>

#define STUCK_SECONDS 20
#define PAYLOAD_MOST  600u

/* What one run does. */
struct plan {
    uint32_t data_bytes;
    uint32_t packet_count;
    uint32_t batch_most;   /* Packets before a commit of either side, chosen anew each time. */
    uint32_t payload_most; /* At least 8. */
    bool masks;            /* The consumer masks while it is awake. */
    bool hurried;          /* The consumer goes to sleep after each packet. */
};

struct line {
    struct plan plan;
    void *memory;
    int data_ready;  /* Event file: wakes the consumer. */
    int space_ready; /* Wakes the producer. */
    VMB_CACHE_ALIGNED struct vmb_ring_tx tx;
    VMB_CACHE_ALIGNED struct vmb_ring_rx rx;
    _Alignas(64) atomic_uint sent;
    _Alignas(64) atomic_uint received;
    atomic_uint wrong;
};

static void event_set(int event)
{
    uint64_t one = 1;

    if (write(event, &one, sizeof(one)) != (ssize_t)sizeof(one)) {
        abort();
    }
}

static void event_wait(int event)
{
    uint64_t count;

    if (read(event, &count, sizeof(count)) != (ssize_t)sizeof(count)) {
        abort();
    }
}

static uint32_t random_next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* The size and the bytes of packet @number: its number, then a run that depends on it. */
static uint32_t packet_fill(const struct plan *plan, uint32_t number, uint8_t *payload)
{
    uint32_t bytes = 8u + (number * 2654435761u >> 8) % (plan->payload_most - 7u);

    memcpy(payload, &number, sizeof(number));
    for (uint32_t i = sizeof(number); i < bytes; i++) {
        payload[i] = (uint8_t)(number + i);
    }
    return bytes;
}

static void producer_commit(struct line *line)
{
    if (vmb_ring_tx_commit(&line->tx)) {
        event_set(line->data_ready);
    }
}

/* Sleep until a packet of that size fits. */
static void producer_wait(struct line *line, uint32_t payload_bytes)
{
    uint32_t packet_bytes = vmb_ring_packet_bytes(0, payload_bytes);
    vmb_status status;

    producer_commit(line);
    while ((status = vmb_ring_tx_wait_space(&line->tx, packet_bytes)) == VMB_ERR_RING_FULL) {
        event_wait(line->space_ready);
    }
    if (status != VMB_OK) {
        abort();
    }
}

static void *producer_run(void *argument)
{
    struct line *line = argument;
    const struct plan *plan = &line->plan;
    uint32_t seed = 1, left = 1;
    uint8_t payload[PAYLOAD_MOST + 8];

    for (uint32_t number = 0; number < plan->packet_count; number++) {
        struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND, .transaction_id = number};
        struct vmb_slice slice = {payload, packet_fill(plan, number, payload)};
        vmb_status status;

        while ((status = vmb_ring_tx_write(&line->tx, &packet, &slice, 1)) == VMB_ERR_RING_FULL) {
            producer_wait(line, slice.byte_count);
        }
        if (status != VMB_OK) {
            abort();
        }
        atomic_store_explicit(&line->sent, number + 1, memory_order_relaxed);
        if (--left == 0) {
            producer_commit(line);
            left = 1 + random_next(&seed) % plan->batch_most;
        }
    }
    producer_commit(line);
    return NULL;
}

static void consumer_commit(struct line *line)
{
    if (vmb_ring_rx_commit(&line->rx)) {
        event_set(line->space_ready);
    }
}

/* Sleep until there is a packet. */
static void consumer_wait(struct line *line)
{
    consumer_commit(line);
    if (!line->plan.masks) {
        struct vmb_packet packet;

        if (vmb_ring_rx_peek(&line->rx, &packet) != VMB_OK) {
            event_wait(line->data_ready);
        }
        return;
    }
    if (!vmb_ring_rx_unmask(&line->rx)) {
        event_wait(line->data_ready);
    }
    vmb_ring_rx_mask(&line->rx);
}

static void *consumer_run(void *argument)
{
    struct line *line = argument;
    const struct plan *plan = &line->plan;
    uint32_t seed = 2, left = 1, number = 0;
    uint8_t expected[PAYLOAD_MOST + 8], payload[PAYLOAD_MOST + 8];

    while (number < plan->packet_count) {
        struct vmb_packet packet;
        vmb_status status = vmb_ring_rx_next(&line->rx, payload, sizeof(payload), &packet);
        uint32_t bytes;

        if (status == VMB_ERR_RING_EMPTY) {
            consumer_wait(line);
            continue;
        }
        if (status != VMB_OK) {
            abort();
        }
        bytes = packet_fill(plan, number, expected);
        if (packet.transaction_id != number || packet.payload_bytes != ((bytes + 7u) & ~7u) ||
            memcmp(payload, expected, bytes) != 0) {
            atomic_fetch_add(&line->wrong, 1);
        }
        number++;
        atomic_store_explicit(&line->received, number, memory_order_relaxed);
        if (--left == 0 || plan->hurried) {
            consumer_commit(line);
            left = 1 + random_next(&seed) % plan->batch_most;
        }
    }
    consumer_commit(line);
    return NULL;
}

static void line_report(struct line *line)
{
    struct vmb_ring_state seen;
    vmb_status status = vmb_ring_inspect(line->memory, line->plan.data_bytes, &seen);

    print_error("no packet for %d s: sent %u, received %u of %u\n", STUCK_SECONDS, line->sent,
                line->received, line->plan.packet_count);
    print_error("page (%s): in %u, out %u, used %u, free %u, pending %u, masked %d\n",
                vmb_status_name(status), seen.write_offset, seen.read_offset, seen.used_bytes,
                seen.free_bytes, seen.pending_bytes, seen.masked);
    print_error("producer: staged %u, published %u, straight to %u, pending %u, broken %d\n",
                line->tx.staged_offset, line->tx.published_offset, line->tx.straight_end,
                line->tx.pending_bytes, line->tx.broken);
    print_error("consumer: read %u, published %u, saw %u, broken %d\n", line->rx.read_offset,
                line->rx.published_offset, line->rx.seen_offset, line->rx.broken);
}

/* Both threads go on, or both ends are told. The threads cannot be stopped, so the program is. */
static void line_watch(struct line *line)
{
    uint32_t seen = 0, still_ticks = 0;

    while (line->received < line->plan.packet_count) {
        usleep(50000);
        still_ticks = line->received + line->sent == seen ? still_ticks + 1 : 0;
        seen = line->received + line->sent;
        if (still_ticks > STUCK_SECONDS * 20) {
            line_report(line);
            fflush(NULL);
            _exit(1);
        }
    }
}

static void plan_run(struct plan plan)
{
    struct line *line = aligned_alloc(64, (sizeof(*line) + 63) / 64 * 64);
    pthread_t producer, consumer;

    assert_non_null(line);
    memset(line, 0, sizeof(*line));
    line->plan = plan;
    line->memory = aligned_alloc(VMB_PAGE_BYTES, VMB_RING_MAPPING_BYTES(plan.data_bytes));
    assert_non_null(line->memory);
    line->data_ready = eventfd(0, 0);
    line->space_ready = eventfd(0, 0);
    assert_true(line->data_ready >= 0 && line->space_ready >= 0);
    vmb_ring_format(line->memory);
    assert_int_equal(vmb_ring_tx_init(&line->tx, line->memory, plan.data_bytes), VMB_OK);
    assert_int_equal(vmb_ring_rx_init(&line->rx, line->memory, plan.data_bytes), VMB_OK);

    assert_int_equal(pthread_create(&producer, NULL, producer_run, line), 0);
    assert_int_equal(pthread_create(&consumer, NULL, consumer_run, line), 0);
    line_watch(line);
    assert_int_equal(pthread_join(producer, NULL), 0);
    assert_int_equal(pthread_join(consumer, NULL), 0);

    assert_int_equal(line->wrong, 0);
    assert_int_equal(line->tx.counters.packets, plan.packet_count);
    assert_int_equal(line->rx.counters.packets, plan.packet_count);
    print_message("# %u packets: %llu signals for data, %llu for space, full %llu times\n",
                  plan.packet_count, (unsigned long long)line->tx.counters.signals_sent,
                  (unsigned long long)line->rx.counters.signals_sent,
                  (unsigned long long)line->tx.full);
    close(line->data_ready);
    close(line->space_ready);
    free(line->memory);
    free(line);
}

static void test_stream_in_batches(void **state)
{
    (void)state;
    plan_run((struct plan){.data_bytes = 65536,
                           .packet_count = 1500000,
                           .batch_most = 32,
                           .payload_most = 64,
                           .masks = true});
}

/* The smallest ring and large packets: now full, now empty, all the time. */
static void test_full_and_empty_in_turn(void **state)
{
    (void)state;
    plan_run((struct plan){.data_bytes = 4096,
                           .packet_count = 300000,
                           .batch_most = 8,
                           .payload_most = PAYLOAD_MOST,
                           .masks = true});
}

/* Each side commits and looks for sleep after each packet: the most chances to miss the other. */
static void test_single_packets(void **state)
{
    (void)state;
    plan_run((struct plan){.data_bytes = 4096,
                           .packet_count = 300000,
                           .batch_most = 1,
                           .payload_most = 200,
                           .masks = true,
                           .hurried = true});
}

/* A consumer that never masks relies on its read index alone to be found asleep. */
static void test_consumer_that_never_masks(void **state)
{
    (void)state;
    plan_run((struct plan){.data_bytes = 8192,
                           .packet_count = 300000,
                           .batch_most = 4,
                           .payload_most = 300,
                           .hurried = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_in_batches),
        cmocka_unit_test(test_full_and_empty_in_turn),
        cmocka_unit_test(test_single_packets),
        cmocka_unit_test(test_consumer_that_never_masks),
    };

    return cmocka_run_group_tests_name("ring_threads", tests, NULL, NULL);
}
