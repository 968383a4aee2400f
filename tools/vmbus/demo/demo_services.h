/* SPDX-License-Identifier: MIT */
/*
 * The demo's integration services: heartbeat, time sync and shutdown, both roles, on the same bus
 * as the traffic and beside it.
 */
#ifndef VMB_DEMO_SERVICES_H
#define VMB_DEMO_SERVICES_H

#include <vmbus/channel.h>
#include <vmbus/drivers/heartbeat.h>
#include <vmbus/drivers/shutdown.h>
#include <vmbus/drivers/timesync.h>
#include <vmbus/host.h>

#define DEMO_SERVICES 3u

struct demo_services {
    struct vmb_heartbeat_guest heartbeat_guest;
    struct vmb_heartbeat_host heartbeat_host;
    struct vmb_timesync_guest timesync_guest;
    struct vmb_timesync_host timesync_host;
    struct vmb_shutdown_guest shutdown_guest;
    struct vmb_shutdown_host shutdown_host;
    struct vmb_driver heartbeat_driver; /* The library's, with a step of our own. */
    struct vmb_driver shutdown_driver;  /* Likewise. */
    struct vmb_host_channel
        *channels[DEMO_SERVICES]; /* From the offer on; they are never revoked. */

    /* Any thread. */
    vmb_atomic_u32 beats;           /* Heartbeats answered. */
    vmb_atomic_u32 readings;        /* Times the guest was told the time. */
    vmb_atomic_u32 power_off_asked; /* The host is to ask; it has when this is 2. */
    vmb_atomic_u32 power_off_answered;
    vmb_atomic_u32 going; /* The guest has been told to go, and has said that it does. */
};

/* Make the devices of both roles. @services is zeroed. False: never, unless they are made wrong. */
bool demo_services_init(struct demo_services *services);

/* Host: put them on the bus. False: one was refused. */
bool demo_services_offer(struct demo_services *services, struct vmb_host *host);

/* Likewise on a host that is being restored, as after their init. */
bool demo_services_offer_again(struct demo_services *services, struct vmb_host *host);

/* Guest: open a channel that was offered, if it is one of theirs. False: it is not. */
bool demo_services_open(struct demo_services *services, struct vmb_channel *channel);

/* Let the host's devices look at their clocks. After the offer; any thread. */
void demo_services_tick(struct demo_services *services);

/* Ask the guest to power off, once. After the offer; any thread. */
void demo_services_power_off(struct demo_services *services);

/* Whether the guest has answered that it goes, and knows it. Any thread. */
bool demo_services_powered_off(const struct demo_services *services);

#endif /* VMB_DEMO_SERVICES_H */
