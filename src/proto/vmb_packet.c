/* SPDX-License-Identifier: MIT */
/* Packet descriptors and trailers. The extra headers are in vmb_packet_ranges.c. */
#include <vmbus/proto/packet.h>

#include "base/vmb_le.h"
#include "base/vmb_number.h"

/* Descriptor. Lengths are in units of 8 bytes. */
#define DESCRIPTOR_TYPE           0u
#define DESCRIPTOR_HEADER_UNITS   2u
#define DESCRIPTOR_PACKET_UNITS   4u
#define DESCRIPTOR_FLAGS          6u
#define DESCRIPTOR_TRANSACTION_ID 8u

#define TRAILER_RESERVED          0u
#define TRAILER_RING_OFFSET       4u

/* By number. Arrays, so that the table needs no relocation. */
static const char packet_type_names[VMB_PACKET_ADDITIONAL + 1u][24] = {
    "?",
    "synch",
    "add-transfer-pages",
    "remove-transfer-pages",
    "establish-gpadl",
    "teardown-gpadl",
    "in-band",
    "transfer-pages",
    "gpadl",
    "gpa-direct",
    "cancel",
    "completion",
    "multi",
    "additional",
};

static bool packet_type_in_use(uint16_t type)
{
    return type == VMB_PACKET_IN_BAND || type == VMB_PACKET_TRANSFER_PAGES ||
           type == VMB_PACKET_GPA_DIRECT || type == VMB_PACKET_COMPLETION;
}

vmb_status vmb_packet_descriptor_decode(const uint8_t *raw, uint32_t available_bytes,
                                        struct vmb_packet_descriptor *out_descriptor)
{
    uint32_t header_bytes, packet_bytes;

    if (available_bytes < VMB_PACKET_DESCRIPTOR_BYTES + VMB_PACKET_TRAILER_BYTES) {
        return VMB_ERR_PEER;
    }
    header_bytes = vmbi_le16(raw + DESCRIPTOR_HEADER_UNITS) * VMB_PACKET_ALIGN_BYTES;
    packet_bytes = vmbi_le16(raw + DESCRIPTOR_PACKET_UNITS) * VMB_PACKET_ALIGN_BYTES;
    if (header_bytes < VMB_PACKET_DESCRIPTOR_BYTES || packet_bytes < header_bytes ||
        packet_bytes > available_bytes - VMB_PACKET_TRAILER_BYTES) {
        return VMB_ERR_PEER;
    }
    out_descriptor->type = vmbi_le16(raw + DESCRIPTOR_TYPE);
    out_descriptor->flags = vmbi_le16(raw + DESCRIPTOR_FLAGS);
    out_descriptor->header_bytes = header_bytes;
    out_descriptor->packet_bytes = packet_bytes;
    out_descriptor->transaction_id = vmbi_le64(raw + DESCRIPTOR_TRANSACTION_ID);
    if (!packet_type_in_use(out_descriptor->type) ||
        (out_descriptor->flags & ~VMB_PACKET_WANTS_COMPLETION) != 0) {
        return VMB_ERR_UNKNOWN;
    }
    return VMB_OK;
}

vmb_status vmb_packet_descriptor_init(uint16_t type, uint16_t flags, uint64_t transaction_id,
                                      uint32_t extra_bytes, uint32_t payload_bytes,
                                      struct vmb_packet_descriptor *out_descriptor)
{
    uint32_t header_bytes;

    if (extra_bytes > VMB_PACKET_MAX_BYTES - VMB_PACKET_DESCRIPTOR_BYTES) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    header_bytes = VMB_PACKET_DESCRIPTOR_BYTES + vmbi_round_up_8(extra_bytes);
    if (payload_bytes > VMB_PACKET_MAX_BYTES - header_bytes) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    out_descriptor->type = type;
    out_descriptor->flags = flags;
    out_descriptor->header_bytes = header_bytes;
    out_descriptor->packet_bytes = header_bytes + vmbi_round_up_8(payload_bytes);
    out_descriptor->transaction_id = transaction_id;
    return VMB_OK;
}

void vmb_packet_descriptor_encode(const struct vmb_packet_descriptor *descriptor, uint8_t *raw)
{
    uint32_t header_units = descriptor->header_bytes / VMB_PACKET_ALIGN_BYTES;
    uint32_t packet_units = descriptor->packet_bytes / VMB_PACKET_ALIGN_BYTES;

    VMB_ASSERT(descriptor->header_bytes % VMB_PACKET_ALIGN_BYTES == 0);
    VMB_ASSERT(descriptor->packet_bytes % VMB_PACKET_ALIGN_BYTES == 0);
    VMB_ASSERT(descriptor->header_bytes >= VMB_PACKET_DESCRIPTOR_BYTES);
    VMB_ASSERT(descriptor->packet_bytes >= descriptor->header_bytes);
    VMB_ASSERT(descriptor->packet_bytes <= VMB_PACKET_MAX_BYTES);
    vmbi_put_le16(raw + DESCRIPTOR_TYPE, descriptor->type);
    vmbi_put_le16(raw + DESCRIPTOR_HEADER_UNITS, (uint16_t)header_units);
    vmbi_put_le16(raw + DESCRIPTOR_PACKET_UNITS, (uint16_t)packet_units);
    vmbi_put_le16(raw + DESCRIPTOR_FLAGS, descriptor->flags);
    vmbi_put_le64(raw + DESCRIPTOR_TRANSACTION_ID, descriptor->transaction_id);
}

void vmb_packet_trailer_encode(uint32_t ring_offset, uint8_t *raw)
{
    vmbi_put_le32(raw + TRAILER_RESERVED, 0);
    vmbi_put_le32(raw + TRAILER_RING_OFFSET, ring_offset);
}

const char *vmb_packet_type_name(uint16_t type)
{
    return packet_type_names[type <= VMB_PACKET_ADDITIONAL ? type : 0];
}
