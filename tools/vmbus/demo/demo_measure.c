/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/demo/demo_measure.h"

#include <string.h>

#include <vmbus/hv.h>

#define MEASURE_STALL_NS 1500000000u /* A channel that waits for so long is called stalled. */

/* A function for one of the control planes, and what it works on. */
struct measure_visit {
    struct demo_world *world;
    struct demo_numbers *numbers;
    struct demo_rest *rest;
};

static void measure_on_guest(struct demo_world *world, void (*function)(void *context),
                             struct demo_numbers *numbers, struct demo_rest *rest)
{
    struct measure_visit visit = {.world = world, .numbers = numbers, .rest = rest};

    vmb_sim_live_on_guest(world->live, function, &visit);
}

static void measure_on_host(struct demo_world *world, void (*function)(void *context),
                            struct demo_numbers *numbers)
{
    struct measure_visit visit = {.world = world, .numbers = numbers};

    vmb_sim_live_on_host(world->live, function, &visit);
}

/* ---- Looking --------------------------------------------------------------------------------- */

static void measure_look_at(struct demo_channel *channel, uint64_t now_ns)
{
    struct vmb_traffic_counters counters;
    bool got_on;

    vmb_traffic_guest_read_counters(&channel->guest, &counters);
    got_on = counters.packets_received != channel->progress;
    if (got_on || channel->state != DEMO_OPEN || vmb_traffic_guest_expected(&channel->guest) == 0) {
        channel->progress = counters.packets_received;
        channel->progress_ns = now_ns;
    }
    channel->stalled = now_ns - channel->progress_ns > MEASURE_STALL_NS;
    vmb_atomic_store(&channel->lively, got_on ? 1u : 0u, VMB_RELAXED);
}

static void measure_look(void *context)
{
    struct demo_world *world = ((struct measure_visit *)context)->world;
    uint64_t now_ns = demo_now_ns();
    uint32_t index;

    for (index = 0; index < world->options.channel_count; index++) {
        measure_look_at(&world->channels[index], now_ns);
    }
}

void demo_measure_look(struct demo_world *world)
{
    measure_on_guest(world, measure_look, NULL, NULL);
}

static enum demo_channel_look measure_appearance(const struct demo_channel *channel)
{
    switch (channel->state) {
    case DEMO_ABSENT:
        return DEMO_LOOK_REVOKED;
    case DEMO_OPENING:
    case DEMO_CLOSING:
        return DEMO_LOOK_CLOSED;
    case DEMO_OPEN:
        break;
    }
    if (channel->stalled) {
        return DEMO_LOOK_STALLED;
    }
    if (channel->moving) {
        return DEMO_LOOK_MOVING;
    }
    return vmb_atomic_load(&channel->lively, VMB_RELAXED) != 0 ? DEMO_LOOK_BUSY : DEMO_LOOK_QUIET;
}

/* ---- Counting -------------------------------------------------------------------------------- */

static void measure_vps(const struct demo_world *world, struct demo_numbers *numbers)
{
    uint32_t vp;

    numbers->vp_count = world->options.vp_count;
    for (vp = 0; vp < world->options.vp_count; vp++) {
        struct vmb_vp_counters counters;

        if (vmb_guest_vp_counters(world->live->world.guest.guest, vp, &counters) != VMB_OK) {
            continue;
        }
        numbers->vp_interrupts[vp] = counters.interrupts;
        numbers->vp_events[vp] = counters.events;
        numbers->interrupts += counters.interrupts;
        numbers->events += counters.events;
        numbers->coalesced += counters.coalesced;
        numbers->strays += counters.stray_closed + counters.stray_unmapped;
    }
}

static void measure_channel(const struct demo_channel *channel, struct demo_numbers *numbers)
{
    struct vmb_traffic_counters guest, host;

    vmb_traffic_guest_read_counters(&channel->guest, &guest);
    vmb_traffic_host_read_counters(&channel->host, &host);
    numbers->packets += guest.packets_received + host.packets_received;
    numbers->bytes += guest.bytes_received + host.bytes_received;
    numbers->abandoned += guest.abandoned;
    numbers->corrupt += guest.corrupt + guest.out_of_order + guest.unasked + guest.peer_faults +
                        host.corrupt + host.out_of_order + host.peer_faults;
    numbers->stalled += channel->stalled ? 1 : 0;
    numbers->looks[channel->index] = (uint8_t)measure_appearance(channel);
}

static void measure_guest(void *context)
{
    struct measure_visit *visit = context;
    struct demo_world *world = visit->world;
    struct demo_numbers *numbers = visit->numbers;
    uint32_t index;

    numbers->version = vmb_guest_version(world->live->world.guest.guest);
    numbers->retargets = world->retargets;
    numbers->reopens = world->reopens;
    numbers->rescinds = world->rescinds;
    numbers->subchannels = world->subchannels;
    numbers->offlines = world->offlines;
    numbers->resumes = world->resumes;
    numbers->failures += world->guest_failures;
    numbers->channel_count = world->options.channel_count;
    measure_vps(world, numbers);
    for (index = 0; index < world->options.channel_count; index++) {
        measure_channel(&world->channels[index], numbers);
    }
}

