/* SPDX-License-Identifier: MIT */
#include "x86_apic.h"

#include "x86_cpu.h"
#include "x86_trap.h"

/* Registers, as offsets in the xAPIC page; the x2APIC's MSR is 0x800 + offset / 16. */
enum {
    APIC_ID = 0x20,
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_SPURIOUS = 0xf0,
    APIC_ICR = 0x300,
    APIC_TIMER = 0x320,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
    APIC_TIMER_DIVIDE_BY_16 = 0x3,
    APIC_ICR_HIGH = 0x310, /* xAPIC only */
    APIC_SPURIOUS_ENABLE = 0x100,
    APIC_ICR_INIT = 0x4500,    /* INIT, level assert */
    APIC_ICR_STARTUP = 0x4600, /* Start-up, level assert */
    APIC_ICR_FIXED = 0x4000,   /* Fixed, level assert */
    APIC_ICR_PENDING = 0x1000
};

#define MSR_APIC_BASE    0x1bu
#define APIC_BASE_ENABLE (1ull << 11)
#define APIC_BASE_X2     (1ull << 10)
#define APIC_BASE_PAGE   0xffffff000ull
#define MSR_X2APIC       0x800u
#define CPUID1_ECX_X2    (1u << 21)

static volatile uint8_t *apic_page; /* NULL while x2APIC is in use. */
static bool apic_x2;

static uint32_t apic_read(uint32_t offset)
{
    if (apic_x2) {
        return (uint32_t)x86_rdmsr(MSR_X2APIC + offset / 16);
    }
    return *(volatile uint32_t *)(apic_page + offset);
}

static void apic_write(uint32_t offset, uint32_t value)
{
    if (apic_x2) {
        x86_wrmsr(MSR_X2APIC + offset / 16, value);
    } else {
        *(volatile uint32_t *)(apic_page + offset) = value;
    }
}

void x86_apic_init_cpu(void)
{
    uint64_t base = x86_rdmsr(MSR_APIC_BASE);

    apic_x2 = (x86_cpuid(1, 0).ecx & CPUID1_ECX_X2) != 0;
    if (apic_x2) {
        /* In two steps: off to x2APIC at once is not a legal transition. */
        x86_wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
        x86_wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2);
    } else {
        x86_wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
        apic_page = (volatile uint8_t *)(uintptr_t)(base & APIC_BASE_PAGE);
    }
    apic_write(APIC_TPR, 0);
    apic_write(APIC_SPURIOUS, APIC_SPURIOUS_ENABLE | X86_VECTOR_SPURIOUS);
}

bool x86_apic_is_x2(void)
{
    return apic_x2;
}

uint32_t x86_apic_id(void)
{
    uint32_t id = apic_read(APIC_ID);

    return apic_x2 ? id : id >> 24;
}

void x86_apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

static void apic_command(uint32_t apic_id, uint32_t command)
{
    uint64_t flags = x86_irq_save();

    /*
     * The receiver must see what we stored before this: a store to xAPIC memory is ordered, the
     * x2APIC's WRMSR is not.
     */
    __asm__ volatile("mfence; lfence" : : : "memory");
    if (apic_x2) {
        x86_wrmsr(MSR_X2APIC + APIC_ICR / 16, (uint64_t)apic_id << 32 | command);
    } else {
        while ((apic_read(APIC_ICR) & APIC_ICR_PENDING) != 0) {
            x86_pause();
        }
        apic_write(APIC_ICR_HIGH, apic_id << 24);
        apic_write(APIC_ICR, command);
    }
    x86_irq_restore(flags);
}

void x86_apic_send(uint32_t apic_id, uint8_t vector)
{
    apic_command(apic_id, (uint32_t)APIC_ICR_FIXED | vector);
}

void x86_apic_send_init(uint32_t apic_id)
{
    apic_command(apic_id, APIC_ICR_INIT);
}

void x86_apic_send_startup(uint32_t apic_id, uint64_t page)
{
    apic_command(apic_id, APIC_ICR_STARTUP | (uint32_t)(page / X86_PAGE_BYTES));
}

void x86_apic_timer_start(uint32_t ticks, uint8_t vector)
{
    apic_write(APIC_TIMER_DIVIDE, APIC_TIMER_DIVIDE_BY_16);
    apic_write(APIC_TIMER, vector); /* One shot, not masked. */
    apic_write(APIC_TIMER_INITIAL, ticks);
}

uint32_t x86_apic_timer_left(void)
{
    return apic_read(APIC_TIMER_CURRENT);
}
