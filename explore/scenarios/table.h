/* SPDX-License-Identifier: MIT */
#ifndef EXPLORE_TABLE_H
#define EXPLORE_TABLE_H

#include "explore/engine/xpl.h"

/* Scenarios whose executions can all be run in seconds, ending with NULL. */
extern const struct xpl_scenario *const scenario_table[];

/* The same at a larger scope: hours, for some. */
extern const struct xpl_scenario *const scenario_table_large[];

#endif /* EXPLORE_TABLE_H */
