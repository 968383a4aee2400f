/* SPDX-License-Identifier: MIT */
/*
 * The explorer's books of plain memory: a race is a race of bytes. What else lies in the same word,
 * when its thread last touched that, and how wide an access was make no difference.
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
static _Alignas(8) uint8_t bytes[1024];
static _Alignas(8) vmb_atomic_u32 halves[2]; /* One word. */

static uint64_t races_from(const struct xpl_thread *threads, bool from_the_start)
{
    struct xpl_scenario scenario = {.name = "race"};
    const struct xpl_options options = {.model = XPL_C11, .from_the_start = from_the_start};
    struct xpl_result result;

    memcpy(scenario.threads, threads, sizeof(scenario.threads));
    assert_true(xpl_explore(&scenario, &options, &result));
    assert_true(result.complete);
    assert_true(result.violations == 0 || strncmp(result.what, "data race", 9) == 0);
    return result.violations;
}

static bool race(const struct xpl_thread *threads)
{
    const uint64_t races = races_from(threads, false);

    assert_int_equal(races, races_from(threads, true));
    return races != 0;
}

#define THREAD(name, ...)                                                                          \
    static void name(void *argument)                                                               \
    {                                                                                              \
        (void)argument;                                                                            \
        __VA_ARGS__                                                                                \
    }
