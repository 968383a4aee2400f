/* SPDX-License-Identifier: MIT */
/*
 * A deferred channel is closed, with an event under way, and opened again as a direct one. What its
 * first life left behind (a ready flag, the note that its events go on the ready list) swallows no
 * event of the second (R4, R6, R7).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static bool reopened; /* Not, while a VP that has left may still look as if it were inside. */

static void host_old(void *argument)
{
    (void)argument;
    world_signal_vp(&disk, 1);
}

static void host_new(void *argument)
{
    (void)argument;
    world_await_asked();
    world_signal_vp(&disk, 1);
}

static void control(void *argument)
{
    (void)argument;
    world_close(&disk);
    world_open(&disk, VMB_NOTIFY_DIRECT, 1);
    reopened = true;
}

static void prepare_large(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_open(&disk, VMB_NOTIFY_DEFERRED, 0);
    world_will_close();
    reopened = false;
    xpl_keep(&reopened, sizeof(reopened));
}

static void prepare(unsigned design)
{
    prepare_large(design);
    world_control_on_vp_0();
    world_signal_taken(&disk, 1);
}

static void check(void)
{
    if (reopened) {
        world_expect_seen(&disk);
    }
    world_expect_accounted();
}

const struct xpl_scenario scenario_deferred_reopened = {
    .name = "deferred-reopened",
    .shows = "a deferred channel that comes back as a direct one loses no event",
    .rules = "R4 R6 R7",
    .threads = {{.name = "host: new", .run = host_new, .service = true},
                {.name = "control plane", .run = control, .service = true},
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_deferred_reopened_large = {
    .name = "deferred-reopened-large",
    .shows = "the same while an event of its first life is under way to another VP",
    .rules = "R4 R6 R7",
    .threads = {{.name = "host: old", .run = host_old},
                {.name = "host: new", .run = host_new, .service = true},
                {.name = "control plane", .run = control, .service = true},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare_large,
    .check = check,
};
