/* SPDX-License-Identifier: MIT */
/*
 * What surrounds a guest while it is fuzzed: its platform, what its bus tells, and a driver that
 * knows when it may be called. For fuzz_guest.c alone.
 */
#ifndef VMB_FUZZ_GUEST_BENCH_H
#define VMB_FUZZ_GUEST_BENCH_H

#include "session.h"

#include <vmbus/guest.h>
#include <vmbus/hv.h>
#include <vmbus/tl_connect.h>

enum {
    VPS = 3,
    CHANNELS = 6,
    POSTED = 16,
    GPADLS = 3,
    TLS = 2,
    DEVICES = 8,
    FIRST_GPN = 0x100
};

struct device {
    struct vmb_channel *channel;
    struct vmb_endpoint *endpoint; /* While it is open. */
    bool running;
    bool polling; /* Its events come no more until it asks for them. */
};

struct gpadl {
    struct vmb_gpadl gpadl;
    struct vmb_gpadl_range range;
    bool busy; /* The library's: created, or being so. */
};

/* All that a session changes. */
struct session {
    struct device devices[DEVICES];
    struct gpadl gpadls[GPADLS];
    struct vmb_tl_connect tls[TLS];
    bool tl_busy[TLS];
    struct requests requests;
    uint8_t posted[POSTED][VMB_MESSAGE_MAX_BYTES];
    uint32_t posted_count;
    uint32_t post_fails; /* The next so many posts get post_error. */
    vmb_status post_error;
    uint32_t shares_fail;
    uint64_t now_ns;
    uint32_t depth; /* Of callbacks. */
};

static struct vmb_guest *guest;
static uint8_t *message_pages, *event_pages;
static struct blocks blocks;
static struct session session;
static struct feed feed;
static uint8_t offer_form[VMB_MESSAGE_MAX_BYTES];

static void user_acts(void);

/* Somebody called back does something at once, sometimes. */
static void act_inside(void)
{
    if (session.depth < 2 && feed.left > 0 && feed_below(&feed, 4) == 3) {
        session.depth++;
        user_acts();
        session.depth--;
    }
}

/* ---- The platform -----------------------------------------------------------------------------
 */

static vmb_status platform_post(void *context, uint32_t connection, const void *bytes,
                                uint32_t byte_count)
{
    uint8_t *kept = session.posted[session.posted_count % POSTED];
    uint32_t version = vmb_guest_version(guest);
    struct vmb_message message;

    (void)context;
    FUZZ_CHECK(byte_count <= VMB_MESSAGE_MAX_BYTES);
    if (session.post_fails > 0) {
        session.post_fails--;
        return session.post_error;
    }
    FUZZ_CHECK(vmb_message_decode(bytes, byte_count, VMB_GUEST_TO_HOST, version,
                                  vmb_guest_features(guest), &message) == VMB_OK);
    FUZZ_CHECK(connection != 0 || version >= VMB_VERSION_5_0);
    memset(kept, 0, VMB_MESSAGE_MAX_BYTES);
    memcpy(kept, bytes, byte_count);
    session.posted_count++;
    fuzz_count.messages++;
    return VMB_OK;
}

static void platform_signal(void *context, uint32_t connection, uint16_t flag)
{
    (void)context;
    (void)connection;
    FUZZ_CHECK(flag == 0);
}

static vmb_status platform_share(void *context, uint32_t page_count, struct vmb_pages *out_pages)
{
    uint32_t index;

    (void)context;
    if (session.shares_fail > 0) {
        session.shares_fail--;
        return VMB_ERR_NO_MEMORY;
    }
    index = blocks_give(&blocks, page_count);
    if (index == BLOCKS) {
        return VMB_ERR_NO_MEMORY;
    }
    out_pages->base = block_at(&blocks, index);
    out_pages->first_gpn = FIRST_GPN + index * BLOCK_PAGES;
    out_pages->page_count = page_count;
    memset(out_pages->base, 0, (size_t)page_count * VMB_PAGE_BYTES);
    return VMB_OK;
}

static void platform_unshare(void *context, const struct vmb_pages *pages)
{
    (void)context;
    blocks_take(&blocks, (uint32_t)(pages->first_gpn - FIRST_GPN) / BLOCK_PAGES);
}

