/* SPDX-License-Identifier: MIT */
/* Packets of 16 bytes from one endpoint to another: singly, staged singly and in bursts. */
#include <stdlib.h>
#include <string.h>

#include <vmbus/endpoint.h>

#include "tests/speed/guard.h"
#include "tools/vmbus/bench/bench.h"

#define RING_BYTES 65536u
#define BURST      32u

static VMB_CACHE_ALIGNED struct vmb_endpoint sender, receiver;
static struct vmb_packet_out packets[BURST];
static struct vmb_slice slices[BURST];
static struct vmb_packet got[BURST];
static uint64_t numbers[2], received[2 * BURST];

static void ring(void *context)
{
    (void)context;
}

/* One by one; the peer sees each at once. */
static bool send_and_receive(void)
{
    bool good = vmb_endpoint_send(&sender, numbers, sizeof(numbers), 0, false) == VMB_OK;

    good = vmb_endpoint_receive(&receiver, received, sizeof(received), got) == VMB_OK && good;
    vmb_endpoint_release(&receiver);
    return good;
}

/* One by one; the peer sees all at once. */
static bool stage_and_receive(void)
{
    bool good = true;

    for (uint32_t i = 0; i < BURST; i++) {
        good = vmb_endpoint_stage(&sender, slices, 1, 0, false) == VMB_OK && good;
    }
    vmb_endpoint_flush(&sender);
    for (uint32_t i = 0; i < BURST; i++) {
        good = vmb_endpoint_receive(&receiver, received, sizeof(received), got) == VMB_OK && good;
    }
    vmb_endpoint_release(&receiver);
    return good;
}

static bool burst(void)
{
    uint32_t count, come;

    if (vmb_endpoint_send_many(&sender, packets, slices, BURST, &count) != VMB_OK) {
        return false;
    }
    for (come = 0; come < BURST; come += count) { /* Twice where the ring wraps. */
        if (vmb_endpoint_receive_many(&receiver, received, sizeof(received), got, BURST - come,
                                      &count) != VMB_OK) {
            return false;
        }
    }
    vmb_endpoint_release(&receiver);
    return true;
}

void guard_endpoint(const char *how, uint64_t times)
{
    uint8_t *memory = bench_memory(4096, 2 * VMB_RING_MAPPING_BYTES(RING_BYTES));
    uint8_t *back = memory + VMB_RING_MAPPING_BYTES(RING_BYTES);
    struct vmb_endpoint_rings rings = {memory, back, RING_BYTES, RING_BYTES};
    struct vmb_endpoint_rings peers = {back, memory, RING_BYTES, RING_BYTES};
    bool one = strcmp(how, "one") == 0, many = strcmp(how, "burst") == 0, good = true;

    for (uint32_t i = 0; i < BURST; i++) {
        packets[i].type = VMB_PACKET_IN_BAND;
        slices[i] = (struct vmb_slice){.bytes = numbers, .byte_count = sizeof(numbers)};
    }
    vmb_ring_format(memory);
    vmb_ring_format(back);
    if (vmb_endpoint_init(&sender, &rings, ring, NULL) != VMB_OK ||
        vmb_endpoint_init(&receiver, &peers, ring, NULL) != VMB_OK) {
        exit(3);
    }
    vmb_endpoint_mask(&receiver);
    for (uint64_t i = 0; good && i < times; i += one ? 1 : BURST) {
        good = one ? send_and_receive() : many ? burst() : stage_and_receive();
    }
    if (!good) {
        exit(3);
    }
    free(memory);
}
