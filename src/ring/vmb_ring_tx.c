/* SPDX-License-Identifier: MIT */
/*
 * The producing half of a ring: stage packets, publish them, wait for space.
 *
 * Packets are written behind what the peer knows and become visible all at once, by one store of
 * the write index. That index lives here; the shared copy is only ever published. Of the peer's
 * index is kept only up to where packets fit without a look and without a wrap, so that a stream of
 * packets looks at the peer's line only there.
 */
#include "ring/vmb_ring_memory.h"

/* The peer has done what no peer may: whatever is staged stays unseen, and nothing more is sent. */
VMBI_RING_COLD static void ring_tx_break(struct vmb_ring_tx *tx)
{
    tx->broken = true;
    tx->staged_offset = tx->published_offset;
    vmbi_ring_tx_forget_space(tx);
}

/* Look how far the peer has read. The space that it leaves is also written on failure, as 0. */
static vmb_status ring_tx_refresh(struct vmb_ring_tx *tx, uint32_t *out_space_bytes)
{
    uint32_t limit = vmb_ring_packet_limit(tx->data_bytes);
    uint32_t read_offset, space_bytes, end;

    *out_space_bytes = 0;
    if (tx->broken) {
        return VMB_ERR_PEER;
    }
    /*
     * Acquire: pairs with the release store of the read index in the consumer's commit. It has
     * done with these bytes before we overwrite them.
     */
    read_offset = vmbi_shm_load(tx->control, VMB_RING_READ_OFFSET, VMB_ACQUIRE);
    if (!vmbi_ring_index_ok(read_offset, tx->data_bytes)) {
        ring_tx_break(tx);
        return VMB_ERR_PEER;
    }
    space_bytes = tx->data_bytes - VMBI_RING_GAP_BYTES -
                  vmbi_ring_distance(read_offset, tx->staged_offset, tx->data_bytes);
    if (space_bytes < tx->straight_end - tx->staged_offset) {
        ring_tx_break(tx); /* Space does not vanish: the peer has moved backwards. */
        return VMB_ERR_PEER;
    }
    /*
     * What the next packets can take without further ado: not more than one may have, and ending
     * before the ring does, so that an offset behind it is one as it is.
     */
    end = tx->staged_offset + (space_bytes < limit ? space_bytes : limit);
    tx->straight_end = end < tx->data_bytes ? end : tx->data_bytes - 8u;
    *out_space_bytes = space_bytes;
    return VMB_OK;
}

/* The peer need not wake us any more. Nothing orders this: a signal too many is harmless. */
static void ring_tx_forget_wait(struct vmb_ring_tx *tx)
{
    if (tx->pending_bytes != 0) {
        tx->pending_bytes = 0;
        vmbi_shm_store(tx->control, VMB_RING_PENDING_SEND_BYTES, 0u, VMB_RELAXED);
    }
}

/* Room for a packet; if the straight part does not suffice, look for more. */
static vmb_status ring_tx_make_room(struct vmb_ring_tx *tx, uint32_t packet_bytes)
{
    uint32_t space_bytes;
    vmb_status status;

    if (packet_bytes > vmb_ring_packet_limit(tx->data_bytes)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    if (packet_bytes <= tx->straight_end - tx->staged_offset) {
        return VMB_OK;
    }
    status = ring_tx_refresh(tx, &space_bytes);
    if (status != VMB_OK) {
        return status;
    }
    if (packet_bytes > space_bytes) {
        tx->full++;
        return VMB_ERR_RING_FULL;
    }
    ring_tx_forget_wait(tx);
    return VMB_OK;
}

/* The bytes of all slices; that many slices cannot overflow 64 bits. */
static uint64_t ring_tx_slices_bytes(const struct vmb_slice *slices, uint32_t count)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < count; i++) {
        bytes += slices[i].byte_count;
    }
    return bytes;
}

/* Write bytes that may wrap around; returns the offset behind them. */
static uint32_t ring_tx_put_bytes(struct vmb_ring_tx *tx, uint32_t offset, const void *bytes,
                                  uint32_t byte_count)
{
    struct vmb_ring_piece pieces[2];
    const uint8_t *source = bytes;

    vmbi_ring_split(tx->control, tx->data_bytes, offset, byte_count, pieces);
    vmbi_shm_copy_out(pieces[0].bytes, source, pieces[0].byte_count);
    if (pieces[1].byte_count != 0) {
        vmbi_shm_copy_out(pieces[1].bytes, source + pieces[0].byte_count, pieces[1].byte_count);
    }
    return vmbi_ring_forward(offset, byte_count, tx->data_bytes);
}

