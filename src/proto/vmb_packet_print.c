/* SPDX-License-Identifier: MIT */
/* Packets as one line for people. */
#include <vmbus/proto/packet.h>

#include "base/vmb_text.h"

static void print_transfer_pages(struct vmbi_text *line, const uint8_t *extra, uint32_t extra_bytes)
{
    struct vmb_transfer_pages pages;
    struct vmb_transfer_range range;
    uint32_t i;

    if (vmb_transfer_pages_decode(extra, extra_bytes, &pages) != VMB_OK) {
        vmbi_text_add(line, " ranges=malformed");
        return;
    }
    vmbi_text_add(line, " set=");
    vmbi_text_add_hex(line, pages.set_id, 4);
    vmbi_text_add(line, " ranges=");
    vmbi_text_add_number(line, pages.range_count);
    for (i = 0; i < pages.range_count && line->length + 1u < line->capacity; i++) {
        vmbi_text_add(line, i == 0 ? ":" : ",");
        if (vmb_transfer_pages_range(&pages, i, UINT32_MAX, &range) != VMB_OK) {
            vmbi_text_add(line, "malformed");
            continue;
        }
        vmbi_text_add_number(line, range.byte_count);
        vmbi_text_add(line, "@");
        vmbi_text_add_hex(line, range.byte_offset, 1);
    }
}

static void print_gpa_direct(struct vmbi_text *line, const uint8_t *extra, uint32_t extra_bytes)
{
    const char *separator = ":";
    struct vmb_gpa_ranges ranges;
    struct vmb_gpa_range range;

    if (vmb_gpa_direct_decode(extra, extra_bytes, &ranges) != VMB_OK) {
        vmbi_text_add(line, " ranges=malformed");
        return;
    }
    vmbi_text_add(line, " ranges=");
    vmbi_text_add_number(line, ranges.ranges_left);
    while (line->length + 1u < line->capacity && vmb_gpa_ranges_next(&ranges, &range)) {
        vmbi_text_add(line, separator);
        vmbi_text_add_number(line, range.byte_count);
        vmbi_text_add(line, "@");
        vmbi_text_add_hex(line,
                          (vmb_gpa_range_page(&range, 0) << VMB_PAGE_SHIFT) + range.byte_offset, 1);
        separator = ",";
    }
}

uint32_t vmb_packet_print(const struct vmb_packet_descriptor *descriptor, const uint8_t *extra,
                          char *text, uint32_t text_bytes)
{
    uint32_t extra_bytes = descriptor->header_bytes - VMB_PACKET_DESCRIPTOR_BYTES;
    struct vmbi_text line;

    vmbi_text_begin(&line, text, text_bytes);
    vmbi_text_add(&line, vmb_packet_type_name(descriptor->type));
    if (vmb_packet_type_name(descriptor->type)[0] == '?') {
        vmbi_text_add_hex(&line, descriptor->type, 1);
    }
    vmbi_text_add(&line, " id=");
    vmbi_text_add_hex(&line, descriptor->transaction_id, 1);
    vmbi_text_add(&line, " payload_bytes=");
    vmbi_text_add_number(&line, descriptor->packet_bytes - descriptor->header_bytes);
    if ((descriptor->flags & VMB_PACKET_WANTS_COMPLETION) != 0) {
        vmbi_text_add(&line, " wants-completion");
    }
    if ((descriptor->flags & ~VMB_PACKET_WANTS_COMPLETION) != 0) {
        vmbi_text_add(&line, " flags=");
        vmbi_text_add_hex(&line, descriptor->flags, 4);
    }
    if (extra != NULL && descriptor->type == VMB_PACKET_TRANSFER_PAGES) {
        print_transfer_pages(&line, extra, extra_bytes);
    } else if (extra != NULL && descriptor->type == VMB_PACKET_GPA_DIRECT) {
        print_gpa_direct(&line, extra, extra_bytes);
    }
    return line.length;
}
