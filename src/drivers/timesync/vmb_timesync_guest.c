/* SPDX-License-Identifier: MIT */
/* Time synchronisation, guest side: what the host read, plus the time that has passed since. */
#include <vmbus/drivers/timesync.h>

#include <vmbus/platform/string.h>
#include <vmbus/proto/guid.h>

/* Add the age of a reading, if it can be known. */
static void timesync_guest_correct(struct vmb_timesync_guest *device,
                                   const struct vmb_ic_timesync *wire,
                                   struct vmb_ic_version version,
                                   struct vmb_timesync_reading *reading)
{
    uint64_t now;

    if (version.major < 4 || device->options.reference_100ns == NULL) {
        return;
    }
    now = device->options.reference_100ns(device->options.context);
    if (now < wire->vm_reference) {
        device->from_the_future++; /* The host lies or was restored: its reading stands as it is. */
        return;
    }
    reading->age_known = true;
    reading->age_100ns = now - wire->vm_reference;
    reading->utc_100ns += reading->age_100ns;
}

static uint32_t timesync_guest_request(void *context, struct vmb_ic_version version, uint8_t *body,
                                       uint32_t body_bytes)
{
    struct vmb_timesync_guest *device = context;
    struct vmb_timesync_reading reading = {0};
    struct vmb_ic_timesync wire;

    if (vmb_ic_timesync_decode(body, body_bytes, version, &wire) != VMB_OK) {
        return VMB_IC_STATUS_INVALID_ARGUMENT;
    }
    reading.utc_100ns = wire.host_utc;
    reading.step = (wire.flags & VMB_IC_TIMESYNC_SYNC) != 0;
    reading.sample = (wire.flags & VMB_IC_TIMESYNC_SAMPLE) != 0;
    reading.leap = wire.leap;
    reading.stratum = wire.stratum;
    timesync_guest_correct(device, &wire, version, &reading);
    device->options.reading(device->options.context, &reading);
    return VMB_IC_STATUS_OK;
}

static void timesync_guest_failed(void *context, vmb_status status)
{
    struct vmb_timesync_guest *device = context;

    if (device->options.failed != NULL) {
        device->options.failed(device->options.context, status);
    }
}

static void timesync_guest_opened(void *context, struct vmb_endpoint *endpoint)
{
    vmb_ic_guest_opened(&((struct vmb_timesync_guest *)context)->ic, endpoint);
}

static void timesync_guest_on_event(void *context)
{
    vmb_ic_guest_on_event(&((struct vmb_timesync_guest *)context)->ic);
}

static void timesync_guest_closed(void *context, vmb_status reason)
{
    (void)reason;
    vmb_ic_guest_closed(&((struct vmb_timesync_guest *)context)->ic);
}

const struct vmb_driver *vmb_timesync_guest_driver(void)
{
    static const struct vmb_driver driver = {
        .name = "timesync",
        .class_id = VMB_GUID_TIMESYNC,
        .notify = VMB_NOTIFY_DEFERRED,
        .opened = timesync_guest_opened,
        .on_event = timesync_guest_on_event,
        .closed = timesync_guest_closed,
    };

    return &driver;
}

vmb_status vmb_timesync_guest_init(struct vmb_timesync_guest *device,
                                   const struct vmb_timesync_guest_options *options)
{
    static const struct vmb_ic_guest_service service = {
        .message_type = VMB_IC_TIMESYNC,
        .request = timesync_guest_request,
        .failed = timesync_guest_failed,
    };

    if (options->struct_bytes != sizeof(*options) || options->reading == NULL) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmb_memset(device, 0, sizeof(*device));
    device->options = *options;
    vmb_ic_guest_init(&device->ic, &service, device, device->buffer, sizeof(device->buffer));
    return VMB_OK;
}
