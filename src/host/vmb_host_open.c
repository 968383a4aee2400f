/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing: what the guest asks for on one side, what the device is doing on the other.
 * `state` is what the guest has been told, `phase` is how far the device has followed; settle()
 * brings the second to the first, one step at a time, and is called after every change of either.
 * Callbacks may change anything, even the state of their own channel: while one runs the phase is
 * CALLING, in which settle() does nothing, and whoever called it settles afterwards.
 */
#include "host/vmb_host_internal.h"
#include "host/vmb_host_moves.h"

#define OPEN_SINTS 16u

/* The answer that the guest waits for, if it still does. */
static void open_answer(struct vmb_host_channel *channel, uint32_t status)
{
    struct vmb_message message = {.number = VMB_MSG_OPEN_RESULT};

    if (channel->reserved) {
        vmbi_host_owe_reserved(channel, VMBI_RESERVED_OPENED, status);
    } else if (channel->owes_open_result) {
        vmbi_host_open_cancel(channel);
        message.u.open_result.relid = channel->offer.relid;
        message.u.open_result.open_id = channel->request.open_id;
        message.u.open_result.status = status;
        vmbi_host_send(channel->host, &message);
    }
}

void vmbi_host_open_cancel(struct vmb_host_channel *channel)
{
    if (channel->owes_open_result) {
        channel->owes_open_result = false;
        channel->host->debts--;
    }
}

static void open_end(struct vmb_host_channel *channel)
{
    vmbi_host_detach(channel);
    channel->phase = VMBI_PHASE_IDLE;
}

/* The device has answered, or there was nothing to ask it. */
static void open_finish(struct vmb_host_channel *channel, vmb_status status)
{
    if (status == VMB_OK && channel->state == VMB_HOST_CHANNEL_OPENING) {
        channel->phase = VMBI_PHASE_CALLING;
        channel->driver->opened(channel->device, &channel->endpoint);
        channel->phase = VMBI_PHASE_RUNNING;
        channel->opens++;
        if (channel->state == VMB_HOST_CHANNEL_OPENING) {
            vmbi_host_channel_move(channel, VMB_HOST_CHANNEL_OPEN);
            vmbi_host_gate_open(channel);
            open_answer(channel, VMB_NTSTATUS_SUCCESS);
        }
    } else {
        open_end(channel);
        if (channel->state == VMB_HOST_CHANNEL_OPENING) {
            channel->host->counters.opens_refused++;
            vmbi_host_channel_move(channel, VMB_HOST_CHANNEL_CLOSED);
            open_answer(channel, VMB_NTSTATUS_FAILURE);
            channel->reserved = false;
            if (!channel->known) { /* The connection in which it was asked for is gone. */
                vmbi_host_client_release(channel);
            }
        }
    }
    vmbi_host_settle(channel);
}

static void open_begin(struct vmb_host_channel *channel)
{
    struct vmb_host_open request;
    vmb_status status;

    vmbi_host_channel_move(channel, VMB_HOST_CHANNEL_OPENING);
    status = vmbi_host_attach(channel);
    if (status != VMB_OK) {
        vmbi_host_log(channel->host, VMB_LOG_WARNING, "an open is refused: channel",
                      channel->offer.relid);
        status = VMB_ERR_REFUSED; /* Not BUSY, whatever the port said. */
    } else if (channel->hooks != NULL && channel->hooks->open != NULL) {
        request.user_data = channel->request.user_defined;
        request.target_vp = vmb_host_channel_target_vp(channel);
        request.tx_data_bytes = channel->endpoint.tx.data_bytes;
        request.rx_data_bytes = channel->endpoint.rx.data_bytes;
        request.reserved = channel->reserved;
        channel->phase = VMBI_PHASE_CALLING;
        status = channel->hooks->open(channel->device, channel, &request);
    }
    if (status == VMB_ERR_BUSY) {
        channel->phase = VMBI_PHASE_ASKED;
        vmbi_host_settle(channel);
    } else {
        open_finish(channel, status);
    }
}

