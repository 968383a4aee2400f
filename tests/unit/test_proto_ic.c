/* SPDX-License-Identifier: MIT */
/* Integration services: headers, negotiation, heartbeat, shutdown and time, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/proto/ic.h>

#include "proto_hex.h"

static const struct vmb_ic_version version_1_0 = {1, 0};
static const struct vmb_ic_version version_3_0 = {3, 0};
static const struct vmb_ic_version version_4_0 = {4, 0};

/* A heartbeat answer in a payload of 48 bytes, of which 44 are used. */
#define ANSWER                                                                                     \
    "01000000 24000000" /* 0: pipe data, 36 bytes */                                               \
    "0300 0000"         /* 8: framework 3.0 */                                                     \
    "0100"              /* 12: heartbeat */                                                        \
    "0300 0000"         /* 14: message 3.0 */                                                      \
    "1000"              /* 18: 16 bytes of body */                                                 \
    "05400080"          /* 20: status */                                                           \
    "2a"                /* 24: transaction id */                                                   \
    "05"                /* 25: transaction, response */                                            \
    "0000"              /* 26 */                                                                   \
        Z16 Z4

static void test_header_golden(void **state)
{
    struct vmb_ic_header header;
    uint8_t expected[64], raw[64];

    (void)state;
    assert_int_equal(proto_hex(ANSWER, expected), 48);
    assert_int_equal(vmb_ic_header_decode(expected, 48, &header), VMB_OK);
    assert_int_equal(header.framework.major, 3);
    assert_int_equal(header.framework.minor, 0);
    assert_int_equal(header.message_type, VMB_IC_HEARTBEAT);
    assert_int_equal(header.message.major, 3);
    assert_int_equal(header.body_bytes, 16);
    assert_true(header.status == VMB_IC_STATUS_FAILURE);
    assert_int_equal(header.transaction_id, 42);
    assert_int_equal(header.flags, VMB_IC_TRANSACTION | VMB_IC_RESPONSE);
    memset(raw, 0xa5, sizeof(raw));
    vmb_ic_header_encode(&header, raw);
    assert_memory_equal(raw, expected, VMB_IC_HEADER_BYTES);
    assert_int_equal(raw[VMB_IC_HEADER_BYTES], 0xa5);
}

static void test_header_must_hold_its_body(void **state)
{
    struct vmb_ic_header header;
    uint8_t raw[64];
    uint32_t length;

    (void)state;
    (void)proto_hex(ANSWER, raw);
    for (length = 0; length < 44; length++) {
        assert_int_equal(vmb_ic_header_decode(raw, length, &header), VMB_ERR_MALFORMED);
    }
    assert_int_equal(vmb_ic_header_decode(raw, 44, &header), VMB_OK);
    raw[18] = 17; /* One byte more of body than of pipe data. */
    assert_int_equal(vmb_ic_header_decode(raw, 48, &header), VMB_ERR_MALFORMED);
    raw[18] = 16;
    raw[19] = 1;
    assert_int_equal(vmb_ic_header_decode(raw, 48, &header), VMB_ERR_MALFORMED);
    raw[19] = 0;
    raw[18] = 0;
    raw[4] = 19; /* Pipe data shorter than the header. */
    assert_int_equal(vmb_ic_header_decode(raw, 48, &header), VMB_ERR_MALFORMED);
    raw[4] = 20;
    assert_int_equal(vmb_ic_header_decode(raw, 48, &header), VMB_OK);
    raw[0] = 2;
    raw[4] = 40;
    assert_int_equal(vmb_ic_header_decode(raw, 48, &header), VMB_ERR_UNKNOWN);
    raw[0] = 9;
    assert_int_equal(vmb_ic_header_decode(raw, 48, &header), VMB_ERR_UNKNOWN);
}

#define OFFERED                                                                                    \
    "0200"                /* 0: framework versions */                                              \
    "0300"                /* 2: message versions */                                                \
    "00000000"            /* 4 */                                                                  \
    "0100 0000 0300 0000" /* 8: 1.0, 3.0 */                                                        \
    "0100 0000 0300 0000 0400 0000"

