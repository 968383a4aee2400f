/* SPDX-License-Identifier: MIT */
/* One execution: fibers, steps, and putting everything back before the next one. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore/engine/xpl_state.h"

struct xpl_state xpl;

static _Alignas(64) unsigned char stacks[XPL_THREADS][XPL_STACK_BYTES];

enum xpl_model xpl_model_in_force(void)
{
    return xpl.options.model;
}

unsigned xpl_self(void)
{
    return xpl.inside ? xpl.now.current : XPL_THREADS;
}

/* Back to xpl_run_once(). A thread that calls this never goes on. */
static void run_leave(void)
{
    xpl_fiber_switch(&xpl.thread[xpl.now.current].fiber, &xpl.main);
    abort();
}

void xpl_stop(enum xpl_verdict verdict)
{
    xpl.verdict = verdict;
    run_leave();
}

void xpl_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(xpl.what, sizeof(xpl.what), format, arguments);
    va_end(arguments);
    xpl.verdict = XPL_FAILED;
    if (xpl.inside) {
        run_leave();
    }
}

/* A thread has followed a pointer to nowhere: a violation, and no reason to die. */
static void run_fault(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    if (xpl.inside) {
        xpl_fail("%s touches memory that is not there (%s)",
                 xpl.scenario->threads[xpl.now.current].name,
                 (uintptr_t)info->si_addr < 65536 ? "NULL" : "a wild pointer");
    }
    (void)signal(signal_number, SIG_DFL);
}

static void run_catch_faults(void)
{
    struct sigaction action = {.sa_sigaction = run_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};

    (void)sigaction(SIGSEGV, &action, NULL);
}

/* Do the step that was chosen, and let the search know what it was. */
static void run_step(unsigned process, unsigned alternative)
{
    struct xpl_event *event = &xpl.nodes[xpl.now.step].event;
    const bool fresh = xpl.now.step + 1 >= xpl.depth;

    if (fresh) {
        xpl_event_of(process, event);
    }
    if (xpl.tracing) {
        struct xpl_trace *trace = xpl_trace_now();
        const struct xpl_op *op = &xpl.thread[process % XPL_THREADS].op;

        *trace = (struct xpl_trace){.site = op->site,
                                    .place = op->place,
                                    .thread = (uint8_t)(process % XPL_THREADS),
                                    .kind = process < XPL_THREADS ? op->kind : XPL_FLUSH};
    }
    xpl_perform(process, alternative, event);
    if (fresh && xpl.options.strategy == XPL_EXHAUST) {
        xpl_races_of(xpl.now.step, event);
    }
    if (event->place != XPL_NO_PLACE) {
        event->before = xpl.place[event->place].last;
        xpl.place[event->place].last = (uint16_t)(xpl.now.step + 1);
    }
    if ((event->flags & XPL_OP_SC) != 0) {
        event->before_sc = xpl.now.last_sc;
        xpl.now.last_sc = (uint16_t)(xpl.now.step + 1);
    }
    xpl.now.count[process]++;
    xpl.now.last_step[process] = (uint16_t)xpl.now.step;
    xpl.now.step++;
}

/* The running thread has announced its next step: go on where the search wants to. */
static void run_schedule(void)
{
    const unsigned self = xpl.now.current;

    for (;;) {
        unsigned alternative;
        int process;

        if (xpl_checkpoint_wanted()) {
            xpl.copying = true;
            xpl_fiber_switch(&xpl.thread[self].fiber, &xpl.main);
            /* Here every execution goes on that begins at the copy. */
        }
        process = xpl_search_pick(&alternative);

        if (process < 0) {
            run_leave();
        }
        run_step((unsigned)process, alternative);
        if ((unsigned)process >= XPL_THREADS) {
            continue;
        }
        xpl.now.last = (unsigned)process;
        if ((unsigned)process != self) {
            xpl.now.current = (unsigned)process;
            xpl_fiber_switch(&xpl.thread[self].fiber, &xpl.thread[process].fiber);
        }
        return;
    }
}

