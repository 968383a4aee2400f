/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/demo/demo_churn.h"

#include "tools/vmbus/demo/demo_life.h"

/* For every 64 channels, each time: */
#define CHURN_MOVES        4u /* Channels moved. */
#define CHURN_CLOSES       1u /* Channels closed, one time in CHURN_CLOSE_EVERY. */
#define CHURN_CLOSE_EVERY  4u
#define CHURN_REVOKE_EVERY 8u

#define CHURN_AWAY_NS      3000000u /* How long a revoked device stays away, at most. */

/* How many of that on a bus of this size. */
static uint32_t churn_amount(const struct demo_world *world, uint32_t for_64)
{
    return (world->options.channel_count * for_64 + 63u) / 64u;
}

static void churn_moved(void *context, struct vmb_channel *vmb_channel, vmb_status status)
{
    struct demo_channel *channel = context;
    struct demo_world *world = channel->world;

    channel->moving = false;
    if (status == VMB_OK) {
        world->retargets++;
        if (world->lists != NULL) {
            percpu_lists_move(world->lists, vmb_channel_relid(vmb_channel), channel->vp);
        }
    } else if (status != VMB_ERR_GONE) {
        world->guest_failures++;
    }
}

/*
 * A channel that is open, not revoked without our having been told yet, and whose traffic flows.
 * One that is stalled is left as it is, so that a close does not hide its loss.
 */
static bool churn_may_touch(const struct demo_channel *channel)
{
    return channel->state == DEMO_OPEN && !channel->moving &&
           vmb_channel_state(channel->channel) == VMB_CHANNEL_OPEN &&
           vmb_atomic_load(&channel->lively, VMB_RELAXED) != 0;
}

static struct demo_channel *churn_pick(struct demo_world *world, struct vmb_sim_random *random)
{
    return &world->channels[vmb_sim_random_below(random, world->options.channel_count)];
}

static void churn_move(struct demo_channel *channel)
{
    struct demo_world *world = channel->world;
    uint32_t vp = demo_life_pick_vp(world);
    vmb_status status;

    channel->moving = true;
    channel->vp = vp;
    status = vmb_channel_set_target_vp(channel->channel, vp, churn_moved, channel);
    if (status != VMB_OK) {
        channel->moving = false;
        /* Too old a host to move; or it is being moved, off a VP that leaves. */
        world->guest_failures += status == VMB_ERR_VERSION || status == VMB_ERR_BUSY ? 0 : 1;
    }
}

static void churn_closed(void *context, struct vmb_channel *vmb_channel, vmb_status status)
{
    struct demo_channel *channel = context;

    (void)vmb_channel;
    if (status == VMB_OK && channel->state == DEMO_CLOSING) {
        channel->reopening = true;
        demo_channel_open(channel);
    } else if (status != VMB_OK && status != VMB_ERR_GONE) {
        channel->world->guest_failures++;
    }
}

static void churn_close(struct demo_channel *channel)
{
    channel->state = DEMO_CLOSING;
    if (vmb_channel_close(channel->channel, churn_closed, channel) != VMB_OK) {
        channel->world->guest_failures++;
    }
}

static void churn_guest(void *context)
{
    struct demo_world *world = context;
    uint32_t count;

    for (count = churn_amount(world, CHURN_MOVES); count > 0; count--) {
        struct demo_channel *channel = churn_pick(world, &world->guest_random);

        if (churn_may_touch(channel)) {
            churn_move(channel);
        }
    }
    for (count = churn_amount(world, CHURN_CLOSES); count > 0; count--) {
        struct demo_channel *channel = churn_pick(world, &world->guest_random);

        if (vmb_sim_random_below(&world->guest_random, CHURN_CLOSE_EVERY) == 0 &&
            churn_may_touch(channel)) {
            churn_close(channel);
        }
    }
}

static void churn_restore(void *context)
{
    struct demo_world *world = context;
    uint64_t now_ns = demo_now_ns();
    uint32_t index;

    for (index = 0; index < world->options.channel_count; index++) {
        struct demo_channel *channel = &world->channels[index];

        if (channel->host_channel == NULL && now_ns >= channel->reoffer_ns) {
            demo_channel_offer(channel);
            world->reoffers += channel->host_channel != NULL ? 1 : 0;
        }
    }
}

static void churn_revoke(struct demo_channel *channel)
{
    struct demo_world *world = channel->world;
    struct demo_channel *sub = demo_channel_sub(channel);

    if (sub != NULL && sub->host_channel != NULL) {
        churn_revoke(sub); /* They go before their primary channel does. */
    }
    if (vmb_host_revoke(channel->host_channel) != VMB_OK) {
        world->host_failures++;
    }
    channel->host_channel = NULL;
    /* Now and then it is back at once, while the guest still has the old one. */
    channel->reoffer_ns = demo_now_ns() + vmb_sim_random_below(&world->host_random, CHURN_AWAY_NS);
}

static void churn_host(void *context)
{
    struct demo_world *world = context;
    uint32_t count;

    churn_restore(world);
    for (count = churn_amount(world, 1); count > 0; count--) {
        struct demo_channel *channel = churn_pick(world, &world->host_random);

        if (channel->host_channel == NULL || vmb_atomic_load(&channel->lively, VMB_RELAXED) == 0 ||
            vmb_sim_random_below(&world->host_random, CHURN_REVOKE_EVERY) != 0) {
            continue;
        }
        churn_revoke(channel);
    }
}

void demo_churn(struct demo_world *world)
{
    vmb_sim_live_on_guest(world->live, churn_guest, world);
    vmb_sim_live_on_host(world->live, churn_host, world);
}

void demo_churn_restore(struct demo_world *world)
{
    vmb_sim_live_on_host(world->live, churn_restore, world);
}
