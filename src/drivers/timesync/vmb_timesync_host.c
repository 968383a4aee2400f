/* SPDX-License-Identifier: MIT */
/* Time synchronisation, host side: one reading to set the guest's clock by, then samples. */
#include <vmbus/drivers/timesync.h>

#include <vmbus/host_channel.h>
#include <vmbus/platform/string.h>
#include <vmbus/proto/guid.h>

#include "base/vmb_pack.h"

#define TIMESYNC_INTERVAL_NS (5ull * 1000u * 1000u * 1000u)
#define TIMESYNC_PATIENCE_NS (10ull * 1000u * 1000u * 1000u)

static uint64_t timesync_host_now(const struct vmb_timesync_host *device)
{
    return device->options.now_ns(device->options.context);
}

static void timesync_host_send(struct vmb_timesync_host *device)
{
    const struct vmb_timesync_host_options *options = &device->options;
    struct vmb_ic_timesync reading = {
        .flags = device->step_due ? VMB_IC_TIMESYNC_SYNC : VMB_IC_TIMESYNC_SAMPLE,
        .leap = options->leap,
        .stratum = options->stratum,
    };
    uint8_t body[VMB_IC_TIMESYNC_BYTES_MAX];
    uint32_t body_bytes;

    /* In this order: what passes in between makes the guest late, never early. */
    reading.host_utc = options->utc_100ns(options->context);
    reading.vm_reference =
        options->reference_100ns != NULL ? options->reference_100ns(options->context) : 0;
    if (vmb_ic_timesync_encode(&reading, device->version, body, sizeof(body), &body_bytes) ==
            VMB_OK &&
        vmb_ic_host_request(&device->ic, body, body_bytes) == VMB_OK) {
        device->step_due = false;
        device->next_reading_ns = VMB_NEVER;
    }
}

static void timesync_host_negotiated(void *context, vmb_status status,
                                     struct vmb_ic_version version)
{
    struct vmb_timesync_host *device = context;

    device->version = version;
    device->next_reading_ns = status == VMB_OK ? timesync_host_now(device) : VMB_NEVER;
}

static void timesync_host_answered(void *context, vmb_status status, uint32_t ic_status,
                                   const uint8_t *body, uint32_t body_bytes)
{
    struct vmb_timesync_host *device = context;

    (void)ic_status; /* A guest that did not like it gets the next one all the same. */
    (void)body;
    (void)body_bytes;
    if (status == VMB_OK) {
        device->next_reading_ns = timesync_host_now(device) + device->options.interval_ns;
    }
}

/* The guest was away for long: its clock may have been, too. */
static void timesync_host_answered_late(void *context)
{
    struct vmb_timesync_host *device = context;

    device->next_reading_ns = timesync_host_now(device);
}

static void timesync_host_failed(void *context, vmb_status status)
{
    struct vmb_timesync_host *device = context;

    if (device->options.failed != NULL) {
        device->options.failed(device->options.context, status);
    }
}

static void timesync_host_opened(void *context, struct vmb_endpoint *endpoint)
{
    struct vmb_timesync_host *device = context;

    device->step_due = true;
    device->next_reading_ns = VMB_NEVER;
    vmb_ic_host_opened(&device->ic, endpoint);
}

static void timesync_host_on_event(void *context)
{
    struct vmb_timesync_host *device = context;

    vmb_ic_host_on_event(&device->ic);
    if (vmb_ic_host_is_ready(&device->ic) &&
        (device->step_due || timesync_host_now(device) >= device->next_reading_ns)) {
        timesync_host_send(device);
    }
}

static void timesync_host_closed(void *context, vmb_status reason)
{
    struct vmb_timesync_host *device = context;

    (void)reason;
    vmb_ic_host_closed(&device->ic);
    device->next_reading_ns = VMB_NEVER;
}

void vmb_timesync_host_step(struct vmb_timesync_host *device)
{
    device->step_due = true;
}

const struct vmb_driver *vmb_timesync_host_driver(void)
{
    static const struct vmb_driver driver = {
        .name = "timesync",
        .class_id = VMB_GUID_TIMESYNC,
        .opened = timesync_host_opened,
        .on_event = timesync_host_on_event,
        .closed = timesync_host_closed,
    };

    return &driver;
}

