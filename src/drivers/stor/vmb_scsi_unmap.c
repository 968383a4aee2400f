/* SPDX-License-Identifier: MIT */
/* Many blocks at once: UNMAP (SBC-3 5.28), WRITE SAME (SBC-3 5.43, 5.44). */
#include "drivers/stor/vmb_scsi.h"

#define UNMAP_ANCHOR           0x01u
#define UNMAP_HEADER_BYTES     8u
#define UNMAP_DESCRIPTOR_BYTES 16u

#define SAME_PROTECT           0xE0u
#define SAME_ANCHOR            0x10u
#define SAME_UNMAP             0x08u
#define SAME_OBSOLETE          0x06u
#define SAME_NO_DATA           0x01u /* NDOB, of the 16-byte command: zeros. */

void vmbi_scsi_unmap(const struct vmbi_scsi_disk *disk, const struct vmbi_scsi_command *command,
                     struct vmbi_scsi_outcome *out)
{
    uint32_t list_bytes = vmbi_scsi_be16(command->cdb + 7);

    if (disk->is.discard_bytes == 0) {
        vmbi_scsi_fail(out, VMBI_SENSE_ILLEGAL_REQUEST, VMBI_ASC_INVALID_OPERATION_CODE);
        out->sense.has_field = true;
        return;
    }
    if ((command->cdb[1] & UNMAP_ANCHOR) != 0) {
        vmbi_scsi_bad_field(out, 1, 0);
        return;
    }
    if (list_bytes != 0 && list_bytes < UNMAP_HEADER_BYTES) {
        vmbi_scsi_fail(out, VMBI_SENSE_ILLEGAL_REQUEST, VMBI_ASC_PARAMETER_LIST_LENGTH);
        return;
    }
    out->action = list_bytes != 0 ? VMBI_SCSI_UNMAP_LIST : VMBI_SCSI_GOOD;
    out->data_bytes =
        list_bytes < VMBI_SCSI_UNMAP_LIST_BYTES ? list_bytes : VMBI_SCSI_UNMAP_LIST_BYTES;
}

static bool unmap_refuse(struct vmbi_sense *out_sense, uint16_t asc, uint32_t byte)
{
    *out_sense = (struct vmbi_sense){
        .key = VMBI_SENSE_ILLEGAL_REQUEST,
        .asc = asc,
        .has_field = true,
        .field_bit = 7,
        .field_byte = (uint16_t)byte,
    };
    return false;
}

bool vmbi_scsi_unmap_list(const struct vmbi_scsi_disk *disk, const uint8_t *list,
                          uint32_t list_bytes, struct vmbi_scsi_range *out_ranges,
                          uint32_t *out_count, struct vmbi_sense *out_sense)
{
    uint32_t wanted, at;

    *out_count = 0;
    if (list_bytes < UNMAP_HEADER_BYTES) {
        return unmap_refuse(out_sense, VMBI_ASC_PARAMETER_LIST_LENGTH, 0);
    }
    wanted = vmbi_scsi_be16(list + 2);
    if (wanted > VMBI_SCSI_UNMAP_DESCRIPTORS * UNMAP_DESCRIPTOR_BYTES) {
        return unmap_refuse(out_sense, VMBI_ASC_INVALID_FIELD_IN_LIST, 2);
    }
    for (at = UNMAP_HEADER_BYTES; at + UNMAP_DESCRIPTOR_BYTES <= UNMAP_HEADER_BYTES + wanted &&
                                  at + UNMAP_DESCRIPTOR_BYTES <= list_bytes;
         at += UNMAP_DESCRIPTOR_BYTES) {
        struct vmbi_scsi_range range = {vmbi_scsi_be64(list + at), vmbi_scsi_be32(list + at + 8)};
        struct vmbi_scsi_outcome outcome = {.sense = {.key = VMBI_SENSE_NO_SENSE}};

        if (!vmbi_scsi_in_range(disk, range.block, range.block_count, &outcome)) {
            *out_sense = outcome.sense;
            return false;
        }
        if (range.block_count != 0) {
            out_ranges[(*out_count)++] = range;
        }
    }
    return true;
}

void vmbi_scsi_write_same(const struct vmbi_scsi_disk *disk,
                          const struct vmbi_scsi_command *command, struct vmbi_scsi_outcome *out)
{
    const uint8_t *cdb = command->cdb;
    bool is_long = cdb[0] == VMBI_SCSI_WRITE_SAME_16;
    uint8_t flags = cdb[1];

    out->block = is_long ? vmbi_scsi_be64(cdb + 2) : vmbi_scsi_be32(cdb + 2);
    out->block_count = is_long ? vmbi_scsi_be32(cdb + 10) : vmbi_scsi_be16(cdb + 7);
    if ((flags & (SAME_PROTECT | SAME_ANCHOR | SAME_OBSOLETE)) != 0 ||
        (!is_long && (flags & SAME_NO_DATA) != 0) ||
        ((flags & SAME_UNMAP) != 0 && disk->is.discard_bytes == 0)) {
        vmbi_scsi_bad_field(out, 1, 7);
        return;
    }
    if (out->block_count == 0 ||
        out->block_count > VMBI_SCSI_WRITE_SAME_BYTES >> disk->block_shift) {
        vmbi_scsi_bad_field(out, is_long ? 10 : 7, 7);
        return;
    }
    if (!vmbi_scsi_in_range(disk, out->block, out->block_count, out)) {
        return;
    }
    out->may_unmap = (flags & SAME_UNMAP) != 0;
    out->operation =
        is_long && (flags & SAME_NO_DATA) != 0 ? VMB_STOR_WRITE_ZEROES : VMB_STOR_WRITE;
    out->action = out->operation == VMB_STOR_WRITE_ZEROES ? VMBI_SCSI_IO : VMBI_SCSI_SAME;
}
