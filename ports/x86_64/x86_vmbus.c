/* SPDX-License-Identifier: MIT */
#include "x86_vmbus.h"

#include "x86_apic.h"
#include "x86_clock.h"
#include "x86_console.h"
#include "x86_cpu.h"
#include "x86_hyperv.h"
#include "x86_pages.h"
#include "x86_smp.h"
#include "x86_synic.h"
#include "x86_timer.h"

enum {
    RUN_BUDGET = 64,            /* Handler calls before a CPU looks around again. */
    VP_COUNT_MAX = X86_CPUS_MAX /* VP indices are dense on every hypervisor that is known. */
};

/* What each CPU brings along. Flags are set by any CPU and taken by the owner. */
struct vmbus_cpu {
    struct x86_synic synic;
    struct vmb_guest_vp *vp; /* Of its interrupts. */
    bool has_pages;
    bool run_due; /* vmb_guest_run() has work. */
    bool running; /* Inside it. */
};

static struct vmbus_cpu vmbus_cpus[X86_CPUS_MAX];
static struct x86_cpu *vmbus_cpu_of_vp[VP_COUNT_MAX];
static uint32_t vmbus_vp_count; /* VP indices are below it. */
static struct vmb_guest *vmbus_guest;
static void *vmbus_memory;
static uint64_t vmbus_memory_pages;
static bool vmbus_poll_due;
static bool vmbus_stopping;

static struct vmbus_cpu *vmbus_self(void)
{
    return &vmbus_cpus[x86_cpu_self()->index];
}

/* Set a flag that @p cpu waits for, and wake it unless it is the one that sets it. */
static void vmbus_raise(struct x86_cpu *cpu, bool *flag)
{
    __atomic_store_n(flag, true, __ATOMIC_RELEASE);
    if (cpu != x86_cpu_self()) {
        x86_smp_wake(cpu);
    }
}

static bool vmbus_take(bool *flag)
{
    return __atomic_exchange_n(flag, false, __ATOMIC_ACQUIRE);
}

/* ---- What the library asks of us ------------------------------------------------------------ */

static vmb_status vmbus_post_message(void *context, uint32_t connection_id, const void *message,
                                     uint32_t message_bytes)
{
    (void)context;
    return x86_hyperv_post_message(connection_id, message, message_bytes);
}

static void vmbus_signal_event(void *context, uint32_t connection_id, uint16_t flag)
{
    (void)context;
    (void)x86_hyperv_signal_event(connection_id, flag); /* A doorbell has no bad news. */
}

static vmb_status vmbus_share_pages(void *context, uint32_t page_count, struct vmb_pages *out_pages)
{
    void *pages = x86_pages_alloc(page_count);

    (void)context;
    if (pages == NULL) {
        return VMB_ERR_NO_MEMORY;
    }
    *out_pages = (struct vmb_pages){
        .base = pages,
        .first_gpn = (uintptr_t)pages / VMB_PAGE_BYTES,
        .page_count = page_count,
    };
    return VMB_OK;
}

static void vmbus_unshare_pages(void *context, const struct vmb_pages *pages)
{
    (void)context;
    x86_pages_free(pages->base, pages->page_count);
}

static uint64_t vmbus_now_ns(void *context)
{
    (void)context;
    return x86_clock_ns();
}

static void vmbus_write_eom(void *context)
{
    (void)context;
    x86_synic_eom();
}

static void vmbus_end_of_message(void *context, uint32_t vp)
{
    (void)context;
    x86_smp_call(vmbus_cpu_of_vp[vp], vmbus_write_eom, NULL);
}

void x86_vmbus_wake(void)
{
    vmbus_raise(x86_smp_cpu(0), &vmbus_poll_due);
}

static void vmbus_work_ready(void *context)
{
    (void)context;
    x86_vmbus_wake();
}

static void vmbus_run_ready(void *context, uint32_t vp)
{
    struct x86_cpu *cpu = vmbus_cpu_of_vp[vp];

    (void)context;
    vmbus_raise(cpu, &vmbus_cpus[cpu->index].run_due);
}

static void vmbus_log(void *context, enum vmb_log_level level, const char *text)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};

    (void)context;
    x86_printf("vmbus: [%s] %s\n", level <= VMB_LOG_DEBUG ? names[level] : "?", text);
}

