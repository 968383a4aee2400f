/* SPDX-License-Identifier: MIT */
/*
 * A saved host that contradicts itself, under a checksum that is right: each lie is refused, one at
 * a time, and nothing remains of it. Then: hosts that are not fresh enough to be restored into.
 */
#include "save_kit.h"

/* Kinds of records, and where in them things stand; docs/SAVE.md has the format. */
enum {
    CONNECTION = 1,
    CHANNEL = 2,
    GPADL = 3,
    HEADER_BYTES = 32,
    RECORD_BYTES = 8, /* Kind and length, before each record. */
    CONNECTION_OFFERS_REQUESTED = 4,
    CONNECTION_ALL_OFFERS_DUE = 5,
    CONNECTION_PAUSED = 6,
    CONNECTION_HAS_INTERRUPT_PAGE = 9,
    CONNECTION_HAS_MONITOR_PAGE = 10,
    CONNECTION_VERSION = 11,
    CONNECTION_FEATURES = 15,
    CONNECTION_HOLD_AFTER = 23,
    CHANNEL_RELID = 160,
    CHANNEL_MONITOR_ID = 164,
    CHANNEL_MONITOR_ALLOCATED = 165,
    CHANNEL_STATE = 173,
    CHANNEL_KNOWN = 174,
    CHANNEL_OFFER_DUE = 175,
    CHANNEL_RESCIND_DUE = 176,
    CHANNEL_RESERVED = 178,
    CHANNEL_OWES_OPEN_RESULT = 179,
    CHANNEL_MODIFYING = 181,
    CHANNEL_MODIFY_NEXT = 182,
    CHANNEL_LEGACY = 183,
    GPADL_HANDLE = 4,
    GPADL_STATE = 8,
    GPADL_MAPPED = 10,
    GPADL_PAGE_COUNT = 12,
    GPADL_RANGE_COUNT = 16,
    GPADL_IN_PROGRESS = 1
};

/* Bytes of a record that say something else now. */
struct change {
    uint32_t kind;
    uint32_t which; /* Of the channels, from 0 on; of the GPADLs, by its handle. */
    uint32_t at;
    uint32_t byte_count; /* 0: no change. */
    uint32_t value;
};

struct lie {
    struct change changes[5];
    vmb_status status;
};

static uint32_t le32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint8_t *find_record(const struct skit_bytes *saved, uint32_t kind, uint32_t which)
{
    size_t at = HEADER_BYTES;
    uint32_t count = 0;

    while (at < saved->byte_count) {
        uint8_t *record = saved->bytes + at + RECORD_BYTES;
        uint32_t found = le32(saved->bytes + at);

        if (found == kind &&
            (kind == GPADL ? le32(record + GPADL_HANDLE) == which : count++ == which)) {
            return record;
        }
        at += RECORD_BYTES + le32(saved->bytes + at + 4);
    }
    fail_msg("no record %u of kind %u", which, kind);
    return NULL;
}

static struct skit_bytes with_changes(const struct skit_bytes *saved, const struct change *changes,
                                      uint32_t change_count)
{
    struct skit_bytes copy = {malloc(saved->byte_count), saved->byte_count};

    memcpy(copy.bytes, saved->bytes, saved->byte_count);
    for (uint32_t i = 0; i < change_count && changes[i].byte_count != 0; i++) {
        uint8_t *record = find_record(saved, changes[i].kind, changes[i].which);
        uint8_t *there = copy.bytes + (record - saved->bytes) + changes[i].at;

        for (uint32_t byte = 0; byte < changes[i].byte_count; byte++) {
            there[byte] = (uint8_t)(changes[i].value >> 8 * byte);
        }
    }
    skit_seal(&copy);
    return copy;
}

static void each_is_refused(struct hrig *rig, const struct skit_bytes *saved,
                            const struct lie *lies, size_t lie_count)
{
    for (size_t i = 0; i < lie_count; i++) {
        struct skit_bytes lie = with_changes(saved, lies[i].changes, 5);

        if (vmb_host_restore(rig->host, lie.bytes, lie.byte_count, NULL, NULL) != lies[i].status) {
            fail_msg("lie %zu is believed, or is refused with another status", i);
        }
        skit_assert_fresh(rig);
        free(lie.bytes);
    }
}

#define LIES(lies) (lies), sizeof(lies) / sizeof((lies)[0])

