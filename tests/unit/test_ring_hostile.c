/* SPDX-License-Identifier: MIT */
/* A peer that writes what it likes: clear answers, for ever, and never a byte outside the ring. */
#include "test_ring_pair.h"

/* Index values of each kind: some fit, some lie outside, some are not aligned. */
static const uint32_t indices[] = {
    0,           8,           SMALL - 8,  SMALL,       SMALL + 8,   2 * SMALL,
    1,           4,           7,          SMALL - 1,   SMALL - 4,   SMALL + 1,
    0x80000000u, 0x7FFFFFF8u, UINT32_MAX, 0xFFFFFFF8u, 0xFFFFF000u, 0x00010000u,
};
#define INDEX_COUNT (sizeof(indices) / sizeof(indices[0]))

static bool index_fits(uint32_t index)
{
    return index < SMALL && index % 8 == 0;
}

/* A broken half answers, touches nothing any more, and heals by no means but a new init. */
static void broken_tx_check(struct pair *pair)
{
    const struct vmb_packet_out out = {.type = VMB_PACKET_IN_BAND};
    uint8_t before[VMB_PAGE_BYTES + SMALL];
    struct vmb_ring_space space;

    field_put(pair, VMB_RING_READ_OFFSET, 0);
    field_put(pair, VMB_RING_WRITE_OFFSET, 0);
    memcpy(before, pair->memory, sizeof(before));
    assert_int_equal(send_sized(pair, 24), VMB_ERR_PEER);
    assert_int_equal(vmb_ring_tx_reserve(&pair->tx, &out, 0, &space), VMB_ERR_PEER);
    assert_int_equal(vmb_ring_tx_wait_space(&pair->tx, 24), VMB_ERR_PEER);
    assert_int_equal(vmb_ring_tx_free_bytes(&pair->tx), 0);
    assert_false(vmb_ring_tx_commit(&pair->tx));
    assert_int_equal(pair->tx.broken, 1);
    assert_memory_equal(before, pair->memory, sizeof(before));
}

static void broken_rx_check(struct pair *pair)
{
    uint8_t before[VMB_PAGE_BYTES + SMALL], buffer[64];
    struct vmb_packet packet;

    field_put(pair, VMB_RING_READ_OFFSET, 0);
    field_put(pair, VMB_RING_WRITE_OFFSET, 24);
    memcpy(before, pair->memory, sizeof(before));
    assert_int_equal(vmb_ring_rx_peek(&pair->rx, &packet), VMB_ERR_PEER);
    assert_int_equal(vmb_ring_rx_next(&pair->rx, buffer, sizeof(buffer), &packet), VMB_ERR_PEER);
    assert_false(vmb_ring_rx_commit(&pair->rx));
    assert_false(vmb_ring_rx_unmask(&pair->rx)); /* Or its owner would look for ever. */
    assert_int_equal(pair->rx.broken, 1);
    assert_memory_equal(before, pair->memory, sizeof(before));
}

static void test_indices_at_init(void **state)
{
    struct vmb_ring_tx tx;
    struct vmb_ring_rx rx;
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t i = 0; i < INDEX_COUNT; i++) {
        for (uint32_t k = 0; k < INDEX_COUNT; k++) {
            bool fit = index_fits(indices[i]) && index_fits(indices[k]);

            field_put(&pair, VMB_RING_WRITE_OFFSET, indices[i]);
            field_put(&pair, VMB_RING_READ_OFFSET, indices[k]);
            assert_int_equal(vmb_ring_tx_init(&tx, pair.memory, SMALL),
                             fit ? VMB_OK : VMB_ERR_PEER);
            assert_int_equal(vmb_ring_rx_init(&rx, pair.memory, SMALL),
                             fit ? VMB_OK : VMB_ERR_PEER);
        }
    }
    pair_drop(&pair);
}

/* The consumer's index, looked at for space, for a wait and for a signal. */
static void test_read_index(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t i = 0; i < INDEX_COUNT; i++) {
        if (index_fits(indices[i])) {
            continue;
        }
        pair_restart(&pair, 0);
        assert_int_equal(send_sized(&pair, 4000), VMB_OK);
        publish(&pair);
        field_put(&pair, VMB_RING_READ_OFFSET, indices[i]);
        assert_int_equal(send_sized(&pair, 4000), VMB_ERR_PEER);
        broken_tx_check(&pair);

        pair_restart(&pair, 0);
        field_put(&pair, VMB_RING_READ_OFFSET, indices[i]);
        assert_int_equal(vmb_ring_tx_wait_space(&pair.tx, 24), VMB_ERR_PEER);
        broken_tx_check(&pair);

        pair_restart(&pair, 0);
        assert_int_equal(send_sized(&pair, 24), VMB_OK);
        field_put(&pair, VMB_RING_READ_OFFSET, indices[i]);
        assert_false(vmb_ring_tx_commit(&pair.tx));
        broken_tx_check(&pair);
    }
    pair_drop(&pair);
}

