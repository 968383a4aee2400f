/* SPDX-License-Identifier: MIT */
/* A guest above a paravisor: two SynICs on every VP, and who is told, called and shown what. */
#include "guest_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/paravisor.h>
#include <vmbus/power.h>
#include <vmbus/stuck.h>

enum {
    PRIVATE_PAGES = 64,
    PRIVATE_FIRST_GPN = 0x900000
};

static struct rig rig;
static uint8_t *host_messages, *host_events; /* What rig had before we gave it the paravisor's. */
static uint8_t own_messages[RIG_VPS * VMB_PAGE_BYTES] __attribute__((aligned(4096)));
static uint8_t own_events[RIG_VPS * VMB_PAGE_BYTES] __attribute__((aligned(4096)));
static uint8_t private_pages[PRIVATE_PAGES * VMB_PAGE_BYTES] __attribute__((aligned(4096)));
static uint32_t private_given, private_live, own_posts, own_signals, own_signal_connection,
    own_eoms;

static vmb_status own_post(void *context, uint32_t connection_id, const void *message,
                           uint32_t message_bytes)
{
    struct rig *to = context;
    struct rig_posted *posted = &to->posted[to->posted_count++];

    own_posts++;
    posted->connection_id = connection_id;
    return vmb_message_decode(message, message_bytes, VMB_GUEST_TO_HOST,
                              vmb_guest_version(to->guest), vmb_guest_features(to->guest),
                              &posted->message);
}

static void own_signal(void *context, uint32_t connection_id, uint16_t flag)
{
    (void)context;
    assert_int_equal(flag, 0);
    own_signals++;
    own_signal_connection = connection_id;
}

static void own_eom(void *context, uint32_t vp)
{
    (void)context;
    (void)vp;
    own_eoms++;
}

static vmb_status own_share(void *context, uint32_t page_count, struct vmb_pages *out_pages)
{
    (void)context;
    if (private_given + page_count > PRIVATE_PAGES) {
        return VMB_ERR_NO_MEMORY;
    }
    out_pages->base = private_pages + (size_t)private_given * VMB_PAGE_BYTES;
    out_pages->first_gpn = PRIVATE_FIRST_GPN + private_given;
    out_pages->page_count = page_count;
    private_given += page_count;
    private_live++;
    return VMB_OK;
}

static void own_unshare(void *context, const struct vmb_pages *pages)
{
    (void)context;
    assert_true(pages->first_gpn >= PRIVATE_FIRST_GPN);
    private_live--;
}

static const struct vmb_guest_paravisor *own_paravisor(void)
{
    static struct vmb_guest_paravisor paravisor;

    paravisor = (struct vmb_guest_paravisor){.struct_bytes = sizeof(paravisor), .context = &rig};
    paravisor.post_message = own_post;
    paravisor.signal_event = own_signal;
    paravisor.end_of_message = own_eom;
    paravisor.share_private_pages = own_share;
    paravisor.unshare_private_pages = own_unshare;
    return &paravisor;
}

/* The rig's VPs again, with two SynICs each; from here on the rig speaks through the second. */
static void start_both(uint32_t features)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options), .features = features};
    uint32_t vp;

    rig_start(&rig, &options);
    memset(own_messages, 0, sizeof(own_messages));
    memset(own_events, 0, sizeof(own_events));
    private_given = private_live = own_posts = own_signals = own_eoms = 0;
    assert_int_equal(vmb_guest_set_paravisor(rig.guest, own_paravisor()), VMB_ERR_WRONG_STATE);
    for (vp = 0; vp < RIG_VPS; vp++) {
        assert_int_equal(vmb_guest_vp_stopped(rig.guest, vp), VMB_OK);
    }
    assert_int_equal(vmb_guest_set_paravisor(rig.guest, own_paravisor()), VMB_OK);
    for (vp = 0; vp < RIG_VPS; vp++) {
        size_t at = (size_t)vp * VMB_PAGE_BYTES;

        assert_int_equal(vmb_guest_vp_start_paravisor(rig.guest, vp, rig.message_pages + at,
                                                      rig.event_pages + at, own_messages + at,
                                                      own_events + at),
                         VMB_OK);
    }
    host_messages = rig.message_pages;
    host_events = rig.event_pages;
    rig.message_pages = own_messages;
    rig.event_pages = own_events;
}

