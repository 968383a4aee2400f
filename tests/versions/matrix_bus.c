/* SPDX-License-Identifier: MIT */
/* The version matrix: the bus as a whole, and what 6.0 adds to it. */
#include "matrix.h"

#include <vmbus/proto/pages.h>

enum {
    MANY = 300 /* Packets. */
};

vmb_status matrix_connected(struct pair *pair)
{
    MATRIX_HOLDS(pair_connect(pair) == VMB_OK);
    MATRIX_HOLDS(pair->delivered == 1);
    MATRIX_HOLDS(pair->devices[0].channel != NULL && pair->devices[2].channel != NULL);
    return VMB_OK;
}

vmb_status matrix_opened(struct pair *pair, uint32_t count, uint32_t vp)
{
    uint32_t i;

    MATRIX_HOLDS(matrix_connected(pair) == VMB_OK);
    for (i = 0; i < count; i++) {
        MATRIX_HOLDS(pair_open(pair, i, vp, false) == VMB_OK);
    }
    return VMB_OK;
}

bool matrix_talks(struct pair *pair, uint32_t number)
{
    pair_send(pair, number, MANY);
    return pair_drained(pair, number) == VMB_OK;
}

static vmb_status bus_connects(struct pair *pair, const struct matrix_column *column)
{
    MATRIX_HOLDS(matrix_connected(pair) == VMB_OK);
    MATRIX_HOLDS(vmb_guest_version(pair->guest) == column->version);
    MATRIX_HOLDS(vmb_host_version(pair->host) == column->version);
    MATRIX_HOLDS(vmb_guest_features(pair->guest) == column->features);
    MATRIX_HOLDS(vmb_host_features(pair->host) == column->features);
    MATRIX_HOLDS(pair->offered == 3);
    return VMB_OK;
}

static vmb_status bus_guest_limited(struct pair *pair, const struct matrix_column *column)
{
    struct vmb_guest_options options = pair->guest_options;

    options.max_version = column->version;
    pair_reboot(pair, &options);
    pair->passed[PAIR_TO_HOST][VMB_MSG_INITIATE_CONTACT] = 0;
    MATRIX_HOLDS(bus_connects(pair, column) == VMB_OK);
    MATRIX_HOLDS(pair->passed[PAIR_TO_HOST][VMB_MSG_INITIATE_CONTACT] == 1);
    return VMB_OK;
}

static vmb_status bus_none_in_common(struct pair *pair, const struct matrix_column *column)
{
    struct vmb_guest_options options = pair->guest_options;

    if (column->version == VMB_VERSION_NEWEST) {
        return MATRIX_ABSENT; /* Nothing is newer than this host. */
    }
    options.min_version = VMB_VERSION_NEWEST;
    pair_reboot(pair, &options);
    MATRIX_HOLDS(pair_connect(pair) == VMB_ERR_VERSION);
    MATRIX_HOLDS(pair->host_connected == 0);
    return VMB_OK;
}

static vmb_status bus_slot_and_buffers_short(struct pair *pair, const struct matrix_column *column)
{
    (void)column;
    pair->post_busy = 10;
    MATRIX_HOLDS(matrix_opened(pair, 3, 1) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 1));
    MATRIX_HOLDS(pair_close(pair, 1) == VMB_OK);
    MATRIX_HOLDS(pair_unload(pair) == VMB_OK || column->version < VMB_VERSION_1_1);
    return VMB_OK;
}

static uint32_t bus_dropped; /* The message that never arrives. */

static bool bus_drops(struct pair *pair, enum pair_way way, uint32_t number)
{
    (void)pair;
    (void)way;
    return number != bus_dropped;
}

static vmb_status bus_silent_host(struct pair *pair, const struct matrix_column *column)
{
    (void)column;
    bus_dropped = VMB_MSG_VERSION_RESPONSE;
    pair->passes = bus_drops;
    MATRIX_HOLDS(pair_connect(pair) == VMB_ERR_TIMEOUT);
    pair->passes = NULL;
    MATRIX_HOLDS(matrix_opened(pair, 1, 1) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 0));
    return VMB_OK;
}

/* How long until the host looks at the monitors again. */
static uint64_t bus_next_look(struct pair *pair)
{
    pair_pump(pair);
    return vmb_host_next_deadline_ns(pair->host) - pair->now_ns;
}

