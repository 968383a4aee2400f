/* SPDX-License-Identifier: MIT */
#include "x86_boot.h"
#include "x86_cpu.h"

/* The PVH start info, version 1, and one entry of its memory map (Xen's hvm/start_info.h ABI). */
enum {
    PVH_MAGIC = 0x336ec578,
    PVH_OFFSET_MAGIC = 0,
    PVH_OFFSET_VERSION = 4,
    PVH_OFFSET_COMMAND_LINE = 24,
    PVH_OFFSET_RSDP = 32,
    PVH_OFFSET_MAP = 40, /* Version 1 and later. */
    PVH_OFFSET_MAP_COUNT = 48,
    PVH_MAP_ENTRY_BYTES = 24, /* Address, size, type, reserved. */
    PVH_MAP_TYPE_RAM = 1
};

static const uint8_t *pvh_bytes(uint64_t address)
{
    return (const uint8_t *)(uintptr_t)address;
}

bool x86_boot_read_pvh(uint64_t info)
{
    const uint8_t *start_info = pvh_bytes(info);
    const uint8_t *entry;
    uint64_t command_line;
    uint32_t i, count;

    if (info == 0 || x86_load32(start_info + PVH_OFFSET_MAGIC) != PVH_MAGIC ||
        x86_load32(start_info + PVH_OFFSET_VERSION) == 0) {
        return false; /* Version 0 has no memory map. */
    }
    x86_boot.rsdp = x86_load64(start_info + PVH_OFFSET_RSDP);
    command_line = x86_load64(start_info + PVH_OFFSET_COMMAND_LINE);
    if (command_line != 0) {
        x86_boot_set_command_line((const char *)pvh_bytes(command_line), SIZE_MAX);
    }
    entry = pvh_bytes(x86_load64(start_info + PVH_OFFSET_MAP));
    count = x86_load32(start_info + PVH_OFFSET_MAP_COUNT);
    for (i = 0; i < count; i++, entry += PVH_MAP_ENTRY_BYTES) {
        if (x86_load32(entry + 16) == PVH_MAP_TYPE_RAM) {
            x86_boot_add_ram(x86_load64(entry), x86_load64(entry + 8));
        }
    }
    return true;
}
