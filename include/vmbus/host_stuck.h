/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Finding channels that hang, seen from the host: data in a ring, no event under way, and whoever
 * should read it does not. <vmbus/stuck.h> is the same for a guest.
 *
 * It should never find one. When it does, a signal was lost: by the hypervisor, by the VMM's glue,
 * or by the guest; the report says what both ends have written into their control pages.
 */
#ifndef VMB_HOST_STUCK_H
#define VMB_HOST_STUCK_H

#include <vmbus/host.h>
#include <vmbus/ring.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** What was seen of a channel that hangs. At least one of the first two is set. */
struct vmb_host_stuck_report {
    bool host_hangs;  /**< We have unread packets, and our device has not run since. */
    bool guest_hangs; /**< It has, and wants to be signalled (or its VP does not run). */
    bool due;         /**< Our device is due: vmb_host_run() is not called often enough. */
    struct vmb_host_channel *channel;
    uint32_t relid;
    uint32_t target_vp;             /**< Whom we interrupt. */
    struct vmb_ring_state inbound;  /**< The ring that we read. */
    struct vmb_ring_state outbound; /**< The ring that the guest reads. */
};

/** Receives one report. Control plane. */
typedef void (*vmb_host_stuck_function)(void *context, const struct vmb_host_stuck_report *report);

/**
 * Look at every open channel. A ring whose unread packets were there at the last call, of which
 * none has been read since and to which none has been added, hangs: ours if the device has not run
 * and does not wait for space in the other ring; the guest's if it has not masked its signals.
 *
 * @param mend      Make our device run, or interrupt the guest, as the lost signal would have.
 * @param on_stuck  May be NULL.
 *
 * @return How many channels hang. They are counted in vmb_host_counters too.
 *
 * Context: control plane; call it every few seconds. A guest whose VPs are paused looks as if it
 * hung, and is not harmed by being mended.
 */
uint32_t vmb_host_check_stuck(struct vmb_host *host, bool mend, vmb_host_stuck_function on_stuck,
                              void *context);

VMB_END_DECLS

#endif /* VMB_HOST_STUCK_H */
