/* SPDX-License-Identifier: MIT */
#ifndef EXPLORE_TABLE_H
#define EXPLORE_TABLE_H

#include "explore/engine/xpl.h"

/* All scenarios, ending with NULL. */
extern const struct xpl_scenario *const scenario_table[];

#endif /* EXPLORE_TABLE_H */
