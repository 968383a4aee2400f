/* SPDX-License-Identifier: MIT */
#include "explore/scenarios/ring.h"

#include <string.h>

#define LARGEST 2048u

vmb_atomic_u32 doorbell_data;
vmb_atomic_u32 doorbell_space;

static _Alignas(4096) uint8_t memory[2][VMB_PAGE_BYTES];

bool scenario_ring_write_large(struct vmb_ring_tx *tx, uint32_t number, uint32_t bytes)
{
    static uint8_t payload[LARGEST];
    const struct vmb_slice slices[2] = {
        {.bytes = &number, .byte_count = sizeof(number)},
        {.bytes = payload, .byte_count = bytes - (uint32_t)sizeof(number)},
    };
    const struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND, .transaction_id = number};
    const vmb_status status = vmb_ring_tx_write(tx, &packet, slices, 2);

    if (status != VMB_OK && status != VMB_ERR_RING_FULL) {
        xpl_fail("the producer finds the ring broken");
    }
    return status == VMB_OK;
}

void scenario_ring_write(struct vmb_ring_tx *tx, uint32_t number)
{
    if (!scenario_ring_write_large(tx, number, 8)) {
        xpl_fail("the ring is full, which cannot be");
    }
}

bool scenario_ring_read(struct vmb_ring_rx *rx, uint32_t number)
{
    uint8_t buffer[LARGEST];
    struct vmb_packet packet;
    uint32_t got;
    const vmb_status status = vmb_ring_rx_next(rx, buffer, sizeof(buffer), &packet);

    if (status == VMB_ERR_RING_EMPTY) {
        return false;
    }
    if (status != VMB_OK) {
        xpl_fail("the consumer finds the ring broken");
    }
    memcpy(&got, buffer, sizeof(got));
    xpl_expect(got == number && packet.transaction_id == number,
               "packet %u arrives as %u: torn, lost or repeated", number, got);
    return true;
}

/* Both halves move to @offset, as if that many bytes had passed. */
void scenario_ring_begin(struct vmb_ring_tx *tx, struct vmb_ring_rx *rx, uint32_t offset)
{
    memset(memory, 0, sizeof(memory));
    doorbell_data.value = 0;
    doorbell_space.value = 0;
    vmb_ring_format(memory[0]);
    vmb_atomic_store((vmb_atomic_u32 *)(void *)&memory[0][VMB_RING_WRITE_OFFSET], offset,
                     VMB_RELAXED);
    vmb_atomic_store((vmb_atomic_u32 *)(void *)&memory[0][VMB_RING_READ_OFFSET], offset,
                     VMB_RELAXED);
    if (vmb_ring_tx_init(tx, memory[0], VMB_PAGE_BYTES) != VMB_OK ||
        vmb_ring_rx_init(rx, memory[0], VMB_PAGE_BYTES) != VMB_OK) {
        xpl_fail("no ring");
    }
    xpl_keep_watched(memory, sizeof(memory));
    xpl_name(&doorbell_data, "doorbell: data");
    xpl_name(&doorbell_space, "doorbell: space");
    xpl_name(&memory[0][VMB_RING_WRITE_OFFSET], "write index");
    xpl_name(&memory[0][VMB_RING_READ_OFFSET], "read index");
    xpl_name(&memory[0][VMB_RING_INTERRUPT_MASK], "interrupt mask");
    xpl_name(&memory[0][VMB_RING_PENDING_SEND_BYTES], "pending send");
    xpl_name(memory[1], "data");
}