/* What was staged when the fault was found is never published, what was reserved never finished. */
static void test_fault_with_packets_staged(void **state)
{
    const struct vmb_packet_out out = {.type = VMB_PACKET_IN_BAND};
    struct vmb_ring_space space;
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    assert_int_equal(send_sized(&pair, 3000), VMB_OK);
    publish(&pair);
    assert_int_equal(send_sized(&pair, 24), VMB_OK);
    field_put(&pair, VMB_RING_READ_OFFSET, 4);
    assert_int_equal(send_sized(&pair, 2000), VMB_ERR_PEER);
    broken_tx_check(&pair);

    pair_restart(&pair, 0);
    assert_int_equal(vmb_ring_tx_reserve(&pair.tx, &out, 8, &space), VMB_OK);
    field_put(&pair, VMB_RING_READ_OFFSET, 4);
    assert_int_equal(vmb_ring_tx_free_bytes(&pair.tx), 0);
    assert_int_equal(vmb_ring_tx_finish(&pair.tx, &space, 8), VMB_ERR_PEER);
    broken_tx_check(&pair);
    pair_drop(&pair);
}

/* Space that was there does not vanish: a consumer cannot take back what it has given. */
static void test_read_index_moves_backwards(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    pair_restart(&pair, 2048);
    assert_int_equal(vmb_ring_tx_free_bytes(&pair.tx), SMALL - 8);
    field_put(&pair, VMB_RING_READ_OFFSET, 2056); /* As if all but 8 bytes were unread. */
    assert_int_equal(vmb_ring_tx_free_bytes(&pair.tx), 0);
    broken_tx_check(&pair);
    pair_drop(&pair);
}

/* The producer's index, looked at for packets and for space. */
static void test_write_index(void **state)
{
    struct vmb_packet packet;
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t i = 0; i < INDEX_COUNT; i++) {
        if (index_fits(indices[i])) {
            continue;
        }
        pair_restart(&pair, 0);
        field_put(&pair, VMB_RING_WRITE_OFFSET, indices[i]);
        assert_int_equal(vmb_ring_rx_peek(&pair.rx, &packet), VMB_ERR_PEER);
        broken_rx_check(&pair);

        pair_restart(&pair, 0);
        field_put(&pair, VMB_RING_WRITE_OFFSET, indices[i]);
        assert_true(vmb_ring_rx_unmask(&pair.rx)); /* Not asleep: the next peek finds out. */
        assert_int_equal(vmb_ring_rx_peek(&pair.rx, &packet), VMB_ERR_PEER);
        broken_rx_check(&pair);

        pair_restart(&pair, 0);
        assert_int_equal(send_sized(&pair, 24), VMB_OK);
        publish(&pair);
        assert_int_equal(skip_packet(&pair), VMB_OK);
        field_put(&pair, VMB_RING_WRITE_OFFSET, indices[i]);
        field_put(&pair, VMB_RING_PENDING_SEND_BYTES, SMALL - 8);
        assert_false(vmb_ring_rx_commit(&pair.rx));
        broken_rx_check(&pair);
    }
    pair_drop(&pair);
}

/* Our own index in the page is the peer's to scribble on and nobody's to believe. */
static void test_our_indices_are_not_read_back(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t i = 0; i < 1000; i++) {
        field_put(&pair, VMB_RING_WRITE_OFFSET, 0xDEADBEEFu);
        assert_int_equal(send_sized(&pair, 48), VMB_OK);
        assert_true(vmb_ring_tx_commit(&pair.tx));
        assert_int_equal(field_get(&pair, VMB_RING_WRITE_OFFSET), (i + 1) * 48 % SMALL);
        field_put(&pair, VMB_RING_READ_OFFSET, 0xDEADBEEFu);
        assert_int_equal(skip_packet(&pair), VMB_OK);
        assert_false(vmb_ring_rx_commit(&pair.rx));
        assert_int_equal(field_get(&pair, VMB_RING_READ_OFFSET), (i + 1) * 48 % SMALL);
    }
    pair_drop(&pair);
}

/* An otherwise empty ring with one descriptor at @start and so many bytes from there on. */
static void descriptor_put(struct pair *pair, uint32_t start, uint64_t word, uint32_t available)
{
    pair_move(pair, start);
    word_put(pair, start, word);
    word_put(pair, start + 8, 0x0123456789ABCDEFu);
    field_put(pair, VMB_RING_WRITE_OFFSET, (start + available) % SMALL);
}

