/* SPDX-License-Identifier: MIT */
/*
 * A channel's states towards its guest. The table first, cell by cell, as openvmm's server has it;
 * then what an open must look like, devices that answer late, and reserved channels.
 */
#include "host_rig.h"

#define RINGS 100u

/* ---- The table ------------------------------------------------------------------------------- */

enum event {
    OPEN,
    CLOSE,
    RELEASE,
    EVENTS
};

struct cell {
    uint32_t state;   /* Afterwards; 0: the channel is gone. */
    uint32_t answer;  /* The one message that follows at once; HRIG_NOTHING: no reply. */
    bool is_an_error; /* Counted. */
};

#define STATE(name) VMB_HOST_CHANNEL_##name

static const struct {
    uint32_t state;
    struct cell on[EVENTS];
} table[] = {
    {STATE(CLOSED),
     {{STATE(OPENING), HRIG_NOTHING, false},
      {STATE(CLOSED), HRIG_NOTHING, true},
      {STATE(CLIENT_RELEASED), HRIG_NOTHING, false}}},
    {STATE(OPENING),
     {{STATE(OPENING), HRIG_NOTHING, true},
      {STATE(OPENING), HRIG_NOTHING, true},
      {STATE(OPENING), HRIG_NOTHING, true}}},
    {STATE(OPEN),
     {{STATE(OPEN), HRIG_NOTHING, true},
      {STATE(CLOSING), HRIG_NOTHING, false},
      {STATE(OPEN), HRIG_NOTHING, true}}},
    {STATE(CLOSING),
     {{STATE(CLOSING_REOPEN), HRIG_NOTHING, false},
      {STATE(CLOSING), HRIG_NOTHING, true},
      {STATE(CLOSING_CLIENT_RELEASE), HRIG_NOTHING, false}}},
    {STATE(CLOSING_REOPEN),
     {{STATE(CLOSING_REOPEN), HRIG_NOTHING, true},
      {STATE(CLOSING_REOPEN), HRIG_NOTHING, true},
      {STATE(CLOSING_REOPEN), HRIG_NOTHING, true}}},
    {STATE(REVOKED),
     {{STATE(REVOKED), HRIG_NOTHING, false}, {STATE(REVOKED), HRIG_NOTHING, false}, {0, 0, false}}},
    {STATE(REOFFERED),
     {{STATE(REOFFERED), HRIG_NOTHING, false},
      {STATE(REOFFERED), HRIG_NOTHING, false},
      {STATE(CLOSED), VMB_MSG_OFFER_CHANNEL, false}}},
};

/* A channel in that state, its device answering nothing by itself; all messages read. */
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
        hrig_open(rig, 1, RINGS, 1);
        if (state != STATE(OPENING)) {
            assert_int_equal(vmb_host_open_done(channel, VMB_OK), VMB_OK);
            hrig_poll(rig);
            hrig_expect(rig, VMB_MSG_OPEN_RESULT);
        }
        if (state == STATE(CLOSING) || state == STATE(CLOSING_REOPEN)) {
            hrig_close(rig, 1);
        }
        if (state == STATE(CLOSING_REOPEN)) {
            hrig_open(rig, 1, RINGS, 2);
        }
    }
    assert_int_equal(vmb_host_channel_state(channel), state);
    hrig_expect_nothing(rig);
    return rig;
}

static void send_event(struct hrig *rig, enum event event)
{
    if (event == OPEN) {
        hrig_open(rig, 1, RINGS, 1);
    } else if (event == CLOSE) {
        hrig_close(rig, 1);
    } else {
        hrig_release(rig, 1);
    }
}

static void every_cell_of_the_table(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof(table) / sizeof(table[0]); row++) {
        for (uint32_t event = 0; event < EVENTS; event++) {
            const struct cell *cell = &table[row].on[event];
            struct hrig *rig = bring_to(table[row].state);
            struct vmb_host_counters before, after;

            vmb_host_read_counters(rig->host, &before);
            send_event(rig, (enum event)event);
            vmb_host_read_counters(rig->host, &after);
            if (cell->answer != HRIG_NOTHING) {
                hrig_expect(rig, cell->answer);
            }
            hrig_expect_nothing(rig);
            assert_int_equal(after.messages_unexpected - before.messages_unexpected,
                             cell->is_an_error);
            if (cell->state == 0) {
                assert_int_equal(after.channels_in_use, 0);
                rig->devices[0].channel = NULL;
            } else {
                assert_int_equal(vmb_host_channel_state(rig->devices[0].channel), cell->state);
            }
            hrig_free(rig);
        }
    }
}

