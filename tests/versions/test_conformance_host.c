/* SPDX-License-Identifier: MIT */
/*
 * What a host has to stand, one line of the checklist a test (docs/CONFORMANCE.md). The guest is
 * one of ours until it is stopped; then the test posts in its place.
 */
#include "pair.h"

#include <vmbus/proto/pages.h>

enum {
    RANDOM_TURNS = 20000,
    LEND_PAGES = 6
};

static struct pair *opened(void)
{
    struct pair *pair = pair_new(NULL, NULL, false);
    uint32_t i;

    for (i = 0; i < 3; i++) {
        pair_offer(pair, i, 0, 0);
    }
    assert_int_equal(pair_connect(pair), VMB_OK);
    assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
    assert_int_equal(pair_open(pair, 1, 2, false), VMB_OK);
    return pair;
}

static void talks(struct pair *pair, uint32_t number)
{
    pair_send(pair, number, 200);
    assert_int_equal(pair_drained(pair, number), VMB_OK);
}

/* Another guest, on another host in this process. */
static void neighbour_lives(struct pair *neighbour)
{
    talks(neighbour, 0);
    pair_free(neighbour);
}

/* From here on the test is the guest; what the host says is thrown away as it comes. */
static bool nobody_listens(struct pair *pair, enum pair_way way, uint32_t number)
{
    (void)pair;
    (void)number;
    return way == PAIR_TO_HOST;
}

static void speak_for_the_guest(struct pair *pair)
{
    pair_pump(pair);
    pair->guest_stopped = true;
    pair->passes = nobody_listens;
    memset(pair->passed, 0, sizeof(pair->passed));
}

/* A new kernel finds everything in order. */
static void start_over(struct pair *pair)
{
    pair->passes = NULL;
    memset(pair->synic[0].messages, 0, (size_t)PAIR_VPS * VMB_PAGE_BYTES);
    pair_reboot(pair, NULL);
    assert_int_equal(pair_connect(pair), VMB_OK);
    assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
    talks(pair, 0);
}

static struct vmb_message contact(uint32_t version, vmb_gpn page)
{
    struct vmb_message message = {.number = VMB_MSG_INITIATE_CONTACT};

    message.u.initiate_contact.requested_version = version;
    message.u.initiate_contact.target_sint = VMB_HOST_SINT;
    message.u.initiate_contact.interrupt_page_gpa = page << VMB_PAGE_SHIFT;
    return message;
}

static void say(struct pair *pair, struct vmb_message message)
{
    (void)pair_say(pair, PAIR_TO_HOST, &message);
}

static void host_1_contact_in_every_state_and_twice_in_a_row(void **state)
{
    uint32_t turn;

    (void)state;
    for (turn = 0; turn < 6; turn++) {
        struct pair *pair = opened();
        struct pair_device *busy = &pair->devices[2];
        vmb_gpn page = pair_lend(pair, 1, true); /* Where 0.13 has its interrupts. */

        if (turn == 1) { /* While a device is asked to open, */
            busy->open_answer = VMB_ERR_BUSY;
            assert_int_equal(pair_open_begin(pair, 2, 1, false), VMB_OK);
        } else if (turn == 2) { /* while one stops, */
            pair->devices[1].close_answer = VMB_ERR_BUSY;
            assert_int_equal(vmb_channel_close(pair->devices[1].channel, NULL, NULL), VMB_OK);
        } else if (turn == 3) { /* after Unload, */
            assert_int_equal(pair_unload(pair), VMB_OK);
        } else if (turn == 4) { /* while one is revoked. */
            pair->keep_rescinded = true;
            pair_revoke(pair, 1);
        }
        pair_send(pair, 0, 100);
        speak_for_the_guest(pair);
        say(pair, contact(VMB_VERSION_3_0, page));
        say(pair, contact(turn % 2 == 0 ? VMB_VERSION_5_3 : VMB_VERSION_0_13, page));
        if (turn == 1) {
            assert_int_equal(vmb_host_open_done(busy->host_channel, VMB_OK), VMB_ERR_GONE);
            busy->open_answer = VMB_OK;
        } else if (turn == 2) {
            assert_int_equal(pair->passed[PAIR_TO_GUEST][VMB_MSG_VERSION_RESPONSE], 0);
            assert_int_equal(vmb_host_close_done(pair->devices[1].host_channel), VMB_OK);
            pair->devices[1].close_answer = VMB_OK;
        }
        pair_pump(pair);
        assert_true(pair->passed[PAIR_TO_GUEST][VMB_MSG_VERSION_RESPONSE] >= 1);
        assert_int_equal(vmb_host_version(pair->host),
                         turn % 2 == 0 ? VMB_VERSION_5_3 : VMB_VERSION_0_13);
        start_over(pair);
        pair_free(pair);
    }
}

