/* SPDX-License-Identifier: MIT */
/* Hypercalls and registers. */
#include "evil.h"

#include <vmbus/hv_registers.h>

#include "x86_cpu.h"

#define CALL_FAST       (1ull << 16)
#define CALL_RESULT     0xFFFFu
#define CALL_POST       0x5Cu
#define CALL_SIGNAL     0x5Du
#define PAGE_ADDRESS    (~4095ull)
#define SCONTROL_ENABLE 1ull
#define PAGE_ENABLE     1ull

static uint64_t calls_make(uint64_t control, uint64_t input, uint64_t output)
{
    uint64_t page = x86_rdmsr(VMB_HV_MSR_HYPERCALL) & PAGE_ADDRESS;
    register uint64_t r8 __asm__("r8") = output;
    uint64_t result;

    __asm__ volatile("call *%[page]"
                     : "=a"(result), "+c"(control), "+d"(input), "+r"(r8)
                     : [page] "r"(page)
                     : "cc", "memory", "r9", "r10", "r11");
    return result;
}

/*
 * A control word. Calls 0x01 to 0x15 work on other CPUs, by number; one of them could stop us for
 * good, which is no news.
 */
static uint64_t calls_control(void)
{
    uint64_t code = evil_random(3) == 0 ? CALL_POST + evil_random(2) : 0x16 + evil_random(0x150);
    uint64_t control = code;

    if (evil_random(3) == 0) {
        control |= CALL_FAST;
    }
    if (evil_random(4) == 0) {
        control |= (uint64_t)evil_random(0x1000) << 32; /* How often. */
    }
    if (evil_random(4) == 0) {
        control |= (uint64_t)evil_random(0x1000) << 48; /* From where on. */
    }
    if (evil_random(8) == 0) {
        control |= (uint64_t)evil_random(0x400) << 17; /* More header, and what must be zero. */
    }
    return control;
}

/* Nearly always in the arena, where a result may be written. */
static uint64_t calls_address(void)
{
    uint64_t address = (evil_page() << 12) + evil_random(4096);

    return evil_random(2) == 0 ? address & ~7ull : address;
}

/* A message that may well be taken, in the arena: connection, type, size, noise. */
static uint64_t calls_message(void)
{
    uint8_t *page = evil.arena + (uint64_t)evil_random(EVIL_ARENA_PAGES) * 4096u;
    uint32_t *header = (uint32_t *)(void *)page;
    uint32_t i;

    for (i = 0; i < 64; i++) {
        header[i] = (uint32_t)evil_number();
    }
    header[0] = evil_random(4) == 0 ? (uint32_t)evil_number() : VMB_CONNECTION_MULTICLIENT;
    header[1] = 0;
    header[2] = evil_random(8) == 0 ? (uint32_t)evil_number() : 1;
    header[3] = evil_random(8) == 0 ? (uint32_t)evil_number() : evil_random(260);
    header[4] = 17u + evil_random(10); /* Not those that evil_messages.c leaves out. */
    return (uintptr_t)page;
}

void evil_hypercalls(uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        uint64_t control = calls_control();
        uint64_t input = (control & CALL_FAST) != 0 ? evil_number() : calls_address();
        uint64_t result = evil_random(4) == 0 ? calls_make(CALL_POST, calls_message(), 0)
                                              : calls_make(control, input, calls_address());

        if ((result & CALL_RESULT) == 0) {
            __atomic_fetch_add(&evil.accepted, 1, __ATOMIC_RELAXED);
        } else {
            __atomic_fetch_add(&evil.refused, 1, __ATOMIC_RELAXED);
        }
        if (evil_random(2) == 0) {
            calls_make(CALL_SIGNAL | CALL_FAST, 0x2000u + evil_random(32), 0);
        }
    }
}

void evil_synic(uint32_t count)
{
    uint64_t siefp = x86_rdmsr(VMB_HV_MSR_SIEFP);
    uint64_t simp = x86_rdmsr(VMB_HV_MSR_SIMP);
    uint32_t i;

    for (i = 0; i < count; i++) {
        uint64_t page = evil_page() << 12 & 0xFFFFFFFFFFFFFull;

        x86_wrmsr(evil_random(2) == 0 ? VMB_HV_MSR_SIEFP : VMB_HV_MSR_SIMP,
                  page | (evil_random(4) != 0 ? PAGE_ENABLE : 0));
        x86_wrmsr(VMB_HV_MSR_SCONTROL, evil_random(4) != 0 ? SCONTROL_ENABLE : 0);
        x86_wrmsr(VMB_HV_MSR_EOM, 0);
        calls_make(CALL_SIGNAL | CALL_FAST, 0x2000u + evil_random(32), 0);
    }
    x86_wrmsr(VMB_HV_MSR_SIEFP, siefp);
    x86_wrmsr(VMB_HV_MSR_SIMP, simp);
    x86_wrmsr(VMB_HV_MSR_SCONTROL, SCONTROL_ENABLE);
}
