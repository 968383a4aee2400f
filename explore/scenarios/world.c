/* SPDX-License-Identifier: MIT */
/* The control plane of the guest, and the host that it talks to. */
#include "explore/scenarios/world_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmbus/power.h>

#define CHANNELS       3u
#define SMALL_RINGS    8u   /* Pages. */
#define LARGE_RING_USE 512u /* Bytes of a page. */

struct vmb_guest *world_guest;

static _Alignas(64) uint8_t guest_memory[192 * 1024];
_Alignas(4096) uint8_t world_messages[WORLD_VPS][VMB_PAGE_BYTES];
_Alignas(4096) uint8_t world_events[WORLD_VPS][VMB_PAGE_BYTES];
_Alignas(4096) uint8_t world_shared[PAGES][VMB_PAGE_BYTES];

struct world_state world;
struct world_signs world_signs;

void world_die(const char *why)
{
    fprintf(stderr, "explore: world: %s\n", why);
    exit(2);
}

static struct world_device *host_device(uint32_t relid)
{
    for (uint32_t i = 0; i < world.device_count; i++) {
        if (world.devices[i]->relid == relid) {
            return world.devices[i];
        }
    }
    world_die("no device of this relid");
    return NULL;
}

static struct vmb_message *host_answer(uint32_t number)
{
    struct vmb_message *answer = &world.answers[world.answer_count];

    if (world.answer_count++ == ANSWERS) {
        world_die("too many answers");
    }
    memset(answer, 0, sizeof(*answer));
    answer->number = number;
    return answer;
}

static void host_offers(const struct world_device *device, struct vmb_msg_offer *offer)
{
    offer->relid = device->relid;
    offer->instance_guid.bytes[0] = device->instance;
    offer->subchannel_index = device->subchannel;
    offer->is_dedicated = world.version >= VMB_VERSION_2_4;
    offer->connection_id = device->relid;
    offer->monitor_allocated = world.monitors;
    offer->monitor_id = (uint8_t)device->relid;
}

/* What the host does on a message of the guest. */
static void host_hears(const struct vmb_message *message)
{
    struct vmb_message *answer;

    switch (message->number) {
    case VMB_MSG_INITIATE_CONTACT:
        answer = host_answer(VMB_MSG_VERSION_RESPONSE);
        answer->u.version_response.version_supported = true;
        answer->u.version_response.message_connection_id = 1;
        break;
    case VMB_MSG_REQUEST_OFFERS:
        for (uint32_t i = 0; i < DEVICES && world.resumes[i] != NULL; i++) {
            answer = host_answer(VMB_MSG_OFFER_CHANNEL);
            host_offers(world.resumes[i], &answer->u.offer);
        }
        host_answer(VMB_MSG_ALL_OFFERS_DELIVERED);
        break;
    case VMB_MSG_UNLOAD:
        host_answer(VMB_MSG_UNLOAD_COMPLETE);
        break;
    case VMB_MSG_GPADL_HEADER:
        answer = host_answer(VMB_MSG_GPADL_CREATED);
        answer->u.gpadl_created.relid = message->u.gpadl_header.relid;
        answer->u.gpadl_created.gpadl = message->u.gpadl_header.gpadl;
        break;
    case VMB_MSG_GPADL_TEARDOWN:
        answer = host_answer(VMB_MSG_GPADL_TORNDOWN);
        answer->u.gpadl_torndown.gpadl = message->u.gpadl_teardown.gpadl;
        break;
    case VMB_MSG_OPEN_CHANNEL:
        vmb_atomic_store(&host_device(message->u.open_channel.relid)->target,
                         message->u.open_channel.target_vp, VMB_RELEASE);
        answer = host_answer(VMB_MSG_OPEN_RESULT);
        answer->u.open_result.relid = message->u.open_channel.relid;
        answer->u.open_result.open_id = message->u.open_channel.open_id;
        vmb_atomic_store(&world_signs.asked, 1u, GHOST); /* A hypercall orders nothing by itself. */
        break;
    case VMB_MSG_MODIFY_CHANNEL:
        world_port_lock();
        vmb_atomic_store(&host_device(message->u.modify_channel.relid)->target,
                         message->u.modify_channel.target_vp, VMB_RELEASE);
        world_port_unlock();
        if (world.version >= VMB_VERSION_5_3) {
            answer = host_answer(VMB_MSG_MODIFY_CHANNEL_RESPONSE);
            answer->u.modify_channel_response.relid = message->u.modify_channel.relid;
        }
        break;
    case VMB_MSG_RELID_RELEASED:
        world.released = message->u.relid_released.relid;
        break;
    default:
        break; /* CloseChannel: nothing to say. */
    }
}

