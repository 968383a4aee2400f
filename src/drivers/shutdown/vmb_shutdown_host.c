/* SPDX-License-Identifier: MIT */
/* Shutdown, host side: ask, as far as the guest's version goes, and tell what it said. */
#include <vmbus/drivers/shutdown.h>

#include <vmbus/host_channel.h>
#include <vmbus/platform/string.h>
#include <vmbus/proto/guid.h>

#include "base/vmb_pack.h"

#define SHUTDOWN_PATIENCE_NS (10ull * 1000u * 1000u * 1000u)

static void shutdown_host_set_ready(struct vmb_shutdown_host *device, bool ready)
{
    if (ready != device->is_ready) {
        device->is_ready = ready;
        if (device->options.ready != NULL) {
            device->options.ready(device->options.context, ready);
        }
    }
}

static void shutdown_host_negotiated(void *context, vmb_status status,
                                     struct vmb_ic_version version)
{
    struct vmb_shutdown_host *device = context;

    device->version = version;
    shutdown_host_set_ready(device, status == VMB_OK);
}

static void shutdown_host_answered(void *context, vmb_status status, uint32_t ic_status,
                                   const uint8_t *body, uint32_t body_bytes)
{
    struct vmb_shutdown_host *device = context;

    (void)body;
    (void)body_bytes;
    if (status == VMB_OK && ic_status != VMB_IC_STATUS_OK) {
        status = VMB_ERR_REFUSED;
    }
    if (device->options.answered != NULL) {
        device->options.answered(device->options.context, status, ic_status);
    }
}

static void shutdown_host_failed(void *context, vmb_status status)
{
    struct vmb_shutdown_host *device = context;

    if (device->options.failed != NULL) {
        device->options.failed(device->options.context, status);
    }
}

/* The minor version of 3 that a kind needs; power off is older than that. */
static bool shutdown_host_can(const struct vmb_shutdown_host *device, enum vmb_shutdown_kind kind)
{
    static const struct vmb_ic_version needed[] = {
        [VMB_SHUTDOWN_POWER_OFF] = {1, 0},
        [VMB_SHUTDOWN_RESTART] = {3, 1},
        [VMB_SHUTDOWN_HIBERNATE] = {3, 2},
    };
    struct vmb_ic_version has = device->version;

    return has.major > needed[kind].major ||
           (has.major == needed[kind].major && has.minor >= needed[kind].minor);
}

vmb_status vmb_shutdown_host_request(struct vmb_shutdown_host *device,
                                     const struct vmb_shutdown_request *request)
{
    struct vmb_ic_shutdown wire = {
        .reason = request->reason,
        .timeout_seconds = request->timeout_seconds,
        .flags = request->force ? VMB_IC_SHUTDOWN_FORCE : 0,
        .text = request->text,
        .text_bytes = request->text_bytes,
    };
    vmb_status status;

    if (device->is_ready && !shutdown_host_can(device, request->kind)) {
        return VMB_ERR_VERSION;
    }
    if (request->kind == VMB_SHUTDOWN_RESTART) {
        wire.flags |= VMB_IC_SHUTDOWN_RESTART;
    } else if (request->kind == VMB_SHUTDOWN_HIBERNATE) {
        wire.flags |= VMB_IC_SHUTDOWN_HIBERNATE;
    }
    status = vmb_ic_shutdown_encode(&wire, device->body, sizeof(device->body));
    if (status != VMB_OK) {
        return status;
    }
    return vmb_ic_host_request(&device->ic, device->body, sizeof(device->body));
}

static void shutdown_host_opened(void *context, struct vmb_endpoint *endpoint)
{
    vmb_ic_host_opened(&((struct vmb_shutdown_host *)context)->ic, endpoint);
}

static void shutdown_host_on_event(void *context)
{
    vmb_ic_host_on_event(&((struct vmb_shutdown_host *)context)->ic);
}

static void shutdown_host_closed(void *context, vmb_status reason)
{
    struct vmb_shutdown_host *device = context;

    (void)reason;
    vmb_ic_host_closed(&device->ic);
    shutdown_host_set_ready(device, false);
}

