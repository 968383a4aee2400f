/* SPDX-License-Identifier: MIT */
/* See vmb_sim_device.h. */
#include "sim/vmb_sim_device.h"

#include <stdlib.h>
#include <string.h>

#include <vmbus/proto/guid.h>

/* ---- One end --------------------------------------------------------------------------------- */

static void device_opened(struct vmb_sim_device *device, struct vmb_sim_device_end *end,
                          const char *side)
{
    if (end->open) {
        vmb_sim_violation(device->checks, "%s device %u.%u was opened twice", side, device->number,
                          device->sub);
    }
    end->open = true;
    end->opened++;
}

/* False: it must not run. */
static bool device_enter(struct vmb_sim_device *device, struct vmb_sim_device_end *end,
                         const char *side)
{
    if (end->inside) {
        vmb_sim_violation(device->checks, "%s device %u.%u runs twice at once", side,
                          device->number, device->sub);
        return false;
    }
    if (!end->open) {
        vmb_sim_violation(device->checks, "%s device %u.%u runs though it is not open", side,
                          device->number, device->sub);
        return false;
    }
    end->inside = true;
    end->events++;
    return true;
}

static void device_leave(struct vmb_sim_device *device, struct vmb_sim_device_end *end,
                         const char *side)
{
    if (!end->open) {
        vmb_sim_violation(device->checks, "%s device %u.%u was closed while it ran", side,
                          device->number, device->sub);
    }
    end->inside = false;
}

static void device_closed(struct vmb_sim_device *device, struct vmb_sim_device_end *end,
                          const char *side)
{
    if (!end->open || end->inside) {
        vmb_sim_violation(device->checks, "%s device %u.%u was closed %s", side, device->number,
                          device->sub, end->inside ? "while it ran" : "twice");
    }
    end->open = false;
    end->closed++;
}

/* ---- The guest's ----------------------------------------------------------------------------- */

static void device_guest_opened(void *context, struct vmb_endpoint *endpoint)
{
    struct vmb_sim_device *device = context;

    device_opened(device, &device->guest_end, "guest");
    device->guest_end.inside = true; /* No event before this has returned. */
    vmb_traffic_guest_driver()->opened(&device->guest, endpoint);
    device->guest_end.inside = false;
}

static void device_guest_run(struct vmb_sim_device *device)
{
    if (device_enter(device, &device->guest_end, "guest")) {
        vmb_traffic_guest_driver()->on_event(&device->guest);
        device_leave(device, &device->guest_end, "guest");
    }
}

static void device_guest_on_event(void *context)
{
    struct vmb_sim_device *device = context;

    if (device->notify != VMB_NOTIFY_POLLED) {
        device_guest_run(device);
        return;
    }
    if (device->poll_due || !device->guest_end.open) {
        vmb_sim_violation(device->checks, "polled device %u.%u had an event before it rearmed",
                          device->number, device->sub);
    }
    device->poll_due = true;
    vmb_sim_wake(device->poller);
}

static void device_guest_closed(void *context, vmb_status reason)
{
    struct vmb_sim_device *device = context;

    if (device->poll_due) {
        vmb_sim_violation(device->checks, "polled device %u.%u was closed while it was polled",
                          device->number, device->sub);
    }
    device_closed(device, &device->guest_end, "guest");
    vmb_traffic_guest_driver()->closed(&device->guest, reason);
}

bool vmb_sim_device_poll(struct vmb_sim_device *device, struct vmb_channel *channel)
{
    if (!device->poll_due) {
        return false;
    }
    device_guest_run(device);
    /* Before it rearms: an event may come from within that, elsewhere. */
    device->poll_due = false;
    if (vmb_channel_rearm(channel)) {
        device->poll_due = true;
    }
    return device->poll_due;
}

const struct vmb_driver *vmb_sim_device_guest_driver(const struct vmb_sim_device *device)
{
#define DEVICE_DRIVER(mode)                                                                        \
    {                                                                                              \
        .name = "checked traffic", .class_id = VMB_GUID_TRAFFIC, .notify = (mode),                 \
        .opened = device_guest_opened, .on_event = device_guest_on_event,                          \
        .closed = device_guest_closed,                                                             \
    }
    static const struct vmb_driver drivers[] = {
        DEVICE_DRIVER(VMB_NOTIFY_DEFERRED),
        DEVICE_DRIVER(VMB_NOTIFY_DIRECT),
        DEVICE_DRIVER(VMB_NOTIFY_POLLED),
    };
#undef DEVICE_DRIVER

    return &drivers[device->notify];
}

/* ---- The host's ------------------------------------------------------------------------------ */

static void device_host_opened(void *context, struct vmb_endpoint *endpoint)
{
    struct vmb_sim_device *device = context;

    device_opened(device, &device->host_end, "host");
    vmb_traffic_host_driver()->opened(&device->host, endpoint);
}

static void device_host_on_event(void *context)
{
    struct vmb_sim_device *device = context;

    if (device_enter(device, &device->host_end, "host")) {
        vmb_traffic_host_driver()->on_event(&device->host);
        device_leave(device, &device->host_end, "host");
    }
}

