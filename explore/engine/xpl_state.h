/* SPDX-License-Identifier: MIT */
/*
 * The explorer's own state: one execution (threads, memory) and the search over executions (nodes).
 *
 * Who does what: xpl_run.c runs one execution; xpl_memory.c, xpl_tso.c and xpl_c11.c perform its
 * steps; xpl_search.c decides them and goes back; xpl_races.c says what else must be tried;
 * xpl_plain.c watches memory that is not atomic; xpl_report.c prints.
 */
#ifndef XPL_STATE_H
#define XPL_STATE_H

#include "explore/engine/xpl.h"
#include "explore/engine/xpl_fiber.h"

#define XPL_PLACES      4096u /* Atomic objects of a scenario. */
#define XPL_PLACE_SLOTS 8192u /* Of the hash table over them. */
#define XPL_C11_PLACES  120u /* … that threads share, under C11: a view has a byte for each … */
#define XPL_VIEW_BYTES  128u /* … after one for each thread's clock. */
#define XPL_MESSAGES    64u  /* Stores to one object in one execution under C11. */
#define XPL_BUFFER      16u  /* Stores that wait in one buffer under TSO. */
#define XPL_PROCESSES   16u  /* Threads, and then their store buffers. */
#define XPL_NO_PLACE    0xFFFFu
#define XPL_STACK_BYTES 65536u

/* What a thread knows: per thread a clock, per place the oldest store that it may still read. */
struct xpl_view {
    _Alignas(64) uint8_t slot[XPL_VIEW_BYTES];
};

/* A store, in the order in which the stores of its place took effect. */
struct xpl_message {
    uint64_t value;
    uint8_t writer;       /* XPL_THREADS: there before the threads. */
    uint8_t writer_clock; /* The writer's clock then. */
    bool plain_store;     /* Not a read-modify-write. */
    struct xpl_view view; /* What an acquire of it tells. */
};

/*
 * An atomic object. Its place in the table lasts over executions; the messages do not.
 *
 * As long as only one thread has ever touched it, what it does there commutes with everything and
 * is no step. When a second thread turns up, the accesses so far become steps: see xpl_move.c. The
 * same holds as long as threads only add to it, or only set bits, and do not look: a counter; and
 * as long as they only load it: a constant.
 */
struct xpl_place {
    _Alignas(64) void *object;
    uint64_t initial;
    uint64_t epoch; /* The execution that the rest belongs to. */
    uint16_t last;  /* The last step on it, from 1; 0: none. */
    uint8_t bytes;
    uint8_t owner;    /* The thread that touched it; XPL_THREADS: none yet. */
    uint8_t local_to; /* The owner, if whatever it does here is no step; else XPL_THREADS. */
    uint8_t loads_to; /* The owner, if that is so of its loads; else XPL_THREADS. */
    bool shared;
    bool constant; /* Several threads load it, and nobody does anything else: no step either. */
    bool counts;   /* All accesses so far were loads, or blind and of one kind … */
    bool several;  /* … and not all of one thread. */
    uint8_t count_kind;
    bool commuted; /* The search has counted on it that two blind changes commute … */
    bool loaded;   /* … which they do not if a load can see one without the other (C11). */
    uint8_t row;   /* Of xpl_messages and of the views, once shared (C11). */
    uint8_t message_count;
};

/* A step that a thread is about to do. */
struct xpl_op {
    const struct xpl_site *site;
    uint64_t operand;
    uint64_t expected;
    uint64_t result;
    uint16_t place;
    uint8_t kind;
    uint8_t order;
    uint8_t flags; /* XPL_OP_… */
};

#define XPL_OP_READS  1u
#define XPL_OP_WRITES 2u /* Or may: a compare-exchange always counts as both. */
#define XPL_OP_SC     4u /* Has its place in the one order of all seq_cst operations (C11). */
#define XPL_OP_DRAINS 8u /* Waits until the own buffer is empty (TSO). */
#define XPL_OP_GHOST  16u
#define XPL_OP_ASKS   64u /* Whether it can go on, and with which choices, must be asked. */
#define XPL_OP_BLIND  32u /* Changes by adding or by bits, and nobody looks at what was there. */

