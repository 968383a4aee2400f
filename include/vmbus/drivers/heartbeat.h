/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Heartbeat: the host asks every two seconds, the guest answers, so the host knows that it lives.
 *
 * Offered with VMB_OFFER_PIPE and VMB_GUID_HEARTBEAT.
 */
#ifndef VMB_DRIVERS_HEARTBEAT_H
#define VMB_DRIVERS_HEARTBEAT_H

#include <vmbus/driver.h>
#include <vmbus/drivers/ic.h>
#include <vmbus/platform/atomic.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

struct vmb_host_channel;
struct vmb_host_hooks;

/* ---- Guest ----------------------------------------------------------------------------------- */

/** The guest's side. Embed it; the members are private but for ic.counters. */
struct vmb_heartbeat_guest {
    struct vmb_ic_guest ic;
    vmb_atomic_u32 application_state;
    uint8_t buffer[VMB_IC_BUFFER_BYTES];
};

/**
 * Make a guest's device. Pass it as `device` together with vmb_heartbeat_guest_driver().
 *
 * Context: any; the device is not in use.
 */
void vmb_heartbeat_guest_init(struct vmb_heartbeat_guest *device);

/**
 * The driver table of the guest's side.
 *
 * Context: any.
 */
const struct vmb_driver *vmb_heartbeat_guest_driver(void);

/**
 * What to tell the host about the guest's applications from the next beat on.
 *
 * @param application_state  VMB_IC_HEARTBEAT_HEALTHY and so on. Initially
 *                           VMB_IC_HEARTBEAT_UNKNOWN, which is what most guests say for ever.
 *
 * Context: isr-ok; any.
 */
void vmb_heartbeat_guest_set_state(struct vmb_heartbeat_guest *device, uint32_t application_state);

/* ---- Host ------------------------------------------------------------------------------------ */

/** What a host knows of its guest's life. */
enum vmb_heartbeat {
    VMB_HEARTBEAT_UNKNOWN = 0, /**< No beat has been asked for, or the channel is closed. */
    VMB_HEARTBEAT_ALIVE = 1,   /**< The last beat was answered in time. */
    VMB_HEARTBEAT_DEAD = 2     /**< It was not. A late answer changes that. */
};

/** Wishes. Zero means the default, but for the clock. */
struct vmb_heartbeat_host_options {
    uint32_t struct_bytes; /**< sizeof this struct. */
    uint64_t interval_ns;  /**< From an answer to the next beat. Default 2 s. */
    uint64_t patience_ns;  /**< For an answer. Default 10 s. */
    void *context;         /**< Passed to the functions below. */

    /** A clock that never goes back, in ns. Required. */
    uint64_t (*now_ns)(void *context);
    /** The guest's life, or its application state, has changed. May be NULL. From on_event. */
    void (*changed)(void *context, enum vmb_heartbeat heartbeat, uint32_t application_state);
    /** The guest broke the ring: revoke the channel. May be NULL. From on_event. */
    void (*failed)(void *context, vmb_status status);
};

/** The host's side. Embed it; the members are private but for ic.counters. */
struct vmb_heartbeat_host {
    struct vmb_ic_host ic;
    struct vmb_heartbeat_host_options options;
    enum vmb_heartbeat heartbeat;
    uint32_t application_state;
    uint64_t sequence;
    uint64_t next_beat_ns;
    uint64_t wrong_answers; /**< Public: answers whose sequence number was not the next. */
    uint8_t buffer[VMB_IC_BUFFER_BYTES];
};

/**
 * Make a host's device.
 *
 * @retval VMB_OK                    Pass it as `device` together with vmb_heartbeat_host_driver().
 * @retval VMB_ERR_INVALID_ARGUMENT  No clock, or struct_bytes is wrong.
 *
 * Context: any; the device is not in use.
 */
VMB_NODISCARD vmb_status vmb_heartbeat_host_init(struct vmb_heartbeat_host *device,
                                                 const struct vmb_heartbeat_host_options *options);

/**
 * The driver table of the host's side.
 *
 * Context: any.
 */
const struct vmb_driver *vmb_heartbeat_host_driver(void);

/**
 * For hooks.save of the channel, see <vmbus/host_channel.h>: the versions agreed upon, the beat
 * under way, and what was known of the guest.
 *
 * Results as of that hook.
 *
 * Context: as that hook.
 */
VMB_NODISCARD vmb_status vmb_heartbeat_host_save(void *device, struct vmb_host_channel *channel,
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
VMB_NODISCARD vmb_status vmb_heartbeat_host_restore(void *device, struct vmb_host_channel *channel,
                                                    struct vmb_endpoint *endpoint,
                                                    const void *bytes, size_t byte_count);

/**
 * Hooks that have these two and nothing else, for a host that needs no others.
 *
 * Context: any.
 */
const struct vmb_host_hooks *vmb_heartbeat_host_hooks(void);

/**
 * When on_event must run even if the guest sends nothing: vmb_host_kick() makes it.
 *
 * @return A time of the device's clock in ns, or VMB_NEVER.
 *
 * Context: as on_event.
 */
uint64_t vmb_heartbeat_host_next_deadline_ns(const struct vmb_heartbeat_host *device);

VMB_END_DECLS

#endif /* VMB_DRIVERS_HEARTBEAT_H */
