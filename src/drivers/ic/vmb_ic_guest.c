/* SPDX-License-Identifier: MIT */
/*
 * Integration services, guest side: take a message, edit it, send it back. There is one buffer, so
 * nothing is read while an answer waits for space; the host waits for that answer anyway.
 */
#include <vmbus/drivers/ic.h>

#include <vmbus/platform/string.h>
#include <vmbus/proto/packet.h>

#define IC_GUEST_BUDGET 64u

/* The body of the answer to a negotiation: counts, one version of each kind. */
#define IC_CHOICE_BYTES 16u

void vmb_ic_guest_init(struct vmb_ic_guest *ic, const struct vmb_ic_guest_service *service,
                       void *device, void *buffer, uint32_t buffer_bytes)
{
    VMB_ASSERT(buffer_bytes >= VMB_IC_BUFFER_BYTES);
    vmb_memset(ic, 0, sizeof(*ic));
    ic->service = service;
    ic->device = device;
    ic->buffer = buffer;
    ic->buffer_bytes = buffer_bytes;
}

void vmb_ic_guest_opened(struct vmb_ic_guest *ic, struct vmb_endpoint *endpoint)
{
    ic->endpoint = endpoint;
    ic->answer_bytes = 0;
    ic->late_bytes = 0;
    ic->agreed = false;
}

void vmb_ic_guest_closed(struct vmb_ic_guest *ic)
{
    ic->endpoint = NULL;
    ic->answer_bytes = 0;
    ic->late_bytes = 0;
    ic->agreed = false;
}

