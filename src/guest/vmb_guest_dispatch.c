/* SPDX-License-Identifier: MIT */
/*
 * The interrupt: take the event flags of this VP and see the handlers started (R3, R4, R8, R10).
 * Runs on all VPs at once. Takes no lock, allocates nothing, waits for nobody.
 */
#include "guest/vmb_guest_state.h"

#include <vmbus/hv.h>

#include "base/vmb_number.h"

/* One event of one relid. Returns the work that it leaves for outside the interrupt. */
static uint32_t dispatch_relid(struct vmb_guest *guest, struct guest_vp *vp, uint32_t vp_index,
                               uint32_t relid)
{
    struct vmb_channel *channel = vmb_guest_relid2channel(guest, relid);

    vmbi_count(&vp->events);
    if (channel == NULL) {
        vmbi_count(&vp->stray_unmapped); /* R8. */
        return VMB_GUEST_WORK_NONE;
    }
    switch (vmbi_gate_event(&channel->gate)) {
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
    if (channel->notify == VMB_NOTIFY_DEFERRED) {
        vmbi_count(&vp->started);
        vmbi_channel_make_due(guest, relid, vp_index);
        return VMB_GUEST_WORK_RUN;
    }
    if (!vmbi_gate_claim(&channel->gate)) {
        vmbi_count(&vp->stray_closed); /* Closed between the two: nothing is owed any more. */
        return VMB_GUEST_WORK_NONE;
    }
    vmbi_count(&vp->started);
    vmbi_channel_start(guest, channel, vp_index);
    return VMB_GUEST_WORK_NONE;
}

/* All bits of one word, which has been taken: each of them is looked up (R3). */
static uint32_t dispatch_word(struct vmb_guest *guest, struct guest_vp *vp, uint32_t vp_index,
                              uintptr_t bits, uint32_t first_relid)
{
    uint32_t work = VMB_GUEST_WORK_NONE;

    while (bits != 0) {
        work |= dispatch_relid(guest, vp, vp_index, first_relid + vmbi_lowest_bit(bits));
        bits &= bits - 1;
    }
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
                                  index * VMBI_WORD_BITS);
        }
    }
    return work;
}

static uint32_t dispatch_flags(struct vmb_guest *guest, struct guest_vp *vp, uint32_t vp_index,
                               void *flags)
{
    /*
     * Acquire, with the release in vmbi_relid_map(). An event of a relid that is mapped just now
     * cannot be missed by it: the host sets its flag later, and interrupts again.
     */
    uint32_t words = (uint32_t)vmb_atomic_load(&guest->scan_words, VMB_ACQUIRE);
    uint32_t work = VMB_GUEST_WORK_NONE;
    bool entered = false;
    uint32_t index;

    for (index = 0; index < words; index++) {
        uintptr_t bits;

        if (vmbi_shm_load_word(flags, index, VMB_RELAXED) == 0) {
            continue; /* An idle VP's scan costs loads only. */
        }
        if (!entered) {
            section_enter(&vp->dispatching);
            entered = true;
        }
        /* Acquire: what the host wrote before it set the flags is seen by the handlers (R3). */
        bits = vmbi_shm_take_word(flags, index, VMB_ACQUIRE);
        if (index == 0 && (bits & 1u) != 0) {
            void *page = vmb_atomic_load(&guest->legacy_page, VMB_ACQUIRE);

            if (page != NULL) {
                vmbi_count(&vp->events);
                vmbi_count(&vp->legacy);
                bits &= ~(uintptr_t)1;
                work |= dispatch_legacy_page(guest, vp, vp_index, page, words);
            }
        }
        work |= dispatch_word(guest, vp, vp_index, bits, index * VMBI_WORD_BITS);
    }
    if (entered) {
        section_leave(&vp->dispatching);
    }
    return work;
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
    /* Events before messages, as Windows and Linux do: a rescind must not overtake its events. */
    work |= dispatch_flags(guest, vp, vp_index, flags);
    /*
     * Two SynICs may interrupt this VP, and nothing says which one did. Relaxed: stored before the
     * flags that were loaded with acquire, see vmb_guest_vp_start_paravisor().
     */
    second_flags = vmb_atomic_load(&vp->paravisor_flags, VMB_RELAXED);
    if (second_flags != NULL) {
        work |= dispatch_flags(guest, vp, vp_index, second_flags);
    }
    if ((work & VMB_GUEST_WORK_RUN) != 0 && guest->platform.run_ready != NULL) {
        guest->platform.run_ready(guest->platform.context, vp_index);
    }
    if (vmb_hv_slot_occupied(slot) || (second_flags != NULL && dispatch_second_slot(vp))) {
        vmbi_count(&vp->messages);
        work |= VMB_GUEST_WORK_POLL;
        vmb_atomic_store(&guest->message_waiting, 1, VMB_RELEASE);
        if (guest->platform.work_ready != NULL) {
            guest->platform.work_ready(guest->platform.context);
        }
    }
    return work;
}