static void measure_host(void *context)
{
    struct measure_visit *visit = context;

    visit->numbers->reoffers = visit->world->reoffers;
    visit->numbers->failures += visit->world->host_failures;
}

static void measure_latency(const struct demo_world *world, struct demo_numbers *numbers)
{
    static struct histogram_sum sum; /* Of the main thread only, and large. */
    uint32_t index;

    memset(&sum, 0, sizeof(sum));
    for (index = 0; index < world->options.channel_count; index++) {
        histogram_sum_add(&sum, &world->channels[index].latency);
    }
    for (index = 0; index < DEMO_PERCENTILES; index++) {
        numbers->latency_ns[index] = histogram_percentile(&sum, demo_percentile_parts[index]);
    }
}

void demo_measure(struct demo_world *world, struct demo_numbers *numbers)
{
    struct demo_numbers fresh = {.phase = numbers->phase, .elapsed_ns = numbers->elapsed_ns};

    measure_on_guest(world, measure_guest, &fresh, NULL);
    measure_on_host(world, measure_host, &fresh);
    measure_latency(world, &fresh);
    fresh.restores = world->restores;
    fresh.failures += world->life_failures;
    fresh.heartbeats = vmb_atomic_load(&world->services.beats, VMB_RELAXED);
    fresh.time_readings = vmb_atomic_load(&world->services.readings, VMB_RELAXED);
    fresh.powered_off = demo_services_powered_off(&world->services);
    if (world->lists != NULL) {
        fresh.dropped = percpu_lists_dropped(world->lists);
    }
    *numbers = fresh;
}

/* ---- The end --------------------------------------------------------------------------------- */

void demo_measure_stop_traffic(struct demo_world *world)
{
    uint32_t index;

    for (index = 0; index < world->options.channel_count; index++) {
        vmb_traffic_guest_stop(&world->channels[index].guest);
    }
}

static void measure_rest(void *context)
{
    struct measure_visit *visit = context;
    struct demo_world *world = visit->world;
    struct demo_rest *rest = visit->rest;
    uint32_t index;

    for (index = 0; index < world->options.channel_count; index++) {
        const struct demo_channel *channel = &world->channels[index];
        struct vmb_traffic_counters counters;

        vmb_traffic_guest_read_counters(&channel->guest, &counters);
        rest->unsettled += channel->state != DEMO_OPEN || channel->moving ? 1 : 0;
        rest->expected += vmb_traffic_guest_expected(&channel->guest);
        rest->progress += counters.packets_received;
    }
    for (index = 0; index < world->options.vp_count; index++) {
        rest->unsettled += world->vp_out[index] ? 1 : 0;
    }
    rest->progress += world->retargets + world->reopens + world->rescinds;
}

void demo_measure_rest(struct demo_world *world, struct demo_rest *rest)
{
    *rest = (struct demo_rest){0};
    measure_on_guest(world, measure_rest, NULL, rest);
}

/* Whether a signal for this relid is still on its way to any VP. */
static bool measure_signal_in_flight(const struct demo_world *world, uint32_t relid)
{
    const struct vmb_sim_machine *machine = &world->live->world.machine;
    uint32_t vp;

    for (vp = 0; vp < world->options.vp_count; vp++) {
        uint8_t *event_page = (uint8_t *)machine->vps[vp].pages.base + VMB_PAGE_BYTES;
        vmb_atomic_u8 *flags = (vmb_atomic_u8 *)vmb_hv_event_flags(event_page, VMB_HV_SINT_VMBUS);

        uint32_t byte = vmb_atomic_load(&flags[relid / 8u], VMB_ACQUIRE);

        if ((byte >> relid % 8u & 1u) != 0 &&
            vmb_atomic_load(&machine->vps[vp].line, VMB_ACQUIRE) != 0) {
            return true;
        }
    }
    return false;
}

static void measure_loss(void *context)
{
    struct measure_visit *visit = context;
    struct demo_world *world = visit->world;
    struct demo_numbers *numbers = visit->numbers;
    uint32_t index;

    for (index = 0; index < world->options.channel_count; index++) {
        const struct demo_channel *channel = &world->channels[index];
        struct vmb_ring_state tx, rx;

        numbers->lost_packets += vmb_traffic_guest_expected(&channel->guest);
        if (channel->state != DEMO_OPEN || channel->moving) {
            numbers->failures++; /* A request that never ended. */
            continue;
        }
        if (vmb_endpoint_inspect(vmb_channel_endpoint(channel->channel), &tx, &rx) != VMB_OK) {
            numbers->corrupt++;
        } else if ((rx.used_bytes != 0 || tx.used_bytes != 0) &&
                   !measure_signal_in_flight(world, vmb_channel_relid(channel->channel))) {
            numbers->lost_interrupts++;
        }
    }
}

void demo_measure_loss(struct demo_world *world, struct demo_numbers *numbers)
{
    numbers->lost_interrupts = 0;
    numbers->lost_packets = 0;
    measure_on_guest(world, measure_loss, numbers, NULL);
}
