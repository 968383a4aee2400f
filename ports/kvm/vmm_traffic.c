/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_traffic.h"

#include <vmbus/drivers/traffic.h>
#include <vmbus/proto/guid.h>

#include <stdio.h>
#include <stdlib.h>

#define TRAFFIC_BUFFER_BYTES 65536u

struct vmm_traffic {
    struct vmm_device device;
    char name[24];
    struct vmb_traffic_host host;
    uint64_t buffer[TRAFFIC_BUFFER_BYTES / sizeof(uint64_t)];
};

static void traffic_failed(void *context, vmb_status status)
{
    struct vmm_traffic *traffic = context;

    (void)status;
    traffic->device.failed = true;
}

static void traffic_released(void *host)
{
    struct vmm_traffic *traffic = (void *)((uint8_t *)host - offsetof(struct vmm_traffic, host));

    vmm_device_released(&traffic->device);
}

static void traffic_deinit(struct vmm_device *device)
{
    free(device); /* The first member. */
}

static bool traffic_add_one(struct vmm_devices *devices, uint32_t index)
{
    static const struct vmb_host_hooks hooks = {.struct_bytes = sizeof(hooks),
                                                .released = traffic_released};
    struct vmb_guid instance = VMB_GUID_INIT(0x4f8e2c61, 0x7d03, 0x4b95, 0x8a1c, 0x36e0d5f97200);
    struct vmm_traffic *traffic = calloc(1, sizeof(*traffic));

    if (traffic == NULL ||
        vmb_traffic_host_init(&traffic->host, traffic->buffer, sizeof(traffic->buffer),
                              traffic_failed, traffic) != VMB_OK) {
        free(traffic);
        return false;
    }
    instance.bytes[15] = (uint8_t)index;
    snprintf(traffic->name, sizeof(traffic->name), "traffic%u", index);
    traffic->device.name = traffic->name;
    traffic->device.deinit = traffic_deinit;
    traffic->device.offer = (struct vmb_host_offer_options){
        .struct_bytes = sizeof(traffic->device.offer),
        .driver = vmb_traffic_host_driver(),
        .device = &traffic->host,
        .hooks = &hooks,
        .instance_id = instance,
    };
    vmm_devices_add(devices, &traffic->device);
    return true;
}

bool vmm_traffic_add(struct vmm_devices *devices, uint32_t count, struct vmm_error *error)
{
    uint32_t index;

    for (index = 0; index < count; index++) {
        if (!traffic_add_one(devices, index)) {
            return vmm_fail(error, "cannot make %u traffic devices", count);
        }
    }
    return true;
}
