/* SPDX-License-Identifier: MIT */
/*
 * The smallest guest that lives a whole life: it asks the hypervisor what it is, connects, opens a
 * channel, answers what it is sent, lets go of the channel when its device is gone, and leaves.
 * Nobody runs it: scripts/code_size.py links it as a kernel is linked, to see how much of the
 * library stays.
 */
#include <vmbus/guest.h>
#include <vmbus/hv.h>
#include <vmbus/proto/guid.h>

#define GUEST_BYTES   (1024u * 1024u)
#define PACKET_BYTES  256u
#define RUNS_AT_ONCE  16u
#define PACKETS_ASKED 1000u

/* What a kernel has. It does nothing here, and the compiler may not know. */
static volatile uint64_t machine_port;
static uint8_t machine_memory[16][VMB_PAGE_BYTES] __attribute__((aligned(VMB_PAGE_BYTES)));
static uint32_t machine_pages_taken;

static uint64_t machine_call(uint64_t control, uint64_t input)
{
    machine_port = control;
    machine_port = input;
    return machine_port;
}

static void machine_write(uint32_t number, uint64_t value)
{
    machine_port = number;
    machine_port = value;
}

static uint64_t machine_read(uint32_t number)
{
    machine_port = number;
    return machine_port;
}

void *memcpy(void *target, const void *source, size_t bytes)
{
    const volatile uint8_t *from = source;
    volatile uint8_t *to = target;

    while (bytes-- > 0) {
        *to++ = *from++;
    }
    return target;
}

void *memset(void *target, int value, size_t bytes)
{
    volatile uint8_t *to = target;

    while (bytes-- > 0) {
        *to++ = (uint8_t)value;
    }
    return target;
}

int memcmp(const void *left, const void *right, size_t bytes)
{
    const volatile uint8_t *one = left;
    const volatile uint8_t *two = right;
    int difference = 0;

    for (; bytes > 0 && difference == 0; bytes--) {
        difference = *one++ - *two++;
    }
    return difference;
}

/* The port: six functions. */

static vmb_status post_message(void *context, uint32_t connection, const void *bytes, uint32_t size)
{
    vmb_status status = vmb_hv_post_message_encode(context, connection, 1, bytes, size);

    if (status != VMB_OK) {
        return status;
    }
    return vmb_hv_post_message_status(
        machine_call(vmb_hv_call_control(VMB_HV_CALL_POST_MESSAGE, false), (uintptr_t)context));
}

static void signal_event(void *context, uint32_t connection, uint16_t flag)
{
    (void)context;
    (void)machine_call(vmb_hv_call_control(VMB_HV_CALL_SIGNAL_EVENT, true),
                       vmb_hv_signal_event_input(connection, flag));
}

static vmb_status share_pages(void *context, uint32_t page_count, struct vmb_pages *out_pages)
{
    (void)context;
    out_pages->base = machine_memory[machine_pages_taken];
    out_pages->first_gpn = (uintptr_t)out_pages->base >> VMB_PAGE_SHIFT;
    out_pages->page_count = page_count;
    machine_pages_taken += page_count;
    return VMB_OK;
}

static void unshare_pages(void *context, const struct vmb_pages *pages)
{
    (void)context;
    machine_pages_taken -= pages->page_count;
}

static uint64_t now_ns(void *context)
{
    (void)context;
    return machine_port;
}

static void end_of_message(void *context, uint32_t vp)
{
    (void)context;
    (void)vp;
    machine_write(VMB_HV_MSR_EOM, 0);
}

/* The device: it sends back what it is sent. */

struct echo {
    struct vmb_channel *channel;
    struct vmb_endpoint *endpoint;
    uint32_t packets;
    bool left;
};

static struct vmb_guest *guest;
static uint8_t guest_memory[GUEST_BYTES] __attribute__((aligned(64)));
static uint8_t post_page[VMB_PAGE_BYTES] __attribute__((aligned(VMB_PAGE_BYTES)));
static struct echo echo;

static void echo_opened(void *device, struct vmb_endpoint *endpoint)
{
    ((struct echo *)device)->endpoint = endpoint;
}

static vmb_status echo_answer(struct echo *device, const struct vmb_packet *packet,
                              const uint8_t *bytes)
{
    if ((packet->flags & VMB_PACKET_WANTS_COMPLETION) != 0) {
        return vmb_endpoint_complete(device->endpoint, packet->transaction_id, bytes,
                                     packet->payload_bytes);
    }
    return vmb_endpoint_send(device->endpoint, bytes, packet->payload_bytes, 0, false);
}

static void echo_event(void *context)
{
    struct echo *device = context;
    struct vmb_packet packet;
    uint8_t bytes[PACKET_BYTES];

    while (vmb_endpoint_wait_space(device->endpoint, PACKET_BYTES) == VMB_OK) {
        vmb_status status = vmb_endpoint_receive(device->endpoint, bytes, sizeof(bytes), &packet);

        if (status == VMB_ERR_TOO_SMALL) {
            vmb_endpoint_skip(device->endpoint, &packet);
        } else if (status != VMB_OK || echo_answer(device, &packet, bytes) != VMB_OK) {
            break;
        }
        device->packets++;
    }
    vmb_endpoint_release(device->endpoint);
}

