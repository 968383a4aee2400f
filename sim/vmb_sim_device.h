/* SPDX-License-Identifier: MIT */
/*
 * A traffic device of which every call is checked: opened before the first event and once, never
 * run twice at the same time, never run after it was closed, closed once; on both sides.
 */
#ifndef VMB_SIM_DEVICE_H
#define VMB_SIM_DEVICE_H

#include <vmbus/channel.h>
#include <vmbus/drivers/traffic.h>
#include <vmbus/host_channel.h>

#include "sim/vmb_sim_actor.h"
#include "sim/vmb_sim_checks.h"
#include "sim/vmb_sim_random.h"

#define VMB_SIM_DEVICE_BUFFER 1024u

/* One end as its driver has been told. */
struct vmb_sim_device_end {
    bool open;
    bool inside; /* A handler is running. */
    uint32_t opened;
    uint32_t closed;
    uint32_t events;
};

struct vmb_sim_device {
    struct vmb_sim_checks *checks;
    uint32_t number; /* The device's. */
    uint16_t sub;    /* 0: its primary channel. */
    enum vmb_notify notify;
    struct vmb_sim_device_end guest_end;
    struct vmb_sim_device_end host_end;
    struct vmb_traffic_guest guest;
    struct vmb_traffic_host host;
    bool poll_due;                /* VMB_NOTIFY_POLLED: the poller has been told. */
    struct vmb_sim_actor *poller; /* Whom to wake then. */
    _Alignas(8) uint8_t guest_buffer[VMB_SIM_DEVICE_BUFFER];
    _Alignas(8) uint8_t host_buffer[VMB_SIM_DEVICE_BUFFER];
};

/* Make both ends; what traffic they have, and how events reach it, follows from @random. */
void vmb_sim_device_init(struct vmb_sim_device *device, struct vmb_sim_checks *checks,
                         uint32_t number, uint16_t sub, struct vmb_sim_random *random,
                         uint64_t (*now_ns)(void *context), void *now_context);

/* The drivers; the vmb_sim_device is their `device`. */
const struct vmb_driver *vmb_sim_device_guest_driver(const struct vmb_sim_device *device);
const struct vmb_driver *vmb_sim_device_host_driver(void);

/* The host's end as after its init: for another host, which is restored from what this one saved.
 */
void vmb_sim_device_host_anew(struct vmb_sim_device *device);

/* For hooks of the host's channel: the traffic goes on where it was, and that it is open again. */
VMB_NODISCARD vmb_status vmb_sim_device_host_save(void *device, struct vmb_host_channel *channel,
                                                  bool open, void *buffer, size_t buffer_bytes,
                                                  size_t *out_bytes);
VMB_NODISCARD vmb_status vmb_sim_device_host_restore(void *device, struct vmb_host_channel *channel,
                                                     struct vmb_endpoint *endpoint,
                                                     const void *bytes, size_t byte_count);

/* VMB_NOTIFY_POLLED: read, then ask for events again. True: poll again. The poller. */
bool vmb_sim_device_poll(struct vmb_sim_device *device, struct vmb_channel *channel);

/* Requests that were answered, over all times it was open. */
uint64_t vmb_sim_device_answered(const struct vmb_sim_device *device);

/* Look at the counters of both ends: anything wrong is a violation. */
void vmb_sim_device_check(struct vmb_sim_device *device);

#endif /* VMB_SIM_DEVICE_H */
