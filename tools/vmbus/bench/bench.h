/* SPDX-License-Identifier: MIT */
/*
 * What the families of `vmbus bench` share: rounds, ratios, targets, figures and plots.
 *
 * Absolute times mean nothing on a machine that others use too. So every variant is measured in
 * every round, one after the other, and a target is a ratio within a round. It is met if the
 * second-worst round meets it.
 */
#ifndef VMB_BENCH_H
#define VMB_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_ROUNDS     101u
#define BENCH_ROUNDS_MIN 11u

struct bench;

/* One number a round. */
struct bench_series {
    double value[BENCH_ROUNDS];
    uint32_t count;
};

void bench_add(struct bench_series *series, double value);
double bench_median(const struct bench_series *series);
/* The second lowest and the second highest; of one round, that one. */
double bench_low(const struct bench_series *series);
double bench_high(const struct bench_series *series);
/* Round by round, left / right. */
struct bench_series bench_ratio(const struct bench_series *left, const struct bench_series *right);

uint32_t bench_rounds(const struct bench *bench);
bool bench_wants_json(const struct bench *bench);

/* Put a figure into the report: what was measured, in which unit. */
void bench_figure(struct bench *bench, const char *name, const char *unit,
                  const struct bench_series *series);

/* The second-worst round must be at least, or at most, this. */
void bench_at_least(struct bench *bench, const char *name, const struct bench_series *series,
                    double bound);
void bench_at_most(struct bench *bench, const char *name, const struct bench_series *series,
                   double bound);

/* How often each value was, in steps: sixteen to each doubling, up to 2^40. */
#define BENCH_STEPS 592u

struct bench_histogram {
    uint64_t count, most;
    uint32_t counts[BENCH_STEPS];
};

void bench_histogram_add(struct bench_histogram *histogram, uint64_t value);
/* Where the step begins in which that share of all values ends: 0.5 is the median. */
uint64_t bench_histogram_at(const struct bench_histogram *histogram, double share);
/* The least value of a step. */
uint64_t bench_histogram_from(uint32_t step);
/* Put it into the report, behind the figure of that name; ns. */
void bench_distribution(struct bench *bench, const char *name,
                        const struct bench_histogram *histogram);

/* A part was not measured, and why: one sentence. */
void bench_skipped(struct bench *bench, const char *what, const char *why);

/*
 * Of @what so many rounds are judged, and so many were left out since the machine was not as they
 * want it, whatever they had measured. False: fewer are left than a target is judged by.
 */
bool bench_judged(struct bench *bench, const char *what, uint32_t judged, uint32_t left_out);

/* What was to be delivered was not: the run has failed, whatever its numbers say. */
void bench_wrong(struct bench *bench, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A point of a curve. Plots and curves come into being with their first point. */
void bench_point(struct bench *bench, const char *plot, const char *axes, const char *curve,
                 double x, double y);

/* One line on stderr that is overwritten by the next. */
void bench_progress(struct bench *bench, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Nobody sleeps here, so nobody need be woken; what was refused is tried again. */
static inline void bench_ignore(bool answer)
{
    (void)answer;
}

uint64_t bench_now_ns(void);
uint64_t bench_random(uint64_t *state);
/* Stay on the given one of the CPUs that we may use; they are counted from 0. */
uint32_t bench_cpu_count(void);
void bench_pin(uint32_t cpu);
/* Let 0 and 1 be these of them from now on. */
void bench_use_pair(uint32_t first, uint32_t second);
/* Memory that two processes share; zeroed, page aligned. */
void *bench_shared(size_t bytes);
void bench_shared_free(void *memory, size_t bytes);
void *bench_memory(size_t alignment, size_t bytes);

/* One of the families. False: it could not run, and has said why on stderr. */
bool bench_floor(struct bench *bench);
bool bench_dispatch(struct bench *bench);
bool bench_ring(struct bench *bench);
bool bench_hostile(struct bench *bench); /* A part of it. */
bool bench_latency(struct bench *bench);
bool bench_signals(struct bench *bench);
bool bench_memory_use(struct bench *bench);
bool bench_scale(struct bench *bench);
bool bench_answer(struct bench *bench); /* A part of it. */

/* The report as a page with plots; false if it cannot be written. */
bool bench_write_html(struct bench *bench, const char *path);
/* Each plot as a file of its own in a folder that is there; false if one cannot be written. */
bool bench_write_plots(struct bench *bench, const char *folder);

#endif /* VMB_BENCH_H */
