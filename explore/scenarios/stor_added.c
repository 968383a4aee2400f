/* SPDX-License-Identifier: MIT */
/*
 * A disk is added under a guest that runs. Who finds it finds all of it; and a guest that is told
 * on one channel to look for disks finds the new one on the other.
 */
#include "explore/scenarios/stor_world.h"

static struct stor_disk old, new;
static struct stor_disk *const disks[] = {&old, NULL};
static bool told;    /* The guest's. */
static uint32_t lun; /* Of the disk that comes. */

static void runner(void *argument)
{
    (void)argument;
    for (;;) {
        stor_world_run(0);
        stor_world_await_wake(0);
    }
}

/* Whether there is such a disk. The channel that is asked is run here as well. */
static bool finds(uint8_t wanted)
{
    struct stor_answer answer;

    stor_world_inquire(1, wanted);
    stor_world_run(1);
    return stor_world_hear(1, &answer) && answer.srb.srb_status == VMB_STOR_SRB_SUCCESS &&
           stor_world_found(1, answer.id);
}

static void guest(void *argument)
{
    struct stor_answer answer;

    (void)argument;
    told = stor_world_hear(0, &answer) && answer.header.operation == VMB_STOR_ENUMERATE_BUS;
    xpl_expect(finds(1) || !told,
               "the guest was told to look for disks, and does not find the new one");
}

static void control(void *argument)
{
    const struct vmb_stor_disk disk = stor_world_describe(&new);

    (void)argument;
    if (vmb_stor_host_add(stor_world, lun, &disk) != VMB_OK) {
        xpl_fail("a disk cannot be added");
    }
}

static void prepare(unsigned design)
{
    (void)design;
    old = new = (struct stor_disk){0};
    told = false;
    lun = 1;
    stor_world_begin(disks);
    stor_world_ready(disks);
    xpl_keep_watched(&new, sizeof(new));
    xpl_keep(&told, sizeof(told));
}

static void check(void)
{
    struct stor_answer answer;

    xpl_expect(
        told || (stor_world_hear(0, &answer) && answer.header.operation == VMB_STOR_ENUMERATE_BUS),
        "a disk was added, and the guest was not told");
}

/* LUN 1 has come already, and the guest is about to be told; then comes LUN 2. */
static void runner_and_guest(void *argument)
{
    struct stor_answer answer;

    (void)argument;
    for (;;) {
        stor_world_run(0);
        while (stor_world_hear(0, &answer)) {
            told = told || finds(2);
        }
        stor_world_await_wake(0);
    }
}

static void prepare_second(unsigned design)
{
    const struct vmb_stor_disk disk = stor_world_describe(&old);

    prepare(design);
    lun = 2;
    if (vmb_stor_host_add(stor_world, 1, &disk) != VMB_OK) {
        xpl_fail("a disk cannot be added");
    }
}

static void check_second(void)
{
    xpl_expect(told, "a disk was added, and the guest was not told, or did not find it then");
}

const struct xpl_scenario scenario_stor_added_second = {
    .name = "stor-added-second",
    .shows = "the same of a disk that comes when the guest is being told of another",
    .rules = "",
    .threads = {{.name = "runner 0, guest", .run = runner_and_guest, .service = true},
                {.name = "control plane", .run = control}},
    .prepare = prepare_second,
    .check = check_second,
};

const struct xpl_scenario scenario_stor_added = {
    .name = "stor-added",
    .shows = "a guest is told of a disk that comes, and finds it whole",
    .rules = "",
    .threads = {{.name = "runner 0", .run = runner, .service = true},
                {.name = "guest, runner 1", .run = guest},
                {.name = "control plane", .run = control}},
    .prepare = prepare,
    .check = check,
};
