/* SPDX-License-Identifier: MIT */
/*
 * The system sleeps and wakes: the host offers the same devices with each other's relids. While
 * nobody is connected the old relids mean nothing; a flag that was under way when the guest fell
 * asleep harms nobody; and the device is found by its new relid (R11; H48).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};

static void control(void *argument)
{
    (void)argument;
    world_sleep();
    for (uint32_t relid = 5; relid <= 6; relid++) {
        xpl_expect(vmb_guest_relid2channel(world_guest, relid) == NULL,
                   "relid %u still means a channel, and the guest has left the bus", relid);
    }
    world_wake(&disk);
    world_open(&disk, VMB_NOTIFY_DIRECT, 1);
}

static void host_late(void *argument)
{
    (void)argument;
    world_set_flag(5, 1); /* Disk's once, net's when the guest wakes. */
}

static void host_disk(void *argument)
{
    (void)argument;
    world_await_asked();
    world_signal(&disk);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_offer(&net, 6);
    world_open(&disk, VMB_NOTIFY_DIRECT, 1);
    world_keep(&net);
    world_will_wake(&disk, 6, &net, 5);
}

static void check(void)
{
    world_expect_seen(&disk);
    xpl_expect(vmb_guest_relid2channel(world_guest, 6) == disk.channel &&
                   vmb_guest_relid2channel(world_guest, 5) == net.channel,
               "a relid means another channel than the host says");
}

const struct xpl_scenario scenario_hibernate = {
    .name = "hibernate",
    .shows = "after a sleep the channel is found by its new relid",
    .rules = "R11",
    .threads = {{.name = "control plane", .run = control, .service = true},
                {.name = "host: disk", .run = host_disk, .service = true},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_hibernate_late = {
    .name = "hibernate-late",
    .shows = "a flag that was under way when the guest fell asleep harms nobody",
    .rules = "R11",
    .threads = {{.name = "control plane", .run = control, .service = true},
                {.name = "host: late", .run = host_late},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_hibernate_large = {
    .name = "hibernate-large",
    .shows = "after a sleep old relids mean nothing, and new ones are found",
    .rules = "R11",
    .threads = {{.name = "control plane", .run = control, .service = true},
                {.name = "host: late", .run = host_late},
                {.name = "host: disk", .run = host_disk, .service = true},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};
