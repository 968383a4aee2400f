/* SPDX-License-Identifier: MIT */
/*
 * Events of one channel arrive on both VPs at once, as they may while it is moved; what VP 0's
 * interrupts make due is run beside them. The handler never runs twice at once, each run sees what
 * the one before it wrote, and an event that comes during a run makes it run again (R5).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .watched = true};
static struct world_device net = {.name = "net"};

/* A host thread signals one VP: its argument. */
static void host(void *argument)
{
    const uint32_t vp = (uint32_t)(uintptr_t)argument;

    world_signal_vp(&disk, vp);
}

static void host_large(void *argument)
{
    const uint32_t vp = (uint32_t)(uintptr_t)argument;

    world_signal_vp(&disk, vp);
    if (vp == 0) {
        world_signal_vp(&net, vp);
    }
    world_signal_vp(&disk, vp);
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

const struct xpl_scenario scenario_runs_once_deferred = {
    .name = "runs-once-deferred",
    .shows = "a deferred handler never runs twice at once, and misses nothing",
    .rules = "R5",
    .threads = {{.name = "host to VP 0", .run = host, .argument = (void *)(uintptr_t)0},
                {.name = "host to VP 1", .run = host, .argument = (void *)(uintptr_t)1},
                WORLD_VP(0),
                WORLD_VP(1),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_runs_once_deferred_large = {
    .name = "runs-once-deferred-large",
    .shows = "the same beside another channel",
    .rules = "R5",
    .threads = {{.name = "host to VP 0", .run = host_large, .argument = (void *)(uintptr_t)0},
                {.name = "host to VP 1", .run = host_large, .argument = (void *)(uintptr_t)1},
                WORLD_VP(0),
                WORLD_VP(1),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};
