/* SPDX-License-Identifier: MIT */
/*
 * Events of one channel arrive on both VPs at once, as they may while it is moved. Its handler
 * (in the interrupt) never runs twice at once, each run sees what the one before it wrote, and an
 * event that comes during a run makes it run again (R5).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .watched = true};
static struct world_device net = {.name = "net"};

/* A host thread signals one VP: its argument. */
static void host(void *argument)
{
    const uint32_t vp = (uint32_t)(uintptr_t)argument;

    world_signal_vp(&disk, vp);
    if (vp == 0) {
        world_signal_vp(&net, vp);
    } else {
        world_signal_vp(&disk, vp);
    }
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_offer(&net, 70);
    world_open(&disk, VMB_NOTIFY_DIRECT, 0);
    world_open(&net, VMB_NOTIFY_DIRECT, 0);
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&net);
}

const struct xpl_scenario scenario_runs_once = {
    .name = "runs-once",
    .shows = "a direct handler never runs twice at once, and misses nothing",
    .rules = "R5",
    .threads = {{.name = "host to VP 0", .run = host, .argument = (void *)(uintptr_t)0},
                {.name = "host to VP 1", .run = host, .argument = (void *)(uintptr_t)1},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};
