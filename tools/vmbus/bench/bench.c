/* SPDX-License-Identifier: MIT */
/* vmbus bench: what it measures, in which order, and how it says so. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vmbus/bench/bench_state.h"
#include "tools/vmbus/tool.h"

static const struct {
    const char *name;
    const char *words;
    bool (*run)(struct bench *bench);
} families[] = {
    {"dispatch", "event flags to handlers, beside Linux, FreeBSD and a locked map", bench_dispatch},
    {"scale", "the same on several VPs at once, quiet and under a storm of closes", bench_scale},
    {"ring", "packets through a ring, beside DPDK's and Concurrency Kit's", bench_ring},
    {"latency", "ping-pong, spinning and sleeping, beside eventfd, futex, pipe, socket",
     bench_latency},
    {"signals", "how often the peer is woken", bench_signals},
    {"memory", "bytes of library state", bench_memory_use},
};

#define FAMILIES (sizeof(families) / sizeof(families[0]))

static void bench_help(void)
{
    printf("Usage: vmbus bench FAMILY [OPTIONS]\n"
           "\n"
           "Measure the bus beside its peers, in one run, and say which targets hold.\n"
           "\n"
           "Families:\n");
    for (size_t i = 0; i < FAMILIES; i++) {
        printf("  %-10s %s\n", families[i].name, families[i].words);
    }
    printf("  %-10s all of them\n"
           "\n"
           "Options:\n"
           "  --rounds N   rounds of all variants, 11 to 101 (default 11)\n"
           "  --json       one JSON object on stdout, with a list `targets`\n"
           "  --html FILE  a report with plots; needs gnuplot\n"
           "  --plots DIR  each plot as an SVG file in that folder; needs gnuplot\n"
           "  -h, --help   this text\n"
           "\n"
           "Every variant runs in every round; a target holds if the second-worst round\n"
           "holds. Times of different runs say nothing about each other.\n"
           "\n"
           "Examples:\n"
           "  vmbus bench dispatch\n"
           "  vmbus bench all --html report.html\n"
           "  vmbus bench ring --json | jq '.targets[] | select(.met | not)'\n"
           "\n"
           "Exit status: 0 all targets met, 1 some not, or something was not delivered, 2 called\n"
           "wrongly, 3 could not run.\n",
           "all");
}

/* Each step that has any values: where it begins, and how many. */
static json_t *bench_json_spread(const struct bench_spread *spread)
{
    const struct bench_histogram *histogram = &spread->histogram;
    json_t *steps = json_array();

    for (uint32_t step = 0; step < BENCH_STEPS; step++) {
        if (histogram->counts[step] != 0) {
            json_array_append_new(steps, json_pack("[I, I]", (json_int_t)bench_histogram_from(step),
                                                   (json_int_t)histogram->counts[step]));
        }
    }
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "name", spread->name, "unit",
                     "ns", "count", (json_int_t)histogram->count, "p50",
                     (json_int_t)bench_histogram_at(histogram, 0.5), "p90",
                     (json_int_t)bench_histogram_at(histogram, 0.9), "p99",
                     (json_int_t)bench_histogram_at(histogram, 0.99), "p99.9",
                     (json_int_t)bench_histogram_at(histogram, 0.999), "max",
                     (json_int_t)histogram->most, "steps", steps);
}

static void bench_print_json(const struct bench *bench)
{
    json_t *root = json_object(), *targets = json_array(), *figures = json_array();
    json_t *notes = json_array(), *spreads = json_array(), *judged = json_array();

    for (uint32_t i = 0; i < bench->target_count; i++) {
        const struct bench_target *target = &bench->targets[i];

        json_array_append_new(targets,
                              json_pack("{s:s, s:s, s:f, s:f, s:f, s:b}", "name", target->name,
                                        "kind", target->at_least ? "at least" : "at most", "target",
                                        target->bound, "measured", target->measured, "median",
                                        target->median, "met", (int)target->met));
    }
    for (uint32_t i = 0; i < bench->figure_count; i++) {
        const struct bench_row *row = &bench->figures[i];

        json_array_append_new(figures, json_pack("{s:s, s:s, s:f, s:f, s:f}", "name", row->name,
                                                 "unit", row->unit, "median", row->median, "low",
                                                 row->low, "high", row->high));
    }
    for (uint32_t i = 0; i < bench->note_count; i++) {
        json_array_append_new(notes, json_string(bench->notes[i]));
    }
    for (uint32_t i = 0; i < bench->judged_count; i++) {
        const struct bench_share *one = &bench->judged[i];

        json_array_append_new(judged, json_pack("{s:s, s:I, s:I}", "name", one->name, "judged",
                                                (json_int_t)one->judged, "left_out",
                                                (json_int_t)one->left_out));
    }
    for (uint32_t i = 0; i < bench->spread_count; i++) {
        json_array_append_new(spreads, bench_json_spread(&bench->spreads[i]));
    }
    json_object_set_new(root, "rounds", json_integer(bench->rounds));
    json_object_set_new(root, "wrong", json_integer(bench->wrongs));
    json_object_set_new(root, "targets", targets);
    json_object_set_new(root, "figures", figures);
    json_object_set_new(root, "histograms", spreads);
    json_object_set_new(root, "judged", judged);
    json_object_set_new(root, "skipped", notes);
    json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    printf("\n");
    json_decref(root);
}

