/* SPDX-License-Identifier: MIT */
/* What the emulated SynIC keeps for each VP. Private to src/hv. */
#ifndef VMB_HV_SYNIC_STATE_H
#define VMB_HV_SYNIC_STATE_H

#include <vmbus/hv_synic.h>
#include <vmbus/platform/atomic.h>

#include "hv/vmb_hv_passage.h"

#define VMBI_HV_NO_BUFFER 0xFFFFu

/* A message that waits for its slot. */
struct vmbi_hv_buffer {
    uint64_t origin;
    uint32_t type;
    uint16_t payload_bytes;
    uint16_t next; /* Index of the next one of the queue or of the free list. */
    uint8_t payload[VMB_HV_MESSAGE_MAX];
};

/* The register in two halves: all that means something is in the low one. */
struct vmbi_hv_sint {
    vmb_atomic_u32 low; /* Read by signallers. */
    uint32_t high;
    uint16_t head;
    uint16_t tail;
    uint32_t queued;
};

enum vmbi_hv_counter {
    VMBI_HV_SIGNALS,
    VMBI_HV_SIGNALS_MERGED,
    VMBI_HV_SIGNALS_REFUSED,
    VMBI_HV_INTERRUPTS,
    VMBI_HV_MESSAGES_ACCEPTED,
    VMBI_HV_MESSAGES_DELIVERED,
    VMBI_HV_MESSAGES_REFUSED,
    VMBI_HV_COUNTERS
};

struct vmbi_hv_vp {
    /* Signallers, from any thread. */
    VMB_CACHE_ALIGNED struct vmbi_hv_passage signallers;
    vmb_atomic_ptr flags_target; /* The event page; NULL while it or the SynIC is off. */
    struct vmbi_hv_sint sints[VMB_HV_SINT_COUNT];
    vmb_atomic_word counters[VMBI_HV_COUNTERS];

    /* The one caller of the VP's registers. */
    uint64_t scontrol;
    uint64_t siefp;
    uint64_t simp;
    void VMB_SHARED *event_page; /* Mapped, whether the SynIC is on or not. */
    void VMB_SHARED *message_page;
    struct vmbi_hv_buffer *buffers;
    uint16_t free_buffer;
};

struct vmb_hv_synic {
    struct vmb_hv_synic_platform platform;
    uint32_t vp_count;
    uint32_t message_buffers;
    bool arm64;
    struct vmbi_hv_vp *vps;
};

/* A counter of its own: no order with anything else. */
VMB_INLINE void vmbi_hv_count(struct vmbi_hv_vp *vp, enum vmbi_hv_counter counter)
{
    (void)vmb_atomic_fetch_add(&vp->counters[counter], (uintptr_t)1, VMB_RELAXED);
}

/* What signallers may use of the registers as they now stand. */
void vmbi_hv_synic_publish(struct vmbi_hv_vp *state);

/*
 * Map the page that SIMP or SIEFP names @now, and let go of the one that it named @before once no
 * signaller uses it any more. @page: the VP's event_page or message_page.
 */
void vmbi_hv_synic_remap(struct vmb_hv_synic *synic, uint32_t vp, void VMB_SHARED **page,
                         uint64_t before, uint64_t now);

/* Raise the SINT's interrupt unless it is masked or polled. @low: of its register. */
void vmbi_hv_interrupt(struct vmb_hv_synic *synic, uint32_t vp, uint32_t low);

/* All queues empty, all buffers free. */
void vmbi_hv_messages_reset(struct vmb_hv_synic *synic, uint32_t vp);

/* Look at the queues of a VP again: those of every SINT, or of the SINTs with that vector. */
void vmbi_hv_messages_rescan(struct vmb_hv_synic *synic, uint32_t vp);
void vmbi_hv_messages_rescan_vector(struct vmb_hv_synic *synic, uint32_t vp, uint32_t vector);

#endif /* VMB_HV_SYNIC_STATE_H */
