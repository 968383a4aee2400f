/* SPDX-License-Identifier: MIT */
/*
 * A guest's storage controller whose primary channel has a host that is played: it has put its
 * answers into the ring before it was asked, with the ids that it expects, as a bad one may.
 */
#ifndef EXPLORE_STOR_GUEST_WORLD_H
#define EXPLORE_STOR_GUEST_WORLD_H

#include <vmbus/drivers/stor_guest.h>

#include "explore/engine/xpl.h"

extern struct vmb_stor_guest *stor_guest_world;

/*
 * For `prepare`: the primary channel is open, and the answers to its initialisation are there.
 * @kicks: it has channels woken by their bus, and nobody runs the primary one.
 */
void stor_guest_world_begin(bool kicks);

/* The primary channel's handler. The first run finds all answers and makes the controller ready. */
void stor_guest_world_run(void);

/* The host answers the READs that are in its ring. */
void stor_guest_world_serve(void);

/* Wait, as the runner of the primary channel, until the controller has it called. */
void stor_guest_world_await_wake(void);

/* A READ of one block; how often it has ended is counted in @out_ended, a plain number. */
struct vmb_stor_request stor_guest_world_read(uint32_t *out_ended);

#endif /* EXPLORE_STOR_GUEST_WORLD_H */
