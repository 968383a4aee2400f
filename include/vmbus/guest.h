/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A guest's end of VMBus: connect, offers, channels, interrupts.
 *
 * The library does no I/O of its own. You call it when something happens; it calls the few
 * functions of `struct vmb_guest_platform`. It has no threads, locks, timers or memory: whatever
 * takes time is a state machine that vmb_guest_poll() moves on, and
 * vmb_guest_next_deadline_ns() says when to call that again if nothing happens before.
 *
 * What may run beside what:
 *
 * |                        | on_interrupt(v) | run(v)  | control plane | endpoint of one channel |
 * |------------------------|-----------------|---------|---------------|-------------------------|
 * | on_interrupt(v)        | one a VP        | yes     | yes           | yes                     |
 * | run(v)                 | yes             | one a VP| yes           | its on_event is a user  |
 * | control plane          | yes             | yes     | one caller    | yes                     |
 * | endpoint of one channel| yes             | see left| yes           | one writer, one reader  |
 *
 * "Control plane" is every function here whose Context line says so. Interrupts may arrive on any
 * VP at any time, those of VPs that differ at once.
 */
#ifndef VMB_GUEST_H
#define VMB_GUEST_H

#include <vmbus/channel.h>
#include <vmbus/log.h>
#include <vmbus/proto/message.h>
#include <vmbus/proto/version.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** A bus as its guest sees it. Opaque; lives in the memory given to vmb_guest_init(). */
struct vmb_guest;

/** One of its VPs, as that VP's interrupt sees it: see vmb_guest_vp_handle(). Opaque. */
struct vmb_guest_vp;

/** Who gets to see memory that is given to a channel's device; see <vmbus/paravisor.h>. */
enum vmb_exposure {
    /** The host: in a confidential VM the pages must be host-visible and hold no secret. */
    VMB_EXPOSURE_HOST = 0,
    /** The paravisor only: the pages stay private and need no bounce buffer. */
    VMB_EXPOSURE_PARAVISOR = 1
};

/** What a guest needs from you. Zero it, fill it, keep it alive as long as the guest. */
struct vmb_guest_platform {
    uint32_t struct_bytes; /**< sizeof this struct: lets it grow without breaking you. */
    void *context;         /**< Passed back first, untouched. */

    /* Required. None may block. */

    /**
     * HvPostMessage (TLFS 11.11.2) with message type 1.
     * VMB_OK; VMB_ERR_RETRY if the hypervisor is short of buffers (the library posts it again
     * later); VMB_ERR_INVALID_TARGET if it knows no such connection (that is how a host older than
     * 5.0 refuses, and what some hosts say when posted to too often: the library knows which);
     * anything else is final for the request. Called from the control plane only.
     */
    vmb_status (*post_message)(void *context, uint32_t connection_id, const void *message,
                               uint32_t message_bytes);
    /** HvSignalEvent (TLFS 11.11.3). Called from any context in which an endpoint is used. */
    void (*signal_event)(void *context, uint32_t connection_id, uint16_t flag);
    /**
     * Give pages that the host may read and write: zeroed, physically consecutive, decrypted in
     * a confidential VM. VMB_OK or VMB_ERR_NO_MEMORY. Control plane only.
     */
    vmb_status (*share_pages)(void *context, uint32_t page_count, struct vmb_pages *out_pages);
    /** Take such pages back; the host has let go of them. Control plane only. */
    void (*unshare_pages)(void *context, const struct vmb_pages *pages);
    /** A clock that never goes back, in ns. Any context. */
    uint64_t (*now_ns)(void *context);
    /**
     * Write the end-of-message register (EOM) of VP @p vp. The control plane calls this after it
     * emptied that VP's slot; if it does not run on that VP, make that VP write it.
     */
    void (*end_of_message)(void *context, uint32_t vp);

    /* Optional: NULL is fine. */

    /** vmb_guest_poll() has work. isr-ok, any VP; may come often, may come while polling. */
    void (*work_ready)(void *context);
    /**
     * vmb_guest_run(guest, vp) has work. isr-ok, any VP. NULL: call it for every VP after each
     * vmb_guest_poll() and whenever vmb_guest_on_interrupt() says so.
     */
    void (*run_ready)(void *context, uint32_t vp);
    /**
     * Map a page of the host's that lies at a guest physical address outside our memory. The host
     * says which, at a page's beginning: refuse what is not its. Returns NULL if it cannot. NULL:
     * the host is not asked for VMB_FEATURE_HOST_MONITOR_PAGES.
     */
    void VMB_SHARED *(*map_host_page)(void *context, vmb_gpa address);
    /** One line, no newline, at most 128 bytes. Rate-limited where a peer causes it. */
    vmb_log_function log;
    /**
     * A device is about to be given these ranges as @p gpadl: see to it that whom @p exposure names
     * can reach them, and that they do not move if @p pinned. VMB_OK; anything else is what
     * vmb_channel_gpadl_create() returns. NULL: they are as they have to be. Control plane only.
     */
    vmb_status (*expose)(void *context, const struct vmb_gpadl *gpadl, enum vmb_exposure exposure,
                         bool pinned, const struct vmb_gpadl_range *ranges, uint32_t range_count);
    /**
     * The device has let go of them for certain: they may be private again. Not called when the bus
     * is left with the GPADL still there, nor after VMB_ERR_STILL_SHARED. Control plane only.
     */
    void (*conceal)(void *context, const struct vmb_gpadl *gpadl);
};