static vmb_status post_message(void *context, uint32_t connection_id, const void *bytes,
                               uint32_t byte_count)
{
    struct vmb_message message;

    (void)context;
    (void)connection_id;
    if (vmb_message_decode(bytes, byte_count, VMB_GUEST_TO_HOST, world.version, 0, &message) !=
        VMB_OK) {
        world_die("the guest posted nonsense");
    }
    host_hears(&message);
    return VMB_OK;
}

/* A message lands in the slot, its type last. */
static void slot_fill(const struct vmb_message *message, bool more)
{
    uint8_t *slot = vmb_hv_slot(world_messages[0], SINT);
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t byte_count;

    if (vmb_message_encode(message, world.version, 0, bytes, sizeof(bytes), &byte_count) !=
        VMB_OK) {
        world_die("the host says nonsense");
    }
    memcpy(slot + VMB_HV_SLOT_PAYLOAD, bytes, byte_count);
    vmb_atomic_store((vmb_atomic_u32 *)(void *)(slot + VMB_HV_SLOT_SIZE),
                     byte_count | (more ? VMB_HV_SLOT_FLAG_PENDING << 8 : 0), VMB_RELAXED);
    vmb_atomic_store((vmb_atomic_u32 *)(void *)(slot + VMB_HV_SLOT_TYPE), VMB_SYNIC_MESSAGE_TYPE,
                     VMB_RELEASE);
}

/* The host's own look at the slot: ghost, so that it does not help the guest. */
static bool slot_full(void)
{
    uint8_t *slot = vmb_hv_slot(world_messages[0], SINT);

    return vmb_atomic_load((vmb_atomic_u32 *)(void *)(slot + VMB_HV_SLOT_TYPE), GHOST) != 0;
}

void world_deliver_offer(uint32_t relid, bool more)
{
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};

    offer.u.offer.relid = relid;
    offer.u.offer.instance_guid.bytes[0] = (uint8_t)relid;
    slot_fill(&offer, more);
    world_interrupt(0);
}

void world_host_says(const struct vmb_message *message)
{
    const bool alone = xpl_self() == XPL_THREADS || world.control_on_0;

    slot_fill(message, false);
    if (alone) {
        (void)vmb_guest_on_interrupt(world_guest, 0);
    } else {
        world_interrupt(0);
    }
    do {
        if (!alone) {
            (void)xpl_await(&world_signs.work,
                            VMB_ACQUIRE); /* Also of a message that is gone already. */
        }
        while (vmb_guest_poll(world_guest)) {
        }
    } while (slot_full());
}

void world_control_on_vp_0(void)
{
    world.control_on_0 = true;
}

void world_host_has_said(const struct vmb_message *message)
{
    slot_fill(message, false);
    (void)vmb_guest_on_interrupt(world_guest, 0);
}

void world_settle(void)
{
    while (vmb_guest_poll(world_guest)) {
    }
    for (uint32_t i = 0; i < world.answer_count; i++) {
        world_host_says(&world.answers[i]);
    }
    world.answer_count = 0;
}

static void signal_event(void *context, uint32_t connection_id, uint16_t flag)
{
    (void)context;
    (void)connection_id;
    (void)flag;
    (void)vmb_atomic_fetch_or(&world_signs.doorbell, 1u, VMB_RELEASE);
}

static vmb_status share_pages(void *context, uint32_t page_count, struct vmb_pages *out_pages)
{
    (void)context;
    if (page_count > PAGES - world.pages_given) {
        world_die("out of pages");
    }
    /* Of large rings only as much as is used: `prepare` has cleared all. */
    for (uint32_t i = 0; i < page_count; i++) {
        memset(world_shared[world.pages_given + i], 0,
               page_count > SMALL_RINGS ? LARGE_RING_USE : VMB_PAGE_BYTES);
    }
    *out_pages = (struct vmb_pages){.base = world_shared[world.pages_given],
                                    .first_gpn = 1u + world.pages_given,
                                    .page_count = page_count};
    world.last_shared = world_shared[world.pages_given];
    world.pages_given += page_count;
    return VMB_OK;
}

/* They are somebody else's from here on, who writes what he likes. */
static void unshare_pages(void *context, const struct vmb_pages *pages)
{
    uint8_t *base = pages->base;

    (void)context;
    for (uint32_t i = 0; i < pages->page_count; i++) {
        xpl_plain_write(base + (size_t)i * VMB_PAGE_BYTES + VMB_PAGE_BYTES / 2, 8);
    }
}

