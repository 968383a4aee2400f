/* SPDX-License-Identifier: MIT */
/*
 * A guest opens a sub-channel that has a request in its ring, while the primary channel does what
 * the request must wait for: it ends the initialisation, or a reset. The request is served, though
 * the sub-channel may have looked too early, and been looked for too early.
 */
#include <vmbus/driver.h>

#include "explore/scenarios/stor_world.h"

static struct stor_disk disk;
static struct stor_disk *const disks[] = {&disk, NULL};
static struct host_device devices[] = {{.name = "primary channel"}, {.name = "sub-channel"}};

/* On a bus whose gates stay closed: that a channel was kicked is seen by its count of strays. */
static void open_on_bus(uint32_t channel)
{
    if (vmb_stor_host_hooks()->open(vmb_stor_host_device(stor_world, channel),
                                    devices[channel].channel, NULL) != VMB_OK) {
        xpl_fail("a channel is not opened");
    }
    stor_world_open(channel);
}

static void runner(void *argument)
{
    (void)argument;
    stor_world_run(0);
}

static void control_and_runner(void *argument)
{
    (void)argument;
    open_on_bus(1);
    stor_world_run(1);
}

/* The guest has asked for it, at the end of the initialisation or before. */
static void prepare(bool is_ready)
{
    disk = (struct stor_disk){0};
    stor_world_begin_on_bus(disks, vmb_stor_host_driver(), devices);
    open_on_bus(0);
    stor_world_ask(VMB_STOR_BEGIN_INIT, 0);
    stor_world_ask(VMB_STOR_QUERY_VERSION, VMB_STOR_VERSION_6_2);
    stor_world_ask(VMB_STOR_QUERY_PROPERTIES, 0);
    stor_world_ask(VMB_STOR_CREATE_SUB_CHANNELS, 1);
    if (is_ready) {
        stor_world_ask(VMB_STOR_END_INIT, 0);
    }
    stor_world_run(0);
    vmb_stor_host_poll(stor_world);
}

static void prepare_init(unsigned design)
{
    (void)design;
    prepare(false);
    stor_world_ask(VMB_STOR_END_INIT, 0);
    stor_world_read(1, 0);
}

static void prepare_reset(unsigned design)
{
    (void)design;
    prepare(true);
    stor_world_reset(0);
    stor_world_reset(1);
}

static void check(void)
{
    struct vmb_host_channel_counters counters;
    struct stor_answer answer;

    vmb_host_channel_read_counters(devices[1].channel, &counters);
    if (counters.stray > 0) {
        stor_world_run(1);
    }
    xpl_expect(stor_world_hear(1, &answer) && answer.id == 1,
               "a request on a sub-channel waits for nothing any more, and is not served");
}

const struct xpl_scenario scenario_stor_sub_channel = {
    .name = "stor-sub-channel",
    .shows = "a sub-channel that is opened before its controller is ready is served then",
    .rules = "R4",
    .threads = {{.name = "runner 0", .run = runner},
                {.name = "control, runner 1", .run = control_and_runner}},
    .prepare = prepare_init,
    .check = check,
};

const struct xpl_scenario scenario_stor_sub_reset = {
    .name = "stor-sub-reset",
    .shows = "a reset on a sub-channel that has just been opened has its turn",
    .rules = "R4",
    .threads = {{.name = "runner 0", .run = runner},
                {.name = "control, runner 1", .run = control_and_runner}},
    .prepare = prepare_reset,
    .check = check,
};
