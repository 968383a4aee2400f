/* SPDX-License-Identifier: MIT */
/* The SCSI target: which command is whose, and what any of them may meet. */
#include "drivers/stor/vmb_scsi.h"

#include <vmbus/platform/string.h>

#define SCSI_BLOCK_BYTES_MIN 512u
#define SCSI_BLOCK_BYTES_MAX 4096u
#define SCSI_EXPONENT_MAX    15u /* READ CAPACITY has 4 bits for it (SBC-3 5.16). */
#define SCSI_CONTROL_NACA    0x04u

/* scsi_row.traits */
#define SCSI_NEEDS_MEDIUM 0x1u /* Not while the unit is stopped. */
#define SCSI_WRITES       0x2u /* Not on a read-only disk. */

struct scsi_row {
    uint8_t operation_code;
    uint8_t cdb_bytes;
    uint8_t traits;
    vmbi_scsi_handler handler;
};

static void scsi_test_unit_ready(const struct vmbi_scsi_disk *disk,
                                 const struct vmbi_scsi_command *command,
                                 struct vmbi_scsi_outcome *out)
{
    (void)disk;
    (void)command;
    out->action = VMBI_SCSI_GOOD;
}

static void scsi_nothing_to_sense(const struct vmbi_scsi_disk *disk,
                                  const struct vmbi_scsi_command *command,
                                  struct vmbi_scsi_outcome *out)
{
    static const struct vmbi_sense none = {.key = VMBI_SENSE_NO_SENSE};

    (void)disk;
    vmbi_scsi_request_sense(command, &none, out);
}

static const struct scsi_row scsi_rows[] = {
    {VMBI_SCSI_READ_10, 10, SCSI_NEEDS_MEDIUM, vmbi_scsi_read_write},
    {VMBI_SCSI_WRITE_10, 10, SCSI_NEEDS_MEDIUM | SCSI_WRITES, vmbi_scsi_read_write},
    {VMBI_SCSI_READ_16, 16, SCSI_NEEDS_MEDIUM, vmbi_scsi_read_write},
    {VMBI_SCSI_WRITE_16, 16, SCSI_NEEDS_MEDIUM | SCSI_WRITES, vmbi_scsi_read_write},
    {VMBI_SCSI_SYNCHRONIZE_CACHE_10, 10, SCSI_NEEDS_MEDIUM, vmbi_scsi_synchronize_cache},
    {VMBI_SCSI_SYNCHRONIZE_CACHE_16, 16, SCSI_NEEDS_MEDIUM, vmbi_scsi_synchronize_cache},
    {VMBI_SCSI_UNMAP, 10, SCSI_NEEDS_MEDIUM | SCSI_WRITES, vmbi_scsi_unmap},
    {VMBI_SCSI_WRITE_SAME_10, 10, SCSI_NEEDS_MEDIUM | SCSI_WRITES, vmbi_scsi_write_same},
    {VMBI_SCSI_WRITE_SAME_16, 16, SCSI_NEEDS_MEDIUM | SCSI_WRITES, vmbi_scsi_write_same},
    {VMBI_SCSI_READ_12, 12, SCSI_NEEDS_MEDIUM, vmbi_scsi_read_write},
    {VMBI_SCSI_WRITE_12, 12, SCSI_NEEDS_MEDIUM | SCSI_WRITES, vmbi_scsi_read_write},
    {VMBI_SCSI_READ_6, 6, SCSI_NEEDS_MEDIUM, vmbi_scsi_read_write},
    {VMBI_SCSI_WRITE_6, 6, SCSI_NEEDS_MEDIUM | SCSI_WRITES, vmbi_scsi_read_write},
    {VMBI_SCSI_TEST_UNIT_READY, 6, SCSI_NEEDS_MEDIUM, scsi_test_unit_ready},
    {VMBI_SCSI_REQUEST_SENSE, 6, 0, scsi_nothing_to_sense},
    {VMBI_SCSI_INQUIRY, 6, 0, vmbi_scsi_inquiry},
    {VMBI_SCSI_MODE_SENSE_6, 6, 0, vmbi_scsi_mode_sense},
    {VMBI_SCSI_MODE_SENSE_10, 10, 0, vmbi_scsi_mode_sense},
    {VMBI_SCSI_START_STOP_UNIT, 6, 0, vmbi_scsi_start_stop},
    {VMBI_SCSI_READ_CAPACITY_10, 10, SCSI_NEEDS_MEDIUM, vmbi_scsi_read_capacity_10},
    {VMBI_SCSI_SERVICE_ACTION_IN_16, 16, SCSI_NEEDS_MEDIUM, vmbi_scsi_service_action_in},
    {VMBI_SCSI_VERIFY_10, 10, SCSI_NEEDS_MEDIUM, vmbi_scsi_verify},
    {VMBI_SCSI_VERIFY_12, 12, SCSI_NEEDS_MEDIUM, vmbi_scsi_verify},
    {VMBI_SCSI_VERIFY_16, 16, SCSI_NEEDS_MEDIUM, vmbi_scsi_verify},
};

