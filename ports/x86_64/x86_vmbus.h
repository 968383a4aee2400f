/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The library on this machine: its callbacks, its interrupt, and a loop on every CPU.
 *
 * The first CPU is the control plane: every function here is called there, and everything of
 * <vmbus/guest.h> whose Context line says "control plane" may be. Each CPU runs the deferred
 * handlers of the channels that target it.
 */
#ifndef X86_VMBUS_H
#define X86_VMBUS_H

#include <stdbool.h>
#include <stdint.h>

#include <vmbus/guest.h>

enum {
    X86_VMBUS_VECTOR = 0x41 /* Of SINT 2, on every CPU; the number that UEFI uses. */
};

/**
 * Switch the hypercall page on, start all CPUs, make a guest, bring up each CPU's SynIC. Once in
 * the life of the machine.
 *
 * @param events     As for vmb_guest_init().
 * @param out_guest  Ready for vmb_guest_connect().
 *
 * @retval VMB_OK
 * @retval VMB_ERR_UNSUPPORTED    No Hyper-V below, or it refuses the hypercall page.
 * @retval VMB_ERR_ACCESS_DENIED  It keeps from us what VMBus needs (x86_hyperv.features.missing).
 * @retval VMB_ERR_NO_MEMORY
 */
VMB_NODISCARD vmb_status x86_vmbus_start(const struct vmb_guest_events *events,
                                         struct vmb_guest **out_guest);

/**
 * Do what there is to do, and sleep when there is nothing, until @p until is true or the clock
 * reaches @p deadline_ns. It is asked after each round.
 *
 * @return What @p until said last.
 */
bool x86_vmbus_run(bool (*until)(void *context), void *context, uint64_t deadline_ns);

/** Have x86_vmbus_run() ask its @p until again. isr-ok, any CPU. */
void x86_vmbus_wake(void);

/** After vmb_guest_unload() has ended: every SynIC off, the guest gone, the hypercall page off. */
VMB_NODISCARD vmb_status x86_vmbus_stop(void);

/** How many VPs take part, and the VP index of the CPU with that number. */
uint32_t x86_vmbus_vp_count(void);
uint32_t x86_vmbus_vp(uint32_t cpu_index);

#endif /* X86_VMBUS_H */
