/* SPDX-License-Identifier: MIT */
/* Which faults a play has, and what can be broken on purpose. */
#include <vmbus/hv.h>

#include "sim/vmb_sim_play_state.h"

#define FAULTS_STREAM 301u
#define BREAK_STREAM  302u

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
    play->break_random = vmb_sim_random_of(play->options.seed, BREAK_STREAM);
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

/* ---- Broken on purpose ----------------------------------------------------------------------- */

void play_list(struct play *play, uint32_t relid, uint32_t vp)
{
    if (relid < VMB_RELID_COUNT) {
        play->lists[relid] = (uint8_t)vp;
    }
}

/* The design that this library replaces: a VP looks in a list of the channels that target it. */
static void break_search_lists(void *guest, uint32_t vp)
{
    struct play *play = guest;
    const struct vmb_sim_vp *self = &play->world.machine.vps[vp];
    uint8_t *flags =
        vmb_hv_event_flags((uint8_t *)self->pages.base + VMB_PAGE_BYTES, VMB_HV_SINT_VMBUS);

    for (uint32_t relid = 1; self->up && relid < VMB_RELID_COUNT; relid++) {
        if ((flags[relid / 8] >> relid % 8 & 1) != 0 && play->lists[relid] != vp) {
            flags[relid / 8] &= (uint8_t) ~(1u << relid % 8);
        }
    }
    play->next_interrupt(&play->world.guest, vp);
}

static bool break_run(void *guest, uint32_t vp)
{
    return vmb_sim_guest_run(&((struct play *)guest)->world.guest, vp);
}

void play_break_install(struct play *play)
{
    struct vmb_sim_machine_hooks *hooks = &play->world.machine.hooks;

    if (play->options.broken == VMB_SIM_PLAY_BREAK_PERCPU_LISTS) {
        play->next_interrupt = hooks->on_interrupt;
        hooks->guest = play;
        hooks->on_interrupt = break_search_lists;
        hooks->run = break_run;
    }
}