static uint64_t platform_now(void *context)
{
    (void)context;
    return session.now_ns;
}

static void platform_eom(void *context, uint32_t vp)
{
    (void)context;
    FUZZ_CHECK(vp < VPS);
}

static void platform_log(void *context, enum vmb_log_level level, const char *text)
{
    (void)context;
    (void)level;
    FUZZ_CHECK(strlen(text) < VMB_LOG_MAX_BYTES);
}

/* ---- What the bus tells -----------------------------------------------------------------------
 */

static void bus_status(void *context, vmb_status status)
{
    (void)context;
    (void)status;
    act_inside();
}

static void bus_offered(void *context, struct vmb_channel *channel)
{
    (void)context;
    FUZZ_CHECK(vmb_channel_relid(channel) < VMB_RELID_COUNT);
    FUZZ_CHECK(vmb_guest_relid2channel(guest, vmb_channel_relid(channel)) == channel);
    act_inside();
}

static void bus_delivered(void *context)
{
    (void)context;
    act_inside();
}

static void bus_rescinded(void *context, struct vmb_channel *channel)
{
    (void)context;
    if (feed_below(&feed, 2) == 0) {
        (void)vmb_channel_let_go(channel);
    } else {
        act_inside();
    }
}

static void bus_resumed(void *context, struct vmb_channel *channel)
{
    bus_offered(context, channel);
}

static const struct vmb_guest_platform platform = {
    .struct_bytes = sizeof(platform),
    .post_message = platform_post,
    .signal_event = platform_signal,
    .share_pages = platform_share,
    .unshare_pages = platform_unshare,
    .now_ns = platform_now,
    .end_of_message = platform_eom,
    .log = platform_log,
};

static const struct vmb_guest_events events = {
    .struct_bytes = sizeof(events),
    .connected = bus_status,
    .offered = bus_offered,
    .offers_delivered = bus_delivered,
    .rescinded = bus_rescinded,
    .suspended = bus_status,
    .resumed = bus_resumed,
    .unloaded = bus_status,
};

/* ---- A driver that knows when it may be called ------------------------------------------------
 */

static void device_opened(void *context, struct vmb_endpoint *endpoint)
{
    struct device *device = context;

    FUZZ_CHECK(device->endpoint == NULL && endpoint != NULL);
    device->endpoint = endpoint;
    act_inside();
}

static void device_event(void *context)
{
    static uint8_t buffer[512];
    struct device *device = context;
    struct vmb_packet packet;
    uint32_t turn;

    FUZZ_CHECK(device->endpoint != NULL && !device->running);
    device->running = true;
    for (turn = 0; turn < 4; turn++) {
        vmb_status status = vmb_endpoint_receive(device->endpoint, buffer, sizeof(buffer), &packet);

        if (status == VMB_ERR_TOO_SMALL) {
            vmb_endpoint_skip(device->endpoint, &packet);
        } else if (status != VMB_OK) {
            break;
        }
    }
    if (vmb_endpoint_send(device->endpoint, buffer, 64u, 1, false) == VMB_ERR_RING_FULL) {
        (void)vmb_endpoint_wait_space(device->endpoint, 256);
    }
    device->running = false;
}

static void device_poll_me(void *context)
{
    struct device *device = context;

    FUZZ_CHECK(!device->polling);
    device_event(device);
    device->polling = true;
}

static void device_polls(struct device *device)
{
    if (device->polling) {
        device_event(device);
        device->polling = vmb_channel_rearm(device->channel);
    }
}

static void device_closed(void *context, vmb_status reason)
{
    struct device *device = context;

    (void)reason;
    FUZZ_CHECK(device->endpoint != NULL && !device->running && !device->polling);
    device->endpoint = NULL;
    act_inside();
}

static const struct vmb_driver drivers[] = {
    {.notify = VMB_NOTIFY_DEFERRED,
     .opened = device_opened,
     .on_event = device_event,
     .closed = device_closed},
    {.notify = VMB_NOTIFY_DIRECT,
     .opened = device_opened,
     .on_event = device_event,
     .closed = device_closed},
    {.notify = VMB_NOTIFY_POLLED,
     .opened = device_opened,
     .on_event = device_poll_me,
     .closed = device_closed},
};

#endif /* VMB_FUZZ_GUEST_BENCH_H */
