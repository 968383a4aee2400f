/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_services.h"

#include "ports/kvm/vmm_loop.h"

#include <vmbus/proto/guid.h>
#include <vmbus/proto/ic.h>
#include <vmbus/proto/offer.h>

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

struct vmm_heartbeat {
    struct vmm_device device;
    struct vmm_services *services;
    struct vmb_heartbeat_host host;
};

struct vmm_shutdown {
    struct vmm_device device;
    struct vmm_services *services;
    struct vmb_shutdown_host host;
};

struct vmm_timesync {
    struct vmm_device device;
    struct vmm_services *services;
    struct vmb_timesync_host host;
};

/* ---- Common ---------------------------------------------------------------------------------- */

uint64_t vmm_services_now_ns(void *context)
{
    (void)context;
    return vmm_now_ns();
}

void vmm_services_failed(void *context, vmb_status status)
{
    struct vmm_device *device = context; /* The first member of each. */

    (void)status;
    device->failed = true;
}

static void services_deinit(struct vmm_device *device)
{
    free(device);
}

/* The library passes `host`, which is behind `device` in each of the three. */
static void heartbeat_released(void *host)
{
    vmm_device_released(
        (struct vmm_device *)(void *)((uint8_t *)host - offsetof(struct vmm_heartbeat, host)));
}

static void shutdown_released(void *host)
{
    vmm_device_released(
        (struct vmm_device *)(void *)((uint8_t *)host - offsetof(struct vmm_shutdown, host)));
}

static void timesync_released(void *host)
{
    vmm_device_released(
        (struct vmm_device *)(void *)((uint8_t *)host - offsetof(struct vmm_timesync, host)));
}

void vmm_services_describe(struct vmm_device *device, const struct vmb_driver *driver, void *host,
                           const struct vmb_host_hooks *hooks, struct vmb_guid instance)
{
    static uint8_t pipe[VMB_USER_DEFINED_BYTES];

    vmb_offer_pipe_encode(&(struct vmb_offer_pipe){.pipe_type = VMB_OFFER_PIPE_MESSAGES}, pipe);
    device->name = driver->name;
    device->offer = (struct vmb_host_offer_options){
        .struct_bytes = sizeof(device->offer),
        .driver = driver,
        .device = host,
        .hooks = hooks,
        .instance_id = instance,
        .flags = VMB_OFFER_PIPE,
        .user_defined = pipe,
        .user_defined_bytes = sizeof(pipe),
    };
    device->deinit = services_deinit;
}

/* ---- Heartbeat ------------------------------------------------------------------------------- */

static void heartbeat_changed(void *context, enum vmb_heartbeat heartbeat, uint32_t state)
{
    const struct vmm_heartbeat *device = context;
    const struct vmm_services_events *events = &device->services->events;

    if (events->heartbeat != NULL) {
        events->heartbeat(events->context, heartbeat, state);
    }
}

static uint64_t heartbeat_deadline(struct vmm_device *device)
{
    return vmb_heartbeat_host_next_deadline_ns(&((struct vmm_heartbeat *)device)->host);
}

static bool services_add_heartbeat(struct vmm_services *services, struct vmm_devices *devices)
{
    static const struct vmb_host_hooks hooks = {.struct_bytes = sizeof(hooks),
                                                .released = heartbeat_released};
    static const struct vmb_guid instance =
        VMB_GUID_INIT(0xfd149e91, 0x82e0, 0x4a7d, 0xafa6, 0x2a4166cbd7c0);
    struct vmm_heartbeat *heartbeat = calloc(1, sizeof(*heartbeat));
    struct vmb_heartbeat_host_options options = {
        .struct_bytes = sizeof(options),
        .context = heartbeat,
        .now_ns = vmm_services_now_ns,
        .changed = heartbeat_changed,
        .failed = vmm_services_failed,
    };

    if (heartbeat == NULL || vmb_heartbeat_host_init(&heartbeat->host, &options) != VMB_OK) {
        free(heartbeat);
        return false;
    }
    heartbeat->services = services;
    heartbeat->device.next_deadline_ns = heartbeat_deadline;
    vmm_services_describe(&heartbeat->device, vmb_heartbeat_host_driver(), &heartbeat->host, &hooks,
                          instance);
    vmm_devices_add(devices, &heartbeat->device);
    services->heartbeat = heartbeat;
    return true;
}

enum vmb_heartbeat vmm_services_heartbeat(const struct vmm_services *services, uint64_t *out_beats)
{
    *out_beats = services->heartbeat->host.ic.counters.answers;
    return services->heartbeat->host.heartbeat;
}

/* ---- Shutdown -------------------------------------------------------------------------------- */

