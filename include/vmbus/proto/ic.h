/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Integration services: the header that their messages share, version negotiation, and the bodies
 * of heartbeat, shutdown and time synchronisation. KVP, VSS and file copy have their own files.
 *
 * A message is one in-band packet: pipe header, IC header, body. The host asks, the guest answers
 * with a packet of the same VMBus transaction id. All functions work on private copies.
 */
#ifndef VMB_PROTO_IC_H
#define VMB_PROTO_IC_H

#include <vmbus/proto/pipe.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** Pipe header and IC header: where the body begins. */
#define VMB_IC_HEADER_BYTES 28u
/** The longest message, headers included. As current hosts have it. */
#define VMB_IC_MAX_BYTES 13312u

/* vmb_ic_header.message_type */
#define VMB_IC_NEGOTIATE      0u
#define VMB_IC_HEARTBEAT      1u
#define VMB_IC_KVP            2u
#define VMB_IC_SHUTDOWN       3u
#define VMB_IC_TIMESYNC       4u
#define VMB_IC_VSS            5u
#define VMB_IC_REMOTE_DESKTOP 6u
#define VMB_IC_FILE_COPY      7u
#define VMB_IC_VM_SESSION     8u

/* vmb_ic_header.flags */
#define VMB_IC_TRANSACTION 0x1u /**< An answer is wanted, or this is one. */
#define VMB_IC_REQUEST     0x2u
#define VMB_IC_RESPONSE    0x4u

/* vmb_ic_header.status */
#define VMB_IC_STATUS_OK               0x00000000u
#define VMB_IC_STATUS_FAILURE          0x80004005u
#define VMB_IC_STATUS_NOT_FOUND        0x80041002u
#define VMB_IC_STATUS_NOT_SUPPORTED    0x80070032u
#define VMB_IC_STATUS_ALREADY_EXISTS   0x80070050u
#define VMB_IC_STATUS_INVALID_ARGUMENT 0x80070057u
#define VMB_IC_STATUS_DISK_FULL        0x80070070u
#define VMB_IC_STATUS_NO_MORE_ITEMS    0x80070103u /**< The end of an enumeration. */
#define VMB_IC_STATUS_NOT_CONNECTED    0x8007048Fu
#define VMB_IC_STATUS_MACHINE_LOCKED   0x800704F7u

/** A version of the framework or of a service. */
struct vmb_ic_version {
    uint16_t major;
    uint16_t minor;
};

/** What precedes every body. */
struct vmb_ic_header {
    struct vmb_ic_version framework; /**< As negotiated; 0.0 before. */
    uint16_t message_type;           /**< VMB_IC_NEGOTIATE and so on. */
    struct vmb_ic_version message;   /**< As negotiated; 0.0 before. */
    uint16_t body_bytes;
    uint32_t status;        /**< Of an answer. */
    uint8_t transaction_id; /**< Comes back in the answer. */
    uint8_t flags;          /**< VMB_IC_TRANSACTION and so on. */
};

/**
 * Read the headers of a message.
 *
 * @param payload        The whole payload of the packet.
 * @param payload_bytes  Of the packet, rounding included.
 * @param out_header     Written on VMB_OK: the body is at payload + VMB_IC_HEADER_BYTES, and
 *                       body_bytes of it are there.
 *
 * @retval VMB_OK             Decoded.
 * @retval VMB_ERR_MALFORMED  Too short for its headers, or for the body they announce: drop it.
 * @retval VMB_ERR_UNKNOWN    Not whole pipe data: drop it.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_ic_header_decode(const uint8_t *payload, uint32_t payload_bytes,
                                              struct vmb_ic_header *out_header);

/**
 * Write the headers of a message in front of its body.
 *
 * @param payload  VMB_IC_HEADER_BYTES bytes; the body follows them and is left alone. The packet's
 *                 payload is VMB_IC_HEADER_BYTES + header->body_bytes long.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_ic_header_encode(const struct vmb_ic_header *header, uint8_t *payload);

/** The body of a negotiation: what the host offers, or the one of each that the guest chose. */
struct vmb_ic_negotiate {
    uint16_t framework_count;
    uint16_t message_count;
    const uint8_t *raw_versions; /**< Private; points into the copy that was decoded. */
};