static void a_relid_that_is_none_is_an_error(void **state)
{
    static const uint32_t relids[] = {0, 2, 2047, 2048, 0x10001, UINT32_MAX};
    struct hrig *rig = bring_to(STATE(OPEN));
    struct vmb_host_counters counters;

    (void)state;
    for (size_t i = 0; i < sizeof(relids) / sizeof(relids[0]); i++) {
        hrig_open(rig, relids[i], RINGS, 1);
        hrig_close(rig, relids[i]);
        hrig_release(rig, relids[i]);
        hrig_modify(rig, relids[i], 1);
        hrig_gpadl_teardown(rig, relids[i], RINGS);
    }
    hrig_expect_nothing(rig);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.messages_unexpected, 5 * sizeof(relids) / sizeof(relids[0]));
    hrig_free(rig);
}

/* ---- Leaving in each state ------------------------------------------------------------------- */

static void revoke_in_each_state(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof(table) / sizeof(table[0]); row++) {
        struct hrig *rig = bring_to(table[row].state);
        struct hrig_device *device = &rig->devices[0];
        bool was_open = device->opened > 0;
        uint32_t known = table[row].state == STATE(REVOKED) || table[row].state == STATE(REOFFERED);

        device->close_answer = VMB_OK;
        if (table[row].state == STATE(REVOKED)) {
            assert_int_equal(vmb_host_revoke(device->channel), VMB_ERR_WRONG_STATE);
        } else {
            device->released = 0;
            assert_int_equal(vmb_host_revoke(device->channel), VMB_OK);
            if (device->released == 0) { /* It was asked to stop before. */
                assert_int_equal(vmb_host_close_done(device->channel), VMB_OK);
            }
            assert_int_equal(device->released, 1);
            assert_int_equal(device->closed, was_open);
        }
        hrig_poll(rig);
        if (!known) { /* An open under way gets no result, a reopen neither. */
            hrig_expect(rig, VMB_MSG_RESCIND_OFFER);
        }
        hrig_expect_nothing(rig);
        /* Its rings are still the guest's to take back, and that is answered at once. */
        hrig_gpadl_teardown(rig, 1, RINGS);
        assert_int_equal(hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN)->u.gpadl_torndown.gpadl, RINGS);
        hrig_release(rig, 1);
        hrig_expect_nothing(rig);
        device->channel = NULL;
        hrig_free(rig);
    }
}

static void unload_in_each_state(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof(table) / sizeof(table[0]); row++) {
        struct hrig *rig = bring_to(table[row].state);
        struct hrig_device *device = &rig->devices[0];
        bool late = table[row].state != STATE(CLOSED) && table[row].state != STATE(REVOKED) &&
                    table[row].state != STATE(REOFFERED);

        hrig_header_only(rig, VMB_MSG_UNLOAD);
        if (late) {
            hrig_expect_nothing(rig);
            if (table[row].state == STATE(OPENING)) {
                assert_int_equal(vmb_host_channel_state(device->channel),
                                 STATE(OPENING_CLIENT_RELEASE));
                assert_int_equal(vmb_host_open_done(device->channel, VMB_OK), VMB_ERR_GONE);
                assert_int_equal(device->opened, 0);
            } else {
                assert_int_equal(vmb_host_channel_state(device->channel),
                                 STATE(CLOSING_CLIENT_RELEASE));
                assert_int_equal(vmb_host_close_done(device->channel), VMB_OK);
                assert_int_equal(device->closed, 1);
            }
            hrig_poll(rig);
        }
        hrig_expect(rig, VMB_MSG_UNLOAD_COMPLETE);
        hrig_expect_nothing(rig);
        if (table[row].state == STATE(REVOKED)) {
            device->channel = NULL; /* Gone with the connection. */
        }
        hrig_free(rig);
    }
}

/* ---- What an open must look like ------------------------------------------------------------- */

