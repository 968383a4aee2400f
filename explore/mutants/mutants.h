/* SPDX-License-Identifier: MIT */
#ifndef EXPLORE_MUTANTS_H
#define EXPLORE_MUTANTS_H

/* The statement mutant in force, counted from 1 as in statements.list; 0: none. */
extern unsigned xpl_mutant;

#endif /* EXPLORE_MUTANTS_H */