/* What such an operation does, if nobody wants to know what it found. */
static uint8_t op_flags_of(uint8_t kind, uint8_t order)
{
    static const uint8_t flags[XPL_KINDS] = {
        [XPL_LOAD] = XPL_OP_READS,
        [XPL_STORE] = XPL_OP_WRITES,
        [XPL_EXCHANGE] = XPL_OP_READS | XPL_OP_WRITES,
        [XPL_OR] = XPL_OP_READS | XPL_OP_WRITES,
        [XPL_AND] = XPL_OP_READS | XPL_OP_WRITES,
        [XPL_ADD] = XPL_OP_READS | XPL_OP_WRITES,
        [XPL_CAS] = XPL_OP_READS | XPL_OP_WRITES,
        [XPL_AWAIT] = XPL_OP_READS | XPL_OP_WRITES,
    };
    const bool asks = kind == XPL_AWAIT || kind == XPL_CHOOSE || xpl.options.model == XPL_C11;
    const bool adds = kind == XPL_OR || kind == XPL_AND || kind == XPL_ADD;
    const bool blind = adds && (xpl.options.model != XPL_C11 || order == XPL_RELAXED ||
                                order == XPL_RELEASE || order == XPL_GHOST);
    const uint8_t touches =
        (uint8_t)(flags[kind] | (blind ? XPL_OP_BLIND : 0u) | (asks ? XPL_OP_ASKS : 0u));

    if (order == XPL_GHOST) {
        return touches | XPL_OP_GHOST;
    }
    if (xpl.options.model == XPL_TSO) {
        const bool locked = flags[kind] == (XPL_OP_READS | XPL_OP_WRITES);
        const bool full = order == XPL_SEQ_CST && kind != XPL_LOAD && kind != XPL_CHOOSE;

        return locked || full ? touches | XPL_OP_DRAINS | XPL_OP_ASKS : touches;
    }
    return xpl.options.model == XPL_C11 && order == XPL_SEQ_CST ? touches | XPL_OP_SC : touches;
}

static uint8_t op_flags[XPL_KINDS][XPL_GHOST + 1]; /* Under the present model. */

static void op_flags_fill(void)
{
    for (unsigned kind = 0; kind < XPL_KINDS; kind++) {
        for (unsigned order = 0; order <= XPL_GHOST; order++) {
            op_flags[kind][order] = op_flags_of((uint8_t)kind, (uint8_t)order);
        }
    }
}

/* A fence that does nothing under this model is no step. */
static bool op_is_nothing(const struct xpl_op *op)
{
    if (op->kind != XPL_FENCE) {
        return false;
    }
    return xpl.options.model == XPL_C11 ? op->order == XPL_RELAXED
                                        : (op->flags & XPL_OP_DRAINS) == 0;
}

/* Did the access that found this change anything? */
static inline bool step_wrote(const struct xpl_site *site, uint64_t expected, uint64_t found)
{
    return site->kind != XPL_LOAD &&
           (site->kind != XPL_CAS ||
            found == (site->bytes >= 8 ? expected : expected & ~(UINT64_MAX << site->bytes * 8)));
}

/*
 * Others may access it plainly: who takes the memory for free, or a ring's producer. @clock: the
 * thread's when the access was made.
 */
static inline void step_beside_plain(const struct xpl_site *site, const void *object, bool wrote,
                                     uint8_t clock)
{
    if (xpl.options.model == XPL_C11 && site->order != XPL_GHOST) {
        xpl_plain_beside_atomic(object, site->bytes, wrote, clock);
    }
}

/* An access that is no step: it tells nobody anything. */
static __attribute__((noinline)) uint64_t step_no_step(const struct xpl_site *site, void *object,
                                                       uint64_t operand, uint64_t expected)
{
    const unsigned self = xpl.now.current;
    const uint64_t found = site->kind == XPL_LOAD ? xpl_get(object, site->bytes)
                                                  : xpl_plainly(site, object, operand, expected);

    step_beside_plain(site, object, step_wrote(site, expected, found),
                      xpl.thread[self].current.slot[self]);
    return xpl.taken[self] = found;
}

/* Does only this thread touch it? Then the access commutes with everything. */
static inline bool step_is_local(struct xpl_place *place, const struct xpl_site *site,
                                 uint8_t flags)
{
    return !place->shared && ((place->local_to == xpl.now.current && site->kind != XPL_AWAIT) ||
                              xpl_place_is_local(place, site->kind, flags));
}

/* C11: a load, or a compare-exchange that fails, may see an older store. */
static inline void step_may_see_old(struct xpl_place *place, const struct xpl_site *site,
                                    uint8_t flags)
{
    if (xpl.options.model == XPL_C11 && (site->kind == XPL_LOAD || site->kind == XPL_CAS) &&
        (flags & XPL_OP_GHOST) == 0 && !place->loaded) {
        xpl_place_is_loaded(place);
    }
}

