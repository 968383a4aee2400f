/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_synic.h"

#include <vmbus/hv.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYNIC_ALIGN 64u

/* Any vector will do: KVM knows the real one. */
#define SYNIC_VECTOR     0x20u

#define SYNIC_PRIVILEGES (VMB_HV_PRIVILEGE_POST_MESSAGES | VMB_HV_PRIVILEGE_SIGNAL_EVENTS)

/* ---- What the library's SynIC asks for ------------------------------------------------------- */

static void synic_interrupt(void *context, uint32_t vp, uint32_t vector, bool auto_eoi)
{
    struct vmm_synic *synic = context;

    (void)vector;
    (void)auto_eoi;
    vmm_event_signal(synic->cpus[vp].interrupt_fd);
}

/* The page is the guest's own memory, cleared when a CPU names it for the first time. */
static void VMB_SHARED *synic_map_page(void *context, uint32_t vp, vmb_gpa page)
{
    struct vmm_synic *synic = context;
    vmb_gpa *used = synic->cpus[vp].pages_used;
    void *at = vmm_memory_at(synic->memory, page, VMB_PAGE_BYTES);

    if (at != NULL && used[0] != page && used[1] != page) {
        memset(at, 0, VMB_PAGE_BYTES);
        used[1] = used[0];
        used[0] = page;
    }
    return at;
}

static vmb_status synic_read_guest(void *context, vmb_gpa address, void *buffer, uint32_t bytes)
{
    const struct vmm_synic *synic = context;

    return vmm_memory_read(synic->memory, address, buffer, bytes) ? VMB_OK
                                                                  : VMB_ERR_INVALID_ARGUMENT;
}

static vmb_hv_result synic_on_message(void *context, uint32_t connection_id, uint32_t type,
                                      const void *payload, uint32_t payload_bytes)
{
    struct vmm_synic *synic = context;
    vmb_status status;

    if (type != VMB_HV_MESSAGE_VMBUS) {
        return VMB_HV_INVALID_PARAMETER;
    }
    vmm_trace_hold(synic->trace);
    status = vmb_host_on_message(synic->host, connection_id, payload, payload_bytes);
    vmm_trace_message(synic->trace, VMB_GUEST_TO_HOST, payload, payload_bytes, status);
    vmm_trace_release(synic->trace);
    switch (status) {
    case VMB_OK:
        return VMB_HV_SUCCESS;
    case VMB_ERR_RETRY:
        return VMB_HV_INSUFFICIENT_BUFFERS;
    case VMB_ERR_INVALID_TARGET:
        return VMB_HV_INVALID_CONNECTION_ID;
    default:
        return VMB_HV_INVALID_PARAMETER;
    }
}

/* A register write that KVM has let pass is one that the library lets pass. */
static void synic_write(struct vmm_synic *synic, uint32_t cpu, uint32_t number, uint64_t value)
{
    vmb_status status = vmb_hv_synic_write(synic->synic, cpu, number, value);

    if (status != VMB_OK) {
        abort();
    }
}

/* ---- Acknowledgements ------------------------------------------------------------------------ */

/*
 * KVM signals the descriptor whenever the guest ends the interrupt or writes EOM, needed or not. We
 * look only while a message waits for the slot, so that usual interrupts wake nobody. One that came
 * before we looked is still there, which costs one needless look.
 */
static void synic_await_ack(struct vmm_synic_cpu *cpu)
{
    if (vmb_hv_synic_queued(cpu->synic->synic, cpu->index, VMB_HOST_SINT) != 0) {
        (void)vmm_loop_rearm(cpu->synic->loop, &cpu->ack, EPOLLIN | EPOLLONESHOT);
    }
}

