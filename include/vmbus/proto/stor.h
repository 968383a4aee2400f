/* SPDX-License-Identifier: MIT */
/**
 * @file
 * VStor: what the storage classes (SCSI, IDE, fibre channel) say in the packets of their channels.
 *
 * A packet is 48 bytes up to version 4.2 and 64 bytes from 5.1 on: an operation, flags, a status,
 * and a body that depends on the operation. A completion has the operation VMB_STOR_COMPLETE
 * always, its body is that of the request. All functions work on private copies, never on the ring.
 *
 * Sources: storvsc as Linux 6.12 and openvmm have it; SCSI request blocks as StorPort documents.
 */
#ifndef VMB_PROTO_STOR_H
#define VMB_PROTO_STOR_H

#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** A packet before version 5.1. */
#define VMB_STOR_PACKET_BYTES_OLD 48u
/** A packet from version 5.1 on. Guests may use it from their first packet, whatever they ask. */
#define VMB_STOR_PACKET_BYTES 64u

/* Operations, with their senders. On the wire 32 bits. */
#define VMB_STOR_COMPLETE            1u  /**< Host: the answer to any request. */
#define VMB_STOR_REMOVE_DEVICE       2u  /**< Host: the controller goes away. */
#define VMB_STOR_EXECUTE_SRB         3u  /**< Guest: a SCSI request. */
#define VMB_STOR_RESET_LUN           4u  /**< Guest. */
#define VMB_STOR_RESET_ADAPTER       5u  /**< Guest. */
#define VMB_STOR_RESET_BUS           6u  /**< Guest. */
#define VMB_STOR_BEGIN_INIT          7u  /**< Guest. */
#define VMB_STOR_END_INIT            8u  /**< Guest. */
#define VMB_STOR_QUERY_VERSION       9u  /**< Guest. */
#define VMB_STOR_QUERY_PROPERTIES    10u /**< Guest. */
#define VMB_STOR_ENUMERATE_BUS       11u /**< Host: look for LUNs that came or went. */
#define VMB_STOR_FIBRE_CHANNEL_DATA  12u /**< Guest. */
#define VMB_STOR_CREATE_SUB_CHANNELS 13u /**< Guest. */
#define VMB_STOR_EVENT               14u /**< Host, from 6.0 on. */

/** Header flag: the sender wants an answer. What counts is the flag of the ring's packet. */
#define VMB_STOR_WANTS_COMPLETION 0x1u

/* Protocol versions: major << 8 | minor. */
#define VMB_STOR_VERSION_2_0 0x0200u
#define VMB_STOR_VERSION_4_2 0x0402u
#define VMB_STOR_VERSION_5_1 0x0501u
#define VMB_STOR_VERSION_6_0 0x0600u
#define VMB_STOR_VERSION_6_2 0x0602u

/* Header status: NTSTATUS values in use. */
#define VMB_STOR_STATUS_SUCCESS           0x00000000u
#define VMB_STOR_STATUS_UNSUCCESSFUL      0xC0000001u
#define VMB_STOR_STATUS_INVALID_PARAMETER 0xC000000Du
#define VMB_STOR_STATUS_INVALID_REQUEST   0xC0000010u /**< No such operation here. */
#define VMB_STOR_STATUS_REVISION_MISMATCH 0xC0000059u /**< Ask for an older version. */
#define VMB_STOR_STATUS_INVALID_STATE     0xC0000184u /**< Not at this point of initialisation. */

/* vmb_stor_srb.srb_status: the low 6 bits, and two flags. */
#define VMB_STOR_SRB_PENDING         0x00u
#define VMB_STOR_SRB_SUCCESS         0x01u
#define VMB_STOR_SRB_ABORTED         0x02u
#define VMB_STOR_SRB_ERROR           0x04u
#define VMB_STOR_SRB_BUSY            0x05u
#define VMB_STOR_SRB_INVALID_REQUEST 0x06u
#define VMB_STOR_SRB_INVALID_PATH    0x07u
#define VMB_STOR_SRB_NO_DEVICE       0x08u
#define VMB_STOR_SRB_TIMEOUT         0x09u
#define VMB_STOR_SRB_BUS_RESET       0x0Eu
#define VMB_STOR_SRB_DATA_OVERRUN    0x12u /**< More or fewer data than the request had room for. */
#define VMB_STOR_SRB_FLUSHED         0x16u
#define VMB_STOR_SRB_INVALID_LUN     0x20u
#define VMB_STOR_SRB_INVALID_TARGET  0x21u
#define VMB_STOR_SRB_STATUS_MASK     0x3Fu
#define VMB_STOR_SRB_QUEUE_FROZEN    0x40u
#define VMB_STOR_SRB_SENSE_VALID     0x80u

