/* SPDX-License-Identifier: MIT */
/*
 * The explorer's memory models, by litmus tests: for each small program, which results are
 * possible under which model. All strategies must agree on each.
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
#include <string.h>

#include <cmocka.h>

#define VMB_OVERRIDE_ATOMIC
#include <vmbus/platform/atomic.h>

#include "explore/engine/xpl.h"

static vmb_atomic_u32 x, y;
static uint32_t r[4];
static uint32_t plain;
static uint32_t wanted[4]; /* The result that is looked for. */
static bool seen;

static void check(void)
{
    seen = seen || memcmp(r, wanted, sizeof(r)) == 0;
}

/* Is this result possible? All strategies must agree. */
static bool possible(const struct xpl_thread *threads, enum xpl_model model,
                     const uint32_t *result_wanted)
{
    static const enum xpl_strategy strategies[] = {XPL_NAIVE, XPL_SLEEP, XPL_EXHAUST};
    struct xpl_scenario scenario = {.name = "litmus", .check = check};
    bool answers[3];

    memcpy(scenario.threads, threads, sizeof(scenario.threads));
    memcpy(wanted, result_wanted, sizeof(wanted));
    for (unsigned i = 0; i < 3; i++) {
        const struct xpl_options options = {.model = model, .strategy = strategies[i]};
        struct xpl_result result;

        memset(r, 0, sizeof(r));
        seen = false;
        assert_true(xpl_explore(&scenario, &options, &result));
        assert_true(result.complete);
        assert_int_equal(result.violations, 0);
        answers[i] = seen;
    }
    assert_int_equal(answers[0], answers[1]);
    assert_int_equal(answers[0], answers[2]);
    return answers[0];
}

/* @answers: possible under SC, TSO, C11? "nny": under C11 only. */
static void expect(const struct xpl_thread *threads, const uint32_t *result, const char *answers)
{
    for (unsigned model = XPL_SC; model <= XPL_C11; model++) {
        if (possible(threads, (enum xpl_model)model, result) != (answers[model] == 'y')) {
            fail_msg("under %s the answer should be %c", xpl_model_name((enum xpl_model)model),
                     answers[model]);
        }
    }
}

#define THREAD(name, ...)                                                                          \
    static void name(void *argument)                                                               \
    {                                                                                              \
        (void)argument;                                                                            \
        __VA_ARGS__                                                                                \
    }
#define LOAD(object, order)         vmb_atomic_load(&object, VMB_##order)
#define STORE(object, value, order) vmb_atomic_store(&object, value, VMB_##order)
#define FENCE(order)                vmb_atomic_fence(VMB_##order)
#define THREADS(...)                ((const struct xpl_thread[XPL_THREADS]){__VA_ARGS__})
#define T(function)                                                                                \
    {                                                                                              \
        .name = #function, .run = function                                                         \
    }
#define RESULT(...) ((const uint32_t[4]){__VA_ARGS__})

/* Store buffering. */
THREAD(sb_0, STORE(x, 1, RELEASE); r[0] = LOAD(y, ACQUIRE);)
THREAD(sb_1, STORE(y, 1, RELEASE); r[1] = LOAD(x, ACQUIRE);)
THREAD(sb_fence_0, STORE(x, 1, RELAXED); FENCE(SEQ_CST); r[0] = LOAD(y, RELAXED);)
THREAD(sb_fence_1, STORE(y, 1, RELAXED); FENCE(SEQ_CST); r[1] = LOAD(x, RELAXED);)
THREAD(sb_weak_1, STORE(y, 1, RELAXED); FENCE(ACQ_REL); r[1] = LOAD(x, RELAXED);)
THREAD(sb_sc_0, STORE(x, 1, SEQ_CST); r[0] = LOAD(y, SEQ_CST);)
THREAD(sb_sc_1, STORE(y, 1, SEQ_CST); r[1] = LOAD(x, SEQ_CST);)
THREAD(sb_rmw_0, (void)vmb_atomic_exchange(&x, 1, VMB_ACQ_REL); r[0] = LOAD(y, RELAXED);)
THREAD(sb_rmw_1, (void)vmb_atomic_exchange(&y, 1, VMB_ACQ_REL); r[1] = LOAD(x, RELAXED);)

