/* SPDX-License-Identifier: MIT */
/*
 * Lists of memory ranges, out of a packet and out of a GPADL: whatever they say, a list that is
 * taken is read to its end within what was given, and so is every page number that it names.
 */
#include "proof.h"

#include "proto/vmb_packet_ranges.c"

#define WORDS 6u

static uint64_t words[WORDS];
static uint8_t extra[WORDS * 8u];

static void walk(struct vmb_gpa_ranges *ranges)
{
    struct vmb_gpa_range range;

    while (vmb_gpa_ranges_next(ranges, &range)) {
        uint32_t index = (uint32_t)proof_any();

        proof_check(range.byte_offset < VMB_PAGE_BYTES && range.page_count > 0);
        proof_assume(index < range.page_count);
        (void)vmb_gpa_range_page(&range, index);
    }
    proof_check(ranges->ranges_left == 0);
}

int main(void)
{
    struct vmb_gpa_ranges ranges;
    struct vmb_transfer_pages pages;
    struct vmb_transfer_range range;
    uint32_t count = (uint32_t)proof_any();
    uint32_t bytes = (uint32_t)proof_any();

    proof_assume(count <= WORDS && bytes <= sizeof(extra));
    proof_scramble(words, sizeof(words));
    proof_scramble(extra, sizeof(extra));
    if (vmb_gpa_ranges_of_words(words + (WORDS - count), count, (uint32_t)proof_any(), &ranges) ==
        VMB_OK) {
        walk(&ranges);
    }
    if (vmb_gpa_direct_decode(extra + (sizeof(extra) - bytes), bytes, &ranges) == VMB_OK) {
        walk(&ranges);
    }
    if (vmb_transfer_pages_decode(extra + (sizeof(extra) - bytes), bytes, &pages) == VMB_OK) {
        uint32_t set_bytes = (uint32_t)proof_any();

        if (vmb_transfer_pages_range(&pages, (uint32_t)proof_any(), set_bytes, &range) == VMB_OK) {
            proof_check((uint64_t)range.byte_offset + range.byte_count <= set_bytes);
        }
    }
    return 0;
}
