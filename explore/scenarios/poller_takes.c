/* SPDX-License-Identifier: MIT */
/*
 * An event comes while a poller, a thread of its own, has the channel: as it lets go it finds the
 * event, and sees what the host had written before it signalled (R4, R5).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .polls_outside = true};

static void host_first(void *argument)
{
    (void)argument;
    world_signal_vp(&disk, 0);
}

static void host_second(void *argument)
{
    (void)argument;
    world_signal_vp(&disk, 1);
}

static void poller(void *argument)
{
    (void)argument;
    world_poller(&disk);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_open(&disk, VMB_NOTIFY_POLLED, 0);
}

static void check(void)
{
    world_expect_seen(&disk);
}

const struct xpl_scenario scenario_poller_takes = {
    .name = "poller-takes",
    .shows = "an event that comes while a poller has the channel is taken by the poller",
    .rules = "R4 R5",
    .threads = {{.name = "host: first", .run = host_first},
                {.name = "host: second", .run = host_second},
                {.name = "poller", .run = poller, .service = true},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};
