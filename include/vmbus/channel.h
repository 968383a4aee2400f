/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A channel as its guest sees it: from the offer to the release of its relid.
 *
 * The life of a channel:
 *
 *     offered --open--> opening --answer--> open --close--> closing --confirmed--> offered
 *        |                 |                 |                 |
 *        +-----------------+---- rescind ----+-----------------+--> rescinded --let_go--> gone
 *
 * Every request that a function here accepted (VMB_OK) ends exactly once, by its `done`:
 * answered, refused, gone or timed out. A request that was not accepted never calls `done`.
 */
#ifndef VMB_CHANNEL_H
#define VMB_CHANNEL_H

#include <vmbus/driver.h>
#include <vmbus/endpoint.h>
#include <vmbus/proto/message.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** One channel of a guest. Opaque; from events.offered until vmb_channel_let_go(). */
struct vmb_channel;

/** Where a channel is in its life. */
enum vmb_channel_state {
    VMB_CHANNEL_OFFERED = 1,   /**< Known, relid mapped, not open. */
    VMB_CHANNEL_OPENING = 2,   /**< Rings being shared, or the host asked. */
    VMB_CHANNEL_OPEN = 3,      /**< Running. */
    VMB_CHANNEL_CLOSING = 4,   /**< No handler runs any more; the host is letting go. */
    VMB_CHANNEL_RESCINDED = 5, /**< The host took it back; let go of it. */
    VMB_CHANNEL_SUSPENDED = 6  /**< The bus sleeps; the device is expected back. */
};

/** Told once when a request on a channel has ended. Control plane. */
typedef void (*vmb_channel_done)(void *context, struct vmb_channel *channel, vmb_status status);

/** How to open a channel. Zero means the default. */
struct vmb_channel_open_options {
    uint32_t struct_bytes;           /**< sizeof this struct. */
    const struct vmb_driver *driver; /**< Required; must outlive the channel being open. */
    void *device;                    /**< Passed to the driver's functions. */
    uint32_t tx_pages;               /**< Data pages of the outbound ring. Default: the driver's. */
    uint32_t rx_pages;               /**< Data pages of the inbound ring. Default: the driver's. */
    uint32_t target_vp;              /**< VP for interrupts; VMB_VP_NONE: none. */
    bool monitored; /**< Signal through the monitor page if the host gave it one (monitor.h). */
    /** Up to 120 bytes for the host's device. Yours, and unchanged, until the open has ended. */
    const void *user_data;
    uint32_t user_data_bytes;
    vmb_channel_done done; /**< May be NULL. */
    void *done_context;
};

/** Counters of a channel; they only grow. */
struct vmb_channel_counters {
    uint64_t interrupts;   /**< Times an event started the handler. */
    uint64_t coalesced;    /**< Events that found its gate taken or pending: it ran again. */
    uint64_t handler_runs; /**< Calls of on_event. */
    uint64_t opens;        /**< Times it was open. */
    uint64_t packets_sent; /**< Over all its opens, as all that follow. */
    uint64_t packets_received;
    uint64_t ring_full;      /**< Times a packet found no space, modulo 2^32. */
    uint64_t signals_sent;   /**< Doorbells rung. */
    uint64_t signals_spared; /**< Publishes that needed no doorbell. */
    uint64_t retargets;      /**< Changes of the target VP that took effect. */
};

/**
 * Open a channel: share its rings, ask the host, start the driver.
 *
 * `driver->opened` is called before `done`, from the control plane. Events of the host that come
 * before its answer are kept, not lost.
 *
 * @retval VMB_OK                    Under way; `done` says how it ended: VMB_OK, VMB_ERR_REFUSED,
 *                                   VMB_ERR_GONE, VMB_ERR_TIMEOUT, VMB_ERR_PLATFORM; or, whichever
 *                                   it was, VMB_ERR_STILL_SHARED: the host never confirmed that it
 *                                   let go of the rings, and their pages are not taken back.
 * @retval VMB_ERR_WRONG_STATE       Not in VMB_CHANNEL_OFFERED.
 * @retval VMB_ERR_INVALID_ARGUMENT  No driver, too many pages, too much user data, a VP that is not
 *                                   started; or the port's pages are not aligned.
 * @retval VMB_ERR_NO_MEMORY         The port could not share the rings.
 *
 * Context: control plane. VMBus protocol: GpadlHeader/Body, OpenChannel (TLFS-external).
 */
VMB_NODISCARD vmb_status vmb_channel_open(struct vmb_channel *channel,
                                          const struct vmb_channel_open_options *options);

