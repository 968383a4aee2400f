/* SPDX-License-Identifier: MIT */
/*
 * The explorer's reduction, on random programs: it must reach the very results that trying every
 * order reaches, and run far fewer executions for it. And its checkpoints: searching from copies of
 * a common beginning must do the same, number for number, as running every execution whole.
 */
#ifndef XPL_AVAILABLE /* No fibers under a sanitizer or an emulator: said as TAP. */
#include <stdio.h>

int main(void)
{
    return puts("1..0 # skip the explorer runs in native builds without sanitizers") < 0;
}
#else

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "explore/engine/xpl.h"

#define THREADS  3u
#define LONGEST  3u /* Instructions of a thread. */
#define PROGRAMS 800u

struct instruction {
    struct xpl_site site;
    uint32_t *object;
    uint32_t operand;
    uint32_t expected;
    uint32_t result;
    bool decides; /* The next instruction is left out if it finds 0. */
};

static uint32_t objects[3];
static struct instruction program[THREADS][LONGEST];
static unsigned lengths[THREADS];

/* Hashes of the results that were seen. */
struct outcomes {
    uint64_t hash[20000];
    unsigned count;
};
static struct outcomes seen, referee;

static void run_program(void *argument)
{
    struct instruction *it = program[(uintptr_t)argument];

    for (unsigned i = 0; i < lengths[(uintptr_t)argument]; i++) {
        it[i].result = (uint32_t)xpl_step(&it[i].site, it[i].object, it[i].operand, it[i].expected);
        i += it[i].decides && it[i].result == 0;
    }
}

/* Does it find anything, and does anybody look? Of other changes the order is no result. */
static bool looks_at(const struct instruction *it)
{
    switch (it->site.kind) {
    case XPL_STORE:
    case XPL_FENCE:
        return false;
    case XPL_OR:
    case XPL_AND:
    case XPL_ADD:
        return it->site.used;
    default:
        return true;
    }
}

static bool outcome_known(const struct outcomes *outcomes, uint64_t hash)
{
    for (unsigned i = 0; i < outcomes->count; i++) {
        if (outcomes->hash[i] == hash) {
            return true;
        }
    }
    return false;
}

/* A result that no step has set is of this execution too. */
static void keep_results(unsigned design)
{
    (void)design;
    xpl_keep(program, sizeof(program));
}

