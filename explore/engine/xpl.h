/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The explorer: runs a few threads of real code in every order that matters, under a memory model.
 *
 * A scenario is a handful of threads, each on its own fiber of one OS thread. Every atomic access
 * and every fence in them (and in the library's sources, which are compiled a second time with
 * `vmb_override_atomic.h`) stops the thread; the explorer decides who goes on and, where the memory
 * model leaves a choice, which store a load sees. It then runs the scenario again, from the start,
 * with another decision, until nothing is left to decide.
 *
 * The explorer is one per process: its state is global, and nothing here is thread-safe.
 */
#ifndef XPL_H
#define XPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XPL_THREADS 8u   /**< Threads of a scenario, at most. */
#define XPL_STEPS   500u /**< Steps of one execution, 250 of a thread; longer ones are reported. */

/** What memory may do. */
enum xpl_model {
    XPL_SC,  /**< Sequential consistency: one memory, each access at once. */
    XPL_TSO, /**< x86: a store waits in its CPU's buffer; locked operations and fences drain it. */
    XPL_C11  /**< C11: a load returns any store that coherence and happens-before allow. */
};

/** How to look for a bad execution. */
enum xpl_strategy {
    XPL_EXHAUST, /**< All of them, one for each class of equivalent ones (source-DPOR). */
    XPL_SLEEP,   /**< All of them, sleep sets only: a second opinion on the reduction. */
    XPL_NAIVE,   /**< All of them, no reduction: the referee of both, for tiny scenarios. */
    XPL_BOUND,   /**< All with at most `bound` surprises: preemptions and stale reads. */
    XPL_RANDOM,  /**< Random priorities that change at few random steps (PCT). */
    XPL_REPLAY   /**< One: the token's. */
};

/** One place in the source that touches memory atomically. The hooks make these. */
struct xpl_site {
    const char *file;
    const char *function;
    const char *text; /**< The object as it is written there. */
    int line;
    uint8_t kind;  /**< enum xpl_kind. */
    uint8_t bytes; /**< Width; 0 for a fence. */
    uint8_t order; /**< In force now: mutants change it. */
    uint8_t order_written;
    uint8_t failure; /**< The same of a compare-exchange that fails. */
    uint8_t failure_written;
    bool reached; /**< It has been executed since somebody cleared this. */
    bool used;    /**< Somebody has looked at what a change found there: see xpl_taken(). */
};

/** What a step does. */
enum xpl_kind {
    XPL_LOAD,
    XPL_STORE,
    XPL_EXCHANGE,
    XPL_OR,
    XPL_AND,
    XPL_ADD,
    XPL_CAS,
    XPL_FENCE,
    XPL_AWAIT,  /**< Wait until it is not 0, then exchange it with 0. */
    XPL_CHOOSE, /**< The scenario asks for any number below a limit. */
    XPL_FLUSH,  /**< A store leaves a buffer (TSO). */
    XPL_KINDS
};

enum xpl_order {
    XPL_RELAXED,
    XPL_ACQUIRE,
    XPL_RELEASE,
    XPL_ACQ_REL,
    XPL_SEQ_CST,
    XPL_GHOST /**< Of the scenario's own books: always the newest value, orders nothing. */
};

/** One thread of a scenario. */
struct xpl_thread {
    const char *name; /**< Its column in the table. */
    void (*run)(void *argument);
    void *argument;
    bool service; /**< Serves others: waiting for ever at the end is not a fault. */
};

/** What is explored. */
struct xpl_scenario {
    const char *name;
    const char *shows;          /**< One sentence. */
    const char *rules;          /**< "R4 R5", or "" */
    const char *const *designs; /**< NULL, or names ending with NULL; the first is ours. */
    struct xpl_thread threads[XPL_THREADS]; /**< Up to the first without `run`. */
    void (*prepare)(unsigned design);       /**< Once: initial memory; calls xpl_keep, xpl_name. */
    void (*check)(
        void); /**< After each execution: xpl_fail() if something is wrong. May be NULL. */
};

