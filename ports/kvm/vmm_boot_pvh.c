/* SPDX-License-Identifier: MIT */
/* ELF files with a note that names a 32-bit entry: Linux's vmlinux, FreeBSD, our own guest. */
#include "ports/kvm/vmm_boot.h"

#include <elf.h>
#include <string.h>

#define PVH_NOTE_OWNER "Xen"
#define PVH_NOTE_ENTRY 18u /* XEN_ELFNOTE_PHYS32_ENTRY */
#define PVH_MAGIC      0x336EC578u
#define PVH_NOTE_ALIGN 4u

/* Xen's hvm_start_info, version 1, and what it points to. */
struct pvh_start_info {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t module_count;
    uint64_t modules;
    uint64_t command_line;
    uint64_t rsdp;
    uint64_t map;
    uint32_t map_count;
    uint32_t reserved;
};

struct pvh_module {
    uint64_t start;
    uint64_t bytes;
    uint64_t command_line;
    uint64_t reserved;
};

struct pvh_map_entry {
    uint64_t start;
    uint64_t bytes;
    uint32_t type;
    uint32_t reserved;
};

/* As it is in the guest's memory. */
struct pvh_page {
    struct pvh_start_info info;
    struct pvh_module module;
    struct pvh_map_entry map[VMM_BOOT_RANGES_MAX];
};

/* One program header, of an ELF file of 32 or 64 bits. */
struct pvh_segment {
    uint32_t type;
    uint64_t offset;
    uint64_t gpa;
    uint64_t file_bytes;
    uint64_t memory_bytes;
};

static bool pvh_has(const struct vmm_file *file, uint64_t offset, uint64_t bytes)
{
    return offset <= file->byte_count && bytes <= file->byte_count - offset;
}

static bool pvh_is_64(const struct vmm_boot *boot)
{
    return boot->kernel.bytes[EI_CLASS] == ELFCLASS64;
}

bool vmm_boot_is_elf(const struct vmm_boot *boot)
{
    Elf32_Ehdr header; /* Up to the machine both kinds are the same. */

    if (!pvh_has(&boot->kernel, 0, sizeof(Elf64_Ehdr))) {
        return false;
    }
    memcpy(&header, boot->kernel.bytes, sizeof(header));
    return memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_ident[EI_DATA] == ELFDATA2LSB &&
           (header.e_machine == EM_X86_64 || header.e_machine == EM_386);
}

static uint32_t pvh_segment_count(const struct vmm_boot *boot)
{
    Elf64_Ehdr header64;
    Elf32_Ehdr header32;

    memcpy(&header64, boot->kernel.bytes, sizeof(header64));
    memcpy(&header32, boot->kernel.bytes, sizeof(header32));
    return pvh_is_64(boot) ? header64.e_phnum : header32.e_phnum;
}

/* False: the file has no such segment, or not all of it. */
static bool pvh_segment(const struct vmm_boot *boot, uint32_t index, struct pvh_segment *out)
{
    const struct vmm_file *file = &boot->kernel;
    Elf64_Ehdr header64;
    Elf32_Ehdr header32;
    Elf64_Phdr segment64;
    Elf32_Phdr segment32;

    if (pvh_is_64(boot)) {
        memcpy(&header64, file->bytes, sizeof(header64));
        if (!pvh_has(file, header64.e_phoff, (index + 1ull) * sizeof(segment64))) {
            return false;
        }
        memcpy(&segment64, file->bytes + header64.e_phoff + index * sizeof(segment64),
               sizeof(segment64));
        *out = (struct pvh_segment){segment64.p_type, segment64.p_offset, segment64.p_paddr,
                                    segment64.p_filesz, segment64.p_memsz};
    } else {
        memcpy(&header32, file->bytes, sizeof(header32));
        if (!pvh_has(file, header32.e_phoff, (index + 1ull) * sizeof(segment32))) {
            return false;
        }
        memcpy(&segment32, file->bytes + header32.e_phoff + index * sizeof(segment32),
               sizeof(segment32));
        *out = (struct pvh_segment){segment32.p_type, segment32.p_offset, segment32.p_paddr,
                                    segment32.p_filesz, segment32.p_memsz};
    }
    return pvh_has(file, out->offset, out->file_bytes) && out->file_bytes <= out->memory_bytes;
}

