/* SPDX-License-Identifier: MIT */
/*
 * One channel of a storage controller: packets in, requests home, answers out. Requests come from a
 * fixed stock. When it is empty, or an answer finds no space, nothing more is read: what the guest
 * sends then waits in the guest's ring, and no answer is ever lost.
 */
#include "drivers/stor/vmb_stor_host_state.h"

#include <vmbus/platform/string.h>

#define CHANNEL_BUDGET 1024u /* Packets an event; the core comes back for what is left. */

/* ---- Requests -------------------------------------------------------------------------------- */

void vmbi_stor_queue_push(struct vmbi_stor_queue *queue, struct vmbi_stor_request *request)
{
    request->next = NULL;
    if (queue->first == NULL) {
        queue->first = request;
    } else {
        queue->last->next = request;
    }
    queue->last = request;
}

struct vmbi_stor_request *vmbi_stor_queue_pop(struct vmbi_stor_queue *queue)
{
    struct vmbi_stor_request *request = queue->first;

    if (request != NULL) {
        queue->first = request->next;
    }
    return request;
}

static void channel_free(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request)
{
    request->next = channel->free;
    channel->free = request;
}

void vmbi_stor_channel_forget(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request)
{
    channel_free(channel, request);
}

void vmbi_stor_channel_answer(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request)
{
    vmbi_stor_queue_push(&channel->answers, request);
}

void vmbi_stor_channel_drain(struct vmbi_stor_channel *channel, bool abandon)
{
    /*
     * Acquire pairs with the push in vmb_stor_host_complete(): what the disk did is done. Release
     * pairs with the same: who finds the stack empty sees that the channel closes.
     */
    struct vmbi_stor_request *stack = vmb_atomic_exchange(&channel->completed, NULL, VMB_ACQ_REL);
    struct vmbi_stor_request *in_order = NULL;
    struct vmbi_stor_request *next;

    for (; stack != NULL; stack = next) {
        next = stack->next;
        stack->next = in_order;
        in_order = stack;
    }
    for (; in_order != NULL; in_order = next) {
        next = in_order->next;
        channel->jobs--;
        vmbi_stor_srb_continue(channel, in_order, abandon);
    }
}

void vmbi_stor_channel_clear(struct vmbi_stor_channel *channel)
{
    struct vmbi_stor_request *request;

    VMB_ASSERT(channel->jobs == 0);
    while ((request = vmbi_stor_queue_pop(&channel->answers)) != NULL) {
        channel_free(channel, request);
    }
    while ((request = vmbi_stor_queue_pop(&channel->resets)) != NULL) {
        channel_free(channel, request);
    }
}

/* ---- The ring -------------------------------------------------------------------------------- */

/* After a packet was staged, or not. Space may have come meanwhile: then VMB_OK, try again. */
static vmb_status channel_staged(struct vmbi_stor_channel *channel, vmb_status status,
                                 uint32_t bytes)
{
    if (status == VMB_ERR_RING_FULL) {
        vmbi_stor_count(channel, VMBI_STOR_RING_FULL, 1);
        return vmb_endpoint_wait_space(channel->endpoint, bytes);
    }
    return status;
}

static vmb_status channel_send_answers(struct vmbi_stor_channel *channel)
{
    vmb_status status = VMB_OK;

    while (status == VMB_OK && channel->answers.first != NULL) {
        struct vmbi_stor_request *request = channel->answers.first;
        struct vmb_packet_out packet = {
            .transaction_id = request->transaction_id,
            .type = VMB_PACKET_COMPLETION,
        };
        struct vmb_slice slice = {request->packet, request->packet_bytes};

        status = vmb_endpoint_stage_typed(channel->endpoint, &packet, &slice, 1);
        if (status == VMB_OK) {
            (void)vmbi_stor_queue_pop(&channel->answers);
            channel_free(channel, request);
        } else {
            status = channel_staged(channel, status, slice.byte_count);
        }
    }
    return status;
}

/* Tell the guest to look at the LUNs again, if they have changed. */
static vmb_status channel_send_enumerate(struct vmbi_stor_channel *channel)
{
    struct vmb_stor_host *host = channel->host;
    const struct vmb_stor_header header = {VMB_STOR_ENUMERATE_BUS, 0, 0};
    uint8_t packet[VMB_STOR_PACKET_BYTES];
    struct vmb_slice slice = {
        packet, vmb_stor_packet_bytes((uint16_t)vmb_atomic_load(&host->version, VMB_RELAXED))};
    vmb_status status;

    if (channel->index != 0 || !vmbi_stor_is_ready(host) ||
        vmb_atomic_exchange(&host->enumerate, 0, VMB_ACQUIRE) == 0) {
        return VMB_OK;
    }
    vmb_stor_header_encode(&header, packet, slice.byte_count);
    status = vmb_endpoint_stage(channel->endpoint, &slice, 1, 0, false);
    if (status != VMB_OK) {
        vmb_atomic_store(&host->enumerate, 1, VMB_RELAXED);
    }
    return channel_staged(channel, status, slice.byte_count);
}

/* A packet into @request; VMB_ERR_MALFORMED: it has been taken and deserves no answer. */
static vmb_status channel_receive(struct vmbi_stor_channel *channel,
                                  struct vmbi_stor_request *request, struct vmb_packet *packet)
{
    vmb_status status =
        vmb_endpoint_receive(channel->endpoint, request->packet, sizeof(request->packet), packet);

