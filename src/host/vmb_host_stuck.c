/* SPDX-License-Identifier: MIT */
/* Looking for channels that hang; see host_stuck.h. */
#include <vmbus/host_stuck.h>

#include "host/vmb_host_internal.h"

/* The same packets as at the last look, and nothing in between. Notes what is there now. */
static bool stuck_ring_rests(struct vmbi_host_look *look, const struct vmb_ring_state *ring)
{
    bool same = look->seen && ring->used_bytes != 0 && look->read_offset == ring->read_offset &&
                look->write_offset == ring->write_offset;

    look->seen = ring->used_bytes != 0;
    look->read_offset = ring->read_offset;
    look->write_offset = ring->write_offset;
    return same;
}

/* We cannot write what the device owes, so it need not read: that is the guest's turn. */
static bool stuck_waits_for_space(const struct vmb_ring_state *outbound)
{
    return outbound->pending_bytes != 0 && outbound->free_bytes < outbound->pending_bytes;
}

static bool stuck_look(struct vmb_host_channel *channel, struct vmb_host_stuck_report *report)
{
    struct vmb_host *host = channel->host;
    uintptr_t runs = vmb_atomic_load(&channel->handler_runs, VMB_RELAXED);
    /* Relaxed: a guess, and nothing is read that who runs the handler may be writing. */
    uint32_t gate = vmb_atomic_load(&channel->gate, VMB_RELAXED);
    uintptr_t ready =
        vmb_atomic_load(&host->ready[channel->slot / VMBI_HOST_WORD_BITS], VMB_RELAXED);
    bool ran = runs != channel->look_runs;
    bool ours, guests;

    channel->look_runs = runs;
    if (vmb_endpoint_inspect(&channel->endpoint, &report->outbound, &report->inbound) != VMB_OK) {
        channel->look_in.seen = false; /* The guest has broken a ring: the device finds out. */
        channel->look_out.seen = false;
        return false;
    }
    ours = stuck_ring_rests(&channel->look_in, &report->inbound);
    guests = stuck_ring_rests(&channel->look_out, &report->outbound);
    report->due =
        (gate & VMBI_GATE_PENDING) != 0 || (ready >> channel->slot % VMBI_HOST_WORD_BITS & 1u) != 0;
    report->host_hangs = ours && !ran && (gate & VMBI_GATE_RUNNING) == 0 &&
                         !stuck_waits_for_space(&report->outbound);
    report->guest_hangs =
        guests && !report->outbound.masked && vmb_host_channel_target_vp(channel) != VMB_VP_NONE;
    return report->host_hangs || report->guest_hangs;
}

static void stuck_mend(struct vmb_host_channel *channel, const struct vmb_host_stuck_report *report)
{
    if (report->host_hangs && !report->due) {
        vmbi_host_signal(channel);
    } else if (report->host_hangs && channel->host->platform.run_ready != NULL) {
        channel->host->platform.run_ready(channel->host->platform.context); /* Was not heard. */
    }
    if (report->guest_hangs) {
        vmbi_host_doorbell(channel);
    }
}

uint32_t vmb_host_check_stuck(struct vmb_host *host, bool mend, vmb_host_stuck_function on_stuck,
                              void *context)
{
    uint32_t count = 0;
    uint32_t i;

    for (i = 0; i < host->channel_high; i++) {
        struct vmb_host_channel *channel = &host->channels[i];
        struct vmb_host_stuck_report report = {.channel = channel};

        if (!channel->in_use || channel->phase != VMBI_PHASE_RUNNING) {
            channel->look_in.seen = false;
            channel->look_out.seen = false;
            continue;
        }
        if (!stuck_look(channel, &report)) {
            continue;
        }
        count++;
        host->counters.stuck++;
        report.relid = channel->offer.relid;
        report.target_vp = vmb_host_channel_target_vp(channel);
        vmbi_host_log(host, VMB_LOG_WARNING,
                      report.host_hangs ? "unread packets of the guest: channel"
                                        : "the guest does not read: channel",
                      report.relid);
        if (mend) {
            stuck_mend(channel, &report);
        }
        if (on_stuck != NULL) {
            on_stuck(context, &report);
        }
    }
    return count;
}
