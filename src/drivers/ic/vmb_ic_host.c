/* SPDX-License-Identifier: MIT */
/*
 * Integration services, host side: negotiate, then one request at a time, each with a deadline. A
 * guest that misses one is asked nothing more until its late answer comes; if that does not come
 * either, everything starts over with a negotiation, which makes a guest forget the request.
 */
#include <vmbus/drivers/ic.h>

#include <vmbus/platform/string.h>
#include <vmbus/proto/packet.h>

#define IC_HOST_BUDGET     64u
#define IC_HOST_TIMEOUT_NS (10ull * 1000u * 1000u * 1000u)
#define IC_HOST_VERSIONS   8u /* Of a service, at most; the library knows fewer of each. */

void vmb_ic_host_init(struct vmb_ic_host *ic, const struct vmb_ic_host_service *service,
                      void *device, void *buffer, uint32_t buffer_bytes,
                      uint64_t (*now_ns)(void *context), void *clock_context)
{
    VMB_ASSERT(buffer_bytes >= VMB_IC_BUFFER_BYTES);
    vmb_memset(ic, 0, sizeof(*ic));
    ic->service = service;
    ic->device = device;
    ic->buffer = buffer;
    ic->buffer_bytes = buffer_bytes;
    ic->now_ns = now_ns;
    ic->clock_context = clock_context;
    ic->timeout_ns = IC_HOST_TIMEOUT_NS;
    ic->deadline_ns = VMB_NEVER;
    ic->newest = (struct vmb_ic_version){UINT16_MAX, UINT16_MAX};
}

void vmb_ic_host_set_timeout(struct vmb_ic_host *ic, uint64_t timeout_ns)
{
    ic->timeout_ns = timeout_ns;
}

void vmb_ic_host_limit_version(struct vmb_ic_host *ic, struct vmb_ic_version newest)
{
    ic->newest = newest;
}

static void ic_host_fail(struct vmb_ic_host *ic, vmb_status status)
{
    ic->endpoint = NULL;
    ic->deadline_ns = VMB_NEVER;
    if (ic->service->failed != NULL) {
        ic->service->failed(ic->device, status);
    }
}

/* ---- Sending --------------------------------------------------------------------------------- */

static void ic_host_arm(struct vmb_ic_host *ic)
{
    ic->deadline_ns = ic->now_ns(ic->clock_context) + ic->timeout_ns;
}

/* Send what lies in the buffer. What finds no space stays there for the next event. */
static void ic_host_send_unsent(struct vmb_ic_host *ic)
{
    vmb_status status = VMB_OK;

    while (ic->unsent_bytes != 0 && status == VMB_OK) {
        status =
            vmb_endpoint_send(ic->endpoint, ic->buffer, ic->unsent_bytes, ic->transaction, false);
        if (status == VMB_OK) {
            ic->unsent_bytes = 0;
        } else if (status == VMB_ERR_RING_FULL) {
            ic->counters.ring_full++;
            status = vmb_endpoint_wait_space(ic->endpoint, ic->unsent_bytes);
        }
    }
    if (status != VMB_OK && status != VMB_ERR_RING_FULL) {
        ic_host_fail(ic, status);
    }
}

/* Send the message whose body is in the buffer. */
static void ic_host_send(struct vmb_ic_host *ic, uint16_t message_type, uint32_t body_bytes)
{
    struct vmb_ic_header header = {
        .framework = ic->framework,
        .message_type = message_type,
        .message = ic->version,
        .body_bytes = (uint16_t)body_bytes,
        .transaction_id = ++ic->transaction,
        .flags = VMB_IC_TRANSACTION | VMB_IC_REQUEST,
    };

    vmb_ic_header_encode(&header, ic->buffer);
    ic->unsent_bytes = VMB_IC_HEADER_BYTES + body_bytes;
    ic_host_arm(ic);
    ic_host_send_unsent(ic);
}

static bool ic_version_exceeds(struct vmb_ic_version left, struct vmb_ic_version right)
{
    return left.major > right.major || (left.major == right.major && left.minor > right.minor);
}

/* A version of @service that the library knows and this host does not hide. */
static bool ic_host_offered(const struct vmb_ic_host *ic, uint16_t service,
                            struct vmb_ic_version version)
{
    uint32_t count, index;
    const struct vmb_ic_version *known = vmb_ic_versions(service, &count);

    for (index = 0; index < count; index++) {
        if (known[index].major == version.major && known[index].minor == version.minor) {
            return service == VMB_IC_NEGOTIATE || !ic_version_exceeds(version, ic->newest);
        }
    }
    return false;
}

