/* SPDX-License-Identifier: MIT */
/*
 * Memory that is not atomic: two accesses of different threads, one of them a write, must be
 * ordered by happens-before (C11 model only). The library's sources are compiled with the
 * compiler's thread-sanitizer instrumentation, whose calls end here, so that every access they
 * make is watched, and none has to be marked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore/engine/xpl_state.h"

#define GRANULES 16384u

/* Eight bytes of memory, and each thread's last read and write of them. */
struct granule {
    uintptr_t number; /* Address / 8. */
    uint64_t epoch;
    uint8_t read_clock[XPL_THREADS];
    uint8_t read_bytes[XPL_THREADS]; /* Which of the eight, a bit each. */
    uint8_t write_clock[XPL_THREADS];
    uint8_t write_bytes[XPL_THREADS];
    uint8_t atomic_clock[XPL_THREADS];
    uint8_t atomic_bytes[XPL_THREADS];
};

static struct granule granules[GRANULES];
static uint16_t granules_used[GRANULES / 2]; /* In this execution, in the order of their use. */
static unsigned granule_count;

void xpl_plain_reset(void)
{
    granule_count = 0;
}

/* Into a checkpoint, or out of it. The slots that were used later are free again. */
void xpl_plain_checkpoint(void *context, bool restores)
{
    unsigned count = granule_count;

    xpl_checkpoint_copy(context, &count, sizeof(count));
    while (restores && granule_count > count) {
        granules[granules_used[--granule_count]].epoch = 0;
    }
    for (unsigned i = 0; i < count; i++) {
        xpl_checkpoint_copy(context, &granules[granules_used[i]], sizeof(granules[0]));
    }
}

static struct granule *granule_find(uintptr_t number)
{
    unsigned slot = (unsigned)((number * 0x9E3779B97F4A7C15u) >> 50); /* 14 bits. */

    while (granules[slot].epoch == xpl.epoch && granules[slot].number != number) {
        slot = (slot + 1) % GRANULES;
    }
    if (granules[slot].epoch != xpl.epoch) {
        if (granule_count == GRANULES / 2) {
            fprintf(stderr, "explore: %s: too much plain memory\n", xpl.scenario->name);
            exit(2);
        }
        granules_used[granule_count++] = (uint16_t)slot;
        memset(&granules[slot], 0, sizeof(granules[slot]));
        granules[slot].number = number;
        granules[slot].epoch = xpl.epoch;
    }
    return &granules[slot];
}

static void plain_race(const struct granule *granule, unsigned other, bool other_wrote, bool writes)
{
    xpl_fail("data race on %s: %s %s it, %s %s it, and nothing orders the two",
             xpl_object_name((const void *)(granule->number * 8)),
             xpl.scenario->threads[other].name, other_wrote ? "writes" : "reads",
             xpl.scenario->threads[xpl.now.current].name, writes ? "writes" : "reads");
}

static void granule_access(uintptr_t number, uint8_t bytes, bool writes)
{
    struct granule *granule = granule_find(number);
    const unsigned self = xpl.now.current;
    const struct xpl_view *view = &xpl.thread[self].current;
    uint8_t *const mine = writes ? granule->write_bytes : granule->read_bytes;
    uint8_t *const clock = writes ? granule->write_clock : granule->read_clock;

    for (unsigned i = 0; i < xpl.threads; i++) {
        if (i == self) {
            continue;
        }
        if ((granule->write_bytes[i] & bytes) != 0 && granule->write_clock[i] > view->slot[i]) {
            plain_race(granule, i, true, writes);
        }
        if (writes && (granule->read_bytes[i] & bytes) != 0 &&
            granule->read_clock[i] > view->slot[i]) {
            plain_race(granule, i, false, writes);
        }
        if (writes && (granule->atomic_bytes[i] & bytes) != 0 &&
            granule->atomic_clock[i] > view->slot[i]) {
            plain_race(granule, i, true, writes);
        }
    }
    /* One clock for all bytes of a thread: the newest counts, older ones of other bytes go. */
    mine[self] = clock[self] == view->slot[self] ? mine[self] | bytes : bytes;
    clock[self] = view->slot[self];
}

/*
 * An atomic access of the running thread: it must not meet a plain write, such as that of somebody
 * who takes the memory for free.
 */
