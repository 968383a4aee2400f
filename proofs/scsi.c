/* SPDX-License-Identifier: MIT */
/*
 * SCSI commands: whatever bytes a guest sends as a CDB or as a list of blocks to unmap, of whatever
 * disk that can be attached, the answer fits its buffer, and what is to be done is on the disk and
 * within the limits that were announced. INQUIRY and REPORT LUNS are in inquiry.c.
 */
#include "proof.h"

#include <string.h>

/* Outcomes begin as zeroes; of an answer only the place matters. */
#define VMB_OVERRIDE_STRING_H
#define vmb_memset(target, value, bytes)                                                           \
    ((bytes) == sizeof(struct vmbi_scsi_outcome) ? (void)memset(target, value, bytes)              \
                                                 : proof_writable(target, bytes))

#include <vmbus/drivers/stor_disk.h>

#include "drivers/stor/vmb_scsi.c"
#include "drivers/stor/vmb_scsi_block.c"
#include "drivers/stor/vmb_scsi_mode.c"
#include "drivers/stor/vmb_scsi_sense.c"
#include "drivers/stor/vmb_scsi_unmap.c"

#define LIST_BYTES (8u + 16u * 3u)

static const struct vmb_stor_disk_ops ops = {.submit = (void (*)(void *, struct vmb_stor_io *))1};

static void check_outcome(const struct vmbi_scsi_disk *disk, const struct vmbi_scsi_outcome *out)
{
    uint64_t blocks = disk->is.block_count;

    switch (out->action) {
    case VMBI_SCSI_DATA:
        proof_check(out->data_bytes <= VMBI_SCSI_DATA_BYTES);
        break;
    case VMBI_SCSI_UNMAP_LIST:
        proof_check(out->data_bytes >= 8u && out->data_bytes <= VMBI_SCSI_UNMAP_LIST_BYTES);
        break;
    case VMBI_SCSI_IO:
    case VMBI_SCSI_SAME:
        proof_check(out->block <= blocks && out->block_count <= blocks - out->block);
        /* Byte offsets fit, as srb_submit() works them out. */
        proof_check((out->block + out->block_count) << disk->block_shift >> disk->block_shift ==
                    out->block + out->block_count);
        if (out->action == VMBI_SCSI_IO &&
            (out->operation == VMB_STOR_READ || out->operation == VMB_STOR_WRITE)) {
            proof_check(out->block_count > 0 &&
                        out->block_count << disk->block_shift <= disk->transfer_limit_bytes);
        }
        if (out->operation != VMB_STOR_READ && out->operation != VMB_STOR_FLUSH) {
            proof_check(!disk->is.read_only);
        }
        break;
    case VMBI_SCSI_FAIL:
        proof_check(out->sense.key != VMBI_SENSE_NO_SENSE);
        break;
    default:
        proof_check(out->action == VMBI_SCSI_GOOD);
        break;
    }
}

/* Nobody comes here: main() asks for something else. */
void vmbi_scsi_inquiry(const struct vmbi_scsi_disk *disk, const struct vmbi_scsi_command *command,
                       struct vmbi_scsi_outcome *out)
{
    (void)disk;
    (void)command;
    proof_check(out == NULL);
}

int main(void)
{
    struct vmb_stor_disk is;
    struct vmbi_scsi_disk disk;
    struct vmbi_scsi_outcome out;
    struct vmbi_scsi_range ranges[VMBI_SCSI_UNMAP_DESCRIPTORS];
    struct vmbi_sense sense;
    uint8_t cdb[20], data[VMBI_SCSI_DATA_BYTES], list[LIST_BYTES];
    struct vmbi_scsi_command command = {cdb, (uint32_t)proof_any(), data};
    uint32_t limit = (uint32_t)proof_any(), bytes = proof_below(LIST_BYTES + 1u), count, i;

    is.ops = &ops;
    proof_assume(limit >= 4096u && limit <= 8u << 20 && limit % 4096u == 0);
    proof_assume(vmbi_scsi_disk_init(&disk, &is, limit) == VMB_OK);
    proof_assume(cdb[0] != VMBI_SCSI_INQUIRY);
    vmbi_scsi_execute(&disk, proof_any() != 0, &command, &out);
    check_outcome(&disk, &out);
    if (vmbi_scsi_unmap_list(&disk, list + (LIST_BYTES - bytes), bytes, ranges, &count, &sense)) {
        proof_check(count <= 3u);
        for (i = 0; i < count; i++) {
            proof_check(ranges[i].block_count > 0 && ranges[i].block < disk.is.block_count &&
                        ranges[i].block_count <= disk.is.block_count - ranges[i].block);
        }
    }
    return 0;
}
