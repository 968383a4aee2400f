/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Traffic: a device of this project's own that loads a channel and checks every byte.
 *
 * The guest sends numbered requests with a payload that can be checked; the host checks it and
 * sends it back, as a completion or as a packet of its own, and besides sends as many further
 * packets ("streamed") as the request asked for. The guest checks and counts what comes. So it is
 * known at any moment what must still arrive, and at the end whether something never did.
 *
 * No deadlock: the guest reads whether it can write or not, and a host that cannot send an answer
 * keeps it and stops reading until it can. A peer that misbehaves is counted, and can hang nothing
 * but itself.
 *
 * Class GUID: VMB_GUID_TRAFFIC. Payload, little-endian: src/drivers/traffic/vmb_traffic.h.
 */
#ifndef VMB_DRIVERS_TRAFFIC_H
#define VMB_DRIVERS_TRAFFIC_H

#include <vmbus/driver.h>
#include <vmbus/platform/atomic.h>
#include <vmbus/request.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

struct vmb_host_channel;
struct vmb_host_hooks;

/** In front of the bytes to be checked. */
#define VMB_TRAFFIC_HEADER_BYTES 48u
/** The most requests that may be unanswered at once; a power of two. */
#define VMB_TRAFFIC_WINDOW_LIMIT 64u
/** The most streamed packets that one request may ask for. */
#define VMB_TRAFFIC_STREAM_LIMIT 16u

/** How a request is to be answered. */
enum vmb_traffic_answer {
    VMB_TRAFFIC_ANSWER_IN_BAND = 0,    /**< By a packet with the same transaction id. */
    VMB_TRAFFIC_ANSWER_COMPLETION = 1, /**< By a completion. */
    VMB_TRAFFIC_ANSWER_MIXED = 2       /**< Now so, now so. */
};

/** What one side has counted, over all times it was open. Each only grows. */
struct vmb_traffic_counters {
    uint64_t packets_sent;     /**< Requests; the host's: answers and streamed packets. */
    uint64_t packets_received; /**< All, good or not. */
    uint64_t bytes_sent;       /**< Payload. */
    uint64_t bytes_received;
    uint64_t answered;     /**< Requests answered. */
    uint64_t streamed;     /**< Streamed packets that were sent or came. */
    uint64_t abandoned;    /**< Guest: answers and streamed packets that a close cut off. */
    uint64_t corrupt;      /**< Packets of which any byte was wrong. */
    uint64_t out_of_order; /**< Packets that came before or after their turn. */
    uint64_t unasked;      /**< Guest: answers to no request. */
    uint64_t ring_full;    /**< Times a packet had to wait for space. */
    uint64_t peer_faults;  /**< Rings that the peer broke. */
};

/** Private: one word for each member of `struct vmb_traffic_counters`, in its order. */
#define VMB_TRAFFIC_COUNTER_COUNT 12u

/** How a guest loads its channel. Zero means the default, but for the buffer. */
struct vmb_traffic_guest_options {
    uint32_t struct_bytes; /**< sizeof this struct. */
    void *buffer;          /**< Required; the device's until it is closed for good. Aligned to 8. */
    uint32_t buffer_bytes; /**< Header, pattern, and rounded up to 8. At least 64. */
    uint32_t pattern_limit; /**< Longest pattern; lengths vary from 0. Default: what fits. */
    uint32_t window;        /**< Unanswered requests; 1 is ping-pong. Default 1. */
    uint32_t streams;       /**< Streamed packets that each request asks for. Default 0. */
    enum vmb_traffic_answer answer;
    uint64_t seed;         /**< Lengths, patterns and kinds of answer follow from it. */
    uint64_t packet_limit; /**< Requests to send before it stops by itself. Default: no limit. */
    void *context;         /**< Passed to the functions below. */

    /** A clock in ns, for round trips; NULL: none are measured. isr-ok. */
    uint64_t (*now_ns)(void *context);
    /** A request was answered, rightly. May be NULL. From on_event. */
    void (*answered)(void *context, uint64_t round_trip_ns, uint32_t pattern_bytes);
    /** The peer broke the ring: close the channel. May be NULL. From opened or on_event. */
    void (*failed)(void *context, vmb_status status);
};

/** The guest's side. Embed it where you need it; the members are private. */
struct vmb_traffic_guest {
    struct vmb_traffic_guest_options options;
    struct vmb_endpoint *endpoint;
    struct vmb_request_table requests;
    struct vmb_request_slot slots[VMB_TRAFFIC_WINDOW_LIMIT];
    uint64_t seed;             /* Of this opening. */
    uint64_t next_request;     /* Sequence numbers, from 0 at each opening. */
    uint64_t next_answer;      /* What must come next. */
    uint64_t next_stream;      /* Likewise. */
    uint64_t streams_expected; /* Asked for so far. */
    uint32_t pattern_limit;    /* Of this opening: what the ring takes. */
    uint32_t openings;
    vmb_atomic_u32 stopped;
    vmb_atomic_u32 expected; /* Packets that must still come. */
    vmb_atomic_word counters[VMB_TRAFFIC_COUNTER_COUNT];
};

