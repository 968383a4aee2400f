/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory: one memfd. All of it is mapped once; pages that a guest shares in any order
 * are mapped a second time, in that order, so that a device sees them as one piece.
 */
#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include "ports/kvm/vmm_error.h"

#include <vmbus/host.h>
#include <vmbus/types.h>

/* Guest addresses in between belong to devices; memory beyond the first part goes on above. */
#define VMM_HOLE_START 0xC0000000ull
#define VMM_HOLE_END   0x100000000ull

#define VMM_MEMORY_MIN (32ull << 20)
#define VMM_MEMORY_MAX (1ull << 40)

struct vmm_memory {
    int fd;
    uint8_t *base;
    uint64_t bytes;
    uint64_t low_bytes;   /* From guest address 0 on. */
    uint32_t runs_mapped; /* Consecutive pieces in second mappings, which the kernel counts, too. */
};

/* A whole number of pages of zeroed memory. */
bool vmm_memory_init(struct vmm_memory *memory, uint64_t bytes, struct vmm_error *error);

void vmm_memory_deinit(struct vmm_memory *memory);

/* All zero again, as after power-on. Nobody runs or has pages mapped. */
bool vmm_memory_clear(struct vmm_memory *memory, struct vmm_error *error);

/* Where @bytes at guest address @gpa are, or NULL if not all of them are memory. */
void *vmm_memory_at(const struct vmm_memory *memory, uint64_t gpa, uint64_t bytes);

/* Copy out of the guest. False: not memory. */
bool vmm_memory_read(const struct vmm_memory *memory, uint64_t gpa, void *buffer, uint32_t bytes);

/* struct vmb_host_platform: map_pages, unmap_pages. */
vmb_status vmm_memory_map(struct vmm_memory *memory, const vmb_gpn *gpns, uint32_t page_count,
                          struct vmb_host_mapping *out_mapping);
void vmm_memory_unmap(struct vmm_memory *memory, const struct vmb_host_mapping *mapping,
                      uint32_t page_count);

#endif /* VMM_MEMORY_H */