static int set_up(void **state)
{
    (void)state;
    start_both(VMB_FEATURE_CONFIDENTIAL | VMB_FEATURE_PINNING);
    rig_connect(&rig, VMB_VERSION_6_0, 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig.message_pages = host_messages;
    rig.event_pages = host_events;
    rig_stop(&rig);
    return 0;
}

static struct vmb_channel *offer_with(uint32_t relid, uint16_t flags)
{
    struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};

    offer.u.offer.relid = relid;
    offer.u.offer.flags = flags;
    offer.u.offer.instance_guid.bytes[0] = (uint8_t)relid;
    offer.u.offer.is_dedicated = true;
    offer.u.offer.connection_id = 0x2000 + relid;
    offer.u.offer.monitor_id = (uint8_t)relid;
    offer.u.offer.monitor_allocated = true;
    rig_say(&rig, &offer);
    return vmb_guest_relid2channel(rig.guest, relid);
}

static struct vmb_channel *open_with(uint32_t relid, uint16_t flags)
{
    struct vmb_channel *channel = offer_with(relid, flags);
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};

    options.driver = rig_driver(VMB_NOTIFY_DIRECT);
    options.device = &rig;
    options.monitored = true;
    assert_int_equal(vmb_channel_open(channel, &options), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    rig_answer_open(&rig, 0);
    return channel;
}

/* The host puts a message into the slot that the hypervisor has. */
static void host_says(const struct vmb_message *message, bool pending)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint8_t *slot = vmb_hv_slot(host_messages, VMB_HV_SINT_VMBUS);
    uint32_t byte_count;

    assert_int_equal(vmb_message_encode(message, VMB_VERSION_6_0, vmb_guest_features(rig.guest),
                                        bytes, sizeof(bytes), &byte_count),
                     VMB_OK);
    memcpy(slot + VMB_HV_SLOT_PAYLOAD, bytes, byte_count);
    slot[VMB_HV_SLOT_SIZE] = (uint8_t)byte_count;
    slot[VMB_HV_SLOT_FLAGS] = pending ? VMB_HV_SLOT_FLAG_PENDING : 0;
    slot[VMB_HV_SLOT_TYPE] = VMB_SYNIC_MESSAGE_TYPE;
    (void)vmb_guest_on_interrupt(rig.guest, 0);
    rig_poll(&rig);
    assert_false(vmb_hv_slot_occupied(slot));
}

static uint64_t untrusted(void)
{
    struct vmb_guest_counters counters;

    vmb_guest_read_counters(rig.guest, &counters);
    return counters.messages_untrusted;
}

static void the_bus_is_the_paravisors(void **state)
{
    (void)state;
    assert_int_equal(vmb_guest_features(rig.guest), VMB_FEATURE_CONFIDENTIAL | VMB_FEATURE_PINNING);
    assert_int_equal(own_posts, rig.posted_count); /* None went to the hypervisor. */
    assert_int_equal(rig.offered_count, 2);
}

static void nobody_else_speaks_for_it(void **state)
{
    struct vmb_message rescind = {.number = VMB_MSG_RESCIND_OFFER, .u.rescind.relid = 1};

    (void)state;
    host_says(&rescind, false);
    assert_int_equal(rig.rescinded_count, 0);
    assert_int_equal(untrusted(), 1);
    rig_say(&rig, &rescind);
    assert_int_equal(rig.rescinded_count, 1);
    assert_int_equal(untrusted(), 1);
}

