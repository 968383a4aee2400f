/* SPDX-License-Identifier: MIT */
/*
 * Retargeting: moving a channel's interrupts to another VP. Nothing moves in here: whichever VP
 * takes an event finds the channel in the one array, before, during and after.
 *
 * An answer names its channel and nothing else. So a move that was not answered in time stays: a
 * second request could not be told from the first by its answer, and a wrong guess about the VP
 * that is interrupted loses events when another one is stopped. The late answer ends it, or a
 * close.
 */
#include "guest/vmb_guest_state.h"

/*
 * Where the host interrupts for a direct channel its gate is lent to, by whoever ends the next run
 * (vmb_loan.h). A loan that stands is left to the first event that comes to the new VP.
 */
void vmbi_channel_settle_at(struct vmb_channel *channel)
{
    bool lend = channel->notify == VMB_NOTIFY_DIRECT &&
                channel->target_vp < channel->guest->options.vp_count;

    /* Relaxed: a hint, see run_direct(). */
    vmb_atomic_store(&channel->home, lend ? channel->target_vp : VMB_VP_NONE, VMB_RELAXED);
}

static void modify_end(struct vmb_channel *channel, vmb_status status)
{
    vmbi_modify_forget(channel);
    if (status == VMB_OK) {
        /* Without an answer nobody knows when the host is done with the old VP. */
        if (channel->guest->version < VMB_VERSION_5_3) {
            channel->guest->vps[channel->target_vp].unfenced = true;
        }
        channel->target_vp = channel->wanted_vp;
        channel->retargets++;
        vmbi_channel_settle_at(channel);
    }
    vmbi_channel_tell(channel, status);
}

static void modify_timeout(struct vmb_channel *channel)
{
    channel->modify = MODIFY_LATE;
    channel->deadline_ns = VMB_NEVER;
    vmbi_channel_tell(channel, VMB_ERR_TIMEOUT);
}

static void modify_build(struct vmb_guest *guest, struct vmb_post *post,
                         struct vmb_message *message)
{
    const struct vmb_channel *channel = VMBI_POST_OWNER(vmb_channel, post, post);

    (void)guest;
    message->number = VMB_MSG_MODIFY_CHANNEL;
    message->u.modify_channel.relid = channel->relid;
    message->u.modify_channel.target_vp = channel->wanted_vp;
}

static void modify_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status)
{
    struct vmb_channel *channel = VMBI_POST_OWNER(vmb_channel, post, post);

    if (status != VMB_OK || guest->version < VMB_VERSION_5_3) {
        modify_end(channel, status); /* Before 5.3 there is no answer. */
        return;
    }
    channel->modify = MODIFY_ASKED;
    channel->deadline_ns = vmbi_answer_deadline(guest);
}

static void modify_on_response(struct vmb_guest *guest, const struct vmb_message *message)
{
    const struct vmb_msg_modify_channel_response *response = &message->u.modify_channel_response;
    struct vmb_channel *channel = vmb_guest_relid2channel(guest, response->relid);

    if (channel == NULL || (channel->modify != MODIFY_ASKED && channel->modify != MODIFY_LATE)) {
        vmbi_unexpected(guest, message->number, response->relid);
        return;
    }
    if (response->status != VMB_NTSTATUS_SUCCESS) {
        channel->host_status = response->status;
        modify_end(channel, VMB_ERR_REFUSED);
        return;
    }
    modify_end(channel, VMB_OK);
}

static const struct guest_part modify_part = {
    .answer = VMB_MSG_MODIFY_CHANNEL_RESPONSE,
    .on_answer = modify_on_response,
    .build = modify_build,
    .posted = modify_posted,
    .channel_timeout = modify_timeout,
};

vmb_status vmb_channel_set_target_vp(struct vmb_channel *channel, uint32_t vp,
                                     vmb_channel_done done, void *done_context)
{
    struct vmb_guest *guest = channel->guest;

    if (channel->phase != PHASE_OPEN || channel->target_vp == VMB_VP_NONE ||
        guest->state != BUS_CONNECTED) {
        return VMB_ERR_WRONG_STATE;
    }
    if (guest->version < VMB_VERSION_4_1) {
        return VMB_ERR_VERSION;
    }
    if (vp >= guest->options.vp_count || guest->vps[vp].service != VP_IN) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    if (channel->modify != MODIFY_NONE) {
        return VMB_ERR_BUSY;
    }
    guest->parts[PART_MODIFY] = &modify_part;
    channel->modify = MODIFY_QUEUED;
    channel->wanted_vp = (uint16_t)vp;
    channel->done = done;
    channel->done_context = done_context;
    vmbi_post_queue(guest, &channel->post, PART_MODIFY);
    return VMB_OK;
}
