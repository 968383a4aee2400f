/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A channel as its host sees it: offered, opened by the guest, served by a device, taken back.
 *
 * A device is a `struct vmb_driver` as in a guest, plus optional hooks that only a host needs.
 * The life of a channel towards the guest, and who moves it on (VMBus, as openvmm's server has
 * it; G is the guest, D the device, H the embedder):
 *
 *     CLIENT_RELEASED --offers requested (G)--> CLOSED --open (G)--> OPENING --accepted (D)--> OPEN
 *            ^                                  |  ^                    |                       |
 *            +------- relid released (G) -------+  +--- refused (D) ----+        close (G)      |
 *            |                                     +------ stopped (D) ------ CLOSING <---------+
 *            |                                                                  |  open (G)
 *            +-- relid released (G) -- REVOKED <-- revoke (H), from any      CLOSING_REOPEN
 *                                         |
 *                                      offer (H) --> REOFFERED -- relid released (G) --> CLOSED
 *
 * If the guest leaves the bus, OPENING becomes OPENING_CLIENT_RELEASE, and OPEN and CLOSING become
 * CLOSING_CLIENT_RELEASE until the device has stopped.
 */
#ifndef VMB_HOST_CHANNEL_H
#define VMB_HOST_CHANNEL_H

#include <vmbus/driver.h>
#include <vmbus/endpoint.h>
#include <vmbus/proto/message.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

struct vmb_host;

/** One channel of a host. Opaque; from vmb_host_offer() until hooks.released. */
struct vmb_host_channel;

/** A GPADL: memory that the guest has shared with one channel's device. Opaque. */
struct vmb_host_gpadl;

/** Where a channel is towards its guest. */
enum vmb_host_channel_state {
    VMB_HOST_CHANNEL_CLIENT_RELEASED = 1, /**< The guest does not know it: no relid. */
    VMB_HOST_CHANNEL_CLOSED = 2,          /**< Offered. */
    VMB_HOST_CHANNEL_OPENING = 3,         /**< The device has been asked. */
    VMB_HOST_CHANNEL_OPEN = 4,            /**< Running, perhaps as a reserved channel. */
    VMB_HOST_CHANNEL_CLOSING = 5,         /**< The device is stopping. */
    VMB_HOST_CHANNEL_CLOSING_REOPEN = 6,  /**< And the guest has asked to open it again. */
    VMB_HOST_CHANNEL_REVOKED = 7,         /**< Taken back; its relid is still the guest's. */
    VMB_HOST_CHANNEL_REOFFERED = 8,       /**< And the device is back, to be offered then. */
    VMB_HOST_CHANNEL_OPENING_CLIENT_RELEASE = 9,
    VMB_HOST_CHANNEL_CLOSING_CLIENT_RELEASE = 10
};

/** What a guest asks for when it opens a channel. Valid during the call that passes it. */
struct vmb_host_open {
    const uint8_t *user_data; /**< VMB_USER_DEFINED_BYTES bytes; zero for a reserved channel. */
    uint32_t target_vp;       /**< VMB_VP_NONE: the guest polls. */
    uint32_t tx_data_bytes;   /**< Of the ring to the guest. */
    uint32_t rx_data_bytes;   /**< Of the ring from the guest. */
    bool reserved;            /**< Opened as a reserved channel: no interrupts, survives unload. */
};

/** A part of a GPADL that is consecutive for the guest, as the host sees it. */
struct vmb_host_gpadl_range {
    uint8_t VMB_SHARED *base; /**< The first byte, or NULL if the GPADL is not mapped. */
    uint32_t byte_count;
};

/**
 * What a host's device may want to know beyond `struct vmb_driver`. Constant; every member may be
 * NULL. All are called from the control plane, so each may call control-plane functions.
 */
struct vmb_host_hooks {
    uint32_t struct_bytes; /**< sizeof this struct. */

