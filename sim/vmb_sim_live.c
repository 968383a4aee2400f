/* SPDX-License-Identifier: MIT */
/* See vmb_sim_live.h. */
#include "sim/vmb_sim_live.h"

#include <stdlib.h>

#define LIVE_STALL_NS   10000000000u
#define LIVE_CONTROL_NS 60000000000u

/* A question to a control plane, and its answer. */
struct live_question {
    struct vmb_sim_live *live;
    vmb_status status;
};

vmb_status vmb_sim_live_start(const struct vmb_sim_world_options *options,
                              struct vmb_sim_live **out_live)
{
    struct vmb_sim_live *live = calloc(1, sizeof(*live));
    struct vmb_sim_actor **actors = NULL;
    vmb_status status;

    if (live == NULL) {
        return VMB_ERR_NO_MEMORY;
    }
    status = vmb_sim_world_init(&live->world, options);
    if (status != VMB_OK) {
        free(live);
        return status;
    }
    actors = calloc(VMB_SIM_WORLD_ACTORS(live->world.machine.options.vp_count), sizeof(*actors));
    if (actors != NULL) {
        live->threads = vmb_sim_threads_start(actors, vmb_sim_world_actors(&live->world, actors),
                                              options->spin_ns);
    }
    free(actors);
    live->spin_ns = options->spin_ns;
    if (live->threads == NULL) {
        struct vmb_sim_report report;

        vmb_sim_world_deinit(&live->world, &report);
        free(live);
        return VMB_ERR_NO_MEMORY;
    }
    *out_live = live;
    return VMB_OK;
}

void vmb_sim_live_on_guest(struct vmb_sim_live *live, void (*function)(void *context),
                           void *context)
{
    vmb_sim_threads_call(live->threads, &live->world.guest.control, function, context);
}

void vmb_sim_live_on_host(struct vmb_sim_live *live, void (*function)(void *context), void *context)
{
    vmb_sim_threads_call(live->threads, &live->world.host.control, function, context);
}

bool vmb_sim_live_wait(struct vmb_sim_live *live, bool (*condition)(void *context), void *context,
                       uint64_t timeout_ns)
{
    if (vmb_sim_threads_wait(live->threads, condition, context, LIVE_STALL_NS, timeout_ns)) {
        return true;
    }
    vmb_sim_world_dump(&live->world, stderr);
    return false;
}

static bool live_happened(void *context)
{
    /* Acquire: pairs with the release in the world's listeners. */
    return vmb_atomic_load((vmb_atomic_u32 *)context, VMB_ACQUIRE) != 0;
}

static vmb_status live_told(vmb_atomic_u32 *told)
{
    return (vmb_status)(1 - (int32_t)vmb_atomic_load(told, VMB_ACQUIRE));
}

static void live_ask_connect(void *context)
{
    struct live_question *question = context;

    question->status = vmb_guest_connect(question->live->world.guest.guest);
}

static void live_ask_resume(void *context)
{
    struct live_question *question = context;

    question->status = vmb_guest_resume(question->live->world.guest.guest);
}

static void live_ask_suspend(void *context)
{
    struct live_question *question = context;

    question->status = vmb_guest_suspend(question->live->world.guest.guest);
}

static void live_ask_unload(void *context)
{
    struct live_question *question = context;

    question->status = vmb_guest_unload(question->live->world.guest.guest);
}

/* Ask the guest for something, and wait until it has told how that ended. */
static vmb_status live_ask(struct vmb_sim_live *live, void (*ask)(void *context),
                           vmb_atomic_u32 *told)
{
    struct live_question question = {.live = live};

    vmb_atomic_store(told, 0u, VMB_RELAXED);
    vmb_sim_live_on_guest(live, ask, &question);
    if (question.status != VMB_OK) {
        return question.status;
    }
    if (!vmb_sim_live_wait(live, live_happened, told, LIVE_CONTROL_NS)) {
        return VMB_ERR_TIMEOUT;
    }
    return live_told(told);
}

