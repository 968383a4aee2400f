/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The ways out.
 */
#ifndef X86_POWER_H
#define X86_POWER_H

/** Switch the machine off: ACPI's soft-off, or the ports of well-known emulators, or sleep. */
_Noreturn void x86_power_off(void);

/** Start the machine again: ACPI's reset register, the keyboard controller, a triple fault. */
_Noreturn void x86_reset(void);

#endif /* X86_POWER_H */
