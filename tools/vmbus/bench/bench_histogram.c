/* SPDX-License-Identifier: MIT */
/* Distributions: sixteen steps to each doubling, so that every value is told to within 6 %. */
#include "tools/vmbus/bench/bench_state.h"

#include <stdio.h>

#define STEPS 16u /* To a doubling; below that, every value is a step. */
#define BITS  4u

static uint32_t histogram_step(uint64_t value)
{
    uint32_t top, step;

    if (value < STEPS) {
        return (uint32_t)value;
    }
    top = 63u - (uint32_t)__builtin_clzll(value);
    step = (top - BITS + 1) * STEPS + (uint32_t)(value >> (top - BITS) & (STEPS - 1));
    return step < BENCH_STEPS ? step : BENCH_STEPS - 1;
}

uint64_t bench_histogram_from(uint32_t step)
{
    return step < STEPS ? step : (uint64_t)(STEPS + step % STEPS) << (step / STEPS - 1);
}

void bench_histogram_add(struct bench_histogram *histogram, uint64_t value)
{
    histogram->counts[histogram_step(value)]++;
    histogram->count++;
    histogram->most = value > histogram->most ? value : histogram->most;
}

uint64_t bench_histogram_at(const struct bench_histogram *histogram, double share)
{
    uint64_t below = 0, wanted = (uint64_t)(share * (double)histogram->count);

    for (uint32_t step = 0; step < BENCH_STEPS; step++) {
        below += histogram->counts[step];
        if (below > wanted) {
            return bench_histogram_from(step);
        }
    }
    return histogram->most;
}

void bench_distribution(struct bench *bench, const char *name,
                        const struct bench_histogram *histogram)
{
    struct bench_spread *spread = &bench->spreads[bench->spread_count];

    if (bench->spread_count == BENCH_SPREADS || histogram->count == 0) {
        return;
    }
    bench->spread_count++;
    snprintf(spread->name, sizeof(spread->name), "%s", name);
    spread->histogram = *histogram;
    if (!bench->json) {
        bench_progress(bench, "%s", "");
        printf("    p50 %llu, p90 %llu, p99 %llu, p99.9 %llu, max %llu ns, of %llu\n",
               (unsigned long long)bench_histogram_at(histogram, 0.5),
               (unsigned long long)bench_histogram_at(histogram, 0.9),
               (unsigned long long)bench_histogram_at(histogram, 0.99),
               (unsigned long long)bench_histogram_at(histogram, 0.999),
               (unsigned long long)histogram->most, (unsigned long long)histogram->count);
    }
}
