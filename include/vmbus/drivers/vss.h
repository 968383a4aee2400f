/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Backup (volume shadow copies): the host has the guest's file systems frozen, copies the disks,
 * and has them thawed.
 *
 * Offered with VMB_OFFER_PIPE, VMB_GUID_VSS and VMB_INSTANCE_VSS.
 */
#ifndef VMB_DRIVERS_VSS_H
#define VMB_DRIVERS_VSS_H

#include <vmbus/driver.h>
#include <vmbus/drivers/ic.h>
#include <vmbus/proto/vss.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

struct vmb_host_channel;
struct vmb_host_hooks;

/** Room for the longest message: a freeze that names 260 disks. */
#define VMB_VSS_BUFFER_BYTES 4096u

/* ---- Guest ----------------------------------------------------------------------------------- */

/** What a guest needs from you. */
struct vmb_vss_guest_options {
    uint32_t struct_bytes; /**< sizeof this struct. */
    void *context;         /**< Passed back first, untouched. */

    /**
     * Required. Flush the file systems and hold back all writes.
     *
     * @return A VMB_IC_STATUS_ value: VMB_IC_STATUS_OK if all of them are frozen, else none is; or
     *         VMB_IC_ANSWER_LATER, and call vmb_vss_guest_done() when it is so. From on_event.
     */
    uint32_t (*freeze)(void *context);
    /**
     * Required. Let writes go again. Called for the host's sake, and when a host goes away or
     * starts over that has frozen you; then nobody sees the result.
     *
     * @return As freeze. From on_event, or the control plane's context when the channel closes.
     */
    uint32_t (*thaw)(void *context);
    /** The host has its copy. May be NULL. From on_event. */
    void (*complete)(void *context);
    /** The host broke the ring: close the channel. May be NULL. From on_event. */
    void (*failed)(void *context, vmb_status status);
};

/** The guest's side. Embed it; the members are private but for ic.counters. */
struct vmb_vss_guest {
    struct vmb_ic_guest ic;
    struct vmb_vss_guest_options options;
    bool is_frozen;
    bool is_freezing; /* freeze() said later. */
    uint8_t buffer[VMB_VSS_BUFFER_BYTES];
};

/**
 * Make a guest's device.
 *
 * @retval VMB_OK                    Pass it as `device` together with vmb_vss_guest_driver().
 * @retval VMB_ERR_INVALID_ARGUMENT  freeze or thaw is NULL, or struct_bytes is wrong.
 *
 * Context: any; the device is not in use.
 */
VMB_NODISCARD vmb_status vmb_vss_guest_init(struct vmb_vss_guest *device,
                                            const struct vmb_vss_guest_options *options);

/**
 * The driver table of the guest's side.
 *
 * Context: any.
 */
const struct vmb_driver *vmb_vss_guest_driver(void);

/**
 * What freeze or thaw has begun with VMB_IC_ANSWER_LATER is done. If nobody waits for the freeze
 * any more, options.thaw is called from here.
 *
 * @param ic_status  VMB_IC_STATUS_OK, or why not.
 *
 * Context: as on_event.
 */
void vmb_vss_guest_done(struct vmb_vss_guest *device, uint32_t ic_status);

/* ---- Host ------------------------------------------------------------------------------------ */

/** Wishes. Zero means the default, but for the clock. */
struct vmb_vss_host_options {
    uint32_t struct_bytes; /**< sizeof this struct. */
    uint64_t patience_ns;  /**< For an answer; flushing takes time. Default 60 s. */
    void *context;         /**< Passed to the functions below. */

