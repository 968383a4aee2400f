/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Storage, host side: a SCSI controller with up to 64 disks, on one primary channel and as many
 * sub-channels as the guest asks for.
 *
 *     vmb_stor_host_init()             once, in memory of yours
 *     vmb_stor_host_add()              each disk (drivers/stor_disk.h); also while a guest runs
 *     vmb_host_offer()                 with vmb_stor_host_driver(), vmb_stor_host_hooks() and
 *                                      vmb_stor_host_device(controller, 0)
 *     vmb_stor_host_complete()         at the end of each job, from any thread
 *
 * Sub-channels are offered and revoked by the controller itself. It never copies what is read or
 * written: jobs name the guest's memory. Everything is bounded: a guest that does not take its
 * answers, or sends nonsense, or more than request_limit requests, waits in its own ring.
 *
 * Closing a channel, in whatever way, waits for the jobs that its disks still have. What the guest
 * does wrong is answered with a status of the protocol or with sense data, and counted.
 *
 * Threads: channels run at once on different threads if vmb_host_run() does. Protocol: storvsc 2.0
 * to 6.2; SPC-4, SBC-3.
 */
#ifndef VMB_DRIVERS_STOR_HOST_H
#define VMB_DRIVERS_STOR_HOST_H

#include <vmbus/drivers/stor_disk.h>
#include <vmbus/host.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** LUNs are below it; path and target are 0. */
#define VMB_STOR_LUN_COUNT 64u
/** The most sub-channels of one controller. */
#define VMB_STOR_SUB_CHANNEL_LIMIT 63u
/** The largest transfer that can be allowed. */
#define VMB_STOR_TRANSFER_LIMIT_BYTES (8u << 20)

/** A controller. Opaque. */
struct vmb_stor_host;

/** What a controller needs. Zero means the default, for all but the first two. */
struct vmb_stor_host_options {
    uint32_t struct_bytes; /**< sizeof this struct. */
    /**
     * Required. Where the host sees @p bytes of the guest's page @p gpn from @p offset on, all
     * within the page; NULL: not the guest's memory. It stays there while the channel is open.
     * Any thread that runs a channel.
     */
    void VMB_SHARED *(*guest_memory)(void *context, vmb_gpn gpn, uint32_t offset, uint32_t bytes);
    void *context; /**< Passed to the functions of this struct. */

    /** The bus, and the instance to offer sub-channels with. NULL: none are offered. */
    struct vmb_host *bus;
    struct vmb_guid instance_id;
    uint32_t sub_channel_limit;    /**< 0 to VMB_STOR_SUB_CHANNEL_LIMIT. Default 0. */
    uint32_t request_limit;        /**< Requests at once, each channel; 1 to 4096. Default 128. */
    uint32_t transfer_limit_bytes; /**< Of one request; whole pages. Default 1 MiB. */
    uint16_t max_version;          /**< VMB_STOR_VERSION_; default: the newest. */

    /** Have on_event of a channel called. NULL: vmb_host_kick(). Any thread. */
    void (*wake)(void *context, uint32_t channel_index);
    /** vmb_stor_host_poll() has work. May be NULL if you poll after each completion. Any thread. */
    void (*poll_ready)(void *context);
    /** The guest broke a ring: revoke the primary channel. May be NULL. From on_event. */
    void (*failed)(void *context, vmb_status status);
};

/** What a controller has seen, over all its channels. Each only grows. */
struct vmb_stor_host_counters {
    uint64_t requests; /**< Packets that were answered or will be. */
    uint64_t reads;
    uint64_t writes;
    uint64_t flushes;
    uint64_t discards; /**< Discards and zeroes. */
    uint64_t bytes_read;
    uint64_t bytes_written;
    uint64_t conditions;    /**< Requests that ended with sense data, refused ones included. */
    uint64_t resets;        /**< Of a bus, adapter or LUN. */
    uint64_t ring_full;     /**< Times an answer had to wait for space. */
    uint64_t malformed;     /**< Packets that make no sense: the guest's fault. */
    uint64_t refused;       /**< Requests with lengths or memory that cannot be: likewise. */
    uint64_t out_of_order;  /**< Not at this point of initialisation: likewise. */
    uint64_t offers_failed; /**< Sub-channels that the bus did not take. */
};

