/* SPDX-License-Identifier: MIT */
/* Arithmetic that says so when it does not fit, and bit searches. */
#ifndef VMB_NUMBER_H
#define VMB_NUMBER_H

#include <vmbus/types.h>

/* True if the sum does not fit 32 bits; otherwise *out is the sum. */
VMB_INLINE bool vmbi_add_overflows(uint32_t left, uint32_t right, uint32_t *out)
{
    return __builtin_add_overflow(left, right, out);
}

/* True if the product does not fit 32 bits; otherwise *out is the product. */
VMB_INLINE bool vmbi_multiply_overflows(uint32_t left, uint32_t right, uint32_t *out)
{
    return __builtin_mul_overflow(left, right, out);
}

VMB_INLINE uint32_t vmbi_round_up_8(uint32_t bytes)
{
    return (bytes + 7u) & ~7u;
}

/* How many VMBus pages @bytes touch when they begin @offset into the first. No overflow. */
VMB_INLINE uint32_t vmbi_pages_touched(uint32_t offset, uint32_t bytes)
{
    return (uint32_t)(((uint64_t)offset + bytes + VMB_PAGE_BYTES - 1) >> VMB_PAGE_SHIFT);
}

/* The number of the lowest set bit; @word is not 0. */
VMB_INLINE uint32_t vmbi_lowest_bit(uintptr_t word)
{
#if defined(__riscv) && !defined(__riscv_zbb)
    /* No instruction counts here, and the compiler would call a function that a kernel lacks. */
    uint64_t bits = word;
    uint32_t number = 0;
    uint32_t half;

    for (half = 32; half != 0; half /= 2) {
        if ((bits & ((UINT64_C(1) << half) - 1)) == 0) {
            bits >>= half;
            number += half;
        }
    }
    return number;
#else
    return (uint32_t)(sizeof(word) == 8 ? __builtin_ctzll(word) : __builtin_ctz((uint32_t)word));
#endif
}

/* How many bits of a word are set. Without a call where the machine has no instruction for it. */
VMB_INLINE uint32_t vmbi_count_bits(uintptr_t word)
{
    const uint64_t byte = UINT64_C(0x0101010101010101);
    uint64_t bits = word;

    bits -= bits >> 1 & byte * 0x55;
    bits = (bits & byte * 0x33) + (bits >> 2 & byte * 0x33);
    bits = (bits + (bits >> 4)) & byte * 0x0F;
    return (uint32_t)(bits * byte >> 56);
}

#endif /* VMB_NUMBER_H */
