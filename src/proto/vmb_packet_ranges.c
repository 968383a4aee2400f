/* SPDX-License-Identifier: MIT */
/*
 * Lists of memory ranges: the extra headers of transfer-page and GPA-direct packets, and the data
 * of GPADLs, whose ranges have the same form as those of GPA-direct packets.
 */
#include <vmbus/proto/packet.h>

#include "base/vmb_le.h"
#include "base/vmb_number.h"

/* Extra header of a transfer-page packet. */
#define TRANSFER_SET_ID      0u
#define TRANSFER_SENDER_OWNS 2u
#define TRANSFER_COUNT       4u
#define TRANSFER_RANGES      8u
#define RANGE_BYTE_COUNT     0u
#define RANGE_BYTE_OFFSET    4u

/* Extra header of a GPA-direct packet. */
#define DIRECT_COUNT  4u
#define DIRECT_RANGES 8u

#define WORD_BYTES    8u
/* What the extra header of the longest packet holds. */
#define EXTRA_MAX_BYTES (VMB_PACKET_MAX_BYTES - VMB_PACKET_DESCRIPTOR_BYTES)

vmb_status vmb_transfer_pages_decode(const uint8_t *extra, uint32_t extra_bytes,
                                     struct vmb_transfer_pages *out_pages)
{
    uint32_t range_count;

    if (extra_bytes < VMB_PACKET_RANGES_BYTES) {
        return VMB_ERR_MALFORMED;
    }
    range_count = vmbi_le32(extra + TRANSFER_COUNT);
    if (range_count > (extra_bytes - TRANSFER_RANGES) / VMB_TRANSFER_RANGE_BYTES) {
        return VMB_ERR_MALFORMED;
    }
    out_pages->set_id = vmbi_le16(extra + TRANSFER_SET_ID);
    out_pages->sender_owns_set = (extra[TRANSFER_SENDER_OWNS] & 1u) != 0;
    out_pages->range_count = range_count;
    out_pages->raw_ranges = extra + TRANSFER_RANGES;
    return VMB_OK;
}

vmb_status vmb_transfer_pages_range(const struct vmb_transfer_pages *pages, uint32_t index,
                                    uint32_t set_bytes, struct vmb_transfer_range *out_range)
{
    const uint8_t *raw;
    uint32_t byte_count, byte_offset;

    if (index >= pages->range_count) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    raw = pages->raw_ranges + index * VMB_TRANSFER_RANGE_BYTES;
    byte_count = vmbi_le32(raw + RANGE_BYTE_COUNT);
    byte_offset = vmbi_le32(raw + RANGE_BYTE_OFFSET);
    if (byte_offset > set_bytes || byte_count > set_bytes - byte_offset) {
        return VMB_ERR_MALFORMED;
    }
    out_range->byte_count = byte_count;
    out_range->byte_offset = byte_offset;
    return VMB_OK;
}

vmb_status vmb_transfer_pages_encode(uint16_t set_id, bool sender_owns_set,
                                     const struct vmb_transfer_range *ranges, uint32_t range_count,
                                     uint8_t *buffer, uint32_t buffer_bytes, uint32_t *out_bytes)
{
    uint32_t i;

    if (range_count > (EXTRA_MAX_BYTES - TRANSFER_RANGES) / VMB_TRANSFER_RANGE_BYTES) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    *out_bytes = TRANSFER_RANGES + range_count * VMB_TRANSFER_RANGE_BYTES;
    if (*out_bytes > buffer_bytes) {
        return VMB_ERR_TOO_SMALL;
    }
    vmbi_put_le16(buffer + TRANSFER_SET_ID, set_id);
    vmbi_put_le16(buffer + TRANSFER_SENDER_OWNS, sender_owns_set ? 1 : 0);
    vmbi_put_le32(buffer + TRANSFER_COUNT, range_count);
    for (i = 0; i < range_count; i++) {
        uint8_t *raw = buffer + TRANSFER_RANGES + i * VMB_TRANSFER_RANGE_BYTES;

        vmbi_put_le32(raw + RANGE_BYTE_COUNT, ranges[i].byte_count);
        vmbi_put_le32(raw + RANGE_BYTE_OFFSET, ranges[i].byte_offset);
    }
    return VMB_OK;
}

/* The rules for one range: some bytes, an offset within a page, a sum of 32 bits. */
static bool range_is_sound(uint32_t byte_count, uint32_t byte_offset)
{
    uint32_t end;

    return byte_count != 0 && byte_offset < VMB_PAGE_BYTES &&
           !vmbi_add_overflows(byte_offset, byte_count, &end);
}

/* Move on by that many words, which are there. */
static void ranges_skip(struct vmb_gpa_ranges *ranges, uint32_t word_count)
{
    ranges->words_left -= word_count;
    if (ranges->words != NULL) {
        ranges->words += word_count;
    } else {
        ranges->bytes += word_count * WORD_BYTES;
    }
}

