/* SPDX-License-Identifier: MIT */
/*
 * Whole sessions against the guest core: a host that says anything, answers late, twice or never,
 * sets any flag and writes over whatever is shared; hypercalls and shares that fail; and a user who
 * opens, closes, moves, suspends and unloads at any moment, from within callbacks too.
 *
 * A session begins disconnected or connected at one of several versions: an image of the guest's
 * memory that is copied back. At its end the host falls silent: then every request must have ended,
 * once, and every driver must be closed.
 */
#include "guest_image.h"

#include "guest_bench.h"

#include <vmbus/balance.h>
#include <vmbus/monitor.h>
#include <vmbus/power.h>
#include <vmbus/stuck.h>

#define FUZZ_LONGEST 512 /* Bytes of an input. */

enum {
    IMAGES = 8,
    OPS = 96
};

static const uint32_t image_versions[IMAGES] = {
    VMB_VERSION_NONE, VMB_VERSION_6_0, VMB_VERSION_5_3, VMB_VERSION_5_0,
    VMB_VERSION_4_1,  VMB_VERSION_2_4, VMB_VERSION_1_1, VMB_VERSION_0_13,
};

static struct image images[IMAGES];
static uint8_t *memory;
static size_t memory_bytes;
/* ---- The user ---------------------------------------------------------------------------------
 */

static void channel_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    (void)channel;
    (void)status;
    request_end(context);
    act_inside();
}

static void gpadl_done(void *context, struct vmb_gpadl *given, vmb_status status)
{
    struct gpadl *gpadl =
        (struct gpadl *)(void *)((uint8_t *)given - offsetof(struct gpadl, gpadl));

    request_end(context);
    if (gpadl->gpadl.state == 0) { /* Gone, by whatever way: ours again. */
        gpadl->busy = false;
    }
    (void)status;
    act_inside();
}

static void tl_done(void *context, struct vmb_tl_connect *connect, struct vmb_channel *channel,
                    vmb_status status)
{
    FUZZ_CHECK((channel != NULL) == (status == VMB_OK));
    session.tl_busy[connect - session.tls] = false;
    request_end(context);
    act_inside();
}

static void vp_done(void *context, uint32_t vp, vmb_status status)
{
    request_end(context);
    if (status == VMB_OK && feed_below(&feed, 2) == 0) {
        (void)vmb_guest_vp_stopped(guest, vp);
    }
}

static struct vmb_channel *draw_channel(void)
{
    uint32_t cursor = 0, skip = feed_below(&feed, CHANNELS);
    struct vmb_channel *channel;

    do {
        channel = vmb_guest_next_channel(guest, &cursor);
    } while (channel != NULL && skip-- > 0);
    return channel;
}

static void user_opens(struct vmb_channel *channel, bool *request)
{
    uint32_t shape = feed_u8(&feed);
    struct device *device = &session.devices[shape >> 2 & 7u];
    struct vmb_channel_open_options options = {
        .struct_bytes = sizeof(options),
        .driver = &drivers[shape % 3u],
        .device = device,
        .tx_pages = 1 + (shape >> 5 & 1u),
        .rx_pages = 1 + (shape >> 6 & 1u),
        .target_vp = (shape & 0x80u) != 0 ? VMB_VP_NONE : shape % VPS,
        .user_data = offer_form,
        .user_data_bytes = shape & 63u,
        .done = channel_done,
        .done_context = request,
    };
    uint32_t i;

    /* One device, one channel: nobody else may have it, nor be about to. */
    for (i = 0; i < session.requests.count; i++) {
        if (session.requests.open[i] && &session.requests.open[i] != request) {
            *request = false;
            return;
        }
    }
    if (device->endpoint != NULL || vmb_channel_open(channel, &options) != VMB_OK) {
        *request = false;
        return;
    }
    device->channel = channel;
}

static void user_shares(struct vmb_channel *channel, bool *request)
{
    struct gpadl *gpadl = &session.gpadls[feed_below(&feed, GPADLS)];
    vmb_status status;

    if (gpadl->busy) {
        status = vmb_channel_gpadl_teardown(&gpadl->gpadl, gpadl_done, request);
    } else {
        gpadl->range.byte_count = 1u + feed_u16(&feed) * 64u;
        gpadl->range.byte_offset = feed_u16(&feed) & 4095u;
        gpadl->range.first_gpn = 7;
        status =
            vmb_channel_gpadl_create(channel, &gpadl->gpadl, &gpadl->range, 1, gpadl_done, request);
        gpadl->busy = status == VMB_OK;
    }
    *request = *request && status == VMB_OK;
}

