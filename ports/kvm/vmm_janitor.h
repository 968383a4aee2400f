/* SPDX-License-Identifier: MIT */
/*
 * A small process that waits for the end of this one, however it comes, and then does what this one
 * could not do any more: put the terminal back and remove the control socket.
 */
#ifndef VMM_JANITOR_H
#define VMM_JANITOR_H

#include "ports/kvm/vmm_error.h"

/* Once for each process, before any thread is started and any mode changed. @path may be NULL.
 * A socket that another process has made there meanwhile stays. */
bool vmm_janitor_start(const char *path, struct vmm_error *error);

#endif /* VMM_JANITOR_H */
