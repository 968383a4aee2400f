/* SPDX-License-Identifier: MIT */
/*
 * A channel is moved from VP 0 to VP 1 while its host signals. Whatever the order, each event
 * leads to a handler start after it, on whichever VP the interrupt lands (R3, R4, R5).
 */
#include "explore/designs/percpu_lists.h"
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};

static void host_disk(void *argument)
{
    (void)argument;
    world_signal(&disk);
    world_signal(&disk);
}

static void host_net(void *argument)
{
    (void)argument;
    world_signal(&net);
}

static bool percpu;

static void move(void *argument)
{
    (void)argument;
    if (percpu) {
        percpu_lists_move(&disk, 0, 1);
        return;
    }
    if (vmb_channel_set_target_vp(disk.channel, 1, NULL, NULL) != VMB_OK) {
        xpl_fail("the move was refused");
    }
    while (vmb_guest_poll(world_guest)) {
    }
}

static void vp(void *argument)
{
    if (percpu) {
        percpu_lists_vp(argument);
    } else {
        world_vp(argument);
    }
}

static void prepare(unsigned design)
{
    percpu = design == 1;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_offer(&net, 70);
    world_open(&disk, VMB_NOTIFY_DIRECT, 0);
    world_open(&net, VMB_NOTIFY_DIRECT, 1);
    percpu_lists_begin();
    percpu_lists_add(&disk, 0);
    percpu_lists_add(&net, 1);
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&net);
}

static const char *const designs[] = {"global-array", "percpu-lists", NULL};

const struct xpl_scenario scenario_retarget = {
    .name = "retarget",
    .shows = "a channel that moves to another VP under traffic loses no event",
    .rules = "R3 R4",
    .designs = designs,
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "host: net", .run = host_net},
                {.name = "control plane", .run = move},
                {.name = "VP 0", .run = vp, .argument = (void *)(uintptr_t)0, .service = true},
                {.name = "VP 1", .run = vp, .argument = (void *)(uintptr_t)1, .service = true}},
    .prepare = prepare,
    .check = check,
};
