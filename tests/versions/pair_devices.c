/* SPDX-License-Identifier: MIT */
/* The devices of a pair, what both ends tell, and the requests that tests make. See pair.h. */
#include "pair_devices.h"

#define PAIR_LONG_NS 10000000000u /* Longer than every time-out. */

static uint32_t device_payload(const struct pair_device *device)
{
    return device->payload_bytes != 0 ? device->payload_bytes : (uint32_t)sizeof(uint64_t);
}

/* ---- The host's end: echo ---------------------------------------------------------------------
 */

static void echo_opened(void *context, struct vmb_endpoint *endpoint)
{
    struct pair_device *device = context;

    device->host_endpoint = endpoint;
    device->host_opened++;
}

static void echo_event(void *context)
{
    static uint8_t payload[PAIR_PAYLOAD];
    struct pair_device *device = context;
    struct vmb_packet packet;
    uint32_t bytes = device_payload(device);

    /* Room for the answer first: one that cannot be sent is not read. */
    while (vmb_endpoint_wait_space(device->host_endpoint, bytes) == VMB_OK &&
           vmb_endpoint_receive(device->host_endpoint, payload, sizeof(payload), &packet) ==
               VMB_OK) {
        if (vmb_endpoint_send(device->host_endpoint, payload, bytes, 0, false) != VMB_OK) {
            device->corrupt = true;
        }
        device->echoed++;
    }
    vmb_endpoint_release(device->host_endpoint);
}

static void echo_closed(void *context, vmb_status reason)
{
    struct pair_device *device = context;

    (void)reason;
    device->host_endpoint = NULL;
    device->host_closed++;
}

static vmb_status echo_open(void *context, struct vmb_host_channel *channel,
                            const struct vmb_host_open *request)
{
    (void)channel;
    (void)request;
    return ((struct pair_device *)context)->open_answer;
}

static vmb_status echo_close(void *context, struct vmb_host_channel *channel)
{
    (void)channel;
    return ((struct pair_device *)context)->close_answer;
}

/* What it has read it has answered: there is nothing to keep. */
static vmb_status echo_save(void *context, struct vmb_host_channel *channel, bool open,
                            void *buffer, size_t buffer_bytes, size_t *out_bytes)
{
    (void)context;
    (void)channel;
    (void)open;
    (void)buffer;
    (void)buffer_bytes;
    *out_bytes = 0;
    return VMB_OK;
}

static vmb_status echo_restore(void *context, struct vmb_host_channel *channel,
                               struct vmb_endpoint *endpoint, const void *bytes, size_t byte_count)
{
    struct pair_device *device = context;

    (void)channel;
    (void)bytes;
    device->host_endpoint = endpoint;
    return byte_count == 0 ? VMB_OK : VMB_ERR_MALFORMED;
}

static void echo_released(void *context)
{
    struct pair_device *device = context;

    device->released++;
    device->host_channel = NULL;
}

void pair_offer(struct pair *pair, uint32_t number, uint16_t index, uint16_t flags)
{
    static const struct vmb_driver driver = {.name = "echo",
                                             .class_id = {{0xEC, 0x40}},
                                             .opened = echo_opened,
                                             .on_event = echo_event,
                                             .closed = echo_closed};
    static const struct vmb_host_hooks hooks = {.struct_bytes = sizeof(hooks),
                                                .open = echo_open,
                                                .close = echo_close,
                                                .save = echo_save,
                                                .restore = echo_restore,
                                                .released = echo_released};
    struct pair_device *device = &pair->devices[number];
    struct vmb_host_offer_options options = {.struct_bytes = sizeof(options)};

    device->index = index;
    device->flags = flags;
    options.driver = &driver;
    options.hooks = &hooks;
    options.device = device;
    options.subchannel_index = index;
    options.flags = flags;
    options.monitored = device->monitored;
    /* Sub-channels are those of device 0. */
    options.instance_id.bytes[0] = index == 0 ? device->instance : pair->devices[0].instance;
    assert_int_equal(vmb_host_offer(pair->host, &options, &device->host_channel), VMB_OK);
}

void pair_revoke(struct pair *pair, uint32_t number)
{
    assert_int_equal(vmb_host_revoke(pair->devices[number].host_channel), VMB_OK);
}

void pair_offer_again(struct pair *pair)
{
    uint32_t i;

    for (i = 0; i < PAIR_DEVICES; i++) {
        struct pair_device *device = &pair->devices[i];

        device->host_endpoint = NULL;
        if (device->host_channel != NULL) {
            pair_offer(pair, i, device->index, device->flags);
        }
    }
    if (pair->own_moved != NULL) {
        pair->own_moved(pair);
    }
}

/* ---- The guest's end: count -------------------------------------------------------------------
 */

