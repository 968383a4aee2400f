/* SPDX-License-Identifier: MIT */
/* Clock, CPUs and memory of the machine that is measured on. */
#include "tools/vmbus/bench/bench.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

uint64_t bench_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t bench_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* What we may use, as it was before anybody pinned himself. */
static cpu_set_t system_cpus;

uint32_t bench_cpu_count(void)
{
    if (CPU_COUNT(&system_cpus) == 0) {
        (void)sched_getaffinity(0, sizeof(system_cpus), &system_cpus);
    }
    return (uint32_t)CPU_COUNT(&system_cpus);
}

static uint32_t system_pair[2] = {0, 1};

void bench_use_pair(uint32_t first, uint32_t second)
{
    system_pair[0] = first;
    system_pair[1] = second;
}

void bench_pin(uint32_t cpu)
{
    uint32_t place = (cpu < 2 ? system_pair[cpu] : cpu) % bench_cpu_count();
    cpu_set_t one;
    size_t number;

    CPU_ZERO(&one);
    for (number = 0; number < CPU_SETSIZE; number++) {
        if (CPU_ISSET(number, &system_cpus) && place-- == 0) {
            CPU_SET(number, &one);
            break;
        }
    }
    (void)sched_setaffinity(0, sizeof(one), &one);
}

void *bench_shared(size_t bytes)
{
    void *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (memory == MAP_FAILED) {
        perror("vmbus bench: mmap");
        exit(3);
    }
    return memory;
}

void bench_shared_free(void *memory, size_t bytes)
{
    (void)munmap(memory, bytes);
}

void *bench_memory(size_t alignment, size_t bytes)
{
    void *memory = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);

    if (memory == NULL) {
        perror("vmbus bench: memory");
        exit(3);
    }
    memset(memory, 0, bytes);
    return memory;
}
