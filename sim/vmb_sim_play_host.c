/* SPDX-License-Identifier: MIT */
/* What the script does in the host, and what the host is told. */
#include <string.h>

#include <vmbus/proto/guid.h>

#include "sim/vmb_sim_play_state.h"

#define HOST_DEAD_NS 50000000u /* Longer than the guest waits for an answer. */

struct vmb_host *play_host(struct play *play)
{
    return play->world.host.host;
}

/* The channel whose device that is: its checked device is what the library keeps. */
static struct play_channel *host_channel_of(void *device)
{
    return (struct play_channel *)(void *)((char *)device - offsetof(struct play_channel, device));
}

static void host_released(void *device)
{
    struct play_channel *channel = host_channel_of(device);

    if (!channel->releasing || channel->device.host_end.open) {
        vmb_sim_violation(&channel->play->checks, "host device %u.%u was released %s",
                          channel->device.number, channel->device.sub,
                          channel->releasing ? "open" : "twice");
    }
    channel->releasing = false;
}

static const struct vmb_host_hooks host_hooks = {
    .struct_bytes = sizeof(host_hooks),
    .released = host_released,
    .save = vmb_sim_device_host_save,
    .restore = vmb_sim_device_host_restore,
};

/* Its primary channel must be on the bus first; a sub-channel of a revoked one must wait. */
static bool host_may_offer(const struct play_channel *channel)
{
    const struct play_channel *primary = channel - channel->device.sub;

    return channel->host_channel == NULL &&
           (channel->device.sub == 0 || primary->host_channel != NULL);
}

void play_host_offer(struct play_channel *channel)
{
    struct play *play = channel->play;
    struct vmb_host_offer_options options = {
        .struct_bytes = sizeof(options),
        .driver = vmb_sim_device_host_driver(),
        .device = &channel->device,
        .hooks = &host_hooks,
        .subchannel_index = channel->device.sub,
        .monitored = channel->device.number % 2 != 0,
    };
    vmb_status status;

    if (!host_may_offer(channel)) {
        return;
    }
    options.instance_id.bytes[0] = (uint8_t)channel->device.number;
    status = vmb_host_offer(play_host(play), &options, &channel->host_channel);
    if (status != VMB_OK) {
        channel->host_channel = NULL;
        if (status != VMB_ERR_BUSY) {
            vmb_sim_violation(&play->checks, "offering device %u.%u ended with %s",
                              channel->device.number, channel->device.sub, vmb_status_name(status));
        }
    } else {
        channel->releasing = false; /* Back before it was released: the same channel goes on. */
    }
}

void play_host_revoke(struct play_channel *channel)
{
    if (channel->host_channel == NULL) {
        return;
    }
    for (uint32_t sub = PLAY_SUBS - 1; channel->device.sub == 0 && sub > 0; sub--) {
        play_host_revoke(channel + sub);
    }
    channel->releasing = true;
    if (vmb_host_revoke(channel->host_channel) != VMB_OK) {
        vmb_sim_violation(&channel->play->checks, "a device that is on the bus cannot be revoked");
    }
    channel->host_channel = NULL;
}

/* ---- Sockets --------------------------------------------------------------------------------- */

/* Nobody opens it: what is shown is how it comes and goes. */
static void host_socket_opened(void *device, struct vmb_endpoint *endpoint)
{
    (void)device;
    (void)endpoint;
}

static void host_socket_on_event(void *device)
{
    (void)device;
}

static void host_socket_closed(void *device, vmb_status reason)
{
    (void)device;
    (void)reason;
}

static void host_socket_released(void *device)
{
    struct play *play = device;

    play->socket_host = NULL;
}

static vmb_status host_tl_connect(void *context, const struct vmb_msg_tl_connect_request *request)
{
    struct play *play = context;

    if (play->socket_host != NULL || vmb_sim_random_chance(&play->random, 300)) {
        return VMB_ERR_REFUSED;
    }
    play->socket_wanted = true;
    play->socket_request = *request;
    return VMB_ERR_BUSY;
}

/* Answer a socket's request: a channel, or no. */
static void host_answer_socket(struct play *play)
{
    static const struct vmb_driver driver = {
        .name = "socket",
        .opened = host_socket_opened,
        .on_event = host_socket_on_event,
        .closed = host_socket_closed,
    };
    static const struct vmb_host_hooks hooks = {
        .struct_bytes = sizeof(hooks),
        .released = host_socket_released,
    };
    struct vmb_host_offer_options options = {
        .struct_bytes = sizeof(options),
        .driver = &driver,
        .device = play,
        .hooks = &hooks,
        .class_id = play->socket_request.service_guid,
        .instance_id = play->socket_request.endpoint_guid,
        .flags = VMB_OFFER_HVSOCK,
    };
    vmb_status status;

    if (vmb_sim_random_chance(&play->random, 500)) {
        status = vmb_host_tl_refuse(play_host(play), &options.instance_id, &options.class_id);
        play->socket_wanted = status == VMB_ERR_RETRY;
        return;
    }
    play->socket_wanted = false;
    status = vmb_host_offer(play_host(play), &options, &play->socket_host);
    if (status != VMB_OK) {
        play->socket_host = NULL;
        vmb_sim_violation(&play->checks, "offering a socket ended with %s",
                          vmb_status_name(status));
    }
}

