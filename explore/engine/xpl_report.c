/* SPDX-License-Identifier: MIT */
/* An execution as a table: one column a thread, one row a step, in words. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore/engine/xpl_state.h"

#define CELL 30 /* Characters of a column. */

struct name {
    const void *object;
    char text[48];
};
static struct name names[256];
static unsigned name_count;

void xpl_report_forget(void)
{
    name_count = 0;
}

void xpl_name(const void *object, const char *format, ...)
{
    va_list arguments;

    if (name_count == sizeof(names) / sizeof(names[0])) {
        return;
    }
    names[name_count].object = object;
    va_start(arguments, format);
    vsnprintf(names[name_count].text, sizeof(names[0].text), format, arguments);
    va_end(arguments);
    name_count++;
}

static const char *name_of(const void *object)
{
    for (unsigned i = 0; i < name_count; i++) {
        if (names[i].object == object) {
            return names[i].text;
        }
    }
    return NULL;
}

const char *xpl_object_name(const void *object)
{
    static char text[64];
    const struct name *nearest = NULL;

    for (unsigned i = 0; i < name_count; i++) {
        const uintptr_t distance = (uintptr_t)object - (uintptr_t)names[i].object;

        if (distance < 4096 &&
            (nearest == NULL || (uintptr_t)names[i].object > (uintptr_t)nearest->object)) {
            nearest = &names[i];
        }
    }
    if (nearest == NULL) {
        snprintf(text, sizeof(text), "%p", object);
        return text;
    }
    if (nearest->object == object) {
        return nearest->text;
    }
    snprintf(text, sizeof(text), "%s + %u", nearest->text,
             (unsigned)((uintptr_t)object - (uintptr_t)nearest->object));
    return text;
}

struct xpl_trace *xpl_trace_now(void)
{
    return &xpl.trace[xpl.now.step];
}

void xpl_note(const char *format, ...)
{
    struct xpl_trace *trace;
    size_t used;
    va_list arguments;

    if (!xpl.tracing || !xpl.inside || xpl.now.step == 0) {
        return;
    }
    trace = &xpl.trace[xpl.now.step - 1]; /* What a thread says belongs to the step it just did. */
    used = strlen(trace->note);
    if (used > 0 && used + 2 < sizeof(trace->note)) {
        trace->note[used++] = ';';
        trace->note[used++] = ' ';
    }
    va_start(arguments, format);
    vsnprintf(trace->note + used, sizeof(trace->note) - used, format, arguments);
    va_end(arguments);
}

static const char *value_text(uint64_t value, char *text, size_t size)
{
    const char *name = value > 4096 ? name_of((const void *)(uintptr_t)value) : NULL;

    if (name != NULL) {
        snprintf(text, size, "%s", name);
    } else {
        snprintf(text, size, value < 10 ? "%llu" : "0x%llx", (unsigned long long)value);
    }
    return text;
}

/* What the step did, in words. */
static void step_words(const struct xpl_trace *trace, char *text, size_t size)
{
    const struct xpl_site *site = trace->site;
    const char *object =
        trace->place == XPL_NO_PLACE ? "" : xpl_object_name(xpl.place[trace->place].object);
    char was[48], now[48], newest[48];

    if (trace->place != XPL_NO_PLACE && name_of(xpl.place[trace->place].object) == NULL) {
        object = site->text;
    }
    value_text(trace->value, was, sizeof(was));
    value_text(trace->stored, now, sizeof(now));
    value_text(trace->newest, newest, sizeof(newest));
    switch (trace->kind) {
    case XPL_LOAD:
        if (trace->stale) {
            snprintf(text, size, "reads %s: old %s, though %s is there", object, was, newest);
        } else {
            snprintf(text, size, "reads %s: %s", object, was);
        }
        break;
    case XPL_STORE:
        snprintf(text, size, "writes %s = %s", object, now);
        break;
    case XPL_EXCHANGE:
        snprintf(text, size, "takes %s: %s, leaves %s", object, was, now);
        break;
    case XPL_AWAIT:
        snprintf(text, size, "is woken by %s: %s", object, was);
        break;
    case XPL_CAS:
        if (trace->wrote) {
            snprintf(text, size, "changes %s: %s to %s", object, was, now);
        } else {
            snprintf(text, size, "fails to change %s: finds %s", object, was);
        }
        break;
    case XPL_FENCE:
        snprintf(text, size, "fence, %s", xpl_order_name(site->order));
        break;
    case XPL_CHOOSE:
        snprintf(text, size, "chooses %s", was);
        break;
    case XPL_FLUSH:
        snprintf(text, size, "(buffer) %s = %s reaches memory", object, now);
        break;
    default:
        snprintf(text, size, "%s %s: %s to %s",
                 trace->kind == XPL_OR    ? "sets bits in"
                 : trace->kind == XPL_AND ? "clears bits in"
                                          : "adds to",
                 object, was, now);
        break;
    }
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* Print the next line of a text that is wrapped at words; returns where it goes on. */
static const char *wrap_line(const char *text, char *line, size_t width)
{
    size_t length = strlen(text);

    if (length > width) {
        for (length = width; length > 0 && text[length] != ' '; length--) {
        }
        if (length == 0) {
            length = width;
        }
    }
    memcpy(line, text, length);
    line[length] = '\0';
    text += length;
    while (*text == ' ') {
        text++;
    }
    return text;
}

static bool takes_part(unsigned thread)
{
    return (xpl.options.without >> thread & 1) == 0;
}

static void row_print(unsigned number, const struct xpl_trace *trace)
{
    char where[64], words[400], line[CELL + 1];
    const char *rest = words;
    size_t used;
    bool first = true;

    step_words(trace, words, sizeof(words));
    used = strlen(words);
    if (trace->note[0] != '\0') {
        snprintf(words + used, sizeof(words) - used, ". %s", trace->note);
    }
    snprintf(where, sizeof(where), "%s:%d", base_name(trace->site->file), trace->site->line);
    while (first || *rest != '\0') {
        rest = wrap_line(rest, line, CELL);
        printf(first ? "%4u  %-22s" : "%4.0u  %-22s", first ? number : 0, first ? where : "");
        for (unsigned i = 0; i < xpl.threads; i++) {
            if (takes_part(i)) {
                printf(" | %-*s", CELL, i == trace->thread ? line : "");
            }
        }
        printf("\n");
        first = false;
    }
}

void xpl_report_table(void)
{
    printf("%4s  %-22s", "step", "where");
    for (unsigned i = 0; i < xpl.threads; i++) {
        if (takes_part(i)) {
            printf(" | %-*s", CELL, xpl.scenario->threads[i].name);
        }
    }
    printf("\n----  ----------------------");
    for (unsigned i = 0; i < xpl.threads; i++) {
        if (takes_part(i)) {
            printf("-+-%.*s", CELL, "----------------------------------------");
        }
    }
    printf("\n");
    for (unsigned i = 0; i < xpl.now.step; i++) {
        row_print(i + 1, &xpl.trace[i]);
    }
}

bool xpl_print_table(const struct xpl_scenario *scenario, const struct xpl_options *options,
                     const char *token, bool *out_wrong)
{
    struct xpl_options replay = *options;
    struct xpl_result result;
    bool done;

    replay.strategy = XPL_REPLAY;
    replay.token = token;
    xpl.tracing = true;
    done = xpl_explore(scenario, &replay, &result);
    xpl.tracing = false;
    if (!done || result.cut != 0) {
        return false;
    }
    xpl_report_table();
    *out_wrong = result.violations > 0;
    if (*out_wrong) {
        printf("\n%s.\n", result.what);
    }
    return true;
}
