/* SPDX-License-Identifier: MIT */
/* A live world with traffic devices on every channel, for the tests of this folder. */
#ifndef TRAFFIC_WORLD_H
#define TRAFFIC_WORLD_H

#include <vmbus/drivers/traffic.h>

#include "sim/vmb_sim_live.h"

#define TRAFFIC_DEVICES 6u
#define TRAFFIC_BUFFER  2048u

struct traffic_world;

/* One device, both ends. */
struct traffic_device {
    struct traffic_world *world;
    uint32_t index;
    struct vmb_traffic_guest guest;
    struct vmb_traffic_host host;
    _Alignas(8) uint8_t guest_buffer[TRAFFIC_BUFFER];
    _Alignas(8) uint8_t host_buffer[TRAFFIC_BUFFER];
    struct vmb_host_channel *host_channel; /* The host's control plane. */
    struct vmb_channel *channel;           /* The guest's control plane. */
    vmb_atomic_u32 state;                  /* enum traffic_state. */
    vmb_atomic_u32 ends;                   /* Requests on the channel that have ended. */
    vmb_atomic_u32 end_status;             /* Of the last one: 1 - status. */
    vmb_atomic_u32 released;               /* The host's end is gone. */
};

enum traffic_state {
    TRAFFIC_ABSENT,
    TRAFFIC_OFFERED,
    TRAFFIC_OPEN,
    TRAFFIC_CLOSED
};

struct traffic_world {
    struct vmb_sim_live *live;
    struct traffic_device devices[TRAFFIC_DEVICES];
    bool open_at_once;     /* Open each channel when it is offered. */
    uint32_t expect_pages; /* At the end: of a host below 1.1, which confirms no Unload. */
    uint64_t packet_limit; /* Of each device's requests. */
    vmb_atomic_u32 failed; /* Opens or closes that did not end with VMB_OK or _GONE. */
};

/* Start a world with all devices offered; connect it with vmb_sim_live_connect(). */
void traffic_world_start(struct traffic_world *world, struct vmb_sim_world_options *options);

/* Every device has sent its requests and has had every answer. */
bool traffic_world_done(void *world);

/* Stop it; nothing may be left, and every packet that came must have been right. */
void traffic_world_stop(struct traffic_world *world);

/* On a device, in the right control plane; each waits for nothing. */
void traffic_device_open(struct traffic_device *device, uint32_t vp);
void traffic_device_close(struct traffic_device *device);
void traffic_device_move(struct traffic_device *device, uint32_t vp);
void traffic_device_revoke(struct traffic_device *device);

#endif /* TRAFFIC_WORLD_H */
