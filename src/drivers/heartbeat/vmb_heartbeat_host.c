/* SPDX-License-Identifier: MIT */
/* Heartbeat, host side: one beat after the other, and what their answers say. */
#include <vmbus/drivers/heartbeat.h>

#include <vmbus/host_channel.h>
#include <vmbus/platform/string.h>
#include <vmbus/proto/guid.h>

#include "base/vmb_pack.h"

#define HEARTBEAT_INTERVAL_NS (2ull * 1000u * 1000u * 1000u)
#define HEARTBEAT_PATIENCE_NS (10ull * 1000u * 1000u * 1000u)

static void heartbeat_host_set(struct vmb_heartbeat_host *device, enum vmb_heartbeat heartbeat,
                               uint32_t application_state)
{
    bool changed = heartbeat != device->heartbeat || application_state != device->application_state;

    device->heartbeat = heartbeat;
    device->application_state = application_state;
    if (changed && device->options.changed != NULL) {
        device->options.changed(device->options.context, heartbeat, application_state);
    }
}

/* The next beat is due @delay_ns from now. */
static void heartbeat_host_schedule(struct vmb_heartbeat_host *device, uint64_t delay_ns)
{
    device->next_beat_ns = device->options.now_ns(device->options.context) + delay_ns;
}

static void heartbeat_host_beat(struct vmb_heartbeat_host *device)
{
    struct vmb_ic_heartbeat beat = {.sequence = device->sequence};
    uint8_t body[VMB_IC_HEARTBEAT_BYTES];

    if (vmb_ic_heartbeat_encode(&beat, body, sizeof(body)) == VMB_OK &&
        vmb_ic_host_request(&device->ic, body, sizeof(body)) == VMB_OK) {
        device->next_beat_ns = VMB_NEVER;
    }
}

static void heartbeat_host_negotiated(void *context, vmb_status status,
                                      struct vmb_ic_version version)
{
    struct vmb_heartbeat_host *device = context;

    (void)version;
    device->sequence = 0;
    device->next_beat_ns = VMB_NEVER;
    if (status == VMB_OK) {
        heartbeat_host_schedule(device, 0);
    } else if (status == VMB_ERR_TIMEOUT) {
        heartbeat_host_set(device, VMB_HEARTBEAT_DEAD, VMB_IC_HEARTBEAT_UNKNOWN);
    }
}

static void heartbeat_host_answered(void *context, vmb_status status, uint32_t ic_status,
                                    const uint8_t *body, uint32_t body_bytes)
{
    struct vmb_heartbeat_host *device = context;
    struct vmb_ic_heartbeat beat = {0};

    if (status == VMB_ERR_TIMEOUT) {
        heartbeat_host_set(device, VMB_HEARTBEAT_DEAD, VMB_IC_HEARTBEAT_UNKNOWN);
        return;
    }
    if (status != VMB_OK) {
        return;
    }
    if (ic_status != VMB_IC_STATUS_OK ||
        vmb_ic_heartbeat_decode(body, body_bytes, &beat) != VMB_OK ||
        beat.sequence != device->sequence + 1u) {
        device->wrong_answers++; /* It lives all the same. */
    }
    device->sequence++;
    heartbeat_host_schedule(device, device->options.interval_ns);
    heartbeat_host_set(device, VMB_HEARTBEAT_ALIVE, beat.application_state);
}

static void heartbeat_host_answered_late(void *context)
{
    struct vmb_heartbeat_host *device = context;

    device->sequence++;
    heartbeat_host_schedule(device, device->options.interval_ns);
    heartbeat_host_set(device, VMB_HEARTBEAT_ALIVE, VMB_IC_HEARTBEAT_UNKNOWN);
}

static void heartbeat_host_failed(void *context, vmb_status status)
{
    struct vmb_heartbeat_host *device = context;

    if (device->options.failed != NULL) {
        device->options.failed(device->options.context, status);
    }
}

static void heartbeat_host_opened(void *context, struct vmb_endpoint *endpoint)
{
    struct vmb_heartbeat_host *device = context;

    device->next_beat_ns = VMB_NEVER;
    vmb_ic_host_opened(&device->ic, endpoint);
}

static void heartbeat_host_on_event(void *context)
{
    struct vmb_heartbeat_host *device = context;

    vmb_ic_host_on_event(&device->ic);
    if (vmb_ic_host_is_ready(&device->ic) &&
        device->options.now_ns(device->options.context) >= device->next_beat_ns) {
        heartbeat_host_beat(device);
    }
}

static void heartbeat_host_closed(void *context, vmb_status reason)
{
    struct vmb_heartbeat_host *device = context;

    (void)reason;
    vmb_ic_host_closed(&device->ic);
    device->next_beat_ns = VMB_NEVER;
    heartbeat_host_set(device, VMB_HEARTBEAT_UNKNOWN, VMB_IC_HEARTBEAT_UNKNOWN);
}

const struct vmb_driver *vmb_heartbeat_host_driver(void)
{
    static const struct vmb_driver driver = {
        .name = "heartbeat",
        .class_id = VMB_GUID_HEARTBEAT,
        .opened = heartbeat_host_opened,
        .on_event = heartbeat_host_on_event,
        .closed = heartbeat_host_closed,
    };

    return &driver;
}