vmb_status vmb_timesync_host_init(struct vmb_timesync_host *device,
                                  const struct vmb_timesync_host_options *options)
{
    static const struct vmb_ic_host_service service = {
        .message_type = VMB_IC_TIMESYNC,
        .negotiated = timesync_host_negotiated,
        .answered = timesync_host_answered,
        .answered_late = timesync_host_answered_late,
        .failed = timesync_host_failed,
    };
    struct vmb_timesync_host_options *own = &device->options;

    if (options->struct_bytes != sizeof(*options) || options->now_ns == NULL ||
        options->utc_100ns == NULL) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmb_memset(device, 0, sizeof(*device));
    *own = *options;
    if (own->interval_ns == 0) {
        own->interval_ns = TIMESYNC_INTERVAL_NS;
    }
    if (own->patience_ns == 0) {
        own->patience_ns = TIMESYNC_PATIENCE_NS;
    }
    device->next_reading_ns = VMB_NEVER;
    vmb_ic_host_init(&device->ic, &service, device, device->buffer, sizeof(device->buffer),
                     own->now_ns, own->context);
    vmb_ic_host_set_timeout(&device->ic, own->patience_ns);
    if (own->reference_100ns == NULL) {
        vmb_ic_host_limit_version(&device->ic, (struct vmb_ic_version){3, UINT16_MAX});
    }
    return VMB_OK;
}

uint64_t vmb_timesync_host_next_deadline_ns(const struct vmb_timesync_host *device)
{
    uint64_t deadline_ns = vmb_ic_host_next_deadline_ns(&device->ic);

    return device->next_reading_ns < deadline_ns ? device->next_reading_ns : deadline_ns;
}

/* ---- Saved ----------------------------------------------------------------------------------- */

#define TIMESYNC_SAVED_FORMAT 1u

/* The device's own part; the conversation follows. */
struct timesync_saved {
    struct vmb_ic_version version;
    bool step_due;
    uint64_t next_reading_ns;
};

static void timesync_saved_pack(struct vmbi_pack *pack, struct timesync_saved *saved,
                                uint64_t now_ns)
{
    uint8_t format = TIMESYNC_SAVED_FORMAT;

    vmbi_pack_u8(pack, &format);
    vmbi_pack_u16(pack, &saved->version.major);
    vmbi_pack_u16(pack, &saved->version.minor);
    vmbi_pack_bool(pack, &saved->step_due);
    vmbi_pack_deadline(pack, &saved->next_reading_ns, now_ns);
    pack->failed = pack->failed || format != TIMESYNC_SAVED_FORMAT;
}

vmb_status vmb_timesync_host_save(void *context, struct vmb_host_channel *channel, bool open,
                                  void *buffer, size_t buffer_bytes, size_t *out_bytes)
{
    const struct vmb_timesync_host *device = context;
    struct timesync_saved saved = {device->version, device->step_due, device->next_reading_ns};
    struct vmbi_pack pack;

    (void)channel;
    if (!open) {
        saved.next_reading_ns = VMB_NEVER;
    }
    vmbi_pack_writer(&pack, buffer, buffer_bytes);
    timesync_saved_pack(&pack, &saved, device->options.now_ns(device->options.context));
    return vmb_ic_host_save(&device->ic, open, buffer, buffer_bytes, pack.at, out_bytes);
}

vmb_status vmb_timesync_host_restore(void *context, struct vmb_host_channel *channel,
                                     struct vmb_endpoint *endpoint, const void *bytes,
                                     size_t byte_count)
{
    struct vmb_timesync_host *device = context;
    struct timesync_saved saved = {0};
    struct vmbi_pack pack;
    vmb_status status;

    (void)channel;
    vmbi_pack_reader(&pack, bytes, byte_count);
    timesync_saved_pack(&pack, &saved, device->options.now_ns(device->options.context));
    if (pack.failed) {
        return VMB_ERR_MALFORMED;
    }
    status = vmb_ic_host_restore(&device->ic, endpoint, bytes, byte_count, pack.at);
    if (status != VMB_OK) {
        return status;
    }
    device->version = saved.version;
    device->step_due = saved.step_due;
    device->next_reading_ns = saved.next_reading_ns;
    return VMB_OK;
}

const struct vmb_host_hooks *vmb_timesync_host_hooks(void)
{
    static const struct vmb_host_hooks hooks = {
        .struct_bytes = sizeof(hooks),
        .save = vmb_timesync_host_save,
        .restore = vmb_timesync_host_restore,
    };

    return &hooks;
}