/* Every request about a channel that names it in vain. */
static void requests_about(struct pair *pair, uint32_t relid)
{
    struct vmb_message message = {.number = VMB_MSG_OPEN_CHANNEL};

    message.u.open_channel.relid = relid;
    message.u.open_channel.ring_gpadl = 0x77777;
    message.u.open_channel.downstream_page_offset = 3;
    say(pair, message);
    message.number = VMB_MSG_CLOSE_CHANNEL;
    message.u.close_channel.relid = relid;
    say(pair, message);
    memset(&message.u, 0, sizeof(message.u));
    message.number = VMB_MSG_GPADL_TEARDOWN;
    message.u.gpadl_teardown.relid = relid;
    message.u.gpadl_teardown.gpadl = 0x77777;
    say(pair, message);
    message.number = VMB_MSG_RELID_RELEASED;
    message.u.relid_released.relid = relid;
    say(pair, message);
    message.number = VMB_MSG_RELID_RELEASED;
    say(pair, message);
}

static void host_2_every_request_for_channels_in_the_wrong_state(void **state)
{
    static const uint32_t relids[] = {0, 4, 2047, 2048, 0xFFFFFFFF};
    struct pair *pair = opened();
    struct vmb_message open = {.number = VMB_MSG_OPEN_CHANNEL};
    struct vmb_message body = {.number = VMB_MSG_GPADL_BODY};
    uint32_t i, number;

    (void)state;
    speak_for_the_guest(pair);
    for (i = 0; i < sizeof(relids) / sizeof(relids[0]); i++) {
        requests_about(pair, relids[i]);
    }
    open.u.open_channel.relid = 1; /* Open already: no second answer. */
    say(pair, open);
    body.u.gpadl_body.gpadl = 0x77777; /* Of nothing in progress. */
    body.u.gpadl_body.range_word_count = 1;
    say(pair, body);
    say(pair, (struct vmb_message){.number = VMB_MSG_REQUEST_OFFERS}); /* For a second time. */
    for (number = 0; number <= VMB_MSG_LAST; number++) {
        assert_int_equal(pair->passed[PAIR_TO_GUEST][number], 0);
    }
    assert_int_equal(pair->devices[0].host_closed, 0);
    start_over(pair);
    pair_free(pair);
}

static void host_3_gpadls_at_random(void **state)
{
    struct pair *pair = opened();
    struct pair *neighbour = opened();
    struct vmb_host_counters counters;
    uint32_t seed = 4711, turn, i;

    (void)state;
    speak_for_the_guest(pair);
    for (turn = 0; turn < RANDOM_TURNS; turn++) {
        uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
        uint32_t length;

        for (i = 0; i < sizeof(bytes); i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = (uint8_t)(seed >> 24);
        }
        length = 8 + (seed >> 8) % (sizeof(bytes) - 7);
        memset(bytes, 0, 16);
        bytes[0] = (uint8_t)(8 + turn % 4); /* Header, body, its answer by mistake, teardown. */
        bytes[8] = (uint8_t)(1 + (seed >> 4) % 3);
        bytes[12] = (uint8_t)((seed >> 12) % 8); /* Few handles: they meet. */
        if (turn % 4 == 1) {
            bytes[8] = 0;
        } else if (turn % 4 == 0 && turn % 3 == 0) { /* One that makes sense. */
            memset(bytes + 16, 0, 20);
            bytes[16] = 24;
            bytes[18] = 1;
            bytes[21] = 32; /* 8192 bytes: two pages, of which the second is missing. */
        }
        (void)pair_say_bytes(pair, PAIR_TO_HOST, VMB_CONNECTION_MULTICLIENT, bytes, length);
    }
    start_over(pair);
    vmb_host_read_counters(pair->host, &counters);
    assert_int_equal(counters.gpadls_in_use, 1);
    assert_true(counters.gpadls_refused > 0);
    pair_free(pair);
    neighbour_lives(neighbour);
}

static void gpadl_done(void *context, struct vmb_gpadl *gpadl, vmb_status status)
{
    (void)gpadl;
    *(vmb_status *)context = status;
}

