/* SPDX-License-Identifier: MIT */
/*
 * A guest connects to a host older than 2.4, whose events go by an interrupt page, while flag 0 of
 * both VPs is set by an earlier owner of the bus. A VP finds no page, or the page as it was cleared
 * (R1, R8; H10, H34).
 */
#include "explore/scenarios/world.h"

static void control(void *argument)
{
    (void)argument;
    world_connect();
}

static void stale(void *argument)
{
    world_set_flag(0, (uint32_t)(uintptr_t)argument);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin_unconnected(VMB_VERSION_1_1);
}

static void check(void)
{
    xpl_expect(vmb_guest_version(world_guest) == VMB_VERSION_1_1, "the guest has not connected");
}

const struct xpl_scenario scenario_connect_legacy = {
    .name = "connect-legacy",
    .shows = "a flag of an earlier owner finds no interrupt page, or a cleared one",
    .rules = "R1 R8",
    .threads = {{.name = "control plane", .run = control},
                {.name = "old flag, VP 0", .run = stale, .argument = (void *)(uintptr_t)0},
                {.name = "old flag, VP 1", .run = stale, .argument = (void *)(uintptr_t)1},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};
