/* SPDX-License-Identifier: MIT */
/*
 * What stands in a ring: descriptors, lists of memory ranges, pipe headers; and GUIDs as text. What
 * is taken lies within what was given, and survives encoding and decoding.
 */
#include "fuzz.h"

#include <vmbus/proto/guid.h>
#include <vmbus/proto/packet.h>

#define FUZZ_LONGEST 320 /* Bytes of an input. */

enum {
    RANGES = 64,
    WORDS = 64
};

static uint8_t *text_page, *words_page;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    text_page = fuzz_pages(1);
    words_page = fuzz_pages(1);
    return 0;
}

static void fuzz_descriptor(struct feed *feed)
{
    struct vmb_packet_descriptor descriptor, laid_out;
    uint8_t raw[VMB_PACKET_DESCRIPTOR_BYTES], again[VMB_PACKET_DESCRIPTOR_BYTES];
    uint32_t available = feed_u32(feed) & 0xFFFFFu;
    uint32_t space = feed_u8(feed);
    char *text = (char *)fuzz_tail(text_page, 1, space);
    uint32_t extra_bytes, length;
    vmb_status status;

    (void)feed_bytes(feed, raw, sizeof(raw));
    status = vmb_packet_descriptor_decode(raw, available, &descriptor);
    if (status == VMB_ERR_PEER) {
        return;
    }
    FUZZ_CHECK(status == VMB_OK || status == VMB_ERR_UNKNOWN);
    FUZZ_CHECK(descriptor.header_bytes >= 16u &&
               descriptor.header_bytes <= descriptor.packet_bytes);
    FUZZ_CHECK((uint64_t)descriptor.packet_bytes + 8u <= available);
    FUZZ_CHECK(descriptor.header_bytes % 8u == 0 && descriptor.packet_bytes % 8u == 0);
    vmb_packet_descriptor_encode(&descriptor, again);
    FUZZ_CHECK(memcmp(raw, again, sizeof(raw)) == 0);
    extra_bytes = descriptor.header_bytes - 16u;
    FUZZ_CHECK(vmb_packet_descriptor_init(
                   descriptor.type, descriptor.flags, descriptor.transaction_id, extra_bytes,
                   descriptor.packet_bytes - descriptor.header_bytes, &laid_out) == VMB_OK);
    vmb_packet_descriptor_encode(&laid_out, again);
    FUZZ_CHECK(memcmp(raw, again, sizeof(raw)) == 0);
    length =
        vmb_packet_print(&descriptor, extra_bytes <= feed->left ? feed->next : NULL, text, space);
    FUZZ_CHECK(space == 0 || (length < space && text[length] == 0));
    (void)vmb_packet_type_name(descriptor.type);
    vmb_packet_trailer_encode(available, raw);
}

static void fuzz_transfer(struct feed *feed)
{
    uint32_t set_bytes = feed_u32(feed);
    struct vmb_transfer_range ranges[RANGES];
    struct vmb_transfer_pages pages, again;
    uint8_t encoded[8 + RANGES * VMB_TRANSFER_RANGE_BYTES];
    uint32_t bytes = 0, i;
    bool all = true;

    if (vmb_transfer_pages_decode(feed->next, (uint32_t)feed->left, &pages) != VMB_OK) {
        return;
    }
    FUZZ_CHECK(8u + (uint64_t)pages.range_count * VMB_TRANSFER_RANGE_BYTES <= feed->left);
    for (i = 0; i < pages.range_count && i < RANGES; i++) {
        vmb_status status = vmb_transfer_pages_range(&pages, i, set_bytes, &ranges[i]);

        FUZZ_CHECK(status == VMB_OK || status == VMB_ERR_MALFORMED);
        all = all && status == VMB_OK;
        FUZZ_CHECK(status != VMB_OK ||
                   (uint64_t)ranges[i].byte_offset + ranges[i].byte_count <= set_bytes);
    }
    FUZZ_CHECK(vmb_transfer_pages_range(&pages, pages.range_count, set_bytes, &ranges[0]) ==
               VMB_ERR_INVALID_ARGUMENT);
    if (!all || pages.range_count > RANGES) {
        return;
    }
    FUZZ_CHECK(vmb_transfer_pages_encode(pages.set_id, pages.sender_owns_set, ranges,
                                         pages.range_count, encoded, sizeof(encoded),
                                         &bytes) == VMB_OK);
    FUZZ_CHECK(vmb_transfer_pages_decode(encoded, bytes, &again) == VMB_OK &&
               again.range_count == pages.range_count);
}

