/* SPDX-License-Identifier: MIT */
/*
 * Closing a channel: no handler starts, wait until none runs, tell the driver, tell the host, take
 * the rings back (R6, R7). Also what leaving the bus does to each channel.
 */
#include "guest/vmb_guest_moves.h"

/* The end of the request under way, if somebody waits for it. */
void vmbi_channel_tell(struct vmb_channel *channel, vmb_status status)
{
    vmb_channel_done done = channel->done;

    channel->done = NULL;
    if (done != NULL) {
        done(channel->done_context, channel, status);
    }
}

/* Wait until no VP can hold what has just been closed or unmapped. */
void vmbi_quiesce(struct vmb_channel *channel, enum channel_phase phase)
{
    struct vmb_guest *guest = channel->guest;

    vmbi_channel_move(channel, phase);
    channel->grace_ticket = vmbi_grace_begin(&guest->grace);
    channel->post.next = guest->quiescing;
    guest->quiescing = &channel->post;
}

/* No handler starts from here on. A grace period has to follow. */
void vmbi_channel_shut(struct vmb_channel *channel)
{
    if (channel->relid != VMB_RELID_NONE) {
        vmbi_relid_defer(channel->guest, channel->relid, false);
        vmbi_channel_close_gate(channel);
    }
}

void vmbi_close_begin(struct vmb_channel *channel, vmb_status reason, vmb_channel_done done,
                      void *done_context)
{
    vmb_channel_done moved = channel->done; /* In an open channel, of a move. */
    void *moved_context = channel->done_context;

    vmbi_modify_forget(channel); /* Who has heard CloseChannel answers no ModifyChannel. */
    channel->done = done;
    channel->done_context = done_context;
    vmbi_channel_shut(channel);
    channel->end_status = (int8_t)reason;
    vmbi_quiesce(channel, PHASE_CLOSE_QUIESCING);
    if (moved != NULL) {
        moved(moved_context, channel, VMB_ERR_GONE); /* Only now: it may try to close as well. */
    }
}

/* A move to another VP is over; whoever waits for it is still to be told. */
void vmbi_modify_forget(struct vmb_channel *channel)
{
    vmbi_post_cancel(channel->guest, &channel->post);
    channel->modify = MODIFY_NONE;
    channel->deadline_ns = VMB_NEVER;
}

vmb_status vmb_channel_close(struct vmb_channel *channel, vmb_channel_done done, void *done_context)
{
    if (channel->phase != PHASE_OPEN || channel->guest->state != BUS_CONNECTED) {
        return VMB_ERR_WRONG_STATE;
    }
    vmbi_close_begin(channel, VMB_OK, done, done_context);
    return VMB_OK;
}

/* Nobody is inside any more. */
static void close_quiet(struct vmb_channel *channel)
{
    if (channel->phase == PHASE_RELEASE_QUIESCING) {
        vmbi_channel_move(channel, PHASE_RELEASE_TELLING);
        vmbi_post_queue(channel->guest, &channel->post, POST_RELEASE);
        return;
    }
    /* Before the callback: it may look at the state. */
    vmbi_channel_move(channel, PHASE_CLOSE_TELLING);
    if (channel->driver->closed != NULL) {
        channel->driver->closed(channel->device, channel->rescinded ? VMB_ERR_GONE : VMB_OK);
    }
    channel->target_vp = VMB_VP_NONE;
    if (channel->rescinded) {
        vmbi_close_unshare(channel, VMB_ERR_GONE); /* The host has closed it already. */
    } else {
        vmbi_post_queue(channel->guest, &channel->post, POST_CLOSE);
    }
}

/* Look who has left meanwhile. True if somebody is still waited for. */
bool vmbi_quiesce_poll(struct vmb_guest *guest)
{
    struct vmb_post *waiting = guest->quiescing;

    guest->quiescing = NULL;
    while (waiting != NULL) {
        struct vmb_channel *channel = VMBI_POST_OWNER(vmb_channel, post, waiting);

        waiting = waiting->next;
        if (guest->state == BUS_CONNECTED && vmbi_gate_idle(channel->gate) &&
            vmbi_grace_over(&guest->grace, channel->grace_ticket)) {
            close_quiet(channel);
        } else {
            channel->post.next = guest->quiescing;
            guest->quiescing = &channel->post;
        }
    }
    return guest->quiescing != NULL;
}

void vmbi_close_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status)
{
    struct vmb_channel *channel = VMBI_POST_OWNER(vmb_channel, post, post);

    (void)guest;
    if (status != VMB_OK) {
        /* The host still runs the channel: whatever it may write to is lost to us. */
        channel->ring_handle = 0;
        vmbi_close_unshared(channel, VMB_ERR_STILL_SHARED);
        return;
    }
    vmbi_close_unshare(channel, (vmb_status)channel->end_status);
}

/* The host has let go of the rings, or never will. */
void vmbi_close_unshared(struct vmb_channel *channel, vmb_status status)
{
    vmbi_rings_leave(channel, status == VMB_OK);
    vmbi_channel_move(channel, PHASE_OFFERED);
    if (status != VMB_OK) {
        channel->end_status = VMB_ERR_STILL_SHARED;
    }
    vmbi_channel_tell(channel, (vmb_status)channel->end_status);
    if (channel->phase == PHASE_OFFERED && channel->rescinded) {
        vmbi_rescind_settled(channel);
    }
}

/* Take the rings back from the host; then end what is under way with @end_status. */
void vmbi_close_unshare(struct vmb_channel *channel, vmb_status end_status)
{
    vmbi_channel_move(channel, PHASE_CLOSE_UNSHARING);
    channel->end_status = (int8_t)end_status;
    vmbi_rings_unshare(channel);
}

/* The bus is being left, and no handler runs: the driver and whoever waits are told, once. */
void vmbi_channel_drop(struct vmb_channel *channel)
{
    bool was_open = channel->phase == PHASE_OPEN || channel->phase == PHASE_CLOSE_QUIESCING;
    struct vmb_guest *guest = channel->guest;

    vmbi_post_cancel(guest, &channel->post);
    if (channel->modify != MODIFY_NONE) {
        channel->modify = MODIFY_NONE;
        vmbi_channel_tell(channel, VMB_ERR_GONE); /* Of the move. */
    }
    vmbi_gate_abandon(channel->gate);
    channel->deadline_ns = VMB_NEVER;
    guest->shares_lost |= channel->ring_handle != 0;
    channel->ring_handle = 0;
    vmbi_channel_move(channel, PHASE_OFFERED);
    channel->target_vp = VMB_VP_NONE;
    if (was_open && channel->driver->closed != NULL) {
        channel->driver->closed(channel->device, VMB_ERR_GONE);
    }
    vmbi_channel_tell(channel, VMB_ERR_GONE);
}
