/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_kvm.h"

#include "ports/kvm/vmm_acpi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Three pages that KVM wants on some processors, between the devices' addresses. */
#define KVM_TSS_ADDRESS          0xFFFBD000u
#define KVM_IDENTITY_MAP_ADDRESS 0xFFFBC000u

#define KVM_IOAPIC_PINS          24u
#define KVM_PIC_PINS             16u

static bool kvm_has(const struct vmm_kvm *kvm, long capability)
{
    return ioctl(kvm->fd, KVM_CHECK_EXTENSION, capability) > 0;
}

static bool kvm_check(const struct vmm_kvm *kvm, struct vmm_error *error)
{
    static const struct {
        long capability;
        const char *name;
    } needed[] = {
        {KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
        {KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING"},
        {KVM_CAP_IRQFD_RESAMPLE, "KVM_CAP_IRQFD_RESAMPLE"},
        {KVM_CAP_PIT2, "KVM_CAP_PIT2"},
        {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
        {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
        {KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
        {KVM_CAP_HYPERV_EVENTFD, "KVM_CAP_HYPERV_EVENTFD"},
    };
    size_t index;

    if (!kvm_has(kvm, KVM_CAP_HYPERV_SYNIC2)) {
        return vmm_fail(
            error, "the KVM of this machine has no Hyper-V SynIC (KVM_CAP_HYPERV_SYNIC2); use "
                   "a host kernel built with CONFIG_KVM_HYPERV, or run this inside the machine "
                   "that scripts/interop/nested.sh makes");
    }
    for (index = 0; index < sizeof(needed) / sizeof(needed[0]); index++) {
        if (!kvm_has(kvm, needed[index].capability)) {
            return vmm_fail(error, "the KVM of this machine has no %s; use a newer host kernel",
                            needed[index].name);
        }
    }
    return true;
}

bool vmm_kvm_open(struct vmm_kvm *kvm, struct vmm_error *error)
{
    int bytes;

    *kvm = (struct vmm_kvm){.vm = -1};
    kvm->fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm->fd < 0 && errno == ENOENT) {
        return vmm_fail(error,
                        "there is no /dev/kvm; load the module kvm-intel or kvm-amd, and see "
                        "that the firmware allows virtualisation");
    }
    if (kvm->fd < 0 && errno == EACCES) {
        return vmm_fail(error, "/dev/kvm may not be opened by this user; join the group kvm");
    }
    if (kvm->fd < 0) {
        return vmm_fail_errno(error, "cannot open /dev/kvm");
    }
    if (ioctl(kvm->fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
        return vmm_fail(error, "/dev/kvm speaks another version of its interface");
    }
    bytes = ioctl(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (bytes < (int)sizeof(struct kvm_run)) {
        return vmm_fail_errno(error, "KVM_GET_VCPU_MMAP_SIZE");
    }
    kvm->run_bytes = (size_t)bytes;
    return kvm_check(kvm, error);
}

void vmm_kvm_close(struct vmm_kvm *kvm)
{
    vmm_kvm_stop(kvm);
    if (kvm->fd >= 0) {
        close(kvm->fd);
        kvm->fd = -1;
    }
}

static bool kvm_add_memory(const struct vmm_kvm *kvm, uint32_t slot, uint64_t gpa, uint64_t bytes,
                           uint8_t *base)
{
    struct kvm_userspace_memory_region region = {.slot = slot,
                                                 .guest_phys_addr = gpa,
                                                 .memory_size = bytes,
                                                 .userspace_addr = (uintptr_t)base};

    return bytes == 0 || ioctl(kvm->vm, KVM_SET_USER_MEMORY_REGION, &region) == 0;
}

bool vmm_kvm_start(struct vmm_kvm *kvm, const struct vmm_memory *memory, struct vmm_error *error)
{
    struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
    uint64_t identity_map = KVM_IDENTITY_MAP_ADDRESS;

    do {
        kvm->vm = ioctl(kvm->fd, KVM_CREATE_VM, 0);
    } while (kvm->vm < 0 && errno == EINTR);
    if (kvm->vm < 0) {
        return vmm_fail_errno(error, "KVM_CREATE_VM");
    }
    if (ioctl(kvm->vm, KVM_SET_TSS_ADDR, KVM_TSS_ADDRESS) != 0 ||
        ioctl(kvm->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) != 0 ||
        ioctl(kvm->vm, KVM_CREATE_IRQCHIP, 0) != 0 || ioctl(kvm->vm, KVM_CREATE_PIT2, &pit) != 0) {
        return vmm_fail_errno(error, "cannot give the machine its interrupt controllers");
    }
    if (!kvm_add_memory(kvm, 0, 0, memory->low_bytes, memory->base) ||
        !kvm_add_memory(kvm, 1, VMM_HOLE_END, memory->bytes - memory->low_bytes,
                        memory->base + memory->low_bytes)) {
        return vmm_fail_errno(error, "cannot give the machine its memory");
    }
    return true;
}

void vmm_kvm_stop(struct vmm_kvm *kvm)
{
    if (kvm->vm >= 0) {
        close(kvm->vm);
        kvm->vm = -1;
    }
}

static void kvm_route_pin(struct kvm_irq_routing *routing, uint32_t gsi, uint32_t chip,
                          uint32_t pin)
{
    routing->entries[routing->nr++] = (struct kvm_irq_routing_entry){
        .gsi = gsi,
        .type = KVM_IRQ_ROUTING_IRQCHIP,
        .u.irqchip = {.irqchip = chip, .pin = pin},
    };
}

/* As in a PC: the timer's line leads to pin 2 of the I/O APIC; see the MADT. */
static void kvm_route_pc(struct kvm_irq_routing *routing)
{
    uint32_t gsi;

    for (gsi = 0; gsi < KVM_PIC_PINS; gsi++) {
        if (gsi != 2) { /* There the second PIC hangs on the first. */
            kvm_route_pin(routing, gsi, gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
                          gsi % 8);
        }
    }
    for (gsi = 0; gsi < KVM_IOAPIC_PINS; gsi++) {
        if (gsi != 2) {
            kvm_route_pin(routing, gsi, KVM_IRQCHIP_IOAPIC, gsi == 0 ? 2 : gsi);
        }
    }
}

bool vmm_kvm_route(const struct vmm_kvm *kvm, uint32_t cpu_count, struct vmm_error *error)
{
    struct kvm_irq_routing *routing =
        calloc(1, sizeof(*routing) +
                      (KVM_PIC_PINS + KVM_IOAPIC_PINS + cpu_count) * sizeof(routing->entries[0]));
    uint32_t cpu;
    int result;

    if (routing == NULL) {
        return vmm_fail(error, "no memory");
    }
    kvm_route_pc(routing);
    for (cpu = 0; cpu < cpu_count; cpu++) {
        routing->entries[routing->nr++] = (struct kvm_irq_routing_entry){
            .gsi = VMM_GSI_SINT(cpu),
            .type = KVM_IRQ_ROUTING_HV_SINT,
            .u.hv_sint = {.vcpu = cpu, .sint = VMB_HOST_SINT},
        };
    }
    result = ioctl(kvm->vm, KVM_SET_GSI_ROUTING, routing);
    free(routing);
    return result == 0 || vmm_fail_errno(error, "cannot route the machine's interrupts");
}

bool vmm_kvm_irqfd(const struct vmm_kvm *kvm, uint32_t gsi, int fd, int ack_fd,
                   struct vmm_error *error)
{
    struct kvm_irqfd irqfd = {.fd = (uint32_t)fd,
                              .gsi = gsi,
                              .flags = KVM_IRQFD_FLAG_RESAMPLE,
                              .resamplefd = (uint32_t)ack_fd};

    return ioctl(kvm->vm, KVM_IRQFD, &irqfd) == 0 ||
           vmm_fail_errno(error, "cannot connect an interrupt to an eventfd");
}

void vmm_kvm_irq(const struct vmm_kvm *kvm, uint32_t irq, bool level)
{
    struct kvm_irq_level line = {.irq = irq, .level = level ? 1u : 0u};

    if (kvm->vm >= 0) {
        (void)ioctl(kvm->vm, KVM_IRQ_LINE, &line);
    }
}

bool vmm_kvm_doorbell(const struct vmm_kvm *kvm, uint32_t connection_id, int fd)
{
    struct kvm_hyperv_eventfd doorbell = {.conn_id = connection_id, .fd = fd};

    return ioctl(kvm->vm, KVM_HYPERV_EVENTFD, &doorbell) == 0;
}

void vmm_kvm_doorbell_close(const struct vmm_kvm *kvm, uint32_t connection_id)
{
    struct kvm_hyperv_eventfd doorbell = {
        .conn_id = connection_id, .fd = -1, .flags = KVM_HYPERV_EVENTFD_DEASSIGN};

    (void)ioctl(kvm->vm, KVM_HYPERV_EVENTFD, &doorbell);
}
