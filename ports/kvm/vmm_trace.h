/* SPDX-License-Identifier: MIT */
/*
 * A file with every message between the guest and its bus, a line each: when, who, the hypervisor's
 * result if it is not success, and the message as people read it. A guest can make it as long as it
 * likes.
 */
#ifndef VMM_TRACE_H
#define VMM_TRACE_H

#include "ports/kvm/vmm_error.h"

#include <pthread.h>
#include <stdio.h>
#include <vmbus/proto/message.h>

struct vmm_trace {
    FILE *file; /* NULL: nobody wants one. */
    pthread_mutex_t lock;
    uint64_t started_ns;
    /* How messages look follows from those before. */
    uint32_t requested_version;
    uint32_t requested_features;
    uint32_t version;
    uint32_t features;
};

/* @path NULL: no trace; all else does nothing then. Opened now: a confined process cannot. */
bool vmm_trace_init(struct vmm_trace *trace, const char *path, struct vmm_error *error);
void vmm_trace_deinit(struct vmm_trace *trace);

/*
 * Between these two no other message gets into the file: what the guest says is written when it is
 * known what became of it, and the answer, from another thread, must come behind it. Any thread.
 */
void vmm_trace_hold(struct vmm_trace *trace);
void vmm_trace_release(struct vmm_trace *trace);

/* A message of @byte_count bytes, and what became of it. While the file is held. */
void vmm_trace_message(struct vmm_trace *trace, enum vmb_message_direction direction,
                       const void *bytes, uint32_t byte_count, vmb_status status);

#endif /* VMM_TRACE_H */
