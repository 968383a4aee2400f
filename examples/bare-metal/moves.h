/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The word "move": every open channel goes from VP to VP, under whatever traffic it has.
 */
#ifndef BARE_METAL_MOVES_H
#define BARE_METAL_MOVES_H

#include <stdbool.h>

/** Begin, if the command line has that word. */
void moves_begin(void);

/**
 * Go on: a round of moves begins when the last one has ended. Control plane.
 *
 * @return true when there is nothing more to do.
 */
bool moves_step(void);

/** Say how many there were, and how they ended. */
void moves_say(void);

#endif /* BARE_METAL_MOVES_H */
