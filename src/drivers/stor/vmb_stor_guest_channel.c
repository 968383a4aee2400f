/* SPDX-License-Identifier: MIT */
/*
 * One channel of a guest's controller: answers in, requests out. A request waits in order until
 * there is a transaction id for it and space in the ring; every answer makes both.
 */
#include "drivers/stor/vmb_stor_guest_state.h"

#include <vmbus/platform/string.h>

#define GUEST_CHANNEL_BUDGET  1024u /* Packets an event; the core comes back for what is left. */
#define GUEST_TIMEOUT_SECONDS 60u

/* ---- Requests in ----------------------------------------------------------------------------- */

void vmbi_stor_guest_let_in(struct vmbi_stor_guest_channel *channel)
{
    /*
     * Relaxed: what the acquire in vmb_stor_guest_submit() is for, the bus channel, was there
     * before the open was asked for, and its answer was taken from the slot, with a full fence.
     */
    vmb_atomic_store(&channel->submitted, NULL, VMB_RELAXED);
}

/* Put what has been submitted behind those that wait; @head is what the stack holds from now on. */
static void guest_channel_take(struct vmbi_stor_guest_channel *channel, void *head)
{
    /*
     * Acquire pairs with the push in vmb_stor_guest_submit(): the requests are complete. No release
     * of ours: whoever reads what we leave, by way of it reads what vmbi_stor_guest_let_in() left.
     */
    struct vmb_stor_request *stack = vmb_atomic_exchange(&channel->submitted, head, VMB_ACQUIRE);
    struct vmb_stor_request *first = NULL;
    struct vmb_stor_request *last = stack;

    if ((void *)stack == (void *)channel || stack == NULL) {
        return;
    }
    while (stack != NULL) {
        struct vmb_stor_request *next = stack->next;

        stack->next = first;
        first = stack;
        stack = next;
    }
    if (channel->first == NULL) {
        channel->first = first;
    } else {
        channel->last->next = first;
    }
    channel->last = last;
}

static void guest_channel_pop(struct vmbi_stor_guest_channel *channel)
{
    channel->first = channel->first->next;
}

static void guest_channel_end(struct vmb_stor_request *request, vmb_status status)
{
    request->status = status;
    request->done(request);
}

/* ---- Requests out ---------------------------------------------------------------------------- */

vmb_status vmbi_stor_guest_stage(struct vmbi_stor_guest_channel *channel, const uint8_t *packet,
                                 const struct vmb_slice *header, void *context)
{
    struct vmb_slice payload = {packet, channel->guest->packet_bytes};
    struct vmb_packet_out out = {
        .type = header != NULL ? VMB_PACKET_GPA_DIRECT : VMB_PACKET_IN_BAND,
        .flags = VMB_PACKET_WANTS_COMPLETION,
        .header = header,
        .header_count = header != NULL ? 1 : 0,
    };
    vmb_status status = vmb_request_begin(&channel->requests, context, &out.transaction_id);

    if (status != VMB_OK) {
        return status;
    }
    status = vmb_endpoint_stage_typed(channel->endpoint, &out, &payload, 1);
    if (status == VMB_OK) {
        vmbi_stor_guest_count(channel, VMBI_STOR_GUEST_REQUESTS, 1);
    } else {
        vmb_request_cancel(&channel->requests, out.transaction_id);
    }
    return status;
}

/* The pages of a request's data as the packet's ranges. */
static void guest_channel_ranges(struct vmbi_stor_guest_channel *channel,
                                 const struct vmb_stor_request *request, struct vmb_slice *header)
{
    uint32_t bytes = request->command.data_bytes;
    uint32_t pages = (request->data.byte_offset + bytes + VMB_PAGE_BYTES - 1u) / VMB_PAGE_BYTES;
    struct vmb_gpa_range range = {
        .byte_count = bytes,
        .byte_offset = request->data.byte_offset,
        .page_count = pages,
        .pages = request->data.pages,
    };
    vmb_status status;
    uint32_t i;

    if (range.pages == NULL) {
        for (i = 0; i < pages; i++) {
            channel->pages[i] = request->data.first_gpn + i;
        }
        range.pages = channel->pages;
    }
    status = vmb_gpa_direct_encode(&range, 1, channel->header, channel->guest->header_bytes,
                                   &header->byte_count);
    VMB_ASSERT(status == VMB_OK); /* vmb_stor_guest_submit() has checked it. */
    (void)status;
    header->bytes = channel->header;
}

