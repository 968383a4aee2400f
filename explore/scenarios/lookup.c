/* SPDX-License-Identifier: MIT */
/*
 * Somebody looks a relid up, in any context, while its channel is being offered, and reads the
 * channel: he finds nobody or the whole of it (R1).
 */
#include <vmbus/channel.h>

#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};

static void control(void *argument)
{
    (void)argument;
    world_offer(&disk, 5);
}

static void reader(void *argument)
{
    const uint32_t relid = (uint32_t)(uintptr_t)argument;
    const struct vmb_channel *channel = vmb_guest_relid2channel(world_guest, relid);

    if (channel != NULL) {
        xpl_expect(vmb_channel_offer(channel)->relid == relid,
                   "the channel of relid %u is not the one that was offered", relid);
    }
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&net, 70);
    world_open(&net, VMB_NOTIFY_DIRECT, 1);
    world_will_offer(&disk, 5);
}

const struct xpl_scenario scenario_lookup = {
    .name = "lookup",
    .shows = "who looks a relid up finds no channel, or the whole of it",
    .rules = "R1",
    .threads = {{.name = "control plane", .run = control},
                {.name = "reader", .run = reader, .argument = (void *)(uintptr_t)5},
                {.name = "reader of net", .run = reader, .argument = (void *)(uintptr_t)70},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
};
