/* SPDX-License-Identifier: MIT */
/*
 * Of which kind two CPUs are, by what was seen of them and by nothing that a ring did there.
 *
 * A line of cache goes to and fro several times as fast between two CPUs that share a cache as
 * between two that do not. A hypervisor may also put both on one core, as two threads of it. Then
 * nothing need be brought, and each computes slower while the other does. Such a pair is a kind of
 * its own.
 */
#ifndef VMB_BENCH_CLASS_H
#define VMB_BENCH_CLASS_H

#include <stdbool.h>
#include <stdint.h>

enum place {
    PLACE_NEAR,     /* Two cores; a line takes less than three times the least between two. */
    PLACE_FAR,      /* Two cores; more. */
    PLACE_SIBLINGS, /* Two threads of one core. */
    PLACES
};

extern const char *const place_names[PLACES];

/* What was seen of two CPUs at one time. */
struct place_look {
    double line_ns;  /* There and back: the best of some tries. */
    double slowed;   /* How much longer one computes while the other does: times. */
    double again_ns; /* There and back, behind that. */
};

/*
 * Slices of the same work, alone while the other CPU sleeps and then while it works, too: median
 * ratio. Time that is stolen from a slice makes that one long, and moves the median by one place.
 */
double place_slowed(const double *alone, const double *both, uint32_t count);

/*
 * @least_ns: the least line of this run between two cores; 0: none is known yet. PLACES: none,
 * since the two were moved while we looked, or somebody else slowed them.
 */
enum place place_class(const struct place_look *look, double least_ns);

/* The rounds of one kind: those that count and those that do not. */
struct place_count {
    uint32_t judged;   /* In every look the pair was of the kind that it was taken for. */
    uint32_t left_out; /* In one it was not. */
};

#endif /* VMB_BENCH_CLASS_H */
