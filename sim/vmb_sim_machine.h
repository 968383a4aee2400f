/* SPDX-License-Identifier: MIT */
/*
 * The machine: a hypervisor with one guest's memory and VPs. It owns the emulated SynIC and the
 * ports (<vmbus/hv_synic.h>, <vmbus/hv_ports.h>), and gives each VP one interrupt line.
 *
 * A VP is two actors: `interrupts` takes its interrupts, `runner` is the rest of the VP, which runs
 * what the interrupts made ready. Run at once by two threads, they are what an interrupt that
 * preempts, and a handler that is preempted, look like.
 *
 * It knows neither the guest nor the host library: who they are is said by struct
 * vmb_sim_machine_hooks.
 */
#ifndef VMB_SIM_MACHINE_H
#define VMB_SIM_MACHINE_H

#include <pthread.h>

#include <vmbus/hv_ports.h>
#include <vmbus/hv_synic.h>

#include "sim/vmb_sim_actor.h"
#include "sim/vmb_sim_faults.h"
#include "sim/vmb_sim_memory.h"
#include "sim/vmb_sim_random.h"
#include "sim/vmb_sim_tap.h"

/* The vector that the simulated guest gives SINT 2. */
#define VMB_SIM_VECTOR 0x41u

/* Who lives in the machine. */
struct vmb_sim_machine_hooks {
    void *guest;
    /* The interrupt of a VP. Called by the VP's `interrupts` actor only. */
    void (*on_interrupt)(void *guest, uint32_t vp);
    /* Something was made ready for a VP. Returns true if there is more. By its `runner` actor. */
    bool (*run)(void *guest, uint32_t vp);

    void *host;
    /* A message slot of a VP may have become free. Any thread. */
    void (*on_slot_free)(void *host);
};

struct vmb_sim_machine_options {
    uint32_t vp_count;     /* Default 2. */
    uint32_t memory_pages; /* Default 8192: 32 MiB. */
    uint64_t seed;
    bool explicit_eoi; /* The guest ends interrupts itself: no auto-EOI. */
    bool always_remap; /* See vmb_sim_memory_init(). */
    struct vmb_sim_faults faults;
    uint64_t (*now_ns)(void *context); /* Default: the clock of vmb_sim_threads. */
    void *now_context;
    const struct vmb_sim_tap *tap; /* NULL: none. Stays as long as the machine. */
};

/* What the VPs have seen. Modulo the machine word. */
struct vmb_sim_vp_counters {
    uintptr_t raised;   /* Interrupts that the SynIC asked for. */
    uintptr_t merged;   /* Of those: one was pending already. */
    uintptr_t taken;    /* Interrupts that the VP took. */
    uintptr_t spurious; /* And took without anybody asking. */
    uintptr_t late;     /* And took late, on purpose. */
};

struct vmb_sim_vp {
    struct vmb_sim_machine *machine;
    uint32_t index;
    struct vmb_sim_actor interrupts;
    struct vmb_sim_actor runner;
    pthread_mutex_t lock;   /* Of the VP's SynIC registers and messages. */
    struct vmb_pages pages; /* Message page, event page; none while the VP is down. */
    bool up;
    VMB_CACHE_ALIGNED vmb_atomic_u32 line; /* An interrupt is pending. */
    vmb_atomic_u32 paused;                 /* Its actors do nothing. */
    vmb_atomic_u32 acting;                 /* How many of them do something. */
    vmb_atomic_word raised;
    vmb_atomic_word merged;
    vmb_atomic_word taken;
    vmb_atomic_word spurious;
    vmb_atomic_word late;
    struct vmb_sim_random random; /* Of the `interrupts` actor. */
};

struct vmb_sim_machine {
    struct vmb_sim_machine_options options;
    struct vmb_sim_machine_hooks hooks;
    struct vmb_sim_memory memory;
    struct vmb_hv_synic *synic;
    struct vmb_hv_ports *ports;
    struct vmb_sim_vp *vps;
    vmb_atomic_u32 faults_on;
};

/* Make a machine with all VPs down. VMB_ERR_NO_MEMORY if the system has too little. */
VMB_NODISCARD vmb_status vmb_sim_machine_init(struct vmb_sim_machine *machine,
                                              const struct vmb_sim_machine_options *options,
                                              const struct vmb_sim_machine_hooks *hooks);

/* The end; every VP is down, no actor acts. */
void vmb_sim_machine_deinit(struct vmb_sim_machine *machine);

/* Faults happen, or do not: a world is first shaken, then must come to rest. Any thread. */
void vmb_sim_machine_set_faults(struct vmb_sim_machine *machine, bool on);

/* True if faults happen now and this one does. @random is the caller's own. */
bool vmb_sim_machine_fault(struct vmb_sim_machine *machine, struct vmb_sim_random *random,
                           uint32_t per_mille);

uint64_t vmb_sim_machine_now_ns(const struct vmb_sim_machine *machine);

/*
 * Bring a VP up as a guest does: pages, SINT 2, SCONTROL. @before_unmask is called once the pages
 * are there and before an interrupt can come. VMB_ERR_NO_MEMORY, or what @before_unmask said.
 */
VMB_NODISCARD vmb_status vmb_sim_machine_vp_up(
    struct vmb_sim_machine *machine, uint32_t vp,
    vmb_status (*before_unmask)(void *context, uint32_t vp, void *message_page, void *event_page),
    void *context);

/* Mask the VP's SINT: no interrupt is raised once this has returned. */
void vmb_sim_machine_vp_mask(struct vmb_sim_machine *machine, uint32_t vp);

/* Take a VP down: mask, pages off, pages given back. The guest must have let go of them. */
void vmb_sim_machine_vp_down(struct vmb_sim_machine *machine, uint32_t vp);

/*
 * Stop a VP where it is: when this returns neither of its actors acts, nor will it until resumed.
 * Not from one of them.
 */
void vmb_sim_machine_vp_pause(struct vmb_sim_machine *machine, uint32_t vp);
void vmb_sim_machine_vp_resume(struct vmb_sim_machine *machine, uint32_t vp);

/* The guest writes a SynIC register of a VP. Any thread. */
VMB_NODISCARD vmb_status vmb_sim_machine_write(struct vmb_sim_machine *machine, uint32_t vp,
                                               uint32_t number, uint64_t value);

/* A message from the host into a VP's SINT. Any thread. */
vmb_hv_result vmb_sim_machine_post(struct vmb_sim_machine *machine, uint32_t vp, uint32_t sint,
                                   uint32_t type, const void *payload, uint32_t payload_bytes);

struct vmb_sim_vp_counters vmb_sim_machine_vp_counters(const struct vmb_sim_machine *machine,
                                                       uint32_t vp);

#endif /* VMB_SIM_MACHINE_H */
