/* SPDX-License-Identifier: MIT */
/* See guest_rig.h. */
#include "guest_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define RIG_FIRST_GPN 0x1000u

static vmb_status rig_post(void *context, uint32_t connection_id, const void *message,
                           uint32_t message_bytes)
{
    struct rig *rig = context;
    struct rig_posted *posted = &rig->posted[rig->posted_count];
    uint32_t version = vmb_guest_version(rig->guest);

    if (rig->post_result != VMB_OK) {
        return rig->post_result;
    }
    if (rig->no_connection != 0 && connection_id == rig->no_connection) {
        rig->refused_posts++;
        return VMB_ERR_INVALID_TARGET;
    }
    assert_true(rig->posted_count < RIG_POSTED);
    posted->connection_id = connection_id;
    assert_int_equal(vmb_message_decode(message, message_bytes, VMB_GUEST_TO_HOST,
                                        version != 0 ? version : VMB_VERSION_NONE,
                                        vmb_guest_features(rig->guest), &posted->message),
                     VMB_OK);
    rig->posted_count++;
    return VMB_OK;
}

static void rig_signal(void *context, uint32_t connection_id, uint16_t flag)
{
    struct rig *rig = context;

    assert_int_equal(flag, 0);
    rig->signals++;
    rig->signal_connection = connection_id;
}

static vmb_status rig_share(void *context, uint32_t page_count, struct vmb_pages *out_pages)
{
    struct rig *rig = context;

    if (++rig->shares_made == rig->share_fails_at) {
        return VMB_ERR_NO_MEMORY;
    }
    if (rig->pages_given + page_count > RIG_PAGES) {
        return VMB_ERR_NO_MEMORY;
    }
    out_pages->base = rig->shared_pages + (size_t)rig->pages_given * VMB_PAGE_BYTES;
    out_pages->first_gpn = RIG_FIRST_GPN + rig->pages_given;
    out_pages->page_count = page_count;
    out_pages->owner = (void *)(uintptr_t)page_count; /* Must come back with them. */
    memset(out_pages->base, 0, (size_t)page_count * VMB_PAGE_BYTES);
    if (rig->share_askew) {
        out_pages->base = (uint8_t *)out_pages->base + 8;
    }
    rig->pages_given += page_count;
    rig->shares_live++;
    rig->last_pages = *out_pages;
    return VMB_OK;
}

static void rig_unshare(void *context, const struct vmb_pages *pages)
{
    struct rig *rig = context;

    assert_true(rig->shares_live > 0);
    assert_int_equal((uintptr_t)pages->owner, pages->page_count);
    assert_int_equal(pages->first_gpn,
                     RIG_FIRST_GPN +
                         (size_t)((uint8_t *)pages->base - rig->shared_pages) / VMB_PAGE_BYTES);
    rig->shares_live--;
    memset(pages->base, 0xDB, (size_t)pages->page_count * VMB_PAGE_BYTES);
}

static uint64_t rig_now(void *context)
{
    return ((struct rig *)context)->now_ns;
}

static void rig_eom(void *context, uint32_t vp)
{
    struct rig *rig = context;

    (void)vp;
    rig->end_of_messages++;
    if (rig->in_end_of_message != NULL) {
        rig->in_end_of_message(rig);
    }
}

static void rig_run_ready(void *context, uint32_t vp)
{
    (void)vp;
    ((struct rig *)context)->run_ready_count++;
}

static vmb_status rig_expose(void *context, const struct vmb_gpadl *gpadl,
                             enum vmb_exposure exposure, bool pinned,
                             const struct vmb_gpadl_range *ranges, uint32_t range_count)
{
    struct rig *rig = context;

    return rig->expose != NULL ? rig->expose(rig, gpadl, exposure, pinned, ranges, range_count)
                               : VMB_OK;
}

static void rig_conceal(void *context, const struct vmb_gpadl *gpadl)
{
    struct rig *rig = context;

    if (rig->conceal != NULL) {
        rig->conceal(rig, gpadl);
    }
}