    /**
     * The guest asks to open the channel; the rings have been checked and mapped.
     * VMB_OK: accept, `driver->opened` follows. VMB_ERR_BUSY: vmb_host_open_done() will be called.
     * Anything else: refuse. NULL: accept.
     */
    vmb_status (*open)(void *device, struct vmb_host_channel *channel,
                       const struct vmb_host_open *request);
    /**
     * Stop touching the guest's memory: on_event does not run any more. VMB_OK: stopped,
     * `driver->closed` follows. VMB_ERR_BUSY: work is in flight, vmb_host_close_done() will be
     * called. NULL: stopped when `driver->closed` returns.
     */
    vmb_status (*close)(void *device, struct vmb_host_channel *channel);
    /**
     * The guest shares memory. VMB_OK: accept it, and vmb_host_gpadl_get() finds it from then on;
     * anything else: refuse. NULL: accept. The rings come by as well: nobody knows them yet.
     */
    vmb_status (*gpadl_created)(void *device, struct vmb_host_channel *channel, uint32_t handle);
    /** The guest wants it back: vmb_host_gpadl_put() what you hold, or it waits for ever. */
    void (*gpadl_teardown)(void *device, struct vmb_host_channel *channel, uint32_t handle);
    /** The guest has moved its interrupts to @p target_vp; move your worker if you like. */
    void (*modified)(void *device, struct vmb_host_channel *channel, uint32_t target_vp);
    /** vmb_host_request_control() has been called. */
    void (*control)(void *device, struct vmb_host_channel *channel);
    /** The end of vmb_host_revoke(): neither @p device nor the channel is used any more. */
    void (*released)(void *device);
    /**
     * vmb_host_save(): write what this device needs to go on elsewhere; @p open says whether the
     * channel is open. VMB_OK: *out_bytes written. VMB_ERR_TOO_SMALL: *out_bytes are needed.
     * VMB_ERR_BUSY: work is in flight that cannot be written down. Change nothing. NULL: a restored
     * guest sees the device go and come back, if it was open. Do not save work on a GPADL whose
     * gpadl_teardown has come: it does not come back.
     */
    vmb_status (*save)(void *device, struct vmb_host_channel *channel, bool open, void *buffer,
                       size_t buffer_bytes, size_t *out_bytes);
    /**
     * vmb_host_restore(), to a device as after its init: read what `save` has written. With an
     * @p endpoint the channel is open: this stands for `opened`, the rings go on where they were,
     * on_event follows, and vmb_host_gpadl_get() finds the GPADLs. NULL: it is not. VMB_OK;
     * anything else undoes the whole restore, and neither `closed` nor anything follows for this
     * device. The bytes may be anything: check them. NULL although `save` is not: refused.
     */
    vmb_status (*restore)(void *device, struct vmb_host_channel *channel,
                          struct vmb_endpoint *endpoint, const void *bytes, size_t byte_count);
};

/** A device to offer. Zero means the default, for every field but the first ones. */
struct vmb_host_offer_options {
    uint32_t struct_bytes;              /**< sizeof this struct. */
    const struct vmb_driver *driver;    /**< Required; outlives the channel. */
    void *device;                       /**< Passed to the functions of driver and hooks. */
    const struct vmb_host_hooks *hooks; /**< May be NULL; outlives the channel. */
    struct vmb_guid class_id;           /**< Interface GUID. All zero: the driver's class_id. */
    struct vmb_guid instance_id;        /**< The device; the same for all its channels. */
    uint16_t subchannel_index;          /**< 0: the device's primary channel. */
    uint16_t order;                     /**< Lower is offered earlier among its class. */
    uint16_t flags;                     /**< VMB_OFFER_ bits. */
    uint16_t mmio_megabytes;
    uint16_t optional_mmio_megabytes;
    bool monitored;              /**< Wants a monitor id, so that the guest signals lazily. */
    const void *user_defined;    /**< Class-specific bytes of the offer; copied. See offer.h. */
    uint32_t user_defined_bytes; /**< Up to VMB_USER_DEFINED_BYTES; the rest is zero. */
};

/** Counters of a channel; they only grow. */
struct vmb_host_channel_counters {
    uint64_t signals;       /**< Doorbells of the guest: the sum of the next three. */
    uint64_t started;       /**< Made the channel ready. */
    uint64_t coalesced;     /**< Found it ready or running: it ran again. */
    uint64_t stray;         /**< Found it not open. */
    uint64_t handler_runs;  /**< Calls of on_event. */
    uint64_t events_raised; /**< Interrupts to the guest. */
    uint64_t opens;         /**< Times it was open. */
    uint64_t retargets;     /**< Changes of the target VP. */
};

/**
 * Put a device on the bus. The guest is told when it asks for offers, or at once if it has.
 * A sub-channel has the class and instance of its primary channel and an index from 1 on; it is
 * offered when the guest's device protocol has asked for it, which is the device's business.
 *
 * A device that comes back while the guest still has the relid of its revoked channel gets that
 * channel again (VMB_HOST_CHANNEL_REOFFERED), and is offered when the guest has let go.
 *
 * @param out_channel  Written on VMB_OK; valid until hooks.released. May be NULL.
 *
 * @retval VMB_OK                    On the bus.
 * @retval VMB_ERR_INVALID_ARGUMENT  No driver, too many bytes, or no primary channel for an index.
 * @retval VMB_ERR_WRONG_STATE       This (class, instance, index) is on the bus already.
 * @retval VMB_ERR_BUSY              It has been revoked but not released: wait for hooks.released.
 * @retval VMB_ERR_LIMIT             options.channel_limit is reached.
 *
 * Context: control plane. VMBus: OfferChannel.
 */
VMB_NODISCARD vmb_status vmb_host_offer(struct vmb_host *host,
                                        const struct vmb_host_offer_options *options,
                                        struct vmb_host_channel **out_channel);

/**
 * Take a device off the bus, in any state. If it is open, on_event stops and `closed` is called
 * with VMB_ERR_GONE; then the guest is told. Requests that wait for the device's answer are
 * over: do not answer them. Revoke sub-channels as well, in any order.
 *
 * @retval VMB_OK               Under way; ends with hooks.released, perhaps before this returns.
 *                              The pointer is not valid after that.
 * @retval VMB_ERR_WRONG_STATE  Revoked already.
 *
 * Context: control plane. VMBus: RescindChannelOffer.
 */
