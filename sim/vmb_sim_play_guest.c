/* SPDX-License-Identifier: MIT */
/* What the script does in the guest, and what the guest is told. */
#include <string.h>

#include "sim/vmb_sim_play_state.h"

#define GUEST_RETRY_NS 200000u

struct vmb_guest *play_guest(struct play *play)
{
    return play->world.guest.guest;
}

static struct vmb_sim_device *guest_device(struct play_channel *channel)
{
    return &channel->device;
}

/* A request ended, or a call returned, with something that its contract does not name. */
static void guest_wrong(struct play *play, const char *what, vmb_status status)
{
    vmb_sim_violation(&play->checks, "%s ended with %s", what, vmb_status_name(status));
}

/* How a request ended. Anything but success may leave guest and host with different ideas. */
static void guest_ended(struct play *play, const char *what, vmb_status status)
{
    vmb_sim_virtual_note(&play->runner, what, (uint64_t)(0 - (int64_t)status), 0);
    if (status == VMB_OK || status == VMB_ERR_GONE) {
        return;
    }
    play->result->counts.failed_requests++;
    if (status == VMB_ERR_REFUSED || status == VMB_ERR_NO_MEMORY || status == VMB_ERR_VERSION) {
        return;
    }
    play->doubtful = true;
    if (status != VMB_ERR_TIMEOUT && status != VMB_ERR_PLATFORM && status != VMB_ERR_STILL_SHARED &&
        status != VMB_ERR_INVALID_TARGET) {
        guest_wrong(play, what, status);
    }
}

/* ---- Device buffers -------------------------------------------------------------------------- */

static void gpadl_page_back(struct play_channel *channel, bool ours)
{
    struct play *play = channel->play;

    channel->gpadl_state = PLAY_GPADL_NONE;
    if (ours) {
        vmb_sim_memory_give(&play->world.machine.memory, &channel->gpadl_pages);
    } else {
        play->leaked_pages += channel->gpadl_pages.page_count;
    }
}

static void gpadl_revoked(void *context, struct vmb_gpadl *gpadl, vmb_status status)
{
    struct play_channel *channel = context;
    struct play *play = channel->play;

    (void)gpadl;
    if (channel->gpadl_state != PLAY_GPADL_REVOKING) {
        vmb_sim_violation(&play->checks, "a teardown ended that was not under way");
        return;
    }
    guest_ended(play, "gpadl teardown", status);
    if (status == VMB_ERR_GONE) {
        channel->gpadl_state = PLAY_GPADL_ORPHAN;
        return;
    }
    gpadl_page_back(channel, status == VMB_OK);
    play_guest_let_go(channel);
}

void play_gpadl_revoke(struct play_channel *channel)
{
    if (channel->gpadl_state != PLAY_GPADL_READY) {
        return;
    }
    if (channel->gpadl.handle == 0) {
        channel->gpadl_state = PLAY_GPADL_ORPHAN; /* The bus has been left: the host has it not. */
        return;
    }
    channel->gpadl_state = PLAY_GPADL_REVOKING;
    if (vmb_channel_gpadl_teardown(&channel->gpadl, gpadl_revoked, channel) != VMB_OK) {
        guest_wrong(channel->play, "asking for a gpadl teardown", VMB_ERR_WRONG_STATE);
    }
}

static void gpadl_created(void *context, struct vmb_gpadl *gpadl, vmb_status status)
{
    struct play_channel *channel = context;

    (void)gpadl;
    if (channel->gpadl_state != PLAY_GPADL_CREATING) {
        vmb_sim_violation(&channel->play->checks, "a gpadl was created that nobody asked for");
        return;
    }
    guest_ended(channel->play, "gpadl create", status);
    if (status == VMB_OK || status == VMB_ERR_TIMEOUT) {
        channel->gpadl_state = PLAY_GPADL_READY;
        channel->play->result->counts.gpadls++;
        if (status != VMB_OK || channel->revoked) {
            play_gpadl_revoke(channel);
        }
        return;
    }
    gpadl_page_back(channel, true); /* As the contract says: refused or gone, it is ours. */
    play_guest_let_go(channel);
}

