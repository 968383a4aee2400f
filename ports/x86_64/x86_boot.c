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
#include "x86_timer.h"
#include "x86_trap.h"

struct x86_boot x86_boot;

void x86_boot_add_ram(uint64_t start, uint64_t bytes)
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

void x86_boot_set_command_line(const char *text, size_t bytes_max)
{
    size_t i;

    for (i = 0; i + 1 < X86_BOOT_COMMAND_LINE_BYTES && i < bytes_max && text[i] != '\0'; i++) {
        x86_boot.command_line[i] = text[i];
    }
    x86_boot.command_line[i] = '\0';
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

_Noreturn void x86_start(uint32_t loader, uint64_t info)
{
    bool known;

    x86_console_init();
    x86_smp_init_first();
    x86_trap_init_cpu(x86_cpu_self());
    known =
        loader == X86_BOOT_MULTIBOOT2 ? x86_boot_read_multiboot2(info) : x86_boot_read_pvh(info);
    if (!known || x86_boot.ram_count == 0) {
        x86_panic("neither PVH nor Multiboot2 gave a memory map");
    }
    x86_pages_init();
    x86_acpi_init(x86_boot.rsdp);
    x86_hyperv_detect();
    x86_apic_init_cpu();
    x86_clock_init();
    x86_timer_init();
    x86_main();
    x86_power_off();
}
