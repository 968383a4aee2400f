/* SPDX-License-Identifier: MIT */
/**
 * @file
 * What the loader told us, copied out of its memory before anything is allocated.
 */
#ifndef X86_BOOT_H
#define X86_BOOT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    X86_BOOT_RANGES_MAX = 64,        /* Memory map entries kept; firmware gives 5 to 20. */
    X86_BOOT_COMMAND_LINE_BYTES = 256 /* With the final zero; a longer one is cut. */
};

/** A run of usable RAM, page-aligned inwards. */
struct x86_ram_range {
    uint64_t start;
    uint64_t end; /* First byte after it. */
};

struct x86_boot {
    struct x86_ram_range ram[X86_BOOT_RANGES_MAX];
    uint32_t ram_count;
    uint64_t rsdp; /* Address of ACPI's root pointer, or 0. */
    char command_line[X86_BOOT_COMMAND_LINE_BYTES];
};

extern struct x86_boot x86_boot;

/** Read the PVH start info at @p start_info into x86_boot. False if it is not one. */
bool x86_boot_read(uint64_t start_info);

/** True if @p word is one of the command line's space-separated words. */
bool x86_boot_has(const char *word);

/**
 * The application: called on the first CPU when the port is up, interrupts disabled, in long mode,
 * with console, memory, ACPI, APIC and clock ready. Supplied by whoever links the port. Returning
 * powers the machine off.
 */
void x86_main(void);

/** From x86_boot.S: bring the port up and run x86_main(). */
_Noreturn void x86_start(uint64_t start_info);

#endif /* X86_BOOT_H */
