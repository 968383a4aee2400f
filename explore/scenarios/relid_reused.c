/* SPDX-License-Identifier: MIT */
/*
 * A relid in its second life: its channel is rescinded under traffic and let go of; the slot goes
 * to one new device, the relid to another, which is opened. A VP that still held the old channel
 * starts nobody by it (R7, R11; H31, H46, H48; openvmm's 1815).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device other = {.name = "other disk"};
static struct world_device next = {.name = "next disk"};

static void host_old(void *argument)
{
    (void)argument;
    world_set_flag(5, 1);
}

static void host_next(void *argument)
{
    (void)argument;
    world_await_asked();
    world_signal(&next);
}

static void control(void *argument)
{
    struct vmb_message rescind = {.number = VMB_MSG_RESCIND_OFFER};

    (void)argument;
    rescind.u.rescind.relid = 5;
    world_host_says(&rescind);
    world_until_released(5);
    world_offer(&other, 7);
    world_offer(&next, 5);
    world_open(&next, VMB_NOTIFY_DEFERRED, 0);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_open(&disk, VMB_NOTIFY_DEFERRED, 1);
    world_will_offer(&other, 7);
    world_will_offer(&next, 5);
    world_will_close();
    world_runs_apart();
}

static void prepare_held(unsigned design)
{
    prepare(design);
    world_control_on_vp_0();
}

static void check(void)
{
    world_expect_released(5);
    if (next.endpoint != NULL) {
        world_expect_seen(&next);
    }
}

const struct xpl_scenario scenario_relid_reused = {
    .name = "relid-reused",
    .shows = "a VP that held a channel starts nobody by it when its relid is another's",
    .rules = "R7 R11",
    .threads = {{.name = "host: old", .run = host_old},
                {.name = "control plane", .run = control, .service = true},
                WORLD_VP(1)},
    .prepare = prepare_held,
    .check = check,
};

const struct xpl_scenario scenario_relid_reopened = {
    .name = "relid-reopened",
    .shows = "a relid's second channel is opened and signalled like any other",
    .rules = "R7 R11",
    .threads = {{.name = "host: next", .run = host_next, .service = true},
                {.name = "control plane", .run = control, .service = true},
                WORLD_VP(0),
                WORLD_VP(1),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_relid_reused_large = {
    .name = "relid-reused-large",
    .shows = "both at once",
    .rules = "R7 R11",
    .threads = {{.name = "host: old", .run = host_old},
                {.name = "host: next", .run = host_next, .service = true},
                {.name = "control plane", .run = control, .service = true},
                WORLD_VP(0),
                WORLD_VP(1),
                {.name = "VP 0, run", .run = world_runner, .service = true}},
    .prepare = prepare,
    .check = check,
};
