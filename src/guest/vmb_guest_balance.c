/* SPDX-License-Identifier: MIT */
/* Which VP for which channel: spreading at open, and moving by what was counted since. */
#include <vmbus/balance.h>

#include "guest/vmb_guest_state.h"

/* What speaks against a VP: the smaller the better, the first difference decides. */
struct balance_cost {
    uint32_t other_node;
    uint32_t siblings;
    uint32_t channels;
};

static struct balance_cost balance_cost_of(struct vmb_guest *guest,
                                           const struct vmb_channel *channel, uint32_t vp)
{
    struct balance_cost cost = {0, 0, 0};
    struct vmb_channel *other;
    uint32_t cursor = 0;

    while ((other = vmb_guest_next_channel(guest, &cursor)) != NULL) {
        if (other == channel || other->target_vp != vp) {
            continue;
        }
        cost.channels++;
        cost.siblings += vmbi_offer_same_device(&other->offer, &channel->offer) ? 1 : 0;
    }
    return cost;
}

static bool balance_better(const struct balance_cost *cost, const struct balance_cost *best)
{
    if (cost->other_node != best->other_node) {
        return cost->other_node < best->other_node;
    }
    if (cost->siblings != best->siblings) {
        return cost->siblings < best->siblings;
    }
    return cost->channels < best->channels;
}

uint32_t vmb_guest_choose_vp(struct vmb_guest *guest, const struct vmb_channel *channel,
                             vmb_node_of_vp node_of_vp, void *context, uint32_t node)
{
    struct balance_cost best = {0, 0, 0};
    uint32_t chosen = VMB_VP_NONE;
    uint32_t vp;

    for (vp = 0; vp < guest->options.vp_count; vp++) {
        struct balance_cost cost;

        if (guest->vps[vp].service != VP_IN) {
            continue;
        }
        cost = balance_cost_of(guest, channel, vp);
        cost.other_node = node_of_vp != NULL && node_of_vp(context, vp) != node ? 1 : 0;
        if (chosen == VMB_VP_NONE || balance_better(&cost, &best)) {
            chosen = vp;
            best = cost;
        }
    }
    return chosen;
}

/* Interrupts of a channel since the last look. */
static uint32_t balance_recent(const struct vmb_channel *channel)
{
    return (uint32_t)vmbi_channel_runs(channel) - channel->balance_runs;
}

static bool balance_movable(const struct vmb_channel *channel)
{
    return channel->phase == PHASE_OPEN && channel->modify == MODIFY_NONE &&
           channel->target_vp != VMB_VP_NONE;
}

/* Sum the recent interrupts of each VP's channels, where the moves already begun count as done. */
static void balance_sum(struct vmb_guest *guest)
{
    struct vmb_channel *channel;
    uint32_t cursor = 0;
    uint32_t vp;

    for (vp = 0; vp < guest->options.vp_count; vp++) {
        guest->vps[vp].load = 0;
        guest->vps[vp].gives = guest->vps[vp].service == VP_IN;
    }
    while ((channel = vmb_guest_next_channel(guest, &cursor)) != NULL) {
        vp = channel->modify != MODIFY_NONE ? channel->wanted_vp : channel->target_vp;
        if (vp < guest->options.vp_count) {
            guest->vps[vp].load += balance_recent(channel);
        }
    }
}

/* The channel of @from whose move to @to leaves the busier of the two with the least. */
static struct vmb_channel *balance_pick(struct vmb_guest *guest, uint32_t from, uint32_t to)
{
    uint64_t from_load = guest->vps[from].load;
    uint64_t to_load = guest->vps[to].load;
    uint64_t best = from_load;
    struct vmb_channel *picked = NULL;
    struct vmb_channel *channel;
    uint32_t cursor = 0;

    while ((channel = vmb_guest_next_channel(guest, &cursor)) != NULL) {
        uint64_t recent = balance_recent(channel);
        uint64_t left, right;

        if (channel->target_vp != from || !balance_movable(channel) || recent == 0) {
            continue;
        }
        left = from_load - recent;
        right = to_load + recent;
        left = left > right ? left : right;
        if (left < best) {
            best = left;
            picked = channel;
        }
    }
    return picked;
}

/* The busiest VP that gives, and the idlest one of its node. False if there are no two. */
static bool balance_pair(struct vmb_guest *guest, vmb_node_of_vp node_of_vp, void *context,
                         uint32_t *out_from, uint32_t *out_to)
{
    uint32_t from = VMB_VP_NONE;
    uint32_t to = VMB_VP_NONE;
    uint64_t best = 0;
    uint32_t vp;

    for (vp = 0; vp < guest->options.vp_count; vp++) {
        const struct vmb_guest_vp *one = &guest->vps[vp];

        if (one->gives && (from == VMB_VP_NONE || one->load > best)) {
            from = vp;
            best = one->load;
        }
    }
    best = UINT64_MAX;
    for (vp = 0; from != VMB_VP_NONE && vp < guest->options.vp_count; vp++) {
        const struct vmb_guest_vp *one = &guest->vps[vp];

        if (vp != from && one->service == VP_IN && one->load < best &&
            (node_of_vp == NULL || node_of_vp(context, vp) == node_of_vp(context, from))) {
            to = vp;
            best = one->load;
        }
    }
    *out_from = from;
    *out_to = to;
    return to != VMB_VP_NONE;
}

uint32_t vmb_guest_rebalance(struct vmb_guest *guest, vmb_node_of_vp node_of_vp, void *context,
                             uint32_t moves_limit)
{
    struct vmb_channel *channel;
    uint32_t cursor = 0;
    uint32_t moves = 0;

    balance_sum(guest);
    while (moves < moves_limit) {
        uint32_t from, to, recent;

        if (!balance_pair(guest, node_of_vp, context, &from, &to)) {
            if (from == VMB_VP_NONE) {
                break;
            }
            channel = NULL; /* Alone on its node. */
        } else {
            channel = balance_pick(guest, from, to);
        }
        if (channel == NULL || vmb_channel_set_target_vp(channel, to, NULL, NULL) != VMB_OK) {
            guest->vps[from].gives = false;
            continue;
        }
        recent = balance_recent(channel);
        guest->vps[from].load -= recent;
        guest->vps[to].load += recent;
        moves++;
    }
    while ((channel = vmb_guest_next_channel(guest, &cursor)) != NULL) {
        channel->balance_runs = (uint32_t)vmbi_channel_runs(channel);
    }
    return moves;
}
