/* SPDX-License-Identifier: MIT */
/*
 * A guest closes a channel from one VP while it signals it from another. The device is told when no
 * handler of it runs any more, none starts after that, and the rings that the guest gets back are
 * touched no more (R6, mirrored; H30, H50, H51).
 */
#include "explore/scenarios/host_world.h"

static struct host_device disk = {.name = "disk"};
static struct host_device net = {.name = "net"};

static void guest_signals(void *argument)
{
    (void)argument;
    host_world_signal(&disk);
}

static void guest_closes(void *argument)
{
    struct vmb_message message = {.number = VMB_MSG_CLOSE_CHANNEL};

    (void)argument;
    message.u.close_channel.relid = disk.relid;
    host_world_post(&message);
    message = (struct vmb_message){.number = VMB_MSG_GPADL_TEARDOWN};
    message.u.gpadl_teardown.relid = disk.relid;
    message.u.gpadl_teardown.gpadl = 1;
    host_world_post(&message);
}

static void prepare(unsigned design)
{
    (void)design;
    host_world_begin(VMB_VERSION_5_0);
    host_world_open(&disk);
    host_world_open(&net);
}

static void check(void)
{
    xpl_expect(disk.closed.value == 1, "nobody is inside any more, and disk does not close");
    xpl_expect(host_world_heard(VMB_MSG_GPADL_TORNDOWN) == 1,
               "nobody uses the rings any more, and the guest does not get them back");
}

const struct xpl_scenario scenario_host_close = {
    .name = "host-close",
    .shows = "after a guest's close no handler starts and none is running",
    .rules = "R6",
    .threads = {{.name = "guest: VP 0", .run = guest_signals},
                {.name = "guest: VP 1", .run = guest_closes},
                {.name = "control plane", .run = host_world_control, .service = true},
                {.name = "runner 0", .run = host_world_runner, .service = true},
                {.name = "runner 1",
                 .run = host_world_runner,
                 .argument = (void *)(uintptr_t)1,
                 .service = true}},
    .prepare = prepare,
    .check = check,
};
