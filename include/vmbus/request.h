/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Requests under way: transaction ids that the peer can send back but cannot abuse.
 *
 * A request's id travels to the peer and comes back in its answer. It is never a pointer and never
 * 0; it names a slot of the caller's memory and the use of that slot, so that an id which was
 * never given out, or was answered before, is recognised and refused (protocol: hardening rule 9).
 *
 * Two callers may work at once, as on an endpoint: the writer begins requests, the reader ends
 * them. Neither locks, allocates or waits.
 */
#ifndef VMB_REQUEST_H
#define VMB_REQUEST_H

#include <vmbus/platform/atomic.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** The most requests that one table can have under way. */
#define VMB_REQUEST_LIMIT 0x10000u

/** Memory for one request under way. The members are private. */
struct vmb_request_slot {
    vmb_atomic_u32 use;  /* Counts up at each begin and each end: odd while under way. */
    uint32_t free_index; /* An entry of the queue of free slots; not about this slot. */
    void *context;
};

/** Embed it where you need it; the members are private. */
struct vmb_request_table {
    struct vmb_request_slot *slots;
    uint32_t slot_count;
    uint32_t begun;       /* Slots taken from the free queue so far; the writer's. */
    vmb_atomic_u32 ended; /* Slots given back so far; the reader's. */
};

/**
 * Make an empty table in the caller's memory.
 *
 * @param slots       slot_count of them, the table's as long as it is used.
 * @param slot_count  A power of two from 1 to VMB_REQUEST_LIMIT.
 *
 * @retval VMB_OK                    Ready.
 * @retval VMB_ERR_INVALID_ARGUMENT  slot_count is not such a number, or slots is NULL.
 *
 * Context: any; nobody uses the table meanwhile.
 */
VMB_NODISCARD vmb_status vmb_request_table_init(struct vmb_request_table *table,
                                                struct vmb_request_slot *slots,
                                                uint32_t slot_count);

/**
 * Begin a request: take the slot that has been free for longest.
 *
 * @param context  Comes back when the request ends; the table only keeps it.
 * @param out_id   Written on VMB_OK: the transaction id to send.
 *
 * @retval VMB_OK         Under way. If the packet cannot be sent after all, vmb_request_cancel().
 * @retval VMB_ERR_LIMIT  As many are under way as there are slots: wait for an answer.
 *
 * Context: isr-ok; the writer. Bounded: no loop.
 */
VMB_NODISCARD vmb_status vmb_request_begin(struct vmb_request_table *table, void *context,
                                           uint64_t *out_id);

/**
 * Take the request that was begun last back: its packet was not sent.
 *
 * @param id  As vmb_request_begin() gave it. If the peer has answered it all the same, by guessing,
 *            the reader has ended it and nothing is left to do.
 *
 * Context: isr-ok; the writer. Bounded: no loop.
 */
void vmb_request_cancel(struct vmb_request_table *table, uint64_t id);

/**
 * End the request that an answer names.
 *
 * @param id           As the peer sent it: anything.
 * @param out_context  Written on VMB_OK.
 *
 * @retval VMB_OK           Ended; the id is no longer known.
 * @retval VMB_ERR_UNKNOWN  Never begun or already ended: count it and drop the answer.
 *
 * Context: isr-ok; the reader. Bounded: no loop.
 */
VMB_NODISCARD vmb_status vmb_request_end(struct vmb_request_table *table, uint64_t id,
                                         void **out_context);

/**
 * Walk over the requests under way, for instance to fail them when the channel is gone. Start
 * with *cursor = 0; the current one may be ended meanwhile.
 *
 * @return True if *out_id and *out_context were written; false at the end.
 *
 * Context: any; no writer and no reader is at work.
 */
VMB_NODISCARD bool vmb_request_next(const struct vmb_request_table *table, uint32_t *cursor,
                                    uint64_t *out_id, void **out_context);

/**
 * How many requests are under way.
 *
 * Context: isr-ok; the writer. The reader may make it less meanwhile.
 */
uint32_t vmb_request_count(const struct vmb_request_table *table);

VMB_END_DECLS

#endif /* VMB_REQUEST_H */