/** How to explore. Zero means the default. */
struct xpl_options {
    enum xpl_model model;
    enum xpl_strategy strategy;
    unsigned design;         /**< Index into the scenario's designs. */
    unsigned bound;          /**< For XPL_BOUND. */
    uint64_t seed;           /**< For XPL_RANDOM. */
    uint64_t max_executions; /**< 0: no limit. */
    double max_seconds;      /**< 0: no limit. */
    unsigned shard;          /**< This part, counted from 0, … */
    unsigned shards;         /**< … of so many. 0 or 1: all of it. */
    unsigned steps_below;    /**< Only executions with fewer steps than this count as failures. */
    const char *like;        /**< Only failures whose sentence begins as this one count. */
    unsigned without;        /**< Threads that do not take part, a bit each. */
    bool stop_at_first;      /**< Stop at the first violation. */
    bool from_the_start;     /**< Run each execution whole: slower, the same result. */
    bool progress;           /**< A line on stderr while it runs. */
    const char *token;       /**< For XPL_REPLAY. */
};

/** What was found. */
struct xpl_result {
    uint64_t executions; /**< Run to their end. */
    uint64_t cut;        /**< Given up because an equivalent one had been run. */
    uint64_t too_long;   /**< Given up after XPL_STEPS steps: then nothing is proved. */
    uint64_t steps;
    uint64_t violations;
    bool complete;          /**< Nothing is left to explore within the strategy's bounds. */
    bool unfit;             /**< This shard is not a part of the tree that the others explore. */
    bool unordered_stores;  /**< Two stores to one place that nothing orders: see docs/PROOF.md. */
    unsigned longest;       /**< Steps of the longest execution. */
    unsigned places;        /**< Atomic objects touched. */
    unsigned failing_steps; /**< Steps of the last violation. */
    double seconds;
    char what[256];   /**< The last violation, one sentence. */
    char token[1024]; /**< Replays it. */
};

/* --- For scenarios ---------------------------------------------------------------------------- */

/** These bytes change while the scenario runs: put them back before each execution. */
void xpl_keep(void *memory, size_t bytes);

/**
 * The same for large memory that only instrumented code writes (the library's sources, scenarios):
 * only the lines that were written are put back.
 */
void xpl_keep_watched(void *memory, size_t bytes);

/** Call an object by this name in tables. The text is copied. */
void xpl_name(const void *object, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The current step's line in the table also says this. Cheap unless a table is being made. */
void xpl_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** This execution is a violation; say in one sentence what was lost. Returns in `check` only. */
void xpl_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** xpl_fail() unless the condition holds. */
#define xpl_expect(condition, ...) ((condition) ? (void)0 : xpl_fail(__VA_ARGS__))

/** Any number below `limit` (at most 64): all are explored. */
unsigned xpl_choose(unsigned limit);

/** Plain memory is read or written here: unordered accesses of two threads are a violation. */
void xpl_plain_read(const void *memory, size_t bytes);
void xpl_plain_write(const void *memory, size_t bytes);

/** The model that this execution runs under. */
enum xpl_model xpl_model_in_force(void);

/** Number of the running thread; XPL_THREADS outside any. */
unsigned xpl_self(void);

/* --- For front ends --------------------------------------------------------------------------- */

/** Explore; the result is overwritten. Returns false if the options make no sense. */
bool xpl_explore(const struct xpl_scenario *scenario, const struct xpl_options *options,
                 struct xpl_result *out_result);

/**
 * Find a failing execution of the fewest threads, of those one with the fewest surprises
 * (preemptions, stale reads), of those the one with the fewest steps.
 * Returns false if none was found within the limits of @p options.
 */
bool xpl_shortest(const struct xpl_scenario *scenario, const struct xpl_options *options,
                  struct xpl_result *out_result);

/**
 * Replay `token` and print its table to stdout; whether something went wrong in it is told too.
 * Returns false if the token is of another scenario or model.
 */
bool xpl_print_table(const struct xpl_scenario *scenario, const struct xpl_options *options,
                     const char *token, bool *out_wrong);

const char *xpl_model_name(enum xpl_model model);
const char *xpl_order_name(enum xpl_order order);

/** All sites of the program. @return Their number. */
size_t xpl_sites(struct xpl_site *const **out_sites);

/* --- For the hooks of vmb_override_atomic.h ----------------------------------------------------
 */

uint64_t xpl_step(struct xpl_site *site, void *object, uint64_t operand, uint64_t expected);

/**
 * What the running thread's last change, made at @p site, found there. Said to be pure so that the
 * compiler drops the call where nobody uses the value: such changes commute with their like.
 */
uint64_t xpl_taken(struct xpl_site *site) __attribute__((pure));

#endif /* XPL_H */
