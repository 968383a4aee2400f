/* SPDX-License-Identifier: MIT */
/*
 * A PC without firmware, disks or screen: CPUs, memory, a serial port, a clock, power; and SynICs.
 * It can be started any number of times, each time as if it had been switched on.
 */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include "ports/kvm/vmm_boot.h"
#include "ports/kvm/vmm_cpuid.h"
#include "ports/kvm/vmm_kvm.h"
#include "ports/kvm/vmm_loop.h"
#include "ports/kvm/vmm_memory.h"
#include "ports/kvm/vmm_power.h"
#include "ports/kvm/vmm_rtc.h"
#include "ports/kvm/vmm_serial.h"
#include "ports/kvm/vmm_synic.h"

#include <pthread.h>
#include <stdatomic.h>

/* Why a machine does not run any more. */
enum vmm_end {
    VMM_END_NONE = 0,
    VMM_END_POWER_OFF = 1,
    VMM_END_RESET = 2,
    VMM_END_TRIPLE_FAULT = 3, /* A reset that hardly anybody wants. */
    VMM_END_BROKEN = 4        /* KVM cannot go on: once stopped, `broken` says why. */
};

struct vmm_machine;

struct vmm_cpu {
    struct vmm_machine *machine;
    uint32_t index;
    int fd; /* -1: none. */
    struct kvm_run *run;
    pthread_t thread;
    bool has_thread;
    struct vmm_error broken; /* Its thread's. */
};

struct vmm_machine {
    struct vmm_kvm kvm;
    struct vmm_memory memory;
    struct vmm_boot boot;
    struct vmm_synic synic;
    struct vmm_serial serial;
    struct vmm_rtc rtc;
    struct vmm_power power;
    struct vmm_cpuid *cpuid;
    struct vmm_cpu *cpus;
    uint32_t cpu_count;
    atomic_int end; /* enum vmm_end; the first one counts. */
    atomic_bool stopping;
    struct vmm_error broken; /* Of the first such CPU; empty if there is none. */
    void *context;
    void (*attention)(void *context);
};

struct vmm_machine_options {
    struct vmm_loop *loop;
    const char *kernel;
    const char *initrd; /* NULL: none. */
    const char *command_line;
    uint32_t cpu_count;
    uint64_t memory_bytes;
    bool no_timers; /* No synthetic ones: the guest uses those of its local APICs. */
    void *context;
    /* `end` is set, or the serial port wants to be looked at. Any thread. */
    void (*attention)(void *context);
};

bool vmm_machine_init(struct vmm_machine *machine, const struct vmm_machine_options *options,
                      struct vmm_error *error);
void vmm_machine_deinit(struct vmm_machine *machine);

/* Switch it on: load the kernel and start the CPUs, each on its thread. */
bool vmm_machine_start(struct vmm_machine *machine, struct vmm_error *error);

/* Pull the plug: when this returns, no CPU runs. Memory stays as it is. */
void vmm_machine_stop(struct vmm_machine *machine);

/* Say that the machine is to stop, from whatever thread. */
void vmm_machine_end(struct vmm_machine *machine, enum vmm_end end);

#endif /* VMM_MACHINE_H */
