/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The devices that this image has drivers for: one of each.
 */
#ifndef BARE_METAL_DEVICES_H
#define BARE_METAL_DEVICES_H

#include <stdbool.h>

#include <vmbus/channel.h>

/** A driver and its one instance. */
struct device {
    const struct vmb_driver *driver;
    void *instance;
    uint16_t sub_channel; /* Index of the channel; 0: the device's first, or only one. */
    /* How to open it; NULL: as any channel, with driver and instance. */
    vmb_status (*open)(struct vmb_channel *channel, uint32_t vp, vmb_channel_done done,
                       void *context);
    bool taken; /* By a channel. */
};

/** Make the instances ready. Once, before the first offer. */
void devices_init(void);

/** Take the device for an offer; NULL if there is none, or it is taken. */
struct device *devices_claim(const struct vmb_msg_offer *offer);

/** Channels stay where they are from now on: traffic that went on for their sake may end. */
void devices_moved(void);

/** True when no device has more to do than to wait for its host. */
bool devices_settled(void);

/** True if the host has a shutdown device: it can be expected to say when to go. */
bool devices_await_shutdown(void);

/** True once the host has asked this guest to go, and whether to come back. */
bool devices_shutdown_asked(void);
bool devices_restart_asked(void);

/** Say what each device that was in use did. */
void devices_say(void);

#endif /* BARE_METAL_DEVICES_H */
