/* SPDX-License-Identifier: MIT */
/*
 * Somebody waits until nothing is expected from a channel any more, and then reads what it has
 * counted: all that came, or that a close cut off, has been counted by then.
 */
#include <string.h>

#include <vmbus/driver.h>
#include <vmbus/drivers/traffic.h>
#include <vmbus/endpoint.h>

#include "explore/engine/xpl.h"

static _Alignas(4096) uint8_t rings[4][VMB_PAGE_BYTES];
static _Alignas(8) uint8_t buffers[2][256];
static struct vmb_endpoint ends[2]; /* The guest's, the host's. */
static struct vmb_traffic_guest guest;
static struct vmb_traffic_host host;

static void ring_doorbell(void *context)
{
    (void)context;
}

static void runner(void *argument)
{
    (void)argument;
    vmb_traffic_guest_driver()->on_event(&guest);
}

static void control(void *argument)
{
    (void)argument;
    vmb_traffic_guest_driver()->closed(&guest, VMB_OK);
}

static void watcher(void *argument)
{
    struct vmb_traffic_counters counters;

    (void)argument;
    if (vmb_traffic_guest_expected(&guest) == 0) {
        vmb_traffic_guest_read_counters(&guest, &counters);
        xpl_expect(counters.packets_sent == 1 && counters.answered + counters.abandoned == 1,
                   "nothing is expected any more; of %u requests %u were answered, %u cut off",
                   (unsigned)counters.packets_sent, (unsigned)counters.answered,
                   (unsigned)counters.abandoned);
    }
}

/* One request, which the host has not answered yet. */
static void prepare_asked(unsigned design)
{
    const struct vmb_endpoint_rings to_host = {rings[0], rings[2], VMB_PAGE_BYTES, VMB_PAGE_BYTES};
    const struct vmb_endpoint_rings to_guest = {rings[2], rings[0], VMB_PAGE_BYTES, VMB_PAGE_BYTES};
    const struct vmb_traffic_guest_options options = {.struct_bytes = sizeof(options),
                                                      .buffer = buffers[0],
                                                      .buffer_bytes = sizeof(buffers[0]),
                                                      .packet_limit = 1};

    (void)design;
    memset(rings, 0, sizeof(rings));
    if (vmb_endpoint_init(&ends[0], &to_host, ring_doorbell, NULL) != VMB_OK ||
        vmb_endpoint_init(&ends[1], &to_guest, ring_doorbell, NULL) != VMB_OK ||
        vmb_traffic_guest_init(&guest, &options) != VMB_OK ||
        vmb_traffic_host_init(&host, buffers[1], sizeof(buffers[1]), NULL, NULL) != VMB_OK) {
        xpl_fail("no traffic");
    }
    vmb_traffic_host_driver()->opened(&host, &ends[1]);
    vmb_traffic_guest_driver()->opened(&guest, &ends[0]);
    xpl_keep_watched(rings, sizeof(rings));
    xpl_keep_watched(buffers, sizeof(buffers));
    xpl_keep_watched(ends, sizeof(ends));
    xpl_keep_watched(&guest, sizeof(guest));
    xpl_name(&guest.expected, "packets that must still come");
}

static void prepare(unsigned design)
{
    prepare_asked(design);
    vmb_traffic_host_driver()->on_event(&host);
}

static void check(void)
{
    xpl_expect(vmb_traffic_guest_expected(&guest) == 0, "all has come, and more is expected");
}

const struct xpl_scenario scenario_traffic_expected = {
    .name = "traffic-expected",
    .shows = "who sees that nothing is expected any more sees it counted",
    .rules = "",
    .threads = {{.name = "runner", .run = runner}, {.name = "anybody", .run = watcher}},
    .prepare = prepare,
    .check = check,
};

const struct xpl_scenario scenario_traffic_abandoned = {
    .name = "traffic-abandoned",
    .shows = "the same of what a close cuts off",
    .rules = "",
    .threads = {{.name = "control plane", .run = control}, {.name = "anybody", .run = watcher}},
    .prepare = prepare_asked,
    .check = check,
};
