/* SPDX-License-Identifier: MIT */
/* The arguments of `vmbus vm`. */
#ifndef VMB_VM_OPTIONS_H
#define VMB_VM_OPTIONS_H

#include "ports/kvm/vmm_storage.h"

#include <stdbool.h>
#include <stdint.h>

struct vm_options {
    const char *kernel;
    const char *initrd;
    const char *append;
    const char *control;
    const char *trace;
    uint32_t cpus;
    uint32_t traffic;
    const char *disks[VMM_DISKS_MAX];
    uint32_t disk_count;
    uint64_t memory_bytes;
    uint32_t version_max; /* 0: the newest. */
    const char *user;
    bool unconfined;
    bool no_timers;
    bool no_reboot;
    bool json;
    bool quiet;
    bool verbose;
};

/* False: *out_status is what the command returns. */
bool vm_options_parse(int argc, char **argv, struct vm_options *out, int *out_status);

#endif /* VMB_VM_OPTIONS_H */
