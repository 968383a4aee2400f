/* SPDX-License-Identifier: MIT */
/*
 * Reading a saved host: every record is decoded and checked against the invariants that the rest of
 * the host counts on, as if somebody had made it up. No callback is called here. What has been
 * taken over when a later record turns out to be wrong is wiped by vmb_host_restore().
 */
#include "base/vmb_le.h"
#include "host/vmb_host_gpadl_words.h"
#include "host/vmb_host_restore.h"

#define RECORDS_SINTS 16u

/* ---- Connection ------------------------------------------------------------------------------ */

static bool records_connection_ok(const struct vmbi_host_connection *connection)
{
    bool versioned = connection->version != VMB_VERSION_NONE;

    if (connection->state > VMBI_HOST_DISCONNECTING || connection->next > VMBI_HOST_NEXT_CONTACT ||
        connection->reason > VMB_HOST_RESET ||
        (versioned && !vmb_version_known(connection->version))) {
        return false;
    }
    if ((connection->version < VMB_VERSION_6_0 && connection->features != 0) ||
        (!connection->trusted && (connection->features & VMB_FEATURE_CONFIDENTIAL) != 0)) {
        return false;
    }
    if (connection->state == VMBI_HOST_CONNECTED &&
        (!versioned ||
         (connection->version < VMB_VERSION_2_4 && !connection->has_interrupt_page))) {
        return false;
    }
    /* Pages, and what is due, only as long as there is a connection. */
    return connection->state != VMBI_HOST_DISCONNECTED ||
           (!versioned && !connection->has_interrupt_page && !connection->has_monitor_page &&
            !connection->offers_requested && !connection->all_offers_due && !connection->paused);
}

/* Private memory, and messages into the second SynIC, only a paravisor has. */
static bool records_serves(const struct vmb_host *host, bool paravisors)
{
    return !paravisors || vmbi_host_has_paravisor(host);
}

static vmb_status records_connection(struct vmbi_restore *restore, struct vmbi_pack *pack)
{
    struct vmb_host *host = restore->host;
    struct vmbi_host_connection connection = {0};

    vmbi_saved_pack_connection(pack, &connection);
    if (vmbi_pack_end(pack) != VMB_OK || !records_connection_ok(&connection)) {
        return VMB_ERR_MALFORMED;
    }
    if (connection.version != VMB_VERSION_NONE &&
        (connection.version > host->options.max_version ||
         connection.version < host->options.min_version ||
         (connection.features & ~(host->options.features & VMB_FEATURE_ALL)) != 0)) {
        return VMB_ERR_MISMATCH;
    }
    if (!records_serves(host, connection.trusted || connection.request_trusted)) {
        return VMB_ERR_MISMATCH;
    }
    host->connection = connection;
    restore->result.version = connection.version;
    return VMB_OK;
}

/* ---- Channels -------------------------------------------------------------------------------- */

static bool records_ids_ok(const struct vmb_host *host, const struct vmb_msg_offer *offer,
                           uint8_t state)
{
    if (state == VMB_HOST_CHANNEL_CLIENT_RELEASED) {
        return offer->relid == VMB_RELID_NONE && !offer->monitor_allocated;
    }
    if (offer->relid == 0 || offer->relid >= VMB_RELID_COUNT ||
        host->relid_slot[offer->relid] != 0) {
        return false;
    }
    /* The guest may have taken its monitor pages back meanwhile; the id stays the channel's. */
    return !offer->monitor_allocated ||
           (offer->monitor_id < VMB_MONITOR_COUNT && host->monitor_slot[offer->monitor_id] == 0);
}

