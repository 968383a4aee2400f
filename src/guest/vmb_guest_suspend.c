/* SPDX-License-Identifier: MIT */
/* Hibernation: leave the bus, keep the devices, find them again under other relids (R11). */
#include <vmbus/power.h>

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

static void suspend_leave(struct vmb_channel *channel)
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

/* The channel of a device that slept with us. */
static struct vmb_channel *suspend_find(struct vmb_guest *guest, const struct vmb_msg_offer *offer)
{
    struct vmb_channel *channel = NULL;

    do {
        channel = vmbi_channel_after(guest, channel);
    } while (channel != NULL && (channel->phase != PHASE_SUSPENDED ||
                                 !vmbi_offer_same_device(&channel->offer, offer)));
    return channel;
}

/* A device that slept is there again: another number, perhaps another connection (R11). */
static bool suspend_takes_offer(struct vmb_guest *guest, const struct vmb_msg_offer *offer)
{
    struct vmb_channel *channel = offer->subchannel_index == 0 ? suspend_find(guest, offer) : NULL;

    if (channel == NULL) {
        return false;
    }
    channel->offer = *offer;
    channel->relid = offer->relid;
    vmbi_channel_move(channel, PHASE_OFFERED);
    vmbi_relid_map(guest, channel);
    (void)vmbi_paravisor_offer(channel); /* What is impossible is not confidential. */
    if (guest->events.resumed != NULL) {
        guest->events.resumed(guest->events.context, channel);
    }
    return true;
}

static void suspend_woken(struct vmb_guest *guest)
{
    struct vmb_channel *channel = NULL;

    guest->suspended_version = 0;
    while ((channel = vmbi_channel_after(guest, channel)) != NULL) {
        if (channel->phase == PHASE_SUSPENDED) {
            suspend_lose(channel);
        }
    }
}

/* On a bus that sleeps no channel has a relid or a ring: also those nobody let go of can be freed.
 */
static void suspend_give_up(struct vmb_guest *guest)
{
    struct vmb_channel *channel = NULL;

    suspend_woken(guest);
    while ((channel = vmbi_channel_after(guest, channel)) != NULL) {
        vmbi_channel_free(channel);
    }
}

static const struct guest_sleep suspend_sleep = {
    .leave = suspend_leave,
    .takes_offer = suspend_takes_offer,
    .woken = suspend_woken,
    .give_up = suspend_give_up,
};

vmb_status vmb_guest_suspend(struct vmb_guest *guest)
{
    vmb_status status = VMB_ERR_WRONG_STATE;

    if (guest->state == BUS_CONNECTED) { /* One that sleeps would be given up instead. */
        status = vmb_guest_unload(guest);
    }
    if (status == VMB_OK) {
        guest->sleep = &suspend_sleep;
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