static void ic_guest_fail(struct vmb_ic_guest *ic, vmb_status status)
{
    ic->endpoint = NULL;
    if (ic->service->failed != NULL) {
        ic->service->failed(ic->device, status);
    }
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void ic_guest_answered(struct vmb_ic_guest *ic)
{
    ic->answer_bytes = 0;
    if (ic->answers_request && ic->service->answered != NULL) {
        ic->service->answered(ic->device);
    }
}

/* Send the answer that is owed, if any. VMB_OK: the buffer is free. */
static vmb_status ic_guest_settle(struct vmb_ic_guest *ic)
{
    while (ic->answer_bytes != 0) {
        vmb_status status =
            vmb_endpoint_send(ic->endpoint, ic->buffer, ic->answer_bytes, ic->answer_id, false);

        if (status == VMB_OK) {
            ic->counters.answers++;
            ic_guest_answered(ic);
        } else if (status == VMB_ERR_RING_FULL) {
            ic->counters.ring_full++;
            status = vmb_endpoint_wait_space(ic->endpoint, ic->answer_bytes);
        }
        if (status != VMB_OK) {
            return status;
        }
    }
    return VMB_OK;
}

/* Turn the message in the buffer into its own answer, as long as it came: @payload_bytes. */
static void ic_guest_owe(struct vmb_ic_guest *ic, uint32_t payload_bytes,
                         struct vmb_ic_header *header, uint32_t ic_status)
{
    uint8_t pipe[VMB_PIPE_HEADER_BYTES];

    header->status = ic_status;
    header->flags = VMB_IC_TRANSACTION | VMB_IC_RESPONSE;
    vmb_memcpy(pipe, ic->buffer, sizeof(pipe));
    vmb_ic_header_encode(header, ic->buffer);
    ic->answer_bytes = payload_bytes;
    if (ic->answer_bytes < VMB_IC_HEADER_BYTES + header->body_bytes) {
        ic->answer_bytes = VMB_IC_HEADER_BYTES + header->body_bytes;
    } else {
        /* The host's own count of the data: an answer of another size is cut off or dropped. */
        vmb_memcpy(ic->buffer, pipe, sizeof(pipe));
    }
}

/* ---- Messages -------------------------------------------------------------------------------- */

static void ic_guest_on_negotiate(struct vmb_ic_guest *ic, const struct vmb_packet *packet,
                                  struct vmb_ic_header *header)
{
    uint8_t *body = ic->buffer + VMB_IC_HEADER_BYTES;
    struct vmb_ic_version framework = {0, 0}, version = {0, 0};
    struct vmb_ic_negotiate offered;
    uint32_t body_bytes;
    uint16_t count;

    ic->counters.negotiations++;
    ic->answers_request = false;
    ic->agreed = false;
    if (vmb_ic_negotiate_decode(body, header->body_bytes, &offered) != VMB_OK) {
        ic->counters.malformed++;
        ic_guest_owe(ic, packet->payload_bytes, header, VMB_IC_STATUS_INVALID_ARGUMENT);
        return;
    }
    ic->agreed = vmb_ic_negotiate_choose(&offered, ic->service->message_type, &framework, &version);
    ic->version = version;
    count = ic->agreed ? 1 : 0;
    vmb_memset(body, 0, IC_CHOICE_BYTES);
    if (vmb_ic_negotiate_encode(&framework, count, &version, count, body, IC_CHOICE_BYTES,
                                &body_bytes) == VMB_OK) {
        header->body_bytes = IC_CHOICE_BYTES; /* Also for none: as Linux has it. */
    }
    ic_guest_owe(ic, packet->payload_bytes, header, VMB_IC_STATUS_OK);
    if (ic->service->negotiated != NULL) {
        ic->service->negotiated(ic->device, ic->agreed, version);
    }
}

static void ic_guest_on_request(struct vmb_ic_guest *ic, const struct vmb_packet *packet,
                                struct vmb_ic_header *header)
{
    uint32_t ic_status = VMB_IC_STATUS_NOT_SUPPORTED;

    ic->answers_request = false;
    if (header->message_type != ic->service->message_type || !ic->agreed) {
        ic->counters.unknown++;
    } else {
        ic->counters.requests++;
        ic->answers_request = true;
        ic_status = ic->service->request(ic->device, ic->version, ic->buffer + VMB_IC_HEADER_BYTES,
                                         header->body_bytes);
    }
    if (ic_status == VMB_IC_ANSWER_LATER) {
        ic->late_bytes = packet->payload_bytes;
    } else if ((header->flags & VMB_IC_TRANSACTION) != 0) {
        ic_guest_owe(ic, packet->payload_bytes, header, ic_status);
    } else {
        ic_guest_answered(ic); /* Nobody waits for an answer. */
    }
}

static void ic_guest_on_packet(struct vmb_ic_guest *ic, const struct vmb_packet *packet)
{
    struct vmb_ic_header header;

    ic->answer_id = packet->transaction_id;
    if (packet->type != VMB_PACKET_IN_BAND ||
        vmb_ic_header_decode(ic->buffer, packet->payload_bytes, &header) != VMB_OK ||
        (header.flags & VMB_IC_RESPONSE) != 0) {
        ic->counters.malformed++;
    } else if (header.message_type == VMB_IC_NEGOTIATE) {
        ic_guest_on_negotiate(ic, packet, &header);
    } else {
        ic_guest_on_request(ic, packet, &header);
    }
}

static vmb_status ic_guest_take(struct vmb_ic_guest *ic)
{
    struct vmb_packet packet = {0};
    vmb_status status = vmb_endpoint_receive(ic->endpoint, ic->buffer, ic->buffer_bytes, &packet);

    if (status == VMB_ERR_TOO_SMALL) {
        vmb_endpoint_skip(ic->endpoint, &packet);
        ic->counters.malformed++;
        return VMB_OK;
    }
    if (status == VMB_OK) {
        ic_guest_on_packet(ic, &packet);
    }
    return status;
}

void vmb_ic_guest_on_event(struct vmb_ic_guest *ic)
{
    vmb_status status = VMB_OK;
    uint32_t budget;

    if (ic->endpoint == NULL) {
        return;
    }
    for (budget = IC_GUEST_BUDGET; budget > 0 && status == VMB_OK && ic->late_bytes == 0;
         budget--) {
        status = ic_guest_settle(ic);
        if (status == VMB_OK) {
            status = ic_guest_take(ic);
        }
    }
    if (status == VMB_OK) {
        status = ic_guest_settle(ic);
    }
    vmb_endpoint_release(ic->endpoint);
    if (status != VMB_OK && status != VMB_ERR_RING_EMPTY && status != VMB_ERR_RING_FULL) {
        ic_guest_fail(ic, status);
    }
}

void vmb_ic_guest_answer(struct vmb_ic_guest *ic, uint32_t ic_status)
{
    uint32_t payload_bytes = ic->late_bytes;
    struct vmb_ic_header header;

    if (payload_bytes == 0 || ic->endpoint == NULL) {
        return;
    }
    ic->late_bytes = 0;
    /* Our own copy, decoded before; a service that spoilt its headers gets nothing sent. */
    if (vmb_ic_header_decode(ic->buffer, payload_bytes, &header) != VMB_OK) {
        ic->counters.malformed++;
    } else if ((header.flags & VMB_IC_TRANSACTION) != 0) {
        ic_guest_owe(ic, payload_bytes, &header, ic_status);
    } else {
        ic_guest_answered(ic);
    }
    vmb_ic_guest_on_event(ic);
}
