/* SPDX-License-Identifier: MIT */
/* Storage, guest side: its memory, and what is called from outside its channels. */
#include "drivers/stor/vmb_stor_guest_state.h"

#include <vmbus/platform/string.h>
#include <vmbus/proto/guid.h>

#define STOR_GUEST_ALIGN            64u
#define STOR_GUEST_REQUESTS_DEFAULT 64u
#define STOR_GUEST_REQUESTS_MAX     4096u
#define STOR_GUEST_TRANSFER_DEFAULT (512u << 10)
/* A GPA-direct header: 8 bytes, and 8 for the range in front of its pages. */
#define STOR_GUEST_HEADER_BYTES(pages) (16u + 8u * (pages))

struct stor_guest_layout {
    uint32_t page_limit;
    size_t slots_bytes;
    size_t header_bytes;
    size_t channels_offset; /* Of what belongs to the channels. */
    size_t channel_bytes;
    size_t total_bytes;
};

static size_t stor_guest_round_up(size_t bytes)
{
    return (bytes + STOR_GUEST_ALIGN - 1) & ~(size_t)(STOR_GUEST_ALIGN - 1);
}

static bool stor_guest_knows(uint16_t version)
{
    uint32_t i;

    for (i = 0; vmb_stor_version(i) != 0; i++) {
        if (vmb_stor_version(i) == version) {
            return true;
        }
    }
    return false;
}

/* Check options, and put the defaults in. */
static bool stor_guest_options(const struct vmb_stor_guest_options *options,
                               struct vmb_stor_guest_options *out)
{
    if (options->struct_bytes != sizeof(*options)) {
        return false;
    }
    *out = *options;
    if (out->request_limit == 0) {
        out->request_limit = STOR_GUEST_REQUESTS_DEFAULT;
    }
    if (out->transfer_limit_bytes == 0) {
        out->transfer_limit_bytes = STOR_GUEST_TRANSFER_DEFAULT;
    }
    if (out->max_version == 0) {
        out->max_version = vmb_stor_version(0);
    }
    if (out->min_version == 0) {
        out->min_version = VMB_STOR_VERSION_2_0;
    }
    return out->sub_channel_limit <= VMB_STOR_GUEST_SUB_CHANNEL_LIMIT &&
           out->request_limit <= STOR_GUEST_REQUESTS_MAX &&
           (out->request_limit & (out->request_limit - 1u)) == 0 &&
           out->transfer_limit_bytes <= VMB_STOR_GUEST_TRANSFER_LIMIT_BYTES &&
           out->transfer_limit_bytes % VMB_PAGE_BYTES == 0 && stor_guest_knows(out->max_version) &&
           stor_guest_knows(out->min_version) && out->min_version <= out->max_version;
}

static struct stor_guest_layout stor_guest_layout_of(const struct vmb_stor_guest_options *options)
{
    struct stor_guest_layout layout;
    size_t channel_count = 1 + options->sub_channel_limit;

    layout.page_limit = options->transfer_limit_bytes / VMB_PAGE_BYTES + 1;
    layout.slots_bytes =
        stor_guest_round_up(options->request_limit * sizeof(struct vmb_request_slot));
    layout.header_bytes = stor_guest_round_up(STOR_GUEST_HEADER_BYTES(layout.page_limit));
    layout.channel_bytes = layout.slots_bytes + layout.header_bytes +
                           stor_guest_round_up(layout.page_limit * sizeof(vmb_gpn));
    layout.channels_offset = stor_guest_round_up(
        sizeof(struct vmb_stor_guest) + channel_count * sizeof(struct vmbi_stor_guest_channel));
    layout.total_bytes = layout.channels_offset + channel_count * layout.channel_bytes;
    return layout;
}

size_t vmb_stor_guest_memory_bytes(const struct vmb_stor_guest_options *options)
{
    struct vmb_stor_guest_options own;

    return stor_guest_options(options, &own) ? stor_guest_layout_of(&own).total_bytes : 0;
}

static vmb_status stor_guest_init_channel(struct vmb_stor_guest *guest, uint32_t index,
                                          const struct stor_guest_layout *layout, uint8_t *memory)
{
    struct vmbi_stor_guest_channel *channel = &guest->channels[index];

    channel->guest = guest;
    channel->index = index;
    channel->submitted.value = channel; /* Takes none. */
    channel->header = memory + layout->slots_bytes;
    channel->pages = (vmb_gpn *)(void *)(channel->header + layout->header_bytes);
    return vmb_request_table_init(&channel->requests, (struct vmb_request_slot *)(void *)memory,
                                  guest->options.request_limit);
}

vmb_status vmb_stor_guest_init(void *memory, size_t memory_bytes,
                               const struct vmb_stor_guest_options *options,
                               struct vmb_stor_guest **out_controller)
{
    struct vmb_stor_guest *guest = memory;
    struct vmb_stor_guest_options own;
    struct stor_guest_layout layout;
    vmb_status status = VMB_OK;
    uint32_t i;

