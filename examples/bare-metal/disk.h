/* SPDX-License-Identifier: MIT */
/**
 * @file
 * LUN 0 of a SCSI controller: what it is, and its first mebibytes read on every channel there is.
 * With the word "write" on the command line they are written first, read back, compared, flushed.
 */
#ifndef BARE_METAL_DISK_H
#define BARE_METAL_DISK_H

#include <stdbool.h>

#include <vmbus/drivers/stor_guest.h>

enum {
    DISK_CHANNELS = 4 /* The primary one and sub-channels. */
};

/** Make the controller ready to be opened; returns it. */
struct vmb_stor_guest *disk_init(void);

/** Open one of its channels: `open` of struct device. */
vmb_status disk_open(struct vmb_channel *channel, uint32_t vp, vmb_channel_done done,
                     void *context);

/** True when all is done, or cannot be. */
bool disk_settled(void);

/** Say what came of it. */
void disk_say(void);

#endif /* BARE_METAL_DISK_H */
