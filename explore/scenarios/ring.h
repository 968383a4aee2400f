/* SPDX-License-Identifier: MIT */
/* A ring on its own, of one page, for the scenarios that need no bus around it. */
#ifndef EXPLORE_RING_H
#define EXPLORE_RING_H

#include <vmbus/platform/atomic.h>
#include <vmbus/ring.h>

#include "explore/engine/xpl.h"

/* The doorbells: there is data; there is space. */
extern vmb_atomic_u32 doorbell_data;
extern vmb_atomic_u32 doorbell_space;

/* An empty ring whose indices stand at @offset, a multiple of 8 that is no less than 48. */
void scenario_ring_begin(struct vmb_ring_tx *tx, struct vmb_ring_rx *rx, uint32_t offset);

/* Stage a small packet that holds @number. */
void scenario_ring_write(struct vmb_ring_tx *tx, uint32_t number);

/* Stage a packet of @bytes that begins with @number. False: the ring is full. */
bool scenario_ring_write_large(struct vmb_ring_tx *tx, uint32_t number, uint32_t bytes);

/* Take a packet; it must hold @number. False: the ring is empty. */
bool scenario_ring_read(struct vmb_ring_rx *rx, uint32_t number);

#endif /* EXPLORE_RING_H */
