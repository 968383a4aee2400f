/* SPDX-License-Identifier: MIT */
/*
 * The devices on the bus: an ordered table. A device is a driver of the library with the state of
 * its own around it; whoever makes one adds it here, and it is offered, kicked when its time has
 * come, taken off and put back on request, and freed at the end.
 *
 * Everything runs on the event loop's thread, the drivers' on_event included; so they may call the
 * host library's control plane, and may add descriptors of their own to the loop.
 */
#ifndef VMM_DEVICE_H
#define VMM_DEVICE_H

#include "ports/kvm/vmm_error.h"

#include <vmbus/host.h>

/* Embed it at the start of a device's state. */
struct vmm_device {
    const char *name;                    /* Unique, as a person types it: "heartbeat". */
    struct vmb_host_offer_options offer; /* hooks.released must call vmm_device_released(). */
    /* When on_event is to be called even if nothing happens; NULL: never. */
    uint64_t (*next_deadline_ns)(struct vmm_device *device);
    void (*deinit)(struct vmm_device *device); /* It is off the bus. Frees it. */

    struct vmm_device *next;
    struct vmb_host_channel *channel; /* NULL: not on the bus. */
    bool wanted;                      /* On the bus, or as soon as it can be offered again. */
    bool revoking;
    bool failed;        /* The guest broke its ring: it is taken off the bus. */
    bool shunned;       /* For that, until the machine starts again or somebody offers it. */
    uint64_t kicked_ns; /* The deadline for which it was kicked last. */
};

struct vmm_devices {
    struct vmb_host *host;
    struct vmm_device *first;
};

/* Add a device, to be offered by the next vmm_devices_work(). The table owns it. */
void vmm_devices_add(struct vmm_devices *devices, struct vmm_device *device);

/* Offer, revoke and kick what is due. Returns when to call again. */
uint64_t vmm_devices_work(struct vmm_devices *devices);

/* The machine starts again: whatever its last guest broke, the next one has not. */
void vmm_devices_forgive(struct vmm_devices *devices);

/* Take every device off the bus and free it. No guest is connected. */
void vmm_devices_deinit(struct vmm_devices *devices);

struct vmm_device *vmm_devices_find(struct vmm_devices *devices, const char *name);

/* From hooks.released. */
void vmm_device_released(struct vmm_device *device);

#endif /* VMM_DEVICE_H */
