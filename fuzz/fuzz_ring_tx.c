/* SPDX-License-Identifier: MIT */
/*
 * The producing half of a ring. Against an honest consumer every packet must arrive, whole and in
 * order; against one that writes over the control page nothing may be written outside the ring,
 * and nothing that was staged may spill over what the consumer has not given back.
 */
#include "fuzz.h"

#include <vmbus/ring.h>

#define FUZZ_LONGEST 96 /* Bytes of an input. */

enum {
    DATA_PAGES = 2,
    PIECES = 4,
    PIECE_BYTES = 8192,
    BUFFER_BYTES = 65536,
    SENT = 256,
    OPS = 48
};

static uint8_t *control, *source;
static uint8_t buffer[BUFFER_BYTES];

/* A packet that was staged: what the consumer shall see. */
struct sent {
    uint64_t id;
    uint32_t header_bytes;
    uint32_t payload_bytes;
    uint8_t first;
};

struct writer {
    struct vmb_ring_tx tx;
    struct vmb_ring_rx rx;
    struct vmb_ring_space space;
    struct sent sent[SENT];
    uint32_t data_bytes;
    uint32_t staged, committed, received; /* Counts; the packets are in sent[] modulo SENT. */
    bool reserved;
    bool hostile;
};

static struct writer writer;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    control = fuzz_pages(1 + DATA_PAGES);
    source = fuzz_pages(PIECE_BYTES / VMB_PAGE_BYTES);
    for (uint32_t i = 0; i < PIECE_BYTES; i++) {
        source[i] = (uint8_t)(i ^ i >> 8);
    }
    return 0;
}

static void note_sent(const struct vmb_packet_out *packet, uint32_t header_bytes, uint32_t bytes,
                      uint8_t first)
{
    struct sent *sent = &writer.sent[writer.staged++ % SENT];

    sent->id = packet->transaction_id;
    sent->header_bytes = 16u + header_bytes;
    sent->payload_bytes = bytes;
    sent->first = first;
    writer.reserved = false;
}

/* Draw a packet: its type, its flags, a header in up to two pieces. */
static uint32_t draw_packet(struct feed *feed, struct vmb_packet_out *packet,
                            struct vmb_slice header[2])
{
    static const uint16_t types[] = {6, 11, 7, 9, 6, 11, 8, 0};
    uint32_t shape = feed_u8(feed);

    memset(packet, 0, sizeof(*packet));
    packet->transaction_id = feed_u8(feed);
    packet->type = types[shape & 7u];
    packet->flags = shape >> 3 & 1u;
    if ((shape & 0x40u) != 0) {
        header[0] = (struct vmb_slice){source, feed_u8(feed)};
        header[1] = (struct vmb_slice){source + 8, 8u * feed_below(feed, 4)};
        packet->header = header;
        packet->header_count = 2;
        return header[0].byte_count + header[1].byte_count;
    }
    return 0;
}

static void user_writes(struct feed *feed)
{
    struct vmb_slice header[2], payload[PIECES];
    struct vmb_packet_out packet;
    uint32_t header_bytes = draw_packet(feed, &packet, header);
    uint32_t count = 1u + (feed_u8(feed) & 3u);
    uint32_t bytes = 0, i;
    vmb_status status;

    for (i = 0; i < count; i++) {
        payload[i].byte_count = feed_u16(feed) % (i == 0 ? PIECE_BYTES : 64u);
        payload[i].bytes = source + PIECE_BYTES - payload[i].byte_count;
        bytes += payload[i].byte_count;
    }
    status = vmb_ring_tx_write(&writer.tx, &packet, payload, count);
    if (status == VMB_OK) {
        FUZZ_CHECK(vmb_ring_packet_bytes(header_bytes, bytes) <=
                   vmb_ring_packet_limit(writer.data_bytes));
        note_sent(&packet, header_bytes, bytes,
                  payload[0].byte_count != 0 ? *(const uint8_t *)payload[0].bytes : 0);
    }
}

/* Up to four at once, each of one piece. */
static void user_writes_many(struct feed *feed)
{
    struct vmb_slice header[4][2], payload[4];
    struct vmb_packet_out packets[4];
    uint32_t header_bytes[4], limit = feed_below(feed, 5), count, i;
    vmb_status status;

    for (i = 0; i < limit; i++) {
        header_bytes[i] = draw_packet(feed, &packets[i], header[i]);
        payload[i].byte_count = feed_u8(feed) & 127u;
        payload[i].bytes = source + PIECE_BYTES - payload[i].byte_count;
    }
    status = vmb_ring_tx_write_many(&writer.tx, packets, payload, limit, &count);
    FUZZ_CHECK(status == VMB_OK ? count == limit : count < limit);
    for (i = 0; i < count; i++) {
        note_sent(&packets[i], header_bytes[i], payload[i].byte_count,
                  payload[i].byte_count != 0 ? *(const uint8_t *)payload[i].bytes : 0);
    }
}

