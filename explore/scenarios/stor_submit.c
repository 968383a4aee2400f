/* SPDX-License-Identifier: MIT */
/*
 * Two threads submit requests to a guest's controller: while its channel is run, while it becomes
 * ready, while it closes. Each request that was taken ends once, whole; each that was not was
 * refused for a right reason.
 */
#include "explore/scenarios/stor_guest_world.h"

#include <string.h>

#include <vmbus/driver.h>

static struct vmb_stor_request requests[2];
static uint32_t ended[2];  /* How often. Plain: who counts is the handler. */
static vmb_status said[2]; /* By submit. */

static void submitter(void *argument)
{
    const uint32_t number = (uint32_t)(uintptr_t)argument;

    requests[number] = stor_guest_world_read(&ended[number]);
    said[number] = vmb_stor_guest_submit(stor_guest_world, 0, &requests[number]);
}

static void late_submitter(void *argument)
{
    submitter(argument);
    xpl_expect(said[0] == VMB_OK || said[0] == VMB_ERR_WRONG_STATE,
               "a request that can be done is refused as one that cannot");
}

static void runner(void *argument)
{
    (void)argument;
    for (;;) {
        stor_guest_world_await_wake();
        stor_guest_world_run();
        for (unsigned i = 0; i < 2; i++) { /* One is under way at a time. */
            stor_guest_world_serve();
            stor_guest_world_run();
        }
    }
}

static void runner_of_init(void *argument)
{
    (void)argument;
    stor_guest_world_run();
}

/* Nobody runs the channel any more. */
static void control(void *argument)
{
    (void)argument;
    vmb_stor_guest_driver()->closed(vmb_stor_guest_device(stor_guest_world, 0), VMB_ERR_GONE);
}

static void begin(void)
{
    memset(requests, 0, sizeof(requests));
    memset(ended, 0, sizeof(ended));
    said[0] = said[1] = VMB_ERR_WRONG_STATE;
    stor_guest_world_begin(false);
    xpl_keep(requests, sizeof(requests));
    xpl_keep(ended, sizeof(ended));
    xpl_keep(said, sizeof(said));
}

static void prepare_init(unsigned design)
{
    (void)design;
    begin();
}

static void prepare_ready(unsigned design)
{
    (void)design;
    begin();
    stor_guest_world_run();
}

static void check_ended(void)
{
    xpl_expect(ended[0] == 1 && ended[1] == 1, "two requests were taken, and end %u and %u times",
               ended[0], ended[1]);
}

static void check_taken(void)
{
    const uint32_t taken = said[0] == VMB_OK;

    xpl_expect(said[0] == VMB_OK || said[0] == VMB_ERR_WRONG_STATE, "refused for no reason");
    xpl_expect(ended[0] == taken, "a request that was %s ends %u times",
               taken != 0 ? "taken" : "refused", ended[0]);
}

const struct xpl_scenario scenario_stor_submit = {
    .name = "stor-submit",
    .shows = "each request that two threads submit at once is done once",
    .rules = "",
    .threads = {{.name = "thread 0", .run = submitter},
                {.name = "thread 1", .run = submitter, .argument = (void *)(uintptr_t)1},
                {.name = "runner", .run = runner, .service = true}},
    .prepare = prepare_ready,
    .check = check_ended,
};

const struct xpl_scenario scenario_stor_submit_early = {
    .name = "stor-submit-early",
    .shows = "a controller that takes requests knows its limits",
    .rules = "",
    .threads = {{.name = "thread", .run = late_submitter},
                {.name = "runner", .run = runner_of_init}},
    .prepare = prepare_init,
};

const struct xpl_scenario scenario_stor_submit_closes = {
    .name = "stor-submit-closes",
    .shows = "a request that was taken while the channel closes ends, and a refused one does not",
    .rules = "",
    .threads = {{.name = "thread", .run = submitter}, {.name = "control plane", .run = control}},
    .prepare = prepare_ready,
    .check = check_taken,
};
