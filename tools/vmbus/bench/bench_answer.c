/* SPDX-License-Identifier: MIT */
/*
 * From a flag that the host sets to the answer of the channel's handler, between two CPUs: the
 * guest's spins over its interrupt, so that what is measured is the way and no hypervisor.
 *
 * The floor is a line of flag passed to and fro. What the protocol wants besides is a flag that is
 * one of many in its word: set by a locked operation, taken by another; and what finds the handler
 * from there has to call it.
 */
#include "tools/vmbus/bench/bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <vmbus/platform/atomic.h>

#include "tools/vmbus/bench/bench_guest.h"
#include "tools/vmbus/bench/bench_peers.h"
#include "tools/vmbus/bench/bench_place.h"

#define TRIPS       16u /* That one time is taken of: clocks are coarse. */
#define BATCHES     128u
#define PATIENCE_NS UINT64_C(1500000000) /* For pairs of CPUs, times the rounds wanted. */

enum kind {
    FLAG,       /* A word to and fro. */
    SWAP,       /* The least that the protocol allows: a bit set, a word swapped. */
    FEW,        /* The library, one channel. */
    MANY,       /* The same, all relids mapped and open. */
    FLOOR_FEW,  /* Words looked at, swapped, handlers called from a dense table: nothing else. */
    FLOOR_MANY, /* The same, all relids. */
    KINDS
};

static const char *const names[KINDS] = {"a flag to and fro",   "a bit set and swapped",
                                         "libvmbus, 1 channel", "libvmbus, 2047 channels",
                                         "floor, 1 channel",    "floor, 2047 channels"};

/* Each on a line of its own. */
struct answer {
    _Alignas(64) uint64_t flag;
    _Alignas(64) uint64_t events; /* Written by the handler: the answer. */
    _Alignas(64) atomic_uint there;
    atomic_bool stop;
    enum kind kind;
    const struct answer_guest *guest;
};

struct answer_guest {
    struct bench_guest *guest;
    struct vmb_guest_vp *vp;
    uint64_t *flags;
    uint64_t *word; /* Of flags, of the highest relid. */
    uint64_t bit;
    uint64_t *events;     /* What its handler has counted. */
    struct peer_map *map; /* The floor's, of the same channels. */
};

static void *answer_vp(void *argument)
{
    struct answer *self = argument;
    struct vmb_guest_vp *handle = self->guest != NULL ? self->guest->vp : NULL;
    struct peer_vp floor = {.flags = self->guest != NULL ? self->guest->flags : NULL};
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
        case FLOOR_FEW:
        case FLOOR_MANY:
            peer_floor_scan(self->guest->map, &floor);
            break;
        default:
            (void)vmb_guest_vp_on_interrupt(handle);
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
    self->guest = guest;
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
    self->map = peer_map_new(1, channels, self->guest, false);
    self->flags = bench_guest_flags(self->guest, 0);
    self->word = self->flags + channels / 64;
    self->bit = UINT64_C(1) << channels % 64;
    self->events = &bench_guest_device(self->guest, channels)->events;
}

static void answer_guest_free(struct answer_guest *self)
{
    peer_map_free(self->map);
    bench_guest_free(self->guest);
}

/* All rounds of one kind of pair. */
struct answer_times {
    struct bench_series series[KINDS];
    struct place_count count;
};

static const struct answer_guest *answer_guest_of(enum kind kind, const struct answer_guest *few,
                                                  const struct answer_guest *many)
{
    if (kind == FLAG || kind == SWAP) {
        return NULL;
    }
    return kind == FEW || kind == FLOOR_FEW ? few : many;
}

/* A round. It counts if the pair stays as it was. */
static void answer_place(struct answer_times *times, enum place place, uint32_t round,
                         const struct answer_guest *few, const struct answer_guest *many)
{
    static struct answer self;
    double ns[KINDS], line;

    if (!place_take(place)) {
        return;
    }
    for (uint32_t i = 0; i < KINDS; i++) {
        enum kind kind = (enum kind)((i + round) % KINDS);

        ns[kind] = answer_round(&self, kind, answer_guest_of(kind, few, many));
        if (!place_holds(place, &line)) {
            times->count.left_out++;
            return;
        }
    }
    times->count.judged++;
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        bench_add(&times->series[kind], ns[kind]);
    }
}

static void answer_report(struct bench *bench, const struct answer_times *times, enum place place)
{
    static const struct {
        enum kind above, below;
        const char *words;
        double most; /* 0: no target. */
    } ratios[] = {
        {SWAP, FLAG, "a bit set and swapped, of a flag to and fro", 0},
        {FEW, FLAG, "1 channel, of a flag to and fro", 1.15},
        {MANY, FLAG, "2047 channels, of a flag to and fro", 1.15},
        {FLOOR_FEW, FLAG, "floor, 1 channel, of a flag to and fro", 0},
        {FLOOR_MANY, FLAG, "floor, 2047 channels, of a flag to and fro", 0},
        {FEW, FLOOR_FEW, "1 channel, of the floor", 0},
        {MANY, FLOOR_MANY, "2047 channels, of the floor", 0},
    };
    bool judged = place_report(bench, "answer", place, &times->count);
    char name[96];

    if (times->count.judged == 0) {
        return;
    }
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        snprintf(name, sizeof(name), "answer, %s: %s", place_names[place], names[kind]);
        bench_figure(bench, name, "ns", &times->series[kind]);
    }
    for (uint32_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++) {
        struct bench_series ratio =
            bench_ratio(&times->series[ratios[i].above], &times->series[ratios[i].below]);

        snprintf(name, sizeof(name), "answer, %s: %s", place_names[place], ratios[i].words);
        if (judged && ratios[i].most > 0) {
            bench_at_most(bench, name, &ratio, ratios[i].most);
        } else {
            bench_figure(bench, name, "times", &ratio);
        }
    }
}

bool bench_answer(struct bench *bench)
{
    static struct answer_times times[PLACES];
    struct answer_guest few, many;
    uint32_t wanted = bench_rounds(bench), round = 0;
    uint64_t end = bench_now_ns() + PATIENCE_NS * wanted;

    if (bench_cpu_count() < 2) {
        bench_skipped(bench, "answer", "it needs two CPUs");
        return true;
    }
    answer_guest_new(&few, 1);
    answer_guest_new(&many, VMB_RELID_COUNT - 1);
    do {
        bench_progress(bench, "answer: round %u, %u near and %u far of %u", round + 1,
                       times[PLACE_NEAR].count.judged, times[PLACE_FAR].count.judged, wanted);
        place_scan();
        for (uint32_t place = 0; place < PLACES; place++) {
            if (times[place].count.judged < wanted) {
                answer_place(&times[place], (enum place)place, round, &few, &many);
            }
        }
        round++;
    } while (bench_now_ns() < end &&
             (times[PLACE_NEAR].count.judged < wanted || times[PLACE_FAR].count.judged < wanted));
    place_forget();
    for (uint32_t place = 0; place < PLACES; place++) {
        answer_report(bench, &times[place], (enum place)place);
    }
    answer_guest_free(&few);
    answer_guest_free(&many);
    return true;
}
