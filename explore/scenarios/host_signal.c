/* SPDX-License-Identifier: MIT */
/*
 * The host's end: two VPs of a guest ring the doorbells of two devices while two threads run
 * handlers. Each signal leads to a handler start after it; a handler never runs twice at once, and
 * each run sees what the one before it wrote (R4, R5, mirrored).
 */
#include "explore/scenarios/host_world.h"

static struct host_device disk = {.name = "disk"};
static struct host_device net = {.name = "net"};

static void guest_vp(void *argument)
{
    host_world_signal(&disk);
    if (argument == NULL) {
        host_world_signal(&net);
    }
}

static void prepare(unsigned design)
{
    (void)design;
    host_world_begin(VMB_VERSION_5_0);
    host_world_open(&disk);
    host_world_open(&net);
}

static void check(void)
{
    host_world_expect_seen(&disk);
    host_world_expect_seen(&net);
}

const struct xpl_scenario scenario_host_signal = {
    .name = "host-signal",
    .shows = "a guest's signal leads to a handler start after it, and one handler at once",
    .rules = "R4 R5",
    .threads = {{.name = "guest: VP 0", .run = guest_vp},
                {.name = "guest: VP 1", .run = guest_vp, .argument = (void *)(uintptr_t)1},
                {.name = "runner 0", .run = host_world_runner, .service = true},
                {.name = "runner 1",
                 .run = host_world_runner,
                 .argument = (void *)(uintptr_t)1,
                 .service = true}},
    .prepare = prepare,
    .check = check,
};
