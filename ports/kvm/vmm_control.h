/* SPDX-License-Identifier: MIT */
/*
 * The control socket: a Unix stream socket of mode 0600. A request is a line of JSON, and so is its
 * answer, in the same order; an answer may take its time, and then that client's next request
 * waits. A client that asks for too much at once, or does not read its answers, is cut off; the
 * guest never waits for it.
 */
#ifndef VMM_CONTROL_H
#define VMM_CONTROL_H

#include "ports/kvm/vmm_loop.h"

#include <jansson.h>
#include <stddef.h>

struct vmm_control_ticket;

/*
 * Answer a request, which is an object. Returns a new object, or NULL for lack of memory; or sets
 * *out_later, returns NULL and calls vmm_control_reply() with that ticket some time.
 */
typedef json_t *(*vmm_control_answer_function)(void *context, const json_t *request,
                                               struct vmm_control_ticket ticket, bool *out_later);

#define VMM_CONTROL_CLIENTS       8u
#define VMM_CONTROL_REQUEST_BYTES 4096u

struct vmm_control;

struct vmm_control_client {
    struct vmm_control *control;
    struct vmm_source source; /* fd -1: not in use. */
    char request[VMM_CONTROL_REQUEST_BYTES];
    size_t request_bytes;
    uint32_t serial; /* Of the connection. */
    bool waiting;    /* For an answer that comes later. */
    bool ended;      /* It sends nothing more, and is dropped once it has its answers. */
    int passed;      /* A descriptor that came along, until it is taken; or -1. */
};

/* Where an answer goes that comes later. */
struct vmm_control_ticket {
    struct vmm_control_client *client;
    uint32_t serial;
};

struct vmm_control {
    struct vmm_loop *loop;
    struct vmm_source listener; /* fd -1: there is no socket. */
    char *path;
    struct vmm_control_client clients[VMM_CONTROL_CLIENTS];
    void *context;
    vmm_control_answer_function answer;
};

/* Take the descriptor that came along with a request: it is the caller's. -1: there is none. */
int vmm_control_take_passed(struct vmm_control_ticket ticket);

/* @path NULL: no socket; all else does nothing then. */
bool vmm_control_init(struct vmm_control *control, struct vmm_loop *loop, const char *path,
                      void *context, vmm_control_answer_function answer, struct vmm_error *error);
void vmm_control_deinit(struct vmm_control *control);

/* An answer that says what is wrong. */
json_t *vmm_control_error(const char *text);

/* The answer that was to come later; taken over. Without effect if the client has gone. */
void vmm_control_reply(struct vmm_control_ticket ticket, json_t *answer);

#endif /* VMM_CONTROL_H */
