/* SPDX-License-Identifier: MIT */
/*
 * The gate of a channel is lent to VP 0, whose interrupts come; an event on VP 1, or a driver's
 * thread that wants its handler run, takes the loan back, and what VP 0 leaves for later is run
 * beside its interrupts. Each handler sees what the one before it wrote, none runs beside another,
 * and no event is lost (R4, R5).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .watched = true};

static void host(void *argument)
{
    const uint32_t vp = (uint32_t)(uintptr_t)argument;

    world_signal_vp(&disk, vp);
    if (vp == 0) {
        world_signal_vp(&disk, vp);
    }
}

static void kick(void *argument)
{
    (void)argument;
    vmb_channel_kick(disk.channel);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_open(&disk, VMB_NOTIFY_DIRECT, 0);
    world_runs_apart();
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_accounted();
    world_expect_no_stray();
}

const struct xpl_scenario scenario_loan_recalled = {
    .name = "loan-recalled",
    .shows = "a lent gate is taken back for an event elsewhere",
    .rules = "R4 R5",
    .threads = {{.name = "host to VP 0", .run = host, .argument = (void *)(uintptr_t)0},
                {.name = "host to VP 1", .run = host, .argument = (void *)(uintptr_t)1},
                WORLD_VP(0),
                WORLD_VP(1),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_loan_kicked = {
    .name = "loan-kicked",
    .shows = "a lent gate is taken back for a thread of the driver",
    .rules = "R4 R5",
    .threads = {{.name = "host to VP 0", .run = host, .argument = (void *)(uintptr_t)0},
                {.name = "driver: kick", .run = kick},
                WORLD_VP(0),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_loan_recalled_large = {
    .name = "loan-recalled-large",
    .shows = "a lent gate is taken back for both, and by one of them only",
    .rules = "R4 R5",
    .threads = {{.name = "host to VP 0", .run = host, .argument = (void *)(uintptr_t)0},
                {.name = "host to VP 1", .run = host, .argument = (void *)(uintptr_t)1},
                {.name = "driver: kick", .run = kick},
                WORLD_VP(0),
                WORLD_VP(1),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};
