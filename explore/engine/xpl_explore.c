/* SPDX-License-Identifier: MIT */
/* The loop over executions, its books and its progress line. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "explore/engine/xpl_state.h"

/* Executions after which a search is long, and random ones that it is worth then. */
#define LONG_SEARCH 20000u
#define LEARNING    500u

const char *xpl_model_name(enum xpl_model model)
{
    static const char *const names[] = {"sc", "tso", "c11"};

    return names[model];
}

const char *xpl_order_name(enum xpl_order order)
{
    static const char *const names[] = {"relaxed", "acquire", "release",
                                        "acq_rel", "seq_cst", "ghost"};

    return names[order];
}

extern struct xpl_site *const __start_xpl_sites[] __attribute__((weak));
extern struct xpl_site *const __stop_xpl_sites[] __attribute__((weak));

size_t xpl_sites(struct xpl_site *const **out_sites)
{
    *out_sites = __start_xpl_sites;
    return (size_t)(__stop_xpl_sites - __start_xpl_sites);
}

/* Of this core: others may want the machine too. */
static double clock_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/*
 * How much of the tree lies behind us, as if each node's choices were equally large: what is tried
 * of the first node, and of the part now under way the same again.
 */
static double explored_part(void)
{
    double part = 0, width = 1;

    for (unsigned i = 0; i < xpl.depth && i < 40; i++) {
        const struct xpl_node *node = &xpl.nodes[i];
        const int choices = __builtin_popcount(node->backtrack);

        part += width * __builtin_popcount(node->done & node->backtrack) / choices;
        width /= choices;
    }
    return part;
}

static void progress_show(const struct xpl_result *result, double seconds)
{
    const double part = explored_part();
    const double rate = (double)result->executions / seconds;

    fprintf(stderr, "\r%s %s: %llu executions, %.2f M/s, %llu cut", xpl.scenario->name,
            xpl_model_name(xpl.options.model), (unsigned long long)result->executions, rate * 1e-6,
            (unsigned long long)result->cut);
    if (xpl.options.max_executions != 0) {
        fprintf(stderr, ", at most %.0f s left   ",
                (double)(xpl.options.max_executions - result->executions) / rate);
    } else if (part > 0.001) {
        fprintf(stderr, ", about %.0f s left   ", seconds * (1 - part) / part);
    }
    fflush(stderr);
}

/* Do two sentences say that the same went wrong? Numbers in them may differ. */
static bool same_failure(const char *left, const char *right)
{
    return strncmp(left, right, 24) == 0;
}

/* The execution is over: what was it? Returns true to stop looking. */
static bool execution_count(struct xpl_result *result)
{
    result->steps += xpl.now.step;
    switch (xpl.verdict) {
    case XPL_CUT:
        result->cut++;
        return false;
    case XPL_TOO_LONG:
        result->too_long++;
        return false;
    case XPL_FAILED:
        result->executions++;
        if (xpl.options.like != NULL && !same_failure(xpl.what, xpl.options.like)) {
            return false;
        }
        if (xpl.options.steps_below != 0 && xpl.now.step >= xpl.options.steps_below) {
            return false;
        }
        result->violations++;
        result->failing_steps = xpl.now.step;
        if (xpl.options.steps_below != 0) {
            xpl.options.steps_below = xpl.now.step; /* From now on only shorter ones. */
        }
        memcpy(result->what, xpl.what, sizeof(result->what));
        xpl_token_write(result->token, sizeof(result->token));
        return xpl.options.stop_at_first;
    default:
        result->executions++;
        if (xpl.now.step > result->longest) {
            result->longest = xpl.now.step;
        }
        return false;
    }
}

static bool limits_reached(struct xpl_result *result, double started)
{
    const struct xpl_options *options = &xpl.options;

    if (options->max_executions != 0 && result->executions >= options->max_executions) {
        return true;
    }
    if ((result->executions + result->cut) % 65536 == 0) {
        result->seconds = clock_seconds() - started;
        if (options->progress && isatty(STDERR_FILENO)) {
            progress_show(result, result->seconds);
        }
        return options->max_seconds > 0 && result->seconds > options->max_seconds;
    }
    return false;
}

static unsigned shared_places(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < xpl.places; i++) {
        count += xpl.place[i].shared;
    }
    return count;
}

/*
 * What a search counts on (nobody looks at what this change found; no load sees that object) may
 * turn out wrong late, and then it begins again. A few hundred random executions find nearly all
 * of that, so a search that proves to be long is interrupted for them once. True: they found some.
 */
static bool search_learns(unsigned executions)
{
    static struct xpl_node nodes[XPL_STEPS + 1];
    const struct xpl_result result = *xpl.result;
    const enum xpl_strategy strategy = xpl.options.strategy;
    const unsigned step = xpl.now.step;
    const uint64_t prefixes = xpl.prefixes;
    bool learnt = false;

    memcpy(nodes, xpl.nodes, sizeof(nodes));
    xpl.options.strategy = XPL_RANDOM;
    xpl.probing = true;
    xpl_search_begin();
    for (unsigned i = 0; i < executions; i++) {
        xpl_run_once();
        learnt |= xpl.verdict == XPL_RESTART;
        if (xpl.now.step > xpl.result->longest) {
            xpl.result->longest = xpl.now.step; /* Priorities change at steps up to there. */
        }
        (void)xpl_search_next();
    }
    xpl.probing = false;
    xpl.options.strategy = strategy;
    xpl_search_begin();
    memcpy(xpl.nodes, nodes, sizeof(nodes));
    xpl.now.step = step;
    xpl.prefixes = prefixes;
    *xpl.result = result;
    xpl.newly_shared = XPL_NO_PLACE;
    return learnt;
}

