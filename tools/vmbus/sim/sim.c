/* SPDX-License-Identifier: MIT */
/* `vmbus sim`: run after run of the simulated bus, each from its seed, until one fails. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <vmbus/proto/version.h>

#include "tools/vmbus/sim/sim_options.h"
#include "tools/vmbus/tool.h"

#define SIM_DIGEST_PRIME  0x100000001B3u
#define SIM_FAILURES_KEPT 16u
#define SIM_VERSIONS      16u
#define SIM_SHOW_NS       500000000u

struct sim_failure {
    uint64_t seed;
    char violation[VMB_SIM_VIOLATION_BYTES];
};

/* Of all runs together. */
struct sim_sum {
    uint64_t runs;
    uint64_t failed;
    uint64_t digest;
    struct vmb_sim_play_counts counts;
    struct sim_failure failures[SIM_FAILURES_KEPT];
    struct {
        uint32_t version;
        uint64_t runs;
    } versions[SIM_VERSIONS];
    uint32_t version_count;
    uint64_t wall_ns;
};

static uint64_t sim_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void sim_add_version(struct sim_sum *sum, uint32_t version)
{
    uint32_t i = 0;

    while (i < sum->version_count && sum->versions[i].version < version) {
        i++;
    }
    if (i == sum->version_count || sum->versions[i].version != version) {
        if (sum->version_count == SIM_VERSIONS) {
            return;
        }
        memmove(&sum->versions[i + 1], &sum->versions[i],
                (sum->version_count - i) * sizeof(sum->versions[0]));
        sum->version_count++;
        sum->versions[i].version = version;
        sum->versions[i].runs = 0;
    }
    sum->versions[i].runs++;
}

static void sim_add(struct sim_sum *sum, uint64_t seed, const struct vmb_sim_play_result *result)
{
    sum->runs++;
    sum->digest = (sum->digest ^ result->digest) * SIM_DIGEST_PRIME;
#define SIM_ADD(member) sum->counts.member += result->counts.member;
    VMB_SIM_PLAY_COUNT_MAP(SIM_ADD)
#undef SIM_ADD
    if (!result->good) {
        if (sum->failed < SIM_FAILURES_KEPT) {
            sum->failures[sum->failed].seed = seed;
            memcpy(sum->failures[sum->failed].violation, result->violation,
                   sizeof(result->violation));
        }
        sum->failed++;
    } else {
        sim_add_version(sum, result->version);
    }
}

/* How to see a run again, with every option that matters. */
static void sim_replay_command(const struct sim_options *options, uint64_t seed, char *text,
                               size_t bytes)
{
    int used = snprintf(text, bytes, "vmbus sim --seed %" PRIu64 " --runs 1", seed);

    if (options->play.version != 0) {
        used += snprintf(text + used, bytes - (size_t)used, " --version %s",
                         vmb_version_name(options->play.version));
    }
    if (options->play.faults != VMB_SIM_PLAY_ALL) {
        char separator = ' ';

        used += snprintf(text + used, bytes - (size_t)used, " --faults%s",
                         options->play.faults == 0 ? " none" : "");
        for (uint32_t bit = 0; bit < 32; bit++) {
            if ((options->play.faults >> bit & 1) != 0) {
                used += snprintf(text + used, bytes - (size_t)used, "%c%s", separator,
                                 sim_fault_name(1u << bit));
                separator = ',';
            }
        }
    }
    if (options->play.broken != VMB_SIM_PLAY_BREAK_NOTHING) {
        used += snprintf(text + used, bytes - (size_t)used, " --break %s",
                         sim_break_name(options->play.broken));
    }
    (void)snprintf(text + used, bytes - (size_t)used, " --trace -");
}

static void sim_say_failures(const struct sim_options *options, const struct sim_sum *sum,
                             FILE *out)
{
    for (uint32_t i = 0; i < sum->failed && i < SIM_FAILURES_KEPT; i++) {
        char command[512];

        sim_replay_command(options, sum->failures[i].seed, command, sizeof(command));
        fprintf(out, "Seed %" PRIu64 " failed: %s.\n  To see it again: %s\n", sum->failures[i].seed,
                sum->failures[i].violation, command);
    }
}

