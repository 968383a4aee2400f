/* SPDX-License-Identifier: MIT */
/* Bodies of the key/value service. */
#include <vmbus/platform/string.h>
#include <vmbus/proto/kvp.h>

#include "base/vmb_le.h"

#define KVP_OPERATION    0u
#define KVP_POOL         1u
#define KVP_INDEX        4u
#define KVP_HEADER_BYTES 4u

/* The value structure, from its beginning, which depends on the operation. */
#define VALUE_AT_GET      4u
#define VALUE_AT_LIST     8u
#define VALUE_TYPE        0u
#define VALUE_KEY_BYTES   4u
#define VALUE_VALUE_BYTES 8u
#define VALUE_KEY         12u
#define VALUE_VALUE       (VALUE_KEY + VMB_KVP_KEY_BYTES)
#define VALUE_BYTES       (VALUE_VALUE + VMB_KVP_VALUE_BYTES)

/* Delete has a key only. */
#define DELETE_KEY_BYTES 4u
#define DELETE_KEY       8u
#define DELETE_BYTES     (DELETE_KEY + VMB_KVP_KEY_BYTES)

/* IP configuration. */
#define IP_FAMILY 258u
#define IP_DHCP   259u

struct ip_text {
    uint16_t offset; /* In the body. */
    uint16_t bytes;
    uint16_t member; /* In struct vmb_kvp_ip. */
};

/* The adapter comes first: it is all that a request to get has. */
static const struct ip_text ip_texts[] = {
    {2, 256, offsetof(struct vmb_kvp_ip, adapter_id)},
    {260, 2048, offsetof(struct vmb_kvp_ip, addresses)},
    {2308, 2048, offsetof(struct vmb_kvp_ip, subnets)},
    {4356, 1024, offsetof(struct vmb_kvp_ip, gateways)},
    {5380, 2048, offsetof(struct vmb_kvp_ip, dns_servers)},
};

#define IP_TEXT_COUNT    ((uint32_t)(sizeof(ip_texts) / sizeof(ip_texts[0])))
#define IP_ADAPTER_BYTES 258u
#define IP_CHAR_BYTES    2u

/* A part of the body that a size in the body announces, within its limit and the body's. */
static bool slice_decode(const uint8_t *body, uint32_t body_bytes, uint32_t offset,
                         uint32_t byte_count, uint32_t limit, struct vmb_slice *out_slice)
{
    if (byte_count > limit || offset > body_bytes || byte_count > body_bytes - offset) {
        return false;
    }
    out_slice->bytes = body + offset;
    out_slice->byte_count = byte_count;
    return true;
}

static vmb_status value_decode(const uint8_t *body, uint32_t body_bytes, uint32_t at,
                               bool has_value, struct vmb_kvp_item *item)
{
    if (body_bytes < at + VALUE_KEY) {
        return VMB_ERR_MALFORMED;
    }
    if (!slice_decode(body, body_bytes, at + VALUE_KEY, vmbi_le32(body + at + VALUE_KEY_BYTES),
                      VMB_KVP_KEY_BYTES, &item->key)) {
        return VMB_ERR_MALFORMED;
    }
    if (!has_value) {
        return VMB_OK;
    }
    item->value_type = vmbi_le32(body + at + VALUE_TYPE);
    if (!slice_decode(body, body_bytes, at + VALUE_VALUE, vmbi_le32(body + at + VALUE_VALUE_BYTES),
                      VMB_KVP_VALUE_BYTES, &item->value)) {
        return VMB_ERR_MALFORMED;
    }
    return VMB_OK;
}

static vmb_status delete_decode(const uint8_t *body, uint32_t body_bytes, struct vmb_kvp_item *item)
{
    if (body_bytes < DELETE_KEY ||
        !slice_decode(body, body_bytes, DELETE_KEY, vmbi_le32(body + DELETE_KEY_BYTES),
                      VMB_KVP_KEY_BYTES, &item->key)) {
        return VMB_ERR_MALFORMED;
    }
    return VMB_OK;
}

static vmb_status enumerate_decode(const uint8_t *body, uint32_t body_bytes, bool is_answer,
                                   struct vmb_kvp_item *item)
{
    if (body_bytes < VALUE_AT_LIST) {
        return VMB_ERR_MALFORMED;
    }
    item->index = vmbi_le32(body + KVP_INDEX);
    return is_answer ? value_decode(body, body_bytes, VALUE_AT_LIST, true, item) : VMB_OK;
}

vmb_status vmb_kvp_item_decode(const uint8_t *body, uint32_t body_bytes, bool is_answer,
                               struct vmb_kvp_item *out_item)
{
    struct vmb_kvp_item item = {0, 0, 0, 0, {NULL, 0}, {NULL, 0}};
    vmb_status status;

    if (body_bytes < KVP_HEADER_BYTES) {
        return VMB_ERR_MALFORMED;
    }
    item.operation = body[KVP_OPERATION];
    item.pool = body[KVP_POOL];
    switch (item.operation) {
    case VMB_KVP_GET:
        status = value_decode(body, body_bytes, VALUE_AT_GET, is_answer, &item);
        break;
    case VMB_KVP_SET:
        status = value_decode(body, body_bytes, VALUE_AT_GET, true, &item);
        break;
    case VMB_KVP_DELETE:
        status = delete_decode(body, body_bytes, &item);
        break;
    case VMB_KVP_ENUMERATE:
        status = enumerate_decode(body, body_bytes, is_answer, &item);
        break;
    default:
        status = VMB_ERR_UNKNOWN;
        break;
    }
    if (status == VMB_OK) {
        *out_item = item;
    }
    return status;
}

