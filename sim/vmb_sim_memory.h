/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory: one file without a name, which the guest sees as one piece and the host maps
 * page by page in whatever order the guest's lists say.
 *
 * It checks what it can see: pages given back are filled with a pattern and looked at when they are
 * handed out again, so a peer that writes to memory which is not shared any more is found.
 */
#ifndef VMB_SIM_MEMORY_H
#define VMB_SIM_MEMORY_H

#include <pthread.h>

#include <vmbus/status.h>
#include <vmbus/types.h>

/* What has been going on; `_now` counts go up and down. */
struct vmb_sim_memory_counters {
    uint32_t pages_now;    /* Handed out and not given back. */
    uint32_t mappings_now; /* Mapped for the host and not unmapped. */
    uint64_t pages_taken;
    uint64_t late_writes; /* Pages that somebody wrote to after they had been given back. */
};

struct vmb_sim_memory {
    uint8_t *base;
    int file;
    uint32_t page_count;
    bool always_remap; /* Never lend the host the guest's own mapping. */
    /* Under the lock. */
    pthread_mutex_t lock;
    uint8_t *states;
    uint32_t next; /* Where the search for free pages goes on: reuse comes late. */
    struct vmb_sim_memory_counters counters;
};

/*
 * Make memory of so many pages. Page 0 is never handed out. VMB_ERR_NO_MEMORY if the system has
 * none. With @always_remap the host gets a mapping of its own even of consecutive pages; without,
 * it gets the guest's, so that a race detector sees that both touch the same memory.
 */
VMB_NODISCARD vmb_status vmb_sim_memory_init(struct vmb_sim_memory *memory, uint32_t page_count,
                                             bool always_remap);

void vmb_sim_memory_deinit(struct vmb_sim_memory *memory);

/* Consecutive zeroed pages. VMB_ERR_NO_MEMORY if there is no such run. Any thread. */
VMB_NODISCARD vmb_status vmb_sim_memory_take(struct vmb_sim_memory *memory, uint32_t page_count,
                                             struct vmb_pages *out_pages);

/* The end of taken pages. Any thread. */
void vmb_sim_memory_give(struct vmb_sim_memory *memory, const struct vmb_pages *pages);

/* The guest's view of bytes within one page; NULL if they are not its memory. Any thread. */
void *vmb_sim_memory_at(const struct vmb_sim_memory *memory, vmb_gpa address, uint32_t bytes);

/* A page list as one piece. VMB_ERR_INVALID_ARGUMENT: not the guest's memory. Any thread. */
VMB_NODISCARD vmb_status vmb_sim_memory_map(struct vmb_sim_memory *memory, const vmb_gpn *gpns,
                                            uint32_t page_count, void **out_base);

void vmb_sim_memory_unmap(struct vmb_sim_memory *memory, void *base, uint32_t page_count);

/* Look at all pages that are not handed out, then return the counters. */
struct vmb_sim_memory_counters vmb_sim_memory_audit(struct vmb_sim_memory *memory);

#endif /* VMB_SIM_MEMORY_H */
