/* SPDX-License-Identifier: MIT */
/*
 * C11, by views. The stores of an object are kept in a row; a thread's view says, for each object,
 * before which store it may not look any more. A load may return any store from there on, and that
 * is how a weak machine shows. What is released travels with the store as a view; who acquires it
 * joins it to his own.
 *
 * Two bounds of this model (docs/PROOF.md says what they mean): no thread runs ahead of itself, so
 * a load never sees a store that depends on it (as in RC11); and the row of stores is the order in
 * which they were executed, so of two stores that nothing orders the later one is always newer.
 * The second loses nothing where no two plain stores to one object are unordered; the explorer
 * looks for such a pair and says if it met one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore/engine/xpl_state.h"

struct xpl_message xpl_messages[XPL_C11_PLACES][XPL_MESSAGES];

/* Sixteen slots of a view at once. */
typedef uint8_t chunk __attribute__((vector_size(16), may_alias));

static inline void view_join(struct xpl_view *into, const struct xpl_view *from)
{
    chunk *a = (chunk *)(void *)into->slot;
    const chunk *b = (const chunk *)(const void *)from->slot;

    for (unsigned i = 0; i < xpl.view_chunks; i++) {
        const chunk larger = (chunk)(a[i] > b[i]);

        a[i] = (a[i] & larger) | (b[i] & ~larger);
    }
}

static inline void view_copy(struct xpl_view *into, const struct xpl_view *from)
{
    chunk *a = (chunk *)(void *)into->slot;
    const chunk *b = (const chunk *)(const void *)from->slot;

    for (unsigned i = 0; i < xpl.view_chunks; i++) {
        a[i] = b[i];
    }
}

/* Without the clocks: a fence orders what is seen of the objects, and synchronises nobody. */
static void view_join_places(struct xpl_view *into, const struct xpl_view *from)
{
    uint64_t clocks;

    memcpy(&clocks, into->slot, sizeof(clocks));
    view_join(into, from);
    memcpy(into->slot, &clocks, sizeof(clocks));
}

static inline unsigned op_row(const struct xpl_op *op)
{
    return xpl.place[op->place].row;
}

/* In a view: the clocks of the threads, then the places. */
static inline unsigned op_slot(const struct xpl_op *op)
{
    return XPL_THREADS + op_row(op);
}

void xpl_c11_reset(void)
{
    const size_t bytes = xpl.view_chunks * sizeof(chunk);

    memset(&xpl.fences, 0, bytes);
    for (unsigned i = 0; i < xpl.threads; i++) {
        struct xpl_running *thread = &xpl.thread[i];

        memset(&thread->current, 0, bytes);
        memset(&thread->acquired, 0, bytes);
        memset(&thread->released, 0, bytes);
        thread->current.slot[i] = 1;
    }
}

static inline bool acquires(unsigned order)
{
    return order == XPL_ACQUIRE || order == XPL_ACQ_REL || order == XPL_SEQ_CST;
}

static inline bool releases(unsigned order)
{
    return order == XPL_RELEASE || order == XPL_ACQ_REL || order == XPL_SEQ_CST;
}

/* Everything the thread did so far is told; from here on it is at a new clock. */
static void clock_tick(unsigned self)
{
    struct xpl_running *thread = &xpl.thread[self];

    if (++thread->current.slot[self] == UINT8_MAX) {
        fprintf(stderr, "explore: %s: too many releases\n", xpl.scenario->name);
        exit(2);
    }
}

static inline unsigned oldest_visible(const struct xpl_running *thread)
{
    const unsigned slot = op_slot(&thread->op);
    const unsigned oldest = thread->current.slot[slot];

    if ((thread->op.flags & XPL_OP_SC) != 0 && xpl.fences.slot[slot] > oldest) {
        return xpl.fences.slot[slot];
    }
    return oldest;
}

