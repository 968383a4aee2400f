/* SPDX-License-Identifier: MIT */
/*
 * Which two CPUs a stream runs on. A hypervisor moves its CPUs about while we run. So every round
 * looks for a pair of each kind, and looks again whenever something has been measured.
 */
#ifndef VMB_BENCH_PLACE_H
#define VMB_BENCH_PLACE_H

#include "tools/vmbus/bench/bench_class.h"

struct bench;

/* Look at every pair. Then as place_forget(). */
void place_scan(void);

/*
 * Let bench_pin(0) and bench_pin(1) be the nearest pair of that kind, or the farthest, that was
 * seen then. False: there was none, or it is not one any more.
 */
bool place_take(enum place place);

/* It still is one of that kind. Writes ns of a line there and back. */
bool place_holds(enum place place, double *out_ns);

/* No two of the first so many CPUs, as they are numbered, share a core now. Then as place_forget().
 */
bool place_apart(uint32_t cpus);

/* The CPUs as they are numbered, and we on the first. */
void place_forget(void);

/*
 * Rounds of @what on pairs of that kind, for the report. Whether targets are judged by them:
 * siblings' are not, nor fewer than wanted, which a note says.
 */
bool place_report(struct bench *bench, const char *what, enum place place,
                  const struct place_count *count);

#endif /* VMB_BENCH_PLACE_H */
