/* SPDX-License-Identifier: MIT */
#include "explore/scenarios/host_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmbus/proto/pages.h>
#include <vmbus/ring.h>

#define PAGES   16u
#define DEVICES 4u
#define NUMBERS 32u
#define GHOST   XPL_GHOST
#define FIRST   1u /* Guest page number of the first page. */
/* The last pages are for the whole bus. */
#define INTERRUPT_PAGE (PAGES - 1u)
#define MONITOR_PAGE   (PAGES - 2u)
#define MESSAGES       8u

struct vmb_host *host_world;

static _Alignas(64) uint8_t host_memory[64 * 1024];
static _Alignas(4096) uint8_t guest_pages[PAGES][VMB_PAGE_BYTES];

static struct {
    uint32_t version;
    uint32_t pages_given;
    uint32_t gpadls_given;
    uint32_t device_count;
    uint32_t heard[NUMBERS]; /* Messages that the guest got, by number. The control plane's. */
    uint32_t relid;          /* Of the last offer. */
    uint8_t monitor;         /* And its monitor id. */
    uint32_t drained;        /* Interrupts that VP 0 had when the move was answered. */
    bool takes_interrupts;
    bool slot_full;
} world;

/* Handlers are due; the control plane has work. Any number of runners take the first. */
static vmb_atomic_u32 due[2];
static vmb_atomic_u32 work;
/* Interrupts raised on each VP, in all; and that it has one to take. */
static vmb_atomic_u32 raised[HOST_WORLD_VPS];
static vmb_atomic_u32 interrupt[HOST_WORLD_VPS];

static void world_must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "explore: host world: %s\n", what);
        exit(2);
    }
}

/* --- The platform ----------------------------------------------------------------------------- */

/* A guest that does not empty its slot takes nothing. */
static bool slot_is_full(void)
{
    return world.slot_full;
}

static vmb_status host_post_message(void *context, uint32_t vp, uint8_t sint, const void *message,
                                    uint32_t message_bytes)
{
    struct vmb_message decoded;

    (void)context;
    (void)vp;
    (void)sint;
    if (slot_is_full()) {
        return VMB_ERR_RETRY;
    }
    world_must(vmb_message_decode(message, message_bytes, VMB_HOST_TO_GUEST, world.version, 0,
                                  &decoded) == VMB_OK,
               "the host posted nonsense");
    world.heard[decoded.number % NUMBERS]++;
    if (decoded.number == VMB_MSG_OFFER_CHANNEL) {
        world.relid = decoded.u.offer.relid;
        world.monitor = decoded.u.offer.monitor_id;
    }
    if (decoded.number == VMB_MSG_MODIFY_CHANNEL_RESPONSE) {
        /* The guest looks for the last time at what is set on VP 0, and takes it away. */
        world.drained = vmb_atomic_load(&raised[0], VMB_RELAXED);
    }
    return VMB_OK;
}

static void host_raise_event(void *context, uint32_t vp, uint8_t sint, uint16_t flag)
{
    (void)context;
    (void)sint;
    (void)flag;
    (void)vmb_atomic_fetch_add(&raised[vp], 1u, VMB_RELAXED);
    if (world.takes_interrupts) {
        (void)vmb_atomic_fetch_or(&interrupt[vp], 1u, VMB_RELEASE);
    }
}

static vmb_status host_map_pages(void *context, const vmb_gpn *gpns, uint32_t page_count,
                                 struct vmb_host_mapping *out_mapping)
{
    (void)context;
    (void)page_count;
    out_mapping->base = guest_pages[gpns[0] - FIRST];
    return VMB_OK;
}

/* They are the guest's again, who writes what it likes. */
static void host_unmap_pages(void *context, const struct vmb_host_mapping *mapping,
                             uint32_t page_count)
{
    uint8_t *base = mapping->base;

    (void)context;
    for (uint32_t i = 0; i < page_count; i++) {
        xpl_plain_write(base + (size_t)i * VMB_PAGE_BYTES + VMB_PAGE_BYTES / 2, 8);
    }
}

static uint64_t host_now_ns(void *context)
{
    (void)context;
    return 0;
}

static void host_work_ready(void *context)
{
    (void)context;
    (void)vmb_atomic_fetch_or(&work, 1u, VMB_RELEASE);
}

/* Whom it wakes is the platform's choice: each VP has a runner of its own, who wakes himself. */
static void host_run_ready(void *context)
{
    (void)context;
    (void)vmb_atomic_fetch_or(&due[xpl_self() % 2], 1u, VMB_RELEASE);
}

/* --- The device ------------------------------------------------------------------------------- */

