/* SPDX-License-Identifier: MIT */
/*
 * libvmbus on bare metal: a machine with nothing in it but the library.
 *
 * Starts every CPU, connects, opens each device that it has a driver for, on one VP after the
 * other, talks to it, leaves the bus and switches the machine off. With a shutdown device it stays
 * until the host says so. Words on the command line: "stay" (stay in any case), "go" (never
 * stay), and those of trial.h.
 */
#include <vmbus/guest.h>
#include <vmbus/hv.h>
#include <vmbus/proto/guid.h>
#include <vmbus/proto/version.h>

#include "devices.h"
#include "trial.h"
#include "x86_apic.h"
#include "x86_boot.h"
#include "x86_clock.h"
#include "x86_console.h"
#include "x86_hyperv.h"
#include "x86_pages.h"
#include "x86_smp.h"
#include "x86_synic.h"
#include "x86_vmbus.h"

#define NS_PER_S      1000000000ull
#define TALK_LIMIT_NS (30 * NS_PER_S) /* For a device that never settles. */

static struct {
    struct vmb_guest *guest;
    uint32_t offered;
    uint32_t opening; /* Opens that have not ended. */
    uint32_t open;
    bool connect_ended;
    bool delivered;
    bool unloaded;
    vmb_status status; /* Of the connect, then of the unload. */
} image;

/* ---- What the bus tells us --------------------------------------------------------------------
 */

static void on_connected(void *context, vmb_status status)
{
    (void)context;
    image.connect_ended = true;
    image.status = status;
    if (status == VMB_OK) {
        x86_printf("vmbus: connected, version %s\n",
                   vmb_version_name(vmb_guest_version(image.guest)));
    } else {
        x86_printf("vmbus: cannot connect: %s\n", vmb_status_text(status));
    }
}

static void on_opened(void *context, struct vmb_channel *channel, vmb_status status)
{
    const struct vmb_driver *driver = context;

    image.opening--;
    if (status == VMB_OK) {
        image.open++;
        x86_printf("vmbus: open %s, relid %u, vp %u\n", driver->name, vmb_channel_relid(channel),
                   vmb_channel_target_vp(channel));
    } else {
        x86_printf("vmbus: cannot open %s: %s (host status %x)\n", driver->name,
                   vmb_status_text(status), vmb_channel_host_status(channel));
    }
}

static void on_offered(void *context, struct vmb_channel *channel)
{
    const struct vmb_msg_offer *offer = vmb_channel_offer(channel);
    struct vmb_channel_open_options options = {.struct_bytes = sizeof(options)};
    char instance[VMB_GUID_TEXT_BYTES];
    vmb_status status;

    (void)context;
    vmb_guid_format(&offer->instance_guid, instance);
    x86_printf("vmbus: offer %s, relid %u, instance %s\n", vmb_class_name(&offer->interface_guid),
               offer->relid, instance);
    options.driver = devices_claim(&offer->interface_guid, &options.device);
    if (options.driver == NULL) {
        image.offered++;
        return;
    }
    /* The last VP first: the first one has the control plane, and others should see work too. */
    options.target_vp =
        x86_vmbus_vp(x86_vmbus_vp_count() - 1 - image.offered++ % x86_vmbus_vp_count());
    options.done = on_opened;
    options.done_context = (void *)(uintptr_t)options.driver;
    image.opening++;
    status = vmb_channel_open(channel, &options);
    if (status != VMB_OK) {
        on_opened(options.done_context, channel, status);
    }
}

static void on_offers_delivered(void *context)
{
    (void)context;
    image.delivered = true;
    x86_printf("vmbus: all offers delivered: %u\n", image.offered);
}

static void on_rescinded(void *context, struct vmb_channel *channel)
{
    (void)context;
    x86_printf("vmbus: rescind, relid %u\n", vmb_channel_relid(channel));
    if (vmb_channel_let_go(channel) != VMB_OK) {
        x86_printf("vmbus: cannot let go of it\n");
    }
}

static void on_unloaded(void *context, vmb_status status)
{
    (void)context;
    image.unloaded = true;
    image.status = status;
    x86_printf("vmbus: unload: %s\n", vmb_status_text(status));
}

static const struct vmb_guest_events events = {
    .struct_bytes = sizeof(struct vmb_guest_events),
    .connected = on_connected,
    .offered = on_offered,
    .offers_delivered = on_offers_delivered,
    .rescinded = on_rescinded,
    .unloaded = on_unloaded,
};

/* ---- What we wait for -------------------------------------------------------------------------
 */

static bool is_connected(void *context)
{
    (void)context;
    return image.connect_ended && (image.status != VMB_OK || image.delivered);
}

static bool is_settled(void *context)
{
    (void)context;
    return image.opening == 0 && devices_settled();
}

static bool is_asked_to_go(void *context)
{
    (void)context;
    return devices_shutdown_asked();
}

static bool is_unloaded(void *context)
{
    (void)context;
    return image.unloaded;
}

/* ---- The story --------------------------------------------------------------------------------
 */

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
    struct vmb_guest_counters bus;
    struct vmb_vp_counters vp;
    uint32_t i;

    for (i = 0; i < x86_vmbus_vp_count(); i++) {
        if (vmb_guest_vp_counters(image.guest, x86_vmbus_vp(i), &vp) == VMB_OK) {
            x86_printf("vmbus: vp %u: %lu interrupts, %lu events, %lu stray, %lu messages\n",
                       x86_vmbus_vp(i), vp.interrupts, vp.events,
                       vp.stray_unmapped + vp.stray_closed, vp.messages);
        }
    }
    vmb_guest_read_counters(image.guest, &bus);
    x86_printf("vmbus: messages: %lu received, %lu posted, %lu odd; pages leaked: %lu\n",
               bus.messages_received, bus.messages_posted,
               bus.messages_malformed + bus.messages_unknown + bus.messages_unexpected,
               bus.pages_leaked);
}

static void talk(void)
{
    bool stay = (x86_boot_has("stay") || devices_await_shutdown()) && !x86_boot_has("go");

    if (!x86_vmbus_run(is_settled, NULL, x86_clock_ns() + TALK_LIMIT_NS)) {
        x86_printf("vmbus: a device does not answer\n");
    }
    x86_printf("vmbus: %u open\n", image.open);
    if (stay) {
        x86_printf("vmbus: staying until the host asks for a shutdown\n");
        x86_vmbus_run(is_asked_to_go, NULL, VMB_NEVER);
    }
}

static vmb_status leave(void)
{
    vmb_status status = vmb_guest_unload(image.guest);

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
    status = x86_vmbus_start(&events, &image.guest);
    if (status != VMB_OK) {
        x86_printf("vmbus: no VMBus: %s\n", vmb_status_text(status));
        return;
    }
    say_vps();
    status = vmb_guest_connect(image.guest);
    if (status != VMB_OK) {
        x86_printf("vmbus: cannot begin to connect: %s\n", vmb_status_text(status));
        return;
    }
    x86_vmbus_run(is_connected, NULL, VMB_NEVER); /* The library times its requests out. */
    if (image.status != VMB_OK) {
        return;
    }
    talk();
    status = leave();
    x86_printf("vmbus: left the bus: %s, %lu pages missing\n", vmb_status_text(status),
               x86_pages_used_count() - used);
    x86_printf("vmbus: power off\n");
}