static void gpadl_create(struct play_channel *channel)
{
    struct play *play = channel->play;
    vmb_status status;

    if (channel->gpadl_state != PLAY_GPADL_NONE || channel->channel == NULL || channel->revoked ||
        vmb_sim_memory_take(&play->world.machine.memory, 1, &channel->gpadl_pages) != VMB_OK) {
        return;
    }
    memset(&channel->gpadl_range, 0, sizeof(channel->gpadl_range));
    channel->gpadl_range.byte_count = VMB_PAGE_BYTES;
    channel->gpadl_range.first_gpn = channel->gpadl_pages.first_gpn;
    channel->gpadl_state = PLAY_GPADL_CREATING;
    status = vmb_channel_gpadl_create(channel->channel, &channel->gpadl, &channel->gpadl_range, 1,
                                      gpadl_created, channel);
    if (status != VMB_OK) {
        gpadl_page_back(channel, true);
        if (status != VMB_ERR_WRONG_STATE) {
            guest_wrong(play, "asking for a gpadl", status);
        }
    }
}

void play_guest_gpadl(struct play_channel *channel, bool create)
{
    if (create) {
        gpadl_create(channel);
    } else {
        play_gpadl_revoke(channel);
    }
}

/* ---- Channels -------------------------------------------------------------------------------- */

static void guest_opened(void *context, struct vmb_channel *vmb_channel, vmb_status status)
{
    struct play_channel *channel = context;

    (void)vmb_channel;
    if (!channel->opening) {
        vmb_sim_violation(&channel->play->checks, "an open ended twice");
    }
    channel->opening = false;
    channel->monitored = channel->monitored && status == VMB_OK;
    guest_ended(channel->play, "open", status);
    channel->play->result->counts.opens += status == VMB_OK ? 1 : 0;
    if (status == VMB_OK && !guest_device(channel)->guest_end.open) {
        vmb_sim_violation(&channel->play->checks, "an open ended well before the driver was told");
    }
}

static uint32_t guest_any_vp(struct play *play)
{
    uint32_t count = play->world.machine.options.vp_count;
    uint32_t vp = vmb_sim_random_below(&play->random, count);

    return play->vp_down[vp] ? 0 : vp;
}

void play_guest_open(struct play_channel *channel)
{
    struct play *play = channel->play;
    const struct vmb_channel_open_options options = {
        .struct_bytes = sizeof(options),
        .driver = vmb_sim_device_guest_driver(&channel->device),
        .device = &channel->device,
        .target_vp = guest_any_vp(play),
        .tx_pages = 1 + vmb_sim_random_below(&play->random, 2),
        .rx_pages = 1 + vmb_sim_random_below(&play->random, 2),
        .monitored = vmb_sim_random_chance(&play->random, 300) && !play->monitors_moving &&
                     play->options.scenario != VMB_SIM_PLAY_MONITORS,
        .done = guest_opened,
        .done_context = channel,
    };
    vmb_status status;

    if (channel->channel == NULL || channel->opening || channel->closing ||
        vmb_channel_state(channel->channel) != VMB_CHANNEL_OFFERED) {
        return;
    }
    play_list(play, vmb_channel_relid(channel->channel), options.target_vp);
    channel->opening = true;
    channel->monitored = options.monitored;
    status = vmb_channel_open(channel->channel, &options);
    if (status != VMB_OK) {
        channel->monitored = false;
        channel->opening = false;
        guest_ended(play, "asking for an open", status);
    }
}

static void guest_closed(void *context, struct vmb_channel *vmb_channel, vmb_status status)
{
    struct play_channel *channel = context;

    (void)vmb_channel;
    if (!channel->closing) {
        vmb_sim_violation(&channel->play->checks, "a close ended twice");
    }
    channel->closing = false;
    channel->monitored = false;
    guest_ended(channel->play, "close", status);
    channel->play->result->counts.closes += status == VMB_OK ? 1 : 0;
    if (guest_device(channel)->guest_end.open) {
        vmb_sim_violation(&channel->play->checks, "a close ended before the driver was told");
    }
}

void play_guest_close(struct play_channel *channel)
{
    if (channel->channel == NULL || vmb_channel_state(channel->channel) != VMB_CHANNEL_OPEN) {
        return;
    }
    channel->closing = true;
    if (vmb_channel_close(channel->channel, guest_closed, channel) != VMB_OK) {
        guest_wrong(channel->play, "asking for a close", VMB_ERR_WRONG_STATE);
    }
}

static void guest_moved(void *context, struct vmb_channel *vmb_channel, vmb_status status)
{
    struct play_channel *channel = context;

    if (!channel->moving) {
        vmb_sim_violation(&channel->play->checks, "a move ended twice");
    }
    channel->moving = false;
    guest_ended(channel->play, "move", status);
    if (status == VMB_OK) {
        channel->play->result->counts.retargets++;
        play_list(channel->play, vmb_channel_relid(vmb_channel),
                  vmb_channel_target_vp(vmb_channel));
    }
}

