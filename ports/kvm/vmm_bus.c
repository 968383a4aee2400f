/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_bus.h"

#include <vmbus/host_stuck.h>

#include <stdlib.h>
#include <unistd.h>

#define BUS_ALIGN      64u
#define BUS_RUN_BUDGET 256u
#define BUS_STUCK_NS   2000000000u /* The heartbeat wakes the loop that often. */

/* ---- What the host library asks for ---------------------------------------------------------- */

static vmb_status bus_post_message(void *context, uint32_t vp, uint8_t sint, const void *message,
                                   uint32_t message_bytes)
{
    struct vmm_bus *bus = context;

    return vmm_synic_post(bus->synic, vp, sint, message, message_bytes);
}

static void bus_raise_event(void *context, uint32_t vp, uint8_t sint, uint16_t flag)
{
    struct vmm_bus *bus = context;
    uint32_t redirected = vmm_bus_redirected(bus, flag);

    vmm_synic_raise(bus->synic, redirected != VMB_VP_NONE ? redirected : vp, sint, flag);
}

static vmb_status bus_map_pages(void *context, const vmb_gpn *gpns, uint32_t page_count,
                                struct vmb_host_mapping *out_mapping)
{
    struct vmm_bus *bus = context;

    return vmm_memory_map(bus->memory, gpns, page_count, out_mapping);
}

static void bus_unmap_pages(void *context, const struct vmb_host_mapping *mapping,
                            uint32_t page_count)
{
    struct vmm_bus *bus = context;

    vmm_memory_unmap(bus->memory, mapping, page_count);
}

static uint64_t bus_now_ns(void *context)
{
    (void)context;
    return vmm_now_ns();
}

static void bus_on_doorbell(void *context, uint32_t events)
{
    struct vmm_doorbell *doorbell = context;

    vmb_status status;

    (void)events; /* By edge: each signal is told once, and its count need not be taken. */
    status = vmb_host_on_signal(doorbell->bus->host, doorbell->connection_id, 0);
    (void)status; /* A signal that comes late does no harm. */
}

static vmb_status bus_doorbell_open(void *context, uint32_t connection_id)
{
    struct vmm_bus *bus = context;
    struct vmm_doorbell *doorbell = bus->doorbells;

    while (doorbell->connection_id != 0) {
        if (++doorbell == bus->doorbells + VMM_BUS_CHANNELS) {
            return VMB_ERR_LIMIT;
        }
    }
    doorbell->source = (struct vmm_source){vmm_event_open(), bus_on_doorbell, doorbell};
    if (doorbell->source.fd < 0) {
        return VMB_ERR_NO_MEMORY;
    }
    if (!vmm_loop_add(bus->loop, &doorbell->source, EPOLLIN | EPOLLET) ||
        !vmm_kvm_doorbell(bus->kvm, connection_id, doorbell->source.fd)) {
        vmm_loop_remove(bus->loop, &doorbell->source);
        close(doorbell->source.fd);
        return VMB_ERR_PLATFORM;
    }
    doorbell->bus = bus;
    doorbell->connection_id = connection_id;
    return VMB_OK;
}

static void bus_doorbell_close(void *context, uint32_t connection_id)
{
    struct vmm_bus *bus = context;
    struct vmm_doorbell *doorbell;

    for (doorbell = bus->doorbells; doorbell < bus->doorbells + VMM_BUS_CHANNELS; doorbell++) {
        if (doorbell->connection_id == connection_id) {
            vmm_kvm_doorbell_close(bus->kvm, connection_id);
            vmm_loop_remove(bus->loop, &doorbell->source);
            close(doorbell->source.fd);
            doorbell->connection_id = 0;
            return;
        }
    }
}

static void bus_log(void *context, enum vmb_log_level level, const char *text)
{
    const struct vmm_bus *bus = context;

    if (bus->log != NULL) {
        bus->log(bus->log_context, level, text);
    }
}

