/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A host's end of VMBus: one guest's bus, as a VMM or a test serves it.
 *
 * The mirror image of <vmbus/guest.h>, with the same rules: you call it when something happens, it
 * calls the few functions of `struct vmb_host_platform`; no threads, locks, timers, memory or
 * global state of its own; any number of hosts in a process.
 *
 * What may run beside what, for one host:
 *
 * |               | on_message | on_signal | run             | control plane | endpoint       |
 * |---------------|------------|-----------|-----------------|---------------|----------------|
 * | on_message    | yes        | yes       | yes             | yes           | yes            |
 * | on_signal     | yes        | yes       | yes             | yes           | yes            |
 * | run           | yes        | yes       | yes, on another | yes           | its on_event   |
 * |               |            |           | channel         |               | is a user      |
 * | control plane | yes        | yes       | yes             | one caller    | yes            |
 * | endpoint      | yes        | yes       | see left        | yes           | a writer and a |
 * |               |            |           |                 |               | reader each    |
 *
 * "Control plane" is every function whose Context line says so. on_slot_free, kick and
 * request_control are as on_signal. From on_event only those and the endpoint may be called,
 * unless you drive run and the control plane from the same thread.
 *
 * A guest is not trusted: whatever it sends costs bounded time and no memory beyond what init was
 * given, and each of its mistakes is counted. When it does not empty its message slot the host
 * stops taking its messages (VMB_ERR_RETRY), except the two by which a new kernel starts over.
 */
#ifndef VMB_HOST_H
#define VMB_HOST_H

#include <vmbus/host_channel.h>
#include <vmbus/log.h>
#include <vmbus/proto/message.h>
#include <vmbus/proto/version.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** The SINT on which guests take VMBus messages and events (TLFS 11; as all guests have it). */
#define VMB_HOST_SINT 2u
/**
 * A channel that is offered with relid r is signalled with connection id base + r. A guest with
 * VMB_FEATURE_SIGNAL_PARAMETERS may choose another, from base up to 24 bits; those of open channels
 * must differ in their low 11 bits, as ids made of relids do, or the open is refused.
 */
#define VMB_HOST_CONNECTION_BASE 0x2000u

/** Guest pages, mapped by the platform. */
struct vmb_host_mapping {
    void VMB_SHARED *base; /**< Page aligned. */
    void *owner;           /**< For the platform: a handle, NULL. */
};

/** What a host needs from you. Zero it, fill it, keep it alive as long as the host. */
struct vmb_host_platform {
    uint32_t struct_bytes; /**< sizeof this struct: lets it grow without breaking you. */
    void *context;         /**< Passed back first, untouched. */

    /* Required. None may block. */

    /**
     * Put a message of type VMB_SYNIC_MESSAGE_TYPE into the slot of @p sint of VP @p vp.
     * VMB_OK; VMB_ERR_RETRY if the slot is taken: the library keeps it and everything behind it,
     * and tries again on poll; call vmb_host_on_slot_free() when the guest has emptied it.
     * Anything else (VMB_ERR_INVALID_TARGET: the guest named a VP that is none): it is dropped.
     * Control plane.
     */
    vmb_status (*post_message)(void *context, uint32_t vp, uint8_t sint, const void *message,
                               uint32_t message_bytes);
    /**
     * Set event flag @p flag in the group of @p sint of VP @p vp and interrupt that VP. Any
     * thread in which an endpoint is used, several at once. A VP that is none: ignore.
     */
    void (*raise_event)(void *context, uint32_t vp, uint8_t sint, uint16_t flag);
    /**
     * Map guest pages, in that order, as one consecutive piece that can be read and written, the
     * way mmap() with MAP_FIXED maps a file piece by piece into a reserved range. A page may
     * stand there twice. VMB_ERR_INVALID_ARGUMENT if one of them is not the guest's memory,
     * VMB_ERR_NO_MEMORY if there is no room. A VMM that has all guest memory in one piece may
     * give a pointer into it when the pages are consecutive. Control plane.
     */
    vmb_status (*map_pages)(void *context, const vmb_gpn *gpns, uint32_t page_count,
                            struct vmb_host_mapping *out_mapping);
    /** Undo map_pages. Nothing of the library or a device touches the memory. Control plane. */
    void (*unmap_pages)(void *context, const struct vmb_host_mapping *mapping, uint32_t page_count);
    /** A clock that never goes back, in ns. Any thread. */
    uint64_t (*now_ns)(void *context);

