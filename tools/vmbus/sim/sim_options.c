/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/sim/sim_options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "tools/vmbus/tool.h"

enum options_letter {
    OPTIONS_SEED = 's',
    OPTIONS_RUNS = 'n',
    OPTIONS_VERSION = 'v',
    OPTIONS_FAULTS = 'f',
    OPTIONS_BREAK = 'b',
    OPTIONS_TRACE = 't',
    OPTIONS_JSON = 'j',
    OPTIONS_KEEP_GOING = 'k',
    OPTIONS_HELP = 'h'
};

static const struct option options_table[] = {
    {"seed", required_argument, NULL, OPTIONS_SEED},
    {"runs", required_argument, NULL, OPTIONS_RUNS},
    {"version", required_argument, NULL, OPTIONS_VERSION},
    {"faults", required_argument, NULL, OPTIONS_FAULTS},
    {"break", required_argument, NULL, OPTIONS_BREAK},
    {"trace", required_argument, NULL, OPTIONS_TRACE},
    {"json", no_argument, NULL, OPTIONS_JSON},
    {"keep-going", no_argument, NULL, OPTIONS_KEEP_GOING},
    {"help", no_argument, NULL, OPTIONS_HELP},
    {NULL, 0, NULL, 0},
};

struct options_name {
    const char *name;
    const char *what;
    uint32_t value;
};

static const struct options_name options_faults[] = {
#define OPTIONS_FAULT(name, bit, text, what) {text, what, 1u << (bit)},
    VMB_SIM_PLAY_FAULT_MAP(OPTIONS_FAULT)
#undef OPTIONS_FAULT
};

static const struct options_name options_breaks[] = {
#define OPTIONS_BREAK_LINE(name, text, what) {text, what, VMB_SIM_PLAY_BREAK_##name},
    VMB_SIM_PLAY_BREAK_MAP(OPTIONS_BREAK_LINE)
#undef OPTIONS_BREAK_LINE
};

#define OPTIONS_FAULT_COUNT (sizeof(options_faults) / sizeof(options_faults[0]))
#define OPTIONS_BREAK_COUNT (sizeof(options_breaks) / sizeof(options_breaks[0]))

const char *sim_fault_name(uint32_t fault)
{
    for (size_t i = 0; i < OPTIONS_FAULT_COUNT; i++) {
        if (options_faults[i].value == fault) {
            return options_faults[i].name;
        }
    }
    return NULL;
}

const char *sim_break_name(enum vmb_sim_play_break broken)
{
    return options_breaks[broken].name;
}

static void options_help(void)
{
    printf("Usage: vmbus sim [OPTIONS]\n"
           "\n"
           "Run the whole bus, guest, host and devices, in virtual time on a hypervisor that does\n"
           "what a hypervisor may do. A seed decides everything: the same seed is the same run.\n"
           "Each run is shaken with faults, must then come to rest, and must leave nothing.\n"
           "\n"
           "Options:\n"
           "      --seed N         the first run's seed (default 1); the next run's is N + 1\n"
           "      --runs N         how many (default 1000)\n"
           "      --version V      newest version that the host speaks (default: the seed's)\n"
           "      --faults LIST    the only faults there may be, with commas; or none (default: "
           "all)\n");
    for (size_t i = 0; i < OPTIONS_FAULT_COUNT; i++) {
        printf("                         %-10s %s\n", options_faults[i].name,
               options_faults[i].what);
    }
    printf("      --break NAME     break something, which must be found (default: nothing)\n");
    for (size_t i = 1; i < OPTIONS_BREAK_COUNT; i++) {
        printf("                         %-15s %s\n", options_breaks[i].name,
               options_breaks[i].what);
    }
    printf("      --trace FILE     write down all that happens; of few runs, it is long\n"
           "      --keep-going     do not stop at the first run that fails\n"
           "      --json           the result as JSON; the same but for what is under \"wall\"\n"
           "  -h, --help           this text\n"
           "\n"
           "Examples:\n"
           "  vmbus sim\n"
           "  vmbus sim --seed 1 --runs 100000 --json\n"
           "  vmbus sim --seed 42 --runs 1 --trace -\n"
           "  vmbus sim --break percpu-lists\n"
           "\n"
           "Exit status: 0 if every run was good, 1 if one was not, 2 for wrong arguments, 3 if\n"
           "it could not run.\n");
}

static bool options_fault_list(const char *text, uint32_t *out)
{
    *out = 0;
    if (strcmp(text, "none") == 0) {
        return true;
    }
    if (strcmp(text, "all") == 0) {
        *out = VMB_SIM_PLAY_ALL;
        return true;
    }
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        size_t i;

        for (i = 0; i < OPTIONS_FAULT_COUNT; i++) {
            if (strlen(options_faults[i].name) == length &&
                memcmp(options_faults[i].name, text, length) == 0) {
                *out |= options_faults[i].value;
                break;
            }
        }
        if (i == OPTIONS_FAULT_COUNT) {
            return false;
        }
        text += length;
        text += *text == ',' ? 1 : 0;
    }
    return *out != 0;
}

static bool options_broken(const char *text, enum vmb_sim_play_break *out)
{
    for (size_t i = 0; i < OPTIONS_BREAK_COUNT; i++) {
        if (strcmp(options_breaks[i].name, text) == 0) {
            *out = (enum vmb_sim_play_break)options_breaks[i].value;
            return true;
        }
    }
    return false;
}

/* One option with its argument. Returns TOOL_OK or what was wrong with it. */
static int options_take(int letter, const char *text, void *context)
{
    struct sim_options *out = context;

    switch (letter) {
    case OPTIONS_SEED:
        return tool_parse_number(text, 0, INT64_MAX, &out->play.seed)
                   ? TOOL_OK
                   : tool_usage("sim", "--seed takes a whole number, not '%s'.", text);
    case OPTIONS_RUNS:
        return tool_parse_number(text, 1, INT64_MAX, &out->runs)
                   ? TOOL_OK
                   : tool_usage("sim", "--runs takes a number from 1 on, not '%s'.", text);
    case OPTIONS_VERSION:
        return tool_parse_version(text, &out->play.version)
                   ? TOOL_OK
                   : tool_usage("sim", "--version is one of %s, not '%s'.", tool_versions(), text);
    case OPTIONS_FAULTS:
        return options_fault_list(text, &out->play.faults)
                   ? TOOL_OK
                   : tool_usage("sim", "--faults takes names with commas between them, not '%s'.",
                                text);
    case OPTIONS_BREAK:
        return options_broken(text, &out->play.broken)
                   ? TOOL_OK
                   : tool_usage("sim", "--break: nothing of that name can be broken: '%s'.", text);
    case OPTIONS_TRACE:
        out->trace = text;
        return TOOL_OK;
    case OPTIONS_JSON:
        out->json = true;
        return TOOL_OK;
    default:
        out->keep_going = true;
        return TOOL_OK;
    }
}

bool sim_options_parse(int argc, char **argv, struct sim_options *out, int *out_status)
{
    *out = (struct sim_options){
        .play = {.seed = 1, .faults = VMB_SIM_PLAY_ALL},
        .runs = 1000,
    };
    return tool_options("sim", argc, argv, options_table, options_help, options_take, out,
                        out_status);
}
