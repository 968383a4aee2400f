/* SPDX-License-Identifier: MIT */
/* What the host says to whoever runs it. A guest can cause lines, so there are only so many. */
#include "base/vmb_text.h"
#include "host/vmb_host_internal.h"

#define LOG_LINES_PER_SECOND 16u
#define LOG_NS_PER_SECOND    1000000000u

void vmbi_host_log(struct vmb_host *host, enum vmb_log_level level, const char *text,
                   uint32_t number)
{
    char buffer[VMB_LOG_MAX_BYTES];
    struct vmbi_text line;
    uint64_t now;

    if (host->platform.log == NULL) {
        return;
    }
    now = host->platform.now_ns(host->platform.context);
    if (now - host->log_since_ns >= LOG_NS_PER_SECOND) {
        host->log_since_ns = now;
        host->log_lines = 0;
    }
    if (host->log_lines >= LOG_LINES_PER_SECOND) {
        host->counters.lines_suppressed++;
        return;
    }
    host->log_lines++;
    vmbi_text_begin(&line, buffer, sizeof(buffer));
    vmbi_text_add(&line, "vmbus host: ");
    vmbi_text_add(&line, text);
    if (number != VMBI_HOST_NONE) {
        vmbi_text_add(&line, " ");
        vmbi_text_add_number(&line, number);
    }
    host->platform.log(host->platform.context, level, buffer);
}

void vmbi_host_unexpected(struct vmb_host *host, const char *text, uint32_t number)
{
    host->counters.messages_unexpected++;
    vmbi_host_log(host, VMB_LOG_WARNING, text, number);
}
