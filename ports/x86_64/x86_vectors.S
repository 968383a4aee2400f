/* SPDX-License-Identifier: MIT */
/*
 * 256 entry points, 16 bytes apart, that all end in x86_trap_dispatch(struct x86_trap_frame *).
 *
 * The library and this port are built with -mgeneral-regs-only: there is no vector state to save.
 */

    .section .text.vectors, "ax"
    .code64
    .balign 16
    .globl x86_vectors
x86_vectors:
    .set vector, 0
    .rept 256
    .balign 16
    /* 8, 10-14, 17, 21, 29 and 30 push an error code themselves; the others get a zero. */
    .if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21 && vector != 29 && vector != 30
    pushq $0
    .endif
    pushq $vector
    jmp vector_common
    .set vector, vector + 1
    .endr

vector_common:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi                 /* 22 words pushed on a 16-byte boundary: still aligned. */
    call x86_trap_dispatch
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp                  /* The vector and the error code. */
    iretq

    .section .note.GNU-stack, "", @progbits
