/* SPDX-License-Identifier: MIT */
/*
 * Two endpoints that send and receive in bursts. A burst is published once, and signalled once or
 * not at all: its reader may be asleep, about to sleep, or in the middle of the burst before. Its
 * space is given back once, to a writer that has sent a part of its burst and waits for the rest.
 * Nobody sleeps for ever, each packet comes once, in order and whole. The ring wraps on the way.
 */
#include <string.h>

#include <vmbus/endpoint.h>

#include "explore/scenarios/ring.h"

#define LIMIT 3u    /* Packets that the reader takes at once. */
#define LARGE 1304u /* Of that size three fill the ring. */
#define THERE 3u    /* So many of these, when it begins. */

static _Alignas(VMB_PAGE_BYTES) uint8_t pages[4][VMB_PAGE_BYTES]; /* Two rings. */
static struct vmb_endpoint writer, reader;
static uint32_t packet_bytes, packets_wanted, written, taken;

static void signal_reader(void *context)
{
    (void)context;
    (void)vmb_atomic_fetch_or(&doorbell_data, 1u, VMB_RELEASE);
}

static void signal_writer(void *context)
{
    (void)context;
    (void)vmb_atomic_fetch_or(&doorbell_space, 1u, VMB_RELEASE);
}

/* Send up to @count packets, whose numbers go on from the last. */
static vmb_status send_burst(uint32_t count)
{
    static uint8_t content[LIMIT][LARGE];
    struct vmb_packet_out packets[LIMIT] = {0};
    struct vmb_slice payloads[LIMIT];
    uint32_t sent;
    vmb_status status;

    for (uint32_t i = 0; i < count; i++) {
        const uint32_t number = written + i + 1;

        memcpy(content[i], &number, sizeof(number));
        packets[i].type = VMB_PACKET_IN_BAND;
        packets[i].transaction_id = number;
        payloads[i] = (struct vmb_slice){.bytes = content[i], .byte_count = packet_bytes};
    }
    status = vmb_endpoint_send_many(&writer, packets, payloads, count, &sent);
    xpl_expect(status == VMB_OK || status == VMB_ERR_RING_FULL, "the writer's ring is broken");
    written += sent;
    return status;
}

/* Take what there is, a burst at a time; its space goes back at the end. */
static void take_bursts(void)
{
    static uint8_t content[LIMIT * LARGE];
    struct vmb_packet packets[LIMIT];
    uint32_t count;

    while (vmb_endpoint_receive_many(&reader, content, LIMIT * packet_bytes, packets, LIMIT,
                                     &count) == VMB_OK) {
        for (uint32_t i = 0; i < count; i++) {
            uint32_t number;

            memcpy(&number, content + i * packet_bytes, sizeof(number));
            taken++;
            xpl_expect(number == taken && packets[i].transaction_id == number,
                       "packet %u arrives as %u: torn, lost or repeated", taken, number);
        }
    }
}

static void write_small(void *argument)
{
    (void)argument;
    (void)send_burst(2);
    (void)send_burst(2);
}

static void write_large(void *argument)
{
    (void)argument;
    while (written < packets_wanted) {
        if (send_burst(packets_wanted - written) == VMB_ERR_RING_FULL &&
            vmb_endpoint_wait_space(&writer, packet_bytes) == VMB_ERR_RING_FULL) {
            (void)xpl_await(&doorbell_space, VMB_ACQUIRE);
        }
    }
}

/* As the cores run a driver's handler. */
static void read_on(void *argument)
{
    (void)argument;
    for (;;) {
        struct vmb_endpoint_run run;

        do {
            vmb_endpoint_run_begin(&reader, &run);
            take_bursts();
        } while (vmb_endpoint_run_done(&reader, &run));
        (void)xpl_await(&doorbell_data, VMB_ACQUIRE);
    }
}

/* Empty rings; both indices of the first stand at @offset, as if that many bytes had passed. */
static void begin(uint32_t offset, uint32_t bytes, uint32_t packets)
{
    const struct vmb_endpoint_rings there = {pages[0], pages[2], VMB_PAGE_BYTES, VMB_PAGE_BYTES};
    const struct vmb_endpoint_rings back = {pages[2], pages[0], VMB_PAGE_BYTES, VMB_PAGE_BYTES};

    memset(pages, 0, sizeof(pages));
    doorbell_data.value = 0;
    doorbell_space.value = 0;
    packet_bytes = bytes;
    packets_wanted = packets;
    written = taken = 0;
    vmb_ring_format(pages[0]);
    vmb_ring_format(pages[2]);
    vmb_atomic_store((vmb_atomic_u32 *)(void *)&pages[0][VMB_RING_WRITE_OFFSET], offset,
                     VMB_RELAXED);
    vmb_atomic_store((vmb_atomic_u32 *)(void *)&pages[0][VMB_RING_READ_OFFSET], offset,
                     VMB_RELAXED);
    if (vmb_endpoint_init(&writer, &there, signal_reader, NULL) != VMB_OK ||
        vmb_endpoint_init(&reader, &back, signal_writer, NULL) != VMB_OK) {
        xpl_fail("no rings");
    }
    xpl_keep_watched(pages, sizeof(pages));
    xpl_keep(&writer, sizeof(writer));
    xpl_keep(&reader, sizeof(reader));
    xpl_keep(&written, sizeof(written));
    xpl_keep(&taken, sizeof(taken));
    xpl_name(&doorbell_data, "doorbell: data");
    xpl_name(&doorbell_space, "doorbell: space");
    xpl_name(&pages[0][VMB_RING_WRITE_OFFSET], "write index");
    xpl_name(&pages[0][VMB_RING_READ_OFFSET], "read index");
    xpl_name(&pages[0][VMB_RING_INTERRUPT_MASK], "interrupt mask");
    xpl_name(&pages[0][VMB_RING_PENDING_SEND_BYTES], "pending send");
    xpl_name(pages[1], "data");
}

static void prepare_wake(unsigned design)
{
    (void)design;
    begin(VMB_PAGE_BYTES - 40u, 8, 4); /* The second packet wraps. */
}

static void prepare_space(unsigned design)
{
    (void)design;
    begin(2048, LARGE, THERE + 2);
    (void)send_burst(THERE);
    doorbell_data.value = 1;
}

static void check(void)
{
    xpl_expect(taken == packets_wanted, "a wake-up was lost: of %u packets %u were sent, %u taken",
               packets_wanted, written, taken);
}

const struct xpl_scenario scenario_burst_wake = {
    .name = "burst-wake",
    .shows = "a reader that masks and sleeps is woken for every burst",
    .rules = "",
    .threads = {{.name = "writer", .run = write_small},
                {.name = "reader", .run = read_on, .service = true}},
    .prepare = prepare_wake,
    .check = check,
};

const struct xpl_scenario scenario_burst_space = {
    .name = "burst-space",
    .shows = "a writer that has sent half a burst is woken for the rest",
    .rules = "",
    .threads = {{.name = "writer", .run = write_large},
                {.name = "reader", .run = read_on, .service = true}},
    .prepare = prepare_space,
    .check = check,
};
