/* SPDX-License-Identifier: MIT */
/*
 * A passage: many may be inside at once and none of them ever waits; who changes what they use
 * changes it first and then waits until everybody who may have seen the old state has left.
 *
 * Newcomers cannot keep the one who waits waiting: they enter under a new epoch and are counted
 * apart. One caller at a time drains.
 */
#ifndef VMB_HV_PASSAGE_H
#define VMB_HV_PASSAGE_H

#include <vmbus/platform/atomic.h>
#include <vmbus/types.h>

struct vmbi_hv_passage {
    vmb_atomic_u32 epoch;
    vmb_atomic_u32 inside[2]; /* By parity of the epoch under which they came. */
};

/* Come in. Returns the epoch, to be given to leave. Retries only if a drain made progress. */
VMB_INLINE uint32_t vmbi_hv_passage_enter(struct vmbi_hv_passage *passage)
{
    uint32_t epoch = vmb_atomic_load(&passage->epoch, VMB_RELAXED);

    for (;;) {
        uint32_t now;

        /*
         * Be counted, then look whether the epoch still holds. Pairs with drain, which changes the
         * epoch and then looks at the count: either we see the new epoch, or it sees us.
         */
        (void)vmb_atomic_fetch_add(&passage->inside[epoch & 1u], 1u, VMB_SEQ_CST);
        now = vmb_atomic_load(&passage->epoch, VMB_SEQ_CST);
        if (now == epoch) {
            return epoch;
        }
        /* Nothing was read yet that the drain protects, so this needs no order. */
        (void)vmb_atomic_fetch_add(&passage->inside[epoch & 1u], ~0u, VMB_RELAXED);
        epoch = now;
    }
}

/* Go out. Release: pairs with drain's acquire load of zero; what we used may then be taken away. */
VMB_INLINE void vmbi_hv_passage_leave(struct vmbi_hv_passage *passage, uint32_t epoch)
{
    (void)vmb_atomic_fetch_add(&passage->inside[epoch & 1u], ~0u, VMB_RELEASE);
}

/*
 * Wait until everybody who came before this call has left. What the caller stored before it is seen
 * by everybody who comes after.
 */
VMB_INLINE void vmbi_hv_passage_drain(struct vmbi_hv_passage *passage)
{
    /* Sequentially consistent: the partner is enter, see there. */
    uint32_t epoch = vmb_atomic_fetch_add(&passage->epoch, 1u, VMB_SEQ_CST);

    while (vmb_atomic_load(&passage->inside[epoch & 1u], VMB_SEQ_CST) != 0) {
        vmb_atomic_pause();
    }
}

#endif /* VMB_HV_PASSAGE_H */