static uint32_t ring_tx_put_slices(struct vmb_ring_tx *tx, uint32_t offset,
                                   const struct vmb_slice *slices, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        offset = ring_tx_put_bytes(tx, offset, slices[i].bytes, slices[i].byte_count);
    }
    return offset;
}

/* Zeroes up to the next 8 bytes: what lay there before is nobody's business. */
static void ring_tx_pad(struct vmb_ring_tx *tx, uint32_t offset, uint32_t payload_bytes)
{
    static const uint8_t zeroes[7] = {0};

    (void)ring_tx_put_bytes(tx, offset, zeroes, (0u - payload_bytes) & 7u);
}

/* See whether a packet is right and fits; then this is its frame. The payload is yet to come. */
static vmb_status ring_tx_admit(struct vmb_ring_tx *tx, const struct vmb_packet_out *packet,
                                uint64_t payload_bytes, struct vmb_ring_space *out_frame)
{
    uint64_t header_bytes =
        VMB_PACKET_DESCRIPTOR_BYTES + ring_tx_slices_bytes(packet->header, packet->header_count);
    uint64_t content_bytes = (header_bytes + payload_bytes + 7u) & ~(uint64_t)7u;

    if (content_bytes > VMB_PACKET_MAX_BYTES || header_bytes % 8u != 0 ||
        header_bytes < vmbi_ring_least_header(packet->type) ||
        packet->flags > VMB_PACKET_WANTS_COMPLETION) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    out_frame->transaction_id = packet->transaction_id;
    out_frame->offset = tx->staged_offset;
    out_frame->header_bytes = (uint32_t)header_bytes;
    out_frame->payload_bytes = (uint32_t)payload_bytes;
    out_frame->type = packet->type;
    out_frame->flags = packet->flags;
    return ring_tx_make_room(tx, (uint32_t)content_bytes + VMB_PACKET_TRAILER_BYTES);
}

/* Put descriptor and trailer around a packet and count it as staged. */
static void ring_tx_seal(struct vmb_ring_tx *tx, const struct vmb_ring_space *frame)
{
    uint32_t content_bytes = frame->header_bytes + vmbi_round_up_8(frame->payload_bytes);
    uint32_t id_offset = vmbi_ring_forward(frame->offset, 8u, tx->data_bytes);
    uint32_t trailer_offset = vmbi_ring_forward(frame->offset, content_bytes, tx->data_bytes);
    uint32_t end;

    vmbi_ring_put_word(vmbi_ring_data(tx->control, frame->offset),
                       frame->type | frame->header_bytes / 8u << 16 |
                           (uint64_t)(content_bytes / 8u) << 32 | (uint64_t)frame->flags << 48);
    vmbi_ring_put_word(vmbi_ring_data(tx->control, id_offset), frame->transaction_id);
    vmbi_ring_put_word(vmbi_ring_data(tx->control, trailer_offset), (uint64_t)frame->offset << 32);
    end = vmbi_ring_forward(trailer_offset, 8u, tx->data_bytes);
    if (end < tx->staged_offset || end > tx->straight_end) {
        tx->straight_end = end; /* Across the end: what is free there, the next packet looks up. */
    }
    tx->staged_offset = end;
    tx->counters.packets++;
    tx->counters.bytes += frame->payload_bytes;
}

/* Any packet: with a header of its own, in many pieces, across the end, or not at all. */
VMBI_RING_COLD static vmb_status ring_tx_write_any(struct vmb_ring_tx *tx,
                                                   const struct vmb_packet_out *packet,
                                                   const struct vmb_slice *payload,
                                                   uint32_t payload_count)
{
    struct vmb_ring_space frame;
    uint32_t offset;
    vmb_status status;

    status = ring_tx_admit(tx, packet, ring_tx_slices_bytes(payload, payload_count), &frame);
    if (status != VMB_OK) {
        return status;
    }
    offset = vmbi_ring_forward(frame.offset, VMB_PACKET_DESCRIPTOR_BYTES, tx->data_bytes);
    offset = ring_tx_put_slices(tx, offset, packet->header, packet->header_count);
    offset = ring_tx_put_slices(tx, offset, payload, payload_count);
    ring_tx_pad(tx, offset, frame.payload_bytes);
    ring_tx_seal(tx, &frame);
    return VMB_OK;
}

