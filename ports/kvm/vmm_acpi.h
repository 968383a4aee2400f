/* SPDX-License-Identifier: MIT */
/* ACPI's tables: RSDP, XSDT, FADT, FACS, MADT and a DSDT with VMBus in it. */
#ifndef VMM_ACPI_H
#define VMM_ACPI_H

#include "ports/kvm/vmm_memory.h"

/* The bus interrupts of the machine, ISA numbers. */
#define VMM_IRQ_SERIAL     4u
#define VMM_IRQ_ACPI       9u

#define VMM_IOAPIC_ADDRESS 0xFEC00000u
#define VMM_APIC_ADDRESS   0xFEE00000u

/* CPU n has APIC id n. 254 is the last one that an APIC without x2APIC can have. */
#define VMM_CPUS_MAX 240u

/* Put the tables into clear memory. Returns the guest address of the RSDP. */
uint64_t vmm_acpi_write(const struct vmm_memory *memory, uint32_t cpu_count);

#endif /* VMM_ACPI_H */
