/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Storage, guest side: SCSI requests to the disks of a host's controller, over a primary channel
 * and sub-channels.
 *
 *     vmb_stor_guest_init()      once, in memory of yours
 *     vmb_stor_guest_open()      the channel of an offer of class VMB_GUID_SCSI, and those of the
 *                                sub-channels that are offered when options.ready has been called
 *     vmb_stor_guest_submit()    requests (drivers/stor_command.h makes their commands), from any
 *                                thread, on any open channel: best that of the caller's own VP
 *
 * Data go straight between the host's disk and pages of yours; nothing is copied here. Each request
 * that was accepted ends exactly once, by its `done`: answered, or over when its channel closes.
 *
 * The host is not trusted: answers to nothing, twice, of odd lengths or with impossible contents
 * end no request but their own, and are counted. What it writes into your data pages is yours to
 * judge.
 *
 * Threads: each channel is run by its on_event; those of different channels at once. Protocol:
 * storvsc 2.0 to 6.2.
 */
#ifndef VMB_DRIVERS_STOR_GUEST_H
#define VMB_DRIVERS_STOR_GUEST_H

#include <vmbus/channel.h>
#include <vmbus/drivers/stor_command.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** The most sub-channels that can be used. */
#define VMB_STOR_GUEST_SUB_CHANNEL_LIMIT 63u
/** The largest transfer_limit_bytes. */
#define VMB_STOR_GUEST_TRANSFER_LIMIT_BYTES (2u << 20)

/** A controller as the guest sees it. Opaque. */
struct vmb_stor_guest;

/** What a controller needs. Zero means the default, for every field but the first. */
struct vmb_stor_guest_options {
    uint32_t struct_bytes;         /**< sizeof this struct. */
    uint32_t sub_channel_limit;    /**< To be asked for; 0 to the limit above. Default 0. */
    uint32_t request_limit;        /**< Under way at once, each channel: a power of two up to 4096.
                                        Others wait their turn. Default 64. */
    uint32_t transfer_limit_bytes; /**< Of one request; whole pages. Default 512 KiB. */
    uint16_t max_version;          /**< VMB_STOR_VERSION_ to begin with. Default: the newest. */
    uint16_t min_version;          /**< The oldest to be content with. Default: the oldest. */

    void *context; /**< Passed to the functions of this struct. */
    /**
     * The controller can be used, or why not: VMB_ERR_VERSION, _REFUSED (a step of the
     * initialisation failed), _PEER (or its answer makes no sense): close the channel. Each time
     * the primary channel has been opened. May be NULL. From on_event.
     */
    void (*ready)(void *context, vmb_status status);
    /** LUNs may have come or gone: ask for them again. May be NULL. From on_event. */
    void (*luns_changed)(void *context);
    /** The host broke the ring of a channel: close it. May be NULL. From on_event. */
    void (*failed)(void *context, uint32_t channel_index, vmb_status status);
    /**
     * Have on_event of a channel called. NULL: vmb_channel_kick() of the channel that
     * vmb_stor_guest_open() was given. Any thread.
     */
    void (*wake)(void *context, uint32_t channel_index);
};

/** Memory that a request moves: guest pages in order, of which the first may begin later. */
struct vmb_stor_data {
    const vmb_gpn *pages; /**< Each page that is touched; NULL: consecutive from first_gpn. */
    vmb_gpn first_gpn;
    uint32_t byte_offset; /**< Into the first page; below VMB_PAGE_BYTES. */
};

/** What a request is. */
enum vmb_stor_request_kind {
    VMB_STOR_COMMAND = 0,         /**< A SCSI command to a LUN. */
    VMB_STOR_LUN_RESET = 1,       /**< Every older request of the LUN ends first. */
    VMB_STOR_CONTROLLER_RESET = 2 /**< Every older request of the controller ends first. */
};

/** A request. Yours; it stays where it is, and the first part unchanged, until `done`. */
struct vmb_stor_request {
    enum vmb_stor_request_kind kind;
    uint8_t lun;
    uint16_t timeout_seconds; /**< Advice to the host. Default 60. */
    struct vmb_stor_command command;
    struct vmb_stor_data data; /**< command.data_bytes of it. */
    /**
     * Called once, from on_event of the channel, or from the control plane when that closes. The
     * request is yours again, and may be submitted again from here. Required.
     */
    void (*done)(struct vmb_stor_request *request);
    void *context; /**< Yours. */

    /**
     * How it ended. VMB_OK: done, moved_bytes of it. VMB_ERR_REFUSED: look at srb_status,
     * scsi_status and sense. VMB_ERR_LIMIT: the channel's ring is too small for it, it was not
     * sent. VMB_ERR_PEER: the answer makes no sense, anything may have happened. VMB_ERR_GONE: the
     * channel is gone; it was done or not, and nobody touches the data any more.
     * VMB_ERR_STILL_SHARED: the channel is being closed; the host may touch the data until the
     * close has ended.
     */
    vmb_status status;
    uint8_t srb_status;  /**< VMB_STOR_SRB_ value, without flags. */
    uint8_t scsi_status; /**< VMB_STOR_SCSI_ */
    uint8_t sense_bytes; /**< 0: none came. */
    uint8_t sense[VMB_STOR_SENSE_BYTES];
    uint32_t moved_bytes; /**< At most command.data_bytes. */

