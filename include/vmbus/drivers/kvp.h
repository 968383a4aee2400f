/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Key/value exchange: small facts that host and guest tell each other, in four pools, and the IP
 * configuration of the guest's adapters. The host asks, one thing at a time; the guest looks it up.
 *
 * Offered with VMB_OFFER_PIPE, VMB_GUID_KVP and VMB_INSTANCE_KVP. Texts are UTF-16 with their
 * terminator: vmb_kvp_text_encode() and vmb_kvp_text_decode().
 */
#ifndef VMB_DRIVERS_KVP_H
#define VMB_DRIVERS_KVP_H

#include <vmbus/driver.h>
#include <vmbus/drivers/ic.h>
#include <vmbus/proto/kvp.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

struct vmb_host_channel;
struct vmb_host_hooks;

/** Room for the longest message: IP configuration with its headers, as packets round it. */
#define VMB_KVP_BUFFER_BYTES 7464u

/* ---- Guest ----------------------------------------------------------------------------------- */

/** What a guest needs from you. */
struct vmb_kvp_guest_options {
    uint32_t struct_bytes; /**< sizeof this struct. */
    void *context;         /**< Passed back first, untouched. */

    /**
     * Required. The host gets, sets, deletes or enumerates; @p item says which, and where. To get
     * and to enumerate, put in value_type and value, and to enumerate also the key: they may point
     * to memory of your own, which is read as soon as this returns.
     *
     * @return VMB_IC_STATUS_OK; VMB_IC_STATUS_NOT_FOUND; VMB_IC_STATUS_NO_MORE_ITEMS beyond the
     *         last index; or another VMB_IC_STATUS_ value. From on_event.
     */
    uint32_t (*item)(void *context, struct vmb_kvp_item *item);
    /**
     * The host gets or sets the IP configuration of @p ip's adapter. To get, fill in the rest, as
     * above. NULL: not supported. From on_event.
     */
    uint32_t (*ip)(void *context, struct vmb_kvp_ip *ip);
    /** The host broke the ring: close the channel. May be NULL. From on_event. */
    void (*failed)(void *context, vmb_status status);
};

/** The guest's side. Embed it; the members are private but for ic.counters. */
struct vmb_kvp_guest {
    struct vmb_ic_guest ic;
    struct vmb_kvp_guest_options options;
    uint8_t answer[VMB_KVP_BODY_BYTES_MAX]; /* Before it goes over the request. */
    uint8_t buffer[VMB_KVP_BUFFER_BYTES];
};

/**
 * Make a guest's device.
 *
 * @retval VMB_OK                    Pass it as `device` together with vmb_kvp_guest_driver().
 * @retval VMB_ERR_INVALID_ARGUMENT  options->item is NULL, or struct_bytes is wrong.
 *
 * Context: any; the device is not in use.
 */
VMB_NODISCARD vmb_status vmb_kvp_guest_init(struct vmb_kvp_guest *device,
                                            const struct vmb_kvp_guest_options *options);

/**
 * The driver table of the guest's side.
 *
 * Context: any.
 */
const struct vmb_driver *vmb_kvp_guest_driver(void);

/* ---- Host ------------------------------------------------------------------------------------ */

/** Wishes. Zero means the default, but for the clock. */
struct vmb_kvp_host_options {
    uint32_t struct_bytes; /**< sizeof this struct. */
    uint64_t patience_ns;  /**< For an answer. Default 10 s. */
    void *context;         /**< Passed to the functions below. */

    /** A clock that never goes back, in ns. Required. */
    uint64_t (*now_ns)(void *context);
    /** The guest can be asked from now on, or not any more. May be NULL. From on_event. */
    void (*ready)(void *context, bool ready);
    /**
     * The end of a request, told once: VMB_OK: done; VMB_ERR_REFUSED: not, and @p ic_status says
     * why (VMB_IC_STATUS_NO_MORE_ITEMS, VMB_IC_STATUS_NOT_FOUND and so on); VMB_ERR_MALFORMED: the
     * answer makes no sense; VMB_ERR_TIMEOUT; VMB_ERR_GONE. May be NULL. From on_event; the next
     * request may be made from here.
     *
     * @param item  What the guest says to a vmb_kvp_host_request(); with VMB_OK only, else NULL.
     * @param ip    Likewise, to a vmb_kvp_host_request_ip().
     */
    void (*answered)(void *context, vmb_status status, uint32_t ic_status,
                     const struct vmb_kvp_item *item, const struct vmb_kvp_ip *ip);
    /** The guest broke the ring: revoke the channel. May be NULL. From on_event. */
    void (*failed)(void *context, vmb_status status);
};

