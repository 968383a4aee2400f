/* SPDX-License-Identifier: MIT */
/* See machine.h. One thread: the host gets its turns when the kernel is idle. */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <vmbus/drivers/heartbeat.h>

#include "sim/vmb_sim_host.h"
#include "sim/vmb_sim_threads.h"

#define HOST_BEAT_NS 20000000u /* So that nobody waits; a real host beats every two seconds. */

static struct vmb_sim_machine machine;
static struct vmb_sim_host host;
static struct vmb_heartbeat_host heartbeat;
static struct vmb_host_channel *channel;
static void (*interrupt_handler)(uint32_t vp);

static void machine_interrupt(void *kernel, uint32_t vp)
{
    (void)kernel;
    interrupt_handler(vp);
}

static bool machine_run(void *kernel, uint32_t vp)
{
    (void)kernel;
    (void)vp;
    return false; /* The kernel does that itself. */
}

static void machine_offer_heartbeat(void)
{
    struct vmb_heartbeat_host_options options = {.struct_bytes = sizeof(options)};
    struct vmb_host_offer_options offer = {.struct_bytes = sizeof(offer)};

    options.interval_ns = HOST_BEAT_NS;
    options.now_ns = vmb_sim_threads_now_ns;
    offer.driver = vmb_heartbeat_host_driver();
    offer.device = &heartbeat;
    offer.instance_id.bytes[0] = 1;
    offer.flags = VMB_OFFER_PIPE;
    if (vmb_heartbeat_host_init(&heartbeat, &options) != VMB_OK ||
        vmb_host_offer(host.host, &offer, &channel) != VMB_OK) {
        abort();
    }
}

void machine_boot(void (*interrupt)(uint32_t vp))
{
    struct vmb_sim_machine_options options = {.vp_count = 1};
    struct vmb_sim_machine_hooks hooks = {.guest = &machine,
                                          .on_interrupt = machine_interrupt,
                                          .run = machine_run,
                                          .host = &host,
                                          .on_slot_free = vmb_sim_host_on_slot_free};
    struct vmb_host_options host_options = {.struct_bytes = sizeof(host_options)};

    interrupt_handler = interrupt;
    if (vmb_sim_machine_init(&machine, &options, &hooks) != VMB_OK ||
        vmb_sim_host_init(&host, &machine, 1, &host_options, NULL, NULL, NULL) != VMB_OK) {
        abort();
    }
    machine_offer_heartbeat();
}

bool machine_take_pages(uint32_t count, struct vmb_pages *out_pages)
{
    return vmb_sim_memory_take(&machine.memory, count, out_pages) == VMB_OK;
}

void machine_give_pages(const struct vmb_pages *pages)
{
    vmb_sim_memory_give(&machine.memory, pages);
}

uint64_t machine_hypercall(uint64_t control, uint64_t input, uint64_t output)
{
    const struct vmb_hv_call call = {.control = control, .input = input, .output = output};

    return vmb_hv_ports_call(machine.ports, VMB_HV_PRIVILEGE_VMBUS, &call);
}

void machine_write_msr(uint32_t number, uint64_t value)
{
    if (vmb_sim_machine_write(&machine, 0, number, value) != VMB_OK) {
        fprintf(stderr, "general protection: WRMSR 0x%x\n", number);
        abort();
    }
}

uint64_t machine_now_ns(void)
{
    return vmb_sim_machine_now_ns(&machine);
}

void machine_idle(void)
{
    const struct timespec moment = {.tv_nsec = 100000};
    bool moved;

    if (channel != NULL && machine_now_ns() >= vmb_heartbeat_host_next_deadline_ns(&heartbeat)) {
        vmb_host_kick(channel);
    }
    moved = host.control.step(host.control.context);
    moved = host.workers[0].step(host.workers[0].context) || moved;
    moved = machine.vps[0].interrupts.step(machine.vps[0].interrupts.context) || moved;
    if (!moved) {
        (void)nanosleep(&moment, NULL);
    }
}

bool machine_off(void)
{
    bool clean = machine.memory.counters.pages_now == 3; /* The kernel's own. */

    vmb_host_reset(host.host);
    channel = NULL;
    machine_idle();
    clean = vmb_sim_host_deinit(&host) == VMB_OK && clean;
    vmb_sim_machine_deinit(&machine);
    return clean;
}
