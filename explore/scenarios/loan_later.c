/* SPDX-License-Identifier: MIT */
/*
 * A gate is lent to VP 1, which is inside its interrupt, when an event of its channel lands on VP
 * 0: the channel becomes due there, and whoever runs handlers for VP 0, awake for another channel
 * just then, takes the loan back or comes again. The event is answered (R4, R5).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};

static void host_home(void *argument)
{
    (void)argument;
    world_set_flag(5, 1);
}

static void host_stray(void *argument)
{
    (void)argument;
    world_signal_vp(&disk, 0);
}

static void host_both(void *argument)
{
    world_signal_vp(&net, 0);
    host_stray(argument);
}

static void prepare_large(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_offer(&net, 6);
    world_open(&disk, VMB_NOTIFY_DIRECT, 1);
    world_open(&net, VMB_NOTIFY_DEFERRED, 0);
    world_runs_apart();
    world_lends_to(1);
}

static void prepare(unsigned design)
{
    prepare_large(design);
    world_signal_taken(&net, 0);
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&net);
}

const struct xpl_scenario scenario_loan_later = {
    .name = "loan-later",
    .shows = "an event elsewhere, while the borrower is inside, is answered when it has left",
    .rules = "R4 R5",
    .threads = {{.name = "host: disk, home", .run = host_home},
                {.name = "host: disk, stray", .run = host_stray},
                WORLD_VP(0),
                WORLD_VP(1),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_loan_later_large = {
    .name = "loan-later-large",
    .shows = "the same while the runner is woken for another channel",
    .rules = "R4 R5",
    .threads = {{.name = "host: disk, home", .run = host_home},
                {.name = "host: net, disk", .run = host_both},
                WORLD_VP(0),
                WORLD_VP(1),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare_large,
    .check = check,
};
