/* SPDX-License-Identifier: MIT */
/* See traffic_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "traffic_world.h"

static void traffic_end(struct traffic_device *device, vmb_status status)
{
    if (status != VMB_OK && status != VMB_ERR_GONE) {
        (void)vmb_atomic_fetch_add(&device->world->failed, 1u, VMB_RELAXED);
    }
    vmb_atomic_store(&device->end_status, (uint32_t)(1 - (int32_t)status), VMB_RELAXED);
    (void)vmb_atomic_fetch_add(&device->ends, 1u, VMB_RELEASE);
}

static void traffic_open_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    struct traffic_device *device = context;

    (void)channel;
    vmb_atomic_store(&device->state, status == VMB_OK ? TRAFFIC_OPEN : TRAFFIC_OFFERED,
                     VMB_RELEASE);
    traffic_end(device, status);
}

static void traffic_close_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    struct traffic_device *device = context;

    (void)channel;
    vmb_atomic_store(&device->state, TRAFFIC_CLOSED, VMB_RELEASE);
    traffic_end(device, status);
}

static void traffic_move_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    (void)channel;
    traffic_end(context, status);
}

struct traffic_call {
    struct traffic_device *device;
    uint32_t vp;
    vmb_status status;
};

static void traffic_call_open(void *context)
{
    struct traffic_call *call = context;
    const struct vmb_channel_open_options options = {
        .struct_bytes = sizeof(options),
        .driver = vmb_traffic_guest_driver(),
        .device = &call->device->guest,
        .target_vp = call->vp,
        .tx_pages = 1 + call->device->index,
        .rx_pages = 1,
        .done = traffic_open_done,
        .done_context = call->device,
    };

    call->status = vmb_channel_open(call->device->channel, &options);
}

static void traffic_call_close(void *context)
{
    struct traffic_call *call = context;

    call->status = vmb_channel_close(call->device->channel, traffic_close_done, call->device);
}

static void traffic_call_move(void *context)
{
    struct traffic_call *call = context;

    call->status =
        vmb_channel_set_target_vp(call->device->channel, call->vp, traffic_move_done, call->device);
}

static void traffic_call_revoke(void *context)
{
    struct traffic_call *call = context;

    call->status = vmb_host_revoke(call->device->host_channel);
}

static void traffic_device_call(struct traffic_device *device, uint32_t vp,
                                void (*call)(void *context))
{
    struct traffic_call context = {.device = device, .vp = vp};

    if (call == traffic_call_revoke) {
        vmb_sim_live_on_host(device->world->live, call, &context);
    } else {
        vmb_sim_live_on_guest(device->world->live, call, &context);
    }
    assert_int_equal(context.status, VMB_OK);
}

void traffic_device_open(struct traffic_device *device, uint32_t vp)
{
    traffic_device_call(device, vp, traffic_call_open);
}

void traffic_device_close(struct traffic_device *device)
{
    traffic_device_call(device, 0, traffic_call_close);
}

void traffic_device_move(struct traffic_device *device, uint32_t vp)
{
    traffic_device_call(device, vp, traffic_call_move);
}

void traffic_device_revoke(struct traffic_device *device)
{
    traffic_device_call(device, 0, traffic_call_revoke);
}

static void traffic_offered(void *context, struct vmb_channel *channel)
{
    struct traffic_world *world = context;
    uint8_t index = vmb_channel_offer(channel)->instance_guid.bytes[0];
    struct traffic_device *device = &world->devices[index % TRAFFIC_DEVICES];
    struct traffic_call call = {.device = device, .vp = index % 2u};

    device->channel = channel;
    vmb_channel_set_context(channel, device);
    vmb_atomic_store(&device->state, TRAFFIC_OFFERED, VMB_RELEASE);
    if (world->open_at_once) {
        traffic_call_open(&call);
        if (call.status != VMB_OK) {
            traffic_end(device, call.status);
        }
    }
}

/* It has slept; whatever its relid is now, it goes on where it was. */
static void traffic_resumed(void *context, struct vmb_channel *channel)
{
    struct traffic_world *world = context;
    struct traffic_call call = {.device = vmb_channel_context(channel)};

    vmb_atomic_store(&call.device->state, TRAFFIC_OFFERED, VMB_RELEASE);
    if (world->open_at_once) {
        traffic_call_open(&call);
        if (call.status != VMB_OK) {
            traffic_end(call.device, call.status);
        }
    }
}

