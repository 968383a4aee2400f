/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The library's atomics as the explorer sees them: each access is a step. Put this folder on the
 * include path and define VMB_OVERRIDE_ATOMIC, and the library's sources run under it unchanged.
 *
 * Each use leaves a record of itself (file, line, order) in the section `xpl_sites`, so that the
 * mutants need no list of places: every order that stands in the source is found and weakened.
 */
#ifndef VMB_OVERRIDE_ATOMIC_H
#define VMB_OVERRIDE_ATOMIC_H

#include "explore/engine/xpl.h"

#define VMB_RELAXED XPL_RELAXED
#define VMB_ACQUIRE XPL_ACQUIRE
#define VMB_RELEASE XPL_RELEASE
#define VMB_ACQ_REL XPL_ACQ_REL
#define VMB_SEQ_CST XPL_SEQ_CST

/* A record of this place, and a pointer to it in the section that lists all of them. */
#define XPL_SITE(what, object_text, width, on_success, on_failure)                                 \
    static struct xpl_site xpl_site_here = {.file = __FILE__,                                      \
                                            .function = __func__,                                  \
                                            .text = object_text,                                   \
                                            .line = __LINE__,                                      \
                                            .kind = what,                                          \
                                            .bytes = width,                                        \
                                            .order = on_success,                                   \
                                            .order_written = on_success,                           \
                                            .failure = on_failure,                                 \
                                            .failure_written = on_failure};                        \
    static struct xpl_site *const xpl_site_listed __attribute__((section("xpl_sites"), used)) =    \
        &xpl_site_here

#define XPL_AT2(what, object, operand, expected, order, failure)                                   \
    __extension__({                                                                                \
        XPL_SITE(what, #object, (uint8_t)sizeof((object)->value), order, failure);                 \
        (void)xpl_site_listed;                                                                     \
        (__typeof__((object)->value))xpl_step(&xpl_site_here, (void *)&(object)->value,            \
                                              (uint64_t)(operand), (uint64_t)(expected));          \
    })

#define XPL_AT(what, object, operand, expected, order)                                             \
    XPL_AT2(what, object, operand, expected, order, order)

/* The same of a change whose caller may not want to know what was there before. */
#define XPL_CHANGE(what, object, operand, order)                                                   \
    __extension__({                                                                                \
        XPL_SITE(what, #object, (uint8_t)sizeof((object)->value), order, order);                   \
        (void)xpl_site_listed;                                                                     \
        (void)xpl_step(&xpl_site_here, (void *)&(object)->value, (uint64_t)(operand), 0);          \
        (__typeof__((object)->value))xpl_taken(&xpl_site_here);                                    \
    })

#define vmb_atomic_load(object, order) XPL_AT(XPL_LOAD, object, 0, 0, order)
#define vmb_atomic_store(object, desired, order)                                                   \
    ((void)XPL_AT(XPL_STORE, object, desired, 0, order))
#define vmb_atomic_exchange(object, desired, order) XPL_AT(XPL_EXCHANGE, object, desired, 0, order)
#define vmb_atomic_fetch_or(object, bits, order)    XPL_CHANGE(XPL_OR, object, bits, order)
#define vmb_atomic_fetch_and(object, bits, order)   XPL_CHANGE(XPL_AND, object, bits, order)
#define vmb_atomic_fetch_add(object, amount, order) XPL_CHANGE(XPL_ADD, object, amount, order)

#define vmb_atomic_compare_exchange(object, expected, desired, success, failure)                   \
    __extension__({                                                                                \
        __typeof__((object)->value) *const xpl_expected = (expected);                              \
        const __typeof__((object)->value) xpl_was = *xpl_expected;                                 \
        *xpl_expected = XPL_AT2(XPL_CAS, object, desired, xpl_was, success, failure);              \
        (bool)(*xpl_expected == xpl_was);                                                          \
    })

/* The machine that needs none there is x86, which is the TSO model. */
#define vmb_atomic_fence_after_change()                                                            \
    do {                                                                                           \
        if (xpl_model_in_force() == XPL_C11) {                                                     \
            vmb_atomic_fence(VMB_SEQ_CST);                                                         \
        }                                                                                          \
    } while (0)
#define vmb_atomic_fence(order)                                                                    \
    __extension__({                                                                                \
        XPL_SITE(XPL_FENCE, "fence", 0, order, order);                                             \
        (void)xpl_site_listed;                                                                     \
        (void)xpl_step(&xpl_site_here, NULL, 0, 0);                                                \
    })

/* For scenarios: wait until the object is not 0, then exchange it with 0. */
#define xpl_await(object, order) XPL_AT(XPL_AWAIT, object, 0, 0, order)

/*
 * A loop that waits for another thread has no end to explore. So who has looked in vain stays where
 * it is and the others go on: that it looks later, and not in vain, is another execution, which is
 * explored because the look and what it waits for do not commute. Only a service may wait so.
 */
static inline void xpl_wait_in_vain(void)
{
    static vmb_atomic_u32 never;

    (void)xpl_await(&never, XPL_GHOST);
}
#define vmb_atomic_pause() xpl_wait_in_vain()

#endif /* VMB_OVERRIDE_ATOMIC_H */