static void host_4_open_right_behind_a_close_that_takes_its_time(void **state)
{
    struct pair *pair = opened();
    struct pair_device *device = &pair->devices[0];
    struct vmb_gpadl_range range = {.byte_count = LEND_PAGES * VMB_PAGE_BYTES};
    struct vmb_message open = {.number = VMB_MSG_OPEN_CHANNEL};
    struct vmb_gpadl gpadl;
    vmb_status shared = VMB_ERR_RETRY;

    (void)state;
    range.first_gpn = pair_lend(pair, LEND_PAGES, true);
    assert_int_equal(
        vmb_channel_gpadl_create(device->channel, &gpadl, &range, 1, gpadl_done, &shared), VMB_OK);
    pair_pump(pair);
    assert_int_equal(shared, VMB_OK);
    open.u.open_channel.relid = vmb_channel_relid(device->channel);
    open.u.open_channel.ring_gpadl = gpadl.handle;
    open.u.open_channel.downstream_page_offset = LEND_PAGES / 2;
    open.u.open_channel.connection_id = vmb_channel_offer(device->channel)->connection_id;
    open.u.open_channel.event_flag = (uint16_t)open.u.open_channel.relid;
    speak_for_the_guest(pair);
    device->close_answer = VMB_ERR_BUSY;
    say(pair, (struct vmb_message){.number = VMB_MSG_CLOSE_CHANNEL,
                                   .u.close_channel.relid = open.u.open_channel.relid});
    say(pair, open);
    assert_int_equal(device->host_closed, 0);
    assert_int_equal(pair->passed[PAIR_TO_GUEST][VMB_MSG_OPEN_RESULT], 0);
    assert_int_equal(vmb_host_close_done(device->host_channel), VMB_OK);
    pair_pump(pair);
    assert_int_equal(device->host_closed, 1);
    assert_int_equal(device->host_opened, 2);
    assert_int_equal(pair->passed[PAIR_TO_GUEST][VMB_MSG_OPEN_RESULT], 1);
    device->close_answer = VMB_OK;
    start_over(pair);
    pair_free(pair);
}

static void host_5_a_guest_that_never_empties_its_slot(void **state)
{
    struct pair *pair = opened();
    struct pair *neighbour = opened();
    struct vmb_host_counters counters;
    uint32_t turn, refused = 0;

    (void)state;
    pair_pump(pair);
    pair->guest_stopped = true;
    for (turn = 0; turn < RANDOM_TURNS; turn++) { /* Each of these is answered. */
        struct vmb_message move = {.number = VMB_MSG_MODIFY_CHANNEL};
        uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
        uint32_t byte_count;

        move.u.modify_channel.relid = 3; /* Not open. */
        assert_int_equal(
            vmb_message_encode(&move, VMB_VERSION_6_0, 0, bytes, sizeof(bytes), &byte_count),
            VMB_OK);
        refused += pair_say_bytes(pair, PAIR_TO_HOST, VMB_CONNECTION_MULTICLIENT, bytes,
                                  byte_count) == VMB_ERR_RETRY;
    }
    assert_true(refused > RANDOM_TURNS / 2);
    vmb_host_read_counters(pair->host, &counters);
    assert_true(counters.messages_posted < RANDOM_TURNS / 2);
    neighbour_lives(neighbour);
    start_over(pair); /* Whoever starts over gets through all the same. */
    pair_free(pair);
}

static void host_6_indices_go_backwards_and_the_mask_flickers(void **state)
{
    struct pair *pair = opened();
    uint8_t *control = pair->last_share.base; /* Of device 1; the guest writes this one. */
    uint32_t turn, zero = 0;

    (void)state;
    for (turn = 0; turn < 50; turn++) {
        control[(size_t)(PAIR_RING_PAGES + 1) * VMB_PAGE_BYTES + VMB_RING_INTERRUPT_MASK] =
            turn % 2 == 0;
        pair_send(pair, 1, 3);
        pair_pump(pair);
    }
    pair->devices[1].wanted = pair->devices[1].sent; /* What comes next is not its doing. */
    memcpy(control + VMB_RING_WRITE_OFFSET, &zero, sizeof(zero)); /* Back to the beginning. */
    assert_int_equal(vmb_host_on_signal(pair->host, VMB_HOST_CONNECTION_BASE + 2, 0), VMB_OK);
    pair_pump(pair);
    talks(pair, 0);
    assert_int_equal(pair_close(pair, 1), VMB_OK);
    assert_int_equal(pair_open(pair, 1, 2, false), VMB_OK);
    talks(pair, 1);
    pair_free(pair);
}

