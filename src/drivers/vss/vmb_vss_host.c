/* SPDX-License-Identifier: MIT */
/* Backup, host side: ask for one thing at a time, and remember whether the guest is frozen. */
#include <vmbus/drivers/vss.h>

#include <vmbus/host_channel.h>
#include <vmbus/platform/string.h>
#include <vmbus/proto/guid.h>

#include "base/vmb_pack.h"

#define VSS_PATIENCE_NS (60ull * 1000u * 1000u * 1000u)

/* Behind the operation: backup type, flags, no disks; and in answers, their flags. */
#define VSS_DATA_BYTES 12u

static void vss_host_set_ready(struct vmb_vss_host *device, bool ready)
{
    if (ready != device->is_ready) {
        device->is_ready = ready;
        if (device->options.ready != NULL) {
            device->options.ready(device->options.context, ready);
        }
    }
}

static void vss_host_negotiated(void *context, vmb_status status, struct vmb_ic_version version)
{
    struct vmb_vss_host *device = context;

    device->version = version;
    device->is_frozen = false; /* A guest that has negotiated has let go. */
    vss_host_set_ready(device, status == VMB_OK);
}

static void vss_host_tell(const struct vmb_vss_host *device, vmb_status status, uint32_t ic_status,
                          uint32_t flags)
{
    if (device->options.answered != NULL) {
        device->options.answered(device->options.context, status, ic_status, flags);
    }
}

/* The end of a thaw that nobody asked for. If the guest still does not answer, it is asked again.
 */
static void vss_host_own_answered(struct vmb_vss_host *device, vmb_status status)
{
    device->is_own = false;
    if (status == VMB_ERR_TIMEOUT) {
        device->thaw_due = true;
    } else if (status == VMB_OK) {
        device->is_frozen = false;
    }
}

static void vss_host_answered(void *context, vmb_status status, uint32_t ic_status,
                              const uint8_t *body, uint32_t body_bytes)
{
    struct vmb_vss_host *device = context;
    uint32_t flags = 0;
    struct vmb_vss vss;

    if (device->is_own) {
        vss_host_own_answered(device, status);
        return;
    }
    if (status == VMB_ERR_TIMEOUT && device->operation == VMB_VSS_FREEZE) {
        device->thaw_due = true;
    }
    if (status == VMB_OK && ic_status != VMB_IC_STATUS_OK) {
        status = VMB_ERR_REFUSED;
    }
    if (status == VMB_OK &&
        (device->operation == VMB_VSS_HOT_BACKUP || device->operation == VMB_VSS_DIRECT_DEVICES)) {
        status = vmb_vss_decode(body, body_bytes, &vss);
        if (status == VMB_OK) {
            status = vmb_vss_flags_decode(&vss, &flags);
        }
    } else if (status == VMB_OK && device->operation != VMB_VSS_BACKUP_COMPLETE) {
        device->is_frozen = device->operation == VMB_VSS_FREEZE;
    }
    vss_host_tell(device, status, ic_status, status == VMB_OK ? flags : 0);
}

static void vss_host_failed(void *context, vmb_status status)
{
    struct vmb_vss_host *device = context;

    if (device->options.failed != NULL) {
        device->options.failed(device->options.context, status);
    }
}

