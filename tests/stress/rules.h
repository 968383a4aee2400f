/* SPDX-License-Identifier: MIT */
/*
 * The rules of the interrupt path (docs: R1 to R10), shaken by real threads.
 *
 * Signallers set event flags as fast as they can while a churner closes, opens, moves and loses the
 * channels. Each channel has one signaller, which numbers its events; the channel's handler says
 * which number it has seen. An event of a channel that is open must be seen, whatever else happens
 * (R2, R4); the handler runs on one VP at a time (R5), only between opened and closed (R6), for its
 * own channel only (R7); and at the end every flag ever set has been accounted for (R3, R8, R9).
 * Meanwhile a VP leaves service and comes back (R12), and the host offers what no host may (R1).
 */
#ifndef RULES_H
#define RULES_H

#include <pthread.h>

#include "sim/vmb_sim_guest.h"
#include "sim/vmb_sim_machine.h"
#include "sim/vmb_sim_threads.h"

#include "small_host.h"

#define RULES_VPS        3u
#define RULES_VP_OUT     2u /* Leaves service now and then. */
#define RULES_SIGNALLERS 2u
#define RULES_DEVICES    24u

/* What broke, by rule; one counter each, so that a test's failure says which. */
enum rules_fault {
    RULES_LOST,          /* R4: an event of an open channel started nothing. */
    RULES_TWICE,         /* R5: the handler ran on two VPs at once. */
    RULES_NOT_OPEN,      /* R6: the handler ran outside opened .. closed. */
    RULES_CLOSED_INSIDE, /* R6: closed was called while the handler ran. */
    RULES_REFUSED,       /* R12: no VP that the channel points at takes a flag. */
    RULES_CALL_FAILED,   /* The control plane refused or failed what must succeed. */
    RULES_FAULTS
};

struct rules;

struct rules_device {
    struct rules *rules;
    uint32_t relid;
    enum vmb_notify notify;

    /* Odd while an event must be answered: from OpenChannel at the host until the guest begins to
     * close or the host to rescind. */
    VMB_CACHE_ALIGNED vmb_atomic_u32 epoch;
    vmb_atomic_u32 posted; /* The number of the last event; its signaller's. */
    /* Its signaller waits for that one: do not close the channel, for the reopening would start the
     * handler and hide that it was lost. */
    vmb_atomic_u32 waiting;
    VMB_CACHE_ALIGNED vmb_atomic_u32 seen; /* What the handler saw last. */
    vmb_atomic_u32 inside;
    vmb_atomic_u32 accepting; /* Between opened and closed. */
    vmb_atomic_u32 poll_me;   /* VMB_NOTIFY_POLLED: the poller owns it. */
    vmb_atomic_word handled;

    /* The guest's control plane. */
    struct vmb_channel *channel;
    bool busy;       /* An operation is under way. */
    bool rescinding; /* The host takes it away, or has; until it is offered again. */
};

struct rules_signaller {
    struct rules *rules;
    uint32_t index;
    pthread_t thread;
    struct vmb_sim_random random;
    uint64_t edges;    /* Flags that went from 0 to 1. */
    uint64_t doubtful; /* Of those: of a channel that was not open throughout. */
    uint64_t unmapped; /* Of those: of a relid that has never been offered. */
    uint64_t verified; /* Events that were waited for. */
    uint64_t refused;  /* Flags that a VP out of service refused. */
};

struct rules {
    struct vmb_sim_machine machine;
    struct vmb_sim_guest guest;
    struct small_host host;
    struct vmb_sim_threads *threads;
    struct rules_device devices[RULES_DEVICES];
    struct rules_signaller signallers[RULES_SIGNALLERS];
    pthread_t poller;
    uint64_t edge_target;

    vmb_atomic_u32 connected;    /* 1 + -status. */
    vmb_atomic_u32 delivered;    /* All offers have come. */
    vmb_atomic_u32 unloaded;     /* 1 + -status. */
    vmb_atomic_u32 churning;     /* The churner may begin operations. */
    vmb_atomic_u32 stop_signals; /* The signallers end. */
    vmb_atomic_u32 stop_poller;
    vmb_atomic_u32 signallers_running;
    vmb_atomic_word edges; /* Of all signallers, now and then. */
    vmb_atomic_u32 faults[RULES_FAULTS];
    vmb_atomic_u32 rescind_wanted; /* Index + 1 of a device that the host shall rescind. */

    /* The churner's, which is the guest's control plane. */
    struct vmb_sim_random random;
    uint64_t closes;
    uint64_t moves;
    uint64_t rescinds;
    uint64_t vp_stops;
    bool vp_out;         /* RULES_VP_OUT is out of service, or on its way. */
    bool vp_stopped;     /* And quite stopped. */
    uint64_t flags_lost; /* Flags of unmapped relids on pages that have been given back. */
};

VMB_INLINE void rules_fault(struct rules *rules, enum rules_fault fault)
{
    (void)vmb_atomic_fetch_add(&rules->faults[fault], 1u, VMB_RELAXED);
}

/* Make the epoch even: from here on an event need not be answered. Any thread. */
VMB_INLINE void rules_epoch_end(struct rules_device *device)
{
    uint32_t epoch = vmb_atomic_load(&device->epoch, VMB_RELAXED);

    while ((epoch & 1u) != 0 && !vmb_atomic_compare_exchange(&device->epoch, &epoch, epoch + 1,
                                                             VMB_ACQ_REL, VMB_RELAXED)) {
    }
}

/* rules_devices.c: the guest's side. */
void rules_devices_init(struct rules *rules);
const struct vmb_guest_events *rules_guest_events(struct rules *rules,
                                                  struct vmb_guest_events *events);
uint64_t rules_flags_left(struct rules *rules, uint32_t vp); /* All of unmapped relids. */
bool rules_settled(struct rules *rules); /* Every channel is open, nothing is under way. */
bool rules_control_step(void *context);
uint64_t rules_control_deadline(void *context);
void *rules_poller_main(void *context);

/* rules_signals.c: the host's side. */
struct small_host_hooks rules_host_hooks(struct rules *rules);
void *rules_signaller_main(void *context);

#endif /* RULES_H */
