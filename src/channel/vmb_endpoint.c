/* SPDX-License-Identifier: MIT */
/*
 * The rings decide, the endpoint acts: wherever a ring says "signal the peer now", the doorbell is
 * rung at once, so that no driver can forget it.
 */
#include <vmbus/endpoint.h>

static void endpoint_signal_if(const struct vmb_endpoint *endpoint, bool needed)
{
    if (needed) {
        endpoint->ring_doorbell(endpoint->doorbell_context);
    }
}

vmb_status vmb_endpoint_init(struct vmb_endpoint *endpoint, const struct vmb_endpoint_rings *rings,
                             void (*ring_doorbell)(void *context), void *doorbell_context)
{
    vmb_status status;

    if (ring_doorbell == NULL) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    endpoint->ring_doorbell = ring_doorbell;
    endpoint->doorbell_context = doorbell_context;
    status = vmb_ring_tx_init(&endpoint->tx, rings->tx_control, rings->tx_data_bytes);
    if (status != VMB_OK) {
        return status;
    }
    return vmb_ring_rx_init(&endpoint->rx, rings->rx_control, rings->rx_data_bytes);
}

vmb_status vmb_endpoint_inspect(const struct vmb_endpoint *endpoint, struct vmb_ring_state *out_tx,
                                struct vmb_ring_state *out_rx)
{
    vmb_status tx = vmb_ring_inspect(endpoint->tx.control, endpoint->tx.data_bytes, out_tx);
    vmb_status rx = vmb_ring_inspect(endpoint->rx.control, endpoint->rx.data_bytes, out_rx);

    return tx != VMB_OK ? tx : rx;
}

vmb_status vmb_endpoint_stage_typed(struct vmb_endpoint *endpoint,
                                    const struct vmb_packet_out *packet,
                                    const struct vmb_slice *payload, uint32_t slice_count)
{
    return vmb_ring_tx_write(&endpoint->tx, packet, payload, slice_count);
}

vmb_status vmb_endpoint_stage(struct vmb_endpoint *endpoint, const struct vmb_slice *payload,
                              uint32_t slice_count, uint64_t transaction_id, bool want_completion)
{
    struct vmb_packet_out packet = {
        .transaction_id = transaction_id,
        .type = VMB_PACKET_IN_BAND,
        .flags = want_completion ? VMB_PACKET_WANTS_COMPLETION : 0,
    };

    return vmb_ring_tx_write(&endpoint->tx, &packet, payload, slice_count);
}

vmb_status vmb_endpoint_stage_many(struct vmb_endpoint *endpoint,
                                   const struct vmb_packet_out *packets,
                                   const struct vmb_slice *payloads, uint32_t count,
                                   uint32_t *out_count)
{
    return vmb_ring_tx_write_many(&endpoint->tx, packets, payloads, count, out_count);
}

void vmb_endpoint_flush(struct vmb_endpoint *endpoint)
{
    endpoint_signal_if(endpoint, vmb_ring_tx_commit(&endpoint->tx));
}

/* Stage one packet and flush, also if it did not fit: what was staged before must not wait. */
static vmb_status endpoint_send_packet(struct vmb_endpoint *endpoint,
                                       const struct vmb_packet_out *packet, const void *payload,
                                       uint32_t payload_bytes)
{
    struct vmb_slice slice = {.bytes = payload, .byte_count = payload_bytes};
    vmb_status status = vmb_ring_tx_write(&endpoint->tx, packet, &slice, 1);

    vmb_endpoint_flush(endpoint);
    return status;
}

vmb_status vmb_endpoint_send(struct vmb_endpoint *endpoint, const void *payload,
                             uint32_t payload_bytes, uint64_t transaction_id, bool want_completion)
{
    struct vmb_packet_out packet = {
        .transaction_id = transaction_id,
        .type = VMB_PACKET_IN_BAND,
        .flags = want_completion ? VMB_PACKET_WANTS_COMPLETION : 0,
    };

    return endpoint_send_packet(endpoint, &packet, payload, payload_bytes);
}

