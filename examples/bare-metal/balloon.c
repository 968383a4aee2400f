/* SPDX-License-Identifier: MIT */
#include "balloon.h"

#include <vmbus/endpoint.h>
#include <vmbus/proto/guid.h>

#include "x86_console.h"
#include "x86_cpu.h"
#include "x86_pages.h"
#include "x86_string.h"
#include "x86_vmbus.h"

/* Message types of the dynamic memory protocol, both directions. */
enum {
    DM_VERSION_REQUEST = 1,
    DM_VERSION_RESPONSE = 2,
    DM_CAPABILITIES_REPORT = 3,
    DM_CAPABILITIES_RESPONSE = 4,
    DM_STATUS_REPORT = 5,
    DM_INFLATE_REQUEST = 6,
    DM_INFLATE_RESPONSE = 7,
    DM_DEFLATE_REQUEST = 8,
    DM_DEFLATE_RESPONSE = 9,
    DM_HEADER_BYTES = 8, /* Type, size, transaction id. */
    DM_MESSAGE_BYTES_MAX = 48
};

#define DM_VERSION_2_0     0x00020000u
#define DM_VERSION_1_0     0x00010000u
#define DM_VERSION_0_3     0x00000003u
#define DM_ACCEPTED        1u
#define DM_CAPABLE_BALLOON 1u
#define DM_DEFLATE_MORE    1u
#define DM_PAGES_UNLIMITED UINT64_MAX

static void put32(uint8_t *message, uint32_t offset, uint32_t value)
{
    memcpy(message + offset, &value, sizeof(value));
}

static void put64(uint8_t *message, uint32_t offset, uint64_t value)
{
    memcpy(message + offset, &value, sizeof(value));
}

/* Send a message of @p bytes whose body stands behind its header already. */
static void balloon_send(struct balloon *balloon, uint8_t *message, uint16_t type, uint16_t bytes)
{
    vmb_status status;

    put32(message, 0, (uint32_t)bytes << 16 | type);
    put32(message, 4, ++balloon->transaction_id);
    status = vmb_endpoint_send(balloon->endpoint, message, bytes, 0, false);
    if (status != VMB_OK) {
        /* The ring holds hundreds of these, and we never have more than a few under way. */
        x86_printf("vmbus: balloon: cannot send: %s\n", vmb_status_text(status));
    }
}

static void balloon_settle(struct balloon *balloon)
{
    __atomic_store_n(&balloon->settled, true, __ATOMIC_RELEASE);
    x86_vmbus_wake();
}

bool balloon_settled(const struct balloon *balloon)
{
    return __atomic_load_n(&balloon->settled, __ATOMIC_ACQUIRE);
}

static void balloon_ask_version(struct balloon *balloon, uint32_t version)
{
    uint8_t message[16] = {0};

    balloon->version = version;
    put32(message, 8, version);
    put32(message, 12, version == DM_VERSION_0_3); /* The last attempt? */
    balloon_send(balloon, message, DM_VERSION_REQUEST, sizeof(message));
}

static void balloon_on_version(struct balloon *balloon, bool accepted)
{
    uint8_t message[32] = {0};

    x86_printf("vmbus: balloon: version %u.%u %s\n", balloon->version >> 16,
               balloon->version & 0xffff, accepted ? "accepted" : "refused");
    if (accepted) {
        put64(message, 8, DM_CAPABLE_BALLOON);
        put64(message, 24, DM_PAGES_UNLIMITED);
        balloon_send(balloon, message, DM_CAPABILITIES_REPORT, sizeof(message));
    } else if (balloon->version == DM_VERSION_2_0) {
        balloon_ask_version(balloon, DM_VERSION_1_0);
    } else if (balloon->version == DM_VERSION_1_0) {
        balloon_ask_version(balloon, DM_VERSION_0_3);
    } else {
        balloon_settle(balloon);
    }
}

static void balloon_on_capabilities(struct balloon *balloon, bool accepted)
{
    uint8_t message[DM_MESSAGE_BYTES_MAX] = {0};

    x86_printf("vmbus: balloon: capabilities %s\n", accepted ? "accepted" : "refused");
    if (accepted) {
        put64(message, 8, x86_pages_free_count());
        put64(message, 16, x86_pages_used_count());
        balloon_send(balloon, message, DM_STATUS_REPORT, sizeof(message));
    }
    balloon_settle(balloon);
}

static void balloon_on_message(struct balloon *balloon, const uint8_t *message, uint32_t bytes)
{
    uint8_t answer[16] = {0};
    uint32_t first = bytes >= DM_HEADER_BYTES + 4 ? x86_load32(message + DM_HEADER_BYTES) : 0;

    if (bytes < DM_HEADER_BYTES) {
        return;
    }
    switch (x86_load16(message)) {
    case DM_VERSION_RESPONSE:
        balloon_on_version(balloon, (first & DM_ACCEPTED) != 0);
        break;
    case DM_CAPABILITIES_RESPONSE:
        balloon_on_capabilities(balloon, (first & DM_ACCEPTED) != 0);
        break;
    case DM_INFLATE_REQUEST:
        x86_printf("vmbus: balloon: %u pages wanted, none given\n", first);
        balloon_send(balloon, answer, DM_INFLATE_RESPONSE, sizeof(answer)); /* No ranges. */
        break;
    case DM_DEFLATE_REQUEST:
        if ((first & DM_DEFLATE_MORE) == 0) {
            balloon_send(balloon, answer, DM_DEFLATE_RESPONSE, DM_HEADER_BYTES);
        }
        break;
    default: /* Information for guests that grow; we do not. */
        break;
    }
}

static void balloon_opened(void *device, struct vmb_endpoint *endpoint)
{
    struct balloon *balloon = device;

    balloon->endpoint = endpoint;
    __atomic_store_n(&balloon->settled, false, __ATOMIC_RELAXED);
    balloon_ask_version(balloon, DM_VERSION_2_0);
}

static void balloon_on_event(void *device)
{
    struct balloon *balloon = device;
    struct vmb_packet packet;
    vmb_status status;

    for (;;) {
        status = vmb_endpoint_receive(balloon->endpoint, balloon->packet, sizeof(balloon->packet),
                                      &packet);
        if (status != VMB_OK) {
            break;
        }
        balloon_on_message(balloon, balloon->packet, packet.payload_bytes);
    }
    vmb_endpoint_release(balloon->endpoint);
    if (status != VMB_ERR_RING_EMPTY) {
        x86_printf("vmbus: balloon: %s\n", vmb_status_text(status));
        balloon_settle(balloon);
    }
}

static void balloon_closed(void *device, vmb_status reason)
{
    struct balloon *balloon = device;

    (void)reason;
    balloon->endpoint = NULL;
    balloon_settle(balloon);
}

const struct vmb_driver balloon_driver = {
    .name = "balloon",
    .class_id = VMB_GUID_BALLOON,
    .notify = VMB_NOTIFY_DEFERRED,
    .opened = balloon_opened,
    .on_event = balloon_on_event,
    .closed = balloon_closed,
};
