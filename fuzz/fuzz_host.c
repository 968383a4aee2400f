/* SPDX-License-Identifier: MIT */
/*
 * Whole sessions against the host core: a guest that posts anything, shares any memory, signals at
 * any time, writes over its rings and starts over; and devices that put answers off, hold memory,
 * leave and come back, from within callbacks too.
 *
 * At any moment the host may be saved: then another one goes on in its place.
 *
 * A session begins without a guest or with one connected at one of several versions, its devices
 * offered and the rings of one shared: an image of the host's memory that is copied back. At its
 * end the machine is reset: then nothing of the guest may be mapped or held.
 */
#include "host_bench.h"

#include <vmbus/host_stuck.h>
#include <vmbus/save.h>

#define FUZZ_LONGEST 512 /* Bytes of an input. */

enum {
    IMAGES = 8,
    OPS = 96,
    RING_PAGES = 6
};

struct image {
    uint8_t *memory;
    struct session session;
    uint32_t given;
    uint64_t touched_pages;
};

static const uint32_t image_versions[IMAGES] = {
    VMB_VERSION_NONE, VMB_VERSION_6_0, VMB_VERSION_5_3, VMB_VERSION_5_0,
    VMB_VERSION_4_1,  VMB_VERSION_2_4, VMB_VERSION_1_1, VMB_VERSION_0_13,
};

static struct image images[IMAGES];
static uint8_t *memory;
static size_t memory_bytes;
static bool may_move; /* In this session, once: it costs as much as all the rest of one. */

static void make_host(void)
{
    struct vmb_host_options options = {
        .struct_bytes = sizeof(options),
        .vp_count = VPS,
        .channel_limit = 6,
        .gpadl_limit = 8,
        .gpadl_page_limit = 96,
        .message_limit = 8,
        .features = VMB_FEATURE_ALL & ~VMB_FEATURE_HOST_MONITOR_PAGES,
    };

    memory_bytes = vmb_host_memory_bytes(&options);
    FUZZ_CHECK(vmb_host_init(memory, memory_bytes, &options, &platform, &events, &host) == VMB_OK);
}

static void poll_all(void)
{
    uint32_t turns = 0;

    while (vmb_host_poll(host)) {
        FUZZ_CHECK(++turns < 2000);
    }
}

/* ---- Devices ----------------------------------------------------------------------------------
 */

static void device_comes(struct device *device, uint32_t shape)
{
    struct vmb_host_offer_options options = {
        .struct_bytes = sizeof(options),
        .driver = &driver,
        .device = device,
        .hooks = &hooks,
        .instance_id = {{(uint8_t)(1u + (shape & 1u))}},
        .subchannel_index = shape >> 1 & 3u,
        .order = shape >> 3 & 1u,
        .monitored = (shape >> 4 & 1u) != 0,
    };
    struct vmb_host_channel *channel = NULL;

    if (device->channel == NULL && vmb_host_offer(host, &options, &channel) == VMB_OK) {
        device->channel = channel;
        device->shape = shape;
    }
}

static void device_holds(struct device *device)
{
    uint32_t shape = feed_u8(&feed);
    struct vmb_host_gpadl **hold = &device->holds[shape % HOLDS];
    struct vmb_host_gpadl_range range;

    if (device->endpoint == NULL) {
        return;
    }
    if (*hold != NULL) {
        vmb_host_gpadl_put(*hold);
        *hold = NULL;
        return;
    }
    if (vmb_host_gpadl_get(device->channel, shape >> 2 & 7u, hold) != VMB_OK) {
        *hold = NULL;
        return;
    }
    if (vmb_host_gpadl_range(*hold, shape >> 6, &range) == VMB_OK && range.base != NULL) {
        FUZZ_CHECK(range.byte_count > 0);
        memset(range.base, 0x33, 1);
        memset(range.base + range.byte_count - 1, 0x44, 1);
    }
}