static const uint32_t guest_channel_flags[] = {
    [VMB_STOR_TO_DEVICE] = VMB_STOR_SRB_DISABLE_SYNC_TRANSFER | VMB_STOR_SRB_DATA_OUT,
    [VMB_STOR_TO_GUEST] = VMB_STOR_SRB_DISABLE_SYNC_TRANSFER | VMB_STOR_SRB_DATA_IN,
    [VMB_STOR_NO_DATA] = VMB_STOR_SRB_DISABLE_SYNC_TRANSFER,
};

static void guest_channel_encode(const struct vmb_stor_guest *guest,
                                 const struct vmb_stor_request *request, uint8_t *packet)
{
    static const uint32_t operations[] = {VMB_STOR_EXECUTE_SRB, VMB_STOR_RESET_LUN,
                                          VMB_STOR_RESET_BUS};
    const struct vmb_stor_header header = {operations[request->kind], VMB_STOR_WANTS_COMPLETION, 0};
    const struct vmb_stor_command *command = &request->command;
    struct vmb_stor_srb srb;

    vmb_memset(&srb, 0, sizeof(srb));
    srb.lun = request->lun;
    if (request->kind == VMB_STOR_COMMAND) {
        srb.cdb_bytes = command->cdb_bytes;
        srb.sense_bytes = VMB_STOR_SENSE_BYTES;
        srb.direction = command->direction;
        srb.data_bytes = command->data_bytes;
        srb.timeout_seconds =
            request->timeout_seconds != 0 ? request->timeout_seconds : GUEST_TIMEOUT_SECONDS;
        srb.srb_flags = guest_channel_flags[command->direction];
        vmb_memcpy(srb.cdb_or_sense, command->cdb, VMB_STOR_CDB_BYTES);
    }
    vmb_stor_header_encode(&header, packet, guest->packet_bytes);
    vmb_stor_srb_encode(&srb, packet, guest->packet_bytes);
}

static vmb_status guest_channel_send_one(struct vmbi_stor_guest_channel *channel,
                                         struct vmb_stor_request *request)
{
    bool moves = request->kind == VMB_STOR_COMMAND && request->command.data_bytes != 0;
    struct vmb_slice header = {NULL, 0};
    uint8_t packet[VMB_STOR_PACKET_BYTES];
    vmb_status status;

    guest_channel_encode(channel->guest, request, packet);
    if (moves) {
        guest_channel_ranges(channel, request, &header);
    }
    status = vmbi_stor_guest_stage(channel, packet, moves ? &header : NULL, request);
    if (status == VMB_ERR_RING_FULL) {
        vmbi_stor_guest_count(channel, VMBI_STOR_GUEST_WAITS, 1);
        status = vmb_endpoint_wait_space(channel->endpoint,
                                         header.byte_count + channel->guest->packet_bytes);
        return status == VMB_OK ? VMB_ERR_BUSY : status; /* BUSY: there is space now, try again. */
    }
    return status;
}

