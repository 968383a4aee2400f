/* SPDX-License-Identifier: MIT */
/* Atomic objects: which there are, what they hold, and sequential consistency. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore/engine/xpl_state.h"

static void memory_die(const char *why)
{
    fprintf(stderr, "explore: %s: %s\n", xpl.scenario->name, why);
    exit(2);
}

static uint16_t place_add(unsigned slot, void *object, uint8_t bytes)
{
    if (xpl.places == XPL_PLACES) {
        memory_die("too many atomic objects; make the scenario smaller");
    }
    xpl.place[xpl.places] = (struct xpl_place){.object = object,
                                               .bytes = bytes,
                                               .owner = XPL_THREADS,
                                               .local_to = XPL_THREADS,
                                               .loads_to = XPL_THREADS,
                                               .counts = true};
    xpl.place_of[slot] = (uint16_t)(xpl.places + 1);
    return (uint16_t)xpl.places++;
}

/* From now on an access is a step, and under C11 a row of messages. */
static void place_share(struct xpl_place *place)
{
    place->shared = true;
    place->local_to = XPL_THREADS;
    place->loads_to = XPL_THREADS;
    place->constant = false;
    if (xpl.options.model == XPL_C11) {
        if (xpl.rows == XPL_C11_PLACES) {
            memory_die("too many shared atomic objects; make the scenario smaller");
        }
        place->row = (uint8_t)xpl.rows++;
        xpl.view_chunks = (XPL_THREADS + xpl.rows + 15) / 16;
    }
}

/* The first access of this execution: what is there now was there before the threads. */
static void place_touch(uint16_t index)
{
    struct xpl_place *place = &xpl.place[index];

    place->epoch = xpl.epoch;
    place->last = 0;
    place->initial = xpl_memory_read(place);
    place->message_count = 1;
    if (!place->shared &&
        (xpl.options.strategy == XPL_NAIVE || /* The referee takes no short cuts. */
         (xpl.options.strategy == XPL_REPLAY && xpl_token_shared(xpl.now.touched)))) {
        place_share(place);
    }
    xpl.touched[xpl.now.touched++] = index;
    if (xpl.options.model == XPL_C11 && place->shared) {
        struct xpl_message *message = &xpl_messages[place->row][0];

        memset(message, 0, sizeof(*message));
        message->value = place->initial;
        message->writer = XPL_THREADS;
    }
}

bool xpl_place_is_local(struct xpl_place *place, uint8_t kind, uint8_t flags)
{
    if (place->shared) {
        return false;
    }
    if (place->owner == XPL_THREADS) {
        place->owner = (uint8_t)xpl.now.current;
        place->count_kind = kind;
    }
    place->counts &= ((flags & XPL_OP_BLIND) != 0 || kind == XPL_LOAD) && place->count_kind == kind;
    place->several |= place->owner != xpl.now.current;
    if ((place->several && !place->counts) || kind == XPL_AWAIT) {
        place_share(place);
        xpl.newly_shared = (uint16_t)(place - xpl.place);
        xpl_stop(XPL_RESTART);
    }
    place->local_to = place->counts ? XPL_THREADS : place->owner;
    place->loads_to = place->several || (place->counts && place->count_kind != XPL_LOAD)
                          ? XPL_THREADS
                          : place->owner;
    place->constant = place->counts && place->several && kind == XPL_LOAD;
    return true;
}

void xpl_place_is_loaded(struct xpl_place *place)
{
    place->loaded = true;
    if (place->commuted) {
        xpl.newly_shared = XPL_NO_PLACE;
        xpl_stop(XPL_RESTART);
    }
}

static uint16_t place_find(void *object, uint8_t bytes)
{
    const uintptr_t key = (uintptr_t)object;
    unsigned slot = (unsigned)((key >> 2) ^ (key >> 11) ^ (key >> 17)) % XPL_PLACE_SLOTS;
    uint16_t index;

    while (xpl.place_of[slot] != 0 && xpl.place[xpl.place_of[slot] - 1].object != object) {
        slot = (slot + 1) % XPL_PLACE_SLOTS;
    }
    if (xpl.place_of[slot] == 0) {
        index = place_add(slot, object, bytes);
    } else {
        index = (uint16_t)(xpl.place_of[slot] - 1);
    }
    return index;
}

struct xpl_near xpl_nearby[1024];

void xpl_places_forget(void)
{
    xpl.places = 0;
    memset(xpl.place_of, 0, sizeof(xpl.place_of));
    memset(xpl_nearby, 0, sizeof(xpl_nearby));
}