static void a_host_cannot_talk_the_guest_into_an_older_version(void **state)
{
    struct vmb_message refusal = {.number = VMB_MSG_VERSION_RESPONSE};

    (void)state;
    tear_down(NULL);
    start_both(VMB_FEATURE_CONFIDENTIAL);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    assert_int_equal(rig_next(&rig, VMB_MSG_INITIATE_CONTACT)->u.initiate_contact.requested_version,
                     VMB_VERSION_6_0);
    host_says(&refusal, false);
    rig_no_more(&rig);
    assert_int_equal(untrusted(), 1);
}

static void each_slot_gets_its_own_end_of_message(void **state)
{
    struct vmb_message rescind = {.number = VMB_MSG_RESCIND_OFFER, .u.rescind.relid = 1};
    uint8_t *slot = vmb_hv_slot(own_messages, VMB_HV_SINT_VMBUS);
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t byte_count;

    (void)state;
    host_says(&rescind, true);
    assert_int_equal(rig.end_of_messages, 1);
    assert_int_equal(own_eoms, 0);
    assert_int_equal(
        vmb_message_encode(&rescind, VMB_VERSION_6_0, 0, bytes, sizeof(bytes), &byte_count),
        VMB_OK);
    memcpy(slot + VMB_HV_SLOT_PAYLOAD, bytes, byte_count);
    slot[VMB_HV_SLOT_SIZE] = (uint8_t)byte_count;
    slot[VMB_HV_SLOT_FLAGS] = VMB_HV_SLOT_FLAG_PENDING;
    slot[VMB_HV_SLOT_TYPE] = VMB_SYNIC_MESSAGE_TYPE;
    assert_int_equal(vmb_guest_on_interrupt(rig.guest, 0), VMB_GUEST_WORK_POLL);
    rig_poll(&rig);
    assert_int_equal(own_eoms, 1);
    assert_int_equal(rig.end_of_messages, 1);
    assert_int_equal(rig.rescinded_count, 1);
}

static void flags_of_both_start_handlers_on_every_vp(void **state)
{
    struct vmb_vp_counters counters;
    uint32_t before;

    (void)state;
    (void)open_with(7, VMB_OFFER_CONFIDENTIAL_RING);
    (void)open_with(8, 0);
    before = rig.event_count;
    (void)rig_event(&rig, 3, 7); /* The paravisor's page, */
    assert_int_equal(rig.event_count, before + 1);
    rig.event_pages = host_events;
    (void)rig_event(&rig, 3, 8); /* and the hypervisor's. */
    assert_int_equal(rig.event_count, before + 2);
    assert_int_equal(vmb_guest_vp_counters(rig.guest, 3, &counters), VMB_OK);
    assert_int_equal(counters.events, 2);
    assert_int_equal(counters.started, 2);
}

static void both_in_one_interrupt_and_both_when_a_vp_stops(void **state)
{
    uint8_t *second = vmb_hv_event_flags(own_events + 2 * VMB_PAGE_BYTES, VMB_HV_SINT_VMBUS);
    uint32_t before;

    (void)state;
    (void)open_with(7, VMB_OFFER_CONFIDENTIAL_RING);
    (void)open_with(8, 0);
    before = rig.event_count;
    second[0] |= 1u << 7;
    rig.event_pages = host_events;
    (void)rig_event(&rig, 2, 8);
    assert_int_equal(rig.event_count, before + 2);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, NULL, NULL), VMB_OK);
    rig_poll(&rig);
    second[0] |= 1u << 7; /* Set before the moves were heard of. */
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, 2), VMB_OK);
    assert_int_equal(rig.event_count, before + 3);
    second[0] |= 1u << 7;
    assert_int_equal(vmb_guest_on_interrupt(rig.guest, 2), 0);
    assert_int_equal(rig.event_count, before + 3); /* Its pages are not ours any more. */
}

static void a_flag_left_in_either_page_does_not_swallow_the_first_event(void **state)
{
    struct vmb_guest_counters counters;

    (void)state;
    own_events[VMB_PAGE_BYTES + 2 * VMB_HV_SLOT_BYTES + 100 / 8] |= 1u << 100 % 8;
    host_events[VMB_PAGE_BYTES + 2 * VMB_HV_SLOT_BYTES + 100 / 8] |= 1u << 100 % 8;
    (void)open_with(100, VMB_OFFER_CONFIDENTIAL_RING);
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.flags_forgotten, 2);
}

