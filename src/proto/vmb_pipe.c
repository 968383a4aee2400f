/* SPDX-License-Identifier: MIT */
/* Pipe framing. */
#include <vmbus/proto/pipe.h>

#include "base/vmb_le.h"

#define PIPE_TYPE  0u
#define PIPE_BYTES 4u
/* Of partial data, PIPE_BYTES is two numbers of 16 bits. */
#define PIPE_TOTAL     4u
#define PIPE_TAKEN     6u
#define PIPE_TOTAL_MAX 0xFFFFu

vmb_status vmb_pipe_header_decode(const uint8_t *payload, uint32_t payload_bytes,
                                  struct vmb_pipe_header *out_header)
{
    uint32_t type, total, taken;

    if (payload_bytes < VMB_PIPE_HEADER_BYTES) {
        return VMB_ERR_MALFORMED;
    }
    type = vmbi_le32(payload + PIPE_TYPE);
    if (type < VMB_PIPE_DATA || type > VMB_PIPE_INDICATION_DONE) {
        return VMB_ERR_UNKNOWN;
    }
    total = vmbi_le32(payload + PIPE_BYTES);
    taken = 0;
    if (type == VMB_PIPE_PARTIAL) {
        total = vmbi_le16(payload + PIPE_TOTAL);
        taken = vmbi_le16(payload + PIPE_TAKEN);
        if (taken >= total) {
            return VMB_ERR_MALFORMED;
        }
    }
    if (total > payload_bytes - VMB_PIPE_HEADER_BYTES) {
        return VMB_ERR_MALFORMED;
    }
    out_header->type = type;
    out_header->data_offset = VMB_PIPE_HEADER_BYTES + taken;
    out_header->data_bytes = total - taken;
    return VMB_OK;
}

void vmb_pipe_data_encode(uint32_t data_bytes, uint8_t *raw)
{
    vmbi_put_le32(raw + PIPE_TYPE, VMB_PIPE_DATA);
    vmbi_put_le32(raw + PIPE_BYTES, data_bytes);
}

vmb_status vmb_pipe_partial_encode(uint32_t total_bytes, uint32_t taken_bytes, uint8_t *raw)
{
    if (total_bytes > PIPE_TOTAL_MAX || taken_bytes >= total_bytes) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmbi_put_le32(raw + PIPE_TYPE, VMB_PIPE_PARTIAL);
    vmbi_put_le16(raw + PIPE_TOTAL, (uint16_t)total_bytes);
    vmbi_put_le16(raw + PIPE_TAKEN, (uint16_t)taken_bytes);
    return VMB_OK;
}
