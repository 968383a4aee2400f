/* SPDX-License-Identifier: MIT */
/* Series, figures, targets, points: what the families hand in. */
#include "tools/vmbus/bench/bench_state.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_add(struct bench_series *series, double value)
{
    if (series->count < BENCH_ROUNDS) {
        series->value[series->count++] = value;
    }
}

static int state_compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* The one with this place from below. */
static double state_at(const struct bench_series *series, uint32_t place)
{
    struct bench_series sorted = *series;

    if (sorted.count == 0) {
        return NAN;
    }
    qsort(sorted.value, sorted.count, sizeof(double), state_compare);
    return sorted.value[place < sorted.count ? place : sorted.count - 1];
}

double bench_median(const struct bench_series *series)
{
    return state_at(series, series->count / 2);
}

double bench_low(const struct bench_series *series)
{
    return state_at(series, series->count > 1 ? 1 : 0);
}

double bench_high(const struct bench_series *series)
{
    return state_at(series, series->count > 1 ? series->count - 2 : 0);
}

struct bench_series bench_ratio(const struct bench_series *left, const struct bench_series *right)
{
    struct bench_series ratio = {.count = 0};
    uint32_t round;

    for (round = 0; round < left->count && round < right->count; round++) {
        bench_add(&ratio, left->value[round] / right->value[round]);
    }
    return ratio;
}

uint32_t bench_rounds(const struct bench *bench)
{
    return bench->rounds;
}

bool bench_wants_json(const struct bench *bench)
{
    return bench->json;
}

void bench_figure(struct bench *bench, const char *name, const char *unit,
                  const struct bench_series *series)
{
    struct bench_row *row = &bench->figures[bench->figure_count];

    if (bench->figure_count == BENCH_FIGURES) {
        return;
    }
    bench->figure_count++;
    snprintf(row->name, sizeof(row->name), "%s", name);
    snprintf(row->unit, sizeof(row->unit), "%s", unit);
    row->median = bench_median(series);
    row->low = bench_low(series);
    row->high = bench_high(series);
    if (!bench->json) {
        bench_progress(bench, "%s", "");
        printf("%-54s %12.2f %-10s  [%.2f .. %.2f]\n", row->name, row->median, row->unit, row->low,
               row->high);
        fflush(stdout);
    }
}

static void state_target(struct bench *bench, const char *name, const struct bench_series *series,
                         double bound, bool at_least)
{
    struct bench_target *target = &bench->targets[bench->target_count];

    if (bench->target_count == BENCH_TARGETS) {
        return;
    }
    bench->target_count++;
    snprintf(target->name, sizeof(target->name), "%s", name);
    target->at_least = at_least;
    target->bound = bound;
    target->measured = at_least ? bench_low(series) : bench_high(series);
    target->median = bench_median(series);
    target->met = at_least ? target->measured >= bound : target->measured <= bound;
}

void bench_at_least(struct bench *bench, const char *name, const struct bench_series *series,
                    double bound)
{
    state_target(bench, name, series, bound, true);
}

void bench_at_most(struct bench *bench, const char *name, const struct bench_series *series,
                   double bound)
{
    state_target(bench, name, series, bound, false);
}

void bench_skipped(struct bench *bench, const char *what, const char *why)
{
    if (bench->note_count < BENCH_NOTES) {
        snprintf(bench->notes[bench->note_count++], sizeof(bench->notes[0]), "%s: %s", what, why);
    }
}

bool bench_judged(struct bench *bench, const char *what, uint32_t judged, uint32_t left_out)
{
    struct bench_share *rounds = &bench->judged[bench->judged_count];

    if (bench->judged_count < BENCH_JUDGED) {
        bench->judged_count++;
        snprintf(rounds->name, sizeof(rounds->name), "%s", what);
        rounds->judged = judged;
        rounds->left_out = left_out;
    }
    return judged >= bench->rounds;
}

void bench_wrong(struct bench *bench, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fprintf(stderr, "vmbus bench: wrong: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    bench->wrongs++;
}

static struct bench_plot *state_plot(struct bench *bench, const char *name, const char *axes)
{
    uint32_t index;

    for (index = 0; index < bench->plot_count; index++) {
        if (strcmp(bench->plots[index].name, name) == 0) {
            return &bench->plots[index];
        }
    }
    if (index == BENCH_PLOTS) {
        return NULL;
    }
    bench->plot_count++;
    snprintf(bench->plots[index].name, sizeof(bench->plots[0].name), "%s", name);
    snprintf(bench->plots[index].axes, sizeof(bench->plots[0].axes), "%s", axes);
    return &bench->plots[index];
}

void bench_point(struct bench *bench, const char *plot_name, const char *axes,
                 const char *curve_name, double x, double y)
{
    struct bench_plot *plot = state_plot(bench, plot_name, axes);
    struct bench_curve *curve = NULL;
    uint32_t index;

    if (plot == NULL) {
        return;
    }
    for (index = 0; index < plot->count; index++) {
        if (strcmp(plot->curves[index].name, curve_name) == 0) {
            curve = &plot->curves[index];
        }
    }
    if (curve == NULL && plot->count < BENCH_CURVES) {
        curve = &plot->curves[plot->count++];
        snprintf(curve->name, sizeof(curve->name), "%s", curve_name);
    }
    if (curve != NULL && curve->count < BENCH_POINTS) {
        curve->x[curve->count] = x;
        curve->y[curve->count++] = y;
    }
}

void bench_progress(struct bench *bench, const char *format, ...)
{
    va_list arguments;

    if (!bench->terminal || bench->quiet) {
        return;
    }
    va_start(arguments, format);
    fprintf(stderr, "\r\033[K");
    vfprintf(stderr, format, arguments);
    fflush(stderr);
    va_end(arguments);
}
