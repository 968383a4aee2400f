/* SPDX-License-Identifier: MIT */
/* The hypervisor and its VPs: signals, interrupts, what they leave to run. */
#include <string.h>

#include <vmbus/power.h>
#include <vmbus/proto/pages.h>

#include "explore/scenarios/world_state.h"

vmb_atomic_word *world_flag_word(uint32_t relid, uint32_t vp)
{
    uint8_t *flags = vmb_hv_event_flags(world_events[vp], SINT);

    return (vmb_atomic_word *)(void *)flags + relid / WORD_BITS;
}

void world_interrupt(uint32_t vp)
{
    (void)vmb_atomic_fetch_or(&world_signs.interrupt[vp], 1u, VMB_RELEASE);
}

void world_set_flag(uint32_t relid, uint32_t vp)
{
    const uintptr_t bit = (uintptr_t)1 << (relid % WORD_BITS);

    if ((vmb_atomic_fetch_or(world_flag_word(relid, vp), bit, VMB_RELEASE) & bit) == 0) {
        world_interrupt(vp);
    } else {
        xpl_note("was set already: no interrupt");
    }
}

void world_take_interrupt(uint32_t vp)
{
    (void)xpl_await(&world_signs.interrupt[vp], VMB_ACQUIRE);
}

uintptr_t world_take_flags(uint32_t first_relid, uint32_t vp)
{
    return vmb_atomic_exchange(world_flag_word(first_relid, vp), (uintptr_t)0, VMB_ACQUIRE);
}

/* A run that could do nothing waits for the VP that is in its interrupt: time passes. */
static void run_all(uint32_t vp)
{
    const uint32_t inside = world.runs_apart ? world.borrower : WORLD_VPS - 1 - vp;
    uint32_t before = world.handled[xpl_self()];

    while (vmb_guest_run(world_guest, vp, 1)) {
        if (world.handled[xpl_self()] == before) {
            (void)xpl_await(&world_signs.left[inside][vp], VMB_ACQUIRE);
        }
        before = world.handled[xpl_self()];
    }
}

/* VP 0's runner has something to do; if it waits for a borrower, that may be over. */
void world_makes_due(void)
{
    (void)vmb_atomic_fetch_or(&world_signs.due, 1u, VMB_RELEASE);
}

void world_runs_apart(void)
{
    world.runs_apart = true;
}

void world_lends_to(uint32_t vp)
{
    world.borrower = vp;
}

void world_handler_runs(void)
{
    world.handled[xpl_self()]++;
}

/* Somebody has left what a close may wait for. */
void world_ticks(void)
{
    if (world.closes) {
        (void)vmb_atomic_fetch_or(&world_signs.tick, 1u, GHOST);
    }
}

void world_no_runs_on_1(void)
{
    world.no_runs_on_1 = true;
}

void world_runner(void *argument)
{
    (void)argument;
    for (;;) {
        (void)xpl_await(&world_signs.due, VMB_ACQUIRE);
        run_all(0);
    }
}

void world_vp(void *argument)
{
    const uint32_t vp = (uint32_t)(uintptr_t)argument;

    if (world.runs_first == vp && !(world.runs_apart && vp == 0)) {
        run_all(vp);
    }
    for (;;) {
        uint32_t left_over, before;

        world_take_interrupt(vp);
        if (world.stops) {
            (void)xpl_await(&world_signs.powered[vp], VMB_ACQUIRE);
        }
        before = world.handled[xpl_self()];
        left_over = vmb_guest_on_interrupt(world_guest, vp);
        xpl_expect(world.run_limit == 0 || world.handled[xpl_self()] - before <= world.run_limit,
                   "one interrupt has run handlers %u times", world.handled[xpl_self()] - before);
        (void)vmb_atomic_fetch_or(&world_signs.left[vp][WORLD_VPS - 1 - vp], 1u, VMB_RELEASE);
        if (world.runs_apart) {
            (void)vmb_atomic_fetch_or(&world_signs.left[vp][vp], 1u, VMB_RELEASE);
        }
        if ((left_over & VMB_GUEST_WORK_RUN) != 0) {
            if (world.runs_apart && vp == 0) {
                world_makes_due();
            } else if (vp == 1 && world.no_runs_on_1) {
                if (vmb_guest_run(world_guest, vp, 1)) {
                    xpl_note("leaves the rest");
                }
            } else {
                run_all(vp);
            }
        }
        if (world.sleeps) {
            (void)vmb_atomic_fetch_or(&world_signs.tick, 1u, VMB_RELEASE);
        } else if (world.closes) {
            (void)vmb_atomic_fetch_or(&world_signs.tick, 1u, GHOST);
        }
        if (world.stops) {
            vmb_atomic_store(&world_signs.powered[vp], 1u, VMB_RELEASE);
        }
    }
}

