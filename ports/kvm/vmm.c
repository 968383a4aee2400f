/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm.h"

#include "ports/kvm/vmm_answers.h"
#include "ports/kvm/vmm_confine.h"
#include "ports/kvm/vmm_janitor.h"
#include "ports/kvm/vmm_traffic.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define VMM_PATIENCE_NS 5000000000u /* With servers of disks, at the end. */

#define VMM_TELL(vmm, event, ...)                                                                  \
    do {                                                                                           \
        if ((vmm)->options.listener.event != NULL) {                                               \
            (vmm)->options.listener.event((vmm)->options.listener.context, __VA_ARGS__);           \
        }                                                                                          \
    } while (0)

/* ---- What the parts tell --------------------------------------------------------------------- */

static void vmm_on_attention(void *context)
{
    struct vmm *vmm = context;

    vmm_bus_wake(&vmm->bus);
}

static void vmm_on_connected(void *context, uint32_t version, uint32_t features)
{
    struct vmm *vmm = context;

    VMM_TELL(vmm, connected, version, features);
}

static void vmm_on_disconnected(void *context, enum vmb_host_disconnect reason)
{
    struct vmm *vmm = context;

    vmm_bus_redirect_none(&vmm->bus);
    VMM_TELL(vmm, disconnected, reason);
}

static void vmm_on_heartbeat(void *context, enum vmb_heartbeat heartbeat, uint32_t state)
{
    struct vmm *vmm = context;

    VMM_TELL(vmm, heartbeat, heartbeat, state);
}

static void vmm_on_shutdown(void *context, vmb_status status, uint32_t ic_status)
{
    struct vmm *vmm = context;

    VMM_TELL(vmm, answered, status, ic_status);
}

void vmm_ask_power_off(struct vmm *vmm)
{
    vmb_status status;

    if (++vmm->times_asked > 1) {
        vmm->quit = true;
        return;
    }
    status = vmm_services_shutdown(&vmm->services, VMB_SHUTDOWN_POWER_OFF, false);
    VMM_TELL(vmm, asked, status);
}

static void vmm_on_key(void *context, enum vmm_key key)
{
    struct vmm *vmm = context;

    switch (key) {
    case VMM_KEY_QUIT:
        vmm->quit = true;
        break;
    case VMM_KEY_POWER_OFF:
        vmm_ask_power_off(vmm);
        break;
    case VMM_KEY_HELP:
        if (vmm->options.listener.help != NULL) {
            vmm->options.listener.help(vmm->options.listener.context);
        }
        break;
    }
}

static void vmm_on_signal(void *context, uint32_t events)
{
    struct vmm *vmm = context;
    struct signalfd_siginfo info;

    (void)events;
    while (read(vmm->signals.fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        vmm_ask_power_off(vmm);
    }
}

/* ---- Life ------------------------------------------------------------------------------------ */

static bool vmm_init_signals(struct vmm *vmm, struct vmm_error *error)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    vmm->signals =
        (struct vmm_source){signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), vmm_on_signal, vmm};
    return (vmm->signals.fd >= 0 && vmm_loop_add(&vmm->loop, &vmm->signals, EPOLLIN)) ||
           vmm_fail_errno(error, "cannot take signals");
}

static bool vmm_init_devices(struct vmm *vmm, struct vmm_error *error)
{
    struct vmm_services_events services = {
        .context = vmm, .heartbeat = vmm_on_heartbeat, .shutdown = vmm_on_shutdown};
    struct vmm_storage_options storage = {
        .loop = &vmm->loop,
        .memory = &vmm->machine.memory,
        .cpu_count = vmm->options.cpu_count,
        .disks = vmm->options.disks,
        .disk_count = vmm->options.disk_count,
        .more_later = vmm->options.control != NULL,
    };

    vmm->devices.host = vmm->bus.host;
    return vmm_services_init(&vmm->services, &vmm->devices, &vmm->machine.kvm, &services, error) &&
           vmm_storage_add(&vmm->devices, &storage, &vmm->storage, error) &&
           vmm_traffic_add(&vmm->devices, vmm->options.traffic_count, error);
}

static bool vmm_init_bus(struct vmm *vmm, struct vmm_error *error)
{
    struct vmm_bus_options bus = {
        .loop = &vmm->loop,
        .memory = &vmm->machine.memory,
        .kvm = &vmm->machine.kvm,
        .synic = &vmm->machine.synic,
        .cpu_count = vmm->options.cpu_count,
        .max_version = vmm->options.max_version,
        .events = {.context = vmm,
                   .connected = vmm_on_connected,
                   .disconnected = vmm_on_disconnected},
        .log = vmm->options.listener.log,
        .log_context = vmm->options.listener.context,
    };

    return vmm_bus_init(&vmm->bus, &bus, error) &&
           vmm_synic_connect(&vmm->machine.synic, vmm->bus.host, &vmm->trace, error) &&
           vmm_init_devices(vmm, error);
}

