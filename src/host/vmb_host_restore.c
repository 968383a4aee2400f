/* SPDX-License-Identifier: MIT */
/*
 * A fresh host takes over where a saved one stopped, in four steps: the records are read and
 * checked; guest memory is mapped; each device gets its channel back; and the first poll starts
 * them. The first three can fail, and then everything is wiped: what remains is the fresh host.
 *
 * Nothing says whether a signal was under way when the host was saved, and nobody needs to know:
 * each device runs once and each guest is interrupted once, which is what any signal would cause.
 */
#include "host/vmb_host_restore.h"

#include "host/vmb_host_gpadl_words.h"

/* ---- The frame ------------------------------------------------------------------------------- */

vmb_status vmb_host_saved_check(const void *bytes, size_t byte_count,
                                struct vmb_host_saved_info *out_info)
{
    struct vmbi_saved_header header = {0};
    struct vmbi_pack pack;

    vmbi_pack_reader(&pack, bytes, byte_count);
    vmbi_saved_pack_header(&pack, &header);
    if (pack.failed || header.format == 0) {
        return VMB_ERR_MALFORMED;
    }
    if (header.format > VMBI_SAVED_FORMAT) {
        return VMB_ERR_VERSION;
    }
    if (header.byte_count != byte_count || vmbi_saved_crc(bytes, byte_count) != header.crc) {
        return VMB_ERR_MALFORMED;
    }
    out_info->format = header.format;
    out_info->bus_version = header.bus_version;
    out_info->channel_count = header.channel_count;
    return VMB_OK;
}

/* ---- Undoing --------------------------------------------------------------------------------- */

static void restore_wipe_channel(struct vmb_host_channel *channel)
{
    /* It goes on, or would close later: another device, closed before it, has revoked it. */
    if (channel->phase >= VMBI_PHASE_RUNNING) {
        channel->phase = VMBI_PHASE_CALLING;
        channel->driver->closed(channel->device, VMB_ERR_GONE);
    }
    vmbi_host_detach(channel);
    vmbi_host_forgive_reserved(channel);
    channel->phase = VMBI_PHASE_IDLE;
    channel->state = VMB_HOST_CHANNEL_CLIENT_RELEASED;
    channel->known = false;
    channel->offer_due = false;
    channel->rescind_due = false;
    channel->reserved = false;
    channel->owes_open_result = false;
    channel->modifying = false;
    channel->modify_next = false;
    channel->resumed = false;
    channel->saved_index = 0;
    channel->offer.relid = VMB_RELID_NONE;
    channel->offer.monitor_allocated = false;
    channel->offer.monitor_id = VMB_MONITOR_NONE;
    channel->opens = 0;
    channel->retargets = 0;
    vmb_atomic_store(&channel->control_wanted, 0, VMB_RELAXED);
    vmb_atomic_store(&channel->started, 0, VMB_RELAXED);
    vmb_atomic_store(&channel->coalesced, 0, VMB_RELAXED);
    vmb_atomic_store(&channel->stray, 0, VMB_RELAXED);
    vmb_atomic_store(&channel->handler_runs, 0, VMB_RELAXED);
    vmb_atomic_store(&channel->events_raised, 0, VMB_RELAXED);
    if (channel->driver == NULL) { /* Nobody's. */
        vmbi_host_channel_free(channel);
    }
}

/* Pages are unmapped and the doorbell of all channels is closed, if it came that far. */
static void restore_wipe_connection(struct vmb_host *host, bool mapped)
{
    if (mapped) {
        vmbi_host_connection_unmap(host);
        vmbi_host_connection_silence(host);
    }
    vmb_memset(&host->connection, 0, sizeof(host->connection));
}

/* Back to a fresh host with its devices. */
static void restore_wipe(struct vmb_host *host, bool mapped)
{
    struct vmb_host_counters fresh = {0};
    uint32_t i;

    for (i = 0; i < host->channel_high; i++) {
        if (host->channels[i].in_use) {
            restore_wipe_channel(&host->channels[i]);
        }
    }
    while (host->gpadl_first != VMBI_HOST_NONE) {
        struct vmb_host_gpadl *gpadl = &host->gpadls[host->gpadl_first];

        gpadl->owes_answer = false;
        vmbi_host_gpadl_free(gpadl);
    }
    while (vmbi_host_inbox_peek(host) != NULL) {
        vmbi_host_inbox_drop(host);
    }
    restore_wipe_connection(host, mapped);
    vmb_memset(host->relid_slot, 0, sizeof(host->relid_slot));
    vmb_memset(host->monitor_slot, 0, sizeof(host->monitor_slot));
    host->relid_lowest = 1;
    host->out_first = 0;
    host->out_count = 0;
    host->debts = 0;
    host->offers_due = false;
    host->offers_full = false;
    fresh.channels_in_use = host->counters.channels_in_use;
    host->counters = fresh;
    vmb_atomic_store(&host->messages_received, 0, VMB_RELAXED);
    vmb_atomic_store(&host->messages_refused, 0, VMB_RELAXED);
    vmb_atomic_store(&host->signals_unknown, 0, VMB_RELAXED);
}

