/* SPDX-License-Identifier: MIT */
/* Heartbeat, shutdown and time synchronisation, guest and host, each over a hostile endpoint. */
#include "drivers.h"

#include <vmbus/drivers/heartbeat.h>
#include <vmbus/drivers/shutdown.h>
#include <vmbus/drivers/timesync.h>

#define FUZZ_LONGEST 256 /* Bytes of an input. */

static struct vmb_heartbeat_guest heartbeat_guest;
static struct vmb_heartbeat_host heartbeat_host;
static struct vmb_shutdown_guest shutdown_guest;
static struct vmb_shutdown_host shutdown_host;
static struct vmb_timesync_guest timesync_guest;
static struct vmb_timesync_host timesync_host;
static uint32_t requests_open;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    bench_make();
    return 0;
}

static bool shutdown_accept(void *context, const struct vmb_shutdown_request *request)
{
    (void)context;
    return request->kind != VMB_SHUTDOWN_HIBERNATE;
}

static void shutdown_go(void *context, const struct vmb_shutdown_request *request)
{
    (void)context;
    FUZZ_CHECK(request->text_bytes < VMB_IC_SHUTDOWN_TEXT_BYTES);
}

static void shutdown_answered(void *context, vmb_status status, uint32_t ic_status)
{
    (void)context;
    (void)status;
    (void)ic_status;
    FUZZ_CHECK(requests_open == 1); /* Told once. */
    requests_open = 0;
}

static void timesync_reading(void *context, const struct vmb_timesync_reading *reading)
{
    (void)context;
    FUZZ_CHECK(reading->age_known || reading->age_100ns == 0);
}

static void open_heartbeat_host(void)
{
    struct vmb_heartbeat_host_options options = {
        .struct_bytes = sizeof(options), .now_ns = bench_now, .failed = bench_failed};

    FUZZ_CHECK(vmb_heartbeat_host_init(&heartbeat_host, &options) == VMB_OK);
    bench_open(vmb_heartbeat_host_driver(), &heartbeat_host);
}

static void open_shutdown(bool host)
{
    struct vmb_shutdown_guest_options guest_options = {.struct_bytes = sizeof(guest_options),
                                                       .accept = shutdown_accept,
                                                       .go = shutdown_go,
                                                       .failed = bench_failed};
    struct vmb_shutdown_host_options host_options = {.struct_bytes = sizeof(host_options),
                                                     .now_ns = bench_now,
                                                     .answered = shutdown_answered,
                                                     .failed = bench_failed};

    if (host) {
        FUZZ_CHECK(vmb_shutdown_host_init(&shutdown_host, &host_options) == VMB_OK);
        bench_open(vmb_shutdown_host_driver(), &shutdown_host);
    } else {
        FUZZ_CHECK(vmb_shutdown_guest_init(&shutdown_guest, &guest_options) == VMB_OK);
        bench_open(vmb_shutdown_guest_driver(), &shutdown_guest);
    }
}

static void open_timesync(bool host)
{
    struct vmb_timesync_guest_options guest_options = {.struct_bytes = sizeof(guest_options),
                                                       .reading = timesync_reading,
                                                       .reference_100ns = bench_now,
                                                       .failed = bench_failed};
    struct vmb_timesync_host_options host_options = {.struct_bytes = sizeof(host_options),
                                                     .now_ns = bench_now,
                                                     .utc_100ns = bench_now,
                                                     .reference_100ns = bench_now,
                                                     .failed = bench_failed};

    if (host) {
        FUZZ_CHECK(vmb_timesync_host_init(&timesync_host, &host_options) == VMB_OK);
        bench_open(vmb_timesync_host_driver(), &timesync_host);
    } else {
        FUZZ_CHECK(vmb_timesync_guest_init(&timesync_guest, &guest_options) == VMB_OK);
        bench_open(vmb_timesync_guest_driver(), &timesync_guest);
    }
}

/* A message that is nearly right: a negotiation, as the host offers it and as a guest answers. */
static uint32_t make_form(uint8_t *form, uint16_t type, bool to_guest)
{
    static const struct vmb_ic_version versions[] = {{3, 0}, {1, 0}, {4, 0}, {3, 2}};
    struct vmb_ic_header header = {.message_type = type, .transaction_id = 1};
    uint32_t bytes = 0;

    header.flags =
        to_guest ? VMB_IC_TRANSACTION | VMB_IC_REQUEST : VMB_IC_TRANSACTION | VMB_IC_RESPONSE;
    FUZZ_CHECK(vmb_ic_negotiate_encode(versions, to_guest ? 2 : 1, versions, to_guest ? 4 : 1,
                                       form + VMB_IC_HEADER_BYTES, 128, &bytes) == VMB_OK);
    header.body_bytes = (uint16_t)bytes;
    vmb_ic_header_encode(&header, form);
    return VMB_IC_HEADER_BYTES + bytes;
}

static void user_acts(uint32_t which, uint32_t shape)
{
    struct vmb_shutdown_request request = {
        .kind = (enum vmb_shutdown_kind)(shape % 3u), .text = bench.rx, .text_bytes = shape};

    if (which == 0) {
        vmb_heartbeat_guest_set_state(&heartbeat_guest, shape);
    } else if (which == 3 && vmb_shutdown_host_request(&shutdown_host, &request) == VMB_OK) {
        FUZZ_CHECK(requests_open == 0);
        requests_open = 1;
    } else if (which == 5) {
        vmb_timesync_host_step(&timesync_host);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed feed = feed_of(data, size);
    uint32_t which = feed_below(&feed, 6), step;
    uint8_t forms[2][256];
    uint32_t form_bytes[2];

    memset(forms, 0, sizeof(forms));
    form_bytes[0] = make_form(forms[0], VMB_IC_NEGOTIATE, which % 2u == 0);
    form_bytes[1] = make_form(forms[1],
                              which < 2   ? VMB_IC_HEARTBEAT
                              : which < 4 ? VMB_IC_SHUTDOWN
                                          : VMB_IC_TIMESYNC,
                              which % 2u == 0);
    requests_open = 0;
    if (which == 0) {
        vmb_heartbeat_guest_init(&heartbeat_guest);
        bench_open(vmb_heartbeat_guest_driver(), &heartbeat_guest);
    } else if (which == 1) {
        open_heartbeat_host();
    } else if (which < 4) {
        open_shutdown(which == 3);
    } else {
        open_timesync(which == 5);
    }
    for (step = 0; step < DRIVER_STEPS && feed.left > 0; step++) {
        uint32_t form = feed_u8(&feed);

        if (form >= 0xE0u) {
            user_acts(which, form & 31u);
        }
        bench_step(&feed, forms[form & 1u], form_bytes[form & 1u]);
    }
    bench.driver->closed(bench.device, VMB_OK);
    FUZZ_CHECK(requests_open == 0);
    return 0;
}
