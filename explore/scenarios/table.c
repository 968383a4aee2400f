/* SPDX-License-Identifier: MIT */
#include "explore/scenarios/table.h"

#include <stddef.h>

#define SCENARIOS(X)  X(retarget)

#define DECLARE(name) extern const struct xpl_scenario scenario_##name;
#define LIST(name)    &scenario_##name,

SCENARIOS(DECLARE)

const struct xpl_scenario *const scenario_table[] = {SCENARIOS(LIST) NULL};
