/* SPDX-License-Identifier: MIT */
/* What all kernels need: the files, the map of memory, the tables of a CPU without firmware. */
#include "ports/kvm/vmm_boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT_FILE_MAX (1ull << 32)

static bool boot_read(struct vmm_file *file, int fd, const char *path, struct vmm_error *error)
{
    size_t done = 0;

    file->bytes = malloc(file->byte_count);
    if (file->bytes == NULL) {
        return vmm_fail(error, "no memory for %s", path);
    }
    while (done < file->byte_count) {
        ssize_t got = read(fd, file->bytes + done, file->byte_count - done);

        if (got == 0) {
            return vmm_fail(error, "%s became shorter while it was read", path);
        }
        if (got < 0 && errno != EINTR) {
            return vmm_fail_errno(error, "cannot read %s", path);
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool boot_open(struct vmm_file *file, const char *path, struct vmm_error *error)
{
    struct stat status;
    bool good;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* A pipe would wait for a writer. */

    if (fd < 0) {
        return vmm_fail_errno(error, "cannot open %s", path);
    }
    if (fstat(fd, &status) != 0) {
        good = vmm_fail_errno(error, "cannot look at %s", path);
    } else if (!S_ISREG(status.st_mode) || status.st_size <= 0 ||
               (uint64_t)status.st_size > BOOT_FILE_MAX) {
        good = vmm_fail(error, "%s is not a file of 1 byte to 4 GiB", path);
    } else {
        file->byte_count = (size_t)status.st_size;
        good = boot_read(file, fd, path, error);
    }
    close(fd);
    return good;
}

bool vmm_boot_init(struct vmm_boot *boot, const char *kernel, const char *initrd,
                   const char *command_line, struct vmm_error *error)
{
    *boot = (struct vmm_boot){.command_line = command_line};
    if (strlen(command_line) >= VMM_BOOT_COMMAND_LINE_MAX) {
        return vmm_fail(error, "the command line is longer than %u bytes",
                        VMM_BOOT_COMMAND_LINE_MAX - 1);
    }
    if (!boot_open(&boot->kernel, kernel, error) ||
        (initrd != NULL && !boot_open(&boot->initrd, initrd, error))) {
        return false;
    }
    if (!vmm_boot_is_linux(boot) && !vmm_boot_is_elf(boot)) {
        return vmm_fail(error, "%s is neither a Linux bzImage nor an x86 ELF file", kernel);
    }
    return true;
}

void vmm_boot_deinit(struct vmm_boot *boot)
{
    free(boot->kernel.bytes);
    free(boot->initrd.bytes);
}

uint32_t vmm_boot_ranges(const struct vmm_memory *memory,
                         struct vmm_boot_range out_ranges[VMM_BOOT_RANGES_MAX])
{
    out_ranges[0] = (struct vmm_boot_range){.bytes = VMM_BOOT_LOW_END};
    out_ranges[1] = (struct vmm_boot_range){VMM_BOOT_ACPI, VMM_BOOT_ACPI_END - VMM_BOOT_ACPI, true};
    out_ranges[2] = (struct vmm_boot_range){.start = VMM_BOOT_KERNEL,
                                            .bytes = memory->low_bytes - VMM_BOOT_KERNEL};
    if (memory->bytes == memory->low_bytes) {
        return 3;
    }
    out_ranges[3] =
        (struct vmm_boot_range){.start = VMM_HOLE_END, .bytes = memory->bytes - memory->low_bytes};
    return 4;
}

bool vmm_boot_place_initrd(const struct vmm_boot *boot, const struct vmm_memory *memory,
                           uint64_t floor, uint64_t limit, uint64_t *out_gpa,
                           struct vmm_error *error)
{
    uint64_t end = limit < memory->low_bytes ? limit : memory->low_bytes;
    uint64_t bytes = boot->initrd.byte_count;

    *out_gpa = 0;
    if (bytes == 0) {
        return true;
    }
    if (end < floor || end - floor < bytes + VMB_PAGE_BYTES) {
        return vmm_fail(error, "kernel and initrd need more memory than %llu MiB",
                        (unsigned long long)(memory->bytes >> 20));
    }
    *out_gpa = (end - bytes) & ~(uint64_t)(VMB_PAGE_BYTES - 1);
    memcpy(vmm_memory_at(memory, *out_gpa, bytes), boot->initrd.bytes, bytes);
    return true;
}

/* Segments for 64 and 32 bits, and the first 4 GiB mapped where they are. */
static void boot_tables(const struct vmm_memory *memory)
{
    static const uint64_t gdt[] = {0,
                                   0,
                                   0x00AF9B000000FFFF, /* VMM_CODE64 */
                                   0x00CF93000000FFFF, /* VMM_DATA */
                                   0x00CF9B000000FFFF, /* VMM_CODE32 */
                                   0x00008B000000FFFF, /* VMM_TASK, and its upper half. */
                                   0};
    enum {
        PRESENT_WRITABLE = 0x3,
        LARGE = 0x80,
        ENTRIES = 512,
        DIRECTORIES = 4
    };
    uint64_t *tables = vmm_memory_at(memory, VMM_BOOT_PAGE_TABLES, 6 * VMB_PAGE_BYTES);
    uint64_t index;

    memcpy(vmm_memory_at(memory, VMM_BOOT_GDT, sizeof(gdt)), gdt, sizeof(gdt));
    tables[0] = (VMM_BOOT_PAGE_TABLES + VMB_PAGE_BYTES) | PRESENT_WRITABLE;
    for (index = 0; index < DIRECTORIES; index++) {
        tables[ENTRIES + index] =
            (VMM_BOOT_PAGE_TABLES + (2 + index) * VMB_PAGE_BYTES) | PRESENT_WRITABLE;
    }
    for (index = 0; index < (uint64_t)DIRECTORIES * ENTRIES; index++) {
        tables[2 * ENTRIES + index] = index << 21 | LARGE | PRESENT_WRITABLE;
    }
}

bool vmm_boot_load(const struct vmm_boot *boot, const struct vmm_memory *memory, uint64_t rsdp,
                   struct vmm_entry *out_entry, struct vmm_error *error)
{
    size_t bytes = strlen(boot->command_line) + 1;

    boot_tables(memory);
    memcpy(vmm_memory_at(memory, VMM_BOOT_COMMAND_LINE, bytes), boot->command_line, bytes);
    return vmm_boot_is_linux(boot) ? vmm_boot_linux(boot, memory, rsdp, out_entry, error)
                                   : vmm_boot_pvh(boot, memory, rsdp, out_entry, error);
}
