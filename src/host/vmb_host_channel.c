/* SPDX-License-Identifier: MIT */
/* What a channel says of itself when asked. */
#include "host/vmb_host_internal.h"

enum vmb_host_channel_state vmb_host_channel_state(const struct vmb_host_channel *channel)
{
    return (enum vmb_host_channel_state)channel->state;
}

uint32_t vmb_host_channel_relid(const struct vmb_host_channel *channel)
{
    return channel->offer.relid;
}

uint32_t vmb_host_channel_connection_id(const struct vmb_host_channel *channel)
{
    return vmb_atomic_load(&channel->connection_id, VMB_RELAXED);
}

struct vmb_endpoint *vmb_host_channel_endpoint(struct vmb_host_channel *channel)
{
    return channel->phase == VMBI_PHASE_RUNNING ? &channel->endpoint : NULL;
}

void vmb_host_channel_identity(const struct vmb_host_channel *channel, void **out_device,
                               struct vmb_guid *out_class_id, struct vmb_guid *out_instance_id,
                               uint16_t *out_subchannel_index)
{
    *out_device = channel->device;
    *out_class_id = channel->offer.interface_guid;
    *out_instance_id = channel->offer.instance_guid;
    *out_subchannel_index = channel->offer.subchannel_index;
}

void vmb_host_channel_read_counters(const struct vmb_host_channel *channel,
                                    struct vmb_host_channel_counters *out_counters)
{
    out_counters->started = vmb_atomic_load(&channel->started, VMB_RELAXED);
    out_counters->coalesced = vmb_atomic_load(&channel->coalesced, VMB_RELAXED);
    out_counters->stray = vmb_atomic_load(&channel->stray, VMB_RELAXED);
    out_counters->signals = out_counters->started + out_counters->coalesced + out_counters->stray;
    out_counters->handler_runs = vmb_atomic_load(&channel->handler_runs, VMB_RELAXED);
    out_counters->events_raised = vmb_atomic_load(&channel->events_raised, VMB_RELAXED);
    out_counters->opens = channel->opens;
    out_counters->retargets = channel->retargets;
}
