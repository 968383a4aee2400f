/* SPDX-License-Identifier: MIT */
/*
 * A guest signals by the monitor page, which nobody is told of: the host looks when its clock says
 * so. Whatever was set before it looked is served, and its handler sees what was written before
 * (R4; H33).
 */
#include "explore/scenarios/host_world.h"

static struct host_device disk = {.name = "disk", .lazy = true};
static struct host_device net = {.name = "net", .lazy = true};

static void guest_vp(void *argument)
{
    host_world_signal_lazily(argument);
    host_world_time_passes();
}

static void prepare(unsigned design)
{
    (void)design;
    host_world_begin(VMB_VERSION_5_0);
    host_world_open(&disk);
    host_world_open(&net);
}

static void check(void)
{
    host_world_expect_seen(&disk);
    host_world_expect_seen(&net);
}

const struct xpl_scenario scenario_host_monitor = {
    .name = "host-monitor",
    .shows = "a bit of the monitor page is served when the host looks at it",
    .rules = "R3 R4",
    .threads = {{.name = "guest: VP 0", .run = guest_vp, .argument = &disk},
                {.name = "guest: VP 1", .run = guest_vp, .argument = &net},
                {.name = "control plane", .run = host_world_control, .service = true},
                {.name = "runner 0", .run = host_world_runner, .service = true},
                {.name = "runner 1",
                 .run = host_world_runner,
                 .argument = (void *)(uintptr_t)1,
                 .service = true}},
    .prepare = prepare,
    .check = check,
};
