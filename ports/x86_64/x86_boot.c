/* SPDX-License-Identifier: MIT */
#include "x86_boot.h"

#include "x86_acpi.h"
#include "x86_apic.h"
#include "x86_clock.h"
#include "x86_console.h"
#include "x86_cpu.h"
#include "x86_hyperv.h"
#include "x86_pages.h"
#include "x86_power.h"
#include "x86_smp.h"
#include "x86_string.h"
#include "x86_trap.h"

/* The PVH start info, version 1, and one entry of its memory map (Xen's hvm/start_info.h ABI). */
enum {
    PVH_MAGIC = 0x336ec578,
    PVH_OFFSET_MAGIC = 0,
    PVH_OFFSET_VERSION = 4,
    PVH_OFFSET_COMMAND_LINE = 24,
    PVH_OFFSET_RSDP = 32,
    PVH_OFFSET_MAP = 40,     /* Version 1 and later. */
    PVH_OFFSET_MAP_COUNT = 48,
    PVH_MAP_ENTRY_BYTES = 24, /* Address, size, type, reserved. */
    PVH_MAP_TYPE_RAM = 1
};

struct x86_boot x86_boot;

static const uint8_t *boot_bytes(uint64_t address)
{
    return (const uint8_t *)(uintptr_t)address;
}

static void boot_add_ram(uint64_t start, uint64_t bytes)
{
    uint64_t end = start + bytes;

    if (end < start) {
        return;
    }
    start = (start + X86_PAGE_BYTES - 1) & ~(uint64_t)(X86_PAGE_BYTES - 1);
    end &= ~(uint64_t)(X86_PAGE_BYTES - 1);
    if (start >= end || x86_boot.ram_count == X86_BOOT_RANGES_MAX) {
        return;
    }
    x86_boot.ram[x86_boot.ram_count].start = start;
    x86_boot.ram[x86_boot.ram_count].end = end;
    x86_boot.ram_count++;
}

bool x86_boot_read(uint64_t start_info)
{
    const uint8_t *info = boot_bytes(start_info);
    const uint8_t *entry;
    uint64_t command_line;
    uint32_t i, count;

    if (start_info == 0 || x86_load32(info + PVH_OFFSET_MAGIC) != PVH_MAGIC) {
        return false;
    }
    x86_boot.rsdp = x86_load64(info + PVH_OFFSET_RSDP);
    command_line = x86_load64(info + PVH_OFFSET_COMMAND_LINE);
    if (command_line != 0) {
        const char *text = (const char *)boot_bytes(command_line);

        for (i = 0; i + 1 < X86_BOOT_COMMAND_LINE_BYTES && text[i] != '\0'; i++) {
            x86_boot.command_line[i] = text[i];
        }
    }
    if (x86_load32(info + PVH_OFFSET_VERSION) == 0) {
        return false; /* No memory map: only the hypervisor could tell, and ours does not. */
    }
    entry = boot_bytes(x86_load64(info + PVH_OFFSET_MAP));
    count = x86_load32(info + PVH_OFFSET_MAP_COUNT);
    for (i = 0; i < count; i++, entry += PVH_MAP_ENTRY_BYTES) {
        if (x86_load32(entry + 16) == PVH_MAP_TYPE_RAM) {
            boot_add_ram(x86_load64(entry), x86_load64(entry + 8));
        }
    }
    return x86_boot.ram_count != 0;
}

bool x86_boot_has(const char *word)
{
    const char *at = x86_boot.command_line;
    size_t bytes = strlen(word);

    while (*at != '\0') {
        size_t length = 0;

        while (at[length] != '\0' && at[length] != ' ') {
            length++;
        }
        if (length == bytes && memcmp(at, word, bytes) == 0) {
            return true;
        }
        at += length;
        while (*at == ' ') {
            at++;
        }
    }
    return false;
}

_Noreturn void x86_start(uint64_t start_info)
{
    x86_console_init();
    x86_smp_init_first();
    x86_trap_init_cpu(x86_cpu_self());
    if (!x86_boot_read(start_info)) {
        x86_panic("the loader gave no PVH start info with a memory map");
    }
    x86_pages_init();
    x86_acpi_init(x86_boot.rsdp);
    x86_hyperv_detect();
    x86_apic_init_cpu();
    x86_clock_init();
    x86_main();
    x86_power_off();
}