static const struct vmb_guest_platform vmbus_platform = {
    .struct_bytes = sizeof(struct vmb_guest_platform),
    .post_message = vmbus_post_message,
    .signal_event = vmbus_signal_event,
    .share_pages = vmbus_share_pages,
    .unshare_pages = vmbus_unshare_pages,
    .now_ns = vmbus_now_ns,
    .end_of_message = vmbus_end_of_message,
    .work_ready = vmbus_work_ready,
    .run_ready = vmbus_run_ready,
    .log = vmbus_log,
};

/* ---- What each CPU does --------------------------------------------------------------------- */

static void vmbus_on_interrupt(void *context)
{
    struct vmbus_cpu *self = vmbus_self();
    uint32_t work = VMB_GUEST_WORK_NONE;

    (void)context;
    if (self->synic.online) { /* One may still have been on its way when the SINT was masked. */
        work = vmb_guest_vp_on_interrupt(self->vp);
    }
    if ((work & VMB_GUEST_WORK_POLL) != 0) {
        x86_vmbus_wake();
    }
    if ((work & VMB_GUEST_WORK_RUN) != 0) {
        vmbus_raise(x86_cpu_self(), &self->run_due);
    }
    if (!x86_synic_auto_eoi()) {
        x86_apic_eoi();
    }
}

