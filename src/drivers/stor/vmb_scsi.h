/* SPDX-License-Identifier: MIT */
/*
 * A SCSI disk as a pure function: a command and what the disk is go in; what to do, what to answer
 * or why not comes out. It moves no data of the medium and knows neither channels nor threads.
 *
 * SPC-4 (commands of all devices), SBC-3 (of disks), SAM-5 (conditions).
 */
#ifndef VMB_SCSI_H
#define VMB_SCSI_H

#include <vmbus/drivers/stor_disk.h>

/* Operation codes (SPC-4 D.3). */
#define VMBI_SCSI_TEST_UNIT_READY      0x00u
#define VMBI_SCSI_REQUEST_SENSE        0x03u
#define VMBI_SCSI_READ_6               0x08u
#define VMBI_SCSI_WRITE_6              0x0Au
#define VMBI_SCSI_INQUIRY              0x12u
#define VMBI_SCSI_MODE_SENSE_6         0x1Au
#define VMBI_SCSI_START_STOP_UNIT      0x1Bu
#define VMBI_SCSI_READ_CAPACITY_10     0x25u
#define VMBI_SCSI_READ_10              0x28u
#define VMBI_SCSI_WRITE_10             0x2Au
#define VMBI_SCSI_VERIFY_10            0x2Fu
#define VMBI_SCSI_SYNCHRONIZE_CACHE_10 0x35u
#define VMBI_SCSI_WRITE_SAME_10        0x41u
#define VMBI_SCSI_UNMAP                0x42u
#define VMBI_SCSI_MODE_SENSE_10        0x5Au
#define VMBI_SCSI_READ_16              0x88u
#define VMBI_SCSI_WRITE_16             0x8Au
#define VMBI_SCSI_VERIFY_16            0x8Fu
#define VMBI_SCSI_SYNCHRONIZE_CACHE_16 0x91u
#define VMBI_SCSI_WRITE_SAME_16        0x93u
#define VMBI_SCSI_SERVICE_ACTION_IN_16 0x9Eu
#define VMBI_SCSI_REPORT_LUNS          0xA0u
#define VMBI_SCSI_READ_12              0xA8u
#define VMBI_SCSI_WRITE_12             0xAAu
#define VMBI_SCSI_VERIFY_12            0xAFu

/* Sense keys (SPC-4 4.5.6). */
#define VMBI_SENSE_NO_SENSE        0x0u
#define VMBI_SENSE_NOT_READY       0x2u
#define VMBI_SENSE_MEDIUM_ERROR    0x3u
#define VMBI_SENSE_HARDWARE_ERROR  0x4u
#define VMBI_SENSE_ILLEGAL_REQUEST 0x5u
#define VMBI_SENSE_UNIT_ATTENTION  0x6u
#define VMBI_SENSE_DATA_PROTECT    0x7u
#define VMBI_SENSE_ABORTED_COMMAND 0xBu

/* Additional sense code and qualifier: code << 8 | qualifier (SPC-4 D.2). */
#define VMBI_ASC_NONE                   0x0000u
#define VMBI_ASC_START_REQUIRED         0x0402u
#define VMBI_ASC_WRITE_ERROR            0x0C00u
#define VMBI_ASC_READ_ERROR             0x1100u
#define VMBI_ASC_PARAMETER_LIST_LENGTH  0x1A00u
#define VMBI_ASC_INVALID_OPERATION_CODE 0x2000u
#define VMBI_ASC_LBA_OUT_OF_RANGE       0x2100u
#define VMBI_ASC_INVALID_FIELD_IN_CDB   0x2400u
#define VMBI_ASC_LUN_NOT_SUPPORTED      0x2500u
#define VMBI_ASC_INVALID_FIELD_IN_LIST  0x2600u
#define VMBI_ASC_WRITE_PROTECTED        0x2700u
#define VMBI_ASC_SPACE_ALLOCATION       0x2707u
#define VMBI_ASC_POWER_ON               0x2900u
#define VMBI_ASC_BUS_RESET              0x2902u
#define VMBI_ASC_DEVICE_RESET           0x2903u
#define VMBI_ASC_LUNS_CHANGED           0x3F0Eu
#define VMBI_ASC_TARGET_FAILURE         0x4400u

/* Fixed-format sense data (SPC-4 4.5.3). */
#define VMBI_SENSE_BYTES 18u

/* The longest answer that is made here: REPORT LUNS with all LUNs. */
#define VMBI_SCSI_LUNS       64u
#define VMBI_SCSI_DATA_BYTES (8u + 8u * VMBI_SCSI_LUNS)

