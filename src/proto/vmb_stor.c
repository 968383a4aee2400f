/* SPDX-License-Identifier: MIT */
/* VStor packets: header, and the bodies of everything but SCSI requests. */
#include <vmbus/platform/string.h>
#include <vmbus/proto/stor.h>

#include "base/vmb_le.h"

#define STOR_OPERATION           0u
#define STOR_FLAGS               4u
#define STOR_STATUS              8u
#define STOR_HEADER_BYTES        12u

#define STOR_VERSION             12u

#define STOR_PROPERTIES_CHANNELS 16u
#define STOR_PROPERTIES_FLAGS    20u
#define STOR_PROPERTIES_TRANSFER 24u

#define STOR_SUB_CHANNELS        12u

#define STOR_FC_ACTIVE           12u
#define STOR_FC_NAMES            16u /* Four of them. */

#define STOR_EVENT_LUN           12u
#define STOR_EVENT_TARGET        13u
#define STOR_EVENT_PATH          14u
#define STOR_EVENT_FLAGS         15u

uint16_t vmb_stor_version(uint32_t index)
{
    static const uint16_t versions[] = {VMB_STOR_VERSION_6_2, VMB_STOR_VERSION_6_0,
                                        VMB_STOR_VERSION_5_1, VMB_STOR_VERSION_4_2,
                                        VMB_STOR_VERSION_2_0};

    return index < sizeof(versions) / sizeof(versions[0]) ? versions[index] : 0;
}

uint32_t vmb_stor_packet_bytes(uint16_t version)
{
    return version >= VMB_STOR_VERSION_5_1 ? VMB_STOR_PACKET_BYTES : VMB_STOR_PACKET_BYTES_OLD;
}

const char *vmb_stor_operation_name(uint32_t operation)
{
    static const char *const names[] = {
        [VMB_STOR_COMPLETE] = "complete",
        [VMB_STOR_REMOVE_DEVICE] = "remove device",
        [VMB_STOR_EXECUTE_SRB] = "execute SRB",
        [VMB_STOR_RESET_LUN] = "reset LUN",
        [VMB_STOR_RESET_ADAPTER] = "reset adapter",
        [VMB_STOR_RESET_BUS] = "reset bus",
        [VMB_STOR_BEGIN_INIT] = "begin initialization",
        [VMB_STOR_END_INIT] = "end initialization",
        [VMB_STOR_QUERY_VERSION] = "query version",
        [VMB_STOR_QUERY_PROPERTIES] = "query properties",
        [VMB_STOR_ENUMERATE_BUS] = "enumerate bus",
        [VMB_STOR_FIBRE_CHANNEL_DATA] = "fibre channel data",
        [VMB_STOR_CREATE_SUB_CHANNELS] = "create sub-channels",
        [VMB_STOR_EVENT] = "event",
    };

    return operation >= VMB_STOR_COMPLETE && operation <= VMB_STOR_EVENT ? names[operation] : "?";
}

vmb_status vmb_stor_header_decode(const uint8_t *packet, uint32_t packet_bytes,
                                  struct vmb_stor_header *out_header)
{
    if (packet_bytes < VMB_STOR_PACKET_BYTES_OLD) {
        return VMB_ERR_MALFORMED;
    }
    out_header->operation = vmbi_le32(packet + STOR_OPERATION);
    out_header->flags = vmbi_le32(packet + STOR_FLAGS);
    out_header->status = vmbi_le32(packet + STOR_STATUS);
    if (out_header->operation < VMB_STOR_COMPLETE || out_header->operation > VMB_STOR_EVENT) {
        return VMB_ERR_UNKNOWN;
    }
    return VMB_OK;
}

void vmb_stor_header_encode(const struct vmb_stor_header *header, uint8_t *packet,
                            uint32_t packet_bytes)
{
    vmbi_put_le32(packet + STOR_OPERATION, header->operation);
    vmbi_put_le32(packet + STOR_FLAGS, header->flags);
    vmbi_put_le32(packet + STOR_STATUS, header->status);
    vmb_memset(packet + STOR_HEADER_BYTES, 0, packet_bytes - STOR_HEADER_BYTES);
}

