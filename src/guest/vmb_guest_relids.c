/* SPDX-License-Identifier: MIT */
/* The array: from a relid to its channel, for whichever VP an interrupt lands on (R1, R2, R8, R9).
 */
#include "guest/vmb_guest_state.h"

struct vmb_channel *vmb_guest_relid2channel(struct vmb_guest *guest, uint32_t relid)
{
    if (relid >= VMB_RELID_COUNT) {
        return NULL;
    }
    /* Acquire, with the release in vmbi_relid_map(): the channel's memory is as it was published.
     */
    return vmb_atomic_load(&guest->channels[relid], VMB_ACQUIRE);
}

/* How far the interrupts of a VP have to look. Of use to its next one, see vmbi_relid_map(). */
void vmbi_relid_look_beyond(struct vmb_guest_vp *vp)
{
    uintptr_t beyond = vmb_atomic_load(&vp->guest->scan_words, VMB_RELAXED) - 1;

    if (vmb_atomic_load(&vp->paravisor_flags, VMB_RELAXED) != NULL) {
        beyond |= VP_BEYOND_SYNIC;
    }
    vmb_atomic_store(&vp->beyond, beyond, VMB_RELAXED);
}

/* The words of flags that can hold a mapped relid: told to each VP, whose interrupts look there. */
void vmbi_relid_scan(struct vmb_guest *guest, uint32_t words)
{
    uint32_t index;

    if (words == vmb_atomic_load(&guest->scan_words, VMB_RELAXED)) {
        return;
    }
    vmb_atomic_store(&guest->scan_words, (uintptr_t)words, VMB_RELAXED);
    for (index = 0; index < guest->options.vp_count; index++) {
        vmbi_relid_look_beyond(&guest->vps[index]);
    }
}

/*
 * An event flag may be left of an earlier life of this relid: set while nothing was mapped there,
 * above the words that anybody scanned. The hypervisor interrupts only when a flag goes from 0 to
 * 1, so a flag that stays set would swallow the new channel's first event. Nothing is owed for it.
 */
static void relid_forget_flag(struct vmb_guest *guest, void *flags, uint32_t relid)
{
    uintptr_t bit = vmbi_swap_le_word((uintptr_t)1 << (relid % VMBI_WORD_BITS));
    uintptr_t before;

    if (flags != NULL) {
        /* The host sets nothing for it before it has our OpenChannel, which is posted later. */
        before =
            vmb_atomic_fetch_and(VMBI_SHM_WORD(flags, relid / VMBI_WORD_BITS), ~bit, VMB_RELAXED);
        guest->counters.flags_forgotten += (before & bit) != 0 ? 1 : 0;
    }
}

void vmbi_relid_forget_flags(struct vmb_guest *guest, uint32_t relid)
{
    uint32_t index;

    /* Of an old host's page too: it interrupts only for a bit that was not set there. */
    relid_forget_flag(guest, vmb_atomic_load(&guest->legacy_page, VMB_RELAXED), relid);
    for (index = 0; index < guest->options.vp_count; index++) {
        relid_forget_flag(guest, vmb_atomic_load(&guest->vps[index].flags, VMB_RELAXED), relid);
        /* Relaxed: they were stored before the others. */
        relid_forget_flag(guest, vmb_atomic_load(&guest->vps[index].paravisor_flags, VMB_RELAXED),
                          relid);
    }
}

/*
 * While a channel is open and deferred, its events are passed on a word at a time. A hint for the
 * interrupt: relaxed, since a VP that does not see it set asks the gate instead, and one that still
 * sees it makes vmb_guest_run() ask.
 */
void vmbi_relid_defer(struct vmb_guest *guest, uint32_t relid, bool defer)
{
    vmb_atomic_word *word = &guest->deferred[relid / VMBI_WORD_BITS];
    uintptr_t bit = (uintptr_t)1 << (relid % VMBI_WORD_BITS);
    uintptr_t bits = vmb_atomic_load(word, VMB_RELAXED);

    vmb_atomic_store(word, defer ? bits | bit : bits & ~bit, VMB_RELAXED);
}

/* Handler calls of a relid in the interrupts of its homes, since it was mapped. */
uintptr_t vmbi_relid_runs(const struct vmb_guest *guest, uint32_t relid)
{
    uintptr_t runs = 0;
    uint32_t index;

    for (index = 0; index < guest->options.vp_count; index++) {
        runs += vmb_atomic_load(&guest->vps[index].runs[relid], VMB_RELAXED);
    }
    return runs;
}

/* The next channel of this relid counts from 0. No VP calls a handler of it. */
static void relid_forget_runs(struct vmb_guest *guest, uint32_t relid)
{
    uint32_t index;

    for (index = 0; index < guest->options.vp_count; index++) {
        vmb_atomic_store(&guest->vps[index].runs[relid], 0, VMB_RELAXED);
    }
}

void vmbi_relid_map(struct vmb_guest *guest, struct vmb_channel *channel)
{
    uint32_t relid = channel->relid;

    channel->gate = &guest->gates[relid];
    if (relid > guest->highest_relid) {
        guest->highest_relid = relid;
        /*
         * Relaxed: an event of this relid is set only by a host that has heard OpenChannel, and
         * whoever takes its interrupt has seen what was done before it was raised.
         */
        vmbi_relid_scan(guest, relid / VMBI_WORD_BITS + 1);
    }
    /* With the acquire in vmb_guest_relid2channel(). */
    vmb_atomic_store(&guest->channels[relid], channel, VMB_RELEASE);
    /*
     * R2: mapped, with a full barrier, before OpenChannel can reach the host; nothing says that a
     * hypercall is one. The barrier is not here: OpenChannel names rings whose GpadlCreated has
     * been taken out of its slot since, and the fence in vmb_hv_slot_take() lies between.
     */
}

void vmbi_relid_unmap(struct vmb_guest *guest, struct vmb_channel *channel)
{
    uint32_t relid = channel->relid;

    VMB_ASSERT(relid < VMB_RELID_COUNT);
    vmb_atomic_store(&channel->runs,
                     vmb_atomic_load(&channel->runs, VMB_RELAXED) + vmbi_relid_runs(guest, relid),
                     VMB_RELAXED);
    relid_forget_runs(guest, relid);
    channel->gate = &guest->gates[0]; /* Nothing is mapped there: it stays closed. */
    /* Relaxed: whoever still finds the channel is waited for by the grace period that follows. */
    vmb_atomic_store(&guest->channels[relid], (void *)NULL, VMB_RELAXED);
    if (relid != guest->highest_relid) {
        return;
    }
    /* Only ever down to the highest relid that is mapped: no mapped relid's flag is hidden (R9). */
    while (relid > 0 && vmb_atomic_load(&guest->channels[relid], VMB_RELAXED) == NULL) {
        relid--;
    }
    guest->highest_relid = relid;
    vmbi_relid_scan(guest, relid / VMBI_WORD_BITS + 1);
}
