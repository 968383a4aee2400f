/* SPDX-License-Identifier: MIT */
/*
 * A host's state as bytes. It is written in one pass that goes on counting when the buffer is full,
 * so that the same pass says how large the buffer must be. What the device is doing (`phase`) is
 * not written: a restored device is a new one, and poll brings it to where the state wants it.
 */
#include <vmbus/save.h>

#include "base/vmb_number.h"
#include "host/vmb_host_saved.h"

#define SAVE_MAX_BYTES UINT32_MAX

/* ---- Records --------------------------------------------------------------------------------- */

/* Begin a record; its length is filled in at its end. */
static size_t save_record(struct vmbi_pack *pack, enum vmbi_saved_kind kind)
{
    uint32_t number = (uint32_t)kind;
    uint32_t byte_count = 0;

    vmbi_pack_u32(pack, &number);
    vmbi_pack_u32(pack, &byte_count);
    return pack->at;
}

/* Write a number over one that stands at @at already. */
static void save_patch_u32(struct vmbi_pack *pack, size_t at, uint32_t value)
{
    size_t end = pack->at;

    pack->at = at;
    vmbi_pack_u32(pack, &value);
    pack->at = end;
}

static void save_record_end(struct vmbi_pack *pack, size_t start)
{
    save_patch_u32(pack, start - sizeof(uint32_t), (uint32_t)(pack->at - start));
}

/* ---- Channels -------------------------------------------------------------------------------- */

/* The guest has left: nothing but the device's end is waited for, and a restored one is at rest. */
static bool save_is_released(const struct vmb_host_channel *channel)
{
    return channel->state == VMB_HOST_CHANNEL_CLIENT_RELEASED ||
           channel->state == VMB_HOST_CHANNEL_OPENING_CLIENT_RELEASE ||
           channel->state == VMB_HOST_CHANNEL_CLOSING_CLIENT_RELEASE;
}

static void save_describe(struct vmb_host_channel *channel, struct vmbi_saved_channel *out_saved)
{
    bool released = save_is_released(channel);

    *out_saved = (struct vmbi_saved_channel){
        .offer = channel->offer,
        .order = channel->order,
        .state = released ? VMB_HOST_CHANNEL_CLIENT_RELEASED : channel->state,
        .known = channel->known,
        .offer_due = channel->offer_due,
        .rescind_due = channel->rescind_due,
        .withdrawn = channel->withdrawn,
        .reserved = channel->reserved,
        .owes_open_result = channel->owes_open_result,
        /* Relaxed: nobody else is inside the host. */
        .control_wanted = vmb_atomic_load(&channel->control_wanted, VMB_RELAXED) != 0,
        .modifying = channel->modifying,
        .modify_next = channel->modify_next,
        .reserved_reply = channel->reserved_reply,
        .reserved_sint = channel->reserved_sint,
        .reserved_trusted = channel->reserved_trusted,
        .modify_next_vp = channel->modify_next_vp,
        .reserved_vp = channel->reserved_vp,
        .reserved_relid = channel->reserved_relid,
        .reserved_status = channel->reserved_status,
        .target_vp = VMB_VP_NONE,
        .request = channel->request,
    };
    vmb_host_channel_read_counters(channel, &out_saved->counters);
    if (released) {
        out_saved->offer.relid = VMB_RELID_NONE;
        out_saved->offer.monitor_allocated = false;
        out_saved->offer.monitor_id = VMB_MONITOR_NONE;
        out_saved->known = false;
        out_saved->rescind_due = false;
        out_saved->reserved = false;
    }
    if (out_saved->state == VMB_HOST_CHANNEL_OPEN) { /* Others attach anew, or not at all. */
        out_saved->legacy = channel->legacy;
        out_saved->private_ring = channel->private_ring;
        out_saved->event_sint = channel->event_sint;
        out_saved->connection_id = vmb_host_channel_connection_id(channel);
        out_saved->target_vp = vmb_host_channel_target_vp(channel);
        out_saved->target_flag = vmbi_host_target_flag(channel);
        vmbi_ring_tx_save(&channel->endpoint.tx, &out_saved->tx);
        vmbi_ring_rx_save(&channel->endpoint.rx, &out_saved->rx);
    }
}