static void rig_work_ready(void *context)
{
    ((struct rig *)context)->work_ready_count++;
}

static void VMB_SHARED *rig_map_host_page(void *context, vmb_gpa address)
{
    (void)address;
    return ((struct rig *)context)->host_page;
}

static void rig_log(void *context, enum vmb_log_level level, const char *text)
{
    (void)level;
    assert_true(strlen(text) < VMB_LOG_MAX_BYTES);
    ((struct rig *)context)->log_count++;
}

static void rig_connected(void *context, vmb_status status)
{
    struct rig *rig = context;

    rig->connected_count++;
    rig->connected_status = status;
    if (rig->in_connected != NULL) {
        rig->in_connected(rig);
    }
}

static void rig_offered(void *context, struct vmb_channel *channel)
{
    struct rig *rig = context;

    if (rig->offered_count < 64) {
        rig->offered[rig->offered_count] = channel;
    }
    rig->offered_count++;
}

static void rig_delivered(void *context)
{
    ((struct rig *)context)->delivered_count++;
}

static void rig_rescinded(void *context, struct vmb_channel *channel)
{
    struct rig *rig = context;

    rig->rescinded_count++;
    rig->rescinded = channel;
    if (rig->let_go_at_once) {
        assert_int_equal(vmb_channel_let_go(channel), VMB_OK);
    }
    if (rig->in_rescinded != NULL) {
        rig->in_rescinded(rig);
    }
}

static void rig_unloaded(void *context, vmb_status status)
{
    struct rig *rig = context;

    rig->unloaded_count++;
    rig->unloaded_status = status;
}

static void rig_suspended(void *context, vmb_status status)
{
    struct rig *rig = context;

    rig->suspended_count++;
    rig->suspended_status = status;
}

static void rig_resumed(void *context, struct vmb_channel *channel)
{
    struct rig *rig = context;

    rig->resumed[rig->resumed_count++ % 64] = channel;
}