static bool records_channel_ok(const struct vmb_host *host, const struct vmbi_saved_channel *saved)
{
    uint8_t state = saved->state;
    bool open = state == VMB_HOST_CHANNEL_OPEN;
    bool active = open || state == VMB_HOST_CHANNEL_OPENING || state == VMB_HOST_CHANNEL_CLOSING ||
                  state == VMB_HOST_CHANNEL_CLOSING_REOPEN;

    if (state < VMB_HOST_CHANNEL_CLIENT_RELEASED || state > VMB_HOST_CHANNEL_REOFFERED ||
        !records_ids_ok(host, &saved->offer, state) || saved->event_sint >= RECORDS_SINTS ||
        saved->reserved_sint >= RECORDS_SINTS || saved->reserved_reply > VMBI_RESERVED_CLOSED) {
        return false;
    }
    if ((active && !saved->known && !saved->reserved) || (saved->reserved && !active) ||
        (saved->known && state == VMB_HOST_CHANNEL_CLIENT_RELEASED) ||
        saved->withdrawn != (state == VMB_HOST_CHANNEL_REVOKED) ||
        (saved->rescind_due && !saved->known)) {
        return false;
    }
    if (saved->reserved && (saved->legacy || saved->owes_open_result)) {
        return false; /* These outlive the connection, and get another kind of answer. */
    }
    return (!saved->owes_open_result || state == VMB_HOST_CHANNEL_OPENING ||
            state == VMB_HOST_CHANNEL_CLOSING_REOPEN) &&
           (!(saved->modifying || saved->modify_next) || (open && !saved->reserved));
}

static void records_take_counters(struct vmb_host_channel *channel,
                                  const struct vmb_host_channel_counters *counters)
{
    vmb_atomic_store(&channel->started, (uintptr_t)counters->started, VMB_RELAXED);
    vmb_atomic_store(&channel->coalesced, (uintptr_t)counters->coalesced, VMB_RELAXED);
    vmb_atomic_store(&channel->stray, (uintptr_t)counters->stray, VMB_RELAXED);
    vmb_atomic_store(&channel->handler_runs, (uintptr_t)counters->handler_runs, VMB_RELAXED);
    vmb_atomic_store(&channel->events_raised, (uintptr_t)counters->events_raised, VMB_RELAXED);
    channel->opens = counters->opens;
    channel->retargets = counters->retargets;
}

static void records_take_channel(struct vmb_host_channel *channel,
                                 const struct vmbi_saved_channel *saved)
{
    struct vmb_host *host = channel->host;
    struct vmb_msg_offer *offer = &channel->offer;
    bool connected = host->connection.state == VMBI_HOST_CONNECTED;

    offer->relid = saved->offer.relid;
    offer->connection_id = saved->offer.connection_id;
    offer->is_dedicated = saved->offer.is_dedicated;
    offer->monitor_allocated = saved->offer.monitor_allocated;
    offer->monitor_id = saved->offer.monitor_allocated ? saved->offer.monitor_id : VMB_MONITOR_NONE;
    if (offer->relid != VMB_RELID_NONE) {
        host->relid_slot[offer->relid] = (uint16_t)(channel->slot + 1u);
    }
    if (offer->monitor_allocated) {
        host->monitor_slot[offer->monitor_id] = (uint16_t)(channel->slot + 1u);
    }
    channel->state = saved->state;
    channel->known = saved->known;
    channel->offer_due = saved->offer_due && connected && !saved->withdrawn;
    channel->rescind_due = saved->rescind_due;
    channel->request = saved->request;
    channel->reserved = saved->reserved;
    channel->reserved_sint = saved->reserved_sint;
    channel->reserved_trusted = saved->reserved_trusted;
    channel->reserved_vp = saved->reserved_vp;
    channel->reserved_relid = saved->reserved_relid;
    if (saved->reserved_reply != VMBI_RESERVED_NONE) {
        vmbi_host_owe_reserved(channel, (enum vmbi_host_reserved_reply)saved->reserved_reply,
                               saved->reserved_status);
    }
    channel->owes_open_result = saved->owes_open_result;
    channel->modifying = saved->modifying;
    channel->modify_next = saved->modify_next;
    channel->modify_next_vp = saved->modify_next_vp;
    host->debts += (uint32_t)saved->owes_open_result + (uint32_t)saved->modifying;
    vmb_atomic_store(&channel->control_wanted, saved->control_wanted, VMB_RELAXED);
    records_take_counters(channel, &saved->counters);
}

