/* SPDX-License-Identifier: MIT */
/*
 * Lists of guest memory and of transfer pages in a ring's packets, as a host's device reads them,
 * against a guest that writes meanwhile: see drivers_toctou.h. What is taken makes sense whatever
 * is written after it has been looked at.
 */
#define FUZZ_TOCTOU
#include "drivers.h"

#include <vmbus/proto/packet.h>

#define FUZZ_LONGEST 512 /* Bytes of an input. */

enum {
    HEADER_BYTES = 256,
    SET_BYTES = 65536
};

static void walk_ranges(const uint8_t *extra, uint32_t extra_bytes)
{
    struct vmb_gpa_ranges ranges;
    struct vmb_gpa_range range;
    uint32_t left;

    if (vmb_gpa_direct_decode(extra, extra_bytes, &ranges) != VMB_OK) {
        return;
    }
    for (left = ranges.ranges_left; vmb_gpa_ranges_next(&ranges, &range); left--) {
        FUZZ_CHECK(left > 0 && range.byte_count > 0 && range.byte_offset < VMB_PAGE_BYTES);
        FUZZ_CHECK(range.page_count ==
                   ((uint64_t)range.byte_offset + range.byte_count + VMB_PAGE_BYTES - 1u) /
                       VMB_PAGE_BYTES);
        for (uint32_t i = 0; i < range.page_count; i++) {
            (void)vmb_gpa_range_page(&range, i);
        }
    }
    FUZZ_CHECK(left == 0);
}

static void walk_transfer_pages(const uint8_t *extra, uint32_t extra_bytes)
{
    struct vmb_transfer_pages pages;
    struct vmb_transfer_range range;

    if (vmb_transfer_pages_decode(extra, extra_bytes, &pages) != VMB_OK) {
        return;
    }
    for (uint32_t i = 0; i < pages.range_count; i++) {
        if (vmb_transfer_pages_range(&pages, i, SET_BYTES, &range) == VMB_OK) {
            FUZZ_CHECK((uint64_t)range.byte_offset + range.byte_count <= SET_BYTES);
        }
    }
}

static void device_opened(void *device, struct vmb_endpoint *endpoint)
{
    (void)device;
    (void)endpoint;
}

static void device_event(void *device)
{
    static uint8_t *space;
    uint8_t payload[128], *extra;
    struct vmb_packet packet;
    uint32_t extra_bytes;
    vmb_status status;

    (void)device;
    space = space == NULL ? fuzz_pages(1) : space;
    while ((status = vmb_endpoint_receive(&bench.endpoint, payload, sizeof(payload), &packet)) !=
           VMB_ERR_RING_EMPTY) {
        if (status == VMB_ERR_TOO_SMALL) {
            vmb_endpoint_skip(&bench.endpoint, &packet);
            continue;
        }
        if (status != VMB_OK) {
            return;
        }
        extra_bytes = packet.header_bytes - VMB_PACKET_DESCRIPTOR_BYTES;
        extra = fuzz_tail(space, 1, extra_bytes < HEADER_BYTES ? extra_bytes : HEADER_BYTES);
        if (vmb_endpoint_receive_header(&bench.endpoint, &packet, extra, HEADER_BYTES) != VMB_OK) {
            continue;
        }
        if (packet.type == VMB_PACKET_GPA_DIRECT) {
            walk_ranges(extra, extra_bytes);
        } else if (packet.type == VMB_PACKET_TRANSFER_PAGES) {
            walk_transfer_pages(extra, extra_bytes);
        }
    }
    vmb_endpoint_release(&bench.endpoint);
}

static const struct vmb_driver device_driver = {.opened = device_opened, .on_event = device_event};

/* A list that is right, then spoilt here and there, or any bytes. */
static void guest_sends(struct feed *feed)
{
    uint8_t extra[HEADER_BYTES] = {0}, payload[64] = {0};
    uint32_t shape = feed_u8(feed);
    vmb_gpn pages[4] = {feed_u8(feed), 1, 2, 3};
    struct vmb_gpa_range range = {1u + feed_u16(feed) % 8192u, feed_u16(feed) % 4096u, 0, pages,
                                  NULL};
    struct vmb_slice ranges = {extra, 0}, body = {payload, shape >> 2 & 63u};
    struct vmb_packet_out out = {.transaction_id = 1,
                                 .type = (shape & 1u) != 0 ? VMB_PACKET_GPA_DIRECT
                                                           : VMB_PACKET_TRANSFER_PAGES,
                                 .header = &ranges,
                                 .header_count = 1};

    range.page_count = (range.byte_offset + range.byte_count + 4095u) / 4096u;
    if ((shape & 1u) == 0 ||
        vmb_gpa_direct_encode(&range, 1, extra, sizeof(extra), &ranges.byte_count) != VMB_OK) {
        ranges.byte_count = (feed_u8(feed) & 0x78u) + 8u;
        (void)feed_bytes(feed, extra, 16);
        extra[5] = extra[6] = 0; /* A count that may be. */
        extra[7] = 0;
    }
    if ((shape & 2u) != 0) {
        extra[feed_u8(feed) % ranges.byte_count] = feed_u8(feed);
    }
    (void)vmb_endpoint_stage_typed(&bench.peer, &out, &body, 1);
    vmb_endpoint_flush(&bench.peer);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    bench_make();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed feed = feed_of(data, size);
    const uint8_t form[16] = {0};

    bench_open(&device_driver, &bench);
    for (uint32_t step = 0; step < DRIVER_STEPS && feed.left > 0; step++) {
        uint32_t what = feed_u8(&feed);

        if ((what & 7u) != 0) {
            guest_sends(&feed);
        }
        if ((what & 8u) != 0) {
            bench_step(&feed, form, sizeof(form));
        } else if ((what & 16u) == 0) {
            bench_event();
        }
    }
    bench_event();
    return 0;
}