    if (status == VMB_ERR_TOO_SMALL) {
        vmb_endpoint_skip(channel->endpoint, packet);
        vmb_memset(request->packet, 0, sizeof(request->packet));
        packet->payload_bytes = 0; /* Too long is as bad as too short. */
        status = VMB_OK;
    }
    if (status == VMB_OK &&
        ((packet->flags & VMB_PACKET_WANTS_COMPLETION) == 0 ||
         (packet->type != VMB_PACKET_IN_BAND && packet->type != VMB_PACKET_GPA_DIRECT))) {
        return VMB_ERR_MALFORMED;
    }
    return status;
}

static vmb_status channel_take(struct vmbi_stor_channel *channel)
{
    struct vmbi_stor_request *request = channel->free;
    struct vmb_packet packet = {0};
    vmb_status status = channel_receive(channel, request, &packet);

    if (status == VMB_ERR_MALFORMED) {
        vmbi_stor_count(channel, VMBI_STOR_MALFORMED, 1);
        return VMB_OK;
    }
    if (status != VMB_OK) {
        return status;
    }
    channel->free = request->next;
    vmbi_stor_count(channel, VMBI_STOR_REQUESTS, 1);
    request->transaction_id = packet.transaction_id;
    /* Guests look for the size that they sent (Windows for exactly that). */
    request->packet_bytes =
        packet.payload_bytes >= VMB_STOR_PACKET_BYTES || packet.payload_bytes == 0
            ? VMB_STOR_PACKET_BYTES
            : VMB_STOR_PACKET_BYTES_OLD;
    vmbi_stor_packet(channel, request, &packet);
    return VMB_OK;
}

/* ---- Driver ---------------------------------------------------------------------------------- */

/* Send off what this run has submitted. */
static void channel_submitted(struct vmbi_stor_channel *channel)
{
    uint32_t i;

    for (i = 0; channel->touched != 0; i++) {
        struct vmbi_stor_unit *unit = &channel->host->units[i];
        const struct vmb_stor_disk *disk = &unit->disk.is;

        if ((channel->touched >> i & 1u) != 0) {
            channel->touched &= ~(UINT64_C(1) << i);
            if (disk->ops->submitted != NULL) {
                disk->ops->submitted(disk->context);
            }
            vmbi_stor_unit_release(unit);
        }
    }
}

static void channel_fail(struct vmbi_stor_channel *channel, vmb_status status)
{
    const struct vmb_stor_host_options *options = &channel->host->options;

    channel->endpoint = NULL; /* Nothing more is read from or written to a broken ring. */
    if (options->failed != NULL) {
        options->failed(options->context, status);
    }
}

/* All that there is, until something has to be waited for. */
static vmb_status channel_run(struct vmbi_stor_channel *channel)
{
    vmb_status status = VMB_OK;
    uint32_t budget;

    for (budget = CHANNEL_BUDGET; budget > 0 && status == VMB_OK; budget--) {
        vmbi_stor_channel_drain(channel, false);
        vmbi_stor_reset_step(channel);
        status = channel_send_answers(channel);
        if (status == VMB_OK) {
            status = channel_send_enumerate(channel);
        }
        if (status == VMB_OK) {
            status = channel->free != NULL ? channel_take(channel) : VMB_ERR_RING_EMPTY;
        }
    }
    return status;
}

/* A sub-channel holds its requests back until the controller is ready. */
static bool channel_may_run(struct vmbi_stor_channel *channel)
{
    if (channel->endpoint == NULL) {
        return false;
    }
    if (channel->index == 0 || vmbi_stor_is_ready(channel->host)) {
        return true;
    }
    /* With the fence in vmbi_stor_wake_all(): we see that it is ready, or are woken. */
    vmb_atomic_fence(VMB_SEQ_CST);
    return vmbi_stor_is_ready(channel->host);
}

void vmbi_stor_channel_on_event(void *device)
{
    struct vmbi_stor_channel *channel = device;
    vmb_status status;

    if (!channel_may_run(channel)) {
        vmbi_stor_channel_drain(channel, true);
        return;
    }
    status = channel_run(channel);
    channel_submitted(channel);
    vmb_endpoint_release(channel->endpoint);
    vmb_endpoint_flush(channel->endpoint);
    if (status != VMB_OK && status != VMB_ERR_RING_EMPTY && status != VMB_ERR_RING_FULL) {
        channel_fail(channel, status);
    }
}

void vmbi_stor_channel_opened(void *device, struct vmb_endpoint *endpoint)
{
    struct vmbi_stor_channel *channel = device;
    struct vmb_stor_host *host = channel->host;
    uint32_t i;

    channel->endpoint = endpoint;
    vmb_atomic_store(&channel->closing, 0, VMB_RELAXED); /* No job is at a disk. */
    if (channel->index != 0) {
        return;
    }
    for (i = 0; i < VMB_STOR_LUN_COUNT; i++) {
        vmb_atomic_store(&host->units[i].stopped, 0, VMB_RELAXED);
        vmbi_stor_unit_attend(&host->units[i], VMBI_STOR_ATTENTION_POWER_ON);
    }
    vmb_atomic_store(&host->enumerate, 0, VMB_RELAXED);
    vmb_atomic_store(&host->state, VMBI_STOR_OPEN, VMB_RELAXED);
}

void vmbi_stor_channel_closed(void *device, vmb_status reason)
{
    struct vmbi_stor_channel *channel = device;

    (void)reason;
    channel->endpoint = NULL;
    channel->close_waits = false; /* Closed unasked: a restore has failed. */
    vmbi_stor_reset_abandon(channel);
    vmbi_stor_channel_clear(channel);
    if (channel->index == 0) {
        vmb_atomic_store(&channel->host->state, VMBI_STOR_CLOSED, VMB_RELAXED);
    }
}
