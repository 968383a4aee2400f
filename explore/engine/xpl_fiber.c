/* SPDX-License-Identifier: MIT */
#include "explore/engine/xpl_fiber.h"

#include <stdint.h>
#include <stdlib.h>

#if defined(__x86_64__) && !defined(XPL_UCONTEXT)

void xpl_fiber_swap(void **save, void *load);

/* The System V ABI's callee-saved registers; the return address is on the stack already. */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl xpl_fiber_swap\n"
        ".type xpl_fiber_swap, @function\n"
        "xpl_fiber_swap:\n"
        "    endbr64\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size xpl_fiber_swap, . - xpl_fiber_swap\n");

void xpl_fiber_start(struct xpl_fiber *fiber, void *stack, size_t stack_bytes, void (*entry)(void))
{
    /* 16-byte aligned before the call that never was: `entry` finds a null return address. */
    uintptr_t top = ((uintptr_t)stack + stack_bytes) & ~(uintptr_t)15;
    void **frame = (void **)top;

    *--frame = NULL;
    *--frame = (void *)(uintptr_t)entry;
    for (int i = 0; i < 6; i++) {
        *--frame = NULL;
    }
    fiber->stack_pointer = frame;
}

void xpl_fiber_switch(struct xpl_fiber *from, struct xpl_fiber *to)
{
    xpl_fiber_swap(&from->stack_pointer, to->stack_pointer);
}

#else

#include <ucontext.h>

static ucontext_t *fiber_context(struct xpl_fiber *fiber)
{
    if (fiber->context == NULL) {
        fiber->context = calloc(1, sizeof(ucontext_t));
        if (fiber->context == NULL) {
            abort();
        }
    }
    return fiber->context;
}

void xpl_fiber_start(struct xpl_fiber *fiber, void *stack, size_t stack_bytes, void (*entry)(void))
{
    ucontext_t *context = fiber_context(fiber);

    if (getcontext(context) != 0) {
        abort();
    }
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = stack_bytes;
    context->uc_link = NULL;
    makecontext(context, entry, 0);
}

void xpl_fiber_switch(struct xpl_fiber *from, struct xpl_fiber *to)
{
    if (swapcontext(fiber_context(from), fiber_context(to)) != 0) {
        abort();
    }
}

#endif