static void device_opened(void *context, struct vmb_endpoint *endpoint)
{
    ((struct host_device *)context)->endpoint = endpoint;
}

static void device_receive(struct host_device *device)
{
    struct vmb_packet packet;
    uint32_t number[2]; /* A packet's size is a multiple of 8. */

    while (vmb_endpoint_receive(device->endpoint, number, sizeof(number), &packet) == VMB_OK) {
        device->received++;
        xpl_expect(number[0] == device->received, "packet %u of %s arrives as %u", device->received,
                   device->name, number[0]);
    }
    vmb_endpoint_release(device->endpoint);
}

static void device_event(void *context)
{
    struct host_device *device = context;

    xpl_expect(vmb_atomic_load(&device->closed, GHOST) == 0,
               "the handler of %s starts although its channel is closed", device->name);
    xpl_expect(vmb_atomic_fetch_add(&device->inside, 1u, GHOST) == 0,
               "the handler of %s runs twice at once", device->name);
    device->seen = vmb_atomic_load(&device->produced, VMB_RELAXED);
    xpl_note("handler of %s has seen %u", device->name, (unsigned)device->seen);
    if (device->receives) {
        device_receive(device);
    }
    if (device->asks) {
        device->asks = false;
        device->wish = 1;
        vmb_host_request_control(device->channel);
    }
    (void)vmb_atomic_fetch_add(&device->inside, UINT32_MAX, GHOST);
}

static void device_closed(void *context, vmb_status reason)
{
    struct host_device *device = context;

    (void)reason;
    xpl_note("%s is closed", device->name);
    device->endpoint = NULL;
    device->seen = 0; /* The device is done with it; so must every handler be. */
    vmb_atomic_store(&device->closed, 1u, GHOST);
    xpl_expect(vmb_atomic_load(&device->inside, GHOST) == 0, "%s is closed while its handler runs",
               device->name);
}

static void device_control(void *context, struct vmb_host_channel *channel)
{
    struct host_device *device = context;

    (void)channel;
    device->controls = device->wish;
}

static const struct vmb_driver driver = {.name = "device",
                                         .class_id = {{0xC1}},
                                         .opened = device_opened,
                                         .on_event = device_event,
                                         .closed = device_closed};
static const struct vmb_host_hooks hooks = {.struct_bytes = sizeof(hooks),
                                            .control = device_control};

/* --- The guest -------------------------------------------------------------------------------- */

void host_world_post(const struct vmb_message *message)
{
    const bool multiclient =
        world.version >= VMB_VERSION_5_0 && message->number == VMB_MSG_INITIATE_CONTACT;
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t byte_count;

    world_must(vmb_message_encode(message, world.version, 0, bytes, sizeof(bytes), &byte_count) ==
                   VMB_OK,
               "the guest says nonsense");
    if (vmb_host_on_message(host_world,
                            multiclient ? VMB_CONNECTION_MULTICLIENT : VMB_CONNECTION_MESSAGE,
                            bytes, byte_count) != VMB_OK) {
        xpl_fail("a message of the guest is refused although there is room");
    }
}

/* A guest may signal what it has closed: then its hypercall fails. */
static void world_ring_doorbell(const struct host_device *device)
{
    if (vmb_host_on_signal(host_world, VMB_HOST_CONNECTION_BASE + device->relid, 0) != VMB_OK) {
        xpl_note("%s is not open: no such doorbell", device->name);
    }
}

void host_world_signal(struct host_device *device)
{
    (void)vmb_atomic_fetch_add(&device->produced, (uintptr_t)1, VMB_RELAXED);
    world_ring_doorbell(device);
}

void host_world_send(struct host_device *device, uint32_t number)
{
    const struct vmb_slice payload = {.bytes = &number, .byte_count = sizeof(number)};
    const struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND};

    if (vmb_ring_tx_write(&device->ring, &packet, &payload, 1) != VMB_OK) {
        xpl_fail("the guest's ring is broken");
    }
    if (vmb_ring_tx_commit(&device->ring)) {
        world_ring_doorbell(device);
    }
}

/* A guest older than 2.4: a bit of the interrupt page's half for the host, then one doorbell. */
void host_world_signal_legacy(struct host_device *device)
{
    vmb_atomic_u32 *page = (vmb_atomic_u32 *)(void *)(guest_pages[INTERRUPT_PAGE] + 2048);

    (void)vmb_atomic_fetch_add(&device->produced, (uintptr_t)1, VMB_RELAXED);
    (void)vmb_atomic_fetch_or(&page[device->relid / 32], 1u << device->relid % 32, VMB_RELEASE);
    if (vmb_host_on_signal(host_world, VMB_CONNECTION_EVENT, 0) != VMB_OK) {
        xpl_fail("the doorbell of all channels is refused");
    }
}

