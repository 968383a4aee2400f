/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_power.h"

/* PM1 registers, from VMM_POWER_PORT on. */
enum {
    PM1_STATUS = 0,
    PM1_ENABLE = 2,
    PM1_CONTROL = 4
};
enum {
    PM1_SCI_ENABLED = 1,
    PM1_SLEEP_TYPE_SHIFT = 10,
    PM1_SLEEP_TYPE_MASK = 7,
    PM1_SLEEP = 1 << 13
};

#define POWER_S5_TYPE     5u    /* As the DSDT has it. */
#define POWER_RESET_CPU   4u    /* Of VMM_RESET_PORT. */
#define POWER_PULSE_RESET 0xFEu /* To VMM_KEYBOARD_CONTROL. */

uint32_t vmm_power_read(struct vmm_power *power, uint16_t port)
{
    switch (port) {
    case VMM_POWER_PORT + PM1_ENABLE:
        return atomic_load(&power->enable);
    case VMM_POWER_PORT + PM1_CONTROL: /* Always in ACPI's hands. */
        return PM1_SCI_ENABLED;
    default:
        return 0;
    }
}

enum vmm_power_action vmm_power_write(struct vmm_power *power, uint16_t port, uint32_t value)
{
    switch (port) {
    case VMM_POWER_PORT + PM1_ENABLE:
        atomic_store(&power->enable, value & 0xFFFFu);
        return VMM_POWER_NONE;
    case VMM_POWER_PORT + PM1_CONTROL:
        if ((value & PM1_SLEEP) != 0 &&
            (value >> PM1_SLEEP_TYPE_SHIFT & PM1_SLEEP_TYPE_MASK) == POWER_S5_TYPE) {
            return VMM_POWER_OFF;
        }
        return VMM_POWER_NONE;
    case VMM_RESET_PORT:
        return (value & POWER_RESET_CPU) != 0 ? VMM_POWER_RESET : VMM_POWER_NONE;
    case VMM_KEYBOARD_CONTROL:
        return (value & 0xFFu) == POWER_PULSE_RESET ? VMM_POWER_RESET : VMM_POWER_NONE;
    default:
        return VMM_POWER_NONE;
    }
}
