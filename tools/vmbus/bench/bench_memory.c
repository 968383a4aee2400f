/* SPDX-License-Identifier: MIT */
/* Bytes of library state, and what the data path allocates: nothing. */
#include "tools/vmbus/bench/bench.h"

#include <stdio.h>

#include <vmbus/host.h>

#include "tools/vmbus/bench/bench_guest.h"

#define MIB    1048576.0
#define EVENTS 10000u /* Interrupts with 63 events each. */

static const uint32_t memory_channels[] = {1, 8, 64, 512, 2047};

#define MEMORY_CHANNELS (sizeof(memory_channels) / sizeof(memory_channels[0]))

static double memory_of_guest(uint32_t vps, uint32_t channels)
{
    const struct vmb_guest_options options = {
        .struct_bytes = sizeof(options), .vp_count = vps, .channel_limit = channels};

    return (double)vmb_guest_memory_bytes(&options);
}

static double memory_of_host(uint32_t vps, uint32_t channels)
{
    const struct vmb_host_options options = {
        .struct_bytes = sizeof(options), .vp_count = vps, .channel_limit = channels};

    return (double)vmb_host_memory_bytes(&options);
}

static void memory_say(struct bench *bench, const char *name, double bytes)
{
    struct bench_series series = {.count = 0};

    bench_add(&series, bytes);
    bench_figure(bench, name, "bytes", &series);
}

/* What a library takes for more and more channels, and what one channel more costs at each step. */
static void memory_growth(struct bench *bench, const char *who, double (*of)(uint32_t, uint32_t),
                          uint32_t vps)
{
    char name[96], curve[32];

    snprintf(curve, sizeof(curve), "%s, %u VPs", who, vps);
    for (size_t i = 0; i < MEMORY_CHANNELS; i++) {
        double bytes = of(vps, memory_channels[i]);

        snprintf(name, sizeof(name), "memory: %s, %u channels, %u VPs", who, memory_channels[i],
                 vps);
        memory_say(bench, name, bytes);
        bench_point(bench, "Memory, by channels", "channels|KiB", curve, memory_channels[i],
                    bytes / 1024);
        if (i > 0) {
            uint32_t more = memory_channels[i] - memory_channels[i - 1];

            bench_point(bench, "Memory of one channel more", "channels|bytes", curve,
                        memory_channels[i], (bytes - of(vps, memory_channels[i - 1])) / more);
        }
    }
}

/* Every channel open: all that a guest ever asks for is there, and the rings are not counted. */
static void memory_all_open(struct bench *bench)
{
    struct bench_guest *guest = bench_guest_new(4, VMB_RELID_COUNT - 1, VMB_NOTIFY_DEFERRED);
    struct bench_series mib = {.count = 0};

    bench_add(&mib, (double)bench_guest_bytes(guest) / MIB);
    bench_at_most(bench, "memory: 2047 channels open, 4 VPs, without the rings, MiB", &mib, 1.2);
    bench_guest_free(guest);
}

/*
 * Memory has one way into the library, the port's share_pages(): its objects refer to no allocator,
 * which check_freestanding.py sees to. So the calls of that are counted. That they can be seen is
 * shown by the opens, each of which makes one.
 */
static void memory_data_path(struct bench *bench, enum vmb_notify notify, const char *how)
{
    struct bench_guest *guest = bench_guest_new(1, 64, notify);
    uint64_t *flags = bench_guest_flags(guest, 0);
    struct bench_series calls = {.count = 0};
    uint64_t shares = bench_guest_shares(guest);
    char name[96];

    if (shares != 64 + 1) {
        bench_wrong(bench, "64 opens and a connect asked for pages %u times", (unsigned)shares);
    }
    for (uint32_t i = 0; i < EVENTS; i++) {
        flags[0] = ~UINT64_C(1);
        (void)vmb_guest_on_interrupt(bench_guest_library(guest), 0);
        while (vmb_guest_run(bench_guest_library(guest), 0, 64)) {
        }
    }
    bench_add(&calls, (double)(bench_guest_shares(guest) - shares));
    if (bench_guest_device(guest, 1)->events != EVENTS) {
        bench_wrong(bench, "the data path was not taken");
    }
    snprintf(name, sizeof(name), "memory: allocations in %u events, %s", EVENTS * 63, how);
    bench_at_most(bench, name, &calls, 0.0);
    bench_guest_free(guest);
}

bool bench_memory_use(struct bench *bench)
{
    static const uint32_t vps[] = {1, 4, 64};

    for (uint32_t v = 0; v < 3; v++) {
        memory_growth(bench, "guest", memory_of_guest, vps[v]);
    }
    memory_growth(bench, "host", memory_of_host, 4);
    memory_all_open(bench);
    memory_data_path(bench, VMB_NOTIFY_DIRECT, "direct");
    memory_data_path(bench, VMB_NOTIFY_DEFERRED, "deferred");
    return true;
}
