/* SPDX-License-Identifier: MIT */
/* See vmb_sim_world.h. */
#include "sim/vmb_sim_world.h"

#include <string.h>

#define WORLD_TOLD(status) (1u + (uint32_t) - (int32_t)(status))

static void world_connected(void *context, vmb_status status)
{
    struct vmb_sim_world *world = context;
    const struct vmb_guest_events *user = &world->options.guest_events;

    if (user->connected != NULL) {
        user->connected(user->context, status);
    }
    vmb_atomic_store(&world->connected, WORLD_TOLD(status), VMB_RELEASE);
}

static void world_offered(void *context, struct vmb_channel *channel)
{
    struct vmb_sim_world *world = context;
    const struct vmb_guest_events *user = &world->options.guest_events;

    if (user->offered != NULL) {
        user->offered(user->context, channel);
    }
}

static void world_offers_delivered(void *context)
{
    struct vmb_sim_world *world = context;
    const struct vmb_guest_events *user = &world->options.guest_events;

    if (user->offers_delivered != NULL) {
        user->offers_delivered(user->context);
    }
    vmb_atomic_store(&world->delivered, 1u, VMB_RELEASE);
}

static void world_rescinded(void *context, struct vmb_channel *channel)
{
    struct vmb_sim_world *world = context;
    const struct vmb_guest_events *user = &world->options.guest_events;

    user->rescinded(user->context, channel);
}

static void world_suspended(void *context, vmb_status status)
{
    struct vmb_sim_world *world = context;
    const struct vmb_guest_events *user = &world->options.guest_events;

    if (user->suspended != NULL) {
        user->suspended(user->context, status);
    }
    vmb_atomic_store(&world->suspended, WORLD_TOLD(status), VMB_RELEASE);
}

static void world_resumed(void *context, struct vmb_channel *channel)
{
    struct vmb_sim_world *world = context;
    const struct vmb_guest_events *user = &world->options.guest_events;

    if (user->resumed != NULL) {
        user->resumed(user->context, channel);
    }
}

static void world_unloaded(void *context, vmb_status status)
{
    struct vmb_sim_world *world = context;
    const struct vmb_guest_events *user = &world->options.guest_events;

    if (user->unloaded != NULL) {
        user->unloaded(user->context, status);
    }
    vmb_atomic_store(&world->unloaded, WORLD_TOLD(status), VMB_RELEASE);
}

static void world_host_connected(void *context, uint32_t version, uint32_t features)
{
    struct vmb_sim_world *world = context;
    const struct vmb_host_events *user = &world->options.host_events;

    (void)vmb_atomic_fetch_add(&world->host_connected, 1u, VMB_RELEASE);
    if (user->connected != NULL) {
        user->connected(user->context, version, features);
    }
}

static void world_host_disconnected(void *context, enum vmb_host_disconnect reason)
{
    struct vmb_sim_world *world = context;
    const struct vmb_host_events *user = &world->options.host_events;

    if (user->disconnected != NULL) {
        user->disconnected(user->context, reason);
    }
    (void)vmb_atomic_fetch_add(&world->host_connected, ~0u, VMB_RELEASE);
}

static vmb_status world_tl_connect(void *context, const struct vmb_msg_tl_connect_request *request)
{
    struct vmb_sim_world *world = context;
    const struct vmb_host_events *user = &world->options.host_events;

    return user->tl_connect(user->context, request);
}

static vmb_status world_init_guest(struct vmb_sim_world *world)
{
    const struct vmb_sim_world_options *options = &world->options;
    const struct vmb_guest_events events = {
        .struct_bytes = sizeof(events),
        .context = world,
        .connected = world_connected,
        .offered = world_offered,
        .offers_delivered = world_offers_delivered,
        /* Without it the library lets go by itself, which is what no listener means. */
        .rescinded = options->guest_events.rescinded != NULL ? world_rescinded : NULL,
        .suspended = world_suspended,
        .resumed = world_resumed,
        .unloaded = world_unloaded,
    };

    return vmb_sim_guest_init(&world->guest, &world->machine, &options->guest, &events,
                              options->log, options->log_context);
}

