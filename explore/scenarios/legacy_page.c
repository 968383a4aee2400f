/* SPDX-License-Identifier: MIT */
/*
 * A host older than 2.4: its events are bits of one interrupt page, and flag 0 of VP 0 says "look
 * there". Two hosts set bits while the page is taken; none is lost, and each handler sees what was
 * written before its bit was set (R3, R4; bug H34).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};

static void host_disk(void *argument)
{
    (void)argument;
    world_signal_legacy(&disk);
    world_signal_legacy(&disk);
}

static void host_net(void *argument)
{
    (void)argument;
    world_signal_legacy(&net);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_1_1);
    world_offer(&disk, 5);
    world_offer(&net, 6);
    world_open(&disk, VMB_NOTIFY_DIRECT, 0);
    world_open(&net, VMB_NOTIFY_DIRECT, 0);
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&net);
}

const struct xpl_scenario scenario_legacy_page = {
    .name = "legacy-page",
    .shows = "bits of an old host's interrupt page are not lost either",
    .rules = "R3 R4",
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "host: net", .run = host_net},
                WORLD_VP(0)},
    .prepare = prepare,
    .check = check,
};
