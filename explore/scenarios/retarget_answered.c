/* SPDX-License-Identifier: MIT */
/*
 * A channel is moved with a host that answers (5.3 and later), while both VPs take events and the
 * answer itself comes as a message on VP 0. Nothing is lost, and the move ends (R4, R12; bugs H24,
 * H25).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};
static bool moved;

/* So many events: its argument. */
static void host_disk(void *argument)
{
    for (uintptr_t i = 0; i < (uintptr_t)argument; i++) {
        world_signal(&disk);
    }
}

static void host_net(void *argument)
{
    (void)argument;
    world_signal(&net);
}

static void move_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    (void)context;
    (void)channel;
    moved = status == VMB_OK;
}

static void move(void *argument)
{
    (void)argument;
    if (vmb_channel_set_target_vp(disk.channel, 1, move_done, NULL) != VMB_OK) {
        xpl_fail("the move was refused");
    }
    world_settle();
    xpl_expect(moved, "the host has answered, and the move has not ended");
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_3);
    world_offer(&disk, 5);
    world_offer(&net, 70);
    world_open(&disk, VMB_NOTIFY_DIRECT, 0);
    world_open(&net, VMB_NOTIFY_DEFERRED, 0);
    moved = false;
    xpl_keep(&moved, sizeof(moved));
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&net);
}

const struct xpl_scenario scenario_retarget_answered = {
    .name = "retarget-answered",
    .shows = "a move that the host answers loses neither an event nor the answer",
    .rules = "R4 R12",
    .threads = {{.name = "host: disk", .run = host_disk, .argument = (void *)(uintptr_t)1},
                {.name = "host: net", .run = host_net},
                {.name = "control plane", .run = move},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_retarget_answered_large = {
    .name = "retarget-answered-large",
    .shows = "the same of two events",
    .rules = "R4 R12",
    .threads = {{.name = "host: disk", .run = host_disk, .argument = (void *)(uintptr_t)2},
                {.name = "host: net", .run = host_net},
                {.name = "control plane", .run = move},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};
