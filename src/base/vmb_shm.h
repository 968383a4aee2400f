/* SPDX-License-Identifier: MIT */
/*
 * The only door to memory that the peer can write: the one file that may look behind a VMB_SHARED
 * pointer. Everything behind such a pointer is read once into a copy, and the copy is checked.
 */
#ifndef VMB_SHM_H
#define VMB_SHM_H

#include <vmbus/platform/atomic.h>
#include <vmbus/platform/string.h>
#include <vmbus/types.h>

#include "base/vmb_le.h"

/* The field at @offset bytes, as something that is accessed atomically. 4-byte aligned. */
#define VMBI_SHM_U32(base, offset) ((vmb_atomic_u32 *)(void *)((uint8_t *)(base) + (offset)))
/* The word with number @index of a page of bits. */
#define VMBI_SHM_WORD(base, index) ((vmb_atomic_word *)(void *)(base) + (index))

/* Read, write or change a little-endian 32-bit field with the given order. */
#define vmbi_shm_load(base, offset, order)                                                         \
    vmbi_swap_le32(vmb_atomic_load(VMBI_SHM_U32(base, offset), order))
#define vmbi_shm_store(base, offset, number, order)                                                \
    vmb_atomic_store(VMBI_SHM_U32(base, offset), vmbi_swap_le32(number), order)
#define vmbi_shm_exchange(base, offset, number, order)                                             \
    vmbi_swap_le32(vmb_atomic_exchange(VMBI_SHM_U32(base, offset), vmbi_swap_le32(number), order))
#define vmbi_shm_fetch_or(base, offset, bits, order)                                               \
    vmbi_swap_le32(vmb_atomic_fetch_or(VMBI_SHM_U32(base, offset), vmbi_swap_le32(bits), order))

/* The bits of one word of a bit page, bit k of the page being bit k % word bits of the result. */
#define VMBI_WORD_BITS ((uint32_t)sizeof(uintptr_t) * 8u)
#define vmbi_shm_load_word(base, index, order)                                                     \
    vmbi_swap_le_word(vmb_atomic_load(VMBI_SHM_WORD(base, index), order))
/* The word as the machine stores it, for who only asks whether it is 0. */
#define vmbi_shm_peek_word(base, index) vmb_atomic_load(VMBI_SHM_WORD(base, index), VMB_RELAXED)
#define vmbi_shm_take_word(base, index, order)                                                     \
    vmbi_swap_le_word(vmb_atomic_exchange(VMBI_SHM_WORD(base, index), (uintptr_t)0, order))

/*
 * Copy bytes out of, or into, shared memory. The peer may change them meanwhile: what arrives is
 * some mixture, which the caller checks as one. Never called twice for the same bytes of a parse.
 */
VMB_INLINE void vmbi_shm_copy_in(void *target, const void VMB_SHARED *source, uint32_t bytes)
{
    vmb_memcpy(target, (const void *)source, bytes);
}

VMB_INLINE void vmbi_shm_copy_out(void VMB_SHARED *target, const void *source, uint32_t bytes)
{
    vmb_memcpy((void *)target, source, bytes);
}

/* Ask for a line of cache early; a hint that changes nothing and may be lost. */
VMB_INLINE void vmbi_shm_ask(const void VMB_SHARED *line)
{
    __builtin_prefetch((const void *)line);
}

VMB_INLINE void vmbi_shm_zero(void VMB_SHARED *target, uint32_t bytes)
{
    vmb_memset((void *)target, 0, bytes);
}

#endif /* VMB_SHM_H */
