/* SPDX-License-Identifier: MIT */
/*
 * What the guest may ask for besides SCSI: the steps of initialisation, in their order and on the
 * primary channel, sub-channels, resets. What comes out of order is answered with a status.
 */
#include "drivers/stor/vmb_stor_host_state.h"

void vmbi_stor_refuse(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                      uint32_t status)
{
    vmb_stor_answer_encode(request->packet, status);
    vmbi_stor_channel_answer(channel, request);
}

static void packet_out_of_order(struct vmbi_stor_channel *channel,
                                struct vmbi_stor_request *request)
{
    vmbi_stor_count(channel, VMBI_STOR_OUT_OF_ORDER, 1);
    vmbi_stor_refuse(channel, request, VMB_STOR_STATUS_INVALID_STATE);
}

/*
 * A request of SCSI that comes when the controller is not ready. On a sub-channel, which does not
 * run before it is, that says that the primary channel has closed meanwhile: this one is about to,
 * and what the guest has asked of it ends with it. An answer would be taken for the disk's.
 */
static void packet_not_ready(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request)
{
    if (channel->index != 0) {
        vmbi_stor_channel_forget(channel, request);
    } else {
        packet_out_of_order(channel, request);
    }
}

static void packet_accept(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request)
{
    vmbi_stor_refuse(channel, request, VMB_STOR_STATUS_SUCCESS);
}

static bool packet_speaks(const struct vmb_stor_host *host, uint16_t version)
{
    uint32_t i;

    for (i = 0; vmb_stor_version(i) != 0; i++) {
        if (vmb_stor_version(i) == version) {
            return version <= host->options.max_version;
        }
    }
    return false;
}

static void packet_set_state(struct vmb_stor_host *host, uint32_t state)
{
    vmb_atomic_store(&host->state, state, VMB_RELAXED);
}

static void packet_version(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request)
{
    uint16_t version = vmb_stor_version_decode(request->packet);

    if (!packet_speaks(channel->host, version)) {
        vmbi_stor_refuse(channel, request, VMB_STOR_STATUS_REVISION_MISMATCH);
        return;
    }
    vmb_atomic_store(&channel->host->version, version, VMB_RELAXED);
    packet_set_state(channel->host, VMBI_STOR_VERSION_AGREED);
    packet_accept(channel, request);
}

static void packet_properties(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request)
{
    const struct vmb_stor_host_options *options = &channel->host->options;
    struct vmb_stor_properties properties = {
        .max_sub_channels = (uint16_t)options->sub_channel_limit,
        .flags = options->sub_channel_limit != 0 ? VMB_STOR_MULTI_CHANNEL : 0,
        .max_transfer_bytes = options->transfer_limit_bytes,
    };

    vmb_stor_properties_encode(&properties, request->packet);
    packet_set_state(channel->host, VMBI_STOR_PROPERTIES_TOLD);
    packet_accept(channel, request);
}

static void packet_end_init(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request)
{
    struct vmb_stor_host *host = channel->host;

    /* Release: the version is known. Pairs with the acquire in vmbi_stor_is_ready(). */
    vmb_atomic_store(&host->state, VMBI_STOR_READY, VMB_RELEASE);
    packet_accept(channel, request);
    vmbi_stor_wake_all(host); /* Sub-channels have held their requests back. */
}

/* Answered first; the offers follow from the control plane. */
static void packet_sub_channels(struct vmbi_stor_channel *channel,
                                struct vmbi_stor_request *request)
{
    struct vmb_stor_host *host = channel->host;
    uint16_t count = vmb_stor_sub_channels_decode(request->packet);
    struct vmb_host_channel *bus_channel = vmb_atomic_load(&channel->bus_channel, VMB_RELAXED);

