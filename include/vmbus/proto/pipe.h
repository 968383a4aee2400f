/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Pipe framing: the 8 bytes before each payload on channels offered with VMB_OFFER_PIPE.
 *
 * They give the exact length of the data, which a packet rounds up to 8 bytes.
 */
#ifndef VMB_PROTO_PIPE_H
#define VMB_PROTO_PIPE_H

#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

#define VMB_PIPE_HEADER_BYTES 8u
/** Data bytes of one packet, at most. As current hosts have it. */
#define VMB_PIPE_MAX_BYTES 16384u

/* vmb_pipe_header.type */
#define VMB_PIPE_DATA                1u
#define VMB_PIPE_PARTIAL             2u /**< Data of which the reader has taken a part already. */
#define VMB_PIPE_SETUP_GPA_DIRECT    3u
#define VMB_PIPE_TEARDOWN_GPA_DIRECT 4u
#define VMB_PIPE_INDICATION_DONE     5u

/** What a pipe header says. */
struct vmb_pipe_header {
    uint32_t type;        /**< A VMB_PIPE_ type. */
    uint32_t data_offset; /**< From the beginning of the header to the data, in bytes. */
    uint32_t data_bytes;  /**< 0 in a byte pipe: the end of the stream. */
};

/**
 * Read a pipe header out of a payload.
 *
 * Of partial data, the part already taken is skipped: data_offset lies behind it.
 *
 * @param payload        A private copy of at least min(payload_bytes, 8) bytes.
 * @param payload_bytes  Of the whole packet, pipe header and rounding included.
 * @param out_header     Written on VMB_OK: data_offset + data_bytes is at most payload_bytes.
 *
 * @retval VMB_OK             Decoded.
 * @retval VMB_ERR_MALFORMED  It does not fit the payload, or nothing of partial data is left:
 *                            close the channel.
 * @retval VMB_ERR_UNKNOWN    No such type: drop the packet.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_pipe_header_decode(const uint8_t *payload, uint32_t payload_bytes,
                                                struct vmb_pipe_header *out_header);

/**
 * Write the pipe header of whole data, type VMB_PIPE_DATA.
 *
 * @param raw  VMB_PIPE_HEADER_BYTES bytes.
 *
 * Context: isr-ok; any number of callers at once.
 */
void vmb_pipe_data_encode(uint32_t data_bytes, uint8_t *raw);

/**
 * Write the pipe header of data of which the reader has taken @p taken_bytes.
 *
 * @param total_bytes  Below 65536.
 * @param taken_bytes  Below total_bytes.
 * @param raw          VMB_PIPE_HEADER_BYTES bytes; written on VMB_OK.
 *
 * @retval VMB_OK                    Written.
 * @retval VMB_ERR_INVALID_ARGUMENT  The numbers do not fit the header.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_pipe_partial_encode(uint32_t total_bytes, uint32_t taken_bytes,
                                                 uint8_t *raw);

VMB_END_DECLS

#endif /* VMB_PROTO_PIPE_H */
