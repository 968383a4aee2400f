/* SPDX-License-Identifier: MIT */
/*
 * Which devices are on the bus, what the guest has been told of them, and whose relid is whose.
 * What is to be said (an offer, a rescind) is a flag of the channel until the outbox has room.
 * Channels are offered in an order of their own, so that the same devices get the same relids each
 * time, and a primary channel comes before its sub-channels.
 */
#include "host/vmb_host_internal.h"
#include "host/vmb_host_moves.h"

/* By class, then the embedder's order, then device, then index. */
static int offer_compare(const struct vmb_host_channel *left, const struct vmb_host_channel *right)
{
    int result = vmb_memcmp(&left->offer.interface_guid, &right->offer.interface_guid,
                            sizeof(struct vmb_guid));

    if (result == 0) {
        result = (int)left->order - (int)right->order;
    }
    if (result == 0) {
        result = vmb_memcmp(&left->offer.instance_guid, &right->offer.instance_guid,
                            sizeof(struct vmb_guid));
    }
    if (result == 0) {
        result = (int)left->offer.subchannel_index - (int)right->offer.subchannel_index;
    }
    return result;
}

static bool offer_same_device(const struct vmb_host_channel *channel,
                              const struct vmb_guid *class_id, const struct vmb_guid *instance_id)
{
    return vmb_guid_equal(&channel->offer.interface_guid, class_id) &&
           vmb_guid_equal(&channel->offer.instance_guid, instance_id);
}

struct vmb_host_channel *vmbi_host_channel_find(struct vmb_host *host,
                                                const struct vmb_guid *class_id,
                                                const struct vmb_guid *instance_id, uint16_t index)
{
    uint32_t i;

    for (i = host->channel_first; i != VMBI_HOST_NONE; i = host->channels[i].next) {
        struct vmb_host_channel *channel = &host->channels[i];

        if (channel->offer.subchannel_index == index &&
            offer_same_device(channel, class_id, instance_id)) {
            return channel;
        }
    }
    return NULL;
}

static void offer_link(struct vmb_host *host, struct vmb_host_channel *channel)
{
    uint32_t *link = &host->channel_first;

    while (*link != VMBI_HOST_NONE && offer_compare(&host->channels[*link], channel) < 0) {
        link = &host->channels[*link].next;
    }
    channel->next = *link;
    *link = channel->slot;
}

static void offer_unlink(struct vmb_host_channel *channel)
{
    uint32_t *link = &channel->host->channel_first;

    while (*link != channel->slot) {
        link = &channel->host->channels[*link].next;
    }
    *link = channel->next;
}

static struct vmb_host_channel *offer_allocate(struct vmb_host *host)
{
    struct vmb_host_channel *channel;
    uint32_t slot = host->channel_free;

    if (slot != VMBI_HOST_NONE) {
        host->channel_free = host->channels[slot].next;
    } else if (host->channel_high < host->options.channel_limit) {
        slot = host->channel_high++;
        /* Once: a late signal of a former channel may be reading them. */
        host->channels[slot].host = host;
        host->channels[slot].slot = slot;
    } else {
        return NULL;
    }
    /* Late signals of the slot's former channel may touch its atomics, so they are not wiped. */
    channel = &host->channels[slot];
    channel->in_use = true;
    channel->withdrawn = false;
    channel->known = false;
    channel->rescind_due = false;
    channel->reserved = false;
    vmbi_host_channel_begin(channel);
    channel->phase = VMBI_PHASE_IDLE;
    channel->ring_gpadl = VMBI_HOST_NONE;
    channel->opens = 0;
    channel->retargets = 0;
    channel->unclaimed = false;
    channel->resumed = false;
    channel->saved_index = 0;
    vmb_atomic_store(&channel->started, 0, VMB_RELAXED);
    vmb_atomic_store(&channel->coalesced, 0, VMB_RELAXED);
    vmb_atomic_store(&channel->stray, 0, VMB_RELAXED);
    vmb_atomic_store(&channel->handler_runs, 0, VMB_RELAXED);
    vmb_atomic_store(&channel->events_raised, 0, VMB_RELAXED);
    vmbi_host_target_set(channel, VMB_VP_NONE, 0);
    vmb_memset(&channel->offer, 0, sizeof(channel->offer));
    channel->offer.relid = VMB_RELID_NONE;
    channel->offer.monitor_id = VMB_MONITOR_NONE;
    host->counters.channels_in_use++;
    return channel;
}

void vmbi_host_channel_free(struct vmb_host_channel *channel)
{
    struct vmb_host *host = channel->host;

    vmbi_host_forgive_reserved(channel);
    offer_unlink(channel);
    channel->in_use = false;
    channel->next = host->channel_free;
    host->channel_free = channel->slot;
    host->counters.channels_in_use--;
}