/* Zeroed, and untouched until they are used: there are many. */
static void *rig_pages(uint32_t count)
{
    void *pages = mmap(NULL, (size_t)count * VMB_PAGE_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(pages != MAP_FAILED);
    return pages;
}

static void rig_give_pages(void *pages, uint32_t count)
{
    (void)munmap(pages, (size_t)count * VMB_PAGE_BYTES);
}

static void rig_fill_platform(struct vmb_guest_platform *platform, bool bare)
{
    platform->post_message = rig_post;
    platform->signal_event = rig_signal;
    platform->share_pages = rig_share;
    platform->unshare_pages = rig_unshare;
    platform->now_ns = rig_now;
    platform->end_of_message = rig_eom;
    if (!bare) {
        platform->run_ready = rig_run_ready;
        platform->work_ready = rig_work_ready;
        platform->map_host_page = rig_map_host_page;
        platform->log = rig_log;
        platform->expose = rig_expose;
        platform->conceal = rig_conceal;
    }
}

static void rig_start_as(struct rig *rig, const struct vmb_guest_options *options, bool bare)
{
    struct vmb_guest_options full = {.struct_bytes = sizeof(full)};
    struct vmb_guest_platform platform = {.struct_bytes = sizeof(platform), .context = rig};
    struct vmb_guest_events events = {.struct_bytes = sizeof(events), .context = rig};
    size_t bytes;
    uint32_t vp;

    memset(rig, 0, sizeof(*rig));
    if (options != NULL) {
        full = *options;
    }
    full.vp_count = RIG_VPS;
    rig_fill_platform(&platform, bare);
    events.connected = rig_connected;
    events.offered = rig_offered;
    events.offers_delivered = rig_delivered;
    events.rescinded = rig_rescinded;
    events.unloaded = rig_unloaded;
    events.suspended = rig_suspended;
    events.resumed = rig_resumed;
    rig->now_ns = 1000;
    rig->message_pages = rig_pages(RIG_VPS);
    rig->event_pages = rig_pages(RIG_VPS);
    rig->shared_pages = rig_pages(RIG_PAGES);
    bytes = vmb_guest_memory_bytes(&full);
    assert_true(bytes > 0);
    rig->memory = aligned_alloc(64, bytes);
    assert_int_equal(
        vmb_guest_init(rig->memory, bytes, &full, &platform, bare ? NULL : &events, &rig->guest),
        VMB_OK);
    for (vp = 0; vp < RIG_VPS; vp++) {
        assert_int_equal(vmb_guest_vp_start(rig->guest, vp,
                                            rig->message_pages + (size_t)vp * VMB_PAGE_BYTES,
                                            rig->event_pages + (size_t)vp * VMB_PAGE_BYTES),
                         VMB_OK);
    }
}

void rig_start(struct rig *rig, const struct vmb_guest_options *options)
{
    rig_start_as(rig, options, false);
}

void rig_start_bare(struct rig *rig, const struct vmb_guest_options *options)
{
    rig_start_as(rig, options, true);
}

void rig_start_at(struct rig *rig, uint32_t version)
{
    rig_start(rig, NULL);
    rig_connect(rig, version, 4);
}

void rig_stop(struct rig *rig)
{
    free(rig->memory);
    rig_give_pages(rig->message_pages, RIG_VPS);
    rig_give_pages(rig->event_pages, RIG_VPS);
    rig_give_pages(rig->shared_pages, RIG_PAGES);
}

void rig_poll(struct rig *rig)
{
    uint32_t turns = 0;

    while (vmb_guest_poll(rig->guest)) {
        assert_true(++turns < 1000);
    }
    /* Quiescing ends in the poll after the one that began it. */
    while (vmb_guest_poll(rig->guest)) {
        assert_true(++turns < 2000);
    }
}

void rig_pass(struct rig *rig, uint64_t ns)
{
    uint64_t end_ns = rig->now_ns + ns;

    while (rig->now_ns < end_ns) {
        uint64_t next_ns = vmb_guest_next_deadline_ns(rig->guest);

        rig->now_ns = next_ns < rig->now_ns + 1 ? rig->now_ns + 1 : next_ns;
        rig->now_ns = rig->now_ns < end_ns ? rig->now_ns : end_ns;
        rig_poll(rig);
    }
}

const struct vmb_message *rig_next(struct rig *rig, uint32_t number)
{
    const struct rig_posted *posted;

    rig_poll(rig);
    if (rig->posted_read == rig->posted_count) {
        fail_msg("the guest did not post %s", vmb_message_name(number));
    }
    posted = &rig->posted[rig->posted_read++];
    assert_string_equal(vmb_message_name(posted->message.number), vmb_message_name(number));
    return &posted->message;
}

void rig_no_more(struct rig *rig)
{
    rig_poll(rig);
    if (rig->posted_read != rig->posted_count) {
        fail_msg("the guest also posted %s",
                 vmb_message_name(rig->posted[rig->posted_read].message.number));
    }
}

void rig_say_bytes(struct rig *rig, uint32_t type, const void *bytes, uint32_t byte_count)
{
    uint8_t *slot = vmb_hv_slot(rig->message_pages, 2);

    assert_false(vmb_hv_slot_occupied(slot));
    slot[4] = (uint8_t)byte_count;
    slot[5] = 0;
    memcpy(slot + 16, bytes, byte_count < 240 ? byte_count : 240);
    slot[0] = (uint8_t)type; /* Little-endian, whatever this machine is. */
    slot[1] = (uint8_t)(type >> 8);
    slot[2] = (uint8_t)(type >> 16);
    slot[3] = (uint8_t)(type >> 24);
    assert_true((vmb_guest_on_interrupt(rig->guest, 0) & VMB_GUEST_WORK_POLL) != 0);
    rig_poll(rig);
    assert_false(vmb_hv_slot_occupied(slot));
}

/* The version in whose form the guest expects the next message. */
static uint32_t rig_version(const struct rig *rig, const struct vmb_message *message)
{
    uint32_t version = vmb_guest_version(rig->guest);

    if (message->number == VMB_MSG_VERSION_RESPONSE && rig->posted_read > 0) {
        version = rig->posted[rig->posted_read - 1].message.u.initiate_contact.requested_version;
    }
    return version;
}

void rig_say(struct rig *rig, const struct vmb_message *message)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t byte_count = 0;
    uint32_t features = vmb_guest_features(rig->guest);

    assert_int_equal(vmb_message_encode(message, rig_version(rig, message), features, bytes,
                                        sizeof(bytes), &byte_count),
                     VMB_OK);
    rig_say_bytes(rig, VMB_SYNIC_MESSAGE_TYPE, bytes, byte_count);
}

