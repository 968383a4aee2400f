/* SPDX-License-Identifier: MIT */
/*
 * Key/value exchange with the guest, for the control socket:
 *
 *     {"do": "kvp", "deed": "list", "pool": "auto"}
 *     {"do": "kvp", "deed": "get", "pool": "guest", "key": "colour"}
 *     {"do": "kvp", "deed": "set", "pool": "external", "key": "colour", "value": "green"}
 *     {"do": "kvp", "deed": "delete", "pool": "external", "key": "colour"}
 *
 * Pools are external (we tell the guest), guest (it tells us), auto (facts of its system) and
 * auto-host. What was found, if anything, is in "facts": [{"key": …, "value": …}, …]; "truncated"
 * says that there is more. One request at a time.
 */
#ifndef VMM_EXCHANGE_H
#define VMM_EXCHANGE_H

#include "ports/kvm/vmm_control.h"
#include "ports/kvm/vmm_device.h"

#define VMM_EXCHANGE "kvp"

/* All that a list may hold: it leaves in one piece. A guest may have more. */
#define VMM_EXCHANGE_FACTS_MAX 256u
#define VMM_EXCHANGE_BYTES_MAX 32768u

struct vmm_exchange;

/* Make the device and add it to the table, which frees it. NULL: no memory. */
struct vmm_exchange *vmm_exchange_add(struct vmm_devices *devices);

/* A vmm_control_answer_function but for its context. Loop's thread. */
json_t *vmm_exchange_answer(struct vmm_exchange *exchange, const json_t *request,
                            struct vmm_control_ticket ticket, bool *out_later);

#endif /* VMM_EXCHANGE_H */
