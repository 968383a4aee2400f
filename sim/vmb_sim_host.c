/* SPDX-License-Identifier: MIT */
/* See vmb_sim_host.h. */
#include "sim/vmb_sim_host.h"

#include <stdlib.h>
#include <string.h>

#include <vmbus/save.h>

#define HOST_STREAM     2u
#define HOST_RUN_BUDGET 64u

static const uint32_t host_message_ids[] = {VMB_CONNECTION_MESSAGE, VMB_CONNECTION_MULTICLIENT};

/* Somebody else's message goes first, so that the slot is full when ours comes. */
static void host_post_foreign(struct vmb_sim_host *self, uint32_t vp, uint8_t sint)
{
    (void)vmb_sim_machine_post(self->machine, vp, sint, VMB_HV_MESSAGE_TIMER_EXPIRED, NULL, 0);
}

static vmb_status host_post_message(void *context, uint32_t vp, uint8_t sint, const void *message,
                                    uint32_t message_bytes)
{
    struct vmb_sim_host *self = context;
    const struct vmb_sim_faults *faults = &self->machine->options.faults;
    const struct vmb_sim_tap *tap = self->machine->options.tap;
    vmb_status status = vmb_sim_tap_before(tap, VMB_SIM_POINT_HOST_POST);

    if (status != VMB_OK) {
        return status;
    }
    if (vmb_sim_machine_fault(self->machine, &self->random, faults->foreign_message_per_mille)) {
        host_post_foreign(self, vp, sint);
    }
    if (vmb_sim_machine_fault(self->machine, &self->random, faults->host_post_per_mille)) {
        return VMB_ERR_RETRY;
    }
    if (vmb_sim_tap_lose(tap, VMB_SIM_POINT_HOST_POST)) {
        return VMB_OK;
    }
    status = vmb_hv_call_status((uint64_t)vmb_sim_machine_post(
        self->machine, vp, sint, VMB_HV_MESSAGE_VMBUS, message, message_bytes));
    if (status == VMB_OK) {
        vmb_sim_tap_message(tap, true, message, message_bytes);
    }
    vmb_sim_tap_after(tap, VMB_SIM_POINT_HOST_POST);
    return status;
}

void vmb_sim_host_deliver(struct vmb_sim_host *self, const struct vmb_sim_effect *effect)
{
    /* A VP that is none, or takes nothing: the guest's own choice. */
    (void)vmb_hv_synic_signal(self->machine->synic, effect->target, effect->sint, effect->flag,
                              NULL);
}

static void host_raise_event(void *context, uint32_t vp, uint8_t sint, uint16_t flag)
{
    struct vmb_sim_host *self = context;
    const struct vmb_sim_effect effect = {
        .to_guest = true, .target = vp, .sint = sint, .flag = flag};

    if (!vmb_sim_tap_lose(self->machine->options.tap, VMB_SIM_POINT_HOST_EVENT) &&
        !vmb_sim_tap_put_off(self->machine->options.tap, &effect)) {
        vmb_sim_host_deliver(self, &effect);
    }
    vmb_sim_tap_after(self->machine->options.tap, VMB_SIM_POINT_HOST_EVENT);
}

static vmb_status host_map_pages(void *context, const vmb_gpn *gpns, uint32_t page_count,
                                 struct vmb_host_mapping *out_mapping)
{
    struct vmb_sim_host *self = context;
    const struct vmb_sim_tap *tap = self->machine->options.tap;
    void *base = NULL;
    vmb_status status = vmb_sim_tap_before(tap, VMB_SIM_POINT_HOST_MAP);

    if (status != VMB_OK) {
        return status;
    }
    if (vmb_sim_machine_fault(self->machine, &self->random,
                              self->machine->options.faults.map_per_mille)) {
        return VMB_ERR_NO_MEMORY;
    }
    status = vmb_sim_memory_map(&self->machine->memory, gpns, page_count, &base);
    out_mapping->base = base;
    out_mapping->owner = NULL;
    vmb_sim_tap_after(tap, VMB_SIM_POINT_HOST_MAP);
    return status;
}

