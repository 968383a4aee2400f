/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/demo/demo_services.h"

#include <time.h>

#include <vmbus/proto/guid.h>
#include <vmbus/proto/offer.h>

#include "sim/vmb_sim_threads.h"

/* Much more often than in earnest, since a demo is short. */
#define SERVICES_BEAT_NS 100000000u
#define SERVICES_TIME_NS 250000000u

static uint64_t services_now_ns(void *context)
{
    (void)context;
    return vmb_sim_threads_now_ns(NULL);
}

/* The partition reference time of the simulated machine: its clock in units of 100 ns. */
static uint64_t services_reference_100ns(void *context)
{
    (void)context;
    return vmb_sim_threads_now_ns(NULL) / 100u;
}

static uint64_t services_utc_100ns(void *context)
{
    struct timespec now;

    (void)context;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return VMB_IC_UNIX_EPOCH_100NS + (uint64_t)now.tv_sec * 10000000u +
           (uint64_t)now.tv_nsec / 100u;
}

/* ---- What the devices say -------------------------------------------------------------------- */

static void services_on_reading(void *context, const struct vmb_timesync_reading *reading)
{
    struct demo_services *services = context;

    (void)reading;
    (void)vmb_atomic_fetch_add(&services->readings, 1u, VMB_RELAXED);
}

static void services_on_power_off(void *context, const struct vmb_shutdown_request *request)
{
    struct demo_services *services = context;

    if (request->kind == VMB_SHUTDOWN_POWER_OFF) {
        vmb_atomic_store(&services->going, 1u, VMB_RELEASE);
    }
}

static void services_on_answer(void *context, vmb_status status, uint32_t ic_status)
{
    struct demo_services *services = context;

    (void)ic_status;
    if (status == VMB_OK) {
        vmb_atomic_store(&services->power_off_answered, 1u, VMB_RELEASE);
    }
}

/*
 * Devices of the library, with a step of our own in their on_event: the one place where one may
 * ask something of them, and read their counters, while workers run them.
 */
static void services_heartbeat_event(void *device)
{
    struct vmb_heartbeat_host *heartbeat = device;
    struct demo_services *services = heartbeat->options.context;

    vmb_heartbeat_host_driver()->on_event(device);
    vmb_atomic_store(&services->beats, (uint32_t)heartbeat->ic.counters.answers, VMB_RELAXED);
}

static void services_shutdown_event(void *device)
{
    struct vmb_shutdown_host *shutdown = device;
    struct demo_services *services = shutdown->options.context;
    const struct vmb_shutdown_request request = {
        .kind = VMB_SHUTDOWN_POWER_OFF,
        .reason = VMB_IC_SHUTDOWN_REASON_PLANNED,
        .timeout_seconds = 30,
    };

    vmb_shutdown_host_driver()->on_event(device);
    if (vmb_atomic_load(&services->power_off_asked, VMB_RELAXED) == 1u &&
        vmb_shutdown_host_request(shutdown, &request) == VMB_OK) {
        vmb_atomic_store(&services->power_off_asked, 2u, VMB_RELAXED);
    }
}

/* ---- The bus --------------------------------------------------------------------------------- */

static bool services_init_guest(struct demo_services *services)
{
    const struct vmb_timesync_guest_options timesync = {
        .struct_bytes = sizeof(timesync),
        .context = services,
        .reading = services_on_reading,
        .reference_100ns = services_reference_100ns,
    };
    const struct vmb_shutdown_guest_options shutdown = {
        .struct_bytes = sizeof(shutdown),
        .context = services,
        .go = services_on_power_off,
    };

    vmb_heartbeat_guest_init(&services->heartbeat_guest);
    return vmb_timesync_guest_init(&services->timesync_guest, &timesync) == VMB_OK &&
           vmb_shutdown_guest_init(&services->shutdown_guest, &shutdown) == VMB_OK;
}

