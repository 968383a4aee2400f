/* SPDX-License-Identifier: MIT */
/* The class-specific bytes of offers. */
#include <vmbus/platform/string.h>
#include <vmbus/proto/offer.h>

#include "base/vmb_le.h"

/* Pipe offers. */
#define PIPE_TYPE       0u
#define PIPE_CLASS_DATA 4u
#define PIPE_FLAGS      116u

/* hv_sock offers. The last two fields are not aligned. */
#define HVSOCK_TYPE      0u
#define HVSOCK_ACCEPT    4u
#define HVSOCK_CONTAINER 5u
#define HVSOCK_VERSION   6u
#define HVSOCK_SILO      10u

/* IDE and SCSI offers. */
#define STORAGE_PATH   2u
#define STORAGE_TARGET 3u
#define STORAGE_FLAGS  8u

void vmb_offer_pipe_decode(const uint8_t *user_defined, struct vmb_offer_pipe *out_pipe)
{
    out_pipe->pipe_type = vmbi_le32(user_defined + PIPE_TYPE);
    vmb_memcpy(out_pipe->class_data, user_defined + PIPE_CLASS_DATA, VMB_OFFER_PIPE_CLASS_BYTES);
    out_pipe->pipe_flags = vmbi_le32(user_defined + PIPE_FLAGS);
}

void vmb_offer_pipe_encode(const struct vmb_offer_pipe *pipe, uint8_t *user_defined)
{
    vmbi_put_le32(user_defined + PIPE_TYPE, pipe->pipe_type);
    vmb_memcpy(user_defined + PIPE_CLASS_DATA, pipe->class_data, VMB_OFFER_PIPE_CLASS_BYTES);
    vmbi_put_le32(user_defined + PIPE_FLAGS, pipe->pipe_flags);
}

void vmb_offer_hvsock_decode(const uint8_t *user_defined, struct vmb_offer_hvsock *out_hvsock)
{
    vmb_memset(out_hvsock, 0, sizeof(*out_hvsock));
    out_hvsock->pipe_type = vmbi_le32(user_defined + HVSOCK_TYPE);
    out_hvsock->is_for_guest_accept = user_defined[HVSOCK_ACCEPT] != 0;
    out_hvsock->is_for_guest_container = user_defined[HVSOCK_CONTAINER] != 0;
    out_hvsock->parameters_version = vmbi_le32(user_defined + HVSOCK_VERSION);
    if (out_hvsock->parameters_version >= 1u) {
        vmb_memcpy(out_hvsock->silo_guid.bytes, user_defined + HVSOCK_SILO,
                   sizeof(out_hvsock->silo_guid.bytes));
    }
}

void vmb_offer_hvsock_encode(const struct vmb_offer_hvsock *hvsock, uint8_t *user_defined)
{
    vmb_memset(user_defined, 0, VMB_USER_DEFINED_BYTES);
    vmbi_put_le32(user_defined + HVSOCK_TYPE, hvsock->pipe_type);
    user_defined[HVSOCK_ACCEPT] = hvsock->is_for_guest_accept ? 1 : 0;
    user_defined[HVSOCK_CONTAINER] = hvsock->is_for_guest_container ? 1 : 0;
    vmbi_put_le32(user_defined + HVSOCK_VERSION, hvsock->parameters_version);
    if (hvsock->parameters_version >= 1u) {
        vmb_memcpy(user_defined + HVSOCK_SILO, hvsock->silo_guid.bytes,
                   sizeof(hvsock->silo_guid.bytes));
    }
}

void vmb_offer_storage_decode(const uint8_t *user_defined, struct vmb_offer_storage *out_storage)
{
    out_storage->path_id = user_defined[STORAGE_PATH];
    out_storage->target_id = user_defined[STORAGE_TARGET];
    out_storage->flags = vmbi_le32(user_defined + STORAGE_FLAGS);
}

void vmb_offer_storage_encode(const struct vmb_offer_storage *storage, uint8_t *user_defined)
{
    vmb_memset(user_defined, 0, VMB_USER_DEFINED_BYTES);
    user_defined[STORAGE_PATH] = storage->path_id;
    user_defined[STORAGE_TARGET] = storage->target_id;
    vmbi_put_le32(user_defined + STORAGE_FLAGS, storage->flags);
}
