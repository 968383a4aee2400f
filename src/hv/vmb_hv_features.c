/* SPDX-License-Identifier: MIT */
/* CPUID leaves, given as numbers, into words. */
#include <vmbus/hv_features.h>

#include <vmbus/platform/string.h>

#define PROCESSOR_ECX_HYPERVISOR (1u << 31)

/* "Microsoft Hv" and "Hv#1", as the registers spell them. */
#define VENDOR_EBX    0x7263694Du
#define VENDOR_ECX    0x666F736Fu
#define VENDOR_EDX    0x76482074u
#define INTERFACE_EAX 0x31237648u
/* "VS#1". */
#define STACK_INTERFACE_EAX     0x31235356u

#define LEAF_OFFSET_NEEDED      5u /* The highest that every hypervisor of this kind has. */
#define LEAF_OFFSET_ISOLATION   0xCu
#define STACK_EAX_CONFIDENTIAL  (1u << 3)
#define ISOLATION_EAX_PARAVISOR (1u << 0)
#define ISOLATION_EBX_BOUNDARY  (1u << 5)

static const struct {
    uint64_t privilege;
    uint32_t missing;
} features_needed[] = {
    {VMB_HV_PRIVILEGE_SYNIC, VMB_HV_MISSING_SYNIC},
    {VMB_HV_PRIVILEGE_HYPERCALL, VMB_HV_MISSING_HYPERCALL},
    {VMB_HV_PRIVILEGE_VP_INDEX, VMB_HV_MISSING_VP_INDEX},
    {VMB_HV_PRIVILEGE_POST_MESSAGES, VMB_HV_MISSING_POST_MESSAGES},
    {VMB_HV_PRIVILEGE_SIGNAL_EVENTS, VMB_HV_MISSING_SIGNAL_EVENTS},
};

/* Whether these leaves are ours to read at all; what is missing otherwise. */
static uint32_t features_identity(const struct vmb_hv_cpuid *leaves)
{
    if ((leaves->processor.ecx & PROCESSOR_ECX_HYPERVISOR) == 0) {
        return VMB_HV_MISSING_HYPERVISOR;
    }
    if (leaves->vendor.ebx != VENDOR_EBX || leaves->vendor.ecx != VENDOR_ECX ||
        leaves->vendor.edx != VENDOR_EDX) {
        return VMB_HV_MISSING_VENDOR;
    }
    if (leaves->interface.eax != INTERFACE_EAX) {
        return VMB_HV_MISSING_INTERFACE;
    }
    /* The block may lie higher than usual: only the offset into it counts. */
    if ((leaves->vendor.eax & 0xFFu) < LEAF_OFFSET_NEEDED) {
        return VMB_HV_MISSING_LEAVES;
    }
    return 0;
}

static void features_version(const struct vmb_hv_leaf *leaf, struct vmb_hv_features *out)
{
    out->build = leaf->eax;
    out->major = (uint16_t)(leaf->ebx >> 16);
    out->minor = (uint16_t)leaf->ebx;
    out->service_pack = leaf->ecx;
    out->service_branch = (uint8_t)(leaf->edx >> 24);
    out->service_number = leaf->edx & 0xFFFFFFu;
}

static void features_isolation(const struct vmb_hv_cpuid *leaves, struct vmb_hv_features *out)
{
    if ((leaves->vendor.eax & 0xFFu) >= LEAF_OFFSET_ISOLATION &&
        (out->privileges & VMB_HV_PRIVILEGE_ISOLATION) != 0) {
        out->paravisor = (leaves->isolation.eax & ISOLATION_EAX_PARAVISOR) != 0;
        out->isolation = (enum vmb_hv_isolation)(leaves->isolation.ebx & 0xFu);
        out->shared_boundary_active = (leaves->isolation.ebx & ISOLATION_EBX_BOUNDARY) != 0;
        out->shared_boundary_bit = (uint8_t)(leaves->isolation.ebx >> 6 & 0x3Fu);
    }
    if (leaves->stack_vendor.eax >= VMB_HV_CPUID_STACK + 2 &&
        leaves->stack_interface.eax == STACK_INTERFACE_EAX) {
        out->confidential_vmbus = (leaves->stack_features.eax & STACK_EAX_CONFIDENTIAL) != 0;
    }
}

vmb_status vmb_hv_features_decode(const struct vmb_hv_cpuid *leaves,
                                  struct vmb_hv_features *out_features)
{
    vmb_memset(out_features, 0, sizeof(*out_features));
    out_features->missing = features_identity(leaves);
    if (out_features->missing != 0) {
        return VMB_ERR_UNSUPPORTED;
    }
    features_version(&leaves->version, out_features);
    out_features->privileges =
        (uint64_t)leaves->features.ebx << 32 | (uint64_t)leaves->features.eax;
    out_features->features = leaves->features.edx;
    out_features->recommendations = leaves->recommendations.eax;
    out_features->use_auto_eoi =
        (out_features->recommendations & VMB_HV_RECOMMEND_NO_AUTO_EOI) == 0;
    features_isolation(leaves, out_features);
    for (size_t i = 0; i < sizeof(features_needed) / sizeof(features_needed[0]); i++) {
        if ((out_features->privileges & features_needed[i].privilege) == 0) {
            out_features->missing |= features_needed[i].missing;
        }
    }
    return out_features->missing == 0 ? VMB_OK : VMB_ERR_ACCESS_DENIED;
}

const char *vmb_hv_missing_text(enum vmb_hv_missing bit)
{
    switch (bit) {
    case VMB_HV_MISSING_HYPERVISOR:
        return "no hypervisor";
    case VMB_HV_MISSING_VENDOR:
        return "the hypervisor is not Hyper-V, nor does it pose as it";
    case VMB_HV_MISSING_INTERFACE:
        return "the hypervisor does not speak the interface Hv#1";
    case VMB_HV_MISSING_LEAVES:
        return "the hypervisor does not say what it can do";
    case VMB_HV_MISSING_SYNIC:
        return "no access to the SynIC registers";
    case VMB_HV_MISSING_HYPERCALL:
        return "no access to the hypercall registers";
    case VMB_HV_MISSING_VP_INDEX:
        return "no access to the VP index";
    case VMB_HV_MISSING_POST_MESSAGES:
        return "not allowed to post messages";
    case VMB_HV_MISSING_SIGNAL_EVENTS:
        return "not allowed to signal events";
    }
    return "unknown";
}
