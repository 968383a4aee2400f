/* SPDX-License-Identifier: MIT */
/*
 * What surrounds a host while it is fuzzed: guest memory that is poisoned where the host has not
 * mapped it, its platform, and devices that know when they may be called. For fuzz_host.c and
 * fuzz_restore.c.
 */
#ifndef VMB_FUZZ_HOST_BENCH_H
#define VMB_FUZZ_HOST_BENCH_H

#include "session.h"

#include <vmbus/host.h>

enum {
    PAGES = 64, /* Guest memory, a bit of touched_pages each; the first is FIRST_GPN. */
    FIRST_GPN = 0x100,
    DEVICES = 4,
    VPS = 4,
    HOLDS = 4
};

struct device {
    struct vmb_host_channel *channel; /* While it is on the bus. */
    struct vmb_endpoint *endpoint;    /* While it is open. */
    struct vmb_host_gpadl *holds[HOLDS];
    uint32_t shape; /* As which it was offered. */
    bool running;
    bool opening; /* Owes an answer. */
    bool closing; /* Likewise. */
};

/* All that a session changes. */
struct session {
    struct device devices[DEVICES];
    uint8_t page_users[PAGES];
    uint32_t posts_fail; /* The next so many posts get post_error. */
    vmb_status post_error;
    bool made_up; /* What is posted may come from a file. */
    uint32_t maps_fail;
    uint32_t mapped;
    uint32_t doorbells;
    uint64_t now_ns;
    uint32_t depth; /* Of callbacks. */
    uint32_t asked_version, asked_features;
};

static struct vmb_host *host;
static uint8_t *guest_memory;
static uint64_t touched_pages; /* Mapped by the host or written by the guest, in this session. */
static struct blocks blocks;
static struct session session;
static struct feed feed;

static void device_acts(void);

static void act_inside(void)
{
    if (session.depth < 2 && feed.left > 0 && feed_below(&feed, 4) == 3) {
        session.depth++;
        device_acts();
        session.depth--;
    }
}

static uint8_t *guest_page(uint64_t gpn)
{
    return guest_memory + (gpn - FIRST_GPN) * VMB_PAGE_BYTES;
}

/* The guest may write its memory whenever it likes, mapped or not. */
FUZZ_UNUSED __attribute__((no_sanitize("address"))) static void guest_writes(uint32_t offset,
                                                                             uint32_t value)
{
    offset &= PAGES * VMB_PAGE_BYTES - 4u;
    touched_pages |= 1ull << offset / VMB_PAGE_BYTES;
    *(volatile uint32_t *)(void *)(guest_memory + offset) = value;
}

static vmb_status platform_post(void *context, uint32_t vp, uint8_t sint, const void *bytes,
                                uint32_t byte_count)
{
    uint32_t version = vmb_host_version(host);
    uint32_t features = vmb_host_features(host);
    struct vmb_message message;

    (void)context;
    (void)vp;
    FUZZ_CHECK(sint < 16u && byte_count <= VMB_MESSAGE_MAX_BYTES);
    fuzz_count.messages++;
    if (session.posts_fail > 0) {
        session.posts_fail--;
        return session.post_error;
    }
    /* To a paravisor's requests the host answers whatever the guest's version is. */
    FUZZ_CHECK(vmb_message_decode(bytes, byte_count, VMB_HOST_TO_GUEST, version, features,
                                  &message) == VMB_OK ||
               message.number == VMB_MSG_CLOSE_RESERVED_RESPONSE || version == VMB_VERSION_NONE ||
               session.made_up);
    return VMB_OK;
}

static void platform_raise(void *context, uint32_t vp, uint8_t sint, uint16_t flag)
{
    (void)context;
    (void)vp;
    FUZZ_CHECK(sint < 16u && flag < VMB_RELID_COUNT);
}

/* Consecutive pages are where they are; others are a block of their own. */
static vmb_status platform_map(void *context, const vmb_gpn *gpns, uint32_t page_count,
                               struct vmb_host_mapping *out_mapping)
{
    bool consecutive = true;
    uint32_t i, index;