static void open_expect_refused(struct hrig *rig, const struct vmb_msg_open_channel *request)
{
    struct vmb_message message = {.number = VMB_MSG_OPEN_CHANNEL};
    const struct vmb_msg_open_result *result;

    message.u.open_channel = *request;
    hrig_post(rig, &message);
    result = &hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result;
    assert_int_equal(result->status, VMB_NTSTATUS_FAILURE);
    assert_int_equal(result->open_id, request->open_id);
    assert_int_equal(rig->devices[0].asked_open, 0);
    assert_int_equal(rig->doorbells_open, 0);
    assert_int_equal(vmb_host_channel_state(rig->devices[0].channel), STATE(CLOSED));
}

static void malformed_opens_are_refused(void **state)
{
    struct vmb_msg_open_channel good = {.relid = 1,
                                        .open_id = 77,
                                        .ring_gpadl = RINGS,
                                        .target_vp = 0,
                                        .downstream_page_offset = HRIG_RING_PAGES / 2};
    struct hrig *rig = hrig_new(NULL);
    struct vmb_message message = {.number = VMB_MSG_GPADL_HEADER};
    struct vmb_msg_gpadl_header *header = &message.u.gpadl_header;
    struct vmb_msg_open_channel bad;
    static const uint32_t offsets[] = {
        0, 1, HRIG_RING_PAGES - 1, HRIG_RING_PAGES, HRIG_RING_PAGES + 1, UINT32_MAX};

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        bad = good; /* Each ring has a control page and a page of data. */
        bad.downstream_page_offset = offsets[i];
        open_expect_refused(rig, &bad);
    }
    bad = good;
    bad.ring_gpadl = RINGS + 1; /* No such GPADL. */
    open_expect_refused(rig, &bad);
    bad = good;
    bad.target_vp = 8; /* No such VP. */
    open_expect_refused(rig, &bad);

    /* One of another shape: two ranges, an offset, a part of a page, in progress. */
    header->relid = 1;
    header->gpadl = 7;
    header->range_count = 2;
    header->range_data_bytes = 8 * (2 + 8);
    header->range_word_count = 10;
    header->range_words[0] = 4 * VMB_PAGE_BYTES;
    header->range_words[5] = 4 * VMB_PAGE_BYTES;
    for (uint32_t i = 0; i < 4; i++) {
        header->range_words[1 + i] = HRIG_FIRST_GPN + i;
        header->range_words[6 + i] = HRIG_FIRST_GPN + 4 + i;
    }
    hrig_post(rig, &message);
    header->gpadl = 8;
    header->range_count = 1;
    header->range_data_bytes = 8 * 9;
    header->range_words[0] = (uint64_t)512 << 32 | (8 * VMB_PAGE_BYTES - 512);
    header->range_words[5] = HRIG_FIRST_GPN + 100;
    hrig_post(rig, &message);
    header->gpadl = 9;
    header->range_words[0] = 8 * VMB_PAGE_BYTES - 1;
    hrig_post(rig, &message);
    header->gpadl = 10;
    header->range_word_count = 8;
    hrig_post(rig, &message);
    for (uint32_t handle = 7; handle < 10; handle++) {
        assert_int_equal(hrig_expect(rig, VMB_MSG_GPADL_CREATED)->u.gpadl_created.status, 0);
    }
    for (uint32_t handle = 7; handle <= 10; handle++) {
        bad = good;
        bad.ring_gpadl = handle;
        open_expect_refused(rig, &bad);
    }

    /* Indices that make no sense. */
    hrig_page(rig, 0)[0] = 4;
    open_expect_refused(rig, &good);
    hrig_page(rig, 0)[0] = 0;
    hrig_page(rig, HRIG_RING_PAGES / 2)[7] = 0xFF;
    open_expect_refused(rig, &good);
    hrig_page(rig, HRIG_RING_PAGES / 2)[7] = 0;
    rig->doorbell_answer = VMB_ERR_PLATFORM;
    open_expect_refused(rig, &good);
    rig->doorbell_answer = VMB_OK;

    hrig_open(rig, 1, RINGS, 0);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    hrig_free(rig);
}

static void rings_of_another_channel_are_refused(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_offer(rig, 1, 2, 0);
    hrig_offer(rig, 0, 1, 0);
    hrig_connect(rig, VMB_VERSION_5_3, 0);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    hrig_gpadl(rig, 2, RINGS, HRIG_FIRST_GPN, HRIG_RING_PAGES);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    hrig_open(rig, 1, RINGS, 1);
    assert_int_not_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    hrig_free(rig);
}