    struct vmb_stor_request *next; /**< Private. */
};

/** What a controller has seen, over all its channels. Each only grows. */
struct vmb_stor_guest_counters {
    uint64_t requests;    /**< Sent to the host, its own ones included. */
    uint64_t answers;     /**< Ended by an answer. */
    uint64_t conditions;  /**< Of those: not with VMB_OK. */
    uint64_t abandoned;   /**< Ended by the close of their channel. */
    uint64_t bytes_moved; /**< As answers say. */
    uint64_t waits;       /**< Times the ring was full, or request_limit reached. */
    uint64_t unknown;     /**< Answers to nothing that is under way: the host's fault. */
    uint64_t malformed;   /**< Packets that make no sense: likewise. */
    uint64_t lies;        /**< Answers that claim to have moved more than was asked: likewise. */
};

/** Private: the members of `struct vmb_stor_guest_counters`. */
#define VMB_STOR_GUEST_COUNTER_COUNT 9u

/**
 * The memory that a controller with these options needs.
 *
 * @return Bytes, at an address aligned to 64; 0 if an option is out of its range.
 *
 * Context: any.
 */
size_t vmb_stor_guest_memory_bytes(const struct vmb_stor_guest_options *options);

/**
 * Make a controller. Nothing is sent before its primary channel is open.
 *
 * @param memory          The controller's until its channels are closed and no call of
 *                        vmb_stor_guest_submit() is under way.
 * @param out_controller  Written on VMB_OK.
 *
 * @retval VMB_OK                    Open it.
 * @retval VMB_ERR_INVALID_ARGUMENT  An option is out of its range, or the memory not aligned.
 * @retval VMB_ERR_TOO_SMALL         memory_bytes is less than vmb_stor_guest_memory_bytes().
 *
 * Context: control plane.
 */
VMB_NODISCARD vmb_status vmb_stor_guest_init(void *memory, size_t memory_bytes,
                                             const struct vmb_stor_guest_options *options,
                                             struct vmb_stor_guest **out_controller);

/**
 * Open a channel of the controller: the primary one, or a sub-channel, as its offer says.
 *
 * @param channel    Of class VMB_GUID_SCSI and all of the same instance. Calls of
 *                   vmb_stor_guest_submit() have returned before you let go of it, or leave the
 *                   bus, also to sleep.
 * @param target_vp  As for vmb_channel_open().
 * @param done       Told when it is open or not. May be NULL.
 *
 * @retval VMB_ERR_LIMIT  A sub-channel beyond sub_channel_limit.
 * Other results and context as vmb_channel_open().
 */
VMB_NODISCARD vmb_status vmb_stor_guest_open(struct vmb_stor_guest *controller,
                                             struct vmb_channel *channel, uint32_t target_vp,
                                             vmb_channel_done done, void *done_context);

/**
 * Submit a request.
 *
 * @param channel_index  0: the primary channel; else a sub-channel that is open.
 *
 * @retval VMB_OK                    Under way, or waiting for its turn: `done` will be called.
 * @retval VMB_ERR_WRONG_STATE       That channel is not open, or the controller is not ready: try
 *                                   another channel, or wait for `ready`.
 * @retval VMB_ERR_INVALID_ARGUMENT  No such channel, no `done`, no command, or data that do not fit
 *                                   it or exceed vmb_stor_guest_transfer_limit_bytes().
 *
 * Context: isr-ok; any thread, several at once, also from `done`. Takes no lock.
 */
VMB_NODISCARD vmb_status vmb_stor_guest_submit(struct vmb_stor_guest *controller,
                                               uint32_t channel_index,
                                               struct vmb_stor_request *request);

/**
 * The driver table, for who opens channels otherwise than by vmb_stor_guest_open().
 *
 * Context: any.
 */
const struct vmb_driver *vmb_stor_guest_driver(void);

/**
 * The device to open a channel with.
 *
 * @param index  0: the primary channel; up to sub_channel_limit.
 *
 * Context: any.
 */
void *vmb_stor_guest_device(struct vmb_stor_guest *controller, uint32_t index);

/**
 * The VStor version agreed upon; 0 while the controller is not ready.
 *
 * Context: any.
 */
uint16_t vmb_stor_guest_version(const struct vmb_stor_guest *controller);

/**
 * The most that one request may move: what the options say, or less if the host says so. 0 while
 * the controller is not ready.
 *
 * Context: any.
 */
uint32_t vmb_stor_guest_transfer_limit_bytes(const struct vmb_stor_guest *controller);

/**
 * Read the counters. On a 32-bit machine each wraps at 2^32 for each channel.
 *
 * Context: any. Each is exact; together they may be a moment apart.
 */
void vmb_stor_guest_read_counters(const struct vmb_stor_guest *controller,
                                  struct vmb_stor_guest_counters *out_counters);

VMB_END_DECLS

#endif /* VMB_DRIVERS_STOR_GUEST_H */
