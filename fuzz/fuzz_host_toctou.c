/* SPDX-License-Identifier: MIT */
/*
 * The same sessions against a guest that also writes what the host has mapped, rings, interrupt and
 * monitor pages, between any two loads of the host's, as long as the input lasts.
 */
#define FUZZ_TOCTOU
#include "fuzz_host.c"
#include "toctou.h"

static void load_comes(const void *address, size_t bytes)
{
    if (feed.left == 0) {
        return;
    }
    if (toctou_within(address, guest_memory, (size_t)PAGES * VMB_PAGE_BYTES) != SIZE_MAX ||
        toctou_within(address, blocks.base, (size_t)BLOCKS * BLOCK_PAGES * VMB_PAGE_BYTES) !=
            SIZE_MAX) {
        toctou_may_write(address, bytes, 64);
    }
}
