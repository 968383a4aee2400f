/* SPDX-License-Identifier: MIT */
/*
 * What both halves of a ring share: its shape, its index arithmetic, and access to its data.
 *
 * Offsets into the data are below data_bytes and multiples of 8, so an aligned word never wraps
 * around the end of the ring. Lengths are below data_bytes, so one subtraction undoes a wrap.
 */
#ifndef VMB_RING_MEMORY_H
#define VMB_RING_MEMORY_H

#include <vmbus/proto/packet.h>
#include <vmbus/ring.h>

#include "base/vmb_number.h"
#include "base/vmb_shm.h"

/* Always unused, so that a full ring is not taken for an empty one. */
#define VMBI_RING_GAP_BYTES 8u

/* What pending_bytes holds: no ring is larger. */
#define VMBI_RING_PENDING(bytes) ((bytes)&0x7FFFFFFFu)

/* Up to so many bytes are copied here; for more, a call of memcpy() is worth it. */
#define VMBI_RING_INLINE_BYTES 64u

/* Who asks for small code gets one path for single packets and bursts, and no copies but calls. */
#ifdef __OPTIMIZE_SIZE__
#define VMBI_RING_SMALL_CODE true
#else
#define VMBI_RING_SMALL_CODE false
#endif

/* Rare, and to be kept out of the way of what is not. */
#define VMBI_RING_COLD __attribute__((noinline, cold))

VMB_INLINE bool vmbi_ring_shape_ok(const void VMB_SHARED *control, uint32_t data_bytes)
{
    return control != NULL && (uintptr_t)control % VMB_PAGE_BYTES == 0 &&
           data_bytes % VMB_PAGE_BYTES == 0 && data_bytes >= VMB_RING_MIN_BYTES &&
           data_bytes <= VMB_RING_MAX_BYTES;
}

VMB_INLINE bool vmbi_ring_index_ok(uint32_t index, uint32_t data_bytes)
{
    return index < data_bytes && index % VMB_PACKET_ALIGN_BYTES == 0;
}

/* How far it is from one index forward to another: 0 if they are equal. */
VMB_INLINE uint32_t vmbi_ring_distance(uint32_t from, uint32_t to, uint32_t data_bytes)
{
    return to >= from ? to - from : data_bytes - (from - to);
}

VMB_INLINE uint32_t vmbi_ring_forward(uint32_t offset, uint32_t bytes, uint32_t data_bytes)
{
    offset += bytes;
    return offset >= data_bytes ? offset - data_bytes : offset;
}

/* What is known of the peer is that nothing is free: before the next packet one looks. */
VMB_INLINE void vmbi_ring_tx_forget_space(struct vmb_ring_tx *tx)
{
    tx->straight_end = tx->staged_offset;
}

/* What is known of the peer is that nothing has come. */
VMB_INLINE void vmbi_ring_rx_forget_packets(struct vmb_ring_rx *rx)
{
    rx->straight_end = rx->read_offset;
    rx->seen_offset = rx->read_offset;
}

/*
 * Bytes before the payload that a type needs. The types are those in use; openvmm, too, takes any
 * other for corruption, since a packet that nobody understands cannot be answered. Those with a
 * list of ranges must have room for the fixed part of it.
 */
VMB_INLINE uint32_t vmbi_ring_least_header(uint32_t type)
{
    if (VMB_LIKELY(type == VMB_PACKET_IN_BAND || type == VMB_PACKET_COMPLETION)) {
        return VMB_PACKET_DESCRIPTOR_BYTES;
    }
    if (type == VMB_PACKET_GPA_DIRECT || type == VMB_PACKET_TRANSFER_PAGES) {
        return VMB_PACKET_DESCRIPTOR_BYTES + VMB_PACKET_RANGES_BYTES;
    }
    return UINT32_MAX; /* No header is long enough. */
}

/*
 * The first word of a descriptor, from bit 0: type, header in units of 8 bytes, header and payload
 * in units of 8 bytes, flags; 16 bits each. Its low half if a packet has no header of its own:
 */
#define VMBI_RING_PLAIN(type) ((type) + (VMB_PACKET_DESCRIPTOR_BYTES / 8u << 16))

/* So it is, with or without the flag, and the type is one that has none. */
VMB_INLINE bool vmbi_ring_is_plain(uint64_t descriptor)
{
    uint64_t kind = descriptor & ~((uint64_t)(VMB_PACKET_WANTS_COMPLETION << 16 | 0xFFFFu) << 32);

    if (VMB_LIKELY(kind == VMBI_RING_PLAIN(VMB_PACKET_IN_BAND))) {
        return true;
    }
    return kind == VMBI_RING_PLAIN(VMB_PACKET_COMPLETION);
}

