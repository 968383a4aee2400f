/* SPDX-License-Identifier: MIT */
/*
 * Traffic, host side: check each request, send it back, then send the streamed packets it asked
 * for. What cannot be sent for lack of space is kept, and nothing more is read until it has been:
 * so one buffer is enough, whatever the guest does.
 */
#include <vmbus/drivers/traffic.h>
#include <vmbus/platform/string.h>
#include <vmbus/proto/guid.h>

#include "drivers/traffic/vmb_traffic.h"

#define TRAFFIC_HOST_BUDGET 1024u /* Packets an event; the core comes back for what is left. */

static void traffic_host_count(struct vmb_traffic_host *device, enum vmbi_traffic_counter which,
                               uint64_t amount)
{
    vmbi_traffic_count(device->counters, which, amount);
}

static void traffic_host_fail(struct vmb_traffic_host *device, vmb_status status)
{
    traffic_host_count(device, VMBI_TRAFFIC_PEER_FAULTS, 1);
    device->endpoint = NULL;
    if (device->failed != NULL) {
        device->failed(device->context, status);
    }
}

/* ---- What is owed ---------------------------------------------------------------------------- */

/* After a packet was staged, or not. Space may have come meanwhile: then it is worth a new try. */
static vmb_status traffic_host_staged(struct vmb_traffic_host *device, vmb_status status,
                                      uint32_t bytes, bool *out_sent)
{
    *out_sent = status == VMB_OK;
    if (status == VMB_OK) {
        traffic_host_count(device, VMBI_TRAFFIC_PACKETS_SENT, 1);
        traffic_host_count(device, VMBI_TRAFFIC_BYTES_SENT, bytes);
    } else if (status == VMB_ERR_RING_FULL) {
        traffic_host_count(device, VMBI_TRAFFIC_RING_FULL, 1);
        return vmb_endpoint_wait_space(device->endpoint, bytes);
    }
    return status;
}

static vmb_status traffic_host_stage_answer(struct vmb_traffic_host *device)
{
    struct vmb_packet_out packet = {
        .transaction_id = device->answer_id,
        .type = device->answer_completes ? VMB_PACKET_COMPLETION : VMB_PACKET_IN_BAND,
    };
    struct vmb_slice slice = {device->buffer, device->answer_bytes};
    vmb_status status;
    bool sent;

    status = vmb_endpoint_stage_typed(device->endpoint, &packet, &slice, 1);
    status = traffic_host_staged(device, status, slice.byte_count, &sent);
    if (sent) {
        traffic_host_count(device, VMBI_TRAFFIC_ANSWERED, 1);
        device->answer_bytes = VMBI_TRAFFIC_NO_ANSWER;
    }
    return status;
}

/* The buffer is free by now: the answer has been staged before. */
static vmb_status traffic_host_stage_streamed(struct vmb_traffic_host *device)
{
    struct vmbi_traffic_packet streamed = {
        .kind = VMBI_TRAFFIC_STREAMED,
        .pattern_bytes = device->stream_pattern,
        .sequence = device->next_stream,
        .seed = device->stream_seed,
    };
    struct vmb_slice slice = {device->buffer, vmbi_traffic_bytes(streamed.pattern_bytes)};
    vmb_status status;
    bool sent;

    vmbi_traffic_fill(&streamed, device->buffer);
    status = vmb_endpoint_stage(device->endpoint, &slice, 1, 0, false);
    status = traffic_host_staged(device, status, slice.byte_count, &sent);
    if (sent) {
        traffic_host_count(device, VMBI_TRAFFIC_STREAMS, 1);
        device->next_stream++;
        device->streams_owed--;
    }
    return status;
}

/* Send what is owed. VMB_OK: nothing is any more, the buffer is free. */
static vmb_status traffic_host_settle(struct vmb_traffic_host *device)
{
    vmb_status status = VMB_OK;

    while (status == VMB_OK && device->answer_bytes != VMBI_TRAFFIC_NO_ANSWER) {
        status = traffic_host_stage_answer(device);
    }
    while (status == VMB_OK && device->streams_owed > 0) {
        status = traffic_host_stage_streamed(device);
    }
    return status;
}

/* ---- Requests -------------------------------------------------------------------------------- */

static bool traffic_host_accepts(const struct vmbi_traffic_packet *request)
{
    return request->kind == VMBI_TRAFFIC_REQUEST && request->streams <= VMB_TRAFFIC_STREAM_LIMIT;
}