    /* Optional: NULL is fine. */

    /**
     * The guest will signal with this connection id from now on: a VMM on KVM binds an eventfd to
     * it and calls vmb_host_on_signal(id, 0) when it fires; others do so on the hypercall.
     * VMB_OK, or the open is refused. Control plane.
     */
    vmb_status (*doorbell_open)(void *context, uint32_t connection_id);
    /** The guest will not signal with it any more; late signals do no harm. Control plane. */
    void (*doorbell_close)(void *context, uint32_t connection_id);
    /** vmb_host_poll() has work. Any thread; may come often, may come while polling. */
    void (*work_ready)(void *context);
    /** vmb_host_run() has work. Any thread; may come often. */
    void (*run_ready)(void *context);
    /** One line, no newline, at most 128 bytes. At most 16 a second. Any thread. */
    vmb_log_function log;
};

/** Why a connection has ended. */
enum vmb_host_disconnect {
    VMB_HOST_UNLOADED = 1,  /**< The guest has said so. */
    VMB_HOST_CONTACTED = 2, /**< Somebody in the guest starts over: firmware, a crash kernel. */
    VMB_HOST_RESET = 3      /**< vmb_host_reset(). */
};

/** What the bus tells you; each may be NULL. Control plane: each may call its functions. */
struct vmb_host_events {
    uint32_t struct_bytes; /**< sizeof this struct. */
    void *context;         /**< Passed back first, untouched. */

    /** A guest has connected; VMB_VERSION_ and VMB_FEATURE_ as agreed. */
    void (*connected)(void *context, uint32_t version, uint32_t features);
    /** The guest is gone and every channel, GPADL and page of it has been let go of. */
    void (*disconnected)(void *context, enum vmb_host_disconnect reason);
    /**
     * The guest wants an hv_sock connection. VMB_OK: you have offered a channel for it;
     * VMB_ERR_BUSY: you will, or call vmb_host_tl_refuse(). Anything else, or NULL: refused.
     */
    vmb_status (*tl_connect)(void *context, const struct vmb_msg_tl_connect_request *request);
    /** A contact request for a VTL that is not ours; nobody has answered it. */
    void (*contact_for_other_vtl)(void *context, const struct vmb_msg_initiate_contact *request);
};

/** Limits and wishes. Zero means the default, for every field. */
struct vmb_host_options {
    uint32_t struct_bytes;     /**< sizeof this struct. */
    uint32_t vp_count;         /**< VP indices are below it; 1 to 4096. Default 4096. */
    uint32_t channel_limit;    /**< Channels at once, 1 to 2047. Default 256. */
    uint32_t gpadl_limit;      /**< GPADLs at once, 1 to 65535. Default 4 a channel. */
    uint32_t gpadl_page_limit; /**< Page numbers and ranges of all GPADLs. Default 65536. */
    uint32_t message_limit;    /**< Messages queued each way, 8 to 65536. Default 256. */
    uint32_t max_version;      /**< Highest version to agree to. Default VMB_VERSION_6_0. */
    uint32_t min_version;      /**< Lowest version to agree to. Default VMB_VERSION_0_13. */
    /**
     * VMB_FEATURE_ bits to grant. Default: SIGNAL_PARAMETERS, MODIFY_CONNECTION, CLIENT_ID and
     * PAUSE_RESUME. The others need something of the VMM: see VMB_HOST_FEATURES_NONE for none.
     * CONFIDENTIAL is granted by a paravisor only: <vmbus/host_paravisor.h>.
     */
    uint32_t features;
    uint8_t redirect_sint;       /**< With VMB_FEATURE_INTERRUPT_REDIRECT. Default 7. */
    vmb_gpa parent_to_child_gpa; /**< With VMB_FEATURE_HOST_MONITOR_PAGES: the pages. */
    vmb_gpa child_to_parent_gpa;
    /**
     * How often monitor bits are looked at. Default 100 us. A guest that gives each of its open
     * monitored channels a longer latency has them looked at less often, never more often.
     */
    uint64_t monitor_interval_ns;
    uint64_t post_retry_ns; /**< When to try a taken slot again unasked. Default 1 ms. */
};

