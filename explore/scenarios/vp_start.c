/* SPDX-License-Identifier: MIT */
/*
 * VP 1 comes into service while it takes interrupts already, of whatever kind. Its handler finds no
 * pages or the pages as they were cleared, never half of it; and the first event of a channel that
 * is opened there is not lost (R4, R12).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};

static void control(void *argument)
{
    (void)argument;
    world_start_vp(1);
    world_open(&disk, VMB_NOTIFY_DIRECT, 1);
}

static void host_disk(void *argument)
{
    (void)argument;
    world_await_asked();
    world_signal(&disk);
}

static void stranger(void *argument)
{
    (void)argument;
    world_interrupt(1);
    world_signal(&net);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin_one_vp(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_offer(&net, 70);
    world_open(&net, VMB_NOTIFY_DIRECT, 0);
    world_keep(&disk);
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&net);
}

const struct xpl_scenario scenario_vp_start = {
    .name = "vp-start",
    .shows = "a VP that comes into service sees its pages whole, and loses no event",
    .rules = "R4 R12",
    .threads = {{.name = "control plane", .run = control},
                {.name = "host: disk", .run = host_disk},
                {.name = "timer, host: net", .run = stranger},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};
