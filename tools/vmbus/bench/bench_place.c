/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/bench/bench_place.h"

#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/vmbus/bench/bench.h"

#define CPUS     6u     /* Pairs among more are not looked at. */
#define TRIPS    100u   /* Of a line, */
#define TRIES    4u     /* so many times: the best counts. */
#define SLICES   31u    /* Of computing, alone and both. */
#define STEPS    1500u  /* Of a slice: about a microsecond. */
#define QUIET_NS 60000u /* Until a CPU that has nothing to do has halted. */

/* The least of this run between two cores: what is near is told by it. */
static double place_least;

/* What the other CPU is to do between two trips. */
enum {
    SLEEP,
    COMPUTE,
    LEAVE
};

/* Each on a page of its own. */
struct place_lines {
    _Alignas(4096) uint32_t there;
    _Alignas(4096) uint32_t back;
    _Alignas(4096) uint32_t wanted; /* One of the above. */
    _Alignas(4096) uint32_t computes;
};

/* As many additions as the core takes at once: two threads that share it get half each. */
static void place_compute(void)
{
    uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;

    for (uint32_t i = 0; i < STEPS; i++) {
        a += i;
        b ^= i;
        c += i;
        d ^= i;
        e += i;
        f ^= i;
        __asm__ __volatile__("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
    }
}

/* The line, so many times, where so many have been. */
static void place_return(struct place_lines *lines, uint32_t been)
{
    for (uint32_t trip = been + 1; trip <= been + TRIES * TRIPS; trip++) {
        while (__atomic_load_n(&lines->there, __ATOMIC_ACQUIRE) != trip) {
        }
        __atomic_store_n(&lines->back, trip, __ATOMIC_RELEASE);
    }
}

static void place_answer(struct place_lines *lines)
{
    place_return(lines, 0);
    /* Asleep, its core is another thread's alone. However it waited, it would take a part of it. */
    while (__atomic_load_n(&lines->wanted, __ATOMIC_ACQUIRE) == SLEEP) {
        (void)syscall(SYS_futex, &lines->wanted, FUTEX_WAIT, SLEEP, NULL, NULL, 0);
    }
    __atomic_store_n(&lines->computes, 1, __ATOMIC_RELEASE);
    while (__atomic_load_n(&lines->wanted, __ATOMIC_ACQUIRE) == COMPUTE) {
        place_compute();
    }
    place_return(lines, TRIES * TRIPS);
    _exit(0);
}

static double place_line(struct place_lines *lines)
{
    double best = 1e9, ns;
    uint32_t trip = lines->there;
    uint64_t started;

    for (uint32_t i = 0; i < TRIES; i++) {
        started = bench_now_ns();
        for (uint32_t end = trip + TRIPS; trip < end;) {
            __atomic_store_n(&lines->there, ++trip, __ATOMIC_RELEASE);
            while (__atomic_load_n(&lines->back, __ATOMIC_ACQUIRE) != trip) {
            }
        }
        ns = (double)(bench_now_ns() - started) / TRIPS;
        best = ns < best ? ns : best;
    }
    return best;
}

/* ns of slices of ours, while the other CPU does what it does. */
static void place_slices(double *out_ns)
{
    place_compute(); /* What waiting has left behind in the core is gone then. */
    for (uint32_t i = 0; i < SLICES; i++) {
        uint64_t started = bench_now_ns();

        place_compute();
        out_ns[i] = (double)(bench_now_ns() - started);
    }
}

static struct place_look place_look_through(struct place_lines *lines)
{
    double alone[SLICES], both[SLICES];
    struct place_look look;
    uint64_t quiet;

    bench_pin(0);
    look.line_ns = place_line(lines);
    for (quiet = bench_now_ns() + QUIET_NS; bench_now_ns() < quiet;) {
    }
    place_slices(alone);
    __atomic_store_n(&lines->wanted, COMPUTE, __ATOMIC_RELEASE);
    (void)syscall(SYS_futex, &lines->wanted, FUTEX_WAKE, 1, NULL, NULL, 0);
    while (__atomic_load_n(&lines->computes, __ATOMIC_ACQUIRE) == 0) {
    }
    place_slices(both);
    __atomic_store_n(&lines->wanted, LEAVE, __ATOMIC_RELEASE);
    look.again_ns = place_line(lines);
    look.slowed = place_slowed(alone, both, SLICES);
    return look;
}

/* Look at what bench_pin() takes for 0 and 1. */
static struct place_look place_measure(void)
{
    struct place_lines *lines = bench_shared(sizeof(*lines));
    struct place_look look;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        bench_pin(1);
        place_answer(lines);
    }
    if (child < 0) {
        perror("vmbus bench: fork");
        exit(3);
    }
    look = place_look_through(lines);
    (void)waitpid(child, NULL, 0);
    bench_shared_free(lines, sizeof(*lines));
    if (place_class(&look, place_least) < PLACE_SIBLINGS &&
        (place_least == 0 || look.line_ns < place_least)) {
        place_least = look.line_ns;
    }
    return look;
}

/* The nearest pair of each kind, or the farthest, when all were last looked at; 0 ns: none. */
static struct {
    uint32_t pair[2];
    double line_ns;
} place_found[PLACES];

void place_scan(void)
{
    uint32_t cpus = bench_cpu_count() < CPUS ? bench_cpu_count() : CPUS;

    memset(place_found, 0, sizeof(place_found));
    for (uint32_t one = 0; one < cpus; one++) {
        for (uint32_t other = one + 1; other < cpus; other++) {
            struct place_look look;
            enum place place;
            double best;

            bench_use_pair(one, other);
            look = place_measure();
            place = place_class(&look, place_least);
            best = place == PLACES ? 0 : place_found[place].line_ns;
            if (place != PLACES && (best == 0 || (place == PLACE_FAR) == (look.line_ns > best))) {
                place_found[place].line_ns = look.line_ns;
                place_found[place].pair[0] = one;
                place_found[place].pair[1] = other;
            }
        }
    }
    place_forget();
}

bool place_take(enum place place)
{
    double ns;

    if (place_found[place].line_ns == 0) {
        return false;
    }
    bench_use_pair(place_found[place].pair[0], place_found[place].pair[1]);
    return place_holds(place, &ns);
}

bool place_holds(enum place place, double *out_ns)
{
    struct place_look look = place_measure();

    *out_ns = look.line_ns;
    return place_class(&look, place_least) == place;
}

bool place_apart(uint32_t cpus)
{
    bool apart = true;

    for (uint32_t one = 0; apart && one < cpus; one++) {
        for (uint32_t other = one + 1; apart && other < cpus; other++) {
            struct place_look look;

            bench_use_pair(one, other);
            look = place_measure();
            apart = place_class(&look, place_least) < PLACE_SIBLINGS;
        }
    }
    place_forget();
    return apart;
}

void place_forget(void)
{
    bench_use_pair(0, 1);
    bench_pin(0);
}

bool place_report(struct bench *bench, const char *what, enum place place,
                  const struct place_count *count)
{
    char name[64], why[128];
    bool enough;

    snprintf(name, sizeof(name), "%s, %s", what, place_names[place]);
    enough = bench_judged(bench, name, count->judged, count->left_out);
    if (!enough && place != PLACE_SIBLINGS) {
        snprintf(why, sizeof(why),
                 "no target is judged, two CPUs were of that kind in %u of %u rounds",
                 count->judged, bench_rounds(bench));
        bench_skipped(bench, name, why);
    }
    return enough && place != PLACE_SIBLINGS;
}
