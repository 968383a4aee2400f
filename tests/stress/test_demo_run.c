/* SPDX-License-Identifier: MIT */
/* The demo's bus, small: with the library's design nothing is lost, with the other one it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include <vmbus/proto/version.h>

/* The tool is no library: its parts are tested one by one. */
#include "tools/vmbus/demo/demo_churn.c"
#include "tools/vmbus/demo/demo_life.c"
#include "tools/vmbus/demo/demo_measure.c"
#include "tools/vmbus/demo/demo_services.c"
#include "tools/vmbus/demo/demo_world.c"
#include "tools/vmbus/demo/percpu_lists.c"
#include "tools/vmbus/histogram.c"
#include "tools/vmbus/tool_text.c"

const double demo_percentile_parts[DEMO_PERCENTILES] = {0.5, 0.9, 0.99, 0.999, 1.0};

#define SECOND_NS     1000000000u
#define SHORT_LOAD_NS (SECOND_NS / 2u)
#define LONGEST_NS    (40ull * SECOND_NS)

static struct demo_numbers numbers;

static struct demo_world *start(enum demo_design design, uint32_t version)
{
    const struct demo_options options = {
        .vp_count = 3,
        .channel_count = 24,
        .duration_ns = SHORT_LOAD_NS,
        .seed = 5,
        .max_version = version,
        .design = design,
    };
    struct demo_world *world = demo_world_start(&options);

    assert_non_null(world);
    return world;
}

static void pause_a_moment(void)
{
    const struct timespec moment = {.tv_nsec = (long)DEMO_CHURN_INTERVAL_NS};

    (void)nanosleep(&moment, NULL);
}

/* Load the bus until it has moved and lost enough, or for as long as is given. */
static void load(struct demo_world *world, uint64_t retargets, uint64_t stalled)
{
    uint64_t start_ns = demo_now_ns();

    for (;;) {
        demo_churn(world);
        demo_life(world);
        demo_measure_look(world);
        demo_measure(world, &numbers);
        if ((demo_now_ns() - start_ns > SHORT_LOAD_NS && numbers.retargets >= retargets &&
             numbers.packets > 1000 && numbers.stalled >= stalled) ||
            demo_now_ns() - start_ns > LONGEST_NS) {
            return;
        }
        pause_a_moment();
    }
}

/* Let it come to rest: all has come, or nothing has for a while. */
static void drain(struct demo_world *world, uint64_t patience_ns)
{
    uint64_t progress_ns = demo_now_ns();
    struct demo_rest rest, before = {0};

    demo_measure_stop_traffic(world);
    for (;;) {
        demo_churn_restore(world);
        demo_life_restore(world);
        demo_measure_rest(world, &rest);
        if (rest.progress != before.progress || rest.unsettled != before.unsettled) {
            progress_ns = demo_now_ns();
        }
        before = rest;
        if ((rest.unsettled == 0 && rest.expected == 0) ||
            demo_now_ns() - progress_ns > patience_ns) {
            break;
        }
        pause_a_moment();
    }
    demo_measure(world, &numbers);
    demo_measure_loss(world, &numbers);
}

static void the_array_loses_nothing(void **state)
{
    static const uint32_t versions[] = {VMB_VERSION_6_0, VMB_VERSION_4_1, VMB_VERSION_1_1};
    size_t index;

    (void)state;
    for (index = 0; index < sizeof(versions) / sizeof(versions[0]); index++) {
        struct demo_world *world = start(DEMO_DESIGN_RELID_ARRAY, versions[index]);
        bool moves = versions[index] >= VMB_VERSION_4_1;

        load(world, moves ? 20 : 0, 0);
        drain(world, 20ull * SECOND_NS);
        assert_int_equal(numbers.version, versions[index]);
        assert_int_equal(numbers.lost_interrupts, 0);
        assert_int_equal(numbers.lost_packets, 0);
        assert_int_equal(numbers.corrupt, 0);
        assert_int_equal(numbers.failures, 0);
        assert_true(numbers.interrupts > 0 && numbers.packets > 1000);
        assert_int_equal(numbers.retargets > 0, moves);
        assert_true(numbers.reopens + numbers.rescinds > 0);
        assert_true(demo_world_stop(world)); /* Every page came back, nobody wrote too late. */
    }
}

static void the_lists_lose_interrupts(void **state)
{
    struct demo_world *world = start(DEMO_DESIGN_PERCPU_LISTS, VMB_VERSION_6_0);

    (void)state;
    load(world, 1, 1);
    drain(world, SECOND_NS);
    assert_true(numbers.stalled > 0);
    assert_true(numbers.lost_interrupts > 0);
    assert_true(numbers.lost_packets > 0);
    assert_true(numbers.dropped >= numbers.lost_interrupts);
    assert_int_equal(numbers.corrupt, 0);
    assert_true(demo_world_stop(world));
}

/* Where nothing moves, a list for each VP is as good: it is the moving that loses. */
static void the_lists_lose_nothing_that_stays(void **state)
{
    struct demo_world *world = start(DEMO_DESIGN_PERCPU_LISTS, VMB_VERSION_4_0);

    (void)state;
    load(world, 0, 0);
    drain(world, 20ull * SECOND_NS);
    assert_int_equal(numbers.lost_interrupts, 0);
    assert_int_equal(numbers.lost_packets, 0);
    assert_true(demo_world_stop(world));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_array_loses_nothing),
        cmocka_unit_test(the_lists_lose_interrupts),
        cmocka_unit_test(the_lists_lose_nothing_that_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
