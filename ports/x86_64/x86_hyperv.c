/* SPDX-License-Identifier: MIT */
#include "x86_hyperv.h"

#include <vmbus/hv.h>
#include <vmbus/hv_call.h>
#include <vmbus/hv_registers.h>

#include "x86_cpu.h"
#include "x86_string.h"

/* Where the hypervisor's leaves may begin, if it shares the range with another's. */
enum {
    CPUID_HYPERVISOR_STEP = 0x100,
    CPUID_HYPERVISOR_END = 0x40010000,
    CPUID_ISOLATION = 0xc, /* From the base. */
    GUEST_VERSION = 1      /* What this guest calls itself, under no operating system's number. */
};

#define CPUID1_ECX_HYPERVISOR (1u << 31)
#define RESET_NOW             1ull

struct x86_hyperv x86_hyperv;

static const uint8_t *hyperv_page; /* What to call; NULL while the hypercall page is off. */

/* The hypervisor lays its page over this one; what is stored here is out of sight meanwhile. */
static uint8_t hyperv_own_page[X86_PAGE_BYTES] __attribute__((aligned(4096)));

static struct vmb_hv_leaf hyperv_leaf(uint32_t leaf)
{
    struct x86_cpuid r = x86_cpuid(leaf, 0);

    return (struct vmb_hv_leaf){.eax = r.eax, .ebx = r.ebx, .ecx = r.ecx, .edx = r.edx};
}

static void hyperv_read_leaves(uint32_t base, struct vmb_hv_cpuid *out_leaves)
{
    *out_leaves = (struct vmb_hv_cpuid){
        .processor = hyperv_leaf(1),
        .vendor = hyperv_leaf(base),
        .interface = hyperv_leaf(base + 1),
        .version = hyperv_leaf(base + 2),
        .features = hyperv_leaf(base + 3),
        .recommendations = hyperv_leaf(base + 4),
        .isolation = hyperv_leaf(base + CPUID_ISOLATION),
        .stack_vendor = hyperv_leaf(VMB_HV_CPUID_STACK),
        .stack_interface = hyperv_leaf(VMB_HV_CPUID_STACK + 1),
        .stack_features = hyperv_leaf(VMB_HV_CPUID_STACK + 2),
    };
}

void x86_hyperv_detect(void)
{
    struct x86_hyperv *hv = &x86_hyperv;
    uint32_t base = VMB_HV_CPUID_BASE;
    struct vmb_hv_cpuid leaves;

    hyperv_read_leaves(base, &leaves);
    if ((leaves.processor.ecx & CPUID1_ECX_HYPERVISOR) != 0) {
        memcpy(hv->vendor + 0, &leaves.vendor.ebx, 4);
        memcpy(hv->vendor + 4, &leaves.vendor.ecx, 4);
        memcpy(hv->vendor + 8, &leaves.vendor.edx, 4);
    }
    hv->status = vmb_hv_features_decode(&leaves, &hv->features);
    while ((hv->features.missing & VMB_HV_MISSING_VENDOR) != 0 &&
           (base += CPUID_HYPERVISOR_STEP) < CPUID_HYPERVISOR_END) {
        hyperv_read_leaves(base, &leaves);
        hv->status = vmb_hv_features_decode(&leaves, &hv->features);
    }
}

bool x86_hyperv_grants(uint64_t privilege)
{
    return x86_hyperv.status != VMB_ERR_UNSUPPORTED &&
           (x86_hyperv.features.privileges & privilege) != 0;
}

vmb_status x86_hyperv_start(void)
{
    uint64_t wanted, found;

    x86_wrmsr(VMB_HV_MSR_GUEST_OS_ID, vmb_hv_guest_os_id(0, 0, GUEST_VERSION, 0));
    found = x86_rdmsr(VMB_HV_MSR_HYPERCALL);
    wanted = vmb_hv_call_page_on(found, (uintptr_t)hyperv_own_page);
    if (wanted != found) {
        x86_wrmsr(VMB_HV_MSR_HYPERCALL, wanted);
        found = x86_rdmsr(VMB_HV_MSR_HYPERCALL);
    }
    if ((found & VMB_HV_CALL_PAGE_ENABLE) == 0) {
        return VMB_ERR_UNSUPPORTED;
    }
    /* Ours, or that of firmware, which had it on already. */
    hyperv_page = (const uint8_t *)(uintptr_t)(found & ~(uint64_t)(X86_PAGE_BYTES - 1));
    return VMB_OK;
}

void x86_hyperv_stop(void)
{
    x86_wrmsr(VMB_HV_MSR_HYPERCALL, vmb_hv_call_page_off(x86_rdmsr(VMB_HV_MSR_HYPERCALL)));
    x86_wrmsr(VMB_HV_MSR_GUEST_OS_ID, 0);
    hyperv_page = NULL;
}

/* RCX, RDX and R8 in, RAX out; the rest is kept, but the volatile registers are not relied on. */
static uint64_t hyperv_call(uint64_t control, uint64_t input, uint64_t output)
{
    register uint64_t r8 __asm__("r8") = output;
    uint64_t result;

    __asm__ volatile("call *%[page]"
                     : "=a"(result), "+c"(control), "+d"(input), "+r"(r8)
                     : [page] "r"(hyperv_page)
                     : "r9", "r10", "r11", "cc", "memory");
    return result;
}

vmb_status x86_hyperv_post_message(uint32_t connection_id, const void *message,
                                   uint32_t message_bytes)
{
    /* Aligned to its size: it may not cross a page. The stack is mapped one to one. */
    uint8_t block[VMB_HV_POST_BYTES] __attribute__((aligned(VMB_HV_POST_BYTES)));
    vmb_status status = vmb_hv_post_message_encode(block, connection_id, VMB_HV_MESSAGE_VMBUS,
                                                   message, message_bytes);

    if (status != VMB_OK) {
        return status;
    }
    return vmb_hv_post_message_status(
        hyperv_call(vmb_hv_call_control(VMB_HV_CALL_POST_MESSAGE, false), (uintptr_t)block, 0));
}

vmb_status x86_hyperv_signal_event(uint32_t connection_id, uint16_t flag)
{
    return vmb_hv_call_status(hyperv_call(vmb_hv_call_control(VMB_HV_CALL_SIGNAL_EVENT, true),
                                          vmb_hv_signal_event_input(connection_id, flag), 0));
}

void x86_hyperv_reset(void)
{
    if (x86_hyperv_grants(VMB_HV_PRIVILEGE_RESET)) {
        x86_wrmsr(VMB_HV_MSR_RESET, RESET_NOW);
    }
}
