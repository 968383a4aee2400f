/* SPDX-License-Identifier: MIT */
/*
 * The interrupt: take the event flags of this VP and see the handlers started (R3, R4, R8, R10).
 * Runs on all VPs at once. Takes no lock, allocates nothing, waits for nobody.
 *
 * In the steady state it makes one atomic change a word that has flags: the exchange that takes
 * it. Handlers of direct channels are called if their gates are lent to this VP (vmb_loan.h), which
 * one look says for a word, and deferred channels are made due a word at a time. Everything else
 * goes event by event, through the gate.
 */
#include "guest/vmb_guest_state.h"

#include <vmbus/hv.h>

#include "base/vmb_number.h"

/* Words of flags that are looked at together. */
#define LOOK_WORDS 8u
/* Words behind one that had flags which are looked at one by one. */
#define NEAR_WORDS 4u

_Static_assert(offsetof(struct vmb_guest_vp, paravisor_flags) <= VMB_CACHE_LINE_BYTES,
               "what an interrupt needs of its VP is one line");

static void dispatch_count(vmb_atomic_word *counter, uintptr_t amount)
{
    vmb_atomic_store(counter, vmb_atomic_load(counter, VMB_RELAXED) + amount, VMB_RELAXED);
}

/* This VP has called the handler as often as its counter can say: the rest is counted there. */
static VMB_NOINLINE void dispatch_runs_wrapped(struct vmb_guest *guest, uint32_t relid)
{
    struct vmb_channel *channel = vmb_guest_relid2channel(guest, relid);

    /*
     * The handler is ours, and so is this counter. Who reads both in between finds 2^32 too few,
     * once in so many calls. Nothing where a word has no more bits.
     */
    vmb_atomic_store(&channel->runs,
                     vmb_atomic_load(&channel->runs, VMB_RELAXED) + (uintptr_t)UINT32_MAX + 1,
                     VMB_RELAXED);
}

/* Call the handler of a relid whose gate is lent to this VP. */
VMB_INLINE void dispatch_call(struct vmb_guest *guest, struct vmb_guest_vp *vp, uint32_t relid)
{
    const struct relid_slot *slot = &guest->slots[relid];
    uint32_t runs = vmb_atomic_load(&vp->runs[relid], VMB_RELAXED) + 1;

    vmb_atomic_store(&vp->runs[relid], runs, VMB_RELAXED);
    if (VMB_UNLIKELY(runs == 0)) {
        dispatch_runs_wrapped(guest, relid);
    }
    slot->on_event(slot->device);
}

/* The first event since the gate was lent to this VP: note that it is. False: it is not. */
static bool dispatch_borrow(vmb_atomic_u32 *gate, struct vmb_guest_vp *vp, uint32_t vp_index,
                            uint32_t relid)
{
    return vmbi_loan_note(gate, vmbi_loan_of(vp_index), &vp->borrowed[relid / VMBI_WORD_BITS],
                          (uintptr_t)1 << (relid % VMBI_WORD_BITS));
}

/* A deferred channel that this VP took for another: its event is for vmb_guest_run() after all. */
static enum vmbi_claim dispatch_hand_back(vmb_atomic_u32 *gate)
{
    vmbi_gate_owe(gate);
    return vmbi_gate_finish(gate) ? VMBI_CLAIM_LATER : VMBI_CLAIM_NONE;
}

/* Another start of the handler answers the event, or has. */
static void dispatch_coalesced(struct vmb_guest_vp *vp, struct vmb_channel *channel)
{
    vmbi_count(&vp->coalesced);
    (void)vmb_atomic_fetch_add(&channel->coalesced, (uintptr_t)1, VMB_RELAXED);
}

