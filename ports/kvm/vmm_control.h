/* SPDX-License-Identifier: MIT */
/*
 * The control socket: a Unix stream socket of mode 0600. A request is a line of JSON, and so is its
 * answer, in the same order. A client that asks for too much at once, or does not read its answers,
 * is cut off; the guest never waits for it.
 */
#ifndef VMM_CONTROL_H
#define VMM_CONTROL_H

#include "ports/kvm/vmm_loop.h"

#include <jansson.h>
#include <stddef.h>

#define VMM_CONTROL_CLIENTS       8u
#define VMM_CONTROL_REQUEST_BYTES 4096u

struct vmm_control;

struct vmm_control_client {
    struct vmm_control *control;
    struct vmm_source source; /* fd -1: not in use. */
    char request[VMM_CONTROL_REQUEST_BYTES];
    size_t request_bytes;
};

struct vmm_control {
    struct vmm_loop *loop;
    struct vmm_source listener; /* fd -1: there is no socket. */
    char *path;
    struct vmm_control_client clients[VMM_CONTROL_CLIENTS];
    void *context;
    /* Answer a request, which is an object. Returns a new object, or NULL for lack of memory. */
    json_t *(*answer)(void *context, const json_t *request);
};

/* @path NULL: no socket; all else does nothing then. */
bool vmm_control_init(struct vmm_control *control, struct vmm_loop *loop, const char *path,
                      void *context, json_t *(*answer)(void *context, const json_t *request),
                      struct vmm_error *error);
void vmm_control_deinit(struct vmm_control *control);

#endif /* VMM_CONTROL_H */