static void device_looks(struct device *device)
{
    struct vmb_host_channel_counters counters;
    uint32_t relid = vmb_host_channel_relid(device->channel);

    vmb_host_channel_read_counters(device->channel, &counters);
    FUZZ_CHECK(relid == VMB_RELID_NONE || (relid > 0 && relid < VMB_RELID_COUNT));
    FUZZ_CHECK(counters.signals == counters.started + counters.coalesced + counters.stray);
    (void)vmb_host_channel_target_vp(device->channel);
    (void)vmb_host_channel_state(device->channel);
}

static void device_acts(void)
{
    uint32_t shape = feed_u8(&feed);
    struct device *device = &session.devices[shape >> 4 & (DEVICES - 1u)];
    struct vmb_guid guid = {{(uint8_t)shape}};

    if (device->channel == NULL) {
        device_comes(device, feed_u8(&feed));
        return;
    }
    switch (shape & 7u) {
    case 0:
        FUZZ_CHECK(
            vmb_host_open_done(device->channel, (shape & 8u) != 0 ? VMB_OK : VMB_ERR_REFUSED) !=
                VMB_ERR_WRONG_STATE ||
            !device->opening);
        device->opening = false;
        break;
    case 1:
        (void)vmb_host_close_done(device->channel);
        break;
    case 2:
        vmb_host_kick(device->channel);
        break;
    case 3:
        vmb_host_request_control(device->channel);
        break;
    case 4:
        device_holds(device);
        break;
    case 5:
        device_looks(device);
        break;
    case 6:
        if ((shape & 8u) != 0) {
            (void)vmb_host_revoke(device->channel);
        }
        break;
    default:
        if ((shape & 8u) != 0) {
            (void)vmb_host_check_stuck(host, true, NULL, NULL);
        } else {
            (void)vmb_host_tl_refuse(host, &guid, &guid);
        }
        break;
    }
}

/* ---- The guest --------------------------------------------------------------------------------
 */

static void guest_posts(const uint8_t *bytes, uint32_t byte_count)
{
    uint32_t connection = session.asked_version >= VMB_VERSION_5_0 ? VMB_CONNECTION_MULTICLIENT
                                                                   : VMB_CONNECTION_MESSAGE;

    fuzz_count.messages++;
    (void)vmb_host_on_message(host, connection, bytes, byte_count);
    poll_all();
}

/* Any message, its first numbers small, so that it often hits something. */
static void guest_lies(void)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t number = feed_u8(&feed), length = feed_u8(&feed);

    memset(bytes, 0, sizeof(bytes));
    bytes[0] = (uint8_t)(number % 32u);
    bytes[8] = feed_u8(&feed) & 7u;
    bytes[12] = feed_u8(&feed) & 7u;
    (void)feed_bytes(&feed, bytes + 16, length % 64u);
    guest_posts(bytes, length);
}

static void guest_contacts(uint32_t version, uint32_t features)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    struct vmb_message message = {.number = VMB_MSG_INITIATE_CONTACT};
    uint32_t byte_count = 0;

    session.asked_version = version;
    message.u.initiate_contact.requested_version = version;
    message.u.initiate_contact.requested_features = features;
    message.u.initiate_contact.target_sint = VMB_HOST_SINT;
    message.u.initiate_contact.interrupt_page_gpa = (FIRST_GPN + PAGES - 1) * 4096ull;
    message.u.initiate_contact.parent_to_child_gpa = (FIRST_GPN + PAGES - 2) * 4096ull;
    message.u.initiate_contact.child_to_parent_gpa = (FIRST_GPN + PAGES - 3) * 4096ull;
    FUZZ_CHECK(vmb_message_encode(&message, 0, 0, bytes, sizeof(bytes), &byte_count) == VMB_OK);
    guest_posts(bytes, byte_count);
}

