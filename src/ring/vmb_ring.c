/* SPDX-License-Identifier: MIT */
/* What belongs to neither half of a ring: its memory, its arithmetic, a look from outside. */
#include "ring/vmb_ring_memory.h"

void vmb_ring_format(void VMB_SHARED *control)
{
    vmbi_shm_zero(control, VMB_PAGE_BYTES);
    vmbi_shm_store(control, VMB_RING_FEATURE_BITS, VMB_RING_FEATURE_FLOW, VMB_RELAXED);
}

uint32_t vmb_ring_packet_bytes(uint32_t header_bytes, uint32_t payload_bytes)
{
    uint64_t content_bytes = (uint64_t)VMB_PACKET_DESCRIPTOR_BYTES + header_bytes + payload_bytes;

    content_bytes = (content_bytes + 7u) & ~(uint64_t)7u;
    if (header_bytes % 8u != 0 || content_bytes > VMB_PACKET_MAX_BYTES) {
        return UINT32_MAX;
    }
    return (uint32_t)content_bytes + VMB_PACKET_TRAILER_BYTES;
}

uint32_t vmb_ring_packet_limit(uint32_t data_bytes)
{
    const uint32_t largest = VMB_PACKET_MAX_BYTES + VMB_PACKET_TRAILER_BYTES;

    /* The gap, and 8 bytes more: openvmm refuses a packet that leaves only the gap. */
    return data_bytes - 16u < largest ? data_bytes - 16u : largest;
}

vmb_status vmb_ring_inspect(const void VMB_SHARED *control, uint32_t data_bytes,
                            struct vmb_ring_state *out_state)
{
    uint32_t used_bytes;

    *out_state = (struct vmb_ring_state){0};
    if (!vmbi_ring_shape_ok(control, data_bytes)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    out_state->write_offset = vmbi_shm_load(control, VMB_RING_WRITE_OFFSET, VMB_RELAXED);
    out_state->read_offset = vmbi_shm_load(control, VMB_RING_READ_OFFSET, VMB_RELAXED);
    out_state->masked = vmbi_shm_load(control, VMB_RING_INTERRUPT_MASK, VMB_RELAXED) != 0;
    out_state->pending_bytes = vmbi_shm_load(control, VMB_RING_PENDING_SEND_BYTES, VMB_RELAXED);
    out_state->features = vmbi_shm_load(control, VMB_RING_FEATURE_BITS, VMB_RELAXED);
    if (!vmbi_ring_index_ok(out_state->write_offset, data_bytes) ||
        !vmbi_ring_index_ok(out_state->read_offset, data_bytes)) {
        return VMB_ERR_PEER;
    }
    used_bytes = vmbi_ring_distance(out_state->read_offset, out_state->write_offset, data_bytes);
    out_state->used_bytes = used_bytes;
    out_state->free_bytes = data_bytes - VMBI_RING_GAP_BYTES - used_bytes;
    return VMB_OK;
}
