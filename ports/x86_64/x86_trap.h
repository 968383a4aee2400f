/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Segments, task state, interrupt vectors, and what happens on an exception.
 */
#ifndef X86_TRAP_H
#define X86_TRAP_H

#include <stdint.h>

struct x86_cpu;

/** What an entry point pushed, lowest address first. */
struct x86_trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error;            /* Pushed by the entry point or the CPU. */
    uint64_t rip, cs, rflags, rsp, ss; /* Pushed by the CPU. */
};

/** A 64-bit task segment: only its stack pointers are used. */
struct x86_task {
    uint8_t bytes[104];
};

/** Called with interrupts disabled on the CPU that took the interrupt. */
typedef void x86_trap_handler(void *context);

/** Vectors of this port. Below 32 are exceptions; the priority is the upper four bits. */
enum {
    X86_VECTOR_FIRST_FREE = 0x30, /* An application's own vectors: 0x30 to 0xee. */
    X86_VECTOR_TIMER = 0xef,
    X86_VECTOR_CALL = 0xf0, /* x86_smp_call() */
    X86_VECTOR_SPURIOUS = 0xff
};

/** Load descriptor tables and task state on the calling CPU. */
void x86_trap_init_cpu(struct x86_cpu *cpu);

/** Route @p vector, on every CPU, to @p handler. It does its own end of interrupt. */
void x86_trap_set(uint8_t vector, x86_trap_handler *handler, void *context);

/** From x86_vectors.S. */
void x86_trap_dispatch(struct x86_trap_frame *frame);

#endif /* X86_TRAP_H */