struct vmb_host_channel *vmbi_host_channel_make(struct vmb_host *host,
                                                const struct vmb_guid *class_id,
                                                const struct vmb_guid *instance_id, uint16_t index,
                                                uint16_t order)
{
    struct vmb_host_channel *channel = offer_allocate(host);

    if (channel != NULL) {
        channel->offer.interface_guid = *class_id;
        channel->offer.instance_guid = *instance_id;
        channel->offer.subchannel_index = index;
        channel->order = order;
        offer_link(host, channel);
    }
    return channel;
}

/* What may be different when a device comes back. */
static void offer_describe(struct vmb_host_channel *channel,
                           const struct vmb_host_offer_options *options)
{
    struct vmb_msg_offer *offer = &channel->offer;

    channel->driver = options->driver;
    channel->device = options->device;
    channel->hooks = options->hooks;
    channel->monitored = options->monitored;
    channel->withdrawn = false;
    channel->detached = false;
    vmb_atomic_store(&channel->control_wanted, 0, VMB_RELAXED);
    offer->flags = options->flags;
    offer->mmio_megabytes = options->mmio_megabytes;
    offer->optional_mmio_megabytes = options->optional_mmio_megabytes;
    vmb_memset(offer->user_defined, 0, sizeof(offer->user_defined));
    if (options->user_defined_bytes > 0) {
        vmb_memcpy(offer->user_defined, options->user_defined, options->user_defined_bytes);
    }
}

void vmbi_host_offer_make_due(struct vmb_host_channel *channel)
{
    struct vmb_host *host = channel->host;

    if (host->connection.state == VMBI_HOST_CONNECTED && host->connection.offers_requested) {
        channel->offer_due = true;
        host->offers_due = true;
        vmbi_host_wake(host, 0);
    }
}

static bool offer_options_good(const struct vmb_host_offer_options *options)
{
    return options->struct_bytes >= sizeof(*options) && options->driver != NULL &&
           options->driver->opened != NULL && options->driver->on_event != NULL &&
           options->driver->closed != NULL &&
           options->user_defined_bytes <= VMB_USER_DEFINED_BYTES &&
           (options->user_defined_bytes == 0 || options->user_defined != NULL);
}

/* A device that was revoked is back; the guest or a GPADL still has its channel. */
static vmb_status offer_again(struct vmb_host_channel *channel,
                              const struct vmb_host_offer_options *options)
{
    if (channel->unclaimed) { /* By a device that is being restored, for its sub-channel. */
        channel->unclaimed = false;
        offer_describe(channel, options);
        return VMB_OK;
    }
    if (!channel->withdrawn) {
        return VMB_ERR_WRONG_STATE;
    }
    if (!channel->detached) {
        return VMB_ERR_BUSY;
    }
    offer_describe(channel, options);
    if (channel->state == VMB_HOST_CHANNEL_REVOKED) {
        vmbi_host_channel_move(channel, VMB_HOST_CHANNEL_REOFFERED);
    } else {
        vmbi_host_offer_make_due(channel);
    }
    return VMB_OK;
}

vmb_status vmb_host_offer(struct vmb_host *host, const struct vmb_host_offer_options *options,
                          struct vmb_host_channel **out_channel)
{
    struct vmb_host_channel *channel, *primary = NULL;
    const struct vmb_guid *class_id;
    vmb_status status = VMB_OK;

