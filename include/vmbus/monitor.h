/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Monitored channels: doorbells that the hypervisor looks at by itself, every so often, instead of
 * a hypercall for each signal. For channels that would rather be cheap than quick.
 *
 * A host offers a monitor id with a channel (`monitor_allocated`); a guest opens the channel with
 * `monitored` set to use it. The ring's own rules stay: the bit is set only when a signal is due.
 */
#ifndef VMB_MONITOR_H
#define VMB_MONITOR_H

#include <vmbus/channel.h>
#include <vmbus/guest.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/**
 * Say how often the host shall look at a channel's monitor. A hint.
 *
 * @param latency_ns  Rounded to 100 ns; at most 6.5 ms.
 *
 * @retval VMB_OK                    Written to the page that the host reads.
 * @retval VMB_ERR_UNSUPPORTED       The channel has no monitor, or there is no monitor page.
 * @retval VMB_ERR_INVALID_ARGUMENT  More than 6,553,500 ns.
 *
 * Context: control plane. VMBus monitor page: latency, in units of 100 ns.
 */
VMB_NODISCARD vmb_status vmb_channel_set_latency(struct vmb_channel *channel, uint32_t latency_ns);

/**
 * How long a signal through a channel's monitor may wait: the host's word since the open, or ours
 * since vmb_channel_set_latency(). A hint, and in memory that the host writes.
 *
 * @retval VMB_OK               Written to *out_latency_ns; 0 if neither has said.
 * @retval VMB_ERR_UNSUPPORTED  The channel has no monitor, or there is no monitor page.
 *
 * Context: control plane. VMBus monitor page: latency, in units of 100 ns.
 */
VMB_NODISCARD vmb_status vmb_channel_latency(const struct vmb_channel *channel,
                                             uint32_t *out_latency_ns);

/** Told once when vmb_guest_move_monitors() has ended. Control plane. */
typedef void (*vmb_guest_done)(void *context, vmb_status status);

/**
 * Give the host other monitor pages, such as before memory is moved. Open no monitored channel and
 * signal none meanwhile: what is set in the old page while the host changes over is not looked at.
 *
 * @retval VMB_OK               Under way; `done`: VMB_OK (the new pages are in use),
 *                              VMB_ERR_REFUSED or VMB_ERR_PLATFORM (the old ones are),
 *                              VMB_ERR_TIMEOUT (either may be: see BUSY), VMB_ERR_GONE (the bus is
 *                              being left).
 * @retval VMB_ERR_UNSUPPORTED  VMB_FEATURE_MODIFY_CONNECTION is not granted, or the host owns the
 *                              pages.
 * @retval VMB_ERR_WRONG_STATE  Not connected.
 * @retval VMB_ERR_BUSY         A move is under way: wait for its `done`. Or one has timed out and
 * is still unanswered: its late answer decides which pages are used.
 * @retval VMB_ERR_NO_MEMORY    The port could not share two pages.
 *
 * Context: control plane. VMBus 6.0: ModifyConnection.
 */
VMB_NODISCARD vmb_status vmb_guest_move_monitors(struct vmb_guest *guest, vmb_guest_done done,
                                                 void *done_context);

/**
 * Ask the host to send no message until vmb_guest_continue(): for whoever saves the guest's state.
 *
 * Requests may be made meanwhile; they are posted later. Time-outs go on. Channels run on.
 *
 * @retval VMB_OK               Under way; `done`: VMB_OK (no message will come), VMB_ERR_TIMEOUT
 * (it may be paused all the same: vmb_guest_continue()), VMB_ERR_GONE, VMB_ERR_PLATFORM (it is
 * not).
 * @retval VMB_ERR_UNSUPPORTED  VMB_FEATURE_PAUSE_RESUME is not granted.
 * @retval VMB_ERR_WRONG_STATE  Not connected, or paused already.
 *
 * Context: control plane. VMBus 6.0: Pause.
 */
VMB_NODISCARD vmb_status vmb_guest_pause(struct vmb_guest *guest, vmb_guest_done done,
                                         void *done_context);

/**
 * End a pause. If the message cannot be posted for good the pause goes on: call again until it says
 * WRONG_STATE, or unload.
 *
 * @retval VMB_OK               The host goes on as soon as it hears.
 * @retval VMB_ERR_WRONG_STATE  Not paused, or not any more.
 * @retval VMB_ERR_BUSY         The host has not answered yet: wait for `done`. Or its end has been
 *                              asked for, and is not posted yet.
 *
 * Context: control plane. VMBus 6.0: Resume.
 */
VMB_NODISCARD vmb_status vmb_guest_continue(struct vmb_guest *guest);

VMB_END_DECLS

#endif /* VMB_MONITOR_H */
