/* SPDX-License-Identifier: MIT */
#include "x86_clock.h"

#include <vmbus/hv_registers.h>

#include "x86_acpi.h"
#include "x86_cpu.h"
#include "x86_hyperv.h"

/* The reference TSC page; TLFS 12.7.2. */
struct clock_tsc_page {
    uint32_t sequence; /* Changes with the rest; 0: the page cannot be used now. */
    uint32_t reserved;
    uint64_t scale;
    int64_t offset;
};

enum clock_source {
    CLOCK_TSC,     /* Scaled by clock_tsc_hz. */
    CLOCK_HV_MSR,  /* The hypervisor's counter: right, but each look is an exit. */
    CLOCK_HV_PAGE, /* The same time without the exit. */
};

#define NS_PER_S         1000000000u
#define HV_TICK_NS       100u
#define REFERENCE_ENABLE 1ull
#define PM_TIMER_HZ      3579545u
#define PM_TIMER_MASK    0xffffffu           /* Its upper byte is optional. */
#define CALIBRATE_TICKS  (PM_TIMER_HZ / 100) /* 10 ms */
#define CALIBRATE_LOOKS  10000000u           /* A timer that stands still is no timer. */
#define TSC_HZ_ASSUMED   1000000000u         /* Waits get shorter on real CPUs, but end. */

__extension__ typedef unsigned __int128 clock_wide;

static enum clock_source clock_source;
static uint64_t clock_tsc_hz = TSC_HZ_ASSUMED;
static volatile struct clock_tsc_page clock_page __attribute__((aligned(4096)));

static uint64_t clock_hv_counter(void)
{
    return x86_rdmsr(VMB_HV_MSR_TIME_REF_COUNT);
}

/* The time by the page, or by the counter while the page is out of use. */
static uint64_t clock_hv_page(void)
{
    for (;;) {
        uint32_t sequence = __atomic_load_n(&clock_page.sequence, __ATOMIC_ACQUIRE);
        uint64_t scale, ticks;
        int64_t offset;

        if (sequence == 0) {
            return clock_hv_counter();
        }
        scale = clock_page.scale;
        offset = clock_page.offset;
        ticks = (uint64_t)((clock_wide)x86_rdtsc() * scale >> 64) + (uint64_t)offset;
        /* The values were read between two equal sequence numbers, so they belong together. */
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (sequence == __atomic_load_n(&clock_page.sequence, __ATOMIC_RELAXED)) {
            return ticks;
        }
    }
}

static void clock_calibrate(void)
{
    uint32_t start, looks = 0;
    uint64_t tsc;

    if (x86_acpi.pm_timer_port == 0) {
        return;
    }
    start = x86_in32(x86_acpi.pm_timer_port);
    tsc = x86_rdtsc();
    while (((x86_in32(x86_acpi.pm_timer_port) - start) & PM_TIMER_MASK) < CALIBRATE_TICKS) {
        if (++looks == CALIBRATE_LOOKS) {
            return;
        }
    }
    clock_tsc_hz = (x86_rdtsc() - tsc) * 100;
}

void x86_clock_init(void)
{
    if (!x86_hyperv_grants(VMB_HV_PRIVILEGE_REFERENCE_COUNTER)) {
        clock_calibrate();
        return;
    }
    clock_source = CLOCK_HV_MSR;
    if (x86_hyperv_grants(VMB_HV_PRIVILEGE_REFERENCE_TSC)) {
        x86_wrmsr(VMB_HV_MSR_REFERENCE_TSC, (uintptr_t)&clock_page | REFERENCE_ENABLE);
        clock_source = CLOCK_HV_PAGE;
    }
}

const char *x86_clock_source(void)
{
    switch (clock_source) {
    case CLOCK_HV_PAGE:
        return clock_page.sequence != 0 ? "reference TSC page" : "reference counter (no TSC page)";
    case CLOCK_HV_MSR:
        return "reference counter";
    default:
        return clock_tsc_hz != TSC_HZ_ASSUMED ? "TSC by the ACPI timer" : "TSC, taken for 1 GHz";
    }
}

uint64_t x86_clock_ns(void)
{
    uint64_t tsc;

    switch (clock_source) {
    case CLOCK_HV_PAGE:
        return clock_hv_page() * HV_TICK_NS;
    case CLOCK_HV_MSR:
        return clock_hv_counter() * HV_TICK_NS;
    default:
        tsc = x86_rdtsc();
        /* In two parts: no 128-bit division without a compiler's library. */
        return tsc / clock_tsc_hz * NS_PER_S + tsc % clock_tsc_hz * NS_PER_S / clock_tsc_hz;
    }
}

void x86_clock_wait_ns(uint64_t ns)
{
    uint64_t start = x86_clock_ns();

    while (x86_clock_ns() - start < ns) {
        x86_pause();
    }
}
