/* SPDX-License-Identifier: MIT */
/* Storage, host side: a controller's memory, its disks, and jobs that come home. */
#include "drivers/stor/vmb_stor_host_state.h"

#include <vmbus/platform/string.h>
#include <vmbus/proto/guid.h>

#define HOST_ALIGN            64u
#define HOST_REQUESTS_MAX     4096u
#define HOST_REQUESTS_DEFAULT 128u
#define HOST_TRANSFER_DEFAULT (1u << 20)
#define HOST_RANGE_BYTES      16u /* Of a GPA-direct header, for a range of one page. */

/* ---- Memory ---------------------------------------------------------------------------------- */

/* Options with their defaults put in; false if one is out of its range. */
static bool host_options(const struct vmb_stor_host_options *options,
                         struct vmb_stor_host_options *out)
{
    if (options->struct_bytes != sizeof(*options) || options->guest_memory == NULL) {
        return false;
    }
    *out = *options;
    if (out->request_limit == 0) {
        out->request_limit = HOST_REQUESTS_DEFAULT;
    }
    if (out->transfer_limit_bytes == 0) {
        out->transfer_limit_bytes = HOST_TRANSFER_DEFAULT;
    }
    if (out->max_version == 0) {
        out->max_version = vmb_stor_version(0);
    }
    return out->sub_channel_limit <= VMB_STOR_SUB_CHANNEL_LIMIT &&
           out->request_limit <= HOST_REQUESTS_MAX &&
           out->transfer_limit_bytes <= VMB_STOR_TRANSFER_LIMIT_BYTES &&
           out->transfer_limit_bytes % VMB_PAGE_BYTES == 0 &&
           out->max_version >= VMB_STOR_VERSION_2_0;
}

static size_t host_round_up(size_t bytes)
{
    return (bytes + HOST_ALIGN - 1) & ~(size_t)(HOST_ALIGN - 1);
}

/* Where the parts of a controller lie. */
struct stor_layout {
    uint32_t channel_count;
    uint32_t segment_limit;
    uint32_t header_bytes;
    size_t request_bytes; /* With its segments. */
    size_t channel_bytes; /* Of what a channel has outside its struct. */
    size_t channels_offset;
    size_t total_bytes;
};

static struct stor_layout host_layout_of(const struct vmb_stor_host_options *options)
{
    struct stor_layout layout;

    layout.channel_count = 1 + options->sub_channel_limit;
    layout.segment_limit = options->transfer_limit_bytes / VMB_PAGE_BYTES + 1;
    layout.header_bytes = VMB_PACKET_RANGES_BYTES + HOST_RANGE_BYTES * layout.segment_limit;
    layout.request_bytes = host_round_up(sizeof(struct vmbi_stor_request) +
                                         layout.segment_limit * sizeof(struct vmb_stor_segment));
    layout.channel_bytes =
        host_round_up(layout.header_bytes) + options->request_limit * layout.request_bytes;
    layout.channels_offset = host_round_up(sizeof(struct vmb_stor_host) +
                                           layout.channel_count * sizeof(struct vmbi_stor_channel));
    layout.total_bytes = layout.channels_offset + layout.channel_count * layout.channel_bytes;
    return layout;
}

size_t vmb_stor_host_memory_bytes(const struct vmb_stor_host_options *options)
{
    struct vmb_stor_host_options own;

    return host_options(options, &own) ? host_layout_of(&own).total_bytes : 0;
}

static void host_init_channel(struct vmb_stor_host *host, uint32_t index,
                              const struct stor_layout *layout, uint8_t *memory)
{
    struct vmbi_stor_channel *channel = &host->channels[index];
    uint32_t i;

    channel->host = host;
    channel->index = index;
    channel->header = memory;
    memory += host_round_up(layout->header_bytes);
    for (i = 0; i < host->options.request_limit; i++) {
        struct vmbi_stor_request *request = (struct vmbi_stor_request *)(void *)memory;

        request->channel = channel;
        request->segments = (struct vmb_stor_segment *)(void *)(request + 1);
        request->next = channel->free;
        channel->free = request;
        memory += layout->request_bytes;
    }
}