static void user_reserves(struct feed *feed)
{
    struct vmb_slice header[2];
    struct vmb_packet_out packet;
    uint32_t header_bytes = draw_packet(feed, &packet, header);
    uint32_t bytes = feed_u16(feed);
    uint32_t used = feed_u16(feed);

    if (vmb_ring_tx_reserve(&writer.tx, &packet, bytes, &writer.space) != VMB_OK) {
        return;
    }
    writer.reserved = true;
    FUZZ_CHECK(writer.space.payload[0].byte_count + writer.space.payload[1].byte_count == bytes);
    memset(writer.space.payload[0].bytes, 0x77, writer.space.payload[0].byte_count);
    memset(writer.space.payload[1].bytes, 0x77, writer.space.payload[1].byte_count);
    if (vmb_ring_tx_finish(&writer.tx, &writer.space, used) == VMB_OK) {
        FUZZ_CHECK(used <= bytes);
        note_sent(&packet, header_bytes, used, used == 0 ? 0 : 0x77);
    }
}

/* Once more, after a finish that was refused. */
static void user_finishes(struct feed *feed)
{
    if (writer.reserved) {
        uint32_t staged = writer.tx.staged_offset;
        uint32_t used = feed_u8(feed);
        vmb_status status = vmb_ring_tx_finish(&writer.tx, &writer.space, used);

        FUZZ_CHECK(status != VMB_OK || writer.space.offset == staged);
        if (status == VMB_OK) {
            struct vmb_packet_out packet = {.transaction_id = writer.space.transaction_id};

            note_sent(&packet, writer.space.header_bytes - 16u, used, used == 0 ? 0 : 0x77);
        }
    }
}

static void user_acts(struct feed *feed, uint32_t what)
{
    writer.reserved = writer.reserved && what == 3; /* Good until the next call only. */
    switch (what) {
    case 0:
    case 1:
        user_writes(feed);
        break;
    case 2:
        user_reserves(feed);
        break;
    case 3:
        user_finishes(feed);
        break;
    case 4:
        (void)vmb_ring_tx_commit(&writer.tx);
        writer.committed = writer.staged;
        break;
    case 5:
        (void)vmb_ring_tx_wait_space(&writer.tx, feed_u16(feed));
        break;
    case 7:
        user_writes_many(feed);
        break;
    default:
        FUZZ_CHECK(vmb_ring_tx_free_bytes(&writer.tx) <= writer.data_bytes - 8u);
        break;
    }
}

/* The honest consumer takes one packet: the next one that was sent, and as it was sent. */
static void peer_receives(void)
{
    const struct sent *sent = &writer.sent[writer.received % SENT];
    struct vmb_packet packet;
    vmb_status status = vmb_ring_rx_next(&writer.rx, buffer, sizeof(buffer), &packet);

    if (status != VMB_OK) {
        FUZZ_CHECK(status == VMB_ERR_RING_EMPTY && writer.received == writer.committed);
        return;
    }
    FUZZ_CHECK(writer.received != writer.committed);
    FUZZ_CHECK(packet.transaction_id == sent->id && packet.header_bytes == sent->header_bytes);
    FUZZ_CHECK(packet.payload_bytes == ((sent->payload_bytes + 7u) & ~7u));
    FUZZ_CHECK(sent->first == 0 || buffer[0] == sent->first);
    while (packet.payload_bytes > sent->payload_bytes) { /* The padding tells nothing. */
        FUZZ_CHECK(buffer[--packet.payload_bytes] == 0);
    }
    writer.received++;
}

static void peer_acts(struct feed *feed, uint32_t what)
{
    uint32_t value;

    if (!writer.hostile) {
        switch (what) {
        case 0:
        case 1:
            peer_receives();
            break;
        case 2:
            vmb_ring_rx_mask(&writer.rx);
            break;
        case 3:
            (void)vmb_ring_rx_commit(&writer.rx);
            (void)vmb_ring_rx_unmask(&writer.rx);
            break;
        default:
            (void)vmb_ring_rx_commit(&writer.rx);
            break;
        }
        return;
    }
    value = what < 3 ? feed_u16(feed) & ~7u : feed_u32(feed);
    memcpy(control + (what < 3 ? VMB_RING_READ_OFFSET : 4u * feed_below(feed, 6)), &value, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed feed = feed_of(data, size);
    uint32_t first = feed_u8(&feed);
    uint32_t op, start;

    memset(&writer, 0, offsetof(struct writer, sent));
    writer.staged = writer.committed = writer.received = 0;
    writer.reserved = false;
    writer.hostile = (first & 2u) != 0;
    writer.data_bytes = (1u + (first & 1u)) * VMB_PAGE_BYTES;
    vmb_ring_format(control);
    if ((first & 4u) != 0) { /* Begin somewhere, so that the end is near. */
        start = (feed_u16(&feed) & ~7u) % (writer.hostile ? 65536u : writer.data_bytes);
        memcpy(control + VMB_RING_READ_OFFSET, &start, 4);
        memcpy(control + VMB_RING_WRITE_OFFSET, &start, 4);
    }
    if (vmb_ring_tx_init(&writer.tx, control, writer.data_bytes) != VMB_OK ||
        vmb_ring_rx_init(&writer.rx, control, writer.data_bytes) != VMB_OK) {
        FUZZ_CHECK(writer.hostile);
        return 0;
    }
    for (op = 0; op < OPS && feed.left != 0; op++) {
        uint32_t what = feed_u8(&feed);

        if (what < 144u) {
            user_acts(&feed, what & 7u);
        } else {
            peer_acts(&feed, what % 5u);
        }
        FUZZ_CHECK(writer.tx.staged_offset < writer.data_bytes);
        FUZZ_CHECK(writer.hostile || !writer.tx.broken);
        FUZZ_CHECK(writer.staged - writer.received <= SENT);
    }
    return 0;
}
