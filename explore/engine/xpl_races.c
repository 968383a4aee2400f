/* SPDX-License-Identifier: MIT */
/*
 * What else must be tried: the reduction.
 *
 * Two executions that differ only in the order of steps that commute are the same to the threads;
 * one of each class is enough. After each step the steps before it are searched, backwards, for
 * those that do not commute with it and that nothing else puts in order. For each such race the
 * state before its first step must also try a process that leads to the other order: any process
 * that can begin the part of the execution that does not depend on that first step ("initials").
 * This is the source-set form of dynamic partial-order reduction; sleep sets (xpl_search.c) then
 * keep the same class from being run twice.
 */
#include "explore/engine/xpl_state.h"

/* TSO: a thread and its own buffer. The thread's number is the same. */
static enum xpl_relation relate_own_buffer(const struct xpl_event *first,
                                           const struct xpl_event *second)
{
    if (second->process >= XPL_THREADS) {
        if (first->kind == XPL_STORE && first->sequence == second->sequence) {
            return XPL_ORDERED;
        }
        return first->kind == XPL_LOAD && first->place == second->place ? XPL_RACE : XPL_UNRELATED;
    }
    if ((second->flags & XPL_OP_DRAINS) != 0) {
        return XPL_ORDERED;
    }
    return second->kind == XPL_LOAD && first->place == second->place ? XPL_RACE : XPL_UNRELATED;
}

/* C11: only what a load read binds it to a store. */
static enum xpl_relation relate_load(const struct xpl_event *first, const struct xpl_event *second)
{
    if (first->kind == XPL_LOAD) {
        return XPL_MISSED_WRITE;
    }
    return first->message == second->message ? XPL_ORDERED : XPL_UNRELATED;
}

/*
 * Two changes of one kind, adding or of bits, that nobody looks at: both orders leave the same.
 * Not for who may see the one without the other, which under C11 is whoever loads.
 */
static bool both_blind(const struct xpl_event *first, const struct xpl_event *second)
{
    struct xpl_place *place;

    if ((first->flags & second->flags & XPL_OP_BLIND) == 0 || first->kind != second->kind ||
        first->place != second->place) {
        return false;
    }
    place = &xpl.place[first->place];
    place->commuted |= !place->loaded;
    return !place->loaded;
}

enum xpl_relation xpl_relate(const struct xpl_event *first, const struct xpl_event *second)
{
    if (first->process == second->process) {
        return XPL_ORDERED;
    }
    if (xpl.options.model == XPL_TSO) {
        if (first->process % XPL_THREADS == second->process % XPL_THREADS) {
            return relate_own_buffer(first, second);
        }
    } else if ((first->flags & second->flags & XPL_OP_SC) != 0 &&
               (first->kind == XPL_FENCE || second->kind == XPL_FENCE)) {
        return XPL_RACE;
    }
    if (first->place != second->place || first->place == XPL_NO_PLACE ||
        ((first->flags | second->flags) & XPL_OP_WRITES) == 0 || both_blind(first, second)) {
        return XPL_UNRELATED;
    }
    if (xpl.options.model == XPL_C11 && (first->kind == XPL_LOAD || second->kind == XPL_LOAD) &&
        ((first->flags | second->flags) & (XPL_OP_SC | XPL_OP_GHOST)) == 0) {
        return relate_load(first, second);
    }
    return XPL_RACE;
}

/* The process's next step, as far as it is known before it is done. */
void xpl_event_of(unsigned process, struct xpl_event *out_event)
{
    const struct xpl_running *thread = &xpl.thread[process % XPL_THREADS];

    out_event->process = (uint8_t)process;
    out_event->message = UINT8_MAX;
    if (process >= XPL_THREADS) {
        out_event->place = thread->buffer[thread->buffer_first].place;
        out_event->sequence = thread->buffer[thread->buffer_first].sequence;
        out_event->flags = XPL_OP_WRITES;
        out_event->kind = XPL_FLUSH;
        return;
    }
    out_event->place = thread->op.place;
    out_event->flags = thread->op.flags;
    out_event->kind = thread->op.kind;
    out_event->sequence = 0;
    if (xpl.options.model == XPL_TSO && thread->op.kind == XPL_STORE &&
        (thread->op.flags & (XPL_OP_DRAINS | XPL_OP_GHOST)) == 0) {
        out_event->place = XPL_NO_PLACE; /* Into the buffer: the others see its flush. */
    }
}

static inline bool depends(const struct xpl_event *later, const struct xpl_event *earlier)
{
    return later->clock[earlier->process] >= earlier->number;
}

/*
 * The processes that can begin what comes after step @first and does not depend on it, ending with
 * @last. @last's clock holds what it depends on so far.
 */
static uint16_t race_initials(unsigned first, unsigned last_step, const struct xpl_event *last)
{
    const struct xpl_event *from = &xpl.nodes[first].event;
    uint8_t begins[XPL_PROCESSES]; /* Of each process: its first step in that part. */
    uint16_t present = 0, initials = 0;

    for (unsigned i = first + 1; i <= last_step; i++) {
        const struct xpl_event *event = i == last_step ? last : &xpl.nodes[i].event;
        bool begin = true;

        if (i != last_step && depends(event, from)) {
            continue;
        }
        if ((present & (1u << event->process)) != 0) {
            continue;
        }
        for (uint16_t rest = present; rest != 0 && begin; rest &= (uint16_t)(rest - 1)) {
            const unsigned other = xpl_lowest(rest);

            begin = event->clock[other] < begins[other];
        }
        present |= (uint16_t)(1u << event->process);
        begins[event->process] = event->number;
        if (begin) {
            initials |= (uint16_t)(1u << event->process);
        }
    }
    return initials;
}

