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

/*
 * Take a loan back for the event that is PENDING. @seen: the gate, just read. Who makes it RECALLED
 * looks alone whether the borrower is inside: whoever else comes meanwhile counts on that one.
 */
static enum vmbi_claim run_recall(struct vmb_guest *guest, uint32_t relid, uint32_t seen)
{
    const uint32_t wanted = VMBI_GATE_LENT | VMBI_GATE_PENDING;
    vmb_atomic_u32 *gate = &guest->gates[relid];
    struct vmb_guest_vp *borrower = &guest->vps[seen >> VMBI_GATE_VP_SHIFT];
    uint32_t lent = seen;
    uint32_t recalled = (seen & ~VMBI_GATE_LENT) | VMBI_GATE_RECALLED;

    if ((seen & wanted) != wanted ||
        !vmb_atomic_compare_exchange(gate, &seen, recalled, VMB_RELAXED, VMB_RELAXED)) {
        return VMBI_CLAIM_NONE;
    }
    vmbi_loan_strike(borrower->borrowed, relid);
    /* With the fence in dispatch_flags(): it finds the loan recalled, or we find it inside. */
    vmb_atomic_fence_after_change();
    /* From here on only a close can be quicker, and then nothing is owed. */
    if (!section_empty(&borrower->dispatching)) {
        /* Relaxed: the release of who lent it reaches through ours to the borrower. */
        return vmb_atomic_compare_exchange(gate, &recalled, lent, VMB_RELAXED, VMB_RELAXED)
                   ? VMBI_CLAIM_LATER
                   : VMBI_CLAIM_NONE;
    }
    /* Acquire: as in vmbi_gate_claim(). */
    return vmb_atomic_compare_exchange(gate, &recalled, VMBI_GATE_OPEN | VMBI_GATE_RUNNING,
                                       VMB_ACQUIRE, VMB_RELAXED)
               ? VMBI_CLAIM_OURS
               : VMBI_CLAIM_NONE;
}

/* Become the owner of a gate that an event is pending at. */
enum vmbi_claim vmbi_channel_claim(struct vmb_guest *guest, uint32_t relid)
{
    vmb_atomic_u32 *gate = &guest->gates[relid];

    if (vmbi_gate_claim(gate)) {
        return VMBI_CLAIM_OURS;
    }
    return run_recall(guest, relid, vmb_atomic_load(gate, VMB_RELAXED));
}

/* No handler starts from here on. A grace period has to follow: see vmbi_gate_idle(). */
void vmbi_channel_close_gate(struct vmb_channel *channel)
{
    uint32_t borrower;

    if (vmbi_loan_close(channel->gate, &borrower)) {
        vmbi_loan_strike(channel->guest->vps[borrower].borrowed, channel->relid);
    }
}

static void run_handler(struct vmb_channel *channel)
{
    const struct relid_slot *slot = &channel->guest->slots[channel->relid];

    vmbi_count(&channel->runs);
    slot->on_event(slot->device);
}

uintptr_t vmbi_channel_runs(const struct vmb_channel *channel)
{
    uintptr_t runs = vmb_atomic_load(&channel->runs, VMB_RELAXED);

    return channel->relid == VMB_RELID_NONE
               ? runs
               : runs + vmbi_relid_runs(channel->guest, channel->relid);
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

    for (;;) {
        run_handler(channel);
        /* Relaxed: an old home is as right as the new one, and costs one more recall. */
        if (!vmbi_loan_finish(channel->gate, vmb_atomic_load(&channel->home, VMB_RELAXED))) {
            return;
        }
        if (++runs == DIRECT_RUNS) {
            run_later(guest, channel, vp);
            return;
        }
        /* Otherwise closed, or answered by whoever was quicker: what came later is not our duty. */
        if (!vmbi_gate_claim(channel->gate)) {
            return;
        }
        vmbi_count(&channel->reruns);
    }
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
        vmbi_gate_owe(channel->gate); /* No signal will say so. */
    }
    if (vmbi_gate_finish(channel->gate)) {
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
    if (vmbi_gate_event(channel->gate) == VMBI_GATE_START) {
        vmbi_channel_run_later(channel);
    }
}

/* Start the handler of a channel that the caller has claimed, the way it wants to be started. */
void vmbi_channel_start(struct vmb_guest *guest, struct vmb_channel *channel, uint32_t vp)
{
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
        /* With the last event the channel is given away, and perhaps no more. */
        more = vmbi_gate_finish_or_take(channel->gate);
    }
    if (more) {
        vmb_endpoint_mask(&channel->endpoint);
    }
    return more;
}

/*
 * Become the owner for an event that the interrupt has put on the list unseen. In most cases the
 * gate is open and nothing else. Acquire: as in vmbi_gate_claim().
 */
static enum vmbi_claim run_enter(struct vmb_guest *guest, uint32_t relid)
{
    vmb_atomic_u32 *gate = &guest->gates[relid];
    uint32_t expected = VMBI_GATE_OPEN;

