/* SPDX-License-Identifier: MIT */
#include "services.h"

#include <vmbus/hv_registers.h>

#include "x86_console.h"
#include "x86_cpu.h"
#include "x86_hyperv.h"
#include "x86_vmbus.h"

#define UTC_PER_SECOND 10000000u /* UTC comes in 100 ns. */

static void must(const char *what, vmb_status status)
{
    if (status != VMB_OK) {
        x86_panic("%s: %s", what, vmb_status_text(status));
    }
}

/* ---- Shutdown --------------------------------------------------------------------------- */

static bool shutdown_accept(void *context, const struct vmb_shutdown_request *request)
{
    (void)context;
    return request->kind != VMB_SHUTDOWN_HIBERNATE; /* There is nothing to write it to. */
}

static void shutdown_go(void *context, const struct vmb_shutdown_request *request)
{
    struct services *services = context;

    services->restart = request->kind == VMB_SHUTDOWN_RESTART;
    __atomic_store_n(&services->shutdown_asked, true, __ATOMIC_RELEASE);
    x86_printf("vmbus: shutdown: %s asked for\n", services->restart ? "restart" : "power-off");
    x86_vmbus_wake();
}

bool services_shutdown_asked(const struct services *services)
{
    return __atomic_load_n(&services->shutdown_asked, __ATOMIC_ACQUIRE);
}

/* ---- Time ------------------------------------------------------------------------------- */

static void timesync_reading(void *context, const struct vmb_timesync_reading *reading)
{
    struct services *services = context;
    uint64_t unix_100ns = reading->utc_100ns - VMB_IC_UNIX_EPOCH_100NS;

    if (reading->step || !services->time_told) {
        services->time_told = true;
        x86_printf("vmbus: timesync: %lu s since 1970, %lu us old\n", unix_100ns / UTC_PER_SECOND,
                   reading->age_100ns / 10);
    }
}

static uint64_t timesync_reference(void *context)
{
    (void)context;
    return x86_rdmsr(VMB_HV_MSR_TIME_REF_COUNT);
}

/* ----------------------------------------------------------------------------------------- */

void services_init(struct services *services)
{
    const struct vmb_shutdown_guest_options shutdown = {
        .struct_bytes = sizeof(shutdown),
        .context = services,
        .accept = shutdown_accept,
        .go = shutdown_go,
    };
    const struct vmb_timesync_guest_options timesync = {
        .struct_bytes = sizeof(timesync),
        .context = services,
        .reading = timesync_reading,
        .reference_100ns =
            x86_hyperv_grants(VMB_HV_PRIVILEGE_REFERENCE_COUNTER) ? timesync_reference : NULL,
    };

    vmb_heartbeat_guest_init(&services->heartbeat);
    vmb_heartbeat_guest_set_state(&services->heartbeat, VMB_IC_HEARTBEAT_HEALTHY);
    must("shutdown", vmb_shutdown_guest_init(&services->shutdown, &shutdown));
    must("timesync", vmb_timesync_guest_init(&services->timesync, &timesync));
}

void services_say(const struct services *services)
{
    x86_printf("vmbus: answers: heartbeat %lu, shutdown %lu, timesync %lu\n",
               services->heartbeat.ic.counters.answers, services->shutdown.ic.counters.answers,
               services->timesync.ic.counters.answers);
}
