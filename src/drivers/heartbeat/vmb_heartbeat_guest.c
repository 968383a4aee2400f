/* SPDX-License-Identifier: MIT */
/* Heartbeat, guest side: the sequence number plus 1, the rest as long as it came. */
#include <vmbus/drivers/heartbeat.h>

#include <vmbus/proto/guid.h>

static uint32_t heartbeat_guest_request(void *context, struct vmb_ic_version version, uint8_t *body,
                                        uint32_t body_bytes)
{
    struct vmb_heartbeat_guest *device = context;
    struct vmb_ic_heartbeat beat;

    (void)version; /* All versions have the same body. */
    if (vmb_ic_heartbeat_decode(body, body_bytes, &beat) != VMB_OK) {
        return VMB_IC_STATUS_INVALID_ARGUMENT;
    }
    beat.sequence++;
    beat.application_state = vmb_atomic_load(&device->application_state, VMB_RELAXED);
    return vmb_ic_heartbeat_encode(&beat, body, body_bytes) == VMB_OK ? VMB_IC_STATUS_OK
                                                                      : VMB_IC_STATUS_FAILURE;
}

static void heartbeat_guest_opened(void *context, struct vmb_endpoint *endpoint)
{
    vmb_ic_guest_opened(&((struct vmb_heartbeat_guest *)context)->ic, endpoint);
}

static void heartbeat_guest_on_event(void *context)
{
    vmb_ic_guest_on_event(&((struct vmb_heartbeat_guest *)context)->ic);
}

static void heartbeat_guest_closed(void *context, vmb_status reason)
{
    (void)reason;
    vmb_ic_guest_closed(&((struct vmb_heartbeat_guest *)context)->ic);
}

const struct vmb_driver *vmb_heartbeat_guest_driver(void)
{
    static const struct vmb_driver driver = {
        .name = "heartbeat",
        .class_id = VMB_GUID_HEARTBEAT,
        .notify = VMB_NOTIFY_DEFERRED,
        .opened = heartbeat_guest_opened,
        .on_event = heartbeat_guest_on_event,
        .closed = heartbeat_guest_closed,
    };

    return &driver;
}

void vmb_heartbeat_guest_init(struct vmb_heartbeat_guest *device)
{
    static const struct vmb_ic_guest_service service = {
        .message_type = VMB_IC_HEARTBEAT,
        .request = heartbeat_guest_request,
    };

    vmb_ic_guest_init(&device->ic, &service, device, device->buffer, sizeof(device->buffer));
    vmb_heartbeat_guest_set_state(device, VMB_IC_HEARTBEAT_UNKNOWN);
}

void vmb_heartbeat_guest_set_state(struct vmb_heartbeat_guest *device, uint32_t application_state)
{
    vmb_atomic_store(&device->application_state, application_state, VMB_RELAXED);
}
