/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The SCSI commands that a guest needs of a disk, as bytes, and what their answers say. No state,
 * no I/O: what a command is put into, such as a request of drivers/stor_guest.h, is not its
 * business.
 *
 * Sources: SPC-4, SBC-3.
 */
#ifndef VMB_DRIVERS_STOR_COMMAND_H
#define VMB_DRIVERS_STOR_COMMAND_H

#include <vmbus/proto/stor.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** A command: the CDB, and what it moves. */
struct vmb_stor_command {
    uint8_t cdb[VMB_STOR_CDB_BYTES];
    uint8_t cdb_bytes;
    uint8_t direction;   /**< VMB_STOR_TO_DEVICE, _TO_GUEST or _NO_DATA. */
    uint32_t data_bytes; /**< Of the data buffer; 0 with VMB_STOR_NO_DATA. */
};

/** Blocks of a disk, to be unmapped. */
struct vmb_stor_blocks {
    uint64_t first;
    uint32_t count;
};

/** Answer to READ CAPACITY(16). */
struct vmb_stor_capacity {
    uint64_t block_count;
    uint32_t block_bytes;
    uint32_t physical_block_bytes;
    bool can_unmap;      /**< LBPME: UNMAP and WRITE SAME with unmap do something. */
    bool unmapped_zeros; /**< LBPRZ: unmapped blocks read as zeros. */
};

/** What sense data say. */
struct vmb_stor_sense {
    uint8_t key;    /**< Such as 5: illegal request. */
    uint16_t asc;   /**< Additional code and qualifier, such as 0x2400. */
    bool has_block; /**< block is valid. */
    uint64_t block; /**< The block that it is about. */
};

/** Bytes that the answer to READ CAPACITY(16) has. */
#define VMB_STOR_CAPACITY_BYTES 32u
/** Bytes that the answer to a standard INQUIRY has at least. */
#define VMB_STOR_INQUIRY_BYTES 36u
/** The parameter list of an UNMAP of @p count ranges. */
#define VMB_STOR_UNMAP_BYTES(count) (8u + 16u * (count))

/** INQUIRY for the standard data: not a page. */
#define VMB_STOR_INQUIRY_STANDARD (-1)

/**
 * TEST UNIT READY: is there a medium, and has something happened since?
 *
 * Context: isr-ok; any number of callers at once, as all functions here.
 */
struct vmb_stor_command vmb_stor_test_ready(void);

/**
 * INQUIRY.
 *
 * @param page        A vital product data page, 0 to 255, or VMB_STOR_INQUIRY_STANDARD.
 * @param data_bytes  Room for the answer.
 *
 * Context: isr-ok; any number of callers at once.
 */
struct vmb_stor_command vmb_stor_inquiry(int page, uint16_t data_bytes);

/**
 * REPORT LUNS: read the answer with vmb_stor_luns_decode().
 *
 * @param data_bytes  Room for the answer: 8 bytes, and 8 for each LUN. At least 16.
 *
 * Context: isr-ok; any number of callers at once.
 */
struct vmb_stor_command vmb_stor_report_luns(uint32_t data_bytes);

/**
 * READ CAPACITY(16), VMB_STOR_CAPACITY_BYTES of answer: read it with vmb_stor_capacity_decode().
 *
 * Context: isr-ok; any number of callers at once.
 */
struct vmb_stor_command vmb_stor_read_capacity(void);

/**
 * READ(16).
 *
 * @param block_bytes  Of the disk: says how many bytes move. block_count times it is below 2^32.
 *
 * Context: isr-ok; any number of callers at once.
 */
struct vmb_stor_command vmb_stor_read(uint64_t block, uint32_t block_count, uint32_t block_bytes);

/**
 * WRITE(16).
 *
 * @param durable  Force unit access: it survives a power failure once it is answered.
 *
 * Context: isr-ok; any number of callers at once.
 */
struct vmb_stor_command vmb_stor_write(uint64_t block, uint32_t block_count, uint32_t block_bytes,
                                       bool durable);

/**
 * SYNCHRONIZE CACHE(10), of the whole disk: each write that has been answered survives a power
 * failure once this is answered.
 *
 * Context: isr-ok; any number of callers at once.
 */
struct vmb_stor_command vmb_stor_flush(void);

/**
 * WRITE SAME(16): one block of data, written as often as it takes.
 *
 * @param unmap  The blocks may be given back if they then read as that block.
 *
 * Context: isr-ok; any number of callers at once.
 */
struct vmb_stor_command vmb_stor_write_same(uint64_t block, uint32_t block_count,
                                            uint32_t block_bytes, bool unmap);

/**
 * UNMAP: its data are a list made by vmb_stor_unmap_encode().
 *
 * @param range_count  1 to 4095.
 *
 * Context: isr-ok; any number of callers at once.
 */
struct vmb_stor_command vmb_stor_unmap(uint32_t range_count);

/**
 * Write the data of an UNMAP.
 *
 * @param data  VMB_STOR_UNMAP_BYTES(range_count) bytes.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_stor_unmap_encode(const struct vmb_stor_blocks *ranges, uint32_t range_count,
                           uint8_t *data);

/**
 * Read the answer to READ CAPACITY(16).
 *
 * @param data        A private copy.
 * @param data_bytes  How many came.
 *
 * @retval VMB_OK             *out_capacity is written: block_bytes is a power of two from 512 to 64
 *                            KiB, block_count is not 0 and block_count times block_bytes below
 * 2^64.
 * @retval VMB_ERR_MALFORMED  Not so: do not use the disk.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_stor_capacity_decode(const uint8_t *data, uint32_t data_bytes,
                                                  struct vmb_stor_capacity *out_capacity);

/**
 * Read the answer to REPORT LUNS.
 *
 * @param data        A private copy.
 * @param data_bytes  How many came: LUNs beyond them are not looked for, whatever the list says.
 *
 * @return LUNs 0 to 63, a bit each; others are left out.
 *
 * Context: isr-ok; any number of callers at once.
 */
uint64_t vmb_stor_luns_decode(const uint8_t *data, uint32_t data_bytes);

/**
 * Read sense data, of either format.
 *
 * @retval VMB_OK             *out_sense is written.
 * @retval VMB_ERR_MALFORMED  Too short, or of no known format: all that is known is that it failed.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_stor_sense_decode(const uint8_t *sense, uint32_t sense_bytes,
                                               struct vmb_stor_sense *out_sense);

VMB_END_DECLS

#endif /* VMB_DRIVERS_STOR_COMMAND_H */