void vmb_stor_answer_encode(uint8_t *packet, uint32_t status)
{
    vmbi_put_le32(packet + STOR_OPERATION, VMB_STOR_COMPLETE);
    vmbi_put_le32(packet + STOR_FLAGS, 0);
    vmbi_put_le32(packet + STOR_STATUS, status);
}

uint16_t vmb_stor_version_decode(const uint8_t *packet)
{
    return vmbi_le16(packet + STOR_VERSION);
}

void vmb_stor_version_encode(uint16_t version, uint8_t *packet)
{
    vmbi_put_le16(packet + STOR_VERSION, version);
}

void vmb_stor_properties_decode(const uint8_t *packet, struct vmb_stor_properties *out_properties)
{
    out_properties->max_sub_channels = vmbi_le16(packet + STOR_PROPERTIES_CHANNELS);
    out_properties->flags = vmbi_le32(packet + STOR_PROPERTIES_FLAGS);
    out_properties->max_transfer_bytes = vmbi_le32(packet + STOR_PROPERTIES_TRANSFER);
}

void vmb_stor_properties_encode(const struct vmb_stor_properties *properties, uint8_t *packet)
{
    vmbi_put_le16(packet + STOR_PROPERTIES_CHANNELS, properties->max_sub_channels);
    vmbi_put_le32(packet + STOR_PROPERTIES_FLAGS, properties->flags);
    vmbi_put_le32(packet + STOR_PROPERTIES_TRANSFER, properties->max_transfer_bytes);
}

uint16_t vmb_stor_sub_channels_decode(const uint8_t *packet)
{
    return vmbi_le16(packet + STOR_SUB_CHANNELS);
}

void vmb_stor_sub_channels_encode(uint16_t count, uint8_t *packet)
{
    vmbi_put_le16(packet + STOR_SUB_CHANNELS, count);
}

void vmb_stor_fibre_channel_decode(const uint8_t *packet, struct vmb_stor_fibre_channel *out_names)
{
    const uint8_t *names = packet + STOR_FC_NAMES;

    out_names->primary_active = packet[STOR_FC_ACTIVE] != 0;
    vmb_memcpy(out_names->primary_port, names, VMB_STOR_WWN_BYTES);
    vmb_memcpy(out_names->primary_node, names + 8, VMB_STOR_WWN_BYTES);
    vmb_memcpy(out_names->secondary_port, names + 16, VMB_STOR_WWN_BYTES);
    vmb_memcpy(out_names->secondary_node, names + 24, VMB_STOR_WWN_BYTES);
}

void vmb_stor_fibre_channel_encode(const struct vmb_stor_fibre_channel *names, uint8_t *packet)
{
    uint8_t *target = packet + STOR_FC_NAMES;

    packet[STOR_FC_ACTIVE] = names->primary_active ? 1 : 0;
    vmb_memcpy(target, names->primary_port, VMB_STOR_WWN_BYTES);
    vmb_memcpy(target + 8, names->primary_node, VMB_STOR_WWN_BYTES);
    vmb_memcpy(target + 16, names->secondary_port, VMB_STOR_WWN_BYTES);
    vmb_memcpy(target + 24, names->secondary_node, VMB_STOR_WWN_BYTES);
}

void vmb_stor_event_decode(const uint8_t *packet, struct vmb_stor_event *out_event)
{
    out_event->lun = packet[STOR_EVENT_LUN];
    out_event->target = packet[STOR_EVENT_TARGET];
    out_event->path = packet[STOR_EVENT_PATH];
    out_event->flags = packet[STOR_EVENT_FLAGS];
}

void vmb_stor_event_encode(const struct vmb_stor_event *event, uint8_t *packet)
{
    packet[STOR_EVENT_LUN] = event->lun;
    packet[STOR_EVENT_TARGET] = event->target;
    packet[STOR_EVENT_PATH] = event->path;
    packet[STOR_EVENT_FLAGS] = event->flags;
}
