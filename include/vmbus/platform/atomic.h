/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Atomic access, for memory that several VPs or the peer touch at once.
 *
 * The memory model is C11's. Why not <stdatomic.h>: it is not freestanding everywhere, `_Atomic`
 * cannot be laid over memory that we did not declare, and the explorer replaces this file
 * (VMB_OVERRIDE_ATOMIC, `vmb_override_atomic.h`) to make every access a scheduling point.
 *
 * Every type is a struct around one value so that a plain access cannot happen by accident. The
 * order is always spelled out at the access: it is part of what the line says, and the explorer's
 * mutants weaken it there.
 *
 * Only widths that every supported machine has without helper functions are used: 8, 32 bits and
 * the machine word.
 */
#ifndef VMB_PLATFORM_ATOMIC_H
#define VMB_PLATFORM_ATOMIC_H

#include <stdint.h>

/** A byte that is read and written whole. */
typedef struct {
    uint8_t value;
} vmb_atomic_u8;

/** 32 bits that are read and written whole. */
typedef struct {
    uint32_t value;
} vmb_atomic_u32;

/** A machine word: 32 bits on 32-bit machines, 64 on 64-bit ones. */
typedef struct {
    uintptr_t value;
} vmb_atomic_word;

/** A pointer. */
typedef struct {
    void *value;
} vmb_atomic_ptr;

#ifdef VMB_OVERRIDE_ATOMIC
#include "vmb_override_atomic.h"
#else

#define VMB_RELAXED                              __ATOMIC_RELAXED
#define VMB_ACQUIRE                              __ATOMIC_ACQUIRE
#define VMB_RELEASE                              __ATOMIC_RELEASE
#define VMB_ACQ_REL                              __ATOMIC_ACQ_REL
#define VMB_SEQ_CST                              __ATOMIC_SEQ_CST

#define vmb_atomic_load(object, order)           __atomic_load_n(&(object)->value, order)
#define vmb_atomic_store(object, desired, order) __atomic_store_n(&(object)->value, desired, order)
#define vmb_atomic_exchange(object, desired, order)                                                \
    __atomic_exchange_n(&(object)->value, desired, order)
#define vmb_atomic_fetch_or(object, bits, order)  __atomic_fetch_or(&(object)->value, bits, order)
#define vmb_atomic_fetch_and(object, bits, order) __atomic_fetch_and(&(object)->value, bits, order)
#define vmb_atomic_fetch_add(object, amount, order)                                                \
    __atomic_fetch_add(&(object)->value, amount, order)

/**
 * If the object holds `*expected`, store `desired` and yield true; otherwise copy what it holds
 * to `*expected` and yield false. Never fails without a reason (the strong form).
 */
#define vmb_atomic_compare_exchange(object, expected, desired, success, failure)                   \
    __atomic_compare_exchange_n(&(object)->value, expected, desired, 0, success, failure)

/**
 * Order everything before against everything after. Used where a store must be visible before a
 * later load (the one order that release and acquire do not give); each use names its partner.
 */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
/* A locked add to the stack orders as mfence does here and costs a quarter of it. */
#define vmb_atomic_fence(order)                                                                    \
    do {                                                                                           \
        if ((order) == VMB_SEQ_CST) {                                                              \
            __asm__ __volatile__("lock; addl $0, -4(%%rsp)" ::: "memory", "cc");                   \
        } else {                                                                                   \
            __atomic_thread_fence(order);                                                          \
        }                                                                                          \
    } while (0)
#else
#define vmb_atomic_fence(order) __atomic_thread_fence(order)
#endif

/**
 * The same fence, right behind an exchange (or another read-modify-write) of the same VP. There a
 * locked instruction has ordered everything already, and only the compiler must be told.
 */
#if (defined(__x86_64__) || defined(__i386__)) && !defined(__SANITIZE_THREAD__)
#define vmb_atomic_fence_after_change() __asm__ __volatile__("" ::: "memory")
#else
#define vmb_atomic_fence_after_change() vmb_atomic_fence(VMB_SEQ_CST)
#endif

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
/* One instruction each, which compilers do not make of an atomic access. Neither is locked. */
#define vmb_atomic_count(object)                                                                   \
    do {                                                                                           \
        if (sizeof((object)->value) == 8) {                                                        \
            __asm__ __volatile__("incq %0" : "+m"((object)->value) : : "cc");                      \
        } else {                                                                                   \
            __asm__ __volatile__("incl %0" : "+m"((object)->value) : : "cc");                      \
        }                                                                                          \
    } while (0)
#define vmb_atomic_or_into(sum, object)                                                            \
    __asm__ __volatile__("or %1, %0" : "+r"(sum) : "m"((object)->value) : "cc")
#endif

/** Tell the CPU that this loop waits for another VP. */
#if defined(__x86_64__) || defined(__i386__)
#define vmb_atomic_pause() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define vmb_atomic_pause() __asm__ __volatile__("yield" ::: "memory")
#else
#define vmb_atomic_pause() __asm__ __volatile__("" ::: "memory")
#endif

#endif /* VMB_OVERRIDE_ATOMIC */

/** Count up by one what nobody else writes at the same time, a word or 32 bits. Relaxed. */
#ifndef vmb_atomic_count
#define vmb_atomic_count(object)                                                                   \
    vmb_atomic_store(object, vmb_atomic_load(object, VMB_RELAXED) + 1, VMB_RELAXED)
#endif

/** Or what an object holds, a word or 32 bits, into a variable of that size. Relaxed. */
#ifndef vmb_atomic_or_into
#define vmb_atomic_or_into(sum, object) ((sum) |= vmb_atomic_load(object, VMB_RELAXED))
#endif
#endif /* VMB_PLATFORM_ATOMIC_H */
