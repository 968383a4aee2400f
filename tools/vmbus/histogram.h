/* SPDX-License-Identifier: MIT */
/*
 * A log-linear histogram of times: exact below 32 ns, then 32 steps to each doubling, so that a
 * value read from it is at most 1/32 too high. One writer, any number of readers at once.
 */
#ifndef VMB_TOOL_HISTOGRAM_H
#define VMB_TOOL_HISTOGRAM_H

#include <stdint.h>

#include <vmbus/platform/atomic.h>

#define HISTOGRAM_STEP_BITS 5u
#define HISTOGRAM_STEPS     (1u << HISTOGRAM_STEP_BITS)
#define HISTOGRAM_DOUBLINGS 35u /* Up to half an hour; what is longer counts as that. */
#define HISTOGRAM_BUCKETS   (HISTOGRAM_STEPS * (HISTOGRAM_DOUBLINGS + 1u))

/* All zero is an empty one. */
struct histogram {
    vmb_atomic_u32 counts[HISTOGRAM_BUCKETS];
    vmb_atomic_word longest;
};

/* The sum of many. Plain memory. */
struct histogram_sum {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t longest;
};

/* The one writer. Wait-free: two loads and two stores. */
void histogram_add(struct histogram *histogram, uint64_t ns);

void histogram_sum_add(struct histogram_sum *sum, const struct histogram *histogram);

/*
 * The time that @part of all are not above, for instance 0.99; the upper end of its step, but never
 * more than the longest. 0 if there is none.
 */
uint64_t histogram_percentile(const struct histogram_sum *sum, double part);

#endif /* VMB_TOOL_HISTOGRAM_H */
