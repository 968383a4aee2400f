/* SPDX-License-Identifier: MIT */
#include "devices.h"

#include <stddef.h>

#include <vmbus/proto/guid.h>

#include "balloon.h"

struct device {
    const struct vmb_driver *driver;
    void *instance;
    bool taken;
};

static struct balloon the_balloon;

static struct device devices[] = {
    {&balloon_driver, &the_balloon, false},
};

#define DEVICE_COUNT (sizeof(devices) / sizeof(devices[0]))

void devices_init(void)
{
}

const struct vmb_driver *devices_claim(const struct vmb_guid *class_id, void **out_device)
{
    size_t i;

    for (i = 0; i < DEVICE_COUNT; i++) {
        struct device *device = &devices[i];

        if (!device->taken && vmb_guid_equal(&device->driver->class_id, class_id)) {
            device->taken = true;
            *out_device = device->instance;
            return device->driver;
        }
    }
    return NULL;
}

bool devices_settled(void)
{
    return !devices[0].taken || balloon_settled(&the_balloon);
}

bool devices_await_shutdown(void)
{
    return false;
}

bool devices_shutdown_asked(void)
{
    return false;
}
