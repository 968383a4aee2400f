/* SPDX-License-Identifier: MIT */
/* The other end of a machine's control socket. */
#ifndef VMB_VM_CLIENT_H
#define VMB_VM_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

struct vm_client {
    const char *command; /* In whose name errors are told. */
    int fd;
    int passing;  /* A descriptor to go along with the next request; or -1. The caller's. */
    char *answer; /* The last one; its room grows. */
    size_t answer_room;
};

/* Connect to @path, or to $VMBUS_CONTROL if that is NULL. Returns an exit status: TOOL_OK, or an
 * error has been told. */
int vm_client_open(struct vm_client *client, const char *command, const char *path);
void vm_client_close(struct vm_client *client);

/* Ask (@request is taken over). NULL: an error has been told, such as the answer's own. */
json_t *vm_client_ask(struct vm_client *client, json_t *request);

/* Members of an answer; 0 and "-" if they are not there. */
json_int_t vm_client_number(const json_t *object, const char *name);
const char *vm_client_text(const json_t *object, const char *name);

#endif /* VMB_VM_CLIENT_H */
