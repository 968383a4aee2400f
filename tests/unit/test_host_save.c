/* SPDX-License-Identifier: MIT */
/*
 * A host that is saved and another one that goes on: every state of a channel and of the
 * connection, messages on their way, devices. Damage is in test_host_save_damage.c.
 */
#include "save_kit.h"

#include <vmbus/proto/pages.h>

#define LEGACY_PAGE (HRIG_PAGES - 1u) /* Where hrig_contact() puts the interrupt page. */
#define STATE(name) VMB_HOST_CHANNEL_##name

/* ---- States of a channel --------------------------------------------------------------------- */

static const struct {
    uint32_t before;
    uint32_t after;  /* Once the new host has been polled. */
    uint32_t answer; /* What the guest hears of it; HRIG_NOTHING: no message. */
    bool asked;      /* The device is asked to open. */
} channel_states[] = {
    {STATE(CLOSED), STATE(CLOSED), HRIG_NOTHING, false},
    {STATE(OPENING), STATE(OPEN), VMB_MSG_OPEN_RESULT, true},
    {STATE(OPEN), STATE(OPEN), HRIG_NOTHING, false},
    {STATE(CLOSING), STATE(CLOSED), HRIG_NOTHING, false},
    {STATE(CLOSING_REOPEN), STATE(OPEN), VMB_MSG_OPEN_RESULT, true},
    {STATE(REVOKED), STATE(REOFFERED), HRIG_NOTHING, false},
    {STATE(REOFFERED), STATE(REOFFERED), HRIG_NOTHING, false},
    {STATE(OPENING_CLIENT_RELEASE), STATE(CLIENT_RELEASED), VMB_MSG_UNLOAD_COMPLETE, false},
    {STATE(CLOSING_CLIENT_RELEASE), STATE(CLIENT_RELEASED), VMB_MSG_UNLOAD_COMPLETE, false},
};

static struct hrig *bring_to(uint32_t state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    struct hrig_device *device = &rig->devices[0];

    device->close_answer = VMB_ERR_BUSY;
    device->open_answer = VMB_ERR_BUSY;
    if (state == STATE(REVOKED) || state == STATE(REOFFERED)) {
        assert_int_equal(vmb_host_revoke(channel), VMB_OK);
        hrig_poll(rig);
        hrig_expect(rig, VMB_MSG_RESCIND_OFFER);
        if (state == STATE(REOFFERED)) {
            hrig_offer(rig, 0, 1, 0);
        }
    } else if (state != STATE(CLOSED)) {
        hrig_open(rig, 1, SKIT_RINGS, 1);
        if (state != STATE(OPENING) && state != STATE(OPENING_CLIENT_RELEASE)) {
            assert_int_equal(vmb_host_open_done(channel, VMB_OK), VMB_OK);
            hrig_poll(rig);
            hrig_expect(rig, VMB_MSG_OPEN_RESULT);
        }
        if (state == STATE(CLOSING) || state == STATE(CLOSING_REOPEN)) {
            hrig_close(rig, 1);
        }
        if (state == STATE(CLOSING_REOPEN)) {
            hrig_open(rig, 1, SKIT_RINGS, 2);
        }
        if (state == STATE(OPENING_CLIENT_RELEASE) || state == STATE(CLOSING_CLIENT_RELEASE)) {
            hrig_header_only(rig, VMB_MSG_UNLOAD);
        }
    }
    assert_int_equal(vmb_host_channel_state(channel), state);
    hrig_expect_nothing(rig);
    return rig;
}

static void every_state_of_a_channel(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(channel_states) / sizeof(channel_states[0]); i++) {
        struct hrig *rig = bring_to(channel_states[i].before);
        struct hrig_device *device = &rig->devices[0];

        skit_pass_on(rig);
        assert_int_equal(vmb_host_channel_state(device->channel), channel_states[i].after);
        assert_int_equal(device->asked_open, channel_states[i].asked);
        assert_int_equal(device->opened, channel_states[i].asked);
        assert_int_equal(device->closed, 0);
        if (channel_states[i].answer != HRIG_NOTHING) {
            hrig_expect(rig, channel_states[i].answer);
        }
        hrig_expect_nothing(rig);
        /* And its life goes on. */
        if (channel_states[i].after == STATE(REOFFERED)) {
            hrig_release(rig, 1);
            assert_int_equal(hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer.relid, 1);
        } else if (channel_states[i].after == STATE(OPEN)) {
            hrig_close(rig, 1);
            assert_int_equal(device->closed, 1);
            assert_int_equal(vmb_host_channel_state(device->channel), STATE(CLOSED));
        }
        hrig_expect_nothing(rig);
        hrig_free(rig);
    }
}

