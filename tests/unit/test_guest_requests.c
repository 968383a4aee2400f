/* SPDX-License-Identifier: MIT */
/* A channel has one place for the request under way, and keeps little of its rings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest_rig.h"

static struct rig rig;

static int set_up(void **state)
{
    (void)state;
    rig_start(&rig, NULL);
    rig_connect(&rig, VMB_VERSION_5_3, 40);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static uint32_t told_count;

/* Whoever is told that a move is gone cannot begin anything: the channel is closing. */
static void told_of_the_move(void *context, struct vmb_channel *channel, vmb_status status)
{
    (void)context;
    told_count++;
    assert_int_equal(status, VMB_ERR_GONE);
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_CLOSING);
    assert_int_equal(vmb_channel_set_target_vp(channel, 1, rig_done, &rig), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_channel_close(channel, rig_done, &rig), VMB_ERR_WRONG_STATE);
}

static void a_rescind_ends_a_move_and_nothing_begins_after_it(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    uint32_t done_before = rig.done_count;

    (void)state;
    told_count = 0;
    assert_int_equal(vmb_channel_set_target_vp(channel, 3, told_of_the_move, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    rig_rescind(&rig, 1);
    assert_int_equal(told_count, 1);
    rig_answer_teardown(&rig);
    rig_no_more(&rig);
    assert_int_equal(rig.closed_count, 1);
    assert_int_equal(rig.rescinded_count, 1);
    assert_int_equal(rig.done_count, done_before);
}

static void a_close_takes_the_place_of_a_move_that_is_still_queued(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_DIRECT);

    (void)state;
    told_count = 0;
    assert_int_equal(vmb_channel_set_target_vp(channel, 3, told_of_the_move, NULL), VMB_OK);
    assert_int_equal(vmb_channel_close(channel, rig_done, &rig), VMB_OK);
    assert_int_equal(told_count, 1);
    (void)rig_next(&rig, VMB_MSG_CLOSE_CHANNEL); /* And no ModifyChannel before it. */
    rig_answer_teardown(&rig);
    assert_int_equal(rig.done_status, VMB_OK);
    assert_int_equal(vmb_channel_target_vp(channel), VMB_VP_NONE);
    rig_no_more(&rig);
}

/* A move that timed out has left its place, but not its question. */
static void a_late_move_does_not_stand_in_the_way_of_a_close(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_DIRECT);

    (void)state;
    assert_int_equal(vmb_channel_set_target_vp(channel, 3, rig_done, &rig), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    rig_pass(&rig, 11000000000u);
    assert_int_equal(rig.done_status, VMB_ERR_TIMEOUT);
    assert_int_equal(vmb_guest_next_deadline_ns(rig.guest), VMB_NEVER);
    assert_int_equal(vmb_channel_close(channel, rig_done, &rig), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_CLOSE_CHANNEL);
    rig_answer_teardown(&rig);
    assert_int_equal(rig.done_count, 3); /* Opened, timed out, closed. */
    assert_int_equal(rig.done_status, VMB_OK);
}

/* A request that was not accepted is never told an end. */
static void an_open_without_rings_leaves_nothing(void **state)
{
    struct vmb_channel *channel = rig.offered[0];

    (void)state;
    rig.share_fails_at = rig.shares_made + 1;
    assert_int_equal(rig_open_begin(&rig, channel, VMB_NOTIFY_DIRECT), VMB_ERR_NO_MEMORY);
    rig.share_askew = true;
    assert_int_equal(rig_open_begin(&rig, channel, VMB_NOTIFY_DIRECT), VMB_ERR_INVALID_ARGUMENT);
    rig.share_askew = false;
    assert_int_equal(rig.shares_live, 1); /* The bus's own. */
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_OFFERED);
    rig_no_more(&rig);
    assert_int_equal(vmb_guest_unload(rig.guest), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_UNLOAD);
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_UNLOAD_COMPLETE});
    assert_int_equal(rig.unloaded_count, 1);
    assert_int_equal(rig.done_count, 0);
    assert_int_equal(rig.shares_live, 0);
}

static void say_torndown(uint32_t handle)
{
    rig_say(&rig, &(struct vmb_message){.number = VMB_MSG_GPADL_TORNDOWN,
                                        .u.gpadl_torndown.gpadl = handle});
}