void rig_offer(struct rig *rig, uint32_t relid)
{
    struct vmb_message message = {.number = VMB_MSG_OFFER_CHANNEL};

    message.u.offer.relid = relid;
    message.u.offer.instance_guid.bytes[0] = (uint8_t)relid;
    message.u.offer.instance_guid.bytes[1] = (uint8_t)(relid >> 8);
    message.u.offer.monitor_id = VMB_MONITOR_NONE;
    message.u.offer.is_dedicated = vmb_guest_version(rig->guest) >= VMB_VERSION_1_1;
    message.u.offer.connection_id =
        message.u.offer.is_dedicated ? 0x2000 + relid : VMB_CONNECTION_EVENT;
    rig_say(rig, &message);
}

void rig_rescind(struct rig *rig, uint32_t relid)
{
    struct vmb_message message = {.number = VMB_MSG_RESCIND_OFFER, .u.rescind.relid = relid};

    rig_say(rig, &message);
}

void rig_connect(struct rig *rig, uint32_t version, uint32_t count)
{
    struct vmb_message answer = {.number = VMB_MSG_VERSION_RESPONSE};
    const struct vmb_message *contact;
    uint32_t relid;

    assert_int_equal(vmb_guest_connect(rig->guest), VMB_OK);
    for (;;) {
        contact = rig_next(rig, VMB_MSG_INITIATE_CONTACT);
        if (contact->u.initiate_contact.requested_version <= version) {
            break;
        }
        rig_say(rig, &answer); /* Not supported: try lower. */
    }
    assert_int_equal(contact->u.initiate_contact.requested_version, version);
    answer.u.version_response.version_supported = true;
    answer.u.version_response.selected_version = version;
    answer.u.version_response.message_connection_id = 0x77;
    answer.u.version_response.supported_features = contact->u.initiate_contact.requested_features;
    rig_say(rig, &answer);
    (void)rig_next(rig, VMB_MSG_REQUEST_OFFERS);
    for (relid = 1; relid <= count; relid++) {
        rig_offer(rig, relid);
    }
    rig_say(rig, &(struct vmb_message){.number = VMB_MSG_ALL_OFFERS_DELIVERED});
}

/* ---- A driver --------------------------------------------------------------------------------
 */

static void rig_opened(void *device, struct vmb_endpoint *endpoint)
{
    struct rig *rig = device;

    rig->opened_count++;
    rig->endpoint = endpoint;
}

static void rig_on_event(void *device)
{
    struct rig *rig = device;

    rig->event_count++;
    if (rig->in_event != NULL) {
        rig->in_event(rig);
    }
}

static void rig_closed(void *device, vmb_status reason)
{
    struct rig *rig = device;

    rig->closed_count++;
    rig->closed_reason = reason;
    rig->endpoint = NULL;
}

const struct vmb_driver *rig_driver(enum vmb_notify notify)
{
    static const struct vmb_driver drivers[] = {
        {.name = "deferred",
         .notify = VMB_NOTIFY_DEFERRED,
         .opened = rig_opened,
         .on_event = rig_on_event,
         .closed = rig_closed},
        {.name = "direct",
         .notify = VMB_NOTIFY_DIRECT,
         .opened = rig_opened,
         .on_event = rig_on_event,
         .closed = rig_closed},
        {.name = "polled",
         .notify = VMB_NOTIFY_POLLED,
         .opened = rig_opened,
         .on_event = rig_on_event,
         .closed = rig_closed},
    };

    return &drivers[notify];
}

