/* SPDX-License-Identifier: MIT */
/* Traffic, host side, saved and taken up again: what must come next, and what is owed. */
#include <vmbus/drivers/traffic.h>
#include <vmbus/host_channel.h>

#include "base/vmb_pack.h"
#include "drivers/traffic/vmb_traffic.h"

#define TRAFFIC_SAVED_FORMAT 1u

static void traffic_saved_counters(struct vmbi_pack *pack, vmb_atomic_word *counters)
{
    uint32_t i;

    for (i = 0; i < VMB_TRAFFIC_COUNTER_COUNT; i++) {
        uint64_t counter = vmb_atomic_load(&counters[i], VMB_RELAXED);

        vmbi_pack_u64(pack, &counter);
        vmb_atomic_store(&counters[i], (uintptr_t)counter, VMB_RELAXED);
    }
}

static void traffic_saved_fields(struct vmbi_pack *pack, struct vmb_traffic_host *device,
                                 bool *out_open, bool *out_working)
{
    uint8_t format = TRAFFIC_SAVED_FORMAT;

    vmbi_pack_u8(pack, &format);
    vmbi_pack_bool(pack, out_open);
    vmbi_pack_bool(pack, out_working);
    vmbi_pack_u32(pack, &device->answer_bytes);
    vmbi_pack_bool(pack, &device->answer_completes);
    vmbi_pack_u64(pack, &device->answer_id);
    vmbi_pack_u32(pack, &device->stream_pattern);
    vmbi_pack_u32(pack, &device->streams_owed);
    vmbi_pack_u64(pack, &device->stream_seed);
    vmbi_pack_u64(pack, &device->next_request);
    vmbi_pack_u64(pack, &device->next_stream);
    traffic_saved_counters(pack, device->counters);
    pack->failed = pack->failed || format != TRAFFIC_SAVED_FORMAT;
}

vmb_status vmb_traffic_host_save(void *context, struct vmb_host_channel *channel, bool open,
                                 void *buffer, size_t buffer_bytes, size_t *out_bytes)
{
    struct vmb_traffic_host *device = context;
    bool working = device->endpoint != NULL && open;
    struct vmbi_pack pack;

    (void)channel;
    vmbi_pack_writer(&pack, buffer, buffer_bytes);
    traffic_saved_fields(&pack, device, &open, &working);
    if (device->answer_bytes != VMBI_TRAFFIC_NO_ANSWER) {
        vmbi_pack_bytes(&pack, device->buffer, device->answer_bytes);
    }
    *out_bytes = pack.at;
    return vmbi_pack_end(&pack);
}

/* All that is owed fits the buffer, as it did where it came from. */
static bool traffic_saved_fits(const struct vmb_traffic_host *device)
{
    return (device->answer_bytes == VMBI_TRAFFIC_NO_ANSWER ||
            device->answer_bytes <= device->buffer_bytes) &&
           device->streams_owed <= VMB_TRAFFIC_STREAM_LIMIT &&
           (device->streams_owed == 0 ||
            (device->buffer_bytes >= VMB_TRAFFIC_HEADER_BYTES &&
             device->stream_pattern <= device->buffer_bytes - VMB_TRAFFIC_HEADER_BYTES));
}

vmb_status vmb_traffic_host_restore(void *context, struct vmb_host_channel *channel,
                                    struct vmb_endpoint *endpoint, const void *bytes,
                                    size_t byte_count)
{
    struct vmb_traffic_host *device = context;
    struct vmb_traffic_host taken = *device;
    bool open = false, working = false;
    struct vmbi_pack pack;

    (void)channel;
    vmbi_pack_reader(&pack, bytes, byte_count);
    traffic_saved_fields(&pack, &taken, &open, &working);
    if (pack.failed || open != (endpoint != NULL) || (working && !open) ||
        !traffic_saved_fits(&taken)) {
        return VMB_ERR_MALFORMED;
    }
    if (taken.answer_bytes != VMBI_TRAFFIC_NO_ANSWER) {
        vmbi_pack_bytes(&pack, device->buffer, taken.answer_bytes);
    }
    if (vmbi_pack_end(&pack) != VMB_OK) {
        return VMB_ERR_MALFORMED;
    }
    *device = taken;
    device->endpoint = working ? endpoint : NULL;
    return VMB_OK;
}

const struct vmb_host_hooks *vmb_traffic_host_hooks(void)
{
    static const struct vmb_host_hooks hooks = {
        .struct_bytes = sizeof(hooks),
        .save = vmb_traffic_host_save,
        .restore = vmb_traffic_host_restore,
    };

    return &hooks;
}
