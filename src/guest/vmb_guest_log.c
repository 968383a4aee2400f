/* SPDX-License-Identifier: MIT */
/* What a guest says to whoever runs it: few words, and not more than a peer should cause. */
#include "guest/vmb_guest_state.h"

#define LOG_WINDOW_NS      1000000000u
#define LOG_LINES_A_WINDOW 8u
#define LOG_DIGITS         10u /* Of the largest number. */

/* Room in this second? Errors of ours count too: whoever causes them can be a peer. */
static bool log_allowed(struct vmb_guest *guest)
{
    uint64_t now_ns = guest->platform.now_ns(guest->platform.context);

    if (guest->log_lines == 0 || now_ns - guest->log_window_ns >= LOG_WINDOW_NS) {
        guest->log_window_ns = now_ns;
        guest->log_lines = 0;
    }
    guest->log_lines++;
    return guest->log_lines <= LOG_LINES_A_WINDOW;
}

static char *log_number(char *at, uint32_t number)
{
    uint32_t scale = 1;

    while (number / scale >= 10u) {
        scale *= 10u;
    }
    for (; scale > 0; scale /= 10u) {
        *at++ = (char)('0' + number / scale % 10u);
    }
    return at;
}

/* One line, in which the first # is @number and the next one @second. */
void vmbi_guest_log(struct vmb_guest *guest, enum vmb_log_level level, const char *text,
                    uint32_t number, uint32_t second)
{
    char line[VMB_LOG_MAX_BYTES];
    char *at = line;

    if (guest->platform.log == NULL || !log_allowed(guest)) {
        return;
    }
    for (; *text != '\0' && at < line + sizeof(line) - LOG_DIGITS - 1; text++) {
        if (*text == '#') {
            at = log_number(at, number);
            number = second;
        } else {
            *at++ = *text;
        }
    }
    *at = '\0';
    guest->platform.log(guest->platform.context, level, line);
}
