/* SPDX-License-Identifier: MIT */
#ifndef EXPLORE_MUTANTS_H
#define EXPLORE_MUTANTS_H

#include <stdbool.h>

/* Is this statement mutant in force? They are counted from 1, as in statements.list. */
bool xpl_mutates(unsigned mutant);

#endif /* EXPLORE_MUTANTS_H */