static uint64_t now_ns(void *context)
{
    (void)context;
    return 0;
}

static void end_of_message(void *context, uint32_t vp)
{
    (void)context;
    (void)vp;
    (void)vmb_atomic_fetch_or(&world_signs.emptied, 1u, VMB_RELEASE);
}

static void work_ready(void *context)
{
    (void)context;
    (void)vmb_atomic_fetch_or(&world_signs.work, 1u, VMB_RELEASE);
}

/* Poll, answer, and poll again whenever somebody has left the dispatch, until @over says so. */
static void settle_until(bool (*over)(const void *argument), const void *argument)
{
    world_settle();
    while (!over(argument)) {
        if (world.sleeps) {
            (void)xpl_await(&world_signs.tick, VMB_ACQUIRE);
        } else {
            (void)xpl_await(&world_signs.tick, GHOST);
        }
        world_settle();
    }
}

static bool closed_done(const void *argument)
{
    return vmb_channel_state(((const struct world_device *)argument)->channel) ==
           VMB_CHANNEL_OFFERED;
}

void world_will_close(void)
{
    world.closes = true;
}

void world_close(struct world_device *device)
{
    if (vmb_channel_close(device->channel, NULL, NULL) != VMB_OK) {
        xpl_fail("the close was refused");
    }
    settle_until(closed_done, device);
}

static bool released_done(const void *argument)
{
    return world.released == *(const uint32_t *)argument;
}

void world_until_released(uint32_t relid)
{
    settle_until(released_done, &relid);
}

/* More is due on a VP than its present run will do. */
static void run_ready(void *context, uint32_t vp)
{
    (void)context;
    if (world.runs_apart && vp == 0) {
        world_makes_due();
    }
}

static void on_offered(void *context, struct vmb_channel *channel)
{
    (void)context;
    if (xpl_self() < XPL_THREADS && world.offering->channel != NULL) {
        return; /* Of world_deliver_offer(). */
    }
    world.offering->channel = channel;
    world.devices[world.device_count++] = world.offering;
}

static void on_suspended(void *context, vmb_status status)
{
    (void)context;
    xpl_expect(status == VMB_OK, "the bus cannot be left to sleep");
    world.suspended = true;
}

static bool suspended_done(const void *argument)
{
    (void)argument;
    return world.suspended;
}

void world_sleep(void)
{
    if (vmb_guest_suspend(world_guest) != VMB_OK) {
        xpl_fail("the guest may not sleep");
    }
    settle_until(suspended_done, NULL);
}

void world_wake(struct world_device *device)
{
    if (vmb_guest_resume(world_guest) != VMB_OK) {
        xpl_fail("the guest may not wake");
    }
    settle_until(closed_done, device);
}

void world_will_wake(struct world_device *first, uint32_t first_relid, struct world_device *second,
                     uint32_t second_relid)
{
    first->relid = first_relid;
    second->relid = second_relid;
    world.sleeps = true;
    world.resumes[0] = first;
    world.resumes[1] = second;
}

static void world_names(void)
{
    for (uint32_t vp = 0; vp < WORLD_VPS; vp++) {
        xpl_name(&world_signs.interrupt[vp], "interrupt of VP %u", vp);
        xpl_name(&world_signs.left[vp][0], "VP %u was inside", vp);
        xpl_name(&world_signs.left[vp][1], "VP %u was inside", vp);
        for (uint32_t i = 0; i < 4; i++) {
            xpl_name(world_flag_word(i * WORD_BITS, vp), "flags %u.. of VP %u", i * WORD_BITS, vp);
        }
    }
    xpl_name(&world_signs.port, "lock of the host's ports");
    xpl_name(&world_signs.asked, "OpenChannel heard");
    xpl_name(&world_signs.work, "work for the control plane");
    xpl_name(&world_signs.tick, "time passes");
}

static void world_keeps(size_t guest_bytes)
{
    xpl_keep_watched(guest_memory, guest_bytes);
    xpl_keep_watched(world_shared, sizeof(world_shared));
    xpl_keep_watched(world_messages, sizeof(world_messages));
    xpl_keep_watched(&world, sizeof(world));
}

