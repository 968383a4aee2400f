/* SPDX-License-Identifier: MIT */
/* The lines that people read, and the small text maker below them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/proto/message.h>
#include <vmbus/proto/packet.h>

#include "base/vmb_text.h"
#include "proto_hex.h"

static void expect_message(const struct vmb_message *message, const char *expected)
{
    char text[1024];

    assert_int_equal(vmb_message_print(message, text, sizeof(text)), strlen(expected));
    assert_string_equal(text, expected);
}

static void test_offer_line(void **state)
{
    const struct vmb_message message = {
        .number = VMB_MSG_OFFER_CHANNEL,
        .u.offer = {.interface_guid = VMB_GUID_HEARTBEAT,
                    .instance_guid = VMB_INSTANCE_SHUTDOWN,
                    .flags = VMB_OFFER_PIPE,
                    .user_defined = {[0] = 4},
                    .relid = 5,
                    .monitor_id = 3,
                    .monitor_allocated = true,
                    .is_dedicated = true,
                    .connection_id = 0x2005},
    };

    (void)state;
    expect_message(&message,
                   "OfferChannel interface_guid=heartbeat "
                   "instance_guid=b6650ff7-33bc-4840-8048-e0676786f393 flags=0x10 "
                   "mmio_megabytes=0 user_defined=04 subchannel_index=0 optional_mmio_megabytes=0 "
                   "relid=5 monitor_id=3 monitor_allocated=1 is_dedicated=1 connection_id=0x2005");
}

static void test_contact_lines(void **state)
{
    const struct vmb_message request = {
        .number = VMB_MSG_INITIATE_CONTACT,
        .u.initiate_contact = {.requested_version = VMB_VERSION_6_0,
                               .target_message_vp = 1,
                               .target_sint = 2,
                               .requested_features = 0x128},
    };
    const struct vmb_message strange = {
        .number = VMB_MSG_INITIATE_CONTACT,
        .u.initiate_contact = {.requested_version = 0x70000},
    };
    const struct vmb_message response = {
        .number = VMB_MSG_VERSION_RESPONSE,
        .u.version_response = {.version_supported = true, .message_connection_id = 0x809},
    };
    const struct vmb_message refusal = {.number = VMB_MSG_VERSION_RESPONSE};

    (void)state;
    expect_message(&request, "InitiateContact requested_version=6.0 target_message_vp=1 "
                             "target_sint=2 requested_features=0x128 (client-id pause-resume) "
                             "parent_to_child_gpa=0x0 child_to_parent_gpa=0x0");
    expect_message(&strange, "InitiateContact requested_version=0x00070000 target_message_vp=0 "
                             "parent_to_child_gpa=0x0 child_to_parent_gpa=0x0");
    expect_message(&response, "VersionResponse version_supported=1 message_connection_id=0x809");
    expect_message(&refusal, "VersionResponse version_supported=0 message_connection_id=0x0");
}

static void test_channel_lines(void **state)
{
    const struct vmb_message open = {
        .number = VMB_MSG_OPEN_CHANNEL,
        .u.open_channel = {.relid = 5,
                           .open_id = 9,
                           .ring_gpadl = 0xe1e10,
                           .target_vp = VMB_VP_NONE},
    };
    const struct vmb_message good = {.number = VMB_MSG_OPEN_RESULT, .u.open_result = {.relid = 5}};
    const struct vmb_message bad = {.number = VMB_MSG_OPEN_RESULT,
                                    .u.open_result = {.relid = 5, .status = 0x8000ffff}};
    const struct vmb_message gpadl = {
        .number = VMB_MSG_GPADL_HEADER,
        .u.gpadl_header = {.relid = 5,
                           .gpadl = 1,
                           .range_data_bytes = 16,
                           .range_count = 1,
                           .range_word_count = 2,
                           .range_words = {0x1000, 0x42}},
    };
    const struct vmb_message silo_free = {
        .number = VMB_MSG_TL_CONNECT_REQUEST,
        .u.tl_connect_request = {.endpoint_guid = VMB_INSTANCE_SHUTDOWN,
                                 .service_guid =
                                     VMB_GUID_INIT(80, 0xfacb, 0x11e6, 0xbd58, 0x64006a7986d3)},
    };

    (void)state;
    expect_message(&open, "OpenChannel relid=5 open_id=9 ring_gpadl=0xe1e10 target_vp=none "
                          "downstream_page_offset=0 user_defined=0");
    expect_message(&good, "OpenChannelResult relid=5 open_id=0 status=success");
    expect_message(&bad, "OpenChannelResult relid=5 open_id=0 status=0x8000ffff");
    expect_message(&gpadl, "GpadlHeader relid=5 gpadl=0x1 range_data_bytes=16 range_count=1 "
                           "range_words=2:0x1000,0x42");
    expect_message(&silo_free,
                   "TlConnectRequest endpoint_guid=b6650ff7-33bc-4840-8048-e0676786f393 "
                   "service_guid=hv_sock:80");
}

static void test_names_alone(void **state)
{
    const struct vmb_message unload = {.number = VMB_MSG_UNLOAD};
    const struct vmb_message unknown = {.number = 77};
    const struct vmb_message none = {.number = 0};

    (void)state;
    expect_message(&unload, "Unload");
    expect_message(&unknown, "message 77");
    expect_message(&none, "message 0");
}

static void test_word_count_of_a_liar_is_bounded(void **state)
{
    struct vmb_message message = {.number = VMB_MSG_GPADL_BODY};
    char text[2048];

    (void)state;
    message.u.gpadl_body.range_word_count = UINT32_MAX;
    (void)vmb_message_print(&message, text, sizeof(text));
    assert_non_null(strstr(text, "range_words=28:"));
}

static void test_every_capacity_is_kept(void **state)
{
    const struct vmb_message message = {.number = VMB_MSG_RESCIND_OFFER, .u.rescind = {.relid = 5}};
    static const char whole[] = "RescindChannelOffer relid=5";
    char text[64];
    uint32_t capacity;

    (void)state;
    assert_int_equal(vmb_message_print(&message, NULL, 0), 0);
    for (capacity = 1; capacity < sizeof(text); capacity++) {
        uint32_t length = capacity < sizeof(whole) ? capacity - 1 : (uint32_t)sizeof(whole) - 1;

        memset(text, '#', sizeof(text));
        assert_int_equal(vmb_message_print(&message, text, capacity), length);
        assert_memory_equal(text, whole, length);
        assert_int_equal(text[length], 0);
        assert_int_equal(text[capacity], '#');
    }
}

static void expect_packet(const char *raw_text, const char *expected)
{
    struct vmb_packet_descriptor descriptor;
    uint8_t raw[128];
    char text[256];
    uint32_t length = proto_hex(raw_text, raw);

    assert_int_not_equal(
        vmb_packet_descriptor_decode(raw, length + VMB_PACKET_TRAILER_BYTES, &descriptor),
        VMB_ERR_PEER);
    assert_int_equal(vmb_packet_print(&descriptor, raw + 16, text, sizeof(text)), strlen(expected));
    assert_string_equal(text, expected);
}

static void test_packet_lines(void **state)
{
    (void)state;
    expect_packet("0600 0200 0400 0100 2a00000000000000" Z16,
                  "in-band id=0x2a payload_bytes=16 wants-completion");
    expect_packet("0b00 0200 0200 0000" Z8, "completion id=0x0 payload_bytes=0");
    expect_packet("0e00 0200 0200 0400" Z8, "?0xe id=0x0 payload_bytes=0 flags=0x0004");
    expect_packet("0700 0500 0500 0000" Z8 "feca 0000 02000000 ea050000 00000000 00010000 ffffffff",
                  "transfer-pages id=0x0 payload_bytes=0 set=0xcafe ranges=2:1514@0x0,malformed");
    expect_packet("0700 0300 0300 0000" Z8 "feca 0000 02000000",
                  "transfer-pages id=0x0 payload_bytes=0 ranges=malformed");
    expect_packet("0900 0700 0700 0100" Z8 Z4
                  "02000000 00020000 00080000 1100000000000000 00100000 00000000 2200000000000000",
                  "gpa-direct id=0x0 payload_bytes=0 wants-completion "
                  "ranges=2:512@0x11800,4096@0x22000");
    expect_packet("0900 0300 0300 0100" Z8 Z8,
                  "gpa-direct id=0x0 payload_bytes=0 wants-completion ranges=malformed");
}

/* Descriptors of many ranges: the line is full, ends, and is a beginning of the whole. */
static void test_every_capacity_is_kept_with_ranges(void **state)
{
    static const char *const packets[] = {
        "0700 0700 0700 0000" Z8 "feca 0000 04000000 10000000 00000000 10000000 00000000 10000000 "
        "00000000 10000000 00000000",
        "0900 0700 0700 0000" Z8 Z4
        "02000000 00020000 00080000 1100000000000000 00100000 00000000 2200000000000000"};
    struct vmb_packet_descriptor descriptor;
    char whole[256], text[256];
    uint8_t raw[128];

    (void)state;
    for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
        uint32_t length = proto_hex(packets[i], raw);
        uint32_t all, capacity;

        assert_int_equal(
            vmb_packet_descriptor_decode(raw, length + VMB_PACKET_TRAILER_BYTES, &descriptor),
            VMB_OK);
        all = vmb_packet_print(&descriptor, raw + 16, whole, sizeof(whole));
        assert_int_equal(all, strlen(whole));
        for (capacity = 1; capacity <= all; capacity++) {
            memset(text, '#', sizeof(text));
            assert_int_equal(vmb_packet_print(&descriptor, raw + 16, text, capacity), capacity - 1);
            assert_memory_equal(text, whole, capacity - 1);
            assert_int_equal(text[capacity - 1], 0);
            assert_int_equal(text[capacity], '#');
        }
    }
}

