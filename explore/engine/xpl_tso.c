/* SPDX-License-Identifier: MIT */
/*
 * TSO, as x86 has it: a store goes into its CPU's buffer and reaches memory later, in order. The
 * own CPU's loads see it there. Locked operations, seq_cst stores and full fences wait until the
 * buffer is empty. Each buffer is a process of its own, whose steps are the flushes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "explore/engine/xpl_state.h"

uint64_t xpl_tso_alternatives(unsigned process)
{
    const struct xpl_running *thread = &xpl.thread[process];

    if ((thread->op.flags & XPL_OP_DRAINS) != 0 && thread->buffer_count > 0) {
        return 0;
    }
    if (thread->op.kind == XPL_AWAIT) {
        return xpl_memory_read(&xpl.place[thread->op.place]) != 0;
    }
    return 1;
}

static void tso_flush(unsigned process, struct xpl_event *event)
{
    struct xpl_running *thread = &xpl.thread[process - XPL_THREADS];
    const struct xpl_waiting_store *store = &thread->buffer[thread->buffer_first];
    const struct xpl_place *place = &xpl.place[store->place];

    event->place = store->place;
    event->sequence = store->sequence;
    if (xpl.tracing) {
        struct xpl_trace *trace = xpl_trace_now();

        trace->site = store->site;
        trace->place = store->place;
        trace->value = xpl_memory_read(place);
        trace->stored = store->value;
        trace->wrote = true;
    }
    xpl_memory_write(place, store->value);
    thread->buffer_first = (uint8_t)((thread->buffer_first + 1u) % XPL_BUFFER);
    if (--thread->buffer_count == 0) {
        xpl.now.ready &= (uint16_t) ~(1u << process);
    }
}

static void tso_buffer(unsigned self, struct xpl_event *event)
{
    struct xpl_running *thread = &xpl.thread[self];

    if (thread->buffer_count == XPL_BUFFER) {
        fprintf(stderr, "explore: %s: XPL_BUFFER is too small\n", xpl.scenario->name);
        exit(2);
    }
    event->sequence = ++thread->stores;
    thread->buffer[(thread->buffer_first + thread->buffer_count) % XPL_BUFFER] =
        (struct xpl_waiting_store){.value = thread->op.operand,
                                   .site = thread->op.site,
                                   .place = thread->op.place,
                                   .step = (uint16_t)(xpl.now.step + 1),
                                   .sequence = event->sequence};
    thread->buffer_count++;
    xpl.now.ready |= (uint16_t)(1u << (XPL_THREADS + self));
}

static uint64_t tso_load(const struct xpl_running *thread)
{
    for (unsigned i = thread->buffer_count; i > 0; i--) {
        const struct xpl_waiting_store *store =
            &thread->buffer[(thread->buffer_first + i - 1) % XPL_BUFFER];

        if (store->place == thread->op.place) {
            return store->value;
        }
    }
    return xpl_memory_read(&xpl.place[thread->op.place]);
}

void xpl_tso_perform(unsigned process, struct xpl_event *event)
{
    struct xpl_running *thread = &xpl.thread[process % XPL_THREADS];
    struct xpl_op *op = &thread->op;
    const struct xpl_place *place;
    uint64_t now;
    bool writes = true;

    if (process >= XPL_THREADS) {
        tso_flush(process, event);
        return;
    }
    if (op->place == XPL_NO_PLACE) {
        return;
    }
    place = &xpl.place[op->place];
    op->result = (op->flags & XPL_OP_GHOST) != 0 ? xpl_memory_read(place) : tso_load(thread);
    now = xpl_changed(op, op->result, place->bytes, &writes);
    if (op->kind == XPL_STORE && (op->flags & (XPL_OP_DRAINS | XPL_OP_GHOST)) == 0) {
        tso_buffer(process, event);
    } else if (writes) {
        xpl_memory_write(place, now);
    }
    if (xpl.tracing) {
        struct xpl_trace *trace = xpl_trace_now();

        trace->value = op->result;
        trace->stored = now;
        trace->wrote = writes;
        trace->newest = xpl_memory_read(place);
    }
}