static uint32_t bench_missed(const struct bench *bench)
{
    uint32_t missed = 0;

    for (uint32_t i = 0; i < bench->target_count; i++) {
        missed += bench->targets[i].met ? 0 : 1;
    }
    return missed;
}

static void bench_print_targets(const struct bench *bench)
{
    printf("\nTargets, by the second-worst of %u rounds:\n", bench->rounds);
    for (uint32_t i = 0; i < bench->target_count; i++) {
        const struct bench_target *target = &bench->targets[i];

        printf("  %-6s %-56s %s %8.2f  measured %8.2f, median %8.2f\n",
               target->met ? "met" : "MISSED", target->name,
               target->at_least ? ">=" : "<=", target->bound, target->measured, target->median);
    }
    for (uint32_t i = 0; i < bench->judged_count; i++) {
        const struct bench_share *one = &bench->judged[i];

        printf("  rounds of %s: %u, %u more left out\n", one->name, one->judged, one->left_out);
    }
    for (uint32_t i = 0; i < bench->note_count; i++) {
        printf("  skipped: %s\n", bench->notes[i]);
    }
    printf("%u of %u targets met\n", bench->target_count - bench_missed(bench),
           bench->target_count);
}

static bool bench_run(struct bench *bench, const char *family, bool *found)
{
    bool all = strcmp(family, "all") == 0;
    bool good = true;

    *found = all;
    for (size_t i = 0; i < FAMILIES; i++) {
        *found = *found || strcmp(family, families[i].name) == 0;
    }
    if (!*found) {
        return false;
    }
    good = bench_floor(bench);
    for (size_t i = 0; good && i < FAMILIES; i++) {
        if (all || strcmp(family, families[i].name) == 0) {
            good = families[i].run(bench);
        }
    }
    bench_progress(bench, "%s", "");
    return good;
}

struct bench_options {
    bool json;
    uint32_t rounds;
    const char *html;
    const char *plots;
};

static int bench_take(int letter, const char *text, void *context)
{
    struct bench_options *options = context;
    uint64_t rounds;

    switch (letter) {
    case 'r':
        if (!tool_parse_number(text, BENCH_ROUNDS_MIN, BENCH_ROUNDS, &rounds)) {
            return tool_usage("bench", "--rounds wants a number from 11 to 101, not '%s'.", text);
        }
        options->rounds = (uint32_t)rounds;
        break;
    case 'w':
        options->html = text;
        break;
    case 'p':
        options->plots = text;
        break;
    default:
        options->json = true;
        break;
    }
    return TOOL_OK;
}

int command_bench(int argc, char **argv)
{
    static const struct option table[] = {
        {"help", no_argument, NULL, 'h'},         {"json", no_argument, NULL, 'j'},
        {"rounds", required_argument, NULL, 'r'}, {"html", required_argument, NULL, 'w'},
        {"plots", required_argument, NULL, 'p'},  {NULL, 0, NULL, 0},
    };
    static struct bench bench; /* Large. */
    struct bench_options options = {.rounds = BENCH_ROUNDS_MIN};
    bool found;
    int status;

    if (!tool_options_and_words("bench", argc, argv, table, bench_help, bench_take, &options,
                                &status)) {
        return status;
    }
    if (optind + 1 != argc) {
        return tool_usage("bench", "say which family, or `all`.");
    }
    bench.rounds = options.rounds;
    bench.json = options.json;
    bench.terminal = isatty(STDERR_FILENO) != 0;
    (void)bench_cpu_count(); /* Before anybody pins himself. */
    if (!bench_run(&bench, argv[optind], &found)) {
        return found ? TOOL_BROKEN : tool_usage("bench", "there is no family '%s'.", argv[optind]);
    }
    if (bench.json) {
        bench_print_json(&bench);
    } else {
        bench_print_targets(&bench);
    }
    if (options.html != NULL && !bench_write_html(&bench, options.html)) {
        return tool_broken("bench", "cannot write %s, or there is no gnuplot.", options.html);
    }
    if (options.plots != NULL && !bench_write_plots(&bench, options.plots)) {
        return tool_broken("bench", "cannot draw into %s, or there is no gnuplot.", options.plots);
    }
    return bench.wrongs == 0 && bench_missed(&bench) == 0 ? TOOL_OK : TOOL_FAILED;
}