/* All that wait, as far as it goes. */
static vmb_status guest_channel_send(struct vmbi_stor_guest_channel *channel)
{
    vmb_status status = VMB_OK;

    while (status == VMB_OK && channel->first != NULL) {
        struct vmb_stor_request *request = channel->first;
        struct vmb_stor_request *next = request->next;

        status = guest_channel_send_one(channel, request);
        if (status == VMB_OK) {
            channel->first = next; /* @request may not be looked at: it is the host's turn. */
        } else if (status == VMB_ERR_BUSY) {
            status = VMB_OK;
        } else if (status == VMB_ERR_INVALID_ARGUMENT) {
            guest_channel_pop(channel);
            guest_channel_end(request, VMB_ERR_LIMIT); /* This ring could never take it. */
            status = VMB_OK;
        }
    }
    if (status == VMB_ERR_LIMIT) {
        vmbi_stor_guest_count(channel, VMBI_STOR_GUEST_WAITS, 1);
    }
    return status == VMB_ERR_LIMIT || status == VMB_ERR_RING_FULL ? VMB_OK : status;
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* What a good answer says about a request. */
static vmb_status guest_channel_judge(struct vmbi_stor_guest_channel *channel,
                                      struct vmb_stor_request *request,
                                      const struct vmb_stor_srb *srb, uint32_t nt_status)
{
    uint8_t code = srb->srb_status & VMB_STOR_SRB_STATUS_MASK;

    request->srb_status = code;
    request->scsi_status = srb->scsi_status;
    request->moved_bytes = srb->data_bytes;
    if (srb->data_bytes > request->command.data_bytes) {
        vmbi_stor_guest_count(channel, VMBI_STOR_GUEST_LIES, 1);
        request->moved_bytes = request->command.data_bytes;
    }
    if ((srb->srb_status & VMB_STOR_SRB_SENSE_VALID) != 0) {
        request->sense_bytes = srb->sense_bytes;
        vmb_memcpy(request->sense, srb->cdb_or_sense, VMB_STOR_SENSE_BYTES);
    }
    if (nt_status != VMB_STOR_STATUS_SUCCESS || srb->scsi_status != VMB_STOR_SCSI_GOOD) {
        return VMB_ERR_REFUSED;
    }
    /* Hosts say "overrun" of an answer that is shorter than its buffer. */
    return code == VMB_STOR_SRB_SUCCESS ||
                   (code == VMB_STOR_SRB_DATA_OVERRUN && request->moved_bytes != 0)
               ? VMB_OK
               : VMB_ERR_REFUSED;
}

static void guest_channel_answer(struct vmbi_stor_guest_channel *channel,
                                 struct vmb_stor_request *request, const uint8_t *packet,
                                 uint32_t packet_bytes, uint32_t nt_status)
{
    vmb_status status = VMB_ERR_PEER;
    struct vmb_stor_srb srb;

    request->srb_status = request->scsi_status = request->sense_bytes = 0;
    request->moved_bytes = 0;
    vmb_memset(request->sense, 0, sizeof(request->sense));
    if (packet == NULL) {
        vmbi_stor_guest_count(channel, VMBI_STOR_GUEST_MALFORMED, 1);
    } else if (request->kind != VMB_STOR_COMMAND) {
        status = nt_status == VMB_STOR_STATUS_SUCCESS ? VMB_OK : VMB_ERR_REFUSED;
    } else if (vmb_stor_srb_decode(packet, packet_bytes, true, &srb) != VMB_OK) {
        vmbi_stor_guest_count(channel, VMBI_STOR_GUEST_MALFORMED, 1);
    } else {
        status = guest_channel_judge(channel, request, &srb, nt_status);
    }
    vmbi_stor_guest_count(channel, VMBI_STOR_GUEST_ANSWERS, 1);
    vmbi_stor_guest_count(channel, VMBI_STOR_GUEST_BYTES_MOVED, request->moved_bytes);
    if (status != VMB_OK) {
        vmbi_stor_guest_count(channel, VMBI_STOR_GUEST_CONDITIONS, 1);
    }
    guest_channel_end(request, status);
}

static void guest_channel_completion(struct vmbi_stor_guest_channel *channel, uint64_t id,
                                     const uint8_t *packet, uint32_t packet_bytes)
{
    struct vmb_stor_header header = {0, 0, 0};
    vmb_status status = vmb_stor_header_decode(packet, packet_bytes, &header);
    void *context;

    if (vmb_request_end(&channel->requests, id, &context) != VMB_OK) {
        vmbi_stor_guest_count(channel, VMBI_STOR_GUEST_UNKNOWN, 1);
        return;
    }
    if (status != VMB_OK || header.operation != VMB_STOR_COMPLETE) {
        packet = NULL;
    }
    if (context == (void *)channel->guest) {
        vmbi_stor_guest_step(channel->guest, packet, header.status);
    } else {
        guest_channel_answer(channel, context, packet, packet_bytes, header.status);
    }
}

/* Something that the host says unasked. */
static void guest_channel_news(struct vmbi_stor_guest_channel *channel, const uint8_t *packet,
                               uint32_t packet_bytes)
{
    const struct vmb_stor_guest_options *options = &channel->guest->options;
    struct vmb_stor_header header = {0, 0, 0};

    if (vmb_stor_header_decode(packet, packet_bytes, &header) != VMB_OK ||
        (header.operation != VMB_STOR_ENUMERATE_BUS && header.operation != VMB_STOR_REMOVE_DEVICE &&
         header.operation != VMB_STOR_EVENT)) {
        vmbi_stor_guest_count(channel, VMBI_STOR_GUEST_MALFORMED, 1);
    } else if (vmbi_stor_guest_is_ready(channel->guest) && options->luns_changed != NULL) {
        options->luns_changed(options->context);
    }
}

static vmb_status guest_channel_receive(struct vmbi_stor_guest_channel *channel)
{
    uint8_t bytes[VMB_STOR_PACKET_BYTES];
    vmb_status status = VMB_OK;
    uint32_t budget;

    for (budget = GUEST_CHANNEL_BUDGET; budget > 0; budget--) {
        struct vmb_packet packet = {0};

        status = vmb_endpoint_receive(channel->endpoint, bytes, sizeof(bytes), &packet);
        if (status == VMB_ERR_TOO_SMALL) {
            vmb_endpoint_skip(channel->endpoint, &packet);
            packet.payload_bytes = 0; /* Too long is as bad as too short. */
        } else if (status != VMB_OK) {
            break;
        }
        if (packet.type == VMB_PACKET_COMPLETION) {
            guest_channel_completion(channel, packet.transaction_id, bytes, packet.payload_bytes);
        } else {
            guest_channel_news(channel, bytes, packet.payload_bytes);
        }
    }
    vmb_endpoint_release(channel->endpoint);
    return status == VMB_ERR_RING_EMPTY || status == VMB_ERR_TOO_SMALL ? VMB_OK : status;
}

/* ---- Driver ---------------------------------------------------------------------------------- */

void vmbi_stor_guest_on_event(void *device)
{
    struct vmbi_stor_guest_channel *channel = device;
    const struct vmb_stor_guest_options *options = &channel->guest->options;
    vmb_status status;

    if (channel->endpoint == NULL) {
        return;
    }
    status = guest_channel_receive(channel);
    if (status == VMB_OK) {
        if (vmb_atomic_load(&channel->submitted, VMB_RELAXED) != (void *)channel) {
            guest_channel_take(channel, NULL);
        }
        status = guest_channel_send(channel);
        vmb_endpoint_flush(channel->endpoint);
    }
    if (status != VMB_OK) {
        channel->endpoint = NULL; /* Nothing more is read from or written to a broken ring. */
        if (options->failed != NULL) {
            options->failed(options->context, channel->index, status);
        }
    }
}

void vmbi_stor_guest_opened(void *device, struct vmb_endpoint *endpoint)
{
    struct vmbi_stor_guest_channel *channel = device;

    channel->endpoint = endpoint;
    if (channel->index == 0) {
        vmbi_stor_guest_begin(channel->guest);
        vmb_endpoint_flush(endpoint);
    } else if (vmbi_stor_guest_is_ready(channel->guest)) {
        vmbi_stor_guest_let_in(channel);
    }
}

/* Each request ends; of those that the host has, it depends on whether it has let go of them. */
void vmbi_stor_guest_closed(void *device, vmb_status reason)
{
    struct vmbi_stor_guest_channel *channel = device;
    vmb_status sent = reason == VMB_ERR_GONE ? VMB_ERR_GONE : VMB_ERR_STILL_SHARED;
    uint32_t cursor = 0;
    void *context;
    uint64_t id;

    channel->endpoint = NULL;
    if (channel->index == 0) {
        vmb_atomic_store(&channel->guest->ready, 0, VMB_RELAXED);
    }
    guest_channel_take(channel, channel); /* And no more are let in. */
    while (vmb_request_next(&channel->requests, &cursor, &id, &context)) {
        if (vmb_request_end(&channel->requests, id, &context) == VMB_OK &&
            context != (void *)channel->guest) {
            vmbi_stor_guest_count(channel, VMBI_STOR_GUEST_ABANDONED, 1);
            guest_channel_end(context, sent);
        }
    }
    while (channel->first != NULL) {
        struct vmb_stor_request *request = channel->first;

        guest_channel_pop(channel);
        vmbi_stor_guest_count(channel, VMBI_STOR_GUEST_ABANDONED, 1);
        guest_channel_end(request, VMB_ERR_GONE);
    }
}