static __attribute__((noinline)) void race_found(unsigned first, unsigned last_step,
                                                 const struct xpl_event *last)
{
    struct xpl_node *node = &xpl.nodes[first];
    const uint16_t initials = race_initials(first, last_step, last);

    if ((initials & node->backtrack) != 0) {
        return;
    }
    if ((initials & node->enabled) == 0) {
        node->backtrack = node->enabled; /* None can begin there: try all, which is always right. */
    } else if ((initials & node->enabled & (1u << last->process)) != 0) {
        node->backtrack |= (uint16_t)(1u << last->process);
    } else {
        node->backtrack |= (uint16_t)(1u << xpl_lowest(initials & node->enabled));
    }
}

static void clock_join(struct xpl_event *into, const struct xpl_event *from)
{
    for (unsigned i = 0; i < XPL_PROCESSES; i++) {
        into->clock[i] = into->clock[i] > from->clock[i] ? into->clock[i] : from->clock[i];
    }
}

/* @event, which is step @step, and step @first: a race, an order, or nothing. */
static inline void race_consider(unsigned first, unsigned step, struct xpl_event *event)
{
    const struct xpl_event *earlier = &xpl.nodes[first].event;
    enum xpl_relation relation;

    if (depends(event, earlier)) {
        return;
    }
    relation = xpl_relate(earlier, event);
    if (relation == XPL_UNRELATED) {
        return;
    }
    if (relation != XPL_ORDERED) {
        race_found(first, step, event);
    }
    if (relation != XPL_MISSED_WRITE) {
        clock_join(event, earlier);
    }
}

/*
 * Where there is one memory, only steps on the same object matter, and a write is ordered behind
 * all of them before it, if it is not a blind one: behind that nothing is left to find. Under TSO a
 * flush is behind its store, and what drains the buffer behind the last flush.
 */
static void races_of_memory(unsigned step, struct xpl_event *event)
{
    unsigned i = event->place != XPL_NO_PLACE ? xpl.place[event->place].last : 0;
    unsigned own = 0;

    if (event->process >= XPL_THREADS) {
        const struct xpl_running *thread = &xpl.thread[event->process - XPL_THREADS];

        own = thread->buffer[(thread->buffer_first + XPL_BUFFER - 1u) % XPL_BUFFER].step;
    } else if ((event->flags & XPL_OP_DRAINS) != 0 &&
               xpl.now.count[event->process + XPL_THREADS] > 0) {
        own = xpl.now.last_step[event->process + XPL_THREADS] + 1u;
    }
    while (i != 0 || own != 0) {
        const struct xpl_event *earlier;

        if (own > i) { /* The latest first: it may depend on the others. */
            race_consider(own - 1, step, event);
            own = 0;
            continue;
        }
        own = own == i ? 0 : own;
        race_consider(i - 1, step, event);
        earlier = &xpl.nodes[i - 1].event;
        i = (earlier->flags & (XPL_OP_WRITES | XPL_OP_GHOST | XPL_OP_BLIND)) == XPL_OP_WRITES
                ? 0
                : earlier->before;
    }
}

/* C11: those on the same object, and, of a seq_cst operation, those of that order. */
static void races_of_c11(unsigned step, struct xpl_event *event)
{
    unsigned i = event->place != XPL_NO_PLACE ? xpl.place[event->place].last : 0;
    unsigned sc = (event->flags & XPL_OP_SC) != 0 ? xpl.now.last_sc : 0;

    while (i != 0 || sc != 0) {
        const unsigned latest = i > sc ? i : sc;

        race_consider(latest - 1, step, event);
        i = i == latest ? xpl.nodes[latest - 1].event.before : i;
        sc = sc == latest ? xpl.nodes[latest - 1].event.before_sc : sc;
    }
}

/* Find the races of @event, which is step @step, with all steps before it; fill its clock. */
void xpl_races_of(unsigned step, struct xpl_event *event)
{
    const unsigned process = event->process;

    event->number = (uint8_t)(xpl.now.count[process] + 1);
    for (unsigned i = 0; i < XPL_PROCESSES; i++) {
        event->clock[i] = 0;
    }
    if (xpl.now.count[process] > 0) {
        clock_join(event, &xpl.nodes[xpl.now.last_step[process]].event);
    }
    event->clock[process] = event->number;
    if (xpl.options.model == XPL_C11) {
        races_of_c11(step, event);
    } else {
        races_of_memory(step, event);
    }
}

/*
 * Who waits now, and did not before the last step? Had it been faster than the step that made it
 * wait, it would have gone on: what it wants to do races too, although it is not done.
 */
void xpl_races_of_waiting(uint16_t waiting)
{
    const struct xpl_event *last;

    if (xpl.now.step == 0) {
        return;
    }
    last = &xpl.nodes[xpl.now.step - 1].event;
    for (; waiting != 0; waiting &= (uint16_t)(waiting - 1)) {
        const unsigned i = xpl_lowest(waiting);
        const struct xpl_running *thread = &xpl.thread[i];
        struct xpl_event event;

        if (thread->op.kind == XPL_AWAIT &&
            (last->process == i || last->place == thread->op.place)) {
            xpl_event_of(i, &event);
            xpl_races_of(xpl.now.step, &event);
        }
    }
}