struct xpl_waiting_store {
    uint64_t value;
    const struct xpl_site *site;
    uint16_t place;
    uint16_t step; /* That put it there, from 1. */
    uint8_t sequence;
};

struct xpl_running {
    struct xpl_fiber fiber;
    struct xpl_op op; /* The next step, unless done. */
    bool done;
    uint8_t buffer_first, buffer_count; /* TSO. */
    uint8_t stores;                     /* So far: numbers the stores (TSO). */
    /* Up to here a checkpoint copies it under every model. TSO: */
    struct xpl_waiting_store buffer[XPL_BUFFER];
    /* C11: */
    struct xpl_view current;  /* What it knows. */
    struct xpl_view acquired; /* What an acquire fence would add. */
    struct xpl_view released; /* What its relaxed stores tell, since its last release fence. */
};

/* One step of the execution, as the reduction sees it. */
struct xpl_event {
    uint16_t place;
    uint8_t process;
    uint8_t flags;
    uint8_t kind;
    uint8_t number;     /* Of its process, from 1. */
    uint8_t message;    /* C11: which store a load read, or a store made; UINT8_MAX: neither. */
    uint8_t sequence;   /* TSO: number of the store, of a store and of its flush. */
    uint16_t before;    /* The step before it on the same place, from 1; 0: none. */
    uint16_t before_sc; /* The same in the one order of seq_cst operations. */
    uint8_t clock[XPL_PROCESSES]; /* Events of each process that this one depends on. */
};

/* A state of the search: what can be done here, and what has been. */
struct xpl_node {
    uint16_t enabled;                     /* Processes that can go on. */
    uint16_t waiting;                     /* Threads that cannot, and are not done. */
    uint16_t asleep;                      /* Those with something in `sleep`. */
    uint16_t backtrack;                   /* Those that must be tried. */
    uint16_t done;                        /* Those that have been tried whole. */
    uint8_t process;                      /* The one now tried … */
    uint8_t alternative;                  /* … and its choice. */
    uint8_t last;                         /* Thread of the step before. */
    uint8_t spent;                        /* Surprises before this step (XPL_BOUND). */
    uint64_t tried;                       /* Choices of `process` that have been tried. */
    uint64_t alternatives[XPL_PROCESSES]; /* Choices of those that are enabled, a bit each. */
    uint64_t sleep[XPL_PROCESSES];        /* Of `asleep`: lead only to what was seen before. */
    struct xpl_event event;
};

/* Where an execution is: what a checkpoint copies whole. */
struct xpl_now {
    unsigned step;
    unsigned current; /* Thread that runs. */
    unsigned last;    /* Thread of the last step. */
    unsigned touched; /* Atomic objects touched so far. */
    uint16_t ready;   /* Processes that can go on, with one choice, whatever the others do … */
    uint16_t asks;    /* … and threads of which nobody knows without asking. */
    uint16_t last_sc; /* The last step in the one order of seq_cst operations, from 1 (C11). */
    uint8_t count[XPL_PROCESSES];      /* Steps of each process … */
    uint16_t last_step[XPL_PROCESSES]; /* … and the last of them. */
};

enum xpl_verdict {
    XPL_RUNNING,
    XPL_ENDED,
    XPL_CUT,
    XPL_TOO_LONG,
    XPL_FAILED,
    XPL_RESTART
};

/* What the table needs of a step. */
struct xpl_trace {
    const struct xpl_site *site;
    uint64_t value; /* Read, or before the change. */
    uint64_t stored;
    uint64_t newest; /* C11: what a later store had put there. */
    uint16_t place;
    uint8_t thread;
    uint8_t kind;
    bool stale;
    bool wrote;
    char note[160];
};

struct xpl_state {
    const struct xpl_scenario *scenario;
    struct xpl_options options;
    struct xpl_result *result;
    unsigned threads;
    uint64_t epoch; /* Of this execution. */
    uint8_t level;  /* Checkpoints that there are. */

