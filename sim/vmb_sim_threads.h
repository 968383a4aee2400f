/* SPDX-License-Identifier: MIT */
/*
 * A runner with real threads: each actor has one. What the machine's scheduler does to them is what
 * a real hypervisor does to VPs.
 */
#ifndef VMB_SIM_THREADS_H
#define VMB_SIM_THREADS_H

#include "sim/vmb_sim_actor.h"

struct vmb_sim_threads;

/* The clock of this runner: monotonic, in ns. */
uint64_t vmb_sim_threads_now_ns(void *unused);

/*
 * Start a thread for each actor; the actors stay the caller's, until stop. NULL if the system has
 * no room. @spin_ns: how long an idle actor looks for work before it sleeps; 0 is kind to others.
 */
struct vmb_sim_threads *vmb_sim_threads_start(struct vmb_sim_actor *const *actors,
                                              uint32_t actor_count, uint64_t spin_ns);

/* Let each actor end its step, and join all threads. */
void vmb_sim_threads_stop(struct vmb_sim_threads *threads);

/*
 * Call a function where an actor acts: between two of its steps, and after that step. Returns when
 * it has returned. Not from an actor.
 */
void vmb_sim_threads_call(struct vmb_sim_threads *threads, struct vmb_sim_actor *actor,
                          void (*function)(void *context), void *context);

/*
 * Wait until a condition holds. It is called on this thread, again and again.
 *
 * The watchdog: if no actor has done anything for @stall_ns, or @timeout_ns are over, returns false
 * and the caller should dump the world.
 */
bool vmb_sim_threads_wait(struct vmb_sim_threads *threads, bool (*condition)(void *context),
                          void *context, uint64_t stall_ns, uint64_t timeout_ns);

#endif /* VMB_SIM_THREADS_H */
