/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Finding channels that hang: data in the ring, no event under way, and nobody running.
 *
 * It should never find one. When it does, some signal was lost, by the peer or by a port that
 * dropped an interrupt; the report says what both ends believe.
 */
#ifndef VMB_STUCK_H
#define VMB_STUCK_H

#include <vmbus/guest.h>
#include <vmbus/ring.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** What was seen of a channel that hangs. */
struct vmb_stuck_report {
    struct vmb_channel *channel;
    uint32_t relid;
    uint32_t target_vp;
    bool flag_set; /**< Its event flag is set on some VP: an interrupt was not taken. */
    bool due;      /**< It is pending, but vmb_guest_run() has not been called for it. */
    struct vmb_ring_state inbound;  /**< The ring that we read. */
    struct vmb_ring_state outbound; /**< The ring that we write. */
};

/** Receives one report. Control plane. */
typedef void (*vmb_stuck_function)(void *context, const struct vmb_stuck_report *report);

/**
 * Look at every open channel. One that had unread packets at the last call, has the same ones now
 * and has not run since, hangs.
 *
 * @param mend      Start its handler, as an event would.
 * @param on_stuck  May be NULL.
 *
 * @return How many hang. They are counted in vmb_guest_counters too.
 *
 * Context: control plane; call it every few seconds, not more often than handlers may take to run.
 * Channels opened with VMB_NOTIFY_POLLED are looked at only while nobody polls them.
 */
uint32_t vmb_guest_check_stuck(struct vmb_guest *guest, bool mend, vmb_stuck_function on_stuck,
                               void *context);

VMB_END_DECLS

#endif /* VMB_STUCK_H */
