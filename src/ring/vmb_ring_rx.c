/* SPDX-License-Identifier: MIT */
/*
 * The consuming half of a ring: look at packets, copy them, give their space back.
 *
 * Of each packet the descriptor's first word is loaded once, checked, and never looked at again.
 * Our read index lives here and is published once for a batch. How much there is to read is taken
 * from the peer's index only when all that was known has been read.
 */
#include "ring/vmb_ring_memory.h"

/* A line of cache; where lines are longer, some get more than one of what one would do for. */
#define LINE_BYTES 64u

/* The peer has done what no peer may: nothing more is read and nothing given back. */
VMBI_RING_COLD static vmb_status ring_rx_break(struct vmb_ring_rx *rx)
{
    rx->broken = true;
    rx->read_offset = rx->published_offset;
    vmbi_ring_rx_forget_packets(rx);
    return VMB_ERR_PEER;
}

/* Bytes that had come when we last looked, and have not been read. */
VMB_INLINE uint32_t ring_rx_known_bytes(const struct vmb_ring_rx *rx)
{
    return vmbi_ring_distance(rx->read_offset, rx->seen_offset, rx->data_bytes);
}

/*
 * Of these, what can be read without further ado: it ends before the ring does, so that an offset
 * behind it is one as it is.
 */
VMB_INLINE void ring_rx_straighten(struct vmb_ring_rx *rx)
{
    rx->straight_end = rx->seen_offset >= rx->read_offset ? rx->seen_offset : rx->data_bytes - 8u;
}

/* Nothing of use has come: why. */
VMBI_RING_COLD static vmb_status ring_rx_nothing(struct vmb_ring_rx *rx, uint32_t write_offset)
{
    if (rx->broken) {
        return VMB_ERR_PEER;
    }
    if (write_offset != rx->read_offset) {
        return ring_rx_break(rx);
    }
    /* Who asks all the time gets the packet's line on the way while the index is on its own. */
    vmbi_shm_ask(vmbi_ring_data(rx->control, rx->read_offset));
    return VMB_ERR_RING_EMPTY;
}

/* All that was known is read: look for more. False: there is nothing, for ring_rx_nothing(). */
VMB_INLINE bool ring_rx_look(struct vmb_ring_rx *rx, uint32_t read_offset,
                             uint32_t *out_write_offset)
{
    /*
     * Acquire: pairs with the release store of the write index in the producer's commit. The
     * packets before it are there.
     */
    uint32_t write_offset = vmbi_shm_load(rx->control, VMB_RING_WRITE_OFFSET, VMB_ACQUIRE);

    *out_write_offset = write_offset;
    if (VMB_UNLIKELY(write_offset == read_offset || rx->broken ||
                     !vmbi_ring_index_ok(write_offset, rx->data_bytes))) {
        return false;
    }
    rx->seen_offset = write_offset;
    rx->straight_end = write_offset > read_offset ? write_offset : rx->data_bytes - 8u;
    return true;
}

/* Make sure that there is something to read. */
static vmb_status ring_rx_refresh(struct vmb_ring_rx *rx)
{
    uint32_t write_offset;

    if (rx->read_offset != rx->seen_offset || ring_rx_look(rx, rx->read_offset, &write_offset)) {
        return VMB_OK;
    }
    return ring_rx_nothing(rx, write_offset);
}

VMB_INLINE uint32_t ring_rx_header_bytes(uint64_t descriptor)
{
    return (uint32_t)(descriptor >> 13) & 0x7FFF8u;
}

VMB_INLINE uint64_t ring_rx_content_bytes(uint64_t descriptor)
{
    return descriptor >> 29 & 0x7FFF8u;
}

/* All that a descriptor must obey before anything behind it is looked at. */
VMB_INLINE bool ring_rx_descriptor_ok(const struct vmb_ring_rx *rx, uint64_t descriptor)
{
    uint32_t header_bytes = ring_rx_header_bytes(descriptor);
    uint32_t content_bytes = (uint32_t)ring_rx_content_bytes(descriptor);

    return header_bytes >= vmbi_ring_least_header((uint16_t)descriptor) &&
           content_bytes >= header_bytes && descriptor >> 48 <= VMB_PACKET_WANTS_COMPLETION &&
           content_bytes + VMB_PACKET_TRAILER_BYTES <= ring_rx_known_bytes(rx);
}

