/* SPDX-License-Identifier: MIT */
/* The driver of every device of the world: what its handlers do, must never see, and must have
 * seen. */
#include "explore/scenarios/world_device.h"

static void device_opened(void *device, struct vmb_endpoint *endpoint)
{
    ((struct world_device *)device)->endpoint = endpoint;
}

/* Take every packet; one that is polled asks to be woken again, and polls on if it is not. */
static void device_drain(struct world_device *device)
{
    do {
        struct vmb_packet packet;
        uint32_t number[2]; /* A packet's size is a multiple of 8. */

        while (vmb_endpoint_receive(device->endpoint, number, sizeof(number), &packet) == VMB_OK) {
            device->received++;
            xpl_expect(number[0] == device->received, "packet %u of %s arrives as %u",
                       device->received, device->name, number[0]);
            xpl_note("handler of %s takes packet %u", device->name, number[0]);
        }
        if (device->polls_outside) {
            device->seen = vmb_atomic_load(&device->produced, VMB_RELAXED);
            xpl_note("poller of %s has seen %u", device->name, (unsigned)device->seen);
        }
        vmb_endpoint_release(device->endpoint);
    } while (device->notify == VMB_NOTIFY_POLLED && vmb_channel_rearm(device->channel));
}

/* In the handler of a device that polls elsewhere. While it is opened nobody polls yet. */
static void device_wake_poller(struct world_device *device)
{
    if (xpl_self() == XPL_THREADS && !device->poller_waits) {
        device_drain(device);
    } else {
        (void)vmb_atomic_fetch_or(&device->poll, 1u, VMB_RELEASE);
    }
}

void world_poller(struct world_device *device)
{
    for (;;) {
        (void)xpl_await(&device->poll, VMB_ACQUIRE);
        device_drain(device);
        world_ticks();
    }
}

static void device_event(void *context)
{
    struct world_device *device = context;

    world_handler_runs();
    if (device->polls_outside) {
        device_wake_poller(device);
        return;
    }
    if (device->watched) {
        xpl_expect(vmb_atomic_load(&device->closed, XPL_GHOST) == 0,
                   "the handler of %s starts although its channel is closed", device->name);
        xpl_expect(vmb_atomic_fetch_add(&device->inside, 1u, XPL_GHOST) == 0,
                   "the handler of %s runs twice at once", device->name);
    }
    if (device->ring.control != NULL || device->notify == VMB_NOTIFY_POLLED) {
        device_drain(device);
        return;
    }
    device->runs++;
    if (device->kicks > 0) {
        device->kicks--;
        vmb_channel_kick(device->channel);
    }
    device->seen = vmb_atomic_load(&device->produced, VMB_RELAXED);
    xpl_note("handler of %s has seen %u", device->name, (unsigned)device->seen);
    if (device->watched) {
        (void)vmb_atomic_fetch_add(&device->inside, UINT32_MAX, XPL_GHOST);
    }
}

static void device_closed(void *context, vmb_status reason)
{
    struct world_device *device = context;

    (void)reason;
    xpl_note("%s is closed", device->name);
    device->endpoint = NULL;
    device->seen = 0; /* The driver is done with it; so must every handler be. */
    if (device->watched) {
        vmb_atomic_store(&device->closed, 1u, XPL_GHOST);
        xpl_expect(vmb_atomic_load(&device->inside, XPL_GHOST) == 0,
                   "%s is closed while its handler runs", device->name);
    }
}

const struct vmb_driver world_drivers[] = {
    {.notify = VMB_NOTIFY_DEFERRED,
     .opened = device_opened,
     .on_event = device_event,
     .closed = device_closed},
    {.notify = VMB_NOTIFY_DIRECT,
     .opened = device_opened,
     .on_event = device_event,
     .closed = device_closed},
    {.notify = VMB_NOTIFY_POLLED,
     .opened = device_opened,
     .on_event = device_event,
     .closed = device_closed},
};

void world_expect_seen(const struct world_device *device)
{
    xpl_expect(device->seen == device->produced.value,
               "an event of relid %u (%s) was lost: the host put work %u there and signalled, and "
               "no handler started after that (last seen: %u)",
               device->relid, device->name, (unsigned)device->produced.value,
               (unsigned)device->seen);
}

void world_expect_accounted(void)
{
    for (uint32_t vp = 0; vp < WORLD_VPS; vp++) {
        struct vmb_vp_counters counters;
        uint64_t sum;

        if (vmb_guest_vp_counters(world_guest, vp, &counters) != VMB_OK) {
            xpl_fail("no counters");
        }
        sum = counters.started + counters.coalesced + counters.stray_unmapped +
              counters.stray_closed + counters.legacy;
        xpl_expect(counters.events == sum, "VP %u: %u flags taken, %u accounted for", vp,
                   (unsigned)counters.events, (unsigned)sum);
    }
}

void world_expect_no_stray(void)
{
    for (uint32_t vp = 0; vp < WORLD_VPS; vp++) {
        struct vmb_vp_counters counters;

        if (vmb_guest_vp_counters(world_guest, vp, &counters) != VMB_OK) {
            xpl_fail("no counters");
        }
        xpl_expect(counters.stray_closed == 0,
                   "VP %u: %u events of closed channels, and none was closed", vp,
                   (unsigned)counters.stray_closed);
    }
}

/* The rings of a channel: control and data page of each, first the one to the host. */
void world_ring(struct world_device *device)
{
    if (vmb_ring_tx_init(&device->ring, device->rings + 2 * VMB_PAGE_BYTES, VMB_PAGE_BYTES) !=
        VMB_OK) {
        xpl_fail("no ring");
    }
}

void world_keep(struct world_device *device)
{
    xpl_keep_watched(device, sizeof(*device));
}
