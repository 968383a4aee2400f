/* SPDX-License-Identifier: MIT */
/**
 * @file
 * One alarm for each CPU: an interrupt when the clock reaches a time. Uses the local APIC's timer.
 */
#ifndef X86_TIMER_H
#define X86_TIMER_H

#include <stdint.h>

/** No alarm. */
#define X86_TIMER_NEVER UINT64_MAX

/** Measure the timer against the clock, once. After x86_clock_init() and x86_apic_init_cpu(). */
void x86_timer_init(void);

/**
 * Wake the calling CPU out of x86_irq_wait() at @p deadline_ns of x86_clock_ns(), or a little
 * before: look at the clock and set it again. Replaces the alarm set before.
 */
void x86_timer_set(uint64_t deadline_ns);

#endif /* X86_TIMER_H */
