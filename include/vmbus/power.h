/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A guest whose machine changes under it: VPs go offline, the system sleeps, the kernel crashes.
 */
#ifndef VMB_POWER_H
#define VMB_POWER_H

#include <vmbus/guest.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** Told once when vmb_guest_vp_stop() has ended. Control plane. */
typedef void (*vmb_guest_vp_done)(void *context, uint32_t vp, vmb_status status);

/**
 * Begin to take a VP out of service: every channel whose interrupts go there moves to another VP.
 *
 * When `done` says VMB_OK no channel targets the VP and the host sends it nothing new. Then, in
 * this order: mask its SINT and see that its handler does not run; vmb_guest_vp_stopped(); disable
 * its SynIC pages. vmb_guest_vp_start() brings it back.
 *
 * From version 5.3 on the host confirms each move. From 4.1 to 5.2 it does not, but it handles
 * messages in order, so a later request that it does answer shows that the moves are done.
 *
 * @retval VMB_OK                    Under way; `done`: VMB_OK, or why the VP must stay in service:
 *                                   VMB_ERR_REFUSED, VMB_ERR_TIMEOUT (a move to or from it was
 *                                   refused or is unanswered: close that channel), VMB_ERR_VERSION
 *                                   (a channel cannot be moved), VMB_ERR_PLATFORM (a request could
 *                                   not be posted: try again), VMB_ERR_GONE (the bus was left).
 * @retval VMB_ERR_VERSION           The host is older than 4.1 and an open channel is on that VP.
 * @retval VMB_ERR_WRONG_STATE       Not started; or the VP that receives messages, while connected;
 *                                   or the last VP in service.
 * @retval VMB_ERR_BUSY              Another VP is being stopped.
 *
 * Context: control plane.
 */
VMB_NODISCARD vmb_status vmb_guest_vp_stop(struct vmb_guest *guest, uint32_t vp,
                                           vmb_guest_vp_done done, void *done_context);

/**
 * The VP takes no interrupts any more: look for the last time at its event flags and its message
 * slot, hand on what is due there, and forget its pages.
 *
 * @retval VMB_OK               Nothing of that VP is used any more; its pages are yours.
 * @retval VMB_ERR_WRONG_STATE  vmb_guest_vp_stop() has not ended well, and the bus is connected.
 *
 * Context: control plane; neither on_interrupt nor run of that VP is running or will be called.
 */
VMB_NODISCARD vmb_status vmb_guest_vp_stopped(struct vmb_guest *guest, uint32_t vp);

/**
 * Leave the bus, but keep the devices: for hibernation. Open channels are closed, the host is told
 * with Unload, and events.suspended ends it. Sub-channels and sockets do not survive: they are told
 * as rescinded.
 *
 * @retval VMB_OK               Under way. Whatever events.suspended says, vmb_guest_resume() or
 *                              vmb_guest_unload() may follow it.
 * @retval VMB_ERR_WRONG_STATE  Not connected; what sleeps already goes on sleeping.
 *
 * Context: control plane.
 */
VMB_NODISCARD vmb_status vmb_guest_suspend(struct vmb_guest *guest);

/**
 * Come back onto the bus after vmb_guest_suspend(), with the same version. Each device that the
 * host offers again keeps its channel, with a new relid, and is told by events.resumed: open it
 * again. Before events.offers_delivered those that did not come back are told as rescinded.
 *
 * @retval VMB_OK               Under way; ends with events.connected. If that says a failure, try
 *                              again, or give the devices up with vmb_guest_unload().
 * @retval VMB_ERR_WRONG_STATE  Not suspended, or the connect VP has not been started.
 * @retval VMB_ERR_NO_MEMORY    The port could not share three pages.
 *
 * Context: control plane.
 */
VMB_NODISCARD vmb_status vmb_guest_resume(struct vmb_guest *guest);

/**
 * Leave the bus from a kernel that has crashed, so that the next one finds it free.
 *
 * Call it again and again, with interrupts off, on one VP, wherever the crash left the rest. It
 * trusts no list and no state machine: it says Unload and looks for the answer in every VP's
 * message slot, throwing away whatever else lies there. Nothing else of this guest may be called
 * from then on.
 *
 * @retval VMB_OK            The host has let go of everything, or there was nothing to leave.
 * @retval VMB_ERR_RETRY     Not yet: call again, at once or some milliseconds later.
 * @retval VMB_ERR_TIMEOUT   The host did not answer within options.unload_timeout_ns: give up.
 * @retval VMB_ERR_PLATFORM  Unload could not be posted: give up.
 * @retval VMB_ERR_VERSION   Hosts below 3.0 cannot be connected to again: nothing was said.
 *
 * Context: any, one caller; all other use of the guest has ended. Bounded by the number of VPs.
 */
VMB_NODISCARD vmb_status vmb_guest_crash_unload(struct vmb_guest *guest);

VMB_END_DECLS

#endif /* VMB_POWER_H */