/** What the bus tells you. All from the control plane, so each may call control-plane functions. */
struct vmb_guest_events {
    uint32_t struct_bytes; /**< sizeof this struct. */
    void *context;         /**< Passed back first, untouched. */

    /**
     * The end of vmb_guest_connect(): VMB_OK, VMB_ERR_VERSION, _REFUSED, _TIMEOUT, _PLATFORM, or
     * VMB_ERR_INVALID_TARGET: the hypervisor has no VMBus host.
     */
    void (*connected)(void *context, vmb_status status);
    /** A channel is offered. It is yours until vmb_channel_let_go(), open or not. */
    void (*offered)(void *context, struct vmb_channel *channel);
    /** Every channel that existed at connect has been offered. Others may follow any time. */
    void (*offers_delivered)(void *context);
    /**
     * The channel's device is gone, told once. If the channel was open its `closed` has been
     * called. Drop what you hold of it, then call vmb_channel_let_go(), now or later: the host
     * offers the device again only after that. NULL: the library lets go by itself.
     */
    void (*rescinded)(void *context, struct vmb_channel *channel);
    /** The end of vmb_guest_suspend() (power.h): VMB_OK, or what it may be for unload. */
    void (*suspended)(void *context, vmb_status status);
    /** After vmb_guest_resume(): the device is there again, closed, with a new relid. */
    void (*resumed)(void *context, struct vmb_channel *channel);
    /**
     * The end of vmb_guest_unload(): VMB_OK; or, with pages not taken back, VMB_ERR_TIMEOUT,
     * VMB_ERR_PLATFORM if Unload could not be posted, and VMB_ERR_STILL_SHARED of a host below 1.1,
     * which confirms nothing: close the channels first.
     */
    void (*unloaded)(void *context, vmb_status status);
};

/** Limits and wishes. Zero means the default, for every field. */
struct vmb_guest_options {
    uint32_t struct_bytes;  /**< sizeof this struct. */
    uint32_t vp_count;      /**< VP indices are below it; 1 to 4096. Default 1. */
    uint32_t channel_limit; /**< Channels at once, 1 to 2047. Default 2047. */
    uint32_t max_version;   /**< Highest version to ask for. Default VMB_VERSION_6_0. */
    uint32_t min_version;   /**< Lowest version to accept. Default VMB_VERSION_0_13. */
    uint32_t features;      /**< VMB_FEATURE_* wanted of a 6.0 host. Default none. */
    uint32_t connect_vp;    /**< VP that receives all messages (version 3.0 on). Default 0. */
    /**
     * SINT of messages and events, 1 to 15; 0 means 2, which every host serves. Hosts below 5.0
     * know no other and are not asked; those from 5.0 on may refuse (on that SINT).
     */
    uint32_t sint;
    struct vmb_guid client_id;      /**< With VMB_FEATURE_CLIENT_ID. */
    uint64_t request_timeout_ns;    /**< For each answer of the host. Default 10 s. */
    uint64_t unload_timeout_ns;     /**< The host may flush disks first. Default 100 s. */
    uint64_t post_retry_first_ns;   /**< First wait after VMB_ERR_RETRY, doubling. Default 1 us. */
    uint64_t post_retry_longest_ns; /**< Where doubling stops. Default 256 ms. */
    uint32_t post_retry_limit;      /**< Tries before a post counts as failed. Default 100. */
};

/** What vmb_guest_on_interrupt() found, or-ed together. */
enum vmb_guest_work {
    VMB_GUEST_WORK_NONE = 0,
    VMB_GUEST_WORK_POLL = 1, /**< Call vmb_guest_poll() soon. */
    VMB_GUEST_WORK_RUN = 2   /**< Call vmb_guest_run() for this VP soon. */
};

