/* SPDX-License-Identifier: MIT */
/*
 * The consuming half of a ring against a producer that writes whatever it likes, between any two
 * calls: indices, flags, packets, good ones too so that the ring is travelled round and round.
 */
#include "fuzz.h"

#include <vmbus/ring.h>

#define FUZZ_LONGEST 96 /* Bytes of an input. */

enum {
    DATA_PAGES = 2,
    BUFFER_PAGES = 4,
    OPS = 48
};

static uint8_t *control, *buffer;

struct reader {
    struct vmb_ring_rx rx;
    struct vmb_packet packet;
    uint32_t data_bytes;
    uint32_t peer_offset; /* Where the producer writes, while it is honest. */
    bool peeked;          /* The packet is the next one, not consumed yet. */
    bool known;           /* The packet may be copied from. */
    bool broken;
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    control = fuzz_pages(1 + DATA_PAGES);
    buffer = fuzz_pages(BUFFER_PAGES);
    return 0;
}

static void peer_sets(uint32_t field, uint32_t value)
{
    memcpy(control + field, &value, sizeof(value));
}

/* A packet that is right, or nearly: written around the end if need be, and published. */
static void peer_sends(struct reader *reader, struct feed *feed)
{
    uint8_t raw[16];
    uint32_t header_bytes = 16u + 8u * feed_below(feed, 4);
    uint32_t content_bytes = header_bytes + 8u * feed_u8(feed);
    uint32_t end = reader->peer_offset + content_bytes + 8u;
    uint32_t i;

    memset(raw, 0, sizeof(raw));
    raw[0] = feed_u8(feed) % 13u;
    raw[2] = (uint8_t)(header_bytes / 8u);
    raw[4] = (uint8_t)(content_bytes / 8u);
    raw[5] = (uint8_t)(content_bytes / 8u >> 8);
    raw[6] = feed_u8(feed) & 3u;
    raw[8] = feed_u8(feed);
    for (i = 0; i < sizeof(raw); i++) {
        control[VMB_PAGE_BYTES + (reader->peer_offset + i) % reader->data_bytes] = raw[i];
    }
    reader->peer_offset = end % reader->data_bytes;
    peer_sets(VMB_RING_WRITE_OFFSET, reader->peer_offset);
}

static void peer_acts(struct reader *reader, struct feed *feed, uint32_t what)
{
    uint32_t offset;

    switch (what) {
    case 0:
        peer_sends(reader, feed);
        break;
    case 1:
        peer_sets(VMB_RING_WRITE_OFFSET, feed_u16(feed));
        break;
    case 2:
        peer_sets(4u * feed_below(feed, 6), feed_u32(feed));
        break;
    case 3:
        peer_sets(VMB_RING_FEATURE_BITS, feed_u8(feed));
        break;
    case 4:
        peer_sets(VMB_RING_PENDING_SEND_BYTES, feed_u16(feed));
        break;
    default:
        offset = feed_u16(feed) % reader->data_bytes;
        (void)feed_bytes(feed, control + VMB_PAGE_BYTES + offset,
                         1u + (feed_u8(feed) & 15u) % (reader->data_bytes - offset));
        break;
    }
}

static void check_packet(const struct reader *reader)
{
    const struct vmb_packet *packet = &reader->packet;
    uint64_t bytes = (uint64_t)packet->header_bytes + packet->payload_bytes;

    FUZZ_CHECK(packet->header_bytes >= 16u && bytes + 8u <= reader->data_bytes - 8u);
    FUZZ_CHECK(packet->header_bytes % 8u == 0 && packet->payload_bytes % 8u == 0);
    FUZZ_CHECK(packet->flags <= VMB_PACKET_WANTS_COMPLETION);
    FUZZ_CHECK(packet->type == 6 || packet->type == 7 || packet->type == 9 || packet->type == 11);
    FUZZ_CHECK((packet->type != 7 && packet->type != 9) || packet->header_bytes >= 24u);
}

static void check_status(struct reader *reader, vmb_status status)
{
    FUZZ_CHECK(!reader->broken || status == VMB_ERR_PEER); /* Broken is broken. */
    reader->broken = reader->broken || status == VMB_ERR_PEER;
    if (status == VMB_OK || status == VMB_ERR_TOO_SMALL) {
        check_packet(reader);
    }
}

