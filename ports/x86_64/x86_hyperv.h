/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The hypervisor below: what CPUID says of it, the hypercall page, and VMBus's two hypercalls.
 */
#ifndef X86_HYPERV_H
#define X86_HYPERV_H

#include <stdbool.h>
#include <stdint.h>

/* MSRs that more than one file of the port uses. */
enum {
    X86_MSR_HV_VP_INDEX = 0x40000002,
    X86_MSR_HV_TIME_REF_COUNT = 0x40000020,
    X86_MSR_HV_REFERENCE_TSC = 0x40000021
};

/* Bits of x86_hyperv.privileges. */
#define X86_HV_TIME_REF_COUNT (1ull << 1)
#define X86_HV_SYNIC          (1ull << 2)
#define X86_HV_HYPERCALL      (1ull << 5)
#define X86_HV_VP_INDEX       (1ull << 6)
#define X86_HV_REFERENCE_TSC  (1ull << 9)
#define X86_HV_POST_MESSAGES  (1ull << 36)
#define X86_HV_SIGNAL_EVENTS  (1ull << 37)

/** Everything that VMBus cannot do without. */
#define X86_HV_NEEDED                                                                              \
    (X86_HV_SYNIC | X86_HV_HYPERCALL | X86_HV_VP_INDEX | X86_HV_POST_MESSAGES |                    \
     X86_HV_SIGNAL_EVENTS)

/* Bit of x86_hyperv.recommendations: let SINTs be ended like any other interrupt. */
#define X86_HV_NO_AUTO_EOI (1u << 9)

struct x86_hyperv {
    char hypervisor[13];      /* Leaf 0x40000000, whoever it is; empty on bare metal. */
    bool present;             /* It is Hyper-V, or behaves as one ("Microsoft Hv" and "Hv#1"). */
    uint32_t max_leaf;
    uint32_t build;
    uint16_t version_major;
    uint16_t version_minor;
    uint64_t privileges;      /* Leaf 0x40000003, EBX:EAX. */
    uint32_t features;        /* Leaf 0x40000003, EDX. */
    uint32_t recommendations; /* Leaf 0x40000004, EAX. */
};

extern struct x86_hyperv x86_hyperv;

/** Fill x86_hyperv from CPUID. */
void x86_hyperv_detect(void);

/**
 * Name this guest to the hypervisor and switch the hypercall page on.
 *
 * @return False if the hypervisor would not.
 */
bool x86_hyperv_start(void);

/** Switch the hypercall page off. No hypercall may be under way or follow. */
void x86_hyperv_stop(void);

/** Address of the hypercall page while it is on. */
const void *x86_hyperv_page(void);

/**
 * HvPostMessage: up to 240 bytes to @p connection_id. isr-ok.
 *
 * @return The hypercall's status; 0 is success.
 */
uint16_t x86_hyperv_post_message(uint32_t connection_id, uint32_t message_type,
                                 const void *payload, uint32_t payload_bytes);

/** HvSignalEvent, in registers. isr-ok. Returns the hypercall's status. */
uint16_t x86_hyperv_signal_event(uint32_t connection_id, uint16_t flag);

/** Hyper-V's own reset, if it offers one; returns if not. */
void x86_hyperv_reset(void);

#endif /* X86_HYPERV_H */