const struct vmb_driver *vmb_shutdown_host_driver(void)
{
    static const struct vmb_driver driver = {
        .name = "shutdown",
        .class_id = VMB_GUID_SHUTDOWN,
        .opened = shutdown_host_opened,
        .on_event = shutdown_host_on_event,
        .closed = shutdown_host_closed,
    };

    return &driver;
}

vmb_status vmb_shutdown_host_init(struct vmb_shutdown_host *device,
                                  const struct vmb_shutdown_host_options *options)
{
    static const struct vmb_ic_host_service service = {
        .message_type = VMB_IC_SHUTDOWN,
        .negotiated = shutdown_host_negotiated,
        .answered = shutdown_host_answered,
        .failed = shutdown_host_failed,
    };

    if (options->struct_bytes != sizeof(*options) || options->now_ns == NULL) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmb_memset(device, 0, sizeof(*device));
    device->options = *options;
    vmb_ic_host_init(&device->ic, &service, device, device->buffer, sizeof(device->buffer),
                     options->now_ns, options->context);
    vmb_ic_host_set_timeout(&device->ic, options->patience_ns != 0 ? options->patience_ns
                                                                   : SHUTDOWN_PATIENCE_NS);
    return VMB_OK;
}

uint64_t vmb_shutdown_host_next_deadline_ns(const struct vmb_shutdown_host *device)
{
    return vmb_ic_host_next_deadline_ns(&device->ic);
}

/* ---- Saved ----------------------------------------------------------------------------------- */

#define SHUTDOWN_SAVED_FORMAT 1u

/* The device's own part; the conversation follows. */
struct shutdown_saved {
    struct vmb_ic_version version;
    bool is_ready;
};

static void shutdown_saved_pack(struct vmbi_pack *pack, struct shutdown_saved *saved)
{
    uint8_t format = SHUTDOWN_SAVED_FORMAT;

    vmbi_pack_u8(pack, &format);
    vmbi_pack_u16(pack, &saved->version.major);
    vmbi_pack_u16(pack, &saved->version.minor);
    vmbi_pack_bool(pack, &saved->is_ready);
    pack->failed = pack->failed || format != SHUTDOWN_SAVED_FORMAT;
}

vmb_status vmb_shutdown_host_save(void *context, struct vmb_host_channel *channel, bool open,
                                  void *buffer, size_t buffer_bytes, size_t *out_bytes)
{
    const struct vmb_shutdown_host *device = context;
    struct shutdown_saved saved = {device->version, device->is_ready};
    struct vmbi_pack pack;

    (void)channel;
    if (!open) {
        saved.is_ready = false;
    }
    vmbi_pack_writer(&pack, buffer, buffer_bytes);
    shutdown_saved_pack(&pack, &saved);
    return vmb_ic_host_save(&device->ic, open, buffer, buffer_bytes, pack.at, out_bytes);
}

vmb_status vmb_shutdown_host_restore(void *context, struct vmb_host_channel *channel,
                                     struct vmb_endpoint *endpoint, const void *bytes,
                                     size_t byte_count)
{
    struct vmb_shutdown_host *device = context;
    struct shutdown_saved saved = {0};
    struct vmbi_pack pack;
    vmb_status status;

    (void)channel;
    vmbi_pack_reader(&pack, bytes, byte_count);
    shutdown_saved_pack(&pack, &saved);
    if (pack.failed) {
        return VMB_ERR_MALFORMED;
    }
    status = vmb_ic_host_restore(&device->ic, endpoint, bytes, byte_count, pack.at);
    if (status != VMB_OK) {
        return status;
    }
    device->version = saved.version;
    shutdown_host_set_ready(device, saved.is_ready);
    return VMB_OK;
}

const struct vmb_host_hooks *vmb_shutdown_host_hooks(void)
{
    static const struct vmb_host_hooks hooks = {
        .struct_bytes = sizeof(hooks),
        .save = vmb_shutdown_host_save,
        .restore = vmb_shutdown_host_restore,
    };

    return &hooks;
}
