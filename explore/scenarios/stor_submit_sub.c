/* SPDX-License-Identifier: MIT */
/*
 * A guest opens a sub-channel of its controller while a thread submits a request to it. The request
 * is refused because the channel takes none yet, or sent to the host.
 */
#include "explore/scenarios/stor_guest_world.h"
#include "explore/scenarios/world_state.h"

static struct world_device primary = {.name = "primary channel"};
static struct world_device sub = {.name = "sub-channel", .subchannel = 1};
static struct vmb_stor_request request;
static uint32_t ended;
static vmb_status said;

static void control(void *argument)
{
    (void)argument;
    if (vmb_stor_guest_open(stor_guest_world, sub.channel, 0, NULL, NULL) != VMB_OK) {
        xpl_fail("cannot open");
    }
    for (unsigned i = 0; i < 4 && vmb_channel_state(sub.channel) != VMB_CHANNEL_OPEN; i++) {
        world_settle();
    }
}

/* The world's own waits for handlers of the world. It may be told twice that more is due. */
static void runner(void *argument)
{
    (void)argument;
    for (;;) {
        (void)xpl_await(&world_signs.due, VMB_ACQUIRE);
        for (unsigned i = 0; i < 2 && vmb_guest_run(world_guest, 0, 2); i++) {
        }
    }
}

static void submitter(void *argument)
{
    (void)argument;
    request = stor_guest_world_read(&ended);
    said = vmb_stor_guest_submit(stor_guest_world, 1, &request);
}

static void prepare(unsigned design)
{
    (void)design;
    stor_guest_world_begin(true);
    stor_guest_world_run();
    world_begin(VMB_VERSION_5_0);
    world_runs_apart();
    world_offer(&primary, 5); /* In name only: the controller's has a bus of its own. */
    world_offer(&sub, 6);
    ended = 0;
    said = VMB_ERR_WRONG_STATE;
    xpl_keep(&request, sizeof(request));
    xpl_keep(&ended, sizeof(ended));
    xpl_keep(&said, sizeof(said));
}

static void check(void)
{
    struct vmb_stor_guest_counters counters;
    uint64_t sent;

    vmb_stor_guest_read_counters(stor_guest_world, &counters);
    sent = counters.requests - 4; /* Those of its initialisation. */
    xpl_expect(said == VMB_OK || said == VMB_ERR_WRONG_STATE, "refused for no reason");
    xpl_expect(ended == 0 && sent == (said == VMB_OK), "a request was taken and not sent");
}

const struct xpl_scenario scenario_stor_submit_sub = {
    .name = "stor-submit-sub",
    .shows = "a request that a sub-channel has just begun to take is sent",
    .rules = "",
    .threads = {{.name = "control plane", .run = control},
                {.name = "thread", .run = submitter},
                {.name = "VP 0: runner", .run = runner, .service = true},
                WORLD_VP(0)},
    .prepare = prepare,
    .check = check,
};