/* Say what a packet is. Its id is only passed on. */
VMB_INLINE void ring_rx_describe(uint32_t offset, uint64_t descriptor, uint32_t header_bytes,
                                 uint64_t payload_bytes, const uint8_t VMB_SHARED *id,
                                 struct vmb_packet *out_packet)
{
    out_packet->transaction_id = vmbi_ring_get_word(id);
    out_packet->header_bytes = header_bytes;
    out_packet->payload_bytes = (uint32_t)payload_bytes;
    out_packet->offset = offset;
    out_packet->type = (uint16_t)descriptor;
    out_packet->flags = (uint16_t)(descriptor >> 48);
}

/* Check a packet by its descriptor, which has been loaded, and say what it is. */
static vmb_status ring_rx_judge(struct vmb_ring_rx *rx, uint64_t descriptor,
                                struct vmb_packet *out_packet)
{
    uint32_t header_bytes = ring_rx_header_bytes(descriptor);
    uint32_t id_offset = vmbi_ring_forward(rx->read_offset, 8u, rx->data_bytes);

    if (VMB_UNLIKELY(!ring_rx_descriptor_ok(rx, descriptor))) {
        return ring_rx_break(rx);
    }
    ring_rx_describe(rx->read_offset, descriptor, header_bytes,
                     ring_rx_content_bytes(descriptor) - header_bytes,
                     vmbi_ring_data(rx->control, id_offset), out_packet);
    return VMB_OK;
}

VMB_INLINE void ring_rx_step(struct vmb_ring_rx *rx, const struct vmb_packet *packet)
{
    uint32_t bytes = packet->header_bytes + packet->payload_bytes + VMB_PACKET_TRAILER_BYTES;

    VMB_ASSERT(packet->offset == rx->read_offset && bytes <= ring_rx_known_bytes(rx));
    rx->read_offset = vmbi_ring_forward(packet->offset, bytes, rx->data_bytes);
    ring_rx_straighten(rx);
    rx->counters.packets++;
    rx->counters.bytes += packet->payload_bytes;
}

VMBI_RING_COLD static void ring_rx_get_wrapped(const struct vmb_ring_rx *rx, uint32_t offset,
                                               uint8_t *buffer, uint32_t bytes)
{
    struct vmb_ring_piece pieces[2];

    vmbi_ring_split(rx->control, rx->data_bytes, offset, bytes, pieces);
    vmbi_shm_copy_in(buffer, pieces[0].bytes, pieces[0].byte_count);
    vmbi_shm_copy_in(buffer + pieces[0].byte_count, pieces[1].bytes, pieces[1].byte_count);
}

/* Copy a part of a packet that is known to be within it. */
VMB_INLINE void ring_rx_get(const struct vmb_ring_rx *rx, const struct vmb_packet *packet,
                            uint32_t offset, uint8_t *buffer, uint32_t bytes)
{
    offset = vmbi_ring_forward(packet->offset, offset, rx->data_bytes);
    if (VMB_LIKELY(bytes <= rx->data_bytes - offset)) {
        vmbi_shm_copy_in(buffer, vmbi_ring_data(rx->control, offset), bytes);
    } else {
        ring_rx_get_wrapped(rx, offset, buffer, bytes);
    }
}

/* Header and payload may be looked at; the descriptor has been, once. */
VMB_INLINE bool ring_rx_within(const struct vmb_packet *packet, uint32_t offset, uint32_t bytes)
{
    uint32_t content_bytes = packet->header_bytes + packet->payload_bytes;

    return offset >= VMB_PACKET_DESCRIPTOR_BYTES && offset <= content_bytes &&
           bytes <= content_bytes - offset;
}

