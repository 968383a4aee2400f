/* SPDX-License-Identifier: MIT */
/*
 * The gate of a channel is lent to VP 0, and the channel moves to VP 1 while its host signals both:
 * what is under way to the old VP, and what comes to the new one. The loan is taken back under way.
 * The handler never runs twice at once, and no event is lost (R4, R5).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .watched = true};

static void host_late(void *argument)
{
    (void)argument;
    world_signal_vp(&disk, 0);
}

/* So many events: its argument. */
static void host(void *argument)
{
    for (uintptr_t i = 0; i < (uintptr_t)argument; i++) {
        world_signal(&disk);
    }
}

static void control(void *argument)
{
    (void)argument;
    if (vmb_channel_set_target_vp(disk.channel, 1, NULL, NULL) != VMB_OK) {
        xpl_fail("the move was refused");
    }
    while (vmb_guest_poll(world_guest)) {
    }
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_open(&disk, VMB_NOTIFY_DIRECT, 0);
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_accounted();
}

const struct xpl_scenario scenario_loan_moves = {
    .name = "loan-moves",
    .shows = "a lent gate follows its channel to another VP, and its handler stays alone",
    .rules = "R4 R5",
    .threads = {{.name = "host: late", .run = host_late},
                {.name = "host", .run = host, .argument = (void *)(uintptr_t)1},
                {.name = "control plane", .run = control},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_loan_moves_large = {
    .name = "loan-moves-large",
    .shows = "the same of two events",
    .rules = "R4 R5",
    .threads = {{.name = "host: late", .run = host_late},
                {.name = "host", .run = host, .argument = (void *)(uintptr_t)2},
                {.name = "control plane", .run = control},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};
