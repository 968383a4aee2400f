/* SPDX-License-Identifier: MIT */
/* Of which kind the benchmark takes two CPUs to be, by what was seen of them; all made up here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/vmbus/bench/bench_class.c" /* The tool is no library: its parts are tested alone. */

#define COUNT 31u

static double alone[COUNT], both[COUNT];

static void fill(double ns_alone, double ns_both)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        alone[i] = ns_alone + i % 3;
        both[i] = ns_both + i % 5;
    }
}

static enum place of(double line_ns, double again_ns, double least_ns)
{
    const struct place_look look = {
        .line_ns = line_ns, .slowed = place_slowed(alone, both, COUNT), .again_ns = again_ns};

    return place_class(&look, least_ns);
}

static void two_cores_are_near_or_far_by_the_line(void **state)
{
    (void)state;
    fill(830, 830);
    assert_int_equal(of(105, 107, 90), PLACE_NEAR);
    assert_int_equal(of(269, 269, 90), PLACE_NEAR);
    assert_int_equal(of(271, 271, 90), PLACE_FAR);
    assert_int_equal(of(490, 480, 90), PLACE_FAR);
    assert_int_equal(of(490, 480, 0), PLACE_NEAR); /* Nothing nearer is known. */
}

static void one_core_is_told_by_computing_and_a_short_line(void **state)
{
    (void)state;
    fill(1165, 1552);
    assert_int_equal(of(52, 53, 90), PLACE_SIBLINGS);
    assert_int_equal(of(52, 53, 0), PLACE_SIBLINGS);
    assert_int_equal(of(71, 71, 90), PLACE_SIBLINGS);
    assert_int_equal(of(73, 73, 90), PLACES); /* Slowed by others. */
    assert_int_equal(of(105, 105, 90), PLACES);
    assert_int_equal(of(490, 490, 90), PLACES);
    fill(1165, 1165 * 1.05); /* As much as others who use the machine cost. */
    assert_int_equal(of(52, 53, 90), PLACE_NEAR);
}

static void a_slow_core_shares_with_neither(void **state)
{
    (void)state;
    fill(1552, 1552); /* Somebody else has its other thread, all the time. */
    assert_int_equal(of(105, 105, 90), PLACE_NEAR);
    assert_int_equal(of(490, 490, 90), PLACE_FAR);
}

static void stolen_time_is_no_sibling(void **state)
{
    (void)state;
    fill(830, 830);
    for (uint32_t i = 0; i < COUNT; i += 3) { /* From eleven of 31 slices. */
        both[i] += 4000000;
    }
    assert_int_equal(of(105, 105, 90), PLACE_NEAR);
    fill(1165, 1552);
    for (uint32_t i = 0; i < COUNT; i += 3) { /* Nor does it hide one. */
        alone[i] += 4000000;
    }
    assert_int_equal(of(52, 52, 90), PLACE_SIBLINGS);
}

static void who_was_moved_is_of_no_kind(void **state)
{
    (void)state;
    fill(830, 830);
    assert_int_equal(of(105, 490, 90), PLACES);
    assert_int_equal(of(490, 105, 90), PLACES);
    fill(1165, 1552);
    assert_int_equal(of(52, 105, 90), PLACES);
}

static void without_slices_nothing_is_slowed(void **state)
{
    (void)state;
    assert_true(place_slowed(alone, both, 0) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_cores_are_near_or_far_by_the_line),
        cmocka_unit_test(one_core_is_told_by_computing_and_a_short_line),
        cmocka_unit_test(a_slow_core_shares_with_neither),
        cmocka_unit_test(stolen_time_is_no_sibling),
        cmocka_unit_test(who_was_moved_is_of_no_kind),
        cmocka_unit_test(without_slices_nothing_is_slowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
