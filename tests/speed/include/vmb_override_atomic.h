/* SPDX-License-Identifier: MIT */
/*
 * Atomics that count: locked operations and fences, and which lines of memory two cores take from
 * each other. Put this folder on the include path and define VMB_OVERRIDE_ATOMIC.
 */
#ifndef VMB_OVERRIDE_ATOMIC_H
#define VMB_OVERRIDE_ATOMIC_H

#include <stdbool.h>

#define VMB_RELAXED __ATOMIC_RELAXED
#define VMB_ACQUIRE __ATOMIC_ACQUIRE
#define VMB_RELEASE __ATOMIC_RELEASE
#define VMB_ACQ_REL __ATOMIC_ACQ_REL
#define VMB_SEQ_CST __ATOMIC_SEQ_CST

/* What an access costs: see guard.c. */
void guard_access(const volatile void *memory, bool writes);
void guard_locked(void);

#define GUARD_READ(object)   guard_access(&(object)->value, false)
#define GUARD_WRITE(object)  guard_access(&(object)->value, true)
#define GUARD_CHANGE(object) (guard_locked(), GUARD_WRITE(object))

#define vmb_atomic_load(object, order)                                                             \
    (GUARD_READ(object), __atomic_load_n(&(object)->value, order))
#define vmb_atomic_store(object, desired, order)                                                   \
    (GUARD_WRITE(object), __atomic_store_n(&(object)->value, desired, order))
#define vmb_atomic_exchange(object, desired, order)                                                \
    (GUARD_CHANGE(object), __atomic_exchange_n(&(object)->value, desired, order))
#define vmb_atomic_fetch_or(object, bits, order)                                                   \
    (GUARD_CHANGE(object), __atomic_fetch_or(&(object)->value, bits, order))
#define vmb_atomic_fetch_and(object, bits, order)                                                  \
    (GUARD_CHANGE(object), __atomic_fetch_and(&(object)->value, bits, order))
#define vmb_atomic_fetch_add(object, amount, order)                                                \
    (GUARD_CHANGE(object), __atomic_fetch_add(&(object)->value, amount, order))
#define vmb_atomic_compare_exchange(object, expected, desired, success, failure)                   \
    (GUARD_CHANGE(object),                                                                         \
     __atomic_compare_exchange_n(&(object)->value, expected, desired, 0, success, failure))
#define vmb_atomic_fence(order)         (guard_locked(), __atomic_thread_fence(order))
#define vmb_atomic_fence_after_change() ((void)0) /* Nothing on the machine that is modelled. */
#define vmb_atomic_pause()              ((void)0)

#endif /* VMB_OVERRIDE_ATOMIC_H */
