/* SPDX-License-Identifier: MIT */
/* Between the two steps of a restore: reading the records, and waking what they describe. */
#ifndef VMB_HOST_RESTORE_H
#define VMB_HOST_RESTORE_H

#include <vmbus/save.h>

#include "host/vmb_host_saved.h"

struct vmbi_restore {
    struct vmb_host *host;
    const uint8_t *bytes;
    bool revoke_missing;
    struct vmb_host_restored result;
};

/* vmb_host_restore_records.c: check every record and take over what is plain data. */
vmb_status vmbi_restore_records(struct vmbi_restore *restore, size_t byte_count);
/* The record of a channel once more; its device's bytes are then at *out_device. */
void vmbi_restore_channel_again(const struct vmbi_restore *restore,
                                const struct vmb_host_channel *channel,
                                struct vmbi_saved_channel *out_saved, const uint8_t **out_device);

#endif /* VMB_HOST_RESTORE_H */
