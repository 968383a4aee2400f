/* SPDX-License-Identifier: MIT */
/*
 * What befalls the demo's whole bus while traffic flows: VPs go offline and come back, the guest
 * sleeps and wakes up, the host is replaced by one that is made from what the old one has saved.
 */
#ifndef VMB_DEMO_LIFE_H
#define VMB_DEMO_LIFE_H

#include "tools/vmbus/demo/demo_world.h"

/* Whatever is due now. Called each DEMO_CHURN_INTERVAL_NS by the main thread. */
void demo_life(struct demo_world *world);

/* No more of it: whichever VP is away comes back, one each time. Likewise. */
void demo_life_restore(struct demo_world *world);

/* Guest: a VP that is in service. */
uint32_t demo_life_pick_vp(struct demo_world *world);

/* Guest: what the world is told of the bus. */
void demo_life_suspended(void *world, vmb_status status);
void demo_life_resumed(void *world, struct vmb_channel *channel);

#endif /* VMB_DEMO_LIFE_H */
