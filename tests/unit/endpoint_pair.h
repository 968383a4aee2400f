/* SPDX-License-Identifier: MIT */
/*
 * Two endpoints over one block of memory, as a guest and a host have them, without a bus: a
 * doorbell sets a flag, pair_run() delivers it to the driver of that side until both are quiet.
 */
#ifndef ENDPOINT_PAIR_H
#define ENDPOINT_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/driver.h>
#include <vmbus/endpoint.h>

struct pair_side {
    struct vmb_endpoint endpoint;
    const struct vmb_driver *driver;
    void *device;
    bool rung;          /* Its doorbell was rung and not yet delivered. */
    uint32_t delivered; /* Events delivered. */
};

struct pair {
    struct pair_side guest;
    struct pair_side host;
    uint8_t *to_host; /* Ring: control page, data. */
    uint8_t *to_guest;
    uint32_t data_bytes;
};

static inline void pair_ring(void *context)
{
    ((struct pair_side *)context)->rung = true;
}

static inline struct pair *pair_new(uint32_t data_bytes)
{
    struct pair *pair = aligned_alloc(VMB_CACHE_LINE_BYTES, (sizeof(*pair) + 63u) & ~(size_t)63u);
    size_t ring_bytes = VMB_RING_MAPPING_BYTES(data_bytes);
    struct vmb_endpoint_rings rings;

    assert_non_null(pair);
    memset(pair, 0, sizeof(*pair));
    pair->data_bytes = data_bytes;
    pair->to_host = aligned_alloc(VMB_PAGE_BYTES, ring_bytes);
    pair->to_guest = aligned_alloc(VMB_PAGE_BYTES, ring_bytes);
    assert_non_null(pair->to_host);
    assert_non_null(pair->to_guest);
    memset(pair->to_host, 0, ring_bytes);
    memset(pair->to_guest, 0, ring_bytes);
    vmb_ring_format(pair->to_host);
    vmb_ring_format(pair->to_guest);
    rings = (struct vmb_endpoint_rings){pair->to_host, pair->to_guest, data_bytes, data_bytes};
    assert_int_equal(vmb_endpoint_init(&pair->guest.endpoint, &rings, pair_ring, &pair->host),
                     VMB_OK);
    rings = (struct vmb_endpoint_rings){pair->to_guest, pair->to_host, data_bytes, data_bytes};
    assert_int_equal(vmb_endpoint_init(&pair->host.endpoint, &rings, pair_ring, &pair->guest),
                     VMB_OK);
    return pair;
}

static inline void pair_free(struct pair *pair)
{
    free(pair->to_host);
    free(pair->to_guest);
    free(pair);
}

static inline void pair_open(struct pair_side *side, const struct vmb_driver *driver, void *device)
{
    side->driver = driver;
    side->device = device;
    driver->opened(device, &side->endpoint);
}

static inline void pair_deliver(struct pair_side *side)
{
    side->rung = false;
    side->delivered++;
    side->driver->on_event(side->device);
}

/* Deliver until both are quiet, or @limit events. Returns true if it became quiet. */
static inline bool pair_run(struct pair *pair, uint32_t limit)
{
    struct pair_side *const sides[] = {&pair->host, &pair->guest};
    uint32_t turn, delivered = 0, before;

    do {
        before = delivered;
        for (turn = 0; turn < 2; turn++) {
            if (sides[turn]->rung && sides[turn]->driver != NULL) {
                pair_deliver(sides[turn]);
                delivered++;
            }
        }
    } while (delivered != before && delivered < limit);
    return delivered == before;
}

#endif /* ENDPOINT_PAIR_H */
