/* SPDX-License-Identifier: MIT */
/*
 * The world that scenarios play in: a real guest on two VPs, connected by its own public functions
 * to a host that is played here, and the hypervisor between them.
 *
 * What the hypervisor does is made of steps like everything else: it sets an event flag with one
 * atomic operation and raises an interrupt only if the flag was clear (TLFS 11.7); the interrupt
 * stays pending until the VP takes it, and what was done before it was raised is seen by its
 * handler.
 */
#ifndef EXPLORE_WORLD_H
#define EXPLORE_WORLD_H

#include <vmbus/driver.h>
#include <vmbus/guest.h>
#include <vmbus/platform/atomic.h>
#include <vmbus/ring.h>

#include "explore/engine/xpl.h"

#define WORLD_VPS 2u

/* A device: the host's end and the guest's driver instance in one. */
struct world_device {
    const char *name;
    uint32_t relid;
    struct vmb_channel *channel;
    struct vmb_endpoint *endpoint; /* While it is open. */
    vmb_atomic_word produced;      /* Work that the host has put there before it signals. */
    uintptr_t seen;                /* What the handler saw of it, last. The driver's own, plain. */
    vmb_atomic_u32 inside;         /* Ghost: handlers that run now. */
    vmb_atomic_u32 closed;         /* Ghost: `closed` has been called. */
    vmb_atomic_u32 target;         /* The host's: VP that it interrupts. */
    bool polls_outside;            /* world_poller() does the work of a polled one. */
    bool poller_waits;             /* For its first event; else `prepare` itself polls. */
    vmb_atomic_u32 poll;           /* The handler asks the poller to begin. */
    bool watched;                  /* Count who is inside, step by step. */
    enum vmb_notify notify;        /* How it was opened. */
    uint8_t *rings;                /* Its pages: to the host, to the guest. */
    struct vmb_ring_tx ring;       /* The host's end of the ring to the guest, if it is used. */
    uint32_t received;             /* Packets that the handler took out of it. */
    uint32_t kicks;                /* How often the handler asks to be run again. */
    uint32_t runs;                 /* How often it has run. */
    uint8_t instance;              /* Its name, whatever its relid is. */
    uint16_t subchannel;           /* So many relids after its primary channel; 0: it is one. */
};

extern struct vmb_guest *world_guest;

/* To be called by `prepare`: a guest that is connected with this version. */
void world_begin(uint32_t version);

/* The same, but not connected yet: world_connect() does. Or with VP 0 in service only. */
void world_begin_unconnected(uint32_t version);
void world_begin_one_vp(uint32_t version);

/* Connect to the bus, until all offers are there. Control plane. */
void world_connect(void);

/* Clear a VP's pages and put it into service. Control plane, in a thread. */
void world_start_vp(uint32_t vp);

/* Interrupt a VP, for whatever reason. */
void world_interrupt(uint32_t vp);

/* Sleep, and wake until the device is there again. Control plane, in a thread. */
void world_sleep(void);
void world_wake(struct world_device *device);

/* For `prepare`: what will be offered when the guest wakes, and how. */
void world_will_wake(struct world_device *first, uint32_t first_relid, struct world_device *second,
                     uint32_t second_relid);

/* For `prepare`: one interrupt may run handlers so often. */
void world_limits_runs(uint32_t limit);

/* Offer a channel for the device, and have the guest know it. */
void world_offer(struct world_device *device, uint32_t relid);

/* Open its channel, from the first request to the last answer. */
void world_open(struct world_device *device, enum vmb_notify notify, uint32_t vp);

/* A message of the host, into VP 0's slot; then the control plane takes it. One at a time. */
void world_host_says(const struct vmb_message *message);

/*
 * For `prepare`: the control plane runs on VP 0, which takes the interrupts of messages between two
 * of its steps. VP 0 has no thread of its own then, and no events.
 */
void world_control_on_vp_0(void);

/* For `prepare`: the message is in the slot, and the interrupt has said so. */
void world_host_has_said(const struct vmb_message *message);

/* Run the control plane, and answer it, until nobody has anything to say. */
void world_settle(void);

