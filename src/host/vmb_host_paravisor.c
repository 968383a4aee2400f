/* SPDX-License-Identifier: MIT */
/*
 * The host as a paravisor: whom to believe, which SynIC to use, which memory to map. Everything
 * else treats the bus as one.
 */
#include <vmbus/host_paravisor.h>

#include "host/vmb_host_internal.h"

vmb_status vmb_host_set_paravisor(struct vmb_host *host, const struct vmb_host_paravisor *paravisor)
{
    if (paravisor == NULL || paravisor->struct_bytes != sizeof(*paravisor) ||
        paravisor->post_message == NULL || paravisor->raise_event == NULL ||
        paravisor->map_pages == NULL || paravisor->unmap_pages == NULL) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    if (host->connection.state != VMBI_HOST_DISCONNECTED || vmbi_host_has_paravisor(host)) {
        return VMB_ERR_WRONG_STATE;
    }
    host->paravisor = *paravisor;
    return VMB_OK;
}

vmb_status vmb_host_on_trusted_message(struct vmb_host *host, uint32_t connection_id,
                                       const void *bytes, uint32_t byte_count)
{
    return vmbi_host_has_paravisor(host)
               ? vmbi_host_inbox_put(host, connection_id, true, bytes, byte_count)
               : VMB_ERR_INVALID_TARGET;
}

bool vmb_host_is_trusted(const struct vmb_host *host)
{
    return host->connection.state == VMBI_HOST_CONNECTED && host->connection.trusted;
}

bool vmbi_host_is_untrusted(const struct vmb_host *host, bool message_trusted)
{
    return host->connection.state != VMBI_HOST_DISCONNECTED && host->connection.trusted &&
           !message_trusted;
}

uint32_t vmbi_host_features(const struct vmb_host *host, uint32_t requested, bool trusted)
{
    uint32_t features = requested & host->options.features & VMB_FEATURE_ALL;

    return trusted ? features : features & ~VMB_FEATURE_CONFIDENTIAL;
}

vmb_status vmbi_host_post(struct vmb_host *host, bool trusted, uint32_t vp, uint8_t sint,
                          const void *bytes, uint32_t byte_count)
{
    if (trusted) {
        return host->paravisor.post_message(host->paravisor.context, vp, sint, bytes, byte_count);
    }
    return host->platform.post_message(host->platform.context, vp, sint, bytes, byte_count);
}

void vmbi_host_raise(struct vmb_host_channel *channel, uint32_t vp, uint16_t flag)
{
    struct vmb_host *host = channel->host;

    if (channel->private_ring) {
        host->paravisor.raise_event(host->paravisor.context, vp, channel->event_sint, flag);
    } else {
        host->platform.raise_event(host->platform.context, vp, channel->event_sint, flag);
    }
}

/* What the offer's flags mean in the connection that there is. */
bool vmbi_host_is_private(const struct vmb_host_channel *channel, uint16_t flag)
{
    return (channel->host->connection.features & VMB_FEATURE_CONFIDENTIAL) != 0 &&
           (channel->offer.flags & flag) != 0;
}

static vmb_status paravisor_map(struct vmb_host_gpadl *gpadl, bool in_private)
{
    struct vmb_host *host = gpadl->host;
    const vmb_gpn *gpns = &host->words[gpadl->word_offset];
    vmb_status status;

    if (in_private) {
        status = host->paravisor.map_pages(host->paravisor.context, gpns, gpadl->page_count,
                                           &gpadl->mapping);
    } else {
        status = host->platform.map_pages(host->platform.context, gpns, gpadl->page_count,
                                          &gpadl->mapping);
    }
    gpadl->mapped = status == VMB_OK;
    gpadl->in_private = in_private;
    return status;
}

/*
 * Behind a private ring memory may be private or not, and nobody says which GPADL the ring will be:
 * the platform knows. Restored, it is what it was.
 */
vmb_status vmbi_host_gpadl_map(struct vmb_host_gpadl *gpadl)
{
    const struct vmb_host_channel *channel =
        &gpadl->host->channels[vmb_atomic_load(&gpadl->slot, VMB_RELAXED)];
    vmb_status status;

    if (gpadl->map_due) {
        gpadl->map_due = false;
        return paravisor_map(gpadl, gpadl->in_private);
    }
    if (vmbi_host_is_private(channel, VMB_OFFER_CONFIDENTIAL_RING)) {
        status = paravisor_map(gpadl, true);
        if (status != VMB_ERR_INVALID_ARGUMENT ||
            vmbi_host_is_private(channel, VMB_OFFER_CONFIDENTIAL_MEMORY)) {
            return status;
        }
    }
    return paravisor_map(gpadl, false);
}

void vmbi_host_gpadl_unmap(struct vmb_host_gpadl *gpadl)
{
    struct vmb_host *host = gpadl->host;

    if (gpadl->in_private) {
        host->paravisor.unmap_pages(host->paravisor.context, &gpadl->mapping, gpadl->page_count);
    } else {
        host->platform.unmap_pages(host->platform.context, &gpadl->mapping, gpadl->page_count);
    }
}
