/* SPDX-License-Identifier: MIT */
/* How the disk is set: MODE SENSE (SPC-4 6.13, 7.5; SBC-3 6.5), and START STOP UNIT (SBC-3 5.25).
 */
#include "drivers/stor/vmb_scsi.h"

#include <vmbus/platform/string.h>

#define MODE_NO_DESCRIPTOR        0x08u /* DBD */
#define MODE_ALL_PAGES            0x3Fu
#define MODE_ALL_SUBPAGES         0xFFu
#define MODE_CONTROL_SHIFT        6u
#define MODE_CHANGEABLE           1u
#define MODE_SAVED                3u
#define MODE_ASC_SAVING           0x3900u
#define MODE_WRITE_PROTECTED      0x80u
#define MODE_HAS_FUA              0x10u
#define MODE_DESCRIPTOR_BYTES     8u

#define MODE_PAGE_CACHING         0x08u
#define MODE_PAGE_CACHING_BYTES   20u
#define MODE_CACHING_WRITE_BACK   0x04u /* WCE */
#define MODE_PAGE_CONTROL         0x0Au
#define MODE_PAGE_CONTROL_BYTES   12u
#define MODE_CONTROL_REORDER      0x10u /* Queue algorithm: any order. */

#define START_START               0x01u
#define START_LOAD_EJECT          0x02u
#define START_NO_FLUSH            0x04u
#define START_CONDITION_SHIFT     4u
#define START_CONDITION_START_BIT 0u
#define START_CONDITION_ACTIVE    1u

static uint32_t mode_caching_page(const struct vmbi_scsi_disk *disk, bool changeable, uint8_t *page)
{
    vmb_memset(page, 0, MODE_PAGE_CACHING_BYTES);
    page[0] = MODE_PAGE_CACHING;
    page[1] = MODE_PAGE_CACHING_BYTES - 2u;
    if (!changeable && !disk->is.write_through && !disk->is.read_only) {
        page[2] = MODE_CACHING_WRITE_BACK;
    }
    return MODE_PAGE_CACHING_BYTES;
}

static uint32_t mode_control_page(bool changeable, uint8_t *page)
{
    vmb_memset(page, 0, MODE_PAGE_CONTROL_BYTES);
    page[0] = MODE_PAGE_CONTROL;
    page[1] = MODE_PAGE_CONTROL_BYTES - 2u;
    if (!changeable) {
        page[3] = MODE_CONTROL_REORDER;
        vmbi_scsi_put_be16(page + 8, 0xFFFF); /* Busy timeout: no limit. */
    }
    return MODE_PAGE_CONTROL_BYTES;
}

static uint32_t mode_descriptor(const struct vmbi_scsi_disk *disk, uint8_t *descriptor)
{
    uint64_t count = disk->is.block_count;

    vmbi_scsi_put_be32(descriptor, count > UINT32_MAX ? UINT32_MAX : (uint32_t)count);
    vmbi_scsi_put_be32(descriptor + 4, disk->is.block_bytes); /* The first byte is reserved: 0. */
    return MODE_DESCRIPTOR_BYTES;
}

/* The pages asked for, behind each other; 0: there is no such page. */
static uint32_t mode_pages(const struct vmbi_scsi_disk *disk, const uint8_t *cdb, uint8_t *target)
{
    bool changeable = cdb[2] >> MODE_CONTROL_SHIFT == MODE_CHANGEABLE;
    uint8_t page = cdb[2] & 0x3Fu;
    uint32_t bytes = 0;

    if (cdb[3] != 0 && !(cdb[3] == MODE_ALL_SUBPAGES && page == MODE_ALL_PAGES)) {
        return 0;
    }
    if (page == MODE_PAGE_CACHING || page == MODE_ALL_PAGES) {
        bytes += mode_caching_page(disk, changeable, target + bytes);
    }
    if (page == MODE_PAGE_CONTROL || page == MODE_ALL_PAGES) {
        bytes += mode_control_page(changeable, target + bytes);
    }
    return bytes;
}

void vmbi_scsi_mode_sense(const struct vmbi_scsi_disk *disk,
                          const struct vmbi_scsi_command *command, struct vmbi_scsi_outcome *out)
{
    const uint8_t *cdb = command->cdb;
    bool is_short = cdb[0] == VMBI_SCSI_MODE_SENSE_6;
    uint32_t header_bytes = is_short ? 4 : 8;
    uint32_t descriptor_bytes = 0, page_bytes;
    uint8_t *data = command->data;
    uint8_t specific = MODE_HAS_FUA;

    if (cdb[2] >> MODE_CONTROL_SHIFT == MODE_SAVED) {
        vmbi_scsi_fail(out, VMBI_SENSE_ILLEGAL_REQUEST, MODE_ASC_SAVING);
        return;
    }
    vmb_memset(data, 0, header_bytes);
    if ((cdb[1] & MODE_NO_DESCRIPTOR) == 0) {
        descriptor_bytes = mode_descriptor(disk, data + header_bytes);
    }
    page_bytes = mode_pages(disk, cdb, data + header_bytes + descriptor_bytes);
    if (page_bytes == 0) {
        vmbi_scsi_bad_field(out, 2, 5);
        return;
    }
    if (disk->is.read_only) {
        specific |= MODE_WRITE_PROTECTED;
    }
    if (is_short) {
        data[0] = (uint8_t)(header_bytes - 1u + descriptor_bytes + page_bytes);
        data[2] = specific;
        data[3] = (uint8_t)descriptor_bytes;
    } else {
        vmbi_scsi_put_be16(data, (uint16_t)(header_bytes - 2u + descriptor_bytes + page_bytes));
        data[3] = specific;
        vmbi_scsi_put_be16(data + 6, (uint16_t)descriptor_bytes);
    }
    vmbi_scsi_send(out, header_bytes + descriptor_bytes + page_bytes,
                   is_short ? cdb[4] : vmbi_scsi_be16(cdb + 7));
}

void vmbi_scsi_start_stop(const struct vmbi_scsi_disk *disk,
                          const struct vmbi_scsi_command *command, struct vmbi_scsi_outcome *out)
{
    uint8_t flags = command->cdb[4];
    uint8_t condition = flags >> START_CONDITION_SHIFT;

    (void)disk;
    out->action = VMBI_SCSI_GOOD;
    if (condition != START_CONDITION_START_BIT) {
        out->starts = condition == START_CONDITION_ACTIVE; /* Idle, standby: nothing to save. */
        return;
    }
    if ((flags & START_LOAD_EJECT) != 0) {
        vmbi_scsi_bad_field(out, 4, 1); /* The medium is not removable. */
        return;
    }
    out->starts = (flags & START_START) != 0;
    out->stops = !out->starts;
    if (out->stops && (flags & START_NO_FLUSH) == 0 && !disk->is.read_only) {
        out->action = VMBI_SCSI_IO;
        out->operation = VMB_STOR_FLUSH;
    }
}
