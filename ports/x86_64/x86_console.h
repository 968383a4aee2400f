/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Text on the first serial port (16550 at 0x3f8, 115200 8N1).
 */
#ifndef X86_CONSOLE_H
#define X86_CONSOLE_H

#include <stdarg.h>

/** Find and set up the port; without one everything below is silent. */
void x86_console_init(void);

/**
 * Print, whole call at a time: lines of two CPUs do not mix. isr-ok.
 *
 * Knows %s %c %d %u %x %p %%, a minimum width, the flag 0, and the lengths l, ll and z.
 */
__attribute__((format(printf, 1, 2))) void x86_printf(const char *format, ...);

/** x86_printf() for a caller that has the arguments as a list. */
__attribute__((format(printf, 1, 0))) void x86_vprintf(const char *format, va_list args);

/** Print "vmbus: panic: ...", even if another CPU died printing, and power off. */
__attribute__((format(printf, 1, 2))) _Noreturn void x86_panic(const char *format, ...);

#endif /* X86_CONSOLE_H */