/* Who has only the descriptor gets a line without the ranges. */
static void test_packet_lines_without_ranges(void **state)
{
    static const uint16_t types[] = {VMB_PACKET_TRANSFER_PAGES, VMB_PACKET_GPA_DIRECT};
    static const char *const lines[] = {"transfer-pages id=0x5 payload_bytes=8",
                                        "gpa-direct id=0x5 payload_bytes=8"};
    char text[64];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct vmb_packet_descriptor descriptor = {
            .type = types[i], .header_bytes = 32, .packet_bytes = 40, .transaction_id = 5};

        assert_int_equal(vmb_packet_print(&descriptor, NULL, text, sizeof(text)), strlen(lines[i]));
        assert_string_equal(text, lines[i]);
    }
}

static void test_numbers_as_text(void **state)
{
    struct vmbi_text line;
    char text[128];
    const uint8_t bytes[3] = {0x00, 0xa5, 0xff};

    (void)state;
    vmbi_text_begin(&line, text, sizeof(text));
    vmbi_text_add_number(&line, 0);
    vmbi_text_add(&line, " ");
    vmbi_text_add_number(&line, 10);
    vmbi_text_add(&line, " ");
    vmbi_text_add_number(&line, 4294967296u);
    vmbi_text_add(&line, " ");
    vmbi_text_add_number(&line, UINT64_MAX);
    vmbi_text_add(&line, " ");
    vmbi_text_add_hex(&line, 0, 0);
    vmbi_text_add(&line, " ");
    vmbi_text_add_hex(&line, 0, 1);
    vmbi_text_add(&line, " ");
    vmbi_text_add_hex(&line, 0x1f, 4);
    vmbi_text_add(&line, " ");
    vmbi_text_add_hex(&line, UINT64_MAX, 1);
    vmbi_text_add(&line, " ");
    vmbi_text_add_bytes(&line, bytes, 3);
    assert_string_equal(text, "0 10 4294967296 18446744073709551615 0x 0x0 0x001f "
                              "0xffffffffffffffff 00a5ff");
    assert_int_equal(line.length, strlen(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offer_line),
        cmocka_unit_test(test_contact_lines),
        cmocka_unit_test(test_channel_lines),
        cmocka_unit_test(test_names_alone),
        cmocka_unit_test(test_word_count_of_a_liar_is_bounded),
        cmocka_unit_test(test_every_capacity_is_kept),
        cmocka_unit_test(test_packet_lines),
        cmocka_unit_test(test_every_capacity_is_kept_with_ranges),
        cmocka_unit_test(test_packet_lines_without_ranges),
        cmocka_unit_test(test_numbers_as_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
