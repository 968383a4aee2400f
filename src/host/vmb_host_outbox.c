/* SPDX-License-Identifier: MIT */
/*
 * Messages to the guest, in one order that nothing overtakes. The queue cannot overflow: a message
 * of the guest is taken only while there is room for what it may cause, an answer that a device
 * gives later has its place kept (a debt), and what the host has to say by itself (offers,
 * rescinds) is a flag of its channel until there is room.
 *
 * Answers to reserved channels go to a VP and SINT of their own, where a crashing kernel waits for
 * them while nobody empties the slot of the connection. They are flags of their channels too, and
 * do not stand in the queue.
 */
#include "host/vmb_host_internal.h"

bool vmbi_host_outbox_room(const struct vmb_host *host, uint32_t count)
{
    return host->out_count + host->debts + count <= host->options.message_limit;
}

void vmbi_host_outbox_clear(struct vmb_host *host)
{
    host->counters.messages_dropped += host->out_count;
    host->out_first = 0;
    host->out_count = 0;
}

static struct vmbi_host_out *outbox_push(struct vmb_host *host, uint32_t number, bool trusted,
                                         uint32_t vp, uint8_t sint)
{
    struct vmbi_host_out *out =
        &host->out[(host->out_first + host->out_count) & (host->options.message_limit - 1)];

    VMB_ASSERT(host->out_count < host->options.message_limit);
    host->out_count++;
    out->number = (uint16_t)number;
    out->trusted = trusted;
    out->vp = vp;
    out->sint = sint;
    return out;
}

void vmbi_host_send_to(struct vmb_host *host, const struct vmb_message *message, uint32_t version,
                       bool trusted, uint32_t vp, uint8_t sint)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    struct vmbi_host_out *out;
    uint32_t byte_count;
    uint32_t features = host->connection.features;

    if (vmb_message_encode(message, version, features, bytes, sizeof(bytes), &byte_count) !=
            VMB_OK ||
        byte_count > VMBI_HOST_OUT_BYTES) {
        return; /* This version has no such message: UnloadComplete in 0.13. */
    }
    out = outbox_push(host, message->number, trusted, vp, sint);
    out->byte_count = (uint8_t)byte_count;
    vmb_memcpy(out->bytes, bytes, byte_count);
}

void vmbi_host_send(struct vmb_host *host, const struct vmb_message *message)
{
    if (host->connection.state != VMBI_HOST_CONNECTED) {
        return; /* What ends while the guest leaves is of no interest to it. */
    }
    vmbi_host_send_to(host, message, host->connection.version, host->connection.trusted,
                      host->connection.vp, VMB_HOST_SINT);
}

void vmbi_host_send_offer(struct vmb_host *host, const struct vmb_host_channel *channel)
{
    struct vmbi_host_out *out = outbox_push(host, VMB_MSG_OFFER_CHANNEL, host->connection.trusted,
                                            host->connection.vp, VMB_HOST_SINT);

    out->slot = channel->slot;
    out->relid = channel->offer.relid;
}

void vmbi_host_owe_reserved(struct vmb_host_channel *channel, enum vmbi_host_reserved_reply reply,
                            uint32_t status)
{
    if (channel->reserved_reply == VMBI_RESERVED_NONE) {
        channel->host->reserved_replies++;
    }
    channel->reserved_reply = (uint8_t)reply;
    channel->reserved_status = status;
}

void vmbi_host_forgive_reserved(struct vmb_host_channel *channel)
{
    if (channel->reserved_reply != VMBI_RESERVED_NONE) {
        channel->reserved_reply = VMBI_RESERVED_NONE;
        channel->host->reserved_replies--;
    }
}

static vmb_status outbox_deliver(struct vmb_host *host, bool trusted, uint32_t vp, uint8_t sint,
                                 const uint8_t *bytes, uint32_t byte_count)
{
    vmb_status status = vmbi_host_post(host, trusted, vp, sint, bytes, byte_count);

    if (status == VMB_OK) {
        host->counters.messages_posted++;
    } else if (status == VMB_ERR_RETRY) {
        host->counters.post_retries++;
        host->slot_busy = true;
        host->slot_tried_ns = host->platform.now_ns(host->platform.context);
    } else {
        host->counters.messages_dropped++;
        vmbi_host_log(host, VMB_LOG_WARNING, "a message cannot be delivered to VP", vp);
    }
    return status;
}

