/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_acpi.h"

#include "ports/kvm/vmm_boot.h"

#include <string.h>

/* Made by iasl of the .asl files of this folder. */
#include "vmm_dsdt.hex"
#include "vmm_fadt.hex"

enum {
    ACPI_TABLE_LENGTH = 4,
    ACPI_TABLE_CHECKSUM = 9,
    ACPI_HEADER_BYTES = 36,
    ACPI_FACS_BYTES = 64,
    ACPI_FADT_FACS = 36,
    ACPI_FADT_DSDT = 40,
    ACPI_FADT_X_DSDT = 140,
    ACPI_RSDP_BYTES = 36,
    ACPI_RSDP_V1_BYTES = 20,
    ACPI_RSDP_CHECKSUM = 8,
    ACPI_RSDP_XSDT = 24,
    ACPI_RSDP_V2_CHECKSUM = 32,
    ACPI_ALIGN = 64
};

/* The parts of a MADT. */
enum {
    MADT_LOCAL_APIC = 0,
    MADT_IO_APIC = 1,
    MADT_OVERRIDE = 2,
    MADT_NMI = 4
};
enum {
    MADT_ACTIVE_HIGH = 1,
    MADT_LEVEL = 3 << 2,
    MADT_PC_AT = 1,
    MADT_TIMER_PIN = 2
};

/* Tables one after the other. */
struct acpi_area {
    uint8_t *base;
    uint32_t used;
};

static void acpi_put(uint8_t *to, uint64_t value, uint32_t bytes)
{
    memcpy(to, &value, bytes); /* This machine's order is ACPI's. */
}

static void acpi_sum(uint8_t *bytes, uint32_t byte_count, uint32_t checksum)
{
    uint8_t sum = 0;
    uint32_t index;

    bytes[checksum] = 0;
    for (index = 0; index < byte_count; index++) {
        sum = (uint8_t)(sum + bytes[index]);
    }
    bytes[checksum] = (uint8_t)(0u - sum);
}

/* Room for a piece. Returns where it is; *out_gpa: for the guest. */
static uint8_t *acpi_room(struct acpi_area *area, uint32_t bytes, uint64_t *out_gpa)
{
    uint8_t *at = area->base + area->used;

    *out_gpa = VMM_BOOT_ACPI + area->used;
    area->used = (area->used + bytes + ACPI_ALIGN - 1) / ACPI_ALIGN * ACPI_ALIGN;
    return at;
}

static void acpi_header(uint8_t *table, const char *signature, uint8_t revision, uint32_t bytes)
{
    memcpy(table, signature, 4);
    acpi_put(table + ACPI_TABLE_LENGTH, bytes, 4);
    table[8] = revision;
    memcpy(table + 10, "VMBUS LIBVMBUS", 14);
    acpi_put(table + 24, 1, 4);
    memcpy(table + 28, "VMB ", 4);
    acpi_put(table + 32, 1, 4);
    acpi_sum(table, bytes, ACPI_TABLE_CHECKSUM);
}

static uint64_t acpi_fadt(struct acpi_area *area)
{
    uint64_t facs_gpa;
    uint64_t dsdt_gpa;
    uint64_t fadt_gpa;
    uint8_t *facs = acpi_room(area, ACPI_FACS_BYTES, &facs_gpa);
    uint8_t *dsdt = acpi_room(area, sizeof(vmm_dsdt_aml_code), &dsdt_gpa);
    uint8_t *fadt = acpi_room(area, sizeof(vmm_fadt_aml_code), &fadt_gpa);

    memcpy(facs, "FACS", 4);
    acpi_put(facs + ACPI_TABLE_LENGTH, ACPI_FACS_BYTES, 4);
    facs[32] = 2; /* Its version. It has no checksum. */
    memcpy(dsdt, vmm_dsdt_aml_code, sizeof(vmm_dsdt_aml_code));
    memcpy(fadt, vmm_fadt_aml_code, sizeof(vmm_fadt_aml_code));
    acpi_put(fadt + ACPI_FADT_FACS, facs_gpa, 4);
    acpi_put(fadt + ACPI_FADT_DSDT, dsdt_gpa, 4);
    acpi_put(fadt + ACPI_FADT_X_DSDT, dsdt_gpa, 8);
    acpi_sum(fadt, sizeof(vmm_fadt_aml_code), ACPI_TABLE_CHECKSUM);
    return fadt_gpa;
}

