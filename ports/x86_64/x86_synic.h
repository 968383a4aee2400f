/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The synthetic interrupt controller of each CPU, with VMBus's SINT 2 on a vector of ours.
 *
 * What the pages hold and how messages and flags are taken from them is the library's part. This
 * is the part that must run on the CPU itself.
 */
#ifndef X86_SYNIC_H
#define X86_SYNIC_H

#include <stdbool.h>
#include <stdint.h>

/** The pages that one VP shares with the hypervisor. */
struct x86_synic {
    uint32_t vp_index; /* The hypervisor's number of this CPU: not the APIC id, not our index. */
    uint8_t *messages; /* SIM page: 16 slots of 256 bytes. */
    uint8_t *events;   /* SIEF page: 16 groups of 2048 bits. */
    bool online;
    bool messages_ours; /* Allocated here, so freed here. */
    bool events_ours;
};

/**
 * Learn the calling CPU's VP index and give its two pages to the hypervisor. No interrupt yet.
 * Allocates the pages, unless firmware left some in use.
 *
 * @return False without memory for the pages.
 */
bool x86_synic_prepare(struct x86_synic *synic);

/** Let SINT 2 of the calling CPU, which has been prepared, raise @p vector. */
void x86_synic_online(struct x86_synic *synic, uint8_t vector);

/** Mask SINT 2 take the pages away, on the calling CPU, and free them. */
void x86_synic_offline(struct x86_synic *synic);

/** True if SINT 2's interrupts are ended by the hypervisor: no x86_apic_eoi() for them. */
bool x86_synic_auto_eoi(void);

/** End of message, on the CPU whose message slot was emptied. isr-ok. */
void x86_synic_eom(void);

#endif /* X86_SYNIC_H */