static void shutdown_answered(void *context, vmb_status status, uint32_t ic_status)
{
    const struct vmm_shutdown *device = context;
    const struct vmm_services_events *events = &device->services->events;

    if (events->shutdown != NULL) {
        events->shutdown(events->context, status, ic_status);
    }
}

static uint64_t shutdown_deadline(struct vmm_device *device)
{
    return vmb_shutdown_host_next_deadline_ns(&((struct vmm_shutdown *)device)->host);
}

static bool services_add_shutdown(struct vmm_services *services, struct vmm_devices *devices)
{
    static const struct vmb_host_hooks hooks = {.struct_bytes = sizeof(hooks),
                                                .released = shutdown_released};
    static const struct vmb_guid instance = VMB_INSTANCE_SHUTDOWN;
    struct vmm_shutdown *shutdown = calloc(1, sizeof(*shutdown));
    struct vmb_shutdown_host_options options = {
        .struct_bytes = sizeof(options),
        .context = shutdown,
        .now_ns = vmm_services_now_ns,
        .answered = shutdown_answered,
        .failed = vmm_services_failed,
    };

    if (shutdown == NULL || vmb_shutdown_host_init(&shutdown->host, &options) != VMB_OK) {
        free(shutdown);
        return false;
    }
    shutdown->services = services;
    shutdown->device.next_deadline_ns = shutdown_deadline;
    vmm_services_describe(&shutdown->device, vmb_shutdown_host_driver(), &shutdown->host, &hooks,
                          instance);
    vmm_devices_add(devices, &shutdown->device);
    services->shutdown = shutdown;
    return true;
}

vmb_status vmm_services_shutdown(struct vmm_services *services, enum vmb_shutdown_kind kind,
                                 bool force)
{
    static const char text[] = "vmbus vm asks this machine to go.";
    struct vmb_shutdown_request request = {
        .kind = kind,
        .force = force,
        .reason = VMB_IC_SHUTDOWN_REASON_PLANNED,
        .text = (const uint8_t *)text,
        .text_bytes = sizeof(text) - 1,
    };
    vmb_status status = vmb_shutdown_host_request(&services->shutdown->host, &request);

    if (status == VMB_OK) {
        vmb_host_kick(services->shutdown->device.channel);
    }
    return status;
}

/* ---- Time ------------------------------------------------------------------------------------ */

static uint64_t timesync_utc(void *context)
{
    struct timespec now;

    (void)context;
    clock_gettime(CLOCK_REALTIME, &now);
    return VMB_IC_UNIX_EPOCH_100NS + (uint64_t)now.tv_sec * 10000000u +
           (uint64_t)now.tv_nsec / 100u;
}

/* KVM derives the guest's reference time from the clock that it keeps for each machine. */
static uint64_t timesync_reference(void *context)
{
    const struct vmm_timesync *device = context;
    struct kvm_clock_data clock = {0};

    (void)ioctl(device->services->kvm->vm, KVM_GET_CLOCK, &clock);
    return clock.clock / 100u;
}

static uint64_t timesync_deadline(struct vmm_device *device)
{
    return vmb_timesync_host_next_deadline_ns(&((struct vmm_timesync *)device)->host);
}

static bool services_add_timesync(struct vmm_services *services, struct vmm_devices *devices)
{
    static const struct vmb_host_hooks hooks = {.struct_bytes = sizeof(hooks),
                                                .released = timesync_released};
    static const struct vmb_guid instance = VMB_INSTANCE_TIMESYNC;
    struct vmm_timesync *timesync = calloc(1, sizeof(*timesync));
    struct vmb_timesync_host_options options = {
        .struct_bytes = sizeof(options),
        .context = timesync,
        .now_ns = vmm_services_now_ns,
        .utc_100ns = timesync_utc,
        .reference_100ns = timesync_reference,
        .failed = vmm_services_failed,
    };

    if (timesync == NULL || vmb_timesync_host_init(&timesync->host, &options) != VMB_OK) {
        free(timesync);
        return false;
    }
    timesync->services = services;
    timesync->device.next_deadline_ns = timesync_deadline;
    vmm_services_describe(&timesync->device, vmb_timesync_host_driver(), &timesync->host, &hooks,
                          instance);
    vmm_devices_add(devices, &timesync->device);
    return true;
}

bool vmm_services_init(struct vmm_services *services, struct vmm_devices *devices,
                       const struct vmm_kvm *kvm, const struct vmm_services_events *events,
                       struct vmm_error *error)
{
    *services = (struct vmm_services){.kvm = kvm, .events = *events};
    return (services_add_heartbeat(services, devices) && services_add_shutdown(services, devices) &&
            services_add_timesync(services, devices) &&
            (services->exchange = vmm_exchange_add(devices)) != NULL &&
            (services->backup = vmm_backup_add(devices)) != NULL) ||
           vmm_fail(error, "cannot make the integration services");
}