/* The channel that a record is about: of a device that is here, or one that waits for it. */
static struct vmb_host_channel *records_channel_of(struct vmb_host *host,
                                                   const struct vmbi_saved_channel *saved)
{
    const struct vmb_msg_offer *offer = &saved->offer;
    struct vmb_host_channel *channel, *primary;
    uint16_t order = saved->order;

    channel = vmbi_host_channel_find(host, &offer->interface_guid, &offer->instance_guid,
                                     offer->subchannel_index);
    if (channel != NULL) {
        return channel;
    }
    primary = vmbi_host_channel_find(host, &offer->interface_guid, &offer->instance_guid, 0);
    if (primary != NULL) {
        order = primary->order; /* They stand together. */
    }
    channel = vmbi_host_channel_make(host, &offer->interface_guid, &offer->instance_guid,
                                     offer->subchannel_index, order);
    if (channel != NULL) {
        channel->unclaimed = true;
        channel->driver = NULL;
        channel->hooks = NULL;
        channel->device = NULL;
        channel->offer_due = false;
        channel->owes_open_result = false;
        channel->reserved_reply = VMBI_RESERVED_NONE;
        channel->detached = false;
    }
    return channel;
}

static vmb_status records_channel(struct vmbi_restore *restore, struct vmbi_pack *pack,
                                  size_t record_at)
{
    struct vmb_host *host = restore->host;
    struct vmbi_saved_channel saved = {0};
    struct vmb_host_channel *channel;

    vmbi_saved_pack_channel(pack, &saved);
    if (pack->failed || saved.device_bytes != pack->byte_count - pack->at ||
        (saved.device_bytes != 0 && !saved.has_device) || !records_channel_ok(host, &saved)) {
        return VMB_ERR_MALFORMED;
    }
    if (!records_serves(host, saved.private_ring || saved.reserved_trusted)) {
        return VMB_ERR_MISMATCH;
    }
    channel = records_channel_of(host, &saved);
    if (channel == NULL) {
        return VMB_ERR_LIMIT;
    }
    if (channel->saved_index != 0) {
        return VMB_ERR_MALFORMED; /* The same device twice. */
    }
    host->channels[restore->result.channels].saved_slot = channel->slot;
    channel->saved_index = ++restore->result.channels;
    channel->saved_at = record_at;
    records_take_channel(channel, &saved);
    return VMB_OK;
}

void vmbi_restore_channel_again(const struct vmbi_restore *restore,
                                const struct vmb_host_channel *channel,
                                struct vmbi_saved_channel *out_saved, const uint8_t **out_device)
{
    const uint8_t *record = restore->bytes + channel->saved_at;
    struct vmbi_pack pack;

    *out_saved = (struct vmbi_saved_channel){0};
    vmbi_pack_reader(&pack, record, vmbi_le32(record - sizeof(uint32_t)));
    vmbi_saved_pack_channel(&pack, out_saved);
    *out_device = record + pack.at;
}

static struct vmb_host_channel *records_channel_number(const struct vmbi_restore *restore,
                                                       uint32_t number)
{
    struct vmb_host *host = restore->host;

    return number < restore->result.channels ? &host->channels[host->channels[number].saved_slot]
                                             : NULL;
}

/* ---- GPADLs ---------------------------------------------------------------------------------- */

static vmb_status records_words(struct vmb_host_gpadl *gpadl, uint32_t count,
                                struct vmbi_pack *pack)
{
    uint32_t total = gpadl->page_count + gpadl->range_count;
    bool complete;
    uint32_t i;

    for (i = 0; i < count; i++) {
        uint64_t word = 0;

        vmbi_pack_u64(pack, &word);
        if (vmbi_gpadl_words_take(gpadl, word) != VMB_OK) {
            return VMB_ERR_MALFORMED;
        }
    }
    complete = gpadl->pages_seen + gpadl->ranges_seen == total;
    if (vmbi_pack_end(pack) != VMB_OK || complete == (gpadl->state == VMBI_GPADL_IN_PROGRESS)) {
        return VMB_ERR_MALFORMED;
    }
    if (complete) {
        vmbi_gpadl_words_complete(gpadl);
    }
    return VMB_OK;
}

/* In progress, a handle stands alone in all channels, since bodies do not name theirs. */
static bool records_handle_taken(const struct vmbi_restore *restore, uint32_t slot,
                                 const struct vmbi_saved_gpadl *saved)
{
    const struct vmb_host *host = restore->host;
    uint32_t i;

    for (i = host->gpadl_first; i != VMBI_HOST_NONE; i = host->gpadls[i].next) {
        const struct vmb_host_gpadl *other = &host->gpadls[i];

        if (vmb_atomic_load(&other->handle, VMB_RELAXED) == saved->handle &&
            (vmb_atomic_load(&other->slot, VMB_RELAXED) == slot ||
             (other->state == VMBI_GPADL_IN_PROGRESS && saved->state == VMBI_GPADL_IN_PROGRESS))) {
            return true;
        }
    }
    return false;
}

