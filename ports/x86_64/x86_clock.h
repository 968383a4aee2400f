/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Nanoseconds since boot, from the best source that the machine has.
 */
#ifndef X86_CLOCK_H
#define X86_CLOCK_H

#include <stdint.h>

/** Choose the source. After x86_hyperv_detect() and x86_acpi_init(). */
void x86_clock_init(void);

/** What x86_clock_init() chose, in words. */
const char *x86_clock_source(void);

/** Nanoseconds; the same on all CPUs, never backwards on one. isr-ok. */
uint64_t x86_clock_ns(void);

/** Spin for at least @p ns. */
void x86_clock_wait_ns(uint64_t ns);

#endif /* X86_CLOCK_H */