    uint64_t taken[XPL_THREADS + 1]; /* What each thread's last change found; last: outside. */

    /* The execution. */
    bool inside;   /* Threads are running: hooks are steps. */
    bool checking; /* `check` is running: what it changes is put back as well. */
    bool probing;  /* Executions only look for what the search cannot count on. */
    bool starting; /* Threads go to their first step. */
    bool copying;  /* The running thread is parked for a checkpoint. */
    enum xpl_verdict verdict;
    struct xpl_now now;
    struct xpl_running thread[XPL_THREADS];
    struct xpl_fiber main;
    struct xpl_view fences; /* What all seq_cst operations so far know (C11). */
    uint8_t step_clock;     /* Its thread's clock before the last step (C11). */

    /* The search. */
    unsigned depth;  /* Nodes that stay for the next execution. */
    unsigned frozen; /* Depth down to which every branch is tried and shared among shards. */
    uint64_t prefixes;
    const char *token_objects; /* The token's first part … */
    unsigned token_repeats;    /* … and how often the step at hand is still to be done. */
    uint16_t newly_shared;     /* Why the verdict is XPL_RESTART; XPL_NO_PLACE: something else. */
    bool moving;               /* The execution repeats one from before the object was shared. */
    uint64_t random;
    uint8_t priority[XPL_PROCESSES];
    unsigned change_at[8];
    struct xpl_node nodes[XPL_STEPS + 1];

    /* Memory. */
    unsigned places;
    unsigned rows;        /* C11: shared places … */
    unsigned view_chunks; /* … and how much of a view they take, in 16 bytes. */
    struct xpl_place place[XPL_PLACES];
    uint16_t touched[XPL_PLACES];
    uint16_t place_of[XPL_PLACE_SLOTS]; /* Hash of an address: place + 1. */

    /* A table is being made. */
    bool tracing;
    struct xpl_trace trace[XPL_STEPS + 1];
    char what[256];
};

extern struct xpl_state xpl;
/* Where a few objects are: most accesses find theirs here. */
struct xpl_near {
    const void *object;
    struct xpl_place *place;
};
extern struct xpl_near xpl_nearby[1024];

static inline unsigned xpl_near_slot(const void *object)
{
    return (unsigned)(((uintptr_t)object * 0x9E3779B97F4A7C15u) >> 54); /* 10 bits. */
}

extern struct xpl_message xpl_messages[XPL_C11_PLACES][XPL_MESSAGES];

static inline uint64_t xpl_get(const void *object, uint8_t bytes)
{
    switch (bytes) {
    case 1:
        return *(const uint8_t *)object;
    case 4:
        return *(const uint32_t *)object;
    default:
        return *(const uint64_t *)object;
    }
}

static inline void xpl_set(void *object, uint8_t bytes, uint64_t value)
{
    switch (bytes) {
    case 1:
        *(uint8_t *)object = (uint8_t)value;
        break;
    case 4:
        *(uint32_t *)object = (uint32_t)value;
        break;
    default:
        *(uint64_t *)object = value;
        break;
    }
}

static inline uint64_t xpl_memory_read(const struct xpl_place *place)
{
    return xpl_get(place->object, place->bytes);
}

static inline void xpl_memory_write(const struct xpl_place *place, uint64_t value)
{
    xpl_set(place->object, place->bytes, value);
}

/* xpl_run.c: one execution; the decisions come from xpl_search_pick. */
void xpl_run_once(void);
bool xpl_run_prepare(void);
void xpl_stop(enum xpl_verdict verdict);
uint8_t *xpl_run_stack_top(unsigned thread);

/* xpl_memory.c */
struct xpl_place *xpl_place_of(const struct xpl_site *site, void *object);
void xpl_places_forget(void);
void xpl_memory_reset(void);
void xpl_memory_forget(unsigned touched);
uint64_t xpl_changed(const struct xpl_op *op, uint64_t was, uint8_t bytes, bool *out_writes);
uint64_t xpl_plainly(const struct xpl_site *site, void *object, uint64_t operand,
                     uint64_t expected);
