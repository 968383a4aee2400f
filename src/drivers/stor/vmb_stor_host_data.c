/* SPDX-License-Identifier: MIT */
/* A request's data: the ranges of its packet as pieces of memory that back ends can use. */
#include "base/vmb_shm.h"
#include "drivers/stor/vmb_stor_host_state.h"

#define DATA_CHUNK_BYTES 256u

/* Add a piece; one that follows the last in our memory makes that longer. False: too many. */
static bool data_add(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                     uint8_t VMB_SHARED *base, uint32_t byte_count)
{
    struct vmb_stor_segment *last;

    if (request->segment_count != 0) {
        last = &request->segments[request->segment_count - 1u];
        if ((uint8_t VMB_SHARED *)last->base + last->byte_count == base) {
            last->byte_count += byte_count;
            return true;
        }
    }
    if (request->segment_count == channel->host->segment_limit) {
        return false;
    }
    request->segments[request->segment_count].base = base;
    request->segments[request->segment_count].byte_count = byte_count;
    request->segment_count++;
    return true;
}

static bool data_add_range(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                           const struct vmb_gpa_range *range)
{
    const struct vmb_stor_host_options *options = &channel->host->options;
    uint32_t offset = range->byte_offset;
    uint32_t left = range->byte_count;
    uint32_t page;

    for (page = 0; page < range->page_count; page++) {
        uint32_t bytes = VMB_PAGE_BYTES - offset < left ? VMB_PAGE_BYTES - offset : left;
        void VMB_SHARED *base =
            options->guest_memory(options->context, vmb_gpa_range_page(range, page), offset, bytes);

        if (base == NULL || !data_add(channel, request, base, bytes)) {
            return false;
        }
        left -= bytes;
        offset = 0;
    }
    return true;
}

bool vmbi_stor_data_map(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                        const struct vmb_packet *packet, uint32_t *out_bytes)
{
    struct vmb_stor_host *host = channel->host;
    struct vmb_gpa_ranges ranges;
    struct vmb_gpa_range range;

    *out_bytes = 0;
    request->segment_count = 0;
    if (packet->type != VMB_PACKET_GPA_DIRECT) {
        return true;
    }
    if (vmb_endpoint_receive_header(channel->endpoint, packet, channel->header,
                                    host->header_bytes) != VMB_OK ||
        vmb_gpa_direct_decode(channel->header, packet->header_bytes - VMB_PACKET_DESCRIPTOR_BYTES,
                              &ranges) != VMB_OK) {
        return false;
    }
    while (vmb_gpa_ranges_next(&ranges, &range)) {
        if (range.byte_count > host->options.transfer_limit_bytes - *out_bytes ||
            !data_add_range(channel, request, &range)) {
            return false;
        }
        *out_bytes += range.byte_count;
    }
    return true;
}

void vmbi_stor_data_trim(struct vmbi_stor_request *request, uint32_t bytes)
{
    uint32_t i;

    for (i = 0; i < request->segment_count && bytes > 0; i++) {
        if (request->segments[i].byte_count > bytes) {
            request->segments[i].byte_count = bytes;
        }
        bytes -= (uint32_t)request->segments[i].byte_count;
    }
    request->segment_count = i;
}

void vmbi_stor_data_store(const struct vmbi_stor_request *request, const uint8_t *bytes,
                          uint32_t byte_count)
{
    const struct vmb_stor_segment *segment = request->segments;

    while (byte_count > 0) {
        uint32_t piece =
            segment->byte_count < byte_count ? (uint32_t)segment->byte_count : byte_count;

        vmbi_shm_copy_out(segment->base, bytes, piece);
        bytes += piece;
        byte_count -= piece;
        segment++;
    }
}

void vmbi_stor_data_load(const struct vmbi_stor_request *request, uint8_t *bytes,
                         uint32_t byte_count)
{
    const struct vmb_stor_segment *segment = request->segments;

    while (byte_count > 0) {
        uint32_t piece =
            segment->byte_count < byte_count ? (uint32_t)segment->byte_count : byte_count;

        vmbi_shm_copy_in(bytes, segment->base, piece);
        bytes += piece;
        byte_count -= piece;
        segment++;
    }
}

static bool data_piece_is_zero(const uint8_t VMB_SHARED *base, size_t byte_count)
{
    uint8_t chunk[DATA_CHUNK_BYTES];
    uint8_t any = 0;
    size_t at, i;

    for (at = 0; at < byte_count && any == 0; at += sizeof(chunk)) {
        size_t bytes = byte_count - at < sizeof(chunk) ? byte_count - at : sizeof(chunk);

        vmbi_shm_copy_in(chunk, base + at, (uint32_t)bytes);
        for (i = 0; i < bytes; i++) {
            any |= chunk[i];
        }
    }
    return any == 0;
}

bool vmbi_stor_data_is_zero(const struct vmbi_stor_request *request)
{
    uint32_t i;

    for (i = 0; i < request->segment_count; i++) {
        if (!data_piece_is_zero(request->segments[i].base, request->segments[i].byte_count)) {
            return false;
        }
    }
    return true;
}
