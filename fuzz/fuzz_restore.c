/* SPDX-License-Identifier: MIT */
/*
 * Saved state that somebody made up: its frame and checksum are right, everything else is the
 * input. Whatever of it a host takes, it can go on with: messages, signals, handlers, and a reset
 * after which nothing of the guest is mapped or held. What it does not take leaves it fresh.
 */
#include "host_bench.h"

#include <vmbus/save.h>

#define FUZZ_LONGEST 8192 /* Bytes of an input. */

enum {
    HEADER = 32,
    MEMORY_PAGES = 64,
    STEPS = 24
};

static uint8_t *memory;

static void device_acts(void)
{
    struct device *device = &session.devices[feed_below(&feed, DEVICES)];

    if (device->channel != NULL) {
        vmb_host_kick(device->channel);
        vmb_host_request_control(device->channel);
    }
}

static void poll_all(void)
{
    uint32_t turns = 0;

    while (vmb_host_poll(host)) {
        FUZZ_CHECK(++turns < 2000);
    }
}

/* Devices 0 and 2 are primary channels, 1 is a sub-channel of 0, 3 is not on the bus. */
static void make_host(void)
{
    static const uint8_t instances[] = {1, 1, 2};
    struct vmb_host_options options = {
        .struct_bytes = sizeof(options),
        .vp_count = VPS,
        .channel_limit = 6,
        .gpadl_limit = 8,
        .gpadl_page_limit = 96,
        .message_limit = 8,
        .features = VMB_FEATURE_ALL & ~VMB_FEATURE_HOST_MONITOR_PAGES,
    };

    host_dies();
    memset(&session, 0, sizeof(session));
    session.made_up = true;
    FUZZ_CHECK(vmb_host_init(memory, (size_t)MEMORY_PAGES * VMB_PAGE_BYTES, &options, &platform,
                             &events, &host) == VMB_OK);
    for (uint32_t i = 0; i < sizeof(instances); i++) {
        struct vmb_host_offer_options offer = {.struct_bytes = sizeof(offer),
                                               .driver = &driver,
                                               .device = &session.devices[i],
                                               .hooks = &hooks,
                                               .instance_id = {{instances[i]}},
                                               .subchannel_index = i == 1 ? 1 : 0,
                                               .monitored = true};

        FUZZ_CHECK(vmb_host_offer(host, &offer, &session.devices[i].channel) == VMB_OK);
    }
}

static void nothing_is_left(void)
{
    struct vmb_host_counters counters;

    vmb_host_read_counters(host, &counters);
    FUZZ_CHECK(counters.gpadls_in_use == 0 && counters.gpadl_words_in_use == 0);
    FUZZ_CHECK(session.mapped == 0 && session.doorbells == 0);
    FUZZ_CHECK(vmb_host_deinit(host) == VMB_OK);
}

static void guest_posts(void)
{
    uint8_t bytes[64] = {0};

    bytes[0] = feed_u8(&feed) % 32u;
    bytes[8] = feed_u8(&feed) & 7u;
    bytes[12] = feed_u8(&feed) & 7u;
    (void)!vmb_host_on_message(host, VMB_CONNECTION_MULTICLIENT, bytes, sizeof(bytes));
}

static void live_on(void)
{
    static uint8_t again[1 << 16];
    size_t byte_count;

    poll_all();
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t what = feed_u8(&feed);

        (void)!vmb_host_on_signal(host, VMB_HOST_CONNECTION_BASE + (what & 7u), 0);
        (void)!vmb_host_run(host, 8);
        guest_posts();
        poll_all();
        session.now_ns += 1000000u;
    }
    FUZZ_CHECK(vmb_host_save(host, again, sizeof(again), &byte_count) == VMB_OK);
    vmb_host_reset(host);
    for (uint32_t i = 0; i < DEVICES; i++) {
        struct device *device = &session.devices[i];

        if (device->channel != NULL && device->closing) {
            FUZZ_CHECK(vmb_host_close_done(device->channel) == VMB_OK);
        }
        if (device->channel != NULL && device->opening) {
            FUZZ_CHECK(vmb_host_open_done(device->channel, VMB_OK) == VMB_ERR_GONE);
        }
        FUZZ_CHECK(device->endpoint == NULL);
    }
    poll_all();
}

static uint32_t crc_of(uint32_t crc, const uint8_t *bytes, size_t byte_count)
{
    for (size_t i = 0; i < byte_count; i++) {
        crc ^= bytes[i];
        for (uint32_t bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1u)));
        }
    }
    return crc;
}

/* The frame around an input. */
static void seal(uint8_t *bytes, size_t byte_count)
{
    uint32_t crc;

    memset(bytes, 0, HEADER);
    memcpy(bytes, "VMBSAVE\n", 8);
    put32(bytes + 8, 1);
    put32(bytes + 16, (uint32_t)byte_count);
    crc = crc_of(UINT32_MAX, bytes, 12);
    put32(bytes + 12, ~crc_of(crc, bytes + 16, byte_count - 16));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    blocks_make(&blocks);
    guest_memory = fuzz_pages(PAGES);
    ASAN_POISON_MEMORY_REGION(guest_memory, (size_t)PAGES * VMB_PAGE_BYTES);
    memory = fuzz_pages(MEMORY_PAGES);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vmb_host_restore_options options = {.struct_bytes = sizeof(options)};
    uint8_t *bytes = malloc(HEADER + FUZZ_LONGEST);
    vmb_status status;

    if (size == 0 || size > FUZZ_LONGEST) {
        free(bytes);
        return 0;
    }
    feed = feed_of(data, size);
    options.revoke_missing = (data[0] & 0x80u) != 0; /* The first record's kind has no such bit. */
    memcpy(bytes + HEADER, data, size);
    bytes[HEADER] &= 0x7Fu;
    seal(bytes, HEADER + size);
    bytes = realloc(bytes, HEADER + size); /* Its end is sharp. */
    make_host();
    status = vmb_host_restore(host, bytes, HEADER + size, &options, NULL);
    FUZZ_CHECK(status != VMB_ERR_VERSION && status != VMB_ERR_WRONG_STATE);
    free(bytes);
    if (status == VMB_OK) {
        live_on();
    }
    nothing_is_left();
    return 0;
}