/** Counters of one VP; they only grow. */
struct vmb_vp_counters {
    uint64_t interrupts;     /**< Calls of vmb_guest_on_interrupt(), by handle or not. */
    uint64_t events;         /**< Bits taken from the event flags: the sum of the next five. */
    uint64_t started;        /**< Started a handler, or put a channel on the ready list. */
    uint64_t coalesced;      /**< The channel's handler is running, due, or has answered it. */
    uint64_t stray_unmapped; /**< No channel has that relid. */
    uint64_t stray_closed;   /**< The channel is not open. */
    uint64_t legacy;         /**< Flag 0 of a host older than 2.4: "look at the interrupt page". */
    uint64_t messages;       /**< Messages seen in this VP's slot. */
};

/** Counters of the bus; they only grow. */
struct vmb_guest_counters {
    uint64_t messages_received;
    uint64_t messages_malformed;  /**< Too short, or contents that cannot be. */
    uint64_t messages_unknown;    /**< Not a number of this version. */
    uint64_t messages_unexpected; /**< Known, but nothing waited for it; duplicates. */
    uint64_t messages_untrusted;  /**< The host's, while a paravisor serves the bus. */
    uint64_t messages_posted;
    uint64_t post_retries;
    /** Relid out of range or in use, the channel limit reached, flags that contradict each other.
     */
    uint64_t offers_refused;
    uint64_t rescinds;
    uint64_t requests_timed_out;
    uint64_t flags_forgotten; /**< Event flags of a relid's earlier life, cleared at an open. */
    uint64_t vps_stopped;     /**< VPs taken out of service. */
    uint64_t stuck;           /**< Channels that were found hanging, each time they were. */
    uint64_t pages_leaked;    /**< Pages that the host never confirmed to have let go. */
};

/**
 * The memory that a guest with these options needs.
 *
 * @return Bytes, to be given to vmb_guest_init() at an address aligned to 64; 0 if an option is
 *         out of its range.
 *
 * Context: any.
 */
size_t vmb_guest_memory_bytes(const struct vmb_guest_options *options);

/**
 * Make a guest in the caller's memory. Nothing is sent yet.
 *
 * @param memory        At least vmb_guest_memory_bytes(), aligned to 64. The guest's until
 *                      vmb_guest_deinit().
 *
 * @retval VMB_OK                    *out_guest is ready for vmb_guest_vp_start().
 * @retval VMB_ERR_INVALID_ARGUMENT  A required callback is NULL, an option out of range, or the
 *                                   memory is not aligned.
 * @retval VMB_ERR_TOO_SMALL         memory_bytes is less than vmb_guest_memory_bytes().
 *
 * Context: control plane.
 */
VMB_NODISCARD vmb_status vmb_guest_init(void *memory, size_t memory_bytes,
                                        const struct vmb_guest_options *options,
                                        const struct vmb_guest_platform *platform,
                                        const struct vmb_guest_events *events,
                                        struct vmb_guest **out_guest);

/**
 * The end of a guest: after vmb_guest_unload() has ended, or instead of it before any connect.
 *
 * @retval VMB_OK               The memory is the caller's again.
 * @retval VMB_ERR_WRONG_STATE  Connected: unload first.
 *
 * Context: control plane; no VP may be inside on_interrupt or run any more.
 */
VMB_NODISCARD vmb_status vmb_guest_deinit(struct vmb_guest *guest);

/**
 * Tell the guest which pages the SynIC of a VP uses. From now on interrupts are taken there.
 *
 * @param vp            The hypervisor's VP index (not the OS's CPU number), below vp_count.
 * @param message_page  The VP's SynIC message page (SIMP): 16 slots of 256 bytes.
 * @param event_page    The VP's event-flags page (SIEFP): 16 groups of 2048 bits. Of our SINT none
 *                      is set: one that is left of before makes no interrupt when it is set again.
 *
 * @retval VMB_OK                    Events of this VP are dispatched.
 * @retval VMB_ERR_INVALID_ARGUMENT  vp is too high, or a page is NULL or not aligned.
 * @retval VMB_ERR_WRONG_STATE       Already started.
 *
 * Context: control plane. Before SINT 2 of that VP is unmasked, so that nothing comes too early.
 */
VMB_NODISCARD vmb_status vmb_guest_vp_start(struct vmb_guest *guest, uint32_t vp,
                                            void VMB_SHARED *message_page,
                                            void VMB_SHARED *event_page);

/**
 * The interrupt of the VMBus SINT on VP @p vp. Takes the VP's event flags, starts handlers and
 * sets ready flags; looks whether a message has come.
 *
 * @return Any of enum vmb_guest_work: what to call next, outside the interrupt.
 *
 * Context: isr-ok; all VPs at once, concurrently with everything else; never nested on one VP.
 * Bounded by the bits that are set; allocates nothing, takes no lock.
 */
uint32_t vmb_guest_on_interrupt(struct vmb_guest *guest, uint32_t vp);