/* Two open channels with a buffer each, and one that is only offered. */
static struct hrig *three_channels(void)
{
    struct hrig *rig = hrig_new(NULL);

    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_run(rig);
    hrig_offer(rig, 1, 2, 0);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_gpadl(rig, 2, 102, HRIG_FIRST_GPN + 100, HRIG_RING_PAGES);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    hrig_open(rig, 2, 102, 3);
    hrig_expect(rig, VMB_MSG_OPEN_RESULT);
    hrig_gpadl(rig, 1, 7, HRIG_FIRST_GPN + 30, 2);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    hrig_gpadl(rig, 2, 8, HRIG_FIRST_GPN + 40, 2);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    hrig_offer(rig, 2, 3, 0);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    return rig;
}

static void fresh_for_three(struct hrig *rig, const struct vmb_host_options *options)
{
    hrig_restart(rig, options);
    hrig_offer(rig, 0, 1, 0);
    hrig_offer(rig, 1, 2, 0);
    hrig_offer(rig, 2, 3, 0);
}

/* ---- Lies ------------------------------------------------------------------------------------ */

static void a_connection_that_cannot_be(void **state)
{
    static const struct lie lies[] = {
        /* Connected, at no version. */
        {{{CONNECTION, 0, CONNECTION_VERSION, 4, VMB_VERSION_NONE}}, VMB_ERR_MALFORMED},
        /* A guest so old must have given an interrupt page. */
        {{{CONNECTION, 0, CONNECTION_VERSION, 4, VMB_VERSION_1_1}}, VMB_ERR_MALFORMED},
        /* Features before there were any; one that only a trusted connection has. */
        {{{CONNECTION, 0, CONNECTION_FEATURES, 4, VMB_FEATURE_CLIENT_ID}}, VMB_ERR_MALFORMED},
        {{{CONNECTION, 0, CONNECTION_VERSION, 4, VMB_VERSION_6_0},
          {CONNECTION, 0, CONNECTION_FEATURES, 4, VMB_FEATURE_CONFIDENTIAL}},
         VMB_ERR_MALFORMED},
        /* Paused behind more messages than there are. */
        {{{CONNECTION, 0, CONNECTION_PAUSED, 1, 1}, {CONNECTION, 0, CONNECTION_HOLD_AFTER, 4, 60}},
         VMB_ERR_MALFORMED},
    };
    struct hrig *rig = three_channels();
    struct skit_bytes saved = skit_save(rig);

    (void)state;
    fresh_for_three(rig, NULL);
    each_is_refused(rig, &saved, LIES(lies));
    assert_int_equal(skit_restore(rig, saved).open, 2);
    hrig_free(rig);
}

/* Without a guest there are no pages of one, nothing is owed to one, and no channel is its. */
static void a_guest_that_is_not_there_has_nothing(void **state)
{
    static const struct lie lies[] = {
        {{{CONNECTION, 0, CONNECTION_VERSION, 4, VMB_VERSION_5_3}}, VMB_ERR_MALFORMED},
        {{{CONNECTION, 0, CONNECTION_HAS_INTERRUPT_PAGE, 1, 1}}, VMB_ERR_MALFORMED},
        {{{CONNECTION, 0, CONNECTION_HAS_MONITOR_PAGE, 1, 1}}, VMB_ERR_MALFORMED},
        {{{CONNECTION, 0, CONNECTION_OFFERS_REQUESTED, 1, 1}}, VMB_ERR_MALFORMED},
        {{{CONNECTION, 0, CONNECTION_ALL_OFFERS_DUE, 1, 1}}, VMB_ERR_MALFORMED},
        {{{CONNECTION, 0, CONNECTION_PAUSED, 1, 1}}, VMB_ERR_MALFORMED},
        {{{CHANNEL, 0, CHANNEL_STATE, 1, 0}}, VMB_ERR_MALFORMED},
        {{{CHANNEL, 0, CHANNEL_RELID, 4, 5}}, VMB_ERR_MALFORMED},
        {{{CHANNEL, 0, CHANNEL_MONITOR_ALLOCATED, 1, 1}}, VMB_ERR_MALFORMED},
        {{{CHANNEL, 0, CHANNEL_KNOWN, 1, 1}}, VMB_ERR_MALFORMED},
    };
    static const struct change offer_due[] = {{CHANNEL, 0, CHANNEL_OFFER_DUE, 1, 1}};
    struct hrig *rig = hrig_new(NULL);
    struct skit_bytes saved;

    (void)state;
    hrig_offer(rig, 0, 1, 0);
    saved = skit_save(rig);
    assert_int_equal(find_record(&saved, CHANNEL, 0)[CHANNEL_STATE],
                     VMB_HOST_CHANNEL_CLIENT_RELEASED);
    skit_die(rig);
    each_is_refused(rig, &saved, LIES(lies));
    /* An offer that is due to nobody does no harm: it is made to who comes. */
    skit_restore(rig, with_changes(&saved, offer_due, 1));
    hrig_expect_nothing(rig);
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_expect_nothing(rig);
    free(saved.bytes);
    hrig_free(rig);
}