VMB_INLINE uint8_t VMB_SHARED *vmbi_ring_data(uint8_t VMB_SHARED *control, uint32_t offset)
{
    return control + VMB_PAGE_BYTES + offset;
}

/* The same number in the machine's order and in the wire's. */
VMB_INLINE uint64_t vmbi_ring_swap_le64(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(word);
#else
    return word;
#endif
}

/* An aligned word, loaded once: atomic, so that no compiler fetches it again later. */
VMB_INLINE uint64_t vmbi_ring_load_word(uint8_t VMB_SHARED *word)
{
    if (sizeof(uintptr_t) == sizeof(uint64_t)) {
        return vmbi_shm_load_word(word, 0, VMB_RELAXED);
    }
    return vmbi_shm_load(word, 0u, VMB_RELAXED) | (uint64_t)vmbi_shm_load(word, 4u, VMB_RELAXED)
                                                      << 32;
}

/* A word that is only passed on, not decided by. */
VMB_INLINE uint64_t vmbi_ring_get_word(const uint8_t VMB_SHARED *source)
{
    uint64_t word;

    vmbi_shm_copy_in(&word, source, sizeof(word));
    return vmbi_ring_swap_le64(word);
}

VMB_INLINE void vmbi_ring_put_word(uint8_t VMB_SHARED *target, uint64_t word)
{
    word = vmbi_ring_swap_le64(word);
    vmbi_shm_copy_out(target, &word, sizeof(word));
}

/*
 * Copy at most VMBI_RING_INLINE_BYTES into the data, not across its end. Some bytes are written
 * twice, which nobody can see.
 */
VMB_INLINE void vmbi_ring_put_short(uint8_t VMB_SHARED *target, const uint8_t *source,
                                    uint64_t bytes)
{
    if (bytes > 16u) {
        vmbi_shm_copy_out(target, source, 16u);
        if (bytes > 32u) {
            vmbi_shm_copy_out(target + 16u, source + 16u, 16u);
            vmbi_shm_copy_out(target + bytes - 32u, source + bytes - 32u, 16u);
        }
        vmbi_shm_copy_out(target + bytes - 16u, source + bytes - 16u, 16u);
    } else if (VMB_LIKELY(bytes == 16u)) {
        vmbi_shm_copy_out(target, source, 16u);
    } else if (bytes >= 8u) {
        vmbi_shm_copy_out(target, source, 8u);
        vmbi_shm_copy_out(target + bytes - 8u, source + bytes - 8u, 8u);
    } else if (bytes >= 4u) {
        vmbi_shm_copy_out(target, source, 4u);
        vmbi_shm_copy_out(target + bytes - 4u, source + bytes - 4u, 4u);
    } else if (bytes != 0) {
        vmbi_shm_copy_out(target, source, 1u);
        vmbi_shm_copy_out(target + bytes / 2u, source + bytes / 2u, 1u);
        vmbi_shm_copy_out(target + bytes - 1u, source + bytes - 1u, 1u);
    }
}

/* Copy a multiple of 8, at most VMBI_RING_INLINE_BYTES, out of the data. Each byte is read once. */
VMB_INLINE void vmbi_ring_get_short(uint8_t *target, const uint8_t VMB_SHARED *source,
                                    uint64_t bytes)
{
    if (VMB_UNLIKELY(bytes > 32u)) {
        vmbi_shm_copy_in(target, source, 32u);
        target += 32u;
        source += 32u;
        bytes -= 32u;
    }
    if (VMB_UNLIKELY(bytes > 16u)) {
        vmbi_shm_copy_in(target, source, 16u);
        target += 16u;
        source += 16u;
        bytes -= 16u;
    }
    if (VMB_LIKELY(bytes == 16u)) {
        vmbi_shm_copy_in(target, source, 16u);
    } else if (bytes != 0) {
        vmbi_shm_copy_in(target, source, 8u);
    }
}

/* Two pieces that make up @bytes of the data from @offset on, across its end if need be. */
VMB_INLINE void vmbi_ring_split(uint8_t VMB_SHARED *control, uint32_t data_bytes, uint32_t offset,
                                uint32_t bytes, struct vmb_ring_piece pieces[2])
{
    uint32_t before_end = data_bytes - offset;

    pieces[0].bytes = vmbi_ring_data(control, offset);
    pieces[0].byte_count = bytes < before_end ? bytes : before_end;
    pieces[1].bytes = vmbi_ring_data(control, 0);
    pieces[1].byte_count = bytes - pieces[0].byte_count;
}

#endif /* VMB_RING_MEMORY_H */
