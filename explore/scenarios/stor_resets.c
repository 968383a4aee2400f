/* SPDX-License-Identifier: MIT */
/*
 * Two channels have a reset each, and one is done at a time. Both are answered. None leaves a
 * request behind that the next does not wait for: neither one that is given up, because its channel
 * closes, nor one that a READ of another channel has overtaken.
 */
#include "explore/scenarios/stor_world.h"

#include <vmbus/driver.h>

static struct stor_disk disk;
static struct stor_disk *const disks[] = {&disk, NULL};
static uint32_t resets[STOR_WORLD_CHANNELS]; /* Answered. Each its runner's. */
static uint32_t reader;                      /* The channel that has a READ, before its reset. */
static uint64_t read_id;                     /* 0: there is none. */

static void runner(void *argument)
{
    const uint32_t channel = (uint32_t)(uintptr_t)argument;
    struct stor_answer answer;

    for (;;) {
        stor_world_run(channel);
        while (stor_world_hear(channel, &answer)) {
            if (channel == reader && answer.id == read_id) {
                continue;
            }
            resets[channel]++;
            xpl_expect(channel != reader || !stor_world_under_way(&disk),
                       "a reset is answered, and an older request is still at the disk");
        }
        stor_world_await_wake(channel);
    }
}

static void disk_thread(void *argument)
{
    (void)argument;
    stor_world_end_job(&disk);
}

static void control(void *argument)
{
    (void)argument;
    stor_world_close(1);
}

static void begin(void)
{
    disk = (struct stor_disk){.keeps = true};
    resets[0] = resets[1] = 0;
    reader = 0;
    read_id = 0;
    stor_world_begin(disks);
    stor_world_ready(disks);
    xpl_keep(resets, sizeof(resets));
}

static void prepare_both(unsigned design)
{
    (void)design;
    begin();
    stor_world_reset(0);
    stor_world_reset(1);
}

static void prepare_given_up(unsigned design)
{
    (void)design;
    begin();
    stor_world_read(0, 0);
    read_id = stor_world_asked(0);
    stor_world_run(0);
    stor_world_reset(1);
    stor_world_run(1);
    stor_world_reset(0);
}

static void prepare_overtaken(unsigned design)
{
    (void)design;
    begin();
    reader = 1;
    stor_world_read(1, 0);
    read_id = stor_world_asked(1);
    stor_world_reset(1);
    stor_world_reset(0);
}

static void check_both(void)
{
    xpl_expect(resets[0] == 1 && resets[1] == 1,
               "both channels have had their turn, and the resets that were answered are %u and %u",
               resets[0], resets[1]);
}

static void check_one(void)
{
    xpl_expect(resets[0] == 1, "nobody else resets any more, and the reset is not answered");
}

const struct xpl_scenario scenario_stor_resets = {
    .name = "stor-resets",
    .shows = "of two resets each has its turn",
    .rules = "",
    .threads =
        {{.name = "runner 0", .run = runner, .service = true},
         {.name = "runner 1", .run = runner, .argument = (void *)(uintptr_t)1, .service = true}},
    .prepare = prepare_both,
    .check = check_both,
};

/* The READ stays at the disk. */
const struct xpl_scenario scenario_stor_reset_overtaken = {
    .name = "stor-reset-overtaken",
    .shows = "a reset waits for what began while another was done",
    .rules = "",
    .threads =
        {{.name = "runner 0", .run = runner, .service = true},
         {.name = "runner 1", .run = runner, .argument = (void *)(uintptr_t)1, .service = true}},
    .prepare = prepare_overtaken,
};

const struct xpl_scenario scenario_stor_reset_given_up = {
    .name = "stor-reset-given-up",
    .shows = "a reset that is given up leaves none of its requests unseen",
    .rules = "",
    .threads = {{.name = "disk", .run = disk_thread},
                {.name = "runner 0", .run = runner, .service = true},
                {.name = "control plane", .run = control}},
    .prepare = prepare_given_up,
    .check = check_one,
};