/** The host's side. Embed it; the members are private but for ic.counters. */
struct vmb_kvp_host {
    struct vmb_ic_host ic;
    struct vmb_kvp_host_options options;
    struct vmb_ic_version version;
    bool is_ready;     /* Versions are agreed upon. */
    uint8_t operation; /* Of the request under way. */
    uint32_t index;    /* Likewise, to enumerate. */
    uint8_t body[VMB_KVP_BODY_BYTES_MAX];
    uint8_t buffer[VMB_KVP_BUFFER_BYTES];
};

/**
 * Make a host's device.
 *
 * @retval VMB_OK                    Pass it as `device` together with vmb_kvp_host_driver().
 * @retval VMB_ERR_INVALID_ARGUMENT  No clock, or struct_bytes is wrong.
 *
 * Context: any; the device is not in use.
 */
VMB_NODISCARD vmb_status vmb_kvp_host_init(struct vmb_kvp_host *device,
                                           const struct vmb_kvp_host_options *options);

/**
 * The driver table of the host's side.
 *
 * Context: any.
 */
const struct vmb_driver *vmb_kvp_host_driver(void);

/**
 * For hooks.save of the channel, see <vmbus/host_channel.h>: the versions agreed upon and a
 * request under way, whose end the restored device tells.
 *
 * Results as of that hook.
 *
 * Context: as that hook.
 */
VMB_NODISCARD vmb_status vmb_kvp_host_save(void *device, struct vmb_host_channel *channel,
                                           bool open, void *buffer, size_t buffer_bytes,
                                           size_t *out_bytes);

/**
 * For hooks.restore of the channel. Tells options.ready, if the guest can be asked.
 *
 * @retval VMB_OK             The device goes on.
 * @retval VMB_ERR_MALFORMED  These bytes are not from such a device, or do not fit it.
 *
 * Context: as that hook.
 */
VMB_NODISCARD vmb_status vmb_kvp_host_restore(void *device, struct vmb_host_channel *channel,
                                              struct vmb_endpoint *endpoint, const void *bytes,
                                              size_t byte_count);

/**
 * Hooks that have these two and nothing else, for a host that needs no others.
 *
 * Context: any.
 */
const struct vmb_host_hooks *vmb_kvp_host_hooks(void);

/**
 * Get, set, delete or enumerate. Ends with options.answered.
 *
 * To find a key, enumerate: guests of Linux answer VMB_KVP_GET with the first two characters of
 * the value missing, since Hyper-V never asks that way.
 *
 * @param item  What the operation needs; read before this returns.
 *
 * @retval VMB_OK                    Under way.
 * @retval VMB_ERR_WRONG_STATE       The guest has not opened the channel, or is too strange.
 * @retval VMB_ERR_BUSY              A request or a negotiation is under way: wait for its end.
 * @retval VMB_ERR_INVALID_ARGUMENT  No such operation, or key or value too long.
 *
 * Context: as on_event.
 */
VMB_NODISCARD vmb_status vmb_kvp_host_request(struct vmb_kvp_host *device,
                                              const struct vmb_kvp_item *item);

/**
 * Get or set the IP configuration of an adapter. Ends with options.answered.
 *
 * @param ip  What the operation needs; read before this returns.
 *
 * @retval VMB_OK                    Under way.
 * @retval VMB_ERR_WRONG_STATE       The guest has not opened the channel, or is too strange.
 * @retval VMB_ERR_BUSY              A request or a negotiation is under way: wait for its end.
 * @retval VMB_ERR_VERSION           Before version 4.0 there is no such request.
 * @retval VMB_ERR_INVALID_ARGUMENT  No such operation, or a text that is too long.
 *
 * Context: as on_event.
 */
VMB_NODISCARD vmb_status vmb_kvp_host_request_ip(struct vmb_kvp_host *device,
                                                 const struct vmb_kvp_ip *ip);

/**
 * When on_event must run even if the guest sends nothing: vmb_host_kick() makes it.
 *
 * @return A time of the device's clock in ns, or VMB_NEVER.
 *
 * Context: as on_event.
 */
uint64_t vmb_kvp_host_next_deadline_ns(const struct vmb_kvp_host *device);

VMB_END_DECLS

#endif /* VMB_DRIVERS_KVP_H */
