/* SPDX-License-Identifier: MIT */
/* See vmb_sim_machine.h. */
#include "sim/vmb_sim_machine.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "sim/vmb_sim_threads.h"

#define MACHINE_DEFAULT_VPS     2u
#define MACHINE_DEFAULT_PAGES   8192u
#define MACHINE_DEFAULT_LATE_NS 20000u

/* Streams of random numbers; see vmb_sim_guest.c and vmb_sim_host.c for the others. */
#define MACHINE_STREAM_VP 1000u

static void machine_count(vmb_atomic_word *counter)
{
    (void)vmb_atomic_fetch_add(counter, (uintptr_t)1, VMB_RELAXED);
}

/* The SynIC raises an interrupt: any thread. */
static void machine_raise(void *context, uint32_t vp, uint32_t vector, bool auto_eoi)
{
    struct vmb_sim_machine *machine = context;
    struct vmb_sim_vp *self = &machine->vps[vp];

    (void)vector;
    (void)auto_eoi;
    machine_count(&self->raised);
    /* Release: pairs with the acquire in machine_interrupt(); the flag is set when it looks. */
    if (vmb_atomic_exchange(&self->line, 1u, VMB_ACQ_REL) != 0) {
        machine_count(&self->merged);
        return;
    }
    vmb_sim_wake(&self->interrupts);
}

static void *machine_map_page(void *context, uint32_t vp, vmb_gpa page)
{
    struct vmb_sim_machine *machine = context;

    (void)vp;
    return vmb_sim_memory_at(&machine->memory, page, VMB_PAGE_BYTES);
}

static vmb_status machine_read_guest(void *context, vmb_gpa address, void *buffer, uint32_t bytes)
{
    struct vmb_sim_machine *machine = context;
    const void *memory = vmb_sim_memory_at(&machine->memory, address, bytes);

    if (memory == NULL) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    memcpy(buffer, memory, bytes);
    return VMB_OK;
}

/* Hold an interrupt back for a while, so that others join it. */
static void machine_be_late(struct vmb_sim_machine *machine, struct vmb_sim_vp *self)
{
    uint32_t limit_ns = machine->options.faults.interrupt_late_ns;
    uint64_t until_ns =
        vmb_sim_machine_now_ns(machine) + vmb_sim_random_below(&self->random, limit_ns);

    machine_count(&self->late);
    while (vmb_sim_machine_now_ns(machine) < until_ns) {
        vmb_atomic_pause();
    }
}

/* Pairs with vmb_sim_machine_vp_pause(): either it sees that the VP acts, or we see its wish. */
static bool machine_act(struct vmb_sim_vp *self)
{
    (void)vmb_atomic_fetch_add(&self->acting, 1u, VMB_SEQ_CST);
    if (vmb_atomic_load(&self->paused, VMB_SEQ_CST) == 0) {
        return true;
    }
    (void)vmb_atomic_fetch_add(&self->acting, ~0u, VMB_RELEASE);
    return false;
}

static void machine_acted(struct vmb_sim_vp *self)
{
    (void)vmb_atomic_fetch_add(&self->acting, ~0u, VMB_RELEASE);
}

/* Take the pending interrupt of a VP. One that comes while the handler runs is taken right after.
 */
static void machine_interrupt(struct vmb_sim_vp *self)
{
    struct vmb_sim_machine *machine = self->machine;
    const struct vmb_sim_faults *faults = &machine->options.faults;

    if (vmb_sim_machine_fault(machine, &self->random, faults->interrupt_late_per_mille)) {
        machine_be_late(machine, self);
    }
    /* Acquire: pairs with machine_raise(). Cleared first: what comes later is another interrupt. */
    (void)vmb_atomic_exchange(&self->line, 0u, VMB_ACQ_REL);
    machine_count(&self->taken);
    machine->hooks.on_interrupt(machine->hooks.guest, self->index);
    if (vmb_sim_machine_fault(machine, &self->random, faults->interrupt_spurious_per_mille)) {
        machine_count(&self->spurious);
        machine->hooks.on_interrupt(machine->hooks.guest, self->index);
    }
    if (machine->options.explicit_eoi) {
        (void)pthread_mutex_lock(&self->lock);
        vmb_hv_synic_on_eoi(machine->synic, self->index, VMB_SIM_VECTOR);
        (void)pthread_mutex_unlock(&self->lock);
        machine->hooks.on_slot_free(machine->hooks.host);
    }
}

