/* SPDX-License-Identifier: MIT */
/* What the demo counts, and how it finds out that something was lost. */
#ifndef VMB_DEMO_MEASURE_H
#define VMB_DEMO_MEASURE_H

#include "tools/vmbus/demo/demo_world.h"

/* How often demo_measure_look() should be called. */
#define DEMO_LOOK_INTERVAL_NS 20000000u

/* Look which channels get on, and which have not for long. Main thread. */
void demo_measure_look(struct demo_world *world);

/* Everything counted so far. *numbers: zeroed or from before. Main thread. */
void demo_measure(struct demo_world *world, struct demo_numbers *numbers);

/* No more requests; channels that open from now on stay quiet, too. Main thread. */
void demo_measure_stop_traffic(struct demo_world *world);

/* What a bus still has to do. */
struct demo_rest {
    uint32_t unsettled; /* Channels that are not open, or being moved. */
    uint64_t expected;  /* Packets that must still come. */
    uint64_t progress;  /* Counts up with everything that happens. */
};

void demo_measure_rest(struct demo_world *world, struct demo_rest *rest);

/*
 * Count what was lost, on a bus in which traffic has stopped and nothing moves any more.
 *
 * An interrupt is lost if data lies in a channel's ring, while no event flag is set and no
 * interrupt is pending on any VP: nothing will ever make anybody look. A packet is lost if it was
 * never answered.
 */
void demo_measure_loss(struct demo_world *world, struct demo_numbers *numbers);

#endif /* VMB_DEMO_MEASURE_H */
