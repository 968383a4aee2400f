/* SPDX-License-Identifier: MIT */
#include "x86_hyperv.h"

#include "x86_cpu.h"
#include "x86_string.h"

/* TLFS, chapters 2 and 3: feature discovery, hypercall interface. */
enum {
    CPUID_HYPERVISOR = 0x40000000,
    CPUID_INTERFACE = 0x40000001,
    CPUID_VERSION = 0x40000002,
    CPUID_FEATURES = 0x40000003,
    CPUID_RECOMMENDATIONS = 0x40000004,
    CPUID_LIMITS = 0x40000005,
    INTERFACE_HV1 = 0x31237648, /* "Hv#1" */
    MSR_GUEST_OS_ID = 0x40000000,
    MSR_HYPERCALL = 0x40000001,
    MSR_RESET = 0x40000003,
    CALL_POST_MESSAGE = 0x5c,
    CALL_SIGNAL_EVENT = 0x5d,
    MESSAGE_PAYLOAD_BYTES = 240,
    STATUS_INVALID_PARAMETER = 5
};

#define CPUID1_ECX_HYPERVISOR (1u << 31)
#define HYPERCALL_ENABLE      1ull
#define HYPERCALL_FAST        (1ull << 16)
#define HV_PRIVILEGE_RESET    (1ull << 7)

/*
 * An open-source guest (bit 63) of a type without a number of its own, version 1 in 47:16. TLFS
 * asks only that it is not zero.
 */
#define GUEST_OS_ID (1ull << 63 | 1ull << 16)

/* HvPostMessage's input block. */
struct hyperv_message {
    uint32_t connection_id;
    uint32_t reserved;
    uint32_t message_type;
    uint32_t payload_bytes;
    uint8_t payload[MESSAGE_PAYLOAD_BYTES];
};

struct x86_hyperv x86_hyperv;

/* The hypervisor lays its page over this one; what is stored here is out of sight meanwhile. */
static uint8_t hyperv_page[X86_PAGE_BYTES] __attribute__((aligned(4096)));

void x86_hyperv_detect(void)
{
    struct x86_hyperv *hv = &x86_hyperv;
    struct x86_cpuid r;

    if ((x86_cpuid(1, 0).ecx & CPUID1_ECX_HYPERVISOR) == 0) {
        return;
    }
    r = x86_cpuid(CPUID_HYPERVISOR, 0);
    hv->max_leaf = r.eax;
    memcpy(hv->hypervisor + 0, &r.ebx, 4);
    memcpy(hv->hypervisor + 4, &r.ecx, 4);
    memcpy(hv->hypervisor + 8, &r.edx, 4);
    if (memcmp(hv->hypervisor, "Microsoft Hv", 12) != 0 || hv->max_leaf < CPUID_LIMITS ||
        x86_cpuid(CPUID_INTERFACE, 0).eax != INTERFACE_HV1) {
        return;
    }
    r = x86_cpuid(CPUID_VERSION, 0);
    hv->build = r.eax;
    hv->version_major = (uint16_t)(r.ebx >> 16);
    hv->version_minor = (uint16_t)r.ebx;
    r = x86_cpuid(CPUID_FEATURES, 0);
    hv->privileges = (uint64_t)r.ebx << 32 | r.eax;
    hv->features = r.edx;
    hv->recommendations = x86_cpuid(CPUID_RECOMMENDATIONS, 0).eax;
    hv->present = true;
}

bool x86_hyperv_start(void)
{
    uint64_t hypercall;

    x86_wrmsr(MSR_GUEST_OS_ID, GUEST_OS_ID);
    hypercall = x86_rdmsr(MSR_HYPERCALL) & (X86_PAGE_BYTES - 1); /* Reserved bits stay. */
    x86_wrmsr(MSR_HYPERCALL, (uintptr_t)hyperv_page | hypercall | HYPERCALL_ENABLE);
    hypercall = x86_rdmsr(MSR_HYPERCALL);
    return hypercall == ((uintptr_t)hyperv_page | (hypercall & (X86_PAGE_BYTES - 1))) &&
           (hypercall & HYPERCALL_ENABLE) != 0;
}

void x86_hyperv_stop(void)
{
    x86_wrmsr(MSR_HYPERCALL, x86_rdmsr(MSR_HYPERCALL) & ~HYPERCALL_ENABLE);
    x86_wrmsr(MSR_GUEST_OS_ID, 0);
}

const void *x86_hyperv_page(void)
{
    return hyperv_page;
}

/* RCX, RDX and R8 in, RAX out; the rest is kept, but the volatile registers are not relied on. */
static uint16_t hyperv_call(uint64_t control, uint64_t input, uint64_t output)
{
    register uint64_t r8 __asm__("r8") = output;
    uint64_t result;

    __asm__ volatile("call *%[page]"
                     : "=a"(result), "+c"(control), "+d"(input), "+r"(r8)
                     : [page] "r"((uintptr_t)hyperv_page)
                     : "r9", "r10", "r11", "cc", "memory");
    return (uint16_t)result;
}

uint16_t x86_hyperv_post_message(uint32_t connection_id, uint32_t message_type,
                                 const void *payload, uint32_t payload_bytes)
{
    /* Aligned to its size: it may not cross a page. The stack is mapped one to one. */
    struct hyperv_message message __attribute__((aligned(256)));

    if (payload_bytes > MESSAGE_PAYLOAD_BYTES) {
        return STATUS_INVALID_PARAMETER;
    }
    message.connection_id = connection_id;
    message.reserved = 0;
    message.message_type = message_type;
    message.payload_bytes = payload_bytes;
    memcpy(message.payload, payload, payload_bytes);
    memset(message.payload + payload_bytes, 0, MESSAGE_PAYLOAD_BYTES - payload_bytes);
    return hyperv_call(CALL_POST_MESSAGE, (uintptr_t)&message, 0);
}

uint16_t x86_hyperv_signal_event(uint32_t connection_id, uint16_t flag)
{
    return hyperv_call(CALL_SIGNAL_EVENT | HYPERCALL_FAST, (uint64_t)flag << 32 | connection_id, 0);
}

void x86_hyperv_reset(void)
{
    if (x86_hyperv.present && (x86_hyperv.privileges & HV_PRIVILEGE_RESET) != 0) {
        x86_wrmsr(MSR_RESET, 1);
    }
}
