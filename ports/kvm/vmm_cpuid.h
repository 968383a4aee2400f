/* SPDX-License-Identifier: MIT */
/* What CPUID shows to the guest: the host's processor, and Hyper-V on it. */
#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include "ports/kvm/vmm_kvm.h"

struct vmm_cpuid;

/* Ask KVM what it supports. @no_timers: leave Hyper-V's synthetic timers out of it. */
struct vmm_cpuid *vmm_cpuid_new(const struct vmm_kvm *kvm, bool no_timers, struct vmm_error *error);
void vmm_cpuid_free(struct vmm_cpuid *cpuid);

/* Give it to CPU @index of @cpu_count. */
bool vmm_cpuid_set(struct vmm_cpuid *cpuid, int cpu_fd, uint32_t index, uint32_t cpu_count,
                   struct vmm_error *error);

#endif /* VMM_CPUID_H */
