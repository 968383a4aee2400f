/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Integration services: what heartbeat, shutdown, time sync and their like have in common.
 *
 * The host speaks first: it lists the framework and message versions that it knows, the guest
 * picks one of each. From then on the host sends requests, one at a time, and the guest answers
 * each by sending it back, edited. The host may negotiate again at any time; both sides then
 * forget what was under way (protocol: integration components, common part).
 *
 * A service embeds an engine, gives it a constant description and a buffer, and forwards its
 * driver's calls to it. Services of your own do the same as the library's.
 *
 * Every function of an engine runs in the context of its channel's on_event: one caller at a time,
 * on_event included. Opened and closed come from the control plane while on_event does not run.
 */
#ifndef VMB_DRIVERS_IC_H
#define VMB_DRIVERS_IC_H

#include <vmbus/driver.h>
#include <vmbus/proto/ic.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** Room for the longest negotiation that a host sends: a hundred versions of each kind. */
#define VMB_IC_BUFFER_BYTES 1024u

/* ---- Guest ----------------------------------------------------------------------------------- */

/** From a service's request: the answer takes time; vmb_ic_guest_answer() gives it. Never sent. */
#define VMB_IC_ANSWER_LATER 0x8000000Au

/** What a guest has counted on one channel, over all times it was open. Each only grows. */
struct vmb_ic_guest_counters {
    uint64_t negotiations;
    uint64_t requests;  /**< In the service's own message type. */
    uint64_t answers;   /**< Sent; negotiations included. */
    uint64_t ring_full; /**< Times an answer had to wait for space. */
    uint64_t malformed; /**< Packets that make no sense: dropped, or refused where possible. */
    uint64_t unknown;   /**< Messages of another type, or before a version was agreed upon. */
};

/** A service as its guest side describes it. Constant. */
struct vmb_ic_guest_service {
    uint16_t message_type; /**< VMB_IC_HEARTBEAT and so on. */

    /**
     * A request has come. Edit the body in place: it goes back as it then is, and as long.
     *
     * @return The status of the answer, a VMB_IC_STATUS_ value; or VMB_IC_ANSWER_LATER: nothing
     *         more is read until vmb_ic_guest_answer(), and the body stays where it is until then.
     */
    uint32_t (*request)(void *device, struct vmb_ic_version version, uint8_t *body,
                        uint32_t body_bytes);
    /** The answer to the last request is in the ring, or none was wanted. May be NULL. */
    void (*answered)(void *device);
    /** Versions were negotiated: forget what was under way. False: none in common. May be NULL. */
    void (*negotiated)(void *device, bool agreed, struct vmb_ic_version version);
    /** The host broke the ring: close the channel. May be NULL. */
    void (*failed)(void *device, vmb_status status);
};

/** The guest's engine. Embed it; the members are private but for the counters. */
struct vmb_ic_guest {
    const struct vmb_ic_guest_service *service;
    void *device;
    struct vmb_endpoint *endpoint;
    uint8_t *buffer;
    uint32_t buffer_bytes;
    uint32_t answer_bytes; /* Of the answer in the buffer; 0: none is owed. */
    uint64_t answer_id;
    uint32_t late_bytes;  /* Of the request in the buffer that is answered later; 0: none. */
    bool answers_request; /* Not a negotiation. */
    bool agreed;
    struct vmb_ic_version version;         /* If agreed. */
    struct vmb_ic_guest_counters counters; /**< Public: read it where on_event runs. */
};

/**
 * Make an engine.
 *
 * @param service       Constant.
 * @param device        Passed to its functions.
 * @param buffer        The engine's for good. At least VMB_IC_BUFFER_BYTES; longer messages are
 *                      dropped as malformed.
 *
 * Context: any; the engine is not in use.
 */
void vmb_ic_guest_init(struct vmb_ic_guest *ic, const struct vmb_ic_guest_service *service,
                       void *device, void *buffer, uint32_t buffer_bytes);

/**
 * To be called by the driver's `opened`.
 *
 * Context: as that.
 */
void vmb_ic_guest_opened(struct vmb_ic_guest *ic, struct vmb_endpoint *endpoint);

/**
 * To be called by the driver's `on_event`.
 *
 * Context: as that. Bounded: 64 messages; the core comes back for more.
 */
void vmb_ic_guest_on_event(struct vmb_ic_guest *ic);

