/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Time synchronisation: the host tells the guest what time it is.
 *
 * Times are UTC in units of 100 ns since 1601-01-01; less VMB_IC_UNIX_EPOCH_100NS they count from
 * the Unix epoch. From version 4.0 on a reading comes with the VM's reference time (TLFS 12.6) at
 * which it was taken, so that the time it spent on the way can be added.
 *
 * Offered with VMB_OFFER_PIPE, VMB_GUID_TIMESYNC and VMB_INSTANCE_TIMESYNC.
 */
#ifndef VMB_DRIVERS_TIMESYNC_H
#define VMB_DRIVERS_TIMESYNC_H

#include <vmbus/driver.h>
#include <vmbus/drivers/ic.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

struct vmb_host_channel;
struct vmb_host_hooks;

/* ---- Guest ----------------------------------------------------------------------------------- */

/** A reading of the host's clock. */
struct vmb_timesync_reading {
    uint64_t utc_100ns; /**< Now: the host's reading plus its age. */
    uint64_t age_100ns; /**< What was added; 0 if it is not known. */
    bool step;          /**< Set the clock: after boot, resume or restore. */
    bool sample;        /**< One of a series, to slew the clock by. Neither: a probe, ignore it. */
    bool age_known;     /**< From version 4.0 on, with options.reference_100ns. */
    uint8_t leap;       /**< NTP's leap indicator; 0 below version 4.0. */
    uint8_t stratum;    /**< NTP's stratum; 0 below version 4.0. */
};

/** What a guest needs from you. */
struct vmb_timesync_guest_options {
    uint32_t struct_bytes; /**< sizeof this struct. */
    void *context;         /**< Passed back first, untouched. */

    /** Required. A reading has come. From on_event. */
    void (*reading)(void *context, const struct vmb_timesync_reading *reading);
    /** The partition reference time, HV_X64_MSR_TIME_REF_COUNT. NULL: no age is known. */
    uint64_t (*reference_100ns)(void *context);
    /** The host broke the ring: close the channel. May be NULL. From on_event. */
    void (*failed)(void *context, vmb_status status);
};

/** The guest's side. Embed it; the members are private but for the counters. */
struct vmb_timesync_guest {
    struct vmb_ic_guest ic;
    struct vmb_timesync_guest_options options;
    uint64_t from_the_future; /**< Public: readings taken after now, as their time has it. */
    uint8_t buffer[VMB_IC_BUFFER_BYTES];
};

/**
 * Make a guest's device.
 *
 * @retval VMB_OK                    Pass it as `device` together with vmb_timesync_guest_driver().
 * @retval VMB_ERR_INVALID_ARGUMENT  options->reading is NULL, or struct_bytes is wrong.
 *
 * Context: any; the device is not in use.
 */
VMB_NODISCARD vmb_status vmb_timesync_guest_init(struct vmb_timesync_guest *device,
                                                 const struct vmb_timesync_guest_options *options);

/**
 * The driver table of the guest's side.
 *
 * Context: any.
 */
const struct vmb_driver *vmb_timesync_guest_driver(void);

/* ---- Host ------------------------------------------------------------------------------------ */

/** Wishes. Zero means the default, but for the clocks. */
struct vmb_timesync_host_options {
    uint32_t struct_bytes; /**< sizeof this struct. */
    uint64_t interval_ns;  /**< From an answer to the next sample. Default 5 s. */
    uint64_t patience_ns;  /**< For an answer. Default 10 s. */
    uint8_t leap;          /**< NTP's leap indicator. */
    uint8_t stratum;       /**< NTP's stratum. */
    void *context;         /**< Passed to the functions below. */

    /** A clock that never goes back, in ns. Required. */
    uint64_t (*now_ns)(void *context);
    /** UTC. Required. */
    uint64_t (*utc_100ns)(void *context);
    /** The guest's partition reference time. NULL: the host offers no version that needs it. */
    uint64_t (*reference_100ns)(void *context);
    /** The guest broke the ring: revoke the channel. May be NULL. From on_event. */
    void (*failed)(void *context, vmb_status status);
};

/** The host's side. Embed it; the members are private but for ic.counters. */
struct vmb_timesync_host {
    struct vmb_ic_host ic;
    struct vmb_timesync_host_options options;
    struct vmb_ic_version version;
    bool step_due;            /* The next reading is to set the clock. */
    uint64_t next_reading_ns; /* VMB_NEVER: one is under way, or the guest cannot be told. */
    uint8_t buffer[VMB_IC_BUFFER_BYTES];
};

/**
 * Make a host's device. It tells the guest to set its clock when the channel opens, then sends
 * samples.
 *
 * @retval VMB_OK                    Pass it as `device` together with vmb_timesync_host_driver().
 * @retval VMB_ERR_INVALID_ARGUMENT  A clock is missing, or struct_bytes is wrong.
 *
 * Context: any; the device is not in use.
 */
VMB_NODISCARD vmb_status vmb_timesync_host_init(struct vmb_timesync_host *device,
                                                const struct vmb_timesync_host_options *options);

/**
 * The driver table of the host's side.
 *
 * Context: any.
 */
const struct vmb_driver *vmb_timesync_host_driver(void);

/**
 * For hooks.save of the channel, see <vmbus/host_channel.h>: the versions agreed upon, a reading
 * under way, and whether the clock is still to be set.
 *
 * Results as of that hook.
 *
 * Context: as that hook.
 */
VMB_NODISCARD vmb_status vmb_timesync_host_save(void *device, struct vmb_host_channel *channel,
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
VMB_NODISCARD vmb_status vmb_timesync_host_restore(void *device, struct vmb_host_channel *channel,
                                                   struct vmb_endpoint *endpoint, const void *bytes,
                                                   size_t byte_count);

/**
 * Hooks that have these two and nothing else, for a host that needs no others.
 *
 * Context: any.
 */
const struct vmb_host_hooks *vmb_timesync_host_hooks(void);

/**
 * The guest has been resumed or restored: have it set its clock, as soon as it can be told. Kick
 * the channel after that.
 *
 * Context: as on_event.
 */
void vmb_timesync_host_step(struct vmb_timesync_host *device);

/**
 * When on_event must run even if the guest sends nothing: vmb_host_kick() makes it.
 *
 * @return A time of the device's clock in ns, or VMB_NEVER.
 *
 * Context: as on_event.
 */
uint64_t vmb_timesync_host_next_deadline_ns(const struct vmb_timesync_host *device);

VMB_END_DECLS

#endif /* VMB_DRIVERS_TIMESYNC_H */
