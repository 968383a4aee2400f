/* SPDX-License-Identifier: MIT */
/*
 * Memory that is not atomic: two accesses of different threads to one byte, one of them a write,
 * must be ordered by happens-before (C11 model only). The library's sources are compiled with the
 * compiler's thread-sanitizer instrumentation, whose calls end here, so that every access they
 * make is watched, and none has to be marked.
 *
 * The books are exact for each byte, though most words have one entry: as long as its bytes are
 * accessed together, what is known of one is known of all. An access of some of them splits it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore/engine/xpl_state.h"

#define PIECES 16384u /* A power of two; half of them may be used. */

/* What a thread does to memory. */
enum access {
    READ,
    WRITE,
    ATOMIC_READ,
    ATOMIC_WRITE,
    ACCESSES
};

/* A byte for each thread. */
typedef uint8_t lanes __attribute__((vector_size(XPL_THREADS), may_alias));

/* Bytes of one word that were always accessed together, and who did so last, at which clock. */
struct piece {
    uint8_t clock[ACCESSES][XPL_THREADS]; /* 0: never. */
    uintptr_t word;                       /* Address / 8; 0: found by another's `next` only. */
    uint64_t epoch;
    uint16_t next; /* Slot of the next piece of this word + 1; 0: none. */
    uint8_t bytes; /* Which of the eight, a bit each. */
    uint8_t level; /* Of checkpoints: see xpl_undo_note(). */
};

static _Alignas(64) struct piece pieces[PIECES];
static uint16_t pieces_used[PIECES / 2]; /* In this execution, in the order of their use. */
static unsigned piece_count;

void xpl_plain_reset(void)
{
    piece_count = 0;
}

/*
 * Into a checkpoint, or out of it. The slots that were used later are free again; what changed in
 * others has been undone.
 */
void xpl_plain_checkpoint(void *context, bool restores)
{
    unsigned count = piece_count;

    xpl_checkpoint_copy(context, &count, sizeof(count));
    while (restores && piece_count > count) {
        pieces[pieces_used[--piece_count]].epoch = 0;
    }
}

static inline unsigned piece_slot(uintptr_t word)
{
    return (unsigned)((word * 0x9E3779B97F4A7C15u) >> 50); /* 14 bits. */
}

/* A free slot, from @slot on. */
static struct piece *piece_take(unsigned slot, uintptr_t word, uint8_t bytes)
{
    while (pieces[slot].epoch == xpl.epoch) {
        slot = (slot + 1) % PIECES;
    }
    if (piece_count == PIECES / 2) {
        fprintf(stderr, "explore: %s: too much plain memory\n", xpl.scenario->name);
        exit(2);
    }
    pieces_used[piece_count++] = (uint16_t)slot;
    pieces[slot] =
        (struct piece){.word = word, .epoch = xpl.epoch, .bytes = bytes, .level = xpl.level};
    return &pieces[slot];
}

/* The first piece of the word; where there is none yet, one of these bytes. */
static inline struct piece *piece_find(uintptr_t word, uint8_t bytes)
{
    unsigned slot = piece_slot(word);

    while (pieces[slot].epoch == xpl.epoch) {
        if (pieces[slot].word == word) {
            return &pieces[slot];
        }
        slot = (slot + 1) % PIECES;
    }
    return piece_take(slot, word, bytes);
}

/* It is about to change. */
static inline void piece_note(struct piece *piece)
{
    if (piece->level != xpl.level) {
        xpl_undo_note(piece, sizeof(*piece));
        piece->level = xpl.level;
    }
}

/* Another piece of the same word. */
static __attribute__((noinline)) struct piece *piece_append(struct piece *piece, uintptr_t word,
                                                            uint8_t bytes)
{
    struct piece *other = piece_take(piece_slot(word), 0, bytes);

    piece_note(piece);
    other->next = piece->next;
    piece->next = (uint16_t)(other - pieces + 1);
    return other;
}

/* Leave only these bytes in it; what is known of the others goes into a piece of their own. */
static __attribute__((noinline)) void piece_split(struct piece *piece, uintptr_t word,
                                                  uint8_t bytes)
{
    struct piece *other = piece_append(piece, word, piece->bytes & (uint8_t)~bytes);

    memcpy(other->clock, piece->clock, sizeof(other->clock));
    piece->bytes = bytes;
}