vmb_status vmb_ring_rx_init(struct vmb_ring_rx *rx, void VMB_SHARED *control, uint32_t data_bytes)
{
    uint32_t read_offset;
    vmb_status status;

    *rx = (struct vmb_ring_rx){0};
    rx->broken = true; /* Until we know better. */
    if (!vmbi_ring_shape_ok(control, data_bytes)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    rx->control = control;
    rx->data_bytes = data_bytes;
    /* The only time that we believe the page about our own index. */
    read_offset = vmbi_shm_load(control, VMB_RING_READ_OFFSET, VMB_RELAXED);
    if (!vmbi_ring_index_ok(read_offset, data_bytes)) {
        return ring_rx_break(rx);
    }
    rx->broken = false;
    rx->read_offset = read_offset;
    rx->published_offset = read_offset;
    vmbi_ring_rx_forget_packets(rx);
    rx->announces =
        (vmbi_shm_load(control, VMB_RING_FEATURE_BITS, VMB_RELAXED) & VMB_RING_FEATURE_FLOW) != 0;
    status = ring_rx_refresh(rx);
    return status == VMB_ERR_RING_EMPTY ? VMB_OK : status;
}

vmb_status vmb_ring_rx_peek(struct vmb_ring_rx *rx, struct vmb_packet *out_packet)
{
    vmb_status status = ring_rx_refresh(rx);
    uint64_t descriptor;

    if (status != VMB_OK) {
        return status;
    }
    descriptor = vmbi_ring_load_word(vmbi_ring_data(rx->control, rx->read_offset));
    return ring_rx_judge(rx, descriptor, out_packet);
}

vmb_status vmb_ring_rx_copy(const struct vmb_ring_rx *rx, const struct vmb_packet *packet,
                            uint32_t offset, void *buffer, uint32_t bytes)
{
    if (!ring_rx_within(packet, offset, bytes)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    ring_rx_get(rx, packet, offset, buffer, bytes);
    return VMB_OK;
}

vmb_status vmb_ring_rx_view(const struct vmb_ring_rx *rx, const struct vmb_packet *packet,
                            uint32_t offset, uint32_t bytes, struct vmb_ring_piece out_pieces[2])
{
    if (!ring_rx_within(packet, offset, bytes)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmbi_ring_split(rx->control, rx->data_bytes,
                    vmbi_ring_forward(packet->offset, offset, rx->data_bytes), bytes, out_pieces);
    return VMB_OK;
}

void vmb_ring_rx_advance(struct vmb_ring_rx *rx, const struct vmb_packet *packet)
{
    if (!rx->broken) { /* The peer may have broken the ring since the peek. */
        ring_rx_step(rx, packet);
    }
}

/* Any packet: with a header of its own, across the end, too large for the buffer, or broken. */
VMBI_RING_COLD static vmb_status ring_rx_next_any(struct vmb_ring_rx *rx, void *buffer,
                                                  uint32_t buffer_bytes,
                                                  struct vmb_packet *out_packet,
                                                  uint64_t descriptor)
{
    vmb_status status = ring_rx_judge(rx, descriptor, out_packet);

    if (status != VMB_OK) {
        return status;
    }
    if (out_packet->payload_bytes > buffer_bytes) {
        return VMB_ERR_TOO_SMALL;
    }
    ring_rx_step(rx, out_packet); /* Its space stays ours until the commit. */
    ring_rx_get(rx, out_packet, out_packet->header_bytes, buffer, out_packet->payload_bytes);
    return VMB_OK;
}

/*
 * A call of memcpy() that the short packets do not pay for. What it is given lies where
 * vmb_ring_rx_next() was given it.
 */
VMB_NOINLINE static vmb_status ring_rx_get_long(const struct vmb_ring_rx *rx, void *buffer,
                                                uint32_t bytes, const struct vmb_packet *packet)
{
    vmbi_shm_copy_in(
        buffer, vmbi_ring_data(rx->control, packet->offset + VMB_PACKET_DESCRIPTOR_BYTES), bytes);
    return VMB_OK;
}

VMB_INLINE vmb_status ring_rx_get_payload(const struct vmb_ring_rx *rx, uint8_t *buffer,
                                          uint64_t bytes, const struct vmb_packet *packet,
                                          const uint8_t VMB_SHARED *source)
{
    if (VMBI_RING_SMALL_CODE || (VMB_UNLIKELY(bytes > 16u) && bytes > VMBI_RING_INLINE_BYTES)) {
        return ring_rx_get_long(rx, buffer, (uint32_t)bytes, packet);
    }
    vmbi_ring_get_short(buffer, source, bytes);
    return VMB_OK;
}

/*
 * The usual packet: no header of its own, ends before the straight part of the ring does, and its
 * payload fits. Of one that is shorter than its descriptor, the payload's bytes have wrapped below
 * 0 and are more than any buffer has.
 */
VMB_INLINE bool ring_rx_is_usual(uint64_t descriptor, uint64_t next, uint64_t end,
                                 uint64_t payload_bytes, uint64_t buffer_bytes)
{
    return vmbi_ring_is_plain(descriptor) && VMB_LIKELY(next <= end) &&
           VMB_LIKELY(payload_bytes <= buffer_bytes);
}

vmb_status vmb_ring_rx_next(struct vmb_ring_rx *rx, void *buffer, uint32_t buffer_bytes,
                            struct vmb_packet *out_packet)
{
    uint32_t start = rx->read_offset, write_offset, next, bytes;
    uint8_t VMB_SHARED *source;
    uint64_t descriptor;

    if (VMBI_RING_SMALL_CODE) {
        return vmb_ring_rx_next_many(rx, buffer, buffer_bytes, out_packet, 1, &write_offset);
    }
    if (start == rx->straight_end && start == rx->seen_offset &&
        VMB_UNLIKELY(!ring_rx_look(rx, start, &write_offset))) {
        return ring_rx_nothing(rx, write_offset);
    }
    source = vmbi_ring_data(rx->control, start);
    descriptor = vmbi_ring_load_word(source);
    bytes = (uint32_t)ring_rx_content_bytes(descriptor);
    next = start + bytes + VMB_PACKET_TRAILER_BYTES;
    if (VMB_UNLIKELY(!vmbi_ring_is_plain(descriptor)) || VMB_UNLIKELY(next > rx->straight_end) ||
        VMB_UNLIKELY(bytes < VMB_PACKET_DESCRIPTOR_BYTES) ||
        VMB_UNLIKELY(bytes - VMB_PACKET_DESCRIPTOR_BYTES > buffer_bytes)) {
        return ring_rx_next_any(rx, buffer, buffer_bytes, out_packet, descriptor);
    }
    bytes -= VMB_PACKET_DESCRIPTOR_BYTES;
    rx->read_offset = next;
    rx->counters.packets++;
    rx->counters.bytes += bytes;
    ring_rx_describe(start, descriptor, VMB_PACKET_DESCRIPTOR_BYTES, bytes, source + 8u,
                     out_packet);
    return ring_rx_get_payload(rx, buffer, bytes, out_packet, source + VMB_PACKET_DESCRIPTOR_BYTES);
}

/* Where a burst goes, and what came of it. */
struct ring_rx_burst {
    uint8_t *target;
    struct vmb_packet *packet; /* The next. */
    struct vmb_packet *last;   /* Behind the last. */
    uint64_t descriptor;       /* Of the packet at which it ended, if that is unusual. */
    uint32_t room_bytes;
    bool unusual;
};

/* Take packets up to the first that is not a usual one, whose descriptor has then been loaded. */
VMB_NOINLINE static void ring_rx_take_usual(struct vmb_ring_rx *rx, struct ring_rx_burst *burst)
{
    uint8_t VMB_SHARED *data = vmbi_ring_data(rx->control, 0);
    struct vmb_packet *packet = burst->packet, *last = burst->last;
    uint64_t start = rx->read_offset, end = rx->straight_end, room_bytes = burst->room_bytes;
    uint8_t *target = burst->target;

    burst->unusual = false;
    while (packet != last && start != end) {
        uint64_t descriptor = vmbi_ring_load_word(data + start);
        uint64_t bytes = ring_rx_content_bytes(descriptor);
        uint64_t next = start + bytes + VMB_PACKET_TRAILER_BYTES;

        bytes -= VMB_PACKET_DESCRIPTOR_BYTES;
        if (VMB_UNLIKELY(!ring_rx_is_usual(descriptor, next, end, bytes, room_bytes))) {
            burst->descriptor = descriptor;
            burst->unusual = true;
            break;
        }
        ring_rx_describe((uint32_t)start, descriptor, VMB_PACKET_DESCRIPTOR_BYTES, bytes,
                         data + start + 8u, packet);
        (void)ring_rx_get_payload(rx, target, bytes, packet,
                                  data + start + VMB_PACKET_DESCRIPTOR_BYTES);
        target += bytes;
        room_bytes -= bytes;
        start = next;
        packet++;
    }
    rx->read_offset = (uint32_t)start;
    rx->counters.packets += (uint64_t)(packet - burst->packet);
    rx->counters.bytes += burst->room_bytes - room_bytes;
    burst->packet = packet;
    burst->target = target;
    burst->room_bytes = (uint32_t)room_bytes;
}

/* Take a packet that is not a usual one. */
static vmb_status ring_rx_take_any(struct vmb_ring_rx *rx, struct ring_rx_burst *burst)
{
    vmb_status status =
        ring_rx_next_any(rx, burst->target, burst->room_bytes, burst->packet, burst->descriptor);

    if (status == VMB_OK) {
        burst->target += burst->packet->payload_bytes;
        burst->room_bytes -= burst->packet->payload_bytes;
        burst->packet++;
    }
    return status;
}

vmb_status vmb_ring_rx_next_many(struct vmb_ring_rx *rx, void *buffer, uint32_t buffer_bytes,
                                 struct vmb_packet *out_packets, uint32_t limit,
                                 uint32_t *out_count)
{
    struct ring_rx_burst burst = {
        .target = buffer, .packet = out_packets, .room_bytes = buffer_bytes};
    vmb_status status;

    *out_count = 0;
    if (limit == 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    burst.last = out_packets + limit;
    status = ring_rx_refresh(rx);
    while (status == VMB_OK && burst.packet != burst.last && rx->read_offset != rx->seen_offset) {
        if (rx->read_offset == rx->straight_end) { /* Known, and across the end. */
            burst.descriptor = vmbi_ring_load_word(vmbi_ring_data(rx->control, rx->read_offset));
            burst.unusual = true;
        } else {
            ring_rx_take_usual(rx, &burst);
        }
        if (burst.unusual) {
            status = ring_rx_take_any(rx, &burst);
        }
    }
    *out_count = (uint32_t)(burst.packet - out_packets);
    return *out_count != 0 ? VMB_OK : status;
}

/*
 * A producer waits for @wanted bytes: have they just become free?
 *
 * Producers mean different things by the number. For openvmm and UEFI it is the packet, and the 8
 * bytes that stay empty come on top; for others it includes them. Linux 6.12 and DPDK write when
 * strictly more is free than the packet takes. Some ask for one byte less than the ring; UEFI does
 * so to mean "when it is empty", which is that rounded down. And a length that is not a multiple of
 * 8 takes the next one. So the crossing is not a line but a zone, from the number rounded down to
 * the number rounded up plus the gap; whoever ends a step in it or beyond it, having begun before
 * its end, wakes the producer. A narrower rule leaves some producer asleep for ever; this one costs
 * it at most two wake-ups for nothing.
 */
static bool ring_rx_crosses(uint32_t wanted, uint32_t freed_bytes, uint32_t free_now,
                            uint32_t data_bytes)
{
    uint32_t first, last;

    if (wanted > data_bytes) {
        wanted = data_bytes; /* Never to be had: wake it when the ring is empty. */
    }
    first = wanted & ~7u;
    last = vmbi_round_up_8(wanted) + VMBI_RING_GAP_BYTES;
    /* Before: free_now - freed_bytes, which would be negative if the producer has used them. */
    return free_now >= first && free_now < last + freed_bytes;
}

/* A producer that waits, or one that never says so: does it get a signal for what was published? */
VMBI_RING_COLD static bool ring_rx_wakes(struct vmb_ring_rx *rx, uint32_t wanted,
                                         uint32_t freed_bytes)
{
    uint32_t write_offset, used_bytes;
    bool wakes = !rx->announces; /* Then it has to be told each time, as QEMU does. */

    if (wanted != 0) {
        /*
         * Load the write index again: the producer may have used space since we last looked.
         * Nothing orders it behind the request but the fence: if we do see the request with an
         * older index, then the producer has yet to reach its own fence and will see our space.
         */
        write_offset = vmbi_shm_load(rx->control, VMB_RING_WRITE_OFFSET, VMB_RELAXED);
        if (!vmbi_ring_index_ok(write_offset, rx->data_bytes)) {
            (void)ring_rx_break(rx);
            return false;
        }
        used_bytes = vmbi_ring_distance(rx->read_offset, write_offset, rx->data_bytes);
        wakes |= ring_rx_crosses(wanted, freed_bytes, rx->data_bytes - used_bytes, rx->data_bytes);
    }
    if (wakes) {
        rx->counters.signals_sent++;
    } else {
        rx->counters.signals_spared++;
    }
    return wakes;
}

VMB_INLINE void ring_rx_own_lines(uint8_t VMB_SHARED *data, uint64_t from, uint64_t end)
{
    for (from = (from + LINE_BYTES - 1u) & ~(uint64_t)(LINE_BYTES - 1u); from < end;
         from += LINE_BYTES) {
        vmbi_shm_zero(data + from, 4u);
    }
}

/*
 * Write a word into each line of cache whose beginning has been read. Of a line that both sides
 * have, the producer asks for the right to write only when it writes, and a stream waits for one
 * such answer after the other; lines that it has lost it asks for many at a time. Nobody reads
 * these words: they are ours until the index is published, and the producer's from then on.
 */
VMB_INLINE void ring_rx_own(uint8_t VMB_SHARED *data, uint32_t before, uint32_t now,
                            uint32_t data_bytes)
{
    if (VMB_UNLIKELY(now < before)) {
        ring_rx_own_lines(data, before, data_bytes);
        before = 0;
    }
    ring_rx_own_lines(data, before, now);
}

bool vmb_ring_rx_commit(struct vmb_ring_rx *rx)
{
    uint8_t VMB_SHARED *control = rx->control;
    uint32_t before = rx->published_offset;
    uint32_t now = rx->read_offset;
    uint32_t wanted;

    if (now == before) {
        return false;
    }
    rx->published_offset = now;
    ring_rx_own(vmbi_ring_data(control, 0), before, now, rx->data_bytes);
    /*
     * Release: pairs with the acquire load of the read index in the producer's refresh. We have
     * copied what we wanted, and written what we write there, before it overwrites it.
     */
    vmbi_shm_store(control, VMB_RING_READ_OFFSET, now, VMB_RELEASE);
    /*
     * Publish the space before looking for somebody who waits for it. Pairs with the producer's
     * fence in vmb_ring_tx_wait_space(), which says what it waits for before it looks at the space
     * again; otherwise both could miss each other. For a consumer that never masks it also pairs
     * with the fence in vmb_ring_tx_commit().
     */
    vmb_atomic_fence(VMB_SEQ_CST);
    wanted = vmbi_shm_load(control, VMB_RING_PENDING_SEND_BYTES, VMB_RELAXED);
    if (VMB_UNLIKELY(wanted != 0 || !rx->announces)) {
        return ring_rx_wakes(rx, wanted, vmbi_ring_distance(before, now, rx->data_bytes));
    }
    rx->counters.signals_spared++;
    return false;
}

void vmb_ring_rx_mask(struct vmb_ring_rx *rx)
{
    /* Nothing orders this: a signal that is under way anyway is harmless. */
    vmbi_shm_store(rx->control, VMB_RING_INTERRUPT_MASK, 1u, VMB_RELAXED);
}

bool vmb_ring_rx_unmask(struct vmb_ring_rx *rx)
{
    uint32_t write_offset;

    if (rx->broken) {
        return false;
    }
    VMB_ASSERT(rx->read_offset == rx->published_offset);
    vmbi_shm_store(rx->control, VMB_RING_INTERRUPT_MASK, 0u, VMB_RELAXED);
    /*
     * Say that we sleep before looking for packets once more. Pairs with the producer's fence in
     * vmb_ring_tx_commit(), which publishes packets before it looks whether anybody sleeps.
     */
    vmb_atomic_fence(VMB_SEQ_CST);
    write_offset = vmbi_shm_load(rx->control, VMB_RING_WRITE_OFFSET, VMB_RELAXED);
    return write_offset != rx->read_offset; /* Also if it is nonsense: the next peek finds out. */
}

uint32_t vmb_ring_rx_peer_offset(const struct vmb_ring_rx *rx)
{
    return vmbi_shm_load(rx->control, VMB_RING_WRITE_OFFSET, VMB_RELAXED);
}
