/* SPDX-License-Identifier: MIT */
/* VStor packets: the body of SCSI requests. */
#include <vmbus/platform/string.h>
#include <vmbus/proto/stor.h>

#include "base/vmb_le.h"

#define SRB_LENGTH                   12u
#define SRB_STATUS                   14u
#define SRB_SCSI_STATUS              15u
#define SRB_PORT                     16u
#define SRB_PATH                     17u
#define SRB_TARGET                   18u
#define SRB_LUN                      19u
#define SRB_CDB_BYTES                20u
#define SRB_SENSE_BYTES              21u
#define SRB_DIRECTION                22u
#define SRB_DATA_BYTES               24u
#define SRB_CDB                      28u
#define SRB_QUEUE_TAG                50u
#define SRB_QUEUE_ACTION             51u
#define SRB_FLAGS                    52u
#define SRB_TIMEOUT                  56u
#define SRB_SORT_KEY                 60u

#define SRB_BODY_BYTES(packet_bytes) ((packet_bytes)-SRB_LENGTH)

static bool srb_is_long(uint32_t packet_bytes)
{
    return packet_bytes >= VMB_STOR_PACKET_BYTES;
}

vmb_status vmb_stor_srb_decode(const uint8_t *packet, uint32_t packet_bytes, bool is_answer,
                               struct vmb_stor_srb *out_srb)
{
    uint32_t kept = is_answer ? VMB_STOR_SENSE_BYTES : packet[SRB_CDB_BYTES];

    if ((!is_answer && kept > VMB_STOR_CDB_BYTES) ||
        (is_answer && packet[SRB_SENSE_BYTES] > VMB_STOR_SENSE_BYTES)) {
        return VMB_ERR_MALFORMED;
    }
    vmb_memset(out_srb, 0, sizeof(*out_srb));
    out_srb->srb_status = packet[SRB_STATUS];
    out_srb->scsi_status = packet[SRB_SCSI_STATUS];
    out_srb->port = packet[SRB_PORT];
    out_srb->path = packet[SRB_PATH];
    out_srb->target = packet[SRB_TARGET];
    out_srb->lun = packet[SRB_LUN];
    out_srb->cdb_bytes = packet[SRB_CDB_BYTES];
    out_srb->sense_bytes = packet[SRB_SENSE_BYTES];
    out_srb->direction = packet[SRB_DIRECTION];
    out_srb->data_bytes = vmbi_le32(packet + SRB_DATA_BYTES);
    vmb_memcpy(out_srb->cdb_or_sense, packet + SRB_CDB, kept);
    if (srb_is_long(packet_bytes)) {
        out_srb->queue_tag = packet[SRB_QUEUE_TAG];
        out_srb->queue_action = packet[SRB_QUEUE_ACTION];
        out_srb->srb_flags = vmbi_le32(packet + SRB_FLAGS);
        out_srb->timeout_seconds = vmbi_le32(packet + SRB_TIMEOUT);
        out_srb->queue_sort_key = vmbi_le32(packet + SRB_SORT_KEY);
    }
    return VMB_OK;
}

void vmb_stor_srb_encode(const struct vmb_stor_srb *srb, uint8_t *packet, uint32_t packet_bytes)
{
    VMB_ASSERT(srb->cdb_bytes <= VMB_STOR_CDB_BYTES);
    VMB_ASSERT(srb->sense_bytes <= VMB_STOR_SENSE_BYTES);
    vmbi_put_le16(packet + SRB_LENGTH, (uint16_t)SRB_BODY_BYTES(packet_bytes));
    packet[SRB_STATUS] = srb->srb_status;
    packet[SRB_SCSI_STATUS] = srb->scsi_status;
    packet[SRB_PORT] = srb->port;
    packet[SRB_PATH] = srb->path;
    packet[SRB_TARGET] = srb->target;
    packet[SRB_LUN] = srb->lun;
    packet[SRB_CDB_BYTES] = srb->cdb_bytes;
    packet[SRB_SENSE_BYTES] = srb->sense_bytes;
    packet[SRB_DIRECTION] = srb->direction;
    vmbi_put_le32(packet + SRB_DATA_BYTES, srb->data_bytes);
    vmb_memcpy(packet + SRB_CDB, srb->cdb_or_sense, VMB_STOR_SENSE_BYTES);
    if (srb_is_long(packet_bytes)) {
        packet[SRB_QUEUE_TAG] = srb->queue_tag;
        packet[SRB_QUEUE_ACTION] = srb->queue_action;
        vmbi_put_le32(packet + SRB_FLAGS, srb->srb_flags);
        vmbi_put_le32(packet + SRB_TIMEOUT, srb->timeout_seconds);
        vmbi_put_le32(packet + SRB_SORT_KEY, srb->queue_sort_key);
    }
}
