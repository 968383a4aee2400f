/* SPDX-License-Identifier: MIT */
/*
 * A handler that always wants to be run again, and hosts that signal meanwhile: an interrupt ends
 * all the same after a bounded number of runs, without waiting for anybody, and the rest is done
 * outside (R10, R4; H85).
 */
#include "explore/scenarios/world.h"

#define KICKS 10u
#define RUNS  9u /* Of the handler in one interrupt: once, and eight times more. */

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};

static void host_disk(void *argument)
{
    (void)argument;
    world_signal_vp(&disk, 0);
}

static void host_net(void *argument)
{
    (void)argument;
    world_signal_vp(&net, 1);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_offer(&net, 70);
    world_open(&disk, VMB_NOTIFY_DIRECT, 0);
    world_open(&net, VMB_NOTIFY_DEFERRED, 1);
    world_runs_apart();
    world_limits_runs(RUNS);
    disk.kicks = KICKS;
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&net);
    xpl_expect(disk.kicks == 0, "the handler asked to be run again, and was not: %u times left",
               disk.kicks);
}

const struct xpl_scenario scenario_bounded = {
    .name = "bounded",
    .shows = "an interrupt ends after a bounded number of runs, and the rest is not lost",
    .rules = "R10 R4",
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "host: net", .run = host_net},
                WORLD_VP(0),
                WORLD_VP(1),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};
