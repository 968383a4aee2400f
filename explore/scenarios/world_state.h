/* SPDX-License-Identifier: MIT */
/* What world.c, the control plane and the host, and world_vps.c, the hypervisor and VPs, share. */
#ifndef EXPLORE_WORLD_STATE_H
#define EXPLORE_WORLD_STATE_H

#include "explore/scenarios/world.h"
#include "explore/scenarios/world_device.h"

#include <vmbus/hv.h>

#define SINT      2u
#define PAGES     48u
#define DEVICES   4u
#define WORD_BITS ((uint32_t)sizeof(uintptr_t) * 8u)
#define GHOST     XPL_GHOST
#define ANSWERS   8u

struct world_state {
    uint32_t pages_given;
    struct world_device *devices[DEVICES]; /* Offered so far. */
    uint32_t device_count;
    struct world_device *offering;
    uint32_t version;
    uint8_t *last_shared;
    bool runs_apart;
    uint32_t borrower;   /* VP that gates are lent to, if VP 0 is run apart. */
    uint32_t run_limit;  /* Of handlers in one interrupt; 0: nobody counts. */
    bool no_runs_on_1;   /* VP 1 runs one handler after an interrupt, and no more. */
    uint32_t runs_first; /* VP that has something to run at the start. */
    bool control_on_0;   /* VP 0's interrupts come between two steps of the control plane. */
    bool monitors;       /* Channels have lazy doorbells. */
    bool stops;          /* VPs go out of service. */
    bool sleeps;         /* Time enough passes for all to be visible. */
    bool suspended;
    struct world_device *resumes[DEVICES]; /* What is offered when the guest comes back. */
    bool closes;       /* The control plane waits for VPs to leave the dispatch. */
    uint32_t released; /* Relid of the last RelIdReleased. */
    struct vmb_message answers[ANSWERS];
    uint32_t answer_count;
    uint32_t handled[XPL_THREADS + 1]; /* Handlers that a thread has called. */
};

/* What threads wait for, and who does what. */
struct world_signs {
    vmb_atomic_u32 interrupt[WORLD_VPS]; /* The hypervisor's: one waits for the VP. */
    vmb_atomic_u32 work;                 /* The control plane was told of work. */
    vmb_atomic_u32 powered[WORLD_VPS];   /* 1: the VP is on, and in no interrupt. */
    vmb_atomic_u32 emptied;              /* EOM was written. */
    vmb_atomic_u32 due;                  /* VP 0 has something to run. */
    /* [VP][who runs for VP]: it has left an interrupt, so who found it inside may look again. */
    vmb_atomic_u32 left[WORLD_VPS][WORLD_VPS];
    vmb_atomic_u32 port;     /* 1: the lock on the host's ports is free. */
    vmb_atomic_u32 asked;    /* The host has heard OpenChannel. */
    vmb_atomic_u32 doorbell; /* The guest has signalled. */
    vmb_atomic_u32 tick;     /* Somebody has left the dispatch. Ghost: it orders nothing. */
};

extern struct world_state world;
extern struct world_signs world_signs;
extern uint8_t world_messages[WORLD_VPS][VMB_PAGE_BYTES];
extern uint8_t world_events[WORLD_VPS][VMB_PAGE_BYTES];
extern uint8_t world_shared[PAGES][VMB_PAGE_BYTES];

void world_die(const char *why);
void world_makes_due(void);

/* The word of a VP's flags that has this relid's. */
vmb_atomic_word *world_flag_word(uint32_t relid, uint32_t vp);

/*
 * A host of 5.3 or later answers a move only when no signal that began before can still reach the
 * old VP: its ports change under the lock that its signallers hold. An older one does not.
 */
void world_port_lock(void);
void world_port_unlock(void);

#endif /* EXPLORE_WORLD_STATE_H */
