/* SPDX-License-Identifier: MIT */
/*
 * Two VPs of a guest post messages at once, so many that the queue's cells are used a second time,
 * while the control plane takes them. None is lost, torn or taken twice, and those of one VP stay
 * in order: memory is shared before it is taken back.
 */
#include "explore/scenarios/host_world.h"

#define HANDLE 50u

static struct host_device disk = {.name = "disk"};
static struct host_device net = {.name = "net"};

static void guest_vp(void *argument)
{
    const uint32_t handle = HANDLE + (uint32_t)(uintptr_t)argument;
    const uint64_t page = 9 + (uint64_t)(uintptr_t)argument;
    struct vmb_message message = {.number = VMB_MSG_GPADL_TEARDOWN};

    host_world_share(disk.relid, handle, &page, 1);
    if (argument == NULL) {
        return;
    }
    message.u.gpadl_teardown.relid = disk.relid;
    message.u.gpadl_teardown.gpadl = handle;
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
    struct vmb_host_counters counters;

    vmb_host_read_counters(host_world, &counters);
    xpl_expect(host_world_heard(VMB_MSG_GPADL_CREATED) == 4,
               "two GPADLs were shared, and the host answered %u",
               host_world_heard(VMB_MSG_GPADL_CREATED) - 2);
    xpl_expect(host_world_heard(VMB_MSG_GPADL_TORNDOWN) == 1,
               "one GPADL was taken back, and the host answered %u",
               host_world_heard(VMB_MSG_GPADL_TORNDOWN));
    xpl_expect(counters.messages_malformed == 0 && counters.messages_unexpected == 0,
               "the host found a message torn or out of order");
}

const struct xpl_scenario scenario_host_inbox = {
    .name = "host-inbox",
    .shows = "messages that VPs post at once are neither lost nor torn, and stay in order",
    .rules = "",
    .threads = {{.name = "guest: VP 0", .run = guest_vp},
                {.name = "guest: VP 1", .run = guest_vp, .argument = (void *)(uintptr_t)1},
                {.name = "control plane", .run = host_world_control, .service = true}},
    .prepare = prepare,
    .check = check,
};
