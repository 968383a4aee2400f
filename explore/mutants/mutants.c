/* SPDX-License-Identifier: MIT */
/*
 * The mutants: is each ordering, each fence and each check of the dispatch path needed, and does a
 * scenario say so? Two kinds:
 *
 *   orders      every place in src/ whose order is stronger than relaxed, made weaker, one step at
 * a time; the hooks themselves find the places, and ledger.py compares them with the text
 *   statements  those of statements.list, woven into copies of the sources
 *
 * The orders are weakened in the library's own sources, so this file is built twice: with them, and
 * with XPL_WOVEN over the copies. ledger.py runs both and puts their lines together.
 *
 * A mutant is killed by the first scenario in which it does harm. One that survives is a gap in the
 * scenarios, or an order that nobody needs and that the library should not have.
 */
#include "explore/mutants/mutants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore/scenarios/table.h"

#define SITES     512u
#define SCENARIOS 128u

static unsigned statement_mutant; /* In force; 0: none. */
static bool statement_reached;    /* It has been executed. */

/*
 * Woven into every thread of every scenario, so it must not be seen by the explorer: threads that
 * note that they were here would race for the note, and kill mutants that do no harm.
 */
__attribute__((no_sanitize_thread)) bool xpl_mutates(unsigned mutant)
{
    if (mutant != statement_mutant) {
        return false;
    }
    statement_reached = true;
    return true;
}

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

/* A place in the source: the same line may have left several records. */
struct place {
    struct xpl_site *sites[16];
    unsigned count;
};
static struct place places[SITES];
static unsigned place_count;

/* How a mutant was killed. */
struct kill {
    const struct xpl_scenario *scenario; /* NULL: it was not. */
    enum xpl_model model;
    bool sure; /* Every scenario was searched to its end. */
};

static bool reached[SCENARIOS][SITES];
static unsigned total, killed;
static bool list_only;              /* Say which there are, and run none. */
static bool list_places;            /* Say which orders there are. */
static unsigned shard, shards = 1;  /* Every so many of them: for several cores. */
static double seconds_a_search = 2; /* Of one scenario under one model, to its end. */
static const char *only;            /* Those whose line says this. */
static const char *by;              /* Try this scenario alone. */
static char *ledger;                /* Known killers: each is tried alone. */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* Orders are weakened in all of the library; scenarios and the engine have some of their own. */
static bool is_watched(const struct xpl_site *site)
{
    return strstr(site->file, "src/") != NULL;
}

static bool is_ordered(const struct xpl_site *site)
{
    return site->order_written != XPL_RELAXED || site->failure_written != XPL_RELAXED;
}

