/* SPDX-License-Identifier: MIT */
/* What a guest says to whoever runs it: few words, and not more than a peer should cause. */
#include "guest/vmb_guest_state.h"

#include "base/vmb_text.h"

#define LOG_WINDOW_NS      1000000000u
#define LOG_LINES_A_WINDOW 8u

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

/* One line: what it is about, then "relid N" or whatever @unit names, unless that is NULL. */
void vmbi_guest_log(struct vmb_guest *guest, enum vmb_log_level level, const char *text,
                    const char *unit, uint32_t number)
{
    char buffer[VMB_LOG_MAX_BYTES];
    struct vmbi_text line;

    if (guest->platform.log == NULL || !log_allowed(guest)) {
        return;
    }
    vmbi_text_begin(&line, buffer, sizeof(buffer));
    vmbi_text_add(&line, text);
    if (unit != NULL) {
        vmbi_text_add(&line, ": ");
        vmbi_text_add(&line, unit);
        vmbi_text_add(&line, " ");
        vmbi_text_add_number(&line, number);
    }
    guest->platform.log(guest->platform.context, level, buffer);
}
