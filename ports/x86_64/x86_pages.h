/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Runs of 4 KiB pages out of the RAM that the loader named. Virtual is physical, all of it.
 */
#ifndef X86_PAGES_H
#define X86_PAGES_H

#include <stdint.h>

/** Take over the RAM in x86_boot, map what lies above 4 GiB, guard page 0 and the stack. */
void x86_pages_init(void);

/** @p count zeroed pages in a row, or NULL. The address is the GPA as well. isr-ok. */
void *x86_pages_alloc(uint64_t count);

/** The same for pages that are never given back; they no longer count as RAM. */
void *x86_pages_keep(uint64_t count);

/** Give back exactly what one x86_pages_alloc() returned. isr-ok. */
void x86_pages_free(void *pages, uint64_t count);

/** How many pages are free, and how many are in use and may be given back. */
uint64_t x86_pages_free_count(void);
uint64_t x86_pages_used_count(void);

/**
 * Make any access to @p page fault, for good. Before another CPU has touched it: only the caller's
 * own translations are flushed.
 */
void x86_pages_guard(const void *page);

/** A page below 640 KiB for the code that wakes another CPU, or 0 if there is none. */
uint64_t x86_pages_low(void);

#endif /* X86_PAGES_H */