vmb_status vmb_host_open_done(struct vmb_host_channel *channel, vmb_status status)
{
    if (channel->phase != VMBI_PHASE_ASKED) {
        return VMB_ERR_WRONG_STATE;
    }
    if (channel->state == VMB_HOST_CHANNEL_OPENING) {
        open_finish(channel, status);
        return VMB_OK;
    }
    open_end(channel);
    vmbi_host_settle(channel);
    return VMB_ERR_GONE;
}

void vmbi_host_open(struct vmb_host *host, const struct vmb_msg_open_channel *request)
{
    struct vmb_host_channel *channel = vmbi_host_channel_of(host, request->relid);
    uint32_t state = channel != NULL ? channel->state : 0;

    if (state == VMB_HOST_CHANNEL_REVOKED || state == VMB_HOST_CHANNEL_REOFFERED) {
        return; /* It crosses our rescind, which is the answer. */
    }
    if (state != VMB_HOST_CHANNEL_CLOSED &&
        (state != VMB_HOST_CHANNEL_CLOSING || channel->reserved)) {
        vmbi_host_unexpected(host, "OpenChannel of a channel that is not closed:", request->relid);
        return;
    }
    channel->request = *request;
    channel->owes_open_result = true;
    host->debts++;
    if (state == VMB_HOST_CHANNEL_CLOSED) {
        open_begin(channel);
    } else {
        vmbi_host_channel_move(channel, VMB_HOST_CHANNEL_CLOSING_REOPEN);
    }
}

void vmbi_host_close(struct vmb_host *host, uint32_t relid)
{
    struct vmb_host_channel *channel = vmbi_host_channel_of(host, relid);
    uint32_t state = channel != NULL ? channel->state : 0;

    if (state == VMB_HOST_CHANNEL_REVOKED || state == VMB_HOST_CHANNEL_REOFFERED) {
        return; /* It crosses our rescind. */
    }
    if (state != VMB_HOST_CHANNEL_OPEN || channel->reserved) {
        vmbi_host_unexpected(host, "CloseChannel of a channel that is not open:", relid);
        return;
    }
    vmbi_host_channel_move(channel, VMB_HOST_CHANNEL_CLOSING);
    vmbi_host_settle(channel);
}

void vmbi_host_open_reserved(struct vmb_host *host, const struct vmb_msg_open_reserved *request)
{
    struct vmb_host_channel *channel = vmbi_host_channel_of(host, request->relid);

    if (channel == NULL || channel->state != VMB_HOST_CHANNEL_CLOSED ||
        channel->reserved_reply != VMBI_RESERVED_NONE || request->target_sint >= OPEN_SINTS) {
        vmbi_host_unexpected(
            host, "OpenReservedChannel of a channel that is not closed:", request->relid);
        return;
    }
    vmb_memset(&channel->request, 0, sizeof(channel->request));
    channel->request.relid = request->relid;
    channel->request.ring_gpadl = request->ring_gpadl;
    channel->request.downstream_page_offset = request->downstream_page_offset;
    channel->request.target_vp = VMB_VP_NONE;
    channel->reserved = true;
    channel->reserved_trusted = host->acting_trusted;
    channel->reserved_relid = request->relid;
    channel->reserved_vp = request->target_vp;
    channel->reserved_sint = (uint8_t)request->target_sint;
    open_begin(channel);
}

void vmbi_host_close_reserved(struct vmb_host *host, const struct vmb_msg_close_reserved *request)
{
    struct vmb_host_channel *channel = vmbi_host_channel_of(host, request->relid);

    if (channel == NULL || !channel->reserved || channel->state != VMB_HOST_CHANNEL_OPEN ||
        request->target_sint >= OPEN_SINTS) {
        vmbi_host_unexpected(
            host, "CloseReservedChannel of a channel that is not reserved:", request->relid);
        return;
    }
    channel->reserved_trusted = host->acting_trusted;
    channel->reserved_vp = request->target_vp;
    channel->reserved_sint = (uint8_t)request->target_sint;
    vmbi_host_channel_move(channel, VMB_HOST_CHANNEL_CLOSING);
    vmbi_host_settle(channel);
}

/* The device has stopped. */
static void settle_closed(struct vmb_host_channel *channel)
{
    channel->phase = VMBI_PHASE_CALLING;
    channel->driver->closed(channel->device, channel->withdrawn ? VMB_ERR_GONE : VMB_OK);
    open_end(channel);
}

