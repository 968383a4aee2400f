/* SPDX-License-Identifier: MIT */
/*
 * A GPADL put together, word by word: from any state in which one can be, any word that a guest
 * sends is refused, or stored within the GPADL's own words, and leaves such a state. By induction
 * so does any sequence of headers and bodies, of any length, however it is cut and whatever it
 * says of itself; and when as many words have come as were announced, it is whole.
 */
#include "proof.h"

#include "host/vmb_host_gpadl_words.c"

#define WORDS 32u

static uint64_t words[WORDS];
static struct vmb_host host;
static struct vmb_host_gpadl gpadl;

/* What vmbi_host_gpadl_header() begins with, and each word leaves behind. */
static bool state_is_right(uint32_t offset, uint32_t pages, uint32_t ranges)
{
    return gpadl.word_offset == offset && gpadl.page_count == pages &&
           gpadl.range_count == ranges && gpadl.pages_seen <= pages &&
           gpadl.range_pages_left <= pages - gpadl.pages_seen && gpadl.ranges_seen <= ranges &&
           (gpadl.ranges_seen > 0 || gpadl.pages_seen + gpadl.range_pages_left == 0);
}

int main(void)
{
    uint32_t offset = (uint32_t)proof_any(), pages = (uint32_t)proof_any();
    uint32_t ranges = (uint32_t)proof_any(), before, other = (uint32_t)proof_any();
    uint64_t kept;

    host.words = words;
    gpadl.host = &host;
    proof_assume(offset <= WORDS && pages <= WORDS && ranges <= 0xFFFFu && ranges > 0 &&
                 pages >= ranges && offset + pages + ranges <= WORDS);
    gpadl.word_offset = offset;
    gpadl.page_count = pages;
    gpadl.range_count = ranges;
    gpadl.pages_seen = (uint32_t)proof_any();
    gpadl.ranges_seen = (uint32_t)proof_any();
    gpadl.range_pages_left = (uint32_t)proof_any();
    proof_assume(state_is_right(offset, pages, ranges));
    /* Somebody else's word. */
    proof_assume(other < WORDS && (other < offset || other >= offset + pages + ranges));
    kept = words[other];
    before = gpadl.pages_seen + gpadl.ranges_seen;
    proof_assume(before < pages + ranges); /* gpadl_take_words() stops there. */
    if (vmbi_gpadl_words_take(&gpadl, proof_any()) == VMB_OK) {
        proof_check(state_is_right(offset, pages, ranges));
        proof_check(gpadl.pages_seen + gpadl.ranges_seen == before + 1u);
        if (before + 1u == pages + ranges) {
            proof_check(gpadl.range_pages_left == 0 && gpadl.ranges_seen == ranges);
        }
    }
    proof_check(words[other] == kept);
    return 0;
}