static bool same_place(const struct xpl_site *a, const struct xpl_site *b)
{
    return a->line == b->line && a->kind == b->kind && strcmp(a->text, b->text) == 0 &&
           a->order_written == b->order_written && a->failure_written == b->failure_written &&
           strcmp(a->function, b->function) == 0 &&
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

        if (!is_watched(sites[i]) || !is_ordered(sites[i])) {
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

/* The order of a place; of a compare-exchange that fails, if so said. */
static void place_set(const struct place *place, bool failing, uint8_t order)
{
    for (unsigned i = 0; i < place->count; i++) {
        *(failing ? &place->sites[i]->failure : &place->sites[i]->order) = order;
    }
}

static void place_restore(const struct place *place)
{
    for (unsigned i = 0; i < place->count; i++) {
        place->sites[i]->order = place->sites[i]->order_written;
        place->sites[i]->failure = place->sites[i]->failure_written;
    }
}

/* The next weaker orders; returns how many. */
static unsigned weaker(const struct xpl_site *site, uint8_t out[2])
{
    switch (site->order_written) {
    case XPL_RELAXED:
        return 0;
    case XPL_SEQ_CST:
        out[0] = site->kind == XPL_LOAD    ? XPL_ACQUIRE
                 : site->kind == XPL_STORE ? XPL_RELEASE
                                           : XPL_ACQ_REL;
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

/*
 * Does this scenario go wrong now? A few random executions of it find most mutants; @whole: all of
 * them. C11 shows what sequential consistency shows, and TSO what a fence is for where nothing else
 * synchronises.
 */
static bool goes_wrong(const struct xpl_scenario *scenario, enum xpl_model model, bool whole,
                       bool *out_complete)
{
    const struct xpl_options quick = {.model = model,
                                      .strategy = XPL_RANDOM,
                                      .seed = 1,
                                      .max_executions = 6000,
                                      .stop_at_first = true};
    const struct xpl_options all = {
        .model = model, .stop_at_first = true, .max_seconds = seconds_a_search};
    struct xpl_result result;

    *out_complete = xpl_explore(scenario, whole ? &all : &quick, &result) && result.complete;
    if (result.violations > 0 && by != NULL) {
        fprintf(stderr, "%s: %s\n", scenario->name, result.what);
    }
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

static const enum xpl_model models[] = {XPL_C11, XPL_TSO};

static const struct xpl_scenario *table_find(const struct xpl_scenario *const *table,
                                             const char *name, size_t length)
{
    for (unsigned i = 0; table[i] != NULL; i++) {
        if (strncmp(table[i]->name, name, length) == 0 && table[i]->name[length] == '\0') {
            return table[i];
        }
    }
    return NULL;
}

/* Try this scenario alone, of whatever scope: first at random, then to its end. */
static struct kill kill_by(const char *name, size_t length, enum xpl_model model)
{
    const struct xpl_scenario *scenario = table_find(scenario_table, name, length);
    struct kill kill = {.model = model};

    if (scenario == NULL) {
        scenario = table_find(scenario_table_large, name, length);
    }
    if (scenario != NULL && (goes_wrong(scenario, model, false, &kill.sure) ||
                             goes_wrong(scenario, model, true, &kill.sure))) {
        kill.scenario = scenario;
    }
    return kill;
}

/* Try all scenarios on the mutant in force: some random executions, or all of them. */
static bool kill_search(int place, bool whole, struct kill *kill)
{
    const struct xpl_scenario *const *table = scenario_table;

    for (unsigned i = 0; table[i] != NULL; i++) {
        bool complete;

        if (place >= 0 ? !reached[i][place] : whole && !reached[i][0]) {
            continue;
        }
        statement_reached = false;
        if (goes_wrong(table[i], kill->model, whole, &complete)) {
            kill->scenario = table[i];
            return true;
        }
        if (place < 0 && !whole) {
            reached[i][0] = statement_reached || (kill->model != models[0] && reached[i][0]);
        }
        kill->sure = kill->sure && (!whole || complete);
    }
    return false;
}

/* What survives those may not survive the ones of larger scope, some of which end under TSO. */
static bool kill_search_large(struct kill *kill)
{
    for (unsigned i = 0; scenario_table_large[i] != NULL; i++) {
        bool complete;

        if (goes_wrong(scenario_table_large[i], kill->model, true, &complete)) {
            kill->scenario = scenario_table_large[i];
            return true;
        }
    }
    return false;
}

/* @place: only scenarios that reach it; -1: all of those that reach the statement. */
static struct kill kill_any(int place)
{
    struct kill kill = {.sure = true};

    for (unsigned pass = 0; pass < 6; pass++) {
        kill.model = models[pass < 4 ? pass % 2 : 5 - pass];
        if (pass < 4 ? kill_search(place, pass >= 2, &kill) : kill_search_large(&kill)) {
            break;
        }
    }
    return kill;
}

/* The killer that the ledger names for the mutant of this line, alone. */
static struct kill kill_known(const char *line)
{
    const char *at = strstr(ledger, line);
    const char *name, *end;

    if (at == NULL || strncmp(at + strlen(line), "killed by `", 11) != 0) {
        return (struct kill){.sure = false};
    }
    name = at + strlen(line) + 11;
    end = strchr(name, '`');
    return kill_by(name, (size_t)(end - name), strncmp(end, "` tso", 5) == 0 ? XPL_TSO : XPL_C11);
}

/* The scenario that was asked for, under either model. */
static struct kill kill_asked(void)
{
    struct kill kill = kill_by(by, strlen(by), models[0]);

    return kill.scenario != NULL ? kill : kill_by(by, strlen(by), models[1]);
}

/* Is the mutant of this line one of ours? */
static bool mutant_wanted(const char *line)
{
    static unsigned number;

    return number++ % shards == shard && (only == NULL || strstr(line, only) != NULL);
}

/* Run the mutant in force and write its line of the ledger. */
static void mutant_run(int place, const char *line)
{
    struct kill kill = {.sure = false};

    total++;
    if (list_only) {
        printf("%s\n", line);
        return;
    }
    kill = ledger != NULL ? kill_known(line) : by != NULL ? kill_asked() : kill_any(place);
    if (kill.scenario != NULL) {
        killed++;
        printf("%skilled by `%s` %s |\n", line, kill.scenario->name, xpl_model_name(kill.model));
    } else {
        printf("%s**survived**%s |\n", line, kill.sure ? "" : " (not exhausted)");
    }
    fflush(stdout);
}

/* Places that read alike are told apart by a number. */
static unsigned same_before(unsigned place)
{
    const struct xpl_site *site = places[place].sites[0];
    unsigned count = 1;

    for (unsigned i = 0; i < place; i++) {
        const struct xpl_site *other = places[i].sites[0];

        count += other->kind == site->kind && other->order_written == site->order_written &&
                 strcmp(other->text, site->text) == 0 &&
                 strcmp(other->function, site->function) == 0 &&
                 strcmp(base_name(other->file), base_name(site->file)) == 0;
    }
    return count;
}

/* The object as a person would write it: without what the accessors wrap around it. */
static const char *object_words(const struct xpl_site *site, char *text, size_t size)
{
    static const char *const noise[] = {"((vmb_atomic_u32 *)(void *)((uint8_t *)(",
                                        "((vmb_atomic_word *)(void *)(", "VMB_"};
    const char *at = site->text;
    size_t used = 0;
    int depth = 0;

    while (*at != '\0' && used + 1 < size) {
        for (unsigned i = 0; i < sizeof(noise) / sizeof(noise[0]); i++) {
            if (strncmp(at, noise[i], strlen(noise[i])) == 0) {
                at += strlen(noise[i]);
            }
        }
        if (*at == ')' && depth == 0) {
            at++; /* Of one that was left out. */
            continue;
        }
        depth += (*at == '(') - (*at == ')');
        text[used++] = *at != '\0' ? *at++ : '\0';
    }
    text[used] = '\0';
    return text;
}

/* The beginning of the ledger's line of a weaker order. */
static void order_line(unsigned place, bool failing, uint8_t to, char *line, size_t size)
{
    const struct xpl_site *site = places[place].sites[0];
    const unsigned same = same_before(place);
    char number[16] = "", what[200], object[160];

    if (same > 1) {
        snprintf(number, sizeof(number), " (%u)", same);
    }
    snprintf(what, sizeof(what), site->kind == XPL_FENCE ? "fence" : "%s `%s`",
             site->kind == XPL_LOAD    ? "load of"
             : site->kind == XPL_STORE ? "store to"
                                       : "change of",
             object_words(site, object, sizeof(object)));
    snprintf(
        line, size, "| `%s` %s()%s | %s%s: %s to %s | ", base_name(site->file), site->function,
        number, what, failing ? " that fails" : "",
        xpl_order_name((enum xpl_order)(failing ? site->failure_written : site->order_written)),
        site->kind == XPL_FENCE && to == XPL_RELAXED ? "none" : xpl_order_name((enum xpl_order)to));
}

static void mutate_order(unsigned place, bool failing, uint8_t to)
{
    char line[512];

    order_line(place, failing, to, line, sizeof(line));
    if (mutant_wanted(line)) {
        place_set(&places[place], failing, to);
        mutant_run((int)place, line);
        place_restore(&places[place]);
    }
}

static void mutate_orders(void)
{
    for (unsigned i = 0; i < place_count; i++) {
        const struct xpl_site *site = places[i].sites[0];
        uint8_t orders[2];
        const unsigned count = weaker(site, orders);

        for (unsigned j = 0; j < count; j++) {
            mutate_order(i, false, orders[j]);
        }
        if (site->kind == XPL_CAS && site->failure_written != XPL_RELAXED) {
            mutate_order(i, true, XPL_RELAXED);
        }
    }
}

/* For ledger.py, which compares it with what the text says: each order, once for each place. */
static void places_print(void)
{
    for (unsigned i = 0; i < place_count; i++) {
        const struct xpl_site *site = places[i].sites[0];
        const char *order = xpl_order_name((enum xpl_order)site->order_written);
        const char *failure = xpl_order_name((enum xpl_order)site->failure_written);

        printf("%s %s %s\n", base_name(site->file), order,
               site->kind == XPL_CAS ? failure : xpl_order_name(XPL_RELAXED));
    }
}

static void mutate_statements(void)
{
    for (unsigned i = 0; statements[i].name != NULL; i++) {
        char line[512];

        snprintf(line, sizeof(line), "| `%s` %s | %s | ", base_name(statements[i].file),
                 statements[i].name, statements[i].words);
        if (!mutant_wanted(line)) {
            continue;
        }
        statement_mutant = statements[i].number;
        mutant_run(-1, line);
        statement_mutant = 0;
    }
}

static char *file_read(const char *name)
{
    FILE *file = fopen(name, "rb");
    char *text = calloc(1, 1u << 20);

    if (file == NULL || text == NULL || fread(text, 1, (1u << 20) - 1, file) == 0) {
        fprintf(stderr, "mutants: cannot read %s\n", name);
        exit(2);
    }
    fclose(file);
    return text;
}

static const char usage[] =
    "usage: %s [--list] [--places] [--known LEDGER] [--only TEXT] [--scenario NAME] "
    "[--seconds S] [--shard I/N]\n";

static void arguments_take(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(argv[i], "--list") == 0) {
            list_only = true;
            continue;
        }
        if (strcmp(argv[i], "--places") == 0) {
            list_places = true;
            continue;
        }
        i++;
        if (strcmp(argv[i - 1], "--known") == 0) {
            ledger = file_read(value);
            seconds_a_search = 60;
        } else if (strcmp(argv[i - 1], "--only") == 0) {
            only = value;
        } else if (strcmp(argv[i - 1], "--scenario") == 0) {
            by = value;
        } else if (strcmp(argv[i - 1], "--seconds") == 0) {
            seconds_a_search = strtod(value, NULL);
        } else if (strcmp(argv[i - 1], "--shard") != 0 ||
                   sscanf(value, "%u/%u", &shard, &shards) != 2 || shard-- == 0 ||
                   shard >= shards) {
            fprintf(stderr, usage, argv[0]);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    arguments_take(argc, argv);
    if (statements[0].name != NULL) {
        mutate_statements();
    } else {
        places_find();
        if (list_places) {
            places_print();
            return 0;
        }
        if (!list_only && ledger == NULL && by == NULL) {
            coverage_measure();
        }
        mutate_orders();
    }
    if (list_only) {
        return 0;
    }
    printf("%u mutants, %u killed, %u survived\n", total, killed, total - killed);
    return total == killed ? 0 : 1;
}