/* A bit of the monitor page, which the host looks at when it thinks fit. */
void host_world_signal_lazily(struct host_device *device)
{
    vmb_atomic_u32 *page = (vmb_atomic_u32 *)(void *)guest_pages[MONITOR_PAGE];

    (void)vmb_atomic_fetch_add(&device->produced, (uintptr_t)1, VMB_RELAXED);
    (void)vmb_atomic_fetch_or(&page[VMB_MONITOR_PENDING(0) / 4], 1u << device->monitor,
                              VMB_RELEASE);
}

void host_world_time_passes(void)
{
    (void)vmb_atomic_fetch_or(&work, 1u, GHOST);
}

/* A guest older than 2.4 takes interrupts on VP 0: which channels have news is in the page. */
void host_world_legacy_vp(void *argument)
{
    struct host_device *const *devices = argument;
    vmb_atomic_u32 *page = (vmb_atomic_u32 *)(void *)guest_pages[INTERRUPT_PAGE];

    for (;;) {
        uint32_t bits;

        (void)xpl_await(&interrupt[0], VMB_ACQUIRE);
        bits = vmb_atomic_exchange(&page[0], 0u, VMB_ACQUIRE);
        for (unsigned i = 0; devices[i] != NULL; i++) {
            if ((bits >> devices[i]->relid & 1) != 0) {
                devices[i]->seen = vmb_atomic_load(&devices[i]->produced, VMB_RELAXED);
            }
        }
    }
}

/* The device's work for the guest, and its doorbell. */
void host_world_raise(struct host_device *device)
{
    (void)vmb_atomic_fetch_add(&device->produced, (uintptr_t)1, VMB_RELAXED);
    device->endpoint->ring_doorbell(device->endpoint->doorbell_context);
}

void host_world_fill_slot(bool full)
{
    world.slot_full = full;
}

void host_world_expect_drained(void)
{
    xpl_expect(world.drained == raised[0].value,
               "VP 0 was interrupted %u times, of which the guest could see %u when it was told "
               "that these were all",
               raised[0].value, world.drained);
}

void host_world_runner(void *argument)
{
    vmb_atomic_u32 *mine = &due[(uintptr_t)argument];

    for (;;) {
        (void)xpl_await(mine, VMB_ACQUIRE);
        while (vmb_host_run(host_world, 2)) {
        }
    }
}

void host_world_control(void *argument)
{
    (void)argument;
    for (;;) {
        (void)xpl_await(&work, VMB_ACQUIRE);
        while (vmb_host_poll(host_world)) {
        }
    }
}

uint32_t host_world_heard(uint32_t number)
{
    return world.heard[number];
}

void host_world_share(uint32_t relid, uint32_t handle, const uint64_t *pages, uint32_t page_count)
{
    struct vmb_message message = {.number = VMB_MSG_GPADL_HEADER};
    struct vmb_msg_gpadl_header *header = &message.u.gpadl_header;

    header->relid = relid;
    header->gpadl = handle;
    header->range_count = 1;
    header->range_data_bytes = (uint16_t)(8u + 8u * page_count);
    header->range_word_count = 1 + page_count;
    header->range_words[0] = page_count * VMB_PAGE_BYTES;
    for (uint32_t i = 0; i < page_count; i++) {
        header->range_words[1 + i] = pages[i];
    }
    host_world_post(&message);
}

/* --- Preparing and checking ------------------------------------------------------------------- */

void host_world_settle(void)
{
    while (vmb_host_poll(host_world)) {
    }
}

static void world_say(const struct vmb_message *message)
{
    host_world_post(message);
    host_world_settle();
}

