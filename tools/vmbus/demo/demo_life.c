/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/demo/demo_life.h"

#include <stdlib.h>

/* The first time, and then how often. */
#define LIFE_VP_FIRST_NS      100000000u
#define LIFE_VP_NS            120000000u
#define LIFE_REPLACE_FIRST_NS 250000000u
#define LIFE_REPLACE_NS       1100000000u
#define LIFE_SLEEP_FIRST_NS   380000000u
#define LIFE_SLEEP_NS         2300000000u

/* ---- VPs ------------------------------------------------------------------------------------- */

uint32_t demo_life_pick_vp(struct demo_world *world)
{
    uint32_t vp = vmb_sim_random_below(&world->guest_random, world->options.vp_count);

    return world->vp_out[vp] ? 0 : vp;
}

static void life_vp_stopped(void *context, uint32_t vp, vmb_status status)
{
    struct demo_world *world = context;

    world->vp_stopping = false;
    world->vp_out[vp] = status == VMB_OK;
    world->offlines += status == VMB_OK ? 1 : 0;
    if (status != VMB_OK && status != VMB_ERR_GONE) {
        world->guest_failures++;
    }
}

static void life_vp_stop(struct demo_world *world)
{
    uint32_t vp = demo_life_pick_vp(world);
    vmb_status status;

    if (vp == 0) {
        return; /* Messages come there. */
    }
    world->vp_out[vp] = true; /* Nothing new goes there. */
    world->vp_stopping = true;
    status = vmb_sim_guest_vp_stop(&world->live->world.guest, vp, life_vp_stopped, world);
    if (status != VMB_OK) {
        world->vp_stopping = false;
        world->vp_out[vp] = false;
        /* Hosts below 4.1 cannot move what is there. */
        world->guest_failures += status == VMB_ERR_VERSION ? 0 : 1;
    }
}

/* True if one has come back. */
static bool life_vp_start(struct demo_world *world)
{
    for (uint32_t vp = 1; !world->vp_stopping && vp < world->options.vp_count; vp++) {
        if (world->vp_out[vp] && !world->live->world.machine.vps[vp].up) {
            vmb_status status = vmb_sim_guest_vp_start(&world->live->world.guest, vp);

            world->vp_out[vp] = status != VMB_OK;
            world->guest_failures += status == VMB_OK ? 0 : 1;
            return true;
        }
    }
    return false;
}

static void life_vps(void *context)
{
    struct demo_world *world = context;

    if (!world->vp_stopping && !life_vp_start(world)) {
        life_vp_stop(world);
    }
}

static void life_vps_back(void *context)
{
    (void)life_vp_start(context);
}

/* ---- Sleep ----------------------------------------------------------------------------------- */

void demo_life_suspended(void *context, vmb_status status)
{
    struct demo_world *world = context;

    world->guest_failures += status == VMB_OK ? 0 : 1;
    for (uint32_t i = 0; i < world->options.channel_count; i++) {
        struct demo_channel *channel = &world->channels[i];

        channel->moving = false;
        channel->reopening = false;
        if (channel->state != DEMO_ABSENT) {
            channel->state = DEMO_CLOSING;
        }
    }
}

void demo_life_resumed(void *context, struct vmb_channel *vmb_channel)
{
    struct demo_world *world = context;
    struct demo_channel *channel = vmb_channel_context(vmb_channel);

    if (channel != NULL) {
        demo_channel_open(channel);
    } else {
        (void)demo_services_open(&world->services, vmb_channel);
    }
}

static void life_fall_asleep(void *context)
{
    struct demo_world *world = context;

    world->asleep = !world->vp_stopping;
}

static void life_wake_up(void *context)
{
    struct demo_world *world = context;

    world->asleep = false;
    world->resumes++;
}

/* A host below 1.1 confirms nothing, so the rings of a guest that sleeps would be lost. */
static void life_sleep(struct demo_world *world)
{
    if (world->options.max_version < VMB_VERSION_1_1) {
        return;
    }
    vmb_sim_live_on_guest(world->live, life_fall_asleep, world);
    if (!world->asleep) {
        return; /* A VP is just leaving; the next time. */
    }
    if (vmb_sim_live_suspend(world->live) != VMB_OK || vmb_sim_live_resume(world->live) != VMB_OK) {
        world->life_failures++;
    }
    vmb_sim_live_on_guest(world->live, life_wake_up, world);
}

/* ---- Another host ---------------------------------------------------------------------------- */

/* Every device that was there, as after its init. Nobody acts. */
static void life_offer_again(void *context)
{
    struct demo_world *world = context;

    if (world->has_services &&
        !demo_services_offer_again(&world->services, world->live->world.host.host)) {
        world->host_failures++;
    }
    for (uint32_t i = 0; i < world->options.channel_count; i++) {
        struct demo_channel *channel = &world->channels[i];

        if (channel->host_channel == NULL) {
            continue;
        }
        channel->host_channel = NULL;
        if (vmb_traffic_host_init(&channel->host, channel->host_buffer, DEMO_BUFFER_BYTES, NULL,
                                  NULL) != VMB_OK) {
            abort(); /* It was made like this before. */
        }
        demo_channel_offer(channel);
    }
}

static void life_replace(struct demo_world *world)
{
    vmb_status status = vmb_sim_live_replace_host(world->live, life_offer_again, world);

    world->restores += status == VMB_OK ? 1 : 0;
    world->life_failures += status == VMB_OK || status == VMB_ERR_BUSY ? 0 : 1;
}

/* ---- All of it ------------------------------------------------------------------------------- */

static bool life_is_due(uint64_t *due_ns, uint64_t first_ns, uint64_t again_ns)
{
    uint64_t now_ns = demo_now_ns();

    if (*due_ns == 0) {
        *due_ns = now_ns + first_ns;
    }
    if (now_ns < *due_ns) {
        return false;
    }
    *due_ns = now_ns + again_ns;
    return true;
}

void demo_life(struct demo_world *world)
{
    if (world->lists != NULL) {
        return; /* That design loses enough as it is, and by moves alone. */
    }
    if (world->options.vp_count > 1 &&
        life_is_due(&world->next_vp_ns, LIFE_VP_FIRST_NS, LIFE_VP_NS)) {
        vmb_sim_live_on_guest(world->live, life_vps, world);
    }
    if (life_is_due(&world->next_replace_ns, LIFE_REPLACE_FIRST_NS, LIFE_REPLACE_NS)) {
        life_replace(world);
    }
    if (life_is_due(&world->next_sleep_ns, LIFE_SLEEP_FIRST_NS, LIFE_SLEEP_NS)) {
        life_sleep(world);
    }
}

void demo_life_restore(struct demo_world *world)
{
    vmb_sim_live_on_guest(world->live, life_vps_back, world);
}
