/* SPDX-License-Identifier: MIT */
#include "x86_timer.h"

#include <stddef.h>

#include "x86_apic.h"
#include "x86_clock.h"
#include "x86_trap.h"

#define CALIBRATE_NS  2000000u
#define TICKS_LONGEST 0x7fffffffu
#define NS_PER_MS     1000000u

static uint64_t timer_ticks_per_ms = 1;

/* Waking up is all that the interrupt is for. */
static void timer_on_interrupt(void *context)
{
    (void)context;
    x86_apic_eoi();
}

void x86_timer_init(void)
{
    uint64_t start = x86_clock_ns(), ns, ticks;

    x86_trap_set(X86_VECTOR_TIMER, timer_on_interrupt, NULL);
    x86_apic_timer_start(TICKS_LONGEST, X86_VECTOR_TIMER);
    do {
        ns = x86_clock_ns() - start;
    } while (ns < CALIBRATE_NS);
    ticks = TICKS_LONGEST - x86_apic_timer_left();
    x86_apic_timer_start(0, X86_VECTOR_TIMER);
    if (ticks * NS_PER_MS / ns != 0) {
        timer_ticks_per_ms = ticks * NS_PER_MS / ns;
    }
}

void x86_timer_set(uint64_t deadline_ns)
{
    uint64_t now, ns, ticks;

    if (deadline_ns == X86_TIMER_NEVER) {
        x86_apic_timer_start(0, X86_VECTOR_TIMER);
        return;
    }
    now = x86_clock_ns();
    ns = deadline_ns > now ? deadline_ns - now : 0;
    /* In milliseconds first, so that no product overflows. */
    ticks =
        ns / NS_PER_MS >= TICKS_LONGEST / timer_ticks_per_ms
            ? TICKS_LONGEST
            : ns / NS_PER_MS * timer_ticks_per_ms + ns % NS_PER_MS * timer_ticks_per_ms / NS_PER_MS;
    x86_apic_timer_start((uint32_t)ticks + 1, X86_VECTOR_TIMER); /* 0 would stop it. */
}