static void traffic_rescinded(void *context, struct vmb_channel *channel)
{
    struct traffic_device *device = vmb_channel_context(channel);

    (void)context;
    device->channel = NULL;
    vmb_atomic_store(&device->state, TRAFFIC_ABSENT, VMB_RELEASE);
    if (vmb_channel_let_go(channel) != VMB_OK) {
        traffic_end(device, VMB_ERR_WRONG_STATE);
    }
}

static void traffic_released(void *context)
{
    struct vmb_traffic_host *host = context;
    struct traffic_device *device =
        (struct traffic_device *)(void *)((char *)host - offsetof(struct traffic_device, host));

    vmb_atomic_store(&device->released, 1u, VMB_RELEASE);
}

static const struct vmb_host_hooks traffic_hooks = {
    .struct_bytes = sizeof(traffic_hooks),
    .released = traffic_released,
};

static void traffic_offer_all(void *context)
{
    struct traffic_world *world = context;

    for (uint32_t i = 0; i < TRAFFIC_DEVICES; i++) {
        struct traffic_device *device = &world->devices[i];
        struct vmb_host_offer_options options = {
            .struct_bytes = sizeof(options),
            .driver = vmb_traffic_host_driver(),
            .device = &device->host,
            .hooks = &traffic_hooks,
        };

        options.instance_id.bytes[0] = (uint8_t)i;
        if (vmb_host_offer(world->live->world.host.host, &options, &device->host_channel) !=
            VMB_OK) {
            traffic_end(device, VMB_ERR_REFUSED);
        }
    }
}

void traffic_world_start(struct traffic_world *world, struct vmb_sim_world_options *options)
{
    for (uint32_t i = 0; i < TRAFFIC_DEVICES; i++) {
        struct traffic_device *device = &world->devices[i];
        const struct vmb_traffic_guest_options guest = {
            .struct_bytes = sizeof(guest),
            .buffer = device->guest_buffer,
            .buffer_bytes = TRAFFIC_BUFFER,
            .pattern_limit = 512,
            .window = 1u << i % 4,
            .streams = i % 3,
            .answer = VMB_TRAFFIC_ANSWER_MIXED,
            .seed = options->machine.seed + i,
            .packet_limit = world->packet_limit,
        };

        device->world = world;
        device->index = i;
        assert_int_equal(vmb_traffic_guest_init(&device->guest, &guest), VMB_OK);
        assert_int_equal(
            vmb_traffic_host_init(&device->host, device->host_buffer, TRAFFIC_BUFFER, NULL, NULL),
            VMB_OK);
    }
    options->guest_events.context = world;
    options->guest_events.offered = traffic_offered;
    options->guest_events.rescinded = traffic_rescinded;
    options->guest_events.resumed = traffic_resumed;
    assert_int_equal(vmb_sim_live_start(options, &world->live), VMB_OK);
    vmb_sim_live_on_host(world->live, traffic_offer_all, world);
}

bool traffic_world_done(void *context)
{
    struct traffic_world *world = context;

    for (uint32_t i = 0; i < TRAFFIC_DEVICES; i++) {
        struct vmb_traffic_counters counters;

        vmb_traffic_guest_read_counters(&world->devices[i].guest, &counters);
        if (counters.packets_sent < world->packet_limit ||
            vmb_traffic_guest_expected(&world->devices[i].guest) != 0) {
            return false;
        }
    }
    return true;
}

void traffic_world_stop(struct traffic_world *world)
{
    struct vmb_sim_report report;

    vmb_sim_live_stop(world->live, &report);
    assert_int_equal(report.unload, VMB_OK);
    assert_int_equal(report.guest, VMB_OK);
    assert_int_equal(report.host, VMB_OK);
    assert_int_equal(report.memory.pages_now, world->expect_pages);
    assert_int_equal(report.memory.mappings_now, 0);
    assert_int_equal(report.memory.late_writes, 0);
    assert_true(report.clean);
    assert_int_equal(world->failed.value, 0);
    for (uint32_t i = 0; i < TRAFFIC_DEVICES; i++) {
        struct vmb_traffic_counters guest, host;

        vmb_traffic_guest_read_counters(&world->devices[i].guest, &guest);
        vmb_traffic_host_read_counters(&world->devices[i].host, &host);
        assert_int_equal(guest.corrupt + guest.out_of_order + guest.unasked + guest.peer_faults, 0);
        assert_int_equal(host.corrupt + host.out_of_order + host.unasked + host.peer_faults, 0);
    }
}