void play_guest_move(struct play_channel *channel)
{
    struct play *play = channel->play;
    vmb_status status;

    if (channel->channel == NULL || channel->moving ||
        vmb_channel_state(channel->channel) != VMB_CHANNEL_OPEN) {
        return;
    }
    channel->moving = true;
    status = vmb_channel_set_target_vp(channel->channel, guest_any_vp(play), guest_moved, channel);
    if (status != VMB_OK) {
        channel->moving = false;
        if (status != VMB_ERR_VERSION && status != VMB_ERR_BUSY &&
            status != VMB_ERR_INVALID_ARGUMENT) {
            guest_wrong(play, "asking for a move", status);
        }
    }
}

void play_guest_let_go(struct play_channel *channel)
{
    vmb_status status;

    if (!channel->revoked || channel->channel == NULL) {
        return;
    }
    play_gpadl_revoke(channel);
    if (channel->gpadl_state != PLAY_GPADL_NONE && channel->gpadl_state != PLAY_GPADL_ORPHAN) {
        return; /* Its end comes here again. */
    }
    status = vmb_channel_let_go(channel->channel);
    if (status != VMB_OK) {
        guest_wrong(channel->play, "letting go", status);
    }
    channel->channel = NULL;
    channel->revoked = false;
}

/* ---- What the guest is told ------------------------------------------------------------------ */

static struct play_channel *guest_find(struct play *play, const struct vmb_msg_offer *offer)
{
    uint32_t number = offer->instance_guid.bytes[0];

    if (number >= play->device_count || offer->subchannel_index >= PLAY_SUBS) {
        return NULL;
    }
    return &play->channels[number * PLAY_SUBS + offer->subchannel_index];
}

static void guest_connected(void *context, vmb_status status)
{
    struct play *play = context;

    guest_ended(play, "connect", status);
    if (play->bus != PLAY_CONNECTING) {
        vmb_sim_violation(&play->checks, "told that it is connected when it did not ask");
    }
    play->result->counts.connects += status == VMB_OK ? 1 : 0;
    play->bus = status == VMB_OK ? PLAY_UP : play->asleep ? PLAY_ASLEEP : PLAY_DOWN;
    play->not_before_ns = play->runner.now_ns + GUEST_RETRY_NS;
}

static void guest_offered(void *context, struct vmb_channel *vmb_channel)
{
    struct play *play = context;
    struct play_channel *channel = guest_find(play, vmb_channel_offer(vmb_channel));

    play_list(play, vmb_channel_relid(vmb_channel), 0);
    vmb_channel_set_context(vmb_channel, channel);
    if (channel == NULL) {
        return; /* A socket that nobody waits for any more. */
    }
    play_guest_let_go(channel); /* Lost in a sleep, and now there again. */
    if (channel->channel != NULL) {
        vmb_sim_violation(&play->checks, "device %u.%u was offered twice", channel->device.number,
                          channel->device.sub);
    }
    channel->channel = vmb_channel;
    play->result->counts.subchannels += channel->device.sub != 0 ? 1 : 0;
    if (play->calm || vmb_sim_random_chance(&play->random, 700)) {
        play_guest_open(channel);
    }
}

static void guest_rescinded(void *context, struct vmb_channel *vmb_channel)
{
    struct play *play = context;
    struct play_channel *channel = vmb_channel_context(vmb_channel);

    if (channel == NULL) {
        if (vmb_channel == play->socket_channel) {
            play->socket_channel = NULL;
        }
        if (vmb_channel_let_go(vmb_channel) != VMB_OK) {
            guest_wrong(play, "letting go of a socket", VMB_ERR_WRONG_STATE);
        }
        return;
    }
    play->result->counts.rescinds++;
    if (channel->revoked || channel->channel != vmb_channel) {
        vmb_sim_violation(&play->checks, "device %u.%u was told twice that it is gone",
                          channel->device.number, channel->device.sub);
        return;
    }
    if (channel->device.guest_end.open) {
        vmb_sim_violation(&play->checks, "device %u.%u is gone and its driver was not told",
                          channel->device.number, channel->device.sub);
    }
    channel->revoked = true;
    channel->monitored = false;
    if (play->calm || play->bus != PLAY_UP || vmb_sim_random_chance(&play->random, 600)) {
        play_guest_let_go(channel);
    }
}

