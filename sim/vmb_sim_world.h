/* SPDX-License-Identifier: MIT */
/*
 * A world: one machine with one guest and one host. State only: who makes its actors act is said by
 * vmb_sim_live.h (threads).
 */
#ifndef VMB_SIM_WORLD_H
#define VMB_SIM_WORLD_H

#include <stdio.h>

#include "sim/vmb_sim_guest.h"
#include "sim/vmb_sim_host.h"
#include "sim/vmb_sim_machine.h"

/* Zero means the default, for every field. */
struct vmb_sim_world_options {
    struct vmb_sim_machine_options machine; /* VPs, memory, seed, faults. */
    uint32_t host_workers;                  /* Default 1. */
    uint64_t spin_ns; /* How long an idle thread looks for work before it sleeps. */
    struct vmb_guest_options guest;
    struct vmb_host_options host;
    struct vmb_guest_events guest_events; /* Told besides to the world's own. */
    struct vmb_host_events host_events;   /* Likewise. */
    vmb_log_function log;                 /* Both sides' lines. Several threads at once. */
    void *log_context;
};

/* How a world ended. */
struct vmb_sim_report {
    vmb_status unload; /* What the guest was told; VMB_OK if it was not connected. */
    vmb_status guest;  /* vmb_guest_deinit(). */
    vmb_status host;   /* vmb_host_deinit(). */
    struct vmb_sim_memory_counters memory;
    bool clean; /* All of the above are as they should be: nothing is left, nobody wrote late. */
};

struct vmb_sim_world {
    struct vmb_sim_world_options options;
    struct vmb_sim_machine machine;
    struct vmb_sim_guest guest;
    struct vmb_sim_host host;

    /* 0 until it has happened; then 1 - status, a positive number. */
    vmb_atomic_u32 connected;
    vmb_atomic_u32 delivered;
    vmb_atomic_u32 suspended;
    vmb_atomic_u32 unloaded;
    vmb_atomic_u32 host_connected; /* The host's connections, less the ends of them. */
};

#define VMB_SIM_WORLD_ACTORS(vp_count) (2u * (vp_count) + 2u + VMB_SIM_HOST_WORKERS)

/* Make a world in which nothing moves yet. The guest's VPs are up, it is not connected. */
VMB_NODISCARD vmb_status vmb_sim_world_init(struct vmb_sim_world *world,
                                            const struct vmb_sim_world_options *options);

/* List its actors, for a runner. At most VMB_SIM_WORLD_ACTORS(vp_count); returns how many. */
uint32_t vmb_sim_world_actors(struct vmb_sim_world *world, struct vmb_sim_actor **out_actors);

/* The end of a world in which nothing moves any more; the guest is unloaded, the host reset. */
void vmb_sim_world_deinit(struct vmb_sim_world *world, struct vmb_sim_report *out_report);

/* Where everything stands. Meant for worlds that are stuck: it reads without asking anybody. */
void vmb_sim_world_dump(struct vmb_sim_world *world, FILE *file);

#endif /* VMB_SIM_WORLD_H */