VMB_NODISCARD vmb_status vmb_host_revoke(struct vmb_host_channel *channel);

/**
 * Answer an open that hooks.open has put off. Not from within hooks.open: that returns its answer.
 *
 * @param status  VMB_OK: accept; anything else: refuse.
 *
 * @retval VMB_OK               Answered; on acceptance `driver->opened` has been called.
 * @retval VMB_ERR_GONE         The guest has left meanwhile; nothing is open.
 * @retval VMB_ERR_WRONG_STATE  No open waits for an answer.
 *
 * Context: control plane. VMBus: OpenChannelResult.
 */
VMB_NODISCARD vmb_status vmb_host_open_done(struct vmb_host_channel *channel, vmb_status status);

/**
 * Say that the device has stopped, after hooks.close has put it off.
 *
 * @retval VMB_OK               `driver->closed` has been called.
 * @retval VMB_ERR_WRONG_STATE  No close waits for an answer.
 *
 * Context: control plane.
 */
VMB_NODISCARD vmb_status vmb_host_close_done(struct vmb_host_channel *channel);

/**
 * Make on_event run soon, as if the guest had signalled: for a device whose back end is ready.
 * Without effect unless the channel is open.
 *
 * Context: isr-ok; any thread, also from within on_event.
 */
void vmb_host_kick(struct vmb_host_channel *channel);

/**
 * Have hooks.control called by the next vmb_host_poll(): for on_event, which may not call
 * control-plane functions, when a guest asks for sub-channels or has broken its ring. Also while
 * the channel is being revoked; without effect once hooks.released has been called.
 *
 * Context: isr-ok; any thread, also from within on_event.
 */
void vmb_host_request_control(struct vmb_host_channel *channel);

/**
 * Find a GPADL that the guest has shared with this channel, and hold it: it stays mapped, even if
 * the guest tears it down, until vmb_host_gpadl_put().
 *
 * @retval VMB_OK           *out_gpadl is held.
 * @retval VMB_ERR_REFUSED  The guest has not shared that, or has asked for it back.
 *
 * Context: any thread, while the channel is open. Bounded by options.gpadl_limit.
 */
VMB_NODISCARD vmb_status vmb_host_gpadl_get(struct vmb_host_channel *channel, uint32_t handle,
                                            struct vmb_host_gpadl **out_gpadl);

/**
 * Let go of a held GPADL. It may be unmapped at once: do not touch its memory any more.
 * At the latest in `driver->closed`.
 *
 * Context: any thread.
 */
void vmb_host_gpadl_put(struct vmb_host_gpadl *gpadl);

/**
 * The memory of one range of a held GPADL. Every byte may change at any time.
 *
 * @param index  From 0; nearly every GPADL has one range only.
 *
 * @retval VMB_OK                    *out_range is good until vmb_host_gpadl_put().
 * @retval VMB_ERR_INVALID_ARGUMENT  There is no such range.
 *
 * Context: index 0: any thread; others: control plane.
 */
VMB_NODISCARD vmb_status vmb_host_gpadl_range(const struct vmb_host_gpadl *gpadl, uint32_t index,
                                              struct vmb_host_gpadl_range *out_range);

/**
 * Where the channel is towards its guest.
 *
 * Context: control plane.
 */
enum vmb_host_channel_state vmb_host_channel_state(const struct vmb_host_channel *channel);

/**
 * The relid, or VMB_RELID_NONE while the guest does not know the channel.
 *
 * Context: control plane.
 */
uint32_t vmb_host_channel_relid(const struct vmb_host_channel *channel);

/**
 * The VP that takes the channel's interrupts; VMB_VP_NONE if none or not open.
 *
 * Context: any thread.
 */
uint32_t vmb_host_channel_target_vp(const struct vmb_host_channel *channel);

/**
 * The connection with which the guest signals the channel; 0 unless it is open.
 *
 * Context: any thread.
 */
uint32_t vmb_host_channel_connection_id(const struct vmb_host_channel *channel);

/**
 * The channel's rings, or NULL unless it is open.
 *
 * Context: control plane, driver callbacks.
 */
struct vmb_endpoint *vmb_host_channel_endpoint(struct vmb_host_channel *channel);

/**
 * The device, class, instance and index, as they were offered.
 *
 * Context: control plane.
 */
void vmb_host_channel_identity(const struct vmb_host_channel *channel, void **out_device,
                               struct vmb_guid *out_class_id, struct vmb_guid *out_instance_id,
                               uint16_t *out_subchannel_index);

/**
 * Read a channel's counters. Each is exact; together they may be a moment apart.
 *
 * Context: any thread.
 */
void vmb_host_channel_read_counters(const struct vmb_host_channel *channel,
                                    struct vmb_host_channel_counters *out_counters);

VMB_END_DECLS

#endif /* VMB_HOST_CHANNEL_H */