static bool services_init_host(struct demo_services *services)
{
    const struct vmb_heartbeat_host_options heartbeat = {
        .struct_bytes = sizeof(heartbeat),
        .interval_ns = SERVICES_BEAT_NS,
        .context = services,
        .now_ns = services_now_ns,
    };
    const struct vmb_timesync_host_options timesync = {
        .struct_bytes = sizeof(timesync),
        .interval_ns = SERVICES_TIME_NS,
        .context = services,
        .now_ns = services_now_ns,
        .utc_100ns = services_utc_100ns,
        .reference_100ns = services_reference_100ns,
    };
    const struct vmb_shutdown_host_options shutdown = {
        .struct_bytes = sizeof(shutdown),
        .context = services,
        .now_ns = services_now_ns,
        .answered = services_on_answer,
    };

    return vmb_heartbeat_host_init(&services->heartbeat_host, &heartbeat) == VMB_OK &&
           vmb_timesync_host_init(&services->timesync_host, &timesync) == VMB_OK &&
           vmb_shutdown_host_init(&services->shutdown_host, &shutdown) == VMB_OK;
}

bool demo_services_init(struct demo_services *services)
{
    return services_init_guest(services) && services_init_host(services);
}

bool demo_services_offer_again(struct demo_services *services, struct vmb_host *host)
{
    return services_init_host(services) && demo_services_offer(services, host);
}

static bool services_offer(struct vmb_host *host, const struct vmb_driver *driver, void *device,
                           const struct vmb_host_hooks *hooks,
                           struct vmb_host_channel **out_channel)
{
    const struct vmb_offer_pipe pipe = {.pipe_type = VMB_OFFER_PIPE_MESSAGES};
    uint8_t user_defined[VMB_USER_DEFINED_BYTES];
    const struct vmb_host_offer_options options = {
        .struct_bytes = sizeof(options),
        .driver = driver,
        .device = device,
        .hooks = hooks,
        .instance_id = driver->class_id, /* One of each, so the class names it. */
        .flags = VMB_OFFER_PIPE,
        .user_defined = user_defined,
        .user_defined_bytes = sizeof(user_defined),
    };

    vmb_offer_pipe_encode(&pipe, user_defined);
    return vmb_host_offer(host, &options, out_channel) == VMB_OK;
}

bool demo_services_offer(struct demo_services *services, struct vmb_host *host)
{
    services->heartbeat_driver = *vmb_heartbeat_host_driver();
    services->heartbeat_driver.on_event = services_heartbeat_event;
    services->shutdown_driver = *vmb_shutdown_host_driver();
    services->shutdown_driver.on_event = services_shutdown_event;
    return services_offer(host, &services->heartbeat_driver, &services->heartbeat_host,
                          vmb_heartbeat_host_hooks(), &services->channels[0]) &&
           services_offer(host, vmb_timesync_host_driver(), &services->timesync_host,
                          vmb_timesync_host_hooks(), &services->channels[1]) &&
           services_offer(host, &services->shutdown_driver, &services->shutdown_host,
                          vmb_shutdown_host_hooks(), &services->channels[2]);
}

bool demo_services_open(struct demo_services *services, struct vmb_channel *channel)
{
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};

    switch (vmb_class_of(&vmb_channel_offer(channel)->interface_guid)) {
    case VMB_CLASS_HEARTBEAT:
        options.driver = vmb_heartbeat_guest_driver();
        options.device = &services->heartbeat_guest;
        break;
    case VMB_CLASS_TIMESYNC:
        options.driver = vmb_timesync_guest_driver();
        options.device = &services->timesync_guest;
        break;
    case VMB_CLASS_SHUTDOWN:
        options.driver = vmb_shutdown_guest_driver();
        options.device = &services->shutdown_guest;
        break;
    default:
        return false;
    }
    /* If it cannot be opened the service stays silent, and that is seen. */
    (void)(vmb_channel_open(channel, &options) == VMB_OK);
    return true;
}

void demo_services_tick(struct demo_services *services)
{
    uint32_t index;

    for (index = 0; index < DEMO_SERVICES; index++) {
        vmb_host_kick(services->channels[index]);
    }
}

void demo_services_power_off(struct demo_services *services)
{
    uint32_t expected = 0;

    (void)vmb_atomic_compare_exchange(&services->power_off_asked, &expected, 1u, VMB_RELAXED,
                                      VMB_RELAXED);
    demo_services_tick(services);
}

bool demo_services_powered_off(const struct demo_services *services)
{
    return vmb_atomic_load(&services->going, VMB_ACQUIRE) != 0 &&
           vmb_atomic_load(&services->power_off_answered, VMB_ACQUIRE) != 0;
}
