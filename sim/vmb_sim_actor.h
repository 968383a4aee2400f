/* SPDX-License-Identifier: MIT */
/*
 * An actor: one thing in the simulated world that acts by itself, such as a VP or a host's worker.
 *
 * The world is made of actors and knows no threads. A runner makes them act: it calls `step` of
 * each, one call at a time for one actor, of different actors at once or in any order it likes.
 */
#ifndef VMB_SIM_ACTOR_H
#define VMB_SIM_ACTOR_H

#include <vmbus/platform/atomic.h>
#include <vmbus/types.h>

struct vmb_sim_actor {
    const char *name;
    uint32_t index; /* Among those of that name. */
    void *context;
    /* Do what there is to do, a bounded amount. True: there is more to do at once. */
    bool (*step)(void *context);
    /* When to step even if nobody wakes the actor; NULL or VMB_NEVER: never. From step's caller. */
    uint64_t (*next_deadline_ns)(void *context);

    /* The runner's. */
    void (*notify)(void *runner, struct vmb_sim_actor *actor);
    void *runner;
    void *runner_actor;
    vmb_atomic_u32 woken;
    vmb_atomic_word steps;
};

/* There is something to do for this actor. Any thread, also from within its own step. */
VMB_INLINE void vmb_sim_wake(struct vmb_sim_actor *actor)
{
    /*
     * Release: pairs with the runner's acquire exchange before the step; it sees what there is to
     * do. Sequentially consistent besides: a runner that goes to sleep says so, then looks at this.
     */
    if (vmb_atomic_exchange(&actor->woken, 1u, VMB_SEQ_CST) == 0 && actor->notify != NULL) {
        actor->notify(actor->runner, actor);
    }
}

#endif /* VMB_SIM_ACTOR_H */
