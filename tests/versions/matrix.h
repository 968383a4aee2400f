/* SPDX-License-Identifier: MIT */
/*
 * One scenario of the version matrix: what is done to a fresh pair, and what came of it. VMB_OK:
 * all as it has to be. VMB_ERR_VERSION, _UNSUPPORTED: refused in so many words, and all else went
 * on. Whatever is not as it has to be ends the scenario with MATRIX_BUG.
 */
#ifndef VMB_TEST_MATRIX_H
#define VMB_TEST_MATRIX_H

#include "pair.h"

#define MATRIX_BUG    VMB_ERR_PEER
#define MATRIX_ABSENT VMB_ERR_UNKNOWN /* This version has no such thing. */

/* Leave the scenario unless @condition holds. */
#define MATRIX_HOLDS(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_message("%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);            \
            return MATRIX_BUG;                                                                     \
        }                                                                                          \
    } while (0)

struct matrix_column {
    const char *name;
    uint32_t version;
    uint32_t features;
};

struct matrix_scenario {
    const char *name;
    vmb_status (*run)(struct pair *pair, const struct matrix_column *column);
};

extern const struct matrix_scenario matrix_bus[];
extern const uint32_t matrix_bus_count;
extern const struct matrix_scenario matrix_life[];
extern const uint32_t matrix_life_count;
extern const struct matrix_scenario matrix_power[];
extern const uint32_t matrix_power_count;

/* Connected, devices 0 to 2 offered. */
vmb_status matrix_connected(struct pair *pair);
/* And @count of them open, each with its interrupts on @vp (as far as the version goes). */
vmb_status matrix_opened(struct pair *pair, uint32_t count, uint32_t vp);
/* Packets go both ways on device @number, none lost. */
bool matrix_talks(struct pair *pair, uint32_t number);

#endif /* VMB_TEST_MATRIX_H */