static void twice_in_a_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(channel_states) / sizeof(channel_states[0]); i++) {
        struct hrig *rig = bring_to(channel_states[i].before);
        struct skit_bytes first, second;

        /* Before the poll a restored host saves what it was made of. */
        first = skit_save(rig);
        skit_die(rig);
        assert_int_equal(vmb_host_restore(rig->host, first.bytes, first.byte_count, NULL, NULL),
                         VMB_OK);
        second = skit_save(rig);
        if (channel_states[i].before != STATE(REVOKED)) { /* Its device has come back. */
            assert_int_equal(second.byte_count, first.byte_count);
            assert_memory_equal(second.bytes, first.bytes, first.byte_count);
        }
        free(first.bytes);
        skit_die(rig);
        skit_restore(rig, second);
        assert_int_equal(vmb_host_channel_state(rig->devices[0].channel), channel_states[i].after);
        hrig_free(rig);
    }
}

static void a_revoked_device_that_stays_away(void **state)
{
    struct hrig *rig = bring_to(STATE(REVOKED));
    struct skit_bytes saved = skit_save(rig);
    struct vmb_host_counters counters;
    struct vmb_host_restored restored;

    (void)state;
    hrig_restart(rig, NULL);
    restored = skit_restore(rig, saved);
    assert_int_equal(restored.revoked, 0); /* That was before. */
    hrig_expect_nothing(rig);
    hrig_open(rig, 1, SKIT_RINGS, 1); /* Crosses the rescind, as before. */
    hrig_gpadl_teardown(rig, 1, SKIT_RINGS);
    hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN);
    hrig_release(rig, 1);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.channels_in_use, 0);
    assert_int_equal(counters.messages_unexpected, 0);
    hrig_free(rig);
}

/* ---- Messages -------------------------------------------------------------------------------- */

static void messages_in_both_queues(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_restored restored;
    struct skit_bytes saved;
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    struct vmb_message message = {.number = VMB_MSG_GPADL_TEARDOWN};
    uint32_t count;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    rig->slots_free = 0;
    hrig_offer(rig, 1, 2, 0);                       /* An offer that nobody has taken, */
    hrig_gpadl(rig, 1, 7, HRIG_FIRST_GPN + 30, 40); /* two answers behind it, */
    hrig_gpadl(rig, 1, 7, HRIG_FIRST_GPN + 30, 1);
    message.u.gpadl_teardown.relid = 1; /* and a message that nobody has looked at. */
    message.u.gpadl_teardown.gpadl = 7;
    assert_int_equal(vmb_message_encode(&message, VMB_VERSION_5_3, 0, bytes, sizeof(bytes), &count),
                     VMB_OK);
    assert_int_equal(vmb_host_on_message(rig->host, rig->guest_connection, bytes, count), VMB_OK);
    saved = skit_save(rig);
    skit_die(rig);
    hrig_offer(rig, 1, 2, 0);
    restored = skit_restore(rig, saved);
    assert_int_equal(restored.messages_out, 3);
    assert_int_equal(restored.messages_in, 1);
    hrig_expect_nothing(rig);
    rig->slots_free = UINT32_MAX;
    vmb_host_on_slot_free(rig->host);
    hrig_poll(rig);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer.relid, 2);
    assert_int_equal(hrig_expect(rig, VMB_MSG_GPADL_CREATED)->u.gpadl_created.status, 0);
    assert_int_not_equal(hrig_expect(rig, VMB_MSG_GPADL_CREATED)->u.gpadl_created.status, 0);
    assert_int_equal(hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN)->u.gpadl_torndown.gpadl, 7);
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

/* An offer in the outbox whose device is not there any more: the rescind follows it. */
static void an_offer_under_way_and_its_device_gone(void **state)
{
    struct vmb_host_restore_options options = {.struct_bytes = sizeof(options),
                                               .revoke_missing = true};
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_restored restored;
    struct skit_bytes saved;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    rig->slots_free = 0;
    hrig_offer(rig, 1, 2, 0);
    saved = skit_save(rig);
    skit_die(rig);
    assert_int_equal(vmb_host_restore(rig->host, saved.bytes, saved.byte_count, NULL, NULL),
                     VMB_ERR_MISMATCH);
    assert_int_equal(
        vmb_host_restore(rig->host, saved.bytes, saved.byte_count, &options, &restored), VMB_OK);
    free(saved.bytes);
    assert_int_equal(restored.revoked, 1);
    rig->slots_free = UINT32_MAX;
    hrig_poll(rig);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer.relid, 2);
    assert_int_equal(hrig_expect(rig, VMB_MSG_RESCIND_OFFER)->u.rescind.relid, 2);
    hrig_release(rig, 2);
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

