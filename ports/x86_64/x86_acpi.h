/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The few facts that the port wants from ACPI's static tables: CPUs, the timer, power off, reset.
 *
 * Tables are read, never interpreted: the one thing that lives in AML, the \_S5 package, is found
 * by its name.
 */
#ifndef X86_ACPI_H
#define X86_ACPI_H

#include <stdbool.h>
#include <stdint.h>

enum {
    X86_ACPI_CPUS_MAX = 64 /* CPUs kept of what the MADT lists. */
};

struct x86_acpi {
    uint32_t apic_ids[X86_ACPI_CPUS_MAX]; /* Usable CPUs, in the MADT's order. */
    uint32_t cpu_count;                   /* 0 if there is no MADT. */

    uint16_t pm_timer_port; /* 0 if there is none. */
    uint16_t pm1a_port;     /* PM1a and PM1b control; 0 if there is none. */
    uint16_t pm1b_port;
    uint16_t smi_port; /* Where acpi_enable is written to take ACPI over; 0: always on. */
    uint8_t acpi_enable;
    uint64_t sleep_address; /* The sleep control register of machines without PM1; 0: none. */
    bool sleep_is_port;
    bool have_s5;
    uint8_t s5_type_a; /* SLP_TYP values of the soft-off state. */
    uint8_t s5_type_b;

    uint16_t reset_port; /* 0 if there is none. */
    uint8_t reset_value;
};

extern struct x86_acpi x86_acpi;

/** Walk the tables that hang off @p rsdp (0: none) and fill x86_acpi. */
void x86_acpi_init(uint64_t rsdp);

#endif /* X86_ACPI_H */