/* ---- Devices --------------------------------------------------------------------------------- */

/* What the guest has been told of a device must still be so. */
static bool restore_same_device(const struct vmb_host_channel *channel,
                                const struct vmbi_saved_channel *saved)
{
    const struct vmb_msg_offer *now = &channel->offer;
    const struct vmb_msg_offer *then = &saved->offer;

    return now->flags == then->flags && now->mmio_megabytes == then->mmio_megabytes &&
           now->optional_mmio_megabytes == then->optional_mmio_megabytes &&
           vmb_memcmp(now->user_defined, then->user_defined, sizeof(now->user_defined)) == 0;
}

/* Nobody serves what was open: nothing more is owed for it. */
static void restore_forget_open(struct vmb_host_channel *channel)
{
    vmbi_host_open_cancel(channel);
    vmbi_host_modify_cancel(channel);
    channel->reserved = false;
    channel->offer_due = false;
}

/* The guest does not know it, and no device has anything to do with it. */
static void restore_let_go(struct vmb_host_channel *channel)
{
    if (channel->state != VMB_HOST_CHANNEL_CLIENT_RELEASED) {
        channel->state = VMB_HOST_CHANNEL_CLOSED; /* Whatever it was, it has stopped. */
    }
    vmbi_host_client_release(channel);
}

/* The guest sees the device go, and come back when it has let go of the relid. */
static void restore_renew(struct vmbi_restore *restore, struct vmb_host_channel *channel)
{
    restore_forget_open(channel);
    restore->result.renewed++;
    if (channel->known) {
        channel->state = VMB_HOST_CHANNEL_REOFFERED;
        channel->rescind_due = true;
    } else {
        restore_let_go(channel);
    }
}

/* There is no device. */
static vmb_status restore_missing(struct vmbi_restore *restore, struct vmb_host_channel *channel,
                                  const struct vmbi_saved_channel *saved)
{
    if (!saved->withdrawn && !restore->revoke_missing) {
        vmbi_host_log(restore->host, VMB_LOG_WARNING, "a saved device is not on the bus: relid",
                      channel->offer.relid);
        return VMB_ERR_MISMATCH;
    }
    restore->result.revoked += !saved->withdrawn;
    restore_forget_open(channel);
    channel->unclaimed = false;
    channel->withdrawn = true;
    channel->detached = true;
    if (channel->known) {
        channel->rescind_due = channel->rescind_due || !saved->withdrawn;
        channel->state = VMB_HOST_CHANNEL_REVOKED;
    } else {
        restore_let_go(channel);
    }
    return VMB_OK;
}

static vmb_status restore_open(struct vmbi_restore *restore, struct vmb_host_channel *channel,
                               const struct vmbi_saved_channel *saved, const uint8_t *device)
{
    vmb_status status = vmbi_host_attach_saved(channel, saved);

    if (status != VMB_OK) {
        return status;
    }
    status = channel->hooks->restore(channel->device, channel, &channel->endpoint, device,
                                     saved->device_bytes);
    if (status == VMB_OK) {
        channel->phase = VMBI_PHASE_RUNNING;
        channel->resumed = true;
        restore->result.open++;
    }
    return status;
}

static vmb_status restore_device(struct vmbi_restore *restore, struct vmb_host_channel *channel)
{
    struct vmbi_saved_channel saved;
    const uint8_t *device;

    vmbi_restore_channel_again(restore, channel, &saved, &device);
    if (channel->unclaimed) {
        return restore_missing(restore, channel, &saved);
    }
    if (saved.withdrawn) { /* It had left, and is back. */
        channel->state = VMB_HOST_CHANNEL_REOFFERED;
        return VMB_OK;
    }
    if (!restore_same_device(channel, &saved) ||
        (saved.has_device &&
         (vmbi_saved_hooks(channel) == NULL || vmbi_saved_hooks(channel)->restore == NULL))) {
        vmbi_host_log(restore->host, VMB_LOG_WARNING, "a device is not as it was saved: relid",
                      channel->offer.relid);
        return VMB_ERR_MISMATCH;
    }
    if (channel->state == VMB_HOST_CHANNEL_OPEN && !saved.has_device) {
        restore_renew(restore, channel);
        return VMB_OK;
    }
    if (channel->state == VMB_HOST_CHANNEL_OPEN) {
        return restore_open(restore, channel, &saved, device);
    }
    if (saved.has_device) {
        return channel->hooks->restore(channel->device, channel, NULL, device, saved.device_bytes);
    }
    return VMB_OK;
}

