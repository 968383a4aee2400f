/* SPDX-License-Identifier: MIT */
/*
 * Two devices ask, from their handlers, to be called by the control plane, which one of them may
 * have woken already. Each is called after that, and sees what its handler wrote before it asked.
 */
#include "explore/scenarios/host_world.h"

static struct host_device disk = {.name = "disk"};
static struct host_device net = {.name = "net"};

static void guest_disk(void *argument)
{
    (void)argument;
    host_world_signal(&disk);
}

static void guest_net(void *argument)
{
    (void)argument;
    host_world_signal(&net);
}

static void prepare(unsigned design)
{
    (void)design;
    host_world_begin(VMB_VERSION_5_0);
    host_world_open(&disk);
    host_world_open(&net);
    disk.asks = net.asks = true;
}

static void check(void)
{
    host_world_expect_seen(&disk);
    host_world_expect_seen(&net);
    xpl_expect(disk.wish == 1 && disk.controls == 1 && net.wish == 1 && net.controls == 1,
               "a handler has asked for the control plane, and was not heard");
}

const struct xpl_scenario scenario_host_control = {
    .name = "host-control",
    .shows = "a handler that asks for the control plane is heard",
    .rules = "",
    .threads = {{.name = "guest: VP 0", .run = guest_disk},
                {.name = "guest: VP 1", .run = guest_net},
                {.name = "control plane", .run = host_world_control, .service = true},
                {.name = "runner 0", .run = host_world_runner, .service = true},
                {.name = "runner 1",
                 .run = host_world_runner,
                 .argument = (void *)(uintptr_t)1,
                 .service = true}},
    .prepare = prepare,
    .check = check,
};