static void world_prepare(uint32_t version, bool connects, uint32_t vps_started)
{
    const struct vmb_guest_options options = {.struct_bytes = sizeof(options),
                                              .vp_count = WORLD_VPS,
                                              .channel_limit = CHANNELS,
                                              .max_version = version,
                                              .min_version = version};
    const struct vmb_guest_platform platform = {.struct_bytes = sizeof(platform),
                                                .post_message = post_message,
                                                .signal_event = signal_event,
                                                .share_pages = share_pages,
                                                .unshare_pages = unshare_pages,
                                                .now_ns = now_ns,
                                                .end_of_message = end_of_message,
                                                .work_ready = work_ready,
                                                .run_ready = run_ready};
    const struct vmb_guest_events events = {
        .struct_bytes = sizeof(events), .offered = on_offered, .suspended = on_suspended};
    const size_t bytes = vmb_guest_memory_bytes(&options);

    memset(&world, 0, sizeof(world));
    memset(world_events, 0, sizeof(world_events));
    memset(world_messages, 0, sizeof(world_messages));
    memset(world_shared, 0, sizeof(world_shared));
    memset(&world_signs, 0, sizeof(world_signs));
    world_signs.port.value = 1;
    world.runs_first = WORLD_VPS;
    world.version = version;
    if (bytes > sizeof(guest_memory) ||
        vmb_guest_init(guest_memory, bytes, &options, &platform, &events, &world_guest) != VMB_OK) {
        world_die("no guest");
    }
    for (uint32_t vp = 0; vp < WORLD_VPS; vp++) {
        world_signs.powered[vp].value = 1;
        if (vp < vps_started &&
            vmb_guest_vp_start(world_guest, vp, world_messages[vp], world_events[vp]) != VMB_OK) {
            world_die("no VP");
        }
    }
    if (connects) {
        world_connect();
    }
    world_signs.work.value = 0;
    world_names();
    world_keeps(bytes);
}

void world_connect(void)
{
    if (vmb_guest_connect(world_guest) != VMB_OK) {
        xpl_fail("there is no bus");
    }
    world_settle();
}

void world_begin(uint32_t version)
{
    world_prepare(version, true, WORLD_VPS);
}

void world_begin_unconnected(uint32_t version)
{
    world_prepare(version, false, WORLD_VPS);
}

void world_begin_one_vp(uint32_t version)
{
    world_prepare(version, true, 1);
}

static void device_begin(struct world_device *device, uint32_t relid)
{
    *device = (struct world_device){.name = device->name,
                                    .relid = relid,
                                    .instance = (uint8_t)(relid - device->subchannel),
                                    .watched = device->watched,
                                    .polls_outside = device->polls_outside,
                                    .subchannel = device->subchannel};
    xpl_name(&device->produced, "work of %s", device->name);
    xpl_name(&device->target, "host's target VP of %s", device->name);
}

void world_offer(struct world_device *device, uint32_t relid)
{
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};

    if (xpl_self() == XPL_THREADS) {
        device_begin(device, relid);
    }
    host_offers(device, &offer.u.offer);
    world.offering = device;
    world_host_says(&offer);
    if (device->channel == NULL) {
        world_die("not offered");
    }
    xpl_name(device->channel, "channel of relid %u", relid);
}

void world_will_offer(struct world_device *device, uint32_t relid)
{
    device_begin(device, relid);
    world_keep(device);
}

void world_open(struct world_device *device, enum vmb_notify notify, uint32_t vp)
{
    const struct vmb_channel_open_options options = {.struct_bytes = sizeof(options),
                                                     .driver = &world_drivers[notify],
                                                     .device = device,
                                                     .tx_pages = 1,
                                                     .rx_pages = 1,
                                                     .target_vp = vp,
                                                     .monitored = world.monitors};

    if (vmb_channel_open(device->channel, &options) != VMB_OK) {
        world_die("cannot open");
    }
    device->rings = world.last_shared;
    device->notify = notify;
    for (unsigned i = 0; i < 4 && device->endpoint == NULL; i++) {
        world_settle();
    }
    if (device->endpoint == NULL) {
        world_die("not open");
    }
    if (xpl_self() == XPL_THREADS) {
        world_signs.asked.value = 0;
        world_keep(device);
    }
}

void world_expect_closed(const struct world_device *device)
{
    for (unsigned i = 0; i < 4; i++) {
        world_settle();
    }
    xpl_expect(closed_done(device), "nobody is inside any more, and the close of %s does not end",
               device->name);
}

void world_expect_released(uint32_t relid)
{
    for (unsigned i = 0; i < 4; i++) {
        world_settle();
    }
    xpl_expect(released_done(&relid), "nobody is inside any more, and relid %u is not released",
               relid);
}
