/* SPDX-License-Identifier: MIT */
/* The header that integration services share, and their negotiation of versions. */
#include <vmbus/platform/string.h>
#include <vmbus/proto/ic.h>

#include "base/vmb_le.h"

/* From the beginning of the payload, the pipe header included. */
#define IC_FRAMEWORK      8u
#define IC_MESSAGE_TYPE   12u
#define IC_MESSAGE        14u
#define IC_BODY_BYTES     18u
#define IC_STATUS         20u
#define IC_TRANSACTION_ID 24u
#define IC_FLAGS          25u

#define VERSION_BYTES     4u

/* From the beginning of the body. */
#define NEGOTIATE_FRAMEWORKS 0u
#define NEGOTIATE_MESSAGES   2u
#define NEGOTIATE_VERSIONS   8u

#define SERVICE_VERSIONS     4u

struct service {
    char name[16];
    uint16_t version_count;
    struct vmb_ic_version versions[SERVICE_VERSIONS]; /* The best first. */
};

/* By message type; the versions of VMB_IC_NEGOTIATE are those of the framework. */
static const struct service service_table[VMB_IC_VM_SESSION + 1u] = {
    {"negotiate", 2, {{3, 0}, {1, 0}}},
    {"heartbeat", 2, {{3, 0}, {1, 0}}},
    {"kvp", 3, {{5, 0}, {4, 0}, {3, 0}}},
    {"shutdown", 4, {{3, 2}, {3, 1}, {3, 0}, {1, 0}}},
    {"timesync", 3, {{4, 0}, {3, 0}, {1, 0}}},
    {"vss", 4, {{7, 0}, {6, 0}, {5, 0}, {4, 0}}},
    {"remote-desktop", 0, {{0, 0}}},
    {"file-copy", 1, {{1, 1}}},
    {"vm-session", 0, {{0, 0}}},
};

static struct vmb_ic_version version_decode(const uint8_t *bytes)
{
    struct vmb_ic_version version;

    version.major = vmbi_le16(bytes);
    version.minor = vmbi_le16(bytes + 2);
    return version;
}

static void version_encode(struct vmb_ic_version version, uint8_t *bytes)
{
    vmbi_put_le16(bytes, version.major);
    vmbi_put_le16(bytes + 2, version.minor);
}

vmb_status vmb_ic_header_decode(const uint8_t *payload, uint32_t payload_bytes,
                                struct vmb_ic_header *out_header)
{
    struct vmb_pipe_header pipe;
    vmb_status status = vmb_pipe_header_decode(payload, payload_bytes, &pipe);
    uint32_t body_bytes;

    if (status != VMB_OK) {
        return status;
    }
    if (pipe.type != VMB_PIPE_DATA) {
        return VMB_ERR_UNKNOWN;
    }
    if (pipe.data_bytes < VMB_IC_HEADER_BYTES - VMB_PIPE_HEADER_BYTES) {
        return VMB_ERR_MALFORMED;
    }
    body_bytes = vmbi_le16(payload + IC_BODY_BYTES);
    if (body_bytes > pipe.data_bytes - (VMB_IC_HEADER_BYTES - VMB_PIPE_HEADER_BYTES)) {
        return VMB_ERR_MALFORMED;
    }
    out_header->framework = version_decode(payload + IC_FRAMEWORK);
    out_header->message_type = vmbi_le16(payload + IC_MESSAGE_TYPE);
    out_header->message = version_decode(payload + IC_MESSAGE);
    out_header->body_bytes = (uint16_t)body_bytes;
    out_header->status = vmbi_le32(payload + IC_STATUS);
    out_header->transaction_id = payload[IC_TRANSACTION_ID];
    out_header->flags = payload[IC_FLAGS];
    return VMB_OK;
}

void vmb_ic_header_encode(const struct vmb_ic_header *header, uint8_t *payload)
{
    vmb_memset(payload, 0, VMB_IC_HEADER_BYTES);
    vmb_pipe_data_encode(VMB_IC_HEADER_BYTES - VMB_PIPE_HEADER_BYTES + header->body_bytes, payload);
    version_encode(header->framework, payload + IC_FRAMEWORK);
    vmbi_put_le16(payload + IC_MESSAGE_TYPE, header->message_type);
    version_encode(header->message, payload + IC_MESSAGE);
    vmbi_put_le16(payload + IC_BODY_BYTES, header->body_bytes);
    vmbi_put_le32(payload + IC_STATUS, header->status);
    payload[IC_TRANSACTION_ID] = header->transaction_id;
    payload[IC_FLAGS] = header->flags;
}

