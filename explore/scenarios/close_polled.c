/* SPDX-License-Identifier: MIT */
/*
 * A polled channel is closed while its poller, a thread of its own outside any interrupt, has it:
 * the close ends only when the poller has given it up, and what the poller did is seen by whoever
 * closes (R6; netvsc's NAPI).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .polls_outside = true};
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

static void poller(void *argument)
{
    (void)argument;
    world_poller(&disk);
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
    world_open(&disk, VMB_NOTIFY_POLLED, 0);
    world_open(&net, VMB_NOTIFY_DIRECT, 1);
    world_will_close();
}

static void check(void)
{
    world_expect_closed(&disk);
}

const struct xpl_scenario scenario_close_polled = {
    .name = "close-polled",
    .shows = "a close waits for the poller, wherever it polls",
    .rules = "R6",
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "host: net", .run = host_net},
                {.name = "control plane", .run = control, .service = true},
                {.name = "poller", .run = poller, .service = true},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_close_polled_large = {
    .name = "close-polled-large",
    .shows = "the same of events on both VPs",
    .rules = "R6",
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "host: disk, late", .run = host_late},
                {.name = "control plane", .run = control, .service = true},
                {.name = "poller", .run = poller, .service = true},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};
