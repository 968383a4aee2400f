/* SPDX-License-Identifier: MIT */
/* What can be broken on purpose, to see that a play finds it. */
#include <string.h>

#include <vmbus/endpoint.h>
#include <vmbus/hv.h>
#include <vmbus/proto/message.h>

#include "sim/vmb_sim_play_state.h"

#define BREAK_STREAM 302u

/* ---- The design that this library replaces -----------------------------------------------------
 */

void play_list(struct play *play, uint32_t relid, uint32_t vp)
{
    if (relid < VMB_RELID_COUNT) {
        play->lists[relid] = (uint8_t)vp;
    }
}

/* A VP looks in a list of the channels that target it. */
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

/* ---- Steps that are said to be done and are not ------------------------------------------------
 */

static bool break_lose(void *context, enum vmb_sim_point point)
{
    struct play *play = context;
    struct vmb_sim_random *random = &play->break_random;

    switch (play->options.broken) {
    case VMB_SIM_PLAY_BREAK_LOSE_INTERRUPT:
        return point == VMB_SIM_POINT_HOST_EVENT && vmb_sim_random_chance(random, 1);
    case VMB_SIM_PLAY_BREAK_LOSE_DOORBELL:
        return point == VMB_SIM_POINT_GUEST_SIGNAL && vmb_sim_random_chance(random, 1);
    case VMB_SIM_PLAY_BREAK_LOSE_MESSAGE:
        return point == VMB_SIM_POINT_HOST_POST && vmb_sim_random_chance(random, 10);
    case VMB_SIM_PLAY_BREAK_KEEP_MAPPING:
        return point == VMB_SIM_POINT_HOST_UNMAP && vmb_sim_random_chance(random, 50);
    default:
        return false;
    }
}

/* ---- Memory ------------------------------------------------------------------------------------
 */

/* Into the ring that the host writes, where it can be that the guest has not read yet. */
static void break_flip_bit(struct play *play)
{
    struct play_channel *channel =
        &play->channels[vmb_sim_random_below(&play->break_random, PLAY_CHANNELS)];
    const struct vmb_endpoint *endpoint = channel->device.guest.endpoint;

    if (channel->device.guest_end.open && endpoint != NULL) {
        uint32_t byte = vmb_sim_random_below(&play->break_random, endpoint->rx.data_bytes);
        uint8_t *data = (uint8_t *)endpoint->rx.control + VMB_PAGE_BYTES;

        data[byte] ^= (uint8_t)(1u << vmb_sim_random_below(&play->break_random, 8));
    }
}

/* Into a page that nobody has. */
static void break_late_write(struct play *play)
{
    struct vmb_sim_memory *memory = &play->world.machine.memory;
    struct vmb_pages pages;

    if (vmb_sim_memory_take(memory, 1, &pages) == VMB_OK) {
        vmb_sim_memory_give(memory, &pages);
        *(uint8_t *)pages.base ^= 1;
    }
}

/* ---- Messages ----------------------------------------------------------------------------------
 */

void play_break_message(struct play *play, bool to_guest, const void *bytes, uint32_t byte_count)
{
    if (play->options.broken != VMB_SIM_PLAY_BREAK_RELEASE_TWICE || to_guest ||
        *(const uint8_t *)bytes != VMB_MSG_RELID_RELEASED ||
        !vmb_sim_random_chance(&play->break_random, 100)) {
        return;
    }
    /* A full port is not our business: then it was said once. */
    if (vmb_hv_message_port_post(&play->world.host.port, VMB_CONNECTION_MESSAGE, 1, bytes,
                                 byte_count) == VMB_HV_SUCCESS) {
        vmb_sim_checks_message(&play->checks, to_guest, bytes, byte_count,
                               vmb_host_version(play_host(play)),
                               vmb_host_features(play_host(play)));
    }
}

/* ---- All of it ---------------------------------------------------------------------------------
 */

void play_break_step(struct play *play)
{
    if (play->options.broken == VMB_SIM_PLAY_BREAK_FLIP_BIT) {
        break_flip_bit(play);
    } else if (play->options.broken == VMB_SIM_PLAY_BREAK_LATE_WRITE &&
               vmb_sim_random_chance(&play->break_random, 10)) {
        break_late_write(play);
    }
}

void play_break_install(struct play *play)
{
    struct vmb_sim_machine_hooks *hooks = &play->world.machine.hooks;

    play->break_random = vmb_sim_random_of(play->options.seed, BREAK_STREAM);
    play->runner.lose = break_lose;
    if (play->options.broken == VMB_SIM_PLAY_BREAK_PERCPU_LISTS) {
        play->next_interrupt = hooks->on_interrupt;
        hooks->guest = play;
        hooks->on_interrupt = break_search_lists;
        hooks->run = break_run;
    }
}
