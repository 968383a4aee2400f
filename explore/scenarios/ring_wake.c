/* SPDX-License-Identifier: MIT */
/*
 * The consumer sleeps when the ring is empty: it unmasks, looks once more, and waits. The producer
 * signals only if the consumer may be asleep. No packet stays behind, and each is whole. The ring
 * wraps in the middle. Bugs H74, H75, H79 of the protocol notes; Linux's stalls of that kind.
 */
#include "explore/scenarios/ring.h"

#define PACKETS 4u

static struct vmb_ring_tx tx;
static struct vmb_ring_rx rx;
static uint32_t consumed;

static void produce(void *argument)
{
    (void)argument;
    for (uint32_t number = 1; number <= PACKETS; number++) {
        scenario_ring_write(&tx, number);
        if (number == 2) {
            continue; /* A batch: two packets, one commit. */
        }
        if (vmb_ring_tx_commit(&tx)) {
            (void)vmb_atomic_fetch_or(&doorbell_data, 1u, VMB_RELEASE);
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
            }
            if (vmb_ring_rx_commit(&rx)) {
                xpl_fail("the consumer rings although nobody waits for space");
            }
        } while (vmb_ring_rx_unmask(&rx));
        (void)xpl_await(&doorbell_data, VMB_ACQUIRE);
    }
}

static void prepare(unsigned design)
{
    (void)design;
    scenario_ring_begin(&tx, &rx, 4096 - 24);
    consumed = 0;
    xpl_keep(&tx, sizeof(tx));
    xpl_keep(&rx, sizeof(rx));
    xpl_keep(&consumed, sizeof(consumed));
}

static void check(void)
{
    xpl_expect(consumed == PACKETS,
               "a wake-up was lost: the consumer sleeps with %u packets in the ring",
               PACKETS - consumed);
}

const struct xpl_scenario scenario_ring_wake = {
    .name = "ring-wake",
    .shows = "a consumer that masks and sleeps is woken for every packet",
    .rules = "",
    .threads = {{.name = "producer", .run = produce},
                {.name = "consumer", .run = consume, .service = true}},
    .prepare = prepare,
    .check = check,
};
