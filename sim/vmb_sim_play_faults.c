/* SPDX-License-Identifier: MIT */
/* Which faults a play has. */
#include "sim/vmb_sim_play_state.h"

#define FAULTS_STREAM 301u

/* Each fault that is allowed is on in two of three plays, and how much of it differs. */
static uint32_t faults_rate(struct play *play, enum vmb_sim_play_fault fault, uint32_t most)
{
    uint32_t rate = 1 + vmb_sim_random_below(&play->random, most);

    if ((play->options.faults & fault) == 0 || !vmb_sim_random_chance(&play->random, 667)) {
        return 0;
    }
    play->faults |= fault;
    return rate;
}

static void faults_choose_shares(struct play *play)
{
    play->share_per_mille = faults_rate(play, VMB_SIM_PLAY_SHARES, 200);
    if (play->share_per_mille == 0) {
        return;
    }
    /* Now and then; or the Nth, once or for good. */
    switch (vmb_sim_random_below(&play->random, 3)) {
    case 0:
        return;
    case 1:
        play->share_from = 1 + vmb_sim_random_below(&play->random, 24);
        play->share_until = play->share_from;
        break;
    default:
        play->share_from = 1 + vmb_sim_random_below(&play->random, 24);
        play->share_until = UINT32_MAX;
        break;
    }
    play->share_per_mille = 0;
}

void play_faults_choose(struct play *play, struct vmb_sim_world_options *world,
                        struct vmb_sim_virtual_options *runner)
{
    struct vmb_sim_faults *faults = &world->machine.faults;

    play->fault_random = vmb_sim_random_of(play->options.seed, FAULTS_STREAM);
    runner->preempt_per_mille = faults_rate(play, VMB_SIM_PLAY_PREEMPT, 300);
    runner->long_per_mille = faults_rate(play, VMB_SIM_PLAY_LATE, 100);
    runner->stall_per_mille = faults_rate(play, VMB_SIM_PLAY_STALL, 20);
    runner->put_off_per_mille = faults_rate(play, VMB_SIM_PLAY_SIGNALS, 500);
    faults->interrupt_spurious_per_mille = faults_rate(play, VMB_SIM_PLAY_SPURIOUS, 200);
    faults->guest_post_per_mille = faults_rate(play, VMB_SIM_PLAY_POSTS, 300);
    faults->host_post_per_mille = faults_rate(play, VMB_SIM_PLAY_SLOTS, 300);
    faults->foreign_message_per_mille = faults->host_post_per_mille;
    play->fatal_per_mille = faults_rate(play, VMB_SIM_PLAY_FATAL, 40);
    faults_choose_shares(play);
    play->map_per_mille = faults_rate(play, VMB_SIM_PLAY_MAPS, 200);
    (void)faults_rate(play, VMB_SIM_PLAY_DEAD_HOST, 1);
    (void)faults_rate(play, VMB_SIM_PLAY_RESCIND, 1);
    (void)faults_rate(play, VMB_SIM_PLAY_VPS, 1);
    (void)faults_rate(play, VMB_SIM_PLAY_SLEEP, 1);
    (void)faults_rate(play, VMB_SIM_PLAY_UNLOAD, 1);
    (void)faults_rate(play, VMB_SIM_PLAY_RESTORE, 1);
}

static vmb_status faults_share(struct play *play)
{
    play->shares++;
    if ((play->shares >= play->share_from && play->shares <= play->share_until &&
         play->share_from != 0) ||
        vmb_sim_random_chance(&play->fault_random, play->share_per_mille)) {
        play->result->counts.refused_shares++;
        return VMB_ERR_NO_MEMORY;
    }
    return VMB_OK;
}

vmb_status play_faults_before(void *context, enum vmb_sim_point point)
{
    struct play *play = context;

    if (!play->runner.faults_on) {
        return VMB_OK;
    }
    if (play->options.scenario != VMB_SIM_PLAY_ANYTHING) {
        return play_steps_before(play, point);
    }
    switch (point) {
    case VMB_SIM_POINT_GUEST_POST:
        if (vmb_sim_random_chance(&play->fault_random, play->fatal_per_mille)) {
            play->result->counts.failed_posts++;
            play->doubtful = true;
            return VMB_ERR_ACCESS_DENIED;
        }
        return VMB_OK;
    case VMB_SIM_POINT_GUEST_SHARE:
    case VMB_SIM_POINT_VP_PAGES:
        return faults_share(play);
    case VMB_SIM_POINT_HOST_MAP:
    case VMB_SIM_POINT_HOST_DOORBELL:
        if (vmb_sim_random_chance(&play->fault_random, play->map_per_mille)) {
            play->result->counts.refused_maps++;
            return VMB_ERR_NO_MEMORY;
        }
        return VMB_OK;
    default:
        return VMB_OK;
    }
}
