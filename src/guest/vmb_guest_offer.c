/* SPDX-License-Identifier: MIT */
/* Offers, rescinds and the release of relids: how channels come and go. */
#include "guest/vmb_guest_moves.h"

#include <vmbus/proto/guid.h>

bool vmbi_offer_same_device(const struct vmb_msg_offer *left, const struct vmb_msg_offer *right)
{
    return vmb_guid_equal(&left->interface_guid, &right->interface_guid) &&
           vmb_guid_equal(&left->instance_guid, &right->instance_guid);
}

struct vmb_channel *vmb_channel_primary(const struct vmb_channel *channel)
{
    uint32_t cursor = 0;
    struct vmb_channel *other;

    if (channel->offer.subchannel_index == 0) {
        return NULL;
    }
    while ((other = vmb_guest_next_channel(channel->guest, &cursor)) != NULL) {
        if (other->offer.subchannel_index == 0 &&
            vmbi_offer_same_device(&other->offer, &channel->offer)) {
            return other;
        }
    }
    return NULL;
}

static struct vmb_channel *offer_take_slot(struct vmb_guest *guest,
                                           const struct vmb_msg_offer *offer)
{
    struct vmb_channel *channel;

    if (guest->free_channels == NULL) {
        return NULL;
    }
    channel = VMBI_POST_OWNER(vmb_channel, post, guest->free_channels);
    guest->free_channels = channel->post.next;
    vmb_memset(channel, 0, sizeof(*channel));
    channel->guest = guest;
    vmbi_channel_move(channel, PHASE_OFFERED);
    channel->relid = offer->relid;
    channel->gate = &guest->gates[0];
    channel->offer = *offer;
    channel->target_vp = VMB_VP_NONE;
    channel->deadline_ns = VMB_NEVER;
    guest->channel_count++;
    return channel;
}

/* Nothing points at the channel any more: unmap it, and tell the host when no VP holds it. */
static void offer_release(struct vmb_channel *channel)
{
    channel->let_go = true;
    if (channel->relid == VMB_RELID_NONE) {
        vmbi_channel_free(channel); /* Lost in a sleep: unmapped long ago, and nothing to say. */
        return;
    }
    vmbi_relid_unmap(channel->guest, channel);
    vmbi_quiesce(channel, PHASE_RELEASE_QUIESCING);
}

/* Is it what a part has asked for? */
static bool offer_is_answer(struct vmb_guest *guest, struct vmb_channel *channel)
{
    const struct guest_part *sockets = guest->parts[PART_TL_CONNECT];

    return sockets != NULL && sockets->takes_offer(guest, channel);
}

/*
 * Mapped; or unmapped, but a VP may still have the pointer of what was (R7). An event of who came
 * in its place now would start the handler of the one with the memory of the other.
 */
static bool offer_relid_taken(struct vmb_guest *guest, uint32_t relid)
{
    struct vmb_post *post = guest->quiescing;

    while (post != NULL && VMBI_POST_OWNER(vmb_channel, post, post)->relid != relid) {
        post = post->next;
    }
    return post != NULL || vmb_guest_relid2channel(guest, relid) != NULL;
}

void vmbi_on_offer(struct vmb_guest *guest, const struct vmb_message *message)
{
    const struct vmb_msg_offer *offer = &message->u.offer;
    struct vmb_channel *channel;

    /* R1: refused where it enters. The host means a channel that cannot be; nothing to release. */
    if (offer->relid == 0 || offer->relid >= VMB_RELID_COUNT ||
        offer_relid_taken(guest, offer->relid)) {
        guest->counters.offers_refused++;
        vmbi_guest_log(guest, VMB_LOG_WARNING, "offer of relid # refused: out of range or in use",
                       offer->relid, 0);
        return;
    }
    if (guest->suspended_version != 0 && guest->sleep->takes_offer(guest, offer)) {
        return;
    }
    channel = offer_take_slot(guest, offer);
    if (channel == NULL) {
        guest->counters.offers_refused++;
        vmbi_guest_log(guest, VMB_LOG_WARNING, "offer of relid # refused: channel limit reached",
                       offer->relid, 0);
        return;
    }
    vmbi_relid_map(guest, channel);
    if (!vmbi_paravisor_offer(channel) ||
        (offer->subchannel_index != 0 && vmb_channel_primary(channel) == NULL)) {
        /* Impossible, or of a device that we do not have, or no longer: give it back. */
        guest->counters.offers_refused++;
        channel->rescinded = true;
        channel->rescind_told = true;
        offer_release(channel);
        return;
    }
    if (!offer_is_answer(guest, channel) && guest->events.offered != NULL) {
        guest->events.offered(guest->events.context, channel);
    }
}

