/* SPDX-License-Identifier: MIT */
#include "x86_pages.h"

#include "x86_boot.h"
#include "x86_cpu.h"
#include "x86_string.h"

#define FOUR_GIB         0x100000000ull
#define ONE_MIB          0x100000ull
#define CONVENTIONAL_END 0xa0000ull /* Above it: the VGA hole and firmware. */
#define LARGE_PAGE_BYTES 0x200000ull
#define PDPT_SPAN_BYTES  0x40000000ull   /* What one PDPT entry maps: 1 GiB. */
#define MAP_END          0x8000000000ull /* What one PML4 entry maps: 512 GiB. */
#define PTE_TABLE        0x3ull          /* Present, writable. */
#define PTE_LARGE        0x83ull         /* ... and 2 MiB. */

/* Tables and bounds from x86_boot.S and link.ld. */
extern uint64_t x86_pdpt[512];
extern uint8_t x86_boot_stack_guard[];
extern uint8_t x86_image_start[], x86_image_end[];

/* A run of free pages describes itself in its first bytes. The list is kept in address order. */
struct free_run {
    struct free_run *next;
    uint64_t pages;
};

static struct x86_lock pages_lock;
static struct free_run *pages_runs;
static uint64_t pages_low;
static uint64_t pages_total; /* Free or to be given back. */

static uint8_t *run_end(struct free_run *run)
{
    return (uint8_t *)run + run->pages * X86_PAGE_BYTES;
}

/* Put a run back where its address says, joined with the neighbours that it touches. */
static void pages_insert(uint8_t *start, uint64_t pages)
{
    struct free_run *run = (struct free_run *)(void *)start, *previous = NULL;
    struct free_run *next = pages_runs;

    while (next != NULL && (uint8_t *)next < start) {
        previous = next;
        next = next->next;
    }
    run->pages = pages;
    run->next = next;
    if (next != NULL && run_end(run) == (uint8_t *)next) {
        run->pages += next->pages;
        run->next = next->next;
    }
    if (previous == NULL) {
        pages_runs = run;
    } else if (run_end(previous) == start) {
        previous->pages += run->pages;
        previous->next = run->next;
    } else {
        previous->next = run;
    }
}

/* Add [start, end) less the image, and less everything below 1 MiB. */
static void pages_add(uint64_t start, uint64_t end)
{
    uint64_t image_start = (uintptr_t)x86_image_start;
    uint64_t image_end = (uintptr_t)x86_image_end;

    start = start < ONE_MIB ? ONE_MIB : start;
    if (start < image_end && end > image_start) {
        if (start < image_start) {
            pages_add(start, image_start);
        }
        start = image_end;
    }
    if (start < end) {
        pages_insert((uint8_t *)(uintptr_t)start, (end - start) / X86_PAGE_BYTES);
        pages_total += (end - start) / X86_PAGE_BYTES;
    }
}

/* The table that a slot of the next higher one names. */
static uint64_t *pages_table(uint64_t slot)
{
    return (uint64_t *)(uintptr_t)(slot & ~(uint64_t)(X86_PAGE_BYTES - 1));
}

/* Map [start, end) above 4 GiB one to one. Returns how far it got before the tables ran out. */
static uint64_t pages_map(uint64_t start, uint64_t end)
{
    uint64_t at = start & ~(LARGE_PAGE_BYTES - 1);

    for (; at < end; at += LARGE_PAGE_BYTES) {
        uint64_t *slot = &x86_pdpt[at / PDPT_SPAN_BYTES];

        if (*slot == 0) {
            void *table = x86_pages_keep(1);

            if (table == NULL) {
                return at;
            }
            *slot = (uintptr_t)table | PTE_TABLE;
        }
        pages_table(*slot)[at / LARGE_PAGE_BYTES % 512] = at | PTE_LARGE;
    }
    return end;
}

/* Map the 2 MiB around a page in small pages from now on. */
static bool pages_split(uint64_t *slot)
{
    uint64_t start = *slot & ~(LARGE_PAGE_BYTES - 1);
    uint64_t *table = x86_pages_keep(1);
    uint64_t i;

    if (table == NULL) {
        return false;
    }
    for (i = 0; i < 512; i++) {
        table[i] = (start + i * X86_PAGE_BYTES) | PTE_TABLE;
    }
    *slot = (uintptr_t)table | PTE_TABLE;
    return true;
}

void x86_pages_guard(const void *page)
{
    uint64_t at = (uintptr_t)page;
    uint64_t *slot = &pages_table(x86_pdpt[at / PDPT_SPAN_BYTES])[at / LARGE_PAGE_BYTES % 512];

    if ((*slot & PTE_LARGE) != PTE_LARGE || pages_split(slot)) {
        pages_table(*slot)[at / X86_PAGE_BYTES % 512] = 0;
        __asm__ volatile("invlpg (%0)" : : "r"(at) : "memory");
    }
}

static void pages_find_low(uint64_t start, uint64_t end)
{
    end = end > CONVENTIONAL_END ? CONVENTIONAL_END : end;
    if (end > start && end - X86_PAGE_BYTES > pages_low) {
        pages_low = end - X86_PAGE_BYTES;
    }
}

void x86_pages_init(void)
{
    const struct x86_boot *boot = &x86_boot;
    uint32_t i;

    for (i = 0; i < boot->ram_count; i++) {
        uint64_t start = boot->ram[i].start, end = boot->ram[i].end;

        pages_find_low(start, end);
        if (start < FOUR_GIB) {
            pages_add(start, end < FOUR_GIB ? end : FOUR_GIB);
        }
    }
    for (i = 0; i < boot->ram_count; i++) {
        uint64_t start = boot->ram[i].start, end = boot->ram[i].end;

        start = start < FOUR_GIB ? FOUR_GIB : start;
        end = end > MAP_END ? MAP_END : end;
        if (start < end) {
            end = pages_map(start, end);
            pages_add(start, end);
        }
    }
    x86_pages_guard(NULL);
    x86_pages_guard(x86_boot_stack_guard);
}

void *x86_pages_alloc(uint64_t count)
{
    uint64_t flags = x86_lock(&pages_lock);
    struct free_run **link = &pages_runs;
    uint8_t *found = NULL;

    while (*link != NULL && (*link)->pages < count) {
        link = &(*link)->next;
    }
    if (*link != NULL && count != 0) {
        /* From the end of the run, so that what is left keeps its place in the list. */
        struct free_run *run = *link;

        run->pages -= count;
        found = run_end(run);
        if (run->pages == 0) {
            *link = run->next;
        }
    }
    x86_unlock(&pages_lock, flags);
    return found == NULL ? NULL : memset(found, 0, count * X86_PAGE_BYTES);
}

void *x86_pages_keep(uint64_t count)
{
    void *pages = x86_pages_alloc(count);

    if (pages != NULL) {
        __atomic_fetch_sub(&pages_total, count, __ATOMIC_RELAXED);
    }
    return pages;
}

void x86_pages_free(void *pages, uint64_t count)
{
    uint64_t flags = x86_lock(&pages_lock);

    pages_insert(pages, count);
    x86_unlock(&pages_lock, flags);
}

uint64_t x86_pages_free_count(void)
{
    uint64_t flags = x86_lock(&pages_lock);
    const struct free_run *run;
    uint64_t pages = 0;

    for (run = pages_runs; run != NULL; run = run->next) {
        pages += run->pages;
    }
    x86_unlock(&pages_lock, flags);
    return pages;
}

uint64_t x86_pages_used_count(void)
{
    return pages_total - x86_pages_free_count();
}

uint64_t x86_pages_low(void)
{
    return pages_low;
}
