/* SPDX-License-Identifier: MIT */
/*
 * A deferred channel is opened while its host signals as soon as it has heard OpenChannel. A VP
 * that does not know yet that the channel is a deferred one learns it with the gate, and the event
 * is not lost (R2, R4).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};

static void control(void *argument)
{
    (void)argument;
    world_open(&disk, VMB_NOTIFY_DEFERRED, 0);
}

static void host(void *argument)
{
    (void)argument;
    world_await_asked();
    world_signal_vp(&disk, 1);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_control_on_vp_0();
    world_runs_apart();
    world_keep(&disk);
}

static void check(void)
{
    world_expect_seen(&disk);
}

const struct xpl_scenario scenario_publish_deferred = {
    .name = "publish-deferred",
    .shows = "an event that comes before a VP knows that a channel is deferred is not lost",
    .rules = "R2 R4",
    .threads = {{.name = "control plane", .run = control},
                {.name = "host", .run = host},
                WORLD_VP(1),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};
