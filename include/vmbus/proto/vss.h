/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Bodies of the backup service (message type VMB_IC_VSS): the host freezes and thaws the guest's
 * file systems around a snapshot. As Linux 6.12 and current hosts have them.
 *
 * Bodies stand behind the headers of ic.h; every function works on a private copy.
 */
#ifndef VMB_PROTO_VSS_H
#define VMB_PROTO_VSS_H

#include <vmbus/proto/ic.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/* Operations: the first byte of a body. */
#define VMB_VSS_CREATE          0u /**< Data: snapshot set, backup type. */
#define VMB_VSS_DELETE          1u /**< Data: snapshot set. */
#define VMB_VSS_HOT_BACKUP      2u /**< Can you? The answer has flags. */
#define VMB_VSS_DIRECT_DEVICES  3u /**< Which devices are mapped directly? The answer has flags. */
#define VMB_VSS_BACKUP_COMPLETE 4u /**< From 4.0 on. */
#define VMB_VSS_FREEZE          5u /**< From 5.0 on; answer when the file systems are frozen. */
#define VMB_VSS_THAW            6u /**< From 5.0 on; always answer. */
#define VMB_VSS_AUTO_RECOVER    7u /**< From 5.0 on. */
#define VMB_VSS_CLUSTER_INFO    8u /**< From 6.0 on. */

/** Flags of the answer to VMB_VSS_HOT_BACKUP: yes, but nobody recovers snapshots by himself. */
#define VMB_VSS_NO_AUTO_RECOVERY 5u

/** Operation and reserved bytes: where the data begins. */
#define VMB_VSS_HEADER_BYTES 8u
/** The body of an answer that has flags. */
#define VMB_VSS_FLAGS_BYTES 12u

/** A request or an answer. */
struct vmb_vss {
    uint8_t operation;
    struct vmb_slice data; /**< Of the operation; points into the copy that was decoded. */
};

/**
 * Read a body.
 *
 * @param out_vss  Written on VMB_OK.
 *
 * @retval VMB_OK             Decoded; the operation may be one that is not known yet.
 * @retval VMB_ERR_MALFORMED  Too short: answer with a failure.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_vss_decode(const uint8_t *body, uint32_t body_bytes,
                                        struct vmb_vss *out_vss);

/**
 * Write a body.
 *
 * @param out_bytes  The body_bytes of the header, also with VMB_ERR_TOO_SMALL.
 *
 * @retval VMB_OK                    Written.
 * @retval VMB_ERR_TOO_SMALL         Nothing written: pass a larger buffer.
 * @retval VMB_ERR_INVALID_ARGUMENT  More data than a message holds.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_vss_encode(const struct vmb_vss *vss, uint8_t *body,
                                        uint32_t buffer_bytes, uint32_t *out_bytes);

/**
 * The flags in an answer to VMB_VSS_HOT_BACKUP or VMB_VSS_DIRECT_DEVICES.
 *
 * @param out_flags  Written on VMB_OK.
 *
 * @retval VMB_OK             Read.
 * @retval VMB_ERR_MALFORMED  There are none.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_vss_flags_decode(const struct vmb_vss *vss, uint32_t *out_flags);

/**
 * Write the body of an answer that has flags, VMB_VSS_FLAGS_BYTES of it.
 *
 * @param body  VMB_VSS_FLAGS_BYTES bytes.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_vss_flags_encode(uint8_t operation, uint32_t flags, uint8_t *body);

/**
 * The snapshot set that a request to create or delete names.
 *
 * @param out_set          Written on VMB_OK.
 * @param out_backup_type  Written on VMB_OK; 0 if the request has none.
 *
 * @retval VMB_OK             Read.
 * @retval VMB_ERR_MALFORMED  There is none: answer with a failure.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_vss_snapshot_decode(const struct vmb_vss *vss,
                                                 struct vmb_guid *out_set,
                                                 uint32_t *out_backup_type);

VMB_END_DECLS

#endif /* VMB_PROTO_VSS_H */