    if (count == 0 || count > host->options.sub_channel_limit) {
        vmbi_stor_count(channel, VMBI_STOR_REFUSED, 1);
        vmbi_stor_refuse(channel, request, VMB_STOR_STATUS_INVALID_PARAMETER);
        return;
    }
    packet_accept(channel, request);
    /* Release, as the exchange that takes it reads what the guest asked before it. */
    vmb_atomic_store(&host->sub_channels_asked, count, VMB_RELEASE);
    if (bus_channel != NULL) {
        vmb_host_request_control(bus_channel);
    }
    if (host->options.poll_ready != NULL) {
        host->options.poll_ready(host->options.context);
    }
}

static void packet_reset(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request)
{
    if (vmb_stor_srb_decode(request->packet, request->packet_bytes, true, &request->srb) !=
        VMB_OK) {
        vmbi_stor_count(channel, VMBI_STOR_MALFORMED, 1);
        vmbi_stor_refuse(channel, request, VMB_STOR_STATUS_INVALID_PARAMETER);
        return;
    }
    request->reset_begun = false;
    vmbi_stor_queue_push(&channel->resets,
                         request); /* The run goes on with vmbi_stor_reset_step(). */
}

/* The steps of initialisation: where each may come, and where it leads. */
static void packet_step(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request)
{
    uint32_t state = vmb_atomic_load(&channel->host->state, VMB_RELAXED);
    uint32_t operation = request->operation;

    if (channel->index != 0) {
        packet_out_of_order(channel, request);
    } else if (operation == VMB_STOR_BEGIN_INIT && state == VMBI_STOR_OPEN) {
        packet_set_state(channel->host, VMBI_STOR_BEGUN);
        packet_accept(channel, request);
    } else if (operation == VMB_STOR_QUERY_VERSION && state == VMBI_STOR_BEGUN) {
        packet_version(channel, request);
    } else if (operation == VMB_STOR_QUERY_PROPERTIES && state == VMBI_STOR_VERSION_AGREED) {
        packet_properties(channel, request);
    } else if (operation == VMB_STOR_CREATE_SUB_CHANNELS && state >= VMBI_STOR_PROPERTIES_TOLD) {
        packet_sub_channels(channel, request);
    } else if (operation == VMB_STOR_END_INIT && state == VMBI_STOR_PROPERTIES_TOLD) {
        packet_end_init(channel, request);
    } else {
        packet_out_of_order(channel, request);
    }
}

void vmbi_stor_packet(struct vmbi_stor_channel *channel, struct vmbi_stor_request *request,
                      const struct vmb_packet *packet)
{
    struct vmb_stor_header header = {0, 0, 0};
    vmb_status status = vmb_stor_header_decode(request->packet, packet->payload_bytes, &header);

    request->operation = header.operation;
    if (status == VMB_ERR_MALFORMED) {
        vmbi_stor_count(channel, VMBI_STOR_MALFORMED, 1);
        vmbi_stor_refuse(channel, request, VMB_STOR_STATUS_INVALID_PARAMETER);
        return;
    }
    switch (header.operation) {
    case VMB_STOR_EXECUTE_SRB:
        if (vmbi_stor_is_ready(channel->host)) {
            vmbi_stor_srb_begin(channel, request, packet);
        } else {
            packet_not_ready(channel, request);
        }
        break;
    case VMB_STOR_RESET_LUN:
    case VMB_STOR_RESET_ADAPTER:
    case VMB_STOR_RESET_BUS:
        if (vmbi_stor_is_ready(channel->host)) {
            packet_reset(channel, request);
        } else {
            packet_not_ready(channel, request);
        }
        break;
    case VMB_STOR_BEGIN_INIT:
    case VMB_STOR_END_INIT:
    case VMB_STOR_QUERY_VERSION:
    case VMB_STOR_QUERY_PROPERTIES:
    case VMB_STOR_CREATE_SUB_CHANNELS:
        packet_step(channel, request);
        break;
    default: /* Fibre channel data too: this is a SCSI controller. */
        vmbi_stor_count(channel, VMBI_STOR_REFUSED, 1);
        vmbi_stor_refuse(channel, request, VMB_STOR_STATUS_INVALID_REQUEST);
        break;
    }
}
