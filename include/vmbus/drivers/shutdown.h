/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Shutdown: the host asks the guest to power off, to restart or to hibernate. The guest answers
 * first and then goes.
 *
 * Offered with VMB_OFFER_PIPE, VMB_GUID_SHUTDOWN and VMB_INSTANCE_SHUTDOWN.
 */
#ifndef VMB_DRIVERS_SHUTDOWN_H
#define VMB_DRIVERS_SHUTDOWN_H

#include <vmbus/driver.h>
#include <vmbus/drivers/ic.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

struct vmb_host_channel;
struct vmb_host_hooks;

/** Room for the longest request, its text included. */
#define VMB_SHUTDOWN_BUFFER_BYTES 2304u

/** What the guest is asked to do. */
enum vmb_shutdown_kind {
    VMB_SHUTDOWN_POWER_OFF = 0,
    VMB_SHUTDOWN_RESTART = 1,  /**< From version 3.1 on. */
    VMB_SHUTDOWN_HIBERNATE = 2 /**< From version 3.2 on. */
};

/** A request. */
struct vmb_shutdown_request {
    enum vmb_shutdown_kind kind;
    bool force;               /**< Do not let programs object. */
    uint32_t reason;          /**< As Windows counts them; VMB_IC_SHUTDOWN_REASON_PLANNED. */
    uint32_t timeout_seconds; /**< How long programs may take. */
    const uint8_t *text;      /**< For people; not terminated. NULL if none. */
    uint32_t text_bytes;      /**< Below VMB_IC_SHUTDOWN_TEXT_BYTES. */
};

/* ---- Guest ----------------------------------------------------------------------------------- */

/** What a guest needs from you. */
struct vmb_shutdown_guest_options {
    uint32_t struct_bytes; /**< sizeof this struct. */
    void *context;         /**< Passed back first, untouched. */

    /**
     * Whether to do as asked; on false the host is told that it failed. NULL: power off and
     * restart are accepted, hibernation is not. From on_event; the request is good during the call.
     */
    bool (*accept)(void *context, const struct vmb_shutdown_request *request);
    /**
     * Required. The host has its answer: go. From on_event, so begin it and return; the request is
     * good during the call.
     */
    void (*go)(void *context, const struct vmb_shutdown_request *request);
    /** The host broke the ring: close the channel. May be NULL. From on_event. */
    void (*failed)(void *context, vmb_status status);
};

/** The guest's side. Embed it; the members are private but for ic.counters. */
struct vmb_shutdown_guest {
    struct vmb_ic_guest ic;
    struct vmb_shutdown_guest_options options;
    struct vmb_shutdown_request accepted; /* If accepted; its text is in the buffer. */
    bool is_accepted;
    uint8_t buffer[VMB_SHUTDOWN_BUFFER_BYTES];
};

/**
 * Make a guest's device.
 *
 * @retval VMB_OK                    Pass it as `device` together with vmb_shutdown_guest_driver().
 * @retval VMB_ERR_INVALID_ARGUMENT  options->go is NULL, or struct_bytes is wrong.
 *
 * Context: any; the device is not in use.
 */
VMB_NODISCARD vmb_status vmb_shutdown_guest_init(struct vmb_shutdown_guest *device,
                                                 const struct vmb_shutdown_guest_options *options);

/**
 * The driver table of the guest's side.
 *
 * Context: any.
 */
const struct vmb_driver *vmb_shutdown_guest_driver(void);

/* ---- Host ------------------------------------------------------------------------------------ */

/** Wishes. Zero means the default, but for the clock. */
struct vmb_shutdown_host_options {
    uint32_t struct_bytes; /**< sizeof this struct. */
    uint64_t patience_ns;  /**< For an answer. Default 10 s. */
    void *context;         /**< Passed to the functions below. */

