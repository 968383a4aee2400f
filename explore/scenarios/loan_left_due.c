/* SPDX-License-Identifier: MIT */
/*
 * A channel was due on VP 0 when it was closed, and still is when it is open again and lent to VP
 * 0. Whoever runs handlers for VP 0 looks at it without an event of its own, while VP 1, where an
 * event of the channel has landed, takes the loan back, finds VP 0 inside its interrupt, and comes
 * again. Only one VP at a time takes a loan back, by what it has seen of this loan (R5). Who comes
 * second counts an event that was answered, not one of a closed channel.
 */
#include <vmbus/channel.h>
#include <vmbus/guest.h>

#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .watched = true};

static void interrupt_vp_0(void *argument)
{
    (void)argument;
    (void)vmb_guest_on_interrupt(world_guest, 0);
}

static void vp_1(void *argument)
{
    (void)argument;
    if ((vmb_guest_on_interrupt(world_guest, 1) & VMB_GUEST_WORK_RUN) != 0 &&
        vmb_guest_run(world_guest, 1, 1)) {
        xpl_note("leaves it due");
    }
}

static void run_once(void *argument)
{
    (void)argument;
    if (vmb_guest_run(world_guest, 0, 1)) {
        xpl_note("leaves it due");
    }
}

static void prepare_elsewhere(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_open(&disk, VMB_NOTIFY_DIRECT, 0);
    world_runs_apart();
    vmb_channel_kick(disk.channel);
    world_close(&disk);
    disk.closed.value = 0;
    world_open(&disk, VMB_NOTIFY_DIRECT, 0);
    world_signal_vp(&disk, 1);
}

static void prepare(unsigned design)
{
    prepare_elsewhere(design);
    world_signal_vp(&disk, 0);
}

static void check(void)
{
    while (vmb_guest_run(world_guest, 0, 1) || vmb_guest_run(world_guest, 1, 1)) {
    }
    world_expect_seen(&disk);
    world_expect_accounted();
    world_expect_no_stray();
}

const struct xpl_scenario scenario_loan_left_due = {
    .name = "loan-left-due",
    .shows = "what an earlier life left due takes an event from the VP that it came on",
    .rules = "R5",
    .threads = {{.name = "VP 1", .run = vp_1}, {.name = "VP 0, run", .run = run_once}},
    .prepare = prepare_elsewhere,
    .check = check,
};

const struct xpl_scenario scenario_loan_left_due_large = {
    .name = "loan-left-due-large",
    .shows = "what an earlier life left due takes no loan back that another VP is taking back",
    .rules = "R5",
    .threads = {{.name = "VP 0", .run = interrupt_vp_0},
                {.name = "VP 1", .run = vp_1},
                {.name = "VP 0, run", .run = run_once}},
    .prepare = prepare,
    .check = check,
};
