/* SPDX-License-Identifier: MIT */
/*
 * A guest signals a host older than 2.4: two drivers set bits of the interrupt page's half for the
 * host, each followed by one hypercall for all channels. Whoever takes a bit sees what the driver
 * wrote before it (R3, mirrored; H34).
 */
#include <vmbus/endpoint.h>

#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};

static void driver(void *argument)
{
    struct world_device *device = argument;

    (void)vmb_atomic_fetch_add(&device->produced, (uintptr_t)1, VMB_RELAXED);
    device->endpoint->ring_doorbell(device->endpoint->doorbell_context);
}

static void host(void *argument)
{
    (void)argument;
    for (;;) {
        const uint32_t relids = world_take_doorbell();

        if ((relids >> disk.relid & 1) != 0) {
            disk.seen = vmb_atomic_load(&disk.produced, VMB_RELAXED);
        }
        if ((relids >> net.relid & 1) != 0) {
            net.seen = vmb_atomic_load(&net.produced, VMB_RELAXED);
        }
    }
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

const struct xpl_scenario scenario_doorbell_legacy = {
    .name = "doorbell-legacy",
    .shows = "bits that are set for an old host are not lost",
    .rules = "R3",
    .threads = {{.name = "driver: disk", .run = driver, .argument = &disk},
                {.name = "driver: net", .run = driver, .argument = &net},
                {.name = "host", .run = host, .service = true}},
    .prepare = prepare,
    .check = check,
};
