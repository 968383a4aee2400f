/* SPDX-License-Identifier: MIT */
/*
 * A guest resets the bus on one channel while a request of another ends, or begins. The reset is
 * answered, and not before what was at the disk when its turn came has ended: the memory of that is
 * the guest's then.
 */
#include "explore/scenarios/stor_world.h"

static struct stor_disk disk;
static struct stor_disk *const disks[] = {&disk, NULL};
static uint32_t resets; /* Answered. The runner's. */

/* Channel 0 has the READ. */
static void runner_of_read(void *argument)
{
    struct stor_answer answer;

    (void)argument;
    for (;;) {
        stor_world_run(0);
        while (stor_world_hear(0, &answer)) {
        }
        stor_world_await_wake(0);
    }
}

static void runner_of_reset(void *argument)
{
    const bool older = stor_world_under_way(&disk);
    struct stor_answer answer;

    (void)argument;
    for (;;) {
        stor_world_run(1);
        while (stor_world_hear(1, &answer)) {
            resets++;
            if (older) {
                xpl_expect(!stor_world_under_way(&disk),
                           "a reset is answered, and an older request is still at the disk");
                stor_world_use_data(0, stor_world_asked(0));
            }
        }
        stor_world_await_wake(1);
    }
}

static void disk_thread(void *argument)
{
    (void)argument;
    stor_world_end_job(&disk);
}

static void prepare_read(void)
{
    disk = (struct stor_disk){.keeps = true};
    resets = 0;
    stor_world_begin(disks);
    stor_world_ready(disks);
    stor_world_read(0, 0);
    stor_world_reset(1);
    xpl_keep(&resets, sizeof(resets));
}

static void prepare_begins(unsigned design)
{
    (void)design;
    prepare_read();
}

static void prepare_ends(unsigned design)
{
    (void)design;
    prepare_read();
    stor_world_run(0);
}

/* A READ that has begun behind the disk's back has no end to wait for. */
static void check(void)
{
    xpl_expect(resets == 1 || stor_world_under_way(&disk),
               "nothing is in flight any more, and the reset is not answered");
}

const struct xpl_scenario scenario_stor_reset = {
    .name = "stor-reset",
    .shows = "a reset is answered when what was in flight has ended",
    .rules = "",
    .threads = {{.name = "disk", .run = disk_thread},
                {.name = "runner: READ", .run = runner_of_read, .service = true},
                {.name = "runner: reset", .run = runner_of_reset, .service = true}},
    .prepare = prepare_ends,
    .check = check,
};

const struct xpl_scenario scenario_stor_reset_begun = {
    .name = "stor-reset-begun",
    .shows = "the same of a request that begins at about the same time",
    .rules = "",
    .threads = {{.name = "disk", .run = disk_thread},
                {.name = "runner: READ", .run = runner_of_read, .service = true},
                {.name = "runner: reset", .run = runner_of_reset, .service = true}},
    .prepare = prepare_begins,
    .check = check,
};
