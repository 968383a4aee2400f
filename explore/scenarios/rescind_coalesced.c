/* SPDX-License-Identifier: MIT */
/*
 * A channel is rescinded while events for it arrive on both VPs at once; the library lets go of it,
 * and its slot goes to the next offer, under another relid. No VP that still held the pointer
 * touches the new channel through it, and none touches what has been given back (R6, R7, R8, R11;
 * bugs H31, H46; openvmm's 4081).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .watched = true};
static struct world_device next = {.name = "next disk"};

static void host_old(void *argument)
{
    (void)argument;
    world_signal_vp(&disk, 1);
}

static void host_late(void *argument)
{
    (void)argument;
    world_signal_vp(&disk, 0);
}

static const struct vmb_message rescind = {.number = VMB_MSG_RESCIND_OFFER, .u.rescind.relid = 5};

static void control(void *argument)
{
    (void)argument;
    world_until_released(5);
}

static void control_reuses(void *argument)
{
    world_host_says(&rescind);
    control(argument);
    world_offer(&next, 6);
}

static void prepare_large(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_open(&disk, VMB_NOTIFY_DIRECT, 0);
    world_will_offer(&next, 6);
    world_will_close();
}

static void prepare(unsigned design)
{
    prepare_large(design);
    world_signal_vp(&disk, 0);
    world_signal_vp(&disk, 1);
    world_host_has_said(&rescind);
}

static void check(void)
{
    world_expect_released(5);
}

const struct xpl_scenario scenario_rescind_coalesced = {
    .name = "rescind-coalesced",
    .shows = "a rescind ends although two VPs hold the channel at once, and not before they let go",
    .rules = "R6 R7 R8",
    .threads = {{.name = "control plane", .run = control, .service = true},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_rescind_reused = {
    .name = "rescind-reused",
    .shows = "a VP that held a channel touches none that came into its slot",
    .rules = "R7 R8 R11",
    .threads = {{.name = "host: disk", .run = host_old},
                {.name = "control plane", .run = control_reuses, .service = true},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare_large,
    .check = check,
};

const struct xpl_scenario scenario_rescind_coalesced_large = {
    .name = "rescind-coalesced-large",
    .shows = "both at once",
    .rules = "R6 R7 R8 R11",
    .threads = {{.name = "host: disk", .run = host_old},
                {.name = "host: disk, late", .run = host_late},
                {.name = "control plane", .run = control_reuses, .service = true},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare_large,
    .check = check,
};
