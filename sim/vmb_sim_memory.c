/* SPDX-License-Identifier: MIT */
/* See vmb_sim_memory.h. */
#include "sim/vmb_sim_memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY_PATTERN 0xDDu

/* A page is fresh until it is handed out for the first time; then it has the pattern when free. */
enum memory_state {
    MEMORY_FRESH,
    MEMORY_TAKEN,
    MEMORY_FREE
};

vmb_status vmb_sim_memory_init(struct vmb_sim_memory *memory, uint32_t page_count,
                               bool always_remap)
{
    size_t bytes = (size_t)page_count * VMB_PAGE_BYTES;

    memset(memory, 0, sizeof(*memory));
    memory->page_count = page_count;
    memory->always_remap = always_remap;
    memory->next = 1;
    memory->file = memfd_create("vmbus guest", MFD_CLOEXEC);
    memory->states = calloc(page_count, 1);
    if (memory->file < 0 || memory->states == NULL || ftruncate(memory->file, (off_t)bytes) != 0) {
        vmb_sim_memory_deinit(memory);
        return VMB_ERR_NO_MEMORY;
    }
    memory->base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory->file, 0);
    if (memory->base == MAP_FAILED) {
        memory->base = NULL;
        vmb_sim_memory_deinit(memory);
        return VMB_ERR_NO_MEMORY;
    }
    (void)pthread_mutex_init(&memory->lock, NULL);
    return VMB_OK;
}

void vmb_sim_memory_deinit(struct vmb_sim_memory *memory)
{
    if (memory->base != NULL) {
        (void)munmap(memory->base, (size_t)memory->page_count * VMB_PAGE_BYTES);
        (void)pthread_mutex_destroy(&memory->lock);
    }
    if (memory->file >= 0) {
        (void)close(memory->file);
    }
    free(memory->states);
    memory->base = NULL;
    memory->states = NULL;
    memory->file = -1;
}

static uint8_t *memory_page(const struct vmb_sim_memory *memory, uint64_t gpn)
{
    return memory->base + gpn * VMB_PAGE_BYTES;
}

/* Under the lock: has anybody written to a page that is nobody's? */
static void memory_check_free(struct vmb_sim_memory *memory, uint32_t gpn)
{
    const uint8_t *page = memory_page(memory, gpn);

    if (memory->states[gpn] != MEMORY_FREE) {
        return;
    }
    if (page[0] != MEMORY_PATTERN || memcmp(page, page + 1, VMB_PAGE_BYTES - 1) != 0) {
        memory->counters.late_writes++;
        memset(memory_page(memory, gpn), MEMORY_PATTERN, VMB_PAGE_BYTES);
    }
}

/* Under the lock: the first page of a free run at or after @from, or 0. */
static uint32_t memory_find(const struct vmb_sim_memory *memory, uint32_t from, uint32_t page_count)
{
    uint32_t run = 0;

    for (uint32_t gpn = from; gpn < memory->page_count; gpn++) {
        run = memory->states[gpn] == MEMORY_TAKEN ? 0 : run + 1;
        if (run == page_count) {
            return gpn + 1 - page_count;
        }
    }
    return 0;
}

vmb_status vmb_sim_memory_take(struct vmb_sim_memory *memory, uint32_t page_count,
                               struct vmb_pages *out_pages)
{
    uint32_t first = 0;

    (void)pthread_mutex_lock(&memory->lock);
    if (page_count != 0) {
        first = memory_find(memory, memory->next, page_count);
        if (first == 0) {
            first = memory_find(memory, 1, page_count);
        }
    }
    if (first != 0) {
        for (uint32_t gpn = first; gpn < first + page_count; gpn++) {
            memory_check_free(memory, gpn);
            memory->states[gpn] = MEMORY_TAKEN;
        }
        memset(memory_page(memory, first), 0, (size_t)page_count * VMB_PAGE_BYTES);
        memory->next = first + page_count < memory->page_count ? first + page_count : 1;
        memory->counters.pages_now += page_count;
        memory->counters.pages_taken += page_count;
    }
    (void)pthread_mutex_unlock(&memory->lock);
    if (first == 0) {
        return VMB_ERR_NO_MEMORY;
    }
    out_pages->base = memory_page(memory, first);
    out_pages->first_gpn = first;
    out_pages->page_count = page_count;
    out_pages->owner = memory;
    return VMB_OK;
}

