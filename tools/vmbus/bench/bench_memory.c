/* SPDX-License-Identifier: MIT */
/* Bytes of library state, and what the data path allocates: nothing. */
#include "tools/vmbus/bench/bench.h"

#include <malloc.h>
#include <stdio.h>

#include "tools/vmbus/bench/bench_guest.h"

#define MIB 1048576.0

static double memory_bytes(uint32_t vps, uint32_t channels)
{
    const struct vmb_guest_options options = {
        .struct_bytes = sizeof(options), .vp_count = vps, .channel_limit = channels};

    return (double)vmb_guest_memory_bytes(&options);
}

/* Heap in use before and after ten thousand interrupts with handlers. */
static void memory_data_path(struct bench *bench)
{
    struct bench_guest *guest = bench_guest_new(1, 64, VMB_NOTIFY_DIRECT);
    uint64_t *flags = bench_guest_flags(guest, 0);
    struct bench_series grown = {.count = 0};
    size_t before = mallinfo2().uordblks;

    for (uint32_t i = 0; i < 10000; i++) {
        flags[0] = ~UINT64_C(1);
        (void)vmb_guest_on_interrupt(bench_guest_library(guest), 0);
    }
    bench_add(&grown, (double)(mallinfo2().uordblks - before));
    bench_figure(bench, "memory: heap growth over 630 000 events", "bytes", &grown);
    bench_at_most(bench, "memory: bytes allocated on the data path", &grown, 0.0);
    bench_guest_free(guest);
}

bool bench_memory_use(struct bench *bench)
{
    static const uint32_t channels[] = {1, 64, 512, 2047};
    static const uint32_t vps[] = {1, 4, 64};
    char name[96];

    for (uint32_t v = 0; v < 3; v++) {
        for (uint32_t c = 0; c < 4; c++) {
            struct bench_series bytes = {.count = 0};
            char curve[32];

            bench_add(&bytes, memory_bytes(vps[v], channels[c]));
            snprintf(name, sizeof(name), "memory: %u channels, %u VPs", channels[c], vps[v]);
            bench_figure(bench, name, "bytes", &bytes);
            snprintf(curve, sizeof(curve), "%u VPs", vps[v]);
            bench_point(bench, "Memory of a guest, by channels", "channels|KiB", curve, channels[c],
                        bytes.value[0] / 1024);
            if (channels[c] == 2047 && vps[v] == 4) {
                bytes.value[0] /= MIB;
                bench_at_most(bench, "memory: 2047 channels, 4 VPs, MiB", &bytes, 1.2);
            }
        }
    }
    memory_data_path(bench);
    return true;
}
