/* SPDX-License-Identifier: MIT */
/*
 * The mutants: is each ordering, each fence and each check of the dispatch path needed, and does a
 * scenario say so? Two kinds:
 *
 *   orders      every place in the watched files whose order is stronger than relaxed, made weaker,
 *               one step at a time. The places are found by the hooks themselves, so none is
 * missed. statements  those of statements.list, woven into copies of the sources.
 *
 * The orders are weakened in the library's own sources, so this file is built twice: with them, and
 * with XPL_WOVEN over the copies. ledger.py runs both and puts their lines together.
 *
 * A mutant is killed by the first scenario in which it does harm. One that survives is either a gap
 * in the scenarios or an order that nobody needs: exceptions.list says which, with the reason.
 */
#include "explore/mutants/mutants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore/scenarios/table.h"

#define SITES     512u
#define SCENARIOS 64u

static unsigned statement_mutant; /* In force; 0: none. */
static bool statement_reached;    /* It has been executed. */

bool xpl_mutates(unsigned mutant)
{
    if (mutant != statement_mutant) {
        return false;
    }
    statement_reached = true;
    return true;
}

/* Where orders are weakened. */
static const char *const watched[] = {
    "vmb_gate.h",      "vmb_grace.h",        "vmb_grace.c",      "vmb_guest_dispatch.c",
    "vmb_guest_run.c", "vmb_guest_relids.c", "vmb_guest_poll.c", "vmb_ring_rx.c",
    "vmb_ring_tx.c",   "vmb_hv_slot.c",
};

static const struct {
    unsigned number;
    const char *name;
    const char *file;
    const char *words;
} statements[] = {
#ifdef XPL_WOVEN
#include "statements.inc"
#endif
    {0, NULL, NULL, NULL},
};

/* Orders that no scenario needs, and why they stay all the same. */
static const struct {
    const char *file;
    const char *function;
    const char *from;
    const char *to;
    const char *why;
} exceptions[] = {
#include "exceptions.inc"
    {"", "", "", "", ""},
};

/* A place in the source: the same line may have left several records. */
struct place {
    struct xpl_site *sites[16];
    unsigned count;
};
static struct place places[SITES];
static unsigned place_count;

static bool reached[SCENARIOS][SITES];
static unsigned total, killed, excepted;
static bool list_only;                           /* Say which there are, and run none. */
static unsigned first_place, last_place = SITES; /* Only these places: for several cores. */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

