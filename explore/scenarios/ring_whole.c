/* SPDX-License-Identifier: MIT */
/*
 * The whole way of a packet: the host writes it into the ring and signals if the guest may be
 * asleep; the interrupt makes the channel due; the run masks the ring, the driver drains it, the
 * run unmasks and looks once more. A second channel, on the other VP, does the same. No packet
 * stays behind a masked or a sleeping guest (R4, R5; bugs H74, H75, LIS 502, uio's mask).
 *
 * The same for channels that are polled: the interrupt masks the ring and wakes the poller, who
 * drains it and asks to be woken again; if something came meanwhile he polls on (netvsc's early
 * events).
 */
#include "explore/scenarios/world.h"

#define PACKETS 2u

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};

static void host_disk(void *argument)
{
    (void)argument;
    for (uint32_t i = 1; i <= PACKETS; i++) {
        world_send(&disk, i);
    }
}

static void host_net(void *argument)
{
    (void)argument;
    world_send(&net, 1);
}

static void prepare_notified(enum vmb_notify notify)
{
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_offer(&net, 70);
    world_open(&disk, notify, 0);
    world_open(&net, notify, 1);
    world_ring(&disk);
    world_ring(&net);
}

static void prepare_deferred(unsigned design)
{
    (void)design;
    prepare_notified(VMB_NOTIFY_DEFERRED);
}

static void prepare_polled(unsigned design)
{
    (void)design;
    prepare_notified(VMB_NOTIFY_POLLED);
}

static void check(void)
{
    xpl_expect(disk.received == PACKETS, "disk: %u packets sent, %u received, and nobody is awake",
               PACKETS, disk.received);
    xpl_expect(net.received == 1, "net: its packet was not received, and nobody is awake");
}

const struct xpl_scenario scenario_deferred_ring = {
    .name = "deferred-ring",
    .shows = "a packet in the ring of a deferred channel is always received",
    .rules = "R4 R5",
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "host: net", .run = host_net},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare_deferred,
    .check = check,
};

const struct xpl_scenario scenario_polled_ring = {
    .name = "polled-ring",
    .shows = "a packet in the ring of a polled channel is always received",
    .rules = "R4 R5",
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "host: net", .run = host_net},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare_polled,
    .check = check,
};
