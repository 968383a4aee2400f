/* SPDX-License-Identifier: MIT */
/*
 * VP 1 goes out of service with a deferred channel due on it that nobody will run there any more:
 * its handler has run once, and asked to be run again. It is handed on to VP 0, which is running
 * others just then, and the handler sees what the host wrote before its event (R12).
 */
#include <vmbus/power.h>

#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};
static bool stopped;

static void host_disk(void *argument)
{
    (void)argument;
    world_signal(&disk);
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

static void prepare_large(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_3);
    world_offer(&disk, 5);
    world_offer(&net, 6);
    world_open(&disk, VMB_NOTIFY_DEFERRED, 1);
    world_open(&net, VMB_NOTIFY_DEFERRED, 0);
    world_runs_apart();
    world_no_runs_on_1();
    disk.kicks = 1;
    disk.runs = 0;
    world_will_stop();
    stopped = false;
    xpl_keep(&stopped, sizeof(stopped));
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
    xpl_expect(disk.runs >= 2, "the handler of disk has asked to be run again, and was not");
}

const struct xpl_scenario scenario_offline_deferred = {
    .name = "offline-deferred",
    .shows = "what is due on a VP that goes out of service is run on another",
    .rules = "R12",
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "control plane", .run = stop},
                WORLD_VP(0),
                WORLD_VP(1),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_offline_deferred_large = {
    .name = "offline-deferred-large",
    .shows = "the same under traffic of another channel",
    .rules = "R12",
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "host: net", .run = host_net},
                {.name = "control plane", .run = stop},
                WORLD_VP(0),
                WORLD_VP(1),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare_large,
    .check = check,
};
