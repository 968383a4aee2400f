/* SPDX-License-Identifier: MIT */
/*
 * The heart, and nothing beside it: two hosts signal two channels, each on the VP that it targets,
 * and one of them on the other VP too, as it may while a channel is moved. Every event leads to a
 * handler start after it (R3, R4, R5).
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
    world_signal_vp(&disk, 1);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_offer(&net, 6);
    world_open(&disk, VMB_NOTIFY_DIRECT, 0);
    world_open(&net, VMB_NOTIFY_DIRECT, 0);
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&net);
}

const struct xpl_scenario scenario_dispatch = {
    .name = "dispatch",
    .shows = "an event leads to a handler start after it, on whichever VP it lands",
    .rules = "R3 R4 R5",
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "host: net", .run = host_net},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};
