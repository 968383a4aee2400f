/* SPDX-License-Identifier: MIT */
/*
 * Tokens: an execution in one word. First, in hexadecimal, which atomic objects were shared, in the
 * order in which they were touched, and in capitals which threads took no part; then the steps. A
 * letter is a step of that thread (a to h; A to
 * H: a flush of its buffer), a number after it repeats it, and `.n` says which store or which
 * choice it took where that was not the newest: "7:a3b.0-b2" is a, a, a, b with choice 0, b, b.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore/engine/xpl_state.h"

static unsigned newest_of(const struct xpl_node *node)
{
    return 63u - (unsigned)__builtin_clzll(node->alternatives[node->process]);
}

static bool plain_step(const struct xpl_node *node)
{
    return node->alternative == newest_of(node);
}

static size_t token_write_shared(char *text, size_t size)
{
    unsigned last = xpl.now.touched;
    size_t used = 0;

    while (last > 0 && !xpl.place[xpl.touched[last - 1]].shared) {
        last--;
    }
    for (unsigned i = 0; i < last && used + 2 < size; i += 4) {
        unsigned digit = 0;

        for (unsigned j = 0; j < 4 && i + j < last; j++) {
            digit |= (unsigned)xpl.place[xpl.touched[i + j]].shared << j;
        }
        text[used++] = "0123456789abcdef"[digit];
    }
    for (unsigned i = 0; i < xpl.threads && used + 3 < size; i++) {
        if ((xpl.options.without >> i & 1) != 0) {
            text[used++] = (char)('A' + (int)i);
        }
    }
    text[used++] = ':';
    text[used] = '\0';
    return used;
}

/* The threads that took no part, a bit each. */
unsigned xpl_token_without(const char *text)
{
    unsigned without = 0;

    for (; *text != ':' && *text != '\0'; text++) {
        if (*text >= 'A' && *text < 'A' + (int)XPL_THREADS) {
            without |= 1u << (*text - 'A');
        }
    }
    return without;
}

/* Was the object that was touched after so many others shared, when the token was written? */
bool xpl_token_shared(unsigned touched)
{
    const char *text = xpl.token_objects;
    const char *end = strchr(text, ':');
    const char digit = end != NULL && text + touched / 4 < end ? text[touched / 4] : '0';
    const unsigned value = digit >= 'a'   ? (unsigned)(digit - 'a') + 10
                           : digit >= 'A' ? 0
                                          : (unsigned)(digit - '0');

    return (value >> touched % 4 & 1) != 0;
}

void xpl_token_write(char *text, size_t size)
{
    size_t used = token_write_shared(text, size);

    for (unsigned i = 0; i < xpl.now.step && used + 8 < size;) {
        const struct xpl_node *node = &xpl.nodes[i];
        const unsigned thread = node->process % XPL_THREADS;
        const char letter = (char)((node->process < XPL_THREADS ? 'a' : 'A') + (int)thread);
        unsigned repeats = 1;

        if (!plain_step(node)) {
            used += (size_t)snprintf(text + used, size - used, "%c.%u", letter, node->alternative);
            i++;
            if (i < xpl.now.step) {
                used += (size_t)snprintf(text + used, size - used, "-");
            }
            continue;
        }
        while (i + repeats < xpl.now.step && xpl.nodes[i + repeats].process == node->process &&
               plain_step(&xpl.nodes[i + repeats])) {
            repeats++;
        }
        used += (size_t)snprintf(text + used, size - used, repeats > 1 ? "%c%u" : "%c", letter,
                                 repeats);
        i += repeats;
    }
}

/* Take the next step off the token. *out_alternative is UINT8_MAX for "the newest". */
bool xpl_token_step(const char **text, unsigned *out_process, unsigned *out_alternative)
{
    const char *at = *text;
    char *end;

    while (at != NULL && *at == '-') {
        at++;
    }
    if (at == NULL || !((*at >= 'a' && *at <= 'h') || (*at >= 'A' && *at <= 'H'))) {
        return false;
    }
    *out_process = *at >= 'a' ? (unsigned)(*at - 'a') : XPL_THREADS + (unsigned)(*at - 'A');
    *out_alternative = UINT8_MAX;
    if (at[1] == '.') {
        *out_alternative = (unsigned)strtoul(at + 2, &end, 10);
        *text = end;
        return *out_alternative < 64;
    }
    if (xpl.token_repeats == 0) {
        xpl.token_repeats = at[1] >= '0' && at[1] <= '9' ? (unsigned)strtoul(at + 1, NULL, 10) : 1;
    }
    *text = at;
    if (--xpl.token_repeats == 0) {
        strtoul(at + 1, &end, 10);
        *text = end > at + 1 ? end : at + 1;
    }
    return true;
}
