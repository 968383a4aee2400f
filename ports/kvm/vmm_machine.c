/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_machine.h"

#include "ports/kvm/vmm_acpi.h"
#include "ports/kvm/vmm_cpu.h"

#include <stdlib.h>

static void machine_serial_interrupt(void *context, bool level)
{
    struct vmm_machine *machine = context;

    vmm_kvm_irq(&machine->kvm, VMM_IRQ_SERIAL, level);
}

static void machine_serial_attention(void *context)
{
    struct vmm_machine *machine = context;

    machine->attention(machine->context);
}

bool vmm_machine_init(struct vmm_machine *machine, const struct vmm_machine_options *options,
                      struct vmm_error *error)
{
    uint32_t index;

    *machine = (struct vmm_machine){.kvm = {.fd = -1, .vm = -1},
                                    .memory = {.fd = -1},
                                    .context = options->context,
                                    .attention = options->attention};
    vmm_serial_init(&machine->serial, machine, machine_serial_interrupt, machine_serial_attention);
    vmm_rtc_init(&machine->rtc);
    machine->cpus = calloc(options->cpu_count, sizeof(*machine->cpus));
    if (machine->cpus == NULL) {
        return vmm_fail(error, "no memory");
    }
    machine->cpu_count = options->cpu_count;
    for (index = 0; index < machine->cpu_count; index++) {
        machine->cpus[index].fd = -1;
    }
    if (!vmm_boot_init(&machine->boot, options->kernel, options->initrd, options->command_line,
                       error) ||
        !vmm_kvm_open(&machine->kvm, error) ||
        !vmm_memory_init(&machine->memory, options->memory_bytes, error)) {
        return false;
    }
    machine->cpuid = vmm_cpuid_new(&machine->kvm, options->no_timers, error);
    return machine->cpuid != NULL && vmm_synic_init(&machine->synic, options->loop,
                                                    &machine->memory, machine->cpu_count, error);
}

void vmm_machine_deinit(struct vmm_machine *machine)
{
    vmm_machine_stop(machine);
    vmm_synic_deinit(&machine->synic);
    vmm_cpuid_free(machine->cpuid);
    vmm_kvm_close(&machine->kvm);
    vmm_memory_deinit(&machine->memory);
    vmm_boot_deinit(&machine->boot);
    free(machine->cpus);
}

static bool machine_start(struct vmm_machine *machine, struct vmm_error *error)
{
    struct vmm_entry entry;
    uint64_t rsdp;
    uint32_t index;

    if (!vmm_kvm_start(&machine->kvm, &machine->memory, error)) {
        return false;
    }
    rsdp = vmm_acpi_write(&machine->memory, machine->cpu_count);
    if (!vmm_boot_load(&machine->boot, &machine->memory, rsdp, &entry, error)) {
        return false;
    }
    for (index = 0; index < machine->cpu_count; index++) {
        if (!vmm_cpu_open(&machine->cpus[index], machine, index, &entry, error)) {
            return false;
        }
    }
    if (!vmm_kvm_route(&machine->kvm, machine->cpu_count, error) ||
        !vmm_synic_start(&machine->synic, &machine->kvm, error)) {
        return false;
    }
    for (index = 0; index < machine->cpu_count; index++) {
        if (!vmm_cpu_start(&machine->cpus[index], error)) {
            return false;
        }
    }
    return true;
}

bool vmm_machine_start(struct vmm_machine *machine, struct vmm_error *error)
{
    atomic_store(&machine->end, VMM_END_NONE);
    atomic_store(&machine->stopping, false);
    machine->broken.text[0] = '\0';
    vmm_serial_reset(&machine->serial);
    if (!vmm_memory_clear(&machine->memory, error)) {
        return false;
    }
    if (!machine_start(machine, error)) {
        vmm_machine_stop(machine);
        return false;
    }
    return true;
}

void vmm_machine_stop(struct vmm_machine *machine)
{
    uint32_t index;

    atomic_store(&machine->stopping, true);
    for (index = 0; index < machine->cpu_count; index++) {
        vmm_cpu_kick(&machine->cpus[index]);
    }
    for (index = 0; index < machine->cpu_count; index++) {
        vmm_cpu_close(&machine->cpus[index]);
    }
    vmm_kvm_stop(&machine->kvm);
}

void vmm_machine_end(struct vmm_machine *machine, enum vmm_end end)
{
    int none = VMM_END_NONE;

    if (atomic_compare_exchange_strong(&machine->end, &none, (int)end)) {
        machine->attention(machine->context);
    }
}