/* Memory: a range, or two, of consecutive pages or not; perhaps the rest comes later. */
static void guest_shares(uint32_t relid, uint32_t handle, uint32_t first, uint32_t pages,
                         uint32_t shape)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t words = 1u + pages, i;
    uint64_t word;

    memset(bytes, 0, sizeof(bytes));
    bytes[0] = VMB_MSG_GPADL_HEADER;
    put32(bytes + 8, relid);
    put32(bytes + 12, handle);
    put32(bytes + 16, (words * 8u) | 1u << 16);
    put32(bytes + 20, pages * VMB_PAGE_BYTES - ((shape & 1u) != 0 ? 100u : 0u));
    put32(bytes + 24, (shape & 1u) != 0 ? 100u : 0u);
    for (i = 0; i < pages && i < VMB_GPADL_HEADER_PAGES; i++) {
        word = FIRST_GPN + first + ((shape & 2u) != 0 ? i * 2u : i);
        memcpy(bytes + 28 + (size_t)i * 8u, &word, 8);
    }
    i = (shape & 4u) != 0 && i > 1 ? 1 : i; /* Cut: the rest is said in a body. */
    guest_posts(bytes, 28u + i * 8u);
    if (i < pages && (shape & 8u) == 0) {
        uint32_t left = pages - i < VMB_GPADL_BODY_WORDS ? pages - i : VMB_GPADL_BODY_WORDS;

        memset(bytes, 0, sizeof(bytes));
        bytes[0] = VMB_MSG_GPADL_BODY;
        put32(bytes + 12, handle);
        for (uint32_t k = 0; k < left; k++) {
            put32(bytes + 16 + (size_t)k * 8u, FIRST_GPN + first + i + k);
        }
        guest_posts(bytes, 16u + left * 8u);
    }
}

static void guest_opens(uint32_t relid, uint32_t handle, uint32_t shape)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];

    memset(bytes, 0, sizeof(bytes));
    bytes[0] = (shape & 0x80u) != 0 ? VMB_MSG_OPEN_RESERVED : VMB_MSG_OPEN_CHANNEL;
    put32(bytes + 8, relid);
    put32(bytes + 12, (shape & 0x80u) != 0 ? 1 : shape);
    put32(bytes + 16, (shape & 0x80u) != 0 ? VMB_HOST_SINT : handle);
    put32(bytes + 20, (shape & 0x80u) != 0   ? handle
                      : (shape & 0x40u) != 0 ? VMB_VP_NONE
                                             : shape & 7u);
    put32(bytes + 24, (shape & 8u) != 0 ? shape >> 4 & 3u : RING_PAGES / 2u);
    put32(bytes + 148, VMB_HOST_CONNECTION_BASE + relid);
    put32(bytes + 152, relid);
    guest_posts(bytes, 156);
}

/* A message of two small numbers. */
static void guest_says(uint32_t number, uint32_t first, uint32_t second)
{
    uint8_t bytes[64];

    memset(bytes, 0, sizeof(bytes));
    bytes[0] = (uint8_t)number;
    put32(bytes + 8, first);
    put32(bytes + 12, second);
    guest_posts(bytes, sizeof(bytes));
}

static void guest_manages(uint32_t shape)
{
    static const uint8_t numbers[] = {
        VMB_MSG_CLOSE_CHANNEL,  VMB_MSG_GPADL_TEARDOWN, VMB_MSG_RELID_RELEASED,
        VMB_MSG_MODIFY_CHANNEL, VMB_MSG_REQUEST_OFFERS, VMB_MSG_CLOSE_RESERVED,
        VMB_MSG_UNLOAD,         VMB_MSG_PAUSE,
    };
    uint32_t number = numbers[shape & 7u];

    if (number == VMB_MSG_PAUSE && (shape & 8u) != 0) {
        number = VMB_MSG_RESUME;
    }
    guest_says(number, 1u + (shape >> 4 & 3u), feed_below(&feed, 8));
}

