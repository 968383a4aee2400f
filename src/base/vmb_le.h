/* SPDX-License-Identifier: MIT */
/*
 * Little-endian fields in byte arrays that are ours alone (copies, never shared memory). Byte-wise,
 * so that neither the alignment nor the CPU's own order matters; compilers make one access of it.
 */
#ifndef VMB_LE_H
#define VMB_LE_H

#include <vmbus/types.h>

VMB_INLINE uint16_t vmbi_le16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | (uint16_t)(bytes[1] << 8));
}

VMB_INLINE uint32_t vmbi_le32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

VMB_INLINE uint64_t vmbi_le64(const uint8_t *bytes)
{
    return (uint64_t)vmbi_le32(bytes) | (uint64_t)vmbi_le32(bytes + 4) << 32;
}

VMB_INLINE void vmbi_put_le16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

VMB_INLINE void vmbi_put_le32(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
    bytes[2] = (uint8_t)(value >> 16);
    bytes[3] = (uint8_t)(value >> 24);
}

VMB_INLINE void vmbi_put_le64(uint8_t *bytes, uint64_t value)
{
    vmbi_put_le32(bytes, (uint32_t)value);
    vmbi_put_le32(bytes + 4, (uint32_t)(value >> 32));
}

/* The same number in the machine's order and in the wire's, for whole words taken atomically. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
VMB_INLINE uint32_t vmbi_swap_le32(uint32_t value)
{
    return __builtin_bswap32(value);
}
VMB_INLINE uintptr_t vmbi_swap_le_word(uintptr_t value)
{
    return sizeof(value) == 8 ? (uintptr_t)__builtin_bswap64(value)
                              : (uintptr_t)__builtin_bswap32((uint32_t)value);
}
#else
VMB_INLINE uint32_t vmbi_swap_le32(uint32_t value)
{
    return value;
}
VMB_INLINE uintptr_t vmbi_swap_le_word(uintptr_t value)
{
    return value;
}
#endif

#endif /* VMB_LE_H */
