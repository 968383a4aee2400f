/* SPDX-License-Identifier: MIT */
/* What guard.c counts that has a file of its own. */
#ifndef GUARD_H
#define GUARD_H

#include <stdint.h>

/* @how: "one" and "staged", packet by packet, or "burst". */
void guard_endpoint(const char *how, uint64_t times);

#endif /* GUARD_H */