static void host_unmap_pages(void *context, const struct vmb_host_mapping *mapping,
                             uint32_t page_count)
{
    struct vmb_sim_host *self = context;

    if (!vmb_sim_tap_lose(self->machine->options.tap, VMB_SIM_POINT_HOST_UNMAP)) {
        vmb_sim_memory_unmap(&self->machine->memory, mapping->base, page_count);
    }
    vmb_sim_tap_after(self->machine->options.tap, VMB_SIM_POINT_HOST_UNMAP);
}

static uint64_t host_now_ns(void *context)
{
    struct vmb_sim_host *self = context;

    return vmb_sim_machine_now_ns(self->machine);
}

/* The guest's HvSignalEvent, on the thread of whoever signals. */
static void host_on_event(void *context, uint32_t connection_id, uint32_t flag)
{
    struct vmb_sim_host *self = context;

    /* An error says that the channel is being closed just now. */
    (void)(vmb_host_on_signal(self->host, connection_id, (uint16_t)flag) == VMB_OK);
}

static vmb_status host_doorbell_open(void *context, uint32_t connection_id)
{
    struct vmb_sim_host *self = context;
    vmb_status status = vmb_sim_tap_before(self->machine->options.tap, VMB_SIM_POINT_HOST_DOORBELL);

    if (status != VMB_OK) {
        return status;
    }
    return vmb_hv_ports_connect_event(self->machine->ports, connection_id, 1, host_on_event, self);
}

static void host_doorbell_close(void *context, uint32_t connection_id)
{
    struct vmb_sim_host *self = context;

    if (vmb_hv_ports_disconnect(self->machine->ports, connection_id) != VMB_OK) {
        abort(); /* The library closes what it has opened, once. */
    }
}

static void host_work_ready(void *context)
{
    struct vmb_sim_host *self = context;

    vmb_sim_wake(&self->control);
}

/* One more worker for each time there is work, so that all of them come to act. */
static void host_run_ready(void *context)
{
    struct vmb_sim_host *self = context;
    uint32_t next = vmb_atomic_fetch_add(&self->next_worker, 1u, VMB_RELAXED);

    vmb_sim_wake(&self->workers[next % self->worker_count]);
}

static void host_log(void *context, enum vmb_log_level level, const char *text)
{
    struct vmb_sim_host *self = context;

    if (self->log != NULL) {
        self->log(self->log_context, level, text);
    }
}

void vmb_sim_host_on_slot_free(void *host)
{
    struct vmb_sim_host *self = host;

    vmb_host_on_slot_free(self->host);
}

/* Messages out of the port, as long as the library takes them; then the library's own work. */
static bool host_control_step(void *context)
{
    struct vmb_sim_host *self = context;
    const struct vmb_hv_message *message;

    while ((message = vmb_hv_message_port_peek(&self->port)) != NULL) {
        if (vmb_host_on_message(self->host, (uint32_t)message->origin, message->payload,
                                message->payload_bytes) == VMB_ERR_RETRY) {
            break; /* It stays; when the port is full the guest is told to post again. */
        }
        vmb_hv_message_port_take(&self->port);
    }
    return vmb_host_poll(self->host);
}

static uint64_t host_control_deadline(void *context)
{
    struct vmb_sim_host *self = context;

    return vmb_host_next_deadline_ns(self->host);
}

static bool host_worker_step(void *context)
{
    struct vmb_sim_host *self = context;

    return vmb_host_run(self->host, HOST_RUN_BUDGET);
}

static void host_actors(struct vmb_sim_host *self)
{
    self->control.name = "host";
    self->control.context = self;
    self->control.step = host_control_step;
    self->control.next_deadline_ns = host_control_deadline;
    for (uint32_t i = 0; i < self->worker_count; i++) {
        self->workers[i].name = "host worker";
        self->workers[i].index = i;
        self->workers[i].context = self;
        self->workers[i].step = host_worker_step;
    }
}

static vmb_status host_make(struct vmb_sim_host *self)
{
    vmb_status status;

    self->memory = aligned_alloc(64, (self->memory_bytes + 63) & ~(size_t)63);
    if (self->memory == NULL) {
        return VMB_ERR_NO_MEMORY;
    }
    status = vmb_host_init(self->memory, self->memory_bytes, &self->options, &self->platform,
                           &self->events, &self->host);
    if (status != VMB_OK) {
        free(self->memory);
    }
    return status;
}

