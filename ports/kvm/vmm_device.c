/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_device.h"

#include "ports/kvm/vmm_loop.h"

#include <string.h>

void vmm_devices_add(struct vmm_devices *devices, struct vmm_device *device)
{
    struct vmm_device **end = &devices->first;

    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = device;
    device->next = NULL;
    device->wanted = true;
}

struct vmm_device *vmm_devices_find(struct vmm_devices *devices, const char *name)
{
    struct vmm_device *device = devices->first;

    while (device != NULL && strcmp(device->name, name) != 0) {
        device = device->next;
    }
    return device;
}

void vmm_device_released(struct vmm_device *device)
{
    device->channel = NULL;
    device->failed = device->revoking = false;
}

/* Ends with vmm_device_released(), perhaps before this returns. */
static void device_revoke(struct vmm_device *device)
{
    vmb_status status;

    if (device->revoking) {
        return;
    }
    device->revoking = true;
    status = vmb_host_revoke(device->channel);
    (void)status; /* WRONG_STATE: somebody has revoked it already; it ends likewise. */
}

static void device_offer_or_revoke(struct vmm_devices *devices, struct vmm_device *device)
{
    bool wanted;

    if (device->failed) {
        device->shunned = true; /* A guest that does this once does it again. */
    }
    wanted = device->wanted && !device->shunned;
    if (wanted && device->channel == NULL) {
        /* While the guest still holds on to its last channel, it is tried again later. */
        if (vmb_host_offer(devices->host, &device->offer, &device->channel) != VMB_OK) {
            device->channel = NULL;
        }
    } else if (!wanted && device->channel != NULL) {
        device_revoke(device);
    }
}

/* A kick makes on_event run soon, and that sets a later deadline. One kick for each deadline. */
static uint64_t device_kick(struct vmm_device *device)
{
    uint64_t deadline;

    if (device->channel == NULL || device->next_deadline_ns == NULL) {
        return VMB_NEVER;
    }
    deadline = device->next_deadline_ns(device);
    if (deadline == device->kicked_ns) {
        return VMB_NEVER;
    }
    if (deadline <= vmm_now_ns()) {
        device->kicked_ns = deadline;
        vmb_host_kick(device->channel);
        return VMB_NEVER;
    }
    return deadline;
}

uint64_t vmm_devices_work(struct vmm_devices *devices)
{
    uint64_t soonest = VMB_NEVER;
    struct vmm_device *device;

    for (device = devices->first; device != NULL; device = device->next) {
        uint64_t deadline;

        device_offer_or_revoke(devices, device);
        deadline = device_kick(device);
        soonest = deadline < soonest ? deadline : soonest;
    }
    return soonest;
}

void vmm_devices_forgive(struct vmm_devices *devices)
{
    struct vmm_device *device;

    for (device = devices->first; device != NULL; device = device->next) {
        device->shunned = false;
    }
}

void vmm_devices_deinit(struct vmm_devices *devices)
{
    while (devices->first != NULL) {
        struct vmm_device *device = devices->first;

        devices->first = device->next;
        if (device->channel != NULL) {
            device_revoke(device);
        }
        device->deinit(device);
    }
}
