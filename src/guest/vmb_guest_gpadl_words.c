/* SPDX-License-Identifier: MIT */
/*
 * What GpadlHeader and GpadlBody say: a list of words of 8 bytes, a head and page numbers for each
 * range, in as many messages as it takes; and the handle that it gets. Bodies and GpadlTorndown
 * carry no relid, so a handle does, and none is given twice while one of it is alive.
 */
#include "guest/vmb_guest_state.h"

#include "base/vmb_number.h"

/* Handles count up in units of one relid each, from here to where they would be too long. */
#define WORDS_FIRST_TURN 0x20u
#define WORDS_END_TURN   (UINT32_MAX / VMB_RELID_COUNT)

struct vmb_gpadl *vmbi_gpadl_by_handle(struct vmb_guest *guest, uint32_t handle)
{
    struct vmb_gpadl *gpadl = guest->gpadls;

    while (gpadl != NULL && gpadl->handle != handle) {
        gpadl = gpadl->next;
    }
    return gpadl;
}

uint32_t vmbi_gpadl_new_handle(struct vmb_guest *guest, uint32_t relid)
{
    uint32_t handle;

    do {
        if (guest->next_gpadl < WORDS_FIRST_TURN || guest->next_gpadl >= WORDS_END_TURN) {
            guest->next_gpadl = WORDS_FIRST_TURN;
        }
        handle = guest->next_gpadl++ * VMB_RELID_COUNT + relid;
    } while (vmbi_rings_by_handle(guest, handle) != NULL ||
             vmbi_gpadl_by_handle(guest, handle) != NULL);
    return handle;
}

uint16_t vmbi_gpadl_words_next(uint32_t total, uint32_t sent)
{
    uint32_t limit = sent == 0 ? VMB_GPADL_HEADER_WORDS : VMB_GPADL_BODY_WORDS;

    return (uint16_t)(total - sent < limit ? total : sent + limit);
}

static uint32_t words_pages(const struct vmb_gpadl_range *range)
{
    return vmbi_pages_touched(range->byte_offset, range->byte_count);
}

/* A range's head, or one of its page numbers. */
static uint64_t words_word(const struct vmb_gpadl_range *range, uint32_t position)
{
    if (position == 0) {
        return (uint64_t)range->byte_offset << 32 | range->byte_count;
    }
    return range->pages != NULL ? range->pages[position - 1] : range->first_gpn + (position - 1);
}

/* The words of the next message; returns how many. */
static uint32_t words_fill(const struct gpadl_words *words, uint64_t *out_words)
{
    const struct vmb_gpadl_range *range = words->ranges;
    uint32_t count = vmbi_gpadl_words_next(words->total, words->sent) - words->sent;
    uint32_t position = words->sent;
    uint32_t index;

    while (position > words_pages(range)) {
        position -= 1 + words_pages(range);
        range++;
    }
    for (index = 0; index < count; index++) {
        out_words[index] = words_word(range, position);
        if (position++ == words_pages(range)) {
            position = 0;
            range++;
        }
    }
    return count;
}

void vmbi_gpadl_words_build(const struct gpadl_words *words, struct vmb_message *message)
{
    if (words->sent == 0) {
        struct vmb_msg_gpadl_header *header = &message->u.gpadl_header;

        message->number = VMB_MSG_GPADL_HEADER;
        header->relid = words->relid;
        header->gpadl = words->handle;
        header->range_data_bytes = (uint16_t)(words->total * 8u);
        header->range_count = (uint16_t)words->range_count;
        header->range_word_count = words_fill(words, header->range_words);
    } else {
        struct vmb_msg_gpadl_body *body = &message->u.gpadl_body;

        message->number = VMB_MSG_GPADL_BODY;
        body->body_index = (words->sent - VMB_GPADL_HEADER_WORDS) / VMB_GPADL_BODY_WORDS;
        body->gpadl = words->handle;
        body->range_word_count = words_fill(words, body->range_words);
    }
}
