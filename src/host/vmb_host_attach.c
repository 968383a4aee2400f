/* SPDX-License-Identifier: MIT */
/*
 * What an open channel has of the guest: its rings, its doorbell and its interrupt. Attached when
 * the guest asks to open it and before the device learns of that; detached when the device has
 * stopped.
 */
#include "host/vmb_host_internal.h"
#include "host/vmb_host_saved.h"

#define ATTACH_MIN_RING_PAGES 2u        /* A control page and one page of data. */
#define ATTACH_MAX_CONNECTION 0xFFFFFFu /* Connection ids have 24 bits (TLFS 11). */

/* Whether memory will do for both rings. */
static bool attach_ring_memory(const struct vmb_host_channel *channel,
                               const struct vmb_host_gpadl *gpadl)
{
    uint32_t offset = channel->request.downstream_page_offset;

    return gpadl->mapped && gpadl->in_private == channel->private_ring && gpadl->range_count == 1 &&
           gpadl->first_offset == 0 && gpadl->first_bytes % VMB_PAGE_BYTES == 0 &&
           offset >= ATTACH_MIN_RING_PAGES && offset <= gpadl->page_count &&
           gpadl->page_count - offset >= ATTACH_MIN_RING_PAGES;
}

/* The guest's memory for both rings, held; NULL if it will not do. */
static struct vmb_host_gpadl *attach_hold_rings(struct vmb_host_channel *channel)
{
    struct vmb_host_gpadl *gpadl;

    if (vmb_host_gpadl_get(channel, channel->request.ring_gpadl, &gpadl) != VMB_OK) {
        return NULL;
    }
    if (!attach_ring_memory(channel, gpadl)) {
        vmb_host_gpadl_put(gpadl);
        return NULL;
    }
    return gpadl;
}

/* The first ring is the guest's to write, the second ours. */
static struct vmb_endpoint_rings attach_lay_out(const struct vmb_host_channel *channel,
                                                const struct vmb_host_gpadl *gpadl)
{
    uint32_t first_pages = channel->request.downstream_page_offset;
    uint8_t VMB_SHARED *base = gpadl->mapping.base;
    struct vmb_endpoint_rings rings;

    rings.rx_control = base;
    rings.rx_data_bytes = (first_pages - 1) * VMB_PAGE_BYTES;
    rings.tx_control = base + (size_t)first_pages * VMB_PAGE_BYTES;
    rings.tx_data_bytes = (gpadl->page_count - first_pages - 1) * VMB_PAGE_BYTES;
    return rings;
}

static vmb_status attach_rings(struct vmb_host_channel *channel)
{
    struct vmb_host_gpadl *gpadl = attach_hold_rings(channel);
    struct vmb_endpoint_rings rings;
    vmb_status status;

    if (gpadl == NULL) {
        return VMB_ERR_PEER;
    }
    rings = attach_lay_out(channel, gpadl);
    status = vmb_endpoint_init(&channel->endpoint, &rings, vmbi_host_doorbell, channel);
    if (status != VMB_OK) {
        vmb_host_gpadl_put(gpadl);
        return status;
    }
    vmb_ring_rx_mask(&channel->endpoint.rx); /* Until the first run has looked. */
    channel->ring_gpadl = (uint32_t)(gpadl - channel->host->gpadls);
    return VMB_OK;
}

/* The guest signals with @connection_id from now on. */
static vmb_status attach_connection(struct vmb_host_channel *channel, uint32_t connection_id)
{
    struct vmb_host *host = channel->host;
    vmb_atomic_u32 *entry = &host->signal_map[connection_id % VMB_RELID_COUNT];

    if (connection_id < VMB_HOST_CONNECTION_BASE || connection_id > ATTACH_MAX_CONNECTION) {
        return VMB_ERR_PEER;
    }
    /* Ids of open channels must differ in their low bits, which ids made of relids do. */
    if (vmb_atomic_load(entry, VMB_RELAXED) != 0) {
        return VMB_ERR_LIMIT;
    }
    if (host->platform.doorbell_open != NULL) {
        vmb_status status = host->platform.doorbell_open(host->platform.context, connection_id);

        if (status != VMB_OK) {
            return status;
        }
    }
    vmb_atomic_store(&channel->connection_id, connection_id, VMB_RELAXED);
    vmb_atomic_store(entry, channel->slot + 1, VMB_RELAXED);
    channel->doorbell_open = true;
    return VMB_OK;
}

/* The connection with which the guest will signal, and the flag that it wants set. */
static vmb_status attach_doorbell(struct vmb_host_channel *channel)
{
    const uint32_t chosen = VMB_FEATURE_SIGNAL_PARAMETERS | VMB_FEATURE_INTERRUPT_REDIRECT;
    struct vmb_host *host = channel->host;
    uint32_t connection_id = channel->offer.connection_id;

    if (channel->offer.connection_id == VMB_CONNECTION_EVENT) {
        return VMB_OK; /* Below 1.1 all channels share one, and it is always there. */
    }
    if (!channel->reserved && (host->connection.features & chosen) != 0) {
        connection_id = channel->request.connection_id;
    }
    return attach_connection(channel, connection_id);
}

static void detach_doorbell(struct vmb_host_channel *channel)
{
    struct vmb_host *host = channel->host;
    uint32_t connection_id = vmb_atomic_load(&channel->connection_id, VMB_RELAXED);

    if (!channel->doorbell_open) {
        return;
    }
    channel->doorbell_open = false;
    vmb_atomic_store(&host->signal_map[connection_id % VMB_RELID_COUNT], 0, VMB_RELAXED);
    vmb_atomic_store(&channel->connection_id, 0, VMB_RELAXED);
    if (host->platform.doorbell_close != NULL) {
        host->platform.doorbell_close(host->platform.context, connection_id);
    }
}

