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
    guest->paravisor.context = paravisor->context;
    guest->paravisor.post_message = paravisor->post_message;
    guest->paravisor.signal_event = paravisor->signal_event;
    guest->paravisor.share_pages = paravisor->share_private_pages;
    guest->paravisor.unshare_pages = paravisor->unshare_private_pages;
    guest->paravisor.end_of_message = paravisor->end_of_message;
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

vmb_status vmbi_post_message(struct vmb_guest *guest, uint32_t connection_id,
                             const struct vmb_message *message)
{
    const struct vmb_guest_platform *calls = vmbi_calls(guest, vmbi_has_paravisor(guest));
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t byte_count = 0;
    vmb_status status = vmb_message_encode(message, guest->version, guest->features, bytes,
                                           sizeof(bytes), &byte_count);

    if (status != VMB_OK) {
        return status;
    }
    return calls->post_message(calls->context, connection_id, bytes, byte_count);
}

/* Where there are none, @out_pages has no base. */
vmb_status vmbi_pages_share(struct vmb_guest *guest, bool of_paravisor, uint32_t page_count,
                            struct vmb_pages *out_pages)
{
    const struct vmb_guest_platform *calls = vmbi_calls(guest, of_paravisor);

    if (calls->share_pages(calls->context, page_count, out_pages) != VMB_OK) {
        out_pages->base = NULL;
        return VMB_ERR_NO_MEMORY;
    }
    return VMB_OK;
}

/* Take pages back, if there are any, unless the host may still hold them: then they are lost. */
void vmbi_pages_leave(struct vmb_guest *guest, bool of_paravisor, struct vmb_pages *pages,
                      bool host_let_go)
{
    const struct vmb_guest_platform *calls = vmbi_calls(guest, of_paravisor);

    if (pages->base == NULL) {
        return;
    }
    if (host_let_go) {
        calls->unshare_pages(calls->context, pages);
    } else {
        guest->counters.pages_leaked += pages->page_count;
    }
    pages->base = NULL;
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