/* Take the next range if it is sound and all there. */
static bool ranges_take(struct vmb_gpa_ranges *ranges, struct vmb_gpa_range *out_range)
{
    uint64_t word;
    uint32_t page_count;

    if (ranges->ranges_left == 0 || ranges->words_left == 0) {
        return false;
    }
    word = ranges->words != NULL ? ranges->words[0] : vmbi_le64(ranges->bytes);
    out_range->byte_count = (uint32_t)word;
    out_range->byte_offset = (uint32_t)(word >> 32);
    if (!range_is_sound(out_range->byte_count, out_range->byte_offset)) {
        return false;
    }
    page_count = vmbi_pages_touched(out_range->byte_offset, out_range->byte_count);
    if (page_count > ranges->words_left - 1u) {
        return false;
    }
    ranges_skip(ranges, 1);
    out_range->page_count = page_count;
    out_range->pages = ranges->words;
    out_range->raw_pages = ranges->bytes;
    ranges_skip(ranges, page_count);
    ranges->ranges_left--;
    return true;
}

/* Walk the whole list once, so that whoever reads it later meets no error. */
static bool ranges_are_sound(struct vmb_gpa_ranges ranges)
{
    struct vmb_gpa_range range;

    if (ranges.ranges_left == 0) {
        return false;
    }
    while (ranges.ranges_left > 0) {
        if (!ranges_take(&ranges, &range)) {
            return false;
        }
    }
    return true;
}

vmb_status vmb_gpa_ranges_of_words(const uint64_t *words, uint32_t word_count, uint32_t range_count,
                                   struct vmb_gpa_ranges *out_ranges)
{
    struct vmb_gpa_ranges ranges;

    ranges.ranges_left = range_count;
    ranges.words_left = word_count;
    ranges.words = words;
    ranges.bytes = NULL;
    if (!ranges_are_sound(ranges)) {
        return VMB_ERR_MALFORMED;
    }
    *out_ranges = ranges;
    return VMB_OK;
}

vmb_status vmb_gpa_direct_decode(const uint8_t *extra, uint32_t extra_bytes,
                                 struct vmb_gpa_ranges *out_ranges)
{
    struct vmb_gpa_ranges ranges;

    if (extra_bytes < VMB_PACKET_RANGES_BYTES) {
        return VMB_ERR_MALFORMED;
    }
    ranges.ranges_left = vmbi_le32(extra + DIRECT_COUNT);
    ranges.words_left = (extra_bytes - DIRECT_RANGES) / WORD_BYTES;
    ranges.words = NULL;
    ranges.bytes = extra + DIRECT_RANGES;
    if (!ranges_are_sound(ranges)) {
        return VMB_ERR_MALFORMED;
    }
    *out_ranges = ranges;
    return VMB_OK;
}

bool vmb_gpa_ranges_next(struct vmb_gpa_ranges *ranges, struct vmb_gpa_range *out_range)
{
    return ranges_take(ranges, out_range);
}

vmb_gpn vmb_gpa_range_page(const struct vmb_gpa_range *range, uint32_t index)
{
    VMB_ASSERT(index < range->page_count);
    return range->pages != NULL ? range->pages[index]
                                : vmbi_le64(range->raw_pages + index * WORD_BYTES);
}

/* Bytes of the extra header of all ranges, or 0 if they are not sound or exceed a packet. */
static uint32_t ranges_extra_bytes(const struct vmb_gpa_range *ranges, uint32_t range_count)
{
    uint32_t bytes = DIRECT_RANGES;
    uint32_t i;

    for (i = 0; i < range_count; i++) {
        const struct vmb_gpa_range *range = &ranges[i];

        if (!range_is_sound(range->byte_count, range->byte_offset) ||
            range->page_count != vmbi_pages_touched(range->byte_offset, range->byte_count) ||
            range->page_count >= (EXTRA_MAX_BYTES - bytes) / WORD_BYTES) {
            return 0;
        }
        bytes += (1u + range->page_count) * WORD_BYTES;
    }
    return range_count == 0 ? 0 : bytes;
}

vmb_status vmb_gpa_direct_encode(const struct vmb_gpa_range *ranges, uint32_t range_count,
                                 uint8_t *buffer, uint32_t buffer_bytes, uint32_t *out_bytes)
{
    uint32_t bytes = ranges_extra_bytes(ranges, range_count);
    uint32_t i, page;

    if (bytes == 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    *out_bytes = bytes;
    if (bytes > buffer_bytes) {
        return VMB_ERR_TOO_SMALL;
    }
    vmbi_put_le64(buffer, 0);
    vmbi_put_le32(buffer + DIRECT_COUNT, range_count);
    buffer += DIRECT_RANGES;
    for (i = 0; i < range_count; i++) {
        vmbi_put_le32(buffer + RANGE_BYTE_COUNT, ranges[i].byte_count);
        vmbi_put_le32(buffer + RANGE_BYTE_OFFSET, ranges[i].byte_offset);
        buffer += WORD_BYTES;
        for (page = 0; page < ranges[i].page_count; page++) {
            vmbi_put_le64(buffer, vmb_gpa_range_page(&ranges[i], page));
            buffer += WORD_BYTES;
        }
    }
    return VMB_OK;
}