static void store_buffering(void **state)
{
    (void)state;
    expect(THREADS(T(sb_0), T(sb_1)), RESULT(0, 0), "nyy");
    expect(THREADS(T(sb_0), T(sb_1)), RESULT(1, 1), "yyy");
    expect(THREADS(T(sb_fence_0), T(sb_fence_1)), RESULT(0, 0), "nnn");
    expect(THREADS(T(sb_fence_0), T(sb_weak_1)), RESULT(0, 0), "nyy");
    expect(THREADS(T(sb_sc_0), T(sb_sc_1)), RESULT(0, 0), "nnn");
    /* A locked operation is a fence on x86, and is none in C11. */
    expect(THREADS(T(sb_rmw_0), T(sb_rmw_1)), RESULT(0, 0), "nny");
}

/* Message passing. */
THREAD(mp_write, STORE(x, 1, RELAXED); STORE(y, 1, RELEASE);)
THREAD(mp_write_weak, STORE(x, 1, RELAXED); STORE(y, 1, RELAXED);)
THREAD(mp_write_fence, STORE(x, 1, RELAXED); FENCE(RELEASE); STORE(y, 1, RELAXED);)
THREAD(mp_read, r[0] = LOAD(y, ACQUIRE); r[1] = LOAD(x, RELAXED);)
THREAD(mp_read_weak, r[0] = LOAD(y, RELAXED); r[1] = LOAD(x, RELAXED);)
THREAD(mp_read_fence, r[0] = LOAD(y, RELAXED); FENCE(ACQUIRE); r[1] = LOAD(x, RELAXED);)

static void message_passing(void **state)
{
    (void)state;
    expect(THREADS(T(mp_write), T(mp_read)), RESULT(1, 0), "nnn");
    expect(THREADS(T(mp_write), T(mp_read)), RESULT(1, 1), "yyy");
    expect(THREADS(T(mp_write_weak), T(mp_read)), RESULT(1, 0), "nny");
    expect(THREADS(T(mp_write), T(mp_read_weak)), RESULT(1, 0), "nny");
    expect(THREADS(T(mp_write_fence), T(mp_read_fence)), RESULT(1, 0), "nnn");
    expect(THREADS(T(mp_write_fence), T(mp_read)), RESULT(1, 0), "nnn");
    expect(THREADS(T(mp_write_fence), T(mp_read_weak)), RESULT(1, 0), "nny");
}

/* Load buffering: no thread runs ahead of itself, in none of the models. */
THREAD(lb_0, r[0] = LOAD(x, RELAXED); STORE(y, 1, RELAXED);)
THREAD(lb_1, r[1] = LOAD(y, RELAXED); STORE(x, 1, RELAXED);)

static void load_buffering(void **state)
{
    (void)state;
    expect(THREADS(T(lb_0), T(lb_1)), RESULT(1, 1), "nnn");
    expect(THREADS(T(lb_0), T(lb_1)), RESULT(1, 0), "yyy");
}

/* Independent reads of independent writes. */
THREAD(write_x, STORE(x, 1, RELEASE);)
THREAD(write_y, STORE(y, 1, RELEASE);)
THREAD(iriw_0, r[0] = LOAD(x, ACQUIRE); r[1] = LOAD(y, ACQUIRE);)
THREAD(iriw_1, r[2] = LOAD(y, ACQUIRE); r[3] = LOAD(x, ACQUIRE);)
THREAD(iriw_fence_0, r[0] = LOAD(x, RELAXED); FENCE(SEQ_CST); r[1] = LOAD(y, RELAXED);)
THREAD(iriw_fence_1, r[2] = LOAD(y, RELAXED); FENCE(SEQ_CST); r[3] = LOAD(x, RELAXED);)
THREAD(write_x_sc, STORE(x, 1, SEQ_CST);)
THREAD(write_y_sc, STORE(y, 1, SEQ_CST);)
THREAD(iriw_sc_0, r[0] = LOAD(x, SEQ_CST); r[1] = LOAD(y, SEQ_CST);)
THREAD(iriw_sc_1, r[2] = LOAD(y, SEQ_CST); r[3] = LOAD(x, SEQ_CST);)