/*
 * What is to be said of a descriptor at @start. The room `proto` has the same rules for copies; the
 * ring has them for words in place, and must not say anything else.
 */
static void descriptor_try_at(struct pair *pair, uint32_t start, uint64_t word, uint32_t available)
{
    struct vmb_packet_descriptor expected = {0};
    struct vmb_packet packet, again;
    struct vmb_ring_piece pieces[2];
    uint8_t raw[16], buffer[SMALL];
    bool fine;

    vmbi_put_le64(raw, word);
    vmbi_put_le64(raw + 8, 0x0123456789ABCDEFu);
    fine = vmb_packet_descriptor_decode(raw, available, &expected) == VMB_OK;
    if (expected.type == VMB_PACKET_TRANSFER_PAGES || expected.type == VMB_PACKET_GPA_DIRECT) {
        fine = fine && expected.header_bytes >= 24; /* Room for the fixed part of their ranges. */
    }
    if (!fine) {
        descriptor_put(pair, start, word, available);
        assert_int_equal(vmb_ring_rx_peek(&pair->rx, &packet), VMB_ERR_PEER);
        descriptor_put(pair, start, word, available);
        assert_int_equal(vmb_ring_rx_next(&pair->rx, buffer, sizeof(buffer), &packet),
                         VMB_ERR_PEER);
        descriptor_put(pair, start, word, available); /* From a caller who trusts in the ring. */
        assert_int_equal(vmb_ring_rx_next(&pair->rx, buffer, UINT32_MAX, &packet), VMB_ERR_PEER);
        return;
    }
    descriptor_put(pair, start, word, available);
    assert_int_equal(vmb_ring_rx_peek(&pair->rx, &packet), VMB_OK);
    assert_int_equal(packet.type, expected.type);
    assert_int_equal(packet.flags, expected.flags);
    assert_int_equal(packet.header_bytes, expected.header_bytes);
    assert_int_equal(packet.payload_bytes, expected.packet_bytes - expected.header_bytes);
    assert_true(packet.transaction_id == expected.transaction_id);
    assert_int_equal(
        vmb_ring_rx_view(&pair->rx, &packet, packet.header_bytes, packet.payload_bytes, pieces),
        VMB_OK);
    assert_true(pieces[0].bytes >= data_at(pair, 0) &&
                pieces[0].bytes + pieces[0].byte_count <= pair->memory + VMB_PAGE_BYTES + SMALL);
    assert_ptr_equal(pieces[1].bytes, data_at(pair, 0));
    assert_true(pieces[1].byte_count <= SMALL - 8);
    assert_int_equal(vmb_ring_rx_next(&pair->rx, buffer, sizeof(buffer), &again), VMB_OK);
    assert_int_equal(again.type, packet.type);
    assert_int_equal(again.flags, packet.flags);
    assert_int_equal(again.header_bytes, packet.header_bytes);
    assert_int_equal(again.payload_bytes, packet.payload_bytes);
    assert_true(again.transaction_id == packet.transaction_id);
    assert_int_equal(pair->rx.read_offset, (start + expected.packet_bytes + 8) % SMALL);
}

/* Where nothing wraps, and where everything behind the descriptor does. */
static void descriptor_try(struct pair *pair, uint64_t word, uint32_t available)
{
    descriptor_try_at(pair, 0, word, available);
    descriptor_try_at(pair, SMALL - 16, word, available);
}

static uint64_t descriptor_word(uint32_t type, uint32_t header_units, uint32_t content_units,
                                uint32_t flags)
{
    return type | (uint64_t)header_units << 16 | (uint64_t)content_units << 32 |
           (uint64_t)flags << 48;
}

/* Each field of a descriptor, through all of its values. */
static void test_descriptors(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t value = 0; value <= UINT16_MAX; value++) {
        descriptor_try(&pair, descriptor_word(value, 2, 6, 0), 56);
        descriptor_try(&pair, descriptor_word(value, 3, 6, 1), 56);
        descriptor_try(&pair, descriptor_word(6, 2, 6, value), 56);
        descriptor_try(&pair, descriptor_word(9, 5, 6, value), 56);
        descriptor_try(&pair, descriptor_word(6, value, 6, 0), 56);
        descriptor_try(&pair, descriptor_word(7, value, 300, 0), SMALL - 8);
        descriptor_try(&pair, descriptor_word(6, 2, value, 0), SMALL - 8);
        descriptor_try(&pair, descriptor_word(11, 2, value, 0), 56);
        descriptor_try(&pair, descriptor_word(9, 4, value, 1), 56);
    }
    pair_drop(&pair);
}

