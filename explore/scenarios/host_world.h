/* SPDX-License-Identifier: MIT */
/*
 * The other world: a real host, with devices, and a guest that is played. Its VPs post messages and
 * ring doorbells; runners run handlers; the control plane polls.
 */
#ifndef EXPLORE_HOST_WORLD_H
#define EXPLORE_HOST_WORLD_H

#include <vmbus/host.h>
#include <vmbus/platform/atomic.h>

#include "explore/engine/xpl.h"

#define HOST_WORLD_VPS 2u

/* A device of the host, and what the guest did for it. */
struct host_device {
    const char *name;
    struct vmb_host_channel *channel;
    struct vmb_endpoint *endpoint; /* While it is open. */
    uint32_t relid;
    uint32_t ring_gpadl;
    uint8_t *rings;
    vmb_atomic_word produced; /* Work that the guest has put there before it signals. */
    uintptr_t seen;           /* What the handler saw of it, last. The device's own, plain. */
    vmb_atomic_u32 inside;    /* Ghost: handlers that run now. */
    vmb_atomic_u32 closed;    /* Ghost: `closed` has been called. */
    uint32_t controls;        /* Calls of hooks.control. The control plane's. */
    uint32_t wish;            /* What hooks.control is to see. Plain. */
    bool asks;                /* The handler asks for hooks.control. */
    bool receives;            /* The handler takes packets out of the ring. */
    bool lazy;                /* Its guest signals by the monitor page. */
    uint8_t monitor;          /* Which bit of it. */
    uint32_t received;
    /* A driver of its own, instead of this world's; `context` is what it is called with. */
    const struct vmb_driver *driver;
    const struct vmb_host_hooks *hooks;
    void *context;
    struct vmb_ring_tx ring; /* The guest's end of the ring to the host, if it is used. */
};

extern struct vmb_host *host_world;

/* For `prepare`: a host and a guest that is connected with this version. */
void host_world_begin(uint32_t version);

/*
 * For `prepare`: the host offers, and the guest opens it on VP 0. Relids count from 1. The second
 * does all but open it: host_world_ask_open() has the guest ask for that.
 */
void host_world_open(struct host_device *device);
void host_world_offer(struct host_device *device);
void host_world_ask_open(struct host_device *device);

/* For `prepare`: the guest's end of its ring to the host. */
void host_world_ring(struct host_device *device);

/* The guest: has work and signals; writes a packet that holds @number, and signals if need be. */
void host_world_signal(struct host_device *device);
void host_world_send(struct host_device *device, uint32_t number);

/* The guest: a message of it, posted by any VP. */
void host_world_post(const struct vmb_message *message);

/* The guest: shares these pages. Page numbers count from HOST_WORLD_PAGE; the first are rings. */
void host_world_share(uint32_t relid, uint32_t handle, const uint64_t *pages, uint32_t page_count);

/* A thread for ever: runs handlers whenever the host says that some are due. */
void host_world_runner(void *argument);

/* A thread for ever: the control plane. */
void host_world_control(void *argument);

/* For `prepare`: whatever is to be done on the host, until all is quiet. */
void host_world_run_all(void);

/* For `check`: the control plane, once more; all that was produced has been seen. */
void host_world_settle(void);
void host_world_expect_seen(const struct host_device *device);

/* How many messages of this number the guest has got. */
uint32_t host_world_heard(uint32_t number);

/* For `check`: no interrupt of VP 0 came after the guest had the answer to its move. */
void host_world_expect_drained(void);

/* The guest signals as before 2.4, or by the monitor page; and then its clock ticks. */
void host_world_signal_legacy(struct host_device *device);
void host_world_signal_lazily(struct host_device *device);
void host_world_time_passes(void);

/* The device has work for the guest and signals it; VP 0 of a guest as before 2.4, for ever. */
void host_world_raise(struct host_device *device);
void host_world_takes_interrupts(void);
void host_world_legacy_vp(void *devices);

/* The guest does not empty its message slot, or does again. Control plane. */
void host_world_fill_slot(bool full);

#endif /* EXPLORE_HOST_WORLD_H */
