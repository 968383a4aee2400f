/* SPDX-License-Identifier: MIT */
/*
 * Traffic, guest side: keep a window of requests filled, check what comes back. One runner both
 * reads and writes, so reading never waits for space and the host can always get rid of answers.
 */
#include <vmbus/drivers/traffic.h>
#include <vmbus/platform/string.h>
#include <vmbus/proto/guid.h>

#include "drivers/traffic/vmb_traffic.h"

/*
 * Packets an event. More than an honest host can have on the way, so that a handler of any mode
 * reads until empty; for what is left by another host, the core comes back if it is deferred.
 */
#define TRAFFIC_GUEST_BUDGET 2048u
VMB_STATIC_ASSERT(TRAFFIC_GUEST_BUDGET > VMB_TRAFFIC_WINDOW_LIMIT * (1u + VMB_TRAFFIC_STREAM_LIMIT),
                  "all that can be expected at once");

static void traffic_guest_count(struct vmb_traffic_guest *device, enum vmbi_traffic_counter which,
                                uint64_t amount)
{
    vmbi_traffic_count(device->counters, which, amount);
}

static void traffic_guest_expect(struct vmb_traffic_guest *device)
{
    uint64_t streams = device->streams_expected - device->next_stream;

    vmb_atomic_store(&device->expected, vmb_request_count(&device->requests) + (uint32_t)streams,
                     VMB_RELEASE);
}

static void traffic_guest_fail(struct vmb_traffic_guest *device, vmb_status status)
{
    traffic_guest_count(device, VMBI_TRAFFIC_PEER_FAULTS, 1);
    device->endpoint = NULL; /* Nothing more is read from or written to a broken ring. */
    if (device->options.failed != NULL) {
        device->options.failed(device->options.context, status);
    }
}

/* ---- Requests -------------------------------------------------------------------------------- */

static bool traffic_guest_wants_to_send(const struct vmb_traffic_guest *device)
{
    uint64_t limit = device->options.packet_limit;
    uint64_t sent = vmb_atomic_load(&device->counters[VMBI_TRAFFIC_PACKETS_SENT], VMB_RELAXED);

    return vmb_atomic_load(&device->stopped, VMB_RELAXED) == 0 && (limit == 0 || sent < limit) &&
           vmb_request_count(&device->requests) < device->options.window;
}

static bool traffic_guest_wants_completion(const struct vmb_traffic_guest *device, uint64_t dice)
{
    return device->options.answer == VMB_TRAFFIC_ANSWER_COMPLETION ||
           (device->options.answer == VMB_TRAFFIC_ANSWER_MIXED && (dice >> 63) != 0);
}

/* From 0 to the limit, each as likely; no 64-bit division, which i386 kernels lack. */
static uint32_t traffic_guest_pattern_bytes(const struct vmb_traffic_guest *device, uint64_t dice)
{
    return (uint32_t)((dice & 0xFFFFFFFFu) * ((uint64_t)device->pattern_limit + 1u) >> 32);
}

static vmb_status traffic_guest_send_request(struct vmb_traffic_guest *device)
{
    const struct vmb_traffic_guest_options *options = &device->options;
    uint64_t dice = vmbi_traffic_mix(device->seed + device->next_request);
    struct vmbi_traffic_packet packet = {
        .kind = VMBI_TRAFFIC_REQUEST,
        .streams = (uint16_t)options->streams,
        .pattern_bytes = traffic_guest_pattern_bytes(device, dice),
        .sequence = device->next_request,
        .seed = device->seed,
        .stamp = options->now_ns != NULL ? options->now_ns(options->context) : 0,
    };
    struct vmb_slice slice = {options->buffer, vmbi_traffic_bytes(packet.pattern_bytes)};
    vmb_status status;
    uint64_t id;

    status = vmb_request_begin(&device->requests, NULL, &id);
    if (status != VMB_OK) {
        return status;
    }
    vmbi_traffic_fill(&packet, options->buffer);
    status = vmb_endpoint_stage(device->endpoint, &slice, 1, id,
                                traffic_guest_wants_completion(device, dice));
    if (status != VMB_OK) {
        vmb_request_cancel(&device->requests, id);
        return status == VMB_ERR_RING_FULL
                   ? vmb_endpoint_wait_space(device->endpoint, slice.byte_count)
                   : status;
    }
    device->next_request++;
    device->streams_expected += options->streams;
    traffic_guest_count(device, VMBI_TRAFFIC_PACKETS_SENT, 1);
    traffic_guest_count(device, VMBI_TRAFFIC_BYTES_SENT, slice.byte_count);
    return VMB_OK;
}

