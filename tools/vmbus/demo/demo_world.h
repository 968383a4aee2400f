/* SPDX-License-Identifier: MIT */
/*
 * The bus that `vmbus demo` runs: a world with real threads, and a traffic device on each channel.
 *
 * Who may touch what: members marked "guest" belong to the guest's control plane, those marked
 * "host" to the host's; the main thread gets there by vmb_sim_live_on_guest() and _on_host().
 */
#ifndef VMB_DEMO_WORLD_H
#define VMB_DEMO_WORLD_H

#include <vmbus/drivers/traffic.h>

#include "sim/vmb_sim_live.h"
#include "tools/vmbus/demo/demo_numbers.h"
#include "tools/vmbus/demo/demo_options.h"
#include "tools/vmbus/demo/demo_services.h"
#include "tools/vmbus/demo/percpu_lists.h"
#include "tools/vmbus/histogram.h"

#define DEMO_BUFFER_BYTES 4096u

/* Where a channel's guest side is. */
enum demo_state {
    DEMO_ABSENT, /* Not offered, or not any more. */
    DEMO_OPENING,
    DEMO_OPEN,
    DEMO_CLOSING
};

struct demo_world;

struct demo_channel {
    struct demo_world *world;
    uint32_t index;

    /* Guest. */
    enum demo_state state;
    bool moving;
    bool stalled;
    bool reopening; /* The next open is one after a close of the guest's. */
    struct vmb_channel *channel;
    uint32_t vp;           /* Asked for. */
    uint64_t progress;     /* Packets received, as of the last look. */
    uint64_t progress_ns;  /* When that last changed. */
    vmb_atomic_u32 lively; /* It did between the last two looks, and it is not stalled; any. */

    /* Host. */
    struct vmb_host_channel *host_channel; /* NULL while it is revoked. */
    uint64_t reoffer_ns;                   /* When to offer it again, if it is. */

    struct vmb_traffic_guest guest;
    struct vmb_traffic_host host;
    struct histogram latency;
    _Alignas(8) uint8_t guest_buffer[DEMO_BUFFER_BYTES];
    _Alignas(8) uint8_t host_buffer[DEMO_BUFFER_BYTES];
};

struct demo_world {
    struct demo_options options;
    struct vmb_sim_live *live;
    struct percpu_lists *lists; /* NULL but for that design. */
    struct demo_channel *channels;
    struct vmb_driver direct_driver; /* The traffic driver, run in the interrupt itself. */
    struct demo_services services;
    bool has_services; /* There is room on the bus for them. */

    /* Guest. */
    struct vmb_sim_random guest_random;
    uint64_t retargets;
    uint64_t reopens;
    uint64_t rescinds;
    uint64_t subchannels; /* Times one was opened. */
    uint64_t offlines;
    uint64_t resumes;
    uint64_t guest_failures;
    bool vp_out[DEMO_VP_LIMIT]; /* Out of service, or on the way there. */
    bool vp_stopping;
    bool asleep; /* What goes meanwhile has not been revoked. */

    /* Host. */
    struct vmb_sim_random host_random;
    uint64_t reoffers;
    uint64_t host_failures;

    /* The main thread's. */
    uint64_t restores;
    uint64_t life_failures;
    uint64_t next_vp_ns, next_replace_ns, next_sleep_ns; /* When that is due. */
};

/* Make the world, offer all devices and connect. NULL: it has been said on stderr why not. */
struct demo_world *demo_world_start(const struct demo_options *options);

/* The end of it. True if nothing is left over: every page came back, nobody wrote too late. */
bool demo_world_stop(struct demo_world *world);

/* Guest: open a channel that is offered. */
void demo_channel_open(struct demo_channel *channel);

/* Host: put the device on the bus. A sub-channel whose primary is not there has to wait. */
void demo_channel_offer(struct demo_channel *channel);

/* Its sub-channel, if it has one; likewise its primary channel, if it is one. */
struct demo_channel *demo_channel_sub(struct demo_channel *channel);
struct demo_channel *demo_channel_primary(struct demo_channel *channel);

uint64_t demo_now_ns(void);

#endif /* VMB_DEMO_WORLD_H */