/* A list that was found sound is read to its end, and what it names is what the words say. */
static uint32_t walk_ranges(struct vmb_gpa_ranges *list, uint32_t words, struct vmb_gpa_range *out)
{
    struct vmb_gpa_range range;
    uint32_t count = 0, used = 0, left = list->ranges_left;

    while (vmb_gpa_ranges_next(list, &range)) {
        FUZZ_CHECK(range.byte_count != 0 && range.byte_offset < VMB_PAGE_BYTES);
        FUZZ_CHECK((uint64_t)range.page_count * VMB_PAGE_BYTES >=
                   (uint64_t)range.byte_offset + range.byte_count);
        (void)vmb_gpa_range_page(&range, 0);
        (void)vmb_gpa_range_page(&range, range.page_count - 1u);
        if (count < RANGES) {
            out[count] = range;
        }
        count++;
        used += 1u + range.page_count;
    }
    FUZZ_CHECK(count == left && used <= words);
    return count;
}

static void fuzz_direct(struct feed *feed)
{
    struct vmb_gpa_range ranges[RANGES];
    uint8_t encoded[512];
    struct vmb_gpa_ranges list;
    uint32_t count, bytes = 0;
    vmb_status status;

    if (vmb_gpa_direct_decode(feed->next, (uint32_t)feed->left, &list) != VMB_OK) {
        return;
    }
    count = walk_ranges(&list, (uint32_t)feed->left / 8u, ranges);
    if (count > RANGES) {
        return;
    }
    status = vmb_gpa_direct_encode(ranges, count, encoded, sizeof(encoded), &bytes);
    FUZZ_CHECK(status == VMB_OK && vmb_gpa_direct_decode(encoded, bytes, &list) == VMB_OK);
    FUZZ_CHECK(memcmp(encoded + 8, feed->next + 8, bytes - 8u) == 0);
}

/* The data of a GPADL, whose words are aligned. */
static void fuzz_words(struct feed *feed)
{
    uint32_t count = feed_below(feed, WORDS + 1);
    uint32_t range_count = feed_u16(feed);
    uint64_t *words = (uint64_t *)(void *)fuzz_tail(words_page, 1, (size_t)count * 8u);
    struct vmb_gpa_range ranges[RANGES];
    struct vmb_gpa_ranges list;

    (void)feed_bytes(feed, words, (size_t)count * 8u);
    if (vmb_gpa_ranges_of_words(words, count, range_count, &list) == VMB_OK) {
        FUZZ_CHECK(walk_ranges(&list, count, ranges) == range_count);
    }
}

static void fuzz_pipe(struct feed *feed)
{
    uint32_t payload_bytes = feed_u32(feed);
    uint32_t given = payload_bytes < VMB_PIPE_HEADER_BYTES ? payload_bytes : VMB_PIPE_HEADER_BYTES;
    uint8_t *payload = fuzz_tail(text_page, 1, given);
    uint8_t again[VMB_PIPE_HEADER_BYTES];
    struct vmb_pipe_header header;
    uint32_t total;

    (void)feed_bytes(feed, payload, given);
    if (vmb_pipe_header_decode(payload, payload_bytes, &header) != VMB_OK) {
        return;
    }
    FUZZ_CHECK((uint64_t)header.data_offset + header.data_bytes <= payload_bytes);
    if (header.type == VMB_PIPE_DATA) {
        vmb_pipe_data_encode(header.data_bytes, again);
        FUZZ_CHECK(memcmp(again, payload, sizeof(again)) == 0);
    } else if (header.type == VMB_PIPE_PARTIAL) {
        total = header.data_offset - VMB_PIPE_HEADER_BYTES + header.data_bytes;
        FUZZ_CHECK(vmb_pipe_partial_encode(total, total - header.data_bytes, again) == VMB_OK);
        FUZZ_CHECK(memcmp(again, payload, sizeof(again)) == 0);
    }
    (void)vmb_pipe_partial_encode(feed_u32(feed), feed_u16(feed), again);
}

static void fuzz_guid(struct feed *feed)
{
    char text[VMB_GUID_TEXT_BYTES];
    uint32_t length = feed_below(feed, 64);
    char *given = (char *)fuzz_tail(text_page, 1, length + 1u);
    struct vmb_guid guid, again;
    uint32_t port = 0;

    given[feed_bytes(feed, given, length)] = 0;
    if (vmb_guid_parse(given, &guid) != VMB_OK) {
        (void)feed_bytes(feed, guid.bytes, sizeof(guid.bytes));
    }
    vmb_guid_format(&guid, text);
    FUZZ_CHECK(vmb_guid_parse(text, &again) == VMB_OK && vmb_guid_equal(&guid, &again));
    if (vmb_guid_is_hvsock(&guid, &port)) {
        vmb_guid_from_hvsock(port, &again);
        FUZZ_CHECK(vmb_guid_equal(&guid, &again));
    }
    FUZZ_CHECK(vmb_class_name(&guid) != NULL);
    (void)vmb_class_traits(vmb_class_of(&guid));
    (void)vmb_guid_is_zero(&guid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(struct feed *) = {fuzz_descriptor, fuzz_transfer, fuzz_direct,
                                                   fuzz_words,      fuzz_pipe,     fuzz_guid};
    struct feed feed = feed_of(data, size);

    parts[feed_below(&feed, sizeof(parts) / sizeof(parts[0]))](&feed);
    return 0;
}