/** Private: the members of `struct vmb_stor_host_counters`. */
#define VMB_STOR_HOST_COUNTER_COUNT 14u

/**
 * The memory that a controller with these options needs.
 *
 * @return Bytes, at an address aligned to 64; 0 if an option is out of its range.
 *
 * Context: any.
 */
size_t vmb_stor_host_memory_bytes(const struct vmb_stor_host_options *options);

/**
 * Make a controller without disks.
 *
 * @param memory         The controller's until its primary channel has been released and every
 *                       call of vmb_stor_host_complete() has returned.
 * @param out_controller Written on VMB_OK.
 *
 * @retval VMB_OK                    Add disks, offer it.
 * @retval VMB_ERR_INVALID_ARGUMENT  An option is out of its range, or the memory not aligned.
 * @retval VMB_ERR_TOO_SMALL         memory_bytes is less than vmb_stor_host_memory_bytes().
 *
 * Context: control plane.
 */
VMB_NODISCARD vmb_status vmb_stor_host_init(void *memory, size_t memory_bytes,
                                            const struct vmb_stor_host_options *options,
                                            struct vmb_stor_host **out_controller);

/**
 * Attach a disk. A guest that runs is told, and finds it.
 *
 * @param lun   Below VMB_STOR_LUN_COUNT. Guests boot more easily if there is a LUN 0.
 * @param disk  Copied. Its context stays yours until vmb_stor_host_remove() has said VMB_OK.
 *
 * @retval VMB_OK                    It is there.
 * @retval VMB_ERR_WRONG_STATE       There is a disk, or one that is still being removed.
 * @retval VMB_ERR_INVALID_ARGUMENT  No such LUN, or no such disk is possible.
 *
 * Context: control plane.
 */
VMB_NODISCARD vmb_status vmb_stor_host_add(struct vmb_stor_host *controller, uint32_t lun,
                                           const struct vmb_stor_disk *disk);

/**
 * Detach a disk. A guest that runs is told.
 *
 * @retval VMB_OK               No job of it exists, nor will: its context is yours.
 * @retval VMB_ERR_BUSY         No new job begins. Call again when jobs have completed.
 * @retval VMB_ERR_WRONG_STATE  There is none.
 *
 * Context: control plane.
 */
VMB_NODISCARD vmb_status vmb_stor_host_remove(struct vmb_stor_host *controller, uint32_t lun);

/**
 * The driver table, for the primary channel and for sub-channels that you offer.
 *
 * Context: any.
 */
const struct vmb_driver *vmb_stor_host_driver(void);

/**
 * The hooks that go with it, save and restore included: a save waits for jobs at back ends
 * (VMB_ERR_BUSY), a restore wants the same disks at the same LUNs (VMB_ERR_MISMATCH) and offers the
 * sub-channels itself. A controller whose restore failed is not to be used again. To learn of the
 * release, copy the table and set `released`: it gets
 * the device, and no sub-channel is left by then.
 *
 * Context: any.
 */
const struct vmb_host_hooks *vmb_stor_host_hooks(void);

/**
 * The device to offer a channel with.
 *
 * @param index  0: the primary channel; up to sub_channel_limit.
 *
 * Context: any.
 */
void *vmb_stor_host_device(struct vmb_stor_host *controller, uint32_t index);

/**
 * The options.context of the controller that a device belongs to.
 *
 * Context: any.
 */
void *vmb_stor_host_context(void *device);

/**
 * Go on with what waits for jobs: closes, and sub-channels. On a bus, hooks.control calls it as
 * well; not so for a channel that is being revoked, therefore poll after completions.
 *
 * Context: control plane.
 */
void vmb_stor_host_poll(struct vmb_stor_host *controller);

/**
 * The VStor version agreed upon; 0 while no guest has finished initialising.
 *
 * Context: any.
 */
uint16_t vmb_stor_host_version(const struct vmb_stor_host *controller);

/**
 * Read the counters. On a 32-bit machine each wraps at 2^32 for each channel.
 *
 * Context: any. Each is exact; together they may be a moment apart.
 */
void vmb_stor_host_read_counters(const struct vmb_stor_host *controller,
                                 struct vmb_stor_host_counters *out_counters);

VMB_END_DECLS

#endif /* VMB_DRIVERS_STOR_HOST_H */