vmb_status vmb_ring_tx_init(struct vmb_ring_tx *tx, void VMB_SHARED *control, uint32_t data_bytes)
{
    uint32_t write_offset, space_bytes;

    *tx = (struct vmb_ring_tx){0};
    tx->broken = true; /* Until we know better. */
    if (!vmbi_ring_shape_ok(control, data_bytes)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    tx->control = control;
    tx->data_bytes = data_bytes;
    /* The only time that we believe the page about our own index. */
    write_offset = vmbi_shm_load(control, VMB_RING_WRITE_OFFSET, VMB_RELAXED);
    if (!vmbi_ring_index_ok(write_offset, data_bytes)) {
        ring_tx_break(tx);
        return VMB_ERR_PEER;
    }
    tx->broken = false;
    tx->staged_offset = write_offset;
    tx->published_offset = write_offset;
    vmbi_ring_tx_forget_space(tx);
    vmbi_shm_store(control, VMB_RING_PENDING_SEND_BYTES, 0u, VMB_RELAXED);
    vmbi_shm_store(control, VMB_RING_FEATURE_BITS, VMB_RING_FEATURE_FLOW, VMB_RELAXED);
    return ring_tx_refresh(tx, &space_bytes);
}

/* What a packet is, as it lies in memory, so that it is one load. */
VMB_INLINE uint64_t ring_tx_kind(const struct vmb_packet_out *packet)
{
    return packet->type | (uint32_t)packet->flags << 16 | (uint64_t)packet->header_count << 32;
}

/* Descriptor and payload of a packet without a header of its own. */
VMB_INLINE uint64_t ring_tx_content_bytes(uint64_t payload_bytes)
{
    return (payload_bytes + 7u + VMB_PACKET_DESCRIPTOR_BYTES) & ~(uint64_t)7u;
}

/* Without a header of its own, of a type that has none. */
VMB_INLINE bool ring_tx_is_plain(uint64_t kind)
{
    kind &= ~((uint64_t)VMB_PACKET_WANTS_COMPLETION << 16);
    if (VMB_LIKELY(kind == VMB_PACKET_IN_BAND)) {
        return true;
    }
    return kind == VMB_PACKET_COMPLETION;
}

/*
 * Such a packet is written from its first line of cache to its last, as the machine's own guesses
 * of what comes next want it.
 */
VMB_INLINE void ring_tx_put_head(uint8_t VMB_SHARED *target, const struct vmb_packet_out *packet,
                                 uint64_t content_bytes, uint64_t payload_bytes)
{
    const uint64_t head[2] = {
        vmbi_ring_swap_le64(VMBI_RING_PLAIN((uint64_t)packet->type) + (content_bytes << 29) +
                            ((uint64_t)packet->flags << 48)),
        vmbi_ring_swap_le64(packet->transaction_id),
    };

    vmbi_shm_copy_out(target, head, sizeof(head));          /* One store, where there are such. */
    if (VMB_UNLIKELY(((uint8_t)payload_bytes & 7u) != 0)) { /* Padding; the data goes over it. */
        vmbi_ring_put_word(target + content_bytes - 8u, 0);
    }
}

/*
 * A call of memcpy() that the short packets do not pay for. What it is given lies where
 * vmb_ring_tx_write() was given it.
 */
VMB_NOINLINE static vmb_status ring_tx_put_long(struct vmb_ring_tx *tx, uint64_t start,
                                                const struct vmb_slice *payload)
{
    uint8_t VMB_SHARED *packet = vmbi_ring_data(tx->control, (uint32_t)start);

    vmbi_shm_copy_out(packet + VMB_PACKET_DESCRIPTOR_BYTES, payload->bytes, payload->byte_count);
    vmbi_ring_put_word(packet + ring_tx_content_bytes(payload->byte_count), start << 32);
    return VMB_OK;
}

/* Payload and trailer. */
VMB_INLINE vmb_status ring_tx_put_rest(struct vmb_ring_tx *tx, uint64_t start,
                                       const struct vmb_slice *payload, uint8_t VMB_SHARED *packet,
                                       uint64_t content_bytes, uint64_t payload_bytes)
{
    if (VMBI_RING_SMALL_CODE ||
        (VMB_UNLIKELY(payload_bytes > 16u) && payload_bytes > VMBI_RING_INLINE_BYTES)) {
        return ring_tx_put_long(tx, start, payload);
    }
    vmbi_ring_put_short(packet + VMB_PACKET_DESCRIPTOR_BYTES, payload->bytes, payload_bytes);
    vmbi_ring_put_word(packet + content_bytes, start << 32);
    return VMB_OK;
}

/* Stage usual packets up to @last. Returns the first that was not staged. */
VMB_NOINLINE static const struct vmb_packet_out *ring_tx_write_usual(
    struct vmb_ring_tx *tx, const struct vmb_packet_out *packet, const struct vmb_packet_out *last,
    const struct vmb_slice *payload)
{
    const struct vmb_packet_out *first = packet;
    uint8_t VMB_SHARED *data = vmbi_ring_data(tx->control, 0);
    uint64_t start = tx->staged_offset, end = tx->straight_end;

    for (; packet != last; packet++, payload++) {
        uint64_t payload_bytes = payload->byte_count;
        uint64_t content_bytes = ring_tx_content_bytes(payload_bytes);
        uint64_t next = start + content_bytes + VMB_PACKET_TRAILER_BYTES;

        if (VMB_UNLIKELY(next > end) || VMB_UNLIKELY(!ring_tx_is_plain(ring_tx_kind(packet)))) {
            break;
        }
        tx->counters.bytes += payload_bytes;
        ring_tx_put_head(data + start, packet, content_bytes, payload_bytes);
        (void)ring_tx_put_rest(tx, start, payload, data + start, content_bytes, payload_bytes);
        start = next;
    }
    tx->staged_offset = (uint32_t)start;
    tx->counters.packets += (uint64_t)(packet - first);
    return packet;
}

vmb_status vmb_ring_tx_write(struct vmb_ring_tx *tx, const struct vmb_packet_out *packet,
                             const struct vmb_slice *payload, uint32_t payload_count)
{
    uint64_t start, kind, payload_bytes, content_bytes, next;
    uint8_t VMB_SHARED *target;

    if (VMB_UNLIKELY(payload_count != 1)) {
        return ring_tx_write_any(tx, packet, payload, payload_count);
    }
    if (VMBI_RING_SMALL_CODE) {
        return ring_tx_write_usual(tx, packet, packet + 1, payload) != packet
                   ? VMB_OK
                   : ring_tx_write_any(tx, packet, payload, 1);
    }
    start = tx->staged_offset;
    payload_bytes = payload->byte_count;
    content_bytes = ring_tx_content_bytes(payload_bytes);
    next = start + content_bytes + VMB_PACKET_TRAILER_BYTES;
    kind = ring_tx_kind(packet);
    if (VMB_UNLIKELY(next > tx->straight_end) || VMB_UNLIKELY(!ring_tx_is_plain(kind))) {
        return ring_tx_write_any(tx, packet, payload, payload_count);
    }
    tx->staged_offset = (uint32_t)next;
    tx->counters.packets++;
    tx->counters.bytes += payload_bytes;
    target = vmbi_ring_data(tx->control, (uint32_t)start);
    ring_tx_put_head(target, packet, content_bytes, payload_bytes);
    return ring_tx_put_rest(tx, start, payload, target, content_bytes, payload_bytes);
}

vmb_status vmb_ring_tx_write_many(struct vmb_ring_tx *tx, const struct vmb_packet_out *packets,
                                  const struct vmb_slice *payloads, uint32_t count,
                                  uint32_t *out_count)
{
    const struct vmb_packet_out *next = packets, *last = packets;
    vmb_status status = VMB_OK;

    if (count != 0) { /* Of none @packets may be NULL, and to that C adds nothing, not even 0. */
        last = packets + count;
    }
    while (next != last && status == VMB_OK) {
        next = ring_tx_write_usual(tx, next, last, &payloads[next - packets]);
        if (next != last) { /* An unusual one, or the end of the straight part. */
            status = ring_tx_write_any(tx, next, &payloads[next - packets], 1);
            next += status == VMB_OK ? 1 : 0;
        }
    }
    *out_count = (uint32_t)(next - packets);
    return status;
}

vmb_status vmb_ring_tx_reserve(struct vmb_ring_tx *tx, const struct vmb_packet_out *packet,
                               uint32_t payload_bytes, struct vmb_ring_space *out_space)
{
    uint32_t offset;
    vmb_status status;

    status = ring_tx_admit(tx, packet, payload_bytes, out_space);
    if (status != VMB_OK) {
        return status;
    }
    offset = vmbi_ring_forward(out_space->offset, VMB_PACKET_DESCRIPTOR_BYTES, tx->data_bytes);
    offset = ring_tx_put_slices(tx, offset, packet->header, packet->header_count);
    vmbi_ring_split(tx->control, tx->data_bytes, offset, payload_bytes, out_space->payload);
    return VMB_OK;
}

vmb_status vmb_ring_tx_finish(struct vmb_ring_tx *tx, const struct vmb_ring_space *space,
                              uint32_t payload_bytes)
{
    struct vmb_ring_space frame = *space;

    if (tx->broken) {
        return VMB_ERR_PEER;
    }
    if (space->offset != tx->staged_offset) {
        return VMB_ERR_WRONG_STATE;
    }
    if (payload_bytes > space->payload_bytes) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    frame.payload_bytes = payload_bytes;
    ring_tx_pad(tx,
                vmbi_ring_forward(frame.offset, frame.header_bytes + payload_bytes, tx->data_bytes),
                payload_bytes);
    ring_tx_seal(tx, &frame);
    return VMB_OK;
}

bool vmb_ring_tx_commit(struct vmb_ring_tx *tx)
{
    uint8_t VMB_SHARED *control = tx->control;
    uint32_t batch_start = tx->published_offset;
    uint32_t read_offset;

    if (tx->staged_offset == batch_start) {
        return false;
    }
    tx->published_offset = tx->staged_offset;
    /*
     * Release: pairs with the acquire load of the write index in the consumer's refresh. Who sees
     * the index sees the packets before it.
     */
    vmbi_shm_store(control, VMB_RING_WRITE_OFFSET, tx->staged_offset, VMB_RELEASE);
    /*
     * Publish the packets before looking whether anybody sleeps. Pairs with the consumer's fence
     * in vmb_ring_rx_unmask(), and with that of vmb_ring_rx_commit() for a consumer that never
     * masks: it says that it goes to sleep, or how far it has read, before it looks for packets.
     * Otherwise both could miss each other.
     */
    vmb_atomic_fence(VMB_SEQ_CST);
    if (vmbi_shm_load(control, VMB_RING_INTERRUPT_MASK, VMB_RELAXED) != 0) {
        tx->counters.signals_spared++;
        return false;
    }
    /*
     * It sleeps only if it has read all that there was before this batch: not the last packet, but
     * the whole batch, which it saw begin or saw not at all.
     */
    read_offset = vmbi_shm_load(control, VMB_RING_READ_OFFSET, VMB_RELAXED);
    if (read_offset == batch_start) {
        tx->counters.signals_sent++;
        return true;
    }
    tx->counters.signals_spared++;
    if (!vmbi_ring_index_ok(read_offset, tx->data_bytes)) {
        ring_tx_break(tx);
    }
    return false;
}

vmb_status vmb_ring_tx_wait_space(struct vmb_ring_tx *tx, uint32_t packet_bytes)
{
    uint32_t wanted, space_bytes;
    vmb_status status;

    if (tx->broken) {
        return VMB_ERR_PEER;
    }
    if (packet_bytes == 0 || packet_bytes > vmb_ring_packet_limit(tx->data_bytes)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    if (tx->staged_offset != tx->published_offset) {
        return VMB_ERR_WRONG_STATE;
    }
    /*
     * Ask for the gap as well: free bytes that suffice, as a consumer counts them that counts the
     * gap in (QEMU). One that does not (openvmm), or that wants strictly more than was asked for
     * (Linux 6.12, DPDK), signals 8 bytes later. Both happen at the latest in an empty ring,
     * since packet_bytes leaves 16 bytes of it alone.
     */
    wanted = vmbi_round_up_8(packet_bytes) + VMBI_RING_GAP_BYTES;
    tx->pending_bytes = VMBI_RING_PENDING(wanted);
    vmbi_shm_store(tx->control, VMB_RING_PENDING_SEND_BYTES, wanted, VMB_RELAXED);
    /*
     * Say what we wait for before looking at the space again. Pairs with the consumer's fence in
     * vmb_ring_rx_commit(), which publishes the space before it looks for somebody who waits: a
     * commit whose space we do not see here sees this request, and our write index as well.
     */
    vmb_atomic_fence(VMB_SEQ_CST);
    status = ring_tx_refresh(tx, &space_bytes);
    if (status != VMB_OK) {
        return status;
    }
    if (space_bytes < packet_bytes) {
        return VMB_ERR_RING_FULL;
    }
    ring_tx_forget_wait(tx);
    return VMB_OK;
}

uint32_t vmb_ring_tx_free_bytes(struct vmb_ring_tx *tx)
{
    uint32_t space_bytes;

    (void)ring_tx_refresh(tx, &space_bytes);
    return space_bytes;
}
