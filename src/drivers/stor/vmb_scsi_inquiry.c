/* SPDX-License-Identifier: MIT */
/* Who is there: INQUIRY with its pages, and REPORT LUNS (SPC-4 6.6, 6.33, 7.8; SBC-3 6.6). */
#include "drivers/stor/vmb_scsi.h"

#include <vmbus/platform/string.h>

#define INQUIRY_EVPD           0x01u
#define INQUIRY_BYTES          74u
#define INQUIRY_LENGTH_BEFORE  5u /* Bytes that the additional length does not count. */
#define INQUIRY_VENDOR         "libvmbus"
#define INQUIRY_REVISION       "1.0 "
#define INQUIRY_NOTHING        0x7Fu /* Qualifier 011b, type unknown. */
#define INQUIRY_SPC_4          0x06u
#define INQUIRY_RESPONSE       0x12u /* Format 2; LUNs in the hierarchical form. */
#define INQUIRY_QUEUES         0x02u /* CmdQue */

#define VPD_PAGES              0x00u
#define VPD_SERIAL             0x80u
#define VPD_IDENTITY           0x83u
#define VPD_BLOCK_LIMITS       0xB0u
#define VPD_CHARACTERISTICS    0xB1u
#define VPD_PROVISIONING       0xB2u
#define VPD_HEADER_BYTES       4u
#define VPD_B_PAGE_BYTES       64u
#define VPD_PROVISIONING_BYTES 8u

#define IDENTITY_ASCII         0x02u
#define IDENTITY_BINARY        0x01u
#define IDENTITY_VENDOR        0x01u /* T10 vendor id and what it chose. */
#define IDENTITY_NAA           0x03u
#define IDENTITY_NAA_LOCAL     0x3u /* Locally assigned: 60 bits. */

#define ROTATION_NONE          1u
#define ROTATION_RPM           7200u

#define PROVISIONING_UNMAP     0x80u
#define PROVISIONING_SAME_16   0x40u
#define PROVISIONING_SAME_10   0x20u
#define PROVISIONING_ZEROES    0x04u
#define PROVISIONING_THIN      0x02u

#define LUNS_HEADER_BYTES      8u
#define LUNS_ENTRY_BYTES       8u
#define LUNS_WELL_KNOWN        0x01u
#define LUNS_ALL               0x02u

/* Characters, then blanks, as ASCII fields are (SPC-4 4.3.1). */
static void inquiry_text(uint8_t *field, uint32_t field_bytes, const char *text)
{
    uint32_t i;

    for (i = 0; i < field_bytes && text[i] != '\0'; i++) {
        field[i] = text[i] >= 0x20 && text[i] < 0x7F ? (uint8_t)text[i] : (uint8_t)' ';
    }
    vmb_memset(field + i, ' ', field_bytes - i);
}

static const char *inquiry_serial(const struct vmbi_scsi_disk *disk)
{
    return disk->is.serial[0] != '\0' ? disk->is.serial : "0";
}

static uint32_t inquiry_text_bytes(const char *text)
{
    uint32_t bytes = 0;

    while (text[bytes] != '\0') {
        bytes++;
    }
    return bytes;
}

/* A number for a disk that was given none: the same for the same serial number (FNV-1a). */
static uint64_t inquiry_unique_id(const struct vmbi_scsi_disk *disk)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    const char *text;

    if (disk->is.unique_id != 0) {
        return disk->is.unique_id;
    }
    for (text = inquiry_serial(disk); *text != '\0'; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001B3);
    }
    return hash;
}

static uint32_t inquiry_standard(const struct vmbi_scsi_disk *disk, uint8_t *data)
{
    static const uint16_t versions[] = {0x00A0, 0x0460, 0x04C0}; /* SAM-5, SPC-4, SBC-3. */
    uint32_t i;

    vmb_memset(data, 0, INQUIRY_BYTES);
    data[2] = INQUIRY_SPC_4;
    data[3] = INQUIRY_RESPONSE;
    data[4] = INQUIRY_BYTES - INQUIRY_LENGTH_BEFORE;
    data[7] = INQUIRY_QUEUES;
    inquiry_text(data + 8, 8, INQUIRY_VENDOR);
    inquiry_text(data + 16, VMB_STOR_PRODUCT_CHARS,
                 disk->is.product[0] != '\0' ? disk->is.product : "Virtual Disk");
    inquiry_text(data + 32, 4, INQUIRY_REVISION);
    for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        vmbi_scsi_put_be16(data + 58 + 2 * i, versions[i]);
    }
    return INQUIRY_BYTES;
}