    (void)context;
    FUZZ_CHECK(page_count > 0);
    if (session.maps_fail > 0) {
        session.maps_fail--;
        return VMB_ERR_NO_MEMORY;
    }
    for (i = 0; i < page_count; i++) {
        if (gpns[i] < FIRST_GPN || gpns[i] >= FIRST_GPN + PAGES) {
            return VMB_ERR_INVALID_ARGUMENT;
        }
        consecutive = consecutive && gpns[i] == gpns[0] + i;
    }
    if (!consecutive) {
        index = blocks_give(&blocks, page_count);
        if (index == BLOCKS) {
            return VMB_ERR_NO_MEMORY;
        }
        out_mapping->base = block_at(&blocks, index);
        out_mapping->owner = NULL;
        session.mapped += page_count;
        return VMB_OK;
    }
    out_mapping->base = guest_page(gpns[0]);
    out_mapping->owner = guest_page(gpns[0]);
    session.mapped += page_count;
    for (i = 0; i < page_count; i++) {
        session.page_users[gpns[0] - FIRST_GPN + i]++;
        touched_pages |= 1ull << (gpns[0] - FIRST_GPN + i);
    }
    ASAN_UNPOISON_MEMORY_REGION(out_mapping->owner, (size_t)page_count * VMB_PAGE_BYTES);
    return VMB_OK;
}

static void platform_unmap(void *context, const struct vmb_host_mapping *mapping,
                           uint32_t page_count)
{
    uint8_t *base = mapping->owner;
    uint32_t i, index;

    (void)context;
    FUZZ_CHECK(session.mapped >= page_count);
    session.mapped -= page_count;
    if (base == NULL) {
        base = (uint8_t *)mapping->base;
        blocks_take(&blocks,
                    (uint32_t)((size_t)(base - blocks.base) / VMB_PAGE_BYTES) / BLOCK_PAGES);
        return;
    }
    index = (uint32_t)((size_t)(base - guest_memory) / VMB_PAGE_BYTES);
    for (i = 0; i < page_count; i++) {
        FUZZ_CHECK(session.page_users[index + i] > 0);
        if (--session.page_users[index + i] == 0) {
            ASAN_POISON_MEMORY_REGION(base + (size_t)i * VMB_PAGE_BYTES, VMB_PAGE_BYTES);
        }
    }
}

static uint64_t platform_now(void *context)
{
    (void)context;
    return session.now_ns;
}

static vmb_status platform_doorbell_open(void *context, uint32_t connection_id)
{
    (void)context;
    (void)connection_id;
    if (feed.left > 0 && feed_below(&feed, 16) == 15) {
        return VMB_ERR_PLATFORM;
    }
    session.doorbells++;
    return VMB_OK;
}

static void platform_doorbell_close(void *context, uint32_t connection_id)
{
    (void)context;
    (void)connection_id;
    FUZZ_CHECK(session.doorbells > 0);
    session.doorbells--;
}

static void platform_log(void *context, enum vmb_log_level level, const char *text)
{
    (void)context;
    (void)level;
    FUZZ_CHECK(strlen(text) < VMB_LOG_MAX_BYTES);
}

static const struct vmb_host_platform platform = {
    .struct_bytes = sizeof(platform),
    .post_message = platform_post,
    .raise_event = platform_raise,
    .map_pages = platform_map,
    .unmap_pages = platform_unmap,
    .now_ns = platform_now,
    .doorbell_open = platform_doorbell_open,
    .doorbell_close = platform_doorbell_close,
    .log = platform_log,
};

static void bus_connected(void *context, uint32_t version, uint32_t features)
{
    (void)context;
    FUZZ_CHECK(vmb_version_known(version));
    FUZZ_CHECK(version >= VMB_VERSION_6_0 || features == 0);
    act_inside();
}

static void bus_disconnected(void *context, enum vmb_host_disconnect reason)
{
    (void)context;
    (void)reason;
    act_inside();
}

static vmb_status bus_tl_connect(void *context, const struct vmb_msg_tl_connect_request *request)
{
    static const vmb_status results[] = {VMB_OK, VMB_ERR_BUSY, VMB_ERR_REFUSED};

    (void)context;
    (void)request;
    return results[feed_below(&feed, 3)];
}

static const struct vmb_host_events events = {
    .struct_bytes = sizeof(events),
    .connected = bus_connected,
    .disconnected = bus_disconnected,
    .tl_connect = bus_tl_connect,
};

/* ---- Devices ----------------------------------------------------------------------------------
 */

static void device_lets_go(struct device *device)
{
    for (uint32_t i = 0; i < HOLDS; i++) {
        if (device->holds[i] != NULL) {
            vmb_host_gpadl_put(device->holds[i]);
            device->holds[i] = NULL;
        }
    }
}