    if (!offer_options_good(options)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    class_id = &options->class_id;
    if (vmb_guid_is_zero(class_id)) {
        class_id = &options->driver->class_id;
    }
    if (options->subchannel_index > 0) {
        primary = vmbi_host_channel_find(host, class_id, &options->instance_id, 0);
        if (primary == NULL) {
            return VMB_ERR_INVALID_ARGUMENT;
        }
    }
    channel =
        vmbi_host_channel_find(host, class_id, &options->instance_id, options->subchannel_index);
    if (channel != NULL) {
        status = offer_again(channel, options);
    } else {
        channel =
            vmbi_host_channel_make(host, class_id, &options->instance_id, options->subchannel_index,
                                   primary != NULL ? primary->order : options->order);
        if (channel == NULL) {
            return VMB_ERR_LIMIT;
        }
        offer_describe(channel, options);
        vmbi_host_offer_make_due(channel);
    }
    if (status == VMB_OK && out_channel != NULL) {
        *out_channel = channel;
    }
    return status;
}

vmb_status vmb_host_revoke(struct vmb_host_channel *channel)
{
    struct vmb_host *host = channel->host;

    if (channel->withdrawn) {
        return VMB_ERR_WRONG_STATE;
    }
    channel->withdrawn = true;
    channel->detached = false;
    channel->offer_due = false;
    vmbi_host_open_cancel(channel);
    vmbi_host_modify_cancel(channel);
    channel->reserved = false;
    if (channel->state == VMB_HOST_CHANNEL_REOFFERED) {
        vmbi_host_channel_move(channel,
                               VMB_HOST_CHANNEL_REVOKED); /* The guest has been told already. */
    } else if (channel->known) {
        vmbi_host_channel_move(channel, VMB_HOST_CHANNEL_REVOKED);
        channel->rescind_due = true;
        host->offers_due = true;
        vmbi_host_wake(host, 0);
    } else if (channel->state == VMB_HOST_CHANNEL_CLOSED) {
        vmbi_host_client_release(channel); /* About to be offered again: it never was. */
        return VMB_OK;
    } else if (channel->state != VMB_HOST_CHANNEL_CLIENT_RELEASED &&
               channel->state != VMB_HOST_CHANNEL_OPENING_CLIENT_RELEASE) {
        vmbi_host_channel_move(
            channel, VMB_HOST_CHANNEL_CLOSING_CLIENT_RELEASE); /* Reserved, of no connection. */
    }
    vmbi_host_settle(channel);
    return VMB_OK;
}

void vmbi_host_withdraw(struct vmb_host_channel *channel)
{
    const struct vmb_host_hooks *hooks = channel->hooks;

    if (!channel->withdrawn || channel->phase != VMBI_PHASE_IDLE) {
        return;
    }
    if (!channel->detached) {
        void *device = channel->device;

        channel->detached = true;
        channel->phase = VMBI_PHASE_CALLING;
        if (hooks != NULL && hooks->released != NULL) {
            hooks->released(device);
        }
        channel->phase = VMBI_PHASE_IDLE;
        if (!channel->withdrawn) {
            return; /* It is back. */
        }
        channel->hooks = NULL;
        channel->device = NULL;
    }
    if (channel->state == VMB_HOST_CHANNEL_CLIENT_RELEASED) {
        if (vmbi_host_gpadl_any(channel)) {
            channel->host->settle_due = true;
        } else {
            vmbi_host_channel_free(channel);
        }
    }
}

struct vmb_host_channel *vmbi_host_channel_of(struct vmb_host *host, uint32_t relid)
{
    if (relid >= VMB_RELID_COUNT || host->relid_slot[relid] == 0) {
        return NULL;
    }
    return &host->channels[host->relid_slot[relid] - 1u];
}

/* The lowest relid and monitor id that are free. There are more relids than channels. */
static void offer_assign_ids(struct vmb_host_channel *channel)
{
    struct vmb_host *host = channel->host;
    struct vmb_msg_offer *offer = &channel->offer;
    uint32_t i;

    if (offer->relid == VMB_RELID_NONE) {
        while (host->relid_slot[host->relid_lowest] != 0) {
            host->relid_lowest++;
        }
        offer->relid = host->relid_lowest;
        host->relid_slot[offer->relid] = (uint16_t)(channel->slot + 1u);
    }
    offer->is_dedicated = host->connection.version >= VMB_VERSION_1_1;
    offer->connection_id =
        offer->is_dedicated ? VMB_HOST_CONNECTION_BASE + offer->relid : VMB_CONNECTION_EVENT;
    if (!channel->monitored || !host->connection.has_monitor_page) {
        return;
    }
    for (i = 0; !offer->monitor_allocated && i < VMB_MONITOR_COUNT; i++) {
        if (host->monitor_slot[i] == 0) {
            host->monitor_slot[i] = (uint16_t)(channel->slot + 1u);
            offer->monitor_id = (uint8_t)i;
            offer->monitor_allocated = true;
        }
    }
}

static void offer_free_ids(struct vmb_host_channel *channel)
{
    struct vmb_host *host = channel->host;
    struct vmb_msg_offer *offer = &channel->offer;

    if (offer->relid != VMB_RELID_NONE) {
        host->relid_slot[offer->relid] = 0;
        if (offer->relid < host->relid_lowest) {
            host->relid_lowest = offer->relid;
        }
        offer->relid = VMB_RELID_NONE;
    }
    if (offer->monitor_allocated) {
        host->monitor_slot[offer->monitor_id] = 0;
        offer->monitor_allocated = false;
        offer->monitor_id = VMB_MONITOR_NONE;
    }
}

void vmbi_host_client_release(struct vmb_host_channel *channel)
{
    vmbi_host_gpadl_forget(channel);
    offer_free_ids(channel);
    channel->known = false;
    channel->offer_due = false;
    channel->rescind_due = false;
    vmbi_host_channel_move(channel, VMB_HOST_CHANNEL_CLIENT_RELEASED);
    vmbi_host_withdraw(channel);
}

void vmbi_host_relid_released(struct vmb_host *host, uint32_t relid)
{
    struct vmb_host_channel *channel = vmbi_host_channel_of(host, relid);
    uint32_t state = channel != NULL ? channel->state : 0;

    if (state == VMB_HOST_CHANNEL_CLOSED || state == VMB_HOST_CHANNEL_REVOKED) {
        vmbi_host_client_release(channel);
    } else if (state == VMB_HOST_CHANNEL_CLOSING && !channel->reserved) {
        channel->known = false; /* A revoke has nothing to tell it any more. */
        vmbi_host_channel_move(channel, VMB_HOST_CHANNEL_CLOSING_CLIENT_RELEASE);
    } else if (state == VMB_HOST_CHANNEL_REOFFERED) {
        vmbi_host_gpadl_forget(channel);
        vmbi_host_channel_move(channel, VMB_HOST_CHANNEL_CLOSED);
        channel->known = false;
        channel->rescind_due = false;
        vmbi_host_offer_make_due(channel); /* With the same relid. */
    } else {
        vmbi_host_unexpected(host, "RelIdReleased of a channel in use:", relid);
    }
}

void vmbi_host_request_offers(struct vmb_host *host)
{
    uint32_t i;

    if (host->connection.offers_requested) {
        vmbi_host_unexpected(host, "RequestOffers for a second time", VMBI_HOST_NONE);
        return;
    }
    host->connection.offers_requested = true;
    host->connection.all_offers_due = true;
    host->offers_due = true;
    for (i = host->channel_first; i != VMBI_HOST_NONE; i = host->channels[i].next) {
        struct vmb_host_channel *channel = &host->channels[i];

        channel->offer_due = !channel->withdrawn;
    }
}

/* Sub-channels exist from 2.4 on, and only beside a primary channel that the guest knows. */
static bool offer_possible(const struct vmb_host_channel *channel,
                           const struct vmb_host_channel *primary)
{
    if (channel->offer.subchannel_index == 0) {
        return true;
    }
    return channel->host->connection.version >= VMB_VERSION_2_4 && primary != NULL &&
           primary->known && !primary->withdrawn && primary->state != VMB_HOST_CHANNEL_REOFFERED &&
           offer_same_device(primary, &channel->offer.interface_guid,
                             &channel->offer.instance_guid);
}

static void offer_send(struct vmb_host_channel *channel)
{
    offer_assign_ids(channel);
    channel->offer_due = false;
    channel->known = true;
    if (channel->state == VMB_HOST_CHANNEL_CLIENT_RELEASED) {
        vmbi_host_channel_move(channel, VMB_HOST_CHANNEL_CLOSED);
    }
    channel->host->counters.offers_sent++;
    vmbi_host_send_offer(channel->host, channel);
}

static void offer_rescind(struct vmb_host_channel *channel)
{
    struct vmb_message message = {.number = VMB_MSG_RESCIND_OFFER};

    channel->rescind_due = false;
    message.u.rescind.relid = channel->offer.relid;
    vmbi_host_send(channel->host, &message);
}

void vmbi_host_offers_pump(struct vmb_host *host)
{
    const struct vmb_host_channel *primary = NULL;
    struct vmb_message delivered = {.number = VMB_MSG_ALL_OFFERS_DELIVERED};
    uint32_t i;

    if (!host->offers_due || host->connection.state != VMBI_HOST_CONNECTED) {
        return;
    }
    host->offers_due = false;
    host->offers_full = false;
    for (i = host->channel_first; i != VMBI_HOST_NONE; i = host->channels[i].next) {
        struct vmb_host_channel *channel = &host->channels[i];
        bool rescind = channel->rescind_due;
        bool offer = channel->offer_due;

        if (channel->offer.subchannel_index == 0) {
            primary = channel;
        }
        offer = offer && offer_possible(channel, primary);
        if (!rescind && !offer) {
            continue;
        }
        if (!vmbi_host_outbox_room(host, 1)) {
            host->offers_full = true;
        } else if (offer) {
            offer_send(channel);
        } else if (channel->phase == VMBI_PHASE_IDLE) {
            offer_rescind(channel);
        } else { /* A rescind follows the answers that are due; they follow the device's end. */
            host->offers_due = true;
        }
    }
    if (host->connection.all_offers_due && !host->offers_full) {
        host->offers_full = !vmbi_host_outbox_room(host, 1);
        host->connection.all_offers_due = host->offers_full;
        if (!host->offers_full) {
            vmbi_host_send(host, &delivered);
        }
    }
    host->offers_due = host->offers_due || host->offers_full;
}
