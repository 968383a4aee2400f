/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The devices that this image has drivers for: one of each.
 */
#ifndef BARE_METAL_DEVICES_H
#define BARE_METAL_DEVICES_H

#include <stdbool.h>

#include <vmbus/driver.h>

/** Make the instances ready. Once, before the first offer. */
void devices_init(void);

/**
 * The driver for an offer of that class.
 *
 * @param out_device  Its instance, to be opened with it.
 *
 * @return NULL if there is none, or if its one instance is taken.
 */
const struct vmb_driver *devices_claim(const struct vmb_guid *class_id, void **out_device);

/** True when no device is still in its first talk with the host. */
bool devices_settled(void);

/** True if a host that offered the shutdown device can be expected to use it. */
bool devices_await_shutdown(void);

/** True once the host has asked this guest to go. */
bool devices_shutdown_asked(void);

#endif /* BARE_METAL_DEVICES_H */