static void test_negotiate_golden(void **state)
{
    static const struct vmb_ic_version frameworks[] = {{1, 0}, {3, 0}};
    static const struct vmb_ic_version messages[] = {{1, 0}, {3, 0}, {4, 0}};
    struct vmb_ic_negotiate negotiate;
    uint8_t expected[64], raw[64];
    uint32_t bytes;

    (void)state;
    assert_int_equal(proto_hex(OFFERED, expected), 28);
    memset(raw, 0xa5, sizeof(raw));
    assert_int_equal(vmb_ic_negotiate_encode(frameworks, 2, messages, 3, raw, 28, &bytes), VMB_OK);
    assert_int_equal(bytes, 28);
    assert_memory_equal(raw, expected, 28);
    bytes = 0;
    assert_int_equal(vmb_ic_negotiate_encode(frameworks, 2, messages, 3, raw, 27, &bytes),
                     VMB_ERR_TOO_SMALL);
    assert_int_equal(bytes, 28);
    assert_int_equal(vmb_ic_negotiate_decode(expected, 28, &negotiate), VMB_OK);
    assert_int_equal(negotiate.framework_count, 2);
    assert_int_equal(negotiate.message_count, 3);
    assert_int_equal(vmb_ic_negotiate_framework(&negotiate, 1).major, 3);
    assert_int_equal(vmb_ic_negotiate_message(&negotiate, 0).major, 1);
    assert_int_equal(vmb_ic_negotiate_message(&negotiate, 2).major, 4);
}

static void test_negotiate_without_agreement(void **state)
{
    struct vmb_ic_negotiate negotiate;
    uint8_t raw[16];
    uint32_t bytes;

    (void)state;
    assert_int_equal(vmb_ic_negotiate_encode(NULL, 0, NULL, 0, raw, sizeof(raw), &bytes), VMB_OK);
    assert_int_equal(bytes, 8);
    assert_int_equal(vmb_ic_negotiate_decode(raw, 8, &negotiate), VMB_OK);
    assert_int_equal(negotiate.framework_count, 0);
    assert_int_equal(negotiate.message_count, 0);
}

static void test_negotiate_must_hold_its_versions(void **state)
{
    struct vmb_ic_negotiate negotiate;
    uint8_t raw[64];
    uint32_t length;

    (void)state;
    (void)proto_hex(OFFERED, raw);
    for (length = 0; length < 28; length++) {
        assert_int_equal(vmb_ic_negotiate_decode(raw, length, &negotiate), VMB_ERR_MALFORMED);
    }
    assert_int_equal(vmb_ic_negotiate_decode(raw, 29, &negotiate), VMB_OK);
    (void)proto_hex("ffff ffff 00000000", raw);
    assert_int_equal(vmb_ic_negotiate_decode(raw, 64, &negotiate), VMB_ERR_MALFORMED);
}

static void test_best_common_versions_are_chosen(void **state)
{
    struct vmb_ic_version framework = {9, 9}, message = {9, 9};
    struct vmb_ic_negotiate negotiate;
    uint8_t raw[64];

    (void)state;
    (void)proto_hex(OFFERED, raw);
    assert_int_equal(vmb_ic_negotiate_decode(raw, 28, &negotiate), VMB_OK);
    assert_true(vmb_ic_negotiate_choose(&negotiate, VMB_IC_TIMESYNC, &framework, &message));
    assert_int_equal(framework.major, 3);
    assert_int_equal(message.major, 4);
    assert_true(vmb_ic_negotiate_choose(&negotiate, VMB_IC_HEARTBEAT, &framework, &message));
    assert_int_equal(message.major, 3);
    raw[16] = 9; /* Heartbeat 9.0 instead of 1.0: 3.0 is second, and then the only one. */
    assert_true(vmb_ic_negotiate_choose(&negotiate, VMB_IC_HEARTBEAT, &framework, &message));
    assert_int_equal(message.major, 3);
    raw[16] = 1;
    raw[20] = 9; /* Now only 1.0, the first, is in common. */
    assert_true(vmb_ic_negotiate_choose(&negotiate, VMB_IC_HEARTBEAT, &framework, &message));
    assert_int_equal(message.major, 1);
    framework.major = message.major = 9;
    assert_false(vmb_ic_negotiate_choose(&negotiate, VMB_IC_FILE_COPY, &framework, &message));
    assert_false(vmb_ic_negotiate_choose(&negotiate, VMB_IC_VM_SESSION, &framework, &message));
    assert_false(vmb_ic_negotiate_choose(&negotiate, 77, &framework, &message));
    assert_int_equal(framework.major, 9);
    assert_int_equal(message.major, 9);
    raw[8] = raw[12] = 2; /* No framework in common. */
    assert_false(vmb_ic_negotiate_choose(&negotiate, VMB_IC_HEARTBEAT, &framework, &message));
    raw[8] = 3;
    raw[10] = 1; /* 3.1 is not 3.0. */
    assert_false(vmb_ic_negotiate_choose(&negotiate, VMB_IC_HEARTBEAT, &framework, &message));
}