static void user_connects_socket(bool *request)
{
    uint32_t index = feed_below(&feed, TLS);
    struct vmb_tl_connect *connect = &session.tls[index];

    if (session.tl_busy[index]) {
        *request = false;
        return;
    }
    memset(connect, 0, sizeof(*connect));
    connect->endpoint.bytes[0] = (uint8_t)(0xE0u + index);
    connect->service.bytes[0] = 0x5E;
    *request = vmb_guest_tl_connect(guest, connect, tl_done, request) == VMB_OK;
    session.tl_busy[index] = *request;
}

/* On a channel, with a request that may be begun. */
static void user_uses(struct vmb_channel *channel, uint32_t what)
{
    bool *request = request_new(&session.requests);

    if (request == NULL) {
        return;
    }
    *request = true;
    switch (what) {
    case 0:
        user_opens(channel, request);
        break;
    case 1:
        *request = vmb_channel_close(channel, channel_done, request) == VMB_OK && *request;
        break;
    case 2:
        *request = vmb_channel_set_target_vp(channel, feed_below(&feed, VPS + 1), channel_done,
                                             request) == VMB_OK &&
                   *request;
        break;
    default:
        user_shares(channel, request);
        break;
    }
}

static void user_looks(struct vmb_channel *channel)
{
    struct vmb_channel_counters counters;
    struct vmb_guest_counters bus;

    vmb_channel_read_counters(channel, &counters);
    vmb_guest_read_counters(guest, &bus);
    FUZZ_CHECK(vmb_channel_offer(channel) != NULL);
    (void)vmb_channel_state(channel);
    FUZZ_CHECK(vmb_channel_primary(channel) != channel);
    (void)vmb_guest_choose_vp(guest, channel, NULL, NULL, 0);
    (void)vmb_guest_rebalance(guest, NULL, NULL, 2);
    (void)vmb_guest_check_stuck(guest, true, NULL, NULL);
}

static void user_manages_vps(void)
{
    uint32_t vp = feed_below(&feed, VPS);
    bool *request;

    switch (feed_below(&feed, 3)) {
    case 0:
        request = request_new(&session.requests);
        if (request != NULL) {
            *request = true;
            *request = vmb_guest_vp_stop(guest, vp, vp_done, request) == VMB_OK && *request;
        }
        break;
    case 1:
        (void)vmb_guest_vp_stopped(guest, vp);
        break;
    default:
        (void)vmb_guest_vp_start(guest, vp, message_pages + (size_t)vp * VMB_PAGE_BYTES,
                                 event_pages + (size_t)vp * VMB_PAGE_BYTES);
        break;
    }
}

static void bus_done(void *context, vmb_status status)
{
    (void)status;
    request_end(context);
    act_inside();
}

static void user_asks_host(void)
{
    bool *request = request_new(&session.requests);

    if (request == NULL) {
        return;
    }
    *request = true;
    if (feed_below(&feed, 2) == 0) {
        *request = vmb_guest_pause(guest, bus_done, request) == VMB_OK && *request;
    } else {
        *request = vmb_guest_move_monitors(guest, bus_done, request) == VMB_OK && *request;
    }
}

static void user_changes_bus(void)
{
    bool *request;

    switch (feed_below(&feed, 16)) {
    case 0:
        (void)vmb_guest_connect(guest);
        break;
    case 1:
        (void)vmb_guest_unload(guest);
        break;
    case 2:
        (void)vmb_guest_suspend(guest);
        break;
    case 3:
        (void)vmb_guest_resume(guest);
        break;
    case 4:
        user_manages_vps();
        break;
    case 12:
        (void)vmb_guest_continue(guest);
        break;
    case 13:
    case 14:
        user_asks_host();
        break;
    default:
        request = request_new(&session.requests);
        if (request != NULL) {
            *request = true;
            user_connects_socket(request);
        }
        break;
    }
}

