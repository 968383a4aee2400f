/* SPDX-License-Identifier: MIT */
/*
 * The controller's initialisation, a step for each answer: begin, version after version until the
 * host agrees, properties, end; then it is ready, and sub-channels are asked for.
 */
#include "drivers/stor/vmb_stor_guest_state.h"

#define INIT_NOTHING 0u /* No operation is under way. */

static void init_end(struct vmb_stor_guest *guest, vmb_status status)
{
    guest->operation = INIT_NOTHING;
    if (guest->options.ready != NULL) {
        guest->options.ready(guest->options.context, status);
    }
}

/* The first packet after an opening always fits, and later ones follow the answer to the last. */
static void init_send(struct vmb_stor_guest *guest, uint32_t operation)
{
    struct vmbi_stor_guest_channel *primary = &guest->channels[0];
    const struct vmb_stor_header header = {operation, VMB_STOR_WANTS_COMPLETION, 0};
    uint8_t packet[VMB_STOR_PACKET_BYTES];
    vmb_status status;

    vmb_stor_header_encode(&header, packet, guest->packet_bytes);
    if (operation == VMB_STOR_QUERY_VERSION) {
        vmb_stor_version_encode(vmb_stor_version(guest->version_index), packet);
    } else if (operation == VMB_STOR_CREATE_SUB_CHANNELS) {
        vmb_stor_sub_channels_encode((uint16_t)guest->sub_channels, packet);
    }
    guest->operation = operation;
    status = vmbi_stor_guest_stage(primary, packet, NULL, guest);
    if (status != VMB_OK) {
        init_end(guest, VMB_ERR_PEER); /* No good host leaves its ring full. */
    }
}

void vmbi_stor_guest_begin(struct vmb_stor_guest *guest)
{
    guest->sub_channels = 0;
    guest->version_index = 0;
    while (vmb_stor_version(guest->version_index) > guest->options.max_version) {
        guest->version_index++;
    }
    /* The size of the newest until a version is agreed upon. */
    guest->packet_bytes = vmb_stor_packet_bytes(vmb_stor_version(guest->version_index));
    init_send(guest, VMB_STOR_BEGIN_INIT);
}

static void init_version(struct vmb_stor_guest *guest, uint32_t nt_status)
{
    uint16_t version;

    if (nt_status == VMB_STOR_STATUS_SUCCESS) {
        version = vmb_stor_version(guest->version_index);
        vmb_atomic_store(&guest->version, version, VMB_RELAXED);
        guest->packet_bytes = vmb_stor_packet_bytes(version);
        init_send(guest, VMB_STOR_QUERY_PROPERTIES);
        return;
    }
    version = vmb_stor_version(++guest->version_index);
    if (version == 0 || version < guest->options.min_version) {
        init_end(guest, VMB_ERR_VERSION);
    } else {
        init_send(guest, VMB_STOR_QUERY_VERSION);
    }
}

static void init_properties(struct vmb_stor_guest *guest, const uint8_t *packet)
{
    uint32_t limit = guest->options.transfer_limit_bytes;
    struct vmb_stor_properties properties;

    vmb_stor_properties_decode(packet, &properties);
    if (properties.max_transfer_bytes < VMB_PAGE_BYTES) {
        init_end(guest, VMB_ERR_PEER);
        return;
    }
    if (properties.max_transfer_bytes < limit) {
        limit = properties.max_transfer_bytes & ~(VMB_PAGE_BYTES - 1u);
    }
    vmb_atomic_store(&guest->transfer_limit, limit, VMB_RELAXED);
    if ((properties.flags & VMB_STOR_MULTI_CHANNEL) != 0) {
        guest->sub_channels = properties.max_sub_channels < guest->options.sub_channel_limit
                                  ? properties.max_sub_channels
                                  : guest->options.sub_channel_limit;
    }
    init_send(guest, VMB_STOR_END_INIT);
}

static void init_ready(struct vmb_stor_guest *guest)
{
    /* Release: version and limit are known. Pairs with vmbi_stor_guest_is_ready(). */
    vmb_atomic_store(&guest->ready, 1, VMB_RELEASE);
    vmbi_stor_guest_let_in(&guest->channels[0]);
    init_end(guest, VMB_OK);
    if (guest->sub_channels != 0) {
        init_send(guest, VMB_STOR_CREATE_SUB_CHANNELS); /* Its offers follow, or do not. */
    }
}

void vmbi_stor_guest_step(struct vmb_stor_guest *guest, const uint8_t *packet, uint32_t nt_status)
{
    uint32_t operation = guest->operation;

    if (operation == VMB_STOR_CREATE_SUB_CHANNELS) {
        guest->operation = INIT_NOTHING;
    } else if (packet == NULL) {
        init_end(guest, VMB_ERR_PEER);
    } else if (operation == VMB_STOR_QUERY_VERSION) {
        init_version(guest, nt_status);
    } else if (nt_status != VMB_STOR_STATUS_SUCCESS) {
        init_end(guest, VMB_ERR_REFUSED);
    } else if (operation == VMB_STOR_BEGIN_INIT) {
        init_send(guest, VMB_STOR_QUERY_VERSION);
    } else if (operation == VMB_STOR_QUERY_PROPERTIES) {
        init_properties(guest, packet);
    } else {
        init_ready(guest);
    }
}
