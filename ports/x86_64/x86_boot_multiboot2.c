/* SPDX-License-Identifier: MIT */
#include "x86_boot.h"
#include "x86_cpu.h"
#include "x86_string.h"

/* The boot information of the Multiboot2 specification, 2.0, chapter 3.6: a list of tags. */
enum {
    MB2_OFFSET_TOTAL_BYTES = 0,
    MB2_OFFSET_TAGS = 8,
    TAG_OFFSET_TYPE = 0,
    TAG_OFFSET_BYTES = 4,
    TAG_OFFSET_CONTENT = 8,
    TAG_END = 0,
    TAG_COMMAND_LINE = 1,
    TAG_MEMORY_MAP = 6,
    TAG_RSDP_1 = 14, /* A copy of the pointer of ACPI 1.0, */
    TAG_RSDP_2 = 15, /* and of 2.0 and later. */
    MAP_OFFSET_ENTRY_BYTES = 8,
    MAP_OFFSET_ENTRIES = 16,
    MAP_ENTRY_BYTES_MIN = 20, /* Address, size, type. */
    MAP_TYPE_RAM = 1,
    RSDP_BYTES_MAX = 36
};

/* The tag's copy lies in memory that becomes ours to reuse. */
static uint8_t multiboot2_rsdp[RSDP_BYTES_MAX];

static void multiboot2_read_map(const uint8_t *tag, uint32_t tag_bytes)
{
    uint32_t entry_bytes = x86_load32(tag + MAP_OFFSET_ENTRY_BYTES);
    uint32_t offset = MAP_OFFSET_ENTRIES;

    if (entry_bytes < MAP_ENTRY_BYTES_MIN) {
        return;
    }
    for (; tag_bytes - offset >= entry_bytes; offset += entry_bytes) {
        if (x86_load32(tag + offset + 16) == MAP_TYPE_RAM) {
            x86_boot_add_ram(x86_load64(tag + offset), x86_load64(tag + offset + 8));
        }
    }
}

static void multiboot2_read_rsdp(const uint8_t *tag, uint32_t tag_bytes)
{
    uint32_t bytes = tag_bytes - TAG_OFFSET_CONTENT;

    memcpy(multiboot2_rsdp, tag + TAG_OFFSET_CONTENT,
           bytes < sizeof(multiboot2_rsdp) ? bytes : sizeof(multiboot2_rsdp));
    x86_boot.rsdp = (uintptr_t)multiboot2_rsdp;
}

static void multiboot2_read_tag(const uint8_t *tag, uint32_t tag_bytes)
{
    switch (x86_load32(tag + TAG_OFFSET_TYPE)) {
    case TAG_COMMAND_LINE:
        x86_boot_set_command_line((const char *)tag + TAG_OFFSET_CONTENT,
                                  tag_bytes - TAG_OFFSET_CONTENT);
        break;
    case TAG_MEMORY_MAP:
        if (tag_bytes >= MAP_OFFSET_ENTRIES) {
            multiboot2_read_map(tag, tag_bytes);
        }
        break;
    case TAG_RSDP_1:
        if (x86_boot.rsdp == 0) {
            multiboot2_read_rsdp(tag, tag_bytes);
        }
        break;
    case TAG_RSDP_2: /* Tells more than the other, whichever comes first. */
        multiboot2_read_rsdp(tag, tag_bytes);
        break;
    default:
        break;
    }
}

bool x86_boot_read_multiboot2(uint64_t info)
{
    const uint8_t *base = (const uint8_t *)(uintptr_t)info;
    uint32_t total = x86_load32(base + MB2_OFFSET_TOTAL_BYTES);
    uint32_t offset = MB2_OFFSET_TAGS;

    while (offset < total && total - offset >= TAG_OFFSET_CONTENT) {
        const uint8_t *tag = base + offset;
        uint32_t tag_bytes = x86_load32(tag + TAG_OFFSET_BYTES);

        if (x86_load32(tag + TAG_OFFSET_TYPE) == TAG_END) {
            return true;
        }
        if (tag_bytes < TAG_OFFSET_CONTENT || tag_bytes > total - offset) {
            return false;
        }
        multiboot2_read_tag(tag, tag_bytes);
        offset += (tag_bytes + 7) & ~7u; /* Tags begin on 8 bytes. */
    }
    return false;
}