/* Which threads have done this, and nothing orders it before what is done now? */
static inline uint64_t unordered(const struct piece *piece, enum access access)
{
    const lanes seen = *(const lanes *)(const void *)xpl.thread[xpl.now.current].current.slot;
    const lanes clock = *(const lanes *)(const void *)piece->clock[access];
    const lanes found = (lanes)(clock > seen);
    uint64_t threads;

    memcpy(&threads, &found, sizeof(threads));
    return threads;
}

static __attribute__((noinline)) void plain_race(uintptr_t word, uint8_t bytes, uint64_t others,
                                                 bool other_wrote, bool writes)
{
    const unsigned other = xpl_lowest(others) / 8;

    xpl_fail("data race on %s: %s %s it, %s %s it, and nothing orders the two",
             xpl_object_name((const void *)(word * 8 + xpl_lowest(bytes))),
             xpl.scenario->threads[other].name, other_wrote ? "writes" : "reads",
             xpl.scenario->threads[xpl.now.current].name, writes ? "writes" : "reads");
}

/* What of the others' accesses this one must not meet. */
static inline void piece_check(const struct piece *piece, uintptr_t word, enum access access)
{
    const bool writes = access == WRITE || access == ATOMIC_WRITE;
    uint64_t written = unordered(piece, WRITE), read = 0;

    if (access == READ || access == WRITE) {
        written |= unordered(piece, ATOMIC_WRITE);
    }
    if (writes) {
        read = unordered(piece, READ);
    }
    if (access == WRITE) {
        read |= unordered(piece, ATOMIC_READ);
    }
    if ((written | read) != 0) {
        plain_race(word, piece->bytes, written != 0 ? written : read, written != 0, writes);
    }
}

/* Has the running thread done as much before, and told nobody of anything since? */
static inline bool done_before(const struct piece *piece, enum access access, uint8_t clock)
{
    const unsigned self = xpl.now.current;

    return piece->clock[access][self] == clock ||
           (access == READ && piece->clock[WRITE][self] == clock) ||
           (access == ATOMIC_READ && piece->clock[ATOMIC_WRITE][self] == clock);
}

/* The running thread accesses these bytes of the word; @clock: what others must know to be later.
 */
static inline void word_access(uintptr_t word, uint8_t bytes, enum access access, uint8_t clock)
{
    struct piece *piece = piece_find(word, bytes);

    for (;;) {
        const uint8_t here = piece->bytes & bytes;

        if (here != 0 && !done_before(piece, access, clock)) {
            if (here != piece->bytes) {
                piece_split(piece, word, here);
            }
            piece_check(piece, word, access);
            piece_note(piece);
            piece->clock[access][xpl.now.current] = clock;
        }
        bytes &= (uint8_t)~here;
        if (bytes == 0) {
            return;
        }
        piece = piece->next != 0 ? &pieces[piece->next - 1] : piece_append(piece, word, bytes);
    }
}

static inline uint8_t own_clock(void)
{
    return xpl.thread[xpl.now.current].current.slot[xpl.now.current];
}

/*
 * An atomic access of the running thread: it must not meet a plain write, such as that of somebody
 * who takes the memory for free. @clock: the thread's own before it did this, since who acquires
 * what it released comes after it.
 */
void xpl_plain_beside_atomic(const void *object, uint8_t bytes, bool writes, uint8_t clock)
{
    const unsigned mask = ((1u << bytes) - 1u) << ((uintptr_t)object & 7);

    word_access((uintptr_t)object / 8, (uint8_t)mask, writes ? ATOMIC_WRITE : ATOMIC_READ, clock);
}

static inline void plain_access(const void *memory, size_t bytes, bool writes)
{
    uintptr_t from = (uintptr_t)memory;
    const uintptr_t end = from + bytes;
    uint8_t clock;

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
    if ((uintptr_t)xpl_run_stack_top(xpl.now.current) - from - 1 < XPL_STACK_BYTES) {
        return;
    }
    if (writes) {
        xpl_keep_written(from, end);
    }
    if (xpl.options.model != XPL_C11) {
        return;
    }
    clock = own_clock();
    while (from < end) {
        const uintptr_t stop = (from | 7) + 1 < end ? (from | 7) + 1 : end;
        const unsigned mask = ((1u << (stop - from)) - 1u) << (from & 7);

        word_access(from / 8, (uint8_t)mask, writes ? WRITE : READ, clock);
        from = stop;
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