void vmb_sim_memory_give(struct vmb_sim_memory *memory, const struct vmb_pages *pages)
{
    (void)pthread_mutex_lock(&memory->lock);
    memset(memory_page(memory, pages->first_gpn), MEMORY_PATTERN,
           (size_t)pages->page_count * VMB_PAGE_BYTES);
    memset(memory->states + pages->first_gpn, MEMORY_FREE, pages->page_count);
    memory->counters.pages_now -= pages->page_count;
    (void)pthread_mutex_unlock(&memory->lock);
}

void *vmb_sim_memory_at(const struct vmb_sim_memory *memory, vmb_gpa address, uint32_t bytes)
{
    uint64_t limit = (uint64_t)memory->page_count * VMB_PAGE_BYTES;

    if (address >= limit || bytes > limit - address) {
        return NULL;
    }
    return memory->base + address;
}

/* Pages in some order as one piece: reserve the room, then map each run of the file over it. */
static void *memory_remap(const struct vmb_sim_memory *memory, const vmb_gpn *gpns,
                          uint32_t page_count)
{
    size_t bytes = (size_t)page_count * VMB_PAGE_BYTES;
    uint8_t *base =
        mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    uint32_t run;

    if (base == MAP_FAILED) {
        return NULL;
    }
    for (uint32_t i = 0; i < page_count; i += run) {
        run = 1;
        while (i + run < page_count && gpns[i + run] == gpns[i] + run) {
            run++;
        }
        if (mmap(base + (size_t)i * VMB_PAGE_BYTES, (size_t)run * VMB_PAGE_BYTES,
                 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory->file,
                 (off_t)(gpns[i] * VMB_PAGE_BYTES)) == MAP_FAILED) {
            (void)munmap(base, bytes);
            return NULL;
        }
    }
    return base;
}

vmb_status vmb_sim_memory_map(struct vmb_sim_memory *memory, const vmb_gpn *gpns,
                              uint32_t page_count, void **out_base)
{
    bool consecutive = true;

    for (uint32_t i = 0; i < page_count; i++) {
        if (gpns[i] >= memory->page_count) {
            return VMB_ERR_INVALID_ARGUMENT;
        }
        consecutive = consecutive && gpns[i] == gpns[0] + i;
    }
    if (page_count == 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    if (consecutive && !memory->always_remap) {
        *out_base = memory_page(memory, gpns[0]);
    } else {
        *out_base = memory_remap(memory, gpns, page_count);
        if (*out_base == NULL) {
            return VMB_ERR_NO_MEMORY;
        }
    }
    (void)pthread_mutex_lock(&memory->lock);
    memory->counters.mappings_now++;
    (void)pthread_mutex_unlock(&memory->lock);
    return VMB_OK;
}

void vmb_sim_memory_unmap(struct vmb_sim_memory *memory, void *base, uint32_t page_count)
{
    uintptr_t offset = (uintptr_t)base - (uintptr_t)memory->base;

    if (offset >= (uintptr_t)memory->page_count * VMB_PAGE_BYTES) {
        (void)munmap(base, (size_t)page_count * VMB_PAGE_BYTES);
    }
    (void)pthread_mutex_lock(&memory->lock);
    memory->counters.mappings_now--;
    (void)pthread_mutex_unlock(&memory->lock);
}

struct vmb_sim_memory_counters vmb_sim_memory_audit(struct vmb_sim_memory *memory)
{
    struct vmb_sim_memory_counters counters;

    (void)pthread_mutex_lock(&memory->lock);
    for (uint32_t gpn = 0; gpn < memory->page_count; gpn++) {
        memory_check_free(memory, gpn);
    }
    counters = memory->counters;
    (void)pthread_mutex_unlock(&memory->lock);
    return counters;
}
