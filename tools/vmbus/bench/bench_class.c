/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/bench/bench_class.h"

#include <stdlib.h>

#define SLICES  63u
#define SLOWED  1.15 /* Two threads of a core: 1.85 on a Zen 4; two cores: 0.95 to 1.05. */
#define NEARER  0.8  /* A line within a core, of the least between two: half of it here. */
#define FARTHER 3.0
#define MOVED   1.5 /* Between a line and the next of the same pair. */

const char *const place_names[PLACES] = {"near", "far", "siblings"};

static int class_compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

double place_slowed(const double *alone, const double *both, uint32_t count)
{
    double ratio[SLICES];

    count = count < SLICES ? count : SLICES;
    if (count == 0) {
        return 1;
    }
    for (uint32_t i = 0; i < count; i++) {
        ratio[i] = both[i] / alone[i];
    }
    qsort(ratio, count, sizeof(ratio[0]), class_compare);
    return ratio[count / 2];
}

enum place place_class(const struct place_look *look, double least_ns)
{
    if (look->line_ns > MOVED * look->again_ns || look->again_ns > MOVED * look->line_ns) {
        return PLACES;
    }
    if (look->slowed >= SLOWED) {
        /* Others on the machine can slow both; they do not shorten the line. */
        return least_ns == 0 || look->line_ns < NEARER * least_ns ? PLACE_SIBLINGS : PLACES;
    }
    return least_ns == 0 || look->line_ns < FARTHER * least_ns ? PLACE_NEAR : PLACE_FAR;
}
