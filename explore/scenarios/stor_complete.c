/* SPDX-License-Identifier: MIT */
/*
 * Two jobs of a channel end on two threads of a disk while the channel is run. Each is answered,
 * though who comes second to the stack wakes nobody; and the guest that hears of it has its memory
 * for itself.
 */
#include "explore/scenarios/stor_world.h"

static struct stor_disk disk;
static struct stor_disk *const disks[] = {&disk, NULL};
static uint32_t answered; /* The runner's. */

static void runner(void *argument)
{
    (void)argument;
    for (;;) {
        struct stor_answer answer;

        stor_world_await_wake(0);
        stor_world_run(0);
        while (stor_world_hear(0, &answer)) {
            xpl_expect(answer.srb.srb_status == VMB_STOR_SRB_SUCCESS, "a READ fails");
            stor_world_use_data(0, answer.id);
            answered++;
        }
    }
}

static void disk_thread(void *argument)
{
    (void)argument;
    stor_world_end_job(&disk);
}

static void prepare(unsigned design)
{
    (void)design;
    disk = (struct stor_disk){.keeps = true};
    answered = 0;
    stor_world_begin(disks);
    stor_world_ready(disks);
    stor_world_read(0, 0);
    stor_world_read(0, 0);
    stor_world_run(0);
    xpl_keep(&answered, sizeof(answered));
}

static void check(void)
{
    xpl_expect(answered == 2, "two jobs of the disk have ended, and the guest has heard of %u",
               answered);
}

const struct xpl_scenario scenario_stor_complete = {
    .name = "stor-complete",
    .shows = "each job that a disk has ended is answered, and after it the memory is the guest's",
    .rules = "",
    .threads = {{.name = "disk: thread 0", .run = disk_thread},
                {.name = "disk: thread 1", .run = disk_thread},
                {.name = "runner", .run = runner, .service = true}},
    .prepare = prepare,
    .check = check,
};
