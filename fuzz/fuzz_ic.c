/* SPDX-License-Identifier: MIT */
/*
 * Bodies of the integration services: negotiation, heartbeat, shutdown, time, key/value, backup,
 * file copy. What is taken lies within the body, and survives encoding and decoding.
 */
#include "fuzz.h"

#include <vmbus/proto/file_copy.h>
#include <vmbus/proto/ic.h>
#include <vmbus/proto/kvp.h>
#include <vmbus/proto/vss.h>

#define FUZZ_LONGEST 7600 /* Bytes of an input: the longest body, and what it is. */

enum {
    BODY_PAGES = 2,
    BODY_BYTES = BODY_PAGES * 4096
};

/* A body: the end of the input, where a step too far is caught. */
struct body {
    const uint8_t *bytes;
    uint32_t byte_count;
};

static uint8_t *encoded;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    encoded = fuzz_pages(BODY_PAGES);
    return 0;
}

static void check_within(const struct body *body, const struct vmb_slice *slice)
{
    const uint8_t *start = slice->bytes;

    FUZZ_CHECK(slice->byte_count == 0 ||
               (start >= body->bytes &&
                slice->byte_count <= (size_t)(body->bytes + body->byte_count - start)));
}

static bool slices_equal(const struct vmb_slice *left, const struct vmb_slice *right)
{
    return left->byte_count == right->byte_count &&
           (left->byte_count == 0 || memcmp(left->bytes, right->bytes, left->byte_count) == 0);
}

static void fuzz_header(struct feed *feed)
{
    uint8_t raw[VMB_IC_HEADER_BYTES];
    struct vmb_ic_header header, again;

    if (vmb_ic_header_decode(feed->next, (uint32_t)feed->left, &header) != VMB_OK) {
        return;
    }
    FUZZ_CHECK(VMB_IC_HEADER_BYTES + (uint32_t)header.body_bytes <= feed->left);
    (void)vmb_ic_type_name(header.message_type);
    vmb_ic_header_encode(&header, raw);
    header.body_bytes = 0;
    raw[4] = VMB_IC_HEADER_BYTES - 8u; /* The pipe's length, without the body now. */
    raw[5] = raw[6] = raw[7] = 0;
    memset(&again, 0, sizeof(again));
    (void)vmb_ic_header_decode(raw, sizeof(raw), &again);
}

static void fuzz_negotiate(struct feed *feed)
{
    static struct vmb_ic_version frameworks[2048], messages[2048];
    struct vmb_ic_version framework, message;
    struct vmb_ic_negotiate negotiate, again;
    uint16_t service = feed_u8(feed);
    uint32_t count, bytes = 0, i;

    (void)vmb_ic_versions(service, &count);
    if (vmb_ic_negotiate_decode(feed->next, (uint32_t)feed->left, &negotiate) != VMB_OK) {
        return;
    }
    (void)vmb_ic_negotiate_choose(&negotiate, service, &framework, &message);
    FUZZ_CHECK(negotiate.framework_count <= 2048u && negotiate.message_count <= 2048u);
    for (i = 0; i < negotiate.framework_count; i++) {
        frameworks[i] = vmb_ic_negotiate_framework(&negotiate, i);
    }
    for (i = 0; i < negotiate.message_count; i++) {
        messages[i] = vmb_ic_negotiate_message(&negotiate, i);
    }
    FUZZ_CHECK(vmb_ic_negotiate_encode(frameworks, negotiate.framework_count, messages,
                                       negotiate.message_count, encoded, BODY_BYTES,
                                       &bytes) == VMB_OK);
    FUZZ_CHECK(vmb_ic_negotiate_decode(encoded, bytes, &again) == VMB_OK);
    FUZZ_CHECK(again.framework_count == negotiate.framework_count &&
               again.message_count == negotiate.message_count);
}

static void fuzz_small(struct feed *feed)
{
    struct body body;
    struct vmb_ic_version version = {feed_u8(feed), feed_u8(feed)};
    struct vmb_ic_heartbeat heartbeat;
    struct vmb_ic_timesync timesync, timesync_again;
    struct vmb_ic_shutdown shutdown;
    uint32_t bytes = 0;

    body.bytes = feed->next;
    body.byte_count = (uint32_t)feed->left;
    if (vmb_ic_heartbeat_decode(body.bytes, body.byte_count, &heartbeat) == VMB_OK) {
        FUZZ_CHECK(vmb_ic_heartbeat_encode(&heartbeat,
                                           fuzz_tail(encoded, BODY_PAGES, body.byte_count),
                                           body.byte_count) == VMB_OK);
    }
    if (vmb_ic_timesync_decode(body.bytes, body.byte_count, version, &timesync) == VMB_OK) {
        FUZZ_CHECK(vmb_ic_timesync_encode(&timesync, version, encoded, VMB_IC_TIMESYNC_BYTES_MAX,
                                          &bytes) == VMB_OK);
        FUZZ_CHECK(vmb_ic_timesync_decode(encoded, bytes, version, &timesync_again) == VMB_OK &&
                   timesync_again.host_utc == timesync.host_utc);
    }
    if (vmb_ic_shutdown_decode(body.bytes, body.byte_count, &shutdown) == VMB_OK) {
        struct vmb_slice text = {shutdown.text, shutdown.text_bytes};
        vmb_status status = vmb_ic_shutdown_encode(&shutdown, encoded, VMB_IC_SHUTDOWN_BYTES);

        check_within(&body, &text);
        FUZZ_CHECK(status == VMB_OK || shutdown.text_bytes >= VMB_IC_SHUTDOWN_TEXT_BYTES);
    }
}