    /** A clock that never goes back, in ns. Required. */
    uint64_t (*now_ns)(void *context);
    /** The guest can be asked from now on, or not any more. May be NULL. From on_event. */
    void (*ready)(void *context, bool ready);
    /**
     * The end of a request, told once: VMB_OK: the guest goes; VMB_ERR_REFUSED: it does not, and
     * @p ic_status says why (VMB_IC_STATUS_); VMB_ERR_TIMEOUT; VMB_ERR_GONE. May be NULL. From
     * on_event.
     */
    void (*answered)(void *context, vmb_status status, uint32_t ic_status);
    /** The guest broke the ring: revoke the channel. May be NULL. From on_event. */
    void (*failed)(void *context, vmb_status status);
};

/** The host's side. Embed it; the members are private but for ic.counters. */
struct vmb_shutdown_host {
    struct vmb_ic_host ic;
    struct vmb_shutdown_host_options options;
    struct vmb_ic_version version;
    bool is_ready; /* Versions are agreed upon. */
    uint8_t body[VMB_IC_SHUTDOWN_BYTES];
    uint8_t buffer[VMB_SHUTDOWN_BUFFER_BYTES];
};

/**
 * Make a host's device.
 *
 * @retval VMB_OK                    Pass it as `device` together with vmb_shutdown_host_driver().
 * @retval VMB_ERR_INVALID_ARGUMENT  No clock, or struct_bytes is wrong.
 *
 * Context: any; the device is not in use.
 */
VMB_NODISCARD vmb_status vmb_shutdown_host_init(struct vmb_shutdown_host *device,
                                                const struct vmb_shutdown_host_options *options);

/**
 * The driver table of the host's side.
 *
 * Context: any.
 */
const struct vmb_driver *vmb_shutdown_host_driver(void);

/**
 * For hooks.save of the channel, see <vmbus/host_channel.h>: the versions agreed upon and a
 * request under way.
 *
 * Results as of that hook.
 *
 * Context: as that hook.
 */
VMB_NODISCARD vmb_status vmb_shutdown_host_save(void *device, struct vmb_host_channel *channel,
                                                bool open, void *buffer, size_t buffer_bytes,
                                                size_t *out_bytes);

/**
 * For hooks.restore of the channel.
 *
 * @retval VMB_OK             The device goes on.
 * @retval VMB_ERR_MALFORMED  These bytes are not from such a device, or do not fit it.
 *
 * Context: as that hook.
 */
VMB_NODISCARD vmb_status vmb_shutdown_host_restore(void *device, struct vmb_host_channel *channel,
                                                   struct vmb_endpoint *endpoint, const void *bytes,
                                                   size_t byte_count);

/**
 * Hooks that have these two and nothing else, for a host that needs no others.
 *
 * Context: any.
 */
const struct vmb_host_hooks *vmb_shutdown_host_hooks(void);

/**
 * Ask the guest to go. Ends with options.answered.
 *
 * @param request  Read before this returns.
 *
 * @retval VMB_OK                    Under way.
 * @retval VMB_ERR_WRONG_STATE       The guest has not opened the channel, or is too strange.
 * @retval VMB_ERR_BUSY              A request or a negotiation is under way.
 * @retval VMB_ERR_VERSION           The guest is too old for this kind.
 * @retval VMB_ERR_INVALID_ARGUMENT  The text is too long.
 *
 * Context: as on_event.
 */
VMB_NODISCARD vmb_status vmb_shutdown_host_request(struct vmb_shutdown_host *device,
                                                   const struct vmb_shutdown_request *request);

/**
 * When on_event must run even if the guest sends nothing: vmb_host_kick() makes it.
 *
 * @return A time of the device's clock in ns, or VMB_NEVER.
 *
 * Context: as on_event.
 */
uint64_t vmb_shutdown_host_next_deadline_ns(const struct vmb_shutdown_host *device);

VMB_END_DECLS

#endif /* VMB_DRIVERS_SHUTDOWN_H */
