/* SPDX-License-Identifier: MIT */
/*
 * What sessions against a core share: shared pages that are poisoned while nobody may touch them,
 * and requests that must end exactly once.
 */
#ifndef VMB_FUZZ_SESSION_H
#define VMB_FUZZ_SESSION_H

#include "fuzz.h"

#include <sanitizer/asan_interface.h>

/* ---- Blocks of pages --------------------------------------------------------------------------
 */

enum {
    BLOCKS = 12,
    BLOCK_PAGES = 6
};

/* A pool of blocks; what is not given out is poisoned, so that a late access is caught. */
struct blocks {
    uint8_t *base;
    uint32_t given; /* A bit each. */
};

FUZZ_UNUSED static inline uint8_t *block_at(const struct blocks *blocks, uint32_t index)
{
    return blocks->base + (size_t)index * BLOCK_PAGES * VMB_PAGE_BYTES;
}

FUZZ_UNUSED static inline void blocks_make(struct blocks *blocks)
{
    blocks->base = fuzz_pages((size_t)BLOCKS * BLOCK_PAGES);
    blocks->given = 0;
    ASAN_POISON_MEMORY_REGION(blocks->base, (size_t)BLOCKS * BLOCK_PAGES * VMB_PAGE_BYTES);
}

/* The number of a block that nobody has, or BLOCKS. Its first @pages pages may be used. */
FUZZ_UNUSED static inline uint32_t blocks_give(struct blocks *blocks, uint32_t pages)
{
    for (uint32_t i = 0; i < BLOCKS && pages <= BLOCK_PAGES; i++) {
        if ((blocks->given >> i & 1u) == 0) {
            blocks->given |= 1u << i;
            ASAN_UNPOISON_MEMORY_REGION(block_at(blocks, i), (size_t)pages * VMB_PAGE_BYTES);
            return i;
        }
    }
    return BLOCKS;
}

FUZZ_UNUSED static inline void blocks_take(struct blocks *blocks, uint32_t index)
{
    FUZZ_CHECK(index < BLOCKS && (blocks->given >> index & 1u) != 0);
    blocks->given &= ~(1u << index);
    ASAN_POISON_MEMORY_REGION(block_at(blocks, index), (size_t)BLOCK_PAGES * VMB_PAGE_BYTES);
}

/* Back to the blocks that were given out when @given was noted. */
FUZZ_UNUSED static inline void blocks_restore(struct blocks *blocks, uint32_t given)
{
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (((blocks->given & ~given) >> i & 1u) != 0) {
            blocks_take(blocks, i);
        }
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (((given & ~blocks->given) >> i & 1u) != 0) {
            ASAN_UNPOISON_MEMORY_REGION(block_at(blocks, i), (size_t)BLOCK_PAGES * VMB_PAGE_BYTES);
        }
    }
    blocks->given = given;
}

/* ---- Requests ---------------------------------------------------------------------------------
 */

enum {
    REQUESTS = 64
};

/* A request that was accepted ends once: its number is its context. */
struct requests {
    bool open[REQUESTS];
    uint32_t count;
};

FUZZ_UNUSED static inline bool *request_new(struct requests *requests)
{
    return requests->count < REQUESTS ? &requests->open[requests->count++] : NULL;
}

FUZZ_UNUSED static inline void request_end(void *context)
{
    bool *open = context;

    FUZZ_CHECK(*open);
    *open = false;
}

FUZZ_UNUSED static inline void requests_all_ended(const struct requests *requests)
{
    for (uint32_t i = 0; i < requests->count; i++) {
        FUZZ_CHECK(!requests->open[i]);
    }
}

/* ---- Bytes of messages ------------------------------------------------------------------------
 */

FUZZ_UNUSED static inline uint32_t get32(const uint8_t *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

FUZZ_UNUSED static inline void put32(uint8_t *bytes, uint32_t value)
{
    memcpy(bytes, &value, sizeof(value));
}

#endif /* VMB_FUZZ_SESSION_H */
