/* SPDX-License-Identifier: MIT */
#include "devices.h"

#include <stddef.h>

#include <vmbus/proto/guid.h>

#include "balloon.h"

static struct balloon the_balloon;

static struct device devices[] = {
    {&balloon_driver, &the_balloon, false},
};

#define DEVICE_COUNT (sizeof(devices) / sizeof(devices[0]))

void devices_init(void)
{
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