static void user_acts(void)
{
    uint32_t what = feed_below(&feed, 8);
    struct vmb_channel *channel;

    if (what == 7) {
        user_changes_bus();
        return;
    }
    channel = draw_channel();
    if (channel == NULL) {
        return;
    }
    if (what < 4) {
        user_uses(channel, what);
    } else if (what == 4) {
        (void)vmb_channel_let_go(channel);
    } else if (what == 5) {
        user_looks(channel);
    } else {
        device_polls(&session.devices[feed_below(&feed, DEVICES)]);
    }
}

/* ---- The host ---------------------------------------------------------------------------------
 */

static void poll_all(void)
{
    uint32_t turns = 0;

    while (vmb_guest_poll(guest)) {
        FUZZ_CHECK(++turns < 2000);
    }
}

static void host_puts(uint32_t vp, uint32_t type, const uint8_t *bytes, uint32_t byte_count)
{
    uint8_t *slot = vmb_hv_slot(message_pages + (size_t)vp * VMB_PAGE_BYTES, 2);

    if (get32(slot) != 0) {
        return;
    }
    slot[4] = (uint8_t)byte_count;
    memcpy(slot + 16, bytes, byte_count < 240u ? byte_count : 240u);
    if (slot[16] == VMB_MSG_OFFER_CHANNEL) {
        image_relid_named(get32(slot + 16 + 184));
    }
    put32(slot, type);
    fuzz_count.messages++;
    (void)vmb_guest_on_interrupt(guest, vp);
    poll_all();
}

/* Any message, its first number small, so that it often hits something. */
static void host_lies(void)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t number = feed_u8(&feed), length = feed_u8(&feed);

    memset(bytes, 0, sizeof(bytes));
    bytes[0] = (uint8_t)(number % 32u);
    bytes[8] = feed_u8(&feed) & 15u;
    (void)feed_bytes(&feed, bytes + 9, length % 48u);
    host_puts(number >= 224u ? 1 : 0, number == 223u ? 2 : 1, bytes, length);
}

static void host_offers(void)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t shape = feed_u8(&feed);

    memcpy(bytes, offer_form, sizeof(bytes));
    bytes[24] = feed_u8(&feed) & 7u; /* The instance. */
    bytes[180] = (shape & 1u) != 0 ? feed_u8(&feed) : 0;
    bytes[184] = (uint8_t)(shape >> 4);
    bytes[185] = (shape & 2u) != 0 ? feed_u8(&feed) : 0;
    bytes[190] = (shape & 4u) != 0;
    if ((shape & 8u) != 0) { /* A socket, perhaps one that was asked for. */
        memset(bytes + 8, 0, 32);
        bytes[8] = 0x5E;
        bytes[24] = (uint8_t)(0xE0u + feed_below(&feed, TLS));
        bytes[57] = VMB_OFFER_HVSOCK >> 8;
    }
    host_puts(0, 1, bytes, 196);
}

/* What answers a message: its number, how much of the question comes back, and from where. */
static const struct {
    uint8_t asked, answer, from, bytes;
} answers[] = {
    {VMB_MSG_GPADL_HEADER, VMB_MSG_GPADL_CREATED, 8, 8},
    {VMB_MSG_GPADL_TEARDOWN, VMB_MSG_GPADL_TORNDOWN, 12, 4},
    {VMB_MSG_OPEN_CHANNEL, VMB_MSG_OPEN_RESULT, 8, 8},
    {VMB_MSG_MODIFY_CHANNEL, VMB_MSG_MODIFY_CHANNEL_RESPONSE, 8, 4},
    {VMB_MSG_TL_CONNECT_REQUEST, VMB_MSG_TL_CONNECT_RESULT, 8, 32},
    {VMB_MSG_UNLOAD, VMB_MSG_UNLOAD_COMPLETE, 8, 0},
    {VMB_MSG_PAUSE, VMB_MSG_PAUSE_RESPONSE, 8, 0},
    {VMB_MSG_MODIFY_CONNECTION, VMB_MSG_MODIFY_CONNECTION_RESPONSE, 8, 0},
    {VMB_MSG_REQUEST_OFFERS, VMB_MSG_ALL_OFFERS_DELIVERED, 8, 0},
    {VMB_MSG_INITIATE_CONTACT, VMB_MSG_VERSION_RESPONSE, 8, 0},
};