static void send_one(void)
{
    uint64_t word = 1;

    assert_int_equal(vmb_endpoint_send(rig.endpoint, &word, sizeof(word), 0, false), VMB_OK);
}

static void rings_and_doorbells_follow_the_ring_flag(void **state)
{
    uint32_t shared;
    struct vmb_channel *channel;

    (void)state;
    shared = rig.shares_live;
    channel = open_with(7, VMB_OFFER_CONFIDENTIAL_RING);
    assert_int_equal(rig.shares_live, shared);
    assert_int_equal(private_live, 1);
    send_one();
    assert_int_equal(own_signals, 1); /* By a call: the monitor page is the host's to see. */
    assert_int_equal(own_signal_connection, 0x2007);
    assert_int_equal(rig.signals, 0);
    assert_int_equal(vmb_channel_exposure(channel), VMB_EXPOSURE_HOST);
    assert_int_equal(vmb_channel_close(channel, NULL, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_CLOSE_CHANNEL);
    rig_answer_teardown(&rig);
    assert_int_equal(private_live, 0);

    channel = open_with(8, VMB_OFFER_CONFIDENTIAL_RING | VMB_OFFER_CONFIDENTIAL_MEMORY |
                               VMB_OFFER_PINNED_MEMORY);
    assert_int_equal(vmb_channel_exposure(channel), VMB_EXPOSURE_PARAVISOR);
    assert_true(vmb_channel_pinned(channel));
    assert_int_equal(private_live, 1);
}

static void without_the_feature_the_flags_mean_something_else(void **state)
{
    struct vmb_channel *channel;

    (void)state;
    tear_down(NULL);
    start_both(VMB_FEATURE_PAUSE_RESUME);
    rig_connect(&rig, VMB_VERSION_6_0, 0);
    channel = open_with(7, VMB_OFFER_CONFIDENTIAL_RING | VMB_OFFER_CONFIDENTIAL_MEMORY |
                               VMB_OFFER_PINNED_MEMORY);
    assert_int_equal(private_live, 0);
    assert_int_equal(vmb_channel_exposure(channel), VMB_EXPOSURE_HOST);
    assert_false(vmb_channel_pinned(channel));
}

static void without_a_paravisor_the_feature_is_not_asked_for(void **state)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options),
                                        .features = VMB_FEATURE_CONFIDENTIAL};

    (void)state;
    tear_down(NULL);
    rig_start(&rig, &options);
    host_messages = rig.message_pages;
    host_events = rig.event_pages;
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    assert_int_equal(
        rig_next(&rig, VMB_MSG_INITIATE_CONTACT)->u.initiate_contact.requested_features, 0);
}

static void private_memory_behind_a_public_ring_is_refused(void **state)
{
    struct vmb_guest_counters counters;

    (void)state;
    assert_null(offer_with(9, VMB_OFFER_CONFIDENTIAL_MEMORY));
    assert_int_equal(rig_next(&rig, VMB_MSG_RELID_RELEASED)->u.relid_released.relid, 9);
    vmb_guest_read_counters(rig.guest, &counters);
    assert_int_equal(counters.offers_refused, 1);
    assert_int_equal(rig.offered_count, 2);
}

