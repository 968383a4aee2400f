/* SPDX-License-Identifier: MIT */
/*
 * From the loader to C: the entry point, the switch from 32 to 64 bits, the first page tables.
 *
 * One entry for two kinds of loaders. Both come in with paging off, flat 32-bit segments and EBX
 * pointing at what they have to tell; nothing else that they promise is used.
 *   PVH (the Xen project's "x86/HVM direct boot ABI"): virtual machine monitors.
 *   Multiboot2: GRUB, and by it every firmware. It says so in EAX.
 */

    .set CR0_PE, 1 << 0
    .set CR0_MP, 1 << 1
    .set CR0_NE, 1 << 5
    .set CR0_WP, 1 << 16
    .set CR0_PG, 1 << 31
    .set CR4_PAE, 1 << 5
    .set MSR_EFER, 0xc0000080
    .set EFER_LME, 1 << 8
    .set XEN_ELFNOTE_PHYS32_ENTRY, 18
    .set MULTIBOOT2_HEADER, 0xe85250d6
    .set MULTIBOOT2_I386, 0

    .section .note.pvh, "a", @note
    .balign 4
    .long 4                         /* Bytes of the name, */
    .long 4                         /* of the value, */
    .long XEN_ELFNOTE_PHYS32_ENTRY  /* and the note's type. */
    .asciz "Xen"
    .long x86_entry

    .section .text.boot, "ax"
    .balign 8
multiboot2_header:
    .long MULTIBOOT2_HEADER
    .long MULTIBOOT2_I386
    .long multiboot2_header_end - multiboot2_header
    .long -(MULTIBOOT2_HEADER + MULTIBOOT2_I386 + (multiboot2_header_end - multiboot2_header))
    .word 0, 0                      /* The closing tag: no wishes. */
    .long 8
multiboot2_header_end:

    .code32
    .globl x86_entry
x86_entry:
    cli
    cld
    movl %eax, %ebp                 /* Who loaded us, */
    movl %ebx, %esi                 /* and what it says; kept for C. */

    movl $x86_bss_start, %edi       /* Not every loader clears .bss, and the stack lives there. */
    movl $x86_bss_end, %ecx
    subl %edi, %ecx
    xorl %eax, %eax
    rep stosb

    movl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $x86_pml4, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    wrmsr
    movl $(CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_PE), %eax
    movl %eax, %cr0                 /* Long mode, in a 32-bit segment until the far jump. */
    lgdt boot_gdt_pointer
    ljmp $0x08, $boot64

    .code64
boot64:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movabsq $x86_boot_stack_top, %rsp
    movl %ebp, %edi                 /* Upper halves cleared: both are 32-bit values. */
    movl %esi, %esi
    xorl %ebp, %ebp
    call x86_start                  /* Does not return. */
1:  hlt
    jmp 1b

    .section .rodata.boot, "a"
    .balign 8
    .globl x86_boot_gdt
x86_boot_gdt:                       /* Until each CPU loads its own, with a task segment. */
    .quad 0
    .quad 0x00af9a000000ffff        /* 0x08: 64-bit code */
    .quad 0x00cf92000000ffff        /* 0x10: data */
boot_gdt_end:
boot_gdt_pointer:
    .word boot_gdt_end - x86_boot_gdt - 1
    .long x86_boot_gdt
    .long 0                         /* LGDT reads eight bytes of base in 64-bit mode. */

/*
 * The identity map of the first 4 GiB: the RAM that lies below the hole, and the MMIO of
 * the APICs and the firmware. x86_pages.c adds what RAM lies above, and takes page 0 away.
 */
    .section .data.tables, "aw"
    .balign 4096
    .globl x86_pml4
x86_pml4:
    .quad x86_pdpt + 0x3            /* Present, writable. */
    .fill 511, 8, 0
    .globl x86_pdpt
x86_pdpt:
    .quad boot_pd + 0x0003
    .quad boot_pd + 0x1003
    .quad boot_pd + 0x2003
    .quad boot_pd + 0x3003
    .fill 508, 8, 0
boot_pd:
    .set frame, 0
    .rept 4 * 512
    .quad frame * 0x200000 + 0x83   /* Present, writable, 2 MiB. */
    .set frame, frame + 1
    .endr

    .section .bss
    .balign 4096
    .globl x86_boot_stack_guard
x86_boot_stack_guard:               /* Unmapped by x86_pages.c: a stack that runs out must fault. */
    .skip 4096
    .skip 32768
    .globl x86_boot_stack_top
x86_boot_stack_top:

    .section .note.GNU-stack, "", @progbits
