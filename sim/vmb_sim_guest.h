/* SPDX-License-Identifier: MIT */
/*
 * A guest in the machine: the guest library on the machine's VPs. This file is what a port of the
 * library to an operating system is, with the machine in place of the hardware.
 */
#ifndef VMB_SIM_GUEST_H
#define VMB_SIM_GUEST_H

#include <vmbus/guest.h>
#include <vmbus/power.h>

#include "sim/vmb_sim_machine.h"

struct vmb_sim_guest {
    struct vmb_sim_machine *machine;
    struct vmb_guest *guest; /* Its control plane belongs to the `control` actor. */
    void *memory;
    struct vmb_sim_actor control;
    struct vmb_sim_random random; /* Of the `control` actor. */
    struct vmb_pages post_page;   /* Input block of HvPostMessage. */
    uint32_t shares;              /* Times the library has asked for pages. */
    vmb_guest_vp_done vp_done;    /* Of the VP that is being stopped. */
    void *vp_done_context;
    bool vp_stopping; /* A VP is being stopped. */
    vmb_log_function log;
    void *log_context;
};

/* Put this into the machine's hooks, with the vmb_sim_guest as `guest`. */
void vmb_sim_guest_on_interrupt(void *guest, uint32_t vp);
bool vmb_sim_guest_run(void *guest, uint32_t vp);

/* A signal to the host that a tap has put off arrives. */
void vmb_sim_guest_deliver(struct vmb_sim_guest *guest, const struct vmb_sim_effect *effect);

/*
 * Make a guest and bring all VPs up. @options: vp_count is the machine's, whatever it says.
 * Before any actor acts.
 */
VMB_NODISCARD vmb_status vmb_sim_guest_init(struct vmb_sim_guest *guest,
                                            struct vmb_sim_machine *machine,
                                            const struct vmb_guest_options *options,
                                            const struct vmb_guest_events *events,
                                            vmb_log_function log, void *log_context);

/*
 * Take a VP out of service under traffic, as a system that unplugs a CPU does: its channels move
 * away, it is masked and stopped, its last events are handed on, then @done is called, then its
 * pages are given back. Returns what vmb_guest_vp_stop() returns. The `control` actor.
 */
VMB_NODISCARD vmb_status vmb_sim_guest_vp_stop(struct vmb_sim_guest *guest, uint32_t vp,
                                               vmb_guest_vp_done done, void *context);

/* Bring it back. The `control` actor. */
VMB_NODISCARD vmb_status vmb_sim_guest_vp_start(struct vmb_sim_guest *guest, uint32_t vp);

/* The end: VPs down, memory freed. VMB_ERR_WRONG_STATE: unload first. No actor acts any more. */
VMB_NODISCARD vmb_status vmb_sim_guest_deinit(struct vmb_sim_guest *guest);

#endif /* VMB_SIM_GUEST_H */