static void ic_host_send_negotiation(struct vmb_ic_host *ic)
{
    uint32_t framework_count, known_count, index, body_bytes = 0;
    const struct vmb_ic_version *frameworks = vmb_ic_versions(VMB_IC_NEGOTIATE, &framework_count);
    const struct vmb_ic_version *known = vmb_ic_versions(ic->service->message_type, &known_count);
    struct vmb_ic_version offered[IC_HOST_VERSIONS];
    uint16_t offered_count = 0;

    for (index = 0; index < known_count && offered_count < IC_HOST_VERSIONS; index++) {
        if (!ic_version_exceeds(known[index], ic->newest)) {
            offered[offered_count++] = known[index];
        }
    }
    ic->framework = (struct vmb_ic_version){0, 0};
    ic->version = (struct vmb_ic_version){0, 0};
    ic->state = VMB_IC_HOST_NEGOTIATING;
    if (vmb_ic_negotiate_encode(frameworks, (uint16_t)framework_count, offered, offered_count,
                                ic->buffer + VMB_IC_HEADER_BYTES,
                                ic->buffer_bytes - VMB_IC_HEADER_BYTES, &body_bytes) == VMB_OK) {
        ic->counters.negotiations++;
        ic_host_send(ic, VMB_IC_NEGOTIATE, body_bytes);
    }
}

