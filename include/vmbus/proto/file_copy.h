/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Bodies of the file copy service (message type VMB_IC_FILE_COPY): the host puts a file into the
 * guest. As Linux 6.12 has them.
 *
 * Bodies stand behind the headers of ic.h; every function works on a private copy.
 */
#ifndef VMB_PROTO_FILE_COPY_H
#define VMB_PROTO_FILE_COPY_H

#include <vmbus/proto/ic.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/* vmb_file_copy.operation */
#define VMB_FILE_COPY_START    0u
#define VMB_FILE_COPY_WRITE    1u
#define VMB_FILE_COPY_COMPLETE 2u
#define VMB_FILE_COPY_CANCEL   3u

/* vmb_file_copy.flags */
#define VMB_FILE_COPY_OVERWRITE   0x1u
#define VMB_FILE_COPY_CREATE_PATH 0x2u

/** Of a file name and of a path: 260 UTF-16 characters, the terminator included. */
#define VMB_FILE_COPY_NAME_BYTES 520u
/** Of one write. */
#define VMB_FILE_COPY_DATA_BYTES 6144u
/** The longest body: a write. */
#define VMB_FILE_COPY_BODY_BYTES_MAX (52u + VMB_FILE_COPY_DATA_BYTES)

/** A request. An answer is the request with a status in its header. */
struct vmb_file_copy {
    uint32_t operation;
    struct vmb_slice name; /**< Start: UTF-16, little-endian, without terminator. */
    struct vmb_slice path; /**< Start: likewise. */
    uint32_t flags;        /**< Start: VMB_FILE_COPY_ bits. */
    uint64_t file_bytes;   /**< Start: of the whole file. */
    uint64_t file_offset;  /**< Write: where the data goes. */
    struct vmb_slice data; /**< Write. */
};

/**
 * Read a body.
 *
 * @param out_copy  Written on VMB_OK; name, path and data point into @p body.
 *
 * @retval VMB_OK             Decoded; data fits VMB_FILE_COPY_DATA_BYTES, and file_offset plus
 *                            its length does not overflow. What the operation lacks is 0.
 * @retval VMB_ERR_MALFORMED  Too short, or too much data: answer with a failure.
 * @retval VMB_ERR_UNKNOWN    No such operation: answer that it is not supported.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_file_copy_decode(const uint8_t *body, uint32_t body_bytes,
                                              struct vmb_file_copy *out_copy);

/**
 * Write a body, in its full size, the unused part as zeros.
 *
 * @param body       VMB_FILE_COPY_BODY_BYTES_MAX bytes suffice.
 * @param out_bytes  The body_bytes of the header, also with VMB_ERR_TOO_SMALL.
 *
 * @retval VMB_OK                    Written.
 * @retval VMB_ERR_TOO_SMALL         Nothing written: pass a larger buffer.
 * @retval VMB_ERR_INVALID_ARGUMENT  No such operation, or a name, a path or data too long.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_file_copy_encode(const struct vmb_file_copy *copy, uint8_t *body,
                                              uint32_t buffer_bytes, uint32_t *out_bytes);

VMB_END_DECLS

#endif /* VMB_PROTO_FILE_COPY_H */
