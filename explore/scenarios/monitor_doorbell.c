/* SPDX-License-Identifier: MIT */
/*
 * Lazy doorbells: two drivers signal through the monitor page, which the hypervisor looks at every
 * so often and takes the bits of. Whoever takes a bit sees what the driver wrote before it, and no
 * bit is lost beside another's (R3, mirrored).
 */
#include <vmbus/endpoint.h>
#include <vmbus/proto/pages.h>

#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};

static void driver(void *argument)
{
    struct world_device *device = argument;

    (void)vmb_atomic_fetch_add(&device->produced, (uintptr_t)1, VMB_RELAXED);
    device->endpoint->ring_doorbell(device->endpoint->doorbell_context);
}

/* One look at the page. */
static void look(void)
{
    const uint32_t bits = vmb_atomic_exchange(world_monitor_pending(0), 0u, VMB_ACQUIRE);

    if ((bits >> disk.relid & 1) != 0) {
        disk.seen = vmb_atomic_load(&disk.produced, VMB_RELAXED);
    }
    if ((bits >> net.relid & 1) != 0) {
        net.seen = vmb_atomic_load(&net.produced, VMB_RELAXED);
    }
}

static void hypervisor(void *argument)
{
    (void)argument;
    look();
    look();
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_will_monitor();
    world_offer(&disk, 5);
    world_offer(&net, 6);
    world_open(&disk, VMB_NOTIFY_DIRECT, 0);
    world_open(&net, VMB_NOTIFY_DIRECT, 0);
}

static void check(void)
{
    look();
    world_expect_seen(&disk);
    world_expect_seen(&net);
}

const struct xpl_scenario scenario_monitor_doorbell = {
    .name = "monitor-doorbell",
    .shows = "bits of the monitor page that the guest sets are not lost",
    .rules = "R3",
    .threads = {{.name = "driver: disk", .run = driver, .argument = &disk},
                {.name = "driver: net", .run = driver, .argument = &net},
                {.name = "hypervisor", .run = hypervisor}},
    .prepare = prepare,
    .check = check,
};