static void guest_scribbles(void)
{
    uint32_t shape = feed_u8(&feed);
    uint32_t page = (shape & 7u) * (RING_PAGES / 2u);

    if ((shape & 8u) != 0) {
        guest_writes(page * VMB_PAGE_BYTES + 4u * (shape >> 4 & 3u), feed_u16(&feed));
    } else { /* A packet, nearly right, where the ring begins. */
        guest_writes((page + 1u) * VMB_PAGE_BYTES, 6u | (2u + (shape >> 7)) << 16);
        guest_writes((page + 1u) * VMB_PAGE_BYTES + 4u, feed_u8(&feed));
        guest_writes(page * VMB_PAGE_BYTES, feed_u8(&feed) * 8u);
    }
}

static void time_passes(void)
{
    uint64_t next_ns = vmb_host_next_deadline_ns(host);

    if (next_ns != VMB_NEVER && next_ns > session.now_ns) {
        session.now_ns = next_ns;
    }
    session.now_ns++;
    poll_all();
}

static void guest_acts(uint32_t what)
{
    uint32_t shape = feed_u8(&feed);

    switch (what) {
    case 0:
        guest_lies();
        break;
    case 1:
        guest_shares(1u + (shape & 3u), shape >> 2 & 7u, feed_below(&feed, PAGES),
                     1u + feed_below(&feed, 32), shape >> 4);
        break;
    case 2:
        guest_opens(1u + (shape & 3u), shape >> 2 & 7u, feed_u8(&feed));
        break;
    case 3:
    case 4:
        guest_manages(shape);
        break;
    case 5:
        guest_contacts(image_versions[shape % IMAGES], feed_u8(&feed));
        break;
    case 6:
        guest_scribbles();
        break;
    default:
        (void)vmb_host_on_signal(host, VMB_HOST_CONNECTION_BASE + (shape & 7u),
                                 (uint16_t)(shape >> 7));
        break;
    }
}

/* The devices that are on the bus, on the bus of a fresh host: primary channels first. */
static void devices_come_again(void)
{
    bool there[DEVICES];

    for (uint32_t i = 0; i < DEVICES; i++) {
        there[i] = session.devices[i].channel != NULL;
        session.devices[i].channel = NULL;
    }
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < DEVICES; i++) {
            struct device *device = &session.devices[i];

            if (there[i] && ((device->shape >> 1 & 3u) != 0) == (pass != 0)) {
                device_comes(device, device->shape);
            }
        }
    }
}

/* Saving works at any step, and so does restoring, unless the platform fails. */
static void host_moves(void)
{
    static uint8_t saved[1 << 16];
    static const struct vmb_host_restore_options options = {.struct_bytes = sizeof(options),
                                                            .revoke_missing = true};
    size_t byte_count = 0;
    vmb_status status;

    if (!may_move) {
        return;
    }
    may_move = false;
    FUZZ_CHECK(vmb_host_save(host, saved, sizeof(saved), &byte_count) == VMB_OK);
    host_dies();
    make_host();
    devices_come_again();
    status = vmb_host_restore(host, saved, byte_count, &options, NULL);
    FUZZ_CHECK(status == VMB_OK || status == VMB_ERR_PLATFORM);
    FUZZ_CHECK(status == VMB_OK || (session.mapped == 0 && session.doorbells == 0));
    poll_all();
}

static void one_step(void)
{
    uint32_t what = feed_u8(&feed);

    switch (what & 15u) {
    case 8:
    case 9:
        device_acts();
        poll_all();
        break;
    case 10:
        (void)vmb_host_run(host, 1u + (what >> 4));
        break;
    case 11:
        vmb_host_on_slot_free(host);
        time_passes();
        break;
    case 12:
        session.posts_fail = what >> 5;
        session.post_error = (what & 0x10u) != 0 ? VMB_ERR_RETRY : VMB_ERR_INVALID_TARGET;
        break;
    case 13:
        session.maps_fail = what >> 6;
        break;
    case 14:
        if (what == 0xFEu) {
            vmb_host_reset(host);
        } else if (what >= 0xC0u) {
            host_moves();
        }
        poll_all();
        break;
    default:
        guest_acts(what & 7u);
        break;
    }
}

