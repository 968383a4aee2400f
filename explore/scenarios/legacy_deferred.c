/* SPDX-License-Identifier: MIT */
/*
 * A deferred channel of a host older than 2.4: an event that comes while a run is under way for the
 * one before it is answered by that run, whose handler sees what was written before both. The flag
 * says no more than "look at the page", so what the page's bits say is for the list of due channels
 * to hand on (R3, R4, R5; bug H34).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .watched = true};
static struct world_device net = {.name = "net"};

static void host_disk(void *argument)
{
    (void)argument;
    world_signal_legacy(&disk);
    world_signal_legacy(&disk);
}

static void host_net(void *argument)
{
    (void)argument;
    world_signal_legacy(&net);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_1_1);
    world_offer(&disk, 5);
    world_offer(&net, 6);
    world_open(&disk, VMB_NOTIFY_DEFERRED, 0);
    world_open(&net, VMB_NOTIFY_DEFERRED, 0);
    world_runs_apart();
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&net);
}

const struct xpl_scenario scenario_legacy_deferred = {
    .name = "legacy-deferred",
    .shows = "a run that is under way answers an old host's event that comes just then",
    .rules = "R3 R4 R5",
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "host: net", .run = host_net},
                WORLD_VP(0),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};