static void host_7_a_device_is_back_before_its_relid_is(void **state)
{
    struct pair *pair = opened();
    struct pair_device *device = &pair->devices[0];
    uint32_t relid = vmb_channel_relid(device->channel);
    struct vmb_channel *channel = device->channel;

    (void)state;
    pair->keep_rescinded = true;
    pair_revoke(pair, 0);
    pair_pump(pair);
    pair_offer(pair, 0, 0, 0);
    pair_pump(pair);
    assert_int_equal(vmb_host_channel_state(device->host_channel), VMB_HOST_CHANNEL_REOFFERED);
    assert_int_equal(pair->offered, 3);
    assert_int_equal(vmb_channel_let_go(channel), VMB_OK);
    pair_pump(pair);
    assert_int_equal(pair->offered, 4);
    assert_int_equal(vmb_channel_relid(device->channel), relid);
    assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
    talks(pair, 0);
    pair_free(pair);
}

static uint32_t answered_at[PAIR_VPS]; /* Interrupts on each VP when the move was answered. */
static uint32_t left_vp;

static bool notes_the_answer(struct pair *pair, enum pair_way way, uint32_t number)
{
    if (way == PAIR_TO_GUEST && number == VMB_MSG_MODIFY_CHANNEL_RESPONSE) {
        memcpy(answered_at, pair->raised_on, sizeof(answered_at));
    }
    return true;
}

static void host_8_no_signal_for_the_old_vp_behind_the_answer(void **state)
{
    struct pair *pair = opened();
    uint32_t turn;

    (void)state;
    assert_int_equal(pair_close(pair, 1), VMB_OK);
    pair->passes = notes_the_answer;
    for (turn = 0; turn < 1000; turn++) {
        left_vp = vmb_channel_target_vp(pair->devices[0].channel);
        pair_send(pair, 0, 20);
        assert_int_equal(pair_retarget(pair, 0, 1 + turn % 3), VMB_OK);
        pair_send(pair, 0, 20);
        assert_int_equal(pair_drained(pair, 0), VMB_OK);
        if (left_vp != 1 + turn % 3) {
            assert_int_equal(pair->raised_on[left_vp], answered_at[left_vp]);
        }
    }
    pair_free(pair);
}

static bool unload_answered;
static uint32_t behind_the_answer;

static bool notes_the_last(struct pair *pair, enum pair_way way, uint32_t number)
{
    (void)pair;
    if (way == PAIR_TO_GUEST) {
        behind_the_answer += unload_answered;
        unload_answered = unload_answered || number == VMB_MSG_UNLOAD_COMPLETE;
    }
    return true;
}

static void host_9_unload_complete_is_the_last_message(void **state)
{
    struct pair *pair = opened();

    (void)state;
    unload_answered = false;
    behind_the_answer = 0;
    pair->passes = notes_the_last;
    pair->devices[2].open_answer = VMB_ERR_BUSY;
    assert_int_equal(pair_open_begin(pair, 2, 1, false), VMB_OK);
    pair_pump(pair);
    pair_send(pair, 0, 1000);
    assert_int_equal(vmb_channel_set_target_vp(pair->devices[1].channel, 3, NULL, NULL), VMB_OK);
    pair_offer(pair, 3, 0, 0);
    assert_int_equal(vmb_guest_unload(pair->guest), VMB_OK);
    pair_pump(pair);
    assert_false(unload_answered); /* A device has not answered yet. */
    pair_offer(pair, 4, 1, 0);
    if (vmb_host_open_done(pair->devices[2].host_channel, VMB_OK) != VMB_ERR_GONE) {
        fail_msg("an open that nobody waits for succeeds");
    }
    pair_pump(pair);
    assert_true(unload_answered);
    assert_int_equal(behind_the_answer, 0);
    assert_int_equal(pair->unloaded, 1);
    assert_int_equal(pair->unloaded_status, VMB_OK);
    pair->devices[2].open_answer = VMB_OK;
    pair_free(pair);
}

static void host_10_saved_and_restored_in_each_state(void **state)
{
    struct pair *pair = opened();
    struct pair_device *device = &pair->devices[2];

    (void)state;
    pair_move_host(pair); /* Two open, one closed. */
    pair->devices[2].open_answer = VMB_ERR_BUSY;
    assert_int_equal(pair_open_begin(pair, 2, 1, false), VMB_OK);
    pair_pump(pair);
    pair_move_host(pair); /* Opening: the new device is asked again. */
    device->open_answer = VMB_OK;
    pair_pump(pair);
    if (device->done_count == 0) {
        assert_int_equal(vmb_host_open_done(device->host_channel, VMB_OK), VMB_OK);
        pair_pump(pair);
    }
    assert_int_equal(device->done_status, VMB_OK);
    talks(pair, 2);
    pair->keep_rescinded = true;
    pair_revoke(pair, 0);
    pair_pump(pair);
    pair_offer(pair, 0, 0, 0);
    pair_move_host(pair); /* Reoffered. */
    pair_pump(pair);
    assert_int_equal(pair->offered, 3);
    assert_int_equal(vmb_channel_let_go(vmb_guest_relid2channel(pair->guest, 1)), VMB_OK);
    pair_pump(pair);
    assert_int_equal(pair_open(pair, 0, 1, false), VMB_OK);
    pair_send(pair, 0, 8);
    pair_move_host(pair); /* With packets that nobody has been woken for. */
    assert_int_equal(pair_drained(pair, 0), VMB_OK);
    assert_int_equal(pair_unload(pair), VMB_OK);
    pair_move_host(pair); /* Nobody connected. */
    assert_int_equal(pair_connect(pair), VMB_OK);
    pair_free(pair);
}

