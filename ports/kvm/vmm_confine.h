/* SPDX-License-Identifier: MIT */
/*
 * Before the guest runs, this process gives up what it will not need: root, and every system call
 * but those of the event loop, KVM and memory. It can then open no file and no connection, start no
 * program, and make no memory executable. Whoever breaks out of the guest is in there.
 */
#ifndef VMM_CONFINE_H
#define VMM_CONFINE_H

#include "ports/kvm/vmm_error.h"

/*
 * For good. @user: whom to become if we are root; a name or a number, NULL for nobody. All that has
 * to be opened is open; threads that are started from here on are confined as well.
 */
bool vmm_confine(const char *user, struct vmm_error *error);

#endif /* VMM_CONFINE_H */
