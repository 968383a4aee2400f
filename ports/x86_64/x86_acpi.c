/* SPDX-License-Identifier: MIT */
#include "x86_acpi.h"

#include "x86_cpu.h"
#include "x86_string.h"

/* Offsets in the tables; ACPI 6.4, chapter 5. */
enum {
    RSDP_OFFSET_REVISION = 15,
    RSDP_OFFSET_RSDT = 16,
    RSDP_OFFSET_XSDT = 24,
    TABLE_OFFSET_LENGTH = 4,
    TABLE_HEADER_BYTES = 36,
    MADT_OFFSET_ENTRIES = 44,
    MADT_LOCAL_APIC = 0,
    MADT_LOCAL_X2APIC = 9,
    MADT_ENABLED = 1,
    FADT_OFFSET_DSDT = 40,
    FADT_OFFSET_SMI_PORT = 48,
    FADT_OFFSET_ACPI_ENABLE = 52,
    FADT_OFFSET_PM1A_CONTROL = 64,
    FADT_OFFSET_PM1B_CONTROL = 68,
    FADT_OFFSET_PM_TIMER = 76,
    FADT_OFFSET_FLAGS = 112,
    FADT_OFFSET_RESET = 116, /* A generic address: space, width, offset, access, address. */
    FADT_OFFSET_RESET_VALUE = 128,
    FADT_OFFSET_X_DSDT = 140,
    FADT_OFFSET_SLEEP_CONTROL = 244, /* A generic address. */
    FADT_FLAG_RESET = 1 << 10,
    FADT_FLAG_HW_REDUCED = 1 << 20,
    GENERIC_OFFSET_ADDRESS = 4,
    GENERIC_SPACE_IO = 1,
    GENERIC_BYTES = 12,
    TABLES_MAX = 256 /* More root entries than any firmware has: a broken length ends here. */
};

/* AML, as far as `Name (_S5, Package () { a, b, ... })` needs it. */
enum {
    AML_ZERO = 0x00,
    AML_ONE = 0x01,
    AML_NAME = 0x08,
    AML_BYTE = 0x0a,
    AML_PACKAGE = 0x12,
    AML_ROOT = 0x5c
};

struct x86_acpi x86_acpi;

static const uint8_t *acpi_at(uint64_t address)
{
    return (const uint8_t *)(uintptr_t)address;
}

static uint32_t acpi_length(const uint8_t *table)
{
    return x86_load32(table + TABLE_OFFSET_LENGTH);
}

static bool acpi_sums_to_zero(const uint8_t *bytes, uint32_t count)
{
    uint8_t sum = 0;

    while (count-- != 0) {
        sum = (uint8_t)(sum + *bytes++);
    }
    return sum == 0;
}

static void acpi_add_cpu(uint32_t apic_id, uint32_t flags)
{
    if ((flags & MADT_ENABLED) != 0 && x86_acpi.cpu_count < X86_ACPI_CPUS_MAX) {
        x86_acpi.apic_ids[x86_acpi.cpu_count++] = apic_id;
    }
}

static void acpi_read_madt(const uint8_t *madt)
{
    const uint8_t *entry = madt + MADT_OFFSET_ENTRIES, *end = madt + acpi_length(madt);

    while (end - entry >= 2 && entry[1] >= 2 && entry[1] <= end - entry) {
        if (entry[0] == MADT_LOCAL_APIC && entry[1] >= 8) {
            acpi_add_cpu(entry[3], x86_load32(entry + 4));
        } else if (entry[0] == MADT_LOCAL_X2APIC && entry[1] >= 16) {
            acpi_add_cpu(x86_load32(entry + 4), x86_load32(entry + 8));
        }
        entry += entry[1];
    }
}

/* One small AML integer at *@p at, which moves past it. */
static bool acpi_read_integer(const uint8_t **at, const uint8_t *end, uint8_t *out_value)
{
    const uint8_t *p = *at;

    if (p < end && (*p == AML_ZERO || *p == AML_ONE)) {
        *out_value = *p;
        *at = p + 1;
        return true;
    }
    if (end - p >= 2 && *p == AML_BYTE) {
        *out_value = p[1];
        *at = p + 2;
        return true;
    }
    return false;
}