/**
 * Make a guest's device. Traffic begins when its channel opens.
 *
 * @retval VMB_OK                    Pass it as `device` together with vmb_traffic_guest_driver().
 * @retval VMB_ERR_INVALID_ARGUMENT  An option is out of its range, or the buffer too small.
 *
 * Context: any; the device is not in use.
 */
VMB_NODISCARD vmb_status vmb_traffic_guest_init(struct vmb_traffic_guest *device,
                                                const struct vmb_traffic_guest_options *options);

/**
 * The driver table of the guest's side.
 *
 * Context: any.
 */
const struct vmb_driver *vmb_traffic_guest_driver(void);

/**
 * Send no more requests, also after a reopening; what is under way is still answered.
 *
 * Context: isr-ok; any.
 */
void vmb_traffic_guest_stop(struct vmb_traffic_guest *device);

/**
 * Packets that must still come: answers and streamed packets. 0 once a stopped device is done.
 *
 * Context: isr-ok; any.
 */
uint32_t vmb_traffic_guest_expected(const struct vmb_traffic_guest *device);

/**
 * Read the counters. On a 32-bit machine each wraps at 2^32.
 *
 * Context: isr-ok; any. Each is exact; together they may be a moment apart.
 */
void vmb_traffic_guest_read_counters(const struct vmb_traffic_guest *device,
                                     struct vmb_traffic_counters *out_counters);

/** The host's side. Embed it where you need it; the members are private. */
struct vmb_traffic_host {
    struct vmb_endpoint *endpoint;
    uint8_t *buffer;
    uint32_t buffer_bytes;
    uint32_t answer_bytes;   /* Of the answer kept in the buffer; 0 if there is none. */
    uint32_t stream_pattern; /* Length of the streamed packets' pattern. */
    uint32_t streams_owed;
    uint64_t answer_id;
    bool answer_completes;
    uint64_t stream_seed;
    uint64_t next_request; /* What must come next. */
    uint64_t next_stream;
    void *context;
    void (*failed)(void *context, vmb_status status);
    vmb_atomic_word counters[VMB_TRAFFIC_COUNTER_COUNT];
};

/**
 * Make a host's device.
 *
 * @param buffer        The device's until it is closed for good; aligned to 8. Requests that do
 *                      not fit are counted as corrupt and dropped.
 * @param buffer_bytes  At least 64.
 * @param failed        The guest broke the ring: revoke the channel. May be NULL. From on_event.
 * @param context       Passed to it.
 *
 * @retval VMB_OK                    Pass it as `device` together with vmb_traffic_host_driver().
 * @retval VMB_ERR_INVALID_ARGUMENT  No buffer, or too small, or not aligned.
 *
 * Context: any; the device is not in use.
 */
VMB_NODISCARD vmb_status vmb_traffic_host_init(struct vmb_traffic_host *device, void *buffer,
                                               uint32_t buffer_bytes,
                                               void (*failed)(void *context, vmb_status status),
                                               void *context);

/**
 * The driver table of the host's side.
 *
 * Context: any.
 */
const struct vmb_driver *vmb_traffic_host_driver(void);

/**
 * For hooks.save of the channel, see <vmbus/host_channel.h>: what must come next and what is owed
 * go on where they were; counters too.
 *
 * Results as of that hook.
 *
 * Context: as that hook.
 */
VMB_NODISCARD vmb_status vmb_traffic_host_save(void *device, struct vmb_host_channel *channel,
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
VMB_NODISCARD vmb_status vmb_traffic_host_restore(void *device, struct vmb_host_channel *channel,
                                                  struct vmb_endpoint *endpoint, const void *bytes,
                                                  size_t byte_count);

/**
 * Hooks that have these two and nothing else, for a host that needs no others.
 *
 * Context: any.
 */
const struct vmb_host_hooks *vmb_traffic_host_hooks(void);

/**
 * Read the counters. On a 32-bit machine each wraps at 2^32.
 *
 * Context: isr-ok; any. Each is exact; together they may be a moment apart.
 */
void vmb_traffic_host_read_counters(const struct vmb_traffic_host *device,
                                    struct vmb_traffic_counters *out_counters);

VMB_END_DECLS

#endif /* VMB_DRIVERS_TRAFFIC_H */