static vmb_status world_init_host(struct vmb_sim_world *world)
{
    const struct vmb_sim_world_options *options = &world->options;
    const struct vmb_host_events events = {
        .struct_bytes = sizeof(events),
        .context = world,
        .connected = world_host_connected,
        .disconnected = world_host_disconnected,
        .tl_connect = options->host_events.tl_connect != NULL ? world_tl_connect : NULL,
    };

    return vmb_sim_host_init(&world->host, &world->machine,
                             options->host_workers != 0 ? options->host_workers : 1, &options->host,
                             &events, options->log, options->log_context);
}

vmb_status vmb_sim_world_init(struct vmb_sim_world *world,
                              const struct vmb_sim_world_options *options)
{
    const struct vmb_sim_machine_hooks hooks = {
        .guest = &world->guest,
        .on_interrupt = vmb_sim_guest_on_interrupt,
        .run = vmb_sim_guest_run,
        .host = &world->host,
        .on_slot_free = vmb_sim_host_on_slot_free,
    };
    vmb_status status;

    memset(world, 0, sizeof(*world));
    world->options = *options;
    status = vmb_sim_machine_init(&world->machine, &options->machine, &hooks);
    if (status != VMB_OK) {
        return status;
    }
    /* The host first: a VP that comes up may tell it so. */
    status = world_init_host(world);
    if (status != VMB_OK) {
        vmb_sim_machine_deinit(&world->machine);
        return status;
    }
    status = world_init_guest(world);
    if (status != VMB_OK) {
        (void)(vmb_sim_host_deinit(&world->host) == VMB_OK);
        vmb_sim_machine_deinit(&world->machine);
    }
    return status;
}

uint32_t vmb_sim_world_actors(struct vmb_sim_world *world, struct vmb_sim_actor **out_actors)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < world->machine.options.vp_count; i++) {
        out_actors[count++] = &world->machine.vps[i].interrupts;
        out_actors[count++] = &world->machine.vps[i].runner;
    }
    out_actors[count++] = &world->guest.control;
    out_actors[count++] = &world->host.control;
    for (uint32_t i = 0; i < world->host.worker_count; i++) {
        out_actors[count++] = &world->host.workers[i];
    }
    return count;
}

/*
 * A host below 1.1 confirms no Unload: what it has then is not taken back, and the guest says how
 * much that is. Everywhere else nothing may be left.
 */
static bool world_is_left_clean(const struct vmb_sim_world *world,
                                const struct vmb_sim_report *report, uint64_t leaked_pages)
{
    bool confirms = world->options.host.max_version == VMB_VERSION_NONE ||
                    world->options.host.max_version >= VMB_VERSION_1_1;

    return (report->unload == VMB_OK || (!confirms && report->unload == VMB_ERR_STILL_SHARED)) &&
           report->memory.pages_now == (confirms ? 0 : leaked_pages);
}

void vmb_sim_world_deinit(struct vmb_sim_world *world, struct vmb_sim_report *out_report)
{
    uint32_t unloaded = vmb_atomic_load(&world->unloaded, VMB_ACQUIRE);
    struct vmb_guest_counters counters;

    vmb_guest_read_counters(world->guest.guest, &counters);

    memset(out_report, 0, sizeof(*out_report));
    out_report->unload = unloaded == 0 ? VMB_OK : (vmb_status)(1 - (int32_t)unloaded);
    out_report->guest = vmb_sim_guest_deinit(&world->guest);
    out_report->host = vmb_sim_host_deinit(&world->host);
    out_report->memory = vmb_sim_memory_audit(&world->machine.memory);
    out_report->clean = world_is_left_clean(world, out_report, counters.pages_leaked) &&
                        out_report->guest == VMB_OK && out_report->host == VMB_OK &&
                        out_report->memory.mappings_now == 0 && out_report->memory.late_writes == 0;
    vmb_sim_machine_deinit(&world->machine);
}
