/* SPDX-License-Identifier: MIT */
/* What `vmbus demo` was asked to do. */
#ifndef VMB_DEMO_OPTIONS_H
#define VMB_DEMO_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define DEMO_VP_LIMIT      64u
#define DEMO_CHANNEL_LIMIT 2047u

/* How an interrupt finds its channel. */
enum demo_design {
    DEMO_DESIGN_RELID_ARRAY, /* The library's: one array for all VPs. */
    DEMO_DESIGN_PERCPU_LISTS /* What it replaces: a list for each VP. */
};

struct demo_options {
    uint32_t vp_count;
    uint32_t channel_count;
    uint64_t duration_ns;
    uint64_t seed;
    uint32_t max_version;
    enum demo_design design;
    bool json;
    bool plain;
};

/*
 * Read the arguments. True: go on with *out. False: leave with *out_status, everything has been
 * said.
 */
bool demo_options_parse(int argc, char **argv, struct demo_options *out, int *out_status);

const char *demo_design_name(enum demo_design design);

#endif /* VMB_DEMO_OPTIONS_H */
