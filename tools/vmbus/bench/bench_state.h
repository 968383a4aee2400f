/* SPDX-License-Identifier: MIT */
/* What a run has gathered, for those who print it. */
#ifndef VMB_BENCH_STATE_H
#define VMB_BENCH_STATE_H

#include "tools/vmbus/bench/bench.h"

#define BENCH_NAME    96u
#define BENCH_FIGURES 768u
#define BENCH_TARGETS 96u
#define BENCH_PLOTS   24u
#define BENCH_CURVES  10u
#define BENCH_POINTS  32u
#define BENCH_NOTES   48u
#define BENCH_SPREADS 24u
#define BENCH_JUDGED  48u

struct bench_row {
    char name[BENCH_NAME];
    char unit[24];
    double median, low, high;
};

struct bench_target {
    char name[BENCH_NAME];
    bool at_least;
    double bound, measured, median;
    bool met;
};

struct bench_curve {
    char name[48];
    double x[BENCH_POINTS], y[BENCH_POINTS];
    uint32_t count;
};

struct bench_plot {
    char name[BENCH_NAME];
    char axes[BENCH_NAME]; /* "x label|y label" */
    struct bench_curve curves[BENCH_CURVES];
    uint32_t count;
};

struct bench_spread {
    char name[BENCH_NAME];
    struct bench_histogram histogram;
};

struct bench_share {
    char name[BENCH_NAME];
    uint32_t judged, left_out;
};

struct bench {
    uint32_t rounds;
    bool json;
    bool quiet;
    bool terminal; /* stderr is one. */
    uint32_t wrongs;
    struct bench_row figures[BENCH_FIGURES];
    uint32_t figure_count;
    struct bench_target targets[BENCH_TARGETS];
    uint32_t target_count;
    struct bench_plot plots[BENCH_PLOTS];
    uint32_t plot_count;
    char notes[BENCH_NOTES][2 * BENCH_NAME];
    uint32_t note_count;
    struct bench_share judged[BENCH_JUDGED];
    uint32_t judged_count;
    struct bench_spread spreads[BENCH_SPREADS];
    uint32_t spread_count;
};

/* Draw a plot to a file, as SVG; false if that cannot be written or there is no gnuplot. */
bool bench_draw(const struct bench_plot *plot, const char *path);

#endif /* VMB_BENCH_STATE_H */
