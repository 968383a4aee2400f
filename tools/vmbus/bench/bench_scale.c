/* SPDX-License-Identifier: MIT */
/*
 * Several VPs at once, quiet and while the control plane closes, reopens and moves channels.
 *
 * Events for each second of CPU time that the threads had, since on a machine that others use too
 * three threads seldom have three CPUs. What VPs take from each other (lines of cache, locks that
 * they spin for) is CPU time, and the floor shows what the machine gives to three that share
 * nothing but a table that nobody writes.
 *
 * Only tries count in which each thread had its CPU for nearly all of the time, and no two of these
 * were one core: others say nothing about what VPs cost each other, and a lock that one of them
 * does not ask for looks cheap. And of each thread its best one does: three that all go undisturbed
 * in one try are rare where one that does is not. What is compared takes turns try by try.
 */
#include "tools/vmbus/bench/bench.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/vmbus/bench/bench_peers.h"
#include "tools/vmbus/bench/bench_place.h"

#define WORKERS      3u
#define CHANNELS     512u /* Steady ones; as many as STORMED are opened and closed. */
#define STORMED      64u
#define ROUND_NS     4000000u /* Of one try. */
#define PACE_NS      1000000u /* From one close to the next where they come a thousand a second. */
#define TRIES        5u       /* That count. */
#define TRIES_ENOUGH 15u      /* Of all; more only where none has counted. */
#define TRIES_MAX    60u
#define TOGETHER     0.9 /* A try counts if each VP had its CPU for so much of it. */
#define PATIENCE_NS  UINT64_C(4000000000) /* For such tries, times the rounds wanted. */
#define SET_BITS     64u

enum variant {
    OURS,
    LINUX_NOW,
    RWLOCK,
    FLOOR,
    VARIANTS
};

static const char *const names[VARIANTS] = {"libvmbus", "Linux now", "rwlock map", "floor"};

/* What the host does meanwhile, on a CPU of its own. */
enum host {
    SLEEPS,
    SPINS,  /* So that a storm has something to be compared with: siblings share a core. */
    PACED,  /* A close, a reopening and two moves each PACE_NS. */
    STORMS, /* The same flat out. */
};

/* What is measured, try by try, in this order. */
struct setting {
    enum variant variant;
    uint32_t vps;
    enum host host;
};

