/* SPDX-License-Identifier: MIT */
/* Packets through a ring: their bytes, every size at every place, in pieces, in place, in batches.
 */
#include "test_ring_pair.h"

/* The bytes of a packet, as any other implementation writes and reads them. */
static void test_bytes_of_a_packet(void **state)
{
    const struct vmb_packet_out out = {
        .type = VMB_PACKET_IN_BAND, .flags = 1, .transaction_id = 0x1122334455667788u};
    const struct vmb_slice payload = {"abcdefghijk", 11};
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    pair_restart(&pair, 64);
    assert_int_equal(vmb_ring_tx_write(&pair.tx, &out, &payload, 1), VMB_OK);
    assert_int_equal(field_get(&pair, VMB_RING_WRITE_OFFSET), 64); /* Not before the commit. */
    assert_true(vmb_ring_tx_commit(&pair.tx));
    assert_int_equal(field_get(&pair, VMB_RING_WRITE_OFFSET), 64 + 40);

    assert_true(word_at(&pair, 64) == 0x0001000400020006u); /* Flags, length, data offset, type. */
    assert_true(word_at(&pair, 72) == 0x1122334455667788u); /* Transaction id. */
    assert_memory_equal(data_at(&pair, 80), "abcdefghijk\0\0\0\0\0", 16);
    assert_true(word_at(&pair, 96) == (uint64_t)64 << 32); /* Trailer: where the packet began. */
    assert_int_equal(*data_at(&pair, 104), 0xEE);
    pair_drop(&pair);
}

static void test_bytes_of_the_control_page(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t offset = 0; offset < VMB_PAGE_BYTES; offset += 4) {
        assert_int_equal(field_get(&pair, offset), offset == 64 ? 1 : 0);
    }
    pair_drop(&pair);
}

/* What the type-specific header and the payload of one packet are, and how they were put in. */
struct sample {
    uint16_t type;
    uint32_t extra_bytes;
    uint32_t payload_bytes;
    uint8_t bytes[SMALL]; /* Both, one behind the other. */
};

static void sample_write(struct pair *pair, const struct sample *sample, bool in_pieces)
{
    const uint8_t *payload = sample->bytes + sample->extra_bytes;
    uint32_t half = sample->payload_bytes / 2;
    struct vmb_slice header[] = {
        {sample->bytes, 3}, {NULL, 0}, {sample->bytes + 3, sample->extra_bytes - 3}};
    struct vmb_slice pieces[] = {
        {payload, half}, {NULL, 0}, {payload + half, sample->payload_bytes - half}};
    struct vmb_slice whole = {payload, sample->payload_bytes};
    struct vmb_packet_out out = {
        .type = sample->type,
        .transaction_id = sample->payload_bytes,
        .header = sample->extra_bytes != 0 ? header : NULL,
        .header_count = sample->extra_bytes != 0 ? 3 : 0,
    };
    vmb_status status = in_pieces ? vmb_ring_tx_write(&pair->tx, &out, pieces, 3)
                                  : vmb_ring_tx_write(&pair->tx, &out, &whole, 1);

    assert_int_equal(status, VMB_OK);
}

static void pieces_put(const struct vmb_ring_piece pieces[2], const uint8_t *bytes, uint32_t count)
{
    uint32_t first = count < pieces[0].byte_count ? count : pieces[0].byte_count;

    memcpy(pieces[0].bytes, bytes, first);
    memcpy(pieces[1].bytes, bytes + first, count - first);
}

