/* SPDX-License-Identifier: MIT */
/*
 * Faults that a guest and a host must survive. Each is legal: a real hypervisor, a loaded machine
 * or an old host does it. With any of them on, nothing may be lost, hang, leak or crash; once they
 * are off, everything that was begun must end.
 *
 *   interrupts  come late, several as one, and when nothing has happened
 *   posts       are refused for want of buffers, or with the other statuses that mean "again"
 *   slots       hold somebody else's message when one for VMBus comes
 *   pages       are refused when the guest wants to share some, or the host to map some
 *
 * Rates are in thousandths; 0 is never.
 */
#ifndef VMB_SIM_FAULTS_H
#define VMB_SIM_FAULTS_H

#include <vmbus/types.h>

struct vmb_sim_faults {
    uint32_t interrupt_late_per_mille;     /* Of interrupts taken: held back first. */
    uint32_t interrupt_late_ns;            /* For at most so long. Default 20000. */
    uint32_t interrupt_spurious_per_mille; /* Of interrupts taken: followed by one for nothing. */
    uint32_t guest_post_per_mille;         /* Of the guest's messages: refused, try again. */
    uint32_t host_post_per_mille;          /* Of the host's messages: refused, try again. */
    uint32_t foreign_message_per_mille;    /* Of the host's messages: a timer's goes first. */
    uint32_t share_per_mille;              /* Of the guest's shares: no memory. */
    uint32_t share_at;                     /* Only this one fails, counted from 1. */
    uint32_t map_per_mille;                /* Of the host's mappings: no memory. */
};

#endif /* VMB_SIM_FAULTS_H */