/* The device's own bytes, behind its channel's record. */
static vmb_status save_device(struct vmb_host_channel *channel, struct vmbi_pack *pack,
                              uint32_t *out_bytes)
{
    size_t room = pack->at < pack->byte_count ? pack->byte_count - pack->at : 0;
    size_t written = 0;
    vmb_status status;

    status = channel->hooks->save(channel->device, channel, channel->state == VMB_HOST_CHANNEL_OPEN,
                                  room > 0 ? pack->out + pack->at : NULL, room, &written);
    if (status == VMB_ERR_TOO_SMALL && written > room) {
        status = VMB_OK; /* Go on counting. */
    } else if (status == VMB_OK && written > room) {
        return VMB_ERR_PLATFORM;
    }
    if (written > SAVE_MAX_BYTES) {
        return VMB_ERR_LIMIT;
    }
    pack->at += written;
    *out_bytes = (uint32_t)written;
    return status;
}

static vmb_status save_channel(struct vmb_host_channel *channel, struct vmbi_pack *pack)
{
    size_t start = save_record(pack, VMBI_SAVED_CHANNEL);
    struct vmbi_saved_channel saved;
    vmb_status status = VMB_OK;
    uint32_t device_bytes = 0;

    save_describe(channel, &saved);
    saved.has_device = !channel->withdrawn && vmbi_saved_hooks(channel) != NULL &&
                       vmbi_saved_hooks(channel)->save != NULL;
    vmbi_saved_pack_channel(pack, &saved);
    if (saved.has_device) {
        size_t length_at = pack->at - sizeof(uint32_t);

        status = save_device(channel, pack, &device_bytes);
        save_patch_u32(pack, length_at, device_bytes);
    }
    save_record_end(pack, start);
    return status;
}

/* Number the channels that get a record. A device that has left, and of which the guest knows
 * nothing, does not. */
static uint32_t save_number_channels(struct vmb_host *host)
{
    uint32_t count = 0;
    uint32_t i;

    for (i = host->channel_first; i != VMBI_HOST_NONE; i = host->channels[i].next) {
        struct vmb_host_channel *channel = &host->channels[i];

        channel->saved_index = 0;
        if (!channel->withdrawn || !save_is_released(channel)) {
            channel->saved_index = ++count;
        }
    }
    return count;
}

static vmb_status save_channels(struct vmb_host *host, struct vmbi_pack *pack)
{
    vmb_status status = VMB_OK;
    uint32_t i;

    for (i = host->channel_first; i != VMBI_HOST_NONE && status == VMB_OK;
         i = host->channels[i].next) {
        if (host->channels[i].saved_index != 0) {
            status = save_channel(&host->channels[i], pack);
        }
    }
    return status;
}

/* ---- GPADLs ---------------------------------------------------------------------------------- */

/* The data as it came: a range, its pages, the next range. */
static void save_words(const struct vmb_host_gpadl *gpadl, struct vmbi_pack *pack)
{
    const uint64_t *pages = &gpadl->host->words[gpadl->word_offset];
    const uint64_t *ranges = pages + gpadl->page_count;
    uint32_t page = 0;
    uint32_t range;

    for (range = 0; range < gpadl->ranges_seen; range++) {
        uint64_t word = ranges[range];
        uint32_t left = vmbi_pages_touched((uint32_t)(word >> 32), (uint32_t)word);

        vmbi_pack_u64(pack, &word);
        for (; left > 0 && page < gpadl->pages_seen; left--, page++) {
            word = pages[page];
            vmbi_pack_u64(pack, &word);
        }
    }
}

static void save_gpadls(struct vmb_host *host, struct vmbi_pack *pack)
{
    uint32_t i;

    for (i = host->gpadl_first; i != VMBI_HOST_NONE; i = host->gpadls[i].next) {
        const struct vmb_host_gpadl *gpadl = &host->gpadls[i];
        const struct vmb_host_channel *channel =
            &host->channels[vmb_atomic_load(&gpadl->slot, VMB_RELAXED)];
        struct vmbi_saved_gpadl saved = {
            .handle = vmb_atomic_load(&gpadl->handle, VMB_RELAXED),
            .state = gpadl->state,
            .owes_answer = gpadl->owes_answer,
            .mapped = gpadl->mapped,
            .in_private = gpadl->in_private,
            .page_count = gpadl->page_count,
            .range_count = gpadl->range_count,
            .word_count = gpadl->pages_seen + gpadl->ranges_seen,
        };
        size_t start;

        if (channel->saved_index == 0 || save_is_released(channel)) {
            continue; /* Only its device's last hold is waited for. */
        }
        saved.channel = channel->saved_index - 1;
        start = save_record(pack, VMBI_SAVED_GPADL);
        vmbi_saved_pack_gpadl(pack, &saved);
        save_words(gpadl, pack);
        save_record_end(pack, start);
    }
}

/* ---- Messages -------------------------------------------------------------------------------- */

