/* SPDX-License-Identifier: MIT */
/* Key/value exchange, host side: ask, and see whether the answer is one to that question. */
#include <vmbus/drivers/kvp.h>

#include <vmbus/host_channel.h>
#include <vmbus/platform/string.h>
#include <vmbus/proto/guid.h>

#include "base/vmb_pack.h"

#define KVP_PATIENCE_NS (10ull * 1000u * 1000u * 1000u)
#define KVP_IP_SINCE    4u /* Major version. */

static void kvp_host_set_ready(struct vmb_kvp_host *device, bool ready)
{
    if (ready != device->is_ready) {
        device->is_ready = ready;
        if (device->options.ready != NULL) {
            device->options.ready(device->options.context, ready);
        }
    }
}

static void kvp_host_negotiated(void *context, vmb_status status, struct vmb_ic_version version)
{
    struct vmb_kvp_host *device = context;

    device->version = version;
    kvp_host_set_ready(device, status == VMB_OK);
}

static void kvp_host_tell(const struct vmb_kvp_host *device, vmb_status status, uint32_t ic_status,
                          const struct vmb_kvp_item *item, const struct vmb_kvp_ip *ip)
{
    if (device->options.answered != NULL) {
        device->options.answered(device->options.context, status, ic_status, item, ip);
    }
}

static void kvp_host_tell_ip(const struct vmb_kvp_host *device, const uint8_t *body,
                             uint32_t body_bytes)
{
    struct vmb_kvp_ip ip;

    if (vmb_kvp_ip_decode(body, body_bytes, true, &ip) != VMB_OK ||
        ip.operation != device->operation) {
        kvp_host_tell(device, VMB_ERR_MALFORMED, 0, NULL, NULL);
    } else {
        kvp_host_tell(device, VMB_OK, VMB_IC_STATUS_OK, NULL, &ip);
    }
}

static void kvp_host_tell_item(const struct vmb_kvp_host *device, const uint8_t *body,
                               uint32_t body_bytes)
{
    struct vmb_kvp_item item;

    if (vmb_kvp_item_decode(body, body_bytes, true, &item) != VMB_OK ||
        item.operation != device->operation ||
        (item.operation == VMB_KVP_ENUMERATE && item.index != device->index)) {
        kvp_host_tell(device, VMB_ERR_MALFORMED, 0, NULL, NULL);
    } else {
        kvp_host_tell(device, VMB_OK, VMB_IC_STATUS_OK, &item, NULL);
    }
}

static void kvp_host_answered(void *context, vmb_status status, uint32_t ic_status,
                              const uint8_t *body, uint32_t body_bytes)
{
    struct vmb_kvp_host *device = context;

    if (status == VMB_OK && ic_status != VMB_IC_STATUS_OK) {
        status = VMB_ERR_REFUSED;
    }
    if (status != VMB_OK) {
        kvp_host_tell(device, status, ic_status, NULL, NULL);
    } else if (device->operation >= VMB_KVP_GET_IP) {
        kvp_host_tell_ip(device, body, body_bytes);
    } else {
        kvp_host_tell_item(device, body, body_bytes);
    }
}

static void kvp_host_failed(void *context, vmb_status status)
{
    struct vmb_kvp_host *device = context;

    if (device->options.failed != NULL) {
        device->options.failed(device->options.context, status);
    }
}

/* Send what is in the body. */
static vmb_status kvp_host_send(struct vmb_kvp_host *device, uint32_t body_bytes, uint8_t operation,
                                uint32_t index)
{
    vmb_status status = vmb_ic_host_request(&device->ic, device->body, body_bytes);

    if (status == VMB_OK) {
        device->operation = operation;
        device->index = index;
    }
    return status;
}

vmb_status vmb_kvp_host_request(struct vmb_kvp_host *device, const struct vmb_kvp_item *item)
{
    uint32_t body_bytes = 0;
    vmb_status status = vmb_kvp_item_encode(item, device->body, sizeof(device->body), &body_bytes);

    return status == VMB_OK ? kvp_host_send(device, body_bytes, item->operation, item->index)
                            : status;
}

vmb_status vmb_kvp_host_request_ip(struct vmb_kvp_host *device, const struct vmb_kvp_ip *ip)
{
    vmb_status status = vmb_kvp_ip_encode(ip, device->body, sizeof(device->body));

    if (status != VMB_OK) {
        return status;
    }
    if (device->is_ready && device->version.major < KVP_IP_SINCE) {
        return VMB_ERR_VERSION;
    }
    return kvp_host_send(device, VMB_KVP_BODY_BYTES_MAX, ip->operation, 0);
}

