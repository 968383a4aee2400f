/* SPDX-License-Identifier: MIT */
/* Sense data: fixed format, as every guest reads it (SPC-4 4.5.3). */
#include "drivers/stor/vmb_scsi.h"

#include <vmbus/platform/string.h>

#define SENSE_RESPONSE       0u
#define SENSE_CURRENT        0x70u
#define SENSE_VALID          0x80u
#define SENSE_KEY            2u
#define SENSE_INFORMATION    3u
#define SENSE_ADDITIONAL     7u
#define SENSE_CODE           12u
#define SENSE_SPECIFIC       15u
#define SENSE_SPECIFIC_VALID 0x80u
#define SENSE_IN_CDB         0x40u
#define SENSE_BIT_VALID      0x08u

#define REQUEST_DESCRIPTORS  0x01u

void vmbi_sense_encode(const struct vmbi_sense *sense, uint8_t *bytes)
{
    vmb_memset(bytes, 0, VMBI_SENSE_BYTES);
    bytes[SENSE_RESPONSE] = SENSE_CURRENT;
    bytes[SENSE_KEY] = sense->key;
    bytes[SENSE_ADDITIONAL] = VMBI_SENSE_BYTES - SENSE_ADDITIONAL - 1u;
    vmbi_scsi_put_be16(bytes + SENSE_CODE, sense->asc);
    if (sense->has_block && sense->block <= UINT32_MAX) {
        bytes[SENSE_RESPONSE] |= SENSE_VALID;
        vmbi_scsi_put_be32(bytes + SENSE_INFORMATION, (uint32_t)sense->block);
    }
    if (sense->has_field) {
        bool in_cdb = sense->asc != VMBI_ASC_INVALID_FIELD_IN_LIST &&
                      sense->asc != VMBI_ASC_PARAMETER_LIST_LENGTH;

        bytes[SENSE_SPECIFIC] = (uint8_t)(SENSE_SPECIFIC_VALID | SENSE_BIT_VALID |
                                          (in_cdb ? SENSE_IN_CDB : 0u) | (sense->field_bit & 7u));
        vmbi_scsi_put_be16(bytes + SENSE_SPECIFIC + 1u, sense->field_byte);
    }
}

void vmbi_scsi_request_sense(const struct vmbi_scsi_command *command,
                             const struct vmbi_sense *condition, struct vmbi_scsi_outcome *out)
{
    vmb_memset(out, 0, sizeof(*out));
    if ((command->cdb[1] & REQUEST_DESCRIPTORS) != 0) {
        vmbi_scsi_bad_field(out, 1, 0);
        return;
    }
    vmbi_sense_encode(condition, command->data);
    vmbi_scsi_send(out, VMBI_SENSE_BYTES, command->cdb[4]);
}

struct vmbi_sense vmbi_sense_of_result(const struct vmbi_scsi_disk *disk,
                                       const struct vmb_stor_io *io, enum vmb_stor_result result)
{
    struct vmbi_sense sense = {.key = VMBI_SENSE_NO_SENSE};

    switch (result) {
    case VMB_STOR_DONE:
        break;
    case VMB_STOR_MEDIA_ERROR:
        sense.key = VMBI_SENSE_MEDIUM_ERROR;
        sense.asc = io->operation == VMB_STOR_READ ? VMBI_ASC_READ_ERROR : VMBI_ASC_WRITE_ERROR;
        sense.has_block = io->operation != VMB_STOR_FLUSH;
        sense.block = (io->error_offset_bytes > io->offset_bytes ? io->error_offset_bytes
                                                                 : io->offset_bytes) >>
                      disk->block_shift;
        break;
    case VMB_STOR_NO_SPACE:
        sense.key = VMBI_SENSE_DATA_PROTECT;
        sense.asc = VMBI_ASC_SPACE_ALLOCATION;
        break;
    case VMB_STOR_READ_ONLY:
        sense.key = VMBI_SENSE_DATA_PROTECT;
        sense.asc = VMBI_ASC_WRITE_PROTECTED;
        break;
    case VMB_STOR_GONE:
    case VMB_STOR_FAILED:
    default:
        sense.key = VMBI_SENSE_HARDWARE_ERROR;
        sense.asc = VMBI_ASC_TARGET_FAILURE;
        break;
    }
    return sense;
}
