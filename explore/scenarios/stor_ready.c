/* SPDX-License-Identifier: MIT */
/*
 * A guest opens a controller that an older one has used, initialises it and asks for a sub-channel,
 * while somebody asks for the version and the control plane polls whenever it likes. Nobody is told
 * the older one's version; and what the guest asks for is not taken for what came before its open.
 */
#include "explore/scenarios/stor_world.h"

#include <vmbus/driver.h>

static struct stor_disk disk;
static struct stor_disk *const disks[] = {&disk, NULL};

static void runner(void *argument)
{
    struct stor_answer answer;

    (void)argument;
    stor_world_open(0);
    stor_world_run(0);
    while (stor_world_hear(0, &answer)) {
        xpl_expect(answer.header.status == VMB_STOR_STATUS_SUCCESS, "a step is refused");
    }
}

static void asker(void *argument)
{
    uint16_t version = vmb_stor_host_version(stor_world);

    (void)argument;
    xpl_expect(version == 0 || version == VMB_STOR_VERSION_6_2,
               "the controller is ready, and the version is not known");
}

static void control(void *argument)
{
    (void)argument;
    vmb_stor_host_poll(stor_world);
}

static void prepare(unsigned design)
{
    (void)design;
    disk = (struct stor_disk){0};
    stor_world_begin(disks);
    stor_world_initialise(VMB_STOR_VERSION_4_2);
    stor_world_close(0);
    stor_world_ask(VMB_STOR_BEGIN_INIT, 0);
    stor_world_ask(VMB_STOR_QUERY_VERSION, VMB_STOR_VERSION_6_2);
    stor_world_ask(VMB_STOR_QUERY_PROPERTIES, 0);
    stor_world_ask(VMB_STOR_CREATE_SUB_CHANNELS, 1);
    stor_world_ask(VMB_STOR_END_INIT, 0);
}

/* A channel that the guest has not asked for may not be opened. */
static void check(void)
{
    vmb_stor_host_poll(stor_world);
    xpl_expect(vmb_stor_host_hooks()->open(vmb_stor_host_device(stor_world, 1), NULL, NULL) ==
                   VMB_OK,
               "the guest asked for a sub-channel, was told that it will come, and it does not");
}

const struct xpl_scenario scenario_stor_ready = {
    .name = "stor-ready",
    .shows = "a controller that is ready knows its version, and a sub-channel asked for comes",
    .rules = "",
    .threads = {{.name = "runner", .run = runner},
                {.name = "anybody", .run = asker},
                {.name = "control plane", .run = control}},
    .prepare = prepare,
    .check = check,
};