/* Channels 0 and 1 are open, channel 2 is offered. */
static void a_channel_that_cannot_be(void **state)
{
    static const struct lie lies[] = {
        {{{CHANNEL, 2, CHANNEL_STATE, 1, 0}}, VMB_ERR_MALFORMED},
        {{{CHANNEL, 2, CHANNEL_STATE, 1, VMB_HOST_CHANNEL_OPENING_CLIENT_RELEASE}},
         VMB_ERR_MALFORMED},
        /* Two with one monitor. */
        {{{CHANNEL, 0, CHANNEL_MONITOR_ID, 1, 3},
          {CHANNEL, 0, CHANNEL_MONITOR_ALLOCATED, 1, 1},
          {CHANNEL, 1, CHANNEL_MONITOR_ID, 1, 3},
          {CHANNEL, 1, CHANNEL_MONITOR_ALLOCATED, 1, 1}},
         VMB_ERR_MALFORMED},
        /* Open, and the guest does not know of it; opened as reserved, and not open. */
        {{{CHANNEL, 0, CHANNEL_KNOWN, 1, 0}}, VMB_ERR_MALFORMED},
        {{{CHANNEL, 2, CHANNEL_RESERVED, 1, 1}}, VMB_ERR_MALFORMED},
        /* To be taken back from a guest that never had it. */
        {{{CHANNEL, 2, CHANNEL_KNOWN, 1, 0}, {CHANNEL, 2, CHANNEL_RESCIND_DUE, 1, 1}},
         VMB_ERR_MALFORMED},
        /* Reserved channels have doorbells of today, and another answer to their opening. */
        {{{CHANNEL, 0, CHANNEL_RESERVED, 1, 1}, {CHANNEL, 0, CHANNEL_LEGACY, 1, 1}},
         VMB_ERR_MALFORMED},
        {{{CHANNEL, 0, CHANNEL_RESERVED, 1, 1}, {CHANNEL, 0, CHANNEL_OWES_OPEN_RESULT, 1, 1}},
         VMB_ERR_MALFORMED},
        /* Only what is open moves, and no reserved channel does. */
        {{{CHANNEL, 2, CHANNEL_MODIFYING, 1, 1}}, VMB_ERR_MALFORMED},
        {{{CHANNEL, 2, CHANNEL_MODIFY_NEXT, 1, 1}}, VMB_ERR_MALFORMED},
        {{{CHANNEL, 0, CHANNEL_RESERVED, 1, 1}, {CHANNEL, 0, CHANNEL_MODIFYING, 1, 1}},
         VMB_ERR_MALFORMED},
    };
    struct hrig *rig = three_channels();
    struct skit_bytes saved = skit_save(rig);

    (void)state;
    assert_int_equal(find_record(&saved, CHANNEL, 0)[CHANNEL_STATE], VMB_HOST_CHANNEL_OPEN);
    assert_int_equal(find_record(&saved, CHANNEL, 2)[CHANNEL_STATE], VMB_HOST_CHANNEL_CLOSED);
    fresh_for_three(rig, NULL);
    each_is_refused(rig, &saved, LIES(lies));
    assert_int_equal(skit_restore(rig, saved).open, 2);
    hrig_free(rig);
}

