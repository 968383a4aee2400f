/* SPDX-License-Identifier: MIT */
/* Between world.c and world_device.c. */
#ifndef EXPLORE_WORLD_DEVICE_H
#define EXPLORE_WORLD_DEVICE_H

#include "explore/scenarios/world.h"

/* By enum vmb_notify. */
extern const struct vmb_driver world_drivers[];

/* A handler runs in this thread; somebody has left what a close may wait for. */
void world_handler_runs(void);
void world_ticks(void);

#endif /* EXPLORE_WORLD_DEVICE_H */