static void slice_encode(const struct vmb_slice *slice, uint8_t *target)
{
    if (slice->byte_count != 0) {
        vmb_memcpy(target, slice->bytes, slice->byte_count);
    }
}

/* The full size of the body of an operation. */
static uint32_t item_bytes(uint8_t operation)
{
    if (operation == VMB_KVP_DELETE) {
        return DELETE_BYTES;
    }
    return (operation == VMB_KVP_ENUMERATE ? VALUE_AT_LIST : VALUE_AT_GET) + VALUE_BYTES;
}

vmb_status vmb_kvp_item_encode(const struct vmb_kvp_item *item, uint8_t *body,
                               uint32_t buffer_bytes, uint32_t *out_bytes)
{
    uint8_t *value;

    if (item->operation > VMB_KVP_ENUMERATE || item->key.byte_count > VMB_KVP_KEY_BYTES ||
        item->value.byte_count > VMB_KVP_VALUE_BYTES) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    *out_bytes = item_bytes(item->operation);
    if (*out_bytes > buffer_bytes) {
        return VMB_ERR_TOO_SMALL;
    }
    vmb_memset(body, 0, *out_bytes);
    body[KVP_OPERATION] = item->operation;
    body[KVP_POOL] = item->pool;
    if (item->operation == VMB_KVP_DELETE) {
        vmbi_put_le32(body + DELETE_KEY_BYTES, item->key.byte_count);
        slice_encode(&item->key, body + DELETE_KEY);
        return VMB_OK;
    }
    value = body + VALUE_AT_GET;
    if (item->operation == VMB_KVP_ENUMERATE) {
        vmbi_put_le32(body + KVP_INDEX, item->index);
        value = body + VALUE_AT_LIST;
    }
    vmbi_put_le32(value + VALUE_TYPE, item->value_type);
    vmbi_put_le32(value + VALUE_KEY_BYTES, item->key.byte_count);
    vmbi_put_le32(value + VALUE_VALUE_BYTES, item->value.byte_count);
    slice_encode(&item->key, value + VALUE_KEY);
    slice_encode(&item->value, value + VALUE_VALUE);
    return VMB_OK;
}

/* A text up to its terminator, or as long as its field. */
static struct vmb_slice ip_text_decode(const uint8_t *body, const struct ip_text *text)
{
    struct vmb_slice slice;
    uint32_t length = 0;

    while (length < text->bytes && vmbi_le16(body + text->offset + length) != 0) {
        length += IP_CHAR_BYTES;
    }
    slice.bytes = body + text->offset;
    slice.byte_count = length;
    return slice;
}

vmb_status vmb_kvp_ip_decode(const uint8_t *body, uint32_t body_bytes, bool is_answer,
                             struct vmb_kvp_ip *out_ip)
{
    uint32_t text_count = IP_TEXT_COUNT;
    uint32_t needed = VMB_KVP_BODY_BYTES_MAX;
    uint32_t i;

    if (body_bytes < KVP_HEADER_BYTES) {
        return VMB_ERR_MALFORMED;
    }
    if (body[KVP_OPERATION] != VMB_KVP_GET_IP && body[KVP_OPERATION] != VMB_KVP_SET_IP) {
        return VMB_ERR_UNKNOWN;
    }
    if (body[KVP_OPERATION] == VMB_KVP_GET_IP && !is_answer) {
        text_count = 1;
        needed = IP_ADAPTER_BYTES;
    }
    if (body_bytes < needed) {
        return VMB_ERR_MALFORMED;
    }
    vmb_memset(out_ip, 0, sizeof(*out_ip));
    out_ip->operation = body[KVP_OPERATION];
    out_ip->pool = body[KVP_POOL];
    if (text_count == IP_TEXT_COUNT) {
        out_ip->family = body[IP_FAMILY];
        out_ip->dhcp_enabled = body[IP_DHCP] != 0;
    }
    for (i = 0; i < text_count; i++) {
        struct vmb_slice slice = ip_text_decode(body, &ip_texts[i]);

        vmb_memcpy((uint8_t *)out_ip + ip_texts[i].member, &slice, sizeof(slice));
    }
    return VMB_OK;
}

static struct vmb_slice ip_text_load(const struct vmb_kvp_ip *ip, const struct ip_text *text)
{
    struct vmb_slice slice;

    vmb_memcpy(&slice, (const uint8_t *)ip + text->member, sizeof(slice));
    return slice;
}

vmb_status vmb_kvp_ip_encode(const struct vmb_kvp_ip *ip, uint8_t *body, uint32_t buffer_bytes)
{
    uint32_t i;

    if (ip->operation != VMB_KVP_GET_IP && ip->operation != VMB_KVP_SET_IP) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    for (i = 0; i < IP_TEXT_COUNT; i++) {
        if (ip_text_load(ip, &ip_texts[i]).byte_count > ip_texts[i].bytes - IP_CHAR_BYTES) {
            return VMB_ERR_INVALID_ARGUMENT;
        }
    }
    if (buffer_bytes < VMB_KVP_BODY_BYTES_MAX) {
        return VMB_ERR_TOO_SMALL;
    }
    vmb_memset(body, 0, VMB_KVP_BODY_BYTES_MAX);
    body[KVP_OPERATION] = ip->operation;
    body[KVP_POOL] = ip->pool;
    body[IP_FAMILY] = ip->family;
    body[IP_DHCP] = ip->dhcp_enabled ? 1 : 0;
    for (i = 0; i < IP_TEXT_COUNT; i++) {
        struct vmb_slice slice = ip_text_load(ip, &ip_texts[i]);

        slice_encode(&slice, body + ip_texts[i].offset);
    }
    return VMB_OK;
}