/* A compare-exchange succeeds on the newest store only, but may fail on any that it can see. */
static uint64_t cas_alternatives(const struct xpl_running *thread)
{
    const struct xpl_place *place = &xpl.place[thread->op.place];
    const struct xpl_message *row = xpl_messages[op_row(&thread->op)];
    uint64_t alternatives = (uint64_t)1 << (place->message_count - 1);

    for (unsigned i = oldest_visible(thread); i + 1 < place->message_count; i++) {
        bool writes;

        xpl_changed(&thread->op, row[i].value, place->bytes, &writes);
        if (!writes) {
            alternatives |= (uint64_t)1 << i;
        }
    }
    return alternatives;
}

uint64_t xpl_c11_alternatives(const struct xpl_running *thread)
{
    const struct xpl_place *place;
    unsigned newest;

    if (thread->op.place == XPL_NO_PLACE) {
        return 1;
    }
    place = &xpl.place[thread->op.place];
    newest = place->message_count - 1u;
    switch (thread->op.kind) {
    case XPL_LOAD:
        if ((thread->op.flags & XPL_OP_GHOST) == 0) {
            /* The bits from the oldest visible one to the newest. */
            return (UINT64_MAX >> (63 - newest)) & (UINT64_MAX << oldest_visible(thread));
        }
        return (uint64_t)1 << newest;
    case XPL_CAS:
        return cas_alternatives(thread);
    case XPL_AWAIT:
        return xpl_messages[op_row(&thread->op)][newest].value != 0 ? (uint64_t)1 << newest : 0;
    default:
        return (uint64_t)1 << newest;
    }
}

static void c11_fence(unsigned self)
{
    struct xpl_running *thread = &xpl.thread[self];
    const unsigned order = thread->op.order;

    if (acquires(order)) {
        view_join(&thread->current, &thread->acquired);
    }
    if (order == XPL_SEQ_CST) {
        view_join_places(&thread->current, &xpl.fences);
        view_join_places(&xpl.fences, &thread->current);
    }
    if (releases(order)) {
        view_copy(&thread->released, &thread->current);
        clock_tick(self);
    }
}

/* The order of what the operation does: a compare-exchange that fails has one of its own. */
static unsigned order_of_read(const struct xpl_op *op, uint64_t found)
{
    return op->kind == XPL_CAS && found != op->expected ? op->site->failure : op->order;
}

static void c11_read(struct xpl_running *thread, unsigned index)
{
    const struct xpl_message *message = &xpl_messages[op_row(&thread->op)][index];
    uint8_t *seen = &thread->current.slot[op_slot(&thread->op)];

    thread->op.result = message->value;
    if (*seen < index) {
        *seen = (uint8_t)index;
    }
    view_join(acquires(order_of_read(&thread->op, message->value)) ? &thread->current
                                                                   : &thread->acquired,
              &message->view);
}

/* Was the store before this one not ordered with it? Then C11 could have put them the other way. */
static void look_for_unordered(const struct xpl_running *thread, const struct xpl_message *before)
{
    while (before->writer < XPL_THREADS && !before->plain_store) {
        before--; /* A read-modify-write stays behind the store that it read. */
    }
    if (before->plain_store && before->writer < XPL_THREADS &&
        before->writer_clock > thread->current.slot[before->writer]) {
        xpl.result->unordered_stores = true;
    }
}

static void c11_write(unsigned self, uint64_t value, bool reads)
{
    struct xpl_running *thread = &xpl.thread[self];
    struct xpl_place *place = &xpl.place[thread->op.place];
    struct xpl_message *row = xpl_messages[op_row(&thread->op)];
    const unsigned index = place->message_count;
    struct xpl_message *message = &row[index];

    if (index == XPL_MESSAGES - 1) {
        fprintf(stderr, "explore: %s: too many stores to %s\n", xpl.scenario->name,
                xpl_object_name(place->object));
        exit(2);
    }
    message->value = value;
    message->writer = (uint8_t)self;
    message->writer_clock = thread->current.slot[self];
    message->plain_store = !reads;
    if (!reads) {
        look_for_unordered(thread, &row[index - 1]);
    }
    thread->current.slot[op_slot(&thread->op)] = (uint8_t)index;
    view_copy(&message->view, releases(thread->op.order) ? &thread->current : &thread->released);
    message->view.slot[op_slot(&thread->op)] = (uint8_t)index;
    if (reads) {
        view_join(&message->view, &row[index - 1].view); /* The release sequence goes on. */
    }
    if (thread->op.order == XPL_SEQ_CST) {
        xpl.fences.slot[op_slot(&thread->op)] = (uint8_t)index;
    }
    place->message_count++;
    xpl_memory_write(place, value);
    if (releases(thread->op.order)) {
        clock_tick(self);
    }
}

