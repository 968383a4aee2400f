/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The devices that this image has drivers for: one of each.
 */
#ifndef BARE_METAL_DEVICES_H
#define BARE_METAL_DEVICES_H

#include <stdbool.h>

#include <vmbus/driver.h>

/** A driver and its one instance. */
struct device {
    const struct vmb_driver *driver;
    void *instance;
    bool taken; /* By a channel. */
};

/** Make the instances ready. Once, before the first offer. */
void devices_init(void);

/** Take the device for an offer of that class; NULL if there is none, or it is taken. */
struct device *devices_claim(const struct vmb_guid *class_id);

/** True when no device is still in its first talk with the host. */
bool devices_settled(void);

/** True if a host that offered the shutdown device can be expected to use it. */
bool devices_await_shutdown(void);

/** True once the host has asked this guest to go. */
bool devices_shutdown_asked(void);

#endif /* BARE_METAL_DEVICES_H */
