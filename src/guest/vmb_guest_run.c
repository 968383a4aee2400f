/* SPDX-License-Identifier: MIT */
/*
 * Running handlers: in the interrupt (direct, polled) or when the port says so (deferred). Whoever
 * gets here owns the channel's gate, so there is one of us for a channel (R5).
 */
#include "guest/vmb_guest_state.h"

#include "base/vmb_number.h"

void vmbi_channel_make_due(struct vmb_guest *guest, uint32_t relid, uint32_t vp)
{
    uintptr_t bit = (uintptr_t)1 << (relid % VMBI_WORD_BITS);

    /* Release, with the acquire in vmb_guest_run(). */
    (void)vmb_atomic_fetch_or(&guest->vps[vp].ready[relid / VMBI_WORD_BITS], bit, VMB_RELEASE);
}

static void run_handler(struct vmb_channel *channel)
{
    vmbi_count(&channel->handler_runs);
    channel->on_event(channel->device);
}

/* Events that came meanwhile stay pending: somebody must come back for them. */
static void run_later(struct vmb_guest *guest, struct vmb_channel *channel, uint32_t vp)
{
    vmbi_channel_make_due(guest, channel->relid, vp);
    if (guest->platform.run_ready != NULL) {
        guest->platform.run_ready(guest->platform.context, vp);
    }
}

/* In the interrupt; bounded, since a host can signal faster than we drain (R10). */
static void run_direct(struct vmb_guest *guest, struct vmb_channel *channel, uint32_t vp)
{
    uint32_t runs = 0;

    do {
        run_handler(channel);
        if (!vmbi_gate_finish(&channel->gate)) {
            return;
        }
        if (++runs == DIRECT_RUNS) {
            run_later(guest, channel, vp);
            return;
        }
    } while (vmbi_gate_claim(&channel->gate)); /* False: closed, or somebody else is at it. */
}

/*
 * Batched: while we drain, the host need not signal. Masked only while we own the channel: a mask
 * that outlived its owner would silence the ring for good.
 */
static void run_deferred(struct vmb_guest *guest, struct vmb_channel *channel, uint32_t vp)
{
    struct vmb_endpoint_run run;

    vmb_endpoint_run_begin(&channel->endpoint, &run);
    run_handler(channel);
    if (vmb_endpoint_run_done(&channel->endpoint, &run)) {
        vmbi_gate_owe(&channel->gate); /* No signal will say so. */
    }
    if (vmbi_gate_finish(&channel->gate)) {
        run_later(guest, channel, vp);
    }
}

/*
 * Make a channel due without an interrupt that says where. On the VP that receives messages: it is
 * the one that cannot leave service behind our back.
 */
void vmbi_channel_run_later(struct vmb_channel *channel)
{
    run_later(channel->guest, channel, channel->guest->options.connect_vp);
}

void vmb_channel_kick(struct vmb_channel *channel)
{
    if (vmbi_gate_event(&channel->gate) == VMBI_GATE_START) {
        vmbi_channel_run_later(channel);
    }
}

/* Start the handler of a channel that the caller has claimed, the way it wants to be started. */
void vmbi_channel_start(struct vmb_guest *guest, struct vmb_channel *channel, uint32_t vp)
{
    vmbi_count(&channel->interrupts);
    switch ((enum vmb_notify)channel->notify) {
    case VMB_NOTIFY_DIRECT:
        run_direct(guest, channel, vp);
        break;
    case VMB_NOTIFY_DEFERRED:
        run_deferred(guest, channel, vp);
        break;
    case VMB_NOTIFY_POLLED:
        /* The poller owns the channel until vmb_channel_rearm() lets go of it. */
        vmb_endpoint_mask(&channel->endpoint);
        run_handler(channel);
        break;
    }
}

bool vmb_channel_rearm(struct vmb_channel *channel)
{
    bool more = vmb_endpoint_unmask(&channel->endpoint) && !channel->endpoint.rx.broken;

    if (!more) {
        /* An event that came while we polled: ours, unless an interrupt has just taken it. */
        more = vmbi_gate_finish(&channel->gate) && vmbi_gate_claim(&channel->gate);
    }
    if (more) {
        vmb_endpoint_mask(&channel->endpoint);
    }
    return more;
}

/* Channels that are due in one word. Returns those left when the budget ended. */
static uintptr_t run_word(struct vmb_guest *guest, uint32_t vp_index, uintptr_t bits,
                          uint32_t first_relid, uint32_t *budget)
{
    while (bits != 0 && *budget > 0) {
        struct vmb_channel *channel =
            vmb_guest_relid2channel(guest, first_relid + vmbi_lowest_bit(bits));

        bits &= bits - 1;
        if (channel != NULL && vmbi_gate_claim(&channel->gate)) {
            (*budget)--;
            vmbi_channel_start(guest, channel, vp_index);
        }
    }
    return bits;
}

bool vmb_guest_run(struct vmb_guest *guest, uint32_t vp_index, uint32_t budget)
{
    struct guest_vp *vp;
    bool more = false;
    uint32_t turn;

    if (vp_index >= guest->options.vp_count) {
        return false;
    }
    vp = &guest->vps[vp_index];
    section_enter(&vp->running);
    for (turn = 0; turn < RELID_WORDS; turn++) {
        uint32_t index = (vp->run_word + turn) % RELID_WORDS;
        uintptr_t bits;

        if (vmb_atomic_load(&vp->ready[index], VMB_RELAXED) == 0) {
            continue;
        }
        if (budget == 0) {
            vp->run_word = index; /* Go on here, so that the high relids get their turn. */
            more = true;
            break;
        }
        /* Acquire, with the release in vmbi_channel_make_due(). */
        bits = vmb_atomic_exchange(&vp->ready[index], (uintptr_t)0, VMB_ACQUIRE);
        bits = run_word(guest, vp_index, bits, index * VMBI_WORD_BITS, &budget);
        if (bits != 0) {
            (void)vmb_atomic_fetch_or(&vp->ready[index], bits, VMB_RELEASE);
            vp->run_word = index;
            more = true;
            break;
        }
        more = more || vmb_atomic_load(&vp->ready[index], VMB_RELAXED) != 0;
    }
    section_leave(&vp->running);
    return more;
}