static void guest_resumed(void *context, struct vmb_channel *vmb_channel)
{
    struct play_channel *channel = vmb_channel_context(vmb_channel);

    if (channel == NULL) {
        vmb_sim_violation(&((struct play *)context)->checks, "a socket came back from a sleep");
        return;
    }
    play_list(context, vmb_channel_relid(vmb_channel), 0);
    play_guest_open(channel);
}

/* The bus is left: what no callback has said is said by this. */
static void guest_left(struct play *play, vmb_status status, bool channels_stay)
{
    for (uint32_t i = 0; i < PLAY_CHANNELS; i++) {
        struct play_channel *channel = &play->channels[i];

        if (channel->gpadl_state == PLAY_GPADL_READY || channel->gpadl_state == PLAY_GPADL_ORPHAN) {
            gpadl_page_back(channel, status == VMB_OK);
        }
        if (channel->opening || channel->closing || channel->moving ||
            channel->gpadl_state != PLAY_GPADL_NONE || channel->device.guest_end.open) {
            vmb_sim_violation(&play->checks, "the bus is left and device %u.%u was not told",
                              channel->device.number, channel->device.sub);
        }
        channel->monitored = false;
        if (!channels_stay) {
            channel->channel = NULL;
            channel->revoked = false;
        }
    }
    if (!channels_stay) {
        play->socket_channel = NULL;
    }
    if (play->socket_asking || play->pausing || play->monitors_moving || play->vp_leaving) {
        vmb_sim_violation(&play->checks, "the bus is left and %s was not told",
                          play->socket_asking ? "a socket"
                          : play->pausing     ? "a pause"
                          : play->vp_leaving  ? "a VP's stop"
                                              : "a move of monitor pages");
    }
    play->paused = false;
}

static void guest_suspended(void *context, vmb_status status)
{
    struct play *play = context;

    guest_ended(play, "suspend", status);
    if (play->bus != PLAY_SUSPENDING) {
        vmb_sim_violation(&play->checks, "told that it sleeps when it did not ask");
    }
    guest_left(play, status, true);
    play->bus = PLAY_ASLEEP;
    play->asleep = true;
    play->not_before_ns = play->runner.now_ns + GUEST_RETRY_NS;
}

static void guest_unloaded(void *context, vmb_status status)
{
    struct play *play = context;

    guest_ended(play, "unload", status);
    if (play->bus != PLAY_LEAVING) {
        vmb_sim_violation(&play->checks, "told that it has left when it did not ask");
    }
    guest_left(play, status, false);
    play->bus = PLAY_DOWN;
    play->asleep = false;
    play->result->counts.unloads++;
    play->not_before_ns = play->runner.now_ns + GUEST_RETRY_NS;
}

static void guest_offers_delivered(void *context)
{
    struct play *play = context;

    if (play->bus == PLAY_UP && play->asleep) {
        play->asleep = false; /* Awake again. */
        play->result->counts.resumes++;
    }
}

void play_guest_events(struct play *play, struct vmb_guest_events *events)
{
    *events = (struct vmb_guest_events){
        .struct_bytes = sizeof(*events),
        .context = play,
        .connected = guest_connected,
        .offered = guest_offered,
        .offers_delivered = guest_offers_delivered,
        .rescinded = guest_rescinded,
        .suspended = guest_suspended,
        .resumed = guest_resumed,
        .unloaded = guest_unloaded,
    };
}

/* ---- The bus --------------------------------------------------------------------------------- */

static void guest_connect(struct play *play)
{
    vmb_status status;

    play->bus = PLAY_CONNECTING;
    status =
        play->asleep ? vmb_guest_resume(play_guest(play)) : vmb_guest_connect(play_guest(play));
    if (status != VMB_OK) {
        play->bus = play->asleep ? PLAY_ASLEEP : PLAY_DOWN;
        play->not_before_ns = play->runner.now_ns + GUEST_RETRY_NS;
        guest_ended(play, "asking to connect", status);
    }
}

void play_guest_unload(struct play *play)
{
    enum play_bus before = play->bus;

    if (before != PLAY_UP && before != PLAY_ASLEEP) {
        return;
    }
    play->bus = PLAY_LEAVING;
    if (vmb_guest_unload(play_guest(play)) != VMB_OK) {
        play->bus = before;
        guest_wrong(play, "asking to unload", VMB_ERR_WRONG_STATE);
    }
}

