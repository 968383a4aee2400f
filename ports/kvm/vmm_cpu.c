/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_cpu.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Interrupts a CPU that is in the guest; it is blocked nowhere and does nothing. */
#define CPU_KICK SIGUSR1

enum {
    CR0_PROTECTED = 1,
    CR0_EXTENSION_TYPE = 16,
    CR4_PAE = 32,
    EFER_LONG = 0x500
};
#define CR0_PAGING                   (1u << 31)

#define MSR_MISC_ENABLE              0x1A0u
#define MSR_MISC_ENABLE_FAST_STRINGS 1u
#define MSR_MTRR_DEFAULT             0x2FFu
#define MSR_MTRR_ENABLED_WRITE_BACK  0x806u

/* The local APIC's inputs: the old PIC, and the NMI line. */
enum {
    APIC_LINT0 = 0x350,
    APIC_LINT1 = 0x360
};
#define APIC_DELIVER_MASK 0x10700u
#define APIC_DELIVER_PIC  0x700u
#define APIC_DELIVER_NMI  0x400u

static bool cpu_set_apic(const struct vmm_cpu *cpu)
{
    struct kvm_lapic_state apic;
    uint32_t lint0;
    uint32_t lint1;

    if (ioctl(cpu->fd, KVM_GET_LAPIC, &apic) != 0) {
        return false;
    }
    memcpy(&lint0, apic.regs + APIC_LINT0, sizeof(lint0));
    memcpy(&lint1, apic.regs + APIC_LINT1, sizeof(lint1));
    lint0 = (lint0 & ~APIC_DELIVER_MASK) | APIC_DELIVER_PIC;
    lint1 = (lint1 & ~APIC_DELIVER_MASK) | APIC_DELIVER_NMI;
    memcpy(apic.regs + APIC_LINT0, &lint0, sizeof(lint0));
    memcpy(apic.regs + APIC_LINT1, &lint1, sizeof(lint1));
    return ioctl(cpu->fd, KVM_SET_LAPIC, &apic) == 0;
}

/* All memory is written back. Processors without one of these registers refuse; that is all right.
 */
static void cpu_set_msrs(const struct vmm_cpu *cpu)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entries[2];
    } msrs = {.head.nmsrs = 2,
              .entries = {{.index = MSR_MTRR_DEFAULT, .data = MSR_MTRR_ENABLED_WRITE_BACK},
                          {.index = MSR_MISC_ENABLE, .data = MSR_MISC_ENABLE_FAST_STRINGS}}};

    (void)ioctl(cpu->fd, KVM_SET_MSRS, &msrs);
}

static struct kvm_segment cpu_segment(uint16_t selector, uint8_t type, bool is_code64)
{
    return (struct kvm_segment){
        .limit = UINT32_MAX,
        .selector = selector,
        .type = type,
        .present = 1,
        .s = 1,
        .g = 1,
        .db = is_code64 ? 0 : 1,
        .l = is_code64 ? 1 : 0,
    };
}

static void cpu_set_segments(struct kvm_sregs *sregs, bool long_mode)
{
    enum {
        CODE = 0xB,
        DATA = 0x3,
        TASK = 0xB
    };
    struct kvm_segment data = cpu_segment(VMM_DATA, DATA, false);

    sregs->cs = cpu_segment(long_mode ? VMM_CODE64 : VMM_CODE32, CODE, long_mode);
    sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
    sregs->tr =
        (struct kvm_segment){.limit = 0xFFFF, .selector = VMM_TASK, .type = TASK, .present = 1};
    sregs->gdt = (struct kvm_dtable){.base = VMM_BOOT_GDT, .limit = 0x37};
    sregs->idt = (struct kvm_dtable){.limit = 0};
}

static bool cpu_set_entry(const struct vmm_cpu *cpu, const struct vmm_entry *entry)
{
    struct kvm_regs regs = {.rflags = 2, .rip = entry->rip, .rbx = entry->rbx, .rsi = entry->rsi};
    struct kvm_sregs sregs;

    if (ioctl(cpu->fd, KVM_GET_SREGS, &sregs) != 0) {
        return false;
    }
    cpu_set_segments(&sregs, entry->long_mode);
    sregs.cr0 = CR0_PROTECTED | CR0_EXTENSION_TYPE;
    if (entry->long_mode) {
        sregs.cr0 |= CR0_PAGING;
        sregs.cr3 = VMM_BOOT_PAGE_TABLES;
        sregs.cr4 = CR4_PAE;
        sregs.efer = EFER_LONG;
    }
    return ioctl(cpu->fd, KVM_SET_SREGS, &sregs) == 0 && ioctl(cpu->fd, KVM_SET_REGS, &regs) == 0;
}

