/* SPDX-License-Identifier: MIT */
/*
 * The ring reader: from any state that it can be in, any call, while the peer writes anything at
 * any moment, stays within the ring and the buffer and leaves such a state. By induction so does
 * any sequence of calls.
 */
#define PROOF_WITHOUT_CONTENTS
#include "proof.h"

#include "ring/vmb_ring.c"
#include "ring/vmb_ring_rx.c"

#define DATA_BYTES   (2u * VMB_PAGE_BYTES)
#define BUFFER_BYTES 8192u

static uint8_t ring[VMB_PAGE_BYTES + DATA_BYTES] __attribute__((aligned(4096)));
static uint8_t buffer[BUFFER_BYTES];

static bool index_is_right(uint32_t index)
{
    return index < DATA_BYTES && index % 8u == 0;
}

/* What every function relies on, and leaves behind. */
static bool state_is_right(const struct vmb_ring_rx *rx)
{
    return rx->control == ring && rx->data_bytes == DATA_BYTES && index_is_right(rx->read_offset) &&
           index_is_right(rx->published_offset) && index_is_right(rx->seen_offset) &&
           index_is_right(rx->straight_end) && rx->straight_end >= rx->read_offset &&
           (rx->seen_offset < rx->read_offset || rx->straight_end <= rx->seen_offset) &&
           (!rx->broken || rx->seen_offset == rx->read_offset);
}

static void make_any(struct vmb_ring_rx *rx)
{
    *rx = (struct vmb_ring_rx){0};
    rx->control = ring;
    rx->data_bytes = DATA_BYTES;
    rx->read_offset = (uint32_t)proof_any();
    rx->published_offset = (uint32_t)proof_any();
    rx->seen_offset = (uint32_t)proof_any();
    rx->straight_end = (uint32_t)proof_any();
    rx->announces = proof_any() != 0;
    rx->broken = proof_any() != 0;
    proof_assume(state_is_right(rx));
}

/* Any part of a packet, into a buffer that is just large enough, or where it lies. */
static void use_packet(const struct vmb_ring_rx *rx, const struct vmb_packet *packet)
{
    struct vmb_ring_piece pieces[2] = {{NULL, 0}, {NULL, 0}};
    uint32_t offset = (uint32_t)proof_any(), bytes = proof_below(BUFFER_BYTES + 1u);

    (void)vmb_ring_rx_copy(rx, packet, offset, buffer + (BUFFER_BYTES - bytes), bytes);
    if (vmb_ring_rx_view(rx, packet, offset, bytes, pieces) == VMB_OK) {
        proof_writable(pieces[0].bytes, pieces[0].byte_count);
        proof_writable(pieces[1].bytes, pieces[1].byte_count);
        proof_check(pieces[0].byte_count + pieces[1].byte_count == bytes);
    }
}

#ifdef PROOF_BURST
/* A burst of up to two, into a buffer that is just large enough. */
static void use_burst(struct vmb_ring_rx *rx, uint32_t bytes)
{
    struct vmb_packet packets[2] = {{0}};
    uint32_t limit = proof_below(3), count = 0, used = 0;

    if (vmb_ring_rx_next_many(rx, buffer + (BUFFER_BYTES - bytes), bytes, packets, limit, &count) ==
        VMB_OK) {
        proof_check(count != 0 && count <= limit);
        for (uint32_t i = 0; i < 2; i++) {
            used += i < count ? packets[i].payload_bytes : 0;
        }
        proof_check(used <= bytes);
    } else {
        proof_check(count == 0);
    }
}
#endif

int main(void)
{
    struct vmb_ring_rx rx;
    struct vmb_packet packet = {0};
    struct vmb_ring_state state;
    uint32_t bytes = proof_below(BUFFER_BYTES + 1u);

    make_any(&rx);
#ifdef PROOF_BURST
    use_burst(&rx, bytes);
#else
    switch ((uint32_t)proof_any() % 5u) {
    case 0:
        if (vmb_ring_rx_next(&rx, buffer + (BUFFER_BYTES - bytes), bytes, &packet) == VMB_OK) {
            use_packet(&rx, &packet);
        }
        break;
    case 1:
        if (vmb_ring_rx_peek(&rx, &packet) == VMB_OK) {
            use_packet(&rx, &packet);
            vmb_ring_rx_advance(&rx, &packet);
        }
        break;
    case 2:
        if (vmb_ring_rx_init(&rx, ring, DATA_BYTES) != VMB_OK) {
            return 0; /* Nobody uses it. */
        }
        break;
    case 3:
        (void)vmb_ring_inspect(ring, DATA_BYTES, &state);
        vmb_ring_rx_mask(&rx);
        break;
    default:
        (void)vmb_ring_rx_commit(&rx);
        (void)vmb_ring_rx_unmask(&rx);
        break;
    }
#endif
    proof_check(state_is_right(&rx));
    return 0;
}