static vmb_status bus_monitored(struct pair *pair, const struct matrix_column *column)
{
    struct pair_device *device = &pair->devices[1];
    uint32_t latency_ns, signals;

    MATRIX_HOLDS(matrix_connected(pair) == VMB_OK);
    MATRIX_HOLDS(vmb_channel_latency(pair->devices[2].channel, &latency_ns) ==
                 VMB_ERR_UNSUPPORTED); /* It has no monitor. */
    MATRIX_HOLDS(pair_open(pair, 1, 0, true) == VMB_OK);
    signals = pair->signals[0] + pair->signals[1];
    MATRIX_HOLDS(matrix_talks(pair, 1));
    if ((column->features & VMB_FEATURE_CONFIDENTIAL) != 0) {
        MATRIX_HOLDS(pair->signals[1] > 0); /* Private: by calls, as other channels. */
        return VMB_OK;
    }
    MATRIX_HOLDS(pair->signals[0] == signals);
    /* The host's hint to us, then ours to it: lazier it may get, not more eager. */
    MATRIX_HOLDS(vmb_channel_latency(device->channel, &latency_ns) == VMB_OK);
    MATRIX_HOLDS(latency_ns == pair->host_options.monitor_interval_ns);
    MATRIX_HOLDS(vmb_channel_set_latency(device->channel, 7000000) == VMB_ERR_INVALID_ARGUMENT);
    MATRIX_HOLDS(vmb_channel_set_latency(device->channel, 3000000) == VMB_OK);
    MATRIX_HOLDS(bus_next_look(pair) == 3000000);
    MATRIX_HOLDS(matrix_talks(pair, 1));
    MATRIX_HOLDS(vmb_channel_set_latency(device->channel, 100) == VMB_OK);
    MATRIX_HOLDS(bus_next_look(pair) == pair->host_options.monitor_interval_ns);
    MATRIX_HOLDS(matrix_talks(pair, 1));
    return VMB_OK;
}

/* Where the host looks: the third page of the contact's, or its own. */
static uint8_t *bus_monitor_page(struct pair *pair, const struct matrix_column *column)
{
    size_t page = (column->features & VMB_FEATURE_HOST_MONITOR_PAGES) != 0 ? PAIR_HOST_PAGE : 2;

    return pair->pages + page * VMB_PAGE_BYTES;
}

static vmb_status bus_monitor_garbage(struct pair *pair, const struct matrix_column *column)
{
    uint32_t round;

    MATRIX_HOLDS(matrix_connected(pair) == VMB_OK);
    MATRIX_HOLDS(pair_open(pair, 1, 0, true) == VMB_OK);
    MATRIX_HOLDS(pair_open(pair, 2, 0, false) == VMB_OK);
    for (round = 0; round < 4; round++) {
        /* Every trigger, every latency, every connection id: all of them, then none. */
        memset(bus_monitor_page(pair, column), round % 2 == 0 ? 0xFF : 0, VMB_PAGE_BYTES);
        MATRIX_HOLDS(matrix_talks(pair, 1));
        MATRIX_HOLDS(matrix_talks(pair, 2));
    }
    return VMB_OK;
}

static vmb_status bus_moves_monitors(struct pair *pair, const struct matrix_column *column)
{
    vmb_status ended = VMB_ERR_RETRY;
    vmb_status status;

    MATRIX_HOLDS(matrix_connected(pair) == VMB_OK);
    status = vmb_guest_move_monitors(pair->guest, pair_told, &ended);
    if (status == VMB_OK) {
        pair_pump(pair);
        MATRIX_HOLDS(ended == VMB_OK);
        status = VMB_OK;
    }
    MATRIX_HOLDS(status == VMB_OK || (column->features & VMB_FEATURE_MODIFY_CONNECTION) == 0 ||
                 (column->features & VMB_FEATURE_HOST_MONITOR_PAGES) != 0);
    MATRIX_HOLDS(pair_open(pair, 1, 0, true) == VMB_OK);
    MATRIX_HOLDS(matrix_talks(pair, 1));
    return status;
}

static vmb_status bus_pauses(struct pair *pair, const struct matrix_column *column)
{
    vmb_status ended = VMB_ERR_RETRY;
    vmb_status status;

    MATRIX_HOLDS(matrix_opened(pair, 1, 1) == VMB_OK);
    status = vmb_guest_pause(pair->guest, pair_told, &ended);
    if (status != VMB_OK) {
        MATRIX_HOLDS((column->features & VMB_FEATURE_PAUSE_RESUME) == 0);
        MATRIX_HOLDS(matrix_talks(pair, 0));
        return status;
    }
    pair_pump(pair);
    MATRIX_HOLDS(ended == VMB_OK);
    pair_offer(pair, 3, 0, 0);
    pair_pump(pair);
    MATRIX_HOLDS(pair->devices[3].channel == NULL);
    MATRIX_HOLDS(matrix_talks(pair, 0)); /* Rings go on. */
    MATRIX_HOLDS(vmb_guest_continue(pair->guest) == VMB_OK);
    pair_pump(pair);
    MATRIX_HOLDS(pair->devices[3].channel != NULL);
    return VMB_OK;
}

