/* SPDX-License-Identifier: MIT */
/* From flags to handlers on one VP, beside how others do it. */
#include "tools/vmbus/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vmbus/bench/bench_peers.h"

#define WORDS         32u
#define MEASURE_NS    60000u /* Of one try; the best of TRIES counts: others use the machine too. */
#define TRIES         6u
#define SCANS_AT_ONCE 64u

enum variant {
    OURS,
    LINUX_NOW,
    FREEBSD,
    SWAP, /* FreeBSD's scan without its queue. */
    RWLOCK,
    LINUX_BEFORE,
    FLOOR,
    OURS_DEFERRED, /* From here on channels whose handlers run behind the interrupt. */
    LINUX_DEFERRED,
    VARIANTS
};

static const char *const names[VARIANTS] = {
    "libvmbus",       "Linux now",          "FreeBSD",
    "FreeBSD's scan", "rwlock map",         "Linux before",
    "floor",          "libvmbus, deferred", "Linux now, deferred"};

/* One setting: so many channels, so many bits set. */
struct dispatch_case {
    uint32_t channels, bits;
    bool spread; /* Evenly over all relids, not the lowest ones. */
};

static const struct dispatch_case cases[] = {
    {1, 0, false},      {1, 1, false},       {8, 0, false},   {8, 8, false},   {64, 0, false},
    {64, 8, false},     {64, 63, false},     {512, 0, false}, {512, 8, true},  {512, 64, true},
    {512, 511, false},  {2047, 0, false},    {2047, 1, true}, {2047, 8, true}, {2047, 255, true},
    {2047, 255, false}, {2047, 2047, false},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

/* The guest and the peers' map, with channels of one kind. */
struct dispatch_stage {
    struct bench_guest *guest;
    struct vmb_guest *library;
    struct vmb_guest_vp *handle;
    struct peer_map *map;
    struct peer_vp vp;
};

struct dispatch {
    struct dispatch_stage direct, deferred;
    uint64_t pattern[WORDS];
    uint32_t bits;
    struct bench_series time[VARIANTS]; /* ns a scan, refill taken off. */
    uint64_t scans[VARIANTS];
};

static void dispatch_fill(uint64_t *flags, const uint64_t *pattern)
{
    for (uint32_t word = 0; word < WORDS; word++) {
        if (pattern[word] != 0) {
            __atomic_store_n(&flags[word], pattern[word], __ATOMIC_RELAXED);
        }
    }
}

static void dispatch_pattern(struct dispatch *self, const struct dispatch_case *one)
{
    uint32_t relid, step = one->spread && one->bits != 0 ? one->channels / one->bits : 1;

    memset(self->pattern, 0, sizeof(self->pattern));
    for (uint32_t i = 0; i < one->bits; i++) {
        relid = 1 + i * step;
        self->pattern[relid / 64] |= UINT64_C(1) << (relid % 64);
    }
    self->bits = one->bits;
}

static void dispatch_scan(struct dispatch_stage *stage, enum variant variant)
{
    static const peer_scan scans[VARIANTS] = {NULL,
                                              peer_linux_scan,
                                              peer_freebsd_scan,
                                              peer_swap_scan,
                                              peer_rwlock_scan,
                                              peer_linux_before_scan,
                                              peer_floor_scan,
                                              NULL,
                                              peer_linux_deferred_scan};

    if (variant == OURS) {
        (void)vmb_guest_vp_on_interrupt(stage->handle);
    } else if (variant != OURS_DEFERRED) {
        scans[variant](stage->map, &stage->vp);
    } else if ((vmb_guest_vp_on_interrupt(stage->handle) & VMB_GUEST_WORK_RUN) != 0) {
        while (vmb_guest_run(stage->library, 0, VMB_RELID_COUNT)) {
        }
    }
}

/* Refill and scan until the time is over; ns each. */
static double dispatch_try(struct dispatch *self, enum variant variant, bool scan)
{
    struct dispatch_stage *stage = variant < OURS_DEFERRED ? &self->direct : &self->deferred;
    uint64_t *flags = stage->vp.flags;
    uint64_t started = bench_now_ns(), elapsed, count = 0;
    uint32_t at_once = self->bits > 64 || variant == LINUX_BEFORE ? 1 : SCANS_AT_ONCE;

    do {
        for (uint32_t i = 0; i < at_once; i++) {
            if (self->bits != 0) {
                dispatch_fill(flags, self->pattern);
            }
            if (scan) {
                dispatch_scan(stage, variant);
            } else {
                __asm__ __volatile__("" ::: "memory");
            }
        }
        count += at_once;
        elapsed = bench_now_ns() - started;
    } while (elapsed < MEASURE_NS);
    if (scan) {
        self->scans[variant] += count;
    }
    return (double)elapsed / (double)count;
}

static double dispatch_time(struct dispatch *self, enum variant variant, bool scan)
{
    double best = dispatch_try(self, variant, scan), again;

    for (uint32_t i = 1; i < TRIES; i++) {
        again = dispatch_try(self, variant, scan);
        best = again < best ? again : best;
    }
    return best;
}

/* Each bit that was set has called its handler, once, in each variant. */
static void dispatch_verify(struct bench *bench, struct dispatch *self, uint32_t channels,
                            bool deferred)
{
    struct dispatch_stage *stage = deferred ? &self->deferred : &self->direct;
    uint64_t scans = 0;

    for (uint32_t variant = 0; variant < VARIANTS; variant++) {
        scans += (variant >= OURS_DEFERRED) == deferred ? self->scans[variant] : 0;
    }
    for (uint32_t relid = 1; relid <= channels; relid++) {
        uint64_t set = (self->pattern[relid / 64] >> relid % 64 & 1) * scans;
        uint64_t events = bench_guest_device(stage->guest, relid)->events;

        if (events != set) {
            bench_wrong(bench, "relid %u of %u: its flag was set %llu times, its handler ran %llu",
                        relid, channels, (unsigned long long)set, (unsigned long long)events);
            return;
        }
    }
}

/* Ours beside another: a figure, and a target if @bound is not 0. */
static void dispatch_times(struct bench *bench, const struct dispatch *self,
                           const struct dispatch_case *one, enum variant other, double bound)
{
    enum variant ours = other < OURS_DEFERRED ? OURS : OURS_DEFERRED;
    struct bench_series ratio = bench_ratio(&self->time[other], &self->time[ours]);
    char name[96];

    snprintf(name, sizeof(name), "dispatch %u of %u%s: times %s", one->bits, one->channels,
             one->spread ? " spread" : "", names[other]);
    if (bound > 0) {
        bench_at_least(bench, name, &ratio, bound);
    } else {
        bench_figure(bench, name, "times", &ratio);
    }
}

static void dispatch_judge(struct bench *bench, const struct dispatch *self,
                           const struct dispatch_case *one)
{
    bool full = one->bits == one->channels && one->bits >= 8;
    bool spread = one->bits >= 64 && one->spread;
    struct bench_series ratio;
    char name[96];

    if (one->bits == 0) {
        ratio = bench_ratio(&self->time[OURS], &self->time[FREEBSD]);
        snprintf(name, sizeof(name), "dispatch idle at %u: of FreeBSD's time", one->channels);
        bench_at_most(bench, name, &ratio, 1.0);
        return;
    }
    dispatch_times(bench, self, one, LINUX_NOW, one->bits >= 8 ? 6.0 : 0);
    dispatch_times(bench, self, one, FREEBSD, full ? 1.1 : spread ? 2.5 : 0);
    dispatch_times(bench, self, one, SWAP, full ? 1.1 : spread ? 2.5 : 0);
    dispatch_times(bench, self, one, LINUX_DEFERRED, one->bits >= 8 ? 1.0 : 0);
    ratio = bench_ratio(&self->time[OURS], &self->time[FLOOR]);
    snprintf(name, sizeof(name), "dispatch %u of %u%s: of the floor", one->bits, one->channels,
             one->spread ? " spread" : "");
    bench_figure(bench, name, "times", &ratio);
}

static void dispatch_report(struct bench *bench, struct dispatch *self,
                            const struct dispatch_case *one)
{
    char name[96];
    const char *shape = one->spread ? " spread" : "";

    for (uint32_t variant = 0; variant < VARIANTS; variant++) {
        snprintf(name, sizeof(name), "dispatch %u of %u%s: %s", one->bits, one->channels, shape,
                 names[variant]);
        bench_figure(bench, name, "ns/scan", &self->time[variant]);
        if (one->channels == 2047 && (one->spread || one->bits == 2047)) {
            bench_point(bench, "Dispatch, 2047 channels, by set bits", "set bits|ns a scan",
                        names[variant], one->bits, bench_median(&self->time[variant]));
        }
        if (one->bits == 0) {
            bench_point(bench, "Scan of an idle page, by channels", "channels|ns a scan",
                        names[variant], one->channels, bench_median(&self->time[variant]));
        }
        if (one->bits == 8) {
            bench_point(bench, "Eight events, by channels", "channels|ns a scan", names[variant],
                        one->channels, bench_median(&self->time[variant]));
        }
    }
    dispatch_judge(bench, self, one);
}

static void dispatch_case_run(struct bench *bench, struct dispatch *self,
                              const struct dispatch_case *one)
{
    memset(self->time, 0, sizeof(self->time));
    memset(self->scans, 0, sizeof(self->scans));
    bench_guest_forget_events(self->direct.guest);
    bench_guest_forget_events(self->deferred.guest);
    dispatch_pattern(self, one);
    for (uint32_t round = 0; round < bench_rounds(bench) + 1; round++) {
        for (uint32_t i = 0; i < VARIANTS; i++) {
            enum variant variant = (enum variant)((i + round) % VARIANTS);
            double refill = dispatch_time(self, variant, false);
            double both = dispatch_time(self, variant, true);

            memset(self->direct.vp.flags, 0, WORDS * sizeof(uint64_t));
            memset(self->deferred.vp.flags, 0, WORDS * sizeof(uint64_t));
            if (round > 0) { /* The first one warms up. */
                bench_add(&self->time[variant], both > refill ? both - refill : 0.1);
            }
        }
    }
    dispatch_verify(bench, self, one->channels, false);
    dispatch_verify(bench, self, one->channels, true);
    dispatch_report(bench, self, one);
}

static void dispatch_build(struct dispatch_stage *stage, uint32_t channels, bool deferred)
{
    static uint32_t no_message[64];

    stage->guest = bench_guest_new(1, channels, deferred ? VMB_NOTIFY_DEFERRED : VMB_NOTIFY_DIRECT);
    stage->library = bench_guest_library(stage->guest);
    stage->handle = vmb_guest_vp_handle(stage->library, 0);
    while (vmb_guest_run(stage->library, 0, VMB_RELID_COUNT)) { /* What opening has left due. */
    }
    stage->map = peer_map_new(1, channels, stage->guest, deferred);
    stage->vp.flags = bench_guest_flags(stage->guest, 0);
    stage->vp.slot = no_message;
}

static void dispatch_drop(struct dispatch_stage *stage)
{
    if (stage->map != NULL) {
        peer_map_free(stage->map);
        bench_guest_free(stage->guest);
    }
}

bool bench_dispatch(struct bench *bench)
{
    struct dispatch self;
    uint32_t channels = 0;

    memset(&self, 0, sizeof(self));
    bench_pin(0);
    for (uint32_t i = 0; i < CASES; i++) {
        bench_progress(bench, "dispatch: %u of %zu, %u channels, %u bits", i + 1, CASES,
                       cases[i].channels, cases[i].bits);
        if (cases[i].channels != channels) {
            dispatch_drop(&self.direct);
            dispatch_drop(&self.deferred);
            channels = cases[i].channels;
            dispatch_build(&self.direct, channels, false);
            dispatch_build(&self.deferred, channels, true);
        }
        dispatch_case_run(bench, &self, &cases[i]);
    }
    dispatch_drop(&self.direct);
    dispatch_drop(&self.deferred);
    return true;
}
