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

/* From so many bytes on, a call of memcpy() is worth it. */
#define VMBI_RING_INLINE_BYTES 64u

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

/* For a length below VMBI_RING_INLINE_BYTES: its bits say which steps to take; no loop, no call. */
#define VMBI_RING_COPY_STEP(copy, step)                                                            \
    if ((bytes & (step)) != 0) {                                                                   \
        copy(target, source, step);                                                                \
        target += (step);                                                                          \
        source += (step);                                                                          \
    }
#define VMBI_RING_COPY_STEPS(copy)                                                                 \
    VMBI_RING_COPY_STEP(copy, 32u)                                                                 \
    VMBI_RING_COPY_STEP(copy, 16u)                                                                 \
    VMBI_RING_COPY_STEP(copy, 8u)                                                                  \
    if ((bytes & 7u) != 0) {                                                                       \
        VMBI_RING_COPY_STEP(copy, 4u)                                                              \
        VMBI_RING_COPY_STEP(copy, 2u)                                                              \
        VMBI_RING_COPY_STEP(copy, 1u)                                                              \
    }

/* Copy into the data, not across its end. */
VMB_INLINE void vmbi_ring_put_straight(uint8_t VMB_SHARED *target, const uint8_t *source,
                                       uint32_t bytes)
{
    if (bytes >= VMBI_RING_INLINE_BYTES) {
        vmbi_shm_copy_out(target, source, bytes);
    } else {
        VMBI_RING_COPY_STEPS(vmbi_shm_copy_out)
    }
}

/* Copy out of the data, not across its end. Each byte is read once. */
VMB_INLINE void vmbi_ring_get_straight(uint8_t *target, const uint8_t VMB_SHARED *source,
                                       uint32_t bytes)
{
    if (bytes >= VMBI_RING_INLINE_BYTES) {
        vmbi_shm_copy_in(target, source, bytes);
    } else {
        VMBI_RING_COPY_STEPS(vmbi_shm_copy_in)
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