static void a_guest_that_has_paused(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_open(rig, VMB_VERSION_6_0, VMB_FEATURE_PAUSE_RESUME);
    hrig_header_only(rig, VMB_MSG_PAUSE);
    hrig_expect(rig, VMB_MSG_PAUSE_RESPONSE);
    skit_pass_on(rig);
    hrig_offer(rig, 1, 2, 0);
    hrig_expect_nothing(rig);
    hrig_header_only(rig, VMB_MSG_RESUME);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_free(rig);
}

/* ---- The connection -------------------------------------------------------------------------- */

static void somebody_starts_over_and_waits(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_open(rig, VMB_VERSION_5_3, 0);

    (void)state;
    rig->devices[0].close_answer = VMB_ERR_BUSY;
    hrig_contact(rig, VMB_VERSION_4_1, 0); /* Waits for the device. */
    hrig_expect_nothing(rig);
    assert_int_equal(vmb_host_channel_state(channel), STATE(CLOSING_CLIENT_RELEASE));
    skit_pass_on(rig);
    assert_true(hrig_expect(rig, VMB_MSG_VERSION_RESPONSE)->u.version_response.version_supported);
    assert_int_equal(vmb_host_version(rig->host), VMB_VERSION_4_1);
    assert_int_equal(rig->disconnected_count, 1);
    assert_int_equal(rig->disconnect_reason, VMB_HOST_CONTACTED);
    hrig_free(rig);
}

static void nobody_connected(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_restored restored;

    (void)state;
    hrig_offer(rig, 0, 1, 0);
    restored = skit_pass_on(rig);
    assert_int_equal(restored.version, VMB_VERSION_NONE);
    assert_int_equal(restored.channels, 1);
    hrig_connect(rig, VMB_VERSION_5_2, 0);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_free(rig);
}

/* Offers that were not asked for confuse guests, and new devices are offered like others. */
static void new_devices_wait_for_the_question(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct skit_bytes saved;

    (void)state;
    hrig_offer(rig, 0, 1, 0);
    hrig_contact(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_VERSION_RESPONSE);
    saved = skit_save(rig);
    skit_die(rig);
    hrig_offer(rig, 1, 2, 0);
    skit_restore(rig, saved);
    hrig_expect_nothing(rig);
    hrig_header_only(rig, VMB_MSG_REQUEST_OFFERS);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    saved = skit_save(rig);
    skit_die(rig);
    hrig_offer(rig, 1, 2, 0);
    hrig_offer(rig, 2, 3, 0);
    skit_restore(rig, saved);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer.relid, 3);
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

static void legacy_interrupt_page(void **state)
{
    static const uint32_t versions[] = {VMB_VERSION_0_13, VMB_VERSION_1_1};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct hrig *rig = hrig_new(NULL);
        uint8_t *page = hrig_page(rig, LEGACY_PAGE);

        hrig_with_open(rig, versions[i], 0);
        hrig_run(rig);
        page[2048] = 2; /* The guest has something on relid 1, and has not said so. */
        page[0] = 0;
        rig->event_count = 0;
        skit_pass_on(rig);
        assert_int_equal(page[2048], 0);
        assert_int_equal(page[0], 2); /* And is told so, in its half. */
        assert_int_equal(rig->event_count, 1);
        assert_int_equal(rig->events[0].vp, 0);
        hrig_run(rig);
        assert_int_equal(rig->devices[0].runs, 1);
        hrig_free(rig);
    }
}

static void a_reserved_channel(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_message message = {.number = VMB_MSG_OPEN_RESERVED};

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_2, 0);
    message.u.open_reserved.relid = 1;
    message.u.open_reserved.target_vp = 5;
    message.u.open_reserved.target_sint = 9;
    message.u.open_reserved.ring_gpadl = SKIT_RINGS;
    message.u.open_reserved.downstream_page_offset = 4;
    hrig_post(rig, &message);
    hrig_expect(rig, VMB_MSG_OPEN_RESULT);
    skit_pass_on(rig);
    hrig_header_only(rig, VMB_MSG_UNLOAD);
    hrig_expect(rig, VMB_MSG_UNLOAD_COMPLETE);
    rig->slots_free = 0;
    memset(&message, 0, sizeof(message));
    message.number = VMB_MSG_CLOSE_RESERVED;
    message.u.close_reserved.relid = 1;
    message.u.close_reserved.target_vp = 6;
    message.u.close_reserved.target_sint = 10;
    skit_pass_on(rig); /* In no connection, */
    assert_int_equal(vmb_host_channel_state(rig->devices[0].channel), STATE(OPEN));
    hrig_post(rig, &message);
    assert_int_equal(rig->devices[0].closed, 1);
    skit_pass_on(rig); /* and with its answer still to be said. */
    rig->slots_free = UINT32_MAX;
    vmb_host_on_slot_free(rig->host);
    hrig_poll(rig);
    assert_int_equal(
        hrig_expect(rig, VMB_MSG_CLOSE_RESERVED_RESPONSE)->u.close_reserved_response.relid, 1);
    assert_int_equal(hrig_last(rig)->vp, 6);
    assert_int_equal(hrig_last(rig)->sint, 10);
    hrig_free(rig);
}

