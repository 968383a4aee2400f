/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/bench/bench_place.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/vmbus/bench/bench.h"

#define CPUS  6u   /* Pairs among more are not looked at. */
#define TRIPS 200u /* Of a line, */
#define TRIES 4u   /* so many times: the best counts. */

const char *const place_names[PLACES] = {"near", "far"};

/* The least of this run: what is near is told by it. */
static double place_least;

/* Two lines, on two pages. */
struct place_lines {
    _Alignas(4096) uint32_t there;
    _Alignas(4096) uint32_t back;
};

static void place_answer(struct place_lines *lines)
{
    for (uint32_t trip = 1; trip <= TRIES * TRIPS; trip++) {
        while (__atomic_load_n(&lines->there, __ATOMIC_ACQUIRE) != trip) {
        }
        __atomic_store_n(&lines->back, trip, __ATOMIC_RELEASE);
    }
    _exit(0);
}

/* ns of a line there and back, between what bench_pin() takes for 0 and 1. */
static double place_measure(void)
{
    struct place_lines *lines = bench_shared(sizeof(*lines));
    double best = 1e9, ns;
    uint64_t started;
    uint32_t trip = 0;
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
    bench_pin(0);
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
    (void)waitpid(child, NULL, 0);
    bench_shared_free(lines, sizeof(*lines));
    if (place_least == 0 || best < place_least) {
        place_least = best;
    }
    return best;
}

static bool place_is(enum place place, double ns)
{
    return (ns < 3 * place_least) == (place == PLACE_NEAR);
}

bool place_take(enum place place)
{
    uint32_t cpus = bench_cpu_count() < CPUS ? bench_cpu_count() : CPUS, pair[2] = {0, 1};
    double found = 0, ns;

    for (uint32_t one = 0; one < cpus; one++) {
        for (uint32_t other = one + 1; other < cpus; other++) {
            bench_use_pair(one, other);
            ns = place_measure();
            if (found == 0 || (place == PLACE_NEAR ? ns < found : ns > found)) {
                found = ns;
                pair[0] = one;
                pair[1] = other;
            }
        }
    }
    if (found == 0 || !place_is(place, found)) {
        place_forget();
        return false;
    }
    bench_use_pair(pair[0], pair[1]);
    return true;
}

bool place_holds(enum place place, double *out_ns)
{
    *out_ns = place_measure();
    return place_is(place, *out_ns);
}

void place_forget(void)
{
    bench_use_pair(0, 1);
}