static void note_outcome(void)
{
    uint64_t hash = 1469598103934665603u;

    for (unsigned i = 0; i < THREADS; i++) {
        for (unsigned j = 0; j < lengths[i]; j++) {
            if (looks_at(&program[i][j])) {
                hash = (hash ^ program[i][j].result) * 1099511628211u;
            }
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        hash = (hash ^ objects[i]) * 1099511628211u;
    }
    if (!outcome_known(&seen, hash)) {
        assert_true(seen.count < sizeof(seen.hash) / sizeof(seen.hash[0]));
        seen.hash[seen.count++] = hash;
    }
}

static unsigned random_below(unsigned limit)
{
    static uint32_t seed = 1;

    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % limit;
}

/* What programs are made of: a mixture of everything, or mostly changes that nobody looks at. */
struct make {
    uint8_t kinds[12];
    unsigned objects;
    unsigned looks; /* One change of so many is looked at. */
};
static const struct make mixture = {{XPL_LOAD, XPL_LOAD, XPL_LOAD, XPL_STORE, XPL_STORE, XPL_STORE,
                                     XPL_ADD, XPL_CAS, XPL_FENCE, XPL_AWAIT, XPL_OR, XPL_ADD},
                                    3,
                                    2};
static const struct make changes = {{XPL_LOAD, XPL_LOAD, XPL_LOAD, XPL_STORE, XPL_OR, XPL_OR,
                                     XPL_OR, XPL_ADD, XPL_ADD, XPL_AND, XPL_FENCE, XPL_AWAIT},
                                    2,
                                    5};

static void make_program(const struct make *make)
{
    for (unsigned i = 0; i < THREADS; i++) {
        lengths[i] = 1 + random_below(LONGEST);
        for (unsigned j = 0; j < lengths[i]; j++) {
            const uint8_t kind = make->kinds[random_below(sizeof(make->kinds))];
            struct instruction it = {
                .site = {.file = "random", .function = "", .text = "", .kind = kind, .bytes = 4},
                .object = &objects[random_below(make->objects)],
                .operand = 1 + random_below(3),
                .expected = random_below(2),
            };

            it.site.order = (uint8_t)random_below(XPL_GHOST);
            it.site.failure = (uint8_t)random_below(2);
            it.site.used = random_below(make->looks) == 0;
            it.decides = random_below(3) == 0 && looks_at(&it);
            if (kind == XPL_FENCE) {
                it.object = NULL;
                it.site.bytes = 0;
                it.site.order = XPL_SEQ_CST;
            }
            program[i][j] = it;
        }
    }
}

static struct xpl_result found; /* By the last exploration … */
static unsigned shard, shards;  /* … which was this part of it. */

/* Explore the program; the results are in `seen`. Returns the number of executions, 0: too many. */
static uint64_t explore_from(enum xpl_model model, enum xpl_strategy strategy, bool from_the_start)
{
    const struct xpl_options options = {.model = model,
                                        .strategy = strategy,
                                        .max_executions = 300000,
                                        .shard = shard,
                                        .shards = shards,
                                        .from_the_start = from_the_start};
    struct xpl_scenario scenario = {
        .name = "random", .prepare = keep_results, .check = note_outcome};

    for (unsigned i = 0; i < THREADS; i++) {
        scenario.threads[i] = (struct xpl_thread){.name = "thread",
                                                  .run = run_program,
                                                  .argument = (void *)(uintptr_t)i,
                                                  .service = true};
        for (unsigned j = 0; j < LONGEST; j++) {
            program[i][j].result = 0;
        }
    }
    seen.count = 0;
    assert_true(xpl_explore(&scenario, &options, &found));
    return found.complete ? found.executions : 0;
}

/* The referee runs every execution whole; the others go on from checkpoints. */
static uint64_t explore(enum xpl_model model, enum xpl_strategy strategy)
{
    return explore_from(model, strategy, strategy == XPL_NAIVE);
}

/* The same search with and without checkpoints. */
static void same_search(enum xpl_model model, enum xpl_strategy strategy)
{
    const struct xpl_result before = found;

    (void)explore_from(model, strategy, true);
    assert_int_equal(found.executions, before.executions);
    assert_int_equal(found.cut, before.cut);
    assert_int_equal(found.steps, before.steps);
    assert_int_equal(found.longest, before.longest);
}

static void same_results(void)
{
    assert_int_equal(seen.count, referee.count);
    for (unsigned i = 0; i < referee.count; i++) {
        assert_true(outcome_known(&seen, referee.hash[i]));
    }
}

/* Parts of the search reach together what the whole reaches. */
static void same_in_shards(enum xpl_model model)
{
    static struct outcomes gathered;

    gathered.count = 0;
    shards = 3;
    for (shard = 0; shard < shards; shard++) {
        (void)explore(model, XPL_EXHAUST);
        assert_true(found.complete);
        assert_false(found.unfit);
        for (unsigned i = 0; i < seen.count; i++) {
            if (!outcome_known(&gathered, seen.hash[i])) {
                gathered.hash[gathered.count++] = seen.hash[i];
            }
        }
    }
    shards = shard = 0;
    seen = gathered;
    same_results();
}

static void random_programs(enum xpl_model model)
{
    uint64_t all = 0, reduced = 0;

    for (unsigned i = 0; i < PROGRAMS; i++) {
        uint64_t executions;

        make_program(i % 2 == 0 ? &mixture : &changes);
        executions = explore(model, XPL_NAIVE);
        if (executions == 0) {
            continue; /* Too large for the referee. */
        }
        all += executions;
        referee = seen;
        (void)explore(model, XPL_SLEEP);
        same_results();
        reduced += explore(model, XPL_EXHAUST);
        same_results();
        same_search(model, XPL_EXHAUST);
        same_results();
        (void)explore_from(model, XPL_NAIVE, false);
        same_results();
        assert_int_equal(found.executions, executions);
        if (i % 40 == 0) {
            same_in_shards(model);
        }
    }
    print_message("# %s: %llu executions without reduction, %llu with it\n", xpl_model_name(model),
                  (unsigned long long)all, (unsigned long long)reduced);
    assert_true(reduced * 5 < all);
}

static void sequential(void **state)
{
    (void)state;
    random_programs(XPL_SC);
}

static void store_buffers(void **state)
{
    (void)state;
    random_programs(XPL_TSO);
}

static void views(void **state)
{
    (void)state;
    random_programs(XPL_C11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequential),
        cmocka_unit_test(store_buffers),
        cmocka_unit_test(views),
    };

    return cmocka_run_group_tests_name("explore: reduction", tests, NULL, NULL);
}

#endif /* XPL_AVAILABLE */
