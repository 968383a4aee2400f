/* SPDX-License-Identifier: MIT */
/*
 * A channel is closed while events for it arrive: on the VP that it targets, on the other one, or,
 * at large, on both. Once `closed` has been called no handler (in the interrupt) starts and none is
 * running, and the rings that are given back are touched no more (R6, R7; bugs H30, H31, H51).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .watched = true};
static struct world_device net = {.name = "net"};

static void host_disk(void *argument)
{
    (void)argument;
    world_signal_vp(&disk, 0);
}

static void host_late(void *argument)
{
    (void)argument;
    world_signal_vp(&disk, 1);
}

static void host_net(void *argument)
{
    (void)argument;
    world_signal_vp(&net, 1);
}

static void control(void *argument)
{
    (void)argument;
    world_close(&disk);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_offer(&net, 6);
    world_open(&disk, VMB_NOTIFY_DIRECT, 0);
    world_open(&net, VMB_NOTIFY_DIRECT, 1);
    world_will_close();
}

static void check(void)
{
    world_expect_closed(&disk);
}

const struct xpl_scenario scenario_close = {
    .name = "close",
    .shows = "after a close no direct handler starts and none is running",
    .rules = "R6 R7",
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "host: net", .run = host_net},
                {.name = "control plane", .run = control, .service = true},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_close_elsewhere = {
    .name = "close-elsewhere",
    .shows = "the same of an event on a VP that the channel does not target",
    .rules = "R6 R7",
    .threads = {{.name = "host: disk, late", .run = host_late},
                {.name = "host: net", .run = host_net},
                {.name = "control plane", .run = control, .service = true},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_close_large = {
    .name = "close-large",
    .shows = "the same of events on both VPs",
    .rules = "R6 R7",
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "host: disk, late", .run = host_late},
                {.name = "control plane", .run = control, .service = true},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};
