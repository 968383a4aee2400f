/* SPDX-License-Identifier: MIT */
/*
 * Two deferred channels of two words, one VP, and whoever runs handlers for it beside its
 * interrupts: a run that one of them woke meets an interrupt that brings events of both. Each
 * handler sees what was written before its event (R4, R5).
 */
#include "explore/scenarios/world.h"

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
    world_signal_vp(&net, 0);
    world_signal_vp(&net, 0);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 70);
    world_offer(&net, 5);
    world_open(&disk, VMB_NOTIFY_DEFERRED, 0);
    world_open(&net, VMB_NOTIFY_DEFERRED, 0);
    world_runs_apart();
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&net);
}

const struct xpl_scenario scenario_deferred_late = {
    .name = "deferred-late",
    .shows = "a run that is under way answers an event that comes just then",
    .rules = "R4 R5",
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "host: net", .run = host_net},
                WORLD_VP(0),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};