/** options.features: grant none at all. */
#define VMB_HOST_FEATURES_NONE 0x80000000u

/** Counters of a bus; they only grow. What a well-behaved guest never causes is marked (G). */
struct vmb_host_counters {
    uint64_t messages_received;
    uint64_t messages_refused;    /**< VMB_ERR_RETRY: the inbox was full. */
    uint64_t messages_malformed;  /**< Too short, or contents that cannot be (G). */
    uint64_t messages_unknown;    /**< Not a number of this version (G). */
    uint64_t messages_unexpected; /**< Not in this state, or of a channel that is none (G). */
    uint64_t messages_untrusted;  /**< Not the guest's; see <vmbus/host_paravisor.h>. */
    uint64_t messages_posted;
    uint64_t messages_dropped; /**< The platform could not deliver; disconnected. */
    uint64_t post_retries;     /**< The slot was taken. */
    uint64_t contacts;         /**< InitiateContact messages. */
    uint64_t versions_refused;
    uint64_t offers_sent;
    uint64_t opens_refused; /**< By us or by the device. */
    uint64_t gpadls_created;
    uint64_t gpadls_refused;     /**< Bad shape (G), no room, or no memory behind it. */
    uint64_t modifies_refused;   /**< Wrong state or VP, or one under way (G). */
    uint64_t signals_unknown;    /**< Doorbells with an id that belongs to no channel. */
    uint64_t stuck;              /**< Channels found hanging; see <vmbus/host_stuck.h>. */
    uint64_t lines_suppressed;   /**< Log lines that the rate limit swallowed. */
    uint32_t gpadl_words_in_use; /**< Now, of options.gpadl_page_limit. */
    uint32_t gpadls_in_use;      /**< Now. */
    uint32_t channels_in_use;    /**< Now. */
};

/**
 * The memory that a host with these options needs.
 *
 * @return Bytes, to be given to vmb_host_init() at an address aligned to 64; 0 if an option is
 *         out of its range.
 *
 * Context: any.
 */
size_t vmb_host_memory_bytes(const struct vmb_host_options *options);

/**
 * Make a host in the caller's memory.
 *
 * @param memory  At least vmb_host_memory_bytes(), aligned to 64. The host's until
 *                vmb_host_deinit().
 * @param events  May be NULL.
 *
 * @retval VMB_OK                    *out_host serves a guest from now on.
 * @retval VMB_ERR_INVALID_ARGUMENT  A required callback is NULL, an option out of range, or the
 *                                   memory is not aligned.
 * @retval VMB_ERR_TOO_SMALL         memory_bytes is less than vmb_host_memory_bytes().
 *
 * Context: control plane.
 */
VMB_NODISCARD vmb_status vmb_host_init(void *memory, size_t memory_bytes,
                                       const struct vmb_host_options *options,
                                       const struct vmb_host_platform *platform,
                                       const struct vmb_host_events *events,
                                       struct vmb_host **out_host);

/**
 * The end of a host: after vmb_host_reset() has ended, or the guest has unloaded.
 *
 * @retval VMB_OK               The memory is the caller's again. Channels are gone without more
 *                              ado: none is open.
 * @retval VMB_ERR_WRONG_STATE  A guest is connected, or a channel or GPADL is in use: reset first.
 *
 * Context: control plane; nothing else may be inside the library any more.
 */
VMB_NODISCARD vmb_status vmb_host_deinit(struct vmb_host *host);

/**
 * The guest has posted a message (HvPostMessage, TLFS 11.11.2). It is queued; poll acts on it.
 *
 * @param connection_id  As the guest named it: VMB_CONNECTION_MESSAGE or _MULTICLIENT.
 * @param bytes          The payload, in memory that the guest cannot change; copied.
 *
 * @retval VMB_OK                    Queued.
 * @retval VMB_ERR_RETRY             No room: answer HV_STATUS_INSUFFICIENT_BUFFERS, the guest
 *                                   tries again.
 * @retval VMB_ERR_INVALID_TARGET    Answer HV_STATUS_INVALID_CONNECTION_ID.
 * @retval VMB_ERR_INVALID_ARGUMENT  More than VMB_MESSAGE_MAX_BYTES: answer
 *                                   HV_STATUS_INVALID_PARAMETER.
 *
 * Context: any thread, several at once. Bounded; takes no lock.
 */
