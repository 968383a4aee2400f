/* SPDX-License-Identifier: MIT */
/* A stranger's atomic.h: a machine that knows one order only, the strongest. */
#ifndef STRANGER_ATOMIC_H
#define STRANGER_ATOMIC_H

#define VMB_RELAXED 0
#define VMB_ACQUIRE 1
#define VMB_RELEASE 2
#define VMB_ACQ_REL 3
#define VMB_SEQ_CST 4

#define vmb_atomic_load(object, order)                                                             \
    ((void)(order), __atomic_load_n(&(object)->value, __ATOMIC_SEQ_CST))
#define vmb_atomic_store(object, desired, order)                                                   \
    ((void)(order), __atomic_store_n(&(object)->value, desired, __ATOMIC_SEQ_CST))
#define vmb_atomic_exchange(object, desired, order)                                                \
    ((void)(order), __atomic_exchange_n(&(object)->value, desired, __ATOMIC_SEQ_CST))
#define vmb_atomic_fetch_or(object, bits, order)                                                   \
    ((void)(order), __atomic_fetch_or(&(object)->value, bits, __ATOMIC_SEQ_CST))
#define vmb_atomic_fetch_and(object, bits, order)                                                  \
    ((void)(order), __atomic_fetch_and(&(object)->value, bits, __ATOMIC_SEQ_CST))
#define vmb_atomic_fetch_add(object, amount, order)                                                \
    ((void)(order), __atomic_fetch_add(&(object)->value, amount, __ATOMIC_SEQ_CST))
#define vmb_atomic_compare_exchange(object, expected, desired, success, failure)                   \
    ((void)(success), (void)(failure),                                                             \
     __atomic_compare_exchange_n(&(object)->value, expected, desired, 0, __ATOMIC_SEQ_CST,         \
                                 __ATOMIC_SEQ_CST))
#define vmb_atomic_fence(order)         ((void)(order), __sync_synchronize())
#define vmb_atomic_fence_after_change() __sync_synchronize()
#define vmb_atomic_pause()              ((void)0)

#endif /* STRANGER_ATOMIC_H */