vmb_status vmb_ic_host_request(struct vmb_ic_host *ic, const void *body, uint32_t body_bytes)
{
    if (ic->endpoint == NULL || ic->state == VMB_IC_HOST_CLOSED ||
        ic->state == VMB_IC_HOST_UNSUPPORTED) {
        return VMB_ERR_WRONG_STATE;
    }
    if (ic->state != VMB_IC_HOST_READY) {
        return VMB_ERR_BUSY;
    }
    if (body_bytes > ic->buffer_bytes - VMB_IC_HEADER_BYTES ||
        body_bytes > VMB_IC_MAX_BYTES - VMB_IC_HEADER_BYTES) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    vmb_memmove(ic->buffer + VMB_IC_HEADER_BYTES, body, body_bytes); /* Perhaps of an answer. */
    ic->state = VMB_IC_HOST_WAITING;
    ic->counters.requests++;
    ic_host_send(ic, ic->service->message_type, body_bytes);
    return VMB_OK;
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void ic_host_on_choice(struct vmb_ic_host *ic, const struct vmb_ic_header *header)
{
    struct vmb_ic_negotiate chosen;
    vmb_status status = VMB_ERR_VERSION;

    ic->deadline_ns = VMB_NEVER;
    ic->state = VMB_IC_HOST_UNSUPPORTED;
    if (header->status == VMB_IC_STATUS_OK &&
        vmb_ic_negotiate_decode(ic->buffer + VMB_IC_HEADER_BYTES, header->body_bytes, &chosen) ==
            VMB_OK &&
        chosen.framework_count == 1 && chosen.message_count == 1) {
        ic->framework = vmb_ic_negotiate_framework(&chosen, 0);
        ic->version = vmb_ic_negotiate_message(&chosen, 0);
        if (ic_host_offered(ic, VMB_IC_NEGOTIATE, ic->framework) &&
            ic_host_offered(ic, ic->service->message_type, ic->version)) {
            ic->state = VMB_IC_HOST_READY;
            status = VMB_OK;
        } else {
            ic->counters.malformed++; /* It picked what nobody offered. */
        }
    }
    ic->service->negotiated(ic->device, status, ic->version);
}

static void ic_host_on_answer(struct vmb_ic_host *ic, const struct vmb_ic_header *header)
{
    bool late = ic->state == VMB_IC_HOST_LATE;

    ic->deadline_ns = VMB_NEVER;
    ic->state = VMB_IC_HOST_READY;
    ic->counters.answers++;
    if (!late) {
        ic->service->answered(ic->device, VMB_OK, header->status, ic->buffer + VMB_IC_HEADER_BYTES,
                              header->body_bytes);
        return;
    }
    ic->counters.late++;
    if (ic->service->answered_late != NULL) {
        ic->service->answered_late(ic->device);
    }
}

static void ic_host_on_packet(struct vmb_ic_host *ic, const struct vmb_packet *packet)
{
    struct vmb_ic_header header;
    bool under_way, waiting;

    if (packet->type != VMB_PACKET_IN_BAND ||
        vmb_ic_header_decode(ic->buffer, packet->payload_bytes, &header) != VMB_OK ||
        (header.flags & VMB_IC_RESPONSE) == 0) {
        ic->counters.malformed++;
        return;
    }
    under_way =
        header.transaction_id == ic->transaction && packet->transaction_id == ic->transaction;
    waiting = ic->state == VMB_IC_HOST_WAITING || ic->state == VMB_IC_HOST_LATE;
    if (under_way && ic->state == VMB_IC_HOST_NEGOTIATING &&
        header.message_type == VMB_IC_NEGOTIATE) {
        ic_host_on_choice(ic, &header);
    } else if (under_way && waiting && header.message_type == ic->service->message_type) {
        ic_host_on_answer(ic, &header);
    } else {
        ic->counters.unasked++;
    }
}

/*
 * While the buffer holds a message that has not been sent, nothing that comes can be its answer:
 * it is dropped unread, so that a guest which waits for space in its ring gets it.
 */
static vmb_status ic_host_take(struct vmb_ic_host *ic)
{
    uint32_t buffer_bytes = ic->unsent_bytes != 0 ? 0 : ic->buffer_bytes;
    struct vmb_packet packet = {0};
    vmb_status status = vmb_endpoint_receive(ic->endpoint, ic->buffer, buffer_bytes, &packet);

    if (status == VMB_ERR_TOO_SMALL) {
        vmb_endpoint_skip(ic->endpoint, &packet);
    }
    if (status == VMB_ERR_TOO_SMALL || (status == VMB_OK && ic->unsent_bytes != 0)) {
        if (ic->unsent_bytes != 0) {
            ic->counters.unasked++;
        } else {
            ic->counters.malformed++;
        }
        return VMB_OK;
    }
    if (status == VMB_OK) {
        ic_host_on_packet(ic, &packet);
    }
    return status;
}

/* ---- Time ------------------------------------------------------------------------------------ */

static void ic_host_on_deadline(struct vmb_ic_host *ic)
{
    switch (ic->state) {
    case VMB_IC_HOST_NEGOTIATING:
        ic->counters.timeouts++;
        ic_host_send_negotiation(ic);
        ic->service->negotiated(ic->device, VMB_ERR_TIMEOUT, ic->version);
        break;
    case VMB_IC_HOST_WAITING:
        ic->counters.timeouts++;
        ic->state = VMB_IC_HOST_LATE;
        ic_host_arm(ic);
        ic->service->answered(ic->device, VMB_ERR_TIMEOUT, 0, NULL, 0);
        break;
    case VMB_IC_HOST_LATE:
        ic_host_send_negotiation(ic);
        break;
    case VMB_IC_HOST_CLOSED:
    case VMB_IC_HOST_READY:
    case VMB_IC_HOST_UNSUPPORTED:
        break;
    }
}

bool vmb_ic_host_is_ready(const struct vmb_ic_host *ic)
{
    return ic->endpoint != NULL && ic->state == VMB_IC_HOST_READY;
}

uint64_t vmb_ic_host_next_deadline_ns(const struct vmb_ic_host *ic)
{
    return ic->deadline_ns;
}

/* ---- Driver ---------------------------------------------------------------------------------- */

vmb_status vmb_ic_host_negotiate(struct vmb_ic_host *ic)
{
    bool waiting = ic->state == VMB_IC_HOST_WAITING;

    if (ic->endpoint == NULL) {
        return VMB_ERR_WRONG_STATE;
    }
    ic_host_send_negotiation(ic);
    if (waiting) {
        ic->service->answered(ic->device, VMB_ERR_GONE, 0, NULL, 0);
    }
    return VMB_OK;
}

void vmb_ic_host_opened(struct vmb_ic_host *ic, struct vmb_endpoint *endpoint)
{
    ic->endpoint = endpoint;
    ic->unsent_bytes = 0;
    ic_host_send_negotiation(ic);
}

void vmb_ic_host_on_event(struct vmb_ic_host *ic)
{
    vmb_status status = VMB_OK;
    uint32_t budget;

    for (budget = IC_HOST_BUDGET; budget > 0 && status == VMB_OK && ic->endpoint != NULL;
         budget--) {
        ic_host_send_unsent(ic);
        if (ic->endpoint != NULL) {
            status = ic_host_take(ic);
        }
    }
    if (ic->endpoint == NULL) {
        return; /* A broken ring, and said so. */
    }
    vmb_endpoint_release(ic->endpoint);
    if (status != VMB_OK && status != VMB_ERR_RING_EMPTY) {
        ic_host_fail(ic, status);
        return;
    }
    /* After the answers: one that has come in time must not be late because we are. */
    if (ic->now_ns(ic->clock_context) >= ic->deadline_ns) {
        ic_host_on_deadline(ic);
    }
}

void vmb_ic_host_closed(struct vmb_ic_host *ic)
{
    bool waiting = ic->state == VMB_IC_HOST_WAITING;

    ic->endpoint = NULL;
    ic->unsent_bytes = 0;
    ic->deadline_ns = VMB_NEVER;
    ic->state = VMB_IC_HOST_CLOSED;
    if (waiting) {
        ic->service->answered(ic->device, VMB_ERR_GONE, 0, NULL, 0);
    }
}