/* The same through a reservation that is larger than what is written. */
static void sample_write_in_place(struct pair *pair, const struct sample *sample)
{
    struct vmb_slice header = {sample->bytes, sample->extra_bytes};
    struct vmb_packet_out out = {
        .type = sample->type,
        .transaction_id = sample->payload_bytes,
        .header = &header,
        .header_count = 1,
    };
    uint32_t most = vmb_ring_packet_limit(pair->data_bytes) - VMB_RING_PACKET_OVERHEAD_BYTES -
                    sample->extra_bytes;
    struct vmb_ring_space space;

    assert_int_equal(vmb_ring_tx_reserve(&pair->tx, &out, most, &space), VMB_OK);
    assert_int_equal(space.payload[0].byte_count + space.payload[1].byte_count, most);
    pieces_put(space.payload, sample->bytes + sample->extra_bytes, sample->payload_bytes);
    assert_int_equal(vmb_ring_tx_finish(&pair->tx, &space, sample->payload_bytes), VMB_OK);
}

/* Everything that can be seen of the packet at @offset is what was put in. */
static void sample_check(struct pair *pair, const struct sample *sample, uint32_t offset)
{
    uint32_t padded = (sample->payload_bytes + 7u) & ~7u;
    uint32_t total = VMB_RING_PACKET_OVERHEAD_BYTES + sample->extra_bytes + padded;
    struct vmb_ring_piece pieces[2];
    struct vmb_packet packet;
    uint8_t copy[SMALL];

    assert_int_equal(vmb_ring_rx_peek(&pair->rx, &packet), VMB_OK);
    assert_int_equal(packet.type, sample->type);
    assert_int_equal(packet.flags, 0);
    assert_true(packet.transaction_id == sample->payload_bytes);
    assert_int_equal(packet.header_bytes, 16 + sample->extra_bytes);
    assert_int_equal(packet.payload_bytes, padded);
    assert_true(word_at(pair, offset + total - 8) == (uint64_t)offset << 32);

    assert_int_equal(vmb_ring_rx_copy(&pair->rx, &packet, 16, copy, sample->extra_bytes + padded),
                     VMB_OK);
    assert_memory_equal(copy, sample->bytes, sample->extra_bytes + sample->payload_bytes);
    for (uint32_t i = sample->extra_bytes + sample->payload_bytes; i < sample->extra_bytes + padded;
         i++) {
        assert_int_equal(copy[i], 0); /* Nothing stale leaks in the padding. */
    }

    assert_int_equal(vmb_ring_rx_view(&pair->rx, &packet, packet.header_bytes, padded, pieces),
                     VMB_OK);
    assert_int_equal(pieces[0].byte_count + pieces[1].byte_count, padded);
    assert_memory_equal(pieces[0].bytes, copy + sample->extra_bytes, pieces[0].byte_count);
    assert_memory_equal(pieces[1].bytes, copy + sample->extra_bytes + pieces[0].byte_count,
                        pieces[1].byte_count);

    memset(copy, 0xDD, sizeof(copy));
    assert_int_equal(vmb_ring_rx_next(&pair->rx, copy, padded, &packet), VMB_OK);
    assert_memory_equal(copy, sample->bytes + sample->extra_bytes, sample->payload_bytes);
    if (padded < sizeof(copy)) {
        assert_int_equal(copy[padded], 0xDD);
    }
    assert_int_equal(vmb_ring_rx_peek(&pair->rx, &packet), VMB_ERR_RING_EMPTY);
    assert_false(vmb_ring_rx_commit(&pair->rx));
    assert_int_equal(field_get(pair, VMB_RING_READ_OFFSET), (offset + total) % pair->data_bytes);
}

static void sample_make(struct sample *sample, uint16_t type, uint32_t extra_bytes,
                        uint32_t payload_bytes)
{
    sample->type = type;
    sample->extra_bytes = extra_bytes;
    sample->payload_bytes = payload_bytes;
    pattern_fill(sample->bytes, extra_bytes + payload_bytes, payload_bytes);
}

/* Whichever way a packet is put in, it comes out; at this place, with this size. */
static void sample_try(struct pair *pair, const struct sample *sample, uint32_t offset)
{
    pair_move(pair, offset);
    sample_write(pair, sample, false);
    assert_true(vmb_ring_tx_commit(&pair->tx));
    sample_check(pair, sample, offset);

    pair_move(pair, offset);
    sample_write(pair, sample, true);
    assert_true(vmb_ring_tx_commit(&pair->tx));
    sample_check(pair, sample, offset);

    pair_move(pair, offset);
    sample_write_in_place(pair, sample);
    assert_true(vmb_ring_tx_commit(&pair->tx));
    sample_check(pair, sample, offset);
}

