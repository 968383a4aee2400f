/* SPDX-License-Identifier: MIT */
/*
 * Backup, guest side: freeze and thaw when asked, answer when it is done. A host that freezes and
 * then goes away must not leave a guest that cannot write: it is thawed without being asked.
 */
#include <vmbus/drivers/vss.h>

#include <vmbus/platform/string.h>
#include <vmbus/proto/guid.h>

#define VSS_FREEZE_SINCE 5u /* Major version. */

static uint32_t vss_guest_freeze(struct vmb_vss_guest *device)
{
    uint32_t ic_status;

    if (device->is_frozen) {
        return VMB_IC_STATUS_OK;
    }
    if (device->is_freezing) {
        return VMB_IC_STATUS_FAILURE; /* For one that is gone; its end thaws. */
    }
    ic_status = device->options.freeze(device->options.context);
    device->is_frozen = ic_status == VMB_IC_STATUS_OK;
    device->is_freezing = ic_status == VMB_IC_ANSWER_LATER;
    return ic_status;
}

static uint32_t vss_guest_thaw(struct vmb_vss_guest *device)
{
    if (!device->is_frozen) {
        return VMB_IC_STATUS_OK;
    }
    device->is_frozen = false;
    return device->options.thaw(device->options.context);
}

static uint32_t vss_guest_flags(uint8_t operation, uint32_t flags, uint8_t *body,
                                uint32_t body_bytes)
{
    if (body_bytes < VMB_VSS_FLAGS_BYTES) {
        return VMB_IC_STATUS_INVALID_ARGUMENT;
    }
    vmb_vss_flags_encode(operation, flags, body);
    return VMB_IC_STATUS_OK;
}

static uint32_t vss_guest_request(void *context, struct vmb_ic_version version, uint8_t *body,
                                  uint32_t body_bytes)
{
    struct vmb_vss_guest *device = context;
    struct vmb_vss vss;

    if (vmb_vss_decode(body, body_bytes, &vss) != VMB_OK) {
        return VMB_IC_STATUS_INVALID_ARGUMENT;
    }
    switch (vss.operation) {
    case VMB_VSS_HOT_BACKUP:
        return vss_guest_flags(vss.operation, VMB_VSS_NO_AUTO_RECOVERY, body, body_bytes);
    case VMB_VSS_DIRECT_DEVICES:
        return vss_guest_flags(vss.operation, 0, body, body_bytes);
    case VMB_VSS_BACKUP_COMPLETE:
        if (device->options.complete != NULL) {
            device->options.complete(device->options.context);
        }
        return VMB_IC_STATUS_OK;
    case VMB_VSS_FREEZE:
        return version.major >= VSS_FREEZE_SINCE ? vss_guest_freeze(device)
                                                 : VMB_IC_STATUS_NOT_SUPPORTED;
    case VMB_VSS_THAW:
        return vss_guest_thaw(device);
    default:
        return VMB_IC_STATUS_NOT_SUPPORTED;
    }
}

/* Nobody is there any more who would thaw. */
static void vss_guest_abandon(struct vmb_vss_guest *device)
{
    (void)vss_guest_thaw(device); /* Its result is nobody's. */
}

void vmb_vss_guest_done(struct vmb_vss_guest *device, uint32_t ic_status)
{
    if (device->is_freezing) {
        device->is_freezing = false;
        device->is_frozen = ic_status == VMB_IC_STATUS_OK;
        if (device->ic.late_bytes == 0) { /* The channel was closed meanwhile. */
            vss_guest_abandon(device);
        }
    }
    vmb_ic_guest_answer(&device->ic, ic_status);
}

static void vss_guest_negotiated(void *context, bool agreed, struct vmb_ic_version version)
{
    (void)agreed;
    (void)version;
    vss_guest_abandon(context); /* The host has forgotten. */
}

static void vss_guest_failed(void *context, vmb_status status)
{
    struct vmb_vss_guest *device = context;

    if (device->options.failed != NULL) {
        device->options.failed(device->options.context, status);
    }
}

static void vss_guest_opened(void *context, struct vmb_endpoint *endpoint)
{
    vmb_ic_guest_opened(&((struct vmb_vss_guest *)context)->ic, endpoint);
}

static void vss_guest_on_event(void *context)
{
    vmb_ic_guest_on_event(&((struct vmb_vss_guest *)context)->ic);
}

static void vss_guest_closed(void *context, vmb_status reason)
{
    struct vmb_vss_guest *device = context;

    (void)reason;
    vmb_ic_guest_closed(&device->ic);
    vss_guest_abandon(device);
}

const struct vmb_driver *vmb_vss_guest_driver(void)
{
    static const struct vmb_driver driver = {
        .name = "vss",
        .class_id = VMB_GUID_VSS,
        .notify = VMB_NOTIFY_DEFERRED,
        .opened = vss_guest_opened,
        .on_event = vss_guest_on_event,
        .closed = vss_guest_closed,
    };

    return &driver;
}

vmb_status vmb_vss_guest_init(struct vmb_vss_guest *device,
                              const struct vmb_vss_guest_options *options)
{
    static const struct vmb_ic_guest_service service = {
        .message_type = VMB_IC_VSS,
        .request = vss_guest_request,
        .negotiated = vss_guest_negotiated,
        .failed = vss_guest_failed,
    };

    if (options->struct_bytes != sizeof(*options) || options->freeze == NULL ||
        options->thaw == NULL) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmb_memset(device, 0, sizeof(*device));
    device->options = *options;
    vmb_ic_guest_init(&device->ic, &service, device, device->buffer, sizeof(device->buffer));
    return VMB_OK;
}