static void test_known_versions(void **state)
{
    static const struct {
        uint16_t service;
        const char *name;
        const char *versions;
    } services[] = {
        {0, "negotiate", "0300 0000 0100 0000"},
        {1, "heartbeat", "0300 0000 0100 0000"},
        {2, "kvp", "0500 0000 0400 0000 0300 0000"},
        {3, "shutdown", "0300 0200 0300 0100 0300 0000 0100 0000"},
        {4, "timesync", "0400 0000 0300 0000 0100 0000"},
        {5, "vss", "0700 0000 0600 0000 0500 0000 0400 0000"},
        {6, "remote-desktop", ""},
        {7, "file-copy", "0100 0100"},
        {8, "vm-session", ""},
        {9, "?", ""},
        {65535, "?", ""},
    };
    uint8_t expected[64], raw[64];
    uint32_t count, bytes;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        const struct vmb_ic_version *versions = vmb_ic_versions(services[i].service, &count);

        assert_string_equal(vmb_ic_type_name(services[i].service), services[i].name);
        assert_int_equal(count * 4, proto_hex(services[i].versions, expected));
        assert_true((versions == NULL) == (count == 0));
        assert_int_equal(
            vmb_ic_negotiate_encode(NULL, 0, versions, (uint16_t)count, raw, sizeof(raw), &bytes),
            VMB_OK);
        assert_memory_equal(raw + 8, expected, count * 4);
    }
}

static void test_heartbeat_golden(void **state)
{
    struct vmb_ic_heartbeat heartbeat;
    uint8_t expected[64], raw[64];
    uint32_t length;

    (void)state;
    assert_int_equal(proto_hex("efcdab8967452301" /* 0: sequence */
                               "01000000"         /* 8: healthy */
                               "00000000",        /* 12 */
                               expected),
                     VMB_IC_HEARTBEAT_BYTES);
    assert_int_equal(vmb_ic_heartbeat_decode(expected, 16, &heartbeat), VMB_OK);
    assert_true(heartbeat.sequence == 0x0123456789abcdefu);
    assert_int_equal(heartbeat.application_state, VMB_IC_HEARTBEAT_HEALTHY);
    memset(raw, 0xa5, sizeof(raw));
    assert_int_equal(vmb_ic_heartbeat_encode(&heartbeat, raw, 16), VMB_OK);
    assert_memory_equal(raw, expected, 16);
    assert_int_equal(raw[16], 0xa5);
    memset(raw, 0xa5, sizeof(raw));
    memset(expected + 16, 0, 24);
    assert_int_equal(vmb_ic_heartbeat_encode(&heartbeat, raw, 40), VMB_OK); /* As Linux has it. */
    assert_memory_equal(raw, expected, 40);
    assert_int_equal(vmb_ic_heartbeat_encode(&heartbeat, raw, 12), VMB_OK);
    assert_int_equal(raw[8], VMB_IC_HEARTBEAT_HEALTHY);
    assert_int_equal(vmb_ic_heartbeat_encode(&heartbeat, raw, 11), VMB_OK);
    assert_int_equal(vmb_ic_heartbeat_encode(&heartbeat, raw, 8), VMB_OK);
    assert_int_equal(vmb_ic_heartbeat_encode(&heartbeat, raw, 7), VMB_ERR_TOO_SMALL);
    for (length = 0; length < 8; length++) {
        assert_int_equal(vmb_ic_heartbeat_decode(expected, length, &heartbeat), VMB_ERR_MALFORMED);
    }
    assert_int_equal(vmb_ic_heartbeat_decode(expected, 8, &heartbeat), VMB_OK);
    assert_int_equal(vmb_ic_heartbeat_decode(expected, 11, &heartbeat), VMB_OK);
    assert_int_equal(heartbeat.application_state, VMB_IC_HEARTBEAT_UNKNOWN);
    assert_int_equal(vmb_ic_heartbeat_decode(expected, 12, &heartbeat), VMB_OK);
    assert_int_equal(heartbeat.application_state, VMB_IC_HEARTBEAT_HEALTHY);
}