static void count_send(struct pair_device *device)
{
    static uint8_t payload[PAIR_PAYLOAD];
    uint32_t bytes = device_payload(device);

    while (device->endpoint != NULL && device->sent < device->wanted &&
           device->sent - device->received < PAIR_WINDOW) {
        memset(payload, (int)(device->sent & 0xFF), bytes);
        memcpy(payload, &device->sent, sizeof(device->sent));
        if (vmb_endpoint_send(device->endpoint, payload, bytes, 0, false) == VMB_OK) {
            device->sent++;
        } else if (vmb_endpoint_wait_space(device->endpoint, bytes) != VMB_OK) {
            return; /* An event follows. */
        }
    }
}

static void count_opened(void *context, struct vmb_endpoint *endpoint)
{
    struct pair_device *device = context;

    device->endpoint = endpoint;
    device->opened++;
    device->sent = device->received = device->wanted = 0;
}

static void count_event(void *context)
{
    static uint8_t payload[PAIR_PAYLOAD];
    struct pair_device *device = context;
    uint32_t bytes = device_payload(device);
    struct vmb_packet packet;
    uint64_t word;

    while (vmb_endpoint_receive(device->endpoint, payload, sizeof(payload), &packet) == VMB_OK) {
        memcpy(&word, payload, sizeof(word));
        if (word != device->received || packet.payload_bytes < bytes ||
            (bytes > sizeof(word) && payload[bytes - 1] != (uint8_t)device->received)) {
            device->corrupt = true;
        }
        device->received++;
    }
    vmb_endpoint_release(device->endpoint);
    count_send(device);
}

static void count_closed(void *context, vmb_status reason)
{
    struct pair_device *device = context;

    device->endpoint = NULL;
    device->closed++;
    device->closed_reason = reason;
}

static const struct vmb_driver count_drivers[] = {
    {.name = "deferred",
     .notify = VMB_NOTIFY_DEFERRED,
     .opened = count_opened,
     .on_event = count_event,
     .closed = count_closed},
    {.name = "direct",
     .notify = VMB_NOTIFY_DIRECT,
     .opened = count_opened,
     .on_event = count_event,
     .closed = count_closed},
};

void pair_send(struct pair *pair, uint32_t number, uint64_t count)
{
    struct pair_device *device = &pair->devices[number];

    device->wanted += count;
    count_send(device);
}

vmb_status pair_drained(struct pair *pair, uint32_t number)
{
    struct pair_device *device = &pair->devices[number];

    pair_pump(pair);
    if (device->received < device->wanted) {
        pair_pass(pair, 50000000u); /* Monitored channels are looked at by the clock. */
    }
    return device->received == device->wanted && !device->corrupt ? VMB_OK : VMB_ERR_TIMEOUT;
}

/* ---- What the guest tells ---------------------------------------------------------------------
 */

static struct pair_device *device_of(struct pair *pair, const struct vmb_channel *channel)
{
    const struct vmb_msg_offer *offer = vmb_channel_offer(channel);
    uint32_t i;

    for (i = 0; i < PAIR_DEVICES; i++) {
        struct pair_device *device = &pair->devices[i];
        uint8_t instance = device->index == 0 ? device->instance : pair->devices[0].instance;

        if (offer->interface_guid.bytes[0] == 0xEC && offer->subchannel_index == device->index &&
            offer->instance_guid.bytes[0] == instance) {
            return device;
        }
    }
    return NULL;
}

static void told_connected(void *context, vmb_status status)
{
    struct pair *pair = context;

    pair->connected++;
    pair->connected_status = status;
}

static void told_offered(void *context, struct vmb_channel *channel)
{
    struct pair *pair = context;
    struct pair_device *device = device_of(pair, channel);

    pair->offered++;
    if (device != NULL) {
        device->channel = channel;
        return;
    }
    pair->stranger = channel;
    if (pair->own_offered != NULL) {
        pair->own_offered(pair, channel);
    }
}

static void told_delivered(void *context)
{
    ((struct pair *)context)->delivered++;
}

static void told_rescinded(void *context, struct vmb_channel *channel)
{
    struct pair *pair = context;
    struct pair_device *device = device_of(pair, channel);

    if (device != NULL) {
        device->rescinded++;
        device->channel = NULL;
    } else if (pair->own_rescinded != NULL) {
        pair->own_rescinded(pair, channel);
    }
    if (!pair->keep_rescinded && vmb_channel_let_go(channel) != VMB_OK) {
        pair->kept++;
    }
}

static void told_suspended(void *context, vmb_status status)
{
    struct pair *pair = context;

    pair->suspended++;
    pair->suspended_status = status;
}

static void told_resumed(void *context, struct vmb_channel *channel)
{
    struct pair *pair = context;
    struct pair_device *device = device_of(pair, channel);

    pair->resumed++;
    if (device != NULL) {
        device->resumed++;
        device->channel = channel;
    }
}

static void told_unloaded(void *context, vmb_status status)
{
    struct pair *pair = context;
    uint32_t i;

    pair->unloaded++;
    pair->unloaded_status = status;
    for (i = 0; i < PAIR_DEVICES; i++) {
        pair->devices[i].channel = NULL;
    }
}

