/* SPDX-License-Identifier: MIT */
/*
 * The gate of a channel: one word that decides who runs its handler (design rules R4, R5, R6).
 *
 *     OPEN      events may start the handler
 *     RUNNING   somebody owns the handler: a VP in it, a poller, or the control plane opening
 *     PENDING   an event came that no handler start has answered yet
 *     LENT      RUNNING, on behalf of one VP's interrupts: see guest/vmb_loan.h. Guests only
 *     RECALLED  instead of LENT, while one VP tries to take it back for the event that is PENDING
 *
 * Guests and hosts have the same one. The word is the only thing that events, handlers and the
 * control plane share about a channel, and every change of it is one atomic read-modify-write, so
 * they agree on one order of events, starts, ends and closes. What each order is for:
 *
 *   release when RUNNING is given up    pairs with   acquire when RUNNING is taken: one run's
 *                                                    writes to the device are seen by the next.
 *   the same, by the opener             pairs with   acquire of the first start after it: what
 *                                                    opening prepared is seen by the handler.
 *   release when RUNNING is given up    pairs with   acquire in vmbi_gate_idle(): what the last run
 *                                                    did is seen by whoever closes.
 *
 * Setting OPEN and taking it away order nothing by themselves (relaxed): before the opener gives
 * RUNNING up nobody starts, and whoever closes waits until it is idle, in a guest for a grace
 * period too.
 *
 * An event adds PENDING with release so that what the interrupted VP saw (the host's packet) is
 * seen by the owner that answers it, which takes PENDING away with acquire.
 */
#ifndef VMB_GATE_H
#define VMB_GATE_H

#include <vmbus/platform/atomic.h>
#include <vmbus/types.h>

#define VMBI_GATE_OPEN     1u
#define VMBI_GATE_RUNNING  2u
#define VMBI_GATE_PENDING  4u
#define VMBI_GATE_LENT     8u
#define VMBI_GATE_RECALLED 16u
/* To whom, while it is lent or recalled: the number of a VP. */
#define VMBI_GATE_VP_SHIFT 8u

/* What an event means for the VP that brought it. */
enum vmbi_gate_duty {
    VMBI_GATE_CLOSED,    /* Not open: the event is a stray. */
    VMBI_GATE_COALESCED, /* The owner, or whoever is about to be, will answer it too. */
    VMBI_GATE_START      /* It is up to us to see the handler started: claim it, or make it due. */
};

/* An event came. The first to find the gate neither owned nor pending gets the duty. */
VMB_INLINE enum vmbi_gate_duty vmbi_gate_event(vmb_atomic_u32 *gate)
{
    /*
     * Release only: who takes the handler acquires as it does so, and through this change what was
     * released before it; see vmbi_gate_claim().
     */
    uint32_t before = vmb_atomic_fetch_or(gate, VMBI_GATE_PENDING, VMB_RELEASE);

    if ((before & VMBI_GATE_OPEN) == 0) {
        return VMBI_GATE_CLOSED;
    }
    if ((before & VMBI_GATE_PENDING) != 0 ||
        (before & (VMBI_GATE_RUNNING | VMBI_GATE_LENT)) == VMBI_GATE_RUNNING) {
        return VMBI_GATE_COALESCED;
    }
    return VMBI_GATE_START; /* Also if it is lent: the borrower does not look for our event. */
}

/* Become the owner and take the pending event. False: closed, owned, or answered meanwhile. */
VMB_INLINE bool vmbi_gate_claim(vmb_atomic_u32 *gate)
{
    uint32_t expected = VMBI_GATE_OPEN | VMBI_GATE_PENDING;

    return vmb_atomic_compare_exchange(gate, &expected, VMBI_GATE_OPEN | VMBI_GATE_RUNNING,
                                       VMB_ACQUIRE, VMB_RELAXED);
}

/*
 * Stop owning. True: events came meanwhile and the gate is open; it is up to us to see the handler
 * started again, by claiming once more or by making the channel due. Nobody else will: with PENDING
 * set, later events count on us.
 */