static void a_crash_listens_to_the_paravisor(void **state)
{
    struct vmb_message complete = {.number = VMB_MSG_UNLOAD_COMPLETE};
    uint8_t *slot = vmb_hv_slot(own_messages, VMB_HV_SINT_VMBUS);
    uint8_t *hosts = vmb_hv_slot(host_messages, VMB_HV_SINT_VMBUS);
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t byte_count;
    uint32_t posts = own_posts;

    (void)state;
    assert_int_equal(
        vmb_message_encode(&complete, VMB_VERSION_6_0, 0, bytes, sizeof(bytes), &byte_count),
        VMB_OK);
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_RETRY);
    assert_int_equal(own_posts, posts + 1);
    memcpy(hosts + VMB_HV_SLOT_PAYLOAD, bytes, byte_count);
    hosts[VMB_HV_SLOT_SIZE] = (uint8_t)byte_count;
    hosts[VMB_HV_SLOT_TYPE] = VMB_SYNIC_MESSAGE_TYPE;
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_ERR_RETRY); /* Not by its word. */
    assert_false(vmb_hv_slot_occupied(hosts));
    memcpy(slot + VMB_HV_SLOT_PAYLOAD, bytes, byte_count);
    slot[VMB_HV_SLOT_SIZE] = (uint8_t)byte_count;
    slot[VMB_HV_SLOT_TYPE] = VMB_SYNIC_MESSAGE_TYPE;
    assert_int_equal(vmb_guest_crash_unload(rig.guest), VMB_OK);
}

static void a_paravisor_is_whole_and_the_only_one(void **state)
{
    struct vmb_guest_paravisor whole = *own_paravisor();
    uint32_t vp, i;

    (void)state;
    assert_int_equal(vmb_guest_set_paravisor(rig.guest, NULL), VMB_ERR_INVALID_ARGUMENT);
    for (i = 0; i < 6; i++) {
        struct vmb_guest_paravisor part = whole;

        part.struct_bytes -= i == 0;
        part.post_message = i == 1 ? NULL : whole.post_message;
        part.signal_event = i == 2 ? NULL : whole.signal_event;
        part.end_of_message = i == 3 ? NULL : whole.end_of_message;
        part.share_private_pages = i == 4 ? NULL : whole.share_private_pages;
        part.unshare_private_pages = i == 5 ? NULL : whole.unshare_private_pages;
        assert_int_equal(vmb_guest_set_paravisor(rig.guest, &part), VMB_ERR_INVALID_ARGUMENT);
    }
    tear_down(NULL);
    start_both(0);
    for (vp = 0; vp < RIG_VPS; vp++) {
        assert_int_equal(vmb_guest_vp_stopped(rig.guest, vp), VMB_OK);
    }
    assert_int_equal(vmb_guest_set_paravisor(rig.guest, &whole), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_guest_vp_start_paravisor(rig.guest, RIG_VPS, own_messages, own_events,
                                                  own_messages, own_events),
                     VMB_ERR_INVALID_ARGUMENT);
}

static void starting_needs_all_four_pages(void **state)
{
    uint8_t *page = own_messages;
    struct vmb_guest_paravisor half = *own_paravisor();

    (void)state;
    half.end_of_message = NULL;
    assert_int_equal(vmb_guest_set_paravisor(rig.guest, &half), VMB_ERR_INVALID_ARGUMENT);
    tear_down(NULL);
    rig_start(&rig, NULL);
    host_messages = rig.message_pages;
    host_events = rig.event_pages;
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, 0), VMB_OK);
    assert_int_equal(vmb_guest_vp_start_paravisor(rig.guest, 0, page, page, page, page),
                     VMB_ERR_WRONG_STATE); /* There is none. */
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, 1), VMB_OK);
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, 2), VMB_OK);
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, 3), VMB_OK);
    assert_int_equal(vmb_guest_set_paravisor(rig.guest, own_paravisor()), VMB_OK);
    assert_int_equal(vmb_guest_vp_start_paravisor(rig.guest, 0, page, page, page + 1, page),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_guest_vp_start_paravisor(rig.guest, 0, page, page, page, NULL),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_guest_vp_start(rig.guest, 0, page, page), VMB_OK);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_ERR_WRONG_STATE); /* Deaf to its answer. */
}

/* ---- GPADLs pass by the port ------------------------------------------------------------------
 */

static struct vmb_gpadl device_gpadl;
static uint32_t exposed_count, concealed_count;
static enum vmb_exposure exposed_to;
static bool exposed_pinned;
static vmb_status expose_answer;

