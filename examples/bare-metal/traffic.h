/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Load: a thousand checked packets and their echoes, if the host has this project's test device; or
 * as many as go while channels move (see moves.h).
 */
#ifndef BARE_METAL_TRAFFIC_H
#define BARE_METAL_TRAFFIC_H

#include <stdbool.h>

#include <vmbus/drivers/traffic.h>

/** Make @p device ready to be opened. */
void traffic_init(struct vmb_traffic_guest *device);

/** If it goes on for the moves' sake: that was all. */
void traffic_moved(struct vmb_traffic_guest *device);

/** True when every packet has been answered. */
bool traffic_settled(const struct vmb_traffic_guest *device);

/** Say what came of it. */
void traffic_say(const struct vmb_traffic_guest *device);

#endif /* BARE_METAL_TRAFFIC_H */