static const struct scsi_row *scsi_find(uint8_t operation_code)
{
    uint32_t i;

    for (i = 0; i < sizeof(scsi_rows) / sizeof(scsi_rows[0]); i++) {
        if (scsi_rows[i].operation_code == operation_code) {
            return &scsi_rows[i];
        }
    }
    return NULL;
}

void vmbi_scsi_fail(struct vmbi_scsi_outcome *out, uint8_t key, uint16_t asc)
{
    out->action = VMBI_SCSI_FAIL;
    out->sense.key = key;
    out->sense.asc = asc;
}

void vmbi_scsi_bad_field(struct vmbi_scsi_outcome *out, uint16_t byte, uint8_t bit)
{
    vmbi_scsi_fail(out, VMBI_SENSE_ILLEGAL_REQUEST, VMBI_ASC_INVALID_FIELD_IN_CDB);
    out->sense.has_field = true;
    out->sense.field_byte = byte;
    out->sense.field_bit = bit;
}

void vmbi_scsi_send(struct vmbi_scsi_outcome *out, uint32_t bytes, uint32_t allocation_bytes)
{
    out->action = VMBI_SCSI_DATA;
    out->data_bytes = bytes < allocation_bytes ? bytes : allocation_bytes;
}

bool vmbi_scsi_in_range(const struct vmbi_scsi_disk *disk, uint64_t block, uint64_t block_count,
                        struct vmbi_scsi_outcome *out)
{
    if (block <= disk->is.block_count && block_count <= disk->is.block_count - block) {
        return true;
    }
    vmbi_scsi_fail(out, VMBI_SENSE_ILLEGAL_REQUEST, VMBI_ASC_LBA_OUT_OF_RANGE);
    out->sense.has_block = true;
    out->sense.block = block > disk->is.block_count ? block : disk->is.block_count;
    return false;
}

bool vmbi_scsi_reports_attention(uint8_t operation_code)
{
    return operation_code != VMBI_SCSI_INQUIRY && operation_code != VMBI_SCSI_REPORT_LUNS &&
           operation_code != VMBI_SCSI_REQUEST_SENSE;
}

/* @number is not 0. */
static bool scsi_is_power_of_two(uint32_t number)
{
    return (number & (number - 1)) == 0;
}

static uint32_t scsi_shift_of(uint32_t power_of_two)
{
    uint32_t shift = 0;

    while (power_of_two >> shift != 1) {
        shift++;
    }
    return shift;
}

vmb_status vmbi_scsi_disk_init(struct vmbi_scsi_disk *disk, const struct vmb_stor_disk *is,
                               uint32_t transfer_limit_bytes)
{
    uint32_t block = is->block_bytes != 0 ? is->block_bytes : SCSI_BLOCK_BYTES_MIN;
    uint32_t physical = is->physical_block_bytes != 0 ? is->physical_block_bytes : block;

    if (is->ops == NULL || is->ops->submit == NULL || is->block_count == 0 ||
        !scsi_is_power_of_two(block) || block < SCSI_BLOCK_BYTES_MIN ||
        block > SCSI_BLOCK_BYTES_MAX || !scsi_is_power_of_two(physical) || physical < block ||
        physical >> SCSI_EXPONENT_MAX > block || is->discard_bytes % block != 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    disk->is = *is;
    disk->is.block_bytes = block;
    disk->is.physical_block_bytes = physical;
    disk->block_shift = scsi_shift_of(block);
    disk->physical_exponent = scsi_shift_of(physical) - disk->block_shift;
    disk->transfer_limit_bytes = transfer_limit_bytes;
    disk->is.serial[VMB_STOR_SERIAL_CHARS] = '\0';
    disk->is.product[VMB_STOR_PRODUCT_CHARS] = '\0';
    /* Byte offsets have 64 bits, and so has the number of the last block plus one. */
    return is->block_count > UINT64_MAX >> 1 >> disk->block_shift ? VMB_ERR_INVALID_ARGUMENT
                                                                  : VMB_OK;
}

void vmbi_scsi_execute(const struct vmbi_scsi_disk *disk, bool stopped,
                       const struct vmbi_scsi_command *command, struct vmbi_scsi_outcome *out)
{
    const struct scsi_row *row = scsi_find(command->cdb[0]);

    vmb_memset(out, 0, sizeof(*out));
    if (row == NULL || command->cdb_bytes < row->cdb_bytes) {
        vmbi_scsi_fail(out, VMBI_SENSE_ILLEGAL_REQUEST, VMBI_ASC_INVALID_OPERATION_CODE);
        out->sense.has_field = true;
        return;
    }
    if ((command->cdb[row->cdb_bytes - 1u] & SCSI_CONTROL_NACA) != 0) {
        vmbi_scsi_bad_field(out, (uint16_t)(row->cdb_bytes - 1u), 2);
        return;
    }
    if ((row->traits & SCSI_NEEDS_MEDIUM) != 0 && stopped) {
        vmbi_scsi_fail(out, VMBI_SENSE_NOT_READY, VMBI_ASC_START_REQUIRED);
        return;
    }
    if ((row->traits & SCSI_WRITES) != 0 && disk->is.read_only) {
        vmbi_scsi_fail(out, VMBI_SENSE_DATA_PROTECT, VMBI_ASC_WRITE_PROTECTED);
        return;
    }
    row->handler(disk, command, out);
}
