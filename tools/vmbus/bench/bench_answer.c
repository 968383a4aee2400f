/* SPDX-License-Identifier: MIT */
/*
 * From a flag that the host sets to the answer of the channel's handler, between two CPUs: the
 * guest's spins over its interrupt, so that what is measured is the way and no hypervisor.
 *
 * The floor is a line of flag passed to and fro. What the protocol wants besides is a flag that is
 * one of many in its word: set by a locked operation, taken by another.
 */
#include "tools/vmbus/bench/bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <vmbus/platform/atomic.h>

#include "tools/vmbus/bench/bench_guest.h"

#define TRIPS   16u /* That one time is taken of: clocks are coarse. */
#define BATCHES 128u

enum kind {
    FLAG, /* A word to and fro. */
    SWAP, /* The least that the protocol allows: a bit set, a word swapped. */
    FEW,  /* The library, one channel. */
    MANY, /* The same, all relids mapped and open. */
    KINDS
};

static const char *const names[KINDS] = {"a flag to and fro", "a bit set and swapped",
                                         "libvmbus, 1 channel", "libvmbus, 2047 channels"};

/* Each on a line of its own. */
struct answer {
    _Alignas(64) uint64_t flag;
    _Alignas(64) uint64_t events; /* Written by the handler: the answer. */
    _Alignas(64) atomic_uint there;
    atomic_bool stop;
    enum kind kind;
    struct vmb_guest_vp *vp;
};

struct answer_guest {
    struct bench_guest *guest;
    struct vmb_guest_vp *vp;
    uint64_t *word; /* Of flags, of the highest relid. */
    uint64_t bit;
    uint64_t *events; /* What its handler has counted. */
};

static void *answer_vp(void *argument)
{
    struct answer *self = argument;
    uint64_t trip = 1;

    bench_pin(1);
    atomic_store(&self->there, 1);
    while (!atomic_load_explicit(&self->stop, memory_order_relaxed)) {
        switch (self->kind) {
        case FLAG:
            if (__atomic_load_n(&self->flag, __ATOMIC_ACQUIRE) == trip) {
                __atomic_store_n(&self->events, trip++, __ATOMIC_RELEASE);
            }
            break;
        case SWAP:
            if (__atomic_load_n(&self->flag, __ATOMIC_RELAXED) != 0) {
                (void)__atomic_exchange_n(&self->flag, 0, __ATOMIC_ACQUIRE);
                __atomic_store_n(&self->events, trip++, __ATOMIC_RELEASE);
            }
            break;
        default:
            (void)vmb_guest_vp_on_interrupt(self->vp);
            break;
        }
    }
    return NULL;
}

static int answer_compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* Median ns from the flag to the answer. */
static double answer_round(struct answer *self, enum kind kind, const struct answer_guest *guest)
{
    static uint64_t times[BATCHES];
    uint64_t *word = guest != NULL ? guest->word : &self->flag;
    uint64_t *events = guest != NULL ? guest->events : &self->events;
    uint64_t bit = guest != NULL ? guest->bit : 1, before;
    pthread_t thread;

    self->flag = self->events = 0;
    self->kind = kind;
    self->vp = guest != NULL ? guest->vp : NULL;
    atomic_store(&self->there, 0);
    atomic_store(&self->stop, false);
    if (pthread_create(&thread, NULL, answer_vp, self) != 0) {
        fprintf(stderr, "vmbus bench: no thread\n");
        exit(3);
    }
    bench_pin(0);
    while (atomic_load(&self->there) == 0) {
    }
    before = *events;
    for (uint32_t batch = 0; batch < BATCHES; batch++) {
        uint64_t started = bench_now_ns();

        for (uint32_t i = 0; i < TRIPS; i++) {
            before++;
            if (kind == FLAG) {
                __atomic_store_n(word, before, __ATOMIC_RELEASE);
            } else {
                (void)__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
            }
            while (__atomic_load_n(events, __ATOMIC_ACQUIRE) != before) {
            }
        }
        times[batch] = bench_now_ns() - started;
    }
    atomic_store(&self->stop, true);
    (void)pthread_join(thread, NULL);
    qsort(times, BATCHES, sizeof(times[0]), answer_compare);
    return (double)times[BATCHES / 2] / TRIPS;
}

static void answer_guest_new(struct answer_guest *self, uint32_t channels)
{
    self->guest = bench_guest_new(1, channels, VMB_NOTIFY_DIRECT);
    self->vp = vmb_guest_vp_handle(bench_guest_library(self->guest), 0);
    self->word = bench_guest_flags(self->guest, 0) + channels / 64;
    self->bit = UINT64_C(1) << channels % 64;
    self->events = &bench_guest_device(self->guest, channels)->events;
}

bool bench_answer(struct bench *bench)
{
    static struct bench_series series[KINDS];
    static struct answer self;
    struct answer_guest few, many;
    struct bench_series ratio;
    char name[96];

    if (bench_cpu_count() < 2) {
        bench_skipped(bench, "answer", "it needs two CPUs");
        return true;
    }
    answer_guest_new(&few, 1);
    answer_guest_new(&many, VMB_RELID_COUNT - 1);
    for (uint32_t round = 0; round < bench_rounds(bench); round++) {
        for (uint32_t i = 0; i < KINDS; i++) {
            enum kind kind = (enum kind)((i + round) % KINDS);

            bench_progress(bench, "answer: round %u of %u, %s", round + 1, bench_rounds(bench),
                           names[kind]);
            bench_add(&series[kind], answer_round(&self, kind,
                                                  kind == FEW    ? &few
                                                  : kind == MANY ? &many
                                                                 : NULL));
        }
    }
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        snprintf(name, sizeof(name), "answer: %s", names[kind]);
        bench_figure(bench, name, "ns", &series[kind]);
    }
    ratio = bench_ratio(&series[SWAP], &series[FLAG]);
    bench_figure(bench, "answer: a bit set and swapped, of a flag to and fro", "times", &ratio);
    ratio = bench_ratio(&series[FEW], &series[FLAG]);
    bench_at_most(bench, "answer: 1 channel, of a flag to and fro", &ratio, 1.15);
    ratio = bench_ratio(&series[MANY], &series[FLAG]);
    bench_at_most(bench, "answer: 2047 channels, of a flag to and fro", &ratio, 1.15);
    ratio = bench_ratio(&series[FEW], &series[SWAP]);
    bench_figure(bench, "answer: 1 channel, of a bit set and swapped", "times", &ratio);
    ratio = bench_ratio(&series[MANY], &series[SWAP]);
    bench_figure(bench, "answer: 2047 channels, of a bit set and swapped", "times", &ratio);
    bench_guest_free(few.guest);
    bench_guest_free(many.guest);
    return true;
}
