/* SPDX-License-Identifier: MIT */
/*
 * A runner in virtual time: all actors on one thread, in an order that follows from a seed.
 *
 * Time stands still while an actor acts and jumps to whoever is due next. An actor that is woken is
 * due a little later, by a delay that the seed chooses; so actors overtake each other as VPs,
 * threads and hypervisors do. Between an actor's own calls of its platform (see vmb_sim_tap.h)
 * others may act, nested, as an interrupt or another processor does: a handler can be caught in the
 * middle by a close, a rescind or the same channel's next event.
 *
 * Signals may be put off: a doorbell as long as an eventfd may take, an event for the guest until
 * the host's next message at the latest, because a hypervisor keeps these in order.
 *
 * Everything that happens goes into a digest, and as lines into a trace if one is wished.
 */
#ifndef VMB_SIM_VIRTUAL_H
#define VMB_SIM_VIRTUAL_H

#include <stdio.h>

#include "sim/vmb_sim_actor.h"
#include "sim/vmb_sim_random.h"
#include "sim/vmb_sim_tap.h"
#include "sim/vmb_sim_world.h"

#define VMB_SIM_VIRTUAL_ACTORS  48u
#define VMB_SIM_VIRTUAL_EFFECTS 256u
#define VMB_SIM_VIRTUAL_DEPTH   4u

struct vmb_sim_virtual_options {
    uint64_t seed;
    uint32_t delay_ns;          /* From a wake-up to the act, at the most. Default 20000. */
    uint32_t long_per_mille;    /* Of wake-ups: delayed fifty times as long. */
    uint32_t preempt_per_mille; /* Of calls: somebody else acts meanwhile. */
    uint32_t put_off_per_mille; /* Of signals: they arrive later, and out of order. */
    uint32_t stall_per_mille;   /* Of acts: the actor then does nothing for a while. */
    uint32_t stall_ns;          /* For at most so long. Default 1 ms. */
    FILE *trace;                /* NULL: none. */
};

struct vmb_sim_virtual_actor {
    struct vmb_sim_virtual *runner;
    struct vmb_sim_actor *actor;
    uint64_t due_ns;
    uint64_t stalled_ns; /* It does nothing before. */
    uint64_t turn;       /* Among those who are due at the same time: first come, first served. */
    bool acting;
    uint32_t pace; /* Its delays are so many times as long; 1 at first. */
    bool nests;    /* It may act while others are in the middle of something. */
};

struct vmb_sim_virtual {
    struct vmb_sim_virtual_options options;
    struct vmb_sim_random random;
    struct vmb_sim_world *world;
    struct vmb_sim_tap tap;
    uint64_t now_ns;
    uint64_t turn;
    uint64_t digest;
    uint64_t acts;        /* Steps of actors. */
    uint64_t preemptions; /* Of those: nested. */
    uint32_t depth;
    bool faults_on;
    struct vmb_sim_virtual_actor actors[VMB_SIM_VIRTUAL_ACTORS];
    uint32_t actor_count;
    struct {
        struct vmb_sim_effect effect;
        uint64_t due_ns;
    } effects[VMB_SIM_VIRTUAL_EFFECTS];
    uint32_t effect_count;

    /* A listener's; each may be NULL. */
    void *context;
    vmb_status (*before)(void *context, enum vmb_sim_point point);
    bool (*lose)(void *context, enum vmb_sim_point point);
    void (*message)(void *context, bool to_guest, const void *bytes, uint32_t byte_count);
};

/* Make a runner, before the world is made: the world's machine takes its clock and its tap. */
void vmb_sim_virtual_init(struct vmb_sim_virtual *runner,
                          const struct vmb_sim_virtual_options *options,
                          struct vmb_sim_machine_options *machine);

/* The world is made: its actors are the runner's from now on. */
void vmb_sim_virtual_adopt(struct vmb_sim_virtual *runner, struct vmb_sim_world *world);

/* One actor more, such as a script. It never acts while another is in the middle of something. */
struct vmb_sim_virtual_actor *vmb_sim_virtual_add(struct vmb_sim_virtual *runner,
                                                  struct vmb_sim_actor *actor);

/* Which of the runner's actors that is. */
struct vmb_sim_virtual_actor *vmb_sim_virtual_of(struct vmb_sim_virtual *runner,
                                                 const struct vmb_sim_actor *actor);

/* Faults, stalls and long delays happen from now on, or do not. */
void vmb_sim_virtual_set_faults(struct vmb_sim_virtual *runner, bool on);

/* An actor does nothing until then. Off: it is due at once. */
void vmb_sim_virtual_stall(struct vmb_sim_virtual *runner, const struct vmb_sim_actor *actor,
                           uint64_t until_ns);

/*
 * Act until a condition holds, which is looked at after each act. False: it does not hold at
 * @until_ns, or nobody will ever act again. NULL: act until then.
 */
bool vmb_sim_virtual_run(struct vmb_sim_virtual *runner, bool (*condition)(void *context),
                         void *context, uint64_t until_ns);

/* All signals that are on their way arrive. */
void vmb_sim_virtual_flush(struct vmb_sim_virtual *runner, bool to_guest);

/* Something has happened: into the digest, and into the trace. */
void vmb_sim_virtual_note(struct vmb_sim_virtual *runner, const char *what, uint64_t first,
                          uint64_t second);

#endif /* VMB_SIM_VIRTUAL_H */