    if (!stor_guest_options(options, &own) || (uintptr_t)memory % STOR_GUEST_ALIGN != 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    layout = stor_guest_layout_of(&own);
    if (memory_bytes < layout.total_bytes) {
        return VMB_ERR_TOO_SMALL;
    }
    vmb_memset(memory, 0, layout.total_bytes);
    guest->options = own;
    guest->channel_count = 1 + own.sub_channel_limit;
    guest->header_bytes = (uint32_t)layout.header_bytes;
    guest->page_limit = layout.page_limit;
    for (i = 0; i < guest->channel_count && status == VMB_OK; i++) {
        status = stor_guest_init_channel(guest, i, &layout,
                                         (uint8_t *)memory + layout.channels_offset +
                                             i * layout.channel_bytes);
    }
    *out_controller = guest;
    return status;
}

const struct vmb_driver *vmb_stor_guest_driver(void)
{
    static const struct vmb_driver driver = {
        .name = "storage",
        .class_id = VMB_GUID_SCSI,
        .tx_pages = 16,
        .rx_pages = 16,
        .notify = VMB_NOTIFY_DEFERRED,
        .opened = vmbi_stor_guest_opened,
        .on_event = vmbi_stor_guest_on_event,
        .closed = vmbi_stor_guest_closed,
    };

    return &driver;
}

void *vmb_stor_guest_device(struct vmb_stor_guest *controller, uint32_t index)
{
    VMB_ASSERT(index < controller->channel_count);
    return &controller->channels[index];
}

vmb_status vmb_stor_guest_open(struct vmb_stor_guest *controller, struct vmb_channel *channel,
                               uint32_t target_vp, vmb_channel_done done, void *done_context)
{
    uint32_t index = vmb_channel_offer(channel)->subchannel_index;
    struct vmb_channel_open_options options = {
        .struct_bytes = sizeof(options),
        .driver = vmb_stor_guest_driver(),
        .target_vp = target_vp,
        .done = done,
        .done_context = done_context,
    };

    if (index >= controller->channel_count) {
        return VMB_ERR_LIMIT;
    }
    options.device = &controller->channels[index];
    controller->channels[index].bus_channel = channel;
    return vmb_channel_open(channel, &options);
}

/* ---- Requests -------------------------------------------------------------------------------- */

static bool stor_guest_is_possible(const struct vmb_stor_guest *guest,
                                   const struct vmb_stor_request *request)
{
    const struct vmb_stor_command *command = &request->command;

    if (request->done == NULL) {
        return false;
    }
    if (request->kind != VMB_STOR_COMMAND) {
        return request->kind == VMB_STOR_LUN_RESET || request->kind == VMB_STOR_CONTROLLER_RESET;
    }
    return command->cdb_bytes > 0 && command->cdb_bytes <= VMB_STOR_CDB_BYTES &&
           command->direction <= VMB_STOR_NO_DATA &&
           (command->data_bytes == 0) == (command->direction == VMB_STOR_NO_DATA) &&
           command->data_bytes <= vmb_atomic_load(&guest->transfer_limit, VMB_RELAXED) &&
           request->data.byte_offset < VMB_PAGE_BYTES;
}

vmb_status vmb_stor_guest_submit(struct vmb_stor_guest *controller, uint32_t channel_index,
                                 struct vmb_stor_request *request)
{
    const struct vmb_stor_guest_options *options = &controller->options;
    struct vmbi_stor_guest_channel *channel;
    void *head;

    if (!vmbi_stor_guest_is_ready(controller)) {
        return VMB_ERR_WRONG_STATE;
    }
    if (channel_index >= controller->channel_count ||
        !stor_guest_is_possible(controller, request)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    channel = &controller->channels[channel_index];
    head = vmb_atomic_load(&channel->submitted, VMB_RELAXED);
    do {
        if (head == (void *)channel) {
            return VMB_ERR_WRONG_STATE;
        }
        request->next = head;
        /*
         * Release: the request is complete. Pairs with the exchange that empties the stack. Acquire
         * pairs with vmbi_stor_guest_let_in(): there is a bus channel to wake.
         */
    } while (!vmb_atomic_compare_exchange(&channel->submitted, &head, (void *)request, VMB_ACQ_REL,
                                          VMB_RELAXED));
    /* @request may be over by now. Whoever pushed to an empty stack wakes for all that follow. */
    if (head == NULL) {
        if (options->wake != NULL) {
            options->wake(options->context, channel_index);
        } else if (channel->bus_channel != NULL) {
            vmb_channel_kick(channel->bus_channel);
        }
    }
    return VMB_OK;
}

/* ---- Looking at it --------------------------------------------------------------------------- */

uint16_t vmb_stor_guest_version(const struct vmb_stor_guest *controller)
{
    return vmbi_stor_guest_is_ready(controller)
               ? (uint16_t)vmb_atomic_load(&controller->version, VMB_RELAXED)
               : 0;
}

uint32_t vmb_stor_guest_transfer_limit_bytes(const struct vmb_stor_guest *controller)
{
    return vmbi_stor_guest_is_ready(controller)
               ? vmb_atomic_load(&controller->transfer_limit, VMB_RELAXED)
               : 0;
}

void vmb_stor_guest_read_counters(const struct vmb_stor_guest *controller,
                                  struct vmb_stor_guest_counters *out_counters)
{
    uint64_t sums[VMB_STOR_GUEST_COUNTER_COUNT] = {0};
    uint32_t i, which;

    for (i = 0; i < controller->channel_count; i++) {
        for (which = 0; which < VMB_STOR_GUEST_COUNTER_COUNT; which++) {
            sums[which] += vmb_atomic_load(&controller->channels[i].counters[which], VMB_RELAXED);
        }
    }
    VMB_STATIC_ASSERT(sizeof(sums) == sizeof(*out_counters), "a word for each member");
    vmb_memcpy(out_counters, sums, sizeof(sums));
}