/**
 * A VP, to be kept where its interrupt finds it at once: in what your kernel has for each CPU.
 *
 * @return What vmb_guest_vp_on_interrupt() takes, the same from vmb_guest_init() to
 *         vmb_guest_deinit(), whether the VP has been started or not; NULL if @p vp is vp_count or
 *         higher.
 *
 * Context: any.
 */
struct vmb_guest_vp *vmb_guest_vp_handle(struct vmb_guest *guest, uint32_t vp);

/**
 * The same as vmb_guest_on_interrupt(), where the handle has been fetched before: most interrupts
 * of an idle VP cost a dozen instructions, and finding the VP by its number half as many again.
 *
 * @return As vmb_guest_on_interrupt().
 *
 * Context: isr-ok; all VPs at once, concurrently with everything else; never nested on one VP, nor
 * beside vmb_guest_on_interrupt() of the same one.
 */
uint32_t vmb_guest_vp_on_interrupt(struct vmb_guest_vp *vp);

/**
 * Run the handlers of channels that are ready on VP @p vp (VMB_NOTIFY_DEFERRED).
 *
 * @param budget  How many handler calls at the most.
 *
 * @return True if channels are still ready: call again.
 *
 * Context: one caller at a time for each VP, any thread; concurrently with everything else.
 */
VMB_NODISCARD bool vmb_guest_run(struct vmb_guest *guest, uint32_t vp, uint32_t budget);

/**
 * Move every state machine on as far as it goes: take messages, post messages, end waits.
 *
 * @return True if there is more to do at once: call again.
 *
 * Context: control plane. Bounded: at most 64 messages in and 64 out a call.
 */
VMB_NODISCARD bool vmb_guest_poll(struct vmb_guest *guest);

/**
 * When vmb_guest_poll() must be called even if nothing happens before.
 *
 * @return A time of the platform's clock in ns, or VMB_NEVER.
 *
 * Context: control plane.
 */
uint64_t vmb_guest_next_deadline_ns(const struct vmb_guest *guest);

/**
 * Begin to connect: negotiate the highest version that both sides know, ask for offers.
 * Ends with events.connected, then offered and offers_delivered.
 *
 * @retval VMB_OK               Under way.
 * @retval VMB_ERR_WRONG_STATE  Not disconnected; devices sleep (power.h); the connect VP has not
 *                              been started; or max_version is below what connect_vp (3.0) or sint
 *                              (5.0) need.
 * @retval VMB_ERR_NO_MEMORY    The port could not share three pages.
 *
 * Context: control plane.
 */
VMB_NODISCARD vmb_status vmb_guest_connect(struct vmb_guest *guest);

/**
 * Leave the bus: open channels are closed without ceremony, their `closed` is called, the host
 * is told, and when it has confirmed all shared pages are taken back. Ends with events.unloaded;
 * from then on no pointer to a channel is valid. On a suspended bus (power.h) it gives up the
 * devices that sleep.
 *
 * @retval VMB_OK               Under way.
 * @retval VMB_ERR_WRONG_STATE  Not connected, or already leaving.
 *
 * Context: control plane.
 */
VMB_NODISCARD vmb_status vmb_guest_unload(struct vmb_guest *guest);

/**
 * The version agreed upon, VMB_VERSION_*; 0 while there is none.
 *
 * Context: any.
 */
uint32_t vmb_guest_version(const struct vmb_guest *guest);

/**
 * The features granted (VMB_FEATURE_*), 0 below version 6.0.
 *
 * Context: any.
 */
uint32_t vmb_guest_features(const struct vmb_guest *guest);

/**
 * Walk over the channels. Start with *cursor = 0.
 *
 * @return The next channel in relid order, or NULL at the end.
 *
 * Context: control plane. Channels may come and go between two calls.
 */
struct vmb_channel *vmb_guest_next_channel(struct vmb_guest *guest, uint32_t *cursor);

/**
 * The channel with that relid, or NULL. One bounds check and one load (rule R1 of docs/DESIGN.md).
 *
 * Context: isr-ok. The pointer is good until the channel has been let go of.
 */
struct vmb_channel *vmb_guest_relid2channel(struct vmb_guest *guest, uint32_t relid);

/**
 * Read the counters of one VP. Each is exact; together they may be a moment apart.
 *
 * @retval VMB_ERR_INVALID_ARGUMENT  No such VP.
 *
 * Context: any.
 */
VMB_NODISCARD vmb_status vmb_guest_vp_counters(const struct vmb_guest *guest, uint32_t vp,
                                               struct vmb_vp_counters *out_counters);

/**
 * Read the counters of the bus.
 *
 * Context: control plane.
 */
void vmb_guest_read_counters(const struct vmb_guest *guest,
                             struct vmb_guest_counters *out_counters);

VMB_END_DECLS

#endif /* VMB_GUEST_H */
