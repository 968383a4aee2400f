/* SPDX-License-Identifier: MIT */
#include "traffic.h"

#include "x86_boot.h"
#include "x86_clock.h"
#include "x86_console.h"
#include "x86_vmbus.h"

enum {
    TRAFFIC_PACKETS = 1000,
    TRAFFIC_WINDOW = 8,
    TRAFFIC_STREAMS = 2,
    TRAFFIC_BUFFER_BYTES = 2048
};

static uint64_t traffic_buffer[TRAFFIC_BUFFER_BYTES / sizeof(uint64_t)];
static uint64_t traffic_longest_ns;
static bool traffic_broken;
static bool traffic_stopped;

static uint64_t traffic_now(void *context)
{
    (void)context;
    return x86_clock_ns();
}

static void traffic_answered(void *context, uint64_t round_trip_ns, uint32_t pattern_bytes)
{
    (void)context;
    (void)pattern_bytes;
    if (round_trip_ns > traffic_longest_ns) {
        traffic_longest_ns = round_trip_ns;
    }
    x86_vmbus_wake(); /* Perhaps it was the last one. */
}

static void traffic_failed(void *context, vmb_status status)
{
    (void)context;
    x86_printf("vmbus: traffic: %s\n", vmb_status_text(status));
    __atomic_store_n(&traffic_broken, true, __ATOMIC_RELEASE);
}

void traffic_init(struct vmb_traffic_guest *device)
{
    const struct vmb_traffic_guest_options options = {
        .struct_bytes = sizeof(options),
        .buffer = traffic_buffer,
        .buffer_bytes = sizeof(traffic_buffer),
        .window = TRAFFIC_WINDOW,
        .streams = TRAFFIC_STREAMS,
        .answer = VMB_TRAFFIC_ANSWER_MIXED,
        .packet_limit = x86_boot_has("move") ? 0 : TRAFFIC_PACKETS,
        .now_ns = traffic_now,
        .answered = traffic_answered,
        .failed = traffic_failed,
    };
    vmb_status status = vmb_traffic_guest_init(device, &options);

    if (status != VMB_OK) {
        x86_panic("traffic: %s", vmb_status_text(status));
    }
}

void traffic_moved(struct vmb_traffic_guest *device)
{
    if (x86_boot_has("move")) {
        vmb_traffic_guest_stop(device);
        traffic_stopped = true;
    }
}

bool traffic_settled(const struct vmb_traffic_guest *device)
{
    struct vmb_traffic_counters counters;

    vmb_traffic_guest_read_counters(device, &counters);
    return __atomic_load_n(&traffic_broken, __ATOMIC_ACQUIRE) ||
           ((traffic_stopped || counters.packets_sent >= TRAFFIC_PACKETS) &&
            vmb_traffic_guest_expected(device) == 0);
}

void traffic_say(const struct vmb_traffic_guest *device)
{
    struct vmb_traffic_counters counters;

    vmb_traffic_guest_read_counters(device, &counters);
    x86_printf("vmbus: traffic: %lu sent, %lu answered, %lu streamed, %lu abandoned, %lu wrong, "
               "longest round trip %lu us\n",
               counters.packets_sent, counters.answered, counters.streamed, counters.abandoned,
               counters.corrupt + counters.out_of_order + counters.unasked,
               traffic_longest_ns / 1000);
}