static void test_shutdown_golden(void **state)
{
    struct vmb_ic_shutdown shutdown;
    uint8_t expected[VMB_IC_SHUTDOWN_BYTES + 8], raw[VMB_IC_SHUTDOWN_BYTES];

    (void)state;
    memset(expected, 0, sizeof(expected));
    (void)proto_hex("00000080"    /* 0: planned */
                    "2c010000"    /* 4: 300 seconds */
                    "02000000"    /* 8: restart */
                    "6279652100", /* 12: "bye!" */
                    expected);
    assert_int_equal(vmb_ic_shutdown_decode(expected, VMB_IC_SHUTDOWN_BYTES, &shutdown), VMB_OK);
    assert_true(shutdown.reason == VMB_IC_SHUTDOWN_REASON_PLANNED);
    assert_int_equal(shutdown.timeout_seconds, 300);
    assert_int_equal(shutdown.flags, VMB_IC_SHUTDOWN_RESTART);
    assert_int_equal(shutdown.text_bytes, 4);
    assert_memory_equal(shutdown.text, "bye!", 4);
    memset(raw, 0xa5, sizeof(raw));
    assert_int_equal(vmb_ic_shutdown_encode(&shutdown, raw, sizeof(raw)), VMB_OK);
    assert_memory_equal(raw, expected, sizeof(raw));
    assert_int_equal(vmb_ic_shutdown_encode(&shutdown, raw, sizeof(raw) - 1), VMB_ERR_TOO_SMALL);
}

static void test_shutdown_text_of_any_length(void **state)
{
    uint8_t body[VMB_IC_SHUTDOWN_BYTES + 8], raw[VMB_IC_SHUTDOWN_BYTES];
    struct vmb_ic_shutdown shutdown;
    uint32_t length;

    (void)state;
    memset(body, 'x', sizeof(body));
    for (length = 0; length < 12; length++) {
        assert_int_equal(vmb_ic_shutdown_decode(body, length, &shutdown), VMB_ERR_MALFORMED);
    }
    assert_int_equal(vmb_ic_shutdown_decode(body, 12, &shutdown), VMB_OK);
    assert_null(shutdown.text);
    assert_int_equal(shutdown.text_bytes, 0);
    assert_int_equal(vmb_ic_shutdown_encode(&shutdown, raw, sizeof(raw)), VMB_OK);
    assert_int_equal(vmb_ic_shutdown_decode(body, 15, &shutdown), VMB_OK);
    assert_int_equal(shutdown.text_bytes, 3);
    assert_int_equal(vmb_ic_shutdown_decode(body, sizeof(body), &shutdown), VMB_OK);
    assert_int_equal(shutdown.text_bytes, VMB_IC_SHUTDOWN_TEXT_BYTES);
    assert_int_equal(vmb_ic_shutdown_encode(&shutdown, raw, sizeof(raw)), VMB_ERR_INVALID_ARGUMENT);
    shutdown.text_bytes--;
    assert_int_equal(vmb_ic_shutdown_encode(&shutdown, raw, sizeof(raw)), VMB_OK);
    assert_int_equal(raw[sizeof(raw) - 1], 0);
}