static vmb_status port_exposes(void *context, const struct vmb_gpadl *gpadl,
                               enum vmb_exposure exposure, bool pinned,
                               const struct vmb_gpadl_range *ranges, uint32_t range_count)
{
    (void)context;
    assert_ptr_equal(gpadl, &device_gpadl);
    assert_int_equal(range_count, 1);
    assert_int_equal(ranges->first_gpn, 0x5000);
    exposed_count++;
    exposed_to = exposure;
    exposed_pinned = pinned;
    return expose_answer;
}

static void port_conceals(void *context, const struct vmb_gpadl *gpadl)
{
    (void)context;
    assert_ptr_equal(gpadl, &device_gpadl);
    concealed_count++;
}

static void gpadl_done(void *context, struct vmb_gpadl *gpadl, vmb_status status)
{
    (void)gpadl;
    *(vmb_status *)context = status;
}

static void a_gpadl_is_exposed_to_whom_the_offer_says(void **state)
{
    static const struct vmb_gpadl_range range = {.byte_count = 8192, .first_gpn = 0x5000};
    struct vmb_channel *channel;
    vmb_status ended = VMB_ERR_RETRY;

    (void)state;
    rig.expose = port_exposes;
    rig.conceal = port_conceals;
    exposed_count = concealed_count = 0;
    expose_answer = VMB_ERR_NO_MEMORY;
    channel = open_with(7, VMB_OFFER_CONFIDENTIAL_RING | VMB_OFFER_CONFIDENTIAL_MEMORY |
                               VMB_OFFER_PINNED_MEMORY);
    assert_int_equal(exposed_count, 0); /* Rings are pages that the port gave. */
    assert_int_equal(vmb_channel_gpadl_create(channel, &device_gpadl, &range, 1, NULL, NULL),
                     VMB_ERR_NO_MEMORY);
    rig_no_more(&rig); /* The host has not heard of it. */
    expose_answer = VMB_OK;
    assert_int_equal(
        vmb_channel_gpadl_create(channel, &device_gpadl, &range, 1, gpadl_done, &ended), VMB_OK);
    assert_int_equal(exposed_to, VMB_EXPOSURE_PARAVISOR);
    assert_true(exposed_pinned);
    (void)rig_answer_gpadl(&rig, 0);
    assert_int_equal(vmb_channel_gpadl_teardown(&device_gpadl, gpadl_done, &ended), VMB_OK);
    assert_int_equal(concealed_count, 0);
    rig_answer_teardown(&rig);
    assert_int_equal(ended, VMB_OK);
    assert_int_equal(concealed_count, 1);
    assert_int_equal(exposed_count, 2);
}

static void what_the_device_may_still_hold_is_not_concealed(void **state)
{
    static const struct vmb_gpadl_range range = {.byte_count = 8192, .first_gpn = 0x5000};
    struct vmb_channel *channel;
    vmb_status ended = VMB_ERR_RETRY;

    (void)state;
    rig.expose = port_exposes;
    rig.conceal = port_conceals;
    exposed_count = concealed_count = 0;
    expose_answer = VMB_OK;
    channel = offer_with(8, 0);
    assert_int_equal(
        vmb_channel_gpadl_create(channel, &device_gpadl, &range, 1, gpadl_done, &ended), VMB_OK);
    assert_int_equal(exposed_to, VMB_EXPOSURE_HOST);
    assert_false(exposed_pinned);
    (void)rig_answer_gpadl(&rig, VMB_NTSTATUS_FAILURE);
    assert_int_equal(ended, VMB_ERR_REFUSED);
    assert_int_equal(concealed_count, 1); /* Refused: nobody holds it. */
    assert_int_equal(
        vmb_channel_gpadl_create(channel, &device_gpadl, &range, 1, gpadl_done, &ended), VMB_OK);
    (void)rig_answer_gpadl(&rig, 0);
    assert_int_equal(vmb_channel_gpadl_teardown(&device_gpadl, gpadl_done, &ended), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_GPADL_TEARDOWN);
    rig_pass(&rig, 20000000000u); /* Never answered. */
    assert_int_equal(ended, VMB_ERR_STILL_SHARED);
    assert_int_equal(concealed_count, 1);
}

