/* SPDX-License-Identifier: MIT */
#include "ring/vmb_ring_saved.h"

#include "ring/vmb_ring_memory.h"

static bool saved_fits(const void VMB_SHARED *control, uint32_t data_bytes,
                       const struct vmbi_ring_saved *saved)
{
    return vmbi_ring_shape_ok(control, data_bytes) &&
           vmbi_ring_index_ok(saved->offset, data_bytes) &&
           vmbi_ring_index_ok(saved->published_offset, data_bytes) &&
           saved->pending_bytes <= data_bytes;
}

void vmbi_ring_tx_save(const struct vmb_ring_tx *tx, struct vmbi_ring_saved *out_saved)
{
    out_saved->offset = tx->staged_offset;
    out_saved->published_offset = tx->published_offset;
    out_saved->pending_bytes = tx->pending_bytes;
    out_saved->broken = tx->broken != 0;
    out_saved->full = tx->full;
    out_saved->counters = tx->counters;
}

void vmbi_ring_rx_save(const struct vmb_ring_rx *rx, struct vmbi_ring_saved *out_saved)
{
    out_saved->offset = rx->read_offset;
    out_saved->published_offset = rx->published_offset;
    out_saved->pending_bytes = 0;
    out_saved->broken = rx->broken;
    out_saved->full = 0;
    out_saved->counters = rx->counters;
}

vmb_status vmbi_ring_tx_resume(struct vmb_ring_tx *tx, void VMB_SHARED *control,
                               uint32_t data_bytes, const struct vmbi_ring_saved *saved)
{
    if (!saved_fits(control, data_bytes, saved)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    /* Nothing orders this: the peer has seen it, and is stopped. */
    vmbi_shm_store(control, VMB_RING_WRITE_OFFSET, saved->published_offset, VMB_RELAXED);
    if (vmb_ring_tx_init(tx, control, data_bytes) != VMB_OK || saved->broken) {
        tx->broken = true;
    }
    tx->staged_offset = saved->offset;
    tx->published_offset = saved->published_offset;
    vmbi_ring_tx_forget_space(tx); /* Until the next look. */
    tx->pending_bytes = VMBI_RING_PENDING(saved->pending_bytes);
    vmbi_shm_store(control, VMB_RING_PENDING_SEND_BYTES, saved->pending_bytes, VMB_RELAXED);
    tx->full = saved->full;
    tx->counters = saved->counters;
    return VMB_OK;
}

vmb_status vmbi_ring_rx_resume(struct vmb_ring_rx *rx, void VMB_SHARED *control,
                               uint32_t data_bytes, const struct vmbi_ring_saved *saved)
{
    if (!saved_fits(control, data_bytes, saved)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmbi_shm_store(control, VMB_RING_READ_OFFSET, saved->published_offset, VMB_RELAXED);
    if (vmb_ring_rx_init(rx, control, data_bytes) != VMB_OK || saved->broken) {
        rx->broken = true;
    }
    rx->read_offset = saved->offset;
    rx->published_offset = saved->published_offset;
    vmbi_ring_rx_forget_packets(rx); /* Until the next look. */
    rx->counters = saved->counters;
    return VMB_OK;
}