static void a_gpadl_that_cannot_be(void **state)
{
    static const struct lie lies[] = {
        /* Bodies name a handle only: two that wait for theirs cannot have the same. */
        {{{GPADL, 7, GPADL_STATE, 1, GPADL_IN_PROGRESS},
          {GPADL, 7, GPADL_MAPPED, 1, 0},
          {GPADL, 8, GPADL_STATE, 1, GPADL_IN_PROGRESS},
          {GPADL, 8, GPADL_MAPPED, 1, 0},
          {GPADL, 8, GPADL_HANDLE, 4, 7}},
         VMB_ERR_MALFORMED},
        /* Mapped before all of it has come. */
        {{{GPADL, 7, GPADL_STATE, 1, GPADL_IN_PROGRESS}}, VMB_ERR_MALFORMED},
        /* More words than there can be numbers for. */
        {{{GPADL, 7, GPADL_PAGE_COUNT, 4, UINT32_MAX},
          {GPADL, 7, GPADL_RANGE_COUNT, 4, UINT32_MAX}},
         VMB_ERR_LIMIT},
    };
    struct hrig *rig = three_channels();
    struct skit_bytes saved = skit_save(rig);

    (void)state;
    fresh_for_three(rig, NULL);
    each_is_refused(rig, &saved, LIES(lies));
    assert_int_equal(skit_restore(rig, saved).open, 2);
    hrig_free(rig);
}

static void something_after_the_end(void **state)
{
    struct hrig *rig = three_channels();
    struct skit_bytes saved = skit_save(rig);
    struct skit_bytes more = {malloc(saved.byte_count + 8), saved.byte_count + 8};

    (void)state;
    memset(more.bytes, 0, more.byte_count);
    memcpy(more.bytes, saved.bytes, saved.byte_count);
    for (uint32_t i = 0; i < 8; i++) {
        more.bytes[16 + i] = (uint8_t)((uint64_t)more.byte_count >> 8 * i);
    }
    skit_seal(&more);
    fresh_for_three(rig, NULL);
    assert_int_equal(vmb_host_restore(rig->host, more.bytes, more.byte_count, NULL, NULL),
                     VMB_ERR_MALFORMED);
    skit_assert_fresh(rig);
    free(more.bytes);
    assert_int_equal(skit_restore(rig, saved).open, 2);
    hrig_free(rig);
}

/* ---- Hosts that cannot take it --------------------------------------------------------------- */

static void features_that_this_host_does_not_grant(void **state)
{
    struct vmb_host_options options = {.struct_bytes = sizeof(options),
                                       .vp_count = 8,
                                       .channel_limit = 16,
                                       .gpadl_page_limit = 20000,
                                       .message_limit = 64,
                                       .features = VMB_FEATURE_CLIENT_ID};
    struct hrig *rig = hrig_new(NULL);
    struct skit_bytes saved;

    (void)state;
    hrig_with_open(rig, VMB_VERSION_6_0, VMB_FEATURE_CLIENT_ID | VMB_FEATURE_SIGNAL_PARAMETERS);
    hrig_run(rig);
    saved = skit_save(rig);
    hrig_restart(rig, &options);
    hrig_offer(rig, 0, 1, 0);
    assert_int_equal(vmb_host_restore(rig->host, saved.bytes, saved.byte_count, NULL, NULL),
                     VMB_ERR_MISMATCH);
    skit_assert_fresh(rig);
    skit_die(rig);
    assert_int_equal(skit_restore(rig, saved).open, 1);
    hrig_free(rig);
}

static void more_messages_than_this_host_can_hold(void **state)
{
    struct vmb_host_options options = {
        .struct_bytes = sizeof(options), .vp_count = 8, .message_limit = 8};
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_counters counters;
    struct skit_bytes saved;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(vmb_host_on_message(rig->host, rig->guest_connection, "12345678", 8),
                         VMB_OK);
    }
    saved = skit_save(rig);
    hrig_restart(rig, &options);
    hrig_offer(rig, 0, 1, 0);
    assert_int_equal(vmb_host_restore(rig->host, saved.bytes, saved.byte_count, NULL, NULL),
                     VMB_ERR_LIMIT);
    skit_assert_let_go(rig);
    skit_die(rig);
    assert_int_equal(skit_restore(rig, saved).messages_in, 40);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.messages_malformed + counters.messages_unknown, 40);
    hrig_free(rig);
}