/*
 * Every payload up to a quarter of the ring, then every fifth so that each remainder of 8 comes, at
 * every place of the ring. test_each_place_of_the_end_in_each_size() has the sizes left out here.
 */
static void test_each_size_at_each_place(void **state)
{
    const uint32_t most = SMALL - 16 - VMB_RING_PACKET_OVERHEAD_BYTES;
    uint8_t bytes[SMALL], copy[SMALL];
    struct vmb_packet packet;
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t size = 0; size <= most; size += size < SMALL / 4 ? 1 : 5) {
        pattern_fill(bytes, size, size);
        for (uint32_t offset = 0; offset < SMALL; offset += 8) {
            pair_move(&pair, offset);
            assert_int_equal(send(&pair, bytes, size), VMB_OK);
            assert_true(vmb_ring_tx_commit(&pair.tx));
            assert_int_equal(vmb_ring_rx_next(&pair.rx, copy, sizeof(copy), &packet), VMB_OK);
            assert_int_equal(packet.payload_bytes, (size + 7u) & ~7u);
            assert_true(memcmp(copy, bytes, size) == 0);
        }
    }
    pair_drop(&pair);
}

/* Every way of putting a packet in and of getting at it, at every place of the ring. */
static void test_each_way_at_each_place(void **state)
{
    const uint32_t most = SMALL - 16 - VMB_RING_PACKET_OVERHEAD_BYTES;
    struct sample sample;
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t size = 0; size <= most; size += size < 144 || size >= most - 24 ? 1 : 131) {
        sample_make(&sample, VMB_PACKET_IN_BAND, 0, size);
        for (uint32_t offset = 0; offset < SMALL; offset += 8) {
            sample_try(&pair, &sample, offset);
        }
    }
    pair_drop(&pair);
}

/* Every payload there is, at the places where descriptor, payload, padding or trailer wrap. */
static void test_each_place_of_the_end_in_each_size(void **state)
{
    const uint32_t most = SMALL - 16 - VMB_RING_PACKET_OVERHEAD_BYTES;
    struct sample sample;
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t size = 0; size <= most; size++) {
        uint32_t total = vmb_ring_packet_bytes(0, size);

        sample_make(&sample, VMB_PACKET_IN_BAND, 0, size);
        for (uint32_t behind_end = 0; behind_end <= 32 && behind_end < total; behind_end += 8) {
            sample_try(&pair, &sample, SMALL - (total - behind_end)); /* Near the packet's end. */
            sample_try(&pair, &sample, (SMALL - behind_end) % SMALL); /* Near its beginning. */
        }
    }
    pair_drop(&pair);
}

static void test_type_specific_headers_at_each_place(void **state)
{
    static const uint16_t types[] = {VMB_PACKET_IN_BAND, VMB_PACKET_TRANSFER_PAGES,
                                     VMB_PACKET_GPA_DIRECT, VMB_PACKET_COMPLETION};
    struct sample sample;
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        for (uint32_t extra_bytes = 8; extra_bytes <= 104; extra_bytes += 32) {
            for (uint32_t offset = 0; offset < SMALL; offset += 8) {
                sample_make(&sample, types[i], extra_bytes, 21 + extra_bytes);
                sample_try(&pair, &sample, offset);
            }
        }
    }
    pair_drop(&pair);
}

