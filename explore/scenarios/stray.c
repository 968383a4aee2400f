/* SPDX-License-Identifier: MIT */
/*
 * A flag is set, by an earlier life of the relid or by a host that lies, while the channel is being
 * offered: nothing orders the event behind the offer. The VP finds no channel or the whole channel,
 * never half of one, and calls nobody (R1, R2, R8).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .watched = true};
static struct world_device net = {.name = "net"};

static void control(void *argument)
{
    (void)argument;
    world_offer(&disk, 5);
}

static void host_stray(void *argument)
{
    (void)argument;
    world_set_flag(5, 1);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&net, 70);
    world_open(&net, VMB_NOTIFY_DIRECT, 1);
    world_will_offer(&disk, 5);
}

const struct xpl_scenario scenario_stray = {
    .name = "stray",
    .shows = "an event that nothing orders behind the offer finds no half-made channel",
    .rules = "R1 R2 R8",
    .threads = {{.name = "control plane", .run = control},
                {.name = "host: stray", .run = host_stray},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
};