static bool search_is_long(const struct xpl_result *result)
{
    const enum xpl_strategy strategy = xpl.options.strategy;

    return (strategy == XPL_EXHAUST || strategy == XPL_SLEEP ||
            (strategy == XPL_BOUND && xpl.options.steps_below == 0)) &&
           result->executions + result->cut == LONG_SEARCH;
}

/*
 * Parts of a search are parts of one tree only if all know the same of the program. So each first
 * learns for long, from the same random executions; one that learns more later cannot say that
 * together with the others it has seen all.
 */
static void shard_learns(void)
{
    while (xpl.options.shards > 1 && search_learns(20 * LEARNING)) {
    }
    xpl_search_begin();
}

/* What is known of the program has changed: the search goes on where it can, or begins again. */
static void search_again(const struct xpl_options *options)
{
    if (xpl_search_move()) {
        return;
    }
    *xpl.result = (struct xpl_result){0};
    xpl.options.steps_below = options->steps_below;
    xpl_search_begin();
}

bool xpl_explore(const struct xpl_scenario *scenario, const struct xpl_options *options,
                 struct xpl_result *out_result)
{
    const double started = clock_seconds();
    bool stopped = false, learnt = options->shards > 1, unfit = false;

    *out_result = (struct xpl_result){0};
    if (options->shards > 1 && options->shard >= options->shards) {
        return false;
    }
    xpl.scenario = scenario;
    xpl.options = *options;
    xpl.result = out_result;
    if (options->strategy == XPL_REPLAY) {
        if (options->token == NULL || strchr(options->token, ':') == NULL) {
            return false;
        }
        xpl.token_objects = options->token;
        xpl.options.without = xpl_token_without(options->token);
    }
    if (!xpl_run_prepare()) {
        return false;
    }
    xpl_search_begin();
    shard_learns();
    for (;;) {
        xpl_run_once();
        if (xpl.verdict == XPL_RESTART) {
            unfit = options->shards > 1;
            search_again(options);
            continue;
        }
        stopped = execution_count(out_result) || limits_reached(out_result, started);
        if (!stopped && !learnt && search_is_long(out_result)) {
            learnt = true;
            if (search_learns(LEARNING)) {
                search_again(options);
                continue;
            }
        }
        if (stopped || !xpl_search_next()) {
            break;
        }
    }
    xpl_memory_reset();
    xpl_keep_restore(); /* Whoever prepares next finds what `prepare` left. */
    out_result->unfit = unfit;
    out_result->complete =
        !stopped && !unfit && out_result->too_long == 0 && options->strategy != XPL_RANDOM;
    out_result->places = shared_places();
    out_result->seconds = clock_seconds() - started;
    if (options->progress && isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[K");
    }
    return true;
}

/* Which threads can be left out, and it still goes wrong in the same way? */
static unsigned threads_not_needed(const struct xpl_scenario *scenario,
                                   const struct xpl_options *options, const char *what)
{
    struct xpl_options without = *options;

    without.strategy = XPL_EXHAUST;
    without.stop_at_first = true;
    without.shards = 0;
    for (unsigned i = 0; i < XPL_THREADS && scenario->threads[i].run != NULL; i++) {
        const unsigned before = without.without;
        struct xpl_result result;

        if (scenario->threads[i].service) {
            continue; /* Without its services nothing works. */
        }
        without.without |= 1u << i;
        without.like = what;
        if (!xpl_explore(scenario, &without, &result) || result.violations == 0) {
            without.without = before;
        }
    }
    return without.without;
}

bool xpl_shortest(const struct xpl_scenario *scenario, const struct xpl_options *options,
                  struct xpl_result *out_result)
{
    struct xpl_options bounded = *options;
    const double started = clock_seconds();
    char what[sizeof(out_result->what)];

    bounded.strategy = XPL_EXHAUST;
    bounded.stop_at_first = true;
    bounded.shards = 0;
    if (!xpl_explore(scenario, &bounded, out_result) || out_result->violations == 0) {
        return false;
    }
    memcpy(what, out_result->what, sizeof(what));
    bounded.like = what;
    bounded.without = threads_not_needed(scenario, options, out_result->what);
    bounded.strategy = XPL_BOUND;
    bounded.stop_at_first = false;
    bounded.steps_below = XPL_STEPS + 1;
    for (bounded.bound = 0; bounded.bound < 12; bounded.bound++) {
        if (options->max_seconds > 0) {
            bounded.max_seconds = options->max_seconds - (clock_seconds() - started);
        }
        if (bounded.max_seconds < 0 || !xpl_explore(scenario, &bounded, out_result)) {
            return false;
        }
        if (out_result->violations > 0) {
            return true;
        }
    }
    return false;
}