static bool machine_interrupts_step(void *context)
{
    struct vmb_sim_vp *self = context;

    if (vmb_atomic_load(&self->line, VMB_RELAXED) == 0 || !machine_act(self)) {
        return false;
    }
    machine_interrupt(self);
    machine_acted(self);
    return vmb_atomic_load(&self->line, VMB_RELAXED) != 0;
}

static bool machine_runner_step(void *context)
{
    struct vmb_sim_vp *self = context;
    bool more;

    if (!machine_act(self)) {
        return false;
    }
    more = self->machine->hooks.run(self->machine->hooks.guest, self->index);
    machine_acted(self);
    return more;
}

static void machine_vp_init(struct vmb_sim_machine *machine, uint32_t vp)
{
    struct vmb_sim_vp *self = &machine->vps[vp];

    self->machine = machine;
    self->index = vp;
    self->random = vmb_sim_random_of(machine->options.seed, MACHINE_STREAM_VP + vp);
    self->interrupts.name = "vp";
    self->interrupts.index = vp;
    self->interrupts.context = self;
    self->interrupts.step = machine_interrupts_step;
    self->runner.name = "vp run";
    self->runner.index = vp;
    self->runner.context = self;
    self->runner.step = machine_runner_step;
    (void)pthread_mutex_init(&self->lock, NULL);
}

