/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/demo/demo_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vmbus/proto/version.h>

#include "tools/vmbus/tool.h"

#define OPTIONS_SECOND_NS 1000000000u

enum options_letter {
    OPTIONS_VPS = 'v',
    OPTIONS_CHANNELS = 'c',
    OPTIONS_SECONDS = 's',
    OPTIONS_SEED = 'r',
    OPTIONS_DESIGN = 'd',
    OPTIONS_VERSION_MAX = 'm',
    OPTIONS_JSON = 'j',
    OPTIONS_PLAIN = 'p',
    OPTIONS_HELP = 'h'
};

static const struct option options_table[] = {
    {"vps", required_argument, NULL, OPTIONS_VPS},
    {"channels", required_argument, NULL, OPTIONS_CHANNELS},
    {"seconds", required_argument, NULL, OPTIONS_SECONDS},
    {"seed", required_argument, NULL, OPTIONS_SEED},
    {"design", required_argument, NULL, OPTIONS_DESIGN},
    {"version-max", required_argument, NULL, OPTIONS_VERSION_MAX},
    {"json", no_argument, NULL, OPTIONS_JSON},
    {"plain", no_argument, NULL, OPTIONS_PLAIN},
    {"help", no_argument, NULL, OPTIONS_HELP},
    {NULL, 0, NULL, 0},
};

static void options_help(void)
{
    printf(
        "Usage: vmbus demo [OPTIONS]\n"
        "\n"
        "Run a whole bus on this machine: a guest with several virtual processors (VPs), one\n"
        "thread each, and its host. Every channel carries traffic of which every byte is checked,\n"
        "while its interrupts are moved from VP to VP, and while channels are closed, opened\n"
        "again, revoked and offered again. At the end everything that was sent must have come.\n"
        "\n"
        "Options:\n"
        "      --vps N            virtual processors, 1 to %u (default 4)\n"
        "      --channels N       channels, 1 to %u (default 256)\n"
        "      --seconds N        how long to load the bus, such as 10 or 0.5 (default 10)\n"
        "      --seed N           what is moved, closed and sent, and when (default: the clock)\n"
        "      --design NAME      how an interrupt finds its channel:\n"
        "                           relid-array   one array for all VPs (default)\n"
        "                           percpu-lists  a list for each VP, which this project replaces\n"
        "      --version-max V    newest protocol version that the host offers (default 6.0);\n"
        "                         interrupts can be moved from 4.1 on\n"
        "      --json             the result as JSON on stdout, progress on stderr\n"
        "      --plain            a line each second instead of the live view\n"
        "  -h, --help             this text\n"
        "\n"
        "Examples:\n"
        "  vmbus demo\n"
        "  vmbus demo --design percpu-lists\n"
        "  vmbus demo --vps 8 --channels 2047 --seconds 60\n"
        "  vmbus demo --seed 1 --seconds 2 --json | jq .lost\n"
        "\n"
        "Exit status: 0 if nothing was lost and nothing was corrupt, 1 if something was, 2 for\n"
        "wrong arguments, 3 if it could not run.\n",
        DEMO_VP_LIMIT, DEMO_CHANNEL_LIMIT);
}

const char *demo_design_name(enum demo_design design)
{
    return design == DEMO_DESIGN_PERCPU_LISTS ? "percpu-lists" : "relid-array";
}

static bool options_design(const char *text, enum demo_design *out)
{
    enum demo_design design;

    for (design = DEMO_DESIGN_RELID_ARRAY; design <= DEMO_DESIGN_PERCPU_LISTS; design++) {
        if (strcmp(text, demo_design_name(design)) == 0) {
            *out = design;
            return true;
        }
    }
    return false;
}

static bool options_seconds(const char *text, uint64_t *out_ns)
{
    char *end;
    double seconds = strtod(text, &end);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || !(seconds >= 0.1 && seconds <= 86400)) {
        return false;
    }
    *out_ns = (uint64_t)(seconds * 1e9);
    return true;
}

static bool options_count(const char *text, uint32_t limit, uint32_t *out)
{
    uint64_t number;

    if (!tool_parse_number(text, 1, limit, &number)) {
        return false;
    }
    *out = (uint32_t)number;
    return true;
}

/* One option with its argument. Returns TOOL_OK or what was wrong with it. */
static int options_take(int letter, const char *text, void *context)
{
    struct demo_options *out = context;

    switch (letter) {
    case OPTIONS_VPS:
        return options_count(text, DEMO_VP_LIMIT, &out->vp_count)
                   ? TOOL_OK
                   : tool_usage("demo", "--vps takes a number from 1 to %u, not '%s'.",
                                DEMO_VP_LIMIT, text);
    case OPTIONS_CHANNELS:
        return options_count(text, DEMO_CHANNEL_LIMIT, &out->channel_count)
                   ? TOOL_OK
                   : tool_usage("demo", "--channels takes a number from 1 to %u, not '%s'.",
                                DEMO_CHANNEL_LIMIT, text);
    case OPTIONS_SECONDS:
        return options_seconds(text, &out->duration_ns)
                   ? TOOL_OK
                   : tool_usage("demo", "--seconds takes 0.1 to 86400, not '%s'.", text);
    case OPTIONS_SEED:
        return tool_parse_number(text, 0, INT64_MAX, &out->seed)
                   ? TOOL_OK
                   : tool_usage("demo", "--seed takes a whole number, not '%s'.", text);
    case OPTIONS_DESIGN:
        return options_design(text, &out->design)
                   ? TOOL_OK
                   : tool_usage("demo", "--design is relid-array or percpu-lists, not '%s'.", text);
    case OPTIONS_VERSION_MAX:
        return tool_parse_version(text, &out->max_version)
                   ? TOOL_OK
                   : tool_usage("demo", "--version-max is one of %s, not '%s'.", tool_versions(),
                                text);
    case OPTIONS_JSON:
        out->json = true;
        return TOOL_OK;
    default:
        out->plain = true;
        return TOOL_OK;
    }
}

/* Whoever names no seed gets another run each time, and is told which. */
static uint64_t options_seed_of_the_moment(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * OPTIONS_SECOND_NS + (uint64_t)now.tv_nsec;
}

bool demo_options_parse(int argc, char **argv, struct demo_options *out, int *out_status)
{
    *out = (struct demo_options){
        .vp_count = 4,
        .channel_count = 256,
        .duration_ns = 10ull * OPTIONS_SECOND_NS,
        .seed = options_seed_of_the_moment(),
        .max_version = VMB_VERSION_NEWEST,
    };
    return tool_options("demo", argc, argv, options_table, options_help, options_take, out,
                        out_status);
}
