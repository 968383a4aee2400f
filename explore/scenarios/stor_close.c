/* SPDX-License-Identifier: MIT */
/*
 * A guest closes its controller's channel while a disk has a job of it, which ends meanwhile. The
 * close comes to its end, and not before the disk has let go of the guest's memory.
 */
#include <vmbus/driver.h>

#include "explore/scenarios/stor_world.h"

static struct stor_disk disk;
static struct stor_disk *const disks[] = {&disk, NULL};
static struct host_device devices[] = {{.name = "primary channel"}, {.name = "sub-channel"}};
static bool is_closed; /* The control plane's. */

static void closed(void *device, vmb_status reason)
{
    vmb_stor_host_driver()->closed(device, reason);
    xpl_expect(!stor_world_under_way(&disk), "a channel is closed, and a disk has a job of it");
    stor_world_use_data(0, stor_world_asked(0));
    is_closed = true;
}

static void guest(void *argument)
{
    struct vmb_message message = {.number = VMB_MSG_CLOSE_CHANNEL};

    (void)argument;
    message.u.close_channel.relid = devices[0].relid;
    host_world_post(&message);
}

static void disk_thread(void *argument)
{
    (void)argument;
    stor_world_end_job(&disk);
}

static void prepare(unsigned design)
{
    static struct vmb_driver driver;

    (void)design;
    driver = *vmb_stor_host_driver();
    driver.closed = closed;
    disk = (struct stor_disk){.keeps = true};
    is_closed = false;
    stor_world_begin_on_bus(disks, &driver, devices);
    host_world_ask_open(&devices[0]);
    host_world_run_all();
    stor_world_ask(VMB_STOR_BEGIN_INIT, 0);
    stor_world_ask(VMB_STOR_QUERY_VERSION, VMB_STOR_VERSION_6_2);
    stor_world_ask(VMB_STOR_QUERY_PROPERTIES, 0);
    stor_world_ask(VMB_STOR_END_INIT, 0);
    stor_world_read(0, 0); /* It says that the disk is new. */
    stor_world_read(0, 0);
    host_world_signal(&devices[0]);
    host_world_run_all();
    xpl_keep(&is_closed, sizeof(is_closed));
}

static void check(void)
{
    xpl_expect(is_closed, "no disk has a job any more, and the channel does not close");
}

const struct xpl_scenario scenario_stor_close = {
    .name = "stor-close",
    .shows = "a close waits for the jobs that disks have, and no longer",
    .rules = "R6",
    .threads = {{.name = "disk", .run = disk_thread},
                {.name = "guest", .run = guest},
                {.name = "control plane", .run = host_world_control, .service = true},
                {.name = "runner 0", .run = host_world_runner, .service = true},
                {.name = "runner 1",
                 .run = host_world_runner,
                 .argument = (void *)(uintptr_t)1,
                 .service = true}},
    .prepare = prepare,
    .check = check,
};