static void the_device_sees_what_the_guest_asks_for(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct hrig_device *device = &rig->devices[0];
    struct vmb_host_channel *channel = hrig_with_open(rig, VMB_VERSION_5_3, 0);

    (void)state;
    assert_int_equal(device->last_open.target_vp, 1);
    assert_int_equal(device->last_open.rx_data_bytes, 3 * VMB_PAGE_BYTES);
    assert_int_equal(device->last_open.tx_data_bytes, 3 * VMB_PAGE_BYTES);
    assert_false(device->last_open.reserved);
    assert_int_equal(device->last_user_data[5], 55);
    assert_int_equal(rig->posted[rig->posted_read - 1].message.u.open_result.open_id, 0x0BE7 + 1);
    assert_ptr_equal(vmb_host_channel_endpoint(channel), device->endpoint);
    /* The guest writes the first ring, we the second, and say that we announce pending sends. */
    assert_ptr_equal(device->endpoint->rx.control, hrig_page(rig, 0));
    assert_ptr_equal(device->endpoint->tx.control, hrig_page(rig, 4));
    assert_int_equal(hrig_page(rig, 4)[64], 1);
    assert_int_equal(rig->last_doorbell, VMB_HOST_CONNECTION_BASE + 1);
    hrig_close(rig, 1);
    assert_null(vmb_host_channel_endpoint(channel));
    assert_int_equal(vmb_host_channel_target_vp(channel), VMB_VP_NONE);
    assert_int_equal(vmb_host_channel_connection_id(channel), 0);
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

static void a_device_may_refuse(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    struct hrig_device *device = &rig->devices[0];
    struct vmb_host_counters counters;

    (void)state;
    assert_int_equal(vmb_host_open_done(channel, VMB_OK), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_host_close_done(channel), VMB_ERR_WRONG_STATE);
    device->open_answer = VMB_ERR_REFUSED;
    hrig_open(rig, 1, RINGS, 1);
    assert_int_not_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    device->open_answer = VMB_ERR_BUSY;
    hrig_open(rig, 1, RINGS, 1);
    hrig_expect_nothing(rig);
    assert_int_equal(vmb_host_open_done(channel, VMB_ERR_NO_MEMORY), VMB_OK);
    hrig_poll(rig);
    assert_int_not_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    assert_int_equal(device->opened + device->closed, 0);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.opens_refused, 2);
    hrig_free(rig);
}

static void an_open_that_comes_while_closing_is_remembered(void **state)
{
    struct hrig *rig = bring_to(STATE(CLOSING_REOPEN));
    struct hrig_device *device = &rig->devices[0];

    (void)state;
    hrig_gpadl_teardown(rig, 1, RINGS); /* And the rings are taken back meanwhile. */
    hrig_expect_nothing(rig);
    assert_int_equal(vmb_host_close_done(device->channel), VMB_OK);
    hrig_poll(rig);
    /* Taken back, they cannot be opened again: the open is refused, then they are let go of. */
    assert_int_not_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN);
    hrig_free(rig);

    rig = bring_to(STATE(CLOSING_REOPEN));
    device = &rig->devices[0];
    assert_int_equal(vmb_host_close_done(device->channel), VMB_OK);
    assert_int_equal(device->closed, 1);
    assert_int_equal(vmb_host_channel_state(device->channel), STATE(OPENING));
    assert_int_equal(device->last_open.target_vp, 2);
    assert_int_equal(vmb_host_open_done(device->channel, VMB_OK), VMB_OK);
    hrig_poll(rig);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    assert_int_equal(device->opened, 2);
    device->close_answer = VMB_OK;
    hrig_free(rig);
}

/* Who has let go of a relid knows the channel no more: there is nothing to take back from it. */
static void a_relid_released_while_closing_is_not_rescinded(void **state)
{
    struct hrig *rig = bring_to(STATE(CLOSING));
    struct hrig_device *device = &rig->devices[0];
    struct vmb_host_counters counters;

    (void)state;
    hrig_release(rig, 1);
    assert_int_equal(vmb_host_channel_state(device->channel), STATE(CLOSING_CLIENT_RELEASE));
    assert_int_equal(vmb_host_revoke(device->channel), VMB_OK);
    assert_int_equal(vmb_host_close_done(device->channel), VMB_OK);
    hrig_poll(rig);
    hrig_expect_nothing(rig);
    assert_int_equal(device->closed, 1);
    assert_int_equal(device->released, 1);
    device->channel = NULL;
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.channels_in_use, 0);
    hrig_free(rig);
}