static uint32_t inquiry_serial_page(const struct vmbi_scsi_disk *disk, uint8_t *data)
{
    uint32_t bytes = inquiry_text_bytes(inquiry_serial(disk));

    inquiry_text(data + VPD_HEADER_BYTES, bytes, inquiry_serial(disk));
    return bytes;
}

static uint32_t inquiry_identity_page(const struct vmbi_scsi_disk *disk, uint8_t *data)
{
    uint32_t serial_bytes = inquiry_text_bytes(inquiry_serial(disk));
    uint64_t naa = (inquiry_unique_id(disk) & (UINT64_MAX >> 4)) | (uint64_t)IDENTITY_NAA_LOCAL
                                                                       << 60;
    uint8_t *at = data + VPD_HEADER_BYTES;

    at[0] = IDENTITY_BINARY;
    at[1] = IDENTITY_NAA;
    at[3] = 8;
    vmbi_scsi_put_be64(at + 4, naa);
    at += 12;
    at[0] = IDENTITY_ASCII;
    at[1] = IDENTITY_VENDOR;
    at[3] = (uint8_t)(8 + serial_bytes);
    inquiry_text(at + 4, 8, INQUIRY_VENDOR);
    inquiry_text(at + 12, serial_bytes, inquiry_serial(disk));
    return 12 + 12 + serial_bytes;
}

static uint32_t inquiry_limits_page(const struct vmbi_scsi_disk *disk, uint8_t *data)
{
    uint32_t shift = disk->block_shift;

    data[4] = 0x01; /* WSNZ: a WRITE SAME of no blocks is not "to the end". */
    vmbi_scsi_put_be16(data + 6, (uint16_t)(1u << disk->physical_exponent));
    vmbi_scsi_put_be32(data + 8, disk->transfer_limit_bytes >> shift);
    vmbi_scsi_put_be32(data + 12, disk->transfer_limit_bytes >> shift);
    if (disk->is.discard_bytes != 0 && !disk->is.read_only) {
        vmbi_scsi_put_be32(data + 20, UINT32_MAX);
        vmbi_scsi_put_be32(data + 24, VMBI_SCSI_UNMAP_DESCRIPTORS);
        vmbi_scsi_put_be32(data + 28, disk->is.discard_bytes >> shift);
        vmbi_scsi_put_be32(data + 32, 0x80000000u); /* Aligned to block 0. */
    }
    vmbi_scsi_put_be64(data + 36, VMBI_SCSI_WRITE_SAME_BYTES >> shift);
    return VPD_B_PAGE_BYTES - VPD_HEADER_BYTES;
}

static uint32_t inquiry_characteristics_page(const struct vmbi_scsi_disk *disk, uint8_t *data)
{
    vmbi_scsi_put_be16(data + 4, disk->is.rotates ? ROTATION_RPM : ROTATION_NONE);
    return VPD_B_PAGE_BYTES - VPD_HEADER_BYTES;
}

static uint32_t inquiry_provisioning_page(const struct vmbi_scsi_disk *disk, uint8_t *data)
{
    if (disk->is.discard_bytes != 0 && !disk->is.read_only) {
        data[5] = PROVISIONING_UNMAP | PROVISIONING_SAME_16 | PROVISIONING_SAME_10;
        data[6] = PROVISIONING_THIN;
        if (disk->is.discard_zeroes) {
            data[5] |= PROVISIONING_ZEROES;
        }
    }
    return VPD_PROVISIONING_BYTES - VPD_HEADER_BYTES;
}

static uint32_t inquiry_pages_page(const struct vmbi_scsi_disk *disk, uint8_t *data)
{
    static const uint8_t pages[] = {VPD_PAGES,        VPD_SERIAL,          VPD_IDENTITY,
                                    VPD_BLOCK_LIMITS, VPD_CHARACTERISTICS, VPD_PROVISIONING};

    (void)disk;
    vmb_memcpy(data + VPD_HEADER_BYTES, pages, sizeof(pages));
    return sizeof(pages);
}

