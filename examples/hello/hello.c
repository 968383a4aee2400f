/* SPDX-License-Identifier: MIT */
/*
 * VMBus in your kernel: connect, open the heartbeat, answer the host a few times, leave.
 * Everything from here to main() is what a port consists of.
 */
#include <stdio.h>
#include <stdlib.h>

#include <vmbus/drivers/heartbeat.h>
#include <vmbus/guest.h>
#include <vmbus/hv_call.h>
#include <vmbus/hv_registers.h>
#include <vmbus/proto/guid.h>

#include "machine.h"

static struct vmb_guest *guest;
static struct vmb_pages post_page; /* Input of HvPostMessage. */
static struct vmb_heartbeat_guest heartbeat;
static bool left;

/* Step 2: six callbacks. */

static vmb_status post_message(void *context, uint32_t connection, const void *bytes, uint32_t size)
{
    vmb_status status = vmb_hv_post_message_encode(post_page.base, connection, 1, bytes, size);

    (void)context;
    if (status != VMB_OK) {
        return status;
    }
    return vmb_hv_post_message_status(
        machine_hypercall(vmb_hv_call_control(VMB_HV_CALL_POST_MESSAGE, false),
                          post_page.first_gpn << VMB_PAGE_SHIFT, 0));
}

static void signal_event(void *context, uint32_t connection, uint16_t flag)
{
    (void)context;
    machine_hypercall(vmb_hv_call_control(VMB_HV_CALL_SIGNAL_EVENT, true),
                      vmb_hv_signal_event_input(connection, flag), 0);
}

static vmb_status share_pages(void *context, uint32_t count, struct vmb_pages *out_pages)
{
    (void)context;
    return machine_take_pages(count, out_pages) ? VMB_OK : VMB_ERR_NO_MEMORY;
}

static void unshare_pages(void *context, const struct vmb_pages *pages)
{
    (void)context;
    machine_give_pages(pages);
}

static uint64_t now_ns(void *context)
{
    (void)context;
    return machine_now_ns();
}

static void end_of_message(void *context, uint32_t vp)
{
    (void)context;
    (void)vp; /* We have one VP and are on it. */
    machine_write_msr(VMB_HV_MSR_EOM, 0);
}

/* Step 3: the interrupt. */
static void vmbus_interrupt(uint32_t vp)
{
    (void)vmb_guest_on_interrupt(guest, vp); /* The main loop looks for work anyway. */
}

/* What we do with the bus. */

static void connected(void *context, vmb_status status)
{
    uint32_t version = vmb_guest_version(guest);

    (void)context;
    printf("connected: %s, version %s\n", vmb_status_text(status), vmb_version_name(version));
}

static void offered(void *context, struct vmb_channel *channel)
{
    struct vmb_channel_open_options open = {.struct_bytes = sizeof(open)};
    const char *name = vmb_class_name(&vmb_channel_offer(channel)->interface_guid);

    (void)context;
    printf("offered: %s, relid %u\n", name != NULL ? name : "?", vmb_channel_relid(channel));
    open.driver = vmb_heartbeat_guest_driver();
    open.device = &heartbeat;
    if (vmb_guid_equal(&open.driver->class_id, &vmb_channel_offer(channel)->interface_guid) &&
        vmb_channel_open(channel, &open) != VMB_OK) {
        printf("it could not be opened\n");
    }
}

static void unloaded(void *context, vmb_status status)
{
    (void)context;
    printf("left: %s\n", vmb_status_text(status));
    left = true;
}

static void start(void)
{
    struct vmb_guest_options options = {.struct_bytes = sizeof(options), .channel_limit = 16};
    struct vmb_guest_events events = {.struct_bytes = sizeof(events)};
    struct vmb_guest_platform platform = {.struct_bytes = sizeof(platform)};
    size_t bytes = vmb_guest_memory_bytes(&options);
    struct vmb_pages synic;

    platform.post_message = post_message;
    platform.signal_event = signal_event;
    platform.share_pages = share_pages;
    platform.unshare_pages = unshare_pages;
    platform.now_ns = now_ns;
    platform.end_of_message = end_of_message;
    events.connected = connected;
    events.offered = offered;
    events.unloaded = unloaded;
    vmb_heartbeat_guest_init(&heartbeat);
    if (!machine_take_pages(1, &post_page) || !machine_take_pages(2, &synic) ||
        vmb_guest_init(aligned_alloc(64, (bytes + 63) / 64 * 64), bytes, &options, &platform,
                       &events, &guest) != VMB_OK ||
        vmb_guest_vp_start(guest, 0, synic.base, (uint8_t *)synic.base + VMB_PAGE_BYTES) !=
            VMB_OK) {
        abort();
    }
    machine_write_msr(VMB_HV_MSR_SIMP, synic.first_gpn << VMB_PAGE_SHIFT | 1);
    machine_write_msr(VMB_HV_MSR_SIEFP, (synic.first_gpn + 1) << VMB_PAGE_SHIFT | 1);
    machine_write_msr(VMB_HV_MSR_SINT0 + 2, 0x20000 | 0x50); /* Auto-EOI, vector 0x50. */
    machine_write_msr(VMB_HV_MSR_SCONTROL, 1);
}

/* Step 4: poll and run. */
static void turn(void)
{
    bool more = vmb_guest_poll(guest);

    if (!vmb_guest_run(guest, 0, 16) && !more) {
        machine_idle();
    }
}

int main(void)
{
    machine_boot(vmbus_interrupt);
    start();
    if (vmb_guest_connect(guest) != VMB_OK) {
        return 1;
    }
    while (heartbeat.ic.counters.requests < 3) {
        turn();
    }
    printf("answered %llu heartbeats\n", (unsigned long long)heartbeat.ic.counters.requests);
    if (vmb_guest_unload(guest) != VMB_OK) {
        return 1;
    }
    while (!left) {
        turn();
    }
    return machine_off() ? 0 : 1;
}