vmb_status vmb_heartbeat_host_init(struct vmb_heartbeat_host *device,
                                   const struct vmb_heartbeat_host_options *options)
{
    static const struct vmb_ic_host_service service = {
        .message_type = VMB_IC_HEARTBEAT,
        .negotiated = heartbeat_host_negotiated,
        .answered = heartbeat_host_answered,
        .answered_late = heartbeat_host_answered_late,
        .failed = heartbeat_host_failed,
    };

    if (options->struct_bytes != sizeof(*options) || options->now_ns == NULL) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmb_memset(device, 0, sizeof(*device));
    device->options = *options;
    if (device->options.interval_ns == 0) {
        device->options.interval_ns = HEARTBEAT_INTERVAL_NS;
    }
    if (device->options.patience_ns == 0) {
        device->options.patience_ns = HEARTBEAT_PATIENCE_NS;
    }
    device->next_beat_ns = VMB_NEVER;
    vmb_ic_host_init(&device->ic, &service, device, device->buffer, sizeof(device->buffer),
                     device->options.now_ns, device->options.context);
    vmb_ic_host_set_timeout(&device->ic, device->options.patience_ns);
    return VMB_OK;
}

uint64_t vmb_heartbeat_host_next_deadline_ns(const struct vmb_heartbeat_host *device)
{
    uint64_t deadline_ns = vmb_ic_host_next_deadline_ns(&device->ic);

    return device->next_beat_ns < deadline_ns ? device->next_beat_ns : deadline_ns;
}

/* ---- Saved ----------------------------------------------------------------------------------- */

#define HEARTBEAT_SAVED_FORMAT 1u

/* The device's own part; the conversation follows. */
struct heartbeat_saved {
    uint8_t heartbeat;
    uint32_t application_state;
    uint64_t sequence;
    uint64_t next_beat_ns;
    uint64_t wrong_answers;
};

static void heartbeat_saved_pack(struct vmbi_pack *pack, struct heartbeat_saved *saved,
                                 uint64_t now_ns)
{
    uint8_t format = HEARTBEAT_SAVED_FORMAT;

    vmbi_pack_u8(pack, &format);
    vmbi_pack_u8(pack, &saved->heartbeat);
    vmbi_pack_u32(pack, &saved->application_state);
    vmbi_pack_u64(pack, &saved->sequence);
    vmbi_pack_deadline(pack, &saved->next_beat_ns, now_ns);
    vmbi_pack_u64(pack, &saved->wrong_answers);
    pack->failed =
        pack->failed || format != HEARTBEAT_SAVED_FORMAT || saved->heartbeat > VMB_HEARTBEAT_DEAD;
}

vmb_status vmb_heartbeat_host_save(void *context, struct vmb_host_channel *channel, bool open,
                                   void *buffer, size_t buffer_bytes, size_t *out_bytes)
{
    const struct vmb_heartbeat_host *device = context;
    struct heartbeat_saved saved = {(uint8_t)device->heartbeat, device->application_state,
                                    device->sequence, device->next_beat_ns, device->wrong_answers};
    struct vmbi_pack pack;

    (void)channel;
    if (!open) {
        saved.heartbeat = VMB_HEARTBEAT_UNKNOWN;
        saved.application_state = VMB_IC_HEARTBEAT_UNKNOWN;
        saved.next_beat_ns = VMB_NEVER;
    }
    vmbi_pack_writer(&pack, buffer, buffer_bytes);
    heartbeat_saved_pack(&pack, &saved, device->options.now_ns(device->options.context));
    return vmb_ic_host_save(&device->ic, open, buffer, buffer_bytes, pack.at, out_bytes);
}

vmb_status vmb_heartbeat_host_restore(void *context, struct vmb_host_channel *channel,
                                      struct vmb_endpoint *endpoint, const void *bytes,
                                      size_t byte_count)
{
    struct vmb_heartbeat_host *device = context;
    struct heartbeat_saved saved = {0};
    struct vmbi_pack pack;
    vmb_status status;

    (void)channel;
    vmbi_pack_reader(&pack, bytes, byte_count);
    heartbeat_saved_pack(&pack, &saved, device->options.now_ns(device->options.context));
    if (pack.failed) {
        return VMB_ERR_MALFORMED;
    }
    status = vmb_ic_host_restore(&device->ic, endpoint, bytes, byte_count, pack.at);
    if (status != VMB_OK) {
        return status;
    }
    device->sequence = saved.sequence;
    device->next_beat_ns = saved.next_beat_ns;
    device->wrong_answers = saved.wrong_answers;
    heartbeat_host_set(device, (enum vmb_heartbeat)saved.heartbeat, saved.application_state);
    return VMB_OK;
}

const struct vmb_host_hooks *vmb_heartbeat_host_hooks(void)
{
    static const struct vmb_host_hooks hooks = {
        .struct_bytes = sizeof(hooks),
        .save = vmb_heartbeat_host_save,
        .restore = vmb_heartbeat_host_restore,
    };

    return &hooks;
}