uint64_t xpl_taken(struct xpl_site *site)
{
    if (!site->used) {
        site->used = true;
        if (xpl.inside) {
            xpl.newly_shared = XPL_NO_PLACE;
            xpl_stop(XPL_RESTART); /* It was taken for one that nobody looks at. */
        }
    }
    return xpl.taken[xpl.inside ? xpl.now.current : XPL_THREADS];
}

/* Outside the threads: preparing, or checking. */
static __attribute__((noinline)) uint64_t step_outside(const struct xpl_site *site, void *object,
                                                       uint64_t operand, uint64_t expected)
{
    if (xpl.checking && site->kind != XPL_LOAD && object != NULL) {
        (void)xpl_place_of(site, object); /* Remembers what to put back. */
    }
    return xpl.taken[XPL_THREADS] = xpl_plainly(site, object, operand, expected);
}

/* What the running thread does next, for everybody to see. */
static void step_announce(struct xpl_op *op, uint16_t place, uint64_t operand, uint64_t expected)
{
    const uint16_t self = (uint16_t)(1u << xpl.now.current);

    op->operand = operand;
    op->expected = expected;
    op->place = place;
    if ((op->flags & XPL_OP_ASKS) != 0) {
        xpl.now.ready &= (uint16_t)~self;
        xpl.now.asks |= self;
    } else {
        xpl.now.ready |= self;
        xpl.now.asks &= (uint16_t)~self;
    }
}

/* @place: the object's, if that is known. */
static __attribute__((noinline)) uint64_t step_take(struct xpl_site *site, void *object,
                                                    uint64_t operand, uint64_t expected,
                                                    struct xpl_place *place)
{
    const uint8_t all = op_flags[site->kind][site->order];
    const uint8_t flags = site->used ? all & (uint8_t)~XPL_OP_BLIND : all;
    const unsigned self = xpl.now.current;
    struct xpl_op *op = &xpl.thread[self].op;
    uint16_t index = XPL_NO_PLACE;

    site->reached = true;
    if (object != NULL) {
        if (place == NULL || place->epoch != xpl.epoch || place->bytes != site->bytes) {
            place = xpl_place_of(site, object);
        }
        if (step_is_local(place, site, flags) && (flags & XPL_OP_DRAINS) == 0) {
            return step_no_step(site, object, operand, expected);
        }
        step_may_see_old(place, site, flags);
        index = (uint16_t)(place - xpl.place);
    }
    op->site = site;
    op->kind = site->kind;
    op->order = site->order;
    op->flags = flags;
    if (op_is_nothing(op)) {
        return 0;
    }
    step_announce(op, index, operand, expected);
    if (xpl.starting) {
        xpl_fiber_switch(&xpl.thread[self].fiber, &xpl.main);
    } else {
        run_schedule();
    }
    if (object != NULL) {
        step_beside_plain(site, object, step_wrote(site, expected, op->result), xpl.step_clock);
    }
    return xpl.taken[self] = op->result;
}

/* The most frequent accesses are no steps, and need nothing of the above. */
static inline bool step_is_free(const struct xpl_site *site, const struct xpl_place *place)
{
    if (place->epoch != xpl.epoch || place->bytes != site->bytes) {
        return false;
    }
    if (site->kind == XPL_LOAD) {
        return place->constant || place->loads_to == xpl.now.current;
    }
    return place->local_to == xpl.now.current && site->kind < XPL_FENCE &&
           xpl.options.model != XPL_TSO;
}

uint64_t xpl_step(struct xpl_site *site, void *object, uint64_t operand, uint64_t expected)
{
    struct xpl_place *place = NULL;

    if (!xpl.inside) {
        return step_outside(site, object, operand, expected);
    }
    if (object != NULL) {
        const struct xpl_near *near = &xpl_nearby[xpl_near_slot(object)];

        place = near->object == object ? near->place : NULL;
        if (place != NULL && step_is_free(site, place)) {
            site->reached = true;
            if (site->kind != XPL_LOAD || xpl.options.model == XPL_C11) {
                return step_no_step(site, object, operand, expected);
            }
            return xpl_get(object, site->bytes); /* xpl.taken is for changes. */
        }
    }
    return step_take(site, object, operand, expected, place);
}

unsigned xpl_choose(unsigned limit)
{
    static struct xpl_site site = {.file = __FILE__, .text = "choice", .kind = XPL_CHOOSE};

    if (!xpl.inside) {
        fprintf(stderr, "explore: xpl_choose outside a thread\n");
        exit(2);
    }
    return (unsigned)xpl_step(&site, NULL, limit, 0);
}