/* vmb_stor_srb.scsi_status (SAM-5 5.3.1). */
#define VMB_STOR_SCSI_GOOD            0x00u
#define VMB_STOR_SCSI_CHECK_CONDITION 0x02u
#define VMB_STOR_SCSI_BUSY            0x08u

/* vmb_stor_srb.direction */
#define VMB_STOR_TO_DEVICE 0u
#define VMB_STOR_TO_GUEST  1u
#define VMB_STOR_NO_DATA   2u

/* vmb_stor_srb.srb_flags */
#define VMB_STOR_SRB_QUEUE_ACTION_ENABLE   0x00000002u
#define VMB_STOR_SRB_DISABLE_SYNC_TRANSFER 0x00000008u
#define VMB_STOR_SRB_DISABLE_AUTOSENSE     0x00000020u
#define VMB_STOR_SRB_DATA_IN               0x00000040u
#define VMB_STOR_SRB_DATA_OUT              0x00000080u

/** vmb_stor_properties.flags: sub-channels are possible. */
#define VMB_STOR_MULTI_CHANNEL 0x1u

#define VMB_STOR_CDB_BYTES     16u
#define VMB_STOR_SENSE_BYTES   20u /**< Room for sense data in an answer. */
#define VMB_STOR_WWN_BYTES     8u

/** The first 12 bytes of a packet. */
struct vmb_stor_header {
    uint32_t operation;
    uint32_t flags;
    uint32_t status; /**< An NTSTATUS, of completions. */
};

/** A SCSI request, or in a completion what became of it. */
struct vmb_stor_srb {
    uint8_t srb_status;  /**< Completions: VMB_STOR_SRB_ value and flags. */
    uint8_t scsi_status; /**< Completions. */
    uint8_t port;
    uint8_t path;
    uint8_t target;
    uint8_t lun;
    uint8_t cdb_bytes;   /**< Requests: at most VMB_STOR_CDB_BYTES. */
    uint8_t sense_bytes; /**< Room for sense data; completions: how many there are. */
    uint8_t direction;
    uint32_t data_bytes; /**< What is to be moved; completions: what was. */
    /** Requests: the CDB, then zeros. Completions: sense data, in the same bytes. */
    uint8_t cdb_or_sense[VMB_STOR_SENSE_BYTES];
    /* From 5.1 on; 0 before. */
    uint8_t queue_tag;
    uint8_t queue_action;
    uint32_t srb_flags;
    uint32_t timeout_seconds;
    uint32_t queue_sort_key;
};

/** Body of the answer to VMB_STOR_QUERY_PROPERTIES. */
struct vmb_stor_properties {
    uint16_t max_sub_channels;
    uint32_t flags; /**< VMB_STOR_MULTI_CHANNEL or 0. */
    uint32_t max_transfer_bytes;
};

/** Body of the answer to VMB_STOR_FIBRE_CHANNEL_DATA: world-wide names. */
struct vmb_stor_fibre_channel {
    bool primary_active;
    uint8_t primary_port[VMB_STOR_WWN_BYTES];
    uint8_t primary_node[VMB_STOR_WWN_BYTES];
    uint8_t secondary_port[VMB_STOR_WWN_BYTES];
    uint8_t secondary_node[VMB_STOR_WWN_BYTES];
};

/** Body of VMB_STOR_EVENT. */
struct vmb_stor_event {
    uint8_t lun;
    uint8_t target;
    uint8_t path;
    uint8_t flags;
};

/**
 * The versions that this library speaks, newest first.
 *
 * @param index  From 0.
 *
 * @return A VMB_STOR_VERSION_; 0 at the end of the list.
 *
 * Context: isr-ok; any number of callers at once.
 */
uint16_t vmb_stor_version(uint32_t index);

/**
 * How long the packets of a version are.
 *
 * Context: isr-ok; any number of callers at once.
 */
