/* SPDX-License-Identifier: MIT */
/*
 * The ring writer: from any state that it can be in, any call, while the peer writes anything at
 * any moment, stays within the ring and leaves such a state. By induction so does any sequence of
 * calls.
 */
#define PROOF_WITHOUT_CONTENTS
#include "proof.h"

#include "ring/vmb_ring.c"
#include "ring/vmb_ring_tx.c"

#define DATA_BYTES   (2u * VMB_PAGE_BYTES)
#define SOURCE_BYTES 8192u

static uint8_t ring[VMB_PAGE_BYTES + DATA_BYTES] __attribute__((aligned(4096)));
static uint8_t source[SOURCE_BYTES];

static bool index_is_right(uint32_t index)
{
    return index < DATA_BYTES && index % 8u == 0;
}

/* What every function relies on, and leaves behind. */
static bool state_is_right(const struct vmb_ring_tx *tx)
{
    return tx->control == ring && tx->data_bytes == DATA_BYTES &&
           index_is_right(tx->staged_offset) && index_is_right(tx->published_offset) &&
           index_is_right(tx->straight_end) && tx->straight_end >= tx->staged_offset &&
           tx->pending_bytes <= DATA_BYTES &&
           (!tx->broken || tx->straight_end == tx->staged_offset);
}

static void make_any(struct vmb_ring_tx *tx)
{
    *tx = (struct vmb_ring_tx){0};
    tx->control = ring;
    tx->data_bytes = DATA_BYTES;
    tx->staged_offset = (uint32_t)proof_any();
    tx->published_offset = (uint32_t)proof_any();
    tx->straight_end = (uint32_t)proof_any();
    tx->pending_bytes = VMBI_RING_PENDING((uint32_t)proof_any());
    tx->broken = proof_any() != 0;
    proof_assume(state_is_right(tx));
}

/* Any bytes of ours. */
static struct vmb_slice any_slice(void)
{
    struct vmb_slice slice = {NULL, 0};

    slice.byte_count = proof_below(SOURCE_BYTES + 1u);
    slice.bytes = source + (SOURCE_BYTES - slice.byte_count);
    return slice;
}

static void use_space(struct vmb_ring_tx *tx, const struct vmb_packet_out *packet)
{
    struct vmb_ring_space space;

    if (vmb_ring_tx_reserve(tx, packet, (uint32_t)proof_any(), &space) == VMB_OK) {
        proof_writable(space.payload[0].bytes, space.payload[0].byte_count);
        proof_writable(space.payload[1].bytes, space.payload[1].byte_count);
        (void)vmb_ring_tx_finish(tx, &space, (uint32_t)proof_any());
    }
}

#ifdef PROOF_BURST
/* Up to two packets at once, of any kind without a header. */
static void use_burst(struct vmb_ring_tx *tx, const struct vmb_slice payload[2])
{
    struct vmb_packet_out packets[2] = {{0}, {0}};
    uint32_t count = proof_below(3), staged = 0;

    for (uint32_t i = 0; i < 2; i++) {
        packets[i].type = (uint16_t)proof_any();
        packets[i].flags = (uint16_t)proof_any();
    }
    if (vmb_ring_tx_write_many(tx, packets, payload, count, &staged) == VMB_OK) {
        proof_check(staged == count);
    } else {
        proof_check(staged < count);
    }
}
#endif

int main(void)
{
    struct vmb_ring_tx tx;
    struct vmb_slice header = any_slice();
    struct vmb_slice payload[2] = {any_slice(), any_slice()};
    struct vmb_packet_out packet = {0};

    packet.type = (uint16_t)proof_any();
    packet.flags = (uint16_t)proof_any();
    packet.header = &header;
    packet.header_count = (uint32_t)proof_any() % 2u;
    make_any(&tx);
#ifdef PROOF_BURST
    use_burst(&tx, payload);
#else
    switch ((uint32_t)proof_any() % 5u) {
    case 0:
        (void)vmb_ring_tx_write(&tx, &packet, payload, (uint32_t)proof_any() % 3u);
        break;
    case 1:
        use_space(&tx, &packet);
        break;
    case 2:
        if (vmb_ring_tx_init(&tx, ring, DATA_BYTES) != VMB_OK) {
            return 0; /* Nobody uses it. */
        }
        break;
    case 3:
        (void)vmb_ring_tx_commit(&tx);
        break;
    default:
        (void)vmb_ring_tx_wait_space(&tx, (uint32_t)proof_any());
        (void)vmb_ring_tx_free_bytes(&tx);
        break;
    }
#endif
    proof_check(state_is_right(&tx));
    return 0;
}