static void read_part(struct reader *reader, struct feed *feed, bool in_place)
{
    struct vmb_ring_piece pieces[2] = {{NULL, 0}, {NULL, 0}};
    uint32_t offset = feed_u16(feed);
    uint32_t bytes = feed_u16(feed) % (BUFFER_PAGES * VMB_PAGE_BYTES + 1u);
    uint8_t *target = fuzz_tail(buffer, BUFFER_PAGES, bytes);
    vmb_status status;
    uint32_t i;

    if (!in_place) {
        status = vmb_ring_rx_copy(&reader->rx, &reader->packet, offset, target, bytes);
        FUZZ_CHECK(status == VMB_OK || status == VMB_ERR_INVALID_ARGUMENT);
        return;
    }
    status = vmb_ring_rx_view(&reader->rx, &reader->packet, offset, bytes, pieces);
    if (status != VMB_OK) {
        FUZZ_CHECK(status == VMB_ERR_INVALID_ARGUMENT);
        return;
    }
    FUZZ_CHECK((uint64_t)pieces[0].byte_count + pieces[1].byte_count == bytes);
    for (i = 0; i < 2; i++) {
        memset(pieces[i].bytes, 0x5A, pieces[i].byte_count);
    }
}

/* Several packets at once; the last of them may be copied from. */
static void read_burst(struct reader *reader, struct feed *feed)
{
    struct vmb_packet packets[4];
    uint32_t bytes = 8u * feed_u8(feed), limit = feed_below(feed, 5), count = 5, used = 0;
    vmb_status status = vmb_ring_rx_next_many(&reader->rx, fuzz_tail(buffer, BUFFER_PAGES, bytes),
                                              bytes, packets, limit, &count);

    FUZZ_CHECK(status == VMB_OK ? count != 0 && count <= limit : count == 0);
    reader->known = reader->peeked = false;
    if (limit == 0) {
        FUZZ_CHECK(status == VMB_ERR_INVALID_ARGUMENT);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        reader->packet = packets[i];
        reader->known = true;
        check_packet(reader);
        used += packets[i].payload_bytes;
    }
    FUZZ_CHECK(used <= bytes);
    if (status == VMB_ERR_TOO_SMALL) {
        reader->packet = packets[0];
        reader->known = reader->peeked = true;
    }
    check_status(reader, status);
}

static void reader_acts(struct reader *reader, struct feed *feed, uint32_t what)
{
    uint32_t bytes;
    vmb_status status;

    switch (what) {
    case 0:
        bytes = 8u * feed_u8(feed);
        status = vmb_ring_rx_next(&reader->rx, fuzz_tail(buffer, BUFFER_PAGES, bytes), bytes,
                                  &reader->packet);
        check_status(reader, status);
        reader->known = status == VMB_OK || status == VMB_ERR_TOO_SMALL;
        reader->peeked = status == VMB_ERR_TOO_SMALL;
        break;
    case 1:
        status = vmb_ring_rx_peek(&reader->rx, &reader->packet);
        check_status(reader, status);
        reader->known = reader->peeked = status == VMB_OK;
        break;
    case 2:
        if (reader->peeked) {
            vmb_ring_rx_advance(&reader->rx, &reader->packet);
            reader->peeked = false;
        }
        break;
    case 3:
        FUZZ_CHECK(!vmb_ring_rx_commit(&reader->rx) || !reader->broken);
        reader->known = reader->peeked;
        break;
    case 4:
        vmb_ring_rx_mask(&reader->rx);
        break;
    case 5:
        (void)vmb_ring_rx_commit(&reader->rx);
        (void)vmb_ring_rx_unmask(&reader->rx);
        reader->known = reader->peeked;
        break;
    default:
        if (reader->known) {
            read_part(reader, feed, what == 6);
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed feed = feed_of(data, size);
    struct vmb_ring_state state;
    struct reader reader;
    uint32_t first = feed_u8(&feed);
    uint32_t op;

    memset(&reader, 0, sizeof(reader));
    reader.data_bytes = (1u + (first & 1u)) * VMB_PAGE_BYTES;
    memset(control, 0, 128);
    memset(control + VMB_PAGE_BYTES, 0, reader.data_bytes);
    peer_sets(VMB_RING_FEATURE_BITS, first >> 1 & 1u);
    if ((first & 4u) != 0) {
        reader.peer_offset = feed_u16(&feed) & ~7u;
        peer_sets(VMB_RING_READ_OFFSET, reader.peer_offset);
        peer_sets(VMB_RING_WRITE_OFFSET, reader.peer_offset);
        reader.peer_offset %= reader.data_bytes;
    }
    if (vmb_ring_rx_init(&reader.rx, control, reader.data_bytes) != VMB_OK) {
        return 0;
    }
    for (op = 0; op < OPS && feed.left != 0; op++) {
        uint32_t what = feed_u8(&feed);

        if (what < 128u && (what & 15u) == 8u) {
            read_burst(&reader, &feed);
        } else if (what < 128u) {
            reader_acts(&reader, &feed, what & 7u);
        } else {
            peer_acts(&reader, &feed, what % 6u);
        }
        reader.broken = reader.broken || reader.rx.broken;
        FUZZ_CHECK(reader.rx.read_offset < reader.data_bytes && reader.rx.read_offset % 8u == 0);
        FUZZ_CHECK(reader.rx.straight_end <= reader.data_bytes);
    }
    (void)vmb_ring_inspect(control, reader.data_bytes, &state);
    return 0;
}
