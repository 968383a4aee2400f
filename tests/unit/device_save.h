/* SPDX-License-Identifier: MIT */
/* A device is saved and another one of its kind goes on with it, over the same rings. */
#ifndef DEVICE_SAVE_H
#define DEVICE_SAVE_H

#include "endpoint_pair.h"

#include <vmbus/host_channel.h>

#define BLOB_BYTES 32768u

struct blob {
    uint8_t bytes[BLOB_BYTES];
    size_t byte_count;
};

static struct blob blob;

/* Asks for the size first, and finds that it is right. */
static inline void save(const struct vmb_host_hooks *hooks, void *device, bool open)
{
    size_t needed = 0;

    assert_int_equal(hooks->save(device, NULL, open, NULL, 0, &needed), VMB_ERR_TOO_SMALL);
    assert_true(needed > 0 && needed <= BLOB_BYTES);
    assert_int_equal(hooks->save(device, NULL, open, blob.bytes, needed - 1, &blob.byte_count),
                     VMB_ERR_TOO_SMALL);
    assert_int_equal(blob.byte_count, needed);
    assert_int_equal(hooks->save(device, NULL, open, blob.bytes, needed, &blob.byte_count), VMB_OK);
    assert_int_equal(blob.byte_count, needed);
}

static inline void restore(const struct vmb_host_hooks *hooks, void *device, struct pair *pair)
{
    assert_int_equal(
        hooks->restore(device, NULL, &pair->host.endpoint, blob.bytes, blob.byte_count), VMB_OK);
    pair->host.device = device;
    pair->host.rung = true; /* As a restored host does. */
    pair->guest.rung = true;
}

/* Damaged bytes are refused or taken; a device that has taken them runs and can be closed. */
static inline void damage(const struct vmb_host_hooks *hooks, void *device, size_t device_bytes,
                          const struct vmb_driver *driver, struct pair *pair)
{
    void *fresh = malloc(device_bytes);

    memcpy(fresh, device, device_bytes);
    for (size_t i = 0; i < blob.byte_count; i++) {
        uint8_t *cut = malloc(i + 1);

        memcpy(cut, blob.bytes, i);
        assert_int_equal(hooks->restore(device, NULL, &pair->host.endpoint, cut, i),
                         VMB_ERR_MALFORMED);
        free(cut);
        for (uint32_t bit = 0; bit < 8; bit++) {
            vmb_status status;

            blob.bytes[i] ^= (uint8_t)(1u << bit);
            status =
                hooks->restore(device, NULL, &pair->host.endpoint, blob.bytes, blob.byte_count);
            assert_true(status == VMB_OK || status == VMB_ERR_MALFORMED);
            if (status == VMB_OK) {
                driver->on_event(device);
                driver->closed(device, VMB_OK);
            }
            blob.bytes[i] ^= (uint8_t)(1u << bit);
            memcpy(device, fresh, device_bytes);
        }
    }
    /* Open for one and closed for the other. */
    assert_int_equal(hooks->restore(device, NULL, NULL, blob.bytes, blob.byte_count),
                     VMB_ERR_MALFORMED);
    free(fresh);
}

#endif /* DEVICE_SAVE_H */