bool vmm_cpu_open(struct vmm_cpu *cpu, struct vmm_machine *machine, uint32_t index,
                  const struct vmm_entry *entry, struct vmm_error *error)
{
    struct kvm_enable_cap synic = {.cap = KVM_CAP_HYPERV_SYNIC2};

    *cpu = (struct vmm_cpu){.machine = machine, .index = index, .run = MAP_FAILED};
    cpu->fd = ioctl(machine->kvm.vm, KVM_CREATE_VCPU, index);
    if (cpu->fd < 0) {
        return vmm_fail_errno(error, "cannot make CPU %u", index);
    }
    cpu->run = mmap(NULL, machine->kvm.run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
    if (cpu->run == MAP_FAILED) {
        return vmm_fail_errno(error, "cannot map CPU %u", index);
    }
    if (!vmm_cpuid_set(machine->cpuid, cpu->fd, index, machine->cpu_count, error)) {
        return false;
    }
    if (ioctl(cpu->fd, KVM_ENABLE_CAP, &synic) != 0) {
        return vmm_fail_errno(error, "cannot give CPU %u a SynIC", index);
    }
    cpu_set_msrs(cpu);
    if (!cpu_set_apic(cpu) || (index == 0 && !cpu_set_entry(cpu, entry))) {
        return vmm_fail_errno(error, "cannot set the registers of CPU %u", index);
    }
    return true;
}

static void *cpu_thread(void *argument)
{
    struct vmm_cpu *cpu = argument;
    struct vmm_machine *machine = cpu->machine;
    char name[16];

    snprintf(name, sizeof(name), "cpu %u", cpu->index);
    prctl(PR_SET_NAME, name);
    while (!atomic_load(&machine->stopping) && atomic_load(&machine->end) == VMM_END_NONE) {
        if (ioctl(cpu->fd, KVM_RUN, 0) == 0) {
            vmm_cpu_on_exit(cpu);
        } else if (errno != EINTR && errno != EAGAIN) {
            vmm_fail_errno(&cpu->broken, "CPU %u: KVM_RUN", cpu->index);
            vmm_machine_end(machine, VMM_END_BROKEN);
        }
    }
    return NULL;
}

static void cpu_on_kick(int number)
{
    (void)number;
}

bool vmm_cpu_start(struct vmm_cpu *cpu, struct vmm_error *error)
{
    struct sigaction kick = {.sa_handler = cpu_on_kick};
    sigset_t all_but_kick;
    sigset_t before;

    sigaction(CPU_KICK, &kick, NULL);
    sigfillset(&all_but_kick);
    sigdelset(&all_but_kick, CPU_KICK);
    pthread_sigmask(SIG_SETMASK, &all_but_kick, &before); /* The loop takes all other signals. */
    errno = pthread_create(&cpu->thread, NULL, cpu_thread, cpu);
    cpu->has_thread = errno == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!cpu->has_thread) {
        return vmm_fail_errno(error, "cannot start a thread for CPU %u", cpu->index);
    }
    return true;
}

void vmm_cpu_kick(struct vmm_cpu *cpu)
{
    if (cpu->has_thread) {
        cpu->run->immediate_exit = 1; /* If it is about to enter the guest. */
        pthread_kill(cpu->thread, CPU_KICK);
    }
}

void vmm_cpu_close(struct vmm_cpu *cpu)
{
    if (cpu->has_thread) {
        pthread_join(cpu->thread, NULL);
    }
    if (cpu->broken.text[0] != '\0' && cpu->machine->broken.text[0] == '\0') {
        cpu->machine->broken = cpu->broken;
    }
    if (cpu->run != NULL && cpu->run != MAP_FAILED) {
        munmap(cpu->run, cpu->machine->kvm.run_bytes);
    }
    if (cpu->fd >= 0) {
        close(cpu->fd);
    }
    *cpu = (struct vmm_cpu){.fd = -1};
}
