/* SPDX-License-Identifier: MIT */
/*
 * The decisions. A node is a state in which somebody has to go on; the nodes on the way to the
 * present one form a stack, and the search is depth-first: after an execution, the deepest node
 * with something left to try decides otherwise, and the scenario is run again up to there.
 */
#include <string.h>

#include "explore/engine/xpl_state.h"

static uint64_t random_next(void)
{
    xpl.random ^= xpl.random << 13;
    xpl.random ^= xpl.random >> 7;
    xpl.random ^= xpl.random << 17;
    return xpl.random;
}

static unsigned highest(uint64_t bits)
{
    return 63u - (unsigned)__builtin_clzll(bits);
}

/* Is it a load whose choices are stores of different age? */
static bool choices_are_stores(unsigned process)
{
    return process < XPL_THREADS &&
           (xpl.thread[process].op.kind == XPL_LOAD || xpl.thread[process].op.kind == XPL_CAS);
}

/* Which processes sleep in the state after @before's step: those that commute with it sleep on. */
void xpl_search_sleep(const struct xpl_node *before, struct xpl_node *node)
{
    uint16_t rest = before->asleep & (uint16_t) ~(1u << before->process);

    for (; rest != 0; rest &= (uint16_t)(rest - 1)) {
        const unsigned process = xpl_lowest(rest);
        struct xpl_event next;
        enum xpl_relation relation;

        xpl_event_of(process, &next);
        relation = xpl_relate(&before->event, &next);
        if (relation == XPL_UNRELATED || relation == XPL_MISSED_WRITE) {
            node->sleep[process] = before->sleep[process];
            node->asleep |= (uint16_t)(1u << process);
        }
    }
}

/* What a step of @process costs: going on in another thread although this one could. */
static unsigned preemption(const struct xpl_node *node, unsigned process)
{
    return process < XPL_THREADS && process != node->last &&
           (node->enabled & (1u << node->last)) != 0;
}

static unsigned surprises(const struct xpl_node *node)
{
    const unsigned process = node->process;

    return node->spent + preemption(node, process) +
           (node->event.kind != XPL_CHOOSE &&
            node->alternative != highest(node->alternatives[process]));
}

/* Leave only what the bound allows. */
static void node_bound(struct xpl_node *node, const struct xpl_node *before)
{
    node->spent = before == NULL ? 0 : (uint8_t)surprises(before);
    node->backtrack = 0;
    for (uint16_t rest = node->enabled; rest != 0; rest &= (uint16_t)(rest - 1)) {
        const unsigned process = xpl_lowest(rest);
        const unsigned cost = node->spent + preemption(node, process);

        if (cost > xpl.options.bound) {
            continue;
        }
        node->backtrack |= (uint16_t)(1u << process);
        if (cost == xpl.options.bound && choices_are_stores(process)) {
            node->alternatives[process] = (uint64_t)1 << highest(node->alternatives[process]);
        }
    }
}

/* The choices of @process that sleep here. */
static inline uint64_t sleeping(const struct xpl_node *node, unsigned process)
{
    return (node->asleep >> process & 1) != 0 ? node->sleep[process] : 0;
}

/* Choose @process here, with the newest of its choices that is not asleep. */
bool xpl_search_choose(struct xpl_node *node, unsigned process)
{
    const uint64_t choices = node->alternatives[process] & ~sleeping(node, process);

    if (choices == 0) {
        return false;
    }
    node->process = (uint8_t)process;
    node->alternative = (uint8_t)highest(choices);
    node->tried = 0;
    return true;
}

static bool node_choose_first(struct xpl_node *node)
{
    uint16_t candidates = node->backtrack != 0 ? node->backtrack : node->enabled;

    if ((candidates & (1u << node->last)) != 0 && xpl_search_choose(node, node->last)) {
        return true;
    }
    for (; candidates != 0; candidates &= (uint16_t)(candidates - 1)) {
        if (xpl_search_choose(node, xpl_lowest(candidates))) {
            return true;
        }
    }
    return false;
}

