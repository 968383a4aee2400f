/* SPDX-License-Identifier: MIT */
/*
 * A flag is left set where no VP scans, by an earlier life of its relid: the hypervisor interrupts
 * only when a flag goes from 0 to 1, so the first event of the new channel would raise nothing. The
 * channel is offered, opened, and signalled: the event must not be swallowed (R4, R9, R11).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device net = {.name = "net"};

static void control(void *argument)
{
    (void)argument;
    world_offer(&disk, 130);
    world_open(&disk, VMB_NOTIFY_DIRECT, 1);
}

static void host_disk(void *argument)
{
    (void)argument;
    world_await_asked();
    if (vmb_atomic_load(&disk.target, VMB_ACQUIRE) == 1) { /* It has heard where, too. */
        world_signal_vp(&disk, 1);
    }
}

/* What was under way when the relid's earlier life ended; and traffic of another channel. */
static void host_late(void *argument)
{
    (void)argument;
    world_set_flag(130, 0);
    world_signal(&net);
}

static void prepare_large(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&net, 5);
    world_open(&net, VMB_NOTIFY_DIRECT, 1);
    world_set_flag(130, 1); /* And nobody has scanned that far. */
    world_will_offer(&disk, 130);
}

static void prepare(unsigned design)
{
    prepare_large(design);
    world_control_on_vp_0();
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&net);
}

const struct xpl_scenario scenario_stale_flag = {
    .name = "stale-flag",
    .shows = "a flag left of an earlier life of a relid does not swallow its first event",
    .rules = "R4 R9 R11",
    .threads = {{.name = "control plane", .run = control},
                {.name = "host: disk", .run = host_disk},
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_stale_flag_large = {
    .name = "stale-flag-large",
    .shows = "the same under traffic, and of one that is set on another VP just then",
    .rules = "R4 R9 R11",
    .threads = {{.name = "control plane", .run = control},
                {.name = "host: disk", .run = host_disk},
                {.name = "host: late", .run = host_late},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare_large,
    .check = check,
};
