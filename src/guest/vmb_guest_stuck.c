/* SPDX-License-Identifier: MIT */
/* Looking for channels that hang; see stuck.h. */
#include <vmbus/stuck.h>

#include "guest/vmb_guest_state.h"

/* Somebody has to call vmb_guest_run(), and does not. */
static bool stuck_is_due(struct vmb_guest *guest, uint32_t relid)
{
    uint32_t index;

    for (index = 0; index < guest->options.vp_count; index++) {
        const struct vmb_guest_vp *vp = &guest->vps[index];
        uintptr_t due = vmb_atomic_load(&vp->ready[relid / VMBI_WORD_BITS], VMB_RELAXED) |
                        vmb_atomic_load(&vp->arrived[relid / VMBI_WORD_BITS], VMB_RELAXED);

        if ((due >> relid % VMBI_WORD_BITS & 1u) != 0) {
            return true;
        }
    }
    return false;
}

static bool stuck_flag(vmb_atomic_ptr *page, uint32_t relid)
{
    /* Relaxed: VPs are started and stopped by the control plane, which we are. */
    void *flags = vmb_atomic_load(page, VMB_RELAXED);

    return flags != NULL && (vmbi_shm_load_word(flags, relid / VMBI_WORD_BITS, VMB_RELAXED) >>
                                 relid % VMBI_WORD_BITS &
                             1u) != 0;
}

static bool stuck_flag_set(struct vmb_guest *guest, uint32_t relid)
{
    uint32_t index;

    for (index = 0; index < guest->options.vp_count; index++) {
        if (stuck_flag(&guest->vps[index].flags, relid) ||
            stuck_flag(&guest->vps[index].paravisor_flags, relid)) {
            return true;
        }
    }
    return false;
}

/* Unread packets that were there at the last look, and nobody has run since. */
static bool stuck_hangs(struct vmb_channel *channel, struct vmb_stuck_report *report)
{
    const struct vmb_endpoint *endpoint = &channel->endpoint;
    uint32_t runs = (uint32_t)vmbi_channel_runs(channel);
    /* Relaxed: a guess, and nothing is read that who runs the handler may be writing. */
    uint32_t gate = vmb_atomic_load(channel->gate, VMB_RELAXED);
    bool running = (gate & VMBI_GATE_RUNNING) != 0;
    bool same;

    if ((gate & (VMBI_GATE_LENT | VMBI_GATE_RECALLED)) != 0) {
        struct vmb_guest_vp *borrower = &channel->guest->vps[gate >> VMBI_GATE_VP_SHIFT];

        running = !section_empty(&borrower->dispatching);
    }
    if (running || vmb_endpoint_inspect(endpoint, &report->outbound, &report->inbound) != VMB_OK) {
        channel->stuck_seen = false; /* Somebody is at it, or the peer has broken the ring. */
        return false;
    }
    same = channel->stuck_seen && channel->stuck_runs == runs &&
           channel->stuck_read_offset == report->inbound.read_offset;
    channel->stuck_seen = report->inbound.used_bytes != 0;
    channel->stuck_runs = runs;
    channel->stuck_read_offset = report->inbound.read_offset;
    report->due = (gate & VMBI_GATE_PENDING) != 0 || stuck_is_due(channel->guest, channel->relid);
    return same && channel->stuck_seen;
}

uint32_t vmb_guest_check_stuck(struct vmb_guest *guest, bool mend, vmb_stuck_function on_stuck,
                               void *context)
{
    struct vmb_channel *channel;
    uint32_t cursor = 0;
    uint32_t count = 0;

    while ((channel = vmb_guest_next_channel(guest, &cursor)) != NULL) {
        struct vmb_stuck_report report;

        if (channel->phase != PHASE_OPEN || channel->target_vp == VMB_VP_NONE ||
            !stuck_hangs(channel, &report)) {
            continue;
        }
        count++;
        guest->counters.stuck++;
        report.channel = channel;
        report.relid = channel->relid;
        report.target_vp = channel->target_vp;
        report.flag_set = stuck_flag_set(guest, channel->relid);
        vmbi_guest_log(guest, VMB_LOG_WARNING, "relid # hangs with unread packets", channel->relid,
                       0);
        if (on_stuck != NULL) {
            on_stuck(context, &report);
        }
        if (mend) {
            /* A channel that is due already only lacks somebody who runs it. */
            (void)vmbi_gate_event(channel->gate);
            vmbi_channel_run_later(channel);
        }
    }
    return count;
}
