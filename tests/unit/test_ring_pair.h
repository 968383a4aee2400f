/* SPDX-License-Identifier: MIT */
/* A ring with both of its halves on one thread, and the eyes of a peer who looks at every byte. */
#ifndef TEST_RING_PAIR_H
#define TEST_RING_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/ring.h>

#include "base/vmb_le.h"

#define SMALL 4096u /* Data bytes of the smallest ring. */

struct pair {
    uint8_t *memory; /* Exactly the mapping, so that a sanitizer sees a step beside it. */
    uint32_t data_bytes;
    struct vmb_ring_tx tx;
    struct vmb_ring_rx rx;
};

/* A field of the control page, as the peer sees and writes it. */
static inline uint32_t field_get(const struct pair *pair, uint32_t offset)
{
    return vmbi_le32(pair->memory + offset);
}

static inline void field_put(struct pair *pair, uint32_t offset, uint32_t value)
{
    vmbi_put_le32(pair->memory + offset, value);
}

/* The data at an offset that may be a round too far. */
static inline uint8_t *data_at(const struct pair *pair, uint32_t offset)
{
    return pair->memory + VMB_PAGE_BYTES + offset % pair->data_bytes;
}

/* The 8 bytes there, which never wrap. */
static inline uint64_t word_at(const struct pair *pair, uint32_t offset)
{
    return vmbi_le64(data_at(pair, offset));
}

static inline void word_put(struct pair *pair, uint32_t offset, uint64_t word)
{
    vmbi_put_le64(data_at(pair, offset), word);
}

/* Both halves begin anew where the indices stand; the ring is empty. */
static inline void pair_move(struct pair *pair, uint32_t offset)
{
    field_put(pair, VMB_RING_WRITE_OFFSET, offset);
    field_put(pair, VMB_RING_READ_OFFSET, offset);
    assert_int_equal(vmb_ring_tx_init(&pair->tx, pair->memory, pair->data_bytes), VMB_OK);
    assert_int_equal(vmb_ring_rx_init(&pair->rx, pair->memory, pair->data_bytes), VMB_OK);
}

/* The same in a fresh control page. */
static inline void pair_restart(struct pair *pair, uint32_t offset)
{
    vmb_ring_format(pair->memory);
    pair_move(pair, offset);
}

static inline void pair_make(struct pair *pair, uint32_t data_bytes)
{
    size_t bytes = VMB_RING_MAPPING_BYTES(data_bytes);

    pair->data_bytes = data_bytes;
    pair->memory = aligned_alloc(VMB_PAGE_BYTES, bytes);
    assert_non_null(pair->memory);
    memset(pair->memory, 0xEE, bytes); /* Stale bytes that must not be seen again. */
    pair_restart(pair, 0);
}

static inline void pair_drop(struct pair *pair)
{
    free(pair->memory);
}

/* Bytes that tell where they belong. */
static inline void pattern_fill(uint8_t *bytes, uint32_t count, uint32_t seed)
{
    for (uint32_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(seed * 31u + i * 7u + (i >> 8) + 1u);
    }
}

/* Stage in-band data from one piece. */
static inline vmb_status send(struct pair *pair, const void *bytes, uint32_t byte_count)
{
    struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND};
    struct vmb_slice slice = {bytes, byte_count};

    return vmb_ring_tx_write(&pair->tx, &packet, &slice, 1);
}

/* Stage a packet that takes @packet_bytes of the ring, whatever is in it. */
static inline vmb_status send_sized(struct pair *pair, uint32_t packet_bytes)
{
    static const uint8_t zeroes[65536];

    assert_in_range(packet_bytes, VMB_RING_PACKET_OVERHEAD_BYTES, sizeof(zeroes));
    return send(pair, zeroes, packet_bytes - VMB_RING_PACKET_OVERHEAD_BYTES);
}

/* Commit where the decision to signal is not what is tested. */
static inline void publish(struct pair *pair)
{
    bool signal = vmb_ring_tx_commit(&pair->tx);

    (void)signal;
}

static inline void release(struct pair *pair)
{
    bool signal = vmb_ring_rx_commit(&pair->rx);

    (void)signal;
}

/* Consume the next packet, whatever is in it. */
static inline vmb_status skip_packet(struct pair *pair)
{
    struct vmb_packet packet;
    vmb_status status = vmb_ring_rx_peek(&pair->rx, &packet);

    if (status == VMB_OK) {
        vmb_ring_rx_advance(&pair->rx, &packet);
    }
    return status;
}

#endif /* TEST_RING_PAIR_H */
