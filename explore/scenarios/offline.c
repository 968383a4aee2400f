/* SPDX-License-Identifier: MIT */
/*
 * VP 1 goes out of service under traffic: its channel moves away, the host answers, the VP takes no
 * interrupt any more, and what is still set in its flags is drained. No event is lost, on whichever
 * VP the host raised it (R12; bugs H24, H25).
 */
#include <vmbus/power.h>

#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};
static bool stopped;

/* So many events: its argument. */
static void host_disk(void *argument)
{
    for (uintptr_t i = 0; i < (uintptr_t)argument; i++) {
        world_signal(&disk);
    }
}

static void host_net(void *argument)
{
    (void)argument;
    world_signal(&net);
}

static void stop_done(void *context, uint32_t vp, vmb_status status)
{
    (void)context;
    (void)vp;
    xpl_expect(status == VMB_OK, "VP 1 cannot be stopped");
    stopped = true;
}

static void stop(void *argument)
{
    (void)argument;
    if (vmb_guest_vp_stop(world_guest, 1, stop_done, NULL) != VMB_OK) {
        xpl_fail("VP 1 may not be stopped");
    }
    for (unsigned i = 0; i < 4 && !stopped; i++) {
        world_settle();
    }
    xpl_expect(stopped, "the host has answered, and VP 1 is not free to go");
    world_vp_stops(1);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_3);
    world_offer(&disk, 5);
    world_offer(&net, 70);
    world_open(&disk, VMB_NOTIFY_DIRECT, 1);
    world_open(&net, VMB_NOTIFY_DIRECT, 0);
    world_will_stop();
    stopped = false;
    xpl_keep(&stopped, sizeof(stopped));
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&net);
}

const struct xpl_scenario scenario_offline = {
    .name = "offline",
    .shows = "a VP that goes out of service takes no event with it",
    .rules = "R12",
    .threads = {{.name = "host: disk", .run = host_disk, .argument = (void *)(uintptr_t)1},
                {.name = "host: net", .run = host_net},
                {.name = "control plane", .run = stop},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_offline_large = {
    .name = "offline-large",
    .shows = "the same of two events",
    .rules = "R12",
    .threads = {{.name = "host: disk", .run = host_disk, .argument = (void *)(uintptr_t)2},
                {.name = "host: net", .run = host_net},
                {.name = "control plane", .run = stop},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};
