/* SPDX-License-Identifier: MIT */
/*
 * What golden tests do with a row: decode it, encode it, cut it short at every length, make it
 * longer, send it the wrong way; in every version in which the message has that form.
 */
#ifndef VMB_TEST_PROTO_GOLDEN_H
#define VMB_TEST_PROTO_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/proto/message.h>

#include "proto_hex.h"

#define GUEST  VMB_GUEST_TO_HOST
#define HOST   VMB_HOST_TO_GUEST

#define V(x)   VMB_VERSION_##x
#define NEWEST VMB_VERSION_6_0

/* f8615163-df3e-46c5-913f-f2d2f965ed0e */
#define NETWORK_BYTES "635161f8 3edf c546 913f f2d2f965ed0e"
/* 00112233-4455-6677-8899-aabbccddeeff */
#define INSTANCE       VMB_GUID_INIT(0x00112233, 0x4455, 0x6677, 0x8899, 0xaabbccddeeff)
#define INSTANCE_BYTES "33221100 5544 7766 8899 aabbccddeeff"
/* 00001389-facb-11e6-bd58-64006a7986d3: hv_sock port 5001 */
#define PORT_5001       VMB_GUID_INIT(0x00001389, 0xfacb, 0x11e6, 0xbd58, 0x64006a7986d3)
#define PORT_5001_BYTES "89130000 cbfa e611 bd58 64006a7986d3"

/* The junk that padding may hold when it comes from the peer. */
#define JUNK4 "deadbeef"

struct golden {
    const char *name;
    const char *bytes;
    enum vmb_message_direction sender;
    uint32_t first, last; /* Versions in which the message has this form. */
    uint32_t features;    /* In force, or requested. */
    uint32_t minimum;     /* Shorter is malformed. */
    bool tail_counts;     /* What follows may be a part of it. */
    bool receive_only;    /* A form that we do not send. */
    struct vmb_message message;
};

struct golden_table {
    const struct golden *rows;
    size_t count;
};

/* What a run of a golden row knows: the row, its bytes, one version of those that it is for. */
struct run {
    const struct golden *golden;
    uint8_t bytes[512];
    uint32_t byte_count;
    uint32_t version;
};

/* Call @check for each row in each of its versions, naming both on the way if it is asked to. */
static void for_each_golden(void **state, void (*check)(const struct run *run))
{
    const struct golden_table *table = *state;
    struct run run;
    size_t i;

    for (i = 0; i < table->count; i++) {
        run.golden = &table->rows[i];
        memset(run.bytes, 0x5a, sizeof(run.bytes));
        run.byte_count = proto_hex(run.golden->bytes, run.bytes);
        for (run.version = run.golden->last;
             run.version >= run.golden->first && run.version != VMB_VERSION_NONE;
             run.version = vmb_version_next_lower(run.version)) {
            check(&run);
        }
        if (run.golden->first == VMB_VERSION_NONE) {
            check(&run);
        }
    }
}

static vmb_status run_decode(const struct run *run, uint32_t byte_count,
                             struct vmb_message *out_message)
{
    return vmb_message_decode(run->bytes, byte_count, run->golden->sender, run->version,
                              run->golden->features, out_message);
}

static void fail_run(const struct run *run, const char *what)
{
    char text[600];

    (void)snprintf(text, sizeof(text), "%s, version %s: %s", run->golden->name,
                   vmb_version_name(run->version), what);
    fail_msg("%s", text);
}

static bool same_message(const struct vmb_message *left, const struct vmb_message *right)
{
    char left_text[2048], right_text[2048];

    (void)vmb_message_print(left, left_text, sizeof(left_text));
    (void)vmb_message_print(right, right_text, sizeof(right_text));
    return left->number == right->number && memcmp(&left->u, &right->u, sizeof(left->u)) == 0 &&
           strcmp(left_text, right_text) == 0;
}

static void check_decode(const struct run *run)
{
    struct vmb_message message;

    if (run_decode(run, run->byte_count, &message) != VMB_OK) {
        fail_run(run, "refused");
    }
    if (!same_message(&message, &run->golden->message)) {
        fail_run(run, "decoded to something else");
    }
}

