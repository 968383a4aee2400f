/* SPDX-License-Identifier: MIT */
/*
 * What a half of a ring knows that the ring's memory does not say, or says in a place that the peer
 * can write: enough to go on in the middle of the traffic, also with packets that are staged but
 * not committed, or read but not given back.
 */
#ifndef VMB_RING_SAVED_H
#define VMB_RING_SAVED_H

#include <vmbus/ring.h>

struct vmbi_ring_saved {
    uint32_t offset;           /* staged_offset or read_offset. */
    uint32_t published_offset; /* What the peer knows. */
    uint32_t pending_bytes;    /* Producer: what the peer has been told that we wait for. */
    bool broken;
    uint32_t full; /* Producer: packets refused. */
    struct vmb_ring_counters counters;
};

void vmbi_ring_tx_save(const struct vmb_ring_tx *tx, struct vmbi_ring_saved *out_saved);
void vmbi_ring_rx_save(const struct vmb_ring_rx *rx, struct vmbi_ring_saved *out_saved);

/*
 * Go on over the same memory. Our own index is put back where the peer reads it, whatever stands
 * there now. A ring that the peer has broken goes on as a broken ring, so that its owner hears of
 * it as it would have. VMB_ERR_INVALID_ARGUMENT: no ring has such a size or such offsets.
 */
VMB_NODISCARD vmb_status vmbi_ring_tx_resume(struct vmb_ring_tx *tx, void VMB_SHARED *control,
                                             uint32_t data_bytes,
                                             const struct vmbi_ring_saved *saved);
VMB_NODISCARD vmb_status vmbi_ring_rx_resume(struct vmb_ring_rx *rx, void VMB_SHARED *control,
                                             uint32_t data_bytes,
                                             const struct vmbi_ring_saved *saved);

#endif /* VMB_RING_SAVED_H */
