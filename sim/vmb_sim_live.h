/* SPDX-License-Identifier: MIT */
/*
 * A world that lives: a world and the threads that make it act. What a demonstration, a benchmark
 * or a test starts, drives and stops.
 *
 *     vmb_sim_live_start(&options, &live);
 *     vmb_sim_live_on_host(live, offer_devices, mine);
 *     vmb_sim_live_connect(live);
 *     vmb_sim_live_wait(live, all_done, mine, timeout_ns);
 *     vmb_sim_live_stop(live, &report);
 *
 * These functions are for one thread that is not an actor.
 */
#ifndef VMB_SIM_LIVE_H
#define VMB_SIM_LIVE_H

#include "sim/vmb_sim_threads.h"
#include "sim/vmb_sim_world.h"

struct vmb_sim_live {
    struct vmb_sim_world world;
    struct vmb_sim_threads *threads;
    uint64_t spin_ns;
};

/* Make a world and let it live. VMB_ERR_NO_MEMORY, or what an option is worth. */
VMB_NODISCARD vmb_status vmb_sim_live_start(const struct vmb_sim_world_options *options,
                                            struct vmb_sim_live **out_live);

/* Call a function in the guest's, or the host's, control plane, and wait for its end. */
void vmb_sim_live_on_guest(struct vmb_sim_live *live, void (*function)(void *context),
                           void *context);
void vmb_sim_live_on_host(struct vmb_sim_live *live, void (*function)(void *context),
                          void *context);

/* Connect the guest, and wait until all offers have been delivered, or for how it failed. */
VMB_NODISCARD vmb_status vmb_sim_live_connect(struct vmb_sim_live *live);

/*
 * Let the guest sleep, and wait until it does; let it awake, and wait until all offers have been
 * delivered. VMB_ERR_WRONG_STATE: not connected, or not asleep.
 */
VMB_NODISCARD vmb_status vmb_sim_live_suspend(struct vmb_sim_live *live);
VMB_NODISCARD vmb_status vmb_sim_live_resume(struct vmb_sim_live *live);

/*
 * Another host in place of this one, made from what it saves: vmb_sim_host_replace(), with all
 * threads stopped meanwhile. VMB_ERR_BUSY: not now.
 */
VMB_NODISCARD vmb_status vmb_sim_live_replace_host(struct vmb_sim_live *live,
                                                   void (*offer)(void *context), void *context);

/* Let the guest leave the bus, and wait for its end. VMB_ERR_WRONG_STATE: it is not connected. */
VMB_NODISCARD vmb_status vmb_sim_live_unload(struct vmb_sim_live *live);

/*
 * Wait until a condition holds; it is called on this thread. False: it does not hold after
 * @timeout_ns, or nothing has moved for ten seconds; then the world is dumped to stderr.
 */
bool vmb_sim_live_wait(struct vmb_sim_live *live, bool (*condition)(void *context), void *context,
                       uint64_t timeout_ns);

/*
 * The end: faults off, guest unloaded, host reset, threads joined, everything freed. Devices must
 * be out of the control planes' reach only after this.
 */
void vmb_sim_live_stop(struct vmb_sim_live *live, struct vmb_sim_report *out_report);

#endif /* VMB_SIM_LIVE_H */