/* ---- Rescind ----------------------------------------------------------------------------------
 */

void vmbi_on_rescind(struct vmb_guest *guest, const struct vmb_message *message)
{
    uint32_t relid = message->u.rescind.relid;
    struct vmb_channel *channel = vmb_guest_relid2channel(guest, relid);

    if (channel == NULL || channel->rescinded) {
        vmbi_unexpected(guest, message->number, relid); /* Of nothing, or twice. */
        return;
    }
    guest->counters.rescinds++;
    channel->rescinded = true;
    switch ((enum channel_phase)channel->phase) {
    case PHASE_OFFERED:
        vmbi_rescind_settled(channel);
        break;
    case PHASE_OPEN_ASKING:
        vmbi_open_rescinded(channel); /* No answer will come. */
        break;
    case PHASE_OPEN:
        vmbi_close_begin(channel, VMB_ERR_GONE, NULL, NULL);
        break;
    default:
        /* The rings are on their way to the host or back: that ends by itself, and then this. */
        break;
    }
}

/* The rings are ours again and nothing is under way: say once that the device is gone. */
void vmbi_rescind_settled(struct vmb_channel *channel)
{
    struct vmb_guest *guest = channel->guest;

    if (channel->rescind_told ||
        (guest->state != BUS_CONNECTED && channel->relid != VMB_RELID_NONE)) {
        return;
    }
    channel->rescind_told = true;
    if (guest->events.rescinded != NULL) {
        guest->events.rescinded(guest->events.context, channel);
    } else {
        vmbi_let_go_unasked(channel);
    }
}

/* ---- Release ----------------------------------------------------------------------------------
 */

vmb_status vmb_channel_let_go(struct vmb_channel *channel)
{
    struct vmb_guest *guest = channel->guest;
    /* RelIdReleased is the last message that may name the relid: GPADLs come before it. */
    bool fenced = guest->fence_gpadl.state != GPADL_NONE && guest->fence_gpadl.channel == channel;

    if (channel->phase != PHASE_OFFERED || !channel->rescind_told || channel->let_go) {
        return VMB_ERR_WRONG_STATE;
    }
    if (channel->gpadl_count > (fenced ? 1u : 0u)) {
        return VMB_ERR_BUSY;
    }
    if (fenced) {
        channel->let_go = true; /* Ours is the only one left; it ends by itself. */
    } else {
        offer_release(channel);
    }
    return VMB_OK;
}

/* The last GPADL is gone: release a channel that waited for it, or that nobody asked to keep. */
void vmbi_let_go_unasked(struct vmb_channel *channel)
{
    if (channel->rescind_told && channel->phase == PHASE_OFFERED && channel->gpadl_count == 0 &&
        (channel->let_go || channel->guest->events.rescinded == NULL)) {
        offer_release(channel);
    }
}

void vmbi_release_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status)
{
    struct vmb_channel *channel = VMBI_POST_OWNER(vmb_channel, post, post);

    if (status != VMB_OK) {
        vmbi_guest_log(guest, VMB_LOG_ERROR, "relid # not released: its device will not come back",
                       channel->relid, 0);
    }
    vmbi_channel_free(channel);
}

/* The slot is free again: no VP holds its pointer, and the host knows the relid no more. */
void vmbi_channel_free(struct vmb_channel *channel)
{
    struct vmb_guest *guest = channel->guest;

    channel->let_go = false;
    if (vmb_guest_relid2channel(guest, channel->relid) == channel) {
        vmbi_relid_unmap(guest, channel);
    }
    vmbi_channel_move(channel, PHASE_FREE);
    channel->relid = VMB_RELID_NONE;
    channel->post.next = guest->free_channels;
    guest->free_channels = &channel->post;
    guest->channel_count--;
}
