/* SPDX-License-Identifier: MIT */
/*
 * A guest has crashed with its message slot full, so the host owes it more than it can queue and
 * takes nothing more. A new kernel on VP 0 starts over, while VP 1 still posts. It gets through
 * past all that stands before it, and the host answers (H10).
 */
#include "explore/scenarios/host_world.h"

static struct host_device disk = {.name = "disk"};
static struct host_device net = {.name = "net"};

static void guest_old(void *argument)
{
    struct vmb_message message = {.number = VMB_MSG_CLOSE_CHANNEL};

    (void)argument;
    message.u.close_channel.relid = disk.relid;
    host_world_post(&message);
}

static void guest_new(void *argument)
{
    struct vmb_message message = {.number = VMB_MSG_INITIATE_CONTACT};

    (void)argument;
    message.u.initiate_contact.requested_version = VMB_VERSION_4_0;
    host_world_post(&message);
}

static void prepare(unsigned design)
{
    const uint64_t page = 9;

    (void)design;
    host_world_begin(VMB_VERSION_4_0);
    host_world_open(&disk);
    host_world_open(&net);
    host_world_fill_slot(true);
    for (uint32_t handle = 50; handle < 58; handle++) {
        host_world_share(disk.relid, handle, &page, 1);
        host_world_settle();
    }
}

static void check(void)
{
    host_world_fill_slot(false);
    vmb_host_on_slot_free(host_world);
    host_world_settle();
    xpl_expect(host_world_heard(VMB_MSG_VERSION_RESPONSE) == 2,
               "the new kernel asks for a version, and nobody answers");
}

const struct xpl_scenario scenario_host_contact = {
    .name = "host-contact",
    .shows = "a new kernel gets past the messages that a crashed one has left",
    .rules = "",
    .threads = {{.name = "guest: VP 0", .run = guest_new},
                {.name = "guest: VP 1", .run = guest_old},
                {.name = "control plane", .run = host_world_control, .service = true}},
    .prepare = prepare,
    .check = check,
};
