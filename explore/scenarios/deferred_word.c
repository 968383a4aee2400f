/* SPDX-License-Identifier: MIT */
/*
 * Deferred and direct channels share a word of flags: the deferred ones become due all at once, and
 * are run beside the interrupts of their VP. None of the events is lost, and each is counted as one
 * thing (R3, R4, R5).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .watched = true};
static struct world_device tape = {.name = "tape"};
static struct world_device net = {.name = "net"};

/* So many events: its argument. */
static void host_disk(void *argument)
{
    for (uintptr_t i = 0; i < (uintptr_t)argument; i++) {
        world_signal(&disk);
    }
}

static void host_others(void *argument)
{
    (void)argument;
    world_signal(&tape);
    world_signal(&net);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_offer(&tape, 6);
    world_offer(&net, 7);
    world_open(&disk, VMB_NOTIFY_DEFERRED, 0);
    world_open(&tape, VMB_NOTIFY_DEFERRED, 0);
    world_open(&net, VMB_NOTIFY_DIRECT, 0);
    world_runs_apart();
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&tape);
    world_expect_seen(&net);
    world_expect_accounted();
}

const struct xpl_scenario scenario_deferred_word = {
    .name = "deferred-word",
    .shows = "deferred channels of one word become due together, and none is forgotten",
    .rules = "R3 R4 R5",
    .threads = {{.name = "host: disk", .run = host_disk, .argument = (void *)(uintptr_t)1},
                {.name = "host: others", .run = host_others},
                WORLD_VP(0),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_deferred_word_large = {
    .name = "deferred-word-large",
    .shows = "the same of two events of one of them",
    .rules = "R3 R4 R5",
    .threads = {{.name = "host: disk", .run = host_disk, .argument = (void *)(uintptr_t)2},
                {.name = "host: others", .run = host_others},
                WORLD_VP(0),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};