vmb_status vmb_vss_host_request(struct vmb_vss_host *device, uint8_t operation)
{
    static const uint8_t data[VSS_DATA_BYTES];
    static const uint16_t since[] = {[VMB_VSS_HOT_BACKUP] = 1,
                                     [VMB_VSS_DIRECT_DEVICES] = 1,
                                     [VMB_VSS_BACKUP_COMPLETE] = 4,
                                     [VMB_VSS_FREEZE] = 5,
                                     [VMB_VSS_THAW] = 5};
    struct vmb_vss vss = {operation, {data, sizeof(data)}};
    uint8_t body[VMB_VSS_HEADER_BYTES + VSS_DATA_BYTES];
    uint32_t body_bytes = 0;
    vmb_status status;

    if (operation >= sizeof(since) / sizeof(since[0]) || since[operation] == 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    if (device->is_ready && device->version.major < since[operation]) {
        return VMB_ERR_VERSION;
    }
    status = vmb_vss_encode(&vss, body, sizeof(body), &body_bytes);
    if (status == VMB_OK) {
        status = vmb_ic_host_request(&device->ic, body, body_bytes);
    }
    if (status == VMB_OK) {
        device->operation = operation;
    }
    return status;
}

bool vmb_vss_host_is_frozen(const struct vmb_vss_host *device)
{
    return device->is_frozen;
}

static void vss_host_opened(void *context, struct vmb_endpoint *endpoint)
{
    vmb_ic_host_opened(&((struct vmb_vss_host *)context)->ic, endpoint);
}

static void vss_host_on_event(void *context)
{
    struct vmb_vss_host *device = context;

    vmb_ic_host_on_event(&device->ic);
    if (device->thaw_due && vmb_ic_host_is_ready(&device->ic) &&
        vmb_vss_host_request(device, VMB_VSS_THAW) == VMB_OK) {
        device->thaw_due = false;
        device->is_own = true;
    }
}

static void vss_host_closed(void *context, vmb_status reason)
{
    struct vmb_vss_host *device = context;

    (void)reason;
    vmb_ic_host_closed(&device->ic);
    device->is_frozen = device->thaw_due = device->is_own = false;
    vss_host_set_ready(device, false);
}

const struct vmb_driver *vmb_vss_host_driver(void)
{
    static const struct vmb_driver driver = {
        .name = "vss",
        .class_id = VMB_GUID_VSS,
        .opened = vss_host_opened,
        .on_event = vss_host_on_event,
        .closed = vss_host_closed,
    };

    return &driver;
}

vmb_status vmb_vss_host_init(struct vmb_vss_host *device,
                             const struct vmb_vss_host_options *options)
{
    static const struct vmb_ic_host_service service = {
        .message_type = VMB_IC_VSS,
        .negotiated = vss_host_negotiated,
        .answered = vss_host_answered,
        .failed = vss_host_failed,
    };

    if (options->struct_bytes != sizeof(*options) || options->now_ns == NULL) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmb_memset(device, 0, sizeof(*device));
    device->options = *options;
    vmb_ic_host_init(&device->ic, &service, device, device->buffer, sizeof(device->buffer),
                     options->now_ns, options->context);
    vmb_ic_host_set_timeout(&device->ic,
                            options->patience_ns != 0 ? options->patience_ns : VSS_PATIENCE_NS);
    return VMB_OK;
}

uint64_t vmb_vss_host_next_deadline_ns(const struct vmb_vss_host *device)
{
    return vmb_ic_host_next_deadline_ns(&device->ic);
}

/* ---- Saved ----------------------------------------------------------------------------------- */

#define VSS_SAVED_FORMAT 1u

/* The device's own part; the conversation follows. */
struct vss_saved {
    struct vmb_ic_version version;
    bool is_ready;
    bool is_frozen;
    bool thaw_due;
    bool is_own;
    uint8_t operation;
};

static void vss_saved_pack(struct vmbi_pack *pack, struct vss_saved *saved)
{
    uint8_t format = VSS_SAVED_FORMAT;

    vmbi_pack_u8(pack, &format);
    vmbi_pack_u16(pack, &saved->version.major);
    vmbi_pack_u16(pack, &saved->version.minor);
    vmbi_pack_bool(pack, &saved->is_ready);
    vmbi_pack_bool(pack, &saved->is_frozen);
    vmbi_pack_bool(pack, &saved->thaw_due);
    vmbi_pack_bool(pack, &saved->is_own);
    vmbi_pack_u8(pack, &saved->operation);
    pack->failed = pack->failed || format != VSS_SAVED_FORMAT || saved->operation > VMB_VSS_THAW;
}

vmb_status vmb_vss_host_save(void *context, struct vmb_host_channel *channel, bool open,
                             void *buffer, size_t buffer_bytes, size_t *out_bytes)
{
    const struct vmb_vss_host *device = context;
    struct vss_saved saved = {device->version,  device->is_ready, device->is_frozen,
                              device->thaw_due, device->is_own,   device->operation};
    struct vmbi_pack pack;

    (void)channel;
    if (!open) {
        saved.is_ready = saved.is_frozen = saved.thaw_due = saved.is_own = false;
    }
    vmbi_pack_writer(&pack, buffer, buffer_bytes);
    vss_saved_pack(&pack, &saved);
    return vmb_ic_host_save(&device->ic, open, buffer, buffer_bytes, pack.at, out_bytes);
}

vmb_status vmb_vss_host_restore(void *context, struct vmb_host_channel *channel,
                                struct vmb_endpoint *endpoint, const void *bytes, size_t byte_count)
{
    struct vmb_vss_host *device = context;
    struct vss_saved saved = {0};
    struct vmbi_pack pack;
    vmb_status status;

    (void)channel;
    vmbi_pack_reader(&pack, bytes, byte_count);
    vss_saved_pack(&pack, &saved);
    if (pack.failed) {
        return VMB_ERR_MALFORMED;
    }
    status = vmb_ic_host_restore(&device->ic, endpoint, bytes, byte_count, pack.at);
    if (status != VMB_OK) {
        return status;
    }
    device->version = saved.version;
    device->is_frozen = saved.is_frozen;
    device->thaw_due = saved.thaw_due;
    device->is_own = saved.is_own;
    device->operation = saved.operation;
    vss_host_set_ready(device, saved.is_ready);
    return VMB_OK;
}

const struct vmb_host_hooks *vmb_vss_host_hooks(void)
{
    static const struct vmb_host_hooks hooks = {
        .struct_bytes = sizeof(hooks),
        .save = vmb_vss_host_save,
        .restore = vmb_vss_host_restore,
    };

    return &hooks;
}