uint32_t vmb_stor_packet_bytes(uint16_t version);

/**
 * The name of an operation, such as "execute SRB".
 *
 * @return A constant string, never NULL; "?" for a number that is none.
 *
 * Context: isr-ok; any number of callers at once.
 */
const char *vmb_stor_operation_name(uint32_t operation);

/**
 * Read the header of a packet.
 *
 * @param packet        A private copy.
 * @param packet_bytes  Its length; what follows VMB_STOR_PACKET_BYTES is ignored.
 * @param out_header    Written on VMB_OK and VMB_ERR_UNKNOWN.
 *
 * @retval VMB_OK             The body can be decoded.
 * @retval VMB_ERR_MALFORMED  Shorter than VMB_STOR_PACKET_BYTES_OLD: answer with a failure.
 * @retval VMB_ERR_UNKNOWN    No such operation: likewise.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_stor_header_decode(const uint8_t *packet, uint32_t packet_bytes,
                                                struct vmb_stor_header *out_header);

/**
 * Begin a packet: write its header and make its body zero.
 *
 * @param packet        At least @p packet_bytes.
 * @param packet_bytes  VMB_STOR_PACKET_BYTES_OLD or VMB_STOR_PACKET_BYTES.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_stor_header_encode(const struct vmb_stor_header *header, uint8_t *packet,
                            uint32_t packet_bytes);

/**
 * Make the answer to a request of the request itself: its body stays as it is, which the body's
 * own function may overwrite.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_stor_answer_encode(uint8_t *packet, uint32_t status);

/**
 * Read the body of a SCSI request or of its completion.
 *
 * @param packet        Whose header has been decoded.
 * @param is_answer     What it is: the CDB's length counts in requests only.
 * @param out_srb       Written on VMB_OK.
 *
 * @retval VMB_OK             Decoded; cdb_bytes and sense_bytes are within their limits.
 * @retval VMB_ERR_MALFORMED  The CDB or the sense data are longer than their field.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_stor_srb_decode(const uint8_t *packet, uint32_t packet_bytes,
                                             bool is_answer, struct vmb_stor_srb *out_srb);

/**
 * Write the body of a SCSI request or of its completion.
 *
 * @param srb  cdb_bytes and sense_bytes within their limits.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_stor_srb_encode(const struct vmb_stor_srb *srb, uint8_t *packet, uint32_t packet_bytes);

/**
 * Read the body of VMB_STOR_QUERY_VERSION.
 *
 * @return The version asked for; anything.
 *
 * Context: isr-ok; any number of callers at once.
 */
uint16_t vmb_stor_version_decode(const uint8_t *packet);

/**
 * Write the body of VMB_STOR_QUERY_VERSION.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_stor_version_encode(uint16_t version, uint8_t *packet);

/**
 * Read the body of the answer to VMB_STOR_QUERY_PROPERTIES.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_stor_properties_decode(const uint8_t *packet, struct vmb_stor_properties *out_properties);

/**
 * Write it.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_stor_properties_encode(const struct vmb_stor_properties *properties, uint8_t *packet);

/**
 * Read the body of VMB_STOR_CREATE_SUB_CHANNELS.
 *
 * @return How many are asked for; anything.
 *
 * Context: isr-ok; any number of callers at once.
 */
uint16_t vmb_stor_sub_channels_decode(const uint8_t *packet);

/**
 * Write it.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_stor_sub_channels_encode(uint16_t count, uint8_t *packet);

/**
 * Read the body of the answer to VMB_STOR_FIBRE_CHANNEL_DATA. The names follow 3 reserved bytes,
 * as the public UEFI driver has it; Linux reads them one byte earlier and does not use them.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_stor_fibre_channel_decode(const uint8_t *packet, struct vmb_stor_fibre_channel *out_names);

/**
 * Write it.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_stor_fibre_channel_encode(const struct vmb_stor_fibre_channel *names, uint8_t *packet);

/**
 * Read the body of VMB_STOR_EVENT.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_stor_event_decode(const uint8_t *packet, struct vmb_stor_event *out_event);

/**
 * Write it.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_stor_event_encode(const struct vmb_stor_event *event, uint8_t *packet);

VMB_END_DECLS

#endif /* VMB_PROTO_STOR_H */
