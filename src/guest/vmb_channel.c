/* SPDX-License-Identifier: MIT */
/* What can be asked of a channel. */
#include <vmbus/channel.h>

#include "guest/vmb_guest_state.h"

const struct vmb_msg_offer *vmb_channel_offer(const struct vmb_channel *channel)
{
    return &channel->offer;
}

enum vmb_channel_state vmb_channel_state(const struct vmb_channel *channel)
{
    switch ((enum channel_phase)channel->phase) {
    case PHASE_OPEN_SHARING:
    case PHASE_OPEN_ASKING:
        return VMB_CHANNEL_OPENING;
    case PHASE_OPEN:
        return VMB_CHANNEL_OPEN;
    case PHASE_CLOSE_QUIESCING:
    case PHASE_CLOSE_TELLING:
    case PHASE_CLOSE_UNSHARING:
        return VMB_CHANNEL_CLOSING;
    case PHASE_SUSPENDED:
        return VMB_CHANNEL_SUSPENDED;
    case PHASE_OFFERED:
        return channel->rescinded ? VMB_CHANNEL_RESCINDED : VMB_CHANNEL_OFFERED;
    case PHASE_FREE:
    case PHASE_RELEASE_QUIESCING:
    case PHASE_RELEASE_TELLING:
        break;
    }
    return VMB_CHANNEL_RESCINDED;
}

uint32_t vmb_channel_relid(const struct vmb_channel *channel)
{
    return channel->relid;
}

uint32_t vmb_channel_target_vp(const struct vmb_channel *channel)
{
    return channel->target_vp;
}

struct vmb_endpoint *vmb_channel_endpoint(struct vmb_channel *channel)
{
    return channel->phase == PHASE_OPEN ? &channel->endpoint : NULL;
}

uint32_t vmb_channel_host_status(const struct vmb_channel *channel)
{
    return channel->host_status;
}

void vmb_channel_read_counters(const struct vmb_channel *channel,
                               struct vmb_channel_counters *out_counters)
{
    const struct vmb_ring_counters *tx = &channel->endpoint.tx.counters;
    const struct vmb_ring_counters *rx = &channel->endpoint.rx.counters;

    out_counters->handler_runs = vmbi_channel_runs(channel);
    out_counters->interrupts =
        out_counters->handler_runs - vmb_atomic_load(&channel->reruns, VMB_RELAXED);
    out_counters->coalesced = vmb_atomic_load(&channel->coalesced, VMB_RELAXED);
    out_counters->opens = channel->opens;
    out_counters->packets_sent = tx->packets;
    out_counters->packets_received = rx->packets;
    out_counters->ring_full = channel->endpoint.tx.full;
    out_counters->signals_sent = tx->signals_sent + rx->signals_sent;
    out_counters->signals_spared = tx->signals_spared + rx->signals_spared;
    out_counters->retargets = channel->retargets;
}

void *vmb_channel_context(const struct vmb_channel *channel)
{
    return channel->context;
}

void vmb_channel_set_context(struct vmb_channel *channel, void *context)
{
    channel->context = context;
}
