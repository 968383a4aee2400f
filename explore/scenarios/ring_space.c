/* SPDX-License-Identifier: MIT */
/*
 * The producer waits for space: it says how much, looks once more, and sleeps. The consumer signals
 * when that much has become free. Nobody sleeps for ever, and no packet is overwritten before it
 * has been read. Bugs H76 to H78; the hang of Linux before 3.11.
 */
#include "explore/scenarios/ring.h"

#define PACKETS 4u
#define THERE   3u    /* When it begins. */
#define BYTES   1304u /* Three fill the ring. */
/* Of a large copy a word a line is seen: here those that the consumer has written, too. */
#define BEGIN 2072u

static struct vmb_ring_tx tx;
static struct vmb_ring_rx rx;
static uint32_t produced, consumed;

static void doorbell(void)
{
    if (vmb_ring_tx_commit(&tx)) {
        (void)vmb_atomic_fetch_or(&doorbell_data, 1u, VMB_RELEASE);
    }
}

static void produce(void *argument)
{
    (void)argument;
    while (produced < PACKETS) {
        if (scenario_ring_write_large(&tx, produced + 1, BYTES)) {
            produced++;
            doorbell();
        } else if (vmb_ring_tx_wait_space(&tx, vmb_ring_packet_bytes(0, BYTES)) ==
                   VMB_ERR_RING_FULL) {
            (void)xpl_await(&doorbell_space, VMB_ACQUIRE);
        }
    }
}

static void consume(void *argument)
{
    (void)argument;
    for (;;) {
        vmb_ring_rx_mask(&rx);
        do {
            while (scenario_ring_read(&rx, consumed + 1)) {
                consumed++;
                if (vmb_ring_rx_commit(&rx)) {
                    (void)vmb_atomic_fetch_or(&doorbell_space, 1u, VMB_RELEASE);
                }
            }
        } while (vmb_ring_rx_unmask(&rx));
        (void)xpl_await(&doorbell_data, VMB_ACQUIRE);
    }
}

static void prepare(unsigned design)
{
    (void)design;
    scenario_ring_begin(&tx, &rx, BEGIN);
    consumed = 0;
    for (produced = 0; produced < THERE; produced++) {
        (void)scenario_ring_write_large(&tx, produced + 1, BYTES);
    }
    doorbell();
    xpl_keep(&tx, sizeof(tx));
    xpl_keep(&rx, sizeof(rx));
    xpl_keep(&consumed, sizeof(consumed));
    xpl_keep(&produced, sizeof(produced));
}

static void check(void)
{
    xpl_expect(consumed == PACKETS, "a wake-up was lost: %u packets written, %u read", produced,
               consumed);
}

const struct xpl_scenario scenario_ring_space = {
    .name = "ring-space",
    .shows = "a producer that waits for space is woken, and overwrites nothing unread",
    .rules = "",
    .threads = {{.name = "producer", .run = produce},
                {.name = "consumer", .run = consume, .service = true}},
    .prepare = prepare,
    .check = check,
};
