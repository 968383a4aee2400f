/* SPDX-License-Identifier: MIT */
/*
 * A guest moves a channel's interrupts to VP 1 while two threads of the device, a writer and a
 * reader, interrupt it. Once the guest has the answer, which is when it may take VP 0 away, nobody
 * interrupts VP 0 any more; and the answer comes (R12, mirrored; H24, H26).
 */
#include "explore/scenarios/host_world.h"

static struct host_device disk = {.name = "disk"};
static struct host_device net = {.name = "net"};

static void device_signals(void *argument)
{
    (void)argument;
    host_world_raise(&disk);
}

static void guest_moves(void *argument)
{
    struct vmb_message message = {.number = VMB_MSG_MODIFY_CHANNEL};

    (void)argument;
    message.u.modify_channel.relid = disk.relid;
    message.u.modify_channel.target_vp = 1;
    host_world_post(&message);
}

static void prepare(unsigned design)
{
    (void)design;
    host_world_begin(VMB_VERSION_5_3);
    host_world_open(&disk);
    host_world_open(&net);
}

static void check(void)
{
    xpl_expect(host_world_heard(VMB_MSG_MODIFY_CHANNEL_RESPONSE) == 1,
               "nobody interrupts VP 0 any more, and the guest is not told");
    host_world_expect_drained();
}

const struct xpl_scenario scenario_host_move = {
    .name = "host-move",
    .shows = "once a move is answered nobody interrupts the old VP",
    .rules = "R12",
    .threads = {{.name = "device: writer", .run = device_signals},
                {.name = "device: reader", .run = device_signals},
                {.name = "guest: VP 0", .run = guest_moves},
                {.name = "control plane", .run = host_world_control, .service = true}},
    .prepare = prepare,
    .check = check,
};