static void host_end_socket(struct play *play)
{
    struct vmb_host_channel *channel = play->socket_host;

    if (channel != NULL && vmb_host_channel_state(channel) != VMB_HOST_CHANNEL_REVOKED &&
        vmb_host_revoke(channel) != VMB_OK) {
        vmb_sim_violation(&play->checks, "a socket cannot be revoked");
    }
}

/* ---- Events ---------------------------------------------------------------------------------- */

static void host_connected(void *context, uint32_t version, uint32_t features)
{
    struct play *play = context;

    vmb_sim_virtual_note(&play->runner, "a guest is connected, version", version, features);
    if (play->host_connected != 0) {
        vmb_sim_violation(&play->checks, "a second guest connected before the first had left");
    }
    play->host_connected++;
}

static void host_disconnected(void *context, enum vmb_host_disconnect reason)
{
    struct play *play = context;

    vmb_sim_virtual_note(&play->runner, "the guest has left", (uint64_t)reason, 0);
    if (play->host_connected != 1) {
        vmb_sim_violation(&play->checks, "a guest has left that was not there");
    }
    play->host_connected = 0;
    play->socket_wanted = false;
}

void play_host_events(struct play *play, struct vmb_host_events *events)
{
    *events = (struct vmb_host_events){
        .struct_bytes = sizeof(*events),
        .context = play,
        .connected = host_connected,
        .disconnected = host_disconnected,
        .tl_connect = host_tl_connect,
    };
}

/* ---- The script ------------------------------------------------------------------------------ */

void play_host_die(struct play *play, uint64_t duration_ns)
{
    struct vmb_sim_host *host = &play->world.host;
    uint64_t until_ns = play->runner.now_ns + duration_ns;

    vmb_sim_virtual_note(&play->runner, "the host is dead until", until_ns, 0);
    vmb_sim_virtual_stall(&play->runner, &host->control, until_ns);
    for (uint32_t i = 0; i < host->worker_count; i++) {
        vmb_sim_virtual_stall(&play->runner, &host->workers[i], until_ns);
    }
    play->result->counts.dead_hosts++;
}

/* The devices that were on the old host's bus. */
static void host_offer_again(void *context)
{
    struct play *play = context;

    for (uint32_t i = 0; i < PLAY_CHANNELS; i++) {
        struct play_channel *channel = &play->channels[i];
        bool was_there = channel->host_channel != NULL;

        channel->host_channel = NULL;
        channel->releasing = false; /* Who was revoked is nobody's concern any more. */
        vmb_sim_device_host_anew(&channel->device);
        if (was_there) {
            play_host_offer(channel);
        }
    }
}

/*
 * The VMM is updated under its guest. Nobody acts meanwhile: its VPs are stopped, its threads have
 * ended. If the new one cannot map the guest's memory, the guest has lost its devices.
 */
void play_host_replace(struct play *play)
{
    uint32_t preempt = play->runner.options.preempt_per_mille;
    uint32_t connected = play->host_connected;
    bool lost = false;
    vmb_status status;

    if (play->socket_host != NULL || play->socket_wanted) {
        return; /* A socket's two ends live in one process each. */
    }
    play->runner.options.preempt_per_mille = 0;
    status = vmb_sim_host_replace(&play->world.host, host_offer_again, play, &lost);
    play->runner.options.preempt_per_mille = preempt;
    vmb_sim_virtual_note(&play->runner, "the host is replaced", (uint64_t)(0 - (int64_t)status),
                         lost);
    if (status == VMB_OK) {
        play->host_connected = connected;
        play->result->counts.restores++;
    } else if (status != VMB_ERR_BUSY && status != VMB_ERR_NO_MEMORY) {
        vmb_sim_violation(&play->checks, "replacing the host ended with %s",
                          vmb_status_name(status));
    }
    play->doubtful |= lost;
}

void play_host_op(struct play *play)
{
    struct play_channel *channel =
        &play->channels[vmb_sim_random_below(&play->random, play->device_count * PLAY_SUBS)];
    uint32_t dice = vmb_sim_random_below(&play->random, 32);

    if (play->socket_wanted) {
        host_answer_socket(play);
    }
    if (dice < 16) {
        play_host_offer(channel);
    } else if (dice < 22) {
        if ((play->faults & VMB_SIM_PLAY_RESCIND) != 0) {
            play_host_revoke(channel);
        }
    } else if (dice < 24) {
        if (channel->host_channel != NULL) {
            vmb_host_kick(channel->host_channel);
        }
    } else if (dice < 25) {
        host_end_socket(play);
    } else if (dice < 26) {
        if ((play->faults & VMB_SIM_PLAY_DEAD_HOST) != 0 && play->runner.faults_on) {
            play_host_die(play, 1000 + vmb_sim_random_below(&play->random, HOST_DEAD_NS));
        }
    } else if (dice < 28) {
        if ((play->faults & VMB_SIM_PLAY_RESTORE) != 0) {
            play_host_replace(play);
        }
    }
}

void play_host_restore(struct play *play)
{
    if (play->socket_wanted) {
        host_answer_socket(play);
    }
    host_end_socket(play);
    for (uint32_t i = 0; i < play->device_count * PLAY_SUBS; i++) {
        play_host_offer(&play->channels[i]);
    }
}