void play_guest_suspend(struct play *play)
{
    play->bus = PLAY_SUSPENDING;
    if (vmb_guest_suspend(play_guest(play)) != VMB_OK) {
        play->bus = PLAY_UP;
        guest_wrong(play, "asking to suspend", VMB_ERR_WRONG_STATE);
    }
}

/* ---- VPs ------------------------------------------------------------------------------------- */

static void guest_vp_stopped(void *context, uint32_t vp, vmb_status status)
{
    struct play *play = context;

    if (!play->vp_leaving) {
        vmb_sim_violation(&play->checks, "the stop of a VP ended twice");
    }
    play->vp_leaving = false;
    play->vp_down[vp] = status == VMB_OK;
    play->result->counts.offlines += status == VMB_OK ? 1 : 0;
    guest_ended(play, "vp stop", status);
}

static void guest_vp_stop(struct play *play)
{
    uint32_t vp = guest_any_vp(play);
    vmb_status status;

    if (vp == 0 || play->vp_leaving) {
        return;
    }
    play->vp_down[vp] = true; /* Nothing new goes there. */
    play->vp_leaving = true;
    status = vmb_sim_guest_vp_stop(&play->world.guest, vp, guest_vp_stopped, play);
    if (status != VMB_OK) {
        play->vp_down[vp] = false;
        play->vp_leaving = false;
        if (status != VMB_ERR_VERSION) {
            guest_wrong(play, "asking for the stop of a VP", status);
        }
    }
}

static void guest_vp_start(struct play *play)
{
    for (uint32_t vp = 1; vp < play->world.machine.options.vp_count; vp++) {
        if (play->vp_down[vp] && !play->world.machine.vps[vp].up) {
            vmb_status status = vmb_sim_guest_vp_start(&play->world.guest, vp);

            play->vp_down[vp] = status != VMB_OK;
            if (status != VMB_OK && status != VMB_ERR_NO_MEMORY) {
                guest_wrong(play, "starting a VP", status);
            }
            return;
        }
    }
}

void play_guest_vp(struct play *play, bool stop)
{
    if (play->bus == PLAY_UP && stop) {
        guest_vp_stop(play);
    } else {
        guest_vp_start(play);
    }
}

/* ---- Requests of the bus --------------------------------------------------------------------- */

void play_guest_continue(struct play *play)
{
    vmb_status status;

    if (play->paused && play->bus == PLAY_UP) {
        status = vmb_guest_continue(play_guest(play));
        /* A message that could not be posted has left the bus paused: ask until it says no. */
        play->paused = status != VMB_ERR_WRONG_STATE;
        if (status != VMB_OK && status != VMB_ERR_WRONG_STATE && status != VMB_ERR_BUSY) {
            guest_wrong(play, "ending a pause", status);
        }
    }
}

static void guest_paused(void *context, vmb_status status)
{
    struct play *play = context;

    play->pausing = false;
    guest_ended(play, "pause", status);
    /* Not confirmed: it may be paused all the same. */
    play->paused = status == VMB_OK || status == VMB_ERR_TIMEOUT;
    play->result->counts.pauses += status == VMB_OK ? 1 : 0;
    if (play->settling) {
        play_guest_continue(play);
    }
}

static void guest_pause(struct play *play)
{
    vmb_status status;

    if (play->paused || play->pausing) {
        play_guest_continue(play);
        return;
    }
    play->pausing = true;
    status = vmb_guest_pause(play_guest(play), guest_paused, play);
    if (status != VMB_OK) {
        play->pausing = false;
        if (status != VMB_ERR_UNSUPPORTED && status != VMB_ERR_WRONG_STATE) {
            guest_wrong(play, "asking for a pause", status);
        }
    }
}

static void guest_monitors_moved(void *context, vmb_status status)
{
    struct play *play = context;

    play->monitors_moving = false;
    guest_ended(play, "move of monitor pages", status);
}

static void guest_socket(void *context, struct vmb_tl_connect *connect, struct vmb_channel *channel,
                         vmb_status status)
{
    struct play *play = context;

    (void)connect;
    if (!play->socket_asking || (status == VMB_OK) != (channel != NULL)) {
        vmb_sim_violation(&play->checks, "a socket's request ended twice, or with half an answer");
    }
    play->socket_asking = false;
    guest_ended(play, "socket", status);
    play->socket_channel = channel;
    play->result->counts.sockets += status == VMB_OK ? 1 : 0;
}