vmb_status vmb_ic_negotiate_decode(const uint8_t *body, uint32_t body_bytes,
                                   struct vmb_ic_negotiate *out_negotiate)
{
    uint32_t framework_count, message_count;

    if (body_bytes < NEGOTIATE_VERSIONS) {
        return VMB_ERR_MALFORMED;
    }
    framework_count = vmbi_le16(body + NEGOTIATE_FRAMEWORKS);
    message_count = vmbi_le16(body + NEGOTIATE_MESSAGES);
    if (framework_count + message_count > (body_bytes - NEGOTIATE_VERSIONS) / VERSION_BYTES) {
        return VMB_ERR_MALFORMED;
    }
    out_negotiate->framework_count = (uint16_t)framework_count;
    out_negotiate->message_count = (uint16_t)message_count;
    out_negotiate->raw_versions = body + NEGOTIATE_VERSIONS;
    return VMB_OK;
}

struct vmb_ic_version vmb_ic_negotiate_framework(const struct vmb_ic_negotiate *negotiate,
                                                 uint32_t index)
{
    VMB_ASSERT(index < negotiate->framework_count);
    return version_decode(negotiate->raw_versions + index * VERSION_BYTES);
}

struct vmb_ic_version vmb_ic_negotiate_message(const struct vmb_ic_negotiate *negotiate,
                                               uint32_t index)
{
    VMB_ASSERT(index < negotiate->message_count);
    return version_decode(negotiate->raw_versions +
                          (negotiate->framework_count + index) * VERSION_BYTES);
}

vmb_status vmb_ic_negotiate_encode(const struct vmb_ic_version *frameworks,
                                   uint16_t framework_count, const struct vmb_ic_version *messages,
                                   uint16_t message_count, uint8_t *body, uint32_t buffer_bytes,
                                   uint32_t *out_bytes)
{
    uint32_t i;

    *out_bytes = NEGOTIATE_VERSIONS + ((uint32_t)framework_count + message_count) * VERSION_BYTES;
    if (*out_bytes > buffer_bytes) {
        return VMB_ERR_TOO_SMALL;
    }
    vmb_memset(body, 0, NEGOTIATE_VERSIONS);
    vmbi_put_le16(body + NEGOTIATE_FRAMEWORKS, framework_count);
    vmbi_put_le16(body + NEGOTIATE_MESSAGES, message_count);
    body += NEGOTIATE_VERSIONS;
    for (i = 0; i < framework_count; i++) {
        version_encode(frameworks[i], body);
        body += VERSION_BYTES;
    }
    for (i = 0; i < message_count; i++) {
        version_encode(messages[i], body);
        body += VERSION_BYTES;
    }
    return VMB_OK;
}

/* The first of our versions of a service that is among @count of the peer's. */
static bool version_choose(uint16_t service, const uint8_t *raw, uint32_t count,
                           struct vmb_ic_version *out_version)
{
    uint32_t own_count, own, i;
    const struct vmb_ic_version *versions = vmb_ic_versions(service, &own_count);

    for (own = 0; own < own_count; own++) {
        for (i = 0; i < count; i++) {
            struct vmb_ic_version offered = version_decode(raw + i * VERSION_BYTES);

            if (offered.major == versions[own].major && offered.minor == versions[own].minor) {
                *out_version = offered;
                return true;
            }
        }
    }
    return false;
}

bool vmb_ic_negotiate_choose(const struct vmb_ic_negotiate *negotiate, uint16_t service,
                             struct vmb_ic_version *out_framework,
                             struct vmb_ic_version *out_message)
{
    const uint8_t *raw_messages =
        negotiate->raw_versions + negotiate->framework_count * VERSION_BYTES;
    struct vmb_ic_version framework, message;

    if (!version_choose(VMB_IC_NEGOTIATE, negotiate->raw_versions, negotiate->framework_count,
                        &framework) ||
        !version_choose(service, raw_messages, negotiate->message_count, &message)) {
        return false;
    }
    *out_framework = framework;
    *out_message = message;
    return true;
}

const struct vmb_ic_version *vmb_ic_versions(uint16_t service, uint32_t *out_count)
{
    *out_count = service <= VMB_IC_VM_SESSION ? service_table[service].version_count : 0;
    return *out_count != 0 ? service_table[service].versions : NULL;
}

const char *vmb_ic_type_name(uint16_t message_type)
{
    return message_type <= VMB_IC_VM_SESSION ? service_table[message_type].name : "?";
}
