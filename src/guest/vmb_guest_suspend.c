/* SPDX-License-Identifier: MIT */
/* Hibernation: leave the bus, keep the devices, find them again under other relids (R11). */
#include <vmbus/power.h>

#include <vmbus/proto/guid.h>

#include "guest/vmb_guest_moves.h"

/* Only the primary channel of a device that the host knows by name comes back. */
static bool suspend_survives(const struct vmb_channel *channel)
{
    return !channel->rescinded && channel->offer.subchannel_index == 0 &&
           (channel->offer.flags & VMB_OFFER_HVSOCK) == 0;
}

/* The device is gone: the host does not know the relid, so nothing is said to it. */
static void suspend_lose(struct vmb_channel *channel)
{
    vmbi_channel_move(channel, PHASE_OFFERED);
    channel->rescinded = true;
    vmbi_rescind_settled(channel);
}

/* The bus has been left to sleep: what remains of a channel that was there. */
void vmbi_suspend_channel(struct vmb_channel *channel)
{
    bool told = channel->rescind_told;

    /* One that still sleeps, or did not come back from an earlier sleep, has no relid. */
    if (channel->relid != VMB_RELID_NONE) {
        vmbi_relid_unmap(channel->guest, channel);
        channel->relid = VMB_RELID_NONE; /* A number that now may mean another channel. */
    }
    if (suspend_survives(channel)) {
        vmbi_channel_move(channel, PHASE_SUSPENDED);
    } else if (channel->let_go) {
        vmbi_channel_free(channel);
    } else if (!told) {
        suspend_lose(channel);
    }
}

vmb_status vmb_guest_suspend(struct vmb_guest *guest)
{
    vmb_status status = vmb_guest_unload(guest);

    if (status == VMB_OK) {
        guest->suspending = true;
        guest->suspended_version = guest->version;
    }
    return status;
}

vmb_status vmb_guest_resume(struct vmb_guest *guest)
{
    if (guest->suspended_version == 0 || guest->state != BUS_DISCONNECTED) {
        return VMB_ERR_WRONG_STATE;
    }
    return vmbi_connect(guest, guest->suspended_version);
}

/* An offer after a resume: of a device that slept with us? Then its channel has a relid again. */
struct vmb_channel *vmbi_resume_find(struct vmb_guest *guest, const struct vmb_msg_offer *offer)
{
    uint32_t index;

    if (guest->suspended_version == 0 || offer->subchannel_index != 0) {
        return NULL;
    }
    for (index = 0; index < guest->options.channel_limit; index++) {
        struct vmb_channel *channel = &guest->channel_memory[index];

        if (channel->phase == PHASE_SUSPENDED &&
            vmb_guid_equal(&channel->offer.interface_guid, &offer->interface_guid) &&
            vmb_guid_equal(&channel->offer.instance_guid, &offer->instance_guid)) {
            return channel;
        }
    }
    return NULL;
}

/* All that the host has is offered: who still sleeps was removed meanwhile. */
void vmbi_resume_end(struct vmb_guest *guest)
{
    uint32_t index;

    if (guest->suspended_version == 0) {
        return;
    }
    guest->suspended_version = 0;
    for (index = 0; index < guest->options.channel_limit; index++) {
        if (guest->channel_memory[index].phase == PHASE_SUSPENDED) {
            suspend_lose(&guest->channel_memory[index]);
        }
    }
}