/* A wrong request is answered too, with nothing in it: its sender shall not wait for ever. */
static void traffic_host_on_packet(struct vmb_traffic_host *device, const struct vmb_packet *packet)
{
    struct vmbi_traffic_packet request = {0};

    traffic_host_count(device, VMBI_TRAFFIC_PACKETS_RECEIVED, 1);
    traffic_host_count(device, VMBI_TRAFFIC_BYTES_RECEIVED, packet->payload_bytes);
    device->answer_id = packet->transaction_id;
    device->answer_completes = (packet->flags & VMB_PACKET_WANTS_COMPLETION) != 0;
    device->answer_bytes = 0;
    if (!vmbi_traffic_check(device->buffer, packet->payload_bytes, &request) ||
        !traffic_host_accepts(&request)) {
        traffic_host_count(device, VMBI_TRAFFIC_CORRUPT, 1);
        return;
    }
    if (request.sequence != device->next_request) {
        traffic_host_count(device, VMBI_TRAFFIC_OUT_OF_ORDER, 1);
    }
    device->next_request = request.sequence + 1u;
    device->answer_bytes = vmbi_traffic_bytes(request.pattern_bytes);
    device->stream_pattern = request.pattern_bytes;
    device->stream_seed = request.seed;
    device->streams_owed = request.streams;
}

static vmb_status traffic_host_take(struct vmb_traffic_host *device)
{
    struct vmb_packet packet = {0};
    vmb_status status =
        vmb_endpoint_receive(device->endpoint, device->buffer, device->buffer_bytes, &packet);

    if (status == VMB_ERR_TOO_SMALL) {
        vmb_endpoint_skip(device->endpoint, &packet);
        packet.payload_bytes = 0;
        status = VMB_OK;
    }
    if (status == VMB_OK && packet.type != VMB_PACKET_COMPLETION) {
        traffic_host_on_packet(device, &packet);
    }
    return status;
}

/* ---- Driver ---------------------------------------------------------------------------------- */

static void traffic_host_on_event(void *context)
{
    struct vmb_traffic_host *device = context;
    vmb_status status = VMB_OK;
    uint32_t budget;

    if (device->endpoint == NULL) {
        return;
    }
    for (budget = TRAFFIC_HOST_BUDGET; budget > 0 && status == VMB_OK; budget--) {
        status = traffic_host_settle(device);
        if (status == VMB_OK) {
            status = traffic_host_take(device);
        }
    }
    if (status == VMB_OK) {
        status = traffic_host_settle(device);
    }
    vmb_endpoint_release(device->endpoint);
    vmb_endpoint_flush(device->endpoint);
    if (status != VMB_OK && status != VMB_ERR_RING_EMPTY && status != VMB_ERR_RING_FULL) {
        traffic_host_fail(device, status);
    }
}

static void traffic_host_opened(void *context, struct vmb_endpoint *endpoint)
{
    struct vmb_traffic_host *device = context;

    device->endpoint = endpoint;
    device->answer_bytes = VMBI_TRAFFIC_NO_ANSWER;
    device->streams_owed = 0;
    device->next_request = 0;
    device->next_stream = 0;
}

static void traffic_host_closed(void *context, vmb_status reason)
{
    struct vmb_traffic_host *device = context;

    (void)reason;
    device->endpoint = NULL;
}

const struct vmb_driver *vmb_traffic_host_driver(void)
{
    static const struct vmb_driver driver = {
        .name = "traffic",
        .class_id = VMB_GUID_TRAFFIC,
        .opened = traffic_host_opened,
        .on_event = traffic_host_on_event,
        .closed = traffic_host_closed,
    };

    return &driver;
}

vmb_status vmb_traffic_host_init(struct vmb_traffic_host *device, void *buffer,
                                 uint32_t buffer_bytes,
                                 void (*failed)(void *context, vmb_status status), void *context)
{
    if (buffer == NULL || (uintptr_t)buffer % 8u != 0 || buffer_bytes < 64) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmb_memset(device, 0, sizeof(*device));
    device->buffer = buffer;
    device->buffer_bytes = buffer_bytes;
    device->answer_bytes = VMBI_TRAFFIC_NO_ANSWER;
    device->failed = failed;
    device->context = context;
    return VMB_OK;
}

void vmb_traffic_host_read_counters(const struct vmb_traffic_host *device,
                                    struct vmb_traffic_counters *out_counters)
{
    vmbi_traffic_read_counters(device->counters, out_counters);
}