/* ---- hv_sock ----------------------------------------------------------------------------------
 */

struct tl_end {
    uint32_t count;
    vmb_status status;
    struct vmb_channel *channel;
};

static void tl_done(void *context, struct vmb_tl_connect *connect, struct vmb_channel *channel,
                    vmb_status status)
{
    struct tl_end *end = context;

    (void)connect;
    end->count++;
    end->status = status;
    end->channel = channel;
}

static void tl_opened(void *device, struct vmb_endpoint *endpoint)
{
    (void)device;
    (void)endpoint;
}

static void tl_event(void *device)
{
    (void)device;
}

static void tl_closed(void *device, vmb_status reason)
{
    (void)device;
    (void)reason;
}

static void tl_offer(struct pair *pair)
{
    static const struct vmb_driver driver = {
        .name = "socket", .opened = tl_opened, .on_event = tl_event, .closed = tl_closed};
    struct vmb_host_offer_options options = {.struct_bytes = sizeof(options)};

    options.driver = &driver;
    options.class_id = pair->tl_request.service_guid;
    options.instance_id = pair->tl_request.endpoint_guid;
    options.flags = VMB_OFFER_HVSOCK;
    assert_int_equal(vmb_host_offer(pair->host, &options, NULL), VMB_OK);
}

static vmb_status bus_tl_connect(struct pair *pair, const struct matrix_column *column)
{
    struct vmb_tl_connect connect = {.endpoint = {{1, 2}}, .service = {{3, 4}}, .silo = {{5}}};
    struct tl_end end = {0};
    vmb_status status;

    MATRIX_HOLDS(matrix_connected(pair) == VMB_OK);
    pair->tl_answer = VMB_ERR_BUSY; /* The offer follows. */
    status = vmb_guest_tl_connect(pair->guest, &connect, tl_done, &end);
    if (status != VMB_OK) {
        return status;
    }
    pair_pump(pair);
    MATRIX_HOLDS(pair->tl_count == 1 && end.count == 0);
    MATRIX_HOLDS(pair->tl_request.silo_guid.bytes[0] ==
                 (column->version >= VMB_VERSION_5_2 ? 5 : 0));
    tl_offer(pair);
    pair_pump(pair);
    MATRIX_HOLDS(end.count == 1 && end.status == VMB_OK && end.channel != NULL);
    return VMB_OK;
}

static vmb_status bus_tl_refused(struct pair *pair, const struct matrix_column *column)
{
    struct vmb_tl_connect connect = {.endpoint = {{1, 2}}, .service = {{3, 4}}};
    struct tl_end end = {0};
    vmb_status status;

    MATRIX_HOLDS(matrix_connected(pair) == VMB_OK);
    pair->tl_answer = VMB_ERR_REFUSED;
    status = vmb_guest_tl_connect(pair->guest, &connect, tl_done, &end);
    if (status != VMB_OK) {
        return status;
    }
    pair_pass(pair, 5000000000u);
    MATRIX_HOLDS(end.count == 1 && end.channel == NULL);
    /* 4.0 has no word for it: the guest gives up by the clock. */
    MATRIX_HOLDS(end.status ==
                 (column->version >= VMB_VERSION_4_1 ? VMB_ERR_REFUSED : VMB_ERR_TIMEOUT));
    return VMB_OK;
}

const struct matrix_scenario matrix_bus[] = {
    {"connect: asked for newer first", bus_connects},
    {"connect: the guest knows no newer", bus_guest_limited},
    {"connect: no version in common", bus_none_in_common},
    {"connect: no answer, then one", bus_silent_host},
    {"nine posts of ten find no buffer", bus_slot_and_buffers_short},
    {"monitored signals, latency hints", bus_monitored},
    {"monitor page full of garbage", bus_monitor_garbage},
    {"move the monitor pages", bus_moves_monitors},
    {"pause and go on", bus_pauses},
    {"hv_sock: connected", bus_tl_connect},
    {"hv_sock: refused", bus_tl_refused},
};
const uint32_t matrix_bus_count = sizeof(matrix_bus) / sizeof(matrix_bus[0]);
