/* SPDX-License-Identifier: MIT */
/* What makes the demo hard: channels that move, close and vanish while their interrupts arrive. */
#ifndef VMB_DEMO_CHURN_H
#define VMB_DEMO_CHURN_H

#include "tools/vmbus/demo/demo_world.h"

/* How often demo_churn() should be called. */
#define DEMO_CHURN_INTERVAL_NS 1000000u

/* Move a few channels, close a few, revoke a few; offer again what was revoked. Main thread. */
void demo_churn(struct demo_world *world);

/* Only offer again what was revoked. Main thread. */
void demo_churn_restore(struct demo_world *world);

#endif /* VMB_DEMO_CHURN_H */