void xpl_search_enabled(struct xpl_node *node)
{
    node->enabled = xpl.now.ready;
    node->waiting = 0;
    node->asleep = 0;
    node->done = 0;
    node->backtrack = 0;
    node->last = (uint8_t)xpl.now.last;
    for (uint16_t rest = xpl.now.ready; rest != 0; rest &= (uint16_t)(rest - 1)) {
        node->alternatives[xpl_lowest(rest)] = 1;
    }
    for (uint16_t rest = xpl.now.asks; rest != 0; rest &= (uint16_t)(rest - 1)) {
        const unsigned process = xpl_lowest(rest);

        node->alternatives[process] = xpl_alternatives(process);
        if (node->alternatives[process] != 0) {
            node->enabled |= (uint16_t)(1u << process);
        } else {
            node->waiting |= (uint16_t)(1u << process);
        }
    }
}

/* A state that was never seen: who can go on, who must be tried, who is first? */
static bool node_open(unsigned step)
{
    struct xpl_node *node = &xpl.nodes[step];
    const struct xpl_node *before = step > 0 ? &xpl.nodes[step - 1] : NULL;
    const enum xpl_strategy strategy = xpl.options.strategy;

    xpl_search_enabled(node);
    if (strategy == XPL_EXHAUST) {
        xpl_races_of_waiting(node->waiting);
    }
    if (node->enabled == 0) {
        xpl.verdict = XPL_ENDED;
        return false;
    }
    if (xpl.options.shards > 1 && step == xpl.frozen &&
        xpl.prefixes++ % xpl.options.shards != xpl.options.shard) {
        xpl.verdict = XPL_CUT;
        return false;
    }
    if (before != NULL && (strategy == XPL_EXHAUST || strategy == XPL_SLEEP)) {
        xpl_search_sleep(before, node);
    }
    if (strategy == XPL_BOUND) {
        if (xpl.options.steps_below != 0 && step + 1 >= xpl.options.steps_below) {
            xpl.verdict = XPL_CUT; /* Shorter ones are known. */
            return false;
        }
        node_bound(node, before);
    } else if (strategy != XPL_EXHAUST || step < xpl.frozen) {
        node->backtrack = node->enabled;
    }
    if (!node_choose_first(node)) {
        xpl.verdict = XPL_CUT;
        return false;
    }
    node->backtrack |= (uint16_t)(1u << node->process);
    return true;
}

/* PCT: the process with the highest priority goes on; at a few random steps it becomes the last. */
static bool node_random(unsigned step)
{
    struct xpl_node *node = &xpl.nodes[step];
    unsigned best = 0;

    xpl_search_enabled(node);
    if (node->enabled == 0) {
        xpl.verdict = XPL_ENDED;
        return false;
    }
    for (unsigned i = 0; i < sizeof(xpl.change_at) / sizeof(xpl.change_at[0]); i++) {
        if (xpl.change_at[i] == step) {
            xpl.priority[xpl.now.last] = (uint8_t)i;
        }
    }
    if (xpl.probing && random_next() % 8 == 0) { /* Rare things are met sooner so. */
        xpl.priority[xpl.now.last] = (uint8_t)(random_next() % 200);
    }
    best = xpl_lowest(node->enabled);
    for (uint16_t rest = node->enabled; rest != 0; rest &= (uint16_t)(rest - 1)) {
        if (xpl.priority[xpl_lowest(rest)] > xpl.priority[best]) {
            best = xpl_lowest(rest);
        }
    }
    xpl_search_choose(node, best);
    if (random_next() % 4 == 0) {
        uint64_t choices = node->alternatives[best];

        for (uint64_t skip = random_next() % (uint64_t)__builtin_popcountll(choices); skip > 0;
             skip--) {
            choices &= choices - 1;
        }
        node->alternative = (uint8_t)xpl_lowest(choices);
    }
    return true;
}

static bool node_replay(unsigned step)
{
    struct xpl_node *node = &xpl.nodes[step];
    unsigned process, alternative;

    xpl_search_enabled(node);
    if (node->enabled == 0) {
        xpl.verdict = XPL_ENDED;
        return false;
    }
    if (!xpl_token_step(&xpl.options.token, &process, &alternative) ||
        (node->enabled & (1u << process)) == 0) {
        xpl.verdict = XPL_CUT;
        return false;
    }
    if (alternative == UINT8_MAX) {
        alternative = highest(node->alternatives[process]);
    }
    if ((node->alternatives[process] >> alternative & 1) == 0) {
        xpl.verdict = XPL_CUT;
        return false;
    }
    node->process = (uint8_t)process;
    node->alternative = (uint8_t)alternative;
    return true;
}