/* The largest packet fits an empty ring, wherever it begins; one byte more never does. */
static void test_largest_packet_and_one_byte_more(void **state)
{
    static const uint8_t bytes[SMALL];
    const uint32_t most = SMALL - 16 - VMB_RING_PACKET_OVERHEAD_BYTES;
    struct pair pair;

    (void)state;
    assert_int_equal(vmb_ring_packet_limit(SMALL), SMALL - 16);
    assert_int_equal(vmb_ring_packet_bytes(0, most), SMALL - 16);
    pair_make(&pair, SMALL);
    for (uint32_t offset = 0; offset < SMALL; offset += 8) {
        pair_restart(&pair, offset);
        assert_int_equal(send(&pair, bytes, most + 1), VMB_ERR_INVALID_ARGUMENT);
        assert_int_equal(pair.tx.counters.packets, 0);
        assert_int_equal(send(&pair, bytes, most), VMB_OK);
        assert_int_equal(send(&pair, bytes, 0), VMB_ERR_RING_FULL);
        assert_int_equal(pair.tx.full, 1);
    }
    pair_drop(&pair);
}

/* The descriptor has 16 bits for its length: a large ring does not make larger packets. */
static void test_length_limit_in_a_large_ring(void **state)
{
    const uint32_t data_bytes = 1u << 20;
    const uint32_t most = VMB_PACKET_MAX_BYTES - VMB_PACKET_DESCRIPTOR_BYTES;
    uint8_t *bytes = malloc(most + 1);
    uint8_t *copy = malloc(most);
    struct vmb_packet packet;
    struct pair pair;

    (void)state;
    assert_non_null(bytes);
    assert_non_null(copy);
    pattern_fill(bytes, most + 1, 1);
    assert_int_equal(vmb_ring_packet_limit(data_bytes), VMB_PACKET_MAX_BYTES + 8);
    assert_int_equal(vmb_ring_packet_bytes(0, most), VMB_PACKET_MAX_BYTES + 8);
    assert_int_equal(vmb_ring_packet_bytes(0, most + 1), UINT32_MAX);
    assert_int_equal(vmb_ring_packet_bytes(0, UINT32_MAX), UINT32_MAX);
    assert_int_equal(vmb_ring_packet_bytes(4, 0), UINT32_MAX);

    pair_make(&pair, data_bytes);
    for (uint32_t round = 0; round < 5; round++) { /* Wraps in the third. */
        assert_int_equal(send(&pair, bytes, most + 1), VMB_ERR_INVALID_ARGUMENT);
        assert_int_equal(send(&pair, bytes, most), VMB_OK);
        publish(&pair);
        assert_int_equal(vmb_ring_rx_next(&pair.rx, copy, most, &packet), VMB_OK);
        assert_int_equal(packet.payload_bytes, most);
        assert_memory_equal(copy, bytes, most);
        release(&pair);
    }
    assert_int_equal(vmb_ring_tx_free_bytes(&pair.tx), data_bytes - 8);
    pair_drop(&pair);
    free(copy);
    free(bytes);
}

/* Whatever the packets, the write index never catches up with the read index from behind. */
static void test_full_ring_is_not_empty(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t size = 24; size <= SMALL - 16; size += 8) {
        uint32_t fit = (SMALL - 8) / size;

        pair_restart(&pair, size % SMALL);
        for (uint32_t i = 0; i < fit; i++) {
            assert_int_equal(send_sized(&pair, size), VMB_OK);
        }
        assert_int_equal(send_sized(&pair, size), VMB_ERR_RING_FULL);
        assert_true(vmb_ring_tx_commit(&pair.tx));
        assert_int_not_equal(field_get(&pair, VMB_RING_WRITE_OFFSET),
                             field_get(&pair, VMB_RING_READ_OFFSET));
        for (uint32_t i = 0; i < fit; i++) {
            assert_int_equal(skip_packet(&pair), VMB_OK);
        }
        assert_int_equal(skip_packet(&pair), VMB_ERR_RING_EMPTY);
    }
    pair_drop(&pair);
}

