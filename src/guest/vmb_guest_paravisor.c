/* SPDX-License-Identifier: MIT */
/*
 * A paravisor below the guest: which of the two is called, who may see which memory. Everything
 * else treats the bus as one.
 */
#include <vmbus/paravisor.h>

#include "guest/vmb_guest_state.h"

static bool paravisor_complete(const struct vmb_guest_paravisor *paravisor)
{
    return paravisor->struct_bytes == sizeof(*paravisor) && paravisor->post_message != NULL &&
           paravisor->signal_event != NULL && paravisor->end_of_message != NULL &&
           paravisor->share_private_pages != NULL && paravisor->unshare_private_pages != NULL;
}

vmb_status vmb_guest_set_paravisor(struct vmb_guest *guest,
                                   const struct vmb_guest_paravisor *paravisor)
{
    uint32_t index;

    if (paravisor == NULL || !paravisor_complete(paravisor)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    for (index = 0; index < guest->options.vp_count; index++) {
        if (guest->vps[index].service != VP_OUT) {
            return VMB_ERR_WRONG_STATE;
        }
    }
    if (vmbi_has_paravisor(guest)) {
        return VMB_ERR_WRONG_STATE;
    }
    guest->paravisor = *paravisor;
    return VMB_OK;
}

/*
 * Take the rules from an offer; the flags meant something else before the feature (protocol 6.0).
 * False: memory that must be private behind a ring that need not be, which nothing could protect.
 */
bool vmbi_paravisor_offer(struct vmb_channel *channel)
{
    bool granted = (channel->guest->features & VMB_FEATURE_CONFIDENTIAL) != 0;
    uint16_t flags = granted ? channel->offer.flags : 0;

    channel->private_ring = (flags & VMB_OFFER_CONFIDENTIAL_RING) != 0;
    channel->private_memory = channel->private_ring && (flags & VMB_OFFER_CONFIDENTIAL_MEMORY) != 0;
    if (!channel->private_ring && (flags & VMB_OFFER_CONFIDENTIAL_MEMORY) != 0) {
        vmbi_guest_log(channel->guest, VMB_LOG_WARNING,
                       "offer of relid # refused: private memory, ring not", channel->relid, 0);
        return false;
    }
    return true;
}

enum vmb_exposure vmb_channel_exposure(const struct vmb_channel *channel)
{
    return channel->private_memory ? VMB_EXPOSURE_PARAVISOR : VMB_EXPOSURE_HOST;
}

bool vmb_channel_pinned(const struct vmb_channel *channel)
{
    return (channel->guest->features & VMB_FEATURE_PINNING) != 0 &&
           (channel->offer.flags & VMB_OFFER_PINNED_MEMORY) != 0;
}

vmb_status vmbi_post_message(struct vmb_guest *guest, uint32_t connection_id, const void *message,
                             uint32_t message_bytes)
{
    if (vmbi_has_paravisor(guest)) {
        return guest->paravisor.post_message(guest->paravisor.context, connection_id, message,
                                             message_bytes);
    }
    return guest->platform.post_message(guest->platform.context, connection_id, message,
                                        message_bytes);
}

/* To the SynIC whose slot has been emptied: the other one does not look at it. */
void vmbi_end_of_message(struct vmb_guest *guest, uint32_t vp, bool paravisor)
{
    if (paravisor) {
        guest->paravisor.end_of_message(guest->paravisor.context, vp);
    } else {
        guest->platform.end_of_message(guest->platform.context, vp);
    }
}

void vmbi_signal_event(struct vmb_channel *channel)
{
    struct vmb_guest *guest = channel->guest;

    if (channel->private_ring) {
        guest->paravisor.signal_event(guest->paravisor.context, channel->offer.connection_id, 0);
    } else {
        guest->platform.signal_event(guest->platform.context, channel->offer.connection_id, 0);
    }
}

vmb_status vmbi_share_pages(struct vmb_channel *channel, uint32_t page_count,
                            struct vmb_pages *out_pages)
{
    struct vmb_guest *guest = channel->guest;

    if (channel->private_ring) {
        return guest->paravisor.share_private_pages(guest->paravisor.context, page_count,
                                                    out_pages);
    }
    return guest->platform.share_pages(guest->platform.context, page_count, out_pages);
}

void vmbi_unshare_pages(struct vmb_channel *channel, const struct vmb_pages *pages)
{
    struct vmb_guest *guest = channel->guest;

    if (channel->private_ring) {
        guest->paravisor.unshare_private_pages(guest->paravisor.context, pages);
    } else {
        guest->platform.unshare_pages(guest->platform.context, pages);
    }
}

vmb_status vmbi_expose(struct vmb_gpadl *gpadl)
{
    struct vmb_channel *channel = gpadl->channel;
    struct vmb_guest *guest = channel->guest;
    vmb_status status;

    if (guest->platform.expose == NULL) {
        return VMB_OK;
    }
    status = guest->platform.expose(guest->platform.context, gpadl, vmb_channel_exposure(channel),
                                    vmb_channel_pinned(channel), gpadl->ranges, gpadl->range_count);
    gpadl->exposed = status == VMB_OK;
    return status;
}

void vmbi_conceal(struct vmb_gpadl *gpadl)
{
    struct vmb_guest *guest = gpadl->channel->guest;

    if (gpadl->exposed && guest->platform.conceal != NULL) {
        gpadl->exposed = false;
        guest->platform.conceal(guest->platform.context, gpadl);
    }
}
