/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_cpuid.h"

#include <vmbus/hv_features.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define CPUID_ENTRIES_MAX 256u

/* KVM's own leaves and everybody else's; a guest that sees KVM there may not look for VMBus. */
#define CPUID_HYPERVISOR_FIRST 0x40000000u
#define CPUID_HYPERVISOR_LAST  0x4FFFFFFFu

/* Leaves of Hyper-V that go to the guest: no debugger, no nested hypervisor. */
#define CPUID_HV_LAST          0x40000006u
#define CPUID_HV_EBX_DEBUG     (1u << 11)
#define CPUID_HV_EDX_DEBUG     (1u << 26)

#define CPUID_1_ECX_HYPERVISOR (1u << 31)
#define CPUID_1_EDX_THREADS    (1u << 28)
#define CPUID_4_CORES_MAX      64u

struct vmm_cpuid {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entries[CPUID_ENTRIES_MAX];
};

/* Fill @cpuid by an ioctl of the system or of a CPU. */
static bool cpuid_ask(struct vmm_cpuid *cpuid, int fd, unsigned long request)
{
    memset(cpuid, 0, sizeof(*cpuid));
    cpuid->head.nent = CPUID_ENTRIES_MAX;
    return ioctl(fd, request, &cpuid->head) == 0;
}

static void cpuid_add(struct vmm_cpuid *cpuid, const struct kvm_cpuid_entry2 *entry)
{
    if (cpuid->head.nent < CPUID_ENTRIES_MAX) {
        cpuid->entries[cpuid->head.nent++] = *entry;
    }
}

static void cpuid_drop_hypervisors(struct vmm_cpuid *cpuid)
{
    uint32_t kept = 0;
    uint32_t index;

    for (index = 0; index < cpuid->head.nent; index++) {
        uint32_t leaf = cpuid->entries[index].function;

        if (leaf < CPUID_HYPERVISOR_FIRST || leaf > CPUID_HYPERVISOR_LAST) {
            cpuid->entries[kept++] = cpuid->entries[index];
        }
    }
    cpuid->head.nent = kept;
}

static void cpuid_add_hyperv(struct vmm_cpuid *cpuid, const struct vmm_cpuid *hyperv,
                             bool no_timers)
{
    uint32_t index;

    for (index = 0; index < hyperv->head.nent; index++) {
        struct kvm_cpuid_entry2 entry = hyperv->entries[index];

        switch (entry.function) {
        case VMB_HV_CPUID_BASE: /* KVM names itself here. */
            entry.eax = CPUID_HV_LAST;
            memcpy(&entry.ebx, "Micr", 4);
            memcpy(&entry.ecx, "osof", 4);
            memcpy(&entry.edx, "t Hv", 4);
            break;
        case VMB_HV_CPUID_BASE + 3:
            entry.ebx &= ~CPUID_HV_EBX_DEBUG;
            entry.ebx |=
                (uint32_t)((VMB_HV_PRIVILEGE_POST_MESSAGES | VMB_HV_PRIVILEGE_SIGNAL_EVENTS) >> 32);
            entry.edx &= ~CPUID_HV_EDX_DEBUG;
            if (no_timers) {
                entry.eax &= ~(uint32_t)VMB_HV_PRIVILEGE_SYNTHETIC_TIMERS;
                entry.edx &= ~VMB_HV_FEATURE_TIMER_DIRECT;
            }
            break;
        default:
            break;
        }
        if (entry.function >= VMB_HV_CPUID_BASE && entry.function <= CPUID_HV_LAST) {
            cpuid_add(cpuid, &entry);
        }
    }
}

struct vmm_cpuid *vmm_cpuid_new(const struct vmm_kvm *kvm, bool no_timers, struct vmm_error *error)
{
    struct vmm_cpuid *cpuid = malloc(sizeof(*cpuid));
    struct vmm_cpuid *hyperv = malloc(sizeof(*hyperv));

    if (cpuid == NULL || hyperv == NULL) {
        vmm_fail(error, "no memory");
    } else if (!cpuid_ask(cpuid, kvm->fd, KVM_GET_SUPPORTED_CPUID) ||
               !cpuid_ask(hyperv, kvm->fd, KVM_GET_SUPPORTED_HV_CPUID)) {
        vmm_fail_errno(error, "cannot ask KVM for CPUID");
    } else {
        cpuid_drop_hypervisors(cpuid);
        cpuid_add_hyperv(cpuid, hyperv, no_timers);
        free(hyperv);
        return cpuid;
    }
    free(cpuid);
    free(hyperv);
    return NULL;
}

void vmm_cpuid_free(struct vmm_cpuid *cpuid)
{
    free(cpuid);
}

/* How many bits number so many cores. */
static uint32_t cpuid_bits(uint32_t count)
{
    uint32_t bits = 0;

    while (1u << bits < count) {
        bits++;
    }
    return bits;
}

/* Level 0 are threads, one a core; level 1 cores, all in one package. */
static void cpuid_topology(struct kvm_cpuid_entry2 *entry, uint32_t apic_id, uint32_t cpu_count)
{
    enum {
        LEVEL_NONE = 0,
        LEVEL_THREAD = 1,
        LEVEL_CORE = 2
    };

    entry->eax = entry->index == 1 ? cpuid_bits(cpu_count) : 0;
    entry->ebx = entry->index == 0 ? 1 : entry->index == 1 ? cpu_count : 0;
    entry->ecx = entry->index | (entry->index == 0   ? LEVEL_THREAD << 8
                                 : entry->index == 1 ? LEVEL_CORE << 8
                                                     : LEVEL_NONE);
    entry->edx = apic_id;
}

/* What differs from CPU to CPU, and what depends on how many there are. */
static void cpuid_personal(struct kvm_cpuid_entry2 *entry, uint32_t apic_id, uint32_t cpu_count)
{
    switch (entry->function) {
    case 1:
        entry->ebx = (entry->ebx & 0x0000FFFFu) | apic_id << 24 | cpu_count << 16;
        entry->ecx |= CPUID_1_ECX_HYPERVISOR;
        entry->edx &= ~CPUID_1_EDX_THREADS;
        entry->edx |= cpu_count > 1 ? CPUID_1_EDX_THREADS : 0;
        break;
    case 4: /* Caches: the last level is shared by all, the others by none. */
        entry->eax &= 0x00003FFFu;
        entry->eax |= (cpu_count < CPUID_4_CORES_MAX ? cpu_count - 1 : CPUID_4_CORES_MAX - 1) << 26;
        entry->eax |= (entry->eax >> 5 & 7u) >= 3 ? (cpu_count - 1) << 14 : 0;
        break;
    case 0xB:
    case 0x1F:
        cpuid_topology(entry, apic_id, cpu_count);
        break;
    case 0x80000008:
        entry->ecx = (entry->ecx & 0xFFFF0000u) | cpuid_bits(cpu_count) << 12 | (cpu_count - 1);
        break;
    case 0x8000001E:
        entry->eax = apic_id;
        entry->ebx = apic_id; /* The core's number; one thread in each. */
        entry->ecx = 0;       /* One node. */
        break;
    default:
        break;
    }
}

bool vmm_cpuid_set(struct vmm_cpuid *cpuid, int cpu_fd, uint32_t index, uint32_t cpu_count,
                   struct vmm_error *error)
{
    uint32_t entry;

    for (entry = 0; entry < cpuid->head.nent; entry++) {
        cpuid_personal(&cpuid->entries[entry], index, cpu_count);
    }
    return ioctl(cpu_fd, KVM_SET_CPUID2, &cpuid->head) == 0 ||
           vmm_fail_errno(error, "cannot set CPUID");
}