/* What is staged comes out in order after one commit; what is read is free after one commit. */
static void test_batches(void **state)
{
    struct vmb_packet packet;
    struct pair pair;
    uint32_t number;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t round = 0; round < 100; round++) {
        for (uint32_t i = 0; i < 32; i++) {
            number = round * 32 + i;
            assert_int_equal(send(&pair, &number, sizeof(number)), VMB_OK);
            assert_int_equal(vmb_ring_rx_peek(&pair.rx, &packet), VMB_ERR_RING_EMPTY);
        }
        assert_true(vmb_ring_tx_commit(&pair.tx));
        assert_false(vmb_ring_tx_commit(&pair.tx)); /* Nothing is left to be published. */
        for (uint32_t i = 0; i < 32; i++) {
            uint8_t copy[8];

            assert_int_equal(vmb_ring_rx_next(&pair.rx, copy, sizeof(copy), &packet), VMB_OK);
            memcpy(&number, copy, sizeof(number));
            assert_int_equal(number, round * 32 + i);
        }
        assert_int_equal(vmb_ring_tx_free_bytes(&pair.tx), SMALL - 8 - 32 * 32);
        assert_false(vmb_ring_rx_commit(&pair.rx));
        assert_int_equal(vmb_ring_tx_free_bytes(&pair.tx), SMALL - 8);
    }
    assert_int_equal(pair.tx.counters.packets, 3200);
    assert_int_equal(pair.tx.counters.bytes, 3200 * 4);
    assert_int_equal(pair.tx.counters.signals_sent, 100);
    assert_int_equal(pair.rx.counters.packets, 3200);
    assert_int_equal(pair.rx.counters.bytes, 3200 * 8); /* As rounded up. */
    assert_int_equal(pair.rx.counters.signals_spared, 100);
    pair_drop(&pair);
}

/* A buffer that is too small costs nothing and says what is needed. */
/* All of the data but the words that a consumer writes into the lines from @first up to @end. */
static void own_expect(const struct pair *pair, uint8_t *was, uint32_t first, uint32_t end)
{
    for (uint32_t at = first; at != end; at = (at + 8u) % SMALL) {
        if (at % 64u == 0) {
            memset(was + at, 0, 4);
        }
    }
    assert_memory_equal(data_at(pair, 0), was, SMALL);
}

/*
 * A commit takes the lines that were read away from the producer, by a word in each, and touches
 * nothing else: not what is unread, not the gap, not what is free already.
 */
static void test_commit_writes_only_what_it_gives_back(void **state)
{
    static uint8_t was[SMALL];
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t offset = 0; offset < SMALL; offset += 8) {
        for (uint32_t bytes = 24; bytes <= 1400; bytes += offset % 64u == 0 ? 8 : 344) {
            pattern_fill(data_at(&pair, 0), SMALL, offset + bytes);
            pair_restart(&pair, offset);
            for (uint32_t i = 0; i < 2; i++) {
                assert_int_equal(send_sized(&pair, bytes), VMB_OK);
            }
            publish(&pair);
            assert_int_equal(skip_packet(&pair), VMB_OK);
            memcpy(was, data_at(&pair, 0), SMALL);
            release(&pair);
            own_expect(&pair, was, offset, (offset + bytes) % SMALL);
            assert_int_equal(skip_packet(&pair), VMB_OK);
            release(&pair);
            own_expect(&pair, was, (offset + bytes) % SMALL, (offset + 2 * bytes) % SMALL);
        }
    }
    pair_drop(&pair);
}

static void test_too_small_consumes_nothing(void **state)
{
    uint8_t buffer[48] = {0};
    struct vmb_packet packet;
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    assert_int_equal(send(&pair, "0123456789012345678901234567890123456789", 40), VMB_OK);
    assert_true(vmb_ring_tx_commit(&pair.tx));
    for (uint32_t bytes = 0; bytes < 40; bytes++) {
        packet.payload_bytes = 0;
        assert_int_equal(vmb_ring_rx_next(&pair.rx, buffer, bytes, &packet), VMB_ERR_TOO_SMALL);
        assert_int_equal(packet.payload_bytes, 40);
    }
    assert_int_equal(buffer[0], 0);
    assert_false(vmb_ring_rx_commit(&pair.rx));
    assert_int_equal(vmb_ring_rx_next(&pair.rx, buffer, 40, &packet), VMB_OK);
    assert_memory_equal(buffer, "0123456789012345678901234567890123456789", 40);
    assert_int_equal(pair.rx.counters.packets, 1);
    pair_drop(&pair);
}

