/* SPDX-License-Identifier: MIT */
/* Bodies of the backup service. */
#include <vmbus/platform/string.h>
#include <vmbus/proto/vss.h>

#include "base/vmb_le.h"

#define VSS_OPERATION 0u

/* In the data. */
#define VSS_FLAGS           0u
#define VSS_FLAGS_END       4u
#define VSS_SET             0u
#define VSS_BACKUP_TYPE     16u
#define VSS_BACKUP_TYPE_END 20u

#define VSS_DATA_MAX        (VMB_IC_MAX_BYTES - VMB_IC_HEADER_BYTES - VMB_VSS_HEADER_BYTES)

vmb_status vmb_vss_decode(const uint8_t *body, uint32_t body_bytes, struct vmb_vss *out_vss)
{
    if (body_bytes < VMB_VSS_HEADER_BYTES) {
        return VMB_ERR_MALFORMED;
    }
    out_vss->operation = body[VSS_OPERATION];
    out_vss->data.bytes = body + VMB_VSS_HEADER_BYTES;
    out_vss->data.byte_count = body_bytes - VMB_VSS_HEADER_BYTES;
    return VMB_OK;
}

vmb_status vmb_vss_encode(const struct vmb_vss *vss, uint8_t *body, uint32_t buffer_bytes,
                          uint32_t *out_bytes)
{
    if (vss->data.byte_count > VSS_DATA_MAX) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    *out_bytes = VMB_VSS_HEADER_BYTES + vss->data.byte_count;
    if (*out_bytes > buffer_bytes) {
        return VMB_ERR_TOO_SMALL;
    }
    vmb_memset(body, 0, VMB_VSS_HEADER_BYTES);
    body[VSS_OPERATION] = vss->operation;
    if (vss->data.byte_count != 0) {
        vmb_memcpy(body + VMB_VSS_HEADER_BYTES, vss->data.bytes, vss->data.byte_count);
    }
    return VMB_OK;
}

vmb_status vmb_vss_flags_decode(const struct vmb_vss *vss, uint32_t *out_flags)
{
    if (vss->data.byte_count < VSS_FLAGS_END) {
        return VMB_ERR_MALFORMED;
    }
    *out_flags = vmbi_le32((const uint8_t *)vss->data.bytes + VSS_FLAGS);
    return VMB_OK;
}

void vmb_vss_flags_encode(uint8_t operation, uint32_t flags, uint8_t *body)
{
    vmb_memset(body, 0, VMB_VSS_FLAGS_BYTES);
    body[VSS_OPERATION] = operation;
    vmbi_put_le32(body + VMB_VSS_HEADER_BYTES + VSS_FLAGS, flags);
}

vmb_status vmb_vss_snapshot_decode(const struct vmb_vss *vss, struct vmb_guid *out_set,
                                   uint32_t *out_backup_type)
{
    const uint8_t *data = vss->data.bytes;

    if (vss->data.byte_count < VSS_BACKUP_TYPE) {
        return VMB_ERR_MALFORMED;
    }
    vmb_memcpy(out_set->bytes, data + VSS_SET, sizeof(out_set->bytes));
    *out_backup_type =
        vss->data.byte_count >= VSS_BACKUP_TYPE_END ? vmbi_le32(data + VSS_BACKUP_TYPE) : 0;
    return VMB_OK;
}
