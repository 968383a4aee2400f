/* SPDX-License-Identifier: MIT */
/*
 * What it costs not to trust the peer: our reader beside one that believes every descriptor, over
 * the same packets; and how both halves fare while a process scribbles over their ring.
 */
#include "tools/vmbus/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vmbus/platform/atomic.h>
#include <vmbus/ring.h>

#define RING_BYTES    40960u /* 1024 packets: none lies across the end. */
#define BATCH         32u
#define PACKETS       64000u
#define PAYLOAD_BYTES 16u
#define SCRIBBLE_NS   20000000u   /* At least, and until the scribbler has had its turn, */
#define PATIENCE_NS   5000000000u /* for which one waits so long. */

static struct vmb_packet_out packets_out[BATCH];
static struct vmb_slice slices_out[BATCH];
static struct vmb_packet packets_in[BATCH];
static uint8_t received[BATCH * 64];

/* A reader that believes its peer: what ours does, without looking whether it may. */
struct believer {
    const uint8_t *data;
    uint32_t *indices; /* In, out. */
    uint32_t offset;
};

static uint32_t believer_take(struct believer *self, uint8_t *target, struct vmb_packet *packets,
                              uint32_t limit)
{
    uint32_t in = __atomic_load_n(&self->indices[0], __ATOMIC_ACQUIRE), offset = self->offset;
    const uint8_t *packet = self->data + offset;
    const uint8_t *end = self->data + (in >= offset ? in : RING_BYTES);
    struct vmb_packet *next = packets, *last = packets + limit;
    uint64_t descriptor, bytes;

    while (next != last && packet != end) {
        memcpy(&descriptor, packet, sizeof(descriptor));
        memcpy(&next->transaction_id, packet + 8, 8);
        bytes = (descriptor >> 29 & 0x7FFF8u) - 16u;
        next->header_bytes = 16;
        next->payload_bytes = (uint32_t)bytes;
        next->offset = (uint32_t)(packet - self->data);
        next->type = (uint16_t)descriptor;
        next->flags = (uint16_t)(descriptor >> 48);
        if (bytes == 16) {
            memcpy(target, packet + 16, 16);
        } else {
            memcpy(target, packet + 16, bytes);
        }
        target += bytes;
        packet += bytes + 24;
        next++;
    }
    offset = (uint32_t)(packet - self->data);
    self->offset = offset == RING_BYTES ? 0 : offset;
    __atomic_store_n(&self->indices[1], self->offset, __ATOMIC_RELEASE);
    vmb_atomic_fence(VMB_SEQ_CST);
    return (uint32_t)(next - packets);
}

/* ns a packet, sent and received in batches; the sender is the same for both readers. */
static double hostile_read(bool believes)
{
    static struct vmb_ring_tx tx;
    static struct vmb_ring_rx rx;
    uint8_t *ring = bench_memory(4096, VMB_RING_MAPPING_BYTES(RING_BYTES));
    struct believer believer = {ring + 4096, (uint32_t *)(void *)ring, 0};
    uint64_t started;
    uint32_t count, done = 0;

    vmb_ring_format(ring);
    if (vmb_ring_tx_init(&tx, ring, RING_BYTES) != VMB_OK ||
        vmb_ring_rx_init(&rx, ring, RING_BYTES) != VMB_OK) {
        exit(3);
    }
    vmb_ring_rx_mask(&rx);
    started = bench_now_ns();
    while (done < PACKETS) {
        if (vmb_ring_tx_write_many(&tx, packets_out, slices_out, BATCH, &count) != VMB_OK) {
            exit(3);
        }
        bench_ignore(vmb_ring_tx_commit(&tx));
        for (uint32_t taken = 0; taken < BATCH; taken += count) {
            if (believes) {
                count = believer_take(&believer, received, packets_in, BATCH - taken);
            } else if (vmb_ring_rx_next_many(&rx, received, sizeof(received), packets_in,
                                             BATCH - taken, &count) != VMB_OK) {
                exit(3);
            }
        }
        if (!believes) {
            bench_ignore(vmb_ring_rx_commit(&rx));
        }
        done += BATCH;
    }
    started = bench_now_ns() - started;
    free(ring);
    return (double)started / done;
}

/* What became of both halves while somebody scribbled. */
struct battle {
    uint64_t packets;
    uint64_t faults;
    uint64_t begun;
    uint64_t elapsed;
    uint32_t over;
};

/* Indices, mask, pending size, features and packets, as fast as they can be written. */
static void hostile_scribble(uint8_t *ring, struct battle *battle)
{
    uint64_t random = 7;

    while (__atomic_load_n(&battle->over, __ATOMIC_RELAXED) == 0) {
        uint64_t draw = bench_random(&random);
        uint32_t value = (uint32_t)(draw >> 32);

        /* Mostly words that could be true; at times anything. */
        value = (draw & 1) != 0 ? value % RING_BYTES & ~7u : value;
        if ((draw & 0x700) == 0) {
            uint32_t *field = (uint32_t *)(void *)(ring + (draw >> 12) % 5 * 4);

            __atomic_store_n(field, value, __ATOMIC_RELAXED);
        } else {
            uint32_t at = (uint32_t)(draw >> 16) % (RING_BYTES / 4) * 4;

            __atomic_store_n((uint32_t *)(void *)(ring + 4096 + at),
                             (draw & 2) != 0 ? 0x00020006u : value, __ATOMIC_RELAXED);
        }
    }
}

