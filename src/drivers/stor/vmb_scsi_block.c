/* SPDX-License-Identifier: MIT */
/* The medium: how large, read it, write it, make it safe (SBC-3 5.10 to 5.16, 5.22, 5.31 to 5.40).
 */
#include "drivers/stor/vmb_scsi.h"

#include <vmbus/platform/string.h>

#define BLOCK_PROTECT           0xE0u /* RDPROTECT, WRPROTECT, VRPROTECT */
#define BLOCK_FUA               0x08u
#define BLOCK_BYTE_CHECK        0x06u

#define CAPACITY_10_BYTES       8u
#define CAPACITY_16_BYTES       32u
#define CAPACITY_SERVICE_ACTION 0x10u
#define CAPACITY_PROVISIONED    0x80u /* LBPME */
#define CAPACITY_READS_ZEROES   0x40u /* LBPRZ */

/* A range in a CDB. */
struct block_range {
    uint64_t block;
    uint32_t block_count;
    uint16_t count_byte; /* Where its length stands. */
};

/* The group code, the top 3 bits of the operation code, says where the fields are (SPC-4 4.2.5). */
static struct block_range block_range_of(const uint8_t *cdb)
{
    struct block_range range;

    switch (cdb[0] >> 5) {
    case 0:
        range.block = vmbi_scsi_be32(cdb) & 0x1FFFFFu;
        range.block_count = cdb[4] != 0 ? cdb[4] : 256;
        range.count_byte = 4;
        break;
    case 4:
        range.block = vmbi_scsi_be64(cdb + 2);
        range.block_count = vmbi_scsi_be32(cdb + 10);
        range.count_byte = 10;
        break;
    case 5:
        range.block = vmbi_scsi_be32(cdb + 2);
        range.block_count = vmbi_scsi_be32(cdb + 6);
        range.count_byte = 6;
        break;
    default:
        range.block = vmbi_scsi_be32(cdb + 2);
        range.block_count = vmbi_scsi_be16(cdb + 7);
        range.count_byte = 7;
        break;
    }
    return range;
}

static bool block_is_short(const uint8_t *cdb)
{
    return cdb[0] >> 5 == 0;
}

static bool block_is_write(uint8_t operation_code)
{
    return operation_code == VMBI_SCSI_WRITE_6 || operation_code == VMBI_SCSI_WRITE_10 ||
           operation_code == VMBI_SCSI_WRITE_12 || operation_code == VMBI_SCSI_WRITE_16;
}

void vmbi_scsi_read_write(const struct vmbi_scsi_disk *disk,
                          const struct vmbi_scsi_command *command, struct vmbi_scsi_outcome *out)
{
    const uint8_t *cdb = command->cdb;
    struct block_range range = block_range_of(cdb);

    if (!block_is_short(cdb) && (cdb[1] & BLOCK_PROTECT) != 0) {
        vmbi_scsi_bad_field(out, 1, 7);
        return;
    }
    if (!vmbi_scsi_in_range(disk, range.block, range.block_count, out)) {
        return;
    }
    if (range.block_count > disk->transfer_limit_bytes >> disk->block_shift) {
        vmbi_scsi_bad_field(out, range.count_byte, 7);
        return;
    }
    out->action = range.block_count != 0 ? VMBI_SCSI_IO : VMBI_SCSI_GOOD;
    out->operation = block_is_write(cdb[0]) ? VMB_STOR_WRITE : VMB_STOR_READ;
    out->is_durable =
        out->operation == VMB_STOR_WRITE && !block_is_short(cdb) && (cdb[1] & BLOCK_FUA) != 0;
    out->block = range.block;
    out->block_count = range.block_count;
}

void vmbi_scsi_synchronize_cache(const struct vmbi_scsi_disk *disk,
                                 const struct vmbi_scsi_command *command,
                                 struct vmbi_scsi_outcome *out)
{
    struct block_range range = block_range_of(command->cdb);

    if (!vmbi_scsi_in_range(disk, range.block, range.block_count, out)) {
        return;
    }
    /* All of the cache, whatever the range, and an answer when it is done, even with IMMED. */
    out->action = disk->is.read_only ? VMBI_SCSI_GOOD : VMBI_SCSI_IO;
    out->operation = VMB_STOR_FLUSH;
}

void vmbi_scsi_verify(const struct vmbi_scsi_disk *disk, const struct vmbi_scsi_command *command,
                      struct vmbi_scsi_outcome *out)
{
    struct block_range range = block_range_of(command->cdb);

    if ((command->cdb[1] & BLOCK_PROTECT) != 0) {
        vmbi_scsi_bad_field(out, 1, 7);
        return;
    }
    if ((command->cdb[1] & BLOCK_BYTE_CHECK) != 0) {
        vmbi_scsi_bad_field(out, 1, 2); /* Nothing is compared. */
        return;
    }
    if (vmbi_scsi_in_range(disk, range.block, range.block_count, out)) {
        out->action = VMBI_SCSI_GOOD;
    }
}

void vmbi_scsi_read_capacity_10(const struct vmbi_scsi_disk *disk,
                                const struct vmbi_scsi_command *command,
                                struct vmbi_scsi_outcome *out)
{
    uint64_t last = disk->is.block_count - 1;

    vmbi_scsi_put_be32(command->data, last >= UINT32_MAX ? UINT32_MAX : (uint32_t)last);
    vmbi_scsi_put_be32(command->data + 4, disk->is.block_bytes);
    vmbi_scsi_send(out, CAPACITY_10_BYTES, CAPACITY_10_BYTES);
}

void vmbi_scsi_service_action_in(const struct vmbi_scsi_disk *disk,
                                 const struct vmbi_scsi_command *command,
                                 struct vmbi_scsi_outcome *out)
{
    uint8_t *data = command->data;

    if ((command->cdb[1] & 0x1Fu) != CAPACITY_SERVICE_ACTION) {
        vmbi_scsi_bad_field(out, 1, 4);
        return;
    }
    vmb_memset(data, 0, CAPACITY_16_BYTES);
    vmbi_scsi_put_be64(data, disk->is.block_count - 1);
    vmbi_scsi_put_be32(data + 8, disk->is.block_bytes);
    data[13] = (uint8_t)disk->physical_exponent;
    if (disk->is.discard_bytes != 0 && !disk->is.read_only) {
        data[14] = CAPACITY_PROVISIONED;
        if (disk->is.discard_zeroes) {
            data[14] |= CAPACITY_READS_ZEROES;
        }
    }
    vmbi_scsi_send(out, CAPACITY_16_BYTES, vmbi_scsi_be32(command->cdb + 10));
}
