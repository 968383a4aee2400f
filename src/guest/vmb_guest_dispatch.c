/* SPDX-License-Identifier: MIT */
/*
 * The interrupt: take the event flags of this VP and see the handlers started (R3, R4, R8, R10).
 * Runs on all VPs at once. Takes no lock, allocates nothing, waits for nobody.
 *
 * In the steady state it makes one atomic change a word that has flags: the exchange that takes
 * it. Handlers of direct channels are called by gates that are lent to this VP (vmb_loan.h), and
 * deferred channels are made due a word at a time. Everything else goes event by event, through
 * the gate.
 */
#include "guest/vmb_guest_state.h"

#include <vmbus/hv.h>

#include "base/vmb_number.h"

/* Words of flags that are looked at together. */
#define LOOK_WORDS 8u

static void dispatch_count(vmb_atomic_word *counter, uintptr_t amount)
{
    vmb_atomic_store(counter, vmb_atomic_load(counter, VMB_RELAXED) + amount, VMB_RELAXED);
}

/* One event of one relid, through its gate. Returns the work that it leaves for later. */
static uint32_t dispatch_relid(struct vmb_guest *guest, struct guest_vp *vp, uint32_t vp_index,
                               uint32_t relid)
{
    struct vmb_channel *channel = vmb_guest_relid2channel(guest, relid);
    vmb_atomic_u32 *gate = &guest->slots[relid].gate;
    enum vmbi_claim claim = VMBI_CLAIM_LATER;

    vmbi_count(&vp->events);
    if (channel == NULL) {
        vmbi_count(&vp->stray_unmapped); /* R8. */
        return VMB_GUEST_WORK_NONE;
    }
    switch (vmbi_gate_event(gate)) {
    case VMBI_GATE_CLOSED:
        vmbi_count(&vp->stray_closed);
        return VMB_GUEST_WORK_NONE;
    case VMBI_GATE_COALESCED:
        vmbi_count(&vp->coalesced);
        (void)vmb_atomic_fetch_add(&channel->coalesced, (uintptr_t)1, VMB_RELAXED);
        return VMB_GUEST_WORK_NONE;
    case VMBI_GATE_START:
        break;
    }
    if (channel->notify != VMB_NOTIFY_DEFERRED) {
        claim = vmbi_channel_claim(guest, gate);
    }
    if (claim == VMBI_CLAIM_NONE) {
        vmbi_count(&vp->stray_closed); /* Closed between the two: nothing is owed any more. */
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

/* Events of deferred channels, of one word: all of them become due at once. */
static void dispatch_deferred(struct guest_vp *vp, uintptr_t bits, uint32_t index)
{
    /* Release: as in vmbi_channel_make_due(). */
    uintptr_t before = vmb_atomic_fetch_or(&vp->arrived[index], bits, VMB_RELEASE);
    uintptr_t events = vmbi_count_bits(bits);
    uintptr_t coalesced = vmbi_count_bits(bits & before);

    dispatch_count(&vp->events, events);
    dispatch_count(&vp->started, events - coalesced);
    dispatch_count(&vp->coalesced, coalesced);
}

/* All bits of one word, which has been taken: each of them is looked up (R3). */
static uint32_t dispatch_word(struct vmb_guest *guest, struct guest_vp *vp, uint32_t vp_index,
                              uintptr_t bits, uint32_t index)
{
    struct relid_slot *slots = &guest->slots[index * VMBI_WORD_BITS];
    vmb_atomic_word *runs = &vp->runs[index * VMBI_WORD_BITS];
    uintptr_t deferred = bits & vmb_atomic_load(&guest->deferred[index], VMB_RELAXED);
    uint32_t loan = vmbi_loan_of(vp_index);
    uint32_t work = VMB_GUEST_WORK_NONE;
    uintptr_t started = 0;

    if (deferred != 0) {
        dispatch_deferred(vp, deferred, index);
        bits &= ~deferred;
        work = VMB_GUEST_WORK_RUN;
    }
    while (bits != 0) {
        uint32_t number = vmbi_lowest_bit(bits);

        bits &= bits - 1;
        if (vmbi_loan_held(&slots[number].gate, loan)) {
            started++;
            vmbi_count(&runs[number]);
            slots[number].on_event(slots[number].device);
        } else {
            work |= dispatch_relid(guest, vp, vp_index, index * VMBI_WORD_BITS + number);
        }
    }
    dispatch_count(&vp->events, started);
    dispatch_count(&vp->started, started);
    return work;
}

/* The interrupt page of a host older than 2.4: every bit is for us, whichever VP it came on. */
static uint32_t dispatch_legacy_page(struct vmb_guest *guest, struct guest_vp *vp,
                                     uint32_t vp_index, void *page, uint32_t words)
{
    uint32_t work = VMB_GUEST_WORK_NONE;
    uint32_t index;

    for (index = 0; index < words; index++) {
        if (vmbi_shm_load_word(page, index, VMB_RELAXED) != 0) {
            work |= dispatch_word(guest, vp, vp_index, vmbi_shm_take_word(page, index, VMB_ACQUIRE),
                                  index);
        }
    }
    return work;
}

/* The first words with a flag, by their number; @words or more if no flag is set. Loads only. */
static uint32_t dispatch_look(void *flags, uint32_t words)
{
    uint32_t index = 0;

    while (words - index >= LOOK_WORDS) {
        /* Without a branch a word: a page that is scanned is empty nearly everywhere. */
        if ((vmbi_shm_peek_word(flags, index) | vmbi_shm_peek_word(flags, index + 1) |
             vmbi_shm_peek_word(flags, index + 2) | vmbi_shm_peek_word(flags, index + 3) |
             vmbi_shm_peek_word(flags, index + 4) | vmbi_shm_peek_word(flags, index + 5) |
             vmbi_shm_peek_word(flags, index + 6) | vmbi_shm_peek_word(flags, index + 7)) != 0) {
            return index;
        }
        index += LOOK_WORDS;
    }
    while (index < words && vmbi_shm_peek_word(flags, index) == 0) {
        index++;
    }
    return index;
}

/* @index: of the first words to look at. */
static VMB_NOINLINE uint32_t dispatch_flags(struct vmb_guest *guest, struct guest_vp *vp,
                                            uint32_t vp_index, void *flags, uint32_t index,
                                            uint32_t words)
{
    uint32_t work = VMB_GUEST_WORK_NONE;
    bool entered = false;

    for (; index < words; index++) {
        uintptr_t bits;

        if (vmbi_shm_peek_word(flags, index) == 0) {
            continue;
        }
        if (!entered) {
            section_begin(&vp->dispatching);
        }
        /* Acquire: what the host wrote before it set the flags is seen by the handlers (R3). */
        bits = vmbi_shm_take_word(flags, index, VMB_ACQUIRE);
        if (!entered) {
            vmb_atomic_fence_after_change(); /* Of the section: nothing is looked up before. */
            entered = true;
        }
        if (index == 0 && (bits & 1u) != 0) {
            void *page = vmb_atomic_load(&guest->legacy_page, VMB_ACQUIRE);

            if (page != NULL) {
                vmbi_count(&vp->events);
                vmbi_count(&vp->legacy);
                bits &= ~(uintptr_t)1;
                work |= dispatch_legacy_page(guest, vp, vp_index, page, words);
            }
        }
        work |= dispatch_word(guest, vp, vp_index, bits, index);
    }
    if (entered) {
        section_leave(&vp->dispatching);
    }
    return work;
}

static VMB_NOINLINE uint32_t dispatch_message(struct vmb_guest *guest, struct guest_vp *vp)
{
    vmbi_count(&vp->messages);
    vmb_atomic_store(&guest->message_waiting, 1, VMB_RELEASE);
    if (guest->platform.work_ready != NULL) {
        guest->platform.work_ready(guest->platform.context);
    }
    return VMB_GUEST_WORK_POLL;
}

/* Whether the paravisor has left a message. Relaxed as its flags: stored before them. */
static bool dispatch_second_slot(struct guest_vp *vp)
{
    return vmb_hv_slot_occupied(vmb_atomic_load(&vp->paravisor_slot, VMB_RELAXED));
}

uint32_t vmb_guest_on_interrupt(struct vmb_guest *guest, uint32_t vp_index)
{
    struct guest_vp *vp;
    uint32_t work = VMB_GUEST_WORK_NONE;
    uint32_t words, first;
    void *flags;
    void *slot;
    void *second_flags;

    if (vp_index >= guest->options.vp_count) {
        return VMB_GUEST_WORK_NONE;
    }
    vp = &guest->vps[vp_index];
    vmbi_count(&vp->interrupts);
    flags = vmb_atomic_load(&vp->flags, VMB_ACQUIRE);
    slot = vmb_atomic_load(&vp->slot, VMB_ACQUIRE);
    if (flags == NULL) {
        return VMB_GUEST_WORK_NONE;
    }
    /*
     * Acquire, with the release in vmbi_relid_map(). An event of a relid that is mapped just now
     * cannot be missed by it: the host sets its flag later, and interrupts again.
     */
    words = (uint32_t)vmb_atomic_load(&guest->scan_words, VMB_ACQUIRE);
    /* Events before messages, as Windows and Linux do: a rescind must not overtake its events. */
    first = dispatch_look(flags, words);
    if (first < words) {
        work = dispatch_flags(guest, vp, vp_index, flags, first, words);
    }
    /*
     * Two SynICs may interrupt this VP, and nothing says which one did. Relaxed: stored before the
     * flags that were loaded with acquire, see vmb_guest_vp_start_paravisor().
     */
    second_flags = vmb_atomic_load(&vp->paravisor_flags, VMB_RELAXED);
    if (VMB_UNLIKELY(second_flags != NULL)) {
        work |= dispatch_flags(guest, vp, vp_index, second_flags, 0, words);
    }
    if ((work & VMB_GUEST_WORK_RUN) != 0 && guest->platform.run_ready != NULL) {
        guest->platform.run_ready(guest->platform.context, vp_index);
    }
    if (vmb_hv_slot_occupied(slot) || (second_flags != NULL && dispatch_second_slot(vp))) {
        work |= dispatch_message(guest, vp);
    }
    return work;
}
