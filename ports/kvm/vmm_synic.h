/* SPDX-License-Identifier: MIT */
/*
 * Interrupts, messages and hypercalls between the guest and its bus.
 *
 * The work is divided so: KVM keeps the registers of the guest's SynICs and delivers interrupts;
 * the library's SynIC (vmbus/hv_synic.h) keeps the message slots and event flags in the guest's
 * memory. KVM tells us about the registers that say where these are, and when the guest has ended
 * an interrupt or a message; but not about SINTs, so the library's SINT always counts as unmasked,
 * and KVM drops the interrupt if it is not.
 */
#ifndef VMM_SYNIC_H
#define VMM_SYNIC_H

#include "ports/kvm/vmm_kvm.h"
#include "ports/kvm/vmm_loop.h"
#include "ports/kvm/vmm_memory.h"
#include "ports/kvm/vmm_trace.h"

#include <pthread.h>
#include <vmbus/hv_ports.h>
#include <vmbus/hv_synic.h>

struct vmm_synic;

/* One CPU's. */
struct vmm_synic_cpu {
    struct vmm_synic *synic;
    uint32_t index;
    pthread_mutex_t lock;  /* Registers and messages: see "your lock" in vmbus/hv_synic.h. */
    int interrupt_fd;      /* Signalled: the SINT's interrupt. */
    struct vmm_source ack; /* Ready: the guest has ended it. Looked at while messages wait. */
    vmb_gpa pages_used[2]; /* That were cleared for this CPU since its reset. */
};

struct vmm_synic {
    struct vmm_loop *loop;
    const struct vmm_memory *memory;
    uint32_t cpu_count;
    struct vmm_synic_cpu *cpus;
    struct vmb_hv_synic *synic;
    struct vmb_hv_ports *ports;
    void *memory_of_synic;
    void *memory_of_ports;
    struct vmb_host *host;
    struct vmm_trace *trace;
};

bool vmm_synic_init(struct vmm_synic *synic, struct vmm_loop *loop, const struct vmm_memory *memory,
                    uint32_t cpu_count, struct vmm_error *error);
void vmm_synic_deinit(struct vmm_synic *synic);

/* Messages of the guest go to @host, and all messages to @trace. */
bool vmm_synic_connect(struct vmm_synic *synic, struct vmb_host *host, struct vmm_trace *trace,
                       struct vmm_error *error);

/* Connect to a machine that has just been made, whose CPUs are in their reset state. */
bool vmm_synic_start(struct vmm_synic *synic, const struct vmm_kvm *kvm, struct vmm_error *error);

/* The guest has written a register, on its CPU's thread. */
void vmm_synic_on_register(struct vmm_synic *synic, uint32_t cpu, uint32_t number, uint64_t value);

/* The guest has made a hypercall that KVM leaves to us. Returns its result. Any thread. */
uint64_t vmm_synic_call(struct vmm_synic *synic, const struct vmb_hv_call *call);

/* struct vmb_host_platform: post_message, raise_event. */
vmb_status vmm_synic_post(struct vmm_synic *synic, uint32_t cpu, uint8_t sint, const void *message,
                          uint32_t message_bytes);
void vmm_synic_raise(struct vmm_synic *synic, uint32_t cpu, uint8_t sint, uint16_t flag);

#endif /* VMM_SYNIC_H */