vmb_status vmb_stor_host_init(void *memory, size_t memory_bytes,
                              const struct vmb_stor_host_options *options,
                              struct vmb_stor_host **out_controller)
{
    struct vmb_stor_host_options own;
    struct vmb_stor_host *host = memory;
    struct stor_layout layout;
    uint32_t i;

    if (!host_options(options, &own) || (uintptr_t)memory % HOST_ALIGN != 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    layout = host_layout_of(&own);
    if (memory_bytes < layout.total_bytes) {
        return VMB_ERR_TOO_SMALL;
    }
    vmb_memset(memory, 0, layout.total_bytes);
    host->options = own;
    host->channel_count = layout.channel_count;
    host->segment_limit = layout.segment_limit;
    host->header_bytes = layout.header_bytes;
    vmb_atomic_store(&host->sub_channels_asked, UINT32_MAX, VMB_RELAXED);
    for (i = 0; i < layout.channel_count; i++) {
        host_init_channel(host, i, &layout,
                          (uint8_t *)memory + layout.channels_offset + i * layout.channel_bytes);
    }
    *out_controller = host;
    return VMB_OK;
}

/* ---- Disks ----------------------------------------------------------------------------------- */

/* LUNs have come or gone under a guest: every other unit says so, and so does a packet. */
static void host_luns_changed(struct vmb_stor_host *host, const struct vmbi_stor_unit *but)
{
    uint32_t i;

    if (!vmbi_stor_is_ready(host)) {
        return;
    }
    for (i = 0; i < VMB_STOR_LUN_COUNT; i++) {
        if (&host->units[i] != but) {
            vmbi_stor_unit_attend(&host->units[i], VMBI_STOR_ATTENTION_LUNS);
        }
    }
    vmb_atomic_store(&host->enumerate, 1, VMB_RELEASE);
    vmbi_stor_wake(&host->channels[0]);
}

vmb_status vmb_stor_host_add(struct vmb_stor_host *controller, uint32_t lun,
                             const struct vmb_stor_disk *disk)
{
    struct vmbi_scsi_disk checked;
    struct vmbi_stor_unit *unit;

    if (lun >= VMB_STOR_LUN_COUNT ||
        vmbi_scsi_disk_init(&checked, disk, controller->options.transfer_limit_bytes) != VMB_OK) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    unit = &controller->units[lun];
    /* Relaxed: whoever used a disk that was there had left when it was removed; see there. */
    if (unit->removing || vmb_atomic_load(&unit->users, VMB_RELAXED) != 0) {
        return VMB_ERR_WRONG_STATE;
    }
    unit->disk = checked;
    vmb_atomic_store(&unit->stopped, 0, VMB_RELAXED);
    vmb_atomic_store(&unit->attention, VMBI_STOR_ATTENTION_POWER_ON, VMB_RELAXED);
    /* Release: the disk is complete. Pairs with the acquire in vmbi_stor_unit_hold(). */
    vmb_atomic_store(&unit->users, VMBI_STOR_UNIT_PRESENT, VMB_RELEASE);
    host_luns_changed(controller, unit);
    return VMB_OK;
}

vmb_status vmb_stor_host_remove(struct vmb_stor_host *controller, uint32_t lun)
{
    struct vmbi_stor_unit *unit;
    uint32_t users;

    if (lun >= VMB_STOR_LUN_COUNT) {
        return VMB_ERR_WRONG_STATE;
    }
    unit = &controller->units[lun];
    users = vmb_atomic_fetch_and(&unit->users, ~VMBI_STOR_UNIT_PRESENT, VMB_RELAXED);
    if ((users & VMBI_STOR_UNIT_PRESENT) != 0) {
        unit->removing = true;
        host_luns_changed(controller, unit);
    }
    if (!unit->removing) {
        return VMB_ERR_WRONG_STATE;
    }
    /* Pairs with the release in vmbi_stor_unit_release(): those requests are over. */
    if (vmb_atomic_load(&unit->users, VMB_ACQUIRE) != 0) {
        return VMB_ERR_BUSY;
    }
    unit->removing = false;
    return VMB_OK;
}

/* ---- Jobs ------------------------------------------------------------------------------------ */

void vmbi_stor_wake(struct vmbi_stor_channel *channel)
{
    const struct vmb_stor_host_options *options = &channel->host->options;
    struct vmb_host_channel *bus_channel = vmb_atomic_load(&channel->bus_channel, VMB_RELAXED);

    if (options->wake != NULL) {
        options->wake(options->context, channel->index);
    } else if (bus_channel != NULL) {
        vmb_host_kick(bus_channel);
    }
}

void vmbi_stor_wake_all(struct vmb_stor_host *host)
{
    uint32_t i;

    /*
     * What they have waited for was written before. A channel that has just been opened has looked
     * for it behind a fence too: it saw it, or we see its bus channel.
     */
    vmb_atomic_fence(VMB_SEQ_CST);
    for (i = 0; i < host->channel_count; i++) {
        vmbi_stor_wake(&host->channels[i]);
    }
}

static void host_ask_for_poll(struct vmbi_stor_channel *channel)
{
    const struct vmb_stor_host_options *options = &channel->host->options;
    struct vmb_host_channel *bus_channel = vmb_atomic_load(&channel->bus_channel, VMB_RELAXED);

    if (bus_channel != NULL) {
        vmb_host_request_control(bus_channel);
    }
    if (options->poll_ready != NULL) {
        options->poll_ready(options->context);
    }
}

void vmb_stor_host_complete(struct vmb_stor_io *io, enum vmb_stor_result result)
{
    struct vmbi_stor_request *request = (struct vmbi_stor_request *)(void *)io;
    struct vmbi_stor_channel *channel = request->channel;
    void *head = vmb_atomic_load(&channel->completed, VMB_RELAXED);

    request->result = result;
    do {
        request->next = head;
        /*
         * Release: what the disk did is done. Pairs with the acquire in vmbi_stor_channel_drain().
         * Acquire pairs with the release there: hooks.close sets `closing`, then empties the stack.
         * Either it finds this request, or what we push on is what it left, and we see `closing`.
         */
    } while (!vmb_atomic_compare_exchange(&channel->completed, &head, (void *)request, VMB_ACQ_REL,
                                          VMB_RELAXED));
    /* @request may be gone by now. Whoever pushed to an empty stack wakes for all that follow. */
    if (vmb_atomic_load(&channel->closing, VMB_RELAXED) != 0) {
        host_ask_for_poll(channel);
    } else if (head == NULL) {
        vmbi_stor_wake(channel);
    }
}

/* ---- Looking at it --------------------------------------------------------------------------- */

const struct vmb_driver *vmb_stor_host_driver(void)
{
    static const struct vmb_driver driver = {
        .name = "storage",
        .class_id = VMB_GUID_SCSI,
        .opened = vmbi_stor_channel_opened,
        .on_event = vmbi_stor_channel_on_event,
        .closed = vmbi_stor_channel_closed,
    };

    return &driver;
}

void *vmb_stor_host_device(struct vmb_stor_host *controller, uint32_t index)
{
    VMB_ASSERT(index < controller->channel_count);
    return &controller->channels[index];
}

void *vmb_stor_host_context(void *device)
{
    return ((struct vmbi_stor_channel *)device)->host->options.context;
}

uint16_t vmb_stor_host_version(const struct vmb_stor_host *controller)
{
    return vmbi_stor_is_ready(controller)
               ? (uint16_t)vmb_atomic_load(&controller->version, VMB_RELAXED)
               : 0;
}

void vmb_stor_host_read_counters(const struct vmb_stor_host *controller,
                                 struct vmb_stor_host_counters *out_counters)
{
    uint64_t sums[VMB_STOR_HOST_COUNTER_COUNT] = {0};
    uint32_t i, which;

    for (i = 0; i < controller->channel_count; i++) {
        for (which = 0; which < VMB_STOR_HOST_COUNTER_COUNT; which++) {
            sums[which] += vmb_atomic_load(&controller->channels[i].counters[which], VMB_RELAXED);
        }
    }
    VMB_STATIC_ASSERT(sizeof(sums) == sizeof(*out_counters), "a word for each member");
    vmb_memcpy(out_counters, sums, sizeof(sums));
}
