/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Bodies of the key/value service (message type VMB_IC_KVP): small facts that host and guest tell
 * each other, and the guest's IP configuration. As Linux 6.12 and current hosts have them.
 *
 * Texts are UTF-16, little-endian, and travel with their terminator. Bodies stand behind the
 * headers of ic.h; every function works on a private copy.
 */
#ifndef VMB_PROTO_KVP_H
#define VMB_PROTO_KVP_H

#include <vmbus/proto/ic.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/* Operations: the first byte of a body. */
#define VMB_KVP_GET       0u
#define VMB_KVP_SET       1u
#define VMB_KVP_DELETE    2u
#define VMB_KVP_ENUMERATE 3u
#define VMB_KVP_GET_IP    4u
#define VMB_KVP_SET_IP    5u

/* Pools: the second byte. */
#define VMB_KVP_POOL_EXTERNAL  0u /**< The host's administrator, to the guest. */
#define VMB_KVP_POOL_GUEST     1u /**< The guest's administrator, to the host. */
#define VMB_KVP_POOL_AUTO      2u /**< The guest's system, to the host. */
#define VMB_KVP_POOL_AUTO_HOST 3u /**< The host, to the guest. */

/* vmb_kvp_item.value_type */
#define VMB_KVP_STRING        1u
#define VMB_KVP_EXPAND_STRING 2u
#define VMB_KVP_U32           4u
#define VMB_KVP_U64_LINUX     8u /**< Linux's number for VMB_KVP_U64: accept it, never send it. */
#define VMB_KVP_U64           11u

#define VMB_KVP_KEY_BYTES     512u
#define VMB_KVP_VALUE_BYTES   2048u
/** The longest body: IP configuration. */
#define VMB_KVP_BODY_BYTES_MAX 7428u

/* Facts that a host asks for by their index in VMB_KVP_POOL_AUTO, in the order of Linux. */
#define VMB_KVP_FACT_FQDN       0u
#define VMB_KVP_FACT_IC_VERSION 1u
#define VMB_KVP_FACT_IPV4       2u
#define VMB_KVP_FACT_IPV6       3u
#define VMB_KVP_FACT_OS_BUILD   4u
#define VMB_KVP_FACT_OS_NAME    5u
#define VMB_KVP_FACT_OS_MAJOR   6u
#define VMB_KVP_FACT_OS_MINOR   7u
#define VMB_KVP_FACT_OS_VERSION 8u
#define VMB_KVP_FACT_PROCESSOR  9u
#define VMB_KVP_FACT_COUNT      10u /**< From here on: VMB_IC_STATUS_NO_MORE_ITEMS. */

/** A request or an answer of the operations 0 to 3. */
struct vmb_kvp_item {
    uint8_t operation;
    uint8_t pool;
    uint32_t index;         /**< Enumerate. */
    uint32_t value_type;    /**< Set; answers of get and enumerate. */
    struct vmb_slice key;   /**< All but requests to enumerate. */
    struct vmb_slice value; /**< Set; answers of get and enumerate. */
};

/** IP configuration of one adapter. Lists are separated by semicolons. */
struct vmb_kvp_ip {
    uint8_t operation;
    uint8_t pool;
    uint8_t family; /**< 1 IPv4, 2 IPv6, 3 both. */
    bool dhcp_enabled;
    struct vmb_slice adapter_id;
    struct vmb_slice addresses;
    struct vmb_slice subnets;
    struct vmb_slice gateways;
    struct vmb_slice dns_servers;
};

/**
 * Read the body of an operation on an item.
 *
 * Only what the operation needs is looked at: the rest may be anything, and comes out as 0.
 *
 * @param is_answer  What the message is: requests and answers fill in different fields.
 * @param out_item   Written on VMB_OK; key and value point into @p body.
 *
 * @retval VMB_OK             Decoded; key and value are within their limits.
 * @retval VMB_ERR_MALFORMED  Too short, or a size beyond its limit: answer with a failure.
 * @retval VMB_ERR_UNKNOWN    Another operation: see vmb_kvp_ip_decode(), or say not supported.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_kvp_item_decode(const uint8_t *body, uint32_t body_bytes,
                                             bool is_answer, struct vmb_kvp_item *out_item);

/**
 * Write the body of an operation on an item, in its full size, the unused part as zeros.
 *
 * @param out_bytes  The body_bytes of the header, also with VMB_ERR_TOO_SMALL.
 *
 * @retval VMB_OK                    Written.
 * @retval VMB_ERR_TOO_SMALL         Nothing written: pass a larger buffer.
 * @retval VMB_ERR_INVALID_ARGUMENT  Not one of the operations, or key or value too long.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_kvp_item_encode(const struct vmb_kvp_item *item, uint8_t *body,
                                             uint32_t buffer_bytes, uint32_t *out_bytes);

/**
 * Turn a text of UTF-8 into one for a key or a value, with its terminator.
 *
 * @param utf8       @p utf8_bytes of it, no terminator among them.
 * @param out_bytes  The size of the result, also with VMB_ERR_TOO_SMALL.
 *
 * @retval VMB_OK                    Written.
 * @retval VMB_ERR_TOO_SMALL         Longer than @p buffer_bytes: what was written is of no use.
 * @retval VMB_ERR_INVALID_ARGUMENT  Not UTF-8, or with a zero in it.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_kvp_text_encode(const char *utf8, uint32_t utf8_bytes, uint8_t *buffer,
                                             uint32_t buffer_bytes, uint32_t *out_bytes);

/**
 * Turn a key or a value into UTF-8, up to its terminator or its end. What is no UTF-16 becomes
 * U+FFFD; what does not fit is left out, by whole characters. Three bytes for two always suffice.
 *
 * @param buffer_bytes  At least 1: a zero is always written behind the text.
 *
 * @return The bytes written before that zero.
 *
 * Context: isr-ok; any number of callers at once.
 */
uint32_t vmb_kvp_text_decode(const struct vmb_slice *text, char *buffer, uint32_t buffer_bytes);

/**
 * Read the body of an IP operation. Of a request to get, only the adapter counts.
 *
 * @param is_answer  What the message is.
 * @param out_ip     Written on VMB_OK; texts point into @p body and end before their terminator.
 *
 * @retval VMB_OK             Decoded.
 * @retval VMB_ERR_MALFORMED  Too short: answer with a failure.
 * @retval VMB_ERR_UNKNOWN    Not an IP operation.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_kvp_ip_decode(const uint8_t *body, uint32_t body_bytes, bool is_answer,
                                           struct vmb_kvp_ip *out_ip);

/**
 * Write the body of an IP operation, VMB_KVP_BODY_BYTES_MAX of it.
 *
 * @retval VMB_OK                    Written.
 * @retval VMB_ERR_TOO_SMALL         Nothing written: pass VMB_KVP_BODY_BYTES_MAX.
 * @retval VMB_ERR_INVALID_ARGUMENT  Not an IP operation, or a text that does not fit with its
 *                                   terminator.
 *
 * Context: isr-ok; any number of callers at once.
 */
VMB_NODISCARD vmb_status vmb_kvp_ip_encode(const struct vmb_kvp_ip *ip, uint8_t *body,
                                           uint32_t buffer_bytes);

VMB_END_DECLS

#endif /* VMB_PROTO_KVP_H */