VMB_NODISCARD vmb_status vmb_host_on_message(struct vmb_host *host, uint32_t connection_id,
                                             const void *bytes, uint32_t byte_count);

/**
 * The guest has signalled (HvSignalEvent, TLFS 11.11.3, or the eventfd behind it).
 *
 * @param connection_id  As the guest named it.
 * @param flag           As the guest named it; 0 on every connection of ours.
 *
 * @retval VMB_OK                    The channel will run, or it is not open and need not.
 * @retval VMB_ERR_INVALID_TARGET    Answer HV_STATUS_INVALID_CONNECTION_ID.
 * @retval VMB_ERR_INVALID_ARGUMENT  Flag not 0: answer HV_STATUS_INVALID_PARAMETER.
 *
 * Context: isr-ok; any thread, several at once. One array lookup and two atomic operations.
 */
VMB_NODISCARD vmb_status vmb_host_on_signal(struct vmb_host *host, uint32_t connection_id,
                                            uint16_t flag);

/**
 * The guest has emptied a message slot that was found taken (EOM). Makes poll due.
 *
 * Context: isr-ok; any thread.
 */
void vmb_host_on_slot_free(struct vmb_host *host);

/**
 * Run on_event of channels that the guest has signalled. While one runs, the guest is told not to
 * signal it (interrupt mask); before the run ends the ring is looked at again. A handler that read
 * some packets and left some is called again; one that read none is not, before the next event.
 *
 * @param budget  How many handler calls at the most.
 *
 * @return True if channels are still ready: call again.
 *
 * Context: any number of threads at once; each channel on one of them at a time.
 */
VMB_NODISCARD bool vmb_host_run(struct vmb_host *host, uint32_t budget);

/**
 * Move every state machine on as far as it goes: take messages, ask devices, post messages.
 *
 * @return True if there is more to do at once: call again.
 *
 * Context: control plane, not from within a callback. Bounded: at most 64 messages in and 64 out.
 */
VMB_NODISCARD bool vmb_host_poll(struct vmb_host *host);

/**
 * When vmb_host_poll() must be called even if nothing happens before.
 *
 * @return A time of the platform's clock in ns, or VMB_NEVER.
 *
 * Context: control plane.
 */
uint64_t vmb_host_next_deadline_ns(const struct vmb_host *host);

/**
 * The machine is reset: drop the connection, reserved channels too, and tell the guest nothing.
 * Devices stay on the bus for the next guest. Ends with events.disconnected, perhaps before this
 * returns; that is not called if no guest was connected and nothing was open.
 *
 * Context: control plane.
 */
void vmb_host_reset(struct vmb_host *host);

/**
 * Refuse an hv_sock connection that events.tl_connect has put off.
 *
 * @retval VMB_OK               The guest will be told; hosts below version 4.1 cannot tell it.
 * @retval VMB_ERR_RETRY        The outbox is full: try again after the next poll.
 * @retval VMB_ERR_WRONG_STATE  No guest is connected.
 *
 * Context: control plane. VMBus: TlConnectResult.
 */
VMB_NODISCARD vmb_status vmb_host_tl_refuse(struct vmb_host *host,
                                            const struct vmb_guid *endpoint_guid,
                                            const struct vmb_guid *service_guid);

/**
 * The version agreed upon, VMB_VERSION_*; VMB_VERSION_NONE while no guest is connected.
 *
 * Context: control plane.
 */
uint32_t vmb_host_version(const struct vmb_host *host);

/**
 * The features granted, 0 below version 6.0.
 *
 * Context: control plane.
 */
uint32_t vmb_host_features(const struct vmb_host *host);

/**
 * Walk over the channels in the order in which they are offered. Start with *cursor = 0.
 *
 * @return The next channel, or NULL at the end.
 *
 * Context: control plane. After a channel came or went, start again.
 */
struct vmb_host_channel *vmb_host_next_channel(struct vmb_host *host, uint32_t *cursor);

/**
 * Read the counters of the bus. Each is exact; together they may be a moment apart.
 *
 * Context: control plane.
 */
void vmb_host_read_counters(const struct vmb_host *host, struct vmb_host_counters *out_counters);

VMB_END_DECLS

#endif /* VMB_HOST_H */
