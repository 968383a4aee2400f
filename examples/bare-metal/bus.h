/* SPDX-License-Identifier: MIT */
/**
 * @file
 * What the bus tells this image, and what the image does about it: open what it has a driver for.
 */
#ifndef BARE_METAL_BUS_H
#define BARE_METAL_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include <vmbus/guest.h>

/** What has happened so far. Written by the events, on the first CPU. */
struct bus {
    struct vmb_guest *guest;
    uint32_t offered;
    uint32_t under_way; /* Opens and closes that have not ended. */
    uint32_t open;
    bool connect_ended;
    bool delivered;
    bool unloaded;
    vmb_status status; /* Of the connect, then of the unload. */
};

extern struct bus bus;

/** For x86_vmbus_start(). */
extern const struct vmb_guest_events bus_events;

/** Close every channel that is open, and open it again when the host has let go of it. */
void bus_reopen(void);

#endif /* BARE_METAL_BUS_H */
