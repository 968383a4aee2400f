/* SPDX-License-Identifier: MIT */
/*
 * A host in the machine: the host library behind the machine's ports. This file is what a VMM's
 * glue to the library is, with the machine in place of KVM.
 */
#ifndef VMB_SIM_HOST_H
#define VMB_SIM_HOST_H

#include <vmbus/host.h>

#include "sim/vmb_sim_machine.h"

#define VMB_SIM_HOST_WORKERS 16u

struct vmb_sim_host {
    struct vmb_sim_machine *machine;
    struct vmb_host *host; /* Its control plane belongs to the `control` actor. */
    void *memory;
    size_t memory_bytes;
    struct vmb_host_options options;
    struct vmb_host_platform platform;
    struct vmb_host_events events;
    struct vmb_sim_actor control;
    struct vmb_sim_actor workers[VMB_SIM_HOST_WORKERS]; /* They run devices. */
    uint32_t worker_count;
    vmb_atomic_u32 next_worker;
    struct vmb_hv_message_port port; /* Where the guest's messages wait. */
    struct vmb_sim_random random;    /* Of the `control` actor. */
    vmb_log_function log;
    void *log_context;
};

/* Put this into the machine's hooks, with the vmb_sim_host as `host`. */
void vmb_sim_host_on_slot_free(void *host);

/* A signal to the guest that a tap has put off arrives. */
void vmb_sim_host_deliver(struct vmb_sim_host *host, const struct vmb_sim_effect *effect);

/*
 * Make a host. @options: vp_count is the machine's, whatever it says. @worker_count: 1 to
 * VMB_SIM_HOST_WORKERS. Before any actor acts.
 */
VMB_NODISCARD vmb_status vmb_sim_host_init(struct vmb_sim_host *host,
                                           struct vmb_sim_machine *machine, uint32_t worker_count,
                                           const struct vmb_host_options *options,
                                           const struct vmb_host_events *events,
                                           vmb_log_function log, void *log_context);

/*
 * Another host in its place, made from what the old one saves, as if a VMM were updated under its
 * guest: the old one is reset, @offer puts the devices on the new one's bus, fresh as at their
 * init. VMB_ERR_BUSY: not now, nothing has happened. VMB_ERR_NO_MEMORY: likewise, but the guest has
 * lost its host: what maps pages or opens doorbells has failed, and *@out_host_lost is set. No
 * actor acts on the host meanwhile, and no VP runs.
 */
VMB_NODISCARD vmb_status vmb_sim_host_replace(struct vmb_sim_host *host,
                                              void (*offer)(void *context), void *context,
                                              bool *out_host_lost);

/* The end. VMB_ERR_WRONG_STATE: reset first. No actor acts any more. */
VMB_NODISCARD vmb_status vmb_sim_host_deinit(struct vmb_sim_host *host);

#endif /* VMB_SIM_HOST_H */
