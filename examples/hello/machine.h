/* SPDX-License-Identifier: MIT */
/*
 * What a kernel has before it has VMBus: pages, a clock, hypercalls, an interrupt. Here the machine
 * and its Hyper-V are played by the simulator; in a kernel of yours they are already there.
 */
#ifndef HELLO_MACHINE_H
#define HELLO_MACHINE_H

#include <vmbus/types.h>

/* Power on: one VP, a host that offers a heartbeat. `interrupt` is the handler of SINT 2. */
void machine_boot(void (*interrupt)(uint32_t vp));

/* Zeroed, consecutive pages and where they are; and their end. False: out of memory. */
bool machine_take_pages(uint32_t count, struct vmb_pages *out_pages);
void machine_give_pages(const struct vmb_pages *pages);

/* The hypercall page: RCX, RDX, R8 in, RAX out. */
uint64_t machine_hypercall(uint64_t control, uint64_t input, uint64_t output);

/* WRMSR. */
void machine_write_msr(uint32_t number, uint64_t value);

uint64_t machine_now_ns(void);

/* HLT: whatever the world does until the next interrupt, or for a moment. */
void machine_idle(void);

/* Power off. Says whether all pages are back. */
bool machine_off(void);

#endif /* HELLO_MACHINE_H */