/* Both halves go on until each is broken, then begin anew; for so long. */
static void hostile_endure(uint8_t *ring, struct battle *battle)
{
    static struct vmb_ring_tx tx;
    static struct vmb_ring_rx rx;
    static uint8_t buffer[RING_BYTES];
    uint64_t started = bench_now_ns();
    uint32_t count;

    tx.broken = rx.broken = true;
    while ((battle->elapsed = bench_now_ns() - started) < SCRIBBLE_NS ||
           (battle->faults == 0 && battle->elapsed < PATIENCE_NS)) {
        if (tx.broken || rx.broken) {
            battle->faults += battle->begun != 0 ? 1 : 0;
            battle->begun++;
            vmb_ring_format(ring);
            if (vmb_ring_tx_init(&tx, ring, RING_BYTES) != VMB_OK ||
                vmb_ring_rx_init(&rx, ring, RING_BYTES) != VMB_OK) {
                continue; /* Scribbled on in between: its own kind of refusal. */
            }
        }
        for (uint32_t i = 0; i < 16 && !tx.broken && !rx.broken; i++) {
            (void)!vmb_ring_tx_write_many(&tx, packets_out, slices_out, BATCH, &count);
            battle->packets += count;
            bench_ignore(vmb_ring_tx_commit(&tx));
            while (vmb_ring_rx_next_many(&rx, buffer, sizeof(buffer), packets_in, BATCH, &count) ==
                   VMB_OK) {
                battle->packets += count;
                bench_ignore(vmb_ring_rx_commit(&rx));
            }
        }
    }
}

/* Millions of packets a second, sent or read, beside a scribbler; -1 if it killed them. */
static double hostile_battle(struct battle *battle)
{
    uint8_t *ring = bench_shared(VMB_RING_MAPPING_BYTES(RING_BYTES));
    double rate = -1;
    pid_t victim, scribbler;
    int status;

    fflush(stdout);
    scribbler = fork();
    if (scribbler == 0) {
        bench_pin(1);
        hostile_scribble(ring, battle);
        _exit(0);
    }
    victim = fork();
    if (victim == 0) {
        bench_pin(0);
        hostile_endure(ring, battle);
        _exit(0);
    }
    if (scribbler < 0 || victim < 0) {
        perror("vmbus bench: fork");
        exit(3);
    }
    (void)waitpid(victim, &status, 0);
    __atomic_store_n(&battle->over, 1, __ATOMIC_RELAXED);
    (void)waitpid(scribbler, NULL, 0);
    if (WIFEXITED(status)) {
        rate = (double)battle->packets / (double)battle->elapsed * 1000.0;
    }
    bench_shared_free(ring, VMB_RING_MAPPING_BYTES(RING_BYTES));
    return rate;
}

static void hostile_believe(struct bench *bench)
{
    struct bench_series ours = {.count = 0}, theirs = {.count = 0}, price = {.count = 0};

    for (uint32_t round = 0; round < bench_rounds(bench); round++) {
        double checked = hostile_read(false), believed = hostile_read(true);

        bench_progress(bench, "ring: a peer that is believed, round %u of %u", round + 1,
                       bench_rounds(bench));
        for (uint32_t i = 1; i < 5; i++) {
            double again = hostile_read(false);

            checked = again < checked ? again : checked;
            again = hostile_read(true);
            believed = again < believed ? again : believed;
        }
        bench_add(&ours, checked);
        bench_add(&theirs, believed);
        bench_add(&price, checked - believed);
    }
    bench_figure(bench, "ring validation: batches of 16 bytes, checked", "ns/packet", &ours);
    bench_figure(bench, "ring validation: by a reader that believes", "ns/packet", &theirs);
    bench_at_most(bench, "ring validation: ns a packet", &price, 2.0);
}

bool bench_hostile(struct bench *bench)
{
    static const uint8_t payload[PAYLOAD_BYTES] = "sixteen bytes...";
    struct bench_series rate = {.count = 0}, faults = {.count = 0}, deaths = {.count = 0};

    for (uint32_t i = 0; i < BATCH; i++) {
        packets_out[i].type = VMB_PACKET_IN_BAND;
        slices_out[i] = (struct vmb_slice){.bytes = payload, .byte_count = PAYLOAD_BYTES};
    }
    hostile_believe(bench);
    for (uint32_t round = 0; round < bench_rounds(bench); round++) {
        struct battle *battle = bench_shared(sizeof(*battle));
        double millions = hostile_battle(battle);

        bench_progress(bench, "ring: a peer that scribbles, round %u of %u", round + 1,
                       bench_rounds(bench));
        bench_add(&rate, millions);
        bench_add(&faults, (double)battle->faults * 1e6 / ((double)battle->elapsed + 1));
        bench_add(&deaths, millions < 0 ? 1 : 0);
        if (millions < 0 || battle->faults == 0) {
            bench_wrong(bench, "a scribbling peer %s", millions < 0 ? "killed us" : "did nothing");
        }
        bench_shared_free(battle, sizeof(*battle));
    }
    bench_figure(bench, "ring beside a scribbler: packets sent or read", "M/s", &rate);
    bench_figure(bench, "ring beside a scribbler: faults found", "a ms", &faults);
    bench_at_most(bench, "ring beside a scribbler: crashes", &deaths, 0.0);
    return true;
}
