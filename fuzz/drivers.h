/* SPDX-License-Identifier: MIT */
/*
 * A hostile peer behind a driver's endpoint: it sends packets, right and wrong ones, writes over
 * the control pages, reads or lets the ring fill up. A driver in either role is run against it.
 */
#ifndef VMB_FUZZ_DRIVERS_H
#define VMB_FUZZ_DRIVERS_H

#include "fuzz.h"

#include <vmbus/driver.h>
#include <vmbus/endpoint.h>

enum {
    DRIVER_DATA_BYTES = 4096,
    DRIVER_STEPS = 48
};

/* Not zeroed between sessions: the rings. */
struct bench {
    uint8_t *tx; /* What the driver writes. */
    uint8_t *rx; /* What it reads. */
    struct vmb_endpoint endpoint;
    struct vmb_endpoint peer; /* The other end, while the peer is honest. */
    const struct vmb_driver *driver;
    void *device;
    uint64_t now_ns;
};

static struct bench bench;

#ifdef FUZZ_TOCTOU /* The peer writes between the driver's loads. */
#define DRIVER_IS_REWRITTEN true
#include "drivers_toctou.h"
#else
#define DRIVER_IS_REWRITTEN false
static void toctou_enter(void)
{
}

static void toctou_leave(void)
{
}
#endif

FUZZ_UNUSED static void bench_event(void)
{
    toctou_enter();
    bench.driver->on_event(bench.device);
    toctou_leave();
}

static void bench_doorbell(void *context)
{
    (void)context;
}

FUZZ_UNUSED static uint64_t bench_now(void *context)
{
    (void)context;
    return bench.now_ns;
}

FUZZ_UNUSED static void bench_failed(void *context, vmb_status status)
{
    (void)context;
    FUZZ_CHECK(status == VMB_ERR_PEER);
}

FUZZ_UNUSED static void bench_make(void)
{
    bench.tx = fuzz_pages(2);
    bench.rx = fuzz_pages(2);
}

FUZZ_UNUSED static void bench_open(const struct vmb_driver *driver, void *device)
{
    struct vmb_endpoint_rings rings = {bench.tx, bench.rx, DRIVER_DATA_BYTES, DRIVER_DATA_BYTES};
    struct vmb_endpoint_rings mirror = {bench.rx, bench.tx, DRIVER_DATA_BYTES, DRIVER_DATA_BYTES};

    memset(bench.tx, 0, 128);
    memset(bench.rx, 0, 128);
    vmb_ring_format(bench.tx);
    vmb_ring_format(bench.rx);
    FUZZ_CHECK(vmb_endpoint_init(&bench.endpoint, &rings, bench_doorbell, NULL) == VMB_OK);
    FUZZ_CHECK(vmb_endpoint_init(&bench.peer, &mirror, bench_doorbell, NULL) == VMB_OK);
    bench.driver = driver;
    bench.device = device;
    bench.now_ns = 1000;
    driver->opened(device, &bench.endpoint);
}

/* The last message of the driver, sent back, changed here and there. */
static void bench_echo(struct feed *feed)
{
    static uint8_t bytes[DRIVER_DATA_BYTES];
    struct vmb_packet packet;
    uint32_t changes = feed_u8(feed) & 7u;

    if (vmb_endpoint_receive(&bench.peer, bytes, sizeof(bytes), &packet) != VMB_OK) {
        return;
    }
    vmb_endpoint_release(&bench.peer);
    while (changes-- > 0 && packet.payload_bytes > 0) {
        uint32_t at = feed_u8(feed) % packet.payload_bytes;

        bytes[at] = feed_u8(feed);
    }
    if ((feed_u8(feed) & 1u) != 0) {
        (void)vmb_endpoint_complete(&bench.peer, packet.transaction_id, bytes,
                                    packet.payload_bytes);
    } else {
        (void)vmb_endpoint_send(&bench.peer, bytes, packet.payload_bytes, packet.transaction_id,
                                false);
    }
}

/* A packet of any type; its payload is the target's template with bytes of the input over it. */
static void bench_send(struct feed *feed, const uint8_t *form, uint32_t form_bytes)
{
    uint8_t bytes[256];
    uint32_t shape = feed_u8(feed), length = feed_u8(feed);
    struct vmb_slice payload = {bytes, length};
    struct vmb_packet_out packet = {.transaction_id = feed_u8(feed),
                                    .type = (shape & 1u) != 0 ? VMB_PACKET_COMPLETION
                                                              : VMB_PACKET_IN_BAND,
                                    .flags = shape >> 1 & 1u};
    uint32_t patches = shape >> 4;

    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, form, form_bytes < sizeof(bytes) ? form_bytes : sizeof(bytes));
    while (patches-- > 0) {
        uint32_t at = feed_u8(feed);

        bytes[at] = feed_u8(feed);
    }
    (void)vmb_endpoint_stage_typed(&bench.peer, &packet, &payload, 1);
    vmb_endpoint_flush(&bench.peer);
}

FUZZ_UNUSED static void bench_step(struct feed *feed, const uint8_t *form, uint32_t form_bytes)
{
    uint32_t what = feed_u8(feed), value;

    switch (what & 7u) {
    case 0:
    case 1:
        bench_send(feed, form, form_bytes);
        break;
    case 2:
    case 3:
        bench_echo(feed);
        break;
    case 4: /* Over the control page of either ring. */
        if ((what & 0xF0u) == 0xF0u) {
            value = feed_u16(feed);
            memcpy(((what & 8u) != 0 ? bench.tx : bench.rx) + (feed_u8(feed) & 12u), &value, 4);
        }
        break;
    case 5:
        bench.now_ns += (uint64_t)feed_u8(feed) * 100000000u;
        break;
    default:
        break;
    }
    bench_event();
}

#endif /* VMB_FUZZ_DRIVERS_H */