void play_guest_ask_socket(struct play *play)
{
    vmb_status status;

    if (play->socket_asking || play->socket_channel != NULL) {
        return;
    }
    memset(&play->socket, 0, sizeof(play->socket));
    play->socket.endpoint.bytes[0] = 200;
    play->socket.endpoint.bytes[1] = (uint8_t)vmb_sim_random_below(&play->random, 256);
    play->socket.service.bytes[0] = 201;
    play->socket_asking = true;
    status = vmb_guest_tl_connect(play_guest(play), &play->socket, guest_socket, play);
    if (status != VMB_OK) {
        play->socket_asking = false;
        if (status != VMB_ERR_VERSION) {
            guest_wrong(play, "asking for a socket", status);
        }
    }
}

void play_guest_move_monitors(struct play *play)
{
    vmb_status status;

    if (play->monitors_moving) {
        return;
    }
    for (uint32_t i = 0; i < PLAY_CHANNELS; i++) {
        if (play->channels[i].monitored) {
            return; /* As its contract says: what is set meanwhile is not looked at. */
        }
    }
    play->monitors_moving = true;
    status = vmb_guest_move_monitors(play_guest(play), guest_monitors_moved, play);
    if (status != VMB_OK) {
        play->monitors_moving = false;
        if (status != VMB_ERR_UNSUPPORTED && status != VMB_ERR_NO_MEMORY) {
            guest_wrong(play, "asking for a move of monitor pages", status);
        }
    }
}

static void guest_rare_op(struct play *play, uint32_t dice)
{
    switch (dice) {
    case 0:
        guest_pause(play);
        return;
    case 1:
        play_guest_ask_socket(play);
        return;
    case 2:
        if ((play->faults & VMB_SIM_PLAY_SLEEP) != 0) {
            play_guest_suspend(play);
        }
        return;
    case 3:
        if ((play->faults & VMB_SIM_PLAY_UNLOAD) != 0) {
            play_guest_unload(play);
        }
        return;
    default:
        play_guest_move_monitors(play);
        return;
    }
}

void play_guest_op(struct play *play)
{
    struct play_channel *channel =
        &play->channels[vmb_sim_random_below(&play->random, play->device_count * PLAY_SUBS)];
    uint32_t dice = vmb_sim_random_below(&play->random, 32);

    if (play->bus != PLAY_UP) {
        return;
    }
    if (dice < 9) {
        play_guest_move(channel);
    } else if (dice < 13) {
        play_guest_close(channel);
    } else if (dice < 20) {
        play_guest_open(channel);
    } else if (dice < 22) {
        gpadl_create(channel);
    } else if (dice < 24) {
        play_gpadl_revoke(channel);
    } else if (dice < 25) {
        play_guest_let_go(channel);
    } else if (dice < 26) {
        if (channel->channel != NULL) {
            vmb_channel_kick(channel->channel);
        }
    } else if (dice < 28) {
        if ((play->faults & VMB_SIM_PLAY_VPS) != 0) {
            guest_vp_stop(play);
        }
    } else if (dice < 30) {
        guest_vp_start(play);
    } else {
        guest_rare_op(play, vmb_sim_random_below(&play->random, 5));
    }
}

void play_guest_keep(struct play *play)
{
    if ((play->bus == PLAY_DOWN || play->bus == PLAY_ASLEEP) &&
        play->runner.now_ns >= play->not_before_ns) {
        guest_connect(play);
    }
    if (!play->calm) {
        return;
    }
    guest_vp_start(play);
    for (uint32_t i = 0; play->bus == PLAY_UP && i < play->device_count * PLAY_SUBS; i++) {
        play_guest_let_go(&play->channels[i]);
        play_guest_open(&play->channels[i]);
    }
}

bool play_guest_idle(const struct play *play)
{
    if (play->bus == PLAY_CONNECTING || play->bus == PLAY_SUSPENDING || play->bus == PLAY_LEAVING ||
        play->socket_asking || play->pausing || play->monitors_moving || play->vp_leaving) {
        return false;
    }
    for (uint32_t i = 0; i < PLAY_CHANNELS; i++) {
        const struct play_channel *channel = &play->channels[i];

        if (channel->opening || channel->closing || channel->moving ||
            channel->gpadl_state == PLAY_GPADL_CREATING ||
            channel->gpadl_state == PLAY_GPADL_REVOKING) {
            return false;
        }
    }
    return true;
}