static vmb_status records_gpadl(struct vmbi_restore *restore, struct vmbi_pack *pack)
{
    struct vmb_host *host = restore->host;
    struct vmbi_saved_gpadl saved = {0};
    struct vmb_host_channel *channel;
    struct vmb_host_gpadl *gpadl;
    uint64_t total;

    vmbi_saved_pack_gpadl(pack, &saved);
    channel = records_channel_number(restore, saved.channel);
    total = (uint64_t)saved.page_count + saved.range_count;
    if (pack->failed || channel == NULL || saved.range_count == 0 || saved.page_count == 0 ||
        saved.word_count > total || saved.state < VMBI_GPADL_IN_PROGRESS ||
        saved.state > VMBI_GPADL_TEARING_DOWN ||
        (saved.owes_answer && saved.state != VMBI_GPADL_TEARING_DOWN) ||
        (saved.mapped && saved.state == VMBI_GPADL_IN_PROGRESS) ||
        channel->state == VMB_HOST_CHANNEL_CLIENT_RELEASED ||
        records_handle_taken(restore, channel->slot, &saved)) {
        return VMB_ERR_MALFORMED;
    }
    if (!records_serves(host, saved.in_private)) {
        return VMB_ERR_MISMATCH;
    }
    gpadl = total <= UINT32_MAX ? vmbi_gpadl_words_allocate(host, (uint32_t)total) : NULL;
    if (gpadl == NULL) {
        return VMB_ERR_LIMIT;
    }
    gpadl->page_count = saved.page_count;
    gpadl->range_count = saved.range_count;
    gpadl->state = saved.state;
    gpadl->owes_answer = saved.owes_answer;
    gpadl->map_due = saved.mapped;
    gpadl->in_private = saved.in_private;
    host->debts += saved.owes_answer;
    vmb_atomic_store(&gpadl->handle, saved.handle, VMB_RELAXED);
    vmb_atomic_store(&gpadl->slot, channel->slot, VMB_RELAXED);
    vmb_atomic_store(&gpadl->hold, saved.state == VMBI_GPADL_ACCEPTED ? VMBI_HOLD_LIVE : 0,
                     VMB_RELAXED);
    restore->result.gpadls++;
    return records_words(gpadl, saved.word_count, pack);
}

/* ---- Messages -------------------------------------------------------------------------------- */

static vmb_status records_out(struct vmbi_restore *restore, struct vmbi_pack *pack)
{
    struct vmb_host *host = restore->host;
    struct vmbi_saved_out saved = {0};
    struct vmb_host_channel *channel;
    struct vmbi_host_out *out;

    vmbi_saved_pack_out(pack, &saved);
    if (vmbi_pack_end(pack) != VMB_OK || saved.sint >= RECORDS_SINTS ||
        vmb_message_sender(saved.number) != VMB_HOST_TO_GUEST ||
        (saved.number != VMB_MSG_OFFER_CHANNEL &&
         (saved.byte_count < VMB_MESSAGE_HEADER_BYTES || vmbi_le32(saved.bytes) != saved.number))) {
        return VMB_ERR_MALFORMED;
    }
    if (!records_serves(host, saved.trusted)) {
        return VMB_ERR_MISMATCH;
    }
    channel = records_channel_number(restore, saved.channel);
    if (saved.number == VMB_MSG_OFFER_CHANNEL && channel == NULL) {
        return VMB_OK; /* Its device has left, and the guest had let go of it: nothing to say. */
    }
    if (host->out_count == host->options.message_limit) {
        return VMB_ERR_LIMIT;
    }
    out = &host->out[host->out_count++];
    out->number = saved.number;
    out->sint = saved.sint;
    out->trusted = saved.trusted;
    out->byte_count = saved.byte_count;
    out->vp = saved.vp;
    out->slot = channel != NULL ? channel->slot : 0;
    out->relid = saved.relid;
    vmb_memcpy(out->bytes, saved.bytes, sizeof(out->bytes));
    restore->result.messages_out++;
    return VMB_OK;
}