static void kvp_host_opened(void *context, struct vmb_endpoint *endpoint)
{
    vmb_ic_host_opened(&((struct vmb_kvp_host *)context)->ic, endpoint);
}

static void kvp_host_on_event(void *context)
{
    vmb_ic_host_on_event(&((struct vmb_kvp_host *)context)->ic);
}

static void kvp_host_closed(void *context, vmb_status reason)
{
    struct vmb_kvp_host *device = context;

    (void)reason;
    vmb_ic_host_closed(&device->ic);
    kvp_host_set_ready(device, false);
}

const struct vmb_driver *vmb_kvp_host_driver(void)
{
    static const struct vmb_driver driver = {
        .name = "kvp",
        .class_id = VMB_GUID_KVP,
        .opened = kvp_host_opened,
        .on_event = kvp_host_on_event,
        .closed = kvp_host_closed,
    };

    return &driver;
}

vmb_status vmb_kvp_host_init(struct vmb_kvp_host *device,
                             const struct vmb_kvp_host_options *options)
{
    static const struct vmb_ic_host_service service = {
        .message_type = VMB_IC_KVP,
        .negotiated = kvp_host_negotiated,
        .answered = kvp_host_answered,
        .failed = kvp_host_failed,
    };

    if (options->struct_bytes != sizeof(*options) || options->now_ns == NULL) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmb_memset(device, 0, sizeof(*device));
    device->options = *options;
    vmb_ic_host_init(&device->ic, &service, device, device->buffer, sizeof(device->buffer),
                     options->now_ns, options->context);
    vmb_ic_host_set_timeout(&device->ic,
                            options->patience_ns != 0 ? options->patience_ns : KVP_PATIENCE_NS);
    return VMB_OK;
}

uint64_t vmb_kvp_host_next_deadline_ns(const struct vmb_kvp_host *device)
{
    return vmb_ic_host_next_deadline_ns(&device->ic);
}

/* ---- Saved ----------------------------------------------------------------------------------- */

#define KVP_SAVED_FORMAT 1u

/* The device's own part; the conversation follows. */
struct kvp_saved {
    struct vmb_ic_version version;
    bool is_ready;
    uint8_t operation;
    uint32_t index;
};

static void kvp_saved_pack(struct vmbi_pack *pack, struct kvp_saved *saved)
{
    uint8_t format = KVP_SAVED_FORMAT;

    vmbi_pack_u8(pack, &format);
    vmbi_pack_u16(pack, &saved->version.major);
    vmbi_pack_u16(pack, &saved->version.minor);
    vmbi_pack_bool(pack, &saved->is_ready);
    vmbi_pack_u8(pack, &saved->operation);
    vmbi_pack_u32(pack, &saved->index);
    pack->failed = pack->failed || format != KVP_SAVED_FORMAT || saved->operation > VMB_KVP_SET_IP;
}

vmb_status vmb_kvp_host_save(void *context, struct vmb_host_channel *channel, bool open,
                             void *buffer, size_t buffer_bytes, size_t *out_bytes)
{
    const struct vmb_kvp_host *device = context;
    struct kvp_saved saved = {device->version, device->is_ready, device->operation, device->index};
    struct vmbi_pack pack;

    (void)channel;
    if (!open) {
        saved.is_ready = false;
    }
    vmbi_pack_writer(&pack, buffer, buffer_bytes);
    kvp_saved_pack(&pack, &saved);
    return vmb_ic_host_save(&device->ic, open, buffer, buffer_bytes, pack.at, out_bytes);
}

vmb_status vmb_kvp_host_restore(void *context, struct vmb_host_channel *channel,
                                struct vmb_endpoint *endpoint, const void *bytes, size_t byte_count)
{
    struct vmb_kvp_host *device = context;
    struct kvp_saved saved = {0};
    struct vmbi_pack pack;
    vmb_status status;

    (void)channel;
    vmbi_pack_reader(&pack, bytes, byte_count);
    kvp_saved_pack(&pack, &saved);
    if (pack.failed) {
        return VMB_ERR_MALFORMED;
    }
    status = vmb_ic_host_restore(&device->ic, endpoint, bytes, byte_count, pack.at);
    if (status != VMB_OK) {
        return status;
    }
    device->version = saved.version;
    device->operation = saved.operation;
    device->index = saved.index;
    kvp_host_set_ready(device, saved.is_ready);
    return VMB_OK;
}

const struct vmb_host_hooks *vmb_kvp_host_hooks(void)
{
    static const struct vmb_host_hooks hooks = {
        .struct_bytes = sizeof(hooks),
        .save = vmb_kvp_host_save,
        .restore = vmb_kvp_host_restore,
    };

    return &hooks;
}
