/* SPDX-License-Identifier: MIT */
/*
 * The controller on a bus: sub-channels come when the guest asks for them and go with the primary
 * channel, whose close waits for them; and a close waits for the jobs at back ends. Control plane.
 */
#include "drivers/stor/vmb_stor_host_state.h"

#include <vmbus/proto/guid.h>

#define BUS_NOTHING_ASKED UINT32_MAX

/* ---- Closing --------------------------------------------------------------------------------- */

static bool bus_has_sub_channels(const struct vmb_stor_host *host)
{
    uint32_t i;

    for (i = 1; i < host->channel_count; i++) {
        if (host->channels[i].offered) {
            return true;
        }
    }
    return false;
}

/* Nothing of the guest's memory is used any more through this channel, nor will be. */
static bool bus_has_stopped(struct vmbi_stor_channel *channel)
{
    vmbi_stor_channel_drain(channel, true);
    return channel->jobs == 0 && (channel->index != 0 || !bus_has_sub_channels(channel->host));
}

static void bus_close_if_stopped(struct vmbi_stor_channel *channel)
{
    struct vmb_host_channel *bus_channel = vmb_atomic_load(&channel->bus_channel, VMB_RELAXED);
    vmb_status status;

    if (channel->close_waits && bus_has_stopped(channel)) {
        channel->close_waits = false;
        status = vmb_host_close_done(bus_channel);
        VMB_ASSERT(status == VMB_OK); /* The close waits for us. */
        (void)status;
    }
}

/* ---- Sub-channels ---------------------------------------------------------------------------- */

static void bus_offer(struct vmbi_stor_channel *channel)
{
    struct vmb_stor_host *host = channel->host;
    const struct vmb_host_offer_options options = {
        .struct_bytes = sizeof(options),
        .driver = vmb_stor_host_driver(),
        .device = channel,
        .hooks = vmb_stor_host_hooks(),
        .instance_id = host->options.instance_id,
        .subchannel_index = (uint16_t)channel->index,
    };
    vmb_status status = vmb_host_offer(host->options.bus, &options, &channel->own);

    channel->offered = status == VMB_OK;
    if (status != VMB_OK && status != VMB_ERR_BUSY) {
        vmbi_stor_count(channel, VMBI_STOR_OFFERS_FAILED, 1);
        channel->wanted = false;
    }
}

static void bus_revoke(struct vmbi_stor_channel *channel)
{
    channel->revoking = true;
    if (vmb_host_revoke(channel->own) != VMB_OK) {
        channel->revoking = false; /* It is being revoked by somebody else. */
    }
}

/* Make what is on the bus what is wanted there. */
static void bus_settle(struct vmb_stor_host *host)
{
    uint32_t i;

    for (i = 1; i < host->channel_count; i++) {
        struct vmbi_stor_channel *channel = &host->channels[i];

        if (channel->wanted && !channel->offered && host->options.bus != NULL) {
            bus_offer(channel);
        } else if (!channel->wanted && channel->offered && !channel->revoking) {
            bus_revoke(channel);
        }
    }
}

static void bus_want(struct vmb_stor_host *host, uint32_t count)
{
    uint32_t i;

    for (i = 1; i < host->channel_count; i++) {
        host->channels[i].wanted = i <= count;
    }
}

void vmbi_stor_bus_want(struct vmb_stor_host *host, uint32_t count)
{
    bus_want(host, count);
    bus_settle(host);
}

void vmb_stor_host_poll(struct vmb_stor_host *controller)
{
    /* Pairs with the release in packet_sub_channels(). */
    uint32_t asked =
        vmb_atomic_exchange(&controller->sub_channels_asked, BUS_NOTHING_ASKED, VMB_ACQUIRE);
    uint32_t i;

    if (asked != BUS_NOTHING_ASKED &&
        vmb_atomic_load(&controller->state, VMB_RELAXED) != VMBI_STOR_CLOSED) {
        bus_want(controller, asked);
    }
    bus_settle(controller);
    for (i = controller->channel_count; i > 0; i--) {
        bus_close_if_stopped(&controller->channels[i - 1]);
    }
}

/* ---- Hooks ----------------------------------------------------------------------------------- */

static vmb_status bus_on_open(void *device, struct vmb_host_channel *bus_channel,
                              const struct vmb_host_open *request)
{
    struct vmbi_stor_channel *channel = device;

    (void)request;
    if (channel->index != 0 && !channel->wanted) {
        return VMB_ERR_REFUSED; /* The primary channel is closed, or about to be. */
    }
    /* Relaxed: what others do with it, kicks and the like, touches nothing that changes. */
    vmb_atomic_store(&channel->bus_channel, (void *)bus_channel, VMB_RELAXED);
    return VMB_OK;
}

static vmb_status bus_on_close(void *device, struct vmb_host_channel *bus_channel)
{
    struct vmbi_stor_channel *channel = device;

    (void)bus_channel;
    /* Before the stack is emptied, with release: see vmb_stor_host_complete(). */
    vmb_atomic_store(&channel->closing, 1, VMB_RELAXED);
    channel->endpoint = NULL;
    vmbi_stor_reset_abandon(channel);
    if (channel->index == 0) {
        vmb_atomic_store(&channel->host->state, VMBI_STOR_CLOSED, VMB_RELAXED);
        vmb_atomic_store(&channel->host->sub_channels_asked, BUS_NOTHING_ASKED, VMB_RELAXED);
        bus_want(channel->host, 0);
        bus_settle(channel->host);
    }
    if (bus_has_stopped(channel)) {
        return VMB_OK;
    }
    channel->close_waits = true;
    return VMB_ERR_BUSY;
}

static void bus_on_control(void *device, struct vmb_host_channel *bus_channel)
{
    (void)bus_channel;
    vmb_stor_host_poll(((struct vmbi_stor_channel *)device)->host);
}

static void bus_on_released(void *device)
{
    struct vmbi_stor_channel *channel = device;

    if (channel->index != 0) {
        channel->offered = false;
        channel->revoking = false;
        bus_close_if_stopped(&channel->host->channels[0]);
    }
}

const struct vmb_host_hooks *vmb_stor_host_hooks(void)
{
    static const struct vmb_host_hooks hooks = {
        .struct_bytes = sizeof(hooks),
        .open = bus_on_open,
        .close = bus_on_close,
        .control = bus_on_control,
        .released = bus_on_released,
        .save = vmbi_stor_channel_save,
        .restore = vmbi_stor_channel_restore,
    };

    return &hooks;
}
