/* SPDX-License-Identifier: MIT */
/*
 * What scripts/guards.py counts: `guard WORK TIMES` does one piece of work so many times. Built
 * plainly it runs under callgrind; built with the counting atomics it prints what they counted.
 *
 * The model of the cores: two of them, each with a cache that holds all it ever saw; a line is
 * taken from the other core when it is read after that one wrote it, or written while that one has
 * it. Only what is accessed atomically is modelled, which is all that two sides share but payload.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmbus/ring.h>

#include "tests/speed/guard.h"
#include "tools/vmbus/bench/bench.h"
#include "tools/vmbus/bench/bench_guest.h"

#define RING_BYTES 65536u

#ifdef VMB_OVERRIDE_ATOMIC
#define LINES 4096u /* More than a ring has. */

static unsigned core; /* Who runs. */
static bool counts;   /* From GUARD_BEGIN() on. */
static uint64_t locked, transfers;
static uint32_t touched; /* Lines. */
static struct {
    uintptr_t line;
    uint8_t have; /* A bit a core. */
} lines[LINES];

void guard_locked(void)
{
    locked += counts ? 1 : 0;
}

void guard_access(const volatile void *memory, bool writes)
{
    uintptr_t line = (uintptr_t)memory / 64;
    unsigned at = (unsigned)(line * 2654435761u % LINES);
    uint8_t me = (uint8_t)(1u << core);

    if (!counts) {
        return;
    }
    while (lines[at].line != 0 && lines[at].line != line) {
        at = (at + 1) % LINES;
    }
    if (lines[at].line == 0) {
        lines[at].line = line;
        lines[at].have = me;
        touched++;
    } else if ((lines[at].have & me) == 0) {
        transfers++;
        lines[at].have |= me;
    } else if (writes && lines[at].have != me) {
        transfers++; /* The other one's copy has to go. */
    }
    if (writes) {
        lines[at].have = me;
    }
}

/* What clang calls at each plain access of a file that it compiles so: the dispatch. */
#define GUARD_TRACED(kind, bytes, type, writes)                                                    \
    void __sanitizer_cov_##kind##bytes(const type *memory);                                        \
    void __sanitizer_cov_##kind##bytes(const type *memory)                                         \
    {                                                                                              \
        guard_access(memory, writes);                                                              \
    }
GUARD_TRACED(load, 1, uint8_t, false)
GUARD_TRACED(load, 2, uint16_t, false)
GUARD_TRACED(load, 4, uint32_t, false)
GUARD_TRACED(load, 8, uint64_t, false)
GUARD_TRACED(store, 1, uint8_t, true)
GUARD_TRACED(store, 2, uint16_t, true)
GUARD_TRACED(store, 4, uint32_t, true)
GUARD_TRACED(store, 8, uint64_t, true)
/* That clang wants to say where a program has been comes along. */
void __sanitizer_cov_8bit_counters_init(const char *begin, const char *end);
void __sanitizer_cov_8bit_counters_init(const char *begin, const char *end)
{
    (void)begin;
    (void)end;
}

#define GUARD_CORE(number) (core = (number))
#define GUARD_BEGIN()      (counts = true)
#define GUARD_END(times)                                                                           \
    printf("locked %.4f transfers %.4f touched %u\n", (double)locked / (double)(times),            \
           (double)transfers / (double)(times), touched)
#else
#define GUARD_CORE(number) ((void)0)
#define GUARD_BEGIN()      ((void)0)
#define GUARD_END(times)   ((void)(times))
#endif

/* Each loop has nothing but what it counts, and so the same around it as an empty one. */
#define GUARD_LOOP(times, work)                                                                    \
    do {                                                                                           \
        GUARD_BEGIN();                                                                             \
        for (uint64_t i = 0; i < (times); i++) {                                                   \
            work;                                                                                  \
            __asm__ __volatile__("" : : : "memory");                                               \
        }                                                                                          \
        GUARD_END(times);                                                                          \
    } while (0)

/* Interrupts of a VP with so many channels, @bits of which have a flag, evenly. */
static void guard_dispatch(uint32_t channels, uint32_t bits, uint64_t times)
{
    struct bench_guest *guest = bench_guest_new(1, channels, VMB_NOTIFY_DIRECT);
    struct vmb_guest_vp *vp = vmb_guest_vp_handle(bench_guest_library(guest), 0);
    uint64_t *flags = bench_guest_flags(guest, 0);
    uint64_t pattern[32] = {0};

    for (uint32_t i = 0; i < bits; i++) {
        uint32_t relid = 1 + i * (channels / bits);

        pattern[relid / 64] |= UINT64_C(1) << (relid % 64);
    }
    memcpy(flags, pattern, sizeof(pattern));
    (void)vmb_guest_vp_on_interrupt(vp); /* It notes what is lent to it. */
    if (bits == 0) {
        GUARD_LOOP(times, (void)vmb_guest_vp_on_interrupt(vp));
    } else {
        GUARD_LOOP(times, memcpy(flags, pattern, sizeof(pattern));
                   (void)vmb_guest_vp_on_interrupt(vp));
    }
    bench_guest_free(guest);
}

