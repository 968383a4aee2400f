/* SPDX-License-Identifier: MIT */
/*
 * Not every execution has to begin at the start: most differ from the one before in their last few
 * steps only. Where the search is about to decide otherwise, the state of the execution is copied
 * (stacks, memory, what the memory model keeps), and later executions with the same beginning go on
 * from the copy. That is the whole of it: a checkpoint changes the time that a search takes, never
 * what it finds (tests/unit/test_explore_reduction.c compares the two).
 *
 * A checkpoint is taken and restored on the main stack, while every thread is parked in a switch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore/engine/xpl_state.h"

#define CHECKPOINTS 32u /* A byte holds 1 + their number: see xpl_keep.c. */
#define APART       4u  /* Steps between two of them, at least: fewer are run again faster. */

struct checkpoint {
    unsigned step;
    size_t undo; /* What the list of things to undo held. */
    size_t used, size;
    uint8_t *bytes;
};

static struct checkpoint checkpoints[CHECKPOINTS];
static unsigned checkpoint_count;

/* What to undo: bytes as they were, each time followed by a struct undone; the last comes first. */
struct undone {
    void *memory;
    size_t bytes;
};
static uint8_t *undo_list;
static size_t undo_used, undo_size;

static void *grow(void *memory, size_t size)
{
    memory = realloc(memory, size);
    if (memory == NULL) {
        fprintf(stderr, "explore: out of memory\n");
        exit(2);
    }
    return memory;
}

void xpl_undo_note(void *memory, size_t bytes)
{
    const struct undone undone = {.memory = memory, .bytes = bytes};
    const size_t used = undo_used + bytes + sizeof(undone);

    if (used > undo_size) {
        undo_size = 2 * used + 65536;
        undo_list = grow(undo_list, undo_size);
    }
    memcpy(undo_list + undo_used, memory, bytes);
    memcpy(undo_list + undo_used + bytes, &undone, sizeof(undone));
    undo_used = used;
}

static void undo_down_to(size_t used)
{
    while (undo_used > used) {
        struct undone undone;

        undo_used -= sizeof(undone);
        memcpy(&undone, undo_list + undo_used, sizeof(undone));
        undo_used -= undone.bytes;
        memcpy(undone.memory, undo_list + undo_used, undone.bytes);
    }
}

/* Reading or writing a checkpoint: the same walk over the state serves both. */
struct walk {
    struct checkpoint *checkpoint;
    size_t at;
    bool restores;
};

/* Room for that many more bytes. Nothing to do where they are read. */
static void walk_reserve(struct walk *walk, size_t bytes)
{
    struct checkpoint *checkpoint = walk->checkpoint;

    if (walk->at + bytes <= checkpoint->size) {
        return;
    }
    checkpoint->size = 2 * (walk->at + bytes) + 4096;
    checkpoint->bytes = grow(checkpoint->bytes, checkpoint->size);
}

static inline void walk_bytes(struct walk *walk, void *memory, size_t bytes)
{
    walk_reserve(walk, bytes);
    if (walk->restores) {
        memcpy(memory, walk->checkpoint->bytes + walk->at, bytes);
    } else {
        memcpy(walk->checkpoint->bytes + walk->at, memory, bytes);
    }
    walk->at += bytes;
}

void xpl_checkpoint_copy(void *context, void *memory, size_t bytes)
{
    walk_bytes(context, memory, bytes);
}

static void walk_thread(struct walk *walk, unsigned index)
{
    struct xpl_running *thread = &xpl.thread[index];
    uint8_t *top;

    walk_bytes(walk, thread, offsetof(struct xpl_running, buffer));
    if (xpl.options.model == XPL_TSO && thread->buffer_count > 0) {
        walk_bytes(walk, thread->buffer, sizeof(thread->buffer));
    } else if (xpl.options.model == XPL_C11) {
        walk_bytes(walk, &thread->current, xpl.view_chunks * 16u);
        walk_bytes(walk, &thread->acquired, xpl.view_chunks * 16u);
        walk_bytes(walk, &thread->released, xpl.view_chunks * 16u);
    }
    /* One that is done may be the one that decides who goes on. */
    if (!thread->done || index == xpl.now.current) {
        top = xpl_run_stack_top(index);
        walk_bytes(walk, thread->fiber.stack_pointer,
                   (size_t)(top - (uint8_t *)thread->fiber.stack_pointer));
    }
}

