/* SPDX-License-Identifier: MIT */
#include "devices.h"

#include <stddef.h>

#include <vmbus/proto/guid.h>

#include "balloon.h"
#include "services.h"
#include "traffic.h"

enum device_index {
    DEVICE_HEARTBEAT,
    DEVICE_SHUTDOWN,
    DEVICE_TIMESYNC,
    DEVICE_BALLOON,
    DEVICE_TRAFFIC,
    DEVICE_COUNT
};

static struct services services;
static struct balloon balloon;
static struct vmb_traffic_guest traffic;

static struct device devices[DEVICE_COUNT];

void devices_init(void)
{
    services_init(&services);
    traffic_init(&traffic);
    devices[DEVICE_HEARTBEAT] = (struct device){
        .driver = vmb_heartbeat_guest_driver(),
        .instance = &services.heartbeat,
    };
    devices[DEVICE_SHUTDOWN] = (struct device){
        .driver = vmb_shutdown_guest_driver(),
        .instance = &services.shutdown,
    };
    devices[DEVICE_TIMESYNC] = (struct device){
        .driver = vmb_timesync_guest_driver(),
        .instance = &services.timesync,
    };
    devices[DEVICE_BALLOON] = (struct device){
        .driver = &balloon_driver,
        .instance = &balloon,
    };
    devices[DEVICE_TRAFFIC] = (struct device){
        .driver = vmb_traffic_guest_driver(),
        .instance = &traffic,
    };
}

struct device *devices_claim(const struct vmb_guid *class_id)
{
    size_t i;

    for (i = 0; i < DEVICE_COUNT; i++) {
        if (!devices[i].taken && vmb_guid_equal(&devices[i].driver->class_id, class_id)) {
            devices[i].taken = true;
            return &devices[i];
        }
    }
    return NULL;
}

void devices_moved(void)
{
    if (devices[DEVICE_TRAFFIC].taken) {
        traffic_moved(&traffic);
    }
}

bool devices_settled(void)
{
    return (!devices[DEVICE_BALLOON].taken || balloon_settled(&balloon)) &&
           (!devices[DEVICE_TRAFFIC].taken || traffic_settled(&traffic));
}

bool devices_await_shutdown(void)
{
    return devices[DEVICE_SHUTDOWN].taken;
}

bool devices_shutdown_asked(void)
{
    return services_shutdown_asked(&services);
}

bool devices_restart_asked(void)
{
    return services_shutdown_asked(&services) && services.restart;
}

void devices_say(void)
{
    if (devices[DEVICE_HEARTBEAT].taken || devices[DEVICE_SHUTDOWN].taken ||
        devices[DEVICE_TIMESYNC].taken) {
        services_say(&services);
    }
    if (devices[DEVICE_TRAFFIC].taken) {
        traffic_say(&traffic);
    }
}