static void outbox_post_reserved(struct vmb_host *host)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t i, byte_count;

    for (i = 0; i < host->channel_high && host->reserved_replies > 0; i++) {
        struct vmb_host_channel *channel = &host->channels[i];
        struct vmb_message message = {0};

        if (channel->reserved_reply == VMBI_RESERVED_NONE) {
            continue;
        }
        if (channel->reserved_reply == VMBI_RESERVED_OPENED) {
            message.number = VMB_MSG_OPEN_RESULT;
            message.u.open_result.relid = channel->reserved_relid;
            message.u.open_result.status = channel->reserved_status;
        } else {
            message.number = VMB_MSG_CLOSE_RESERVED_RESPONSE;
            message.u.close_reserved_response.relid = channel->reserved_relid;
        }
        if (vmb_message_encode(&message, VMB_VERSION_NEWEST, 0, bytes, sizeof(bytes),
                               &byte_count) == VMB_OK &&
            outbox_deliver(host, channel->reserved_trusted, channel->reserved_vp,
                           channel->reserved_sint, bytes, byte_count) == VMB_ERR_RETRY) {
            continue;
        }
        vmbi_host_forgive_reserved(channel);
    }
}

/* The bytes of a queued message; 0 if there is nothing to say any more. */
static uint32_t outbox_encode(struct vmb_host *host, const struct vmbi_host_out *out,
                              uint8_t *bytes)
{
    const struct vmb_host_channel *channel = &host->channels[out->slot];
    struct vmb_message message = {0};
    uint32_t byte_count = 0;

    if (out->number != VMB_MSG_OFFER_CHANNEL) {
        vmb_memcpy(bytes, out->bytes, out->byte_count);
        return out->byte_count;
    }
    if (!channel->in_use || !channel->known || channel->offer.relid != out->relid) {
        return 0; /* The guest has released a relid that it had not even been told of. */
    }
    message.number = VMB_MSG_OFFER_CHANNEL;
    message.u.offer = channel->offer;
    if ((host->connection.features & VMB_FEATURE_CONFIDENTIAL) == 0) {
        message.u.offer.flags &=
            (uint16_t) ~(VMB_OFFER_CONFIDENTIAL_RING | VMB_OFFER_CONFIDENTIAL_MEMORY);
    }
    if ((host->connection.features & VMB_FEATURE_PINNING) == 0) {
        message.u.offer.flags &= (uint16_t)~VMB_OFFER_PINNED_MEMORY;
    }
    if (vmb_message_encode(&message, host->connection.version, host->connection.features, bytes,
                           VMB_MESSAGE_MAX_BYTES, &byte_count) != VMB_OK) {
        return 0;
    }
    return byte_count;
}

/* Paused: the guest wants nothing behind the answer to its pause. */
static bool outbox_held(const struct vmb_host *host)
{
    return host->connection.paused && host->connection.hold_after == 0;
}

bool vmbi_host_outbox_post(struct vmb_host *host)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t budget = VMBI_HOST_POLL_MESSAGES;

    host->slot_busy = false;
    if (host->reserved_replies > 0) {
        outbox_post_reserved(host);
    }
    while (host->out_count > 0 && !outbox_held(host)) {
        const struct vmbi_host_out *out = &host->out[host->out_first];
        uint32_t byte_count;

        if (budget-- == 0) {
            return true;
        }
        byte_count = outbox_encode(host, out, bytes);
        if (byte_count > 0 && outbox_deliver(host, out->trusted, out->vp, out->sint, bytes,
                                             byte_count) == VMB_ERR_RETRY) {
            return false;
        }
        host->out_first = (host->out_first + 1) & (host->options.message_limit - 1);
        host->out_count--;
        if (host->connection.paused) {
            host->connection.hold_after--;
        }
    }
    return false;
}