static void save_outbox(struct vmb_host *host, struct vmbi_pack *pack)
{
    uint32_t i;

    for (i = 0; i < host->out_count; i++) {
        const struct vmbi_host_out *out =
            &host->out[(host->out_first + i) & (host->options.message_limit - 1)];
        struct vmbi_saved_out saved = {
            .number = out->number,
            .sint = out->sint,
            .trusted = out->trusted,
            .vp = out->vp,
            .channel = VMBI_HOST_NONE,
        };
        size_t start = save_record(pack, VMBI_SAVED_OUT);

        if (out->number == VMB_MSG_OFFER_CHANNEL) {
            saved.channel = host->channels[out->slot].saved_index - 1; /* Or none. */
            saved.relid = out->relid;
        } else {
            saved.byte_count = out->byte_count;
            vmb_memcpy(saved.bytes, out->bytes, out->byte_count);
        }
        vmbi_saved_pack_out(pack, &saved);
        save_record_end(pack, start);
    }
}

static void save_inbox(struct vmb_host *host, struct vmbi_pack *pack)
{
    uint32_t head = vmb_atomic_load(&host->in_head, VMB_RELAXED);
    uint32_t tail = vmb_atomic_load(&host->in_tail, VMB_RELAXED);

    for (; head != tail; head++) {
        struct vmbi_host_in *cell = &host->in[head & (host->options.message_limit - 1)];
        size_t start = save_record(pack, VMBI_SAVED_IN);

        vmbi_pack_u32(pack, &cell->connection_id);
        vmbi_pack_bool(pack, &cell->trusted);
        vmbi_pack_bytes(pack, cell->bytes, cell->byte_count);
        save_record_end(pack, start);
    }
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* Whether nobody is inside the host, as far as that can be seen. */
static bool save_is_quiet(struct vmb_host *host)
{
    uint32_t head = vmb_atomic_load(&host->in_head, VMB_RELAXED);
    uint32_t tail = vmb_atomic_load(&host->in_tail, VMB_RELAXED);
    uint32_t i;

    for (; head != tail; head++) {
        struct vmbi_host_in *cell = &host->in[head & (host->options.message_limit - 1)];

        /* Relaxed: who was inside has left, says the caller, and this can only see if he is wrong.
         */
        if (vmb_atomic_load(&cell->sequence, VMB_RELAXED) != head + 1) {
            return false; /* Claimed and not yet filled. */
        }
    }
    for (i = 0; i < host->channel_high; i++) {
        struct vmb_host_channel *channel = &host->channels[i];

        if (channel->in_use &&
            (channel->phase == VMBI_PHASE_CALLING || !vmbi_gate_idle(&channel->gate) ||
             !vmbi_host_target_idle(channel))) {
            return false;
        }
    }
    return !host->polling;
}

static vmb_status save_all(struct vmb_host *host, struct vmbi_pack *pack)
{
    struct vmbi_saved_header header = {.format = VMBI_SAVED_FORMAT,
                                       .bus_version = host->connection.version,
                                       .channel_count = save_number_channels(host)};
    struct vmb_host_counters counters;
    vmb_status status;
    size_t start;

    vmbi_saved_pack_header(pack, &header);
    start = save_record(pack, VMBI_SAVED_CONNECTION);
    vmbi_saved_pack_connection(pack, &host->connection);
    save_record_end(pack, start);
    status = save_channels(host, pack);
    if (status != VMB_OK) {
        return status;
    }
    save_gpadls(host, pack);
    save_outbox(host, pack);
    save_inbox(host, pack);
    vmb_host_read_counters(host, &counters);
    start = save_record(pack, VMBI_SAVED_HOST);
    vmbi_saved_pack_counters(pack, &counters);
    save_record_end(pack, start);
    if (pack->at <= pack->byte_count) {
        size_t end = pack->at;

        header.byte_count = end;
        pack->at = 0;
        vmbi_saved_pack_header(pack, &header);
        header.crc = vmbi_saved_crc(pack->out, end);
        pack->at = 0;
        vmbi_saved_pack_header(pack, &header);
        pack->at = end;
    }
    return VMB_OK;
}

vmb_status vmb_host_save(struct vmb_host *host, void *buffer, size_t buffer_bytes,
                         size_t *out_bytes)
{
    struct vmbi_pack pack;
    vmb_status status;

    if (!save_is_quiet(host)) {
        return VMB_ERR_BUSY;
    }
    vmbi_pack_writer(&pack, buffer, buffer_bytes);
    status = save_all(host, &pack);
    if (status != VMB_OK) {
        return status;
    }
    if (pack.at > SAVE_MAX_BYTES) {
        return VMB_ERR_LIMIT;
    }
    *out_bytes = pack.at;
    return vmbi_pack_end(&pack);
}