static void check_encode(const struct run *run)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t byte_count = 0;

    if (run->golden->receive_only) {
        return;
    }
    memset(bytes, 0xa5, sizeof(bytes));
    if (vmb_message_encode(&run->golden->message, run->version, run->golden->features, bytes,
                           sizeof(bytes), &byte_count) != VMB_OK) {
        fail_run(run, "not encoded");
    }
    if (byte_count != run->byte_count || memcmp(bytes, run->bytes, byte_count) != 0) {
        fail_run(run, "encoded to other bytes");
    }
}

static void check_encode_without_room(const struct run *run)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint8_t untouched[VMB_MESSAGE_MAX_BYTES];
    uint32_t room, needed;

    if (run->golden->receive_only) {
        return;
    }
    memset(bytes, 0xa5, sizeof(bytes));
    memset(untouched, 0xa5, sizeof(untouched));
    for (room = 0; room < run->byte_count; room++) {
        needed = 0;
        if (vmb_message_encode(&run->golden->message, run->version, run->golden->features, bytes,
                               room, &needed) != VMB_ERR_TOO_SMALL) {
            fail_run(run, "a short buffer was taken");
        }
        if (needed != run->byte_count || memcmp(bytes, untouched, sizeof(bytes)) != 0) {
            fail_run(run, "the need was not told, or something was written");
        }
    }
}

static void check_truncation(const struct run *run)
{
    struct vmb_message message;
    uint32_t length;

    for (length = 0; length < run->byte_count; length++) {
        vmb_status expected = length < run->golden->minimum ? VMB_ERR_MALFORMED : VMB_OK;

        if (run_decode(run, length, &message) != expected) {
            fail_run(run, "a cut message was not judged by the minimum");
        }
    }
}

static void check_longer(const struct run *run)
{
    struct vmb_message message;
    uint32_t length;

    for (length = run->byte_count; length <= sizeof(run->bytes); length++) {
        if (run_decode(run, length, &message) != VMB_OK) {
            fail_run(run, "a longer message was refused");
        }
        if (!run->golden->tail_counts && !same_message(&message, &run->golden->message)) {
            fail_run(run, "the tail was not ignored");
        }
    }
}

static void check_wrong_way(const struct run *run)
{
    enum vmb_message_direction wrong = run->golden->sender == GUEST ? HOST : GUEST;
    struct vmb_message message;

    if (vmb_message_decode(run->bytes, run->byte_count, wrong, run->version, run->golden->features,
                           &message) != VMB_ERR_UNKNOWN) {
        fail_run(run, "taken from the wrong side");
    }
}

static void test_bytes_decode_to_fields(void **state)
{
    for_each_golden(state, check_decode);
}

static void test_fields_encode_to_bytes(void **state)
{
    for_each_golden(state, check_encode);
}

static void test_short_buffer_learns_the_need(void **state)
{
    for_each_golden(state, check_encode_without_room);
}

static void test_each_truncation_is_malformed(void **state)
{
    for_each_golden(state, check_truncation);
}

static void test_longer_messages_are_accepted(void **state)
{
    for_each_golden(state, check_longer);
}

static void test_wrong_direction_is_unknown(void **state)
{
    for_each_golden(state, check_wrong_way);
}

#define GOLDEN_TEST(name)                                                                          \
    {                                                                                              \
#name, name, NULL, NULL, &table                                                            \
    }

static int golden_main(const struct golden *rows, size_t count)
{
    struct golden_table table = {rows, count};
    const struct CMUnitTest tests[] = {
        GOLDEN_TEST(test_bytes_decode_to_fields),
        GOLDEN_TEST(test_fields_encode_to_bytes),
        GOLDEN_TEST(test_short_buffer_learns_the_need),
        GOLDEN_TEST(test_each_truncation_is_malformed),
        GOLDEN_TEST(test_longer_messages_are_accepted),
        GOLDEN_TEST(test_wrong_direction_is_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif /* VMB_TEST_PROTO_GOLDEN_H */