static uint64_t unexpected(void)
{
    struct vmb_guest_counters counters;

    vmb_guest_read_counters(rig.guest, &counters);
    return counters.messages_unexpected;
}

/* Answers come in an order of the host's: each finds its channel by the handle alone. */
static void many_rings_are_told_apart(void **state)
{
    uint32_t handles[41] = {0};
    uint32_t relid;

    (void)state;
    for (relid = 1; relid <= 40; relid++) {
        (void)rig_open(&rig, relid, VMB_NOTIFY_DEFERRED);
        handles[relid] = rig.posted[rig.posted_count - 1].message.u.open_channel.ring_gpadl;
        assert_int_not_equal(handles[relid], handles[relid - 1]);
    }
    for (relid = 1; relid <= 40; relid++) {
        assert_int_equal(vmb_channel_close(rig.offered[relid - 1], rig_done, &rig), VMB_OK);
    }
    rig_poll(&rig);
    for (relid = 40; relid >= 1; relid--) {
        say_torndown(handles[relid]);
        assert_int_equal(vmb_channel_state(rig.offered[relid - 1]), VMB_CHANNEL_OFFERED);
        assert_int_equal(rig.shares_live, relid);
    }
    assert_int_equal(unexpected(), 0);
}

/* Of an earlier life, of rings that are open, of a relid that has none: nobody's. */
static void answers_about_other_rings_are_ignored(void **state)
{
    struct vmb_channel *channel = rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
    uint32_t first = rig.posted[rig.posted_count - 1].message.u.open_channel.ring_gpadl;
    struct vmb_message created = {.number = VMB_MSG_GPADL_CREATED};

    (void)state;
    say_torndown(first); /* Not asked for. */
    created.u.gpadl_created.relid = 1;
    created.u.gpadl_created.gpadl = first;
    rig_say(&rig, &created); /* For the second time. */
    assert_int_equal(vmb_channel_close(channel, NULL, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_CLOSE_CHANNEL);
    rig_answer_teardown(&rig);
    say_torndown(first);
    assert_int_equal(unexpected(), 3);
    assert_int_equal(rig_open_begin(&rig, channel, VMB_NOTIFY_DIRECT), VMB_OK);
    rig_say(&rig, &created);
    created.u.gpadl_created.gpadl = rig_next(&rig, VMB_MSG_GPADL_HEADER)->u.gpadl_header.gpadl;
    created.u.gpadl_created.relid = 2; /* The right handle, of another channel. */
    rig_say(&rig, &created);
    assert_int_equal(unexpected(), 5);
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_OPENING);
    created.u.gpadl_created.relid = 1;
    rig_say(&rig, &created);
    rig_answer_open(&rig, 0);
    assert_int_equal(vmb_channel_state(channel), VMB_CHANNEL_OPEN);
}

static void counters_go_on_over_lives(void **state)
{
    struct vmb_channel_counters counters;
    struct vmb_channel *channel = NULL;
    uint32_t life;

    (void)state;
    for (life = 1; life <= 3; life++) {
        channel = rig_open(&rig, 1, VMB_NOTIFY_DIRECT);
        while (vmb_endpoint_send(rig.endpoint, "12345678", 8, 0, false) == VMB_OK) {
        }
        vmb_channel_read_counters(channel, &counters);
        assert_int_equal(counters.opens, life);
        assert_int_equal(counters.ring_full, life);
        assert_int_equal(counters.packets_sent % life, 0);
        assert_true(counters.packets_sent / life > 100);
        assert_int_equal(vmb_channel_close(channel, NULL, NULL), VMB_OK);
        (void)rig_next(&rig, VMB_MSG_CLOSE_CHANNEL);
        rig_answer_teardown(&rig);
    }
    vmb_channel_read_counters(channel, &counters);
    assert_int_equal(counters.ring_full, 3); /* Also of a channel that is closed. */
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_rescind_ends_a_move_and_nothing_begins_after_it),
        TEST(a_close_takes_the_place_of_a_move_that_is_still_queued),
        TEST(a_late_move_does_not_stand_in_the_way_of_a_close),
        TEST(an_open_without_rings_leaves_nothing),
        TEST(many_rings_are_told_apart),
        TEST(answers_about_other_rings_are_ignored),
        TEST(counters_go_on_over_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
