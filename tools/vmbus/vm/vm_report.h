/* SPDX-License-Identifier: MIT */
/* Tells on the standard error what happens in a machine: as text, or as JSON, an object a line. */
#ifndef VMB_VM_REPORT_H
#define VMB_VM_REPORT_H

#include "ports/kvm/vmm.h"

struct vm_report {
    bool json;
    enum vmb_log_level level; /* Lines that matter less are left out. */
    uint64_t started_ns;
};

/* A listener that tells @report's way; @report stays where it is. */
struct vmm_listener vm_report_listener(struct vm_report *report);

#endif /* VMB_VM_REPORT_H */
