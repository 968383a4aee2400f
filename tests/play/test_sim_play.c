/* SPDX-License-Identifier: MIT */
/*
 * The whole bus in virtual time: good runs are good, the same seed is the same run, and whatever is
 * broken on purpose is found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/vmb_sim_play.h"

#define GOOD_SEEDS  300u
#define FOUND_SEEDS 1500u

static struct vmb_sim_play_result run(uint64_t seed, enum vmb_sim_play_break broken)
{
    const struct vmb_sim_play_options options = {
        .seed = seed, .faults = VMB_SIM_PLAY_ALL, .broken = broken};
    struct vmb_sim_play_result result;

    assert_true(vmb_sim_play_run(&options, &result));
    return result;
}

/* Fails with the seed's own words. */
static void must_be_good(uint64_t seed, const struct vmb_sim_play_result *result)
{
    if (!result->good) {
        print_error("seed %u: %s\n", (unsigned)seed, result->violation);
        fail();
    }
}

static void whatever_happens_nothing_is_lost_and_nothing_is_left(void **state)
{
    struct vmb_sim_play_counts sum = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= GOOD_SEEDS; seed++) {
        struct vmb_sim_play_result result = run(seed, VMB_SIM_PLAY_BREAK_NOTHING);

        must_be_good(seed, &result);
#define PLAY_ADD(member) sum.member += result.counts.member;
        VMB_SIM_PLAY_COUNT_MAP(PLAY_ADD)
#undef PLAY_ADD
    }
    /* That much happens, or the seeds have become tame. */
#define PLAY_HAPPENS(member) assert_int_not_equal(sum.member, 0);
    VMB_SIM_PLAY_COUNT_MAP(PLAY_HAPPENS)
#undef PLAY_HAPPENS
}

static void the_same_seed_is_the_same_run(void **state)
{
    uint64_t before = 0;

    (void)state;
    for (uint64_t seed = 1000; seed < 1020; seed++) {
        struct vmb_sim_play_result first = run(seed, VMB_SIM_PLAY_BREAK_NOTHING);
        struct vmb_sim_play_result second = run(seed, VMB_SIM_PLAY_BREAK_NOTHING);

        assert_int_equal(first.digest, second.digest);
        assert_memory_equal(&first.counts, &second.counts, sizeof(first.counts));
        assert_int_not_equal(first.digest, before); /* And another one is another. */
        before = first.digest;
    }
}

static const char *break_name(enum vmb_sim_play_break broken)
{
    static const char *const names[] = {
#define PLAY_NAME(name, text, what) text,
        VMB_SIM_PLAY_BREAK_MAP(PLAY_NAME)
#undef PLAY_NAME
    };

    return names[broken];
}

static void whatever_is_broken_is_found(void **state)
{
    (void)state;
    for (uint32_t i = VMB_SIM_PLAY_BREAK_NOTHING + 1; i < VMB_SIM_PLAY_BREAK_COUNT; i++) {
        uint64_t seed = 1;

        while (run(seed, (enum vmb_sim_play_break)i).good) {
            if (++seed > FOUND_SEEDS) {
                print_error("%s is not found\n", break_name((enum vmb_sim_play_break)i));
                fail();
            }
        }
    }
}

/* Each was a defect of the library once, or of how it is told to stop. */
static void seeds_that_have_found_something(void **state)
{
    static const uint64_t seeds[] = {7637, 12199, 32128, 32747};

    (void)state;
    for (uint32_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        struct vmb_sim_play_result result = run(seeds[i], VMB_SIM_PLAY_BREAK_NOTHING);

        must_be_good(seeds[i], &result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_nothing_is_lost_and_nothing_is_left),
        cmocka_unit_test(the_same_seed_is_the_same_run),
        cmocka_unit_test(whatever_is_broken_is_found),
        cmocka_unit_test(seeds_that_have_found_something),
    };

    return cmocka_run_group_tests_name("play", tests, NULL, NULL);
}
