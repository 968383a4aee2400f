/* SPDX-License-Identifier: MIT */
/* Backup, guest and host, over a hostile endpoint: nobody stays frozen, whoever says what when. */
#include "drivers_ic.h"

#include <vmbus/drivers/vss.h>

#define FUZZ_LONGEST   256 /* Bytes of an input. */
#define VSS_FORM_BYTES 128u

static struct vmb_vss_guest vss_guest;
static struct vmb_vss_host vss_host;
static uint32_t requests_open;
static uint32_t freezes_under_way;
static int frozen;
static uint32_t mood; /* What the guest's functions say. */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    bench_make();
    return 0;
}

static uint32_t guest_freeze(void *context)
{
    (void)context;
    FUZZ_CHECK(frozen == 0 && freezes_under_way == 0);
    if (mood % 3u == 0) {
        freezes_under_way = 1;
        return VMB_IC_ANSWER_LATER;
    }
    frozen = mood % 3u == 1 ? 1 : 0;
    return frozen != 0 ? VMB_IC_STATUS_OK : VMB_IC_STATUS_FAILURE;
}

static uint32_t guest_thaw(void *context)
{
    (void)context;
    FUZZ_CHECK(frozen == 1);
    frozen = 0;
    return mood % 2u == 0 ? VMB_IC_ANSWER_LATER : VMB_IC_STATUS_OK;
}

static void guest_done(void)
{
    if (freezes_under_way != 0) {
        freezes_under_way = 0;
        frozen = mood % 5u != 0 ? 1 : 0;
        vmb_vss_guest_done(&vss_guest, frozen != 0 ? VMB_IC_STATUS_OK : VMB_IC_STATUS_FAILURE);
    } else {
        vmb_vss_guest_done(&vss_guest, VMB_IC_STATUS_OK);
    }
}

static void host_answered(void *context, vmb_status status, uint32_t ic_status, uint32_t flags)
{
    (void)context;
    (void)ic_status;
    FUZZ_CHECK(requests_open == 1); /* Told once. */
    FUZZ_CHECK(status == VMB_OK || flags == 0);
    requests_open = 0;
}

static void open_vss(bool host)
{
    struct vmb_vss_guest_options guest_options = {.struct_bytes = sizeof(guest_options),
                                                  .freeze = guest_freeze,
                                                  .thaw = guest_thaw,
                                                  .failed = bench_failed};
    struct vmb_vss_host_options host_options = {.struct_bytes = sizeof(host_options),
                                                .now_ns = bench_now,
                                                .answered = host_answered,
                                                .failed = bench_failed};

    if (host) {
        FUZZ_CHECK(vmb_vss_host_init(&vss_host, &host_options) == VMB_OK);
        bench_open(vmb_vss_host_driver(), &vss_host);
    } else {
        FUZZ_CHECK(vmb_vss_guest_init(&vss_guest, &guest_options) == VMB_OK);
        bench_open(vmb_vss_guest_driver(), &vss_guest);
    }
}

static void user_acts(bool host, uint32_t shape)
{
    mood = shape;
    if (!host) {
        guest_done();
    } else if (vmb_vss_host_request(&vss_host, (uint8_t)(shape & 15u)) == VMB_OK) {
        FUZZ_CHECK(requests_open == 0);
        requests_open = 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct vmb_ic_version versions[] = {{7, 0}, {5, 0}, {4, 0}};
    struct feed feed = feed_of(data, size);
    bool host = (feed_u8(&feed) & 1u) != 0;
    uint8_t form[VSS_FORM_BYTES];
    uint32_t form_bytes, step;

    memset(form, 0, sizeof(form));
    form_bytes = ic_negotiation(form, versions, 3, !host);
    requests_open = freezes_under_way = mood = 0;
    frozen = 0;
    open_vss(host);
    for (step = 0; step < DRIVER_STEPS && feed.left > 0; step++) {
        uint32_t what = feed_u8(&feed);

        if (what >= 0xC0u) {
            user_acts(host, what & 63u);
        } else if (what >= 0x80u) {
            ic_send_message(&feed, VMB_IC_VSS, what & 63u, !host);
        }
        bench_step(&feed, form, form_bytes);
    }
    bench.driver->closed(bench.device, VMB_OK);
    if (!host) {
        guest_done(); /* What was still under way ends after the host has gone. */
    }
    FUZZ_CHECK(requests_open == 0);
    FUZZ_CHECK(frozen == 0);
    return 0;
}