/* Run what is ready on this CPU, interrupts enabled. */
static void vmbus_run_handlers(struct vmbus_cpu *self)
{
    __atomic_store_n(&self->running, true, __ATOMIC_SEQ_CST);
    /* Looked at after `running` was set: x86_vmbus_stop() sets them in the other order. */
    if (!__atomic_load_n(&vmbus_stopping, __ATOMIC_SEQ_CST) && vmbus_take(&self->run_due) &&
        vmb_guest_run(vmbus_guest, self->synic.vp_index, RUN_BUDGET)) {
        __atomic_store_n(&self->run_due, true, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&self->running, false, __ATOMIC_RELEASE);
}

/* Every CPU but the first. */
static void vmbus_cpu_loop(struct x86_cpu *cpu)
{
    struct vmbus_cpu *self = &vmbus_cpus[cpu->index];

    for (;;) {
        x86_irq_enable();
        vmbus_run_handlers(self);
        x86_irq_disable();
        if (!__atomic_load_n(&self->run_due, __ATOMIC_ACQUIRE) ||
            __atomic_load_n(&vmbus_stopping, __ATOMIC_ACQUIRE)) {
            x86_irq_wait();
        }
    }
}

bool x86_vmbus_run(bool (*until)(void *context), void *context, uint64_t deadline_ns)
{
    struct vmbus_cpu *self = vmbus_self();
    bool done = until(context);

    while (!done && x86_clock_ns() < deadline_ns) {
        uint64_t wake_ns = vmb_guest_next_deadline_ns(vmbus_guest);

        if (wake_ns <= x86_clock_ns()) {
            __atomic_store_n(&vmbus_poll_due, true, __ATOMIC_RELEASE);
        }
        x86_irq_disable();
        if (!__atomic_load_n(&vmbus_poll_due, __ATOMIC_ACQUIRE) &&
            !__atomic_load_n(&self->run_due, __ATOMIC_ACQUIRE)) {
            x86_timer_set(wake_ns < deadline_ns ? wake_ns : deadline_ns);
            x86_irq_wait();
        }
        x86_irq_enable();
        if (vmbus_take(&vmbus_poll_due) && vmb_guest_poll(vmbus_guest)) {
            __atomic_store_n(&vmbus_poll_due, true, __ATOMIC_RELEASE);
        }
        vmbus_run_handlers(self);
        done = until(context);
    }
    x86_timer_set(X86_TIMER_NEVER);
    return done;
}

/* ---- Up and down ---------------------------------------------------------------------------- */

/* In x86_smp_call(), on each CPU. */
static void vmbus_prepare_cpu(void *context)
{
    struct vmbus_cpu *self = vmbus_self();

    (void)context;
    self->has_pages = x86_synic_prepare(&self->synic);
}

static void vmbus_start_cpu(void *context)
{
    (void)context;
    x86_synic_online(&vmbus_self()->synic, X86_VMBUS_VECTOR);
}

static void vmbus_stop_cpu(void *context)
{
    struct vmbus_cpu *self = vmbus_self();

    (void)context;
    if (self->has_pages) {
        x86_synic_offline(&self->synic);
    }
}

/* Each CPU's pages, and who is which VP. */
static vmb_status vmbus_prepare(void)
{
    uint32_t i;

    for (i = 0; i < x86_smp_online(); i++) {
        x86_smp_call(x86_smp_cpu(i), vmbus_prepare_cpu, NULL);
        if (!vmbus_cpus[i].has_pages) {
            return VMB_ERR_NO_MEMORY;
        }
        if (vmbus_cpus[i].synic.vp_index >= VP_COUNT_MAX) {
            return VMB_ERR_UNSUPPORTED;
        }
        vmbus_cpu_of_vp[vmbus_cpus[i].synic.vp_index] = x86_smp_cpu(i);
        if (vmbus_cpus[i].synic.vp_index >= vmbus_vp_count) {
            vmbus_vp_count = vmbus_cpus[i].synic.vp_index + 1;
        }
    }
    return VMB_OK;
}

static vmb_status vmbus_make_guest(const struct vmb_guest_events *events)
{
    const struct vmb_guest_options options = {
        .struct_bytes = sizeof(options),
        .vp_count = vmbus_vp_count,
        .connect_vp = vmbus_cpus[0].synic.vp_index, /* Where the control plane is. */
    };
    size_t bytes = vmb_guest_memory_bytes(&options);

    vmbus_memory_pages = (bytes + X86_PAGE_BYTES - 1) / X86_PAGE_BYTES;
    vmbus_memory = x86_pages_alloc(vmbus_memory_pages);
    if (vmbus_memory == NULL) {
        return VMB_ERR_NO_MEMORY;
    }
    return vmb_guest_init(vmbus_memory, vmbus_memory_pages * X86_PAGE_BYTES, &options,
                          &vmbus_platform, events, &vmbus_guest);
}

vmb_status x86_vmbus_start(const struct vmb_guest_events *events, struct vmb_guest **out_guest)
{
    vmb_status status;
    uint32_t i;

    status = x86_hyperv.status;
    if (status == VMB_OK) {
        status = x86_hyperv_start();
    }
    if (status != VMB_OK) {
        return status;
    }
    x86_smp_start(vmbus_cpu_loop);
    status = vmbus_prepare();
    if (status == VMB_OK) {
        status = vmbus_make_guest(events);
    }
    x86_trap_set(X86_VMBUS_VECTOR, vmbus_on_interrupt, NULL);
    for (i = 0; status == VMB_OK && i < x86_smp_online(); i++) {
        struct x86_synic *synic = &vmbus_cpus[i].synic;

        vmbus_cpus[i].vp = vmb_guest_vp_handle(vmbus_guest, synic->vp_index);
        /* The guest knows the VP before its interrupt can come. */
        status = vmb_guest_vp_start(vmbus_guest, synic->vp_index, synic->messages, synic->events);
        if (status == VMB_OK) {
            x86_smp_call(x86_smp_cpu(i), vmbus_start_cpu, NULL);
        }
    }
    *out_guest = vmbus_guest;
    return status;
}

vmb_status x86_vmbus_stop(void)
{
    vmb_status status;
    uint32_t i;

    __atomic_store_n(&vmbus_stopping, true, __ATOMIC_SEQ_CST);
    for (i = 0; i < x86_smp_online(); i++) {
        /* No interrupt after this, since it ran in one itself; and no handler after the wait. */
        x86_smp_call(x86_smp_cpu(i), vmbus_stop_cpu, NULL);
        while (__atomic_load_n(&vmbus_cpus[i].running, __ATOMIC_SEQ_CST)) {
            x86_pause();
        }
    }
    status = vmb_guest_deinit(vmbus_guest);
    if (status == VMB_OK) {
        x86_pages_free(vmbus_memory, vmbus_memory_pages);
        vmbus_guest = NULL;
    }
    x86_hyperv_stop();
    return status;
}

uint32_t x86_vmbus_vp_count(void)
{
    return x86_smp_online();
}

uint32_t x86_vmbus_vp(uint32_t cpu_index)
{
    return vmbus_cpus[cpu_index].synic.vp_index;
}
