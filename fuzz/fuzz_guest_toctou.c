/* SPDX-License-Identifier: MIT */
/*
 * The same sessions against a host that also writes message slots, event flags, interrupt and
 * monitor pages and rings between any two loads of the guest's, as long as the input lasts.
 */
#define FUZZ_TOCTOU
#include "fuzz_guest.c"
#include "toctou.h"

static void load_comes(const void *address, size_t bytes)
{
    if (feed.left == 0) {
        return;
    }
    if (toctou_within(address, message_pages, (size_t)VPS * VMB_PAGE_BYTES) != SIZE_MAX) {
        image_high_named = true; /* Whatever is offered now. */
        toctou_may_write(address, bytes, 64);
    } else if (toctou_within(address, event_pages, (size_t)VPS * VMB_PAGE_BYTES) != SIZE_MAX ||
               toctou_within(address, blocks.base, (size_t)BLOCKS * BLOCK_PAGES * VMB_PAGE_BYTES) !=
                   SIZE_MAX) {
        toctou_may_write(address, bytes, 64);
    }
}