void pair_guest_events(struct vmb_guest_events *events)
{
    events->connected = told_connected;
    events->offered = told_offered;
    events->offers_delivered = told_delivered;
    events->rescinded = told_rescinded;
    events->suspended = told_suspended;
    events->resumed = told_resumed;
    events->unloaded = told_unloaded;
}

static void told_host_connected(void *context, uint32_t version, uint32_t features)
{
    (void)version;
    (void)features;
    ((struct pair *)context)->host_connected++;
}

static void told_host_disconnected(void *context, enum vmb_host_disconnect reason)
{
    (void)reason;
    ((struct pair *)context)->host_disconnected++;
}

static vmb_status told_tl_connect(void *context, const struct vmb_msg_tl_connect_request *request)
{
    struct pair *pair = context;

    pair->tl_count++;
    pair->tl_request = *request;
    return pair->tl_answer;
}

void pair_host_events(struct vmb_host_events *events)
{
    events->connected = told_host_connected;
    events->disconnected = told_host_disconnected;
    events->tl_connect = told_tl_connect;
}

/* ---- Requests ---------------------------------------------------------------------------------
 */

void pair_told(void *context, vmb_status status)
{
    *(vmb_status *)context = status;
}

void pair_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    struct pair_device *device = context;

    (void)channel;
    device->done_count++;
    device->done_status = status;
}

vmb_status pair_connect(struct pair *pair)
{
    uint32_t before = pair->connected;
    vmb_status status = vmb_guest_connect(pair->guest);

    if (status != VMB_OK) {
        return status;
    }
    pair_pump(pair);
    if (pair->connected == before) {
        pair_pass(pair, PAIR_LONG_NS);
    }
    return pair->connected > before ? pair->connected_status : VMB_ERR_TIMEOUT;
}

vmb_status pair_open_begin(struct pair *pair, uint32_t number, uint32_t vp, bool monitored)
{
    struct pair_device *device = &pair->devices[number];
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};

    if (device->channel == NULL) {
        return VMB_ERR_GONE;
    }
    options.driver = &count_drivers[number % 2];
    options.device = device;
    options.tx_pages = options.rx_pages =
        pair->ring_pages != 0 ? pair->ring_pages : PAIR_RING_PAGES;
    options.target_vp = vp;
    options.monitored = monitored;
    options.done = pair_done;
    options.done_context = device;
    device->done_count = 0;
    return vmb_channel_open(device->channel, &options);
}

/* A request has begun: see it to its end. */
static vmb_status request_end(struct pair *pair, uint32_t number, vmb_status begun)
{
    struct pair_device *device = &pair->devices[number];

    if (begun != VMB_OK) {
        return begun;
    }
    pair_pump(pair);
    if (device->done_count == 0) {
        pair_pass(pair, PAIR_LONG_NS);
    }
    if (device->done_count != 1) {
        fail_msg("a request ended %u times", device->done_count);
    }
    return device->done_status;
}

vmb_status pair_open(struct pair *pair, uint32_t number, uint32_t vp, bool monitored)
{
    return request_end(pair, number, pair_open_begin(pair, number, vp, monitored));
}

vmb_status pair_close(struct pair *pair, uint32_t number)
{
    struct pair_device *device = &pair->devices[number];

    device->done_count = 0;
    return request_end(pair, number, vmb_channel_close(device->channel, pair_done, device));
}

vmb_status pair_retarget(struct pair *pair, uint32_t number, uint32_t vp)
{
    struct pair_device *device = &pair->devices[number];

    device->done_count = 0;
    return request_end(pair, number,
                       vmb_channel_set_target_vp(device->channel, vp, pair_done, device));
}

static void vp_told(void *context, uint32_t vp, vmb_status status)
{
    (void)vp;
    *(vmb_status *)context = status;
}

vmb_status pair_vp_off(struct pair *pair, uint32_t vp)
{
    vmb_status ended = VMB_ERR_RETRY;
    vmb_status status = vmb_guest_vp_stop(pair->guest, vp, vp_told, &ended);

    if (status != VMB_OK) {
        return status;
    }
    pair_pump(pair);
    if (ended == VMB_ERR_RETRY) {
        pair_pass(pair, PAIR_LONG_NS);
    }
    if (ended == VMB_OK) {
        pair->off[vp] = true;
        pair->interrupt[vp] = false;
        assert_int_equal(vmb_guest_vp_stopped(pair->guest, vp), VMB_OK);
    }
    return ended;
}

vmb_status pair_unload(struct pair *pair)
{
    uint32_t before = pair->unloaded;
    vmb_status status = vmb_guest_unload(pair->guest);

    if (status != VMB_OK) {
        return status;
    }
    pair_pump(pair);
    if (pair->unloaded == before) {
        pair_pass(pair, PAIR_LONG_NS);
    }
    return pair->unloaded > before ? pair->unloaded_status : VMB_ERR_TIMEOUT;
}