/**
 * Read the body of a negotiation.
 *
 * @param out_negotiate  Written on VMB_OK; good for as long as the copy.
 *
 * @retval VMB_OK             Decoded.
 * @retval VMB_ERR_MALFORMED  The body does not hold all its versions: answer with a failure.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_ic_negotiate_decode(const uint8_t *body, uint32_t body_bytes,
                                                 struct vmb_ic_negotiate *out_negotiate);

/**
 * One of the framework versions of a negotiation.
 *
 * @param index  Below framework_count.
 *
 * Context: isr-ok; any number of callers at once.
 */
struct vmb_ic_version vmb_ic_negotiate_framework(const struct vmb_ic_negotiate *negotiate,
                                                 uint32_t index);

/**
 * One of the message versions of a negotiation.
 *
 * @param index  Below message_count.
 *
 * Context: isr-ok; any number of callers at once.
 */
struct vmb_ic_version vmb_ic_negotiate_message(const struct vmb_ic_negotiate *negotiate,
                                               uint32_t index);

/**
 * Write the body of a negotiation. A guest that finds nothing in common sends 0 of each.
 *
 * @param frameworks     @p framework_count of them; NULL if 0.
 * @param messages       @p message_count of them; NULL if 0.
 * @param out_bytes      The body_bytes of the header, also with VMB_ERR_TOO_SMALL.
 *
 * @retval VMB_OK             Written.
 * @retval VMB_ERR_TOO_SMALL  Nothing written: pass a larger buffer.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_ic_negotiate_encode(const struct vmb_ic_version *frameworks,
                                                 uint16_t framework_count,
                                                 const struct vmb_ic_version *messages,
                                                 uint16_t message_count, uint8_t *body,
                                                 uint32_t buffer_bytes, uint32_t *out_bytes);

/**
 * Choose the best versions that both sides know: the guest's side of a negotiation.
 *
 * @param service        The service of the channel: VMB_IC_HEARTBEAT and so on.
 * @param out_framework  Written if the result is true.
 * @param out_message    Written if the result is true.
 *
 * @return false if either has nothing in common: answer with 0 of each and stay idle.
 *
 * Context: isr-ok; any number of callers at once.
 */
bool vmb_ic_negotiate_choose(const struct vmb_ic_negotiate *negotiate, uint16_t service,
                             struct vmb_ic_version *out_framework,
                             struct vmb_ic_version *out_message);

/**
 * The versions of a service that this library knows, the best first.
 *
 * @param service    VMB_IC_HEARTBEAT and so on; VMB_IC_NEGOTIATE for those of the framework.
 * @param out_count  0 for a service whose versions are not known.
 *
 * @return A constant table; NULL if *out_count is 0.
 *
 * Context: isr-ok; any number of callers at once.
 */
const struct vmb_ic_version *vmb_ic_versions(uint16_t service, uint32_t *out_count);

/**
 * The name of a message type, such as "heartbeat".
 *
 * @return A constant string, never NULL; "?" for a number that is none.
 *
 * Context: isr-ok; any number of callers at once.
 */
const char *vmb_ic_type_name(uint16_t message_type);

/* vmb_ic_heartbeat.application_state */
#define VMB_IC_HEARTBEAT_UNKNOWN  0u
#define VMB_IC_HEARTBEAT_HEALTHY  1u
#define VMB_IC_HEARTBEAT_CRITICAL 2u
#define VMB_IC_HEARTBEAT_STOPPED  3u

/** The body that a host sends. Others are longer: an answer keeps the size of its request. */
#define VMB_IC_HEARTBEAT_BYTES 16u

/** Body of VMB_IC_HEARTBEAT. The host asks every 2 seconds. */
struct vmb_ic_heartbeat {
    uint64_t sequence;          /**< The answer has the request's plus 1. */
    uint32_t application_state; /**< VMB_IC_HEARTBEAT_ value. */
};

/**
 * Read the body of a heartbeat. As Linux does, it may end after the sequence number.
 *
 * @retval VMB_OK             Decoded.
 * @retval VMB_ERR_MALFORMED  Too short: answer with a failure.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_ic_heartbeat_decode(const uint8_t *body, uint32_t body_bytes,
                                                 struct vmb_ic_heartbeat *out_heartbeat);

/**
 * Write the body of a heartbeat, the rest of it as zeros.
 *
 * @param body_bytes  VMB_IC_HEARTBEAT_BYTES, or what the request had.
 *
 * @retval VMB_OK             Written.
 * @retval VMB_ERR_TOO_SMALL  Fewer than 8 bytes. From 8 to 11 the state is left out.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_ic_heartbeat_encode(const struct vmb_ic_heartbeat *heartbeat,
                                                 uint8_t *body, uint32_t body_bytes);

/* vmb_ic_shutdown.flags. What an old guest does not know it answers with a failure. */
#define VMB_IC_SHUTDOWN_FORCE     0x1u
#define VMB_IC_SHUTDOWN_RESTART   0x2u /**< From 3.1 on. */
#define VMB_IC_SHUTDOWN_HIBERNATE 0x4u /**< From 3.2 on. */