static void acpi_find_s5(const uint8_t *dsdt)
{
    const uint8_t *end = dsdt + acpi_length(dsdt);
    const uint8_t *p;

    for (p = dsdt + TABLE_HEADER_BYTES + 1; end - p >= 8; p++) {
        const uint8_t *value = p + 4;

        if (memcmp(p, "_S5_", 4) != 0 || *value != AML_PACKAGE ||
            (p[-1] != AML_NAME && (p[-1] != AML_ROOT || p[-2] != AML_NAME))) {
            continue;
        }
        value++;
        value += 1 + (*value >> 6); /* PkgLength says in its top bits how many bytes follow. */
        value++;                    /* The number of elements. */
        x86_acpi.have_s5 = value < end && acpi_read_integer(&value, end, &x86_acpi.s5_type_a) &&
                           acpi_read_integer(&value, end, &x86_acpi.s5_type_b);
        return;
    }
}

static void acpi_read_fadt(const uint8_t *fadt)
{
    uint32_t length = acpi_length(fadt);
    uint32_t flags;
    uint64_t dsdt = 0;

    if (length < FADT_OFFSET_FLAGS + 4) {
        return;
    }
    flags = x86_load32(fadt + FADT_OFFSET_FLAGS);
    if ((flags & FADT_FLAG_HW_REDUCED) == 0) {
        x86_acpi.smi_port = x86_load16(fadt + FADT_OFFSET_SMI_PORT);
        x86_acpi.acpi_enable = fadt[FADT_OFFSET_ACPI_ENABLE];
        x86_acpi.pm1a_port = x86_load16(fadt + FADT_OFFSET_PM1A_CONTROL);
        x86_acpi.pm1b_port = x86_load16(fadt + FADT_OFFSET_PM1B_CONTROL);
        x86_acpi.pm_timer_port = x86_load16(fadt + FADT_OFFSET_PM_TIMER);
    }
    if ((flags & FADT_FLAG_HW_REDUCED) != 0 &&
        length >= FADT_OFFSET_SLEEP_CONTROL + GENERIC_BYTES &&
        fadt[FADT_OFFSET_SLEEP_CONTROL] <= GENERIC_SPACE_IO) {
        x86_acpi.sleep_is_port = fadt[FADT_OFFSET_SLEEP_CONTROL] == GENERIC_SPACE_IO;
        x86_acpi.sleep_address =
            x86_load64(fadt + FADT_OFFSET_SLEEP_CONTROL + GENERIC_OFFSET_ADDRESS);
    }
    if ((flags & FADT_FLAG_RESET) != 0 && length > FADT_OFFSET_RESET_VALUE &&
        fadt[FADT_OFFSET_RESET] == GENERIC_SPACE_IO) {
        x86_acpi.reset_port = x86_load16(fadt + FADT_OFFSET_RESET + GENERIC_OFFSET_ADDRESS);
        x86_acpi.reset_value = fadt[FADT_OFFSET_RESET_VALUE];
    }
    if (length >= FADT_OFFSET_X_DSDT + 8) {
        dsdt = x86_load64(fadt + FADT_OFFSET_X_DSDT);
    }
    if (dsdt == 0) {
        dsdt = x86_load32(fadt + FADT_OFFSET_DSDT);
    }
    if (dsdt != 0 && memcmp(acpi_at(dsdt), "DSDT", 4) == 0) {
        acpi_find_s5(acpi_at(dsdt));
    }
}

static void acpi_read_table(uint64_t address)
{
    const uint8_t *table = acpi_at(address);

    if (address == 0 || acpi_length(table) < TABLE_HEADER_BYTES ||
        !acpi_sums_to_zero(table, acpi_length(table))) {
        return;
    }
    if (memcmp(table, "APIC", 4) == 0) {
        acpi_read_madt(table);
    } else if (memcmp(table, "FACP", 4) == 0) {
        acpi_read_fadt(table);
    }
}

void x86_acpi_init(uint64_t rsdp)
{
    const uint8_t *root, *pointer = acpi_at(rsdp);
    uint32_t width, count, i;
    uint64_t address;

    if (rsdp == 0 || memcmp(pointer, "RSD PTR ", 8) != 0 || !acpi_sums_to_zero(pointer, 20)) {
        return;
    }
    address = pointer[RSDP_OFFSET_REVISION] >= 2 ? x86_load64(pointer + RSDP_OFFSET_XSDT) : 0;
    width = address != 0 ? 8 : 4;
    if (address == 0) {
        address = x86_load32(pointer + RSDP_OFFSET_RSDT);
    }
    root = acpi_at(address);
    if (address == 0 || acpi_length(root) < TABLE_HEADER_BYTES) {
        return;
    }
    count = (acpi_length(root) - TABLE_HEADER_BYTES) / width;
    for (i = 0; i < count && i < TABLES_MAX; i++) {
        const uint8_t *entry = root + TABLE_HEADER_BYTES + i * width;

        acpi_read_table(width == 8 ? x86_load64(entry) : x86_load32(entry));
    }
}
