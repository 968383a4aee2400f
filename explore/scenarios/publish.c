/* SPDX-License-Identifier: MIT */
/*
 * A channel is offered and opened while its host signals as soon as it has heard OpenChannel, which
 * is before the answer. The event finds the channel mapped, is kept while the opener holds the
 * gate, and starts the handler when the driver is ready. Bugs H20 and openvmm's 1829, 1850.
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};

static void control(void *argument)
{
    (void)argument;
    world_offer(&disk, 5);
    world_open(&disk, VMB_NOTIFY_DIRECT, 1);
}

/* So many events: its argument. */
static void host_disk(void *argument)
{
    world_await_asked();
    for (uintptr_t i = 0; i < (uintptr_t)argument; i++) {
        world_signal(&disk);
    }
}

static void host_net(void *argument)
{
    (void)argument;
    world_signal(&net);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&net, 70);
    world_open(&net, VMB_NOTIFY_DIRECT, 1);
    world_will_offer(&disk, 5);
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&net);
}

const struct xpl_scenario scenario_publish = {
    .name = "publish",
    .shows = "an event that comes before OpenChannel is answered is not lost",
    .rules = "R1 R2 R4",
    .threads = {{.name = "control plane", .run = control},
                {.name = "host: disk", .run = host_disk, .argument = (void *)(uintptr_t)1},
                {.name = "host: net", .run = host_net},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_publish_large = {
    .name = "publish-large",
    .shows = "the same of two events",
    .rules = "R1 R2 R4",
    .threads = {{.name = "control plane", .run = control},
                {.name = "host: disk", .run = host_disk, .argument = (void *)(uintptr_t)2},
                {.name = "host: net", .run = host_net},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};