/* One event of one relid, through its gate. Returns the work that it leaves for later. */
static uint32_t dispatch_relid(struct vmb_guest *guest, struct vmb_guest_vp *vp, uint32_t vp_index,
                               uint32_t relid)
{
    struct vmb_channel *channel = vmb_guest_relid2channel(guest, relid);
    vmb_atomic_u32 *gate = &guest->gates[relid];
    enum vmbi_claim claim;

    vmbi_count(&vp->events);
    if (dispatch_borrow(gate, vp, vp_index, relid)) {
        vmbi_count(&vp->started);
        dispatch_call(guest, vp, relid);
        return VMB_GUEST_WORK_NONE;
    }
    if (channel == NULL) {
        vmbi_count(&vp->stray_unmapped); /* R8. */
        return VMB_GUEST_WORK_NONE;
    }
    switch (vmbi_gate_event(gate)) {
    case VMBI_GATE_CLOSED:
        vmbi_count(&vp->stray_closed);
        return VMB_GUEST_WORK_NONE;
    case VMBI_GATE_COALESCED:
        dispatch_coalesced(vp, channel);
        return VMB_GUEST_WORK_NONE;
    case VMBI_GATE_START:
        break;
    }
    claim = vmbi_channel_claim(guest, relid);
    /* The opener's word for it, so not looked at before the claim has acquired what he left. */
    if (claim == VMBI_CLAIM_OURS && channel->notify == VMB_NOTIFY_DEFERRED) {
        claim = dispatch_hand_back(gate);
    }
    if (claim == VMBI_CLAIM_NONE) {
        if (vmbi_gate_closed_unanswered(gate)) {
            vmbi_count(&vp->stray_closed); /* Between the two: nothing is owed any more. */
        } else {
            dispatch_coalesced(vp, channel); /* Who was quicker has taken the event with it. */
        }
        return VMB_GUEST_WORK_NONE;
    }
    vmbi_count(&vp->started);
    if (claim == VMBI_CLAIM_LATER) {
        vmbi_channel_make_due(guest, relid, vp_index);
        return VMB_GUEST_WORK_RUN;
    }
    vmbi_channel_start(guest, channel, vp_index);
    return VMB_GUEST_WORK_NONE;
}

/* What came of events: work that they leave for later, and handlers that they start. */
struct dispatched {
    uint32_t work;
    uint32_t started;
};

/* Events of deferred channels, of one word: all of them become due at once. How many start one. */
VMB_INLINE uint32_t dispatch_deferred(struct vmb_guest_vp *vp, uintptr_t bits, uint32_t index)
{
    /*
     * Release: as in vmbi_channel_make_due(). The fence in dispatch_flags() does not stand for it:
     * the bits of an old host's page are taken behind that one.
     */
    uintptr_t coalesced = bits & vmb_atomic_fetch_or(&vp->arrived[index], bits, VMB_RELEASE);
    uint32_t started = vmbi_count_bits(bits);

    for (; VMB_UNLIKELY(coalesced != 0); coalesced &= coalesced - 1) {
        vmbi_count(&vp->events);
        vmbi_count(&vp->coalesced);
        started--;
    }
    return started;
}

/* Events of one word whose gates are not known to be lent to this VP. */
static VMB_NOINLINE struct dispatched dispatch_others(struct vmb_guest *guest,
                                                      struct vmb_guest_vp *vp, uint32_t vp_index,
                                                      uintptr_t bits, uint32_t index)
{
    uintptr_t deferred = bits & vmb_atomic_load(&guest->deferred[index], VMB_RELAXED);
    struct dispatched all = {VMB_GUEST_WORK_NONE, 0};

    if (deferred != 0) {
        all.started = dispatch_deferred(vp, deferred, index);
        all.work = VMB_GUEST_WORK_RUN;
        bits &= ~deferred;
    }
    while (bits != 0) {
        all.work |=
            dispatch_relid(guest, vp, vp_index, index * VMBI_WORD_BITS + vmbi_lowest_bit(bits));
        bits &= bits - 1;
    }
    return all;
}

/*
 * All bits of one word, which has been taken: each of them is looked up (R3). Counts the handlers
 * that it calls by @out_started: what is written between two exchanges delays the second.
 */
VMB_INLINE uint32_t dispatch_word(struct vmb_guest *guest, struct vmb_guest_vp *vp,
                                  uint32_t vp_index, uintptr_t bits, uint32_t index,
                                  uintptr_t *out_started)
{
    /* Relaxed: behind the fence of the section, see vmb_loan.h. */
    uintptr_t ours = bits & vmb_atomic_load(&vp->borrowed[index], VMB_RELAXED);
    uint32_t work = VMB_GUEST_WORK_NONE;
    uintptr_t started = *out_started;

    if (VMB_UNLIKELY(ours != bits)) {
        struct dispatched others = dispatch_others(guest, vp, vp_index, bits & ~ours, index);

        work = others.work;
        started += others.started;
    }
    while (ours != 0) {
        uint32_t relid = index * VMBI_WORD_BITS + vmbi_lowest_bit(ours);

        ours &= ours - 1;
        started++;
        dispatch_call(guest, vp, relid);
    }
    *out_started = started;
    return work;
}

/*
 * The interrupt page of a host older than 2.4: every bit is for us, whichever VP it came on. Event
 * by event: such a host has few channels, and one interrupt for all of them.
 */
