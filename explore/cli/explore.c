/* SPDX-License-Identifier: MIT */
/* The command: explore SCENARIO [options]. */
#include "explore/cli/explore.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore/scenarios/table.h"

struct request {
    const struct xpl_scenario *scenario;
    struct xpl_options options;
    bool all;
    bool large;
    bool every_model;
    bool json;
    bool list;
    const char *design;
};

static const char help[] =
    "Usage: vmbus explore SCENARIO [OPTIONS]\n"
    "       vmbus explore --all [--large] | --large | --list\n"
    "\n"
    "Run the library's own code in every order of its atomic steps that matters, and say whether\n"
    "what the scenario shows holds in all of them.\n"
    "\n"
    "Options:\n"
    "      --design NAME     which design (default: the library's)\n"
    "      --model MODEL     sc, tso or c11 (default: all three)\n"
    "      --bound N         only executions with at most N surprises (preemptions, stale reads)\n"
    "      --random SEED     random executions with changing priorities, for 10 s or until a "
    "limit\n"
    "      --sleep-sets      another, weaker reduction, as a second opinion\n"
    "      --no-reduction    try equivalent orders too\n"
    "      --executions N    stop after N executions\n"
    "      --seconds S       stop after S seconds of this core\n"
    "      --shard I/N       only part I (from 1) of N, which are unequal\n"
    "      --replay TOKEN    run one execution again and print its table (needs --model)\n"
    "      --from-the-start  run each execution whole, without checkpoints: slower, same result\n"
    "      --json            results as JSON lines\n"
    "      --list            the scenarios, the rules they are about and what each shows\n"
    "      --all             all that are exhausted in seconds each\n"
    "      --large           those of larger scope: up to hours each, or --seconds\n"
    "  -h, --help            this text\n"
    "\n"
    "Examples:\n"
    "  vmbus explore retarget --design percpu-lists\n"
    "  vmbus explore retarget --design global-array\n"
    "  vmbus explore close --model c11 --shard 3/16\n"
    "\n"
    "Exit status: 0 nothing is wrong, 1 something is, 2 wrong arguments, 3 a limit stopped it.\n";