static void fuzz_kvp(struct feed *feed)
{
    bool is_answer = (feed_u8(feed) & 1u) != 0;
    struct body body = {feed->next, (uint32_t)feed->left};
    struct vmb_kvp_item item, item_again;
    struct vmb_kvp_ip ip, ip_again;
    uint32_t bytes = 0;

    if (vmb_kvp_item_decode(body.bytes, body.byte_count, is_answer, &item) == VMB_OK) {
        check_within(&body, &item.key);
        check_within(&body, &item.value);
        FUZZ_CHECK(vmb_kvp_item_encode(&item, encoded, BODY_BYTES, &bytes) == VMB_OK);
        FUZZ_CHECK(vmb_kvp_item_decode(encoded, bytes, is_answer, &item_again) == VMB_OK);
        FUZZ_CHECK(slices_equal(&item.key, &item_again.key) &&
                   slices_equal(&item.value, &item_again.value));
    }
    if (vmb_kvp_ip_decode(body.bytes, body.byte_count, is_answer, &ip) == VMB_OK) {
        check_within(&body, &ip.adapter_id);
        check_within(&body, &ip.addresses);
        check_within(&body, &ip.dns_servers);
        if (vmb_kvp_ip_encode(&ip, encoded, VMB_KVP_BODY_BYTES_MAX) == VMB_OK) {
            FUZZ_CHECK(vmb_kvp_ip_decode(encoded, VMB_KVP_BODY_BYTES_MAX, is_answer, &ip_again) ==
                       VMB_OK);
            FUZZ_CHECK(slices_equal(&ip.addresses, &ip_again.addresses));
        }
    }
}

static void fuzz_vss(struct feed *feed)
{
    struct body body = {feed->next, (uint32_t)feed->left};
    struct vmb_vss vss, again;
    struct vmb_guid set;
    uint32_t number = 0, bytes = 0;

    if (vmb_vss_decode(body.bytes, body.byte_count, &vss) != VMB_OK) {
        return;
    }
    check_within(&body, &vss.data);
    (void)vmb_vss_flags_decode(&vss, &number);
    (void)vmb_vss_snapshot_decode(&vss, &set, &number);
    FUZZ_CHECK(vmb_vss_encode(&vss, encoded, BODY_BYTES, &bytes) == VMB_OK);
    FUZZ_CHECK(vmb_vss_decode(encoded, bytes, &again) == VMB_OK &&
               slices_equal(&vss.data, &again.data));
    vmb_vss_flags_encode(vss.operation, number, encoded);
}

static void fuzz_file_copy(struct feed *feed)
{
    struct body body = {feed->next, (uint32_t)feed->left};
    struct vmb_file_copy copy, again;
    uint32_t bytes = 0;

    if (vmb_file_copy_decode(body.bytes, body.byte_count, &copy) != VMB_OK) {
        return;
    }
    check_within(&body, &copy.name);
    check_within(&body, &copy.path);
    check_within(&body, &copy.data);
    FUZZ_CHECK(copy.file_offset + copy.data.byte_count >= copy.file_offset);
    if (copy.name.byte_count == VMB_FILE_COPY_NAME_BYTES ||
        copy.path.byte_count == VMB_FILE_COPY_NAME_BYTES) {
        return; /* Without a terminator: taken, but never sent. */
    }
    FUZZ_CHECK(vmb_file_copy_encode(&copy, encoded, BODY_BYTES, &bytes) == VMB_OK);
    FUZZ_CHECK(vmb_file_copy_decode(encoded, bytes, &again) == VMB_OK);
    FUZZ_CHECK(slices_equal(&copy.data, &again.data) && slices_equal(&copy.name, &again.name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(struct feed *) = {fuzz_header, fuzz_negotiate, fuzz_small,
                                                   fuzz_kvp,    fuzz_vss,       fuzz_file_copy};
    struct feed feed = feed_of(data, size);

    parts[feed_below(&feed, sizeof(parts) / sizeof(parts[0]))](&feed);
    return 0;
}