static void inquiry_vpd(const struct vmbi_scsi_disk *disk, const struct vmbi_scsi_command *command,
                        uint32_t allocation_bytes, struct vmbi_scsi_outcome *out)
{
    uint8_t *data = command->data;
    uint32_t bytes;

    vmb_memset(data, 0, VMBI_SCSI_DATA_BYTES);
    switch (command->cdb[2]) {
    case VPD_PAGES:
        bytes = inquiry_pages_page(disk, data);
        break;
    case VPD_SERIAL:
        bytes = inquiry_serial_page(disk, data);
        break;
    case VPD_IDENTITY:
        bytes = inquiry_identity_page(disk, data);
        break;
    case VPD_BLOCK_LIMITS:
        bytes = inquiry_limits_page(disk, data);
        break;
    case VPD_CHARACTERISTICS:
        bytes = inquiry_characteristics_page(disk, data);
        break;
    case VPD_PROVISIONING:
        bytes = inquiry_provisioning_page(disk, data);
        break;
    default:
        vmbi_scsi_bad_field(out, 2, 7);
        return;
    }
    data[1] = command->cdb[2];
    vmbi_scsi_put_be16(data + 2, (uint16_t)bytes);
    vmbi_scsi_send(out, VPD_HEADER_BYTES + bytes, allocation_bytes);
}

void vmbi_scsi_inquiry(const struct vmbi_scsi_disk *disk, const struct vmbi_scsi_command *command,
                       struct vmbi_scsi_outcome *out)
{
    uint32_t allocation_bytes = vmbi_scsi_be16(command->cdb + 3);

    if ((command->cdb[1] & INQUIRY_EVPD) != 0) {
        inquiry_vpd(disk, command, allocation_bytes, out);
    } else if (command->cdb[1] != 0) {
        vmbi_scsi_bad_field(out, 1, 1); /* CMDDT, obsolete. */
    } else if (command->cdb[2] != 0) {
        vmbi_scsi_bad_field(out, 2, 7);
    } else {
        vmbi_scsi_send(out, inquiry_standard(disk, command->data), allocation_bytes);
    }
}

void vmbi_scsi_inquire_nothing(const struct vmbi_scsi_command *command,
                               struct vmbi_scsi_outcome *out)
{
    vmb_memset(out, 0, sizeof(*out));
    vmb_memset(command->data, 0, INQUIRY_BYTES);
    command->data[0] = INQUIRY_NOTHING;
    command->data[2] = INQUIRY_SPC_4;
    command->data[3] = INQUIRY_RESPONSE;
    command->data[4] = 36 - INQUIRY_LENGTH_BEFORE;
    inquiry_text(command->data + 8, 8, INQUIRY_VENDOR);
    inquiry_text(command->data + 16, 16, "");
    inquiry_text(command->data + 32, 4, INQUIRY_REVISION);
    vmbi_scsi_send(out, 36, vmbi_scsi_be16(command->cdb + 3));
}

void vmbi_scsi_report_luns(uint64_t present, const struct vmbi_scsi_command *command,
                           struct vmbi_scsi_outcome *out)
{
    uint8_t *data = command->data;
    uint32_t bytes = 0;
    uint32_t lun;

    vmb_memset(out, 0, sizeof(*out));
    if (command->cdb_bytes < 12 || command->cdb[2] > LUNS_ALL) {
        vmbi_scsi_bad_field(out, 2, 7);
        return;
    }
    vmb_memset(data, 0, VMBI_SCSI_DATA_BYTES);
    for (lun = 0; lun < VMBI_SCSI_LUNS; lun++) {
        if ((present >> lun & 1) != 0 && command->cdb[2] != LUNS_WELL_KNOWN) {
            /* Peripheral device addressing, bus 0 (SAM-5 4.7.7.2). */
            data[LUNS_HEADER_BYTES + bytes + 1u] = (uint8_t)lun;
            bytes += LUNS_ENTRY_BYTES;
        }
    }
    vmbi_scsi_put_be32(data, bytes);
    vmbi_scsi_send(out, LUNS_HEADER_BYTES + bytes, vmbi_scsi_be32(command->cdb + 6));
}