static vmb_status records_in(struct vmbi_restore *restore, struct vmbi_pack *pack)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t connection_id = 0;
    bool trusted = false;
    size_t byte_count;
    vmb_status status;

    vmbi_pack_u32(pack, &connection_id);
    vmbi_pack_bool(pack, &trusted);
    byte_count = pack->byte_count - pack->at;
    if (pack->failed || byte_count > sizeof(bytes)) {
        return VMB_ERR_MALFORMED;
    }
    vmbi_pack_bytes(pack, bytes, byte_count);
    if (!records_serves(restore->host, trusted)) {
        return VMB_ERR_MISMATCH;
    }
    status =
        vmbi_host_inbox_put(restore->host, connection_id, trusted, bytes, (uint32_t)byte_count);
    if (status == VMB_OK) {
        restore->result.messages_in++;
        return VMB_OK;
    }
    return status == VMB_ERR_RETRY ? VMB_ERR_LIMIT : VMB_ERR_MALFORMED;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static vmb_status records_host(struct vmbi_restore *restore, struct vmbi_pack *pack)
{
    struct vmb_host *host = restore->host;
    struct vmb_host_counters counters = host->counters; /* Those of now stay. */

    vmbi_saved_pack_counters(pack, &counters);
    if (vmbi_pack_end(pack) != VMB_OK) {
        return VMB_ERR_MALFORMED;
    }
    host->counters = counters;
    vmb_atomic_store(&host->messages_received, (uintptr_t)counters.messages_received, VMB_RELAXED);
    vmb_atomic_store(&host->messages_refused, (uintptr_t)counters.messages_refused, VMB_RELAXED);
    vmb_atomic_store(&host->signals_unknown, (uintptr_t)counters.signals_unknown, VMB_RELAXED);
    if (host->connection.paused && host->connection.hold_after > host->out_count) {
        return VMB_ERR_MALFORMED;
    }
    /* Whoever waits until the bus is free has a place for the answer: see vmbi_host_contact(). */
    return vmbi_host_outbox_room(host, host->connection.state == VMBI_HOST_DISCONNECTING ? 1 : 0)
               ? VMB_OK
               : VMB_ERR_LIMIT;
}

static vmb_status records_one(struct vmbi_restore *restore, uint32_t kind, struct vmbi_pack *pack,
                              size_t at)
{
    switch (kind) {
    case VMBI_SAVED_CONNECTION:
        return records_connection(restore, pack);
    case VMBI_SAVED_CHANNEL:
        return records_channel(restore, pack, at);
    case VMBI_SAVED_GPADL:
        return records_gpadl(restore, pack);
    case VMBI_SAVED_OUT:
        return records_out(restore, pack);
    case VMBI_SAVED_IN:
        return records_in(restore, pack);
    default:
        return records_host(restore, pack);
    }
}

vmb_status vmbi_restore_records(struct vmbi_restore *restore, size_t byte_count)
{
    size_t at = VMBI_SAVED_HEADER_BYTES;
    uint32_t previous = 0;
    vmb_status status = VMB_OK;

    while (status == VMB_OK && previous != VMBI_SAVED_HOST) {
        struct vmbi_pack pack;
        uint32_t kind, record_bytes;

        if (byte_count - at < VMBI_SAVED_RECORD_BYTES) {
            return VMB_ERR_MALFORMED;
        }
        kind = vmbi_le32(restore->bytes + at);
        record_bytes = vmbi_le32(restore->bytes + at + sizeof(uint32_t));
        at += VMBI_SAVED_RECORD_BYTES;
        /* In order; the first and the last kind once each. */
        if (record_bytes > byte_count - at || kind < previous || kind > VMBI_SAVED_HOST ||
            kind < VMBI_SAVED_CONNECTION || (previous == 0) != (kind == VMBI_SAVED_CONNECTION)) {
            return VMB_ERR_MALFORMED;
        }
        vmbi_pack_reader(&pack, restore->bytes + at, record_bytes);
        status = records_one(restore, kind, &pack, at);
        at += record_bytes;
        previous = kind;
    }
    if (status == VMB_OK && at != byte_count) {
        return VMB_ERR_MALFORMED;
    }
    return status;
}