static void synic_on_ack(void *context, uint32_t events)
{
    struct vmm_synic_cpu *cpu = context;
    struct vmm_synic *synic = cpu->synic;

    (void)events;
    vmm_event_take(cpu->ack.fd);
    pthread_mutex_lock(&cpu->lock);
    synic_write(synic, cpu->index, VMB_HV_MSR_EOM, 0);
    synic_await_ack(cpu);
    pthread_mutex_unlock(&cpu->lock);
    vmb_host_on_slot_free(synic->host);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static bool synic_init_cpu(struct vmm_synic *synic, uint32_t index)
{
    struct vmm_synic_cpu *cpu = &synic->cpus[index];

    *cpu = (struct vmm_synic_cpu){.synic = synic, .index = index};
    pthread_mutex_init(&cpu->lock, NULL);
    cpu->interrupt_fd = vmm_event_open();
    cpu->ack = (struct vmm_source){vmm_event_open(), synic_on_ack, cpu};
    return cpu->interrupt_fd >= 0 && cpu->ack.fd >= 0 &&
           vmm_loop_add(synic->loop, &cpu->ack, EPOLLONESHOT);
}

static bool synic_init_library(struct vmm_synic *synic)
{
    struct vmb_hv_synic_options options = {sizeof(options), .vp_count = synic->cpu_count};
    struct vmb_hv_synic_platform platform = {
        sizeof(platform), synic, .raise_interrupt = synic_interrupt, .map_page = synic_map_page};
    struct vmb_hv_ports_options port_options = {sizeof(port_options), .connection_limit = 16};
    struct vmb_hv_ports_platform port_platform = {sizeof(port_platform), synic,
                                                  .read_guest = synic_read_guest};
    size_t bytes = vmb_hv_synic_memory_bytes(&options);
    size_t port_bytes = vmb_hv_ports_memory_bytes(&port_options);

    synic->memory_of_synic = aligned_alloc(SYNIC_ALIGN, (bytes + SYNIC_ALIGN - 1) & ~63ul);
    synic->memory_of_ports = aligned_alloc(SYNIC_ALIGN, (port_bytes + SYNIC_ALIGN - 1) & ~63ul);
    return synic->memory_of_synic != NULL && synic->memory_of_ports != NULL &&
           vmb_hv_synic_init(synic->memory_of_synic, bytes, &options, &platform, &synic->synic) ==
               VMB_OK &&
           vmb_hv_ports_init(synic->memory_of_ports, port_bytes, &port_options, &port_platform,
                             &synic->ports) == VMB_OK;
}

bool vmm_synic_init(struct vmm_synic *synic, struct vmm_loop *loop, const struct vmm_memory *memory,
                    uint32_t cpu_count, struct vmm_error *error)
{
    uint32_t index;

    *synic = (struct vmm_synic){.loop = loop, .memory = memory};
    synic->cpus = calloc(cpu_count, sizeof(*synic->cpus));
    if (synic->cpus == NULL) {
        return vmm_fail(error, "no memory");
    }
    for (index = 0; index < cpu_count; index++) {
        synic->cpu_count++;
        if (!synic_init_cpu(synic, index)) {
            return vmm_fail_errno(error, "cannot make eventfds");
        }
    }
    return synic_init_library(synic) || vmm_fail(error, "no memory for %u SynICs", cpu_count);
}

void vmm_synic_deinit(struct vmm_synic *synic)
{
    uint32_t index;

    if (synic->synic != NULL) {
        vmb_hv_synic_deinit(synic->synic);
    }
    for (index = 0; index < synic->cpu_count; index++) {
        struct vmm_synic_cpu *cpu = &synic->cpus[index];

        vmm_loop_remove(synic->loop, &cpu->ack);
        close(cpu->ack.fd);
        close(cpu->interrupt_fd);
        pthread_mutex_destroy(&cpu->lock);
    }
    free(synic->cpus);
    free(synic->memory_of_synic);
    free(synic->memory_of_ports);
}

bool vmm_synic_connect(struct vmm_synic *synic, struct vmb_host *host, struct vmm_trace *trace,
                       struct vmm_error *error)
{
    static const uint32_t connections[] = {VMB_CONNECTION_MESSAGE, VMB_CONNECTION_MULTICLIENT};
    size_t index;

    synic->host = host;
    synic->trace = trace;
    for (index = 0; index < sizeof(connections) / sizeof(connections[0]); index++) {
        vmb_status status = vmb_hv_ports_connect_messages(synic->ports, connections[index],
                                                          synic_on_message, synic);

        if (status != VMB_OK) {
            return vmm_fail(error, "cannot connect the bus: %s", vmb_status_text(status));
        }
    }
    return true;
}

bool vmm_synic_start(struct vmm_synic *synic, const struct vmm_kvm *kvm, struct vmm_error *error)
{
    uint64_t sint = vmb_hv_sint_on(VMB_HV_SINT_RESET, SYNIC_VECTOR, false);
    uint32_t index;

    for (index = 0; index < synic->cpu_count; index++) {
        struct vmm_synic_cpu *cpu = &synic->cpus[index];

        pthread_mutex_lock(&cpu->lock);
        if (vmb_hv_synic_reset_vp(synic->synic, index) != VMB_OK) {
            abort(); /* There is such a CPU. */
        }
        synic_write(synic, index, VMB_HV_MSR_SINT0 + VMB_HOST_SINT, sint);
        cpu->pages_used[0] = cpu->pages_used[1] = UINT64_MAX;
        pthread_mutex_unlock(&cpu->lock);
        vmm_event_take(cpu->interrupt_fd);
        vmm_event_take(cpu->ack.fd);
        if (!vmm_kvm_irqfd(kvm, VMM_GSI_SINT(index), cpu->interrupt_fd, cpu->ack.fd, error)) {
            return false;
        }
    }
    return true;
}

/* ---- Traffic --------------------------------------------------------------------------------- */

void vmm_synic_on_register(struct vmm_synic *synic, uint32_t cpu, uint32_t number, uint64_t value)
{
    pthread_mutex_lock(&synic->cpus[cpu].lock);
    synic_write(synic, cpu, number, value);
    pthread_mutex_unlock(&synic->cpus[cpu].lock);
}

uint64_t vmm_synic_call(struct vmm_synic *synic, const struct vmb_hv_call *call)
{
    return vmb_hv_ports_call(synic->ports, SYNIC_PRIVILEGES, call);
}

vmb_status vmm_synic_post(struct vmm_synic *synic, uint32_t cpu, uint8_t sint, const void *message,
                          uint32_t message_bytes)
{
    vmb_hv_result result;
    vmb_status status;

    if (cpu >= synic->cpu_count) {
        return VMB_ERR_INVALID_TARGET;
    }
    vmm_trace_hold(synic->trace);
    pthread_mutex_lock(&synic->cpus[cpu].lock);
    result =
        vmb_hv_synic_post(synic->synic, cpu, sint, VMB_HV_MESSAGE_VMBUS, 0, message, message_bytes);
    synic_await_ack(&synic->cpus[cpu]);
    pthread_mutex_unlock(&synic->cpus[cpu].lock);
    status = vmb_hv_call_status(result);
    if (status != VMB_ERR_RETRY) { /* It comes again. */
        vmm_trace_message(synic->trace, VMB_HOST_TO_GUEST, message, message_bytes, status);
    }
    vmm_trace_release(synic->trace);
    return status;
}

void vmm_synic_raise(struct vmm_synic *synic, uint32_t cpu, uint8_t sint, uint16_t flag)
{
    /* Refused if the guest's SynIC is off: it looks at its rings when it switches it on again. */
    (void)vmb_hv_synic_signal(synic->synic, cpu, sint, flag, NULL);
}
