/* SPDX-License-Identifier: MIT */
/* The traffic device, guest and host, over a hostile endpoint. */
#include "drivers.h"

#include <vmbus/drivers/traffic.h>

#define FUZZ_LONGEST 256 /* Bytes of an input. */

static struct vmb_traffic_guest guest;
static struct vmb_traffic_host host;
static uint8_t *buffer;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    bench_make();
    buffer = fuzz_pages(1);
    return 0;
}

static void open_guest(struct feed *feed)
{
    uint32_t shape = feed_u8(feed);
    struct vmb_traffic_guest_options options = {
        .struct_bytes = sizeof(options),
        .buffer = fuzz_tail(buffer, 1, 512),
        .buffer_bytes = 512,
        .window = 1u << (shape & 3u),
        .streams = shape >> 2 & 3u,
        .answer = (enum vmb_traffic_answer)(shape % 3u),
        .seed = shape,
        .packet_limit = 64,
        .now_ns = bench_now,
        .failed = bench_failed,
    };

    FUZZ_CHECK(vmb_traffic_guest_init(&guest, &options) == VMB_OK);
    bench_open(vmb_traffic_guest_driver(), &guest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed feed = feed_of(data, size);
    struct vmb_traffic_counters counters;
    uint8_t form[64] = {0};
    uint32_t step, role = feed_u8(&feed) & 1u;

    (void)feed_bytes(&feed, form, feed_u8(&feed) & 63u);
    if (role == 0) {
        open_guest(&feed);
    } else {
        FUZZ_CHECK(vmb_traffic_host_init(&host, fuzz_tail(buffer, 1, 512), 512, bench_failed,
                                         NULL) == VMB_OK);
        bench_open(vmb_traffic_host_driver(), &host);
    }
    for (step = 0; step < DRIVER_STEPS && feed.left > 0; step++) {
        bench_step(&feed, form, sizeof(form));
    }
    if (role == 0) {
        vmb_traffic_guest_stop(&guest);
        (void)vmb_traffic_guest_expected(&guest);
        vmb_traffic_guest_read_counters(&guest, &counters);
    } else {
        vmb_traffic_host_read_counters(&host, &counters);
    }
    FUZZ_CHECK(counters.corrupt <= counters.packets_received);
    bench.driver->closed(bench.device, VMB_OK);
    return 0;
}