/* Each small packet against each amount of bytes that the peer claims to have written. */
static void test_packets_longer_than_what_was_written(void **state)
{
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t available = 8; available < SMALL; available += 8) {
        for (uint32_t units = 0; units < 12; units++) {
            descriptor_try(&pair, descriptor_word(6, 2, units, 0), available);
            descriptor_try(&pair, descriptor_word(6, 2, available / 8 - 3 + units, 0), available);
        }
    }
    pair_drop(&pair);
}

/* A packet is what its descriptor was when we looked, whatever is written over it later. */
static void test_descriptor_changes_after_the_look(void **state)
{
    struct vmb_packet packet, second;
    uint8_t copy[16];
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    assert_int_equal(send(&pair, "0123456789abcdef", 16), VMB_OK);
    assert_int_equal(send(&pair, "second", 6), VMB_OK);
    publish(&pair);
    assert_int_equal(vmb_ring_rx_peek(&pair.rx, &packet), VMB_OK);
    word_put(&pair, 0, UINT64_MAX);
    assert_int_equal(vmb_ring_rx_copy(&pair.rx, &packet, 16, copy, 16), VMB_OK);
    assert_memory_equal(copy, "0123456789abcdef", 16);
    vmb_ring_rx_advance(&pair.rx, &packet);
    assert_int_equal(vmb_ring_rx_peek(&pair.rx, &second), VMB_OK);
    assert_int_equal(second.payload_bytes, 8);
    vmb_ring_rx_advance(&pair.rx, &second);
    assert_false(vmb_ring_rx_commit(&pair.rx));
    assert_int_equal(field_get(&pair, VMB_RING_READ_OFFSET), 40 + 32);
    pair_drop(&pair);
}

/* A fault between a peek and its advance is the peer's, so no assertion of ours may fall. */
static void test_fault_between_peek_and_advance(void **state)
{
    struct vmb_packet packet, again;
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    assert_int_equal(send_sized(&pair, 48), VMB_OK);
    assert_int_equal(send_sized(&pair, 48), VMB_OK);
    publish(&pair);
    assert_int_equal(vmb_ring_rx_peek(&pair.rx, &packet), VMB_OK);
    word_put(&pair, 0, 0);
    assert_int_equal(vmb_ring_rx_peek(&pair.rx, &again), VMB_ERR_PEER);
    vmb_ring_rx_advance(&pair.rx, &packet);
    broken_rx_check(&pair);

    pair_restart(&pair, 0);
    assert_int_equal(send_sized(&pair, 48), VMB_OK);
    assert_int_equal(send_sized(&pair, 48), VMB_OK);
    publish(&pair);
    assert_int_equal(skip_packet(&pair), VMB_OK);
    assert_int_equal(vmb_ring_rx_peek(&pair.rx, &packet), VMB_OK);
    field_put(&pair, VMB_RING_PENDING_SEND_BYTES, 8);
    field_put(&pair, VMB_RING_WRITE_OFFSET, SMALL);
    assert_false(vmb_ring_rx_commit(&pair.rx));
    vmb_ring_rx_advance(&pair.rx, &packet);
    broken_rx_check(&pair);
    pair_drop(&pair);
}

/* What was accepted before the fault is lost with the ring, but not what was committed. */
static void test_fault_after_good_packets(void **state)
{
    struct vmb_packet packet;
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    assert_int_equal(send_sized(&pair, 24), VMB_OK);
    assert_int_equal(send_sized(&pair, 24), VMB_OK);
    publish(&pair);
    assert_int_equal(skip_packet(&pair), VMB_OK);
    word_put(&pair, 24, 0);
    assert_int_equal(vmb_ring_rx_peek(&pair.rx, &packet), VMB_ERR_PEER);
    assert_false(vmb_ring_rx_commit(&pair.rx));
    assert_int_equal(field_get(&pair, VMB_RING_READ_OFFSET), 0);
    broken_rx_check(&pair);
    pair_drop(&pair);
}

