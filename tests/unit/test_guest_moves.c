/* SPDX-License-Identifier: MIT */
/*
 * Moves whose end nobody knows: hosts that answer none of them (4.1 to 5.2), and answers that are
 * late. A VP is stopped only when it is known that the host has done with it.
 */
#include "guest_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/power.h>

static struct rig rig;

static void restart_at(uint32_t version)
{
    rig_stop(&rig);
    rig_start_at(&rig, version);
}

static int set_up(void **state)
{
    (void)state;
    rig_start_at(&rig, VMB_VERSION_5_3);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

/* ---- Hosts that do not answer --------------------------------------------------------------- */

/* Moved by the user, and done as far as the guest is concerned: the host may not have seen it. */
static void a_move_from_before_the_stop_is_waited_for_too(void **state)
{
    struct vmb_channel *channel;

    (void)state;
    restart_at(VMB_VERSION_5_2);
    channel = rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_channel_set_target_vp(channel, 3, NULL, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    assert_int_equal(vmb_channel_target_vp(channel), 3);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, rig_stopped, &rig), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(rig.stop_count, 0);
    (void)rig_answer_gpadl(&rig, 0);
    rig_answer_teardown(&rig);
    assert_int_equal(rig.stop_count, 1);
    assert_int_equal(rig.stop_status, VMB_OK);
    /* Once is enough. */
    assert_int_equal(vmb_guest_vp_stopped(rig.guest, 2), VMB_OK);
    rig_no_more(&rig);
}

static void a_fence_needs_no_channel_that_has_moved(void **state)
{
    (void)state;
    restart_at(VMB_VERSION_4_1);
    (void)rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);
    (void)rig_open_on(&rig, 2, 2, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, rig_stopped, &rig), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    (void)rig_next(&rig, VMB_MSG_GPADL_HEADER);
    rig_rescind(&rig, 1); /* The one that the fence is about: no answer comes. */
    rig_answer_teardown(&rig);
    rig_pass(&rig, 11000000000u);
    assert_int_equal(rig.stop_count, 1);
    assert_int_equal(rig.stop_status, VMB_ERR_TIMEOUT);
    rig.stop_count = 0;
    /* Nothing is left to be moved; but the host has still not shown that it is done. */
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, rig_stopped, &rig), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(rig.stop_count, 0);
}

static void a_fence_that_is_never_answered_is_sent_again(void **state)
{
    (void)state;
    restart_at(VMB_VERSION_5_2);
    (void)rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, rig_stopped, &rig), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    (void)rig_next(&rig, VMB_MSG_GPADL_HEADER);
    rig_pass(&rig, 11000000000u);
    assert_int_equal(rig.stop_count, 1);
    assert_int_equal(rig.stop_status, VMB_ERR_TIMEOUT);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 2, rig_stopped, &rig), VMB_OK);
    rig_pass(&rig, 11000000000u); /* The page of the first one is given up as well. */
    rig_pass(&rig, 11000000000u);
    assert_int_equal(rig.stop_count, 2);
    assert_int_equal(rig.stop_status, VMB_ERR_TIMEOUT); /* Not taken for an answer. */
}

/* ---- Moves that time out ---------------------------------------------------------------------
 */

static uint32_t moves_told;
static vmb_status move_status;

static void move_told(void *context, struct vmb_channel *channel, vmb_status status)
{
    (void)context;
    (void)channel;
    moves_told++;
    move_status = status;
}

/* Channel 1 on VP 2, asked to VP 3, and no answer. */
static struct vmb_channel *in_doubt(void)
{
    struct vmb_channel *channel = rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);

    moves_told = 0;
    assert_int_equal(vmb_channel_set_target_vp(channel, 3, move_told, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    rig_pass(&rig, 11000000000u);
    assert_int_equal(moves_told, 1);
    assert_int_equal(move_status, VMB_ERR_TIMEOUT);
    assert_int_equal(vmb_channel_set_target_vp(channel, 1, NULL, NULL), VMB_ERR_BUSY);
    return channel;
}

static void modify_response(uint32_t relid, uint32_t status)
{
    struct vmb_message answer = {.number = VMB_MSG_MODIFY_CHANNEL_RESPONSE};

    answer.u.modify_channel_response.relid = relid;
    answer.u.modify_channel_response.status = status;
    rig_say(&rig, &answer);
}

static void a_late_answer_ends_the_doubt(void **state)
{
    struct vmb_channel *channel = in_doubt();

    (void)state;
    modify_response(1, 0);
    assert_int_equal(moves_told, 1); /* Told once. */
    assert_int_equal(vmb_channel_target_vp(channel), 3);
    assert_int_equal(vmb_channel_set_target_vp(channel, 1, move_told, NULL), VMB_OK);
    rig_answer_modify(&rig, 0);
    assert_int_equal(moves_told, 2);
    assert_int_equal(vmb_channel_target_vp(channel), 1);

    assert_int_equal(vmb_channel_set_target_vp(channel, 2, move_told, NULL), VMB_OK);
    (void)rig_next(&rig, VMB_MSG_MODIFY_CHANNEL);
    rig_pass(&rig, 11000000000u);
    modify_response(1, VMB_NTSTATUS_FAILURE);
    assert_int_equal(vmb_channel_target_vp(channel), 1);
    assert_int_equal(vmb_channel_set_target_vp(channel, 3, move_told, NULL), VMB_OK);
    rig_answer_modify(&rig, 0);
}

static void neither_vp_of_a_doubt_can_be_stopped(void **state)
{
    struct vmb_channel *channel = in_doubt();
    uint32_t vp;

    (void)state;
    for (vp = 2; vp <= 3; vp++) { /* The host may interrupt either. */
        assert_int_equal(vmb_guest_vp_stop(rig.guest, vp, rig_stopped, &rig), VMB_OK);
        rig_poll(&rig);
        assert_int_equal(rig.stop_count, vp - 1);
        assert_int_equal(rig.stop_status, VMB_ERR_TIMEOUT);
    }
    rig_no_more(&rig);
    /* As the status says: close it. */
    assert_int_equal(vmb_channel_close(channel, NULL, NULL), VMB_OK);
    rig_poll(&rig);
    (void)rig_next(&rig, VMB_MSG_CLOSE_CHANNEL);
    rig_answer_teardown(&rig);
    assert_int_equal(vmb_guest_vp_stop(rig.guest, 3, rig_stopped, &rig), VMB_OK);
    rig_poll(&rig);
    assert_int_equal(rig.stop_status, VMB_OK);
    channel = rig_open_on(&rig, 1, 2, VMB_NOTIFY_DIRECT);
    assert_int_equal(vmb_channel_set_target_vp(channel, 1, NULL, NULL), VMB_OK);
    rig_answer_modify(&rig, 0);
    assert_int_equal(vmb_channel_target_vp(channel), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_move_from_before_the_stop_is_waited_for_too),
        TEST(a_fence_needs_no_channel_that_has_moved),
        TEST(a_fence_that_is_never_answered_is_sent_again),
        TEST(a_late_answer_ends_the_doubt),
        TEST(neither_vp_of_a_doubt_can_be_stopped),
    };

    return cmocka_run_group_tests_name("guest moves", tests, NULL, NULL);
}
