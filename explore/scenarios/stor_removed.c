/* SPDX-License-Identifier: MIT */
/*
 * A disk is removed while a request for it begins and ends. Once the removal has succeeded nobody
 * looks at the disk any more: its memory is its owner's. And requests of two channels at once do
 * not miscount who uses it.
 */
#include "explore/scenarios/stor_world.h"

static struct stor_disk disk;
static struct stor_disk *const disks[] = {&disk, NULL};

static uint32_t refused[STOR_WORLD_CHANNELS]; /* Requests. Each its runner's. */

static void runner(void *argument)
{
    const uint32_t channel = (uint32_t)(uintptr_t)argument;
    struct stor_answer answer;
    bool answered = false;

    stor_world_run(channel);
    while (stor_world_hear(channel, &answer)) {
        answered = answered || answer.id != 0;
        refused[channel] += answer.id != 0 && answer.srb.srb_status != VMB_STOR_SRB_SUCCESS;
    }
    xpl_expect(answered, "a READ is not answered");
}

static void control(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < 2; i++) {
        if (vmb_stor_host_remove(stor_world, 0) == VMB_OK) {
            disk.removed = true;
            return;
        }
    }
}

static void begin(void)
{
    disk = (struct stor_disk){0};
    refused[0] = refused[1] = 0;
    stor_world_begin(disks);
    xpl_keep(refused, sizeof(refused));
}

static void prepare(unsigned design)
{
    (void)design;
    begin();
    stor_world_ready(disks);
    stor_world_read(0, 0);
    stor_world_read(1, 0);
}

static void check(void)
{
    const vmb_status status = vmb_stor_host_remove(stor_world, 0);

    xpl_expect(status == VMB_OK || status == VMB_ERR_WRONG_STATE,
               "nobody uses the disk any more, and it cannot be removed");
}

const struct xpl_scenario scenario_stor_removed = {
    .name = "stor-removed",
    .shows = "a disk that was removed is not used any more",
    .rules = "",
    .threads = {{.name = "runner 0", .run = runner}, {.name = "control plane", .run = control}},
    .prepare = prepare,
    .check = check,
};

/* The disk has something to say, once, in place of an answer. */
static void prepare_attention(unsigned design)
{
    (void)design;
    begin();
    stor_world_initialise(VMB_STOR_VERSION_6_2);
    stor_world_open(1);
    stor_world_read(0, 0);
    stor_world_read(1, 0);
}

static void check_attention(void)
{
    xpl_expect(refused[0] + refused[1] == 1, "a disk that is new says so to %u requests",
               refused[0] + refused[1]);
}

const struct xpl_scenario scenario_stor_attention = {
    .name = "stor-attention",
    .shows = "what a disk has to say once is said to one channel",
    .rules = "",
    .threads = {{.name = "runner 0", .run = runner},
                {.name = "runner 1", .run = runner, .argument = (void *)(uintptr_t)1}},
    .prepare = prepare_attention,
    .check = check_attention,
};

const struct xpl_scenario scenario_stor_held = {
    .name = "stor-held",
    .shows = "a disk that two channels have used can be removed afterwards",
    .rules = "",
    .threads = {{.name = "runner 0", .run = runner},
                {.name = "runner 1", .run = runner, .argument = (void *)(uintptr_t)1}},
    .prepare = prepare,
    .check = check,
};
