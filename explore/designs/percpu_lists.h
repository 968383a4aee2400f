/* SPDX-License-Identifier: MIT */
/*
 * The obvious design, which this library replaces: each VP has a list of the channels that target
 * it, and an interrupt looks its relid up in the list of the VP that took it. Kept to be compared
 * with, and to show that the explorer finds what is wrong with it.
 */
#ifndef EXPLORE_PERCPU_LISTS_H
#define EXPLORE_PERCPU_LISTS_H

#include "explore/scenarios/world.h"

/* Empty lists. To be called by `prepare`, after world_begin(). */
void percpu_lists_begin(void);

/* The channel's interrupts go to this VP: put it on its list. For `prepare`. */
void percpu_lists_add(struct world_device *device, uint32_t vp);

/* Retarget: tell the host, then move the channel from one list to the other. */
void percpu_lists_move(struct world_device *device, uint32_t from, uint32_t to);

/* A VP for ever, as world_vp(). */
void percpu_lists_vp(void *argument);

#endif /* EXPLORE_PERCPU_LISTS_H */