static void run_thread(void)
{
    const struct xpl_thread *thread = &xpl.scenario->threads[xpl.now.current];

    thread->run(thread->argument);
    xpl.thread[xpl.now.current].done = true;
    xpl.now.ready &= (uint16_t) ~(1u << xpl.now.current);
    xpl.now.asks &= (uint16_t) ~(1u << xpl.now.current);
    if (xpl.starting) {
        xpl_fiber_switch(&xpl.thread[xpl.now.current].fiber, &xpl.main);
    } else {
        run_schedule();
    }
    abort();
}

static void run_reset(void)
{
    xpl_memory_reset();
    xpl_keep_restore();
    xpl.epoch++;
    xpl.now = (struct xpl_now){0};
    xpl.verdict = XPL_RUNNING;
    for (unsigned i = 0; i < xpl.threads; i++) {
        struct xpl_running *thread = &xpl.thread[i];

        thread->done = (xpl.options.without >> i & 1) != 0;
        thread->buffer_count = 0;
        thread->stores = 0;
        xpl_fiber_start(&thread->fiber, stacks[i], XPL_STACK_BYTES, run_thread);
    }
    if (xpl.options.model == XPL_C11) {
        xpl_c11_reset();
        xpl_plain_reset();
    }
}

/* Nobody can go on: who should have been able to? */
static void run_check(void)
{
    for (unsigned i = 0; i < xpl.threads; i++) {
        if (!xpl.thread[i].done && !xpl.scenario->threads[i].service) {
            xpl_fail("%s waits for ever for %s", xpl.scenario->threads[i].name,
                     xpl_object_name(xpl.place[xpl.thread[i].op.place].object));
            return;
        }
    }
    if (xpl.scenario->check != NULL) {
        xpl.scenario->check();
    }
}

uint8_t *xpl_run_stack_top(unsigned thread)
{
    return stacks[thread] + XPL_STACK_BYTES;
}

/* Let the current thread go on, and copy the state whenever it is parked for that. */
static void run_on(void)
{
    xpl_fiber_switch(&xpl.main, &xpl.thread[xpl.now.current].fiber);
    while (xpl.copying) {
        xpl.copying = false;
        xpl_checkpoint_take();
        xpl_fiber_switch(&xpl.main, &xpl.thread[xpl.now.current].fiber);
    }
}

/* From the start: every thread goes to its first step. */
static void run_start(void)
{
    run_reset();
    xpl.inside = true;
    xpl.starting = true;
    for (unsigned i = 0; i < xpl.threads && xpl.verdict == XPL_RUNNING; i++) {
        if (!xpl.thread[i].done) {
            xpl.now.current = i;
            xpl_fiber_switch(&xpl.main, &xpl.thread[i].fiber);
        }
    }
    xpl.starting = false;
    if (xpl.verdict == XPL_RUNNING) {
        unsigned alternative;
        int process;

        /* The first step is decided here, then the threads pass the CPU among themselves. */
        do {
            process = xpl_search_pick(&alternative);
            if (process >= 0) {
                run_step((unsigned)process, alternative);
            }
        } while (process >= (int)XPL_THREADS);
        if (process >= 0) {
            xpl.now.current = xpl.now.last = (unsigned)process;
            run_on();
        }
    }
}

void xpl_run_once(void)
{
    if (xpl_checkpoint_restore()) {
        xpl.verdict = XPL_RUNNING;
        xpl.inside = true;
        run_on();
    } else {
        run_start();
    }
    xpl.inside = false;
    if (xpl.verdict == XPL_ENDED && !xpl.probing) {
        xpl.checking = true;
        run_check();
        xpl.checking = false;
    }
}

bool xpl_run_prepare(void)
{
    const struct xpl_scenario *scenario = xpl.scenario;

    run_catch_faults();
    op_flags_fill();
    xpl_keep_forget();
    xpl_report_forget();
    xpl_places_forget();
    xpl.rows = 0;
    xpl.view_chunks = 1;
    xpl.now.touched = 0;
    for (xpl.threads = 0; xpl.threads < XPL_THREADS; xpl.threads++) {
        if (scenario->threads[xpl.threads].run == NULL) {
            break;
        }
    }
    if (scenario->prepare != NULL) {
        scenario->prepare(xpl.options.design);
    }
    xpl_keep_copy();
    return xpl.threads > 0;
}