/* Onto the bus, by whichever way, until all offers have come. */
static vmb_status live_join(struct vmb_sim_live *live, void (*ask)(void *context))
{
    vmb_status status;

    vmb_atomic_store(&live->world.delivered, 0u, VMB_RELAXED);
    vmb_atomic_store(&live->world.unloaded, 0u, VMB_RELAXED);
    status = live_ask(live, ask, &live->world.connected);
    if (status == VMB_OK &&
        !vmb_sim_live_wait(live, live_happened, &live->world.delivered, LIVE_CONTROL_NS)) {
        return VMB_ERR_TIMEOUT;
    }
    return status;
}

vmb_status vmb_sim_live_connect(struct vmb_sim_live *live)
{
    return live_join(live, live_ask_connect);
}

vmb_status vmb_sim_live_resume(struct vmb_sim_live *live)
{
    return live_join(live, live_ask_resume);
}

vmb_status vmb_sim_live_suspend(struct vmb_sim_live *live)
{
    return live_ask(live, live_ask_suspend, &live->world.suspended);
}

vmb_status vmb_sim_live_unload(struct vmb_sim_live *live)
{
    return live_ask(live, live_ask_unload, &live->world.unloaded);
}

vmb_status vmb_sim_live_replace_host(struct vmb_sim_live *live, void (*offer)(void *context),
                                     void *context)
{
    struct vmb_sim_world *world = &live->world;
    uint32_t connected = vmb_atomic_load(&world->host_connected, VMB_RELAXED);
    struct vmb_sim_actor **actors =
        calloc(VMB_SIM_WORLD_ACTORS(world->machine.options.vp_count), sizeof(*actors));
    bool lost = false;
    vmb_status status;

    if (actors == NULL) {
        return VMB_ERR_NO_MEMORY;
    }
    vmb_sim_threads_stop(live->threads);
    status = vmb_sim_host_replace(&world->host, offer, context, &lost);
    if (status == VMB_OK) {
        /* The old one has let go of the guest, which has not noticed. */
        vmb_atomic_store(&world->host_connected, connected, VMB_RELAXED);
    }
    live->threads =
        vmb_sim_threads_start(actors, vmb_sim_world_actors(world, actors), live->spin_ns);
    free(actors);
    if (live->threads == NULL) {
        abort(); /* As many as a moment ago. */
    }
    return status;
}

static void live_ask_reset(void *context)
{
    struct live_question *question = context;

    vmb_host_reset(question->live->world.host.host);
}

static void live_ask_quiet(void *context)
{
    struct live_question *question = context;
    struct vmb_host_counters counters;

    vmb_host_read_counters(question->live->world.host.host, &counters);
    question->status = counters.gpadls_in_use == 0 ? VMB_OK : VMB_ERR_BUSY;
}

/* No guest is connected to the host, and nothing of it is in use any more. */
static bool live_host_quiet(void *context)
{
    struct live_question question = {.live = context};

    vmb_sim_live_on_host(question.live, live_ask_quiet, &question);
    return question.status == VMB_OK &&
           vmb_atomic_load(&question.live->world.host_connected, VMB_ACQUIRE) == 0;
}

void vmb_sim_live_stop(struct vmb_sim_live *live, struct vmb_sim_report *out_report)
{
    struct live_question question = {.live = live};

    vmb_sim_machine_set_faults(&live->world.machine, false);
    /* One that is not connected has nothing to unload; how it ends is in the report. */
    (void)(vmb_sim_live_unload(live) == VMB_OK);
    vmb_sim_live_on_host(live, live_ask_reset, &question);
    (void)vmb_sim_live_wait(live, live_host_quiet, live, LIVE_CONTROL_NS);
    vmb_sim_threads_stop(live->threads);
    vmb_sim_world_deinit(&live->world, out_report);
    free(live);
}