static void the_guest_may_choose_connection_and_flag(void **state)
{
    struct vmb_message message = {.number = VMB_MSG_OPEN_CHANNEL};
    struct vmb_msg_open_channel *open = &message.u.open_channel;
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel;

    (void)state;
    channel = hrig_with_rings(rig, VMB_VERSION_6_0, VMB_FEATURE_SIGNAL_PARAMETERS);
    open->relid = 1;
    open->ring_gpadl = RINGS;
    open->target_vp = 2;
    open->downstream_page_offset = 4;
    open->event_flag = 2048; /* No such flag. */
    open->connection_id = 0x22001;
    hrig_post(rig, &message);
    assert_int_not_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    open->event_flag = 1234;
    open->connection_id = VMB_CONNECTION_MULTICLIENT; /* That is the message connection. */
    hrig_post(rig, &message);
    assert_int_not_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    open->connection_id = 0x22001;
    hrig_post(rig, &message);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    assert_int_equal(rig->last_doorbell, 0x22001);
    assert_int_equal(vmb_host_channel_connection_id(channel), 0x22001);
    hrig_run(rig);
    assert_int_equal(vmb_host_on_signal(rig->host, 0x2001, 0), VMB_ERR_INVALID_TARGET);
    assert_int_equal(vmb_host_on_signal(rig->host, 0x22001, 0), VMB_OK);
    hrig_run(rig);
    assert_int_equal(rig->devices[0].runs, 2);
    assert_int_equal(vmb_endpoint_send(rig->devices[0].endpoint, "hi", 2, 0, false), VMB_OK);
    assert_int_equal(rig->events[0].vp, 2);
    assert_int_equal(rig->events[0].flag, 1234);
    hrig_free(rig);
}

static void interrupts_may_be_redirected_to_a_paravisor(void **state)
{
    struct vmb_message message = {.number = VMB_MSG_OPEN_CHANNEL};
    struct vmb_msg_open_channel *open = &message.u.open_channel;
    struct vmb_host_options options = {.struct_bytes = sizeof(options),
                                       .channel_limit = 4,
                                       .gpadl_page_limit = 100,
                                       .message_limit = 8,
                                       .features = VMB_FEATURE_INTERRUPT_REDIRECT};
    struct hrig *rig = hrig_new(&options);

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_6_0, VMB_FEATURE_INTERRUPT_REDIRECT);
    open->relid = 1;
    open->ring_gpadl = RINGS;
    open->downstream_page_offset = 4;
    open->event_flag = 5;
    open->connection_id = VMB_HOST_CONNECTION_BASE + 1;
    open->open_flags = VMB_OPEN_REDIRECT_INTERRUPT;
    hrig_post(rig, &message);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    assert_int_equal(vmb_endpoint_send(rig->devices[0].endpoint, "hi", 2, 0, false), VMB_OK);
    assert_int_equal(rig->events[0].sint, 7);
    assert_int_equal(rig->events[0].flag, 5);
    hrig_free(rig);
}

static void one_connection_is_one_channels(void **state)
{
    struct vmb_message message = {.number = VMB_MSG_OPEN_CHANNEL};
    struct vmb_msg_open_channel *open = &message.u.open_channel;
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_open(rig, VMB_VERSION_6_0, VMB_FEATURE_SIGNAL_PARAMETERS);
    hrig_offer(rig, 1, 2, 0);
    hrig_expect(rig, VMB_MSG_OFFER_CHANNEL);
    hrig_gpadl(rig, 2, RINGS, HRIG_FIRST_GPN + 50, HRIG_RING_PAGES);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    open->relid = 2;
    open->ring_gpadl = RINGS;
    open->downstream_page_offset = 4;
    open->connection_id = VMB_HOST_CONNECTION_BASE + 1; /* The first one's. */
    hrig_post(rig, &message);
    assert_int_not_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    open->connection_id = VMB_HOST_CONNECTION_BASE + 2;
    hrig_post(rig, &message);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    hrig_free(rig);
}

