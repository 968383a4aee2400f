/* SPDX-License-Identifier: MIT */
/*
 * The host library at work in this process: its platform, and the doorbells of open channels as
 * eventfds that KVM signals without leaving the guest.
 */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include "ports/kvm/vmm_kvm.h"
#include "ports/kvm/vmm_loop.h"
#include "ports/kvm/vmm_memory.h"
#include "ports/kvm/vmm_synic.h"

#include <stdatomic.h>
#include <vmbus/host.h>

#define VMM_BUS_CHANNELS 256u

struct vmm_bus;

struct vmm_doorbell {
    struct vmm_bus *bus;
    uint32_t connection_id; /* 0: not in use. */
    struct vmm_source source;
};

struct vmm_bus {
    struct vmm_loop *loop;
    struct vmm_memory *memory;
    const struct vmm_kvm *kvm;
    struct vmm_synic *synic;
    struct vmb_host *host;
    void *memory_of_host;
    struct vmm_doorbell doorbells[VMM_BUS_CHANNELS];
    struct vmm_source wake;
    /* By event flag: the VP to interrupt instead of the one that the guest chose, plus 1; 0: that.
     */
    atomic_ushort redirected[VMB_RELID_COUNT];
    uint64_t looked_ns; /* When hanging channels were last looked for. */
    atomic_bool awake;  /* The loop will look at the host before it waits. */
    vmb_log_function log;
    void *log_context;
};

/* Where the parts of a bus are; they stay there. */
struct vmm_bus_options {
    struct vmm_loop *loop;
    struct vmm_memory *memory;
    const struct vmm_kvm *kvm;
    struct vmm_synic *synic;
    uint32_t cpu_count;
    uint32_t max_version;          /* 0: the newest. */
    struct vmb_host_events events; /* struct_bytes is filled in. */
    vmb_log_function log;          /* Any thread. */
    void *log_context;
};

bool vmm_bus_init(struct vmm_bus *bus, const struct vmm_bus_options *options,
                  struct vmm_error *error);

/* It is idle. */
void vmm_bus_deinit(struct vmm_bus *bus);

/*
 * Do what there is to do, some of it. Returns when to call again: 0: at once; UINT64_MAX: when
 * something happens. Loop's thread.
 */
uint64_t vmm_bus_work(struct vmm_bus *bus);

/*
 * The machine has stopped: let go of everything that is the guest's. Devices may need some time, so
 * go on working until the bus is idle. Loop's thread.
 */
void vmm_bus_reset(struct vmm_bus *bus);
bool vmm_bus_is_idle(const struct vmm_bus *bus);

/*
 * Raise the interrupts of the channel with this relid on another VP than its guest has chosen, as
 * they may come while a channel moves; VMB_VP_NONE: on that one again. Until the guest leaves the
 * bus. Guests may give a channel an event flag that is not its relid: with those it has no effect.
 * False: no such relid or VP. Loop's thread.
 */
bool vmm_bus_redirect(struct vmm_bus *bus, uint32_t relid, uint32_t vp);
void vmm_bus_redirect_none(struct vmm_bus *bus);

/* Where they go instead; VMB_VP_NONE: where the guest wants them. */
uint32_t vmm_bus_redirected(const struct vmm_bus *bus, uint32_t relid);

/* Have the loop look at the host again. Any thread. */
void vmm_bus_wake(struct vmm_bus *bus);

#endif /* VMM_BUS_H */
