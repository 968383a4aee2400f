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

static const struct vmb_message rescind = {.number = VMB_MSG_RESCIND_OFFER, .u.rescind.relid = 5};

static void control(void *argument)
{
    (void)argument;
    world_until_released(5);
    world_offer(&other, 7);
    world_offer(&next, 5);
    world_open(&next, VMB_NOTIFY_DIRECT, 0);
}

static void control_large(void *argument)
{
    world_host_says(&rescind);
    control(argument);
}

static void prepare_large(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_open(&disk, VMB_NOTIFY_POLLED, 0);
    world_will_offer(&other, 7);
    world_will_offer(&next, 5);
    world_will_close();
}

/*
 * The poller has been woken, the next event has been raised, on a VP that no message comes to, and
 * the host has taken the channel away.
 */
static void prepare(unsigned design)
{
    prepare_large(design);
    world_control_on_vp_0();
    disk.poller_waits = true;
    world_signal_vp(&disk, 1);
    (void)vmb_guest_on_interrupt(world_guest, 1);
    world_signal_vp(&disk, 1);
    world_host_has_said(&rescind);
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
    .threads = {{.name = "control plane", .run = control, .service = true},
                {.name = "poller", .run = poller, .service = true},
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_poller_late_large = {
    .name = "poller-late-large",
    .shows = "the same while the relid's next channel has events",
    .rules = "R6 R7",
    .threads = {{.name = "host: old", .run = host_old},
                {.name = "host: next", .run = host_next, .service = true},
                {.name = "control plane", .run = control_large, .service = true},
                {.name = "poller", .run = poller, .service = true},
                WORLD_VP(0)},
    .prepare = prepare_large,
    .check = check,
};
