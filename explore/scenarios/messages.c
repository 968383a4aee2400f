/* SPDX-License-Identifier: MIT */
/*
 * Two messages, the second as soon as the slot is free for it. The control plane polls when it is
 * told that there is work; it is told of both, whatever it is doing when the second comes (bug H1).
 */
#include "explore/scenarios/world.h"

static struct world_device net = {.name = "net"};

static void hypervisor(void *argument)
{
    (void)argument;
    world_deliver_offer(5, true);
    world_await_emptied();
    world_deliver_offer(6, false);
}

static void control(void *argument)
{
    (void)argument;
    for (;;) {
        world_await_work();
        while (vmb_guest_poll(world_guest)) {
        }
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
    world_open(&net, VMB_NOTIFY_DIRECT, 0);
}

static void check(void)
{
    world_expect_seen(&net);
    for (uint32_t relid = 5; relid <= 6; relid++) {
        xpl_expect(vmb_guest_relid2channel(world_guest, relid) != NULL,
                   "the offer of relid %u stays in the slot, and nobody is told", relid);
    }
}

const struct xpl_scenario scenario_messages = {
    .name = "messages",
    .shows = "the control plane is told of every message",
    .rules = "",
    .threads = {{.name = "hypervisor", .run = hypervisor},
                {.name = "host: net", .run = host_net},
                {.name = "control plane", .run = control, .service = true},
                WORLD_VP(0)},
    .prepare = prepare,
    .check = check,
};