/**
 * Close a channel. At once no handler starts; when none runs any more `driver->closed` is called,
 * then the host is told; when it has let go of the rings they are taken back and `done` is called.
 *
 * @retval VMB_OK               Under way; `done` says VMB_OK; VMB_ERR_GONE: rescinded meanwhile, or
 *                              the bus is being left; or VMB_ERR_STILL_SHARED: the host never
 *                              confirmed, the ring pages are not taken back.
 * @retval VMB_ERR_WRONG_STATE  Not open.
 *
 * Context: control plane; also from within the channel's own control-plane callbacks.
 */
VMB_NODISCARD vmb_status vmb_channel_close(struct vmb_channel *channel, vmb_channel_done done,
                                           void *done_context);

/**
 * Move a channel's interrupts to another VP, under traffic.
 *
 * From version 5.3 on the host answers, and `done` is called then. From 4.1 to 5.2 it does not:
 * `done` is called when the request has been posted, and events may go on arriving on the old VP
 * for a while, which is harmless: any VP finds the channel.
 *
 * @retval VMB_OK                    Under way; `done`: VMB_OK, VMB_ERR_REFUSED (the old VP stays),
 *                                   VMB_ERR_GONE (closed or rescinded meanwhile, or the bus left),
 *                                   VMB_ERR_TIMEOUT (the host may interrupt either VP; see BUSY),
 *                                   VMB_ERR_PLATFORM (not asked: the old VP stays).
 * @retval VMB_ERR_WRONG_STATE       Not open, or opened without interrupts.
 * @retval VMB_ERR_BUSY              A move is under way: wait for its `done`. Or one has timed out
 *                                   and is still unanswered: wait for that, or close and reopen.
 * @retval VMB_ERR_VERSION           The host is older than 4.1: the VP stays.
 * @retval VMB_ERR_INVALID_ARGUMENT  That VP is not started.
 *
 * Context: control plane. VMBus protocol: ModifyChannel.
 */
VMB_NODISCARD vmb_status vmb_channel_set_target_vp(struct vmb_channel *channel, uint32_t vp,
                                                   vmb_channel_done done, void *done_context);

/**
 * Let go of a rescinded channel: nothing of yours points at it any more. The relid goes back to
 * the host, and the pointer is no longer valid.
 *
 * @retval VMB_OK               Gone.
 * @retval VMB_ERR_WRONG_STATE  Not rescinded, or already let go.
 * @retval VMB_ERR_BUSY         A GPADL of the channel still exists: tear it down first.
 *
 * Context: control plane; also from within events.rescinded.
 */
VMB_NODISCARD vmb_status vmb_channel_let_go(struct vmb_channel *channel);

/**
 * VMB_NOTIFY_POLLED: the ring was found empty; ask for events again.
 *
 * @return True if data came meanwhile: poll on, no event will come. False: an event will come.
 *
 * Context: isr-ok; the channel's reader.
 */
VMB_NODISCARD bool vmb_channel_rearm(struct vmb_channel *channel);

/**
 * Start a channel's handler as an event of the host would: what it waited for outside the bus, such
 * as a buffer, is there. It runs where vmb_guest_run() serves the VP that receives messages.
 * Coalesces with events; of no effect unless the channel is open.
 *
 * Context: isr-ok; any number of callers. They have returned before the channel is let go of, and
 * before the bus is left, also to sleep: nobody waits for them.
 */
void vmb_channel_kick(struct vmb_channel *channel);

/** A place in the queue of messages to the host. Private; embedded where there is one to send. */
struct vmb_post {
    struct vmb_post *next;
    uint8_t kind; /* Whose it is, and so what is to be said. */
    bool queued;
    uint16_t words_sent; /* Of a GPADL's data: what the messages so far have said. */
};

/** A device buffer that the host may access under a handle: a GPADL of the guest's. */
struct vmb_gpadl {
    uint32_t handle; /**< To be named in the device's own protocol; 0 while there is none. */

    /* Private from here on. */
    uint8_t state;
    bool exposed; /* By the port, which is to conceal it. */
    struct vmb_post post;
    struct vmb_channel *channel;
    struct vmb_gpadl *next; /* Of the GPADLs that the host knows or is being told of. */
    const struct vmb_gpadl_range *ranges;
    uint32_t range_count;
    uint32_t words_total; /* Of 8 bytes: a range's head and its page numbers. */
    uint64_t deadline_ns;
    void (*done)(void *context, struct vmb_gpadl *gpadl, vmb_status status);
    void *done_context;
};

/** Told once when the creation or the teardown of a GPADL has ended. Control plane. */
typedef void (*vmb_gpadl_done)(void *context, struct vmb_gpadl *gpadl, vmb_status status);