/**
 * Answer the request for which the service said VMB_IC_ANSWER_LATER, and go on with what has come
 * meanwhile. Without effect if the channel was closed since, even if it is open again.
 *
 * @param ic_status  A VMB_IC_STATUS_ value.
 *
 * Context: as on_event.
 */
void vmb_ic_guest_answer(struct vmb_ic_guest *ic, uint32_t ic_status);

/**
 * To be called by the driver's `closed`.
 *
 * Context: as that.
 */
void vmb_ic_guest_closed(struct vmb_ic_guest *ic);

/* ---- Host ------------------------------------------------------------------------------------ */

/** Where a host's conversation is. */
enum vmb_ic_host_state {
    VMB_IC_HOST_CLOSED = 0,
    VMB_IC_HOST_NEGOTIATING = 1, /**< Waiting for the guest to pick versions. */
    VMB_IC_HOST_READY = 2,       /**< Nothing under way: a request may be sent. */
    VMB_IC_HOST_WAITING = 3,     /**< A request is under way. */
    VMB_IC_HOST_LATE = 4,        /**< Its time is over; its answer may still come. */
    VMB_IC_HOST_UNSUPPORTED = 5  /**< The guest knows no version of ours: idle. */
};

/** What a host has counted on one channel, over all times it was open. Each only grows. */
struct vmb_ic_host_counters {
    uint64_t negotiations; /**< Sent. */
    uint64_t requests;     /**< Sent. */
    uint64_t answers;      /**< To requests, in time or late. */
    uint64_t timeouts;     /**< Requests and negotiations that were not answered in time. */
    uint64_t late;         /**< Answers after that. */
    uint64_t ring_full;    /**< Times a message had to wait for space. */
    uint64_t malformed;    /**< Packets that make no sense: dropped. */
    uint64_t unasked;      /**< Answers to nothing that is under way: dropped. */
};

/** A service as its host side describes it. Constant. */
struct vmb_ic_host_service {
    uint16_t message_type; /**< VMB_IC_HEARTBEAT and so on. */

    /**
     * The end of a negotiation: VMB_OK and a version; VMB_ERR_VERSION: none in common, the channel
     * is idle; VMB_ERR_TIMEOUT: no answer, it is tried again. From here a request may be sent.
     */
    void (*negotiated)(void *device, vmb_status status, struct vmb_ic_version version);
    /**
     * The end of a request, told once. From here the next one may be sent.
     *
     * @param status     VMB_OK: the guest answered; VMB_ERR_TIMEOUT: it did not in time;
     *                   VMB_ERR_GONE: the channel closed, or was negotiated anew.
     * @param ic_status  Of the answer, a VMB_IC_STATUS_ value. With VMB_OK only.
     * @param body       Of the answer, valid during the call; NULL unless VMB_OK.
     */
    void (*answered)(void *device, vmb_status status, uint32_t ic_status, const uint8_t *body,
                     uint32_t body_bytes);
    /** The answer came after its time: the guest lives after all. May be NULL. */
    void (*answered_late)(void *device);
    /** The guest broke the ring: revoke the channel. May be NULL. */
    void (*failed)(void *device, vmb_status status);
};

/** The host's engine. Embed it; the members are private but for the counters. */
struct vmb_ic_host {
    const struct vmb_ic_host_service *service;
    void *device;
    uint64_t (*now_ns)(void *context);
    void *clock_context;
    struct vmb_endpoint *endpoint;
    uint8_t *buffer;
    uint32_t buffer_bytes;
    uint32_t unsent_bytes; /* Of the message in the buffer that found no space; 0: none. */
    uint64_t timeout_ns;
    uint64_t deadline_ns;            /* Of what is under way; VMB_NEVER: nothing is. */
    struct vmb_ic_version newest;    /* To offer. */
    struct vmb_ic_version framework; /* Agreed upon. */
    struct vmb_ic_version version;   /* Likewise. */
    enum vmb_ic_host_state state;
    uint8_t transaction;                  /* Of what is under way, or was last. */
    struct vmb_ic_host_counters counters; /**< Public: read it where on_event runs. */
};

/**
 * Make an engine.
 *
 * @param service       Constant.
 * @param device        Passed to its functions.
 * @param buffer        The engine's for good. At least VMB_IC_BUFFER_BYTES, and enough for the
 *                      longest request with VMB_IC_HEADER_BYTES before it.
 * @param now_ns        A clock that never goes back.
 *
 * Context: any; the engine is not in use.
 */
