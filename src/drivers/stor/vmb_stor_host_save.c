/* SPDX-License-Identifier: MIT */
/*
 * A controller saved and taken up again. A job at a back end cannot be written down, so the save
 * waits for it (VMB_ERR_BUSY); what has been answered and found no space in the ring travels along,
 * and what the guest has asked since lies in its ring. The disks are the embedder's: the same ones
 * must be at the same LUNs, or the guest would go on with somebody else's data.
 */
#include "drivers/stor/vmb_stor_host_state.h"

#include <vmbus/platform/string.h>

#include "base/vmb_pack.h"

#define STOR_SAVED_FORMAT 1u
#define STOR_ASKED_NONE   UINT32_MAX

/* ---- Records --------------------------------------------------------------------------------- */

static void stor_saved_atomic(struct vmbi_pack *pack, vmb_atomic_u32 *value)
{
    uint32_t plain = vmb_atomic_load(value, VMB_RELAXED);

    vmbi_pack_u32(pack, &plain);
    if (vmbi_pack_reads(pack)) {
        vmb_atomic_store(value, plain, VMB_RELAXED);
    }
}

/* What a disk is, as far as the guest would notice. False: not what it was. */
static bool stor_saved_unit(struct vmbi_pack *pack, struct vmbi_stor_unit *unit)
{
    const struct vmb_stor_disk *disk = &unit->disk.is;
    /* Relaxed: disks come and go by the control plane, which we are. */
    bool present = (vmb_atomic_load(&unit->users, VMB_RELAXED) & VMBI_STOR_UNIT_PRESENT) != 0;
    bool then_present = present;
    uint64_t blocks = present ? disk->block_count : 0;
    uint32_t block_bytes = present ? disk->block_bytes : 0;
    bool read_only = present && disk->read_only;
    uint64_t unique_id = present ? disk->unique_id : 0;
    uint64_t then_blocks = blocks, then_unique_id = unique_id;
    uint32_t then_block_bytes = block_bytes;
    bool then_read_only = read_only;

    vmbi_pack_bool(pack, &then_present);
    vmbi_pack_u64(pack, &then_blocks);
    vmbi_pack_u32(pack, &then_block_bytes);
    vmbi_pack_bool(pack, &then_read_only);
    vmbi_pack_u64(pack, &then_unique_id);
    stor_saved_atomic(pack, &unit->attention);
    stor_saved_atomic(pack, &unit->stopped);
    return present == then_present && blocks == then_blocks && block_bytes == then_block_bytes &&
           read_only == then_read_only && unique_id == then_unique_id;
}

/* What all channels share. False: other disks. */
static bool stor_saved_host(struct vmbi_pack *pack, struct vmb_stor_host *host,
                            uint32_t *out_wanted)
{
    bool same = true;
    uint32_t i;

    stor_saved_atomic(pack, &host->state);
    stor_saved_atomic(pack, &host->version);
    stor_saved_atomic(pack, &host->sub_channels_asked);
    stor_saved_atomic(pack, &host->enumerate);
    vmbi_pack_u32(pack, out_wanted);
    for (i = 0; i < VMB_STOR_LUN_COUNT; i++) {
        same = stor_saved_unit(pack, &host->units[i]) && same;
    }
    return same;
}

static void stor_saved_counters(struct vmbi_pack *pack, struct vmbi_stor_channel *channel)
{
    uint32_t i;

    for (i = 0; i < VMB_STOR_HOST_COUNTER_COUNT; i++) {
        uint64_t counter = vmb_atomic_load(&channel->counters[i], VMB_RELAXED);

        vmbi_pack_u64(pack, &counter);
        vmb_atomic_store(&channel->counters[i], (uintptr_t)counter, VMB_RELAXED);
    }
}

static void stor_saved_answer(struct vmbi_pack *pack, struct vmbi_stor_request *request)
{
    vmbi_pack_u64(pack, &request->transaction_id);
    vmbi_pack_u32(pack, &request->packet_bytes);
    vmbi_pack_bytes(pack, request->packet, sizeof(request->packet));
    pack->failed = pack->failed || request->packet_bytes > sizeof(request->packet);
}

/* ---- Saving ---------------------------------------------------------------------------------- */

static bool stor_is_quiet(const struct vmb_stor_host *host)
{
    uint32_t i;

    for (i = 0; i < host->channel_count; i++) {
        const struct vmbi_stor_channel *channel = &host->channels[i];

        if (channel->jobs != 0 || channel->resets.first != NULL ||
            vmb_atomic_load(&channel->completed, VMB_RELAXED) != NULL) {
            return false;
        }
    }
    return true;
}

