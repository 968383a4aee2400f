/* SPDX-License-Identifier: MIT */
/*
 * A driver's own thread asks for its handler to be run, while whoever runs handlers is awake for
 * another channel. The handler runs after that and sees what the thread wrote before (R4).
 */
#include <vmbus/channel.h>

#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};

static void driver(void *argument)
{
    (void)argument;
    (void)vmb_atomic_fetch_add(&disk.produced, (uintptr_t)1, VMB_RELAXED);
    vmb_channel_kick(disk.channel);
}

static void host_net(void *argument)
{
    (void)argument;
    world_signal_vp(&net, 0);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
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

const struct xpl_scenario scenario_kick = {
    .name = "kick",
    .shows = "a handler that a driver's thread asks for runs, and sees why",
    .rules = "R4",
    .threads = {{.name = "driver: disk", .run = driver},
                {.name = "host: net", .run = host_net},
                WORLD_VP(0),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};
