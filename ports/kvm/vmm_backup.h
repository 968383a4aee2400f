/* SPDX-License-Identifier: MIT */
/* Freezing and thawing the guest's file systems, for the control socket. */
#ifndef VMM_BACKUP_H
#define VMM_BACKUP_H

#include "ports/kvm/vmm_control.h"
#include "ports/kvm/vmm_device.h"

#define VMM_BACKUP "vss"

struct vmm_backup;

/* Make the device and add it to the table, which frees it. NULL: no memory. */
struct vmm_backup *vmm_backup_add(struct vmm_devices *devices);

/* Freeze or thaw; the answer comes when the guest has done it. Loop's thread. */
json_t *vmm_backup_answer(struct vmm_backup *backup, bool freeze, struct vmm_control_ticket ticket,
                          bool *out_later);

/* Whether the guest is frozen, as far as it has said. */
bool vmm_backup_is_frozen(const struct vmm_backup *backup);

#endif /* VMM_BACKUP_H */