/* An honest answer to something that was asked, perhaps much later, perhaps twice. */
static void host_answers(uint32_t back, uint32_t status)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    const uint8_t *asked;
    size_t i;

    if (back >= session.posted_count) {
        return;
    }
    asked = session.posted[(session.posted_count - 1u - back) % POSTED];
    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (answers[i].asked != asked[0]) {
            continue;
        }
        memset(bytes, 0, sizeof(bytes));
        bytes[0] = answers[i].answer;
        memcpy(bytes + 8, asked + answers[i].from, answers[i].bytes);
        if (bytes[0] == VMB_MSG_VERSION_RESPONSE) {
            bytes[8] = status == 0;
            memcpy(bytes + 12, status == 0 ? asked + 8 : bytes + 20, 4);
            memcpy(bytes + 16, asked + 20, 4); /* Every feature that was asked for. */
        } else {
            put32(bytes + 8 + answers[i].bytes, status);
        }
        host_puts(0, 1, bytes, 48);
        return;
    }
}

static void host_sets_flags(void)
{
    uint32_t shape = feed_u8(&feed), vp = shape % VPS;
    uint8_t *flags = vmb_hv_event_flags(event_pages + (size_t)vp * VMB_PAGE_BYTES, 2);

    if ((shape & 0x80u) != 0) {
        memset(flags, 0xFF, shape & 31u);
    } else if ((shape & 0x40u) != 0) { /* Older than 2.4: by the interrupt page, and flag 0. */
        if ((blocks.given & 1u) != 0) {
            memset(block_at(&blocks, 0), feed_u8(&feed), 8);
        }
        flags[0] |= 1u;
    } else {
        flags[0] |= feed_u8(&feed);
    }
    (void)vmb_guest_on_interrupt(guest, vp);
}

/* A word somewhere in what is shared; mostly where the rings have their indices. */
static void host_scribbles(void)
{
    struct device *device = &session.devices[feed_below(&feed, DEVICES)];
    uint32_t shape = feed_u8(&feed);
    uint8_t *control;

    if (device->endpoint == NULL) {
        return;
    }
    control = (shape & 1u) != 0 ? device->endpoint->rx.control : device->endpoint->tx.control;
    if ((shape & 2u) != 0) {
        put32(control + 4u * (shape >> 2 & 3u), feed_u16(&feed));
    } else {
        (void)feed_bytes(&feed, control + VMB_PAGE_BYTES + (shape & 0xF8u), 8);
        put32(control, (shape & 0xF8u) + 32u);
    }
}

static void time_passes(void)
{
    uint64_t next_ns = vmb_guest_next_deadline_ns(guest);

    if (next_ns != VMB_NEVER && next_ns > session.now_ns) {
        session.now_ns = next_ns;
    }
    session.now_ns++;
    poll_all();
}

static void one_step(void)
{
    uint32_t what = feed_u8(&feed);

    switch (what & 15u) {
    case 0:
    case 1:
    case 2:
    case 3:
        user_acts();
        poll_all();
        break;
    case 4:
    case 5:
    case 6:
        host_answers(what >> 6, what >> 5 & 1u);
        break;
    case 7:
        host_lies();
        break;
    case 8:
        host_offers();
        break;
    case 9:
        host_sets_flags();
        break;
    case 10:
        host_scribbles();
        break;
    case 11:
        time_passes();
        break;
    case 12:
        session.post_fails = what >> 6;
        session.post_error = (what & 0x10u) != 0   ? VMB_ERR_RETRY
                             : (what & 0x20u) != 0 ? VMB_ERR_INVALID_TARGET
                                                   : VMB_ERR_PLATFORM;
        break;
    case 13:
        session.shares_fail = what >> 6;
        break;
    default:
        (void)vmb_guest_run(guest, (what >> 4) % VPS, 3);
        break;
    }
}

/* ---- The run ----------------------------------------------------------------------------------
 */

