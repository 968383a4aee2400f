/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/histogram.h"

static uint32_t histogram_bucket(uint64_t ns)
{
    uint32_t doubling, bucket;

    if (ns < HISTOGRAM_STEPS) {
        return (uint32_t)ns;
    }
    doubling = 63u - (uint32_t)__builtin_clzll(ns) - HISTOGRAM_STEP_BITS;
    bucket = (doubling + 1u) * HISTOGRAM_STEPS + (uint32_t)(ns >> doubling) - HISTOGRAM_STEPS;
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1u;
}

/* The longest time that counts in a bucket. */
static uint64_t histogram_bucket_end(uint32_t bucket)
{
    uint32_t doubling = bucket / HISTOGRAM_STEPS;

    if (doubling == 0) {
        return bucket;
    }
    return (((uint64_t)HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS + 1u) << (doubling - 1u)) - 1u;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    vmb_atomic_u32 *count = &histogram->counts[histogram_bucket(ns)];

    vmb_atomic_store(count, vmb_atomic_load(count, VMB_RELAXED) + 1u, VMB_RELAXED);
    if (ns > vmb_atomic_load(&histogram->longest, VMB_RELAXED)) {
        vmb_atomic_store(&histogram->longest, (uintptr_t)ns, VMB_RELAXED);
    }
}

void histogram_sum_add(struct histogram_sum *sum, const struct histogram *histogram)
{
    uint64_t longest = vmb_atomic_load(&histogram->longest, VMB_RELAXED);
    uint32_t bucket;

    for (bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        uint32_t count = vmb_atomic_load(&histogram->counts[bucket], VMB_RELAXED);

        sum->counts[bucket] += count;
        sum->total += count;
    }
    if (longest > sum->longest) {
        sum->longest = longest;
    }
}

uint64_t histogram_percentile(const struct histogram_sum *sum, double part)
{
    double wanted = (double)sum->total * part;
    uint64_t seen = 0;
    uint32_t bucket;

    if (sum->total == 0) {
        return 0;
    }
    for (bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += sum->counts[bucket];
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t end = histogram_bucket_end(bucket);

            return end < sum->longest ? end : sum->longest;
        }
    }
    return sum->longest;
}
