/* SPDX-License-Identifier: MIT */
/* ACPI's power registers, and the two ports by which a PC is reset. See vmm_fadt.asl. */
#ifndef VMM_POWER_H
#define VMM_POWER_H

#include <stdatomic.h>
#include <stdint.h>

#define VMM_POWER_PORT  0x600u
#define VMM_POWER_PORTS 6u
#define VMM_RESET_PORT  0xCF9u
#define VMM_KEYBOARD_CONTROL                                                                       \
    0x64u /* Of a keyboard controller that has nothing but a reset line.                           \
           */

enum vmm_power_action {
    VMM_POWER_NONE = 0,
    VMM_POWER_OFF = 1,
    VMM_POWER_RESET = 2
};

struct vmm_power {
    atomic_uint enable; /* Of events, none of which ever comes. */
};

uint32_t vmm_power_read(struct vmm_power *power, uint16_t port);

/* Returns what the guest wants. */
enum vmm_power_action vmm_power_write(struct vmm_power *power, uint16_t port, uint32_t value);

#endif /* VMM_POWER_H */