void rig_stopped(void *context, uint32_t vp, vmb_status status)
{
    struct rig *rig = context;

    (void)vp;
    rig->stop_count++;
    rig->stop_status = status;
}

void rig_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    struct rig *rig = context;

    (void)channel;
    rig->done_count++;
    rig->done_status = status;
}

vmb_status rig_open_begin(struct rig *rig, struct vmb_channel *channel, enum vmb_notify notify)
{
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};

    options.driver = rig_driver(notify);
    options.device = rig;
    options.done = rig_done;
    options.done_context = rig;
    return vmb_channel_open(channel, &options);
}

uint32_t rig_answer_gpadl(struct rig *rig, uint32_t status)
{
    const struct vmb_message *header = rig_next(rig, VMB_MSG_GPADL_HEADER);
    struct vmb_message answer = {.number = VMB_MSG_GPADL_CREATED};

    answer.u.gpadl_created.relid = header->u.gpadl_header.relid;
    answer.u.gpadl_created.gpadl = header->u.gpadl_header.gpadl;
    answer.u.gpadl_created.status = status;
    rig_say(rig, &answer);
    return answer.u.gpadl_created.gpadl;
}

void rig_answer_open(struct rig *rig, uint32_t status)
{
    const struct vmb_message *open = rig_next(rig, VMB_MSG_OPEN_CHANNEL);
    struct vmb_message answer = {.number = VMB_MSG_OPEN_RESULT};

    answer.u.open_result.relid = open->u.open_channel.relid;
    answer.u.open_result.open_id = open->u.open_channel.open_id;
    answer.u.open_result.status = status;
    rig_say(rig, &answer);
}

struct vmb_channel *rig_open(struct rig *rig, uint32_t relid, enum vmb_notify notify)
{
    struct vmb_channel *channel = vmb_guest_relid2channel(rig->guest, relid);

    assert_non_null(channel);
    assert_int_equal(rig_open_begin(rig, channel, notify), VMB_OK);
    (void)rig_answer_gpadl(rig, 0);
    rig_answer_open(rig, 0);
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_OPEN);
    return channel;
}

struct vmb_channel *rig_open_on(struct rig *rig, uint32_t relid, uint32_t vp,
                                enum vmb_notify notify)
{
    struct vmb_channel *channel = vmb_guest_relid2channel(rig->guest, relid);
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};

    options.driver = rig_driver(notify);
    options.device = rig;
    options.target_vp = vp;
    assert_int_equal(vmb_channel_open(channel, &options), VMB_OK);
    (void)rig_answer_gpadl(rig, 0);
    rig_answer_open(rig, 0);
    while (vmb_guest_run(rig->guest, vp, 100)) {
    }
    rig->event_count = 0;
    return channel;
}

void rig_answer_modify(struct rig *rig, uint32_t status)
{
    const struct vmb_message *modify = rig_next(rig, VMB_MSG_MODIFY_CHANNEL);
    struct vmb_message answer = {.number = VMB_MSG_MODIFY_CHANNEL_RESPONSE};

    answer.u.modify_channel_response.relid = modify->u.modify_channel.relid;
    answer.u.modify_channel_response.status = status;
    rig_say(rig, &answer);
}

void rig_answer_teardown(struct rig *rig)
{
    const struct vmb_message *teardown = rig_next(rig, VMB_MSG_GPADL_TEARDOWN);
    struct vmb_message answer = {.number = VMB_MSG_GPADL_TORNDOWN};

    answer.u.gpadl_torndown.gpadl = teardown->u.gpadl_teardown.gpadl;
    rig_say(rig, &answer);
}

uint32_t rig_event(struct rig *rig, uint32_t vp, uint32_t relid)
{
    uint8_t *flags = vmb_hv_event_flags(rig->event_pages + (size_t)vp * VMB_PAGE_BYTES, 2);

    flags[relid / 8] = (uint8_t)(flags[relid / 8] | 1u << relid % 8);
    return vmb_guest_on_interrupt(rig->guest, vp);
}