/* In the order of the records: a primary channel may offer its sub-channels, whose turn is later.
 */
static vmb_status restore_devices(struct vmbi_restore *restore)
{
    struct vmb_host *host = restore->host;
    vmb_status status = VMB_OK;
    uint32_t i;

    for (i = 0; i < restore->result.channels && status == VMB_OK; i++) {
        status = restore_device(restore, &host->channels[host->channels[i].saved_slot]);
    }
    return status;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static bool restore_is_fresh(const struct vmb_host *host)
{
    uint32_t i;

    for (i = 0; i < host->channel_high; i++) {
        const struct vmb_host_channel *channel = &host->channels[i];

        if (channel->in_use && (channel->state != VMB_HOST_CHANNEL_CLIENT_RELEASED ||
                                channel->phase != VMBI_PHASE_IDLE || channel->withdrawn)) {
            return false;
        }
    }
    return !host->polling && host->connection.state == VMBI_HOST_DISCONNECTED &&
           host->counters.gpadls_in_use == 0 && host->out_count == 0 && host->debts == 0 &&
           vmb_atomic_load(&host->in_head, VMB_RELAXED) ==
               vmb_atomic_load(&host->in_tail, VMB_RELAXED);
}

static vmb_status restore_map(struct vmb_host *host)
{
    vmb_status status = VMB_OK;
    uint32_t i;

    for (i = host->gpadl_first; i != VMBI_HOST_NONE && status == VMB_OK; i = host->gpadls[i].next) {
        if (host->gpadls[i].map_due) {
            host->gpadls[i].map_due = false;
            status = vmbi_host_gpadl_map(&host->gpadls[i]);
        }
    }
    return status;
}

/* It has worked: let poll find what is to be done. */
static void restore_commit(struct vmb_host *host)
{
    uint32_t i;

    for (i = 0; i < host->channel_high; i++) {
        struct vmb_host_channel *channel = &host->channels[i];

        if (channel->in_use && channel->saved_index == 0 && !channel->withdrawn) {
            vmbi_host_offer_make_due(channel); /* New since then. */
        }
        channel->saved_index = 0;
    }
    host->restored = true;
    host->settle_due = true;
    host->offers_due = host->connection.state == VMBI_HOST_CONNECTED;
    vmbi_host_wake(host, VMBI_HOST_WAKE_SHARED | VMBI_HOST_WAKE_CONTROL);
}

vmb_status vmb_host_restore(struct vmb_host *host, const void *bytes, size_t byte_count,
                            const struct vmb_host_restore_options *options,
                            struct vmb_host_restored *out_restored)
{
    struct vmbi_restore restore = {.host = host, .bytes = bytes};
    struct vmb_host_saved_info info;
    bool mapped = false;
    vmb_status status;
    uint32_t i;

    if (options != NULL) {
        if (options->struct_bytes < sizeof(*options)) {
            return VMB_ERR_INVALID_ARGUMENT;
        }
        restore.revoke_missing = options->revoke_missing;
    }
    if (!restore_is_fresh(host)) {
        return VMB_ERR_WRONG_STATE;
    }
    status = vmb_host_saved_check(bytes, byte_count, &info);
    if (status != VMB_OK) {
        return status;
    }
    for (i = 0; i < host->channel_high; i++) {
        host->channels[i].saved_index = 0; /* Perhaps this host has been saved before. */
    }
    status = vmbi_restore_records(&restore, byte_count);
    if (status == VMB_OK) {
        status = vmbi_host_connection_map(host);
        mapped = status == VMB_OK; /* Itself it is all or nothing. */
    }
    if (status == VMB_OK) {
        status = restore_map(host);
    }
    if (status == VMB_OK) {
        status = restore_devices(&restore);
    }
    if (status != VMB_OK) {
        restore_wipe(host, mapped);
        return status;
    }
    restore_commit(host);
    if (out_restored != NULL) {
        *out_restored = restore.result;
    }
    return VMB_OK;
}

void vmbi_host_restored_start(struct vmb_host *host)
{
    uint32_t i;

    host->restored = false;
    for (i = 0; i < host->channel_high; i++) {
        struct vmb_host_channel *channel = &host->channels[i];

        if (channel->resumed && channel->in_use && channel->phase == VMBI_PHASE_RUNNING &&
            channel->state == VMB_HOST_CHANNEL_OPEN) {
            vmbi_host_gate_open(channel);
            vmbi_host_doorbell(channel);
        }
        channel->resumed = false;
    }
}
