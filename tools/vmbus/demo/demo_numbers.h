/* SPDX-License-Identifier: MIT */
/* What `vmbus demo` has counted so far, and how it says so. */
#ifndef VMB_DEMO_NUMBERS_H
#define VMB_DEMO_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/vmbus/demo/demo_options.h"

/* p50, p90, p99, p99.9 and the longest. */
#define DEMO_PERCENTILES 5u
extern const double demo_percentile_parts[DEMO_PERCENTILES];
extern const char *const demo_percentile_names[DEMO_PERCENTILES];

/* What a channel is doing; each has a letter in the live view. */
enum demo_channel_look {
    DEMO_LOOK_BUSY,
    DEMO_LOOK_QUIET,   /* Open, nothing came since the last look. */
    DEMO_LOOK_MOVING,  /* Its interrupts are being moved to another VP. */
    DEMO_LOOK_CLOSED,  /* Closed, or being closed or opened. */
    DEMO_LOOK_REVOKED, /* Taken back by the host, to be offered again. */
    DEMO_LOOK_STALLED  /* Waits for an answer that does not come. */
};

enum demo_phase {
    DEMO_PHASE_OPENING,
    DEMO_PHASE_LOAD,
    DEMO_PHASE_DRAIN,
    DEMO_PHASE_DONE
};

struct demo_numbers {
    enum demo_phase phase;
    uint64_t elapsed_ns; /* Of the load. */
    uint32_t version;    /* VMB_VERSION_ */

    uint64_t interrupts; /* Taken by all VPs. */
    uint64_t events;     /* Event flags found set by them. */
    uint64_t coalesced;  /* Events of a channel that was due or running anyway. */
    uint64_t strays;     /* Events of channels that were closed or gone. */
    uint64_t packets;    /* Received and checked, by the guest and by the host. */
    uint64_t bytes;      /* Their payload. */

    uint64_t retargets;
    uint64_t reopens;     /* Opened again after a close of the guest's. */
    uint64_t rescinds;    /* Taken back by the host. */
    uint64_t reoffers;    /* Offered again afterwards. */
    uint64_t subchannels; /* Times one was opened. */
    uint64_t offlines;    /* VPs taken out of service. */
    uint64_t resumes;     /* Times the guest slept and woke up. */
    uint64_t restores;    /* Times the host was saved and another one made of it. */

    uint64_t abandoned; /* Packets under way on a channel when it was closed or revoked. */
    uint64_t corrupt;   /* Packets with a wrong byte, out of order, or never asked for. */
    uint64_t dropped;   /* percpu-lists: events of channels that were not in the VP's list. */
    uint64_t stalled;   /* Channels that wait for something that does not come. */
    uint64_t lost_interrupts;
    uint64_t lost_packets;
    uint64_t failures; /* Opens, closes and moves that ended with an error. */
    bool leftovers;    /* At the very end: pages or channels that nobody gave back. */

    uint64_t heartbeats;    /* Asked by the host and answered by the guest. */
    uint64_t time_readings; /* Times the guest was told the time. */
    bool powered_off;       /* The guest was asked to power off at the end, and said yes. */

    uint64_t latency_ns[DEMO_PERCENTILES]; /* From a request to its answer. */

    uint32_t vp_count;
    uint64_t vp_interrupts[DEMO_VP_LIMIT];
    uint64_t vp_events[DEMO_VP_LIMIT];
    uint32_t channel_count;
    uint8_t looks[DEMO_CHANNEL_LIMIT]; /* enum demo_channel_look */
};

/* Nothing lost, nothing corrupt, nothing failed, nothing left over. */
bool demo_numbers_are_good(const struct demo_numbers *numbers);

/* The summary for people, on stdout. */
void demo_report_text(const struct demo_options *options, const struct demo_numbers *numbers);

/* The summary for programs, on stdout. False if it could not be written. */
bool demo_report_json(const struct demo_options *options, const struct demo_numbers *numbers);

#endif /* VMB_DEMO_NUMBERS_H */
