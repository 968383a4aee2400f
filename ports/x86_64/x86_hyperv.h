/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The hypervisor below: CPUID leaves, the hypercall page, hypercalls.
 *
 * What the numbers mean is the library's part (<vmbus/hv_features.h>, <vmbus/hv_call.h>); this is
 * the part that needs the CPU.
 */
#ifndef X86_HYPERV_H
#define X86_HYPERV_H

#include <stdbool.h>
#include <stdint.h>

#include <vmbus/hv_features.h>
#include <vmbus/status.h>

struct x86_hyperv {
    char vendor[13];   /* Of the first hypervisor leaf, whoever it is; empty on bare metal. */
    vmb_status status; /* VMB_OK: VMBus may be used; else what vmb_hv_features_decode() says. */
    struct vmb_hv_features features;
};

extern struct x86_hyperv x86_hyperv;

/** Fill x86_hyperv from CPUID. */
void x86_hyperv_detect(void);

/** True if the hypervisor is there and grants @p privilege (VMB_HV_PRIVILEGE_*). isr-ok. */
bool x86_hyperv_grants(uint64_t privilege);

/**
 * Name this guest to the hypervisor and switch the hypercall page on.
 *
 * @retval VMB_OK
 * @retval VMB_ERR_UNSUPPORTED  The hypervisor would not.
 */
VMB_NODISCARD vmb_status x86_hyperv_start(void);

/** Switch the hypercall page off. No hypercall may be under way or follow. */
void x86_hyperv_stop(void);

/** HvPostMessage with VMBus's message type. isr-ok. */
VMB_NODISCARD vmb_status x86_hyperv_post_message(uint32_t connection_id, const void *message,
                                                 uint32_t message_bytes);

/** HvSignalEvent, in registers. isr-ok. */
vmb_status x86_hyperv_signal_event(uint32_t connection_id, uint16_t flag);

/** Hyper-V's own reset, if it offers one; returns if not. */
void x86_hyperv_reset(void);

#endif /* X86_HYPERV_H */