static void device_host_closed(void *context, vmb_status reason)
{
    struct vmb_sim_device *device = context;

    device_closed(device, &device->host_end, "host");
    vmb_traffic_host_driver()->closed(&device->host, reason);
}

const struct vmb_driver *vmb_sim_device_host_driver(void)
{
    static const struct vmb_driver driver = {
        .name = "checked traffic",
        .class_id = VMB_GUID_TRAFFIC,
        .opened = device_host_opened,
        .on_event = device_host_on_event,
        .closed = device_host_closed,
    };

    return &driver;
}

void vmb_sim_device_host_anew(struct vmb_sim_device *device)
{
    vmb_sim_device_check(device); /* What this end has counted ends with it. */
    if (device->host_end.open) {
        vmb_sim_violation(device->checks, "host device %u.%u is open after its host has ended",
                          device->number, device->sub);
    }
    if (vmb_traffic_host_init(&device->host, device->host_buffer, VMB_SIM_DEVICE_BUFFER, NULL,
                              NULL) != VMB_OK) {
        abort(); /* As before. */
    }
}

vmb_status vmb_sim_device_host_save(void *context, struct vmb_host_channel *channel, bool open,
                                    void *buffer, size_t buffer_bytes, size_t *out_bytes)
{
    struct vmb_sim_device *device = context;

    /* One that is being closed may not have been told yet; a new host begins where it is closed. */
    if (open && !device->host_end.open) {
        vmb_sim_violation(device->checks, "host device %u.%u is saved as open and is not",
                          device->number, device->sub);
    }
    return vmb_traffic_host_save(&device->host, channel, open, buffer, buffer_bytes, out_bytes);
}

vmb_status vmb_sim_device_host_restore(void *context, struct vmb_host_channel *channel,
                                       struct vmb_endpoint *endpoint, const void *bytes,
                                       size_t byte_count)
{
    struct vmb_sim_device *device = context;
    vmb_status status =
        vmb_traffic_host_restore(&device->host, channel, endpoint, bytes, byte_count);

    if (status == VMB_OK && endpoint != NULL) {
        device_opened(device, &device->host_end, "host");
    }
    return status;
}

/* ---- Both ------------------------------------------------------------------------------------ */

void vmb_sim_device_init(struct vmb_sim_device *device, struct vmb_sim_checks *checks,
                         uint32_t number, uint16_t sub, struct vmb_sim_random *random,
                         uint64_t (*now_ns)(void *context), void *now_context)
{
    static const uint32_t windows[] = {1, 1, 2, 4, 8};
    static const uint32_t patterns[] = {16, 64, 200, 900};
    const struct vmb_traffic_guest_options options = {
        .struct_bytes = sizeof(options),
        .buffer = device->guest_buffer,
        .buffer_bytes = VMB_SIM_DEVICE_BUFFER,
        .pattern_limit = patterns[vmb_sim_random_below(random, 4)],
        .window = windows[vmb_sim_random_below(random, 5)],
        .streams = vmb_sim_random_below(random, 3),
        .answer = (enum vmb_traffic_answer)vmb_sim_random_below(random, 3),
        .seed = vmb_sim_random_next(random),
        .context = now_context,
        .now_ns = now_ns,
    };

    memset(device, 0, sizeof(*device));
    device->checks = checks;
    device->number = number;
    device->sub = sub;
    device->notify = (enum vmb_notify)vmb_sim_random_below(random, 3);
    if (vmb_traffic_guest_init(&device->guest, &options) != VMB_OK ||
        vmb_traffic_host_init(&device->host, device->host_buffer, VMB_SIM_DEVICE_BUFFER, NULL,
                              NULL) != VMB_OK) {
        abort(); /* The options above are ours. */
    }
}

uint64_t vmb_sim_device_answered(const struct vmb_sim_device *device)
{
    struct vmb_traffic_counters counters;

    vmb_traffic_guest_read_counters(&device->guest, &counters);
    return counters.answered;
}

void vmb_sim_device_check(struct vmb_sim_device *device)
{
    struct vmb_traffic_counters guest, host;

    vmb_traffic_guest_read_counters(&device->guest, &guest);
    vmb_traffic_host_read_counters(&device->host, &host);
    if (guest.corrupt + guest.out_of_order + guest.unasked + guest.peer_faults + host.corrupt +
            host.out_of_order + host.unasked + host.peer_faults !=
        0) {
        vmb_sim_violation(device->checks,
                          "device %u.%u: guest %u corrupt, %u out of order, %u unasked; host %u "
                          "corrupt, %u out of order; %u broken rings",
                          device->number, device->sub, (unsigned)guest.corrupt,
                          (unsigned)guest.out_of_order, (unsigned)guest.unasked,
                          (unsigned)host.corrupt, (unsigned)host.out_of_order,
                          (unsigned)(guest.peer_faults + host.peer_faults));
    }
}
