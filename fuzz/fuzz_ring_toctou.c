/* SPDX-License-Identifier: MIT */
/*
 * The ring reader against a peer that writes shared memory between any two loads of it.
 *
 * The input says before which load the peer writes what, so that a run is repeated exactly. Nothing
 * that the reader reports may depend on a byte that was looked at before.
 *
 * Whatever the peer does, in no call and in no life of a packet is one byte of the ring loaded
 * twice (strict): who never looks twice cannot be shown two things. The two exceptions are said
 * where they are.
 */
#include "toctou.h"

#include <vmbus/endpoint.h>

#define FUZZ_LONGEST 160 /* Bytes of an input. */

enum {
    DATA_BYTES = 4096,
    MAPPING_BYTES = 4096 + DATA_BYTES,
    BUFFER_PAGES = 2,
    CALLS = 24
};

static uint8_t *ring, *buffer;
static uint32_t looked[MAPPING_BYTES]; /* The epoch in which each byte was loaded last. */
static uint32_t epoch;                 /* A call for the control page, a packet for the data. */
static uint32_t packet_epoch;
static uint32_t until_write; /* Loads before the peer's next write. */
static bool watching;
static struct feed peer;

/* The peer writes what the input says, then says when it comes again. */
static void peer_writes(void)
{
    uint32_t shape, offset;

    if (peer.left == 0) {
        until_write = UINT32_MAX;
        return;
    }
    shape = feed_u8(&peer);
    offset = (shape & 0x80u) != 0 ? 4096u + (feed_u16(&peer) & (DATA_BYTES - 1u) & ~1u)
                                  : (shape & 3u) * 4u;
    ring[offset] = feed_u8(&peer);
    ring[offset + 1u] = feed_u8(&peer);
    until_write = shape >> 2 & 31u;
}

static void load_comes(const void *address, size_t bytes)
{
    size_t offset = toctou_within(address, ring, MAPPING_BYTES);
    uint32_t now, i;

    if (!watching || offset == SIZE_MAX) {
        return;
    }
    if (until_write != UINT32_MAX && until_write-- == 0) {
        peer_writes();
    }
    now = offset < 4096 ? epoch : packet_epoch;
    for (i = 0; i < bytes; i++) {
        FUZZ_CHECK(looked[offset + i] != now);
        looked[offset + i] = now;
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    ring = fuzz_pages(MAPPING_BYTES / 4096);
    buffer = fuzz_pages(BUFFER_PAGES);
    return 0;
}

static void check_packet(const struct vmb_packet *packet)
{
    FUZZ_CHECK(packet->header_bytes >= 16u && packet->header_bytes % 8u == 0);
    FUZZ_CHECK((uint64_t)packet->header_bytes + packet->payload_bytes + 8u <= DATA_BYTES - 8u);
}

/* Take one packet, as drivers do: its payload, then perhaps its header. */
static void take_whole(struct vmb_ring_rx *rx, uint32_t bytes)
{
    uint8_t *target = fuzz_tail(buffer, BUFFER_PAGES, bytes);
    struct vmb_packet packet;
    vmb_status status = vmb_ring_rx_next(rx, target, bytes, &packet);

    if (status == VMB_OK) {
        check_packet(&packet);
        FUZZ_CHECK(packet.payload_bytes <= bytes);
        (void)vmb_ring_rx_copy(rx, &packet, 16, buffer, packet.header_bytes - 16u);
    } else if (status == VMB_ERR_TOO_SMALL) {
        check_packet(&packet);
        vmb_ring_rx_advance(rx, &packet); /* Skipped; the descriptor is not looked at again. */
    }
}

/* Several at once. */
static void take_burst(struct vmb_ring_rx *rx, uint32_t bytes)
{
    uint8_t *target = fuzz_tail(buffer, BUFFER_PAGES, bytes);
    struct vmb_packet packets[4];
    uint32_t count, used = 0, i;
    vmb_status status = vmb_ring_rx_next_many(rx, target, bytes, packets, 4, &count);

    FUZZ_CHECK(status == VMB_OK ? count != 0 && count <= 4 : count == 0);
    for (i = 0; i < count; i++) {
        check_packet(&packets[i]);
        used += packets[i].payload_bytes;
        (void)vmb_ring_rx_copy(rx, &packets[i], 16, buffer, packets[i].header_bytes - 16u);
    }
    FUZZ_CHECK(used <= bytes);
}

/* Look, then copy what one wants, then go on. */
static void take_in_parts(struct vmb_ring_rx *rx, uint32_t part)
{
    struct vmb_packet packet;

    if (vmb_ring_rx_peek(rx, &packet) != VMB_OK) {
        return;
    }
    check_packet(&packet);
    (void)vmb_ring_rx_copy(rx, &packet, 16, buffer, packet.header_bytes - 16u);
    part = part < packet.payload_bytes ? part : packet.payload_bytes;
    (void)vmb_ring_rx_copy(rx, &packet, packet.header_bytes, fuzz_tail(buffer, 1, part), part);
    vmb_ring_rx_advance(rx, &packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed feed = feed_of(data, size);
    struct vmb_ring_rx rx;
    uint32_t call, what;

    memset(ring, 0, 128);
    feed.left = size < 64 ? size : 64; /* The reader's part; the rest is the peer's. */
    peer = (struct feed){data + feed.left, size - feed.left};
    watching = false;
    ring[VMB_RING_FEATURE_BITS] = feed_u8(&feed) & 1u;
    ring[VMB_RING_WRITE_OFFSET] = feed_u8(&feed) & 0xF8u;
    ring[VMB_RING_WRITE_OFFSET + 1u] = feed_u8(&feed) & 0x0Fu;
    (void)feed_bytes(&feed, ring + 4096, 32);
    if (vmb_ring_rx_init(&rx, ring, DATA_BYTES) != VMB_OK) {
        return 0;
    }
    watching = true;
    until_write = 0;
    for (call = 0; call < CALLS && feed.left > 0; call++) {
        packet_epoch = ++epoch;
        what = feed_u8(&feed);
        if ((what & 3u) == 0) {
            take_in_parts(&rx, what);
        } else if ((what & 3u) == 1) {
            /* Two loads of the write index: one as of the packets, one as of the waiter. */
            epoch++;
            (void)vmb_ring_rx_commit(&rx);
            epoch++;
            (void)vmb_ring_rx_unmask(&rx);
        } else if ((what & 7u) == 3) {
            take_burst(&rx, what * 8u);
        } else {
            take_whole(&rx, what * 8u);
        }
        FUZZ_CHECK(rx.read_offset < DATA_BYTES && rx.read_offset % 8u == 0);
    }
    return 0;
}
