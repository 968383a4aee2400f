/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/vm/vm_report.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <vmbus/proto/version.h>

#define REPORT_LINE_BYTES       512
#define REPORT_LINES_PER_SECOND 20u /* Of what the guest does; the library counts its own. */
#define REPORT_NS_PER_SECOND    1000000000u

/* One write a line, so that lines of several threads do not mix. */
static void report_write(const char *text)
{
    fprintf(stderr, "%s%s", text, vmm_terminal_newline());
}

/* @event and @fields (taken over) as JSON, or @format as text. */
static void report_tell(const struct vm_report *report, enum vmb_log_level level, const char *event,
                        json_t *fields, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static void report_tell(const struct vm_report *report, enum vmb_log_level level, const char *event,
                        json_t *fields, const char *format, ...)
{
    char line[REPORT_LINE_BYTES] = "vmbus: ";
    va_list arguments;

    if (level > report->level) {
        json_decref(fields);
        return;
    }
    if (report->json) {
        char *text;

        if (fields == NULL) {
            fields = json_object();
        }
        json_object_set_new(fields, "event", json_string(event));
        json_object_set_new(fields, "seconds",
                            json_real((double)(vmm_now_ns() - report->started_ns) / 1e9));
        text = json_dumps(fields, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(6));
        if (text != NULL) {
            report_write(text);
        }
        free(text);
    } else {
        size_t used = strlen(line);

        va_start(arguments, format);
        vsnprintf(line + used, sizeof(line) - used, format, arguments);
        va_end(arguments);
        report_write(line);
    }
    json_decref(fields);
}

/* Whether there may be a line more about what the guest has done. Loop's thread. */
static bool report_may_tell(struct vm_report *report)
{
    uint64_t now = vmm_now_ns();

    if (now - report->second_ns >= REPORT_NS_PER_SECOND) {
        uint32_t left_out = report->left_out;

        report->second_ns = now;
        report->lines = report->left_out = 0;
        if (left_out != 0) {
            report_tell(report, VMB_LOG_INFO, "left out",
                        json_pack("{s:i}", "lines", (int)left_out),
                        "%u lines about the guest were left out", left_out);
        }
    }
    if (report->lines == REPORT_LINES_PER_SECOND) {
        report->left_out++;
        return false;
    }
    report->lines++;
    return true;
}

static void report_started(void *context, uint32_t boot)
{
    if (!report_may_tell(context)) {
        return;
    }
    if (boot > 1) {
        report_tell(context, VMB_LOG_INFO, "started", json_pack("{s:i}", "boot", (int)boot),
                    "the machine starts again, boot %u", boot);
    } else {
        report_tell(context, VMB_LOG_DEBUG, "started", json_pack("{s:i}", "boot", 1),
                    "the machine starts");
    }
}

static void report_connected(void *context, uint32_t version, uint32_t features)
{
    const char *name = vmb_version_name(version);

    if (!report_may_tell(context)) {
        return;
    }
    report_tell(context, VMB_LOG_INFO, "connected",
                json_pack("{s:s, s:I}", "version", name, "features", (json_int_t)features),
                "the guest has connected, version %s", name);
}

static void report_disconnected(void *context, enum vmb_host_disconnect reason)
{
    static const char *const reasons[] = {[VMB_HOST_UNLOADED] = "unloaded",
                                          [VMB_HOST_CONTACTED] = "contacted anew",
                                          [VMB_HOST_RESET] = "reset"};

    if (!report_may_tell(context)) {
        return;
    }
    report_tell(context, VMB_LOG_INFO, "disconnected",
                json_pack("{s:s}", "reason", reasons[reason]), "the guest has left the bus: %s",
                reasons[reason]);
}

static void report_heartbeat(void *context, enum vmb_heartbeat heartbeat, uint32_t state)
{
    static const char *const names[] = {[VMB_HEARTBEAT_UNKNOWN] = "unknown",
                                        [VMB_HEARTBEAT_ALIVE] = "alive",
                                        [VMB_HEARTBEAT_DEAD] = "dead"};

    if (!report_may_tell(context)) {
        return;
    }
    report_tell(context, VMB_LOG_INFO, "heartbeat",
                json_pack("{s:s, s:i}", "guest", names[heartbeat], "application", (int)state),
                "heartbeat: the guest is %s", names[heartbeat]);
}

static void report_asked(void *context, vmb_status status)
{
    const char *done = status == VMB_OK ? "the guest is asked to power off"
                                        : "the guest cannot be asked to power off";

    report_tell(context, VMB_LOG_INFO, "asked",
                json_pack("{s:s}", "status", vmb_status_name(status)),
                "%s%s%s; once more pulls the plug", done, status != VMB_OK ? ": " : "",
                status != VMB_OK ? vmb_status_text(status) : "");
}

static void report_answered(void *context, vmb_status status, uint32_t ic_status)
{
    report_tell(context, VMB_LOG_INFO, "answered",
                json_pack("{s:s, s:I}", "status", vmb_status_name(status), "ic_status",
                          (json_int_t)ic_status),
                status == VMB_OK ? "the guest powers off" : "the guest does not power off: %s",
                vmb_status_text(status));
}

static void report_ended(void *context, enum vmm_end end)
{
    static const struct {
        const char *name;
        const char *text;
    } ends[] = {
        [VMM_END_NONE] = {"unplugged", "the plug is pulled"},
        [VMM_END_POWER_OFF] = {"power-off", "the guest has powered off"},
        [VMM_END_RESET] = {"reset", "the guest has restarted"},
        [VMM_END_TRIPLE_FAULT] = {"triple-fault", "the guest has died of a triple fault"},
        [VMM_END_BROKEN] = {"broken", "the machine is broken"},
    };
    bool again = end == VMM_END_RESET || end == VMM_END_TRIPLE_FAULT;

    if (again && !report_may_tell(context)) {
        return;
    }
    report_tell(context, VMB_LOG_INFO, "ended", json_pack("{s:s}", "how", ends[end].name), "%s",
                ends[end].text);
}

static void report_help(void *context)
{
    (void)context;
    report_write("Ctrl-A p: power off; Ctrl-A x or Ctrl-]: pull the plug; Ctrl-A Ctrl-A: one "
                 "Ctrl-A");
}

static void report_log(void *context, enum vmb_log_level level, const char *text)
{
    report_tell(context, level, "log", json_pack("{s:i, s:s}", "level", (int)level, "text", text),
                "%s", text);
}

struct vmm_listener vm_report_listener(struct vm_report *report)
{
    return (struct vmm_listener){
        .context = report,
        .started = report_started,
        .connected = report_connected,
        .disconnected = report_disconnected,
        .heartbeat = report_heartbeat,
        .asked = report_asked,
        .answered = report_answered,
        .ended = report_ended,
        .help = report_help,
        .log = report_log,
    };
}
