/* SPDX-License-Identifier: MIT */
/*
 * Two hosts set flags of one word, one of them a flag that means no channel, while the VP takes the
 * word. No flag goes without being looked up; the stray one does no harm (R3, R8; bugs H21, H22,
 * H28).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};

static void host_disk(void *argument)
{
    (void)argument;
    world_signal(&disk);
    world_set_flag(7, 0); /* Nothing is mapped there. */
    world_signal(&disk);
}

static void host_net(void *argument)
{
    (void)argument;
    world_signal(&net);
    world_signal(&net);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_offer(&net, 6);
    world_open(&disk, VMB_NOTIFY_DIRECT, 0);
    world_open(&net, VMB_NOTIFY_DIRECT, 0);
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&net);
    world_expect_accounted();
}

const struct xpl_scenario scenario_same_word = {
    .name = "same-word",
    .shows = "flags of one word, set while it is taken, are each looked up once",
    .rules = "R3 R8",
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "host: net", .run = host_net},
                WORLD_VP(0)},
    .prepare = prepare,
    .check = check,
};
