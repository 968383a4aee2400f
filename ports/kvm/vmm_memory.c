/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Linux gives a process 65530 mappings by default. A guest that shares every second page must not
 * use up those that the rest of the process needs.
 */
#define MEMORY_RUNS_MAX 32768u

bool vmm_memory_init(struct vmm_memory *memory, uint64_t bytes, struct vmm_error *error)
{
    *memory = (struct vmm_memory){.fd = -1, .base = MAP_FAILED, .bytes = bytes};
    memory->low_bytes = bytes < VMM_HOLE_START ? bytes : VMM_HOLE_START;
    memory->fd = memfd_create("vmbus-guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory->fd < 0 || ftruncate(memory->fd, (off_t)bytes) != 0 ||
        fcntl(memory->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return vmm_fail_errno(error, "cannot make %llu MiB of guest memory",
                              (unsigned long long)(bytes >> 20));
    }
    memory->base =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memory->fd, 0);
    if (memory->base == MAP_FAILED) {
        return vmm_fail_errno(error, "cannot map %llu MiB of guest memory",
                              (unsigned long long)(bytes >> 20));
    }
    return true;
}

void vmm_memory_deinit(struct vmm_memory *memory)
{
    if (memory->base != MAP_FAILED) {
        munmap(memory->base, memory->bytes);
    }
    if (memory->fd >= 0) {
        close(memory->fd);
    }
}

bool vmm_memory_clear(struct vmm_memory *memory, struct vmm_error *error)
{
    if (fallocate(memory->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                  (off_t)memory->bytes) != 0) {
        return vmm_fail_errno(error, "cannot clear the guest's memory");
    }
    return true;
}

/* Where the memory at @gpa is in the file, and how much of it is consecutive from there on. */
static bool memory_find(const struct vmm_memory *memory, uint64_t gpa, uint64_t *out_offset,
                        uint64_t *out_bytes)
{
    if (gpa < memory->low_bytes) {
        *out_offset = gpa;
        *out_bytes = memory->low_bytes - gpa;
        return true;
    }
    if (gpa >= VMM_HOLE_END && gpa - VMM_HOLE_END < memory->bytes - memory->low_bytes) {
        *out_offset = memory->low_bytes + (gpa - VMM_HOLE_END);
        *out_bytes = memory->bytes - *out_offset;
        return true;
    }
    return false;
}

void *vmm_memory_at(const struct vmm_memory *memory, uint64_t gpa, uint64_t bytes)
{
    uint64_t offset;
    uint64_t there;

    if (!memory_find(memory, gpa, &offset, &there) || bytes > there) {
        return NULL;
    }
    return memory->base + offset;
}

bool vmm_memory_read(const struct vmm_memory *memory, uint64_t gpa, void *buffer, uint32_t bytes)
{
    const void *from = vmm_memory_at(memory, gpa, bytes);

    if (from == NULL) {
        return false;
    }
    memcpy(buffer, from, bytes);
    return true;
}

/* How many of the pages from @gpns on follow each other in the file; 0 if the first is not there.
 */
static uint32_t memory_run(const struct vmm_memory *memory, const vmb_gpn *gpns,
                           uint32_t page_count, uint64_t *out_offset)
{
    uint64_t there;
    uint32_t run = 1;

    if (gpns[0] >= UINT64_MAX >> VMB_PAGE_SHIFT ||
        !memory_find(memory, gpns[0] << VMB_PAGE_SHIFT, out_offset, &there)) {
        return 0;
    }
    there >>= VMB_PAGE_SHIFT;
    while (run < page_count && run < there && gpns[run] == gpns[0] + run) {
        run++;
    }
    return run;
}

/* Map every run over the reserved piece @base. *out_runs: how many there are. */
static vmb_status memory_map_runs(const struct vmm_memory *memory, const vmb_gpn *gpns,
                                  uint32_t page_count, uint8_t *base, uint32_t *out_runs)
{
    uint32_t done = 0;

    *out_runs = 0;
    while (done < page_count) {
        uint64_t offset;
        uint32_t run = memory_run(memory, gpns + done, page_count - done, &offset);

        if (run == 0) {
            return VMB_ERR_INVALID_ARGUMENT;
        }
        if (++*out_runs > MEMORY_RUNS_MAX - memory->runs_mapped ||
            mmap(base + ((uint64_t)done << VMB_PAGE_SHIFT), (uint64_t)run << VMB_PAGE_SHIFT,
                 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory->fd,
                 (off_t)offset) == MAP_FAILED) {
            return VMB_ERR_NO_MEMORY;
        }
        done += run;
    }
    return VMB_OK;
}

vmb_status vmm_memory_map(struct vmm_memory *memory, const vmb_gpn *gpns, uint32_t page_count,
                          struct vmb_host_mapping *out_mapping)
{
    uint64_t bytes = (uint64_t)page_count << VMB_PAGE_SHIFT;
    uint64_t offset;
    uint32_t runs = memory_run(memory, gpns, page_count, &offset);
    vmb_status status;
    uint8_t *base;

    if (runs == 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    if (runs == page_count) { /* In order already: no mapping of its own, and so no owner. */
        *out_mapping = (struct vmb_host_mapping){.base = memory->base + offset};
        return VMB_OK;
    }
    base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        return VMB_ERR_NO_MEMORY;
    }
    status = memory_map_runs(memory, gpns, page_count, base, &runs);
    if (status != VMB_OK) {
        munmap(base, bytes);
        return status;
    }
    memory->runs_mapped += runs;
    *out_mapping = (struct vmb_host_mapping){.base = base, .owner = (void *)(uintptr_t)runs};
    return VMB_OK;
}

void vmm_memory_unmap(struct vmm_memory *memory, const struct vmb_host_mapping *mapping,
                      uint32_t page_count)
{
    if (mapping->owner == NULL) {
        return;
    }
    memory->runs_mapped -= (uint32_t)(uintptr_t)mapping->owner;
    munmap((void *)mapping->base, (uint64_t)page_count << VMB_PAGE_SHIFT);
}
