/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The local APIC: end of interrupt and interrupts between CPUs, as x2APIC where there is one.
 */
#ifndef X86_APIC_H
#define X86_APIC_H

#include <stdbool.h>
#include <stdint.h>

/** Switch the calling CPU's local APIC on. */
void x86_apic_init_cpu(void);

/** True after x86_apic_init_cpu() if the CPUs speak x2APIC. */
bool x86_apic_is_x2(void);

/** The calling CPU's APIC id. */
uint32_t x86_apic_id(void);

/** End of interrupt. isr-ok. */
void x86_apic_eoi(void);

/** Raise @p vector on the CPU with @p apic_id. isr-ok. */
void x86_apic_send(uint32_t apic_id, uint8_t vector);

/** The two steps that start a CPU; @p page is where it begins, below 1 MiB. */
void x86_apic_send_init(uint32_t apic_id);
void x86_apic_send_startup(uint32_t apic_id, uint64_t page);

/** Count @p ticks down on the calling CPU, then raise @p vector; 0 stops. */
void x86_apic_timer_start(uint32_t ticks, uint8_t vector);

/** What is left of the ticks. */
uint32_t x86_apic_timer_left(void);

#endif /* X86_APIC_H */