/** vmb_ic_shutdown.reason: the shutdown was planned. */
#define VMB_IC_SHUTDOWN_REASON_PLANNED 0x80000000u

#define VMB_IC_SHUTDOWN_TEXT_BYTES     2048u
#define VMB_IC_SHUTDOWN_BYTES          (12u + VMB_IC_SHUTDOWN_TEXT_BYTES)

/** Body of VMB_IC_SHUTDOWN. The guest answers first and then goes. */
struct vmb_ic_shutdown {
    uint32_t reason; /**< As Windows counts them. */
    uint32_t timeout_seconds;
    uint32_t flags;      /**< VMB_IC_SHUTDOWN_ bits. */
    const uint8_t *text; /**< For people; not terminated for sure. NULL if none. */
    uint32_t text_bytes; /**< Decoded: up to its first zero, or all that is there. */
};

/**
 * Read the body of a shutdown request.
 *
 * @param out_shutdown  Written on VMB_OK; the text points into @p body.
 *
 * @retval VMB_OK             Decoded.
 * @retval VMB_ERR_MALFORMED  Too short for its numbers: answer with a failure.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_ic_shutdown_decode(const uint8_t *body, uint32_t body_bytes,
                                                struct vmb_ic_shutdown *out_shutdown);

/**
 * Write the body of a shutdown request, VMB_IC_SHUTDOWN_BYTES of it.
 *
 * @param buffer_bytes  Capacity of @p body.
 *
 * @retval VMB_OK                    Written.
 * @retval VMB_ERR_TOO_SMALL         Below VMB_IC_SHUTDOWN_BYTES.
 * @retval VMB_ERR_INVALID_ARGUMENT  The text is not shorter than VMB_IC_SHUTDOWN_TEXT_BYTES.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_ic_shutdown_encode(const struct vmb_ic_shutdown *shutdown,
                                                uint8_t *body, uint32_t buffer_bytes);

/* vmb_ic_timesync.flags; 0 is a probe. */
#define VMB_IC_TIMESYNC_SYNC   0x1u /**< Step the clock: after boot, resume, restore. */
#define VMB_IC_TIMESYNC_SAMPLE 0x2u /**< One of a series, to slew the clock by. */

/** What to subtract from host_utc for the Unix epoch. */
#define VMB_IC_UNIX_EPOCH_100NS   116444736000000000ull

#define VMB_IC_TIMESYNC_BYTES_MAX 28u

/** Body of VMB_IC_TIMESYNC. Times in units of 100 ns. */
struct vmb_ic_timesync {
    uint64_t host_utc;     /**< Since 1601-01-01. */
    uint64_t vm_reference; /**< From 4.0: the reference time when host_utc was read. */
    uint64_t round_trip;   /**< Below 4.0. */
    uint8_t flags;         /**< VMB_IC_TIMESYNC_ bits. */
    uint8_t leap;          /**< From 4.0: leap indicator, as NTP has it. */
    uint8_t stratum;       /**< From 4.0: as NTP has it. */
};

/**
 * Read the body of a time synchronisation.
 *
 * @param version  The message version negotiated.
 *
 * @retval VMB_OK             Decoded; what the version lacks is 0.
 * @retval VMB_ERR_MALFORMED  Too short: drop it.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_ic_timesync_decode(const uint8_t *body, uint32_t body_bytes,
                                                struct vmb_ic_version version,
                                                struct vmb_ic_timesync *out_timesync);

/**
 * Write the body of a time synchronisation.
 *
 * @param version    The message version negotiated.
 * @param body       VMB_IC_TIMESYNC_BYTES_MAX bytes suffice.
 * @param out_bytes  The body_bytes of the header, also with VMB_ERR_TOO_SMALL.
 *
 * @retval VMB_OK             Written.
 * @retval VMB_ERR_TOO_SMALL  Nothing written: pass a larger buffer.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_ic_timesync_encode(const struct vmb_ic_timesync *timesync,
                                                struct vmb_ic_version version, uint8_t *body,
                                                uint32_t buffer_bytes, uint32_t *out_bytes);

VMB_END_DECLS

#endif /* VMB_PROTO_IC_H */