/* Whom to interrupt. */
static vmb_status attach_target(struct vmb_host_channel *channel)
{
    const struct vmb_host *host = channel->host;
    const struct vmb_msg_open_channel *request = &channel->request;
    uint32_t features = host->connection.features;
    uint32_t vp = request->target_vp;
    uint32_t flag = channel->offer.relid;

    channel->event_sint = VMB_HOST_SINT;
    channel->private_ring = vmbi_host_is_private(channel, VMB_OFFER_CONFIDENTIAL_RING);
    channel->legacy = !channel->reserved && host->connection.version < VMB_VERSION_2_4;
    if (channel->reserved) {
        vp = VMB_VP_NONE;
    } else if (channel->legacy) {
        vp = 0;
    }
    if (!channel->reserved &&
        (features & (VMB_FEATURE_SIGNAL_PARAMETERS | VMB_FEATURE_INTERRUPT_REDIRECT)) != 0) {
        flag = request->event_flag;
        if ((features & VMB_FEATURE_INTERRUPT_REDIRECT) != 0 &&
            (request->open_flags & VMB_OPEN_REDIRECT_INTERRUPT) != 0) {
            channel->event_sint = host->options.redirect_sint;
        }
    }
    if ((vp != VMB_VP_NONE && vp >= host->options.vp_count) || flag >= VMB_RELID_COUNT) {
        return VMB_ERR_PEER;
    }
    vmbi_host_target_set(channel, vp, (uint16_t)flag);
    return VMB_OK;
}

vmb_status vmbi_host_attach(struct vmb_host_channel *channel)
{
    vmb_status status = attach_target(channel);

    if (status != VMB_OK) {
        return status;
    }
    status = attach_rings(channel);
    if (status == VMB_OK) {
        status = attach_doorbell(channel);
    }
    if (status != VMB_OK) {
        vmbi_host_detach(channel);
        return status;
    }
    channel->monitored_open = channel->offer.monitor_allocated;
    channel->host->monitored_open += channel->monitored_open;
    vmbi_host_monitor_describe(channel);
    return VMB_OK;
}

/* The memory of both rings as it was held: the guest may have asked for it back already. */
static vmb_status attach_rings_saved(struct vmb_host_channel *channel,
                                     const struct vmbi_saved_channel *saved)
{
    struct vmb_host *host = channel->host;
    struct vmb_endpoint_rings rings;
    struct vmb_host_gpadl *gpadl = vmbi_host_gpadl_of(channel, channel->request.ring_gpadl);
    vmb_status status;

    if (gpadl == NULL || !attach_ring_memory(channel, gpadl)) {
        return VMB_ERR_MALFORMED;
    }
    rings = attach_lay_out(channel, gpadl);
    channel->endpoint.ring_doorbell = vmbi_host_doorbell;
    channel->endpoint.doorbell_context = channel;
    status = vmbi_ring_tx_resume(&channel->endpoint.tx, rings.tx_control, rings.tx_data_bytes,
                                 &saved->tx);
    if (status == VMB_OK) {
        status = vmbi_ring_rx_resume(&channel->endpoint.rx, rings.rx_control, rings.rx_data_bytes,
                                     &saved->rx);
    }
    if (status != VMB_OK) {
        return VMB_ERR_MALFORMED;
    }
    vmb_ring_rx_mask(&channel->endpoint.rx); /* Until the first run has looked. */
    vmb_atomic_fetch_add(&gpadl->hold, 1, VMB_RELAXED);
    channel->ring_gpadl = (uint32_t)(gpadl - host->gpadls);
    return VMB_OK;
}

vmb_status vmbi_host_attach_saved(struct vmb_host_channel *channel,
                                  const struct vmbi_saved_channel *saved)
{
    struct vmb_host *host = channel->host;
    vmb_status status;

    if (saved->target_vp != VMB_VP_NONE && saved->target_vp >= host->options.vp_count) {
        return VMB_ERR_LIMIT;
    }
    if (saved->target_flag >= VMB_RELID_COUNT ||
        (saved->legacy && !host->connection.has_interrupt_page)) {
        return VMB_ERR_MALFORMED;
    }
    channel->event_sint = saved->event_sint;
    channel->legacy = saved->legacy;
    channel->private_ring = saved->private_ring;
    vmbi_host_target_set(channel, saved->target_vp, saved->target_flag);
    status = attach_rings_saved(channel, saved);
    /* None below 1.1, and for a reserved channel that has been open since then. */
    if (status == VMB_OK && saved->connection_id != 0) {
        status = attach_connection(channel, saved->connection_id);
        status = status == VMB_ERR_PEER ? VMB_ERR_MALFORMED : status;
    }
    if (status != VMB_OK) {
        vmbi_host_detach(channel);
        return status;
    }
    channel->monitored_open = channel->offer.monitor_allocated;
    host->monitored_open += channel->monitored_open;
    return VMB_OK;
}

void vmbi_host_detach(struct vmb_host_channel *channel)
{
    detach_doorbell(channel);
    channel->host->monitored_open -= channel->monitored_open;
    channel->monitored_open = false;
    vmbi_host_modify_cancel(channel);
    vmbi_host_target_set(channel, VMB_VP_NONE, 0);
    if (channel->ring_gpadl != VMBI_HOST_NONE) {
        vmb_host_gpadl_put(&channel->host->gpadls[channel->ring_gpadl]);
        channel->ring_gpadl = VMBI_HOST_NONE;
        channel->host->settle_due = true; /* The guest may have asked for it back. */
    }
}