void world_limits_runs(uint32_t limit)
{
    world.run_limit = limit;
}

void world_start_vp(uint32_t vp)
{
    memset(world_messages[vp], 0, sizeof(world_messages[vp]));
    memset(world_events[vp], 0, sizeof(world_events[vp]));
    if (vmb_guest_vp_start(world_guest, vp, world_messages[vp], world_events[vp]) != VMB_OK) {
        xpl_fail("VP %u cannot be started", vp);
    }
}

void world_will_stop(void)
{
    world.stops = true;
}

void world_vp_stops(uint32_t vp)
{
    (void)xpl_await(&world_signs.powered[vp], VMB_ACQUIRE);
    if (vmb_guest_vp_stopped(world_guest, vp) != VMB_OK) {
        xpl_fail("VP %u has stopped, and the guest does not believe it", vp);
    }
    (void)vmb_atomic_fetch_or(&world_signs.left[vp][WORLD_VPS - 1 - vp], 1u, VMB_RELEASE);
}

void world_port_lock(void)
{
    if (world.version >= VMB_VERSION_5_3 && xpl_self() < XPL_THREADS) {
        (void)xpl_await(&world_signs.port, VMB_ACQUIRE);
    }
}

void world_port_unlock(void)
{
    if (world.version >= VMB_VERSION_5_3 && xpl_self() < XPL_THREADS) {
        vmb_atomic_store(&world_signs.port, 1u, VMB_RELEASE);
    }
}

void world_signal(struct world_device *device)
{
    (void)vmb_atomic_fetch_add(&device->produced, (uintptr_t)1, VMB_RELAXED);
    world_port_lock();
    world_set_flag(device->relid, vmb_atomic_load(&device->target, VMB_ACQUIRE));
    world_port_unlock();
}

void world_signal_vp(struct world_device *device, uint32_t vp)
{
    (void)vmb_atomic_fetch_add(&device->produced, (uintptr_t)1, VMB_RELAXED);
    world_set_flag(device->relid, vp);
}

void world_signal_taken(struct world_device *device, uint32_t vp)
{
    world_signal_vp(device, vp);
    world_signs.interrupt[vp].value = 0;
    if ((vmb_guest_on_interrupt(world_guest, vp) & VMB_GUEST_WORK_RUN) == 0) {
        world_die("nothing is due");
    }
    world_signs.due.value = vp == 0 && world.runs_apart;
    world.runs_first = vp;
}

void world_send(struct world_device *device, uint32_t number)
{
    const struct vmb_slice payload = {.bytes = &number, .byte_count = sizeof(number)};
    const struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND};

    if (vmb_ring_tx_write(&device->ring, &packet, &payload, 1) != VMB_OK) {
        xpl_fail("the host's ring is broken");
    }
    if (vmb_ring_tx_commit(&device->ring)) {
        world_set_flag(device->relid, vmb_atomic_load(&device->target, VMB_ACQUIRE));
    }
}

void world_signal_legacy(struct world_device *device)
{
    vmb_atomic_word *page = (vmb_atomic_word *)(void *)world_shared[0];

    (void)vmb_atomic_fetch_add(&device->produced, (uintptr_t)1, VMB_RELAXED);
    (void)vmb_atomic_fetch_or(&page[device->relid / WORD_BITS],
                              (uintptr_t)1 << (device->relid % WORD_BITS), VMB_RELEASE);
    world_set_flag(0, 0);
}

void world_will_monitor(void)
{
    world.monitors = true;
}

vmb_atomic_u32 *world_monitor_pending(uint32_t group)
{
    return (vmb_atomic_u32 *)(void *)(world_shared[2] + VMB_MONITOR_PENDING(group));
}

uint32_t world_take_doorbell(void)
{
    (void)xpl_await(&world_signs.doorbell, VMB_ACQUIRE);
    return vmb_atomic_exchange((vmb_atomic_u32 *)(void *)(world_shared[0] + VMB_PAGE_BYTES / 2), 0u,
                               VMB_ACQUIRE);
}

void world_await_emptied(void)
{
    (void)xpl_await(&world_signs.emptied, VMB_ACQUIRE);
}

void world_await_work(void)
{
    (void)xpl_await(&world_signs.work, VMB_ACQUIRE);
}

void world_await_asked(void)
{
    (void)xpl_await(&world_signs.asked, GHOST);
}
