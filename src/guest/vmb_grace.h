/* SPDX-License-Identifier: MIT */
/*
 * Grace periods: when has every VP that might still hold a channel's pointer let go of it (R7)?
 *
 * A VP counts up when it enters a section in which it looks channels up, and again when it leaves:
 * odd inside, even outside. The control plane notes all counts once and compares them on later
 * polls; a VP whose count was even, or has changed, holds nothing from before. Nobody waits.
 *
 * The order that makes it true (both sides have a sequentially consistent fence):
 *
 *   VP:             count becomes odd ; FENCE ; look the channel up
 *   control plane:  unmap or close    ; FENCE ; note the count
 *
 * In the interrupt the exchange that takes the first word of flags stands between the two anyway
 * and serves as the fence where the machine orders everything around it.
 *
 * Whichever fence comes first, either the VP finds the channel gone or the control plane sees the
 * VP inside. Leaving is a release, noting an acquire: what the VP did inside is finished for
 * whoever saw it outside.
 */
#ifndef VMB_GRACE_H
#define VMB_GRACE_H

#include <vmbus/platform/atomic.h>
#include <vmbus/types.h>

/* The section counter of one VP and one kind of section. */
typedef vmb_atomic_u32 vmbi_section;

/*
 * Enter; only the section's own VP does. Nothing may be looked up before a sequentially consistent
 * fence has followed, which pairs with those in grace_note() and vmbi_loan_recall().
 */
VMB_INLINE void section_begin(vmbi_section *section)
{
    uint32_t count = vmb_atomic_load(section, VMB_RELAXED);

    vmb_atomic_store(section, count + 1, VMB_RELAXED);
}

VMB_INLINE void section_enter(vmbi_section *section)
{
    section_begin(section);
    vmb_atomic_fence(VMB_SEQ_CST);
}

VMB_INLINE void section_leave(vmbi_section *section)
{
    uint32_t count = vmb_atomic_load(section, VMB_RELAXED);

    vmb_atomic_store(section, count + 1, VMB_RELEASE); /* With the acquire in section_left(). */
}

/* True if nobody is inside. Of use after a fence: whoever enters later sees what was before it. */
VMB_INLINE bool section_empty(vmbi_section *section)
{
    return (vmb_atomic_load(section, VMB_ACQUIRE) & 1u) == 0; /* With section_leave(). */
}

/* True if whoever was inside when @noted was read has left since. */
VMB_INLINE bool section_left(vmbi_section *section, uint32_t noted)
{
    return (noted & 1u) == 0 || vmb_atomic_load(section, VMB_ACQUIRE) != noted;
}

/* The control plane's book. Tickets are compared by difference, so they may wrap. */
struct vmbi_grace {
    uint32_t *noted; /* One count a section; of the period under way. */
    uint32_t section_count;
    uint32_t first_waiting; /* Sections before it have been seen to leave. */
    uint32_t running;       /* Ticket of the period under way; == completed if none. */
    uint32_t completed;     /* Last ticket whose period is over. */
    uint32_t wanted;        /* Highest ticket handed out. */
};

/*
 * Begin to wait for everybody who may hold what has just been unmapped or closed.
 * Returns the ticket to ask vmbi_grace_over() about.
 */
uint32_t vmbi_grace_begin(struct vmbi_grace *grace);

/*
 * Look again. @section_at(context, index) finds a section by number.
 * True if a period is still under way.
 */
bool vmbi_grace_poll(struct vmbi_grace *grace,
                     vmbi_section *(*section_at)(void *context, uint32_t index), void *context);

/* True if the period of this ticket is over. */
VMB_INLINE bool vmbi_grace_over(const struct vmbi_grace *grace, uint32_t ticket)
{
    return (int32_t)(grace->completed - ticket) >= 0;
}

#endif /* VMB_GRACE_H */
