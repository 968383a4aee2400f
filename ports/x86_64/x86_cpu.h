/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The x86-64 instructions that C has no words for, one small function each.
 *
 * Nothing here keeps state. Everything is isr-ok.
 */
#ifndef X86_CPU_H
#define X86_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X86_PAGE_BYTES 4096u

/** The four registers that one CPUID leaf answers with. */
struct x86_cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct x86_cpuid x86_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct x86_cpuid r;

    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

static inline uint64_t x86_rdmsr(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void x86_wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline uint8_t x86_in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint16_t x86_in16(uint16_t port)
{
    uint16_t value;

    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t x86_in32(uint16_t port)
{
    uint32_t value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void x86_out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void x86_out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

/* The fences keep the compiler and the CPU from moving the read across its neighbours. */
static inline uint64_t x86_rdtsc(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void x86_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

static inline void x86_irq_disable(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline void x86_irq_enable(void)
{
    __asm__ volatile("sti" : : : "memory");
}

/** Disable interrupts; returns what x86_irq_restore() wants. */
static inline uint64_t x86_irq_save(void)
{
    uint64_t flags;

    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
    return flags;
}

static inline void x86_irq_restore(uint64_t flags)
{
    if ((flags & 0x200u) != 0) {
        x86_irq_enable();
    }
}

/**
 * Sleep until an interrupt, entered with interrupts disabled, left with them disabled.
 *
 * STI holds interrupts off for one more instruction, so one that came after the caller's last
 * check wakes the HLT and cannot be missed.
 */
static inline void x86_irq_wait(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

/** A lock for the few places where two CPUs share something: the console, the free pages. */
struct x86_lock {
    uint32_t held;
};

/** Take @p lock with interrupts off; returns what x86_unlock() wants. */
static inline uint64_t x86_lock(struct x86_lock *lock)
{
    uint64_t flags = x86_irq_save();

    while (__atomic_exchange_n(&lock->held, 1u, __ATOMIC_ACQUIRE) != 0) {
        x86_pause();
    }
    return flags;
}

static inline void x86_unlock(struct x86_lock *lock, uint64_t flags)
{
    __atomic_store_n(&lock->held, 0u, __ATOMIC_RELEASE);
    x86_irq_restore(flags);
}

/* Firmware tables and boot structures align nothing: read their fields bytewise. */
static inline uint16_t x86_load16(const void *at)
{
    uint16_t value;

    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint32_t x86_load32(const void *at)
{
    uint32_t value;

    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint64_t x86_load64(const void *at)
{
    uint64_t value;

    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

#endif /* X86_CPU_H */
