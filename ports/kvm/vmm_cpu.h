/* SPDX-License-Identifier: MIT */
/* A CPU: its state when the machine is switched on, and its thread. */
#ifndef VMM_CPU_H
#define VMM_CPU_H

#include "ports/kvm/vmm_machine.h"

/* Make the CPU. CPU 0 starts at @entry, the others wait for it to wake them. */
bool vmm_cpu_open(struct vmm_cpu *cpu, struct vmm_machine *machine, uint32_t index,
                  const struct vmm_entry *entry, struct vmm_error *error);

/* Let it run, until machine->stopping or until it ends the machine. */
bool vmm_cpu_start(struct vmm_cpu *cpu, struct vmm_error *error);

/* With machine->stopping: make it stop, and wait for that. Then forget it. */
void vmm_cpu_kick(struct vmm_cpu *cpu);
void vmm_cpu_close(struct vmm_cpu *cpu);

/* Deal with whatever made the CPU leave the guest. On its thread. */
void vmm_cpu_on_exit(struct vmm_cpu *cpu);

#endif /* VMM_CPU_H */
