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

/* A byte for each thread. */
typedef uint8_t lanes __attribute__((vector_size(XPL_THREADS), may_alias));

/* Each thread's last access of a kind to eight bytes of memory. */
struct access {
    uint8_t clock[XPL_THREADS];
    uint8_t bytes[XPL_THREADS]; /* Which of the eight, a bit each. */
};

/* Eight bytes of memory, and each thread's last read and write of them. */
struct granule {
    uintptr_t number; /* Address / 8. */
    uint64_t epoch;
    struct access read;
    struct access write;
    struct access atomic;
};

static _Alignas(64) struct granule granules[GRANULES];
static uint8_t granule_levels[GRANULES];     /* Of checkpoints: see xpl_undo_note(). */
static uint16_t granules_used[GRANULES / 2]; /* In this execution, in the order of their use. */
static unsigned granule_count;

void xpl_plain_reset(void)
{
    granule_count = 0;
}

/*
 * Into a checkpoint, or out of it. The slots that were used later are free again; what changed in
 * others has been undone.
 */
void xpl_plain_checkpoint(void *context, bool restores)
{
    unsigned count = granule_count;

    xpl_checkpoint_copy(context, &count, sizeof(count));
    while (restores && granule_count > count) {
        granules[granules_used[--granule_count]].epoch = 0;
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
        granule_levels[slot] = xpl.level;
    }
    return &granules[slot];
}

/* The running thread accesses it: the newest clock counts, older ones of other bytes go. */
static inline void granule_note(struct granule *granule, struct access *access, uint8_t bytes)
{
    const unsigned self = xpl.now.current;
    const uint8_t clock = xpl.thread[self].current.slot[self];
    uint8_t *level = &granule_levels[granule - granules];

    if (*level != xpl.level) {
        xpl_undo_note(granule, sizeof(*granule));
        xpl_undo_note(level, sizeof(*level));
        *level = xpl.level;
    }
    access->bytes[self] = access->clock[self] == clock ? access->bytes[self] | bytes : bytes;
    access->clock[self] = clock;
}

/* Which threads have accessed some of these bytes, and nothing orders it before what is done now?
 */
static inline uint64_t unordered(const struct access *access, uint8_t bytes)
{
    const lanes seen = *(const lanes *)(const void *)xpl.thread[xpl.now.current].current.slot;
    const lanes clock = *(const lanes *)(const void *)access->clock;
    const lanes which = *(const lanes *)(const void *)access->bytes;
    const lanes found = (lanes)(clock > seen) & (lanes)((which & bytes) != 0);
    uint64_t threads;

    memcpy(&threads, &found, sizeof(threads));
    return threads;
}

/* Has the running thread done this before, and told nobody of anything since? */
static inline bool done_before(const struct access *access, uint8_t bytes)
{
    const unsigned self = xpl.now.current;

    return access->clock[self] == xpl.thread[self].current.slot[self] &&
           (bytes & ~access->bytes[self]) == 0;
}

static void plain_race(const struct granule *granule, uint64_t others, bool other_wrote,
                       bool writes)
{
    const unsigned other = xpl_lowest(others) / 8;

    xpl_fail("data race on %s: %s %s it, %s %s it, and nothing orders the two",
             xpl_object_name((const void *)(granule->number * 8)),
             xpl.scenario->threads[other].name, other_wrote ? "writes" : "reads",
             xpl.scenario->threads[xpl.now.current].name, writes ? "writes" : "reads");
}

static void granule_read(uintptr_t number, uint8_t bytes)
{
    struct granule *granule = granule_find(number);
    uint64_t others;

    if (done_before(&granule->read, bytes) || done_before(&granule->write, bytes)) {
        return;
    }
    others = unordered(&granule->write, bytes);
    if (others != 0) {
        plain_race(granule, others, true, false);
    }
    granule_note(granule, &granule->read, bytes);
}

static void granule_write(uintptr_t number, uint8_t bytes)
{
    struct granule *granule = granule_find(number);
    uint64_t others;

    if (done_before(&granule->write, bytes)) {
        return;
    }
    others = unordered(&granule->write, bytes) | unordered(&granule->atomic, bytes);
    if (others != 0) {
        plain_race(granule, others, true, true);
    }
    others = unordered(&granule->read, bytes);
    if (others != 0) {
        plain_race(granule, others, false, true);
    }
    granule_note(granule, &granule->write, bytes);
}

/*
 * An atomic access of the running thread: it must not meet a plain write, such as that of somebody
 * who takes the memory for free.
 */
void xpl_plain_beside_atomic(const void *object, uint8_t bytes)
{
    struct granule *granule = granule_find((uintptr_t)object / 8);
    const uint8_t mask = (uint8_t)(((1u << bytes) - 1u) << ((uintptr_t)object & 7));
    uint64_t others;

    if (done_before(&granule->atomic, mask)) {
        return;
    }
    others = unordered(&granule->write, mask);
    if (others != 0) {
        plain_race(granule, others, true, true);
    }
    granule_note(granule, &granule->atomic, mask);
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

        if (writes) {
            granule_write(from / 8, (uint8_t)mask);
        } else {
            granule_read(from / 8, (uint8_t)mask);
        }
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