/* Say what is wrong with the arguments. Returns the exit status. */
__attribute__((format(printf, 1, 2))) static int wrong(const char *format, ...)
{
    va_list arguments;

    fputs("vmbus explore: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("\nTry: vmbus explore --help\n", stderr);
    return 2;
}

static const struct xpl_scenario *scenario_find(const char *name)
{
    for (unsigned i = 0; scenario_table[i] != NULL; i++) {
        if (strcmp(scenario_table[i]->name, name) == 0) {
            return scenario_table[i];
        }
    }
    for (unsigned i = 0; scenario_table_large[i] != NULL; i++) {
        if (strcmp(scenario_table_large[i]->name, name) == 0) {
            return scenario_table_large[i];
        }
    }
    return NULL;
}

static void scenarios_print(const struct xpl_scenario *const *table)
{
    for (unsigned i = 0; table[i] != NULL; i++) {
        printf("%-24s %-8s %s\n", table[i]->name, table[i]->rules, table[i]->shows);
    }
}

/* Returns -1 to go on, else the exit status. */
static int design_choose(struct request *request)
{
    const char *const *designs = request->scenario->designs;
    char names[200] = "";
    size_t length = 0;

    if (request->design == NULL) {
        return -1;
    }
    for (unsigned i = 0; designs != NULL && designs[i] != NULL; i++) {
        if (strcmp(designs[i], request->design) == 0) {
            request->options.design = i;
            return -1;
        }
        length += (size_t)snprintf(names + length, sizeof(names) - length, " %s", designs[i]);
    }
    if (length == 0) {
        return wrong("'%s' has one design only, the library's.", request->scenario->name);
    }
    return wrong("'%s' has no design '%s'; there are:%s.", request->scenario->name, request->design,
                 names);
}

static bool model_choose(struct request *request, const char *name)
{
    for (unsigned model = XPL_SC; model <= XPL_C11; model++) {
        if (strcmp(name, xpl_model_name((enum xpl_model)model)) == 0) {
            request->options.model = (enum xpl_model)model;
            request->every_model = false;
            return true;
        }
    }
    return false;
}

static void result_print(const struct request *request, const struct xpl_result *result)
{
    const char *model = xpl_model_name(request->options.model);
    const double rate = result->seconds > 0 ? (double)result->executions / result->seconds : 0;

    if (request->json) {
        printf("{\"scenario\":\"%s\",\"model\":\"%s\",\"executions\":%llu,\"cut\":%llu,"
               "\"steps\":%llu,\"violations\":%llu,\"complete\":%s,\"token\":\"%s\","
               "\"timing\":{\"seconds\":%.3f,\"executions_per_second\":%.0f}}\n",
               request->scenario->name, model, (unsigned long long)result->executions,
               (unsigned long long)result->cut, (unsigned long long)result->steps,
               (unsigned long long)result->violations, result->complete ? "true" : "false",
               result->token, result->seconds, rate);
        return;
    }
    printf("%-24s %-3s  %10llu executions  %10llu cut  %3u steps at most  %7.2f s  %5.2f M/s  ",
           request->scenario->name, model, (unsigned long long)result->executions,
           (unsigned long long)result->cut, result->longest, result->seconds, rate * 1e-6);
    printf("%llu violations%s%s\n", (unsigned long long)result->violations,
           result->unfit      ? ", not complete: it met what other shards may not know"
           : result->complete ? ""
                              : ", not complete",
           result->unordered_stores ? ", stores that nothing orders" : "");
    if (result->violations > 0) {
        printf("\n%s.\n", result->what);
    }
}

/* Something is wrong: find the shortest way there and show it. */
static void violation_show(const struct request *request, const struct xpl_result *found)
{
    struct xpl_options options = request->options;
    struct xpl_result shortest;
    const char *token = found->token;
    bool wrong_again;

    options.max_seconds = 20;
    if (xpl_shortest(request->scenario, &options, &shortest)) {
        token = shortest.token;
    }
    printf("\nThe shortest way there:\n\n");
    if (!xpl_print_table(request->scenario, &request->options, token, &wrong_again)) {
        printf("(it cannot be replayed)\n");
    }
    printf("\nReplay: vmbus explore %s%s%s --model %s --replay %s\n", request->scenario->name,
           request->design != NULL ? " --design " : "",
           request->design != NULL ? request->design : "", xpl_model_name(request->options.model),
           token);
}

/* One execution again. Returns the exit status. */
static int explore_again(const struct request *request)
{
    const char *token = request->options.token;
    bool is_wrong;

    if (!xpl_print_table(request->scenario, &request->options, token, &is_wrong)) {
        return wrong("'%s' is no execution of that scenario, design and model.", token);
    }
    return is_wrong;
}

/* Explore one scenario under one model. Returns the exit status. */
static int explore_model(struct request *request)
{
    struct xpl_result result;

    if (request->options.strategy == XPL_REPLAY) {
        return explore_again(request);
    }
    request->options.stop_at_first = true;
    if (!xpl_explore(request->scenario, &request->options, &result)) {
        return 2;
    }
    result_print(request, &result);
    fflush(stdout);
    if (result.violations > 0) {
        if (!request->json) {
            violation_show(request, &result);
        }
        return 1;
    }
    return result.complete || request->options.strategy == XPL_RANDOM ? 0 : 3;
}

static int explore_scenario(struct request *request)
{
    int status = design_choose(request);

    if (status >= 0) {
        return status;
    }
    status = 0;
    if (!request->every_model) {
        return explore_model(request);
    }
    for (unsigned model = XPL_SC; model <= XPL_C11 && status != 1; model++) {
        int one;

        request->options.model = (enum xpl_model)model;
        one = explore_model(request);
        status = one > status || one == 1 ? one : status;
    }
    return status;
}

static bool shard_parse(struct xpl_options *options, const char *text)
{
    char *end;
    const unsigned long shard = strtoul(text, &end, 10);
    unsigned long shards;

    if (*end != '/') {
        return false;
    }
    shards = strtoul(end + 1, &end, 10);
    options->shard = (unsigned)shard - 1;
    options->shards = (unsigned)shards;
    return *end == '\0' && shard >= 1 && shard <= shards;
}

/* A whole number, nothing before or behind it. */
static bool number_parse(const char *text, unsigned long long *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

/* Returns -1 to go on, else the exit status. */
static int bound_take(struct xpl_options *options, const char *text)
{
    unsigned long long bound;

    if (!number_parse(text, &bound) || bound > XPL_STEPS) {
        return wrong("--bound takes a number from 0 to %u, not '%s'.", XPL_STEPS, text);
    }
    options->strategy = XPL_BOUND;
    options->bound = (unsigned)bound;
    return -1;
}

static int executions_take(struct xpl_options *options, const char *text)
{
    unsigned long long executions;

    if (!number_parse(text, &executions) || executions == 0) {
        return wrong("--executions takes a number from 1 on, not '%s'.", text);
    }
    options->max_executions = executions;
    return -1;
}

static int random_take(struct xpl_options *options, const char *text)
{
    unsigned long long seed;

    if (!number_parse(text, &seed)) {
        return wrong("--random takes a number, the seed, not '%s'.", text);
    }
    options->strategy = XPL_RANDOM;
    options->seed = seed;
    return -1;
}

static int seconds_take(struct xpl_options *options, const char *text)
{
    char *end;

    options->max_seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(options->max_seconds > 0)) {
        return wrong("--seconds takes a time such as 60 or 0.5, not '%s'.", text);
    }
    return -1;
}

enum {
    ALL = 256,
    BOUND,
    DESIGN,
    EXECUTIONS,
    FROM_THE_START,
    JSON,
    LARGE,
    LIST,
    MODEL,
    NO_REDUCTION,
    RANDOM,
    REPLAY,
    SECONDS,
    SHARD,
    SLEEP_SETS
};

static const struct option long_options[] = {{"all", 0, NULL, ALL},
                                             {"bound", 1, NULL, BOUND},
                                             {"design", 1, NULL, DESIGN},
                                             {"executions", 1, NULL, EXECUTIONS},
                                             {"from-the-start", 0, NULL, FROM_THE_START},
                                             {"help", 0, NULL, 'h'},
                                             {"json", 0, NULL, JSON},
                                             {"large", 0, NULL, LARGE},
                                             {"list", 0, NULL, LIST},
                                             {"model", 1, NULL, MODEL},
                                             {"no-reduction", 0, NULL, NO_REDUCTION},
                                             {"random", 1, NULL, RANDOM},
                                             {"replay", 1, NULL, REPLAY},
                                             {"seconds", 1, NULL, SECONDS},
                                             {"shard", 1, NULL, SHARD},
                                             {"sleep-sets", 0, NULL, SLEEP_SETS},
                                             {NULL, 0, NULL, 0}};

static int option_wrong(const char *argument)
{
    if (optopt >= ALL) {
        return wrong("%.*s takes no value.", (int)strcspn(argument, "="), argument);
    }
    return optopt != 0 ? wrong("there is no option '-%c'.", optopt)
                       : wrong("there is no option '%s'.", argument);
}

/* One option, which stood in @argument. Returns -1 to go on, else the exit status. */
static int option_take(struct request *request, int option, const char *argument)
{
    struct xpl_options *options = &request->options;

    switch (option) {
    case ALL:
        request->all = true;
        return -1;
    case BOUND:
        return bound_take(options, optarg);
    case DESIGN:
        request->design = optarg;
        return -1;
    case EXECUTIONS:
        return executions_take(options, optarg);
    case FROM_THE_START:
        options->from_the_start = true;
        return -1;
    case JSON:
        request->json = true;
        return -1;
    case LARGE:
        request->large = true;
        return -1;
    case LIST:
        scenarios_print(scenario_table);
        scenarios_print(scenario_table_large);
        return 0;
    case MODEL:
        return model_choose(request, optarg)
                   ? -1
                   : wrong("there is no model '%s'; there are sc, tso and c11.", optarg);
    case NO_REDUCTION:
        options->strategy = XPL_NAIVE;
        return -1;
    case RANDOM:
        return random_take(options, optarg);
    case REPLAY:
        options->strategy = XPL_REPLAY;
        options->token = optarg;
        return -1;
    case SECONDS:
        return seconds_take(options, optarg);
    case SHARD:
        return shard_parse(options, optarg)
                   ? -1
                   : wrong("--shard takes a part such as 3/16, not '%s'.", optarg);
    case SLEEP_SETS:
        options->strategy = XPL_SLEEP;
        return -1;
    case 'h':
        fputs(help, stdout);
        return 0;
    case ':':
        return wrong("%s needs a value.", argument);
    default:
        return option_wrong(argument);
    }
}

/* All scenarios of a table, until one of them is violated. Returns the worst exit status. */
static int explore_table(struct request *request, const struct xpl_scenario *const *table)
{
    int status = 0;

    for (unsigned i = 0; table[i] != NULL && status != 1; i++) {
        int one;

        request->scenario = table[i];
        one = explore_scenario(request);
        status = one > status || one == 1 ? one : status;
    }
    return status;
}

static int explore_tables(struct request *request)
{
    int status = request->all ? explore_table(request, scenario_table) : 0;
    int large;

    if (!request->large || status == 1) {
        return status;
    }
    large = explore_table(request, scenario_table_large);
    return large == 1 || large > status ? large : status;
}

int explore_main(int argc, char **argv)
{
    struct request request = {.every_model = true, .options.progress = true};
    int option, status = 0;

    optind = 0; /* From the start, whoever has used getopt before. */
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        status = option_take(&request, option, argv[optind - 1]);
        if (status >= 0) {
            return status;
        }
    }
    status = 0;
    if (request.options.strategy == XPL_RANDOM && request.options.max_executions == 0 &&
        request.options.max_seconds <= 0) {
        request.options.max_seconds = 10;
    }
    if (request.options.strategy == XPL_REPLAY && request.every_model) {
        return wrong("--replay needs --model.");
    }
    if (request.all || request.large) {
        return explore_tables(&request);
    }
    if (optind + 1 != argc) {
        return wrong("name one scenario; --list has them.");
    }
    request.scenario = scenario_find(argv[optind]);
    if (request.scenario == NULL) {
        return wrong("there is no scenario '%s'; --list has them.", argv[optind]);
    }
    return explore_scenario(&request);
}