/* The entry, if one of the segment's notes names it. */
static bool pvh_note(const struct vmm_boot *boot, const struct pvh_segment *segment,
                     uint64_t *out_entry)
{
    const uint8_t *notes = boot->kernel.bytes + segment->offset;
    uint64_t at = 0;

    while (segment->file_bytes - at >= sizeof(Elf32_Nhdr)) {
        Elf32_Nhdr note;
        uint64_t name;
        uint64_t content;

        memcpy(&note, notes + at, sizeof(note));
        name = at + sizeof(note);
        content = name + (((uint64_t)note.n_namesz + PVH_NOTE_ALIGN - 1) & ~3ull);
        at = content + (((uint64_t)note.n_descsz + PVH_NOTE_ALIGN - 1) & ~3ull);
        if (at > segment->file_bytes) {
            return false;
        }
        if (note.n_type == PVH_NOTE_ENTRY && note.n_descsz >= sizeof(uint32_t) &&
            note.n_namesz == sizeof(PVH_NOTE_OWNER) &&
            memcmp(notes + name, PVH_NOTE_OWNER, sizeof(PVH_NOTE_OWNER)) == 0) {
            uint32_t entry;

            memcpy(&entry, notes + content, sizeof(entry));
            *out_entry = entry;
            return true;
        }
    }
    return false;
}

/* Load every segment. *out_end: where memory is free again. */
static bool pvh_load(const struct vmm_boot *boot, const struct vmm_memory *memory,
                     uint64_t *out_entry, uint64_t *out_end, struct vmm_error *error)
{
    uint32_t count = pvh_segment_count(boot);
    bool found = false;
    uint32_t index;

    *out_end = VMM_BOOT_KERNEL;
    for (index = 0; index < count; index++) {
        struct pvh_segment segment;
        uint8_t *to;

        if (!pvh_segment(boot, index, &segment)) {
            return vmm_fail(error, "the kernel's ELF file is damaged");
        }
        if (segment.type == PT_NOTE) {
            found = found || pvh_note(boot, &segment, out_entry);
        }
        if (segment.type != PT_LOAD || segment.memory_bytes == 0) {
            continue;
        }
        to = vmm_memory_at(memory, segment.gpa, segment.memory_bytes);
        if (to == NULL || segment.gpa < VMM_BOOT_KERNEL) {
            return vmm_fail(error, "the kernel wants to be at 0x%llx, where it cannot be",
                            (unsigned long long)segment.gpa);
        }
        memcpy(to, boot->kernel.bytes + segment.offset, segment.file_bytes);
        if (segment.gpa + segment.memory_bytes > *out_end) {
            *out_end = segment.gpa + segment.memory_bytes;
        }
    }
    return found || vmm_fail(error, "the kernel's ELF file has no PVH entry");
}

bool vmm_boot_pvh(const struct vmm_boot *boot, const struct vmm_memory *memory, uint64_t rsdp,
                  struct vmm_entry *out_entry, struct vmm_error *error)
{
    struct pvh_page *page = vmm_memory_at(memory, VMM_BOOT_START_INFO, sizeof(*page));
    struct vmm_boot_range ranges[VMM_BOOT_RANGES_MAX];
    uint32_t count = vmm_boot_ranges(memory, ranges);
    uint64_t entry = 0;
    uint64_t end;
    uint32_t index;

    memset(page, 0, sizeof(*page));
    if (!pvh_load(boot, memory, &entry, &end, error) ||
        !vmm_boot_place_initrd(boot, memory, end, UINT32_MAX, &page->module.start, error)) {
        return false;
    }
    page->module.bytes = boot->initrd.byte_count;
    page->info = (struct pvh_start_info){
        .magic = PVH_MAGIC,
        .version = 1,
        .module_count = boot->initrd.byte_count != 0 ? 1u : 0u,
        .modules = VMM_BOOT_START_INFO + offsetof(struct pvh_page, module),
        .command_line = VMM_BOOT_COMMAND_LINE,
        .rsdp = rsdp,
        .map = VMM_BOOT_START_INFO + offsetof(struct pvh_page, map),
        .map_count = count,
    };
    for (index = 0; index < count; index++) {
        page->map[index] = (struct pvh_map_entry){.start = ranges[index].start,
                                                  .bytes = ranges[index].bytes,
                                                  .type = ranges[index].reserved ? 2u : 1u};
    }
    *out_entry = (struct vmm_entry){.rip = entry, .rbx = VMM_BOOT_START_INFO};
    return true;
}
