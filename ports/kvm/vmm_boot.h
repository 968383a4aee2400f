/* SPDX-License-Identifier: MIT */
/*
 * From a kernel's file to the state of the first CPU: Linux's bzImage (Documentation/arch/x86/boot
 * of Linux) at its 64-bit or 32-bit entry, and ELF files with a PVH entry (Xen's hvm/start_info.h).
 */
#ifndef VMM_BOOT_H
#define VMM_BOOT_H

#include "ports/kvm/vmm_error.h"
#include "ports/kvm/vmm_memory.h"

#include <stddef.h>

/* Guest addresses below 1 MiB that boot uses. The guest may use them once it runs. */
#define VMM_BOOT_GDT          0x500u
#define VMM_BOOT_START_INFO   0x6000u
#define VMM_BOOT_ZERO_PAGE    0x7000u
#define VMM_BOOT_PAGE_TABLES  0x9000u /* Six pages: the first 4 GiB where they are. */
#define VMM_BOOT_COMMAND_LINE 0x20000u
#define VMM_BOOT_LOW_END      0x9FC00u /* Of memory that belongs to nobody else. */
#define VMM_BOOT_KERNEL       0x100000u

/* ACPI's tables; reserved in the map of memory. */
#define VMM_BOOT_ACPI             0xE0000u
#define VMM_BOOT_ACPI_END         0x100000u

#define VMM_BOOT_COMMAND_LINE_MAX 2048u

/* Selectors of the table at VMM_BOOT_GDT. */
enum vmm_selector {
    VMM_CODE64 = 0x10,
    VMM_DATA = 0x18,
    VMM_CODE32 = 0x20,
    VMM_TASK = 0x28
};

/* A file in our memory, so that it is still the same when the guest restarts. */
struct vmm_file {
    uint8_t *bytes;
    size_t byte_count;
};

/* What to boot. */
struct vmm_boot {
    struct vmm_file kernel;
    struct vmm_file initrd; /* byte_count 0: none. */
    const char *command_line;
};

/* How the first CPU starts. */
struct vmm_entry {
    bool long_mode; /* Else protected mode, no paging. */
    uint64_t rip;
    uint64_t rbx;
    uint64_t rsi;
};

/* Read kernel and initrd, which may be NULL. */
bool vmm_boot_init(struct vmm_boot *boot, const char *kernel, const char *initrd,
                   const char *command_line, struct vmm_error *error);
void vmm_boot_deinit(struct vmm_boot *boot);

/* Put the kernel and what it wants to know into clear memory. @rsdp: where ACPI's tables begin. */
bool vmm_boot_load(const struct vmm_boot *boot, const struct vmm_memory *memory, uint64_t rsdp,
                   struct vmm_entry *out_entry, struct vmm_error *error);

/* The two kinds; false without an error text: not of this kind. For vmm_boot_load(). */
bool vmm_boot_is_linux(const struct vmm_boot *boot);
bool vmm_boot_linux(const struct vmm_boot *boot, const struct vmm_memory *memory, uint64_t rsdp,
                    struct vmm_entry *out_entry, struct vmm_error *error);
bool vmm_boot_is_elf(const struct vmm_boot *boot);
bool vmm_boot_pvh(const struct vmm_boot *boot, const struct vmm_memory *memory, uint64_t rsdp,
                  struct vmm_entry *out_entry, struct vmm_error *error);

/* Put the initrd as high as possible below @limit, and above @floor. */
bool vmm_boot_place_initrd(const struct vmm_boot *boot, const struct vmm_memory *memory,
                           uint64_t floor, uint64_t limit, uint64_t *out_gpa,
                           struct vmm_error *error);

/* One piece of the map of memory. */
struct vmm_boot_range {
    uint64_t start;
    uint64_t bytes;
    bool reserved;
};
#define VMM_BOOT_RANGES_MAX 4
uint32_t vmm_boot_ranges(const struct vmm_memory *memory,
                         struct vmm_boot_range out_ranges[VMM_BOOT_RANGES_MAX]);

#endif /* VMM_BOOT_H */
