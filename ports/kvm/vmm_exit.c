/* SPDX-License-Identifier: MIT */
/* Why a CPU has left the guest, and what is to be done: ports, hypercalls, the end. */
#include "ports/kvm/vmm_cpu.h"

#include <string.h>

/* ---- Ports ----------------------------------------------------------------------------------- */

static uint32_t exit_port_read(struct vmm_machine *machine, uint16_t port)
{
    if (port - VMM_SERIAL_PORT < VMM_SERIAL_PORTS) {
        return vmm_serial_read(&machine->serial, port - VMM_SERIAL_PORT);
    }
    if (port - VMM_POWER_PORT < VMM_POWER_PORTS || port == VMM_KEYBOARD_CONTROL) {
        return vmm_power_read(&machine->power, port);
    }
    if (port == VMM_RTC_PORT_INDEX || port == VMM_RTC_PORT_DATA) {
        return vmm_rtc_read(&machine->rtc, port);
    }
    return UINT32_MAX; /* Nobody is there. */
}

static void exit_port_write(struct vmm_machine *machine, uint16_t port, uint32_t value)
{
    if (port - VMM_SERIAL_PORT < VMM_SERIAL_PORTS) {
        vmm_serial_write(&machine->serial, port - VMM_SERIAL_PORT, (uint8_t)value);
    } else if (port == VMM_RTC_PORT_INDEX || port == VMM_RTC_PORT_DATA) {
        vmm_rtc_write(&machine->rtc, port, (uint8_t)value);
    } else {
        switch (vmm_power_write(&machine->power, port, value)) {
        case VMM_POWER_OFF:
            vmm_machine_end(machine, VMM_END_POWER_OFF);
            break;
        case VMM_POWER_RESET:
            vmm_machine_end(machine, VMM_END_RESET);
            break;
        default:
            break;
        }
    }
}

static void exit_ports(struct vmm_cpu *cpu)
{
    struct kvm_run *run = cpu->run;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    uint32_t index;

    for (index = 0; index < run->io.count; index++, data += run->io.size) {
        uint32_t value = 0;

        if (run->io.direction == KVM_EXIT_IO_IN) {
            value = exit_port_read(cpu->machine, run->io.port);
            memcpy(data, &value, run->io.size);
        } else {
            memcpy(&value, data, run->io.size);
            exit_port_write(cpu->machine, run->io.port, value);
        }
    }
}

/* ---- Hyper-V --------------------------------------------------------------------------------- */

static void exit_synic(struct vmm_cpu *cpu)
{
    const struct kvm_hyperv_exit *exit = &cpu->run->hyperv;
    uint64_t value;

    switch (exit->u.synic.msr) {
    case VMB_HV_MSR_SCONTROL:
        value = exit->u.synic.control;
        break;
    case VMB_HV_MSR_SIEFP:
        value = exit->u.synic.evt_page;
        break;
    case VMB_HV_MSR_SIMP:
        value = exit->u.synic.msg_page;
        break;
    default:
        return;
    }
    vmm_synic_on_register(&cpu->machine->synic, cpu->index, exit->u.synic.msr, value);
}

static void exit_hyperv(struct vmm_cpu *cpu)
{
    struct kvm_hyperv_exit *exit = &cpu->run->hyperv;

    if (exit->type == KVM_EXIT_HYPERV_SYNIC) {
        exit_synic(cpu);
    } else if (exit->type == KVM_EXIT_HYPERV_HCALL) {
        struct vmb_hv_call call = {exit->u.hcall.input, exit->u.hcall.params[0],
                                   exit->u.hcall.params[1]};

        exit->u.hcall.result = vmm_synic_call(&cpu->machine->synic, &call);
    }
}

/* ---- The rest -------------------------------------------------------------------------------- */

static void exit_system_event(struct vmm_cpu *cpu)
{
    switch (cpu->run->system_event.type) {
    case KVM_SYSTEM_EVENT_RESET:
        vmm_machine_end(cpu->machine, VMM_END_RESET);
        break;
    case KVM_SYSTEM_EVENT_SHUTDOWN:
        vmm_machine_end(cpu->machine, VMM_END_POWER_OFF);
        break;
    default: /* A crash that the guest reports; it goes on by itself. */
        break;
    }
}

static void exit_broken(struct vmm_cpu *cpu)
{
    const struct kvm_run *run = cpu->run;
    struct vmm_error *broken = &cpu->broken;

    switch (run->exit_reason) {
    case KVM_EXIT_FAIL_ENTRY:
        vmm_fail(broken, "CPU %u cannot enter the guest: reason 0x%llx", cpu->index,
                 (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
        break;
    case KVM_EXIT_INTERNAL_ERROR:
        vmm_fail(broken, "CPU %u: KVM cannot emulate what the guest does (suberror %u)", cpu->index,
                 run->internal.suberror);
        break;
    default:
        vmm_fail(broken, "CPU %u left the guest for a reason that is not known here: %u",
                 cpu->index, run->exit_reason);
        break;
    }
    vmm_machine_end(cpu->machine, VMM_END_BROKEN);
}

void vmm_cpu_on_exit(struct vmm_cpu *cpu)
{
    struct kvm_run *run = cpu->run;

    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        exit_ports(cpu);
        break;
    case KVM_EXIT_MMIO: /* There is none: reads give ones. */
        if (!run->mmio.is_write) {
            memset(run->mmio.data, 0xFF, sizeof(run->mmio.data));
        }
        break;
    case KVM_EXIT_HYPERV:
        exit_hyperv(cpu);
        break;
    case KVM_EXIT_SHUTDOWN:
        vmm_machine_end(cpu->machine, VMM_END_TRIPLE_FAULT);
        break;
    case KVM_EXIT_SYSTEM_EVENT:
        exit_system_event(cpu);
        break;
    case KVM_EXIT_INTR:
    case KVM_EXIT_HLT:
        break;
    default:
        exit_broken(cpu);
        break;
    }
}