/* Limits that the VPD pages announce. */
#define VMBI_SCSI_UNMAP_DESCRIPTORS 16u
#define VMBI_SCSI_UNMAP_LIST_BYTES  (8u + 16u * VMBI_SCSI_UNMAP_DESCRIPTORS)
#define VMBI_SCSI_WRITE_SAME_BYTES  (64u << 20)

/* What is wrong, in full; key VMBI_SENSE_NO_SENSE: nothing. */
struct vmbi_sense {
    uint8_t key;
    uint16_t asc;
    bool has_field; /* Illegal request: which byte of the CDB, or of the parameter list. */
    uint8_t field_bit;
    uint16_t field_byte;
    bool has_block; /* Medium error, block out of range: where. */
    uint64_t block;
};

/* What to do about a command. */
enum vmbi_scsi_action {
    VMBI_SCSI_FAIL = 0, /* CHECK CONDITION with `sense`. */
    VMBI_SCSI_GOOD,     /* Nothing more to do. */
    VMBI_SCSI_DATA,     /* Send `data_bytes` of the buffer. */
    VMBI_SCSI_IO,       /* `operation` on the range, with the guest's data if it reads or writes. */
    VMBI_SCSI_UNMAP_LIST, /* Get `data_bytes` of parameters, vmbi_scsi_unmap_list(). */
    VMBI_SCSI_SAME /* Repeat the guest's one block over the range; all zeros if it has none. */
};

/* A command to be understood. */
struct vmbi_scsi_command {
    const uint8_t *cdb; /* VMB_STOR_CDB_BYTES of them, zeros behind its end. */
    uint32_t cdb_bytes; /* As the guest says. */
    uint8_t *data;      /* VMBI_SCSI_DATA_BYTES for an answer. */
};

struct vmbi_scsi_outcome {
    enum vmbi_scsi_action action;
    enum vmb_stor_operation operation;
    bool is_durable;
    bool may_unmap;
    bool starts; /* START STOP UNIT: the unit is started, or stopped after the flush. */
    bool stops;
    uint64_t block;
    uint64_t block_count;
    uint32_t data_bytes;
    struct vmbi_sense sense;
};

/* One range of an UNMAP parameter list. */
struct vmbi_scsi_range {
    uint64_t block;
    uint32_t block_count;
};

/* A disk with defaults put in and numbers worked out. */
struct vmbi_scsi_disk {
    struct vmb_stor_disk is;
    uint32_t block_shift;
    uint32_t physical_exponent; /* Logical blocks per physical one, as a power of two. */
    uint32_t transfer_limit_bytes;
};

/* Check a disk and work its numbers out. VMB_ERR_INVALID_ARGUMENT: not a possible disk. */
VMB_NODISCARD vmb_status vmbi_scsi_disk_init(struct vmbi_scsi_disk *disk,
                                             const struct vmb_stor_disk *is,
                                             uint32_t transfer_limit_bytes);

/* Understand a command for a disk that is started or, @stopped, not. No REPORT LUNS. */
void vmbi_scsi_execute(const struct vmbi_scsi_disk *disk, bool stopped,
                       const struct vmbi_scsi_command *command, struct vmbi_scsi_outcome *out);

/* Whether a command reports a pending unit attention; the others leave it pending (SAM-5 5.14). */
bool vmbi_scsi_reports_attention(uint8_t operation_code);

/* Answer REPORT LUNS with the LUNs whose bit is set in @present. */
void vmbi_scsi_report_luns(uint64_t present, const struct vmbi_scsi_command *command,
                           struct vmbi_scsi_outcome *out);

/* Answer REQUEST SENSE with a condition. */
void vmbi_scsi_request_sense(const struct vmbi_scsi_command *command,
                             const struct vmbi_sense *condition, struct vmbi_scsi_outcome *out);

/* Answer INQUIRY for a LUN that is not there (SPC-4 6.6.2: qualifier 011b). */
void vmbi_scsi_inquire_nothing(const struct vmbi_scsi_command *command,
                               struct vmbi_scsi_outcome *out);

/*
 * Read the parameter list of UNMAP, a private copy. Writes up to VMBI_SCSI_UNMAP_DESCRIPTORS ranges
 * and their number, empty ones left out; false: @out_sense says why not.
 */
bool vmbi_scsi_unmap_list(const struct vmbi_scsi_disk *disk, const uint8_t *list,
                          uint32_t list_bytes, struct vmbi_scsi_range *out_ranges,
                          uint32_t *out_count, struct vmbi_sense *out_sense);