static void make_image(struct image *image, uint32_t version)
{
    struct vmb_guest_options options = {
        .struct_bytes = sizeof(options),
        .vp_count = VPS,
        .channel_limit = CHANNELS,
        .max_version = version,
        .features = VMB_FEATURE_ALL & ~VMB_FEATURE_CONFIDENTIAL,
        .post_retry_limit = 3,
    };
    uint32_t vp, relid;

    blocks_restore(&blocks, 0);
    memset(&session, 0, sizeof(session));
    session.now_ns = 1000;
    memory_bytes = vmb_guest_memory_bytes(&options);
    FUZZ_CHECK(vmb_guest_init(memory, memory_bytes, &options, &platform, &events, &guest) ==
               VMB_OK);
    for (vp = 0; vp < VPS; vp++) {
        FUZZ_CHECK(vmb_guest_vp_start(guest, vp, message_pages + (size_t)vp * VMB_PAGE_BYTES,
                                      event_pages + (size_t)vp * VMB_PAGE_BYTES) == VMB_OK);
    }
    if (version != VMB_VERSION_NONE) {
        FUZZ_CHECK(vmb_guest_connect(guest) == VMB_OK);
        poll_all();
        host_answers(0, 0);
        FUZZ_CHECK(vmb_guest_version(guest) == version);
        for (relid = 1; relid <= 3; relid++) {
            offer_form[24] = (uint8_t)relid;
            offer_form[184] = (uint8_t)relid;
            host_puts(0, 1, offer_form, 196);
        }
        host_answers(0, 0);
    }
    image_find_tables(guest);
    image->memory = fuzz_object(memory_bytes);
    memcpy(image->memory, memory, memory_bytes);
    image->given = blocks.given;
    image->now_ns = session.now_ns;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};
    uint32_t bytes, i;

    (void)argc;
    (void)argv;
    offer.u.offer.interface_guid.bytes[0] = 0xC1;
    offer.u.offer.monitor_id = 5;
    offer.u.offer.monitor_allocated = true;
    offer.u.offer.is_dedicated = true;
    offer.u.offer.connection_id = 0x2001;
    FUZZ_CHECK(vmb_message_encode(&offer, VMB_VERSION_6_0, 0, offer_form, sizeof(offer_form),
                                  &bytes) == VMB_OK);
    blocks_make(&blocks);
    message_pages = fuzz_pages(VPS);
    event_pages = fuzz_pages(VPS);
    memory = fuzz_pages(64);
    for (i = 0; i < IMAGES; i++) {
        make_image(&images[i], image_versions[i]);
    }
    return 0;
}

static void begin(const struct image *image)
{
    uint32_t vp;

    image_restore(image, memory, memory_bytes);
    blocks_restore(&blocks, image->given);
    if (image->given != 0) {
        memset(block_at(&blocks, 0), 0, 64); /* The interrupt page. */
    }
    memset(&session, 0, sizeof(session));
    session.now_ns = image->now_ns;
    for (vp = 0; vp < VPS; vp++) {
        memset(vmb_hv_slot(message_pages + (size_t)vp * VMB_PAGE_BYTES, 2), 0, 8);
        memset(vmb_hv_event_flags(event_pages + (size_t)vp * VMB_PAGE_BYTES, 2), 0, 256);
    }
}

/* The host says nothing any more, and nothing fails: what is under way ends. */
static void settle(void)
{
    uint32_t turn, vp, i;

    session.post_fails = 0;
    session.shares_fail = 0;
    feed.left = 0;
    for (turn = 0; turn < 64; turn++) {
        for (vp = 0; vp < VPS; vp++) {
            (void)vmb_guest_run(guest, vp, 8);
        }
        for (i = 0; i < DEVICES; i++) {
            device_polls(&session.devices[i]);
        }
        poll_all();
        if (vmb_guest_continue(guest) != VMB_OK && vmb_guest_next_deadline_ns(guest) == VMB_NEVER) {
            break; /* And what was asked during a pause does not wait for its end any more. */
        }
        session.now_ns += 10000000000u;
    }
    FUZZ_CHECK(vmb_guest_next_deadline_ns(guest) == VMB_NEVER);
    requests_all_ended(&session.requests);
}

/* Leave: drivers are closed, whatever the host does. */
static void leave(void)
{
    uint32_t i;

    if (vmb_guest_unload(guest) == VMB_OK) {
        settle();
        host_answers(0, 0);
    }
    for (i = 0; i < DEVICES; i++) {
        FUZZ_CHECK(session.devices[i].endpoint == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t first, op;

    feed = feed_of(data, size);
    first = feed_u8(&feed);
    begin(&images[first % IMAGES]);
    for (op = 0; op < OPS && feed.left > 0; op++) {
        one_step();
    }
    settle();
    if ((first & 0x40u) != 0) {
        while (vmb_guest_crash_unload(guest) == VMB_ERR_RETRY) {
            session.now_ns += 30000000000u;
        }
    } else {
        leave();
    }
    return 0;
}