/* Idle interrupts of a VP that is found by its number; or, without @interrupts, the loop alone. */
static void guard_idle(bool interrupts, uint64_t times)
{
    struct bench_guest *guest = bench_guest_new(1, 1, VMB_NOTIFY_DIRECT);
    struct vmb_guest *library = bench_guest_library(guest);

    if (interrupts) {
        GUARD_LOOP(times, (void)vmb_guest_on_interrupt(library, 0));
    } else {
        GUARD_LOOP(times, (void)0);
    }
    bench_guest_free(guest);
}

#define GUARD_BATCH 128u

static VMB_CACHE_ALIGNED struct vmb_ring_tx guard_tx;
static VMB_CACHE_ALIGNED struct vmb_ring_rx guard_rx;

/* One packet of 16 bytes: sent, committed, received, given back. */
static bool guard_ring_single(void)
{
    static const struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND};
    static const uint64_t sent[2] = {1, 2};
    static const struct vmb_slice slice = {.bytes = sent, .byte_count = sizeof(sent)};
    static uint64_t received[2];
    static struct vmb_packet got;
    bool good;

    GUARD_CORE(0);
    good = vmb_ring_tx_write(&guard_tx, &packet, &slice, 1) == VMB_OK;
    bench_ignore(vmb_ring_tx_commit(&guard_tx));
    GUARD_CORE(1);
    good = vmb_ring_rx_next(&guard_rx, received, sizeof(received), &got) == VMB_OK && good;
    bench_ignore(vmb_ring_rx_commit(&guard_rx));
    return good;
}

/* The same with so many packets at once. */
static bool guard_ring_burst(uint32_t batch)
{
    static struct vmb_packet_out packets[GUARD_BATCH];
    static struct vmb_slice slices[GUARD_BATCH];
    static struct vmb_packet got[GUARD_BATCH];
    static uint64_t received[2 * GUARD_BATCH];
    uint32_t sent, come;

    if (slices[0].bytes == NULL) {
        for (uint32_t i = 0; i < GUARD_BATCH; i++) {
            packets[i].type = VMB_PACKET_IN_BAND;
            slices[i] = (struct vmb_slice){.bytes = received, .byte_count = 16};
        }
    }
    GUARD_CORE(0);
    if (vmb_ring_tx_write_many(&guard_tx, packets, slices, batch, &sent) != VMB_OK) {
        return false;
    }
    bench_ignore(vmb_ring_tx_commit(&guard_tx));
    GUARD_CORE(1);
    for (come = 0; come < batch; come += sent) { /* Twice where the ring wraps. */
        if (vmb_ring_rx_next_many(&guard_rx, received, sizeof(received), got, batch - come,
                                  &sent) != VMB_OK) {
            return false;
        }
    }
    bench_ignore(vmb_ring_rx_commit(&guard_rx));
    return true;
}

/* Packets of 16 bytes through a ring, so many at a time. Apart, so that nothing else moves it. */
VMB_NOINLINE static void guard_ring(uint32_t batch, uint64_t times)
{
    uint8_t *memory = bench_memory(4096, VMB_RING_MAPPING_BYTES(RING_BYTES));
    bool good = batch <= GUARD_BATCH;

    vmb_ring_format(memory);
    if (vmb_ring_tx_init(&guard_tx, memory, RING_BYTES) != VMB_OK ||
        vmb_ring_rx_init(&guard_rx, memory, RING_BYTES) != VMB_OK) {
        exit(3);
    }
    vmb_ring_rx_mask(&guard_rx);
    GUARD_BEGIN();
    for (uint64_t i = 0; good && i < times; i += batch) {
        good = batch == 1 ? guard_ring_single() : guard_ring_burst(batch);
    }
    GUARD_END(times);
    if (!good) {
        exit(3);
    }
    free(memory);
}

/* All channels open, so that nothing is left that would come later. */
static void guard_memory(void)
{
    struct bench_guest *guest = bench_guest_new(4, VMB_RELID_COUNT - 1, VMB_NOTIFY_DEFERRED);

    printf("bytes %zu\n", bench_guest_bytes(guest));
    bench_guest_free(guest);
}

int main(int argc, char **argv)
{
    unsigned channels, bits, batch;
    uint64_t times;

    if (argc == 2 && strcmp(argv[1], "memory") == 0) {
        guard_memory();
        return 0;
    }
    if (argc != 3) {
        fprintf(stderr, "usage: guard memory | dispatch:CHANNELS:BITS TIMES | by-number TIMES | "
                        "no-interrupt TIMES | ring:BATCH TIMES | "
                        "endpoint:one|staged|burst TIMES\n");
        return 2;
    }
    times = strtoull(argv[2], NULL, 10);
    if (strcmp(argv[1], "no-interrupt") == 0) {
        guard_idle(false, times);
    } else if (strcmp(argv[1], "by-number") == 0) {
        guard_idle(true, times);
    } else if (sscanf(argv[1], "dispatch:%u:%u", &channels, &bits) == 2) {
        guard_dispatch(channels, bits, times);
    } else if (sscanf(argv[1], "ring:%u", &batch) == 1 && batch != 0) {
        guard_ring(batch, times);
    } else if (strncmp(argv[1], "endpoint:", 9) == 0) {
        guard_endpoint(argv[1] + 9, times);
    } else {
        return 2;
    }
    return 0;
}