void xpl_plain_beside_atomic(const void *object, uint8_t bytes)
{
    struct granule *granule = granule_find((uintptr_t)object / 8);
    const uint8_t mask = (uint8_t)(((1u << bytes) - 1u) << ((uintptr_t)object & 7));
    const unsigned self = xpl.now.current;
    const struct xpl_view *view = &xpl.thread[self].current;

    for (unsigned i = 0; i < xpl.threads; i++) {
        if (i != self && (granule->write_bytes[i] & mask) != 0 &&
            granule->write_clock[i] > view->slot[i]) {
            plain_race(granule, i, true, true);
        }
    }
    granule->atomic_bytes[self] =
        granule->atomic_clock[self] == view->slot[self] ? granule->atomic_bytes[self] | mask : mask;
    granule->atomic_clock[self] = view->slot[self];
}

static inline void plain_access(const void *memory, size_t bytes, bool writes)
{
    uintptr_t from = (uintptr_t)memory;
    const uintptr_t end = from + bytes;
    int here;

    if (!xpl.inside) {
        if (xpl.checking && writes) {
            xpl_keep_written(from, end);
        }
        return;
    }
    if (!writes && xpl.options.model != XPL_C11) {
        return;
    }
    /* The stack of the running fiber is its own. */
    if (from - (uintptr_t)&here + XPL_STACK_BYTES < 2 * (uintptr_t)XPL_STACK_BYTES) {
        return;
    }
    if (writes) {
        xpl_keep_written(from, end);
    }
    if (xpl.options.model != XPL_C11) {
        return;
    }
    while (from < end) {
        const uintptr_t stop = (from | 7) + 1 < end ? (from | 7) + 1 : end;
        const unsigned mask = ((1u << (stop - from)) - 1u) << (from & 7);

        granule_access(from / 8, (uint8_t)mask, writes);
        /* Of a page that is cleared or given away, the first word of a line says as much. */
        from = bytes > 256 && from - (uintptr_t)memory >= 64 ? from + 64 : stop;
    }
}

void xpl_plain_read(const void *memory, size_t bytes)
{
    plain_access(memory, bytes, false);
}

void xpl_plain_write(const void *memory, size_t bytes)
{
    plain_access(memory, bytes, true);
}

/* What the compiler calls. No header declares these for us: their names are the compilers'. */
#define HOOKS(size)                                                                                \
    void __tsan_read##size(void *memory);                                                          \
    void __tsan_write##size(void *memory);                                                         \
    void __tsan_unaligned_read##size(void *memory);                                                \
    void __tsan_unaligned_write##size(void *memory);                                               \
    void __tsan_read_write##size(void *memory);                                                    \
    void __tsan_unaligned_read_write##size(void *memory);                                          \
    void __tsan_read##size(void *memory)                                                           \
    {                                                                                              \
        plain_access(memory, size, false);                                                         \
    }                                                                                              \
    void __tsan_write##size(void *memory)                                                          \
    {                                                                                              \
        plain_access(memory, size, true);                                                          \
    }                                                                                              \
    void __tsan_unaligned_read##size(void *memory)                                                 \
    {                                                                                              \
        plain_access(memory, size, false);                                                         \
    }                                                                                              \
    void __tsan_unaligned_write##size(void *memory)                                                \
    {                                                                                              \
        plain_access(memory, size, true);                                                          \
    }                                                                                              \
    void __tsan_read_write##size(void *memory)                                                     \
    {                                                                                              \
        plain_access(memory, size, true);                                                          \
    }                                                                                              \
    void __tsan_unaligned_read_write##size(void *memory)                                           \
    {                                                                                              \
        plain_access(memory, size, true);                                                          \
    }

HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)

void __tsan_read_range(void *memory, unsigned long bytes);
void __tsan_write_range(void *memory, unsigned long bytes);
void *__tsan_memcpy(void *target, const void *source, size_t bytes);
void *__tsan_memmove(void *target, const void *source, size_t bytes);
void *__tsan_memset(void *target, int value, size_t bytes);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_init(void);

void __tsan_read_range(void *memory, unsigned long bytes)
{
    plain_access(memory, bytes, false);
}

void __tsan_write_range(void *memory, unsigned long bytes)
{
    plain_access(memory, bytes, true);
}

void *__tsan_memcpy(void *target, const void *source, size_t bytes)
{
    plain_access(source, bytes, false);
    plain_access(target, bytes, true);
    return memcpy(target, source, bytes);
}

void *__tsan_memmove(void *target, const void *source, size_t bytes)
{
    plain_access(source, bytes, false);
    plain_access(target, bytes, true);
    return memmove(target, source, bytes);
}

void *__tsan_memset(void *target, int value, size_t bytes)
{
    plain_access(target, bytes, true);
    return memset(target, value, bytes);
}

void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void)
{
}

void __tsan_init(void)
{
}
