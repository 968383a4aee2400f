/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_trace.h"

#include "ports/kvm/vmm_loop.h"

#include <vmbus/proto/version.h>

#include <errno.h>

#define TRACE_TEXT_BYTES 1024

bool vmm_trace_init(struct vmm_trace *trace, const char *path, struct vmm_error *error)
{
    *trace = (struct vmm_trace){.started_ns = vmm_now_ns(), .version = VMB_VERSION_NONE};
    pthread_mutex_init(&trace->lock, NULL);
    if (path == NULL) {
        return true;
    }
    trace->file = fopen(path, "we");
    if (trace->file == NULL) {
        return vmm_fail_errno(error, "cannot write the trace %s", path);
    }
    setvbuf(trace->file, NULL, _IOLBF, 0); /* For who watches it grow. */
    return true;
}

void vmm_trace_deinit(struct vmm_trace *trace)
{
    if (trace->file != NULL) {
        fclose(trace->file);
    }
    pthread_mutex_destroy(&trace->lock);
}

/* A connection begins when the host agrees to what the guest has requested last. */
static void trace_follow(struct vmm_trace *trace, const struct vmb_message *message)
{
    if (message->number == VMB_MSG_INITIATE_CONTACT) {
        trace->requested_version = message->u.initiate_contact.requested_version;
        trace->requested_features = message->u.initiate_contact.requested_features;
    } else if (message->number == VMB_MSG_VERSION_RESPONSE &&
               message->u.version_response.version_supported) {
        trace->version = trace->requested_version;
        trace->features = message->u.version_response.supported_features;
    } else if (message->number == VMB_MSG_UNLOAD_COMPLETE) {
        trace->version = VMB_VERSION_NONE;
    }
}

static void trace_line(struct vmm_trace *trace, enum vmb_message_direction direction,
                       const void *bytes, uint32_t byte_count, vmb_status status)
{
    char text[TRACE_TEXT_BYTES];
    struct vmb_message message;
    bool is_response =
        byte_count >= sizeof(uint32_t) && *(const uint8_t *)bytes == VMB_MSG_VERSION_RESPONSE;
    vmb_status decoded = vmb_message_decode(
        bytes, byte_count, direction, is_response ? trace->requested_version : trace->version,
        is_response ? trace->requested_features : trace->features, &message);

    if (decoded == VMB_OK) {
        vmb_message_print(&message, text, sizeof(text));
    } else {
        snprintf(text, sizeof(text), "%s, %u bytes: %s", vmb_message_name(message.number),
                 byte_count, vmb_status_text(decoded));
    }
    fprintf(trace->file, "%12.6f %s %s%s%s\n", (double)(vmm_now_ns() - trace->started_ns) / 1e9,
            direction == VMB_GUEST_TO_HOST ? "guest" : "host ", text,
            status != VMB_OK ? " -> " : "", status != VMB_OK ? vmb_status_name(status) : "");
    if (decoded == VMB_OK && status == VMB_OK) {
        trace_follow(trace, &message);
    }
}

void vmm_trace_hold(struct vmm_trace *trace)
{
    if (trace->file != NULL) {
        pthread_mutex_lock(&trace->lock);
    }
}

void vmm_trace_release(struct vmm_trace *trace)
{
    if (trace->file != NULL) {
        pthread_mutex_unlock(&trace->lock);
    }
}

void vmm_trace_message(struct vmm_trace *trace, enum vmb_message_direction direction,
                       const void *bytes, uint32_t byte_count, vmb_status status)
{
    if (trace->file != NULL) {
        trace_line(trace, direction, bytes, byte_count, status);
    }
}