static const struct setting settings[] = {
    {OURS, 1, SLEEPS},      {OURS, 2, SLEEPS},      {OURS, 2, PACED},    {OURS, 3, SLEEPS},
    {FLOOR, 1, SLEEPS},     {FLOOR, 2, SLEEPS},     {FLOOR, 3, SLEEPS},  {LINUX_NOW, 1, SLEEPS},
    {LINUX_NOW, 2, SLEEPS}, {LINUX_NOW, 3, SLEEPS}, {RWLOCK, 1, SLEEPS}, {RWLOCK, 2, SLEEPS},
    {RWLOCK, 3, SLEEPS},    {OURS, 2, SPINS},       {OURS, 2, STORMS},   {FLOOR, 2, SPINS},
    {FLOOR, 2, STORMS},
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

/* Of one setting in one round. */
struct outcome {
    double best[WORKERS]; /* Million events a second of CPU time, of each VP. */
    uint32_t tries;       /* That count. */
};

struct scale {
    struct bench_guest *guest;
    struct peer_map *map;
    enum variant variant;
    atomic_bool go, stop;
    atomic_uint ready;
    uint32_t stormed; /* Steps of the storms. */
    uint64_t moves;
    uint64_t set; /* Bits, of the steady channels. */
};

struct worker {
    _Alignas(64) struct scale *scale;
    uint32_t vp;
    uint64_t events;
    uint64_t cpu_ns;
    double rate;
    uint64_t flags_of_peer[32];
    uint32_t no_message;
};

/* Bits of channels of this VP, so many of them, each time others. */
static void scale_set(uint64_t *flags, uint32_t vp, uint64_t *seed)
{
    for (uint32_t i = 0; i < SET_BITS; i++) {
        /* Those of the VP are vp - 1 modulo the number of workers. */
        uint32_t relid = (uint32_t)(bench_random(seed) % (CHANNELS / WORKERS - 1)) * WORKERS +
                         (vp + WORKERS - 1) % WORKERS;

        relid = relid == 0 ? WORKERS : relid;
        flags[relid / 64] |= UINT64_C(1) << (relid % 64);
    }
}

static uint32_t scale_count(const uint64_t *flags)
{
    uint32_t count = 0;

    for (uint32_t word = 0; word < 32; word++) {
        count += (uint32_t)__builtin_popcountll(flags[word]);
    }
    return count;
}

/* CPU time of the thread that calls. */
static uint64_t worker_cpu_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *worker_run(void *argument)
{
    static const peer_scan scans[VARIANTS] = {NULL, peer_linux_scan, peer_rwlock_scan,
                                              peer_floor_scan};
    struct worker *self = argument;
    struct scale *scale = self->scale;
    struct peer_vp vp = {
        .flags = self->flags_of_peer, .slot = &self->no_message, .index = self->vp};
    struct vmb_guest_vp *handle = vmb_guest_vp_handle(bench_guest_library(scale->guest), self->vp);
    uint64_t *flags = scale->variant == OURS ? bench_guest_flags(scale->guest, self->vp) : vp.flags;
    uint64_t seed = self->vp;

    bench_pin(self->vp);
    atomic_fetch_add(&scale->ready, 1);
    while (!atomic_load_explicit(&scale->go, memory_order_acquire)) {
    }
    self->cpu_ns = worker_cpu_ns();
    while (!atomic_load_explicit(&scale->stop, memory_order_relaxed)) {
        scale_set(flags, self->vp, &seed);
        self->events += scale_count(flags);
        if (scale->variant == OURS) {
            (void)vmb_guest_vp_on_interrupt(handle);
        } else {
            scans[scale->variant](scale->map, &vp);
        }
    }
    self->cpu_ns = worker_cpu_ns() - self->cpu_ns;
    return NULL;
}

/* Close a stormed channel that is open, which is moved before; open one that is not. */
static void storm_step(struct scale *scale, uint64_t until)
{
    struct vmb_guest *library = bench_guest_library(scale->guest);
    uint32_t relid = CHANNELS + 1 + scale->stormed++ % STORMED;
    struct vmb_channel *channel = bench_guest_channel(scale->guest, relid);
    uint32_t vp = 1 + relid % WORKERS;

    if (vmb_channel_state(channel) == VMB_CHANNEL_OPEN) {
        if (vmb_channel_set_target_vp(channel, 1 + vp % WORKERS, NULL, NULL) == VMB_OK) {
            bench_guest_settle(scale->guest);
        }
        bench_ignore(vmb_channel_close(channel, NULL, NULL) == VMB_OK);
    }
    while (vmb_guest_poll(library) && bench_now_ns() < until) {
    }
    bench_guest_settle(scale->guest);
    if (vmb_channel_state(channel) == VMB_CHANNEL_OFFERED) {
        bench_guest_open(scale->guest, relid, vp);
        scale->moves++;
    }
}

static void scale_sleep(uint64_t until)
{
    const struct timespec time = {.tv_sec = (time_t)(until / 1000000000u),
                                  .tv_nsec = (long)(until % 1000000000u)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {
    }
}

/* The host's part, in the thread that calls. */
static void scale_host(struct scale *scale, enum host host, uint64_t until)
{
    uint64_t next = bench_now_ns();

    while (bench_now_ns() < until) {
        if (host == STORMS || host == PACED) {
            storm_step(scale, until);
        }
        if (host == SLEEPS) {
            scale_sleep(until);
        } else if (host == PACED) {
            next += PACE_NS;
            scale_sleep(next < until ? next : until);
        }
    }
}

/* One try. The share of it that the VP had its CPU for that had it least. */
static double scale_try(struct scale *scale, const struct setting *setting, struct worker *workers)
{
    pthread_t threads[WORKERS];
    uint64_t started, elapsed, least_ns = UINT64_MAX;

    scale->variant = setting->variant;
    atomic_store(&scale->go, false);
    atomic_store(&scale->stop, false);
    atomic_store(&scale->ready, 0);
    memset(workers, 0, sizeof(*workers) * WORKERS);
    for (uint32_t i = 0; i < setting->vps; i++) {
        workers[i].scale = scale;
        workers[i].vp = i + 1;
        if (pthread_create(&threads[i], NULL, worker_run, &workers[i]) != 0) {
            fprintf(stderr, "vmbus bench: no thread\n");
            exit(3);
        }
    }
    while (atomic_load(&scale->ready) < setting->vps) {
    }
    started = bench_now_ns();
    atomic_store_explicit(&scale->go, true, memory_order_release);
    scale_host(scale, setting->host, started + ROUND_NS);
    atomic_store(&scale->stop, true);
    elapsed = bench_now_ns() - started;
    for (uint32_t i = 0; i < setting->vps; i++) {
        (void)pthread_join(threads[i], NULL);
        scale->set += workers[i].events;
        workers[i].rate = (double)workers[i].events * 1000 / (double)(workers[i].cpu_ns + 1);
        least_ns = workers[i].cpu_ns < least_ns ? workers[i].cpu_ns : least_ns;
    }
    return (double)least_ns / (double)elapsed;
}

/* A try counts if each VP had its CPU for nearly all of it. */
static void scale_outcome(struct scale *scale, const struct setting *setting,
                          struct outcome *outcome)
{
    static struct worker workers[WORKERS];

    if (scale_try(scale, setting, workers) < TOGETHER) {
        return;
    }
    for (uint32_t i = 0; i < setting->vps; i++) {
        if (workers[i].rate > outcome->best[i]) {
            outcome->best[i] = workers[i].rate;
        }
    }
    outcome->tries++;
}

/*
 * All settings, in turns. What was tried between two looks counts if no two CPUs shared a core in
 * either. False, and nothing is added: a setting has no try that counts.
 */
static bool scale_round(struct scale *scale, struct bench_series *rates)
{
    struct outcome outcomes[SETTINGS], before[SETTINGS];
    bool good = true, apart = place_apart(WORKERS + 1);

    memset(outcomes, 0, sizeof(outcomes));
    for (uint32_t i = 0; i < TRIES_MAX && (i < TRIES_ENOUGH || !good); i++) {
        memcpy(before, outcomes, sizeof(before));
        good = true;
        for (uint32_t at = 0; at < SETTINGS; at++) {
            if (outcomes[at].tries < TRIES && (i < TRIES_ENOUGH || outcomes[at].tries == 0)) {
                scale_outcome(scale, &settings[at], &outcomes[at]);
            }
        }
        if (!(place_apart(WORKERS + 1) && apart)) {
            memcpy(outcomes, before, sizeof(before));
            apart = place_apart(WORKERS + 1);
        }
        for (uint32_t at = 0; at < SETTINGS; at++) {
            good = good && outcomes[at].tries > 0;
        }
    }
    for (uint32_t at = 0; good && at < SETTINGS; at++) {
        double sum = 0;

        for (uint32_t i = 0; i < settings[at].vps; i++) {
            sum += outcomes[at].best[i];
        }
        bench_add(&rates[at], sum);
    }
    return good;
}

static uint64_t scale_delivered(struct scale *scale)
{
    uint64_t delivered = 0;

    for (uint32_t relid = 1; relid <= CHANNELS; relid++) {
        delivered += bench_guest_device(scale->guest, relid)->events;
    }
    return delivered;
}

static const struct bench_series *scale_rate(const struct bench_series *rates, enum variant variant,
                                             uint32_t vps, enum host host)
{
    uint32_t at = 0;

    while (settings[at].variant != variant || settings[at].vps != vps ||
           settings[at].host != host) {
        at++;
    }
    return &rates[at];
}

/* A ratio, and its target if enough rounds are there to judge it by. */
static void scale_ratio(struct bench *bench, const char *name, const struct bench_series *left,
                        const struct bench_series *right, double at_least)
{
    struct bench_series ratio = bench_ratio(left, right);

    if (at_least > 0 && ratio.count >= bench_rounds(bench)) {
        bench_at_least(bench, name, &ratio, at_least);
    } else {
        bench_figure(bench, name, "times", &ratio);
    }
}

static void scale_report(struct bench *bench, const struct bench_series *rates)
{
    static const char *const hosts[] = {"", ", a busy host",
                                        ", a thousand closes and moves a second",
                                        ", storm of closes and moves"};
    const struct bench_series *three = scale_rate(rates, OURS, WORKERS, SLEEPS);
    char name[96];

    for (uint32_t at = 0; at < SETTINGS; at++) {
        snprintf(name, sizeof(name), "scale: %s, %u VPs%s", names[settings[at].variant],
                 settings[at].vps, hosts[settings[at].host]);
        bench_figure(bench, name, "M events/s", &rates[at]);
        if (settings[at].host == SLEEPS) {
            bench_point(bench, "Throughput by VPs", "VPs|million events a second",
                        names[settings[at].variant], settings[at].vps, bench_median(&rates[at]));
        }
    }
    for (uint32_t variant = 0; variant < VARIANTS; variant++) {
        snprintf(name, sizeof(name), "scale: 3 VPs over 1%s%s", variant == OURS ? "" : ", ",
                 variant == OURS ? "" : names[variant]);
        scale_ratio(bench, name, scale_rate(rates, (enum variant)variant, WORKERS, SLEEPS),
                    scale_rate(rates, (enum variant)variant, 1, SLEEPS), variant == OURS ? 2.6 : 0);
    }
    scale_ratio(bench, "scale: 3 VPs, times Linux now", three,
                scale_rate(rates, LINUX_NOW, WORKERS, SLEEPS), 2.5);
    scale_ratio(bench, "scale: 3 VPs, times rwlock map", three,
                scale_rate(rates, RWLOCK, WORKERS, SLEEPS), 2.0);
    scale_ratio(bench, "scale: at a thousand closes and moves a second, of quiet",
                scale_rate(rates, OURS, 2, PACED), scale_rate(rates, OURS, 2, SLEEPS), 0.97);
    scale_ratio(bench, "scale: under a storm, of quiet", scale_rate(rates, OURS, 2, STORMS),
                scale_rate(rates, OURS, 2, SPINS), 0.85);
    scale_ratio(bench, "scale: under a storm, of quiet, floor", scale_rate(rates, FLOOR, 2, STORMS),
                scale_rate(rates, FLOOR, 2, SPINS), 0);
}

bool bench_scale(struct bench *bench)
{
    static struct bench_series rates[SETTINGS];
    static struct scale scale;
    struct place_count count = {0, 0};
    uint32_t wanted = bench_rounds(bench);
    uint64_t end = bench_now_ns() + PATIENCE_NS * wanted;

    if (bench_cpu_count() < WORKERS + 1) {
        bench_skipped(bench, "scale", "it needs four CPUs: three dispatch, one is the host");
        return true;
    }
    scale.guest = bench_guest_new(WORKERS + 1, CHANNELS + STORMED, VMB_NOTIFY_DIRECT);
    scale.map = peer_map_new(WORKERS + 1, CHANNELS + STORMED, scale.guest, false);
    bench_pin(0);
    while (count.judged < wanted && bench_now_ns() < end) {
        bench_progress(bench, "scale: round %u of %u", count.judged + 1, wanted);
        if (scale_round(&scale, rates)) {
            count.judged++;
        } else {
            count.left_out++;
        }
    }
    /* Each bit was set, and taken, before it was set again: one handler call each, no more. */
    if (scale_delivered(&scale) != scale.set) {
        bench_wrong(bench, "%llu bits set, %llu handlers called", (unsigned long long)scale.set,
                    (unsigned long long)scale_delivered(&scale));
    }
    if (scale.moves == 0) {
        bench_wrong(bench, "the storm closed nothing");
    }
    if (!bench_judged(bench, "scale", count.judged, count.left_out)) {
        bench_skipped(bench, "scale",
                      "no target is judged, the VPs seldom had a core each, at the same time");
    }
    if (count.judged > 0) {
        scale_report(bench, rates);
    }
    peer_map_free(scale.map);
    bench_guest_free(scale.guest);
    return bench_answer(bench);
}
