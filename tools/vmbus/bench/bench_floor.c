/* SPDX-License-Identifier: MIT */
/* What the machine can do at all, in this run: the floor under every other figure. */
#include "tools/vmbus/bench/bench.h"

#include <stdio.h>
#include <string.h>

#define TIMES 200000u

static double floor_of(void (*work)(uint32_t times), uint32_t times)
{
    uint64_t started = bench_now_ns();

    work(times);
    return (double)(bench_now_ns() - started) / times;
}

static uint64_t floor_word;

static void floor_exchange(uint32_t times)
{
    while (times-- > 0) {
        (void)__atomic_exchange_n(&floor_word, times, __ATOMIC_SEQ_CST);
    }
}

static void floor_load(uint32_t times)
{
    while (times-- > 0) {
        (void)__atomic_load_n(&floor_word, __ATOMIC_ACQUIRE);
    }
}

static uint8_t floor_from[65536], floor_to[65536];

static void floor_copy_small(uint32_t times)
{
    while (times-- > 0) {
        memcpy(floor_to, floor_from, 64);
        __asm__ __volatile__("" ::: "memory");
    }
}

static void floor_copy_large(uint32_t times)
{
    while (times-- > 0) {
        memcpy(floor_to, floor_from, sizeof(floor_to));
        __asm__ __volatile__("" ::: "memory");
    }
}

bool bench_floor(struct bench *bench)
{
    struct bench_series exchange = {.count = 0}, load = {.count = 0};
    struct bench_series small = {.count = 0}, large = {.count = 0};

    bench_pin(0);
    for (uint32_t round = 0; round < bench_rounds(bench); round++) {
        bench_progress(bench, "floor: round %u of %u", round + 1, bench_rounds(bench));
        bench_add(&exchange, floor_of(floor_exchange, TIMES));
        bench_add(&load, floor_of(floor_load, TIMES));
        bench_add(&small, floor_of(floor_copy_small, TIMES));
        bench_add(&large, floor_of(floor_copy_large, TIMES / 500));
    }
    bench_figure(bench, "floor: one locked operation", "ns", &exchange);
    bench_figure(bench, "floor: one load", "ns", &load);
    bench_figure(bench, "floor: copy of 64 bytes", "ns", &small);
    bench_figure(bench, "floor: copy of 64 KiB", "ns", &large);
    return true;
}
