/* SPDX-License-Identifier: MIT */
/* /dev/kvm, and one virtual machine at a time on it: memory, interrupt controllers, routes. */
#ifndef VMM_KVM_H
#define VMM_KVM_H

#include "ports/kvm/vmm_error.h"
#include "ports/kvm/vmm_memory.h"

#include <linux/kvm.h>
#include <stddef.h>

/* The interrupt line of a CPU's SINT for VMBus. Lower lines are those of the I/O APIC. */
#define VMM_GSI_SINT(cpu) (24u + (cpu))

struct vmm_kvm {
    int fd;
    int vm;           /* -1: none. */
    size_t run_bytes; /* Of the part of a CPU that is shared with the kernel. */
};

/* Open /dev/kvm and see whether it has what is needed. If not, @error says what to do. */
bool vmm_kvm_open(struct vmm_kvm *kvm, struct vmm_error *error);
void vmm_kvm_close(struct vmm_kvm *kvm);

/* Make a machine with this memory, without CPUs. */
bool vmm_kvm_start(struct vmm_kvm *kvm, const struct vmm_memory *memory, struct vmm_error *error);
void vmm_kvm_stop(struct vmm_kvm *kvm);

/* Connect interrupt lines: those of a PC, and one for each CPU's SINT. The CPUs are there. */
bool vmm_kvm_route(const struct vmm_kvm *kvm, uint32_t cpu_count, struct vmm_error *error);

/* Raise @gsi when @fd is signalled; signal @ack_fd when the guest has ended the interrupt. */
bool vmm_kvm_irqfd(const struct vmm_kvm *kvm, uint32_t gsi, int fd, int ack_fd,
                   struct vmm_error *error);

/* The level of a line of the I/O APIC. Any thread; without effect if there is no machine. */
void vmm_kvm_irq(const struct vmm_kvm *kvm, uint32_t irq, bool level);

/* Signal @fd when the guest signals this connection, or do not any more. */
bool vmm_kvm_doorbell(const struct vmm_kvm *kvm, uint32_t connection_id, int fd);
void vmm_kvm_doorbell_close(const struct vmm_kvm *kvm, uint32_t connection_id);

#endif /* VMM_KVM_H */