vmb_status vmbi_stor_channel_save(void *device, struct vmb_host_channel *bus_channel, bool open,
                                  void *buffer, size_t buffer_bytes, size_t *out_bytes)
{
    struct vmbi_stor_channel *channel = device;
    const struct vmbi_stor_request *request;
    uint8_t format = STOR_SAVED_FORMAT;
    bool working = open && channel->endpoint != NULL;
    uint32_t answers = 0, wanted = 0, i;
    struct vmbi_pack pack;

    (void)bus_channel;
    if (!stor_is_quiet(channel->host)) {
        return VMB_ERR_BUSY;
    }
    for (request = open ? channel->answers.first : NULL; request != NULL; request = request->next) {
        answers++;
    }
    vmbi_pack_writer(&pack, buffer, buffer_bytes);
    vmbi_pack_u8(&pack, &format);
    vmbi_pack_bool(&pack, &open);
    vmbi_pack_bool(&pack, &working);
    stor_saved_counters(&pack, channel);
    if (channel->index == 0 && open) {
        for (i = 1; i < channel->host->channel_count; i++) {
            wanted += channel->host->channels[i].wanted;
        }
        (void)stor_saved_host(&pack, channel->host, &wanted);
    }
    vmbi_pack_u32(&pack, &answers);
    for (request = channel->answers.first; answers > 0; answers--, request = request->next) {
        stor_saved_answer(&pack, (struct vmbi_stor_request *)request);
    }
    *out_bytes = pack.at;
    return vmbi_pack_end(&pack);
}

/* ---- Restoring ------------------------------------------------------------------------------- */

static bool stor_host_fits(const struct vmb_stor_host *host, uint32_t wanted)
{
    uint32_t state = vmb_atomic_load(&host->state, VMB_RELAXED);
    uint32_t version = vmb_atomic_load(&host->version, VMB_RELAXED);
    uint32_t asked = vmb_atomic_load(&host->sub_channels_asked, VMB_RELAXED);
    uint32_t i;
    bool known = state < VMBI_STOR_VERSION_AGREED;

    for (i = 0; vmb_stor_version(i) != 0; i++) {
        known = known || (vmb_stor_version(i) == version && version <= host->options.max_version);
    }
    return known && state >= VMBI_STOR_OPEN && state <= VMBI_STOR_READY &&
           (asked == STOR_ASKED_NONE || asked <= host->options.sub_channel_limit) &&
           wanted <= host->options.sub_channel_limit;
}

static vmb_status stor_restore_host(struct vmbi_pack *pack, struct vmb_stor_host *host)
{
    uint32_t wanted = 0;
    bool same = stor_saved_host(pack, host, &wanted);

    if (pack->failed || !stor_host_fits(host, wanted)) {
        return VMB_ERR_MALFORMED;
    }
    if (!same) {
        return VMB_ERR_MISMATCH;
    }
    vmbi_stor_bus_want(host, wanted); /* They claim what the bus has of them; their turn comes. */
    return VMB_OK;
}

static vmb_status stor_restore_answers(struct vmbi_pack *pack, struct vmbi_stor_channel *channel)
{
    uint32_t answers = 0;

    vmbi_pack_u32(pack, &answers);
    for (; answers > 0 && !pack->failed; answers--) {
        struct vmbi_stor_request *request = channel->free;

        if (request == NULL) {
            return VMB_ERR_LIMIT;
        }
        stor_saved_answer(pack, request);
        channel->free = request->next;
        vmbi_stor_channel_answer(channel, request);
    }
    return vmbi_pack_end(pack);
}

vmb_status vmbi_stor_channel_restore(void *device, struct vmb_host_channel *bus_channel,
                                     struct vmb_endpoint *endpoint, const void *bytes,
                                     size_t byte_count)
{
    struct vmbi_stor_channel *channel = device;
    bool open = false, working = false;
    vmb_status status = VMB_OK;
    struct vmbi_pack pack;
    uint8_t format = 0;

    vmbi_pack_reader(&pack, bytes, byte_count);
    vmbi_pack_u8(&pack, &format);
    vmbi_pack_bool(&pack, &open);
    vmbi_pack_bool(&pack, &working);
    stor_saved_counters(&pack, channel);
    if (pack.failed || format != STOR_SAVED_FORMAT || open != (endpoint != NULL) ||
        (working && !open)) {
        return VMB_ERR_MALFORMED;
    }
    vmb_atomic_store(&channel->bus_channel, (void *)bus_channel, VMB_RELAXED);
    if (channel->index == 0 && open) {
        status = stor_restore_host(&pack, channel->host);
    }
    if (status == VMB_OK) {
        status = stor_restore_answers(&pack, channel);
    }
    if (status != VMB_OK) {
        vmbi_stor_channel_clear(channel);
        vmb_atomic_store(&channel->host->state, VMBI_STOR_CLOSED, VMB_RELAXED);
        return status;
    }
    vmb_atomic_store(&channel->closing, 0, VMB_RELAXED);
    channel->endpoint = working ? endpoint : NULL;
    return VMB_OK;
}
