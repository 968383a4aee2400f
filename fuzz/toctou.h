/* SPDX-License-Identifier: MIT */
/*
 * A call before each load: targets named ..._toctou are linked with the library compiled so (the
 * compiler's trace-loads; copies go word by word through toctou/vmb_override_string.h). What the
 * target does there, it does between any two loads of the library's.
 */
#ifndef VMB_FUZZ_TOCTOU_H
#define VMB_FUZZ_TOCTOU_H

#include "fuzz.h"

/* The target's: @bytes at @address are about to be loaded. */
static void load_comes(const void *address, size_t bytes);

#define TOCTOU_LOAD(size, type)                                                                    \
    void __sanitizer_cov_load##size(const type *address);                                          \
    void __sanitizer_cov_load##size(const type *address)                                           \
    {                                                                                              \
        load_comes(address, size);                                                                 \
    }
TOCTOU_LOAD(1, uint8_t)
TOCTOU_LOAD(2, uint16_t)
TOCTOU_LOAD(4, uint32_t)
TOCTOU_LOAD(8, uint64_t)
TOCTOU_LOAD(16, void)

void *toctou_copy(void *target, const void *source, size_t bytes);
void *toctou_copy(void *target, const void *source, size_t bytes)
{
    size_t done, step;

    for (done = 0; done < bytes; done += step) {
        step = bytes - done < 8 ? bytes - done : 8;
        load_comes((const uint8_t *)source + done, step);
        memcpy((uint8_t *)target + done, (const uint8_t *)source + done, step);
    }
    return target;
}

/* Where @address lies in @region; SIZE_MAX if it does not. */
FUZZ_UNUSED static inline size_t toctou_within(const void *address, const uint8_t *region,
                                               size_t bytes)
{
    size_t offset = (size_t)((uintptr_t)address - (uintptr_t)region);

    return region != NULL && offset < bytes ? offset : SIZE_MAX;
}

/* ---- What a peer does by chance: the input is all that the chance comes from ------------------
 */

static uint32_t toctou_dice;

FUZZ_UNUSED static inline uint32_t toctou_roll(void)
{
    toctou_dice = toctou_dice * 1664525u + 1013904223u;
    return toctou_dice >> 8;
}

/* Now and then, another byte there. */
FUZZ_UNUSED static inline void toctou_may_write(const void *address, size_t bytes, uint32_t one_in)
{
    if (toctou_roll() % one_in == 0) {
        ((uint8_t *)(uintptr_t)address)[toctou_roll() % bytes] = (uint8_t)toctou_roll();
    }
}

FUZZ_UNUSED static void toctou_begin(const uint8_t *data, size_t size)
{
    toctou_dice = 1;
    for (size_t i = 0; i < size; i++) {
        toctou_dice = toctou_dice * 31u + data[i];
    }
}

#endif /* VMB_FUZZ_TOCTOU_H */