static VMB_NOINLINE struct dispatched dispatch_legacy_page(struct vmb_guest *guest,
                                                           struct vmb_guest_vp *vp,
                                                           uint32_t vp_index, void *page,
                                                           uint32_t words)
{
    struct dispatched all = {VMB_GUEST_WORK_NONE, 0};
    uint32_t index;

    for (index = 0; index < words; index++) {
        if (vmbi_shm_peek_word(page, index) != 0) {
            struct dispatched some = dispatch_others(
                guest, vp, vp_index, vmbi_shm_take_word(page, index, VMB_ACQUIRE), index);

            all.work |= some.work;
            all.started += some.started;
        }
    }
    return all;
}

/* The next word that has a flag; @words or more if there is none. */
VMB_INLINE uint32_t dispatch_next(void *flags, uint32_t index, uint32_t words)
{
    while (index < words && vmbi_shm_peek_word(flags, index) == 0) {
        index++;
    }
    return index;
}

/* All flags of eight words. No branch a word: a page that is scanned is empty nearly everywhere. */
VMB_INLINE uintptr_t dispatch_eight(vmb_atomic_word *word)
{
    uintptr_t even = vmb_atomic_load(&word[0], VMB_RELAXED);
    uintptr_t odd = vmb_atomic_load(&word[1], VMB_RELAXED);

    vmb_atomic_or_into(even, &word[2]);
    vmb_atomic_or_into(odd, &word[3]);
    vmb_atomic_or_into(even, &word[4]);
    vmb_atomic_or_into(odd, &word[5]);
    vmb_atomic_or_into(even, &word[6]);
    vmb_atomic_or_into(odd, &word[7]);
    return even | odd;
}

/* The same as dispatch_next(), for many words of which few have flags. Loads only. */
VMB_INLINE uint32_t dispatch_look(void *flags, uint32_t index, uint32_t words)
{
    vmb_atomic_word *word = VMBI_SHM_WORD(flags, index);
    vmb_atomic_word *eights_end = word + (words - index) / LOOK_WORDS * LOOK_WORDS;

    while (word != eights_end && dispatch_eight(word) == 0) {
        word += LOOK_WORDS;
    }
    return dispatch_next(flags, (uint32_t)(word - VMBI_SHM_WORD(flags, 0)), words);
}

/* Apart: where words are near, a call between two exchanges would cost half of what they do. */
static VMB_NOINLINE uint32_t dispatch_far(void *flags, uint32_t index, uint32_t words)
{
    return dispatch_look(flags, index, words);
}

/* Behind a word that had flags: near it one by one, further off in larger steps. */
VMB_INLINE uint32_t dispatch_after(void *flags, uint32_t index, uint32_t words)
{
    uint32_t far = index + NEAR_WORDS;

    while (++index < words && vmbi_shm_peek_word(flags, index) == 0) {
        if (index == far && words - index >= LOOK_WORDS) {
            return dispatch_far(flags, index, words);
        }
    }
    return index;
}

/* @index: of the first word that has a flag. Before the fence only the word itself is touched. */
static VMB_NOINLINE uint32_t dispatch_flags(struct vmb_guest *guest, struct vmb_guest_vp *vp,
                                            uint32_t vp_index, void *flags, uint32_t index,
                                            uint32_t words)
{
    uint32_t work = VMB_GUEST_WORK_NONE;
    uintptr_t started = 0;

    section_begin(&vp->dispatching);
    do {
        /* Relaxed: the fence acquires for it. */
        uintptr_t bits = vmbi_shm_take_word(flags, index, VMB_RELAXED);

        /*
         * Of the section: nothing is looked up before. With the host's release, too: what it wrote
         * before it set the flags is seen by the handlers (R3).
         */
        vmb_atomic_fence_after_change();
        if (index == 0 && (bits & 1u) != 0) {
            void *page = vmb_atomic_load(&guest->legacy_page, VMB_ACQUIRE);

            if (page != NULL) {
                struct dispatched legacy;

                vmbi_count(&vp->events);
                vmbi_count(&vp->legacy);
                bits &= ~(uintptr_t)1;
                legacy = dispatch_legacy_page(guest, vp, vp_index, page, words);
                work |= legacy.work;
                started += legacy.started;
            }
        }
        work |= dispatch_word(guest, vp, vp_index, bits, index, &started);
        index = dispatch_after(flags, index, words);
    } while (index < words);
    section_leave(&vp->dispatching);
    dispatch_count(&vp->events, started);
    dispatch_count(&vp->started, started);
    return work;
}

static VMB_NOINLINE uint32_t dispatch_message(struct vmb_guest *guest, struct vmb_guest_vp *vp)
{
    vmbi_count(&vp->messages);
    vmb_atomic_store(&guest->message_waiting, 1, VMB_RELEASE);
    if (guest->platform.work_ready != NULL) {
        guest->platform.work_ready(guest->platform.context);
    }
    return VMB_GUEST_WORK_POLL;
}