static void echo_closed(void *device, vmb_status reason)
{
    (void)reason;
    ((struct echo *)device)->endpoint = NULL;
}

static const struct vmb_driver echo_driver = {
    .name = "echo",
    .opened = echo_opened,
    .on_event = echo_event,
    .closed = echo_closed,
};

/* The bus. */

static void offered(void *context, struct vmb_channel *channel)
{
    struct vmb_channel_open_options open = {.struct_bytes = sizeof(open)};
    const struct vmb_msg_offer *offer = vmb_channel_offer(channel);

    open.driver = &echo_driver;
    open.device = context;
    if (vmb_guid_equal(&offer->interface_guid, &echo_driver.class_id) &&
        vmb_channel_open(channel, &open) == VMB_OK) {
        echo.channel = channel;
    }
}

static void rescinded(void *context, struct vmb_channel *channel)
{
    ((struct echo *)context)->channel = NULL;
    if (vmb_channel_let_go(channel) != VMB_OK) {
        machine_write(VMB_HV_MSR_EOM, 1);
    }
}

static void connected(void *context, vmb_status status)
{
    ((struct echo *)context)->left = status != VMB_OK;
}

static void unloaded(void *context, vmb_status status)
{
    ((struct echo *)context)->left = status == VMB_OK;
}

static const struct vmb_guest_platform platform = {
    .struct_bytes = sizeof(platform),
    .context = post_page,
    .post_message = post_message,
    .signal_event = signal_event,
    .share_pages = share_pages,
    .unshare_pages = unshare_pages,
    .now_ns = now_ns,
    .end_of_message = end_of_message,
};

static const struct vmb_guest_events events = {
    .struct_bytes = sizeof(events),
    .context = &echo,
    .connected = connected,
    .offered = offered,
    .rescinded = rescinded,
    .unloaded = unloaded,
};

/* CPUID, the SynIC's pages, its interrupt. */
static bool bring_up(void)
{
    static struct vmb_hv_cpuid leaves;
    struct vmb_guest_options options = {.struct_bytes = sizeof(options), .channel_limit = 64};
    struct vmb_hv_features features;
    struct vmb_pages synic;

    leaves.vendor.eax = (uint32_t)machine_read(VMB_HV_CPUID_BASE);
    if (vmb_hv_features_decode(&leaves, &features) != VMB_OK ||
        share_pages(NULL, 2, &synic) != VMB_OK ||
        vmb_guest_memory_bytes(&options) > sizeof(guest_memory) ||
        vmb_guest_init(guest_memory, sizeof(guest_memory), &options, &platform, &events, &guest) !=
            VMB_OK ||
        vmb_guest_vp_start(guest, 0, synic.base, (uint8_t *)synic.base + VMB_PAGE_BYTES) !=
            VMB_OK) {
        return false;
    }
    machine_write(VMB_HV_MSR_SIMP,
                  vmb_hv_page_on(machine_read(VMB_HV_MSR_SIMP), synic.first_gpn << VMB_PAGE_SHIFT));
    machine_write(VMB_HV_MSR_SIEFP, vmb_hv_page_on(machine_read(VMB_HV_MSR_SIEFP),
                                                   (synic.first_gpn + 1) << VMB_PAGE_SHIFT));
    machine_write(VMB_HV_MSR_SINT0 + 2,
                  vmb_hv_sint_on(machine_read(VMB_HV_MSR_SINT0 + 2), 0x50, features.use_auto_eoi));
    machine_write(VMB_HV_MSR_SCONTROL, vmb_hv_scontrol_on(machine_read(VMB_HV_MSR_SCONTROL)));
    return true;
}

/* The interrupt's entry. */
void small_guest_interrupt(void);
void small_guest_interrupt(void)
{
    (void)vmb_guest_on_interrupt(guest, 0);
}

static void turn(void)
{
    bool more = vmb_guest_poll(guest);

    if (!vmb_guest_run(guest, 0, RUNS_AT_ONCE) && !more) {
        machine_port = vmb_guest_next_deadline_ns(guest);
    }
}

/* The kernel's entry. */
void small_guest_start(void);
void small_guest_start(void)
{
    if (!bring_up() || vmb_guest_connect(guest) != VMB_OK) {
        return;
    }
    while (echo.packets < PACKETS_ASKED && !echo.left) {
        turn();
    }
    if (echo.channel != NULL && vmb_channel_close(echo.channel, NULL, NULL) != VMB_OK) {
        return;
    }
    while (echo.channel != NULL && vmb_channel_state(echo.channel) == VMB_CHANNEL_CLOSING) {
        turn();
    }
    if (vmb_guest_unload(guest) != VMB_OK) {
        return;
    }
    while (!echo.left) {
        turn();
    }
    echo.left = vmb_guest_deinit(guest) == VMB_OK;
}
