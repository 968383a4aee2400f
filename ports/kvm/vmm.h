/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine with VMBus: the machine, its bus, its devices and a terminal on one event loop.
 * The CPUs have threads of their own, which do nothing but run the guest; all else is in the loop.
 */
#ifndef VMM_H
#define VMM_H

#include "ports/kvm/vmm_bus.h"
#include "ports/kvm/vmm_control.h"
#include "ports/kvm/vmm_device.h"
#include "ports/kvm/vmm_loop.h"
#include "ports/kvm/vmm_machine.h"
#include "ports/kvm/vmm_services.h"
#include "ports/kvm/vmm_storage.h"
#include "ports/kvm/vmm_terminal.h"
#include "ports/kvm/vmm_trace.h"

/* What happens, for whoever shows it. Loop's thread, but for `log`: any. Each may be NULL. */
struct vmm_listener {
    void *context;
    void (*started)(void *context, uint32_t boot); /* The first time 1. */
    void (*connected)(void *context, uint32_t version, uint32_t features);
    void (*disconnected)(void *context, enum vmb_host_disconnect reason);
    void (*heartbeat)(void *context, enum vmb_heartbeat heartbeat, uint32_t application_state);
    void (*asked)(void *context, vmb_status status); /* To power off; could that be passed on? */
    void (*answered)(void *context, vmb_status status, uint32_t ic_status);
    void (*ended)(void *context, enum vmm_end end);
    void (*help)(void *context);
    vmb_log_function log;
};

struct vmm_options {
    const char *kernel;
    const char *initrd; /* NULL: none. */
    const char *command_line;
    uint32_t cpu_count;
    uint64_t memory_bytes;
    const char *control;      /* Path of the control socket; NULL: none. */
    const char *trace;        /* File for a trace of all messages; NULL: none. */
    uint32_t traffic_count;   /* Traffic devices. */
    const char *const *disks; /* As in struct vmm_storage_options. */
    uint32_t disk_count;
    uint32_t max_version; /* Of the bus; 0: the newest. */
    const char *user;     /* Whom to become if this is root; NULL: nobody. */
    bool unconfined;      /* Keep root and all system calls: for debuggers. */
    bool no_timers;       /* No synthetic ones: the guest uses those of its local APICs. */
    bool no_reboot;       /* A reset ends it all, as a power-off does. */
    struct vmm_listener listener;
};

struct vmm {
    struct vmm_options options;
    struct vmm_loop loop;
    struct vmm_trace trace;
    struct vmm_machine machine;
    struct vmm_bus bus;
    struct vmm_devices devices;
    struct vmm_services services;
    struct vmm_storage *storage;
    struct vmm_terminal terminal;
    struct vmm_control control;
    struct vmm_source signals;
    uint64_t started_ns;
    uint32_t boots;
    uint32_t times_asked; /* To power off, since the last boot. */
    bool quit;
};

/* Make everything; nothing runs yet. On failure @vmm is as before, and @error says why. */
bool vmm_init(struct vmm *vmm, const struct vmm_options *options, struct vmm_error *error);
void vmm_deinit(struct vmm *vmm);

/*
 * Run the guest until it powers off or somebody pulls the plug (*out_end: VMM_END_NONE). SIGINT,
 * SIGTERM and SIGHUP ask it to power off; the second one pulls the plug.
 */
bool vmm_run(struct vmm *vmm, enum vmm_end *out_end, struct vmm_error *error);

/* What a person may want meanwhile. Loop's thread. */
void vmm_ask_power_off(struct vmm *vmm);

#endif /* VMM_H */