static void independent_reads(void **state)
{
    (void)state;
    expect(THREADS(T(write_x), T(write_y), T(iriw_0), T(iriw_1)), RESULT(1, 0, 1, 0), "nny");
    expect(THREADS(T(write_x), T(write_y), T(iriw_fence_0), T(iriw_fence_1)), RESULT(1, 0, 1, 0),
           "nnn");
    expect(THREADS(T(write_x_sc), T(write_y_sc), T(iriw_sc_0), T(iriw_sc_1)), RESULT(1, 0, 1, 0),
           "nnn");
}

/* Coherence: one object never goes back, however relaxed; and a cause comes before its effect. */
THREAD(write_x_twice, STORE(x, 1, RELAXED); STORE(x, 2, RELAXED);)
THREAD(read_x_twice, r[0] = LOAD(x, RELAXED); r[1] = LOAD(x, RELAXED);)
THREAD(own_store, STORE(x, 3, RELAXED); r[0] = LOAD(x, RELAXED);)
THREAD(wrc_1, r[0] = LOAD(x, RELAXED); STORE(y, 1, RELEASE);)
THREAD(wrc_2, r[1] = LOAD(y, ACQUIRE); r[2] = LOAD(x, RELAXED);)

static void coherence(void **state)
{
    (void)state;
    expect(THREADS(T(write_x_twice), T(read_x_twice)), RESULT(2, 1), "nnn");
    expect(THREADS(T(write_x_twice), T(read_x_twice)), RESULT(1, 0), "nnn");
    expect(THREADS(T(write_x_twice), T(read_x_twice)), RESULT(1, 2), "yyy");
    expect(THREADS(T(own_store)), RESULT(0), "nnn");
    expect(THREADS(T(own_store)), RESULT(3), "yyy");
    expect(THREADS(T(write_x), T(wrc_1), T(wrc_2)), RESULT(1, 1, 0), "nnn");
}

/* Read-modify-write: always the newest store, and a link of the release sequence it stands in. */
THREAD(add, r[0] = vmb_atomic_fetch_add(&x, 1, VMB_RELAXED);)
THREAD(add_too, r[1] = vmb_atomic_fetch_add(&x, 1, VMB_RELAXED);)
THREAD(relay, (void)vmb_atomic_fetch_add(&y, 1, VMB_RELAXED);)
THREAD(
    relay_store, if (LOAD(y, RELAXED) == 1) { STORE(y, 2, RELAXED); })

static void cas_x(void *argument)
{
    uint32_t expected = 0;

    (void)argument;
    r[0] = vmb_atomic_compare_exchange(&x, &expected, 5, VMB_ACQUIRE, VMB_RELAXED);
    r[1] = expected;
}

static void read_modify_write(void **state)
{
    (void)state;
    expect(THREADS(T(add), T(add_too)), RESULT(0, 0), "nnn");
    expect(THREADS(T(add), T(add_too)), RESULT(1, 0), "yyy");
    expect(THREADS(T(mp_write), T(relay), T(mp_read)), RESULT(2, 0), "nnn");
    expect(THREADS(T(mp_write), T(relay_store), T(mp_read)), RESULT(2, 0), "nny");
    expect(THREADS(T(cas_x), T(write_x)), RESULT(1, 0), "yyy");
    expect(THREADS(T(cas_x), T(write_x)), RESULT(0, 1), "yyy");
    /* Failing, it may find an old value; succeeding, it never does. */
    expect(THREADS(T(cas_x), T(write_x_twice)), RESULT(0, 1), "yyy");
}