static uint8_t *acpi_madt_override(uint8_t *at, uint8_t irq, uint8_t pin, uint16_t flags)
{
    at[0] = MADT_OVERRIDE;
    at[1] = 10;
    at[3] = irq;
    acpi_put(at + 4, pin, 4);
    acpi_put(at + 8, flags, 2);
    return at + 10;
}

static uint64_t acpi_madt(struct acpi_area *area, uint32_t cpu_count)
{
    uint32_t bytes = ACPI_HEADER_BYTES + 8 + 8 * cpu_count + 12 + 2 * 10 + 6;
    uint64_t gpa;
    uint8_t *table = acpi_room(area, bytes, &gpa);
    uint8_t *at = table + ACPI_HEADER_BYTES;
    uint32_t index;

    acpi_put(at, VMM_APIC_ADDRESS, 4);
    acpi_put(at + 4, MADT_PC_AT, 4);
    at += 8;
    for (index = 0; index < cpu_count; index++) {
        at[0] = MADT_LOCAL_APIC;
        at[1] = 8;
        at[2] = at[3] = (uint8_t)index; /* ACPI's number of the processor, and its APIC id. */
        acpi_put(at + 4, 1, 4);         /* Enabled. */
        at += 8;
    }
    at[0] = MADT_IO_APIC;
    at[1] = 12;
    acpi_put(at + 4, VMM_IOAPIC_ADDRESS, 4);
    at = acpi_madt_override(at + 12, 0, MADT_TIMER_PIN, 0);
    at = acpi_madt_override(at, VMM_IRQ_ACPI, VMM_IRQ_ACPI, MADT_ACTIVE_HIGH | MADT_LEVEL);
    at[0] = MADT_NMI;
    at[1] = 6;
    at[2] = 0xFF; /* All processors, at pin 1. */
    at[5] = 1;
    acpi_header(table, "APIC", 3, bytes);
    return gpa;
}

uint64_t vmm_acpi_write(const struct vmm_memory *memory, uint32_t cpu_count)
{
    enum {
        TABLES = 2
    };
    struct acpi_area area = {
        vmm_memory_at(memory, VMM_BOOT_ACPI, VMM_BOOT_ACPI_END - VMM_BOOT_ACPI), 0};
    uint64_t rsdp_gpa;
    uint64_t xsdt_gpa;
    uint8_t *rsdp = acpi_room(&area, ACPI_RSDP_BYTES, &rsdp_gpa);
    uint8_t *xsdt = acpi_room(&area, ACPI_HEADER_BYTES + TABLES * 8, &xsdt_gpa);

    acpi_put(xsdt + ACPI_HEADER_BYTES, acpi_fadt(&area), 8);
    acpi_put(xsdt + ACPI_HEADER_BYTES + 8, acpi_madt(&area, cpu_count), 8);
    acpi_header(xsdt, "XSDT", 1, ACPI_HEADER_BYTES + TABLES * 8);

    memcpy(rsdp, "RSD PTR ", 8);
    memcpy(rsdp + 9, "VMBUS ", 6);
    rsdp[15] = 2;
    acpi_put(rsdp + 20, ACPI_RSDP_BYTES, 4);
    acpi_put(rsdp + ACPI_RSDP_XSDT, xsdt_gpa, 8);
    acpi_sum(rsdp, ACPI_RSDP_V1_BYTES, ACPI_RSDP_CHECKSUM);
    acpi_sum(rsdp, ACPI_RSDP_BYTES, ACPI_RSDP_V2_CHECKSUM);
    return rsdp_gpa;
}
