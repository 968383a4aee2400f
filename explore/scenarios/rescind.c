/* SPDX-License-Identifier: MIT */
/*
 * A channel is rescinded while events for it arrive; the library lets go of it, and its slot goes
 * to the next offer, under another relid. No VP that still held the pointer touches the new channel
 * through it, and none touches what has been given back (R6, R7, R8, R11; bugs H31, H46; openvmm's
 * 4081). With a channel whose handler runs in the interrupt, and with one that is run outside it.
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .watched = true};
static struct world_device next = {.name = "next disk"};

static void host_old(void *argument)
{
    (void)argument;
    world_signal_vp(&disk, 1);
}

static void control(void *argument)
{
    struct vmb_message rescind = {.number = VMB_MSG_RESCIND_OFFER};

    (void)argument;
    rescind.u.rescind.relid = 5;
    world_host_says(&rescind);
    world_until_released(5);
    world_offer(&next, 6);
}

static void prepare_notified(enum vmb_notify notify)
{
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_open(&disk, notify, 0);
    world_will_offer(&next, 6);
    world_will_close();
}

static void prepare_direct(unsigned design)
{
    (void)design;
    prepare_notified(VMB_NOTIFY_DIRECT);
}

static void prepare_deferred(unsigned design)
{
    (void)design;
    prepare_notified(VMB_NOTIFY_DEFERRED);
}

static void check(void)
{
    world_expect_released(5);
}

const struct xpl_scenario scenario_rescind = {
    .name = "rescind",
    .shows = "a rescinded channel's slot is reused only after every VP has let go of it",
    .rules = "R6 R7 R8 R11",
    .threads = {{.name = "host: disk", .run = host_old},
                {.name = "control plane", .run = control, .service = true},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare_direct,
    .check = check,
};

const struct xpl_scenario scenario_rescind_deferred = {
    .name = "rescind-deferred",
    .shows = "the same for a channel that is run outside the interrupt",
    .rules = "R6 R7 R8 R11",
    .threads = {{.name = "host: disk", .run = host_old},
                {.name = "control plane", .run = control, .service = true},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare_deferred,
    .check = check,
};
