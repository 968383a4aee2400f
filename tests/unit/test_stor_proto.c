/* SPDX-License-Identifier: MIT */
/* VStor packets, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/proto/stor.h>

#include "proto_hex.h"

/* A READ(10) of LUN 3 as a guest of 5.1 or later sends it. */
#define REQUEST                                                                                    \
    "03000000"                             /* 0: execute SRB */                                    \
    "01000000"                             /* 4: completion wanted */                              \
    "00000000"                             /* 8: status */                                         \
    "3400 00 00 00 00 00 03"               /* 12: 52 bytes, statuses, port, path, target, LUN */   \
    "0a 14 01 00"                          /* 20: CDB, sense, to the guest */                      \
    "00100000"                             /* 24: 4096 bytes */                                    \
    "28000000100000000800 000000000000" Z4 /* 28: CDB */                                           \
    "0000 07 20"                           /* 48: queue tag and action */                          \
    "4a010000 3c000000 00000000"           /* 52: flags, timeout, sort key */

static void test_request_golden(void **state)
{
    struct vmb_stor_header header;
    struct vmb_stor_srb srb;
    uint8_t expected[64], raw[64];

    (void)state;
    assert_int_equal(proto_hex(REQUEST, expected), 64);
    assert_int_equal(vmb_stor_header_decode(expected, 64, &header), VMB_OK);
    assert_int_equal(header.operation, VMB_STOR_EXECUTE_SRB);
    assert_int_equal(header.flags, VMB_STOR_WANTS_COMPLETION);
    assert_int_equal(vmb_stor_srb_decode(expected, 64, false, &srb), VMB_OK);
    assert_int_equal(srb.lun, 3);
    assert_int_equal(srb.cdb_bytes, 10);
    assert_int_equal(srb.sense_bytes, 20);
    assert_int_equal(srb.direction, VMB_STOR_TO_GUEST);
    assert_int_equal(srb.data_bytes, 4096);
    assert_int_equal(srb.cdb_or_sense[0], 0x28);
    assert_int_equal(srb.queue_tag, 7);
    assert_int_equal(srb.queue_action, 0x20);
    assert_int_equal(srb.srb_flags, 0x14a);
    assert_int_equal(srb.timeout_seconds, 60);
    memset(raw, 0xa5, sizeof(raw));
    vmb_stor_header_encode(&header, raw, 64);
    vmb_stor_srb_encode(&srb, raw, 64);
    assert_memory_equal(raw, expected, 64);
}

static void test_old_request_is_shorter(void **state)
{
    struct vmb_stor_header header = {VMB_STOR_EXECUTE_SRB, 1, 0};
    struct vmb_stor_srb srb = {.lun = 1, .cdb_bytes = 6, .sense_bytes = 18, .queue_tag = 9}, back;
    uint8_t raw[64];

    (void)state;
    memset(raw, 0xa5, sizeof(raw));
    vmb_stor_header_encode(&header, raw, 48);
    vmb_stor_srb_encode(&srb, raw, 48);
    assert_int_equal(raw[12], 36);
    assert_int_equal(raw[48], 0xa5);
    assert_int_equal(vmb_stor_srb_decode(raw, 48, false, &back), VMB_OK);
    assert_int_equal(back.lun, 1);
    assert_int_equal(back.queue_tag, 0);
}

/* What follows a CDB in its field is not part of it; sense data are all of theirs. */
static void test_cdb_and_sense_share_their_bytes(void **state)
{
    struct vmb_stor_srb srb;
    uint8_t raw[64];

    (void)state;
    memset(raw, 0xEE, sizeof(raw));
    raw[20] = 6;
    raw[21] = 20;
    assert_int_equal(vmb_stor_srb_decode(raw, 64, false, &srb), VMB_OK);
    assert_int_equal(srb.cdb_or_sense[5], 0xEE);
    assert_int_equal(srb.cdb_or_sense[6], 0);
    assert_int_equal(vmb_stor_srb_decode(raw, 64, true, &srb), VMB_OK);
    assert_int_equal(srb.cdb_or_sense[19], 0xEE);
    raw[20] = 17;
    assert_int_equal(vmb_stor_srb_decode(raw, 64, false, &srb), VMB_ERR_MALFORMED);
    assert_int_equal(vmb_stor_srb_decode(raw, 64, true, &srb), VMB_OK);
    raw[21] = 21;
    assert_int_equal(vmb_stor_srb_decode(raw, 64, true, &srb), VMB_ERR_MALFORMED);
}

static void test_headers_are_refused(void **state)
{
    struct vmb_stor_header header;
    uint8_t raw[64] = {0};

    (void)state;
    raw[0] = VMB_STOR_BEGIN_INIT;
    for (uint32_t bytes = 0; bytes < 48; bytes++) {
        assert_int_equal(vmb_stor_header_decode(raw, bytes, &header), VMB_ERR_MALFORMED);
    }
    assert_int_equal(vmb_stor_header_decode(raw, 48, &header), VMB_OK);
    raw[0] = 0;
    assert_int_equal(vmb_stor_header_decode(raw, 64, &header), VMB_ERR_UNKNOWN);
    raw[0] = 15;
    assert_int_equal(vmb_stor_header_decode(raw, 64, &header), VMB_ERR_UNKNOWN);
    assert_int_equal(header.operation, 15);
}

