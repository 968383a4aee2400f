/* SPDX-License-Identifier: MIT */
/* A peer of an integration service made by hand, which says whatever a test wants it to say. */
#ifndef IC_PEER_H
#define IC_PEER_H

#include "endpoint_pair.h"

#include <vmbus/proto/ic.h>

/* The last message that a peer received. */
struct ic_message {
    struct vmb_packet packet;
    struct vmb_ic_header header;
    uint8_t payload[8192];
    uint8_t *body;
};

/* True if there was one. */
static inline bool ic_receive(struct pair_side *side, struct ic_message *message)
{
    vmb_status status = vmb_endpoint_receive(&side->endpoint, message->payload,
                                             sizeof(message->payload), &message->packet);

    vmb_endpoint_release(&side->endpoint);
    if (status == VMB_ERR_RING_EMPTY) {
        return false;
    }
    assert_int_equal(status, VMB_OK);
    assert_int_equal(message->packet.type, VMB_PACKET_IN_BAND);
    assert_int_equal(
        vmb_ic_header_decode(message->payload, message->packet.payload_bytes, &message->header),
        VMB_OK);
    message->body = message->payload + VMB_IC_HEADER_BYTES;
    return true;
}

static inline void ic_send(struct pair_side *side, const struct vmb_ic_header *header,
                           const void *body, uint64_t packet_id)
{
    uint8_t payload[8192];

    vmb_ic_header_encode(header, payload);
    if (header->body_bytes > 0) {
        memcpy(payload + VMB_IC_HEADER_BYTES, body, header->body_bytes);
    }
    assert_int_equal(vmb_endpoint_send(&side->endpoint, payload,
                                       VMB_IC_HEADER_BYTES + (uint32_t)header->body_bytes,
                                       packet_id, false),
                     VMB_OK);
}

static inline struct vmb_ic_header ic_request_header(uint16_t type, uint16_t body_bytes,
                                                     uint8_t transaction)
{
    return (struct vmb_ic_header){
        .message_type = type,
        .body_bytes = body_bytes,
        .transaction_id = transaction,
        .flags = VMB_IC_TRANSACTION | VMB_IC_REQUEST,
    };
}

/* As a host: offer these versions, let the guest answer, leave its answer in @message. */
static inline void ic_negotiate_as_host(struct pair *pair, const struct vmb_ic_version *frameworks,
                                        uint16_t framework_count,
                                        const struct vmb_ic_version *messages,
                                        uint16_t message_count, struct ic_message *message)
{
    struct vmb_ic_header header;
    uint8_t body[1024];
    uint32_t bytes;

    assert_int_equal(vmb_ic_negotiate_encode(frameworks, framework_count, messages, message_count,
                                             body, sizeof(body), &bytes),
                     VMB_OK);
    header = ic_request_header(VMB_IC_NEGOTIATE, (uint16_t)bytes, 7);
    ic_send(&pair->host, &header, body, 7);
    pair_deliver(&pair->guest);
    assert_true(ic_receive(&pair->host, message));
}

/* As a guest: take the host's request and send it back with that status. */
static inline void ic_answer_as_guest(struct pair *pair, struct ic_message *message,
                                      uint32_t ic_status)
{
    message->header.status = ic_status;
    message->header.flags = VMB_IC_TRANSACTION | VMB_IC_RESPONSE;
    ic_send(&pair->guest, &message->header, message->body, message->packet.transaction_id);
}

/* As a guest: take the host's negotiation and pick these. */
static inline void ic_choose_as_guest(struct pair *pair, struct vmb_ic_version framework,
                                      struct vmb_ic_version version, uint16_t count)
{
    struct ic_message message;
    uint32_t bytes;

    assert_true(ic_receive(&pair->guest, &message));
    assert_int_equal(message.header.message_type, VMB_IC_NEGOTIATE);
    assert_int_equal(
        vmb_ic_negotiate_encode(&framework, count, &version, count, message.body, 64, &bytes),
        VMB_OK);
    message.header.body_bytes = (uint16_t)bytes;
    ic_answer_as_guest(pair, &message, VMB_IC_STATUS_OK);
    pair_deliver(&pair->host);
}

#endif /* IC_PEER_H */
