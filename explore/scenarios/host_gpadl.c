/* SPDX-License-Identifier: MIT */
/*
 * A guest takes memory back while a device looks for it, holds it and writes to it. Who got it may
 * use it until he lets go; the guest gets it when the last has; who comes later is refused. And a
 * handle that is shared anew is found whole (H43, H51, H60, H65).
 */
#include <string.h>

#include "explore/scenarios/host_world.h"

#define HANDLE 50u
#define PAGE   9u

static struct host_device disk = {.name = "disk"};
static struct host_device net = {.name = "net"};

static void device_writes(void *argument)
{
    const uint32_t handle = HANDLE + (uint32_t)(uintptr_t)argument;
    struct vmb_host_gpadl *gpadl;
    struct vmb_host_gpadl_range range;

    if (vmb_host_gpadl_get(disk.channel, handle, &gpadl) != VMB_OK) {
        xpl_note("finds GPADL %u not shared", handle);
        return;
    }
    if (vmb_host_gpadl_range(gpadl, 0, &range) != VMB_OK || range.byte_count != VMB_PAGE_BYTES) {
        xpl_fail("a GPADL that is held is not whole");
    }
    xpl_plain_write(range.base + VMB_PAGE_BYTES / 2, 8);
    vmb_host_gpadl_put(gpadl);
}

static void guest_takes_back(void *argument)
{
    const uint64_t page = PAGE + 1;
    struct vmb_message message = {.number = VMB_MSG_GPADL_TEARDOWN};

    (void)argument;
    message.u.gpadl_teardown.relid = disk.relid;
    message.u.gpadl_teardown.gpadl = HANDLE;
    host_world_post(&message);
    host_world_share(disk.relid, HANDLE + 1, &page, 1);
}

static void prepare(unsigned design)
{
    const uint64_t page = PAGE;

    (void)design;
    host_world_begin(VMB_VERSION_5_0);
    host_world_open(&disk);
    host_world_open(&net);
    host_world_share(disk.relid, HANDLE, &page, 1);
    host_world_settle();
}

static void check(void)
{
    xpl_expect(host_world_heard(VMB_MSG_GPADL_TORNDOWN) == 1,
               "nobody holds the memory any more, and the guest does not get it back");
}

const struct xpl_scenario scenario_host_gpadl = {
    .name = "host-gpadl",
    .shows = "memory that a device holds is the guest's again when it has let go",
    .rules = "",
    .threads = {{.name = "device: old GPADL", .run = device_writes},
                {.name = "device: new GPADL",
                 .run = device_writes,
                 .argument = (void *)(uintptr_t)1},
                {.name = "guest: VP 0", .run = guest_takes_back},
                {.name = "control plane", .run = host_world_control, .service = true}},
    .prepare = prepare,
    .check = check,
};