/* Parts of a packet: whatever lies within header and payload, nothing else. */
static void test_parts_of_a_packet(void **state)
{
    const uint8_t ranges[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const struct vmb_slice header = {ranges, sizeof(ranges)};
    const struct vmb_slice payload = {"0123456789abcdef", 16};
    const struct vmb_packet_out out = {
        .type = VMB_PACKET_GPA_DIRECT, .header = &header, .header_count = 1};
    struct vmb_ring_piece pieces[2];
    struct vmb_packet packet;
    uint8_t copy[32];
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    pair_restart(&pair, SMALL - 32); /* The payload has 8 bytes before the end. */
    assert_int_equal(vmb_ring_tx_write(&pair.tx, &out, &payload, 1), VMB_OK);
    assert_true(vmb_ring_tx_commit(&pair.tx));
    assert_int_equal(vmb_ring_rx_peek(&pair.rx, &packet), VMB_OK);
    for (uint32_t offset = 0; offset <= 48; offset++) {
        for (uint32_t bytes = 0; bytes <= 32; bytes++) {
            vmb_status expected =
                offset >= 16 && offset + bytes <= 40 ? VMB_OK : VMB_ERR_INVALID_ARGUMENT;

            assert_int_equal(vmb_ring_rx_copy(&pair.rx, &packet, offset, copy, bytes), expected);
            assert_int_equal(vmb_ring_rx_view(&pair.rx, &packet, offset, bytes, pieces), expected);
            if (expected == VMB_OK) {
                assert_memory_equal(copy, pieces[0].bytes, pieces[0].byte_count);
                assert_memory_equal(copy + pieces[0].byte_count, pieces[1].bytes,
                                    pieces[1].byte_count);
            }
        }
    }
    assert_int_equal(vmb_ring_rx_copy(&pair.rx, &packet, 16, copy, UINT32_MAX),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_ring_rx_copy(&pair.rx, &packet, UINT32_MAX, copy, 16),
                     VMB_ERR_INVALID_ARGUMENT);
    vmb_ring_rx_advance(&pair.rx, &packet);
    assert_int_equal(vmb_ring_rx_copy(&pair.rx, &packet, 16, copy, 24), VMB_OK); /* Still ours. */
    assert_memory_equal(copy, ranges, 8);
    assert_memory_equal(copy + 8, "0123456789abcdef", 16);
    pair_drop(&pair);
}

/* A reservation that is forgotten leaves no trace; one that is overtaken is refused. */
static void test_reservations(void **state)
{
    const struct vmb_packet_out out = {.type = VMB_PACKET_IN_BAND};
    struct vmb_ring_space space, other;
    struct vmb_packet packet;
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    assert_int_equal(vmb_ring_tx_reserve(&pair.tx, &out, 100, &space), VMB_OK);
    memset(space.payload[0].bytes, 0x5A, 100);
    assert_false(vmb_ring_tx_commit(&pair.tx));
    assert_int_equal(vmb_ring_rx_peek(&pair.rx, &packet), VMB_ERR_RING_EMPTY);

    assert_int_equal(vmb_ring_tx_reserve(&pair.tx, &out, 100, &other), VMB_OK);
    assert_ptr_equal(other.payload[0].bytes, space.payload[0].bytes);
    assert_int_equal(vmb_ring_tx_finish(&pair.tx, &other, 101), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_ring_tx_finish(&pair.tx, &other, 3), VMB_OK);
    assert_int_equal(vmb_ring_tx_finish(&pair.tx, &space, 3), VMB_ERR_WRONG_STATE);
    assert_true(vmb_ring_tx_commit(&pair.tx));
    assert_int_equal(vmb_ring_rx_peek(&pair.rx, &packet), VMB_OK);
    assert_int_equal(packet.payload_bytes, 8);
    assert_memory_equal(data_at(&pair, 16), "\x5A\x5A\x5A\0\0\0\0\0", 8);

    assert_int_equal(vmb_ring_tx_reserve(&pair.tx, &out, SMALL, &space), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_ring_tx_reserve(&pair.tx, &out, UINT32_MAX, &space),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_ring_tx_reserve(&pair.tx, &out, SMALL - 40, &space), VMB_ERR_RING_FULL);
    pair_drop(&pair);
}

/* What may not be sent is refused before anything of it is written. */
static void test_what_may_not_be_sent(void **state)
{
    static const uint8_t bytes[SMALL];
    struct vmb_slice header = {bytes, 8};
    struct vmb_slice payload = {bytes, 8};
    struct vmb_slice huge[2] = {{bytes, UINT32_MAX - 7u}, {bytes, 8}};
    struct vmb_packet_out out = {.type = VMB_PACKET_IN_BAND};
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t type = 0; type <= UINT16_MAX; type++) {
        bool plain = type == VMB_PACKET_IN_BAND || type == VMB_PACKET_COMPLETION;
        bool ranges = type == VMB_PACKET_TRANSFER_PAGES || type == VMB_PACKET_GPA_DIRECT;

        pair_restart(&pair, 0);
        out.type = (uint16_t)type;
        out.header = NULL;
        out.header_count = 0;
        assert_int_equal(vmb_ring_tx_write(&pair.tx, &out, &payload, 1),
                         plain ? VMB_OK : VMB_ERR_INVALID_ARGUMENT);
        out.header = &header;
        out.header_count = 1;
        assert_int_equal(vmb_ring_tx_write(&pair.tx, &out, &payload, 1),
                         plain || ranges ? VMB_OK : VMB_ERR_INVALID_ARGUMENT);
    }
    pair_restart(&pair, 0);
    out = (struct vmb_packet_out){.type = VMB_PACKET_IN_BAND};
    for (uint32_t flags = 2; flags <= UINT16_MAX; flags++) {
        out.flags = (uint16_t)flags;
        assert_int_equal(vmb_ring_tx_write(&pair.tx, &out, &payload, 1), VMB_ERR_INVALID_ARGUMENT);
    }
    out = (struct vmb_packet_out){.type = VMB_PACKET_GPA_DIRECT, .header = &header};
    out.header_count = 1;
    for (header.byte_count = 0; header.byte_count < 32; header.byte_count++) {
        assert_int_equal(vmb_ring_tx_write(&pair.tx, &out, &payload, 1),
                         header.byte_count % 8 == 0 && header.byte_count != 0
                             ? VMB_OK
                             : VMB_ERR_INVALID_ARGUMENT);
    }
    out = (struct vmb_packet_out){.type = VMB_PACKET_IN_BAND};
    for (uint32_t less = 0; less < 64; less++) { /* Sums that would overflow 32 bits. */
        huge[0].byte_count = UINT32_MAX - less;
        assert_int_equal(vmb_ring_tx_write(&pair.tx, &out, huge, 1), VMB_ERR_INVALID_ARGUMENT);
        assert_int_equal(vmb_ring_tx_write(&pair.tx, &out, huge, 2), VMB_ERR_INVALID_ARGUMENT);
    }
    assert_int_equal(vmb_ring_tx_write(&pair.tx, &out, NULL, 0), VMB_OK); /* Nothing is allowed. */
    assert_int_equal(pair.tx.counters.packets, 4);
    pair_drop(&pair);
}

