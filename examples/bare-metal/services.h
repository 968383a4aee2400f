/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The integration services of this image: it is alive, it goes when asked to, it knows the time.
 */
#ifndef BARE_METAL_SERVICES_H
#define BARE_METAL_SERVICES_H

#include <stdbool.h>

#include <vmbus/drivers/heartbeat.h>
#include <vmbus/drivers/shutdown.h>
#include <vmbus/drivers/timesync.h>

struct services {
    struct vmb_heartbeat_guest heartbeat;
    struct vmb_shutdown_guest shutdown;
    struct vmb_timesync_guest timesync;
    bool shutdown_asked;
    bool restart; /* As the host asked; else power off. */
    bool time_told;
};

/** Make the three ready to be opened. */
void services_init(struct services *services);

/** True once the host has asked for a shutdown and has our answer. */
bool services_shutdown_asked(const struct services *services);

/** Say what they did. */
void services_say(const struct services *services);

#endif /* BARE_METAL_SERVICES_H */