/* ---- The run ----------------------------------------------------------------------------------
 */

static void make_image(struct image *image, uint32_t version)
{
    uint32_t i;

    unmap_all();
    touched_pages = 0;
    memset(&session, 0, sizeof(session));
    make_host();
    for (i = 0; i < 3; i++) {
        device_comes(&session.devices[i], i);
    }
    if (version != VMB_VERSION_NONE) {
        guest_contacts(version, VMB_FEATURE_ALL);
        FUZZ_CHECK(vmb_host_version(host) == version);
        guest_says(VMB_MSG_REQUEST_OFFERS, 0, 0);
        guest_shares(1, 7, 0, RING_PAGES, 0);
    }
    image->memory = fuzz_object(memory_bytes);
    memcpy(image->memory, memory, memory_bytes);
    image->session = session;
    image->given = blocks.given;
    image->touched_pages = touched_pages;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    uint32_t i;

    (void)argc;
    (void)argv;
    blocks_make(&blocks);
    guest_memory = fuzz_pages(PAGES);
    ASAN_POISON_MEMORY_REGION(guest_memory, (size_t)PAGES * VMB_PAGE_BYTES);
    memory = fuzz_pages(64);
    for (i = 0; i < IMAGES; i++) {
        make_image(&images[i], image_versions[i]);
    }
    return 0;
}

static void begin(const struct image *image)
{
    uint64_t left = touched_pages;

    unmap_all();
    blocks_restore(&blocks, image->given);
    memcpy(memory, image->memory, memory_bytes);
    session = image->session;
    while (left != 0) {
        uint32_t page = take_page(&left);

        guest_writes(page * VMB_PAGE_BYTES, 0); /* Indices of rings. */
        guest_writes(page * VMB_PAGE_BYTES + 4u, 0);
    }
    touched_pages = image->touched_pages;
    for (left = touched_pages; left != 0;) {
        uint32_t page = take_page(&left);

        if (session.page_users[page] != 0) {
            ASAN_UNPOISON_MEMORY_REGION(guest_page(FIRST_GPN + page), VMB_PAGE_BYTES);
        }
    }
}

/* The machine is reset, and the devices have stopped: nothing of the guest is left. */
static void end(void)
{
    struct vmb_host_counters counters;
    uint32_t i;

    feed.left = 0;
    session.posts_fail = session.maps_fail = 0;
    vmb_host_reset(host);
    for (i = 0; i < DEVICES; i++) {
        struct device *device = &session.devices[i];

        if (device->channel != NULL && device->closing) {
            FUZZ_CHECK(vmb_host_close_done(device->channel) == VMB_OK);
        }
        if (device->channel != NULL && device->opening) {
            FUZZ_CHECK(vmb_host_open_done(device->channel, VMB_OK) == VMB_ERR_GONE);
        }
        FUZZ_CHECK(device->endpoint == NULL);
        device_lets_go(device);
    }
    poll_all();
    vmb_host_read_counters(host, &counters);
    FUZZ_CHECK(counters.gpadls_in_use == 0 && counters.gpadl_words_in_use == 0);
    FUZZ_CHECK(session.mapped == 0 && session.doorbells == 0);
    FUZZ_CHECK(vmb_host_deinit(host) == VMB_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t first, op;

    feed = feed_of(data, size);
    first = feed_u8(&feed);
    may_move = (first & 0x38u) == 0;
    begin(&images[first % IMAGES]);
    for (op = 0; op < OPS && feed.left > 0; op++) {
        one_step();
    }
    end();
    return 0;
}