/** One range of guest memory. */
struct vmb_gpadl_range {
    uint32_t byte_count;  /**< Not 0. */
    uint32_t byte_offset; /**< Into the first page, below VMB_PAGE_BYTES. */
    const vmb_gpn *pages; /**< Every page touched, in order; NULL: consecutive from first_gpn. */
    vmb_gpn first_gpn;    /**< If pages is NULL. */
};

/**
 * Tell the host about a device buffer, in as many messages as it takes.
 *
 * @param gpadl   The caller's, until its teardown is done. Not in use.
 * @param ranges  The caller's and unchanged until `done`, at most 8190 pages in total.
 *
 * @retval VMB_OK                    Under way; `done`: VMB_OK (gpadl->handle is valid),
 *                                   VMB_ERR_REFUSED or VMB_ERR_PLATFORM (the memory is yours
 *                                   again), VMB_ERR_GONE (the same, once the bus has been left if
 *                                   it is being left), VMB_ERR_TIMEOUT (tear it down before reusing
 *                                   the memory).
 * @retval VMB_ERR_INVALID_ARGUMENT  No range, an empty one, an offset of a page or more, or more
 *                                   pages than one GPADL can name.
 * @retval VMB_ERR_WRONG_STATE       The channel is rescinded or sleeps, or the bus is not
 * connected.
 * @retval other                     What the port's `expose` said: it does not give the memory.
 *
 * Context: control plane. VMBus protocol: GpadlHeader, GpadlBody, GpadlCreated.
 */
VMB_NODISCARD vmb_status vmb_channel_gpadl_create(struct vmb_channel *channel,
                                                  struct vmb_gpadl *gpadl,
                                                  const struct vmb_gpadl_range *ranges,
                                                  uint32_t range_count, vmb_gpadl_done done,
                                                  void *done_context);

/**
 * Take a device buffer back. The device protocol must have revoked it first.
 *
 * @retval VMB_OK               Under way; `done`: VMB_OK; VMB_ERR_STILL_SHARED: the host never
 *                              confirmed, do not reuse the memory; or VMB_ERR_GONE: the bus is
 * being left, reuse it if that ends with VMB_OK.
 * @retval VMB_ERR_WRONG_STATE  Not created, or already being torn down.
 *
 * Context: control plane. VMBus protocol: GpadlTeardown, GpadlTorndown.
 */
VMB_NODISCARD vmb_status vmb_channel_gpadl_teardown(struct vmb_gpadl *gpadl, vmb_gpadl_done done,
                                                    void *done_context);

/**
 * The offer as the host sent it. The struct is the channel's.
 *
 * Context: control plane, until the channel has been let go of.
 */
const struct vmb_msg_offer *vmb_channel_offer(const struct vmb_channel *channel);

/**
 * Where the channel is in its life.
 *
 * Context: control plane.
 */
enum vmb_channel_state vmb_channel_state(const struct vmb_channel *channel);

/**
 * The relid, or VMB_RELID_NONE once it has been released.
 *
 * Context: any.
 */
uint32_t vmb_channel_relid(const struct vmb_channel *channel);

/**
 * The VP that the host was last asked to interrupt; VMB_VP_NONE if none or not open.
 *
 * Context: control plane.
 */
uint32_t vmb_channel_target_vp(const struct vmb_channel *channel);

/**
 * The channel's rings, or NULL unless it is open.
 *
 * Context: control plane, driver callbacks.
 */
struct vmb_endpoint *vmb_channel_endpoint(struct vmb_channel *channel);

/**
 * The NTSTATUS of the host's last refusal on this channel (open, GPADL or retarget); 0 if none.
 *
 * Context: control plane.
 */
uint32_t vmb_channel_host_status(const struct vmb_channel *channel);

/**
 * The primary channel of a sub-channel; NULL for a primary one or when that is gone.
 *
 * Context: control plane.
 */
struct vmb_channel *vmb_channel_primary(const struct vmb_channel *channel);

/**
 * Read a channel's counters. Each is exact; together they may be a moment apart. Those of packets
 * and signals are kept by whoever uses the endpoint: read them while nobody does, or take them for
 * what they are, a moment old and, on a 32-bit machine, perhaps torn.
 *
 * Context: control plane.
 */
void vmb_channel_read_counters(const struct vmb_channel *channel,
                               struct vmb_channel_counters *out_counters);

/**
 * A pointer of the embedder's own for this channel; NULL until set.
 *
 * Context: control plane.
 */
void *vmb_channel_context(const struct vmb_channel *channel);

/**
 * Set the embedder's pointer. The library only keeps it.
 *
 * Context: control plane.
 */
void vmb_channel_set_context(struct vmb_channel *channel, void *context);

VMB_END_DECLS

#endif /* VMB_CHANNEL_H */