struct xpl_place *xpl_place_of(const struct xpl_site *site, void *object)
{
    struct xpl_near *near = &xpl_nearby[xpl_near_slot(object)];
    struct xpl_place *place = near->place;

    if (near->object != object) {
        place = &xpl.place[place_find(object, site->bytes)];
        near->object = object;
        near->place = place;
    }
    if (place->bytes != site->bytes) {
        memory_die("one atomic object is accessed with two widths");
    }
    if (place->epoch != xpl.epoch) {
        place_touch((uint16_t)(place - xpl.place));
    }
    return place;
}

/* All but the first so many objects become again what they were before they were touched. */
void xpl_memory_forget(unsigned touched)
{
    for (unsigned i = touched; i < xpl.now.touched; i++) {
        struct xpl_place *place = &xpl.place[xpl.touched[i]];

        xpl_memory_write(place, place->initial);
        place->epoch = 0;
    }
    xpl.now.touched = touched;
}

void xpl_memory_reset(void)
{
    xpl_memory_forget(0);
}

/* What the object holds after @op found @was in it. */
uint64_t xpl_changed(const struct xpl_op *op, uint64_t was, uint8_t bytes, bool *out_writes)
{
    const uint64_t mask = bytes >= 8 ? UINT64_MAX : ((uint64_t)1 << (bytes * 8)) - 1;

    *out_writes = true;
    switch (op->kind) {
    case XPL_STORE:
    case XPL_EXCHANGE:
        return op->operand & mask;
    case XPL_OR:
        return (was | op->operand) & mask;
    case XPL_AND:
        return was & op->operand & mask;
    case XPL_ADD:
        return (was + op->operand) & mask;
    case XPL_AWAIT:
        return 0;
    case XPL_CAS:
        if (was == (op->expected & mask)) {
            return op->operand & mask;
        }
        break;
    default:
        break;
    }
    *out_writes = false;
    return was;
}

/* Outside the threads (preparing, checking) an access is just that. */
uint64_t xpl_plainly(const struct xpl_site *site, void *object, uint64_t operand, uint64_t expected)
{
    const struct xpl_op op = {.kind = site->kind, .operand = operand, .expected = expected};
    uint64_t was, now;
    bool writes;

    if (object == NULL) {
        return 0;
    }
    was = xpl_get(object, site->bytes);
    now = xpl_changed(&op, was, site->bytes, &writes);
    if (writes) {
        xpl_set(object, site->bytes, now);
    }
    return was;
}

static uint64_t sc_alternatives(const struct xpl_running *thread)
{
    return thread->op.kind != XPL_AWAIT || xpl_memory_read(&xpl.place[thread->op.place]) != 0;
}

static void sc_perform(struct xpl_running *thread)
{
    struct xpl_op *op = &thread->op;
    const struct xpl_place *place;
    uint64_t now;
    bool writes;

    if (op->place == XPL_NO_PLACE) {
        return;
    }
    place = &xpl.place[op->place];
    op->result = xpl_memory_read(place);
    now = xpl_changed(op, op->result, place->bytes, &writes);
    if (writes) {
        xpl_memory_write(place, now);
    }
    if (xpl.tracing) {
        struct xpl_trace *trace = xpl_trace_now();

        trace->value = op->result;
        trace->stored = now;
        trace->wrote = writes;
    }
}

uint64_t xpl_alternatives(unsigned process)
{
    const struct xpl_running *thread = &xpl.thread[process % XPL_THREADS];

    if (process >= XPL_THREADS) {
        return thread->buffer_count > 0;
    }
    if (thread->done) {
        return 0;
    }
    if (thread->op.kind == XPL_CHOOSE) {
        return UINT64_MAX >> (64 - thread->op.operand);
    }
    switch (xpl.options.model) {
    case XPL_C11:
        return xpl_c11_alternatives(thread);
    case XPL_TSO:
        return xpl_tso_alternatives(process);
    default:
        return sc_alternatives(thread);
    }
}

void xpl_perform(unsigned process, unsigned alternative, struct xpl_event *event)
{
    struct xpl_running *thread = &xpl.thread[process % XPL_THREADS];

    if (process < XPL_THREADS && thread->op.kind == XPL_CHOOSE) {
        thread->op.result = alternative;
        if (xpl.tracing) {
            xpl_trace_now()->value = alternative;
        }
        return;
    }
    switch (xpl.options.model) {
    case XPL_C11:
        xpl_c11_perform(process, alternative, event);
        break;
    case XPL_TSO:
        xpl_tso_perform(process, event);
        break;
    default:
        sc_perform(thread);
        break;
    }
}