/* Open for a guest that has left the bus, and its device does not come back. */
static void a_reserved_channel_without_its_device(void **state)
{
    struct vmb_host_restore_options options = {.struct_bytes = sizeof(options),
                                               .revoke_missing = true};
    struct hrig *rig = hrig_new(NULL);
    struct vmb_message message = {.number = VMB_MSG_OPEN_RESERVED};
    struct vmb_host_counters counters;
    struct skit_bytes saved;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_2, 0);
    message.u.open_reserved.relid = 1;
    message.u.open_reserved.target_sint = 2;
    message.u.open_reserved.ring_gpadl = SKIT_RINGS;
    message.u.open_reserved.downstream_page_offset = 4;
    hrig_post(rig, &message);
    hrig_expect(rig, VMB_MSG_OPEN_RESULT);
    hrig_header_only(rig, VMB_MSG_UNLOAD);
    hrig_expect(rig, VMB_MSG_UNLOAD_COMPLETE);
    saved = skit_save(rig);
    hrig_restart(rig, NULL);
    assert_int_equal(vmb_host_restore(rig->host, saved.bytes, saved.byte_count, &options, NULL),
                     VMB_OK);
    free(saved.bytes);
    hrig_poll(rig);
    hrig_expect_nothing(rig);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.channels_in_use, 0);
    assert_int_equal(counters.gpadls_in_use, 0);
    hrig_free(rig);
}

/* ---- Targets --------------------------------------------------------------------------------- */

static size_t size_in_raise;

static void retarget_in_raise(struct hrig *rig)
{
    rig->in_raise = NULL;
    hrig_modify(rig, 1, 4); /* Its answer waits until this interrupt has been raised. */
    assert_int_equal(vmb_host_save(rig->host, NULL, 0, &size_in_raise), VMB_ERR_BUSY);
}

static void a_retarget_under_way(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_run(rig);
    rig->in_raise = retarget_in_raise;
    assert_int_equal(vmb_endpoint_send(rig->devices[0].endpoint, "x", 1, 0, false), VMB_OK);
    hrig_expect_nothing(rig); /* Nobody has polled since. */
    rig->event_count = 0;
    skit_pass_on(rig);
    assert_int_equal(
        hrig_expect(rig, VMB_MSG_MODIFY_CHANNEL_RESPONSE)->u.modify_channel_response.status, 0);
    assert_int_equal(rig->event_count, 1);
    assert_int_equal(rig->events[0].vp, 4);
    hrig_modify(rig, 1, 2);
    hrig_expect(rig, VMB_MSG_MODIFY_CHANNEL_RESPONSE);
    skit_pass_on(rig);
    assert_int_equal(vmb_host_channel_target_vp(rig->devices[0].channel), 2);
    hrig_free(rig);
}

/* ---- Devices --------------------------------------------------------------------------------- */

static struct hrig_device *second_device;

static void offer_subchannel(struct hrig_device *device)
{
    (void)device;
    hrig_offer(second_device->rig, 1, 1, 1);
}

static void subchannels_offered_by_their_primary(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_restored restored;
    struct skit_bytes saved;

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_offer(rig, 1, 1, 1);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_gpadl(rig, 2, 101, HRIG_FIRST_GPN + 8, HRIG_RING_PAGES);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    hrig_open(rig, 2, 101, 2);
    hrig_expect(rig, VMB_MSG_OPEN_RESULT);
    rig->devices[1].memo = 9;
    saved = skit_save(rig);
    skit_die(rig);
    second_device = &rig->devices[1];
    rig->devices[0].in_restore = offer_subchannel;
    restored = skit_restore(rig, saved);
    assert_int_equal(restored.open, 2);
    assert_int_equal(rig->devices[1].memo, 9);
    assert_int_equal(vmb_host_channel_relid(rig->devices[1].channel), 2);
    hrig_run(rig);
    assert_int_equal(rig->devices[1].runs, 1);
    hrig_expect_nothing(rig);
    hrig_close(rig, 2);
    assert_int_equal(rig->devices[1].closed, 1);
    assert_int_equal(vmb_host_revoke(rig->devices[1].channel), VMB_OK);
    hrig_poll(rig);
    assert_int_equal(hrig_expect(rig, VMB_MSG_RESCIND_OFFER)->u.rescind.relid, 2);
    hrig_free(rig);
}

