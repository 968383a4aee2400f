/* SPDX-License-Identifier: MIT */
/*
 * VP 0 has borrowed the gate of a channel and knows it, so that its interrupts call the handler
 * without asking the gate. The channel is closed while an event comes: once `closed` has been
 * called, no handler starts any more and none is running (R6).
 */
#include "explore/scenarios/world.h"

static struct world_device disk = {.name = "disk", .watched = true};

static void host(void *argument)
{
    (void)argument;
    world_signal_vp(&disk, 0);
}

static void control(void *argument)
{
    (void)argument;
    world_close(&disk);
}

static void prepare(unsigned design)
{
    (void)design;
    world_begin(VMB_VERSION_5_0);
    world_offer(&disk, 5);
    world_open(&disk, VMB_NOTIFY_DIRECT, 0);
    world_signal_vp(&disk, 0);
    (void)vmb_guest_on_interrupt(world_guest, 0);
    world_expect_seen(&disk);
    world_will_close();
}

static void check(void)
{
    world_expect_closed(&disk);
}

const struct xpl_scenario scenario_loan_closed = {
    .name = "loan-closed",
    .shows = "a loan that the borrower has noted ends with the close",
    .rules = "R6 R7",
    .threads = {{.name = "host", .run = host},
                {.name = "control plane", .run = control, .service = true},
                WORLD_VP(0)},
    .prepare = prepare,
    .check = check,
};
