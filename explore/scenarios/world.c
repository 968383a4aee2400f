/* SPDX-License-Identifier: MIT */
#include "explore/scenarios/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmbus/hv.h>
#include <vmbus/power.h>

#define SINT      2u
#define PAGES     48u
#define DEVICES   4u
#define CHANNELS  3u
#define WORD_BITS ((uint32_t)sizeof(uintptr_t) * 8u)
#define GHOST     XPL_GHOST
#define ANSWERS   8u

struct vmb_guest *world_guest;

static _Alignas(64) uint8_t guest_memory[192 * 1024];
static _Alignas(4096) uint8_t message_pages[WORLD_VPS][VMB_PAGE_BYTES];
static _Alignas(4096) uint8_t event_pages[WORLD_VPS][VMB_PAGE_BYTES];
static _Alignas(4096) uint8_t shared_pages[PAGES][VMB_PAGE_BYTES];

static struct {
    uint32_t pages_given;
    struct world_device *devices[DEVICES]; /* Offered so far. */
    uint32_t device_count;
    struct world_device *offering;
    uint32_t version;
    uint8_t *last_shared;
    bool runs_apart;
    bool no_runs_on_1; /* Whoever runs handlers for VP 1 has been stopped. */
    bool sleeps; /* Time enough passes for all to be visible. */
    bool suspended;
    struct world_device *resumes[DEVICES]; /* What is offered when the guest comes back. */
    bool closes;       /* The control plane waits for VPs to leave the dispatch. */
    uint32_t released; /* Relid of the last RelIdReleased. */
    struct vmb_message answers[ANSWERS];
    uint32_t answer_count;
    uint32_t handled[XPL_THREADS + 1]; /* Handlers that a thread has called. */
} world;

/* The hypervisor's: an interrupt waits for the VP; the control plane was told of work. */
static vmb_atomic_u32 interrupt[WORLD_VPS];
static vmb_atomic_u32 work;
/* 1: the VP is on and takes interrupts. It holds it while it is in one. */
static vmb_atomic_u32 powered[WORLD_VPS];
/* EOM was written. */
static vmb_atomic_u32 emptied;
/* VP 0 has something to run. */
static vmb_atomic_u32 due;
/* [VP][who runs for VP]: it has left an interrupt, so who found it inside may look again. */
static vmb_atomic_u32 left[WORLD_VPS][WORLD_VPS];
/* 1: the lock on the host's ports is free. */
static vmb_atomic_u32 port;
/* The host has heard OpenChannel. */
static vmb_atomic_u32 asked;
/* Somebody has left the dispatch: time to poll again. Ghost: it orders nothing. */
static vmb_atomic_u32 tick;

static void world_die(const char *why)
{
    fprintf(stderr, "explore: world: %s\n", why);
    exit(2);
}

static vmb_atomic_word *flag_word(uint32_t relid, uint32_t vp)
{
    uint8_t *flags = vmb_hv_event_flags(event_pages[vp], SINT);

    return (vmb_atomic_word *)(void *)flags + relid / WORD_BITS;
}

/* --- The hypervisor --------------------------------------------------------------------------- */

static void interrupt_raise(uint32_t vp)
{
    (void)vmb_atomic_fetch_or(&interrupt[vp], 1u, VMB_RELEASE);
}

void world_set_flag(uint32_t relid, uint32_t vp)
{
    const uintptr_t bit = (uintptr_t)1 << (relid % WORD_BITS);

    if ((vmb_atomic_fetch_or(flag_word(relid, vp), bit, VMB_RELEASE) & bit) == 0) {
        interrupt_raise(vp);
    } else {
        xpl_note("was set already: no interrupt");
    }
}

void world_take_interrupt(uint32_t vp)
{
    (void)xpl_await(&interrupt[vp], VMB_ACQUIRE);
}

uintptr_t world_take_flags(uint32_t first_relid, uint32_t vp)
{
    return vmb_atomic_exchange(flag_word(first_relid, vp), (uintptr_t)0, VMB_ACQUIRE);
}

/* A run that could do nothing waits for the VP that is in its interrupt: time passes. */
static void run_all(uint32_t vp)
{
    const uint32_t inside = world.runs_apart ? 0 : WORLD_VPS - 1 - vp;
    uint32_t before = world.handled[xpl_self()];

    while (vmb_guest_run(world_guest, vp, 1)) {
        if (world.handled[xpl_self()] == before) {
            (void)xpl_await(&left[inside][vp], VMB_ACQUIRE);
        }
        before = world.handled[xpl_self()];
    }
}

void world_runs_apart(void)
{
    world.runs_apart = true;
}

void world_no_runs_on_1(void)
{
    world.no_runs_on_1 = true;
}

void world_runner(void *argument)
{
    (void)argument;
    for (;;) {
        (void)xpl_await(&due, VMB_ACQUIRE);
        run_all(0);
    }
}

void world_vp(void *argument)
{
    const uint32_t vp = (uint32_t)(uintptr_t)argument;

    for (;;) {
        uint32_t left_over;

        world_take_interrupt(vp);
        (void)xpl_await(&powered[vp], VMB_ACQUIRE);
        left_over = vmb_guest_on_interrupt(world_guest, vp);
        (void)vmb_atomic_fetch_or(&left[vp][WORLD_VPS - 1 - vp], 1u, VMB_RELEASE);
        if (world.runs_apart) {
            (void)vmb_atomic_fetch_or(&left[vp][vp], 1u, VMB_RELEASE);
        }
        if ((left_over & VMB_GUEST_WORK_RUN) != 0) {
            if (world.runs_apart && vp == 0) {
                (void)vmb_atomic_fetch_or(&due, 1u, VMB_RELEASE);
            } else if (vp != 1 || !world.no_runs_on_1) {
                run_all(vp);
            }
        }
        if (world.sleeps) {
            (void)vmb_atomic_fetch_or(&tick, 1u, VMB_RELEASE);
        } else if (world.closes) {
            (void)vmb_atomic_fetch_or(&tick, 1u, GHOST);
        }
        vmb_atomic_store(&powered[vp], 1u, VMB_RELEASE);
    }
}

uint32_t world_runs(void)
{
    return world.handled[xpl_self()];
}

void world_interrupt(uint32_t vp)
{
    interrupt_raise(vp);
}

void world_start_vp(uint32_t vp)
{
    memset(message_pages[vp], 0, sizeof(message_pages[vp]));
    memset(event_pages[vp], 0, sizeof(event_pages[vp]));
    if (vmb_guest_vp_start(world_guest, vp, message_pages[vp], event_pages[vp]) != VMB_OK) {
        xpl_fail("VP %u cannot be started", vp);
    }
}

void world_vp_stops(uint32_t vp)