vmb_status vmb_sim_host_init(struct vmb_sim_host *self, struct vmb_sim_machine *machine,
                             uint32_t worker_count, const struct vmb_host_options *options,
                             const struct vmb_host_events *events, vmb_log_function log,
                             void *log_context)
{
    const struct vmb_host_platform platform = {
        .struct_bytes = sizeof(platform),
        .context = self,
        .post_message = host_post_message,
        .raise_event = host_raise_event,
        .map_pages = host_map_pages,
        .unmap_pages = host_unmap_pages,
        .now_ns = host_now_ns,
        .doorbell_open = host_doorbell_open,
        .doorbell_close = host_doorbell_close,
        .work_ready = host_work_ready,
        .run_ready = host_run_ready,
        .log = host_log,
    };
    vmb_status status;

    memset(self, 0, sizeof(*self));
    self->options = *options;
    self->platform = platform;
    if (events != NULL) {
        self->events = *events;
    }
    self->events.struct_bytes = sizeof(self->events);
    self->machine = machine;
    self->worker_count = worker_count;
    self->random = vmb_sim_random_of(machine->options.seed, HOST_STREAM);
    self->log = log;
    self->log_context = log_context;
    host_actors(self);
    vmb_hv_message_port_init(&self->port, host_work_ready, self);
    self->options.struct_bytes = sizeof(self->options);
    self->options.vp_count = machine->options.vp_count;
    self->memory_bytes = vmb_host_memory_bytes(&self->options);
    if (self->memory_bytes == 0 || worker_count == 0 || worker_count > VMB_SIM_HOST_WORKERS) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    status = host_make(self);
    if (status != VMB_OK) {
        return status;
    }
    for (uint32_t i = 0; status == VMB_OK && i < 2; i++) {
        status = vmb_hv_ports_connect_messages(machine->ports, host_message_ids[i],
                                               vmb_hv_message_port_post, &self->port);
    }
    if (status != VMB_OK) {
        free(self->memory);
    }
    return status;
}

/* The state of the host in memory of its own; NULL: not now, or no memory. */
static void *host_save(struct vmb_sim_host *self, size_t *out_bytes, vmb_status *out_status)
{
    size_t bytes = 0;
    void *saved;

    *out_status = vmb_host_save(self->host, NULL, 0, &bytes);
    if (*out_status != VMB_ERR_TOO_SMALL) {
        return NULL;
    }
    saved = malloc(bytes);
    *out_status =
        saved == NULL ? VMB_ERR_NO_MEMORY : vmb_host_save(self->host, saved, bytes, out_bytes);
    if (*out_status != VMB_OK) {
        free(saved);
        return NULL;
    }
    return saved;
}

vmb_status vmb_sim_host_replace(struct vmb_sim_host *self, void (*offer)(void *context),
                                void *context, bool *out_host_lost)
{
    vmb_status status;
    size_t bytes = 0;
    void *saved = host_save(self, &bytes, &status);

    *out_host_lost = false;
    if (saved == NULL) {
        return status;
    }
    vmb_host_reset(self->host);
    while (vmb_host_poll(self->host) || vmb_host_deinit(self->host) != VMB_OK) {
    }
    free(self->memory);
    status = host_make(self);
    if (status != VMB_OK) {
        abort(); /* It was there a moment ago. */
    }
    offer(context);
    status = vmb_host_restore(self->host, saved, bytes, NULL, NULL);
    *out_host_lost = status != VMB_OK;
    free(saved);
    vmb_sim_wake(&self->control);
    for (uint32_t i = 0; i < self->worker_count; i++) {
        vmb_sim_wake(&self->workers[i]);
    }
    return status;
}

vmb_status vmb_sim_host_deinit(struct vmb_sim_host *self)
{
    vmb_status status = vmb_host_deinit(self->host);

    if (status != VMB_OK) {
        return status;
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (vmb_hv_ports_disconnect(self->machine->ports, host_message_ids[i]) != VMB_OK) {
            abort();
        }
    }
    free(self->memory);
    return VMB_OK;
}
