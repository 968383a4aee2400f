/* SPDX-License-Identifier: MIT */
/*
 * The format of a saved host, and nothing else: which records there are and what stands in them.
 * docs/SAVE.md has it for readers who do not read C.
 */
#ifndef VMB_HOST_SAVED_H
#define VMB_HOST_SAVED_H

#include "base/vmb_pack.h"
#include "host/vmb_host_internal.h"
#include "ring/vmb_ring_saved.h"

#define VMBI_SAVED_FORMAT       1u
#define VMBI_SAVED_HEADER_BYTES 32u
#define VMBI_SAVED_RECORD_BYTES 8u /* Kind and length, before each record. */

/* In this order: one CONNECTION, any number of the next four, one COUNTERS. */
enum vmbi_saved_kind {
    VMBI_SAVED_CONNECTION = 1,
    VMBI_SAVED_CHANNEL = 2,
    VMBI_SAVED_GPADL = 3, /* Names channels by the number of their record, from 0 on. */
    VMBI_SAVED_OUT = 4,   /* Likewise. */
    VMBI_SAVED_IN = 5,
    VMBI_SAVED_HOST = 6
};

struct vmbi_saved_header {
    uint32_t format;
    uint32_t crc; /* Of all bytes but its own four. */
    uint64_t byte_count;
    uint32_t bus_version; /* For those who only look: VMB_VERSION_, or NONE. */
    uint32_t channel_count;
};

struct vmbi_saved_channel {
    struct vmb_msg_offer offer;
    uint16_t order;
    uint8_t state; /* enum vmb_host_channel_state, none of the _CLIENT_RELEASE ones. */
    bool known;
    bool offer_due;
    bool rescind_due;
    bool withdrawn;
    bool reserved;
    bool owes_open_result;
    bool control_wanted;
    bool modifying;
    bool modify_next;
    bool legacy;
    bool private_ring;
    bool reserved_trusted;
    uint8_t event_sint;
    uint8_t reserved_reply;
    uint8_t reserved_sint;
    uint32_t modify_next_vp;
    uint32_t reserved_vp;
    uint32_t reserved_relid;
    uint32_t reserved_status;
    uint32_t connection_id; /* Of the doorbell. */
    uint32_t target_vp;
    uint16_t target_flag;
    struct vmb_msg_open_channel request;
    struct vmb_host_channel_counters counters;
    struct vmbi_ring_saved tx; /* If open. */
    struct vmbi_ring_saved rx;
    bool has_device;
    uint32_t device_bytes; /* They follow. */
};

struct vmbi_saved_gpadl {
    uint32_t channel;
    uint32_t handle;
    uint8_t state; /* enum vmbi_host_gpadl_state */
    bool owes_answer;
    bool mapped;
    bool in_private;
    uint32_t page_count;
    uint32_t range_count;
    uint32_t word_count; /* Of its data, as they came; they follow. */
};

struct vmbi_saved_out {
    uint16_t number;
    uint8_t sint;
    uint8_t byte_count;
    bool trusted;
    uint32_t vp;
    uint32_t channel; /* VMBI_HOST_NONE: none. */
    uint32_t relid;
    uint8_t bytes[VMBI_HOST_OUT_BYTES];
};

/* The hooks of a device that was built knowing of save and restore; else NULL. */
VMB_INLINE const struct vmb_host_hooks *vmbi_saved_hooks(const struct vmb_host_channel *channel)
{
    const struct vmb_host_hooks *hooks = channel->hooks;

    return hooks != NULL && hooks->struct_bytes >= sizeof(*hooks) ? hooks : NULL;
}

void vmbi_saved_pack_header(struct vmbi_pack *pack, struct vmbi_saved_header *header);
/* Without the mappings. */
void vmbi_saved_pack_connection(struct vmbi_pack *pack, struct vmbi_host_connection *connection);
void vmbi_saved_pack_channel(struct vmbi_pack *pack, struct vmbi_saved_channel *channel);
void vmbi_saved_pack_gpadl(struct vmbi_pack *pack, struct vmbi_saved_gpadl *gpadl);
void vmbi_saved_pack_out(struct vmbi_pack *pack, struct vmbi_saved_out *out);
void vmbi_saved_pack_counters(struct vmbi_pack *pack, struct vmb_host_counters *counters);

/* The checksum that the header of these bytes should have. */
uint32_t vmbi_saved_crc(const uint8_t *bytes, size_t byte_count);

#endif /* VMB_HOST_SAVED_H */