/* As many messages as this host can hold, and one that will be due as soon as the bus is free. */
static void a_guest_that_waits_needs_a_place_too(void **state)
{
    struct vmb_host_options options = {
        .struct_bytes = sizeof(options), .vp_count = 8, .message_limit = 8};
    struct vmb_message message = {.number = VMB_MSG_INITIATE_CONTACT};
    struct hrig *rig = hrig_new(NULL);
    struct skit_bytes saved;

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    rig->devices[0].close_answer = VMB_ERR_BUSY;
    rig->slots_free = 0;
    hrig_header_only(rig, VMB_MSG_UNLOAD);
    message.u.initiate_contact.requested_version = VMB_VERSION_5_3;
    message.u.initiate_contact.target_sint = 5;
    for (uint32_t i = 0; i < 8; i++) {
        hrig_post(rig, &message);
    }
    saved = skit_save(rig);
    hrig_restart(rig, &options);
    rig->lenient = true;
    rig->slots_free = 100;
    hrig_offer(rig, 0, 1, 0);
    assert_int_equal(vmb_host_restore(rig->host, saved.bytes, saved.byte_count, NULL, NULL),
                     VMB_ERR_LIMIT);
    skit_assert_let_go(rig);
    skit_die(rig);
    assert_int_equal(skit_restore(rig, saved).messages_out, 8);
    assert_int_equal(rig->posted[rig->posted_count - 1].bytes[0], VMB_MSG_UNLOAD_COMPLETE);
    hrig_free(rig);
}

static void a_host_that_is_in_the_middle_of_something(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct skit_bytes saved;

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_run(rig);
    saved = skit_save(rig);
    skit_die(rig);
    /* A message that nobody has looked at. */
    assert_int_equal(vmb_host_on_message(rig->host, rig->guest_connection, "12345678", 8), VMB_OK);
    assert_int_equal(vmb_host_restore(rig->host, saved.bytes, saved.byte_count, NULL, NULL),
                     VMB_ERR_WRONG_STATE);
    hrig_poll(rig);
    /* A guest that has made contact, and knows of no channel yet. */
    hrig_contact(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_VERSION_RESPONSE);
    assert_int_equal(vmb_host_restore(rig->host, saved.bytes, saved.byte_count, NULL, NULL),
                     VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_host_version(rig->host), VMB_VERSION_5_3);
    vmb_host_reset(rig->host);
    hrig_poll(rig);
    assert_int_equal(skit_restore(rig, saved).open, 1);
    hrig_free(rig);
}

/* ---- What fails in the middle ---------------------------------------------------------------- */

static void revokes_the_next(struct hrig_device *device)
{
    device->in_closed = NULL;
    assert_int_equal(vmb_host_revoke(device->rig->devices[1].channel), VMB_OK);
}

/* Two devices go on, the third cannot. While they are closed for that, one of them takes the other
 * off the bus, which would rather close later: it is told all the same, before its memory goes. */
static void a_device_that_is_revoked_while_all_is_undone(void **state)
{
    struct hrig *rig = three_channels();
    struct skit_bytes saved = skit_save(rig);

    (void)state;
    fresh_for_three(rig, NULL);
    rig->devices[0].in_closed = revokes_the_next;
    rig->devices[1].close_answer = VMB_ERR_BUSY;
    rig->devices[2].restore_answer = VMB_ERR_MALFORMED;
    assert_int_equal(vmb_host_restore(rig->host, saved.bytes, saved.byte_count, NULL, NULL),
                     VMB_ERR_MALFORMED);
    assert_null(rig->devices[1].endpoint);
    hrig_poll(rig);
    assert_int_equal(rig->devices[1].closed, 1);
    assert_int_equal(rig->devices[1].released, 1);
    assert_int_equal(vmb_host_close_done(rig->devices[0].channel), VMB_ERR_WRONG_STATE);
    skit_assert_fresh(rig);
    rig->devices[1].close_answer = VMB_OK;
    rig->devices[2].restore_answer = VMB_OK;
    hrig_offer(rig, 1, 2, 0); /* It is back, and all can be tried again. */
    assert_int_equal(skit_restore(rig, saved).open, 2);
    hrig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_that_cannot_be),
        cmocka_unit_test(a_guest_that_is_not_there_has_nothing),
        cmocka_unit_test(a_channel_that_cannot_be),
        cmocka_unit_test(a_gpadl_that_cannot_be),
        cmocka_unit_test(something_after_the_end),
        cmocka_unit_test(features_that_this_host_does_not_grant),
        cmocka_unit_test(more_messages_than_this_host_can_hold),
        cmocka_unit_test(a_guest_that_waits_needs_a_place_too),
        cmocka_unit_test(a_host_that_is_in_the_middle_of_something),
        cmocka_unit_test(a_device_that_is_revoked_while_all_is_undone),
    };

    return cmocka_run_group_tests_name("saved lies", tests, NULL, NULL);
}
