/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The CPUs: who we are, starting the others, and running something on one of them.
 */
#ifndef X86_SMP_H
#define X86_SMP_H

#include <stdbool.h>
#include <stdint.h>

#include "x86_acpi.h"
#include "x86_trap.h"

enum {
    X86_CPUS_MAX = X86_ACPI_CPUS_MAX,
    X86_STACK_PAGES = 9 /* Of each CPU that is not the first; the lowest is a guard. */
};

struct x86_cpu {
    struct x86_cpu *self; /* First: what GS:0 reads. */
    uint32_t index;       /* 0 is the CPU that booted; dense. */
    uint32_t apic_id;
    bool online;

    /* private: descriptor tables and the stack for faults that a bad stack caused. */
    uint64_t gdt[5];
    struct x86_task task;
    uint8_t fault_stack[4096] __attribute__((aligned(16)));
    /* private: x86_smp_call()'s letter box. */
    void (*call)(void *context);
    void *call_context;
};

/** What a started CPU runs, interrupts disabled, on its own stack. It must not return. */
typedef void x86_smp_entry(struct x86_cpu *cpu);

/** Make x86_cpu_self() work on the CPU that booted. First of all. */
void x86_smp_init_first(void);

/**
 * Start every CPU that ACPI lists, one after the other, each into @p entry.
 *
 * @return How many CPUs run now, the first included. One that does not answer ends the round.
 */
uint32_t x86_smp_start(x86_smp_entry *entry);

/** CPUs that ACPI lists (at least 1), and those that run. */
uint32_t x86_smp_listed(void);
uint32_t x86_smp_online(void);

/** The running CPU with @p index. */
struct x86_cpu *x86_smp_cpu(uint32_t index);

/**
 * Run @p call on @p cpu, in an interrupt there, and wait for it. On the caller's own CPU: just run
 * it. One caller at a time.
 */
void x86_smp_call(struct x86_cpu *cpu, void (*call)(void *context), void *context);

/** Wake @p cpu if it sleeps in x86_irq_wait(). isr-ok. */
void x86_smp_wake(struct x86_cpu *cpu);

/** The CPU that asks. isr-ok. */
static inline struct x86_cpu *x86_cpu_self(void)
{
    struct x86_cpu *cpu;

    __asm__ volatile("movq %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

#endif /* X86_SMP_H */
