/* SPDX-License-Identifier: MIT */
/*
 * Which two CPUs a stream runs on. Between a pair that shares a cache a line goes to and fro
 * several times as fast as between one that does not, and a hypervisor moves its CPUs about while
 * we run. So every round looks for a pair of each kind, and looks again when it has been measured.
 */
#ifndef VMB_BENCH_PLACE_H
#define VMB_BENCH_PLACE_H

#include <stdbool.h>

enum place {
    PLACE_NEAR, /* A line there and back takes less than three times the least of this run. */
    PLACE_FAR,  /* More. */
    PLACES
};

extern const char *const place_names[PLACES];

/*
 * Let bench_pin(0) and bench_pin(1) be the nearest pair, or the farthest. False: there is none of
 * that kind now; the CPUs are as they were numbered.
 */
bool place_take(enum place place);

/* It still is one of that kind. Writes ns of a line there and back. */
bool place_holds(enum place place, double *out_ns);

/* The CPUs as they are numbered. */
void place_forget(void);

#endif /* VMB_BENCH_PLACE_H */