/* ---- Another SINT -----------------------------------------------------------------------------
 */

static void another_sint_is_asked_for_from_5_0_on(void **state)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options), .sint = 5};
    uint32_t asked = 0;
    uint8_t *slot;

    (void)state;
    tear_down(NULL);
    rig_start(&rig, &options);
    host_messages = rig.message_pages;
    host_events = rig.event_pages;
    slot = vmb_hv_slot(rig.message_pages, 5);
    assert_int_equal(vmb_guest_connect(rig.guest), VMB_OK);
    while (rig.connected_count == 0) {
        assert_int_equal(rig_next(&rig, VMB_MSG_INITIATE_CONTACT)->u.initiate_contact.target_sint,
                         5);
        asked++;
        memset(slot + VMB_HV_SLOT_PAYLOAD, 0, 16);
        slot[VMB_HV_SLOT_PAYLOAD] = VMB_MSG_VERSION_RESPONSE; /* Not supported. */
        slot[VMB_HV_SLOT_SIZE] = 16;
        slot[VMB_HV_SLOT_TYPE] = VMB_SYNIC_MESSAGE_TYPE;
        (void)vmb_guest_on_interrupt(rig.guest, 0);
        rig_poll(&rig);
    }
    assert_int_equal(asked, 5); /* 6.0, 5.3, 5.2, 5.1, 5.0. */
    assert_int_equal(rig.connected_status, VMB_ERR_VERSION);
    options.sint = VMB_HV_SINT_COUNT;
    assert_int_equal(vmb_guest_memory_bytes(&options), 0);
}

static void note_flag(void *context, const struct vmb_stuck_report *report)
{
    *(bool *)context = report->flag_set;
}

/* A packet has come, and its interrupt, of either SynIC, was not taken. */
static void an_interrupt_of_either_that_was_not_taken_is_named(void **state)
{
    struct vmb_ring_tx tx;
    uint64_t word = 7;
    struct vmb_slice slice = {.bytes = &word, .byte_count = sizeof(word)};
    struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND};
    uint8_t *flags = vmb_hv_event_flags(own_events + VMB_PAGE_BYTES, VMB_HV_SINT_VMBUS);
    bool named = true;

    (void)state;
    (void)open_with(40, VMB_OFFER_CONFIDENTIAL_RING);
    assert_int_equal(vmb_ring_tx_init(&tx, private_pages + 5 * VMB_PAGE_BYTES, 4 * VMB_PAGE_BYTES),
                     VMB_OK);
    assert_int_equal(vmb_ring_tx_write(&tx, &packet, &slice, 1), VMB_OK);
    assert_true(vmb_ring_tx_commit(&tx));
    assert_int_equal(vmb_guest_check_stuck(rig.guest, false, note_flag, &named), 0);
    assert_int_equal(vmb_guest_check_stuck(rig.guest, false, note_flag, &named), 1);
    assert_false(named);
    flags[40 / 8] = 1u << 40 % 8;
    assert_int_equal(vmb_guest_check_stuck(rig.guest, false, note_flag, &named), 1);
    assert_true(named);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_bus_is_the_paravisors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_else_speaks_for_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_host_cannot_talk_the_guest_into_an_older_version, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(each_slot_gets_its_own_end_of_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flags_of_both_start_handlers_on_every_vp, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(both_in_one_interrupt_and_both_when_a_vp_stops, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_flag_left_in_either_page_does_not_swallow_the_first_event,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(rings_and_doorbells_follow_the_ring_flag, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_the_feature_the_flags_mean_something_else, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_a_paravisor_the_feature_is_not_asked_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(private_memory_behind_a_public_ring_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_interrupt_of_either_that_was_not_taken_is_named, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_crash_listens_to_the_paravisor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_paravisor_is_whole_and_the_only_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(starting_needs_all_four_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_gpadl_is_exposed_to_whom_the_offer_says, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_the_device_may_still_hold_is_not_concealed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(another_sint_is_asked_for_from_5_0_on, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
