/* SPDX-License-Identifier: MIT */
/*
 * Where an application processor wakes up: 16-bit real mode, CS:IP = (page >> 4):0.
 *
 * x86_smp.c copies these bytes to a page below 1 MiB; they run wherever they are put. The CPU goes to
 * 64 bits in one step, on the page tables that the first CPU built, and takes the stack that
 * x86_smp.c laid out for it: one CPU at a time.
 */

    .set CR0_PE_MP_NE_WP_PG, 1 << 0 | 1 << 1 | 1 << 5 | 1 << 16 | 1 << 31
    .set CR4_PAE, 1 << 5
    .set MSR_EFER, 0xc0000080
    .set EFER_LME, 1 << 8

    .section .rodata.trampoline, "a"
    .balign 16
    .globl x86_trampoline, x86_trampoline_end
x86_trampoline:
    .code16
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds                   /* DS:0 is the first byte of this page. */
    movl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $x86_pml4, %eax            /* Below 4 GiB: it is part of the image. */
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    wrmsr
    lgdtl trampoline_gdt_pointer - x86_trampoline
    movl $CR0_PE_MP_NE_WP_PG, %eax
    movl %eax, %cr0                 /* Real mode to long mode at once. */
    ljmpl $0x08, $x86_ap_boot       /* The image is mapped one to one, so this page is done. */

    .balign 4
trampoline_gdt_pointer:
    .word 23
    .long x86_boot_gdt
x86_trampoline_end:

    .section .text.boot, "ax"
    .code64
x86_ap_boot:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq x86_ap_stack_top, %rsp
    movq x86_ap_cpu, %rdi
    xorl %ebp, %ebp
    call x86_ap_start               /* Does not return. */
1:  hlt
    jmp 1b

    .section .note.GNU-stack, "", @progbits
