/* SPDX-License-Identifier: MIT */
#include "devices.h"

#include <stddef.h>

#include <vmbus/proto/guid.h>

#include "balloon.h"
#include "disk.h"
#include "services.h"
#include "traffic.h"

enum device_index {
    DEVICE_HEARTBEAT,
    DEVICE_SHUTDOWN,
    DEVICE_TIMESYNC,
    DEVICE_BALLOON,
    DEVICE_TRAFFIC,
    DEVICE_DISK, /* A channel each. */
    DEVICE_COUNT = DEVICE_DISK + DISK_CHANNELS
};

static struct services services;
static struct balloon balloon;
static struct vmb_traffic_guest traffic;

static struct device devices[DEVICE_COUNT];

static void devices_init_disk(void)
{
    struct vmb_stor_guest *disk = disk_init();
    uint16_t i;

    for (i = 0; i < DISK_CHANNELS; i++) {
        devices[DEVICE_DISK + i] = (struct device){
            .driver = vmb_stor_guest_driver(),
            .instance = vmb_stor_guest_device(disk, i),
            .sub_channel = i,
            .open = disk_open,
        };
    }
}

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
    devices_init_disk();
}

struct device *devices_claim(const struct vmb_msg_offer *offer)
{
    size_t i;

    for (i = 0; i < DEVICE_COUNT; i++) {
        if (!devices[i].taken && devices[i].sub_channel == offer->subchannel_index &&
            vmb_guid_equal(&devices[i].driver->class_id, &offer->interface_guid)) {
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
           (!devices[DEVICE_TRAFFIC].taken || traffic_settled(&traffic)) &&
           (!devices[DEVICE_DISK].taken || disk_settled());
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
    if (devices[DEVICE_DISK].taken) {
        disk_say();
    }
}
