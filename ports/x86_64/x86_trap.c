/* SPDX-License-Identifier: MIT */
#include "x86_trap.h"

#include "x86_console.h"
#include "x86_cpu.h"
#include "x86_power.h"
#include "x86_smp.h"
#include "x86_string.h"

enum {
    SELECTOR_CODE = 0x08,
    SELECTOR_TASK = 0x18,
    IST_FAULT = 1, /* A stack of its own for faults that a bad stack may cause. */
    VECTOR_NMI = 2,
    VECTOR_DOUBLE_FAULT = 8,
    VECTOR_MACHINE_CHECK = 18,
    VECTOR_EXCEPTIONS = 32, /* Intel's; everything from here on is an interrupt. */
    TASK_OFFSET_IST1 = 36,
    TASK_OFFSET_IO_MAP = 102
};

#define GATE_INTERRUPT 0x8e00ull /* Present, ring 0, interrupts off while in it. */

struct trap_gate {
    uint64_t low, high;
};

struct trap_entry {
    x86_trap_handler *handler;
    void *context;
};

struct trap_table_pointer {
    uint16_t limit;
    uint16_t base[4]; /* In halves, so that nothing is padded between them. */
};

extern const uint8_t x86_vectors[];
extern const uint64_t x86_boot_gdt[3];

static struct trap_gate trap_gates[256] __attribute__((aligned(4096)));
static struct trap_entry trap_entries[256];

static struct trap_table_pointer trap_pointer(const void *table, size_t bytes)
{
    struct trap_table_pointer pointer = {.limit = (uint16_t)(bytes - 1)};
    uint64_t base = (uintptr_t)table;

    memcpy(pointer.base, &base, sizeof(base));
    return pointer;
}

static void trap_fill_gates(void)
{
    uint32_t i;

    for (i = 0; i < 256; i++) {
        uint64_t entry = (uintptr_t)x86_vectors + i * 16u;
        bool own_stack = i == VECTOR_NMI || i == VECTOR_DOUBLE_FAULT || i == VECTOR_MACHINE_CHECK;

        trap_gates[i].low = (entry & 0xffff) | (uint64_t)SELECTOR_CODE << 16 |
                            (own_stack ? (uint64_t)IST_FAULT << 32 : 0) | GATE_INTERRUPT << 32 |
                            (entry >> 16 & 0xffff) << 48;
        trap_gates[i].high = entry >> 32;
    }
}

/* The boot GDT's code and data, then a task segment, which takes two slots. */
static void trap_fill_gdt(struct x86_cpu *cpu)
{
    uint64_t task = (uintptr_t)&cpu->task;
    uint64_t fault_stack = (uintptr_t)cpu->fault_stack + sizeof(cpu->fault_stack);
    uint16_t io_map = sizeof(cpu->task);

    memcpy(cpu->task.bytes + TASK_OFFSET_IST1, &fault_stack, sizeof(fault_stack));
    memcpy(cpu->task.bytes + TASK_OFFSET_IO_MAP, &io_map, sizeof(io_map)); /* None. */
    memcpy(cpu->gdt, x86_boot_gdt, sizeof(x86_boot_gdt));
    cpu->gdt[3] = (sizeof(cpu->task) - 1) | (task & 0xffffff) << 16 | 0x89ull << 40 |
                  (task >> 24 & 0xff) << 56;
    cpu->gdt[4] = task >> 32;
}

void x86_trap_init_cpu(struct x86_cpu *cpu)
{
    struct trap_table_pointer gdt, idt;

    if (cpu->index == 0) {
        trap_fill_gates();
        /* Nothing is wired to the old interrupt controllers; keep them quiet. */
        x86_out8(0x21, 0xff);
        x86_out8(0xa1, 0xff);
    }
    trap_fill_gdt(cpu);
    gdt = trap_pointer(cpu->gdt, sizeof(cpu->gdt));
    idt = trap_pointer(trap_gates, sizeof(trap_gates));
    __asm__ volatile("lgdt %0; lidt %1; ltr %w2"
                     :
                     : "m"(gdt), "m"(idt), "r"(SELECTOR_TASK)
                     : "memory");
}

void x86_trap_set(uint8_t vector, x86_trap_handler *handler, void *context)
{
    trap_entries[vector].context = context;
    __atomic_store_n(&trap_entries[vector].handler, handler, __ATOMIC_RELEASE);
}

static _Noreturn void trap_die(const struct x86_trap_frame *f)
{
    uint64_t cr2, cr3;

    __asm__ volatile("movq %%cr2, %0; movq %%cr3, %1" : "=r"(cr2), "=r"(cr3));
    x86_printf("vmbus: exception %lu error %lx on cpu %u\n"
               "vmbus:   rip %016lx cs %04lx rflags %lx\n"
               "vmbus:   rsp %016lx ss %04lx cr2 %016lx cr3 %lx\n"
               "vmbus:   rax %016lx rbx %016lx rcx %016lx\n"
               "vmbus:   rdx %016lx rsi %016lx rdi %016lx\n",
               f->vector, f->error, x86_cpu_self()->index, f->rip, f->cs, f->rflags, f->rsp, f->ss,
               cr2, cr3, f->rax, f->rbx, f->rcx, f->rdx, f->rsi, f->rdi);
    x86_printf("vmbus:   rbp %016lx r8  %016lx r9  %016lx\n"
               "vmbus:   r10 %016lx r11 %016lx r12 %016lx\n"
               "vmbus:   r13 %016lx r14 %016lx r15 %016lx\n",
               f->rbp, f->r8, f->r9, f->r10, f->r11, f->r12, f->r13, f->r14, f->r15);
    x86_panic("unhandled exception");
}

void x86_trap_dispatch(struct x86_trap_frame *frame)
{
    struct trap_entry *entry = &trap_entries[frame->vector];
    x86_trap_handler *handler = __atomic_load_n(&entry->handler, __ATOMIC_ACQUIRE);

    if (handler != NULL) {
        handler(entry->context);
    } else if (frame->vector < VECTOR_EXCEPTIONS) {
        trap_die(frame);
    } else if (frame->vector != X86_VECTOR_SPURIOUS) {
        x86_panic("interrupt on vector %lu, which nobody asked for", frame->vector);
    }
}
