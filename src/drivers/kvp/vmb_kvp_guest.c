/* SPDX-License-Identifier: MIT */
/* Key/value exchange, guest side: read the question, have it answered, write the answer over it. */
#include <vmbus/drivers/kvp.h>

#include <vmbus/platform/string.h>
#include <vmbus/proto/guid.h>

/* The answer is made aside: what it is made of may lie in the request. */
static uint32_t kvp_guest_write(struct vmb_kvp_guest *device, vmb_status encoded,
                                uint32_t answer_bytes, uint8_t *body, uint32_t body_bytes)
{
    if (encoded != VMB_OK) {
        return VMB_IC_STATUS_FAILURE; /* Ours: too long, or another operation than was asked for. */
    }
    if (answer_bytes > body_bytes) {
        return VMB_IC_STATUS_INVALID_ARGUMENT; /* The host left no room for an answer. */
    }
    vmb_memcpy(body, device->answer, answer_bytes);
    return VMB_IC_STATUS_OK;
}

static uint32_t kvp_guest_item(struct vmb_kvp_guest *device, uint8_t *body, uint32_t body_bytes,
                               struct vmb_kvp_item *item)
{
    uint32_t ic_status = device->options.item(device->options.context, item);
    uint32_t answer_bytes = 0;
    vmb_status encoded;

    if (ic_status != VMB_IC_STATUS_OK ||
        (item->operation != VMB_KVP_GET && item->operation != VMB_KVP_ENUMERATE)) {
        return ic_status; /* The request goes back as it came. */
    }
    encoded = vmb_kvp_item_encode(item, device->answer, sizeof(device->answer), &answer_bytes);
    return kvp_guest_write(device, encoded, answer_bytes, body, body_bytes);
}

static uint32_t kvp_guest_ip(struct vmb_kvp_guest *device, uint8_t *body, uint32_t body_bytes)
{
    uint32_t ic_status;
    struct vmb_kvp_ip ip;
    vmb_status status = vmb_kvp_ip_decode(body, body_bytes, false, &ip);

    if (status == VMB_ERR_UNKNOWN) {
        return VMB_IC_STATUS_NOT_SUPPORTED;
    }
    if (status != VMB_OK) {
        return VMB_IC_STATUS_INVALID_ARGUMENT;
    }
    if (device->options.ip == NULL) {
        return VMB_IC_STATUS_NOT_SUPPORTED;
    }
    ic_status = device->options.ip(device->options.context, &ip);
    if (ic_status != VMB_IC_STATUS_OK || ip.operation != VMB_KVP_GET_IP) {
        return ic_status;
    }
    status = vmb_kvp_ip_encode(&ip, device->answer, sizeof(device->answer));
    return kvp_guest_write(device, status, VMB_KVP_BODY_BYTES_MAX, body, body_bytes);
}

static uint32_t kvp_guest_request(void *context, struct vmb_ic_version version, uint8_t *body,
                                  uint32_t body_bytes)
{
    struct vmb_kvp_guest *device = context;
    struct vmb_kvp_item item;
    vmb_status status = vmb_kvp_item_decode(body, body_bytes, false, &item);

    (void)version; /* Bodies of one operation are the same in all. */
    if (status == VMB_ERR_UNKNOWN) {
        return kvp_guest_ip(device, body, body_bytes);
    }
    if (status != VMB_OK || item.pool > VMB_KVP_POOL_AUTO_HOST) {
        return VMB_IC_STATUS_INVALID_ARGUMENT;
    }
    return kvp_guest_item(device, body, body_bytes, &item);
}

static void kvp_guest_failed(void *context, vmb_status status)
{
    struct vmb_kvp_guest *device = context;

    if (device->options.failed != NULL) {
        device->options.failed(device->options.context, status);
    }
}

static void kvp_guest_opened(void *context, struct vmb_endpoint *endpoint)
{
    vmb_ic_guest_opened(&((struct vmb_kvp_guest *)context)->ic, endpoint);
}

static void kvp_guest_on_event(void *context)
{
    vmb_ic_guest_on_event(&((struct vmb_kvp_guest *)context)->ic);
}

static void kvp_guest_closed(void *context, vmb_status reason)
{
    (void)reason;
    vmb_ic_guest_closed(&((struct vmb_kvp_guest *)context)->ic);
}

const struct vmb_driver *vmb_kvp_guest_driver(void)
{
    static const struct vmb_driver driver = {
        .name = "kvp",
        .class_id = VMB_GUID_KVP,
        .notify = VMB_NOTIFY_DEFERRED,
        .opened = kvp_guest_opened,
        .on_event = kvp_guest_on_event,
        .closed = kvp_guest_closed,
    };

    return &driver;
}

vmb_status vmb_kvp_guest_init(struct vmb_kvp_guest *device,
                              const struct vmb_kvp_guest_options *options)
{
    static const struct vmb_ic_guest_service service = {
        .message_type = VMB_IC_KVP,
        .request = kvp_guest_request,
        .failed = kvp_guest_failed,
    };

    if (options->struct_bytes != sizeof(*options) || options->item == NULL) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmb_memset(device, 0, sizeof(*device));
    device->options = *options;
    vmb_ic_guest_init(&device->ic, &service, device, device->buffer, sizeof(device->buffer));
    return VMB_OK;
}