static void test_properties_golden(void **state)
{
    struct vmb_stor_properties properties;
    uint8_t expected[64], raw[64];

    (void)state;
    assert_int_equal(
        proto_hex("01000000 00000000 00000000 00000000 0700 0000 01000000 00000400" Z20 Z16,
                  expected),
        64);
    vmb_stor_properties_decode(expected, &properties);
    assert_int_equal(properties.max_sub_channels, 7);
    assert_int_equal(properties.flags, VMB_STOR_MULTI_CHANNEL);
    assert_int_equal(properties.max_transfer_bytes, 256 * 1024);
    vmb_stor_header_encode(&(struct vmb_stor_header){1, 0, 0}, raw, 64);
    vmb_stor_properties_encode(&properties, raw);
    assert_memory_equal(raw, expected, 64);
}

static void test_small_bodies_golden(void **state)
{
    struct vmb_stor_event event = {1, 2, 3, 4}, event_back;
    struct vmb_stor_fibre_channel names, names_back;
    uint8_t raw[64] = {0};

    (void)state;
    vmb_stor_version_encode(VMB_STOR_VERSION_6_2, raw);
    assert_int_equal(raw[12], 2); /* Minor first: little-endian. */
    assert_int_equal(raw[13], 6);
    assert_int_equal(vmb_stor_version_decode(raw), VMB_STOR_VERSION_6_2);
    vmb_stor_sub_channels_encode(0x0103, raw);
    assert_int_equal(raw[12], 3);
    assert_int_equal(vmb_stor_sub_channels_decode(raw), 0x0103);
    vmb_stor_event_encode(&event, raw);
    assert_int_equal(raw[12], 1);
    assert_int_equal(raw[15], 4);
    vmb_stor_event_decode(raw, &event_back);
    assert_memory_equal(&event, &event_back, sizeof(event));
    memset(&names, 0, sizeof(names));
    names.primary_active = true;
    memset(names.primary_port, 1, 8);
    memset(names.primary_node, 2, 8);
    memset(names.secondary_port, 3, 8);
    memset(names.secondary_node, 4, 8);
    vmb_stor_fibre_channel_encode(&names, raw);
    assert_int_equal(raw[12], 1);
    assert_int_equal(raw[16], 1);
    assert_int_equal(raw[47], 4);
    vmb_stor_fibre_channel_decode(raw, &names_back);
    assert_memory_equal(&names, &names_back, sizeof(names));
    names.primary_active = false; /* The secondary is. */
    vmb_stor_fibre_channel_encode(&names, raw);
    assert_int_equal(raw[12], 0);
    vmb_stor_fibre_channel_decode(raw, &names_back);
    assert_false(names_back.primary_active);
}

static void test_answers_keep_the_body(void **state)
{
    uint8_t expected[64], raw[64];

    (void)state;
    (void)proto_hex(REQUEST, expected);
    memcpy(raw, expected, 64);
    vmb_stor_answer_encode(raw, VMB_STOR_STATUS_REVISION_MISMATCH);
    assert_int_equal(raw[0], VMB_STOR_COMPLETE);
    assert_int_equal(raw[4], 0);
    assert_int_equal(raw[8], 0x59);
    assert_int_equal(raw[11], 0xC0);
    assert_memory_equal(raw + 12, expected + 12, 52);
}

static void test_versions_and_names(void **state)
{
    (void)state;
    assert_int_equal(vmb_stor_version(0), VMB_STOR_VERSION_6_2);
    assert_int_equal(vmb_stor_version(4), VMB_STOR_VERSION_2_0);
    assert_int_equal(vmb_stor_version(5), 0);
    assert_int_equal(vmb_stor_packet_bytes(VMB_STOR_VERSION_4_2), 48);
    assert_int_equal(vmb_stor_packet_bytes(VMB_STOR_VERSION_5_1), 64);
    assert_string_equal(vmb_stor_operation_name(VMB_STOR_EXECUTE_SRB), "execute SRB");
    assert_string_equal(vmb_stor_operation_name(VMB_STOR_EVENT), "event");
    assert_string_equal(vmb_stor_operation_name(0), "?");
    assert_string_equal(vmb_stor_operation_name(15), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_golden),
        cmocka_unit_test(test_old_request_is_shorter),
        cmocka_unit_test(test_cdb_and_sense_share_their_bytes),
        cmocka_unit_test(test_headers_are_refused),
        cmocka_unit_test(test_properties_golden),
        cmocka_unit_test(test_small_bodies_golden),
        cmocka_unit_test(test_answers_keep_the_body),
        cmocka_unit_test(test_versions_and_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