/* Write VMBI_SENSE_BYTES of sense data. */
void vmbi_sense_encode(const struct vmbi_sense *sense, uint8_t *bytes);

/* How a job that failed is told: what the disk said becomes a condition. */
struct vmbi_sense vmbi_sense_of_result(const struct vmbi_scsi_disk *disk,
                                       const struct vmb_stor_io *io, enum vmb_stor_result result);

/* ---- For the files of the target only -------------------------------------------------------- */

typedef void (*vmbi_scsi_handler)(const struct vmbi_scsi_disk *disk,
                                  const struct vmbi_scsi_command *command,
                                  struct vmbi_scsi_outcome *out);

void vmbi_scsi_inquiry(const struct vmbi_scsi_disk *disk, const struct vmbi_scsi_command *command,
                       struct vmbi_scsi_outcome *out);
void vmbi_scsi_mode_sense(const struct vmbi_scsi_disk *disk,
                          const struct vmbi_scsi_command *command, struct vmbi_scsi_outcome *out);
void vmbi_scsi_read_capacity_10(const struct vmbi_scsi_disk *disk,
                                const struct vmbi_scsi_command *command,
                                struct vmbi_scsi_outcome *out);
void vmbi_scsi_service_action_in(const struct vmbi_scsi_disk *disk,
                                 const struct vmbi_scsi_command *command,
                                 struct vmbi_scsi_outcome *out);
void vmbi_scsi_read_write(const struct vmbi_scsi_disk *disk,
                          const struct vmbi_scsi_command *command, struct vmbi_scsi_outcome *out);
void vmbi_scsi_synchronize_cache(const struct vmbi_scsi_disk *disk,
                                 const struct vmbi_scsi_command *command,
                                 struct vmbi_scsi_outcome *out);
void vmbi_scsi_verify(const struct vmbi_scsi_disk *disk, const struct vmbi_scsi_command *command,
                      struct vmbi_scsi_outcome *out);
void vmbi_scsi_start_stop(const struct vmbi_scsi_disk *disk,
                          const struct vmbi_scsi_command *command, struct vmbi_scsi_outcome *out);
void vmbi_scsi_unmap(const struct vmbi_scsi_disk *disk, const struct vmbi_scsi_command *command,
                     struct vmbi_scsi_outcome *out);
void vmbi_scsi_write_same(const struct vmbi_scsi_disk *disk,
                          const struct vmbi_scsi_command *command, struct vmbi_scsi_outcome *out);

/* Big-endian fields, SCSI's order. */
VMB_INLINE uint16_t vmbi_scsi_be16(const uint8_t *bytes)
{
    return (uint16_t)((uint16_t)(bytes[0] << 8) | bytes[1]);
}

VMB_INLINE uint32_t vmbi_scsi_be32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

VMB_INLINE uint64_t vmbi_scsi_be64(const uint8_t *bytes)
{
    return (uint64_t)vmbi_scsi_be32(bytes) << 32 | vmbi_scsi_be32(bytes + 4);
}

VMB_INLINE void vmbi_scsi_put_be16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

VMB_INLINE void vmbi_scsi_put_be32(uint8_t *bytes, uint32_t value)
{
    vmbi_scsi_put_be16(bytes, (uint16_t)(value >> 16));
    vmbi_scsi_put_be16(bytes + 2, (uint16_t)value);
}

VMB_INLINE void vmbi_scsi_put_be64(uint8_t *bytes, uint64_t value)
{
    vmbi_scsi_put_be32(bytes, (uint32_t)(value >> 32));
    vmbi_scsi_put_be32(bytes + 4, (uint32_t)value);
}

/* CHECK CONDITION, ILLEGAL REQUEST, INVALID FIELD IN CDB, and which. */
void vmbi_scsi_bad_field(struct vmbi_scsi_outcome *out, uint16_t byte, uint8_t bit);

/* CHECK CONDITION with a key and a code. */
void vmbi_scsi_fail(struct vmbi_scsi_outcome *out, uint8_t key, uint16_t asc);

/* Send @bytes of the buffer, or as many as the CDB allows; fixed up by the allocation length. */
void vmbi_scsi_send(struct vmbi_scsi_outcome *out, uint32_t bytes, uint32_t allocation_bytes);

/* True if the range is on the disk; otherwise @out fails with LBA OUT OF RANGE. */
bool vmbi_scsi_in_range(const struct vmbi_scsi_disk *disk, uint64_t block, uint64_t block_count,
                        struct vmbi_scsi_outcome *out);

#endif /* VMB_SCSI_H */