/* What an atomic object's place remembers of this execution. */
struct place_state {
    uint64_t value;
    uint64_t newest;
    uint16_t last;
    uint8_t message_count;
};

static void place_save(const struct xpl_place *place, struct place_state *out_state)
{
    out_state->value = xpl_memory_read(place);
    out_state->last = place->last;
    out_state->message_count = place->message_count;
    if (xpl.options.model == XPL_C11 && place->shared) {
        /* Of the stores only the newest can change: the scenario's own books do. */
        out_state->newest = xpl_messages[place->row][place->message_count - 1].value;
    }
}

static void place_restore(struct xpl_place *place, const struct place_state *state)
{
    xpl_memory_write(place, state->value);
    place->last = state->last;
    place->message_count = state->message_count;
    if (xpl.options.model == XPL_C11 && place->shared) {
        xpl_messages[place->row][place->message_count - 1].value = state->newest;
    }
}

/* Last: the regions that hold the objects have been put back before. */
static void walk_places(struct walk *walk)
{
    const size_t bytes = xpl.now.touched * sizeof(struct place_state);
    struct place_state *states;

    walk_reserve(walk, bytes + _Alignof(struct place_state));
    walk->at += -walk->at % _Alignof(struct place_state);
    states = (struct place_state *)(void *)(walk->checkpoint->bytes + walk->at);
    for (unsigned i = 0; i < xpl.now.touched; i++) {
        struct xpl_place *place = &xpl.place[xpl.touched[i]];

        if (walk->restores) {
            place_restore(place, &states[i]);
        } else {
            place_save(place, &states[i]);
        }
    }
    walk->at += bytes;
}

static void walk_state(struct walk *walk)
{
    struct xpl_now now = xpl.now;

    walk_bytes(walk, &now, sizeof(now));
    if (walk->restores) {
        xpl_memory_forget(now.touched);
        xpl.now = now;
    }
    for (unsigned i = 0; i < xpl.threads; i++) {
        walk_thread(walk, i);
    }
    xpl_keep_checkpoint(walk, walk->restores);
    if (xpl.options.model == XPL_C11) {
        walk_bytes(walk, &xpl.fences, xpl.view_chunks * 16u);
        xpl_plain_checkpoint(walk, walk->restores);
    }
    walk_places(walk);
}

void xpl_checkpoint_forget(void)
{
    checkpoint_count = 0;
    undo_used = 0;
    xpl.level = 0;
}

/*
 * Is this the state to which the search came back, and far enough from the last copy? Or half way
 * there, where it will come back to later?
 */
bool xpl_checkpoint_wanted(void)
{
    unsigned before;

    if (xpl.now.step >= xpl.depth) {
        return false;
    }
    before = checkpoint_count > 0 ? checkpoints[checkpoint_count - 1].step : 0;
    if (xpl.now.step + 1 == xpl.depth
            ? xpl.now.step < before + APART
            : xpl.depth < before + 2 * APART || xpl.now.step != (before + xpl.depth) / 2) {
        return false;
    }
    return !xpl.tracing && !xpl.options.from_the_start && checkpoint_count < CHECKPOINTS &&
           XPL_FIBER_STACK_HOLDS_ALL;
}

void xpl_checkpoint_take(void)
{
    struct checkpoint *checkpoint = &checkpoints[checkpoint_count++];
    struct walk walk = {.checkpoint = checkpoint};

    checkpoint->step = xpl.now.step;
    walk_state(&walk);
    checkpoint->used = walk.at;
    checkpoint->undo = undo_used;
    xpl.level = (uint8_t)checkpoint_count;
}

/* Back to the last copy on the way to the next execution. False: there is none. */
bool xpl_checkpoint_restore(void)
{
    struct walk walk = {.restores = true};

    while (checkpoint_count > 0 && checkpoints[checkpoint_count - 1].step >= xpl.depth) {
        checkpoint_count--;
    }
    xpl.level = (uint8_t)checkpoint_count;
    if (checkpoint_count == 0) {
        undo_used = 0; /* Everything is put back to the start. */
        return false;
    }
    walk.checkpoint = &checkpoints[checkpoint_count - 1];
    undo_down_to(walk.checkpoint->undo);
    walk_state(&walk);
    return true;
}
