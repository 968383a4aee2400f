/* SPDX-License-Identifier: MIT */
/*
 * The host's end of a ring: the guest writes and signals if the host may be asleep; a run masks,
 * drains, unmasks and looks once more. No packet stays behind a host that sleeps (R4, R5; H74,
 * H75).
 */
#include "explore/scenarios/host_world.h"

#define PACKETS 2u

static struct host_device disk = {.name = "disk", .receives = true};
static struct host_device net = {.name = "net"};

static void guest_disk(void *argument)
{
    (void)argument;
    for (uint32_t i = 1; i <= PACKETS; i++) {
        host_world_send(&disk, i);
    }
}

static void prepare(unsigned design)
{
    (void)design;
    host_world_begin(VMB_VERSION_5_0);
    host_world_open(&disk);
    host_world_open(&net);
    host_world_ring(&disk);
}

static void check(void)
{
    xpl_expect(disk.received == PACKETS, "%u packets sent, %u received, and no runner is awake",
               PACKETS, disk.received);
}

const struct xpl_scenario scenario_host_ring = {
    .name = "host-ring",
    .shows = "a packet in the ring to the host is always received",
    .rules = "R4 R5",
    .threads = {{.name = "guest: disk", .run = guest_disk},
                {.name = "runner 0", .run = host_world_runner, .service = true},
                {.name = "runner 1",
                 .run = host_world_runner,
                 .argument = (void *)(uintptr_t)1,
                 .service = true}},
    .prepare = prepare,
    .check = check,
};