static void revoke_in_closed(struct hrig_device *device)
{
    assert_int_equal(vmb_host_revoke(device->channel), VMB_OK);
}

static void a_device_may_leave_from_within_closed(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct hrig_device *device = &rig->devices[0];

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    device->in_closed = revoke_in_closed;
    hrig_close(rig, 1);
    assert_int_equal(device->closed, 1);
    assert_int_equal(device->released, 1);
    hrig_expect(rig, VMB_MSG_RESCIND_OFFER);
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

/* ---- Reserved channels ----------------------------------------------------------------------- */

static void post_reserved(struct hrig *rig, uint32_t number, uint32_t relid, uint32_t sint)
{
    struct vmb_message message = {.number = number};

    if (number == VMB_MSG_OPEN_RESERVED) {
        message.u.open_reserved.relid = relid;
        message.u.open_reserved.target_vp = 5;
        message.u.open_reserved.target_sint = sint;
        message.u.open_reserved.ring_gpadl = RINGS;
        message.u.open_reserved.downstream_page_offset = 4;
    } else {
        message.u.close_reserved.relid = relid;
        message.u.close_reserved.target_vp = 6;
        message.u.close_reserved.target_sint = sint;
    }
    hrig_post(rig, &message);
}

static void a_reserved_channel_survives_all_but_reset(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct hrig_device *device = &rig->devices[0];
    struct vmb_host_channel *channel = hrig_with_rings(rig, VMB_VERSION_5_3, 0);

    (void)state;
    post_reserved(rig, VMB_MSG_OPEN_RESERVED, 1, 9);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    assert_int_equal(hrig_last(rig)->vp, 5); /* Where the request said, not the connection. */
    assert_int_equal(hrig_last(rig)->sint, 9);
    assert_true(device->last_open.reserved);
    assert_int_equal(vmb_host_channel_target_vp(channel), VMB_VP_NONE); /* The guest polls. */
    assert_int_equal(vmb_endpoint_send(device->endpoint, "x", 1, 0, false), VMB_OK);
    assert_int_equal(rig->event_count, 0);
    /* Refused while it is open so: everything but its own close. */
    hrig_close(rig, 1);
    hrig_modify(rig, 1, 0);
    assert_int_not_equal(
        hrig_expect(rig, VMB_MSG_MODIFY_CHANNEL_RESPONSE)->u.modify_channel_response.status, 0);
    hrig_gpadl_teardown(rig, 1, RINGS);
    hrig_gpadl(rig, 1, 101, HRIG_FIRST_GPN + 20, 1);
    assert_int_not_equal(hrig_expect(rig, VMB_MSG_GPADL_CREATED)->u.gpadl_created.status, 0);
    post_reserved(rig, VMB_MSG_OPEN_RESERVED, 1, 9);
    hrig_expect_nothing(rig);

    hrig_header_only(rig, VMB_MSG_UNLOAD);
    hrig_expect(rig, VMB_MSG_UNLOAD_COMPLETE);
    assert_int_equal(device->closed, 0);
    hrig_connect(rig, VMB_VERSION_5_2, 0);
    assert_int_equal(hrig_expect(rig, VMB_MSG_OFFER_CHANNEL)->u.offer.relid, 1);
    hrig_expect(rig, VMB_MSG_ALL_OFFERS_DELIVERED);
    assert_int_equal(device->closed, 0);
    /* Its close is legal even where nobody is connected. */
    hrig_header_only(rig, VMB_MSG_UNLOAD);
    hrig_expect(rig, VMB_MSG_UNLOAD_COMPLETE);
    post_reserved(rig, VMB_MSG_CLOSE_RESERVED, 1, 10);
    assert_int_equal(
        hrig_expect(rig, VMB_MSG_CLOSE_RESERVED_RESPONSE)->u.close_reserved_response.relid, 1);
    assert_int_equal(hrig_last(rig)->vp, 6);
    assert_int_equal(hrig_last(rig)->sint, 10);
    assert_int_equal(device->closed, 1);
    assert_int_equal(vmb_host_channel_state(channel), STATE(CLIENT_RELEASED));
    hrig_poll(rig);
    assert_int_equal(rig->mapped_pages, 0);
    hrig_free(rig);
}

static void a_reserved_open_that_is_refused_too_late(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_channel *channel = hrig_with_rings(rig, VMB_VERSION_5_2, 0);

    (void)state;
    rig->devices[0].open_answer = VMB_ERR_BUSY;
    post_reserved(rig, VMB_MSG_OPEN_RESERVED, 1, 9);
    hrig_header_only(rig, VMB_MSG_UNLOAD);
    hrig_expect(rig, VMB_MSG_UNLOAD_COMPLETE);
    assert_int_equal(vmb_host_channel_state(channel), VMB_HOST_CHANNEL_OPENING);
    assert_int_equal(vmb_host_open_done(channel, VMB_ERR_REFUSED), VMB_OK);
    hrig_poll(rig);
    assert_int_not_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    /* Nobody knows it any more: no guest that comes can open what it was not offered. */
    assert_int_equal(vmb_host_channel_state(channel), VMB_HOST_CHANNEL_CLIENT_RELEASED);
    assert_int_equal(vmb_host_channel_relid(channel), VMB_RELID_NONE);
    hrig_free(rig);
}

static void a_reset_ends_a_reserved_channel(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    post_reserved(rig, VMB_MSG_OPEN_RESERVED, 1, 2);
    hrig_expect(rig, VMB_MSG_OPEN_RESULT);
    vmb_host_reset(rig->host);
    assert_int_equal(rig->devices[0].closed, 1);
    hrig_poll(rig);
    hrig_expect_nothing(rig);
    hrig_free(rig);
}

static void answers_to_reserved_channels_wait_for_nobody(void **state)
{
    struct hrig *rig = hrig_new(NULL);

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    rig->slots_free = 0;
    post_reserved(rig, VMB_MSG_CLOSE_RESERVED, 1, 2); /* Not open: an error, no reply. */
    post_reserved(rig, VMB_MSG_OPEN_RESERVED, 1, 16); /* No such SINT. */
    hrig_gpadl(rig, 1, 101, HRIG_FIRST_GPN + 20, 1);  /* Stuck in the queue. */
    post_reserved(rig, VMB_MSG_OPEN_RESERVED, 1, 2);
    rig->slots_free = 1;
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_OPEN_RESULT);
    hrig_expect_nothing(rig);
    rig->slots_free = 10;
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    post_reserved(rig, VMB_MSG_CLOSE_RESERVED, 1, 2);
    hrig_expect(rig, VMB_MSG_CLOSE_RESERVED_RESPONSE);
    assert_int_equal(vmb_host_channel_state(rig->devices[0].channel), STATE(CLOSED));
    /* A refused one goes the same way. */
    rig->devices[0].open_answer = VMB_ERR_REFUSED;
    post_reserved(rig, VMB_MSG_OPEN_RESERVED, 1, 2);
    assert_int_not_equal(hrig_expect(rig, VMB_MSG_OPEN_RESULT)->u.open_result.status, 0);
    assert_int_equal(hrig_last(rig)->vp, 5);
    hrig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_of_the_table),
        cmocka_unit_test(a_relid_that_is_none_is_an_error),
        cmocka_unit_test(revoke_in_each_state),
        cmocka_unit_test(unload_in_each_state),
        cmocka_unit_test(malformed_opens_are_refused),
        cmocka_unit_test(rings_of_another_channel_are_refused),
        cmocka_unit_test(the_device_sees_what_the_guest_asks_for),
        cmocka_unit_test(a_device_may_refuse),
        cmocka_unit_test(an_open_that_comes_while_closing_is_remembered),
        cmocka_unit_test(a_relid_released_while_closing_is_not_rescinded),
        cmocka_unit_test(the_guest_may_choose_connection_and_flag),
        cmocka_unit_test(interrupts_may_be_redirected_to_a_paravisor),
        cmocka_unit_test(one_connection_is_one_channels),
        cmocka_unit_test(a_device_may_leave_from_within_closed),
        cmocka_unit_test(a_reserved_channel_survives_all_but_reset),
        cmocka_unit_test(a_reserved_open_that_is_refused_too_late),
        cmocka_unit_test(a_reset_ends_a_reserved_channel),
        cmocka_unit_test(answers_to_reserved_channels_wait_for_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