static void a_device_that_saves_nothing(void **state)
{
    struct vmb_host_hooks hooks = {.struct_bytes = sizeof(hooks)};
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_offer_options options = {.struct_bytes = sizeof(options),
                                             .driver = &hrig_driver,
                                             .device = &rig->devices[0],
                                             .hooks = &hooks,
                                             .instance_id = {{1}}};
    struct vmb_host_channel **channel = &rig->devices[0].channel;
    struct vmb_host_restored restored;
    struct skit_bytes saved;

    (void)state;
    assert_int_equal(vmb_host_offer(rig->host, &options, channel), VMB_OK);
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_gpadl(rig, 1, SKIT_RINGS, HRIG_FIRST_GPN, HRIG_RING_PAGES);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    hrig_open(rig, 1, SKIT_RINGS, 1);
    hrig_expect(rig, VMB_MSG_OPEN_RESULT);
    saved = skit_save(rig);
    hrig_restart(rig, NULL);
    assert_int_equal(vmb_host_offer(rig->host, &options, channel), VMB_OK);
    restored = skit_restore(rig, saved);
    assert_int_equal(restored.renewed, 1);
    assert_int_equal(restored.open, 0);
    hrig_expect(rig, VMB_MSG_RESCIND_OFFER);
    hrig_gpadl_teardown(rig, 1, SKIT_RINGS);
    hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN);
    hrig_release(rig, 1);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer.relid, 1);
    hrig_gpadl(rig, 1, SKIT_RINGS, HRIG_FIRST_GPN, HRIG_RING_PAGES);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    hrig_open(rig, 1, SKIT_RINGS, 1);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    assert_int_equal(rig->devices[0].opened, 1);
    hrig_free(rig);
}

static void work_that_cannot_be_written_down(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    size_t bytes = 1;

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    rig->devices[0].save_answer = VMB_ERR_BUSY;
    assert_int_equal(vmb_host_save(rig->host, NULL, 0, &bytes), VMB_ERR_BUSY);
    assert_int_equal(bytes, 1);
    rig->devices[0].save_answer = VMB_OK;
    skit_pass_on(rig);
    hrig_free(rig);
}

static void counters_go_on(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel_counters channel_before, channel_after;
    struct vmb_host_counters before, after;
    struct skit_bytes saved;

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    assert_int_equal(vmb_host_on_signal(rig->host, SKIT_OWN, 0), VMB_OK);
    hrig_run(rig);
    hrig_modify(rig, 1, 3);
    hrig_expect(rig, VMB_MSG_MODIFY_CHANNEL_RESPONSE);
    vmb_host_read_counters(rig->host, &before);
    vmb_host_channel_read_counters(rig->devices[0].channel, &channel_before);
    saved = skit_save(rig);
    skit_die(rig);
    assert_int_equal(vmb_host_restore(rig->host, saved.bytes, saved.byte_count, NULL, NULL),
                     VMB_OK);
    free(saved.bytes);
    vmb_host_read_counters(rig->host, &after);
    vmb_host_channel_read_counters(rig->devices[0].channel, &channel_after);
    assert_memory_equal(&after, &before, sizeof(after));
    assert_memory_equal(&channel_after, &channel_before, sizeof(channel_after));
    hrig_poll(rig);
    hrig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_of_a_channel),
        cmocka_unit_test(twice_in_a_row),
        cmocka_unit_test(a_revoked_device_that_stays_away),
        cmocka_unit_test(messages_in_both_queues),
        cmocka_unit_test(an_offer_under_way_and_its_device_gone),
        cmocka_unit_test(a_guest_that_has_paused),
        cmocka_unit_test(somebody_starts_over_and_waits),
        cmocka_unit_test(nobody_connected),
        cmocka_unit_test(new_devices_wait_for_the_question),
        cmocka_unit_test(legacy_interrupt_page),
        cmocka_unit_test(a_reserved_channel),
        cmocka_unit_test(a_reserved_channel_without_its_device),
        cmocka_unit_test(a_retarget_under_way),
        cmocka_unit_test(subchannels_offered_by_their_primary),
        cmocka_unit_test(a_device_that_saves_nothing),
        cmocka_unit_test(work_that_cannot_be_written_down),
        cmocka_unit_test(counters_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