/* Who goes on? -1: nobody; xpl.verdict says why. */
int xpl_search_pick(unsigned *out_alternative)
{
    const unsigned step = xpl.now.step;
    const struct xpl_node *node = &xpl.nodes[step];

    if (step >= xpl.depth) {
        bool found;

        if (step == XPL_STEPS || xpl.now.count[xpl.now.last] == XPL_STEPS / 2) {
            xpl.verdict = XPL_TOO_LONG;
            return -1;
        }
        if (xpl.moving && xpl_move_pick(step)) {
            *out_alternative = node->alternative;
            return node->process;
        }
        switch (xpl.options.strategy) {
        case XPL_RANDOM:
            found = node_random(step);
            break;
        case XPL_REPLAY:
            found = node_replay(step);
            break;
        default:
            found = node_open(step);
            break;
        }
        if (!found) {
            return -1;
        }
    }
    *out_alternative = node->alternative;
    return node->process;
}

static void random_begin(void)
{
    for (unsigned i = 0; i < XPL_PROCESSES; i++) {
        xpl.priority[i] = (uint8_t)(16 + random_next() % 200);
    }
    for (unsigned i = 0; i < sizeof(xpl.change_at) / sizeof(xpl.change_at[0]); i++) {
        xpl.change_at[i] = (unsigned)(random_next() % (xpl.result->longest + 1));
    }
    xpl.depth = 0;
}

void xpl_search_begin(void)
{
    xpl_checkpoint_forget();
    xpl.depth = 0;
    xpl.prefixes = 0;
    xpl.frozen = 0;
    xpl.moving = false;
    if (xpl.options.strategy == XPL_REPLAY) {
        xpl.options.token = strchr(xpl.token_objects, ':') + 1;
        xpl.token_repeats = 0;
    }
    xpl.random = xpl.options.seed * 0x9E3779B97F4A7C15u + 0x1234567u;
    if (xpl.options.shards > 1) {
        /* Deep enough that the parts are many more than the shards. */
        for (unsigned parts = xpl.options.shards * 16; parts > 1; parts /= 2) {
            xpl.frozen++;
        }
    }
    if (xpl.options.strategy == XPL_RANDOM) {
        random_begin();
    }
}

/* Go back to the deepest node with something left to try. False: nothing is left at all. */
bool xpl_search_next(void)
{
    if (xpl.options.strategy == XPL_RANDOM) {
        random_begin();
        return true;
    }
    if (xpl.options.strategy == XPL_REPLAY) {
        return false;
    }
    for (unsigned depth = xpl.now.step; depth > 0; depth--) {
        struct xpl_node *node = &xpl.nodes[depth - 1];
        uint64_t left;

        xpl.depth = depth;
        node->tried |= (uint64_t)1 << node->alternative;
        if (node->alternatives[node->process] == node->tried &&
            node->backtrack == (node->done | 1u << node->process)) {
            continue; /* Nothing is left, and nobody will look at the node again. */
        }
        left = node->alternatives[node->process] & ~node->tried & ~sleeping(node, node->process);
        if (left != 0) {
            node->alternative = (uint8_t)highest(left);
            return true;
        }
        node->done |= (uint16_t)(1u << node->process);
        if (xpl.options.strategy == XPL_EXHAUST || xpl.options.strategy == XPL_SLEEP) {
            node->sleep[node->process] = node->alternatives[node->process];
            node->asleep |= (uint16_t)(1u << node->process);
        }
        while ((node->backtrack & ~node->done) != 0) {
            const unsigned process = xpl_lowest((uint16_t)(node->backtrack & ~node->done));

            if (xpl_search_choose(node, process)) {
                return true;
            }
            node->done |= (uint16_t)(1u << process);
        }
    }
    return false;
}
