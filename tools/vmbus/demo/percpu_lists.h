/* SPDX-License-Identifier: MIT */
/*
 * The design that this project replaces, to compare with: each VP has a list of the channels that
 * interrupt it, and looks for the channel of an event in its own list only.
 *
 * It stands between the machine's interrupt and the guest's handler, and takes away the events
 * that such a kernel would have dropped. What is left goes the usual way.
 */
#ifndef VMB_DEMO_PERCPU_LISTS_H
#define VMB_DEMO_PERCPU_LISTS_H

#include "sim/vmb_sim_world.h"

struct percpu_lists;

/*
 * Put it in front of the guest of a world in which nothing moves yet. It stays there until nothing
 * does any more. NULL: no memory.
 */
struct percpu_lists *percpu_lists_new(struct vmb_sim_world *world);

void percpu_lists_free(struct percpu_lists *lists);

/* The channel with this relid is in the list of @vp from now on; VMB_VP_NONE: in none. */
void percpu_lists_move(struct percpu_lists *lists, uint32_t relid, uint32_t vp);

/* Events of channels that were not in the list of the VP that took the interrupt. Any thread. */
uint64_t percpu_lists_dropped(const struct percpu_lists *lists);

#endif /* VMB_DEMO_PERCPU_LISTS_H */