static void test_shapes_of_rings(void **state)
{
    static const uint32_t wrong[] = {0, 1, 8, 4095, 4097, 4104, 0x40001000u, 0xFFFFF000u};
    struct vmb_ring_state seen;
    struct vmb_ring_tx tx;
    struct vmb_ring_rx rx;
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(vmb_ring_tx_init(&tx, pair.memory, wrong[i]), VMB_ERR_INVALID_ARGUMENT);
        assert_int_equal(vmb_ring_rx_init(&rx, pair.memory, wrong[i]), VMB_ERR_INVALID_ARGUMENT);
        assert_int_equal(vmb_ring_inspect(pair.memory, wrong[i], &seen), VMB_ERR_INVALID_ARGUMENT);
    }
    assert_int_equal(vmb_ring_tx_init(&tx, NULL, SMALL), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_ring_tx_init(&tx, pair.memory + 8, SMALL), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_ring_rx_init(&rx, pair.memory + 8, SMALL), VMB_ERR_INVALID_ARGUMENT);
    pair_drop(&pair);

    pair_make(&pair, 3 * SMALL); /* No power of two is needed. */
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(send_sized(&pair, 1000), VMB_OK);
        publish(&pair);
        assert_int_equal(skip_packet(&pair), VMB_OK);
        release(&pair);
    }
    pair_drop(&pair);
}