    /** A clock that never goes back, in ns. Required. */
    uint64_t (*now_ns)(void *context);
    /** The guest can be asked from now on, or not any more. May be NULL. From on_event. */
    void (*ready)(void *context, bool ready);
    /**
     * The end of a request, told once: VMB_OK: done; VMB_ERR_REFUSED: not, and @p ic_status says
     * why; VMB_ERR_TIMEOUT; VMB_ERR_GONE; VMB_ERR_MALFORMED: the answer lacks the flags asked for.
     * After VMB_ERR_TIMEOUT a guest that was to freeze may be frozen or freeze yet: it is asked to
     * thaw without your doing, as soon as it listens. May be NULL. From on_event; the next request
     * may be made from here.
     *
     * @param flags  Of the answer to VMB_VSS_HOT_BACKUP and VMB_VSS_DIRECT_DEVICES; else 0.
     */
    void (*answered)(void *context, vmb_status status, uint32_t ic_status, uint32_t flags);
    /** The guest broke the ring: revoke the channel. May be NULL. From on_event. */
    void (*failed)(void *context, vmb_status status);
};

/** The host's side. Embed it; the members are private but for ic.counters. */
struct vmb_vss_host {
    struct vmb_ic_host ic;
    struct vmb_vss_host_options options;
    struct vmb_ic_version version;
    bool is_ready;     /* Versions are agreed upon. */
    bool is_frozen;    /* As far as the guest has said. */
    bool thaw_due;     /* After a freeze that was given up. */
    bool is_own;       /* The request under way is that thaw. */
    uint8_t operation; /* Of the request under way. */
    uint8_t buffer[VMB_VSS_BUFFER_BYTES];
};

/**
 * Make a host's device.
 *
 * @retval VMB_OK                    Pass it as `device` together with vmb_vss_host_driver().
 * @retval VMB_ERR_INVALID_ARGUMENT  No clock, or struct_bytes is wrong.
 *
 * Context: any; the device is not in use.
 */
VMB_NODISCARD vmb_status vmb_vss_host_init(struct vmb_vss_host *device,
                                           const struct vmb_vss_host_options *options);

/**
 * The driver table of the host's side.
 *
 * Context: any.
 */
const struct vmb_driver *vmb_vss_host_driver(void);

/**
 * For hooks.save of the channel, see <vmbus/host_channel.h>: the versions agreed upon,
 * whether the guest is frozen or still to be thawed, and a request under way, whose end the
 * restored device tells.
 *
 * Results as of that hook.
 *
 * Context: as that hook.
 */
VMB_NODISCARD vmb_status vmb_vss_host_save(void *device, struct vmb_host_channel *channel,
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
VMB_NODISCARD vmb_status vmb_vss_host_restore(void *device, struct vmb_host_channel *channel,
                                              struct vmb_endpoint *endpoint, const void *bytes,
                                              size_t byte_count);

/**
 * Hooks that have these two and nothing else, for a host that needs no others.
 *
 * Context: any.
 */
const struct vmb_host_hooks *vmb_vss_host_hooks(void);

/**
 * Ask for VMB_VSS_HOT_BACKUP, VMB_VSS_DIRECT_DEVICES, VMB_VSS_FREEZE, VMB_VSS_THAW or
 * VMB_VSS_BACKUP_COMPLETE. Ends with options.answered.
 *
 * @retval VMB_OK                    Under way.
 * @retval VMB_ERR_WRONG_STATE       The guest has not opened the channel, or is too strange.
 * @retval VMB_ERR_BUSY              A request or a negotiation is under way: wait for its end.
 * @retval VMB_ERR_VERSION           The guest is too old for it: freezing came with version 5.0.
 * @retval VMB_ERR_INVALID_ARGUMENT  Another operation.
 *
 * Context: as on_event.
 */
VMB_NODISCARD vmb_status vmb_vss_host_request(struct vmb_vss_host *device, uint8_t operation);

/**
 * Whether the guest has said that it is frozen, and nobody has thawed it since.
 *
 * Context: as on_event.
 */
bool vmb_vss_host_is_frozen(const struct vmb_vss_host *device);

/**
 * When on_event must run even if the guest sends nothing: vmb_host_kick() makes it.
 *
 * @return A time of the device's clock in ns, or VMB_NEVER.
 *
 * Context: as on_event.
 */
uint64_t vmb_vss_host_next_deadline_ns(const struct vmb_vss_host *device);

VMB_END_DECLS

#endif /* VMB_DRIVERS_VSS_H */
