/* SPDX-License-Identifier: MIT */
/*
 * INQUIRY and REPORT LUNS: for any page, any allocation length, any disk that can be attached
 * whatever its names hold, and any LUNs, the answer stays within its buffer.
 */
#include "proof.h"

#include <string.h>

/* Outcomes begin as zeroes; of an answer only the place matters. */
#define VMB_OVERRIDE_STRING_H
#define vmb_memset(target, value, bytes)                                                           \
    ((bytes) == sizeof(struct vmbi_scsi_outcome) ? (void)memset(target, value, bytes)              \
                                                 : proof_writable(target, bytes))
#define vmb_memcpy(target, source, bytes) proof_copy(target, source, bytes)

#include "drivers/stor/vmb_scsi_inquiry.c"

/* As in vmb_scsi.c, which has much that is not needed here. */
void vmbi_scsi_bad_field(struct vmbi_scsi_outcome *out, uint16_t byte, uint8_t bit)
{
    (void)byte;
    (void)bit;
    out->action = VMBI_SCSI_FAIL;
}

void vmbi_scsi_send(struct vmbi_scsi_outcome *out, uint32_t bytes, uint32_t allocation_bytes)
{
    proof_check(bytes <= VMBI_SCSI_DATA_BYTES);
    out->action = VMBI_SCSI_DATA;
    out->data_bytes = bytes < allocation_bytes ? bytes : allocation_bytes;
}

int main(void)
{
    struct vmbi_scsi_disk disk; /* Anything, but for what vmbi_scsi_disk_init() sees to. */
    uint8_t cdb[20], data[VMBI_SCSI_DATA_BYTES];
    struct vmbi_scsi_command command = {cdb, (uint32_t)proof_any(), data};
    struct vmbi_scsi_outcome out;

    proof_assume(disk.block_shift >= 9 && disk.block_shift <= 12 && disk.physical_exponent <= 15);
    disk.is.serial[VMB_STOR_SERIAL_CHARS] = '\0';
    disk.is.product[VMB_STOR_PRODUCT_CHARS] = '\0';
    vmbi_scsi_inquiry(&disk, &command, &out);
    vmbi_scsi_inquire_nothing(&command, &out);
    vmbi_scsi_report_luns(proof_any(), &command, &out);
    return 0;
}
