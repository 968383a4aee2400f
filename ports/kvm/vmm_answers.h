/* SPDX-License-Identifier: MIT */
/*
 * What the control socket can be asked; see docs/man/vmbus-ctl.1.
 *
 *     {"do": "status"}                         all there is to know
 *     {"do": "revoke", "device": "heartbeat"}  take a device off the bus
 *     {"do": "offer", "device": "heartbeat"}   put it back
 *     {"do": "retarget", "device": "heartbeat", "vp": 1}     or "relid"; without "vp": as the guest
 * wants
 *     {"do": "heartbeat"}                      the guest's life
 *     {"do": "shutdown", "kind": "restart", "force": true}
 *     {"do": "kvp", "deed": "list", "pool": "auto"}    also get, set, delete: vmm_exchange.h
 *     {"do": "freeze"}, {"do": "thaw"}         the guest's file systems, around a copy of its disks
 *     {"do": "unplug"}                         end it all, now
 *
 * Answers have "ok", and "error" with a sentence if it is false.
 */
#ifndef VMM_ANSWERS_H
#define VMM_ANSWERS_H

#include "ports/kvm/vmm.h"

/* For vmm_control_init(); @vmm is a struct vmm. */
json_t *vmm_answer(void *vmm, const json_t *request, struct vmm_control_ticket ticket,
                   bool *out_later);

#endif /* VMM_ANSWERS_H */