static bool is_watched(const struct xpl_site *site)
{
    for (unsigned i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
        if (strcmp(base_name(site->file), watched[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool same_place(const struct xpl_site *a, const struct xpl_site *b)
{
    return a->line == b->line && a->kind == b->kind && strcmp(a->text, b->text) == 0 &&
           a->order_written == b->order_written && strcmp(a->function, b->function) == 0 &&
           strcmp(base_name(a->file), base_name(b->file)) == 0;
}

static int place_compare(const void *left, const void *right)
{
    const struct xpl_site *a = ((const struct place *)left)->sites[0];
    const struct xpl_site *b = ((const struct place *)right)->sites[0];
    const int files = strcmp(base_name(a->file), base_name(b->file));

    return files != 0 ? files : a->line - b->line;
}

static void places_find(void)
{
    struct xpl_site *const *sites;
    const size_t count = xpl_sites(&sites);

    for (size_t i = 0; i < count; i++) {
        unsigned at = 0;

        if (!is_watched(sites[i]) || sites[i]->order_written == XPL_RELAXED) {
            continue;
        }
        while (at < place_count && !same_place(places[at].sites[0], sites[i])) {
            at++;
        }
        if (at == place_count) {
            place_count++;
        }
        if (places[at].count == 16 || place_count == SITES) {
            fprintf(stderr, "mutants: too many sites\n");
            exit(2);
        }
        places[at].sites[places[at].count++] = sites[i];
    }
    qsort(places, place_count, sizeof(places[0]), place_compare);
}

static void place_set(const struct place *place, uint8_t order)
{
    for (unsigned i = 0; i < place->count; i++) {
        place->sites[i]->order = order;
    }
}

/* The next weaker orders; returns how many. */
static unsigned weaker(const struct xpl_site *site, uint8_t out[2])
{
    switch (site->order_written) {
    case XPL_SEQ_CST:
        out[0] = XPL_ACQ_REL;
        return 1;
    case XPL_ACQ_REL:
        out[0] = XPL_ACQUIRE;
        out[1] = XPL_RELEASE;
        return 2;
    default:
        out[0] = XPL_RELAXED;
        return 1;
    }
}

/* Does this scenario go wrong now? Under C11, which shows what the other models show, too. */
static bool goes_wrong(const struct xpl_scenario *scenario, bool whole, bool *out_complete)
{
    const struct xpl_options quick = {.model = XPL_C11,
                                      .strategy = XPL_RANDOM,
                                      .seed = 1,
                                      .max_executions = 6000,
                                      .stop_at_first = true};
    const struct xpl_options all = {.model = XPL_C11, .stop_at_first = true, .max_seconds = 2};
    struct xpl_result result;

    *out_complete = xpl_explore(scenario, whole ? &all : &quick, &result) && result.complete;
    return result.violations > 0 || result.too_long > 0;
}

/* Which scenarios reach which places? A mutant that is not reached is not run. */
static void coverage_measure(void)
{
    const struct xpl_options options = {
        .model = XPL_C11, .strategy = XPL_RANDOM, .seed = 7, .max_executions = 2000};

    for (unsigned i = 0; scenario_table[i] != NULL; i++) {
        struct xpl_result result;

        for (unsigned j = 0; j < place_count; j++) {
            for (unsigned k = 0; k < places[j].count; k++) {
                places[j].sites[k]->reached = false;
            }
        }
        if (!xpl_explore(scenario_table[i], &options, &result) || result.violations > 0) {
            fprintf(stderr, "mutants: %s fails without a mutant: %s\n", scenario_table[i]->name,
                    result.what);
            exit(1);
        }
        for (unsigned j = 0; j < place_count; j++) {
            for (unsigned k = 0; k < places[j].count; k++) {
                reached[i][j] |= places[j].sites[k]->reached;
            }
        }
    }
}

/*
 * The scenario that kills the mutant in force, or NULL. A few random executions of each scenario
 * find most; what is left is explored whole.
 */
static const struct xpl_scenario *killer(int place, bool *out_sure)
{
    *out_sure = true;
    if (list_only) {
        return NULL;
    }
    for (unsigned whole = 0; whole < 2; whole++) {
        for (unsigned i = 0; scenario_table[i] != NULL; i++) {
            bool complete;

            if (place >= 0 ? !reached[i][place] : whole != 0 && !reached[i][0]) {
                continue;
            }
            statement_reached = false;
            if (goes_wrong(scenario_table[i], whole != 0, &complete)) {
                return scenario_table[i];
            }
            if (place < 0 && whole == 0) {
                reached[i][0] = statement_reached;
            }
            *out_sure = *out_sure && (whole == 0 || complete);
        }
    }
    return NULL;
}

static const char *exception_of(const struct xpl_site *site, const char *from, const char *to)
{
    for (unsigned i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
        if (strcmp(exceptions[i].file, base_name(site->file)) == 0 &&
            strcmp(exceptions[i].function, site->function) == 0 &&
            strcmp(exceptions[i].from, from) == 0 && strcmp(exceptions[i].to, to) == 0) {
            return exceptions[i].why;
        }
    }
    return NULL;
}

/* A line of the ledger. */
static void ledger_line(const char *where, const char *what, const struct xpl_scenario *by,
                        const char *why, bool sure)
{
    total++;
    if (by != NULL) {
        killed++;
        printf("| %s | %s | killed by `%s` |\n", where, what, by->name);
    } else if (why != NULL) {
        excepted++;
        printf("| %s | %s | kept: %s |\n", where, what, why);
    } else {
        printf("| %s | %s | **survived**%s |\n", where, what, sure ? "" : " (not exhausted)");
    }
    fflush(stdout);
}

static void mutate_orders(void)
{
    for (unsigned i = first_place; i < place_count && i < last_place; i++) {
        const struct xpl_site *site = places[i].sites[0];
        uint8_t orders[2];
        const unsigned count = weaker(site, orders);

        for (unsigned j = 0; j < count; j++) {
            const char *from = xpl_order_name((enum xpl_order)site->order_written);
            const char *to = xpl_order_name((enum xpl_order)orders[j]);
            char where[160], what[160];
            const struct xpl_scenario *by;
            bool sure;

            snprintf(where, sizeof(where), "`%s` %s()", base_name(site->file), site->function);
            snprintf(what, sizeof(what), "%s `%s`: %s to %s",
                     site->kind == XPL_FENCE   ? "fence"
                     : site->kind == XPL_LOAD  ? "load of"
                     : site->kind == XPL_STORE ? "store to"
                                               : "change of",
                     site->text, from,
                     site->kind == XPL_FENCE && orders[j] == XPL_RELAXED ? "none" : to);
            place_set(&places[i], orders[j]);
            by = killer((int)i, &sure);
            place_set(&places[i], site->order_written);
            ledger_line(where, what, by, exception_of(site, from, to), sure);
        }
    }
}

static void mutate_statements(void)
{
    for (unsigned i = 0; statements[i].name != NULL; i++) {
        char where[160];
        const struct xpl_scenario *by;
        bool sure;

        statement_mutant = statements[i].number;
        by = killer(-1, &sure);
        statement_mutant = 0;
        snprintf(where, sizeof(where), "`%s` %s", base_name(statements[i].file),
                 statements[i].name);
        ledger_line(where, statements[i].words, by, NULL, sure);
    }
}

int main(int argc, char **argv)
{
    list_only = argc > 1 && strcmp(argv[1], "--list") == 0;
    if (argc == 4 && strcmp(argv[1], "--places") == 0) {
        first_place = (unsigned)strtoul(argv[2], NULL, 10);
        last_place = (unsigned)strtoul(argv[3], NULL, 10);
    }
    if (statements[0].name != NULL) {
        mutate_statements();
    } else {
        places_find();
        if (!list_only) {
            coverage_measure();
        }
        mutate_orders();
    }
    if (list_only) {
        return 0;
    }
    printf("%u mutants, %u killed, %u kept, %u survived\n", total, killed, excepted,
           total - killed - excepted);
    return total - killed - excepted == 0 ? 0 : 1;
}
