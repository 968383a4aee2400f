/* SPDX-License-Identifier: MIT */
/*
 * A poller lets go of a channel that is being taken away, and the relid is another's before the
 * poller has gone: it stays away from the channel that it no longer has, and from the gate, which
 * is the next channel's by then (R6, R7).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .polls_outside = true};
static struct world_device other = {.name = "other disk"};
static struct world_device next = {.name = "next disk"};

/* The second event comes while the poller has the channel. */
static void host_old(void *argument)
{
    (void)argument;
    world_signal_vp(&disk, 0);
    world_signal_vp(&disk, 0);
}

static void host_next(void *argument)
{
    (void)argument;
    world_await_asked();
    world_signal(&next);
}

static void poller(void *argument)
{
    (void)argument;
    world_poller(&disk);
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
    world_open(&next, VMB_NOTIFY_DIRECT, 0);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_open(&disk, VMB_NOTIFY_POLLED, 0);
    world_will_offer(&other, 7);
    world_will_offer(&next, 5);
    world_will_close();
}

static void check(void)
{
    world_expect_released(5);
    if (next.endpoint != NULL) {
        world_expect_seen(&next);
    }
}

const struct xpl_scenario scenario_poller_late = {
    .name = "poller-late",
    .shows = "a poller that has let go of a channel touches nothing of it any more",
    .rules = "R6 R7",
    .threads = {{.name = "host: old", .run = host_old},
                {.name = "host: next", .run = host_next, .service = true},
                {.name = "control plane", .run = control, .service = true},
                {.name = "poller", .run = poller, .service = true},
                WORLD_VP(0)},
    .prepare = prepare,
    .check = check,
};
