/* SPDX-License-Identifier: MIT */
/* Bodies of the file copy service. */
#include <vmbus/platform/string.h>
#include <vmbus/proto/file_copy.h>

#include "base/vmb_le.h"

/* Every body: the operation, then two GUIDs that nobody uses. */
#define COPY_OPERATION    0u
#define COPY_HEADER_BYTES 36u

#define START_NAME        36u
#define START_PATH        556u
#define START_FLAGS       1076u
#define START_FILE_BYTES  1080u
#define START_BYTES       1088u

#define WRITE_OFFSET      40u
#define WRITE_BYTES       48u
#define WRITE_DATA        52u

#define CHAR_BYTES        2u

/* A name up to its terminator, or as long as its field. */
static struct vmb_slice name_decode(const uint8_t *bytes)
{
    struct vmb_slice slice;
    uint32_t length = 0;

    while (length < VMB_FILE_COPY_NAME_BYTES && vmbi_le16(bytes + length) != 0) {
        length += CHAR_BYTES;
    }
    slice.bytes = bytes;
    slice.byte_count = length;
    return slice;
}

static vmb_status start_decode(const uint8_t *body, uint32_t body_bytes, struct vmb_file_copy *copy)
{
    if (body_bytes < START_BYTES) {
        return VMB_ERR_MALFORMED;
    }
    copy->name = name_decode(body + START_NAME);
    copy->path = name_decode(body + START_PATH);
    copy->flags = vmbi_le32(body + START_FLAGS);
    copy->file_bytes = vmbi_le64(body + START_FILE_BYTES);
    return VMB_OK;
}

static vmb_status write_decode(const uint8_t *body, uint32_t body_bytes, struct vmb_file_copy *copy)
{
    uint32_t data_bytes;

    if (body_bytes < WRITE_DATA) {
        return VMB_ERR_MALFORMED;
    }
    data_bytes = vmbi_le32(body + WRITE_BYTES);
    copy->file_offset = vmbi_le64(body + WRITE_OFFSET);
    if (data_bytes > VMB_FILE_COPY_DATA_BYTES || data_bytes > body_bytes - WRITE_DATA ||
        copy->file_offset > UINT64_MAX - data_bytes) {
        return VMB_ERR_MALFORMED;
    }
    copy->data.bytes = body + WRITE_DATA;
    copy->data.byte_count = data_bytes;
    return VMB_OK;
}

vmb_status vmb_file_copy_decode(const uint8_t *body, uint32_t body_bytes,
                                struct vmb_file_copy *out_copy)
{
    struct vmb_file_copy copy;
    vmb_status status = VMB_OK;

    if (body_bytes < COPY_HEADER_BYTES) {
        return VMB_ERR_MALFORMED;
    }
    vmb_memset(&copy, 0, sizeof(copy));
    copy.operation = vmbi_le32(body + COPY_OPERATION);
    if (copy.operation > VMB_FILE_COPY_CANCEL) {
        return VMB_ERR_UNKNOWN;
    }
    if (copy.operation == VMB_FILE_COPY_START) {
        status = start_decode(body, body_bytes, &copy);
    } else if (copy.operation == VMB_FILE_COPY_WRITE) {
        status = write_decode(body, body_bytes, &copy);
    }
    if (status == VMB_OK) {
        *out_copy = copy;
    }
    return status;
}

static void slice_encode_bytes(const struct vmb_slice *slice, uint8_t *target)
{
    if (slice->byte_count != 0) {
        vmb_memcpy(target, slice->bytes, slice->byte_count);
    }
}

/* The full size of a body, or 0 if it does not fit its fields. */
static uint32_t copy_bytes(const struct vmb_file_copy *copy)
{
    switch (copy->operation) {
    case VMB_FILE_COPY_START:
        return copy->name.byte_count <= VMB_FILE_COPY_NAME_BYTES - CHAR_BYTES &&
                       copy->path.byte_count <= VMB_FILE_COPY_NAME_BYTES - CHAR_BYTES
                   ? START_BYTES
                   : 0;
    case VMB_FILE_COPY_WRITE:
        return copy->data.byte_count <= VMB_FILE_COPY_DATA_BYTES
                   ? WRITE_DATA + copy->data.byte_count
                   : 0;
    case VMB_FILE_COPY_COMPLETE:
    case VMB_FILE_COPY_CANCEL:
        return COPY_HEADER_BYTES;
    default:
        return 0;
    }
}

vmb_status vmb_file_copy_encode(const struct vmb_file_copy *copy, uint8_t *body,
                                uint32_t buffer_bytes, uint32_t *out_bytes)
{
    uint32_t bytes = copy_bytes(copy);

    if (bytes == 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    *out_bytes = bytes;
    if (bytes > buffer_bytes) {
        return VMB_ERR_TOO_SMALL;
    }
    vmb_memset(body, 0, bytes);
    vmbi_put_le32(body + COPY_OPERATION, copy->operation);
    if (copy->operation == VMB_FILE_COPY_START) {
        slice_encode_bytes(&copy->name, body + START_NAME);
        slice_encode_bytes(&copy->path, body + START_PATH);
        vmbi_put_le32(body + START_FLAGS, copy->flags);
        vmbi_put_le64(body + START_FILE_BYTES, copy->file_bytes);
    } else if (copy->operation == VMB_FILE_COPY_WRITE) {
        vmbi_put_le64(body + WRITE_OFFSET, copy->file_offset);
        vmbi_put_le32(body + WRITE_BYTES, copy->data.byte_count);
        slice_encode_bytes(&copy->data, body + WRITE_DATA);
    }
    return VMB_OK;
}
