/* SPDX-License-Identifier: MIT */
/* Atomics as the proofs see them: where they access is checked, what a load yields is anything. */
#ifndef VMB_OVERRIDE_ATOMIC_H
#define VMB_OVERRIDE_ATOMIC_H

#include "proof.h"

#define VMB_RELAXED 0
#define VMB_ACQUIRE 2
#define VMB_RELEASE 3
#define VMB_ACQ_REL 4
#define VMB_SEQ_CST 5

/* A harness whose atomics are nobody's but its own reads what was written. */
#ifdef PROOF_PRIVATE_ATOMICS
#define vmb_atomic_load(object, order)           ((object)->value)
#define vmb_atomic_store(object, desired, order) ((void)((object)->value = (desired)))
#else
#define vmb_atomic_load(object, order)                                                             \
    ((__typeof__((object)->value))proof_loaded((uint64_t)(uintptr_t)(object)->value))
#define vmb_atomic_store(object, desired, order)                                                   \
    (proof_writable(object, sizeof(*(object))), (void)(desired))
#endif
#define vmb_atomic_changed(object)                                                                 \
    (proof_writable(object, sizeof(*(object))), (__typeof__((object)->value))proof_any())
#define vmb_atomic_compare_exchange(object, expected, desired, success, failure)                   \
    ((void)(desired), *(expected) = vmb_atomic_changed(object), proof_any() != 0)
#define vmb_atomic_exchange(object, desired, order) ((void)(desired), vmb_atomic_changed(object))
#define vmb_atomic_fetch_or(object, bits, order)    ((void)(bits), vmb_atomic_changed(object))
#define vmb_atomic_fetch_and(object, bits, order)   ((void)(bits), vmb_atomic_changed(object))
#define vmb_atomic_fetch_add(object, amount, order) ((void)(amount), vmb_atomic_changed(object))
#define vmb_atomic_fence(order)                     ((void)0)
#define vmb_atomic_fence_after_change()             ((void)0)
#define vmb_atomic_pause()                          ((void)0)

#endif /* VMB_OVERRIDE_ATOMIC_H */
