/* SPDX-License-Identifier: MIT */
/*
 * Loans: the gate of a direct channel, lent to the VP that the host interrupts for it, its home.
 *
 * A handler start that goes through the gate costs three atomic changes of it, and nearly all of
 * them are made by one VP for itself. So whoever ends a run of a direct channel does not give
 * RUNNING up but leaves it to the home VP: from then on its interrupts call the handler with no
 * more than a look at the gate. An interrupt is not nested on its VP, so they exclude each other.
 *
 * An event that comes anywhere else (a flag that was under way while the channel was moved, a stray
 * one, a kick) finds the gate lent and takes the loan back. It may go on once the borrower is in no
 * interrupt any more, or not yet in one, by the order that grace periods use too:
 *
 *   borrower:  section becomes odd ; FENCE ; look at the gate
 *   lender:    LENT off, RECALLED on ; FENCE ; look at the borrower's section
 *
 * Whichever fence comes first, either the borrower finds its loan recalled or the lender sees the
 * borrower inside. In the second case nobody waits: the channel stays due, and the next
 * vmb_guest_run() looks again. Where channels live is thus never a matter of right or wrong, only
 * of how many steps a start takes, and moving one needs no steps of its own.
 *
 *   release when the gate is lent             pairs with  acquire of the borrower's look at it: the
 *                                                         last run's writes are seen by the next.
 *   release when the borrower leaves its      pairs with  acquire of the lender's look at it, the
 *   section                                               same the other way round.
 *
 * Closing ends a loan with the bit that it takes (vmbi_gate_close()); the grace period that follows
 * covers a borrower that is inside.
 */
#ifndef VMB_LOAN_H
#define VMB_LOAN_H

#include "base/vmb_gate.h"
#include "guest/vmb_grace.h"

enum vmbi_claim {
    VMBI_CLAIM_NONE, /* Closed, owned by somebody who will answer, or answered already. */
    VMBI_CLAIM_OURS, /* The handler is ours to start. */
    VMBI_CLAIM_LATER /* The borrower is inside: make the channel due and come again. */
};

/* What the gate is while it is lent to this VP, but for PENDING. */
VMB_INLINE uint32_t vmbi_loan_of(uint32_t vp)
{
    return VMBI_GATE_OPEN | VMBI_GATE_RUNNING | VMBI_GATE_LENT | vp << VMBI_GATE_VP_SHIFT;
}

/*
 * True if this VP's interrupts own the handler. An event that is PENDING meanwhile is another VP's
 * affair. Acquire, with the release in vmbi_loan_finish().
 */
VMB_INLINE bool vmbi_loan_held(vmb_atomic_u32 *gate, uint32_t loan)
{
    return (vmb_atomic_load(gate, VMB_ACQUIRE) & ~VMBI_GATE_PENDING) == loan;
}

/* Stop owning, in favour of the VP @home, or of nobody. True: as that of vmbi_gate_finish(). */
VMB_INLINE bool vmbi_loan_finish(vmb_atomic_u32 *gate, uint32_t home)
{
    uint32_t expected = VMBI_GATE_OPEN | VMBI_GATE_RUNNING;

    if (home != VMB_VP_NONE && vmb_atomic_compare_exchange(gate, &expected, vmbi_loan_of(home),
                                                           VMB_RELEASE, VMB_RELAXED)) {
        return false;
    }
    return vmbi_gate_finish(gate); /* Closed, or events came. */
}

#endif /* VMB_LOAN_H */