/* A change that nobody looks at, and one that somebody might: what it found is thrown away here. */
static void set_bits(vmb_atomic_u32 *object, uint32_t bits, uint8_t order, bool looks)
{
    static struct xpl_site sites[2][XPL_GHOST + 1];
    struct xpl_site *site = &sites[looks][order];

    *site = (struct xpl_site){.file = "litmus",
                              .function = "",
                              .text = "bits",
                              .kind = XPL_OR,
                              .bytes = 4,
                              .order = order,
                              .used = looks};
    (void)xpl_step(site, object, bits, 0);
}

static vmb_atomic_u32 passed; /* Ghost: says who came first, and orders nothing. */
THREAD(set_first, STORE(x, 1, RELAXED); set_bits(&y, 1, XPL_RELEASE, false);
       vmb_atomic_store(&passed, 1, XPL_GHOST);)
THREAD(set_next, r[0] = vmb_atomic_load(&passed, XPL_GHOST); set_bits(&y, 2, XPL_RELAXED, false);
       FENCE(ACQUIRE); r[1] = LOAD(x, RELAXED);)
THREAD(set_next_looks, r[0] = vmb_atomic_load(&passed, XPL_GHOST);
       set_bits(&y, 2, XPL_RELAXED, true); FENCE(ACQUIRE); r[1] = LOAD(x, RELAXED);)
THREAD(set_1, set_bits(&x, 1, XPL_RELEASE, false);)
THREAD(set_2, set_bits(&x, 2, XPL_RELEASE, false);)
THREAD(set_seen, FENCE(SEQ_CST); r[0] = LOAD(x, RELAXED);)

static void blind_changes(void **state)
{
    (void)state;
    expect(THREADS(T(set_first), T(set_next)), RESULT(1, 0), "nny");
    expect(THREADS(T(set_first), T(set_next_looks)), RESULT(1, 0), "nnn");
    /* They commute only until a load comes along that may see one without the other. */
    expect(THREADS(T(set_1), T(set_2), T(set_seen)), RESULT(2), "yyy");
    expect(THREADS(T(set_1), T(set_2), T(set_seen)), RESULT(1), "yyy");
}

/* Plain memory: ordered by what was acquired, or a race. */
THREAD(plain_write, plain = 1; xpl_plain_write(&plain, 4); STORE(x, 1, RELEASE);)
THREAD(
    plain_read, if (LOAD(x, ACQUIRE)) { xpl_plain_read(&plain, 4); })
THREAD(
    plain_read_weak, if (LOAD(x, RELAXED)) { xpl_plain_read(&plain, 4); })
THREAD(
    plain_read_fence, if (LOAD(x, RELAXED)) {
        FENCE(ACQUIRE);
        xpl_plain_read(&plain, 4);
    })

static uint64_t races(const struct xpl_thread *threads)
{
    struct xpl_scenario scenario = {.name = "race"};
    const struct xpl_options options = {.model = XPL_C11};
    struct xpl_result result;

    memcpy(scenario.threads, threads, sizeof(scenario.threads));
    assert_true(xpl_explore(&scenario, &options, &result));
    return result.violations;
}

static void plain_memory(void **state)
{
    (void)state;
    assert_int_equal(races(THREADS(T(plain_write), T(plain_read))), 0);
    assert_int_equal(races(THREADS(T(plain_write), T(plain_read_fence))), 0);
    assert_int_not_equal(races(THREADS(T(plain_write), T(plain_read_weak))), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store_buffering), cmocka_unit_test(message_passing),
        cmocka_unit_test(load_buffering),  cmocka_unit_test(independent_reads),
        cmocka_unit_test(coherence),       cmocka_unit_test(read_modify_write),
        cmocka_unit_test(blind_changes),   cmocka_unit_test(plain_memory),
    };

    return cmocka_run_group_tests_name("explore: memory models", tests, NULL, NULL);
}

#endif /* XPL_AVAILABLE */
