/* SPDX-License-Identifier: MIT */
/*
 * A guest older than 2.4: both ends signal by bits of one page and one doorbell for all channels.
 * Two VPs and two devices do so at once. Each signal leads to a look after it that sees what was
 * written before it (R3, R4, both ends; H34).
 */
#include "explore/scenarios/host_world.h"

static struct host_device disk = {.name = "disk"};
static struct host_device net = {.name = "net"};
static struct host_device *const devices[] = {&disk, &net, NULL};

static void guest_vp(void *argument)
{
    host_world_signal_legacy(argument);
}

static void prepare(unsigned design)
{
    (void)design;
    host_world_begin(VMB_VERSION_1_1);
    host_world_open(&disk);
    host_world_open(&net);
}

static void check(void)
{
    host_world_expect_seen(&disk);
    host_world_expect_seen(&net);
}

const struct xpl_scenario scenario_host_legacy = {
    .name = "host-legacy",
    .shows = "bits that an old guest sets are not lost",
    .rules = "R3 R4",
    .threads = {{.name = "guest: VP 0", .run = guest_vp, .argument = &disk},
                {.name = "guest: VP 1", .run = guest_vp, .argument = &net},
                {.name = "control plane", .run = host_world_control, .service = true},
                {.name = "runner 0", .run = host_world_runner, .service = true},
                {.name = "runner 1",
                 .run = host_world_runner,
                 .argument = (void *)(uintptr_t)1,
                 .service = true}},
    .prepare = prepare,
    .check = check,
};

static void device_raises(void *argument)
{
    host_world_raise(argument);
}

static void prepare_raises(unsigned design)
{
    prepare(design);
    host_world_takes_interrupts();
}

const struct xpl_scenario scenario_host_legacy_raises = {
    .name = "host-legacy-raises",
    .shows = "bits that are set for an old guest are not lost",
    .rules = "R3 R4",
    .threads = {{.name = "device: disk", .run = device_raises, .argument = &disk},
                {.name = "device: net", .run = device_raises, .argument = &net},
                {.name = "guest: VP 0",
                 .run = host_world_legacy_vp,
                 .argument = (void *)(uintptr_t)devices,
                 .service = true}},
    .prepare = prepare_raises,
    .check = check,
};
