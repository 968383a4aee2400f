/* SPDX-License-Identifier: MIT */
/* `vmbus demo`: load the bus, shake it, let it come to rest, and count what is missing. */
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "tools/vmbus/demo/demo_churn.h"
#include "tools/vmbus/demo/demo_life.h"
#include "tools/vmbus/demo/demo_measure.h"
#include "tools/vmbus/demo/demo_view.h"
#include "tools/vmbus/tool.h"

#define DEMO_DRAIN_STALL_NS 2500000000u  /* Nothing has happened for so long: nothing will. */
#define DEMO_DRAIN_LIMIT_NS 60000000000u /* Or something happens for ever. */

static volatile sig_atomic_t demo_interrupted;

static void demo_on_signal(int number)
{
    (void)number;
    demo_interrupted = 1;
}

/* Ctrl-C ends the load; the bus still comes to rest and the result is shown. */
static void demo_catch_interrupt(void)
{
    struct sigaction action = {.sa_handler = demo_on_signal};

    action.sa_flags = (int)SA_RESETHAND; /* The second one ends us. */
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

static void demo_sleep(uint64_t duration_ns)
{
    struct timespec duration = {.tv_nsec = (long)duration_ns};

    (void)nanosleep(&duration, NULL);
}

/* What happens again and again, each at its own pace. */
struct demo_pace {
    uint64_t next_look_ns;
    uint64_t next_view_ns;
};

static void demo_look_and_show(struct demo_world *world, struct demo_view *view,
                               struct demo_numbers *numbers, struct demo_pace *pace)
{
    uint64_t now_ns = demo_now_ns();

    if (now_ns >= pace->next_look_ns) {
        pace->next_look_ns = now_ns + DEMO_LOOK_INTERVAL_NS;
        demo_measure_look(world);
        if (world->has_services) {
            demo_services_tick(&world->services);
        }
    }
    if (now_ns >= pace->next_view_ns) {
        pace->next_view_ns = now_ns + DEMO_VIEW_INTERVAL_NS;
        demo_measure(world, numbers);
        demo_view_show(view, numbers);
    }
}

static void demo_load(struct demo_world *world, struct demo_view *view,
                      struct demo_numbers *numbers)
{
    struct demo_pace pace = {0};
    uint64_t start_ns = demo_now_ns();

    numbers->phase = DEMO_PHASE_LOAD;
    while (!demo_interrupted && numbers->elapsed_ns < world->options.duration_ns) {
        demo_churn(world);
        demo_life(world);
        demo_look_and_show(world, view, numbers, &pace);
        demo_sleep(DEMO_CHURN_INTERVAL_NS);
        numbers->elapsed_ns = demo_now_ns() - start_ns;
    }
}

/* Until everything that was sent has come, or nothing comes any more. */
static void demo_drain(struct demo_world *world, struct demo_view *view,
                       struct demo_numbers *numbers)
{
    struct demo_pace pace = {0};
    uint64_t start_ns = demo_now_ns();
    uint64_t progress_ns = start_ns;
    struct demo_rest rest, before = {0};

    numbers->phase = DEMO_PHASE_DRAIN;
    demo_measure_stop_traffic(world);
    for (;;) {
        uint64_t now_ns = demo_now_ns();

        demo_churn_restore(world);
        demo_life_restore(world);
        demo_measure_rest(world, &rest);
        if (rest.progress != before.progress || rest.unsettled != before.unsettled) {
            progress_ns = now_ns;
        }
        before = rest;
        if ((rest.unsettled == 0 && rest.expected == 0) ||
            now_ns - progress_ns > DEMO_DRAIN_STALL_NS || now_ns - start_ns > DEMO_DRAIN_LIMIT_NS) {
            return;
        }
        demo_look_and_show(world, view, numbers, &pace);
        demo_sleep(DEMO_CHURN_INTERVAL_NS);
    }
}

/* The host asks the guest to power off; it answers, or it has not got the question. */
static void demo_power_off(struct demo_world *world)
{
    uint64_t deadline_ns = demo_now_ns() + DEMO_DRAIN_STALL_NS;

    while (world->has_services && !demo_services_powered_off(&world->services) &&
           demo_now_ns() < deadline_ns) {
        demo_services_power_off(&world->services);
        demo_sleep(DEMO_CHURN_INTERVAL_NS);
    }
}

static void demo_run(struct demo_world *world, struct demo_view *view, struct demo_numbers *numbers)
{
    demo_load(world, view, numbers);
    demo_drain(world, view, numbers);
    demo_power_off(world);
    numbers->phase = DEMO_PHASE_DONE;
    demo_measure_look(world);
    demo_measure(world, numbers);
    demo_measure_loss(world, numbers);
    numbers->failures += world->has_services && !numbers->powered_off ? 1 : 0;
    demo_view_show(view, numbers);
}

int command_demo(int argc, char **argv)
{
    static struct demo_numbers numbers; /* Large. */
    struct demo_options options;
    struct demo_world *world;
    struct demo_view *view;
    bool written = true;
    int status;

    if (!demo_options_parse(argc, argv, &options, &status)) {
        return status;
    }
    demo_catch_interrupt();
    world = demo_world_start(&options);
    if (world == NULL) {
        return TOOL_BROKEN;
    }
    view = demo_view_open(&options);
    if (view == NULL) {
        (void)demo_world_stop(world);
        return tool_broken("demo", "there is not enough memory.");
    }
    demo_run(world, view, &numbers);
    demo_view_close(view);
    numbers.leftovers = !demo_world_stop(world);
    if (options.json) {
        written = demo_report_json(&options, &numbers);
    } else {
        demo_report_text(&options, &numbers);
    }
    if (!written) {
        return tool_broken("demo", "cannot write the result.");
    }
    return demo_numbers_are_good(&numbers) ? TOOL_OK : TOOL_FAILED;
}
