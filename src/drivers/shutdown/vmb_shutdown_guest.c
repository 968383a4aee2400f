/* SPDX-License-Identifier: MIT */
/* Shutdown, guest side: say yes or no, and go once the answer is in the ring. */
#include <vmbus/drivers/shutdown.h>

#include <vmbus/platform/string.h>
#include <vmbus/proto/guid.h>

#define SHUTDOWN_FLAGS_KNOWN                                                                       \
    (VMB_IC_SHUTDOWN_FORCE | VMB_IC_SHUTDOWN_RESTART | VMB_IC_SHUTDOWN_HIBERNATE)

static bool shutdown_version_has(struct vmb_ic_version version, uint16_t minor)
{
    return version.major > 3 || (version.major == 3 && version.minor >= minor);
}

/* False: contradictory, or more than the version has. */
static bool shutdown_guest_read(const struct vmb_ic_shutdown *wire, struct vmb_ic_version version,
                                struct vmb_shutdown_request *out)
{
    bool restart = (wire->flags & VMB_IC_SHUTDOWN_RESTART) != 0;
    bool hibernate = (wire->flags & VMB_IC_SHUTDOWN_HIBERNATE) != 0;

    if ((wire->flags & ~SHUTDOWN_FLAGS_KNOWN) != 0 || (restart && hibernate) ||
        (restart && !shutdown_version_has(version, 1)) ||
        (hibernate && !shutdown_version_has(version, 2))) {
        return false;
    }
    out->kind = VMB_SHUTDOWN_POWER_OFF;
    if (restart) {
        out->kind = VMB_SHUTDOWN_RESTART;
    } else if (hibernate) {
        out->kind = VMB_SHUTDOWN_HIBERNATE;
    }
    out->force = (wire->flags & VMB_IC_SHUTDOWN_FORCE) != 0;
    out->reason = wire->reason;
    out->timeout_seconds = wire->timeout_seconds;
    out->text = wire->text;
    out->text_bytes = wire->text_bytes;
    return true;
}

static bool shutdown_guest_accepts(const struct vmb_shutdown_guest *device,
                                   const struct vmb_shutdown_request *request)
{
    if (device->options.accept != NULL) {
        return device->options.accept(device->options.context, request);
    }
    return request->kind != VMB_SHUTDOWN_HIBERNATE;
}

static uint32_t shutdown_guest_request(void *context, struct vmb_ic_version version, uint8_t *body,
                                       uint32_t body_bytes)
{
    struct vmb_shutdown_guest *device = context;
    struct vmb_ic_shutdown wire;

    device->is_accepted = false;
    if (vmb_ic_shutdown_decode(body, body_bytes, &wire) != VMB_OK) {
        return VMB_IC_STATUS_INVALID_ARGUMENT;
    }
    if (!shutdown_guest_read(&wire, version, &device->accepted) ||
        !shutdown_guest_accepts(device, &device->accepted)) {
        return VMB_IC_STATUS_FAILURE;
    }
    device->is_accepted = true;
    return VMB_IC_STATUS_OK;
}

static void shutdown_guest_answered(void *context)
{
    struct vmb_shutdown_guest *device = context;

    if (device->is_accepted) {
        device->is_accepted = false;
        device->options.go(device->options.context, &device->accepted);
    }
}

static void shutdown_guest_negotiated(void *context, bool agreed, struct vmb_ic_version version)
{
    (void)agreed;
    (void)version;
    ((struct vmb_shutdown_guest *)context)->is_accepted = false;
}

static void shutdown_guest_failed(void *context, vmb_status status)
{
    struct vmb_shutdown_guest *device = context;

    if (device->options.failed != NULL) {
        device->options.failed(device->options.context, status);
    }
}

static void shutdown_guest_opened(void *context, struct vmb_endpoint *endpoint)
{
    struct vmb_shutdown_guest *device = context;

    device->is_accepted = false;
    vmb_ic_guest_opened(&device->ic, endpoint);
}

static void shutdown_guest_on_event(void *context)
{
    vmb_ic_guest_on_event(&((struct vmb_shutdown_guest *)context)->ic);
}

static void shutdown_guest_closed(void *context, vmb_status reason)
{
    (void)reason;
    vmb_ic_guest_closed(&((struct vmb_shutdown_guest *)context)->ic);
}

const struct vmb_driver *vmb_shutdown_guest_driver(void)
{
    static const struct vmb_driver driver = {
        .name = "shutdown",
        .class_id = VMB_GUID_SHUTDOWN,
        .notify = VMB_NOTIFY_DEFERRED,
        .opened = shutdown_guest_opened,
        .on_event = shutdown_guest_on_event,
        .closed = shutdown_guest_closed,
    };

    return &driver;
}

vmb_status vmb_shutdown_guest_init(struct vmb_shutdown_guest *device,
                                   const struct vmb_shutdown_guest_options *options)
{
    static const struct vmb_ic_guest_service service = {
        .message_type = VMB_IC_SHUTDOWN,
        .request = shutdown_guest_request,
        .answered = shutdown_guest_answered,
        .negotiated = shutdown_guest_negotiated,
        .failed = shutdown_guest_failed,
    };

    if (options->struct_bytes != sizeof(*options) || options->go == NULL) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmb_memset(device, 0, sizeof(*device));
    device->options = *options;
    vmb_ic_guest_init(&device->ic, &service, device, device->buffer, sizeof(device->buffer));
    return VMB_OK;
}