void vmb_ic_host_init(struct vmb_ic_host *ic, const struct vmb_ic_host_service *service,
                      void *device, void *buffer, uint32_t buffer_bytes,
                      uint64_t (*now_ns)(void *context), void *clock_context);

/**
 * Wait so long for each answer. Default: 10 s.
 *
 * Context: any; the channel is not open.
 */
void vmb_ic_host_set_timeout(struct vmb_ic_host *ic, uint64_t timeout_ns);

/**
 * Pose as an older host: offer no message version above @p newest.
 *
 * Context: any; the channel is not open.
 */
void vmb_ic_host_limit_version(struct vmb_ic_host *ic, struct vmb_ic_version newest);

/**
 * To be called by the driver's `opened`. Begins to negotiate.
 *
 * Context: as that.
 */
void vmb_ic_host_opened(struct vmb_ic_host *ic, struct vmb_endpoint *endpoint);

/**
 * To be called by the driver's `on_event`. Looks at the deadline as well.
 *
 * Context: as that. Bounded: 64 messages; the core comes back for more.
 */
void vmb_ic_host_on_event(struct vmb_ic_host *ic);

/**
 * To be called by the driver's `closed`.
 *
 * Context: as that.
 */
void vmb_ic_host_closed(struct vmb_ic_host *ic);

/**
 * When on_event must run even if the guest sends nothing: vmb_host_kick() makes it.
 *
 * @return A time of the engine's clock in ns, or VMB_NEVER.
 *
 * Context: as on_event.
 */
uint64_t vmb_ic_host_next_deadline_ns(const struct vmb_ic_host *ic);

/**
 * Whether a request can be sent now: open, versions agreed upon, nothing under way.
 *
 * Context: as on_event.
 */
bool vmb_ic_host_is_ready(const struct vmb_ic_host *ic);

/**
 * Send a request; its end is told to service->answered.
 *
 * @param body  Read before this returns.
 *
 * @retval VMB_OK                    Under way.
 * @retval VMB_ERR_BUSY              Another one is, or a negotiation: wait for its end.
 * @retval VMB_ERR_WRONG_STATE       Not open, or no version in common.
 * @retval VMB_ERR_INVALID_ARGUMENT  It does not fit the buffer.
 *
 * Context: as on_event.
 */
VMB_NODISCARD vmb_status vmb_ic_host_request(struct vmb_ic_host *ic, const void *body,
                                             uint32_t body_bytes);

/**
 * Start over: what is under way ends with VMB_ERR_GONE, versions are negotiated anew.
 *
 * @retval VMB_OK               Under way; ends with service->negotiated.
 * @retval VMB_ERR_WRONG_STATE  Not open.
 *
 * Context: as on_event.
 */
VMB_NODISCARD vmb_status vmb_ic_host_negotiate(struct vmb_ic_host *ic);

/**
 * Write the conversation down behind the device's own record, for hooks.save of a device that
 * embeds the engine.
 *
 * @param open       As hooks.save has it. A channel that is not open has no conversation: what is
 *                   written says so, although the engine may still have one that is being ended.
 * @param buffer     May be NULL if @p buffer_bytes is 0.
 * @param own_bytes  What the record takes at the start of @p buffer, whether it fits or not.
 * @param out_bytes  Bytes written, the record's too, or needed with VMB_ERR_TOO_SMALL.
 *
 * @retval VMB_OK             Written.
 * @retval VMB_ERR_TOO_SMALL  Come back with *out_bytes bytes.
 *
 * Context: as hooks.save.
 */
VMB_NODISCARD vmb_status vmb_ic_host_save(const struct vmb_ic_host *ic, bool open, void *buffer,
                                          size_t buffer_bytes, size_t own_bytes, size_t *out_bytes);

/**
 * Take the conversation up again, for hooks.restore. service->negotiated is not called: what it
 * said is the device's to save.
 *
 * @param endpoint   NULL if the channel is not open.
 * @param own_bytes  What the device's own record takes at the start of @p bytes.
 *
 * @retval VMB_OK             on_event may follow.
 * @retval VMB_ERR_MALFORMED  These bytes are not of such a conversation; nothing has changed but
 *                            perhaps the buffer's contents.
 *
 * Context: as hooks.restore.
 */
VMB_NODISCARD vmb_status vmb_ic_host_restore(struct vmb_ic_host *ic, struct vmb_endpoint *endpoint,
                                             const void *bytes, size_t byte_count,
                                             size_t own_bytes);

VMB_END_DECLS

#endif /* VMB_DRIVERS_IC_H */
