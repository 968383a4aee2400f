/* SPDX-License-Identifier: MIT */
/*
 * One thing done to a quiet bus, with one fault at its Nth step: whatever guest and host ask of
 * their platform is a step. A caller counts the steps without a fault, then runs each of them with
 * every fault.
 */
#include <vmbus/tl_connect.h>

#include "sim/vmb_sim_play_state.h"

#define STEPS_ACTS    6u /* That the script does: the thing itself, and it undone or done again. */
#define STEPS_DEAD_NS 70000000u /* Longer than any wait for an answer. */

/* The bus of a scenario: two devices with all their sub-channels on two VPs, and no other fault. */
void play_steps_choose(struct play *play, struct vmb_sim_world_options *world)
{
    world->machine.vp_count = 2;
    world->host_workers = 1;
    world->host.message_limit = 128;
    play->device_count = 2;
    play->ops_left = STEPS_ACTS;
    play->faults = 0;
}

/* Before a step. The status with which it fails. */
vmb_status play_steps_before(struct play *play, enum vmb_sim_point point)
{
    bool guest = point == VMB_SIM_POINT_GUEST_POST;
    bool host = point == VMB_SIM_POINT_HOST_POST;

    if (!play->steps_counted || point > VMB_SIM_POINT_HOST_DOORBELL ||
        ++play->result->steps != play->options.fault_at) {
        return VMB_OK;
    }
    switch (play->options.step_fault) {
    case VMB_SIM_PLAY_STEP_RETRY:
        return guest || host ? VMB_ERR_RETRY : VMB_ERR_NO_MEMORY;
    case VMB_SIM_PLAY_STEP_FATAL:
        play->doubtful |= guest;
        return guest ? VMB_ERR_ACCESS_DENIED : host ? VMB_ERR_RETRY : VMB_ERR_NO_MEMORY;
    default:
        break;
    }
    /* The others are not ours to do in the middle of a call: the script does them next. */
    play->step_due = true;
    play->next_op_ns = play->runner.now_ns;
    vmb_sim_wake(&play->script);
    return VMB_OK;
}

/* What could not be done in the middle of a call. */
void play_steps_fault(struct play *play)
{
    if (!play->step_due) {
        return;
    }
    play->step_due = false;
    switch (play->options.step_fault) {
    case VMB_SIM_PLAY_STEP_RESCIND:
        play_host_revoke(&play->channels[0]);
        return;
    case VMB_SIM_PLAY_STEP_DEAD_HOST:
        play_host_die(play, STEPS_DEAD_NS);
        return;
    case VMB_SIM_PLAY_STEP_RESTORE:
        play_host_replace(play);
        return;
    default:
        return;
    }
}

static void steps_rescind(struct play *play, uint32_t act)
{
    if (act % 2 == 0) {
        play_host_revoke(&play->channels[0]);
    } else {
        play_host_offer(&play->channels[0]);
    }
}

/* Primary channel first, sub-channels after it, in the other order away. */
static void steps_subchannels(struct play *play, uint32_t act)
{
    for (uint32_t sub = 1; sub < PLAY_SUBS; sub++) {
        struct play_channel *channel = &play->channels[act % 2 == 0 ? PLAY_SUBS - sub : sub];

        if (act % 2 == 0) {
            play_host_revoke(channel);
        } else {
            play_host_offer(channel);
        }
    }
}

static void steps_reopen(struct play *play, uint32_t act)
{
    if (act % 2 == 0) {
        play_guest_close(&play->channels[0]);
    } else {
        play_guest_open(&play->channels[0]);
    }
}

/* The next act of the scenario. */
void play_steps_op(struct play *play)
{
    uint32_t act = play->steps_act++;

    play->steps_counted = true;
    switch (play->options.scenario) {
    case VMB_SIM_PLAY_RETARGET:
        play_guest_move(&play->channels[act % PLAY_SUBS]);
        return;
    case VMB_SIM_PLAY_OFFLINE:
        play_guest_vp(play, act % 2 == 0);
        return;
    case VMB_SIM_PLAY_RESCINDED:
        steps_rescind(play, act);
        return;
    case VMB_SIM_PLAY_SUBCHANNELS:
        steps_subchannels(play, act);
        return;
    case VMB_SIM_PLAY_REOPEN:
        steps_reopen(play, act);
        return;
    case VMB_SIM_PLAY_GPADL_LIFE:
        play_guest_gpadl(&play->channels[0], act % 2 == 0);
        return;
    case VMB_SIM_PLAY_SUSPEND:
        if (act == 0) {
            play_guest_suspend(play);
        }
        return;
    case VMB_SIM_PLAY_UNLOADED:
        if (act == 0) {
            play_guest_unload(play);
        }
        return;
    case VMB_SIM_PLAY_RESTORED:
        play_host_replace(play);
        return;
    case VMB_SIM_PLAY_SOCKET:
        play_guest_ask_socket(play);
        return;
    case VMB_SIM_PLAY_MONITORS:
        play_guest_move_monitors(play);
        return;
    default:
        return;
    }
}
