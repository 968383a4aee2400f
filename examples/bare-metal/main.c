/* SPDX-License-Identifier: MIT */
/*
 * libvmbus on bare metal: a machine with nothing in it but the library.
 *
 * Starts every CPU, connects, opens each device that it has a driver for, on one VP after the
 * other, talks to it, leaves the bus and switches the machine off. With a shutdown device it stays
 * until the host says so. Words on the command line: "stay" (stay in any case), "go" (never
 * stay), "reopen" (close every device and open it once more), "move" (send channels from VP to VP
 * meanwhile), "write" (write to the disk, too), and those of trial.h.
 */
#include <vmbus/hv.h>

#include "bus.h"
#include "devices.h"
#include "moves.h"
#include "trial.h"
#include "x86_apic.h"
#include "x86_boot.h"
#include "x86_clock.h"
#include "x86_console.h"
#include "x86_hyperv.h"
#include "x86_pages.h"
#include "x86_power.h"
#include "x86_smp.h"
#include "x86_synic.h"
#include "x86_vmbus.h"

#define NS_PER_S      1000000000ull
#define TALK_LIMIT_NS (30 * NS_PER_S) /* For a device that never settles. */

/* ---- What we wait for ----------------------------------------------------------------------- */

static bool is_connected(void *context)
{
    (void)context;
    return bus.connect_ended && (bus.status != VMB_OK || bus.delivered);
}

static bool is_opened(void *context)
{
    (void)context;
    return bus.under_way == 0;
}

static bool is_settled(void *context)
{
    (void)context;
    return (bus.under_way == 0 && devices_settled()) || devices_shutdown_asked();
}

static bool is_moved(void *context)
{
    (void)context;
    return moves_step() || devices_shutdown_asked();
}

static bool is_asked_to_go(void *context)
{
    (void)context;
    return devices_shutdown_asked();
}

static bool is_unloaded(void *context)
{
    (void)context;
    return bus.unloaded;
}

/* ---- The story ------------------------------------------------------------------------------ */

static void say_machine(void)
{
    const struct vmb_hv_features *hv = &x86_hyperv.features;
    uint32_t bit;

    x86_printf("vmbus: libvmbus bare-metal guest, %lu MiB free, %u CPUs, %s, clock: %s\n",
               x86_pages_free_count() * VMB_PAGE_BYTES >> 20, x86_smp_listed(),
               x86_apic_is_x2() ? "x2APIC" : "xAPIC", x86_clock_source());
    x86_printf("vmbus: hypervisor \"%s\", %u.%u build %u, privileges %lx, features %x, "
               "recommendations %x\n",
               x86_hyperv.vendor, hv->major, hv->minor, hv->build, hv->privileges, hv->features,
               hv->recommendations);
    for (bit = 1; bit <= VMB_HV_MISSING_SIGNAL_EVENTS; bit <<= 1) {
        if ((hv->missing & bit) != 0) {
            x86_printf("vmbus: missing: %s\n", vmb_hv_missing_text((enum vmb_hv_missing)bit));
        }
    }
}

static void say_vps(void)
{
    uint32_t i;

    x86_printf("vmbus: hypercall page up, SINT %u on vector %x, %s EOI\n", VMB_HV_SINT_VMBUS,
               X86_VMBUS_VECTOR, x86_synic_auto_eoi() ? "automatic" : "explicit");
    x86_printf("vmbus: %u of %u CPUs online\n", x86_smp_online(), x86_smp_listed());
    for (i = 0; i < x86_vmbus_vp_count(); i++) {
        x86_printf("vmbus: vp %u up, apic id %u\n", x86_vmbus_vp(i), x86_smp_cpu(i)->apic_id);
    }
}

static void say_counters(void)
{
    struct vmb_guest_counters all;
    struct vmb_vp_counters vp;
    uint32_t i;

    for (i = 0; i < x86_vmbus_vp_count(); i++) {
        if (vmb_guest_vp_counters(bus.guest, x86_vmbus_vp(i), &vp) == VMB_OK) {
            x86_printf("vmbus: vp %u: %lu interrupts, %lu events, %lu stray, %lu messages\n",
                       x86_vmbus_vp(i), vp.interrupts, vp.events,
                       vp.stray_unmapped + vp.stray_closed, vp.messages);
        }
    }
    devices_say();
    vmb_guest_read_counters(bus.guest, &all);
    x86_printf("vmbus: messages: %lu received, %lu posted, %lu odd; pages leaked: %lu\n",
               all.messages_received, all.messages_posted,
               all.messages_malformed + all.messages_unknown + all.messages_unexpected,
               all.pages_leaked);
}

static void settle(void)
{
    if (!x86_vmbus_run(is_settled, NULL, x86_clock_ns() + TALK_LIMIT_NS)) {
        x86_printf("vmbus: a device does not answer\n");
    }
}

static void talk(void)
{
    bool stay;

    x86_vmbus_run(is_opened, NULL, x86_clock_ns() + TALK_LIMIT_NS);
    moves_begin();
    if (!x86_vmbus_run(is_moved, NULL, x86_clock_ns() + TALK_LIMIT_NS)) {
        x86_printf("vmbus: a move does not end\n");
    }
    moves_say();
    devices_moved();
    settle();
    if (x86_boot_has("reopen")) {
        bus_reopen();
        settle();
    }
    x86_printf("vmbus: %u open\n", bus.open);
    stay = x86_boot_has("stay") || devices_await_shutdown();
    if (stay && !x86_boot_has("go")) {
        x86_printf("vmbus: staying until the host asks for a shutdown\n");
        x86_vmbus_run(is_asked_to_go, NULL, VMB_NEVER);
    }
}

static vmb_status leave(void)
{
    vmb_status status = vmb_guest_unload(bus.guest);

    if (status == VMB_OK) {
        x86_vmbus_run(is_unloaded, NULL, VMB_NEVER);
        say_counters();
        status = x86_vmbus_stop();
    }
    return status;
}

void x86_main(void)
{
    uint64_t used = x86_pages_used_count();
    vmb_status status;

    say_machine();
    trial_run();
    devices_init();
    status = x86_vmbus_start(&bus_events, &bus.guest);
    if (status != VMB_OK) {
        x86_printf("vmbus: no VMBus: %s\n", vmb_status_text(status));
        return;
    }
    say_vps();
    status = vmb_guest_connect(bus.guest);
    if (status != VMB_OK) {
        x86_printf("vmbus: cannot begin to connect: %s\n", vmb_status_text(status));
        return;
    }
    x86_vmbus_run(is_connected, NULL, VMB_NEVER); /* The library times its requests out. */
    if (bus.status != VMB_OK) {
        return;
    }
    talk();
    status = leave();
    x86_printf("vmbus: left the bus: %s, %lu pages missing\n", vmb_status_text(status),
               x86_pages_used_count() - used);
    if (devices_restart_asked()) {
        x86_printf("vmbus: restart\n");
        x86_reset();
    }
    x86_printf("vmbus: power off\n");
}
