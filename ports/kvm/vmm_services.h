/* SPDX-License-Identifier: MIT */
/* The integration services that every machine has. Key/value exchange and backup have their own
 * files. */
#ifndef VMM_SERVICES_H
#define VMM_SERVICES_H

#include "ports/kvm/vmm_backup.h"
#include "ports/kvm/vmm_device.h"
#include "ports/kvm/vmm_exchange.h"
#include "ports/kvm/vmm_kvm.h"

#include <vmbus/drivers/heartbeat.h>
#include <vmbus/drivers/shutdown.h>
#include <vmbus/drivers/timesync.h>

#define VMM_HEARTBEAT "heartbeat"
#define VMM_SHUTDOWN  "shutdown"
#define VMM_TIMESYNC  "timesync"

/* What the services tell; each may be NULL. Loop's thread. */
struct vmm_services_events {
    void *context;
    void (*heartbeat)(void *context, enum vmb_heartbeat heartbeat, uint32_t application_state);
    /* The end of vmm_services_shutdown(); see vmbus/drivers/shutdown.h. */
    void (*shutdown)(void *context, vmb_status status, uint32_t ic_status);
};

struct vmm_heartbeat;
struct vmm_shutdown;

struct vmm_services {
    struct vmm_heartbeat *heartbeat;
    struct vmm_shutdown *shutdown;
    struct vmm_exchange *exchange;
    struct vmm_backup *backup;
    struct vmm_services_events events;
    const struct vmm_kvm *kvm;
};

/* Make the devices and add them to the table, which frees them. */
bool vmm_services_init(struct vmm_services *services, struct vmm_devices *devices,
                       const struct vmm_kvm *kvm, const struct vmm_services_events *events,
                       struct vmm_error *error);

/* Ask the guest to go. Loop's thread. */
vmb_status vmm_services_shutdown(struct vmm_services *services, enum vmb_shutdown_kind kind,
                                 bool force);

/*
 * What services share. The offer of a message pipe; its device is freed as one piece. A clock; the
 * function for a guest that broke its ring, whose context begins with a struct vmm_device.
 */
void vmm_services_describe(struct vmm_device *device, const struct vmb_driver *driver, void *host,
                           const struct vmb_host_hooks *hooks, struct vmb_guid instance);
uint64_t vmm_services_now_ns(void *context);
void vmm_services_failed(void *context, vmb_status status);

/* The guest's life, and how many beats it has answered. */
enum vmb_heartbeat vmm_services_heartbeat(const struct vmm_services *services, uint64_t *out_beats);

#endif /* VMM_SERVICES_H */
