/* SPDX-License-Identifier: MIT */
/*
 * Devices of a host that are saved and restored: under way as they were, when they must go on, and
 * from bytes that somebody made up, when they refuse or live on with what they took.
 */
#include "drivers_ic.h"

#include <vmbus/drivers/heartbeat.h>
#include <vmbus/drivers/shutdown.h>
#include <vmbus/drivers/timesync.h>
#include <vmbus/drivers/traffic.h>
#include <vmbus/host_channel.h>

#define FUZZ_LONGEST 512 /* Bytes of an input. */

enum {
    DEVICES = 4,
    SAVED_BYTES = 4096
};

static struct vmb_traffic_host traffic;
static struct vmb_heartbeat_host heartbeat;
static struct vmb_shutdown_host shutdown;
static struct vmb_timesync_host timesync;
static uint8_t *buffer, *saved;
static uint32_t requests_open;

static void shutdown_answered(void *context, vmb_status status, uint32_t ic_status)
{
    (void)context;
    (void)status;
    (void)ic_status;
    requests_open = 0; /* One that was restored was asked for by a host that is gone. */
}

static void traffic_make(void)
{
    FUZZ_CHECK(vmb_traffic_host_init(&traffic, fuzz_tail(buffer, 1, 512), 512, bench_failed,
                                     NULL) == VMB_OK);
}

static void heartbeat_make(void)
{
    struct vmb_heartbeat_host_options options = {
        .struct_bytes = sizeof(options), .now_ns = bench_now, .failed = bench_failed};

    FUZZ_CHECK(vmb_heartbeat_host_init(&heartbeat, &options) == VMB_OK);
}

static void shutdown_make(void)
{
    struct vmb_shutdown_host_options options = {.struct_bytes = sizeof(options),
                                                .now_ns = bench_now,
                                                .answered = shutdown_answered,
                                                .failed = bench_failed};

    FUZZ_CHECK(vmb_shutdown_host_init(&shutdown, &options) == VMB_OK);
}

static void timesync_make(void)
{
    struct vmb_timesync_host_options options = {.struct_bytes = sizeof(options),
                                                .now_ns = bench_now,
                                                .utc_100ns = bench_now,
                                                .reference_100ns = bench_now,
                                                .failed = bench_failed};

    FUZZ_CHECK(vmb_timesync_host_init(&timesync, &options) == VMB_OK);
}

static const struct {
    void (*make)(void);
    const struct vmb_driver *(*driver)(void);
    const struct vmb_host_hooks *(*hooks)(void);
    void *device;
    uint16_t message_type;
} devices[DEVICES] = {
    {traffic_make, vmb_traffic_host_driver, vmb_traffic_host_hooks, &traffic, 0},
    {heartbeat_make, vmb_heartbeat_host_driver, vmb_heartbeat_host_hooks, &heartbeat,
     VMB_IC_HEARTBEAT},
    {shutdown_make, vmb_shutdown_host_driver, vmb_shutdown_host_hooks, &shutdown, VMB_IC_SHUTDOWN},
    {timesync_make, vmb_timesync_host_driver, vmb_timesync_host_hooks, &timesync, VMB_IC_TIMESYNC},
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    bench_make();
    buffer = fuzz_pages(1);
    saved = fuzz_pages(1);
    return 0;
}

/* The device is saved; a new one of its kind goes on with that, or with what was made of it. */
static void device_moves(uint32_t which, struct feed *feed)
{
    const struct vmb_host_hooks *hooks = devices[which].hooks();
    uint32_t shape = feed_u8(feed), changes = shape & 7u;
    uint8_t *bytes;
    size_t byte_count = 0;
    vmb_status status = hooks->save(devices[which].device, NULL, true, NULL, 0, &byte_count);

    FUZZ_CHECK(status == VMB_ERR_TOO_SMALL && byte_count <= SAVED_BYTES);
    bytes = fuzz_tail(saved, 1, byte_count);
    FUZZ_CHECK(hooks->save(devices[which].device, NULL, true, bytes, byte_count, &byte_count) ==
               VMB_OK);
    for (uint32_t i = 0; i < changes; i++) {
        uint32_t at = feed_u8(feed) % (uint32_t)byte_count;

        bytes[at] = feed_u8(feed);
    }
    if ((shape & 0x88u) == 0x88u) { /* Cut, or somewhat longer. */
        byte_count -= feed_u8(feed) % byte_count;
    }
    devices[which].make();
    status = hooks->restore(devices[which].device, NULL,
                            (shape & 0x70u) == 0x70u ? NULL : &bench.endpoint, bytes, byte_count);
    FUZZ_CHECK(status == VMB_OK || status == VMB_ERR_MALFORMED || status == VMB_ERR_MISMATCH);
    FUZZ_CHECK(status == VMB_OK || changes > 0 || (shape & 0x70u) == 0x70u ||
               (shape & 0x88u) == 0x88u);
    if (status != VMB_OK || (shape & 0x70u) == 0x70u) { /* Then another one, as at first. */
        devices[which].make();
        bench.driver->opened(bench.device, &bench.endpoint);
    }
}

static void user_asks(uint32_t which, uint32_t shape)
{
    struct vmb_shutdown_request request = {.kind = (enum vmb_shutdown_kind)(shape % 3u)};

    if (which == 2 && vmb_shutdown_host_request(&shutdown, &request) == VMB_OK) {
        requests_open = 1;
    } else if (which == 3) {
        vmb_timesync_host_step(&timesync);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct vmb_ic_version versions[] = {{3, 0}, {1, 0}, {4, 0}, {3, 2}};
    struct feed feed = feed_of(data, size);
    uint32_t which = feed_below(&feed, DEVICES);
    uint8_t form[256] = {0};
    uint32_t form_bytes = sizeof(form);

    if (which != 0) { /* The guest answers a negotiation. */
        form_bytes = ic_negotiation(form, versions + (feed_u8(&feed) & 3u), 1, false);
    } else {
        (void)feed_bytes(&feed, form, feed_u8(&feed) & 63u);
    }
    requests_open = 0;
    devices[which].make();
    bench_open(devices[which].driver(), devices[which].device);
    for (uint32_t step = 0; step < DRIVER_STEPS && feed.left > 0; step++) {
        uint32_t what = feed_u8(&feed);

        if ((what & 7u) == 7u) {
            device_moves(which, &feed);
        } else if ((what & 7u) == 6u) {
            user_asks(which, what >> 3);
        } else if ((what & 7u) == 5u && which != 0) {
            ic_send_message(&feed, devices[which].message_type, what, false);
        }
        bench_step(&feed, form, form_bytes);
    }
    bench.driver->closed(bench.device, VMB_OK);
    return 0;
}
