/* SPDX-License-Identifier: MIT */
/*
 * Fibers: threads that give up the CPU only where they say so. A switch saves and loads the
 * registers that a call must keep, and nothing else: no system call, about 3 ns.
 */
#ifndef XPL_FIBER_H
#define XPL_FIBER_H

#include <stddef.h>

/* Is all that a parked fiber needs on its stack? Then copies of stacks bring it back. */
#if defined(__x86_64__) && !defined(XPL_UCONTEXT)
#define XPL_FIBER_STACK_HOLDS_ALL true
#else
#define XPL_FIBER_STACK_HOLDS_ALL false
#endif

struct xpl_fiber {
    void *stack_pointer; /* Of a fiber that is not running. */
    void *context;       /* Where there is no switch of our own: a ucontext_t. */
};

/* Make the fiber run @entry on this stack when it is next switched to. It must never return. */
void xpl_fiber_start(struct xpl_fiber *fiber, void *stack, size_t stack_bytes, void (*entry)(void));

/* Go on in @to; returns when somebody goes on in @from. */
void xpl_fiber_switch(struct xpl_fiber *from, struct xpl_fiber *to);

#endif /* XPL_FIBER_H */
