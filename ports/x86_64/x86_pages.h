/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Runs of 4 KiB pages out of the RAM that the loader named. Virtual is physical, all of it.
 */
#ifndef X86_PAGES_H
#define X86_PAGES_H

#include <stdint.h>

/** Take over the RAM in x86_boot, map what lies above 4 GiB, unmap page 0. */
void x86_pages_init(void);

/** @p count zeroed pages in a row, or NULL. The address is the GPA as well. isr-ok. */
void *x86_pages_alloc(uint64_t count);

/** Give back exactly what one x86_pages_alloc() returned. isr-ok. */
void x86_pages_free(void *pages, uint64_t count);

/** How many pages are free now, and how many were at the start. */
uint64_t x86_pages_free_count(void);
uint64_t x86_pages_total_count(void);

/** A page below 640 KiB for the code that wakes another CPU, or 0 if there is none. */
uint64_t x86_pages_low(void);

#endif /* X86_PAGES_H */
