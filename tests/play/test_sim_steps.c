/* SPDX-License-Identifier: MIT */
/*
 * A fault at every step: each thing that befalls a bus is done once without a fault, to count its
 * steps, and then again for every step and every fault, at every version. Whatever fails, the bus
 * must get on afterwards, and leave nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <vmbus/proto/version.h>

#include "sim/vmb_sim_play.h"

static const char *const scenario_names[] = {
#define STEPS_NAME(name, text) text,
    VMB_SIM_PLAY_SCENARIO_MAP(STEPS_NAME)
#undef STEPS_NAME
};

static const uint32_t versions[] = {
    VMB_VERSION_0_13, VMB_VERSION_1_1, VMB_VERSION_2_4, VMB_VERSION_3_0,
    VMB_VERSION_4_0,  VMB_VERSION_4_1, VMB_VERSION_5_0, VMB_VERSION_5_1,
    VMB_VERSION_5_2,  VMB_VERSION_5_3, VMB_VERSION_6_0,
};

static struct vmb_sim_play_result run(const struct vmb_sim_play_options *options)
{
    struct vmb_sim_play_result result;

    assert_true(vmb_sim_play_run(options, &result));
    if (!result.good) {
        print_error("%s, version %s, fault %d at step %u: %s\n", scenario_names[options->scenario],
                    vmb_version_name(options->version), (int)options->step_fault, options->fault_at,
                    result.violation);
        fail();
    }
    return result;
}

/* The number of steps that were tried. */
static uint32_t every_step(enum vmb_sim_play_scenario scenario, uint32_t version)
{
    struct vmb_sim_play_options options = {.seed = 1, .version = version, .scenario = scenario};
    uint32_t steps = run(&options).steps;

    for (int fault = 0; fault < VMB_SIM_PLAY_STEP_FAULT_COUNT; fault++) {
        options.step_fault = (enum vmb_sim_play_step_fault)fault;
        for (options.fault_at = 1; options.fault_at <= steps; options.fault_at++) {
            (void)run(&options);
        }
        options.fault_at = 0;
    }
    return steps;
}

static void everywhere(enum vmb_sim_play_scenario scenario, uint32_t from_version)
{
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        uint32_t steps = every_step(scenario, versions[i]);

        assert_true(versions[i] < from_version || steps > 0);
    }
}

#define STEPS_TEST(test, scenario, from_version)                                                   \
    static void test(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        everywhere(scenario, from_version);                                                        \
    }

STEPS_TEST(a_fault_at_every_step_of_a_retarget, VMB_SIM_PLAY_RETARGET, VMB_VERSION_4_1)
STEPS_TEST(a_fault_at_every_step_of_offline_and_online, VMB_SIM_PLAY_OFFLINE, VMB_VERSION_4_1)
STEPS_TEST(a_fault_at_every_step_of_a_rescind, VMB_SIM_PLAY_RESCINDED, VMB_VERSION_0_13)
STEPS_TEST(a_fault_at_every_step_of_sub_channels, VMB_SIM_PLAY_SUBCHANNELS, VMB_VERSION_2_4)
STEPS_TEST(a_fault_at_every_step_of_close_and_open, VMB_SIM_PLAY_REOPEN, VMB_VERSION_0_13)
STEPS_TEST(a_fault_at_every_step_of_a_gpadl, VMB_SIM_PLAY_GPADL_LIFE, VMB_VERSION_0_13)
STEPS_TEST(a_fault_at_every_step_of_suspend_and_resume, VMB_SIM_PLAY_SUSPEND, VMB_VERSION_0_13)
STEPS_TEST(a_fault_at_every_step_of_unload_and_connect, VMB_SIM_PLAY_UNLOADED, VMB_VERSION_0_13)
STEPS_TEST(a_fault_at_every_step_of_save_and_restore, VMB_SIM_PLAY_RESTORED, VMB_VERSION_0_13)
STEPS_TEST(a_fault_at_every_step_of_a_socket, VMB_SIM_PLAY_SOCKET, VMB_VERSION_4_0)
STEPS_TEST(a_fault_at_every_step_of_moving_monitor_pages, VMB_SIM_PLAY_MONITORS, VMB_VERSION_6_0)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_at_every_step_of_a_retarget),
        cmocka_unit_test(a_fault_at_every_step_of_offline_and_online),
        cmocka_unit_test(a_fault_at_every_step_of_a_rescind),
        cmocka_unit_test(a_fault_at_every_step_of_sub_channels),
        cmocka_unit_test(a_fault_at_every_step_of_close_and_open),
        cmocka_unit_test(a_fault_at_every_step_of_a_gpadl),
        cmocka_unit_test(a_fault_at_every_step_of_suspend_and_resume),
        cmocka_unit_test(a_fault_at_every_step_of_unload_and_connect),
        cmocka_unit_test(a_fault_at_every_step_of_save_and_restore),
        cmocka_unit_test(a_fault_at_every_step_of_a_socket),
        cmocka_unit_test(a_fault_at_every_step_of_moving_monitor_pages),
    };

    return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
}
