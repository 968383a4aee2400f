/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Which VP shall take a channel's interrupts? A policy to use or to leave: nothing in the library
 * depends on it, since any VP finds any channel.
 */
#ifndef VMB_BALANCE_H
#define VMB_BALANCE_H

#include <vmbus/guest.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** Which NUMA node a VP belongs to. NULL where one is wanted: all belong to one. */
typedef uint32_t (*vmb_node_of_vp)(void *context, uint32_t vp);

/**
 * Choose a VP for a channel about to be opened: in this order, a started one; on @p node if any is
 * there; one that has none of the same device's channels; the one with the fewest open channels;
 * the lowest.
 *
 * @param channel     The channel to be opened; its device's other channels are looked at.
 * @param node_of_vp  NULL: nodes do not matter.
 * @param node        Where the device or its user is best served.
 *
 * @return A VP to give to vmb_channel_open(), or VMB_VP_NONE if no VP is started.
 *
 * Context: control plane. Bounded by the number of VPs and channels.
 */
uint32_t vmb_guest_choose_vp(struct vmb_guest *guest, const struct vmb_channel *channel,
                             vmb_node_of_vp node_of_vp, void *context, uint32_t node);

/**
 * Move channels from busy VPs to idle ones, by the interrupts counted since the last call.
 *
 * A move is begun only if it brings the two VPs closer together, and within one node.
 *
 * @param moves_limit  At most so many moves.
 *
 * @return Moves begun; each is as vmb_channel_set_target_vp() with no `done`.
 *
 * Context: control plane; call it every second or so. Bounded by VPs, channels and moves.
 */
uint32_t vmb_guest_rebalance(struct vmb_guest *guest, vmb_node_of_vp node_of_vp, void *context,
                             uint32_t moves_limit);

VMB_END_DECLS

#endif /* VMB_BALANCE_H */