#define LOAD(object, order)         vmb_atomic_load(&object, VMB_##order)
#define STORE(object, value, order) vmb_atomic_store(&object, value, VMB_##order)
#define READ(offset, size)          xpl_plain_read(bytes + (offset), size)
#define WRITE(offset, size)         xpl_plain_write(bytes + (offset), size)
#define RACE(first, second)                                                                        \
    race((const struct xpl_thread[XPL_THREADS]){{.name = #first, .run = first},                    \
                                                {.name = #second, .run = second}})

/* Nothing orders these. */
THREAD(write_0, WRITE(0, 1);)
THREAD(write_1, WRITE(1, 1);)
THREAD(write_7, WRITE(7, 1);)
THREAD(write_0_to_3, WRITE(0, 4);)
THREAD(write_4_to_7, WRITE(4, 4);)
THREAD(write_6_to_9, WRITE(6, 4);)
THREAD(write_1_then_all, WRITE(1, 1); WRITE(0, 8);)
THREAD(read_0, READ(0, 1);)
THREAD(read_1, READ(1, 1);)
THREAD(read_2, READ(2, 1);)
THREAD(read_8, READ(8, 1);)
THREAD(read_10, READ(10, 1);)
THREAD(read_all, READ(0, 8);)

static void neighbours(void **state)
{
    (void)state;
    assert_false(RACE(write_0, write_1));
    assert_false(RACE(write_0, read_1));
    assert_false(RACE(write_0_to_3, write_7));
    assert_false(RACE(write_0_to_3, write_4_to_7));
    assert_false(RACE(write_6_to_9, read_10));
    assert_false(RACE(read_all, read_0));
}

static void the_same_byte(void **state)
{
    (void)state;
    assert_true(RACE(write_0, write_0));
    assert_true(RACE(write_0, read_0));
    assert_true(RACE(read_0, write_0));
}

static void widths(void **state)
{
    (void)state;
    assert_true(RACE(write_0_to_3, read_2));
    assert_true(RACE(read_2, write_0_to_3));
    assert_true(RACE(write_1, read_all));
    assert_true(RACE(write_6_to_9, read_8));
    assert_true(RACE(write_6_to_9, write_4_to_7));
    assert_true(RACE(write_1_then_all, read_0));
}

/* One access is told, or not; the next one of its thread, to another byte, is not. */
THREAD(write_0_told, WRITE(0, 1); STORE(x, 1, RELEASE); WRITE(1, 1);)
THREAD(write_all_told, WRITE(0, 8); STORE(x, 1, RELEASE); WRITE(1, 1);)
THREAD(read_0_told, READ(0, 1); STORE(x, 1, RELEASE); READ(1, 1);)
THREAD(
    hears_reads_0, if (LOAD(x, ACQUIRE)) { READ(0, 1); })
THREAD(
    hears_reads_1, if (LOAD(x, ACQUIRE)) { READ(1, 1); })
THREAD(
    hears_reads_rest, if (LOAD(x, ACQUIRE)) {
        READ(0, 1);
        READ(2, 6);
    })
THREAD(
    hears_reads_all, if (LOAD(x, ACQUIRE)) { READ(0, 8); })
THREAD(
    late_reads_0, if (LOAD(x, RELAXED)) { READ(0, 1); })
THREAD(
    late_writes_0, if (LOAD(x, RELAXED)) { WRITE(0, 1); })
THREAD(
    late_reads_2, if (LOAD(x, RELAXED)) { READ(2, 1); })

static void one_is_ordered(void **state)
{
    (void)state;
    assert_false(RACE(write_0_told, hears_reads_0));
    assert_true(RACE(write_0_told, hears_reads_1));
    assert_true(RACE(write_0_told, late_reads_0));
    assert_true(RACE(read_0_told, late_writes_0));
    assert_false(RACE(write_all_told, hears_reads_rest));
    assert_true(RACE(write_all_told, hears_reads_all));
    assert_true(RACE(write_all_told, late_reads_2));
}

/* Atomic and plain accesses of the same bytes, and of others in their word. */
THREAD(store_half, STORE(halves[0], 1, RELAXED);)
THREAD(store_halves, STORE(halves[0], 1, RELAXED); STORE(x, 1, RELEASE);
       STORE(halves[1], 1, RELAXED);)
THREAD(store_release_half, STORE(halves[0], 1, RELEASE);)
THREAD(load_half, (void)LOAD(halves[0], RELAXED);)
THREAD(read_half, xpl_plain_read(&halves[0], 4);)
THREAD(write_half, xpl_plain_write(&halves[0], 4);)
THREAD(write_in_half, xpl_plain_write((uint8_t *)&halves[0] + 3, 1);)
THREAD(write_other_half, xpl_plain_write(&halves[1], 4);)
THREAD(
    late_writes_half, if (LOAD(x, RELAXED)) { xpl_plain_write((uint8_t *)&halves[0] + 3, 1); })
THREAD(
    takes_half, if (LOAD(halves[0], ACQUIRE)) { xpl_plain_write(&halves[0], 4); })
THREAD(
    takes_half_weakly, if (LOAD(halves[0], RELAXED)) { xpl_plain_write(&halves[0], 4); })

static void mixed(void **state)
{
    (void)state;
    assert_true(RACE(store_half, write_half));
    assert_true(RACE(load_half, write_half));
    assert_true(RACE(write_in_half, store_half));
    assert_true(RACE(store_half, read_half));
    assert_false(RACE(load_half, read_half));
    assert_false(RACE(store_half, write_other_half));
    assert_true(RACE(store_halves, late_writes_half));
    /* Who takes the memory by acquiring what was stored there last may write it. */
    assert_false(RACE(store_release_half, takes_half));
    assert_true(RACE(store_release_half, takes_half_weakly));
}

/* Copies and clears of any length are as exact. */
THREAD(clear, WRITE(0, sizeof(bytes));)
THREAD(copy, READ(0, sizeof(bytes));)
THREAD(write_77, WRITE(77, 1);)
THREAD(read_1000, READ(1000, 1);)
THREAD(write_last, WRITE(sizeof(bytes) - 1, 1);)

static void ranges(void **state)
{
    (void)state;
    assert_true(RACE(clear, write_77));
    assert_true(RACE(read_1000, clear));
    assert_true(RACE(copy, write_last));
    assert_false(RACE(copy, read_1000));
}

/*
 * Random programs: which of eight bytes each access touches. They race if and only if they do with
 * each byte in a word of its own, where no book can mix it up with another.
 */
#define ACTIONS 6u

struct action {
    uint8_t kind; /* 0: read; 1: write; 2: tell; 3: hear, 4: the same without acquiring. */
    uint8_t first, count;
};
static struct action actions[2][ACTIONS];
static unsigned stride;

static void act(const struct action *action)
{
    for (unsigned i = 0; i < action->count; i += stride == 1 ? action->count : 1) {
        const unsigned width = stride == 1 ? action->count : 1;
        uint8_t *from = bytes + (size_t)(action->first + i) * stride;

        if (action->kind == 0) {
            xpl_plain_read(from, width);
        } else {
            xpl_plain_write(from, width);
        }
    }
}

static void run_actions(void *argument)
{
    const unsigned self = argument != NULL;
    vmb_atomic_u32 *own = self ? &y : &x, *other = self ? &x : &y;

    for (unsigned i = 0; i < ACTIONS; i++) {
        const struct action *action = &actions[self][i];

        switch (action->kind) {
        case 2:
            vmb_atomic_store(own, i + 1, VMB_RELEASE);
            break;
        case 3: /* Only who hears goes on. */
            if (vmb_atomic_load(other, VMB_ACQUIRE) < 1) {
                return;
            }
            break;
        case 4:
            if (vmb_atomic_load(other, VMB_RELAXED) < 1) {
                return;
            }
            break;
        default:
            act(action);
        }
    }
}

static unsigned random_below(unsigned limit)
{
    static uint32_t seed = 7;

    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % limit;
}

static void make_actions(void)
{
    for (unsigned i = 0; i < 2 * ACTIONS; i++) {
        struct action *action = &actions[i / ACTIONS][i % ACTIONS];

        action->kind = (uint8_t)random_below(5);
        action->first = (uint8_t)random_below(8);
        action->count = (uint8_t)(1 + random_below(8u - action->first));
    }
}

static void random_programs(void **state)
{
    static const struct xpl_thread threads[XPL_THREADS] = {
        {.name = "one", .run = run_actions},
        {.name = "two", .run = run_actions, .argument = actions}};
    unsigned racing = 0, programs = 3000;

    (void)state;
    for (unsigned i = 0; i < programs; i++) {
        bool apart;

        make_actions();
        stride = 8;
        apart = race(threads);
        stride = 1;
        if (race(threads) != apart) {
            fail_msg("program %u: %s in words of their own", i, apart ? "races" : "does not race");
        }
        racing += apart;
    }
    print_message("# %u of %u programs race\n", racing, programs);
    assert_in_range(racing, programs / 10, programs - programs / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours),      cmocka_unit_test(the_same_byte),
        cmocka_unit_test(widths),          cmocka_unit_test(one_is_ordered),
        cmocka_unit_test(mixed),           cmocka_unit_test(ranges),
        cmocka_unit_test(random_programs),
    };

    return cmocka_run_group_tests_name("explore: plain memory", tests, NULL, NULL);
}

#endif /* XPL_AVAILABLE */