/* A look from outside sees what the halves did. */
static void test_inspection(void **state)
{
    struct vmb_ring_state seen;
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    pair_restart(&pair, SMALL - 64);
    assert_int_equal(vmb_ring_inspect(pair.memory, SMALL, &seen), VMB_OK);
    assert_int_equal(seen.used_bytes, 0);
    assert_int_equal(seen.free_bytes, SMALL - 8);
    assert_int_equal(seen.features, VMB_RING_FEATURE_FLOW);
    assert_false(seen.masked);

    assert_int_equal(send_sized(&pair, 4000), VMB_OK);
    assert_true(vmb_ring_tx_commit(&pair.tx));
    assert_int_equal(vmb_ring_tx_wait_space(&pair.tx, 200), VMB_ERR_RING_FULL);
    vmb_ring_rx_mask(&pair.rx);
    assert_int_equal(vmb_ring_inspect(pair.memory, SMALL, &seen), VMB_OK);
    assert_int_equal(seen.read_offset, SMALL - 64);
    assert_int_equal(seen.write_offset, 4000 - 64);
    assert_int_equal(seen.used_bytes, 4000);
    assert_int_equal(seen.free_bytes, SMALL - 8 - 4000);
    assert_int_equal(seen.pending_bytes, 208);
    assert_true(seen.masked);

    field_put(&pair, VMB_RING_WRITE_OFFSET, SMALL);
    assert_int_equal(vmb_ring_inspect(pair.memory, SMALL, &seen), VMB_ERR_PEER);
    assert_int_equal(seen.write_offset, SMALL); /* Shown as it is. */
    assert_int_equal(seen.used_bytes, 0);
    pair_drop(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_of_a_packet),
        cmocka_unit_test(test_bytes_of_the_control_page),
        cmocka_unit_test(test_each_size_at_each_place),
        cmocka_unit_test(test_each_way_at_each_place),
        cmocka_unit_test(test_each_place_of_the_end_in_each_size),
        cmocka_unit_test(test_type_specific_headers_at_each_place),
        cmocka_unit_test(test_largest_packet_and_one_byte_more),
        cmocka_unit_test(test_length_limit_in_a_large_ring),
        cmocka_unit_test(test_full_ring_is_not_empty),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_commit_writes_only_what_it_gives_back),
        cmocka_unit_test(test_too_small_consumes_nothing),
        cmocka_unit_test(test_parts_of_a_packet),
        cmocka_unit_test(test_reservations),
        cmocka_unit_test(test_what_may_not_be_sent),
        cmocka_unit_test(test_shapes_of_rings),
        cmocka_unit_test(test_inspection),
    };

    return cmocka_run_group_tests_name("ring_packets", tests, NULL, NULL);
}
