/* SPDX-License-Identifier: MIT */
/* Linux: a setup header in the file's first two sectors, the kernel behind the setup code. */
#include "ports/kvm/vmm_boot.h"

#include <asm/bootparam.h>
#include <string.h>

#define LINUX_SECTOR          512u
#define LINUX_SETUP_DEFAULT   4u          /* Setup sectors if the header says 0. */
#define LINUX_MAGIC           0x53726448u /* "HdrS" */
#define LINUX_VERSION_MIN     0x020Au     /* With pref_address and init_size: Linux 2.6.31. */
#define LINUX_ENTRY64         0x200u
#define LINUX_LOADER_OTHER    0xFFu
#define LINUX_HEADER_OFFSET   offsetof(struct boot_params, hdr)
#define LINUX_HEADER_END_BYTE (LINUX_HEADER_OFFSET + 0x10) /* Holds the header's end - 0x202. */

bool vmm_boot_is_linux(const struct vmm_boot *boot)
{
    struct setup_header header;

    if (boot->kernel.byte_count < LINUX_HEADER_OFFSET + sizeof(header)) {
        return false;
    }
    memcpy(&header, boot->kernel.bytes + LINUX_HEADER_OFFSET, sizeof(header));
    return header.header == LINUX_MAGIC;
}

static void linux_memory_map(struct boot_params *params, const struct vmm_memory *memory)
{
    struct vmm_boot_range ranges[VMM_BOOT_RANGES_MAX];
    uint32_t count = vmm_boot_ranges(memory, ranges);
    uint32_t index;

    for (index = 0; index < count; index++) {
        params->e820_table[index] = (struct boot_e820_entry){
            .addr = ranges[index].start,
            .size = ranges[index].bytes,
            .type = ranges[index].reserved ? 2u : 1u,
        };
    }
    params->e820_entries = (uint8_t)count;
}

/* The header as the file has it: its length is in a jump instruction at its start. */
static void linux_copy_header(struct boot_params *params, const struct vmm_boot *boot)
{
    size_t bytes = 0x202u + boot->kernel.bytes[LINUX_HEADER_END_BYTE] - LINUX_HEADER_OFFSET;

    if (bytes > sizeof(params->hdr)) {
        bytes = sizeof(params->hdr);
    }
    memset(params, 0, sizeof(*params));
    memcpy(&params->hdr, boot->kernel.bytes + LINUX_HEADER_OFFSET, bytes);
}

/* Where to put the kernel: where it wants to run if it may move, and that is memory. */
static bool linux_place(const struct setup_header *header, const struct vmm_memory *memory,
                        uint64_t *out_gpa, struct vmm_error *error)
{
    uint64_t room = header->init_size;

    *out_gpa = header->pref_address;
    if (vmm_memory_at(memory, *out_gpa, room) != NULL && *out_gpa >= VMM_BOOT_KERNEL) {
        return true;
    }
    *out_gpa = VMM_BOOT_KERNEL;
    if (!header->relocatable_kernel || vmm_memory_at(memory, *out_gpa, room) == NULL) {
        return vmm_fail(error, "the kernel needs %llu MiB at 0x%llx: give it more memory",
                        (unsigned long long)(room >> 20), (unsigned long long)header->pref_address);
    }
    return true;
}

bool vmm_boot_linux(const struct vmm_boot *boot, const struct vmm_memory *memory, uint64_t rsdp,
                    struct vmm_entry *out_entry, struct vmm_error *error)
{
    struct boot_params *params = vmm_memory_at(memory, VMM_BOOT_ZERO_PAGE, sizeof(*params));
    struct setup_header *header = &params->hdr;
    uint64_t kernel_gpa;
    uint64_t initrd_gpa;
    size_t setup_bytes;
    size_t kernel_bytes;

    linux_copy_header(params, boot);
    setup_bytes = ((header->setup_sects != 0 ? header->setup_sects : LINUX_SETUP_DEFAULT) + 1u) *
                  LINUX_SECTOR;
    if (header->version < LINUX_VERSION_MIN || (header->loadflags & LOADED_HIGH) == 0 ||
        setup_bytes >= boot->kernel.byte_count) {
        return vmm_fail(error, "the kernel is no bzImage of Linux 2.6.31 or later");
    }
    kernel_bytes = boot->kernel.byte_count - setup_bytes;
    if (!linux_place(header, memory, &kernel_gpa, error)) {
        return false;
    }
    if (kernel_bytes > header->init_size ||
        !vmm_boot_place_initrd(boot, memory, kernel_gpa + header->init_size,
                               (uint64_t)header->initrd_addr_max + 1, &initrd_gpa, error)) {
        return kernel_bytes > header->init_size
                   ? vmm_fail(error, "the kernel's file is larger than its header says")
                   : false;
    }
    memcpy(vmm_memory_at(memory, kernel_gpa, kernel_bytes), boot->kernel.bytes + setup_bytes,
           kernel_bytes);
    header->type_of_loader = LINUX_LOADER_OTHER;
    header->code32_start = (uint32_t)kernel_gpa;
    header->cmd_line_ptr = VMM_BOOT_COMMAND_LINE;
    header->ramdisk_image = (uint32_t)initrd_gpa;
    header->ramdisk_size = (uint32_t)boot->initrd.byte_count;
    params->acpi_rsdp_addr = rsdp;
    linux_memory_map(params, memory);
    *out_entry = (struct vmm_entry){.rip = kernel_gpa, .rsi = VMM_BOOT_ZERO_PAGE};
    if ((header->xloadflags & XLF_KERNEL_64) != 0) {
        out_entry->long_mode = true;
        out_entry->rip += LINUX_ENTRY64;
    }
    return true;
}