static void settle_stop(struct vmb_host_channel *channel)
{
    channel->phase = VMBI_PHASE_CALLING;
    if (channel->hooks != NULL && channel->hooks->close != NULL &&
        channel->hooks->close(channel->device, channel) == VMB_ERR_BUSY) {
        channel->phase = VMBI_PHASE_STOPPING;
        return;
    }
    settle_closed(channel);
}

/* The device is idle: what the guest has asked for meanwhile. */
static void settle_idle(struct vmb_host_channel *channel)
{
    switch (channel->state) {
    case VMB_HOST_CHANNEL_CLOSING:
        vmbi_host_channel_move(channel, VMB_HOST_CHANNEL_CLOSED);
        if (channel->reserved) {
            channel->reserved = false;
            vmbi_host_owe_reserved(channel, VMBI_RESERVED_CLOSED, 0);
            if (!channel->known) { /* The connection in which it was opened is gone. */
                vmbi_host_client_release(channel);
            }
        }
        break;
    case VMB_HOST_CHANNEL_CLOSING_REOPEN:
    case VMB_HOST_CHANNEL_OPENING: /* Restored: this device has not been asked yet. */
        open_begin(channel);
        break;
    case VMB_HOST_CHANNEL_OPENING_CLIENT_RELEASE:
    case VMB_HOST_CHANNEL_CLOSING_CLIENT_RELEASE:
        vmbi_host_client_release(channel);
        break;
    default:
        vmbi_host_withdraw(channel);
        break;
    }
}

void vmbi_host_settle(struct vmb_host_channel *channel)
{
    if (channel->phase == VMBI_PHASE_ASKED && channel->withdrawn) {
        open_end(channel); /* The device is gone, and with it its answer. */
    }
    if (channel->phase == VMBI_PHASE_RUNNING && channel->state != VMB_HOST_CHANNEL_OPEN) {
        vmbi_gate_close(&channel->gate);
        vmbi_host_modify_cancel(channel);
        channel->phase = VMBI_PHASE_DRAINING;
    }
    if (channel->phase == VMBI_PHASE_DRAINING) {
        if (!vmbi_gate_idle(&channel->gate)) {
            channel->host->settle_due = true; /* The runner wakes us when it leaves. */
            return;
        }
        settle_stop(channel);
    }
    if (channel->phase == VMBI_PHASE_IDLE) {
        settle_idle(channel);
    }
}

vmb_status vmb_host_close_done(struct vmb_host_channel *channel)
{
    if (channel->phase != VMBI_PHASE_STOPPING) {
        return VMB_ERR_WRONG_STATE;
    }
    settle_closed(channel);
    vmbi_host_settle(channel);
    return VMB_OK;
}

void vmbi_host_open_disconnect(struct vmb_host_channel *channel)
{
    struct vmb_host *host = channel->host;

    channel->offer_due = false;
    channel->known = false;
    if (channel->reserved && host->connection.next != VMBI_HOST_NEXT_RESET) {
        return; /* It outlives the connection; its relid stays its own. */
    }
    if (host->connection.next == VMBI_HOST_NEXT_RESET) {
        vmbi_host_forgive_reserved(channel);
    }
    channel->reserved = false;
    vmbi_host_open_cancel(channel);
    switch (channel->state) {
    case VMB_HOST_CHANNEL_OPENING:
        vmbi_host_channel_move(channel, VMB_HOST_CHANNEL_OPENING_CLIENT_RELEASE);
        break;
    case VMB_HOST_CHANNEL_OPEN:
    case VMB_HOST_CHANNEL_CLOSING:
    case VMB_HOST_CHANNEL_CLOSING_REOPEN:
        vmbi_host_channel_move(channel, VMB_HOST_CHANNEL_CLOSING_CLIENT_RELEASE);
        break;
    case VMB_HOST_CHANNEL_CLOSED:
    case VMB_HOST_CHANNEL_REVOKED:
    case VMB_HOST_CHANNEL_REOFFERED:
        vmbi_host_client_release(channel);
        return;
    default:
        return;
    }
    vmbi_host_settle(channel);
}
