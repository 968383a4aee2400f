/* SPDX-License-Identifier: MIT */
#include "x86_power.h"

#include "x86_acpi.h"
#include "x86_cpu.h"
#include "x86_hyperv.h"

enum {
    PM1_SCI_ENABLE = 1 << 0,
    PM1_SLEEP_TYPE_SHIFT = 10,
    PM1_SLEEP_TYPE_MASK = 7 << 10,
    PM1_SLEEP_ENABLE = 1 << 13,
    SLEEP_TYPE_SHIFT = 2, /* The sleep control register of hardware-reduced ACPI. */
    SLEEP_ENABLE = 1 << 5
};

/* Looks at a port before a wait is given up. Each is an exit to the hypervisor: about a second. */
#define POWER_SPINS_MAX 100000u

static void power_sleep(uint16_t port, uint8_t type)
{
    uint16_t value = x86_in16(port);

    value = (uint16_t)((value & ~(PM1_SLEEP_TYPE_MASK | PM1_SLEEP_ENABLE)) |
                       type << PM1_SLEEP_TYPE_SHIFT);
    x86_out16(port, value);
    x86_out16(port, (uint16_t)(value | PM1_SLEEP_ENABLE));
}

/* The same on machines without PM1 registers. */
static void power_sleep_reduced(void)
{
    uint8_t value = (uint8_t)(x86_acpi.s5_type_a << SLEEP_TYPE_SHIFT | SLEEP_ENABLE);

    if (x86_acpi.sleep_is_port) {
        x86_out8((uint16_t)x86_acpi.sleep_address, value);
    } else {
        *(volatile uint8_t *)(uintptr_t)x86_acpi.sleep_address = value;
    }
}

/* Firmware may still own the power registers; ask for them once. */
static void power_take_acpi(void)
{
    uint32_t spins;

    if (x86_acpi.smi_port == 0 || (x86_in16(x86_acpi.pm1a_port) & PM1_SCI_ENABLE) != 0) {
        return;
    }
    x86_out8(x86_acpi.smi_port, x86_acpi.acpi_enable);
    for (spins = 0; spins < POWER_SPINS_MAX; spins++) {
        if ((x86_in16(x86_acpi.pm1a_port) & PM1_SCI_ENABLE) != 0) {
            return;
        }
    }
}

static _Noreturn void power_halt(void)
{
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

_Noreturn void x86_power_off(void)
{
    x86_irq_disable();
    if (x86_acpi.pm1a_port != 0 && x86_acpi.have_s5) {
        power_take_acpi();
        power_sleep(x86_acpi.pm1a_port, x86_acpi.s5_type_a);
        if (x86_acpi.pm1b_port != 0) {
            power_sleep(x86_acpi.pm1b_port, x86_acpi.s5_type_b);
        }
    }
    if (x86_acpi.sleep_address != 0 && x86_acpi.have_s5) {
        power_sleep_reduced();
    }
    /* Without ACPI: where QEMU's q35 and pc machines have PM1a, and their soft-off type. */
    x86_out16(0x604, 0x2000);
    x86_out16(0xb004, 0x2000);
    power_halt();
}

_Noreturn void x86_reset(void)
{
    static const uint16_t no_table[5];
    uint32_t spins;

    x86_irq_disable();
    x86_hyperv_reset();
    if (x86_acpi.reset_port != 0) {
        x86_out8(x86_acpi.reset_port, x86_acpi.reset_value);
    }
    for (spins = 0; spins < POWER_SPINS_MAX && (x86_in8(0x64) & 2) != 0; spins++) {
        x86_pause();
    }
    x86_out8(0x64, 0xfe); /* The keyboard controller pulses the CPU's reset line. */
    /* No interrupt table: the first exception becomes a shutdown. */
    __asm__ volatile("lidt %0; int3" : : "m"(no_table));
    power_halt();
}