/* ---- Everything at once ---------------------------------------------------------------------- */

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* One write of a peer that knows where it hurts. */
static void scribble(struct pair *pair, uint64_t *seed)
{
    static const uint32_t fields[] = {VMB_RING_WRITE_OFFSET, VMB_RING_READ_OFFSET,
                                      VMB_RING_INTERRUPT_MASK, VMB_RING_PENDING_SEND_BYTES,
                                      VMB_RING_FEATURE_BITS};
    uint64_t number = random_next(seed);
    uint32_t value = (uint32_t)(number >> 32);
    uint32_t offset = value % SMALL / 8 * 8;

    switch (number % 8) {
    case 0:
        field_put(pair, fields[value % 5], (uint32_t)random_next(seed));
        break;
    case 1:
    case 2:
        field_put(pair, fields[value % 2], offset); /* An index that looks fine. */
        break;
    case 3:
        word_put(pair, offset, random_next(seed));
        break;
    case 4:
    case 5: /* A descriptor that looks fine. */
        word_put(pair, offset, descriptor_word(6, 2, 2 + value % 600, value & 1));
        break;
    default:
        break; /* It lets us be. */
    }
}

/* One call of ours, chosen by the number. Whatever it answers is one of the answers it may give. */
static void act(struct pair *pair, uint64_t number, uint64_t *seed)
{
    const struct vmb_packet_out out = {.type = VMB_PACKET_COMPLETION};
    uint32_t bytes = (uint32_t)(number >> 32) % (SMALL - 40);
    static uint8_t buffer[SMALL];
    struct vmb_ring_piece pieces[2];
    struct vmb_ring_space space;
    struct vmb_packet packet;
    vmb_status status = VMB_OK;

    switch (number % 8) {
    case 0:
        status = send(pair, buffer, bytes);
        break;
    case 1:
        status = vmb_ring_tx_reserve(&pair->tx, &out, bytes, &space);
        if (status == VMB_OK) {
            memset(space.payload[0].bytes, 1, space.payload[0].byte_count);
            memset(space.payload[1].bytes, 2, space.payload[1].byte_count);
            status = vmb_ring_tx_finish(&pair->tx, &space, bytes / 2);
        }
        break;
    case 2:
        publish(pair);
        break;
    case 3:
        publish(pair);
        status = vmb_ring_tx_wait_space(&pair->tx, 1 + bytes);
        break;
    case 4:
        status = vmb_ring_rx_next(&pair->rx, buffer, sizeof(buffer), &packet);
        break;
    case 5:
        status = vmb_ring_rx_peek(&pair->rx, &packet);
        if (status == VMB_OK) {
            assert_int_equal(vmb_ring_rx_view(&pair->rx, &packet, 16,
                                              packet.header_bytes + packet.payload_bytes - 16,
                                              pieces),
                             VMB_OK);
            memcpy(buffer, pieces[0].bytes, pieces[0].byte_count);
            memcpy(buffer, pieces[1].bytes, pieces[1].byte_count);
            scribble(pair, seed);
            if (number >> 63 != 0) {
                release(pair);
            }
            vmb_ring_rx_advance(&pair->rx, &packet);
        }
        break;
    case 6:
        release(pair);
        break;
    default:
        release(pair);
        vmb_ring_rx_mask(&pair->rx);
        if (vmb_ring_rx_unmask(&pair->rx)) {
            vmb_ring_rx_mask(&pair->rx);
        }
        break;
    }
    assert_true(status == VMB_OK || status == VMB_ERR_PEER || status == VMB_ERR_RING_FULL ||
                status == VMB_ERR_RING_EMPTY);
}

/* Both halves under a peer who writes between any two of our calls; a sanitizer looks on. */
static void test_scribbling_peer(void **state)
{
    uint64_t seed = 0x9E3779B97F4A7C15u;
    uint32_t faults = 0;
    struct pair pair;

    (void)state;
    pair_make(&pair, SMALL);
    for (uint32_t round = 0; round < 20000; round++) {
        pair_restart(&pair, (uint32_t)(random_next(&seed) % SMALL) / 8 * 8);
        for (uint32_t step = 0; step < 40; step++) {
            scribble(&pair, &seed);
            act(&pair, random_next(&seed), &seed);
        }
        faults += pair.tx.broken + (pair.rx.broken ? 1u : 0u);
    }
    assert_in_range(faults, 10000, 40000); /* It was not all refused, nor all let through. */
    pair_drop(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_indices_at_init),
        cmocka_unit_test(test_read_index),
        cmocka_unit_test(test_fault_with_packets_staged),
        cmocka_unit_test(test_read_index_moves_backwards),
        cmocka_unit_test(test_write_index),
        cmocka_unit_test(test_our_indices_are_not_read_back),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_packets_longer_than_what_was_written),
        cmocka_unit_test(test_descriptor_changes_after_the_look),
        cmocka_unit_test(test_fault_between_peek_and_advance),
        cmocka_unit_test(test_fault_after_good_packets),
        cmocka_unit_test(test_scribbling_peer),
    };

    return cmocka_run_group_tests_name("ring_hostile", tests, NULL, NULL);
}