/* May this access go on without being a step? Ends the execution if that was wrong before. */
bool xpl_place_is_local(struct xpl_place *place, uint8_t kind, uint8_t flags);
/* It may be read by a load that need not see the newest: ends the execution likewise. */
void xpl_place_is_loaded(struct xpl_place *place);
/* Can the process go on, and with which choices (bits)? 0: it cannot. */
uint64_t xpl_alternatives(unsigned process);
/* Do the process's next step. Fills what the event needs to know about it. */
void xpl_perform(unsigned process, unsigned alternative, struct xpl_event *event);

/* xpl_tso.c */
uint64_t xpl_tso_alternatives(unsigned process);
void xpl_tso_perform(unsigned process, struct xpl_event *event);

/* xpl_c11.c */
void xpl_c11_reset(void);
uint64_t xpl_c11_alternatives(const struct xpl_running *thread);
void xpl_c11_perform(unsigned thread, unsigned alternative, struct xpl_event *event);

/* xpl_keep.c */
void xpl_keep_forget(void);
void xpl_keep_copy(void);
void xpl_keep_restore(void);
void xpl_keep_written(uintptr_t from, uintptr_t end);
void xpl_keep_checkpoint(void *context, bool restores);

/* xpl_plain.c */
void xpl_plain_reset(void);
void xpl_plain_beside_atomic(const void *object, uint8_t bytes, bool writes, uint8_t clock);
void xpl_plain_checkpoint(void *context, bool restores);

/* xpl_checkpoint.c */
void xpl_checkpoint_forget(void);
bool xpl_checkpoint_wanted(void);
void xpl_checkpoint_take(void);
bool xpl_checkpoint_restore(void);
/*
 * These bytes are about to change. For memory of which little changes between two checkpoints: who
 * keeps it remembers the level (xpl.level) at which it was noted last, and notes it once for each.
 */
void xpl_undo_note(void *memory, size_t bytes);
/* For the parts of the state that others keep: into the copy, or out of it. */
void xpl_checkpoint_copy(void *context, void *memory, size_t bytes);

/* xpl_races.c */
enum xpl_relation {
    XPL_UNRELATED,    /* They commute. */
    XPL_ORDERED,      /* The second needs the first: they cannot be swapped. */
    XPL_RACE,         /* Swapped, they do something else. */
    XPL_MISSED_WRITE, /* The first read what it wanted; had the second come first, it could have
                         read that too. As they are, they commute. */
};
enum xpl_relation xpl_relate(const struct xpl_event *first, const struct xpl_event *second);
void xpl_races_of(unsigned step, struct xpl_event *event);
void xpl_races_of_waiting(uint16_t waiting);
void xpl_event_of(unsigned process, struct xpl_event *out_event);

/* xpl_search.c */
int xpl_search_pick(unsigned *out_alternative);
bool xpl_search_next(void);
void xpl_search_begin(void);
void xpl_search_enabled(struct xpl_node *node);
void xpl_search_sleep(const struct xpl_node *before, struct xpl_node *node);
bool xpl_search_choose(struct xpl_node *node, unsigned process);

/* xpl_move.c: go on with the search after the verdict XPL_RESTART. False: it has to begin again. */
bool xpl_search_move(void);
/* While xpl.moving: decide as then. False: all has been repeated, and the search goes on. */
bool xpl_move_pick(unsigned step);

/* xpl_token.c */
void xpl_token_write(char *text, size_t size);
unsigned xpl_token_without(const char *text);
bool xpl_token_shared(unsigned touched);
bool xpl_token_step(const char **text, unsigned *out_process, unsigned *out_alternative);

/* xpl_report.c */
struct xpl_trace *xpl_trace_now(void);
void xpl_report_table(void);
void xpl_report_forget(void);
const char *xpl_object_name(const void *object);

static inline unsigned xpl_lowest(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

#endif /* XPL_STATE_H */