bool vmm_init(struct vmm *vmm, const struct vmm_options *options, struct vmm_error *error)
{
    struct vmm_machine_options machine = {
        .loop = &vmm->loop,
        .kernel = options->kernel,
        .initrd = options->initrd,
        .command_line = options->command_line,
        .cpu_count = options->cpu_count,
        .memory_bytes = options->memory_bytes,
        .no_timers = options->no_timers,
        .context = vmm,
        .attention = vmm_on_attention,
    };

    memset(vmm, 0, sizeof(*vmm));
    vmm->started_ns = vmm_now_ns();
    vmm->options = *options;
    vmm->signals.fd = -1;
    vmm->bus.wake.fd = -1;
    if (vmm_trace_init(&vmm->trace, options->trace, error) && vmm_loop_init(&vmm->loop, error) &&
        vmm_machine_init(&vmm->machine, &machine, error) && vmm_init_bus(vmm, error) &&
        vmm_init_signals(vmm, error) &&
        vmm_control_init(&vmm->control, &vmm->loop, options->control, vmm, vmm_answer, error)) {
        return true;
    }
    vmm_deinit(vmm);
    return false;
}

void vmm_deinit(struct vmm *vmm)
{
    vmm_terminal_deinit(&vmm->terminal);
    vmm_control_deinit(&vmm->control);
    vmm_devices_deinit(&vmm->devices);
    vmm_bus_deinit(&vmm->bus);
    vmm_machine_deinit(&vmm->machine);
    if (vmm->signals.fd >= 0) {
        close(vmm->signals.fd);
    }
    vmm_loop_deinit(&vmm->loop);
    vmm_trace_deinit(&vmm->trace);
}

/* ---- The loop -------------------------------------------------------------------------------- */

/* What there is to do. Returns when there is something again, if nothing happens before. */
static uint64_t vmm_work(struct vmm *vmm)
{
    uint64_t bus = vmm_bus_work(&vmm->bus);
    uint64_t devices = vmm_devices_work(&vmm->devices);

    vmm_terminal_pump(&vmm->terminal);
    return bus < devices ? bus : devices;
}

/*
 * One turn of a machine that runs. Returns how it has ended, if it has. That is looked at behind
 * vmm_bus_work(): who ends it from there on wakes the loop, who did before may have found it awake.
 */
static enum vmm_end vmm_turn(struct vmm *vmm)
{
    uint64_t soonest = vmm_work(vmm);

    if (atomic_load(&vmm->machine.end) == VMM_END_NONE) {
        vmm_loop_wait(&vmm->loop, soonest);
    }
    return (enum vmm_end)atomic_load(&vmm->machine.end);
}

static bool vmm_start(struct vmm *vmm, struct vmm_error *error)
{
    vmm->times_asked = 0;
    if (!vmm_machine_start(&vmm->machine, error)) {
        return false;
    }
    vmm->boots++;
    VMM_TELL(vmm, started, vmm->boots);
    return true;
}

static bool vmm_starts_again(const struct vmm *vmm, enum vmm_end end)
{
    return (end == VMM_END_RESET || end == VMM_END_TRIPLE_FAULT) && !vmm->quit &&
           !vmm->options.no_reboot;
}

/*
 * No CPU runs when this returns, and the bus has let go of the guest. If the machine is to start
 * again, it waits for its disks as the guest would; else their servers have some seconds.
 */
static void vmm_stop(struct vmm *vmm, enum vmm_end end)
{
    uint64_t patience_ns = VMB_NEVER;
    bool given_up = false;

    vmm_machine_stop(&vmm->machine);
    vmm_bus_reset(&vmm->bus);
    while (!vmm_bus_is_idle(&vmm->bus)) {
        uint64_t soonest;

        if (patience_ns == VMB_NEVER && !given_up && !vmm_starts_again(vmm, end)) {
            patience_ns = vmm_now_ns() + VMM_PATIENCE_NS;
        }
        soonest = vmm_work(vmm);
        vmm_loop_wait(&vmm->loop, soonest < patience_ns ? soonest : patience_ns);
        if (vmm_now_ns() >= patience_ns) {
            vmm_storage_give_up(vmm->storage);
            given_up = true;
            patience_ns = VMB_NEVER;
        }
    }
    vmm_devices_forgive(&vmm->devices);
    vmm_terminal_pump(&vmm->terminal);
}

bool vmm_run(struct vmm *vmm, enum vmm_end *out_end, struct vmm_error *error)
{
    if (!vmm_janitor_start(vmm->options.control, error)) {
        return false;
    }
    vmm_terminal_init(&vmm->terminal, &vmm->loop, &vmm->machine.serial, vmm, vmm_on_key);
    if (!vmm->options.unconfined && !vmm_confine(vmm->options.user, error)) {
        return false;
    }
    do {
        if (!vmm_start(vmm, error)) {
            return false;
        }
        do {
            *out_end = vmm_turn(vmm);
        } while (*out_end == VMM_END_NONE && !vmm->quit);
        vmm_stop(vmm, *out_end);
        VMM_TELL(vmm, ended, *out_end);
    } while (vmm_starts_again(vmm, *out_end));
    if (*out_end == VMM_END_BROKEN) {
        *error = vmm->machine.broken;
        return false;
    }
    return true;
}