static void sim_report_text(const struct sim_options *options, const struct sim_sum *sum)
{
    printf("%s runs, %s failed, %s of virtual time in %s\n\n", tool_number(sum->runs),
           tool_number(sum->failed), tool_time(sum->counts.virtual_us * 1000),
           tool_time(sum->wall_ns));
    printf("  versions ");
    for (uint32_t i = 0; i < sum->version_count; i++) {
        printf(" %s: %s ", vmb_version_name(sum->versions[i].version),
               tool_number(sum->versions[i].runs));
    }
    printf("\n");
#define SIM_LINE(member)                                                                           \
    if (strcmp(#member, "virtual_us") != 0) {                                                      \
        printf("  %-16s %18s\n", #member, tool_number(sum->counts.member));                        \
    }
    VMB_SIM_PLAY_COUNT_MAP(SIM_LINE)
#undef SIM_LINE
    printf("\n");
    if (sum->failed == 0) {
        printf("In every run nothing was lost, nothing was corrupt, and nothing was left.\n");
    }
    sim_say_failures(options, sum, stdout);
}

static json_t *sim_json_failures(const struct sim_options *options, const struct sim_sum *sum)
{
    json_t *failures = json_array();

    for (uint32_t i = 0; i < sum->failed && i < SIM_FAILURES_KEPT; i++) {
        json_t *failure = json_object();
        char command[512];

        sim_replay_command(options, sum->failures[i].seed, command, sizeof(command));
        json_object_set_new(failure, "seed", json_integer((json_int_t)sum->failures[i].seed));
        json_object_set_new(failure, "violation", json_string(sum->failures[i].violation));
        json_object_set_new(failure, "replay", json_string(command));
        json_array_append_new(failures, failure);
    }
    return failures;
}

static bool sim_report_json(const struct sim_options *options, const struct sim_sum *sum)
{
    json_t *root = json_object();
    json_t *versions = json_object();
    json_t *wall = json_object();
    char digest[20];
    bool written;

    (void)snprintf(digest, sizeof(digest), "%016" PRIx64, sum->digest);
    json_object_set_new(root, "seed", json_integer((json_int_t)options->play.seed));
    json_object_set_new(root, "runs", json_integer((json_int_t)sum->runs));
    json_object_set_new(root, "failed", json_integer((json_int_t)sum->failed));
    json_object_set_new(root, "break", json_string(sim_break_name(options->play.broken)));
    json_object_set_new(root, "digest", json_string(digest));
    for (uint32_t i = 0; i < sum->version_count; i++) {
        json_object_set_new(versions, vmb_version_name(sum->versions[i].version),
                            json_integer((json_int_t)sum->versions[i].runs));
    }
    json_object_set_new(root, "versions", versions);
#define SIM_JSON(member)                                                                           \
    json_object_set_new(root, #member, json_integer((json_int_t)sum->counts.member));
    VMB_SIM_PLAY_COUNT_MAP(SIM_JSON)
#undef SIM_JSON
    json_object_set_new(root, "failures", sim_json_failures(options, sum));
    json_object_set_new(wall, "elapsed_ns", json_integer((json_int_t)sum->wall_ns));
    json_object_set_new(
        wall, "runs_per_second",
        json_integer((json_int_t)((double)sum->runs * 1e9 / (double)(sum->wall_ns + 1))));
    json_object_set_new(root, "wall", wall);
    json_object_set_new(root, "good", json_boolean(sum->failed == 0));
    written = json_dumpf(root, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF &&
              fflush(stdout) == 0;
    json_decref(root);
    return written;
}

/* A line of its own for people who wait. */
static void sim_show(const struct sim_options *options, const struct sim_sum *sum,
                     uint64_t start_ns, uint64_t *next_ns)
{
    uint64_t now_ns = sim_now_ns();

    if (now_ns < *next_ns || !isatty(STDERR_FILENO)) {
        return;
    }
    *next_ns = now_ns + SIM_SHOW_NS;
    fprintf(stderr, "\r%s of %s runs, %s failed, %s a second ", tool_number(sum->runs),
            tool_number(options->runs), tool_number(sum->failed),
            tool_number((uint64_t)((double)sum->runs * 1e9 / (double)(now_ns - start_ns + 1))));
}

/* False: the system has no memory. */
static bool sim_run_all(const struct sim_options *options, FILE *trace, struct sim_sum *sum)
{
    struct vmb_sim_play_options play = options->play;
    uint64_t start_ns = sim_now_ns();
    uint64_t next_ns = start_ns + SIM_SHOW_NS;

    play.trace = trace;
    for (uint64_t i = 0; i < options->runs && (sum->failed == 0 || options->keep_going); i++) {
        struct vmb_sim_play_result result;

        play.seed = options->play.seed + i;
        if (trace != NULL) {
            fprintf(trace, "== seed %" PRIu64 "\n", play.seed);
        }
        if (!vmb_sim_play_run(&play, &result)) {
            return false;
        }
        if (trace != NULL) {
            fprintf(trace, "== seed %" PRIu64 ": %s\n", play.seed,
                    result.good ? "good" : result.violation);
        }
        sim_add(sum, play.seed, &result);
        sim_show(options, sum, start_ns, &next_ns);
    }
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[K");
    }
    sum->wall_ns = sim_now_ns() - start_ns;
    return true;
}

int command_sim(int argc, char **argv)
{
    static struct sim_sum sum; /* Large. */
    struct sim_options options;
    FILE *trace = NULL;
    bool ran, written = true;
    int status;

    if (!sim_options_parse(argc, argv, &options, &status)) {
        return status;
    }
    if (options.trace != NULL) {
        trace = strcmp(options.trace, "-") == 0 ? stdout : fopen(options.trace, "w");
        if (trace == NULL) {
            return tool_broken("sim", "cannot write %s.", options.trace);
        }
    }
    ran = sim_run_all(&options, trace, &sum);
    if (trace != NULL && trace != stdout) {
        written = fclose(trace) == 0;
    }
    if (!ran || !written) {
        return tool_broken("sim", ran ? "the trace could not be written." : "no memory is left.");
    }
    if (options.json) {
        written = sim_report_json(&options, &sum);
    } else {
        sim_report_text(&options, &sum);
    }
    return written && sum.failed == 0 ? TOOL_OK : TOOL_FAILED;
}