static size_t machine_round_up(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

static vmb_status machine_init_synic(struct vmb_sim_machine *machine)
{
    const struct vmb_hv_synic_options options = {
        .struct_bytes = sizeof(options),
        .vp_count = machine->options.vp_count,
    };
    const struct vmb_hv_synic_platform platform = {
        .struct_bytes = sizeof(platform),
        .context = machine,
        .raise_interrupt = machine_raise,
        .map_page = machine_map_page,
    };
    size_t bytes = vmb_hv_synic_memory_bytes(&options);
    void *memory = aligned_alloc(64, machine_round_up(bytes));
    vmb_status status = VMB_ERR_NO_MEMORY;

    if (memory != NULL) {
        status = vmb_hv_synic_init(memory, bytes, &options, &platform, &machine->synic);
    }
    if (status != VMB_OK) {
        free(memory);
    }
    return status;
}

static vmb_status machine_init_ports(struct vmb_sim_machine *machine)
{
    const struct vmb_hv_ports_options options = {.struct_bytes = sizeof(options)};
    const struct vmb_hv_ports_platform platform = {
        .struct_bytes = sizeof(platform),
        .context = machine,
        .read_guest = machine_read_guest,
    };
    size_t bytes = vmb_hv_ports_memory_bytes(&options);
    void *memory = aligned_alloc(64, machine_round_up(bytes));
    vmb_status status = VMB_ERR_NO_MEMORY;

    if (memory != NULL) {
        status = vmb_hv_ports_init(memory, bytes, &options, &platform, &machine->ports);
    }
    if (status != VMB_OK) {
        free(memory);
    }
    return status;
}

vmb_status vmb_sim_machine_init(struct vmb_sim_machine *machine,
                                const struct vmb_sim_machine_options *options,
                                const struct vmb_sim_machine_hooks *hooks)
{
    size_t vp_bytes;
    vmb_status status;

    memset(machine, 0, sizeof(*machine));
    machine->options = *options;
    machine->hooks = *hooks;
#define MACHINE_DEFAULT(field, value)                                                              \
    machine->options.field = machine->options.field != 0 ? machine->options.field : (value)
    MACHINE_DEFAULT(vp_count, MACHINE_DEFAULT_VPS);
    MACHINE_DEFAULT(memory_pages, MACHINE_DEFAULT_PAGES);
    MACHINE_DEFAULT(faults.interrupt_late_ns, MACHINE_DEFAULT_LATE_NS);
#undef MACHINE_DEFAULT
    if (machine->options.now_ns == NULL) {
        machine->options.now_ns = vmb_sim_threads_now_ns;
    }
    vmb_sim_machine_set_faults(machine, true);
    status = vmb_sim_memory_init(&machine->memory, machine->options.memory_pages,
                                 machine->options.always_remap);
    if (status != VMB_OK) {
        return status;
    }
    vp_bytes = machine->options.vp_count * sizeof(*machine->vps);
    machine->vps = aligned_alloc(64, machine_round_up(vp_bytes));
    if (machine->vps == NULL || machine_init_synic(machine) != VMB_OK ||
        machine_init_ports(machine) != VMB_OK) {
        free(machine->vps);
        free(machine->synic);
        vmb_sim_memory_deinit(&machine->memory);
        return VMB_ERR_NO_MEMORY;
    }
    memset(machine->vps, 0, vp_bytes);
    for (uint32_t i = 0; i < machine->options.vp_count; i++) {
        machine_vp_init(machine, i);
    }
    return VMB_OK;
}

void vmb_sim_machine_deinit(struct vmb_sim_machine *machine)
{
    vmb_hv_synic_deinit(machine->synic);
    for (uint32_t i = 0; i < machine->options.vp_count; i++) {
        (void)pthread_mutex_destroy(&machine->vps[i].lock);
    }
    free(machine->vps);
    free(machine->synic);
    free(machine->ports);
    vmb_sim_memory_deinit(&machine->memory);
}

void vmb_sim_machine_set_faults(struct vmb_sim_machine *machine, bool on)
{
    vmb_atomic_store(&machine->faults_on, on ? 1u : 0u, VMB_RELAXED);
}

bool vmb_sim_machine_fault(struct vmb_sim_machine *machine, struct vmb_sim_random *random,
                           uint32_t per_mille)
{
    return per_mille != 0 && vmb_atomic_load(&machine->faults_on, VMB_RELAXED) != 0 &&
           vmb_sim_random_chance(random, per_mille);
}

uint64_t vmb_sim_machine_now_ns(const struct vmb_sim_machine *machine)
{
    return machine->options.now_ns(machine->options.now_context);
}

vmb_status vmb_sim_machine_write(struct vmb_sim_machine *machine, uint32_t vp, uint32_t number,
                                 uint64_t value)
{
    struct vmb_sim_vp *self;
    vmb_status status;

    if (vp >= machine->options.vp_count) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    self = &machine->vps[vp];
    (void)pthread_mutex_lock(&self->lock);
    status = vmb_hv_synic_write(machine->synic, vp, number, value);
    (void)pthread_mutex_unlock(&self->lock);
    if (number == VMB_HV_MSR_EOM) {
        machine->hooks.on_slot_free(machine->hooks.host);
    }
    return status;
}

/* Read a register, change it, write it back: as a guest does, on the VP itself. */
static vmb_status machine_change(struct vmb_sim_machine *machine, uint32_t vp, uint32_t number,
                                 uint64_t (*change)(uint64_t current))
{
    uint64_t value = 0;
    vmb_status status;

    (void)pthread_mutex_lock(&machine->vps[vp].lock);
    status = vmb_hv_synic_read(machine->synic, vp, number, &value);
    if (status == VMB_OK) {
        status = vmb_hv_synic_write(machine->synic, vp, number, change(value));
    }
    (void)pthread_mutex_unlock(&machine->vps[vp].lock);
    return status;
}

vmb_status vmb_sim_machine_vp_up(struct vmb_sim_machine *machine, uint32_t vp,
                                 vmb_status (*before_unmask)(void *context, uint32_t vp,
                                                             void *message_page, void *event_page),
                                 void *context)
{
    struct vmb_sim_vp *self = &machine->vps[vp];
    vmb_gpa first;
    vmb_status status = vmb_sim_tap_before(machine->options.tap, VMB_SIM_POINT_VP_PAGES);

    if (status == VMB_OK) {
        status = vmb_sim_memory_take(&machine->memory, 2, &self->pages);
    }
    if (status != VMB_OK) {
        return status;
    }
    self->up = true;
    first = self->pages.first_gpn * VMB_PAGE_BYTES;
    status = vmb_sim_machine_write(machine, vp, VMB_HV_MSR_SIMP, vmb_hv_page_on(0, first));
    if (status == VMB_OK) {
        status = vmb_sim_machine_write(machine, vp, VMB_HV_MSR_SIEFP,
                                       vmb_hv_page_on(0, first + VMB_PAGE_BYTES));
    }
    if (status == VMB_OK) {
        status = before_unmask(context, vp, self->pages.base,
                               (uint8_t *)self->pages.base + VMB_PAGE_BYTES);
    }
    if (status == VMB_OK) {
        status = vmb_sim_machine_write(
            machine, vp, VMB_HV_MSR_SINT0 + VMB_HV_SINT_VMBUS,
            vmb_hv_sint_on(VMB_HV_SINT_RESET, VMB_SIM_VECTOR, !machine->options.explicit_eoi));
    }
    if (status == VMB_OK) {
        status = machine_change(machine, vp, VMB_HV_MSR_SCONTROL, vmb_hv_scontrol_on);
    }
    return status;
}

void vmb_sim_machine_vp_mask(struct vmb_sim_machine *machine, uint32_t vp)
{
    (void)(machine_change(machine, vp, VMB_HV_MSR_SINT0 + VMB_HV_SINT_VMBUS, vmb_hv_sint_off) ==
           VMB_OK);
}

void vmb_sim_machine_vp_down(struct vmb_sim_machine *machine, uint32_t vp)
{
    struct vmb_sim_vp *self = &machine->vps[vp];

    if (!self->up) {
        return;
    }
    vmb_sim_machine_vp_mask(machine, vp);
    (void)machine_change(machine, vp, VMB_HV_MSR_SIMP, vmb_hv_page_off);
    (void)machine_change(machine, vp, VMB_HV_MSR_SIEFP, vmb_hv_page_off);
    (void)machine_change(machine, vp, VMB_HV_MSR_SCONTROL, vmb_hv_scontrol_off);
    vmb_sim_memory_give(&machine->memory, &self->pages);
    self->up = false;
}

void vmb_sim_machine_vp_pause(struct vmb_sim_machine *machine, uint32_t vp)
{
    struct vmb_sim_vp *self = &machine->vps[vp];

    vmb_atomic_store(&self->paused, 1u, VMB_SEQ_CST);
    while (vmb_atomic_load(&self->acting, VMB_SEQ_CST) != 0) {
        (void)sched_yield();
    }
}

void vmb_sim_machine_vp_resume(struct vmb_sim_machine *machine, uint32_t vp)
{
    struct vmb_sim_vp *self = &machine->vps[vp];

    vmb_atomic_store(&self->paused, 0u, VMB_SEQ_CST);
    vmb_sim_wake(&self->interrupts);
    vmb_sim_wake(&self->runner);
}

vmb_hv_result vmb_sim_machine_post(struct vmb_sim_machine *machine, uint32_t vp, uint32_t sint,
                                   uint32_t type, const void *payload, uint32_t payload_bytes)
{
    vmb_hv_result result;

    if (vp >= machine->options.vp_count) {
        return VMB_HV_INVALID_VP_INDEX;
    }
    (void)pthread_mutex_lock(&machine->vps[vp].lock);
    result = vmb_hv_synic_post(machine->synic, vp, sint, type, 0, payload, payload_bytes);
    (void)pthread_mutex_unlock(&machine->vps[vp].lock);
    return result;
}

struct vmb_sim_vp_counters vmb_sim_machine_vp_counters(const struct vmb_sim_machine *machine,
                                                       uint32_t vp)
{
    const struct vmb_sim_vp *self = &machine->vps[vp];
    const struct vmb_sim_vp_counters counters = {
        .raised = vmb_atomic_load(&self->raised, VMB_RELAXED),
        .merged = vmb_atomic_load(&self->merged, VMB_RELAXED),
        .taken = vmb_atomic_load(&self->taken, VMB_RELAXED),
        .spurious = vmb_atomic_load(&self->spurious, VMB_RELAXED),
        .late = vmb_atomic_load(&self->late, VMB_RELAXED),
    };

    return counters;
}
