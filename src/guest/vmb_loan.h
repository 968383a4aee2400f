/* SPDX-License-Identifier: MIT */
/*
 * Loans: the gate of a direct channel, lent to the VP that the host interrupts for it, its home.
 *
 * A handler start that goes through the gate costs three atomic changes of it, and nearly all of
 * them are made by one VP for itself. So whoever ends a run of a direct channel does not give
 * RUNNING up but leaves it to the home VP: from then on its interrupts call the handler without
 * asking. An interrupt is not nested on its VP, so they exclude each other.
 *
 * The VP notes in a word for 64 relids of its own, `borrowed`, which of them are lent to it, at the
 * first event of each: one look at that word then stands for a look at each gate. Only the borrower
 * sets a bit there, and whoever ends a loan clears it:
 *
 *   borrower:  set the bit (acquire)         ; look at the gate: if it is not lent, clear the bit
 *   others:    change the gate, not LENT now ; clear the bit (release)
 *
 * Both change the word by a read-modify-write, so one comes first. If it is the borrower's, the
 * other clears what it set; if it is the other's, the borrower sees the gate as it is by then. So
 * a bit that is set when a section ends belongs to a gate that is lent, or that somebody is about
 * to clear it for.
 *
 * An event that comes anywhere else (a flag that was under way while the channel was moved, a stray
 * one, a kick) finds the gate lent and takes the loan back. It may go on once the borrower is in no
 * interrupt any more, or not yet in one, by the order that grace periods use too:
 *
 *   borrower:  section becomes odd               ; FENCE ; look at its bits, or at the gate
 *   lender:    RECALLED instead of LENT, bit off ; FENCE ; look at the borrower's section
 *
 * Whichever fence comes first, either the borrower finds its bit gone and its loan recalled or the
 * lender sees the borrower inside. In the second case nobody waits: the gate is lent as before, the
 * channel stays due, and the next vmb_guest_run() tries again. RECALLED lasts as long as one VP
 * looks, so that what it saw is about this loan and not an earlier one. Where channels live is thus
 * never a matter of right or wrong, only of how many steps a start takes, and moving one needs no
 * steps of its own.
 *
 *   release when the gate is lent             pairs with  acquire of the borrower's look at it: the
 *                                                         last run's writes are seen by the next.
 *   release when the borrower leaves its      pairs with  acquire of the lender's look at it, the
 *   section                                               same the other way round.
 *
 * Closing ends a loan in the same steps, and the grace period that follows stands for the look at
 * the borrower's section.
 */
#ifndef VMB_LOAN_H
#define VMB_LOAN_H

#include "base/vmb_gate.h"
#include "base/vmb_shm.h"
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

/* The borrower, in an interrupt: note a gate that seems to be lent to it. False: it is not. */
VMB_INLINE bool vmbi_loan_note(vmb_atomic_u32 *gate, uint32_t loan, vmb_atomic_word *borrowed,
                               uintptr_t bit)
{
    /* Relaxed: most gates that come here are not, and the look that counts follows. */
    if ((vmb_atomic_load(gate, VMB_RELAXED) & ~VMBI_GATE_PENDING) != loan) {
        return false;
    }
    /* Acquire, with the release in vmbi_loan_strike(): what ended a loan before is seen below. */
    (void)vmb_atomic_fetch_or(borrowed, bit, VMB_ACQUIRE);
    if (vmbi_loan_held(gate, loan)) {
        return true;
    }
    (void)vmb_atomic_fetch_and(borrowed, ~bit, VMB_RELAXED); /* Nobody but us has seen it. */
    return false;
}

/* Whoever ends a loan, once the gate says so. Release: with the acquire in vmbi_loan_note(). */
VMB_INLINE void vmbi_loan_strike(vmb_atomic_word *borrowed, uint32_t relid)
{
    uintptr_t bit = (uintptr_t)1 << (relid % VMBI_WORD_BITS);

    (void)vmb_atomic_fetch_and(&borrowed[relid / VMBI_WORD_BITS], ~bit, VMB_RELEASE);
}

/* As vmbi_gate_close(). True if it was lent: strike it off the list of *out_borrower. */
VMB_INLINE bool vmbi_loan_close(vmb_atomic_u32 *gate, uint32_t *out_borrower)
{
    const uint32_t loan = VMBI_GATE_LENT | VMBI_GATE_RECALLED;
    uint32_t before = vmb_atomic_fetch_and(gate, ~(VMBI_GATE_OPEN | loan), VMB_RELAXED);

    if ((before & loan) == 0) {
        return false;
    }
    (void)vmb_atomic_fetch_and(gate, ~VMBI_GATE_RUNNING, VMB_RELAXED);
    *out_borrower = before >> VMBI_GATE_VP_SHIFT;
    return true;
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