static void bus_ready(void *context)
{
    vmm_bus_wake(context);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void bus_on_wake(void *context, uint32_t events)
{
    struct vmm_bus *bus = context;

    (void)events;
    vmm_event_take(bus->wake.fd);
}

void vmm_bus_wake(struct vmm_bus *bus)
{
    if (!atomic_exchange(&bus->awake, true)) {
        vmm_event_signal(bus->wake.fd);
    }
}

bool vmm_bus_init(struct vmm_bus *bus, const struct vmm_bus_options *options,
                  struct vmm_error *error)
{
    struct vmb_host_options limits = {
        .struct_bytes = sizeof(limits),
        .vp_count = options->cpu_count,
        .channel_limit = VMM_BUS_CHANNELS,
        .max_version = options->max_version,
    };
    struct vmb_host_platform platform = {
        .struct_bytes = sizeof(platform),
        .context = bus,
        .post_message = bus_post_message,
        .raise_event = bus_raise_event,
        .map_pages = bus_map_pages,
        .unmap_pages = bus_unmap_pages,
        .now_ns = bus_now_ns,
        .doorbell_open = bus_doorbell_open,
        .doorbell_close = bus_doorbell_close,
        .work_ready = bus_ready,
        .run_ready = bus_ready,
        .log = bus_log,
    };
    struct vmb_host_events events = options->events;
    size_t bytes = vmb_host_memory_bytes(&limits);
    vmb_status status;

    *bus = (struct vmm_bus){.loop = options->loop,
                            .memory = options->memory,
                            .kvm = options->kvm,
                            .synic = options->synic,
                            .log = options->log,
                            .log_context = options->log_context};
    bus->wake = (struct vmm_source){vmm_event_open(), bus_on_wake, bus};
    bus->memory_of_host =
        aligned_alloc(BUS_ALIGN, (bytes + BUS_ALIGN - 1) & ~(size_t)(BUS_ALIGN - 1));
    if (bus->memory_of_host == NULL || bus->wake.fd < 0 ||
        !vmm_loop_add(bus->loop, &bus->wake, EPOLLIN)) {
        return vmm_fail_errno(error, "cannot make a bus");
    }
    events.struct_bytes = sizeof(events);
    status = vmb_host_init(bus->memory_of_host, bytes, &limits, &platform, &events, &bus->host);
    return status == VMB_OK || vmm_fail(error, "cannot make a bus: %s", vmb_status_text(status));
}

void vmm_bus_deinit(struct vmm_bus *bus)
{
    if (bus->host != NULL) {
        if (vmb_host_deinit(bus->host) != VMB_OK) {
            abort(); /* Not idle. */
        }
    }
    if (bus->wake.fd > 0) {
        vmm_loop_remove(bus->loop, &bus->wake);
        close(bus->wake.fd);
    }
    free(bus->memory_of_host);
}

/* ---- Other VPs than the guest's choice ------------------------------------------------------- */

bool vmm_bus_redirect(struct vmm_bus *bus, uint32_t relid, uint32_t vp)
{
    if (relid >= VMB_RELID_COUNT || (vp != VMB_VP_NONE && vp >= bus->synic->cpu_count)) {
        return false;
    }
    atomic_store(&bus->redirected[relid], (unsigned short)(vp != VMB_VP_NONE ? vp + 1 : 0));
    return true;
}

void vmm_bus_redirect_none(struct vmm_bus *bus)
{
    uint32_t relid;

    for (relid = 0; relid < VMB_RELID_COUNT; relid++) {
        atomic_store(&bus->redirected[relid], 0);
    }
}

uint32_t vmm_bus_redirected(const struct vmm_bus *bus, uint32_t relid)
{
    unsigned short redirected = relid < VMB_RELID_COUNT ? atomic_load(&bus->redirected[relid]) : 0;

    return redirected != 0 ? redirected - 1u : VMB_VP_NONE;
}

/* ---- Work ------------------------------------------------------------------------------------ */

/* When the loop is awake anyway: a lost signal is made good, counted and said in the log. */
static void bus_look_for_stuck(struct vmm_bus *bus)
{
    uint64_t now = vmm_now_ns();

    if (now - bus->looked_ns >= BUS_STUCK_NS) {
        bus->looked_ns = now;
        (void)vmb_host_check_stuck(bus->host, true, NULL, NULL);
    }
}

uint64_t vmm_bus_work(struct vmm_bus *bus)
{
    bool more;

    /* Before looking: what comes from here on wakes the loop, or is seen below. */
    atomic_store(&bus->awake, false);
    more = vmb_host_run(bus->host, BUS_RUN_BUDGET);
    more |= vmb_host_poll(bus->host);
    bus_look_for_stuck(bus);
    return more ? 0 : vmb_host_next_deadline_ns(bus->host);
}

void vmm_bus_reset(struct vmm_bus *bus)
{
    vmb_host_reset(bus->host);
}

bool vmm_bus_is_idle(const struct vmm_bus *bus)
{
    struct vmb_host_counters counters;
    uint32_t index;

    for (index = 0; index < VMM_BUS_CHANNELS; index++) {
        if (bus->doorbells[index].connection_id != 0) {
            return false;
        }
    }
    vmb_host_read_counters(bus->host, &counters);
    return counters.gpadls_in_use == 0 && vmb_host_version(bus->host) == VMB_VERSION_NONE;
}
