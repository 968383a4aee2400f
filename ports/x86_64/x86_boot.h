/* SPDX-License-Identifier: MIT */
/**
 * @file
 * What the loader told us, copied out of its memory before anything is allocated.
 */
#ifndef X86_BOOT_H
#define X86_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    X86_BOOT_RANGES_MAX = 64,         /* Memory map entries kept; firmware gives 5 to 20. */
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

/** What EAX holds if Multiboot2 loaded us. */
#define X86_BOOT_MULTIBOOT2 0x36d76289u

/** Read what the loader tells at @p info into x86_boot. False if it is not what it should be. */
bool x86_boot_read_pvh(uint64_t info);
bool x86_boot_read_multiboot2(uint64_t info);

/** For the two: note a run of RAM, or the command line. */
void x86_boot_add_ram(uint64_t start, uint64_t bytes);
void x86_boot_set_command_line(const char *text, size_t bytes_max);

/** True if @p word is one of the command line's space-separated words. */
bool x86_boot_has(const char *word);

/**
 * The application: called on the first CPU when the port is up, interrupts disabled, in long mode,
 * with console, memory, ACPI, APIC and clock ready. Supplied by whoever links the port. Returning
 * powers the machine off.
 */
void x86_main(void);

/** From x86_boot.S: bring the port up and run x86_main(). */
_Noreturn void x86_start(uint32_t loader, uint64_t info);

#endif /* X86_BOOT_H */
