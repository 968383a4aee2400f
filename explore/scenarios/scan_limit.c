/* SPDX-License-Identifier: MIT */
/*
 * The scan stops at the highest mapped relid. It falls when that relid goes, and rises when a
 * higher one comes; an event of a relid that is mapped throughout, or mapped in time, is never
 * hidden (R9).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk"};
static struct world_device high = {.name = "high"};
static struct world_device higher = {.name = "higher"};

static void host_disk(void *argument)
{
    (void)argument;
    world_signal(&disk);
}

static void host_higher(void *argument)
{
    (void)argument;
    world_await_asked();
    world_signal(&higher);
}

static void control(void *argument)
{
    struct vmb_message rescind = {.number = VMB_MSG_RESCIND_OFFER};

    (void)argument;
    rescind.u.rescind.relid = 70;
    world_host_says(&rescind);
    world_offer(&higher, 140);
    world_open(&higher, VMB_NOTIFY_DIRECT, 0);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 66);
    world_offer(&high, 70);
    world_open(&disk, VMB_NOTIFY_DIRECT, 1);
    world_will_offer(&higher, 140);
}

static void check(void)
{
    world_expect_seen(&disk);
    world_expect_seen(&higher);
}

const struct xpl_scenario scenario_scan_limit = {
    .name = "scan-limit",
    .shows = "the scan limit rises and falls and hides no event",
    .rules = "R9",
    .threads = {{.name = "host: disk", .run = host_disk},
                {.name = "host: higher", .run = host_higher},
                {.name = "control plane", .run = control},
                WORLD_VP(0),
                WORLD_VP(1)},
    .prepare = prepare,
    .check = check,
};