/* Fill the window as far as the ring takes it. */
static void traffic_guest_write(struct vmb_traffic_guest *device)
{
    vmb_status status = VMB_OK;

    while (status == VMB_OK && traffic_guest_wants_to_send(device)) {
        status = traffic_guest_send_request(device);
    }
    traffic_guest_expect(device);
    vmb_endpoint_flush(device->endpoint);
    if (status == VMB_ERR_RING_FULL) {
        traffic_guest_count(device, VMBI_TRAFFIC_RING_FULL, 1);
    } else if (status != VMB_OK) {
        traffic_guest_fail(device, status);
    }
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* Its turn, or not; in either case what follows it is expected next. */
static void traffic_guest_order(struct vmb_traffic_guest *device, uint64_t *next, uint64_t sequence)
{
    if (sequence != *next) {
        traffic_guest_count(device, VMBI_TRAFFIC_OUT_OF_ORDER, 1);
    }
    ++*next;
}

static void traffic_guest_on_answer(struct vmb_traffic_guest *device,
                                    const struct vmb_packet *packet, bool good,
                                    const struct vmbi_traffic_packet *answer)
{
    const struct vmb_traffic_guest_options *options = &device->options;
    void *context;

    if (vmb_request_end(&device->requests, packet->transaction_id, &context) != VMB_OK) {
        traffic_guest_count(device, VMBI_TRAFFIC_UNASKED, 1);
        return;
    }
    traffic_guest_count(device, VMBI_TRAFFIC_ANSWERED, 1);
    if (!good) {
        device->next_answer++;
        traffic_guest_count(device, VMBI_TRAFFIC_CORRUPT, 1);
        return;
    }
    traffic_guest_order(device, &device->next_answer, answer->sequence);
    if (options->answered != NULL) {
        uint64_t now = options->now_ns != NULL ? options->now_ns(options->context) : 0;

        options->answered(options->context, now > answer->stamp ? now - answer->stamp : 0,
                          answer->pattern_bytes);
    }
}

static void traffic_guest_on_streamed(struct vmb_traffic_guest *device,
                                      const struct vmbi_traffic_packet *streamed)
{
    if (device->next_stream == device->streams_expected) {
        traffic_guest_count(device, VMBI_TRAFFIC_UNASKED, 1);
        return;
    }
    traffic_guest_count(device, VMBI_TRAFFIC_STREAMS, 1);
    traffic_guest_order(device, &device->next_stream, streamed->sequence);
}

static void traffic_guest_on_packet(struct vmb_traffic_guest *device,
                                    const struct vmb_packet *packet)
{
    struct vmbi_traffic_packet content = {0};
    bool good = vmbi_traffic_check(device->options.buffer, packet->payload_bytes, &content) &&
                content.seed == device->seed;

    traffic_guest_count(device, VMBI_TRAFFIC_PACKETS_RECEIVED, 1);
    traffic_guest_count(device, VMBI_TRAFFIC_BYTES_RECEIVED, packet->payload_bytes);
    if (good && packet->type == VMB_PACKET_IN_BAND && content.kind == VMBI_TRAFFIC_STREAMED) {
        traffic_guest_on_streamed(device, &content);
    } else {
        traffic_guest_on_answer(device, packet, good && content.kind == VMBI_TRAFFIC_REQUEST,
                                &content);
    }
}

/* Read until empty. False if the ring is broken. */
static bool traffic_guest_read(struct vmb_traffic_guest *device)
{
    const struct vmb_traffic_guest_options *options = &device->options;
    struct vmb_packet packet = {0};
    vmb_status status = VMB_OK;
    uint32_t budget;

    for (budget = TRAFFIC_GUEST_BUDGET; budget > 0; budget--) {
        status =
            vmb_endpoint_receive(device->endpoint, options->buffer, options->buffer_bytes, &packet);
        if (status == VMB_ERR_TOO_SMALL) {
            vmb_endpoint_skip(device->endpoint, &packet);
            packet.payload_bytes = 0; /* Larger than anything we asked for: nothing to check. */
        } else if (status != VMB_OK) {
            break;
        }
        traffic_guest_on_packet(device, &packet);
    }
    vmb_endpoint_release(device->endpoint);
    if (status != VMB_OK && status != VMB_ERR_RING_EMPTY && status != VMB_ERR_TOO_SMALL) {
        traffic_guest_fail(device, status);
        return false;
    }
    return true;
}

/* ---- Driver ---------------------------------------------------------------------------------- */

static void traffic_guest_on_event(void *context)
{
    struct vmb_traffic_guest *device = context;

    if (device->endpoint != NULL && traffic_guest_read(device)) {
        traffic_guest_write(device);
    }
}

static void traffic_guest_opened(void *context, struct vmb_endpoint *endpoint)
{
    struct vmb_traffic_guest *device = context;
    uint32_t ring_limit = vmb_endpoint_payload_limit(endpoint) - VMB_TRAFFIC_HEADER_BYTES;

    device->endpoint = endpoint;
    device->seed = vmbi_traffic_mix(device->options.seed + device->openings);
    device->openings++;
    device->pattern_limit = device->options.pattern_limit;
    if (device->pattern_limit > ring_limit) {
        device->pattern_limit = ring_limit;
    }
    device->next_request = 0;
    device->next_answer = 0;
    device->next_stream = 0;
    device->streams_expected = 0;
    traffic_guest_write(device);
}

static void traffic_guest_closed(void *context, vmb_status reason)
{
    struct vmb_traffic_guest *device = context;
    uint32_t cursor = 0;
    void *nothing;
    uint64_t id;

    (void)reason;
    while (vmb_request_next(&device->requests, &cursor, &id, &nothing)) {
        if (vmb_request_end(&device->requests, id, &nothing) == VMB_OK) {
            traffic_guest_count(device, VMBI_TRAFFIC_ABANDONED, 1);
        }
    }
    traffic_guest_count(device, VMBI_TRAFFIC_ABANDONED,
                        device->streams_expected - device->next_stream);
    device->next_stream = device->streams_expected;
    traffic_guest_expect(device);
    device->endpoint = NULL;
}

const struct vmb_driver *vmb_traffic_guest_driver(void)
{
    static const struct vmb_driver driver = {
        .name = "traffic",
        .class_id = VMB_GUID_TRAFFIC,
        .notify = VMB_NOTIFY_DEFERRED,
        .opened = traffic_guest_opened,
        .on_event = traffic_guest_on_event,
        .closed = traffic_guest_closed,
    };

    return &driver;
}

vmb_status vmb_traffic_guest_init(struct vmb_traffic_guest *device,
                                  const struct vmb_traffic_guest_options *options)
{
    struct vmb_traffic_guest_options *own = &device->options;
    uint32_t fits;

    if (options->struct_bytes != sizeof(*options) || options->buffer == NULL ||
        (uintptr_t)options->buffer % 8u != 0 || options->buffer_bytes < 64 ||
        options->window > VMB_TRAFFIC_WINDOW_LIMIT || options->streams > VMB_TRAFFIC_STREAM_LIMIT) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmb_memset(device, 0, sizeof(*device));
    *own = *options;
    fits = (options->buffer_bytes & ~7u) - VMB_TRAFFIC_HEADER_BYTES;
    if (own->window == 0) {
        own->window = 1;
    }
    if (own->pattern_limit == 0) {
        own->pattern_limit = fits;
    }
    if (own->pattern_limit > fits) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    return vmb_request_table_init(&device->requests, device->slots, VMB_TRAFFIC_WINDOW_LIMIT);
}

void vmb_traffic_guest_stop(struct vmb_traffic_guest *device)
{
    vmb_atomic_store(&device->stopped, 1, VMB_RELAXED);
}

uint32_t vmb_traffic_guest_expected(const struct vmb_traffic_guest *device)
{
    return vmb_atomic_load(&device->expected, VMB_ACQUIRE);
}

void vmb_traffic_guest_read_counters(const struct vmb_traffic_guest *device,
                                     struct vmb_traffic_counters *out_counters)
{
    vmbi_traffic_read_counters(device->counters, out_counters);
}