/* ---- What a host must tolerate ----------------------------------------------------------------
 */

/* A GPADL of the lent pages, by hand: @first_words in the header, the rest a body. */
static void share_by_hand(struct pair *pair, vmb_gpn first, uint32_t padding, bool extra_body)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES] = {VMB_MSG_GPADL_HEADER};
    uint32_t i, length;

    memset(bytes + 20, 0x5A, sizeof(bytes) - 20); /* What is in the padding is nobody's. */
    bytes[8] = 1;
    bytes[12] = 0x99;
    bytes[16] = 8 * (1 + LEND_PAGES);
    bytes[18] = 1;
    memset(bytes + 20, 0, 8);
    bytes[21] = LEND_PAGES * VMB_PAGE_BYTES >> 8;
    for (i = 0; i < LEND_PAGES; i++) {
        memset(bytes + 28 + 8 * i, 0, 8);
        bytes[28 + 8 * i] = (uint8_t)(first + i);
        bytes[29 + 8 * i] = (uint8_t)((first + i) >> 8);
    }
    length = 28 + 8 * LEND_PAGES;
    (void)pair_say_bytes(pair, PAIR_TO_HOST, VMB_CONNECTION_MULTICLIENT, bytes,
                         padding != 0 ? padding : length);
    if (extra_body) {
        memset(bytes, 0, 16);
        bytes[0] = VMB_MSG_GPADL_BODY;
        bytes[12] = 0x99;
        (void)pair_say_bytes(pair, PAIR_TO_HOST, VMB_CONNECTION_MULTICLIENT, bytes, 48);
    }
}

static void host_tolerates_gpadl_messages_padded_to_240_bytes(void **state)
{
    struct pair *pair = opened();
    vmb_gpn first = pair_lend(pair, LEND_PAGES, true);

    (void)state;
    speak_for_the_guest(pair);
    share_by_hand(pair, first, VMB_MESSAGE_MAX_BYTES, false);
    assert_int_equal(pair->passed[PAIR_TO_GUEST][VMB_MSG_GPADL_CREATED], 1);
    assert_int_equal(pair->mapped[first - PAIR_FIRST_GPN + LEND_PAGES - 1], 1);
    start_over(pair);
    pair_free(pair);
}

static void host_tolerates_gpadl_bodies_after_the_last(void **state)
{
    struct pair *pair = opened();
    vmb_gpn first = pair_lend(pair, LEND_PAGES, true);
    struct vmb_host_counters counters;

    (void)state;
    speak_for_the_guest(pair);
    share_by_hand(pair, first, 0, true);
    assert_int_equal(pair->passed[PAIR_TO_GUEST][VMB_MSG_GPADL_CREATED], 1);
    vmb_host_read_counters(pair->host, &counters);
    assert_int_equal(counters.messages_unexpected, 1);
    assert_int_equal(counters.gpadls_refused, 0);
    start_over(pair);
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_1_contact_in_every_state_and_twice_in_a_row),
        cmocka_unit_test(host_2_every_request_for_channels_in_the_wrong_state),
        cmocka_unit_test(host_3_gpadls_at_random),
        cmocka_unit_test(host_4_open_right_behind_a_close_that_takes_its_time),
        cmocka_unit_test(host_5_a_guest_that_never_empties_its_slot),
        cmocka_unit_test(host_6_indices_go_backwards_and_the_mask_flickers),
        cmocka_unit_test(host_7_a_device_is_back_before_its_relid_is),
        cmocka_unit_test(host_8_no_signal_for_the_old_vp_behind_the_answer),
        cmocka_unit_test(host_9_unload_complete_is_the_last_message),
        cmocka_unit_test(host_10_saved_and_restored_in_each_state),
        cmocka_unit_test(host_tolerates_gpadl_messages_padded_to_240_bytes),
        cmocka_unit_test(host_tolerates_gpadl_bodies_after_the_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
