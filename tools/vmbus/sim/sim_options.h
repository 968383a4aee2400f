/* SPDX-License-Identifier: MIT */
/* The arguments of `vmbus sim`. */
#ifndef VMB_TOOL_SIM_OPTIONS_H
#define VMB_TOOL_SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/vmb_sim_play.h"

struct sim_options {
    struct vmb_sim_play_options play; /* Its seed is that of the first run. */
    uint64_t runs;
    const char *trace; /* A file's name, or NULL. */
    bool json;
    bool keep_going; /* After a run that failed. */
};

/* False: nothing is to be run, and *out_status is the exit status. */
bool sim_options_parse(int argc, char **argv, struct sim_options *out, int *out_status);

/* Names as on the command line. */
const char *sim_break_name(enum vmb_sim_play_break broken);
const char *sim_fault_name(uint32_t fault);

#endif /* VMB_TOOL_SIM_OPTIONS_H */