void host_world_begin(uint32_t version)
{
    const struct vmb_host_options options = {.struct_bytes = sizeof(options),
                                             .vp_count = HOST_WORLD_VPS,
                                             .channel_limit = DEVICES,
                                             .gpadl_limit = DEVICES,
                                             .gpadl_page_limit = 64,
                                             .message_limit = MESSAGES};
    const struct vmb_host_platform platform = {.struct_bytes = sizeof(platform),
                                               .post_message = host_post_message,
                                               .raise_event = host_raise_event,
                                               .map_pages = host_map_pages,
                                               .unmap_pages = host_unmap_pages,
                                               .now_ns = host_now_ns,
                                               .work_ready = host_work_ready,
                                               .run_ready = host_run_ready};
    struct vmb_message message = {.number = VMB_MSG_INITIATE_CONTACT};
    const size_t bytes = vmb_host_memory_bytes(&options);

    memset(&world, 0, sizeof(world));
    memset(guest_pages, 0, sizeof(guest_pages));
    world.version = version;
    world_must(bytes != 0 && bytes <= sizeof(host_memory) &&
                   vmb_host_init(host_memory, bytes, &options, &platform, NULL, &host_world) ==
                       VMB_OK,
               "no host");
    message.u.initiate_contact.requested_version = version;
    message.u.initiate_contact.target_sint = VMB_HOST_SINT;
    message.u.initiate_contact.interrupt_page_gpa = (vmb_gpa)(FIRST + INTERRUPT_PAGE)
                                                    << VMB_PAGE_SHIFT;
    message.u.initiate_contact.child_to_parent_gpa = (vmb_gpa)(FIRST + MONITOR_PAGE)
                                                     << VMB_PAGE_SHIFT;
    message.u.initiate_contact.parent_to_child_gpa = (vmb_gpa)(FIRST + MONITOR_PAGE - 1)
                                                     << VMB_PAGE_SHIFT;
    world_say(&message);
    message = (struct vmb_message){.number = VMB_MSG_REQUEST_OFFERS};
    world_say(&message);
    world_must(world.heard[VMB_MSG_ALL_OFFERS_DELIVERED] == 1, "no bus");
    xpl_keep_watched(host_memory, bytes);
    xpl_keep_watched(guest_pages, sizeof(guest_pages));
    xpl_keep_watched(&world, sizeof(world));
    xpl_name(&due[0], "handlers are due, runner 0");
    xpl_name(&due[1], "handlers are due, runner 1");
    xpl_name(&work, "work for the control plane");
    due[0].value = due[1].value = work.value = 0;
    memset(raised, 0, sizeof(raised));
    memset(interrupt, 0, sizeof(interrupt));
}

void host_world_takes_interrupts(void)
{
    world.takes_interrupts = true;
}

void host_world_offer(struct host_device *device)
{
    struct vmb_host_offer_options offer = {
        .struct_bytes = sizeof(offer), .driver = &driver, .device = device, .hooks = &hooks};
    uint64_t pages[4];

    *device = (struct host_device){.name = device->name,
                                   .receives = device->receives,
                                   .lazy = device->lazy,
                                   .driver = device->driver,
                                   .hooks = device->hooks,
                                   .context = device->context};
    if (device->driver != NULL) {
        offer.driver = device->driver;
        offer.hooks = device->hooks;
        offer.device = device->context;
    }
    offer.monitored = device->lazy;
    offer.instance_id.bytes[0] = (uint8_t)++world.device_count;
    world_must(vmb_host_offer(host_world, &offer, &device->channel) == VMB_OK, "no device");
    host_world_settle();
    device->relid = world.relid;
    device->monitor = world.monitor;
    device->rings = guest_pages[world.pages_given];
    for (uint32_t i = 0; i < 4; i++) {
        pages[i] = FIRST + world.pages_given++;
    }
    device->ring_gpadl = ++world.gpadls_given;
    host_world_share(device->relid, device->ring_gpadl, pages, 4);
    host_world_settle();
    xpl_keep_watched(device, sizeof(*device));
    xpl_name(&device->produced, "work of %s", device->name);
}

void host_world_ask_open(struct host_device *device)
{
    struct vmb_message message = {.number = VMB_MSG_OPEN_CHANNEL};

    message.u.open_channel.relid = device->relid;
    message.u.open_channel.open_id = device->relid;
    message.u.open_channel.ring_gpadl = device->ring_gpadl;
    message.u.open_channel.downstream_page_offset = 2;
    host_world_post(&message);
}

void host_world_run_all(void)
{
    host_world_settle();
    while (vmb_host_run(host_world, 4)) {
    }
    host_world_settle();
    raised[0].value = interrupt[0].value = 0;
    due[0].value = due[1].value = work.value = 0;
}

void host_world_open(struct host_device *device)
{
    host_world_offer(device);
    host_world_ask_open(device);
    host_world_run_all();
    world_must(device->endpoint != NULL || device->driver != NULL, "not open");
}

void host_world_ring(struct host_device *device)
{
    world_must(vmb_ring_tx_init(&device->ring, device->rings, VMB_PAGE_BYTES) == VMB_OK, "no ring");
}

void host_world_expect_seen(const struct host_device *device)
{
    xpl_expect(device->seen == device->produced.value,
               "a signal of the guest for %s was lost: it put work %u there and signalled, and no "
               "handler started after that (last seen: %u)",
               device->name, (unsigned)device->produced.value, (unsigned)device->seen);
}
