/* SPDX-License-Identifier: MIT */
/* How often a producer would wake its peer: streaming to one that sleeps when it can, and masked.
 */
#include "tools/vmbus/bench/bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <vmbus/platform/atomic.h>
#include <vmbus/ring.h>

#define RING_BYTES 65536u
#define PACKETS    200000u

struct stream {
    uint8_t *ring;
    VMB_CACHE_ALIGNED struct vmb_ring_tx tx;
    VMB_CACHE_ALIGNED struct vmb_ring_rx rx;
    uint64_t received;
    vmb_atomic_u32 signals; /* Sent and not yet slept on. */
    bool masked;
};

/* Drains, masked; then unmasks and waits for a signal, as a deferred channel does. */
static void *stream_receive(void *argument)
{
    struct stream *self = argument;
    struct vmb_packet packet;
    uint64_t buffer[2];

    bench_pin(1);
    while (self->received < PACKETS) {
        vmb_ring_rx_mask(&self->rx);
        while (vmb_ring_rx_next(&self->rx, buffer, sizeof(buffer), &packet) == VMB_OK) {
            self->received++;
        }
        bench_ignore(vmb_ring_rx_commit(&self->rx));
        if (self->masked || vmb_ring_rx_unmask(&self->rx)) {
            continue;
        }
        while (self->received < PACKETS &&
               vmb_atomic_exchange(&self->signals, 0, VMB_ACQUIRE) == 0) {
            vmb_atomic_pause();
        }
    }
    return NULL;
}

/* Signals a packet, in batches of @batch. */
static double stream_run(struct bench *bench, uint32_t batch, bool masked)
{
    static struct stream self;
    const struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND};
    uint64_t number[2] = {1, 2};
    const struct vmb_slice slice = {.bytes = number, .byte_count = sizeof(number)};
    uint32_t staged = 0, sent = 0;
    pthread_t thread;

    self =
        (struct stream){.masked = masked, .ring = bench_shared(VMB_RING_MAPPING_BYTES(RING_BYTES))};
    vmb_ring_format(self.ring);
    if (vmb_ring_tx_init(&self.tx, self.ring, RING_BYTES) != VMB_OK ||
        vmb_ring_rx_init(&self.rx, self.ring, RING_BYTES) != VMB_OK) {
        exit(3);
    }
    vmb_ring_rx_mask(&self.rx);
    bench_pin(0);
    if (pthread_create(&thread, NULL, stream_receive, &self) != 0) {
        exit(3);
    }
    while (sent < PACKETS) {
        bool full = vmb_ring_tx_write(&self.tx, &packet, &slice, 1) != VMB_OK;

        sent += full ? 0 : 1;
        staged += full ? 0 : 1;
        if ((full || staged >= batch || sent == PACKETS) && vmb_ring_tx_commit(&self.tx)) {
            vmb_atomic_store(&self.signals, 1, VMB_RELEASE);
        }
        staged = full || staged >= batch ? 0 : staged;
    }
    (void)pthread_join(thread, NULL);
    if (self.received != PACKETS) {
        bench_wrong(bench, "%u packets sent, %llu received", PACKETS,
                    (unsigned long long)self.received);
    }
    bench_shared_free(self.ring, VMB_RING_MAPPING_BYTES(RING_BYTES));
    return (double)self.tx.counters.signals_sent / PACKETS;
}

bool bench_signals(struct bench *bench)
{
    static const uint32_t batches[] = {1, 8, 32};
    char name[96];

    for (uint32_t i = 0; i < 3; i++) {
        struct bench_series awake = {.count = 0}, masked = {.count = 0};

        for (uint32_t round = 0; round < bench_rounds(bench); round++) {
            bench_progress(bench, "signals: batches of %u, round %u of %u", batches[i], round + 1,
                           bench_rounds(bench));
            bench_add(&awake, stream_run(bench, batches[i], false));
            bench_add(&masked, stream_run(bench, batches[i], true));
        }
        snprintf(name, sizeof(name), "signals: a packet, batches of %u", batches[i]);
        bench_figure(bench, name, "signals", &awake);
        bench_point(bench, "Signals a packet, by batch", "packets in a batch|signals a packet",
                    "peer that sleeps when it can", batches[i], bench_median(&awake));
        if (batches[i] == 32) {
            bench_at_most(bench, "signals: a packet when streaming in batches of 32", &awake,
                          1.0 / 32);
        }
        snprintf(name, sizeof(name), "signals: a packet while masked, batches of %u", batches[i]);
        bench_at_most(bench, name, &masked, 0.0);
    }
    return true;
}