/* The scenario's own books: the newest value, and nothing learnt from it. */
static void ghost_perform(unsigned self)
{
    struct xpl_running *thread = &xpl.thread[self];
    struct xpl_place *place = &xpl.place[thread->op.place];
    struct xpl_message *message = &xpl_messages[op_row(&thread->op)][place->message_count - 1];
    bool writes;

    thread->op.result = message->value;
    message->value = xpl_changed(&thread->op, message->value, place->bytes, &writes);
    xpl_memory_write(place, message->value);
}

static void c11_trace(const struct xpl_op *op, unsigned index, uint64_t now, bool writes)
{
    struct xpl_trace *trace = xpl_trace_now();
    const struct xpl_place *place = &xpl.place[op->place];

    trace->value = op->result;
    trace->stored = now;
    trace->wrote = writes;
    trace->stale = !writes && index + 1u < place->message_count;
    trace->newest = xpl_messages[op_row(op)][place->message_count - 1].value;
}

/*
 * Memory that is loaded atomically may have been written plainly (a ring's packets are). Such a
 * write is a store that everybody who comes later in happens-before must see, and a race for
 * everybody else: whoever accesses it now sees it, and is checked (xpl_plain_beside_atomic()).
 */
static bool adopt_plain_write(struct xpl_running *thread, struct xpl_place *place)
{
    struct xpl_message *row = xpl_messages[place->row];
    const uint64_t value = xpl_memory_read(place);
    struct xpl_message *message;

    if (value == row[place->message_count - 1].value) {
        return false;
    }
    if (place->message_count == XPL_MESSAGES - 1) {
        xpl_fail("too many plain writes to %s", xpl_object_name(place->object));
    }
    message = &row[place->message_count];
    memset(message, 0, sizeof(*message));
    message->value = value;
    message->writer = XPL_THREADS;
    thread->current.slot[XPL_THREADS + place->row] = place->message_count++;
    return true;
}

void xpl_c11_perform(unsigned self, unsigned alternative, struct xpl_event *event)
{
    struct xpl_running *thread = &xpl.thread[self];
    struct xpl_op *op = &thread->op;
    struct xpl_place *place;
    uint64_t now;
    bool writes;

    xpl.step_clock = thread->current.slot[self];
    if (op->place == XPL_NO_PLACE) {
        c11_fence(self);
        return;
    }
    place = &xpl.place[op->place];
    if (adopt_plain_write(thread, place)) {
        alternative = place->message_count - 1u;
    }
    if ((op->flags & XPL_OP_GHOST) != 0) {
        ghost_perform(self);
        now = xpl_memory_read(place);
        writes = (op->flags & XPL_OP_WRITES) != 0;
    } else {
        if ((op->flags & XPL_OP_BLIND) != 0) {
            op->result = xpl_messages[place->row][alternative].value;
        } else if ((op->flags & XPL_OP_READS) != 0) {
            c11_read(thread, alternative);
        }
        now = xpl_changed(op, op->result, place->bytes, &writes);
        if (writes) {
            c11_write(self, now, (op->flags & XPL_OP_READS) != 0);
        }
        event->message = (uint8_t)(writes                 ? place->message_count - 1u
                                   : op->kind == XPL_LOAD ? alternative
                                                          : UINT8_MAX);
    }
    if (xpl.tracing) {
        c11_trace(op, alternative, now, writes);
    }
}