static void device_opened(void *context, struct vmb_endpoint *endpoint)
{
    struct device *device = context;

    FUZZ_CHECK(device->endpoint == NULL && endpoint != NULL);
    device->endpoint = endpoint;
    device->opening = false;
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

static void device_closed(void *context, vmb_status reason)
{
    struct device *device = context;

    (void)reason;
    FUZZ_CHECK(device->endpoint != NULL && !device->running);
    device_lets_go(device);
    device->endpoint = NULL;
    device->closing = false;
    act_inside();
}

static vmb_status device_open(void *context, struct vmb_host_channel *channel,
                              const struct vmb_host_open *request)
{
    static const vmb_status results[] = {VMB_OK, VMB_OK, VMB_ERR_BUSY, VMB_ERR_REFUSED};
    struct device *device = context;
    vmb_status result = results[feed_below(&feed, 4)];

    FUZZ_CHECK(device->endpoint == NULL && channel != NULL && !device->opening);
    FUZZ_CHECK(request->tx_data_bytes >= VMB_PAGE_BYTES);
    device->opening = result == VMB_ERR_BUSY;
    return result;
}

static vmb_status device_close(void *context, struct vmb_host_channel *channel)
{
    struct device *device = context;

    FUZZ_CHECK(channel != NULL && !device->closing);
    device->closing = feed_below(&feed, 2) == 1;
    return device->closing ? VMB_ERR_BUSY : VMB_OK;
}

static vmb_status device_gpadl(void *context, struct vmb_host_channel *channel, uint32_t handle)
{
    (void)context;
    (void)channel;
    (void)handle;
    return feed_below(&feed, 8) == 7 ? VMB_ERR_REFUSED : VMB_OK;
}

static void device_teardown(void *context, struct vmb_host_channel *channel, uint32_t handle)
{
    (void)channel;
    (void)handle;
    if (feed_below(&feed, 2) == 0) {
        device_lets_go(context);
    }
}

static void device_control(void *context, struct vmb_host_channel *channel)
{
    (void)context;
    (void)channel;
    act_inside();
}

static void device_released(void *context)
{
    struct device *device = context;

    FUZZ_CHECK(device->channel != NULL && device->endpoint == NULL);
    device->channel = NULL;
    device->opening = false;
    act_inside();
}

static vmb_status device_save(void *context, struct vmb_host_channel *channel, bool open,
                              void *buffer, size_t buffer_bytes, size_t *out_bytes)
{
    const struct device *device = context;

    FUZZ_CHECK(channel == device->channel && (!open || device->endpoint != NULL));
    *out_bytes = 1;
    if (buffer_bytes == 0) {
        return VMB_ERR_TOO_SMALL;
    }
    *(uint8_t *)buffer = open;
    return VMB_OK;
}

static vmb_status device_restore(void *context, struct vmb_host_channel *channel,
                                 struct vmb_endpoint *endpoint, const void *bytes,
                                 size_t byte_count)
{
    struct device *device = context;

    FUZZ_CHECK(device->endpoint == NULL && channel != NULL);
    if (byte_count != 1 || *(const uint8_t *)bytes != (endpoint != NULL)) {
        return VMB_ERR_MALFORMED;
    }
    device->endpoint = endpoint;
    return VMB_OK;
}

/* The number of the lowest touched page, which is then taken out of @pages. */
FUZZ_UNUSED static uint32_t take_page(uint64_t *pages)
{
    uint32_t page = (uint32_t)__builtin_ctzll(*pages);

    *pages &= *pages - 1u;
    return page;
}

/* Poison what is still mapped: most sessions leave nothing, and all of it would take long. */
FUZZ_UNUSED static void unmap_all(void)
{
    for (uint64_t left = touched_pages; left != 0;) {
        uint32_t page = take_page(&left);

        if (session.page_users[page] != 0) {
            ASAN_POISON_MEMORY_REGION(guest_page(FIRST_GPN + page), VMB_PAGE_BYTES);
        }
    }
    blocks_restore(&blocks, 0);
}

/* The machine on which the host ran is gone, and with it every mapping. */
FUZZ_UNUSED static void host_dies(void)
{
    unmap_all();
    memset(session.page_users, 0, sizeof(session.page_users));
    session.mapped = 0;
    session.doorbells = 0;
    session.maps_fail = 0;
    for (uint32_t i = 0; i < DEVICES; i++) {
        struct device *device = &session.devices[i];

        *device = (struct device){.channel = device->channel, .shape = device->shape};
    }
}

static const struct vmb_driver driver = {
    .class_id = {{0xC1}},
    .opened = device_opened,
    .on_event = device_event,
    .closed = device_closed,
};

static const struct vmb_host_hooks hooks = {
    .struct_bytes = sizeof(hooks),
    .open = device_open,
    .close = device_close,
    .gpadl_created = device_gpadl,
    .gpadl_teardown = device_teardown,
    .control = device_control,
    .released = device_released,
    .save = device_save,
    .restore = device_restore,
};

#endif /* VMB_FUZZ_HOST_BENCH_H */