vmb_status vmb_endpoint_send_many(struct vmb_endpoint *endpoint,
                                  const struct vmb_packet_out *packets,
                                  const struct vmb_slice *payloads, uint32_t count,
                                  uint32_t *out_count)
{
    vmb_status status = vmb_ring_tx_write_many(&endpoint->tx, packets, payloads, count, out_count);

    vmb_endpoint_flush(endpoint);
    return status;
}

vmb_status vmb_endpoint_complete(struct vmb_endpoint *endpoint, uint64_t transaction_id,
                                 const void *payload, uint32_t payload_bytes)
{
    struct vmb_packet_out packet = {
        .transaction_id = transaction_id,
        .type = VMB_PACKET_COMPLETION,
    };

    return endpoint_send_packet(endpoint, &packet, payload, payload_bytes);
}

vmb_status vmb_endpoint_wait_space(struct vmb_endpoint *endpoint, uint32_t payload_bytes)
{
    vmb_endpoint_flush(endpoint); /* The peer could never drain what it cannot see. */
    return vmb_ring_tx_wait_space(&endpoint->tx, vmb_ring_packet_bytes(0, payload_bytes));
}

uint32_t vmb_endpoint_payload_limit(const struct vmb_endpoint *endpoint)
{
    return vmb_ring_packet_limit(endpoint->tx.data_bytes) - VMB_RING_PACKET_OVERHEAD_BYTES;
}

vmb_status vmb_endpoint_receive(struct vmb_endpoint *endpoint, void *buffer, uint32_t buffer_bytes,
                                struct vmb_packet *out_packet)
{
    return vmb_ring_rx_next(&endpoint->rx, buffer, buffer_bytes, out_packet);
}

vmb_status vmb_endpoint_receive_many(struct vmb_endpoint *endpoint, void *buffer,
                                     uint32_t buffer_bytes, struct vmb_packet *out_packets,
                                     uint32_t limit, uint32_t *out_count)
{
    return vmb_ring_rx_next_many(&endpoint->rx, buffer, buffer_bytes, out_packets, limit,
                                 out_count);
}

vmb_status vmb_endpoint_receive_header(struct vmb_endpoint *endpoint,
                                       const struct vmb_packet *packet, void *buffer,
                                       uint32_t buffer_bytes)
{
    uint32_t header_bytes = packet->header_bytes - VMB_PACKET_DESCRIPTOR_BYTES;

    if (header_bytes > buffer_bytes) {
        return VMB_ERR_TOO_SMALL;
    }
    return vmb_ring_rx_copy(&endpoint->rx, packet, VMB_PACKET_DESCRIPTOR_BYTES, buffer,
                            header_bytes);
}

void vmb_endpoint_skip(struct vmb_endpoint *endpoint, const struct vmb_packet *packet)
{
    vmb_ring_rx_advance(&endpoint->rx, packet);
}

void vmb_endpoint_release(struct vmb_endpoint *endpoint)
{
    endpoint_signal_if(endpoint, vmb_ring_rx_commit(&endpoint->rx));
}

void vmb_endpoint_mask(struct vmb_endpoint *endpoint)
{
    vmb_ring_rx_mask(&endpoint->rx);
}

bool vmb_endpoint_unmask(struct vmb_endpoint *endpoint)
{
    vmb_endpoint_release(endpoint);
    return vmb_ring_rx_unmask(&endpoint->rx);
}

void vmb_endpoint_run_begin(struct vmb_endpoint *endpoint, struct vmb_endpoint_run *out_run)
{
    vmb_ring_rx_mask(&endpoint->rx);
    out_run->packets = endpoint->rx.counters.packets;
    out_run->peer_offset = vmb_ring_rx_peer_offset(&endpoint->rx);
}

bool vmb_endpoint_run_done(struct vmb_endpoint *endpoint, const struct vmb_endpoint_run *run)
{
    if (!vmb_endpoint_unmask(endpoint) || endpoint->rx.broken) {
        return false;
    }
    /* An index that came round to where it was did so because packets were read. */
    return endpoint->rx.counters.packets != run->packets ||
           vmb_ring_rx_peer_offset(&endpoint->rx) != run->peer_offset;
}
