/* SPDX-License-Identifier: MIT */
/*
 * A channel was due on VP 0 when it was closed, and still is when it is open again and lent to VP
 * 1. Whoever runs handlers for VP 0 looks at it for nothing while an event there takes the loan
 * back: only one of the two does, by what the gate is now (R5).
 */
#include <vmbus/channel.h>

#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .watched = true};

static void host(void *argument)
{
    (void)argument;
    world_signal_vp(&disk, 1);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_open(&disk, VMB_NOTIFY_DIRECT, 1);
    world_runs_apart();
    world_lends_to(1);
    world_due_ends_waits();
    vmb_channel_kick(disk.channel);
    world_close(&disk);
    disk.closed.value = 0;
    world_open(&disk, VMB_NOTIFY_DIRECT, 1);
    world_signal_vp(&disk, 0);
    world_signal_vp(&disk, 1);
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_accounted();
}

const struct xpl_scenario scenario_loan_left_due_large = {
    .name = "loan-left-due-large",
    .shows = "what an earlier life left due takes no loan back that another VP is taking back",
    .rules = "R5",
    .threads = {{.name = "host", .run = host},
                WORLD_VP(0),
                WORLD_VP(1),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};