    if (vmb_atomic_compare_exchange(gate, &expected, VMBI_GATE_OPEN | VMBI_GATE_RUNNING,
                                    VMB_ACQUIRE, VMB_RELAXED)) {
        return VMBI_CLAIM_OURS;
    }
    if (vmbi_gate_event(gate) == VMBI_GATE_CLOSED) {
        return VMBI_CLAIM_NONE;
    }
    return vmbi_channel_claim(guest, relid);
}

/* The channels of one word that have to be looked at. */
struct run_word {
    uintptr_t ready;   /* An event is pending at their gates. */
    uintptr_t arrived; /* An event came that their gates have not seen. */
};

/* Acquire, with the release in vmbi_channel_make_due() and dispatch_deferred(). */
static uintptr_t run_take(vmb_atomic_word *word)
{
    return vmb_atomic_load(word, VMB_RELAXED) == 0
               ? 0
               : vmb_atomic_exchange(word, (uintptr_t)0, VMB_ACQUIRE);
}

/*
 * What the budget leaves over stays where it was. Relaxed: every change of these words is a
 * read-modify-write, so the release of whoever set a bit reaches through ours to whoever takes it.
 */
static void run_put_back(struct vmb_guest_vp *vp, uint32_t index, const struct run_word *word)
{
    if (word->ready != 0) {
        (void)vmb_atomic_fetch_or(&vp->ready[index], word->ready, VMB_RELAXED);
    }
    if (word->arrived != 0) {
        (void)vmb_atomic_fetch_or(&vp->arrived[index], word->arrived, VMB_RELAXED);
    }
}

/* Run them. Leaves those for which there was no budget, and those whose borrower is inside. */
static void run_channels(struct vmb_guest *guest, uint32_t vp_index, struct run_word *word,
                         uint32_t index, uint32_t *budget)
{
    uintptr_t bits = word->ready | word->arrived;
    uintptr_t later = 0;

    while (bits != 0 && *budget > 0) {
        uint32_t relid = index * VMBI_WORD_BITS + vmbi_lowest_bit(bits);
        uintptr_t bit = bits & (0 - bits);
        struct vmb_channel *channel = vmb_guest_relid2channel(guest, relid);
        enum vmbi_claim claim = VMBI_CLAIM_NONE;

        bits &= ~bit;
        if (channel != NULL) {
            claim = (word->arrived & bit) != 0 ? run_enter(guest, relid)
                                               : vmbi_channel_claim(guest, relid);
        }
        if (claim == VMBI_CLAIM_OURS) {
            (*budget)--;
            vmbi_channel_start(guest, channel, vp_index);
        } else if (claim == VMBI_CLAIM_LATER) {
            later |= bit; /* By now its event is pending at the gate. */
        }
    }
    word->ready = (word->ready & bits) | later;
    word->arrived &= bits;
}

/* The next word that has a channel to be looked at; @end if there is none. Apart: in the midst of
 * the rest a compiler keeps what it needs here in memory. */
static VMB_NOINLINE uint32_t run_next(struct vmb_guest_vp *vp, uint32_t index, uint32_t end)
{
    for (; index < end; index++) {
        uintptr_t due = vmb_atomic_load(&vp->ready[index], VMB_RELAXED);

        vmb_atomic_or_into(due, &vp->arrived[index]);
        if (due != 0) {
            break;
        }
    }
    return index;
}

bool vmb_guest_run(struct vmb_guest *guest, uint32_t vp_index, uint32_t budget)
{
    struct vmb_guest_vp *vp;
    bool more = false;
    uint32_t start, end, index;

    if (vp_index >= guest->options.vp_count) {
        return false;
    }
    vp = &guest->vps[vp_index];
    section_enter(&vp->running);
    /* Relaxed: no older than what whoever made a channel due has seen, who then had us called. */
    end = (uint32_t)vmb_atomic_load(&guest->scan_words, VMB_RELAXED);
    start = vp->run_word < end ? vp->run_word : 0; /* There may be fewer words by now. */
    index = start;
    for (;;) {
        struct run_word word;

        index = run_next(vp, index, end);
        if (index == end) {
            if (start == 0) {
                break;
            }
            end = start; /* And those before the word that we began with. */
            index = start = 0;
            continue;
        }
        if (budget == 0) {
            vp->run_word = index; /* Go on here, so that the high relids get their turn. */
            more = true;
            break;
        }
        word.ready = run_take(&vp->ready[index]);
        word.arrived = run_take(&vp->arrived[index]);
        run_channels(guest, vp_index, &word, index, &budget);
        run_put_back(vp, index, &word);
        if ((vmb_atomic_load(&vp->ready[index], VMB_RELAXED) |
             vmb_atomic_load(&vp->arrived[index], VMB_RELAXED)) != 0) {
            vp->run_word = index;
            more = true; /* No budget, a borrower that is inside, or another event by now. */
        }
        index++;
    }
    section_leave(&vp->running);
    return more;
}
