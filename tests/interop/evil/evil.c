/* SPDX-License-Identifier: MIT */
/*
 * A guest that means ill. It first does what a good one does, to see whether the host serves; then
 * it does what no guest should, with random numbers of its own; then it starts the machine again.
 * The host is to answer with errors, and to serve the next one.
 */
#include "evil.h"

#include <vmbus/guest.h>

#include "bus.h"
#include "devices.h"
#include "x86_clock.h"
#include "x86_console.h"
#include "x86_pages.h"
#include "x86_power.h"
#include "x86_smp.h"
#include "x86_vmbus.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

struct evil evil;

/* ---- Random numbers -------------------------------------------------------------------------- */

uint32_t evil_random(uint32_t limit)
{
    uint64_t next = __atomic_add_fetch(&evil.state, 0x9E3779B97F4A7C15ull, __ATOMIC_RELAXED);

    next = (next ^ next >> 30) * 0xBF58476D1CE4E5B9ull;
    next = (next ^ next >> 27) * 0x94D049BB133111EBull;
    return (uint32_t)((next >> 32) % limit);
}

uint64_t evil_number(void)
{
    static const uint64_t favourites[] = {
        0,      1,          7,          8,          16,         0xFFF,      0x1000,     0x7FFF,
        0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, UINT64_MAX, 1ull << 63, 1ull << 40, 0xFFFFFFF8};

    if (evil_random(2) == 0) {
        return favourites[evil_random(16)];
    }
    return (uint64_t)evil_random(UINT32_MAX) << 32 | evil_random(UINT32_MAX);
}

uint64_t evil_page(void)
{
    switch (evil_random(8)) {
    case 0:
        return 0xC0000ull + evil_random(0x40000); /* Where devices have their addresses. */
    case 1:
        return evil_number() >> evil_random(20) | 1u << 22; /* Never our own: we are to live on. */
    case 2:
        return (uintptr_t)evil.arena >> 12; /* The same once more. */
    default:
        return ((uintptr_t)evil.arena >> 12) + evil_random(EVIL_ARENA_PAGES);
    }
}

/* ---- The good part --------------------------------------------------------------------------- */

static bool is_looked_at(void *context)
{
    return (*(uint32_t *)context)++ != 0;
}

static bool is_connected(void *context)
{
    (void)context;
    return bus.connect_ended && (bus.status != VMB_OK || bus.delivered);
}

static bool is_settled(void *context)
{
    (void)context;
    return bus.under_way == 0 && devices_settled();
}

/*
 * Without going to sleep: some emulators lose the interrupt that comes between STI and HLT, and the
 * host owes us none after what we have done to it.
 */
void evil_drain(void)
{
    uint64_t end = x86_clock_ns() + NS_PER_MS;

    do {
        uint32_t looks = 0;

        x86_vmbus_wake();
        x86_vmbus_run(is_looked_at, &looks, VMB_NEVER);
    } while (x86_clock_ns() < end);
}

static bool behave(void)
{
    devices_init();
    if (x86_vmbus_start(&bus_events, &bus.guest) != VMB_OK ||
        vmb_guest_connect(bus.guest) != VMB_OK ||
        !x86_vmbus_run(is_connected, NULL, x86_clock_ns() + 10 * NS_PER_S)) {
        return false;
    }
    return bus.status == VMB_OK && x86_vmbus_run(is_settled, NULL, x86_clock_ns() + 20 * NS_PER_S);
}

/* ---- The rest -------------------------------------------------------------------------------- */

static void elsewhere(void *context)
{
    (void)context;
    evil_hypercalls(500);
    evil_synic(200);
}

static void say(const char *what)
{
    x86_printf("evil: %s: %lu accepted, %lu refused\n", what, evil.accepted, evil.refused);
    evil.accepted = evil.refused = 0;
}

static void misbehave(void)
{
    uint32_t cpu;

    evil_rings(4);
    say("rings");
    evil_gpadls(600);
    say("memory");
    evil_messages(4000);
    say("messages");
    evil_hypercalls(3000);
    say("hypercalls");
    for (cpu = 1; cpu < x86_smp_online(); cpu++) {
        x86_smp_call(x86_smp_cpu(cpu), elsewhere, NULL);
    }
    say("registers of other CPUs");
    evil_flood(6000, false);
    say("flood");
    evil_flood(6000, true);
    say("flood of a guest that wants no answers");
}

void x86_main(void)
{
    evil.arena = x86_pages_alloc(EVIL_ARENA_PAGES);
    evil.state = x86_clock_ns();
    x86_printf("evil: seed %lu\n", evil.state);
    if (evil.arena == NULL || !behave()) {
        x86_printf("evil: the host does not serve\n");
        x86_power_off();
    }
    devices_say();
    x86_printf("evil: served well\n");
    misbehave();
    x86_printf("evil: again\n");
    x86_reset();
}