/* As vmb_hv_slot_occupied(), without a call: most interrupts find it empty. */
VMB_INLINE uint32_t dispatch_slot(void *slot)
{
    /* Relaxed: as vmb_hv_slot_occupied(). */
    return vmbi_shm_load(slot, VMB_HV_SLOT_TYPE, VMB_RELAXED) ^ VMB_HV_MESSAGE_NONE;
}

/* Something may be there. @first: the first word that has a flag; @words or more if none has. */
static VMB_NOINLINE uint32_t dispatch_busy(struct vmb_guest *guest, struct vmb_guest_vp *vp,
                                           void *flags, uint32_t first, uint32_t words,
                                           void *second_flags)
{
    uint32_t work = VMB_GUEST_WORK_NONE;

    /* Events before messages, as Windows and Linux do: a rescind must not overtake its events. */
    if (first < words) {
        work = dispatch_flags(guest, vp, vp->index, flags, first, words);
    }
    if (VMB_UNLIKELY(second_flags != NULL)) {
        first = dispatch_next(second_flags, 0, words);
        if (first < words) {
            work |= dispatch_flags(guest, vp, vp->index, second_flags, first, words);
        }
    }
    if ((work & VMB_GUEST_WORK_RUN) != 0 && guest->platform.run_ready != NULL) {
        guest->platform.run_ready(guest->platform.context, vp->index);
    }
    /* Relaxed: the paravisor's pages were stored before the slot, which has been loaded. */
    if (dispatch_slot(vmb_atomic_load(&vp->slot, VMB_RELAXED)) != 0 ||
        (second_flags != NULL &&
         dispatch_slot(vmb_atomic_load(&vp->paravisor_slot, VMB_RELAXED)) != 0)) {
        work |= dispatch_message(guest, vp);
    }
    return work;
}

/*
 * Something is there, or there is more to look at. @here: not 0 if something is in the first word
 * of flags or in the slot. @beyond: what there is besides, VP_BEYOND_*.
 */
static VMB_NOINLINE uint32_t dispatch_beyond(struct vmb_guest_vp *vp, void *flags, uintptr_t here,
                                             uintptr_t beyond)
{
    uint32_t words = (uint32_t)(beyond & VP_BEYOND_WORDS) + 1;
    void *second_flags = NULL;
    uint32_t first;

    if (here == 0 && beyond == 1) { /* Two words, as often as not. */
        return vmbi_shm_peek_word(flags, 1) == 0
                   ? VMB_GUEST_WORK_NONE
                   : dispatch_busy(vp->guest, vp, flags, 1, words, NULL);
    }
    if (VMB_UNLIKELY((beyond & VP_BEYOND_SYNIC) != 0)) {
        /* Two SynICs may interrupt this VP, and nothing says which one did. */
        second_flags = vmb_atomic_load(&vp->paravisor_flags, VMB_RELAXED);
    }
    if (here == 0) {
        first = dispatch_look(flags, words >= LOOK_WORDS ? 0 : 1, words);
        if (first >= words && second_flags == NULL) {
            return VMB_GUEST_WORK_NONE;
        }
    } else {
        first = dispatch_next(flags, 0, words);
    }
    return dispatch_busy(vp->guest, vp, flags, first, words, second_flags);
}

uint32_t vmb_guest_vp_on_interrupt(struct vmb_guest_vp *vp)
{
    uintptr_t here, beyond;
    void *flags;

    vmbi_count(&vp->interrupts);
    /* Acquire, with the release in vmb_guest_vp_start(): slots and second SynIC are seen, too. */
    flags = vmb_atomic_load(&vp->flags, VMB_ACQUIRE);
    if (VMB_UNLIKELY(flags == NULL)) {
        return VMB_GUEST_WORK_NONE;
    }
    here = dispatch_slot(vmb_atomic_load(&vp->slot, VMB_RELAXED));
    vmb_atomic_or_into(here, VMBI_SHM_WORD(flags, 0));
    /*
     * Relaxed. An event of a relid that is mapped just now cannot be missed by it: the host sets
     * its flag later, and interrupts again; see vmbi_relid_map(). Nearly all guests have their
     * channels in the first word.
     */
    beyond = vmb_atomic_load(&vp->beyond, VMB_RELAXED);
    if ((here | beyond) == 0) {
        return VMB_GUEST_WORK_NONE;
    }
    return dispatch_beyond(vp, flags, here, beyond);
}

uint32_t vmb_guest_on_interrupt(struct vmb_guest *guest, uint32_t vp)
{
    if (VMB_UNLIKELY(vp >= guest->vp_count)) {
        return VMB_GUEST_WORK_NONE;
    }
    return vmb_guest_vp_on_interrupt(&guest->vps[vp]);
}