/* The host sets a flag of VP @vp; the hypervisor interrupts that VP if the flag was clear. */
void world_set_flag(uint32_t relid, uint32_t vp);

/* The host has work for the device: put it there, then signal the VP that the port names now. */
void world_signal(struct world_device *device);

/* The same, whatever the port says: signals that were under way when it changed. */
void world_signal_vp(struct world_device *device, uint32_t vp);

/* For `prepare`: an event that the VP has taken already; its handler is still due. */
void world_signal_taken(struct world_device *device, uint32_t vp);

/* The host's end of the ring to the guest. For `prepare`, once the channel is open. */
void world_ring(struct world_device *device);

/* The host sends a packet that holds @number, and signals if the ring says so. */
void world_send(struct world_device *device, uint32_t number);

/* As a host older than 2.4: a bit of the interrupt page, then flag 0 of VP 0. */
void world_signal_legacy(struct world_device *device);

/* For `prepare`: channels are offered with a monitor of their relid's number, and opened for it. */
void world_will_monitor(void);

/* The word of the guest's monitor page that has the bits of a group of 32 monitors. */
vmb_atomic_u32 *world_monitor_pending(uint32_t group);

/* A host older than 2.4: waits for the guest's doorbell; takes the first relids' bits. */
uint32_t world_take_doorbell(void);

/* The hypervisor puts an offer into VP 0's slot; @more: and has another message for it. */
void world_deliver_offer(uint32_t relid, bool more);

/* Wait, as the hypervisor, for EOM; as the control plane, for word that there is work. */
void world_await_emptied(void);
void world_await_work(void);

/* Wait, as the host, until it has heard OpenChannel. */
void world_await_asked(void);

/* For `prepare`: this scenario waits for VPs, in one of the next two. */
void world_will_close(void);

/* Close the channel and go on until the rings have been given back. Control plane, in a thread. */
void world_close(struct world_device *device);

/* Go on until the host has heard that the relid is free. Control plane, in a thread. */
void world_until_released(uint32_t relid);

/* For `prepare`: a thread will offer it. */
void world_will_offer(struct world_device *device, uint32_t relid);

/* The device changes while threads run. For `prepare`. */
void world_keep(struct world_device *device);

/* A VP for ever: takes interrupts, and runs what they leave. The argument is its number. */
void world_vp(void *argument);

/* For designs that are not the library's: wait for the VP's interrupt; take its flags. */
void world_take_interrupt(uint32_t vp);
uintptr_t world_take_flags(uint32_t first_relid, uint32_t vp);

/* For `prepare`: what VP 0's interrupts leave is run by world_runner(), a thread beside them. */
void world_runs_apart(void);
void world_runner(void *argument);

/* For `prepare`: gates that world_runner() finds lent are lent to this VP; else to VP 0. */
void world_lends_to(uint32_t vp);

/* For `prepare`: after an interrupt of VP 1 one handler is run, and what is left is left. */
void world_no_runs_on_1(void);

/* For `prepare`: the next one will be called. */
void world_will_stop(void);

/* The VP finishes what it is in and takes no interrupt any more. Control plane, in a thread. */
void world_vp_stops(uint32_t vp);

/* A poller for ever, of a device that polls outside the interrupt. */
void world_poller(struct world_device *device);

/* All that was produced has been seen by a handler that started afterwards. For `check`. */
void world_expect_seen(const struct world_device *device);

/* The close, or the release, comes to its end now that everybody is at rest. For `check`. */
void world_expect_closed(const struct world_device *device);
void world_expect_released(uint32_t relid);

/* Every flag that was set has been counted as exactly one thing, if no VP has more to do. */
void world_expect_accounted(void);
/* None of them as an event of a closed channel: for scenarios in which none is closed. */
void world_expect_no_stray(void);

#define WORLD_VP(number)                                                                           \
    {                                                                                              \
        .name = "VP " #number, .run = world_vp, .argument = (void *)(uintptr_t)(number),           \
        .service = true                                                                            \
    }

#endif /* EXPLORE_WORLD_H */
