/* SPDX-License-Identifier: MIT */
/**
 * @file
 * What a device driver gives the core, in either role. The library's own drivers use nothing else.
 */
#ifndef VMB_DRIVER_H
#define VMB_DRIVER_H

#include <vmbus/endpoint.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** How a channel's events reach its driver. */
enum vmb_notify {
    /**
     * A ready flag is set in the interrupt; the handler runs when the port calls
     * vmb_guest_run(). The inbound ring is masked from the event until it has been drained, so a
     * burst costs one interrupt. The right choice for most devices.
     */
    VMB_NOTIFY_DEFERRED = 0,
    /** The handler runs in the interrupt, at once, and the ring is never masked. */
    VMB_NOTIFY_DIRECT = 1,
    /**
     * The handler runs in the interrupt, once, with the ring masked, and only says "poll me". No
     * further event comes until the poller has emptied the ring and vmb_channel_rearm() agreed.
     */
    VMB_NOTIFY_POLLED = 2
};

/**
 * One kind of device. Constant, shared by all instances; an instance is a `device` pointer.
 *
 * Order of calls for an instance: opened, then any number of on_event, then closed, then perhaps
 * opened again. on_event never runs twice at once for one instance, never before opened has
 * returned and never after closed has been called.
 */
struct vmb_driver {
    const char *name;         /**< For logs and listings. */
    struct vmb_guid class_id; /**< The interface GUID of the offers it serves. */
    uint32_t tx_pages;        /**< Guest: data pages of the outbound ring; 0 means 4. */
    uint32_t rx_pages;        /**< Guest: data pages of the inbound ring; 0 means 4. */
    enum vmb_notify notify;   /**< Guest: how events arrive. */

    /** The channel is open. The endpoint stays valid until `closed` returns. Control plane. */
    void (*opened)(void *device, struct vmb_endpoint *endpoint);
    /**
     * The peer signalled, or may have: read until empty, go on writing if you waited for space.
     * A deferred handler that reads some packets and leaves others is called again. One that reads
     * none waits for something: for space (vmb_endpoint_wait_space()), for packets, or for whoever
     * calls vmb_channel_kick() or vmb_host_kick().
     */
    void (*on_event)(void *device);
    /**
     * The channel is closed, or VMB_ERR_GONE: rescinded or revoked. Do not touch the endpoint once
     * this has returned. Control plane.
     */
    void (*closed)(void *device, vmb_status reason);
};

VMB_END_DECLS

#endif /* VMB_DRIVER_H */
