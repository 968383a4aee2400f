/* SPDX-License-Identifier: MIT */
/* Tells on the standard error what happens in a machine: as text, or as JSON, an object a line. */
#ifndef VMB_VM_REPORT_H
#define VMB_VM_REPORT_H

#include "ports/kvm/vmm.h"

struct vm_report {
    bool json;
    enum vmb_log_level level; /* Lines that matter less are left out. */
    uint64_t started_ns;
    /* A guest can cause lines without end: so many have been told since then, so many have not. */
    uint64_t second_ns;
    uint32_t lines;
    uint32_t left_out;
};

/* A listener that tells @report's way; @report stays where it is. */
struct vmm_listener vm_report_listener(struct vm_report *report);

#endif /* VMB_VM_REPORT_H */
