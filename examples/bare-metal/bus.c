/* SPDX-License-Identifier: MIT */
#include "bus.h"

#include <vmbus/proto/guid.h>
#include <vmbus/proto/version.h>

#include "devices.h"
#include "x86_console.h"
#include "x86_vmbus.h"

struct bus bus;

static void on_connected(void *context, vmb_status status)
{
    (void)context;
    bus.connect_ended = true;
    bus.status = status;
    if (status == VMB_OK) {
        x86_printf("vmbus: connected, version %s\n",
                   vmb_version_name(vmb_guest_version(bus.guest)));
    } else {
        x86_printf("vmbus: cannot connect: %s\n", vmb_status_text(status));
    }
}

static void on_opened(void *context, struct vmb_channel *channel, vmb_status status)
{
    const struct device *device = context;

    bus.under_way--;
    if (status == VMB_OK) {
        bus.open++;
        x86_printf("vmbus: open %s, relid %u, vp %u\n", device->driver->name,
                   vmb_channel_relid(channel), vmb_channel_target_vp(channel));
    } else {
        x86_printf("vmbus: cannot open %s: %s (host status %x)\n", device->driver->name,
                   vmb_status_text(status), vmb_channel_host_status(channel));
    }
}

/* One channel after the other on one VP after the other, the first VP last: it is busy enough. */
static uint32_t bus_next_vp(void)
{
    static uint32_t next;
    uint32_t count = x86_vmbus_vp_count();

    return x86_vmbus_vp(count - 1 - next++ % count);
}

static void bus_open(struct vmb_channel *channel, struct device *device)
{
    const struct vmb_channel_open_options options = {
        .struct_bytes = sizeof(options),
        .driver = device->driver,
        .device = device->instance,
        .target_vp = bus_next_vp(),
        .done = on_opened,
        .done_context = device,
    };
    vmb_status status = device->open != NULL
                            ? device->open(channel, options.target_vp, on_opened, device)
                            : vmb_channel_open(channel, &options);

    bus.under_way++;
    if (status != VMB_OK) {
        on_opened(device, channel, status); /* It has not been called, and will not be. */
    }
}

static void on_closed(void *context, struct vmb_channel *channel, vmb_status status)
{
    struct device *device = context;

    bus.under_way--;
    x86_printf("vmbus: close %s: %s\n", device->driver->name, vmb_status_text(status));
    if (status == VMB_OK) {
        bus_open(channel, device);
    }
}

void bus_reopen(void)
{
    struct vmb_channel *channel;
    uint32_t cursor = 0;

    while ((channel = vmb_guest_next_channel(bus.guest, &cursor)) != NULL) {
        if (vmb_channel_state(channel) == VMB_CHANNEL_OPEN &&
            vmb_channel_close(channel, on_closed, vmb_channel_context(channel)) == VMB_OK) {
            bus.under_way++;
            bus.open--;
        }
    }
}

static void on_offered(void *context, struct vmb_channel *channel)
{
    const struct vmb_msg_offer *offer = vmb_channel_offer(channel);
    struct device *device = devices_claim(offer);
    char instance[VMB_GUID_TEXT_BYTES];

    (void)context;
    bus.offered++;
    vmb_guid_format(&offer->instance_guid, instance);
    x86_printf("vmbus: offer %s, relid %u, instance %s\n", vmb_class_name(&offer->interface_guid),
               offer->relid, instance);
    vmb_channel_set_context(channel, device);
    if (device != NULL) {
        bus_open(channel, device);
    }
}

static void on_offers_delivered(void *context)
{
    (void)context;
    bus.delivered = true;
    x86_printf("vmbus: all offers delivered: %u\n", bus.offered);
}

static void on_rescinded(void *context, struct vmb_channel *channel)
{
    struct device *device = vmb_channel_context(channel);

    (void)context;
    x86_printf("vmbus: rescind, relid %u\n", vmb_channel_relid(channel));
    if (device != NULL) {
        device->taken = false; /* The next offer of its class may have it. */
    }
    if (vmb_channel_let_go(channel) != VMB_OK) {
        x86_printf("vmbus: cannot let go of it\n");
    }
}

static void on_unloaded(void *context, vmb_status status)
{
    (void)context;
    bus.unloaded = true;
    bus.status = status;
    x86_printf("vmbus: unload: %s\n", vmb_status_text(status));
}

const struct vmb_guest_events bus_events = {
    .struct_bytes = sizeof(struct vmb_guest_events),
    .connected = on_connected,
    .offered = on_offered,
    .offers_delivered = on_offers_delivered,
    .rescinded = on_rescinded,
    .unloaded = on_unloaded,
};