VMB_INLINE bool vmbi_gate_finish(vmb_atomic_u32 *gate)
{
    uint32_t before = vmb_atomic_fetch_and(gate, ~VMBI_GATE_RUNNING, VMB_RELEASE);

    return (before & (VMBI_GATE_OPEN | VMBI_GATE_PENDING)) == (VMBI_GATE_OPEN | VMBI_GATE_PENDING);
}

/*
 * Stop owning, unless an event came meanwhile: then it is taken, we stay the owner, and true is
 * returned. For an owner that no grace period sees. It may not give up first and claim then: in
 * between the channel may be gone, and its gate another's.
 */
VMB_INLINE bool vmbi_gate_finish_or_take(vmb_atomic_u32 *gate)
{
    const uint32_t event = VMBI_GATE_OPEN | VMBI_GATE_PENDING;
    uint32_t now = vmb_atomic_load(gate, VMB_RELAXED);
    bool owed;

    do { /* Twice more at most: an event comes, and it is closed. */
        owed = (now & event) == event;
        /* Release and acquire as in vmbi_gate_finish() and vmbi_gate_claim(). */
    } while (!vmb_atomic_compare_exchange(gate, &now,
                                          now & ~(owed ? VMBI_GATE_PENDING : VMBI_GATE_RUNNING),
                                          VMB_ACQ_REL, VMB_RELAXED));
    return owed;
}

/*
 * Open with the opener as owner: events are kept, not lost and not answered, until the opener
 * finishes. Only for a gate that is closed and idle, so nobody else changes it but stray events,
 * whose PENDING is owed to nobody and is overwritten.
 */
VMB_INLINE void vmbi_gate_open_held(vmb_atomic_u32 *gate)
{
    /* Relaxed: no handler starts before the opener has finished, which releases. */
    vmb_atomic_store(gate, VMBI_GATE_OPEN | VMBI_GATE_RUNNING, VMB_RELAXED);
}

/* The opener owes the handler one start in any case: events may have come before it could see. */
VMB_INLINE void vmbi_gate_owe(vmb_atomic_u32 *gate)
{
    (void)vmb_atomic_fetch_or(gate, VMBI_GATE_PENDING, VMB_RELAXED);
}

/*
 * From here on no handler starts. One may be running: see vmbi_gate_idle(). A gate that may be lent
 * is closed by vmbi_loan_close() instead.
 */
VMB_INLINE void vmbi_gate_close(vmb_atomic_u32 *gate)
{
    (void)vmb_atomic_fetch_and(gate, ~VMBI_GATE_OPEN, VMB_RELAXED);
}

/* Whether it is closed: who has just finished may want to tell whoever closed it. */
VMB_INLINE bool vmbi_gate_closed(vmb_atomic_u32 *gate)
{
    return (vmb_atomic_load(gate, VMB_RELAXED) & VMBI_GATE_OPEN) == 0;
}

/* Whether it was closed before anybody took the event that is PENDING. For those who count. */
VMB_INLINE bool vmbi_gate_closed_unanswered(vmb_atomic_u32 *gate)
{
    const uint32_t both = VMBI_GATE_OPEN | VMBI_GATE_PENDING;

    return (vmb_atomic_load(gate, VMB_RELAXED) & both) == VMBI_GATE_PENDING;
}

/* The opener gives up: nothing ran, nothing is owed. */
VMB_INLINE void vmbi_gate_abandon(vmb_atomic_u32 *gate)
{
    vmb_atomic_store(gate, 0, VMB_RELAXED);
}

/* True once nobody owns the handler. Of use after vmbi_gate_close(). */
VMB_INLINE bool vmbi_gate_idle(vmb_atomic_u32 *gate)
{
    return (vmb_atomic_load(gate, VMB_ACQUIRE) & VMBI_GATE_RUNNING) == 0;
}

#endif /* VMB_GATE_H */