static void test_timesync_before_4_golden(void **state)
{
    struct vmb_ic_timesync timesync;
    uint8_t expected[32], raw[32];
    uint32_t bytes, length;

    (void)state;
    assert_int_equal(proto_hex("00803ed5deb19d01" /* 0: the Unix epoch */
                               "0000000000000000" /* 8 */
                               "0500000000000000" /* 16: round trip */
                               "01"               /* 24: sync */
                               "000000",          /* 25 */
                               expected),
                     28);
    assert_int_equal(vmb_ic_timesync_decode(expected, 28, version_3_0, &timesync), VMB_OK);
    assert_true(timesync.host_utc == VMB_IC_UNIX_EPOCH_100NS);
    assert_int_equal(timesync.round_trip, 5);
    assert_int_equal(timesync.flags, VMB_IC_TIMESYNC_SYNC);
    assert_int_equal(timesync.vm_reference, 0);
    memset(raw, 0xa5, sizeof(raw));
    assert_int_equal(vmb_ic_timesync_encode(&timesync, version_1_0, raw, 28, &bytes), VMB_OK);
    assert_int_equal(bytes, 28);
    assert_memory_equal(raw, expected, 28);
    assert_int_equal(vmb_ic_timesync_encode(&timesync, version_1_0, raw, 27, &bytes),
                     VMB_ERR_TOO_SMALL);
    for (length = 0; length < 25; length++) {
        assert_int_equal(vmb_ic_timesync_decode(expected, length, version_3_0, &timesync),
                         VMB_ERR_MALFORMED);
    }
    assert_int_equal(vmb_ic_timesync_decode(expected, 25, version_3_0, &timesync), VMB_OK);
}

static void test_timesync_from_4_golden(void **state)
{
    struct vmb_ic_timesync timesync;
    uint8_t expected[32], raw[32];
    uint32_t bytes, length;

    (void)state;
    assert_int_equal(proto_hex("00803ed5deb19d01" /* 0: the Unix epoch */
                               "efcdab8967452301" /* 8: reference time */
                               "02"               /* 16: sample */
                               "03"               /* 17: leap indicator */
                               "04"               /* 18: stratum */
                               "0000000000",      /* 19 */
                               expected),
                     24);
    assert_int_equal(vmb_ic_timesync_decode(expected, 24, version_4_0, &timesync), VMB_OK);
    assert_true(timesync.host_utc == VMB_IC_UNIX_EPOCH_100NS);
    assert_true(timesync.vm_reference == 0x0123456789abcdefu);
    assert_int_equal(timesync.flags, VMB_IC_TIMESYNC_SAMPLE);
    assert_int_equal(timesync.leap, 3);
    assert_int_equal(timesync.stratum, 4);
    assert_int_equal(timesync.round_trip, 0);
    memset(raw, 0xa5, sizeof(raw));
    assert_int_equal(vmb_ic_timesync_encode(&timesync, version_4_0, raw, 24, &bytes), VMB_OK);
    assert_int_equal(bytes, 24);
    assert_memory_equal(raw, expected, 24);
    assert_int_equal(vmb_ic_timesync_encode(&timesync, version_4_0, raw, 23, &bytes),
                     VMB_ERR_TOO_SMALL);
    for (length = 0; length < 19; length++) {
        assert_int_equal(vmb_ic_timesync_decode(expected, length, version_4_0, &timesync),
                         VMB_ERR_MALFORMED);
    }
    assert_int_equal(vmb_ic_timesync_decode(expected, 19, version_4_0, &timesync), VMB_OK);
    assert_int_equal(timesync.stratum, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_golden),
        cmocka_unit_test(test_header_must_hold_its_body),
        cmocka_unit_test(test_negotiate_golden),
        cmocka_unit_test(test_negotiate_without_agreement),
        cmocka_unit_test(test_negotiate_must_hold_its_versions),
        cmocka_unit_test(test_best_common_versions_are_chosen),
        cmocka_unit_test(test_known_versions),
        cmocka_unit_test(test_heartbeat_golden),
        cmocka_unit_test(test_shutdown_golden),
        cmocka_unit_test(test_shutdown_text_of_any_length),
        cmocka_unit_test(test_timesync_before_4_golden),
        cmocka_unit_test(test_timesync_from_4_golden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
