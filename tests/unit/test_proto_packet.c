/* SPDX-License-Identifier: MIT */
/* Packet descriptors at every boundary, and the lists of ranges that packets and GPADLs carry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/proto/packet.h>

#include "proto_hex.h"

static vmb_status decode(const char *text, uint32_t available_bytes,
                         struct vmb_packet_descriptor *out_descriptor)
{
    uint8_t raw[64];

    assert_int_equal(proto_hex(text, raw), VMB_PACKET_DESCRIPTOR_BYTES);
    return vmb_packet_descriptor_decode(raw, available_bytes, out_descriptor);
}

static void test_descriptor_golden(void **state)
{
    struct vmb_packet_descriptor descriptor;
    uint8_t expected[16], raw[16];

    (void)state;
    (void)proto_hex("0900"              /* 0: type GPA direct */
                    "0500"              /* 2: header of 40 bytes */
                    "0b00"              /* 4: packet of 88 bytes */
                    "0100"              /* 6: wants a completion */
                    "efcdab8967452301", /* 8: transaction id */
                    expected);
    assert_int_equal(vmb_packet_descriptor_decode(expected, 96, &descriptor), VMB_OK);
    assert_int_equal(descriptor.type, VMB_PACKET_GPA_DIRECT);
    assert_int_equal(descriptor.flags, VMB_PACKET_WANTS_COMPLETION);
    assert_int_equal(descriptor.header_bytes, 40);
    assert_int_equal(descriptor.packet_bytes, 88);
    assert_true(descriptor.transaction_id == 0x0123456789abcdefu);
    memset(raw, 0xa5, sizeof(raw));
    vmb_packet_descriptor_encode(&descriptor, raw);
    assert_memory_equal(raw, expected, sizeof(raw));
}

static void test_trailer_golden(void **state)
{
    uint8_t expected[8], raw[8];

    (void)state;
    (void)proto_hex("00000000 78563412", expected);
    vmb_packet_trailer_encode(0x12345678, raw);
    assert_memory_equal(raw, expected, sizeof(raw));
}

static void test_descriptor_needs_itself_and_a_trailer(void **state)
{
    struct vmb_packet_descriptor descriptor;
    uint32_t available;

    (void)state;
    for (available = 0; available < 24; available++) {
        assert_int_equal(decode("0600 0200 0200 0000" Z8, available, &descriptor), VMB_ERR_PEER);
    }
    assert_int_equal(decode("0600 0200 0200 0000" Z8, 24, &descriptor), VMB_OK);
    assert_int_equal(descriptor.packet_bytes, 16);
}

static void test_packet_must_be_there_whole(void **state)
{
    struct vmb_packet_descriptor descriptor;

    (void)state;
    assert_int_equal(decode("0600 0200 0400 0000" Z8, 39, &descriptor), VMB_ERR_PEER);
    assert_int_equal(decode("0600 0200 0400 0000" Z8, 40, &descriptor), VMB_OK);
    assert_int_equal(decode("0600 0200 ffff 0000" Z8, VMB_PACKET_MAX_BYTES + 7, &descriptor),
                     VMB_ERR_PEER);
    assert_int_equal(decode("0600 0200 ffff 0000" Z8, VMB_PACKET_MAX_BYTES + 8, &descriptor),
                     VMB_OK);
    assert_int_equal(descriptor.packet_bytes, VMB_PACKET_MAX_BYTES);
}

static void test_header_is_a_descriptor_at_least_and_a_packet_at_most(void **state)
{
    struct vmb_packet_descriptor descriptor;

    (void)state;
    assert_int_equal(decode("0600 0000 0400 0000" Z8, 4096, &descriptor), VMB_ERR_PEER);
    assert_int_equal(decode("0600 0100 0400 0000" Z8, 4096, &descriptor), VMB_ERR_PEER);
    assert_int_equal(decode("0600 0400 0400 0000" Z8, 4096, &descriptor), VMB_OK);
    assert_int_equal(decode("0600 0500 0400 0000" Z8, 4096, &descriptor), VMB_ERR_PEER);
    assert_int_equal(decode("0600 0200 0000 0000" Z8, 4096, &descriptor), VMB_ERR_PEER);
    assert_int_equal(decode("0600 ffff ffff 0000" Z8, 4096, &descriptor), VMB_ERR_PEER);
}

static void test_unknown_types_and_flags_keep_their_lengths(void **state)
{
    static const char *const names[] = {"?",
                                        "synch",
                                        "add-transfer-pages",
                                        "remove-transfer-pages",
                                        "establish-gpadl",
                                        "teardown-gpadl",
                                        "in-band",
                                        "transfer-pages",
                                        "gpadl",
                                        "gpa-direct",
                                        "cancel",
                                        "completion",
                                        "multi",
                                        "additional",
                                        "?"};
    uint8_t raw[16] = {0, 0, 2, 0, 3, 0};
    uint32_t type;

    (void)state;
    for (type = 0; type < sizeof(names) / sizeof(names[0]); type++) {
        bool used = type == 6 || type == 7 || type == 9 || type == 0xb;
        struct vmb_packet_descriptor descriptor = {0};

        raw[0] = (uint8_t)type;
        raw[6] = 0;
        assert_int_equal(vmb_packet_descriptor_decode(raw, 32, &descriptor),
                         used ? VMB_OK : VMB_ERR_UNKNOWN);
        assert_int_equal(descriptor.packet_bytes, 24);
        assert_string_equal(vmb_packet_type_name((uint16_t)type), names[type]);
        raw[6] = 2;
        assert_int_equal(vmb_packet_descriptor_decode(raw, 32, &descriptor), VMB_ERR_UNKNOWN);
        assert_int_equal(descriptor.flags, 2);
    }
    assert_string_equal(vmb_packet_type_name(UINT16_MAX), "?");
}

static void test_init_rounds_up(void **state)
{
    struct vmb_packet_descriptor descriptor;

    (void)state;
    assert_int_equal(vmb_packet_descriptor_init(VMB_PACKET_IN_BAND, 0, 7, 0, 0, &descriptor),
                     VMB_OK);
    assert_int_equal(descriptor.header_bytes, 16);
    assert_int_equal(descriptor.packet_bytes, 16);
    assert_int_equal(vmb_packet_descriptor_init(VMB_PACKET_IN_BAND, 1, 7, 0, 1, &descriptor),
                     VMB_OK);
    assert_int_equal(descriptor.packet_bytes, 24);
    assert_int_equal(descriptor.flags, 1);
    assert_true(descriptor.transaction_id == 7);
    assert_int_equal(vmb_packet_descriptor_init(VMB_PACKET_GPA_DIRECT, 1, 7, 20, 9, &descriptor),
                     VMB_OK);
    assert_int_equal(descriptor.header_bytes, 40);
    assert_int_equal(descriptor.packet_bytes, 56);
}

static void test_init_refuses_more_than_the_length_can_say(void **state)
{
    const uint32_t most = VMB_PACKET_MAX_BYTES - 16;
    struct vmb_packet_descriptor descriptor;
    uint8_t expected[16], raw[16];

    (void)state;
    assert_int_equal(vmb_packet_descriptor_init(6, 0, 0, 0, most, &descriptor), VMB_OK);
    assert_int_equal(descriptor.packet_bytes, VMB_PACKET_MAX_BYTES);
    (void)proto_hex("0600 0200 ffff 0000" Z8, expected);
    vmb_packet_descriptor_encode(&descriptor, raw);
    assert_memory_equal(raw, expected, sizeof(raw));
    assert_int_equal(vmb_packet_descriptor_init(6, 0, 0, most, 0, &descriptor), VMB_OK);
    assert_int_equal(vmb_packet_descriptor_init(6, 0, 0, 0, most + 1, &descriptor),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_packet_descriptor_init(6, 0, 0, most + 1, 0, &descriptor),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_packet_descriptor_init(6, 0, 0, 8, most - 7, &descriptor),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_packet_descriptor_init(6, 0, 0, UINT32_MAX, UINT32_MAX, &descriptor),
                     VMB_ERR_INVALID_ARGUMENT);
}

static void test_transfer_pages_golden(void **state)
{
    static const struct vmb_transfer_range ranges[] = {{1514, 0}, {60, 0x1800}};
    struct vmb_transfer_pages pages;
    struct vmb_transfer_range range;
    uint8_t expected[64], raw[64];
    uint32_t bytes;

    (void)state;
    assert_int_equal(proto_hex("feca"              /* 0: set */
                               "01"                /* 2: sender owns it */
                               "00"                /* 3 */
                               "02000000"          /* 4: two ranges */
                               "ea050000 00000000" /* 8: bytes, offset */
                               "3c000000 00180000",
                               expected),
                     24);
    memset(raw, 0xa5, sizeof(raw));
    assert_int_equal(vmb_transfer_pages_encode(0xcafe, true, ranges, 2, raw, 24, &bytes), VMB_OK);
    assert_int_equal(bytes, 24);
    assert_memory_equal(raw, expected, 24);
    bytes = 0;
    assert_int_equal(vmb_transfer_pages_encode(0xcafe, true, ranges, 2, raw, 23, &bytes),
                     VMB_ERR_TOO_SMALL);
    assert_int_equal(bytes, 24);

    assert_int_equal(vmb_transfer_pages_encode(0xface, false, NULL, 0, raw, 8, &bytes), VMB_OK);
    assert_int_equal(bytes, 8);
    assert_int_equal(vmb_transfer_pages_decode(raw, 8, &pages), VMB_OK);
    assert_int_equal(pages.set_id, 0xface);
    assert_false(pages.sender_owns_set);

    assert_int_equal(vmb_transfer_pages_decode(expected, 24, &pages), VMB_OK);
    assert_int_equal(pages.set_id, 0xcafe);
    assert_true(pages.sender_owns_set);
    assert_int_equal(pages.range_count, 2);
    assert_int_equal(vmb_transfer_pages_range(&pages, 1, 0x2000, &range), VMB_OK);
    assert_int_equal(range.byte_count, 60);
    assert_int_equal(range.byte_offset, 0x1800);
    assert_int_equal(vmb_transfer_pages_range(&pages, 2, 0x2000, &range), VMB_ERR_INVALID_ARGUMENT);
}

static void test_transfer_pages_header_must_hold_its_ranges(void **state)
{
    struct vmb_transfer_pages pages;
    uint8_t raw[64];
    uint32_t length;

    (void)state;
    (void)proto_hex("feca 00 00 02000000 ea050000 00000000 3c000000 00180000", raw);
    for (length = 0; length < 24; length++) {
        assert_int_equal(vmb_transfer_pages_decode(raw, length, &pages), VMB_ERR_MALFORMED);
    }
    assert_int_equal(vmb_transfer_pages_decode(raw, 25, &pages), VMB_OK);
    (void)proto_hex("feca 00 00 ffffffff", raw);
    assert_int_equal(vmb_transfer_pages_decode(raw, 64, &pages), VMB_ERR_MALFORMED);
    (void)proto_hex("feca 00 00 01000020", raw); /* Times 8 is 8 in 32 bits. */
    assert_int_equal(vmb_transfer_pages_decode(raw, 64, &pages), VMB_ERR_MALFORMED);
    (void)proto_hex("feca ff 77 00000000", raw); /* Garbage where nothing is. */
    assert_int_equal(vmb_transfer_pages_decode(raw, 8, &pages), VMB_OK);
    assert_int_equal(pages.range_count, 0);
}

static void test_transfer_range_stays_in_its_memory(void **state)
{
    struct vmb_transfer_pages pages;
    struct vmb_transfer_range range;
    uint8_t raw[64];

    (void)state;
    (void)proto_hex("feca 00 00 02000000 01000000 ff0f0000 02000000 ffffffff", raw);
    assert_int_equal(vmb_transfer_pages_decode(raw, 24, &pages), VMB_OK);
    assert_int_equal(vmb_transfer_pages_range(&pages, 0, 4096, &range), VMB_OK);
    assert_int_equal(vmb_transfer_pages_range(&pages, 0, 4095, &range), VMB_ERR_MALFORMED);
    assert_int_equal(vmb_transfer_pages_range(&pages, 0, 0, &range), VMB_ERR_MALFORMED);
    assert_int_equal(vmb_transfer_pages_range(&pages, 1, UINT32_MAX, &range), VMB_ERR_MALFORMED);
}

static void test_gpa_direct_golden(void **state)
{
    static const vmb_gpn first[] = {0x123456789, 0x11};
    static const vmb_gpn second[] = {0x22};
    static const struct vmb_gpa_range ranges[] = {
        {.byte_count = 4096, .byte_offset = 0x800, .page_count = 2, .pages = first},
        {.byte_count = 512, .byte_offset = 0, .page_count = 1, .pages = second},
    };
    struct vmb_gpa_ranges list;
    struct vmb_gpa_range range;
    uint8_t expected[64], raw[64];
    uint32_t bytes;

    (void)state;
    assert_int_equal(proto_hex("00000000"          /* 0: reserved */
                               "02000000"          /* 4: two ranges */
                               "00100000 00080000" /* 8: bytes, offset */
                               "8967452301000000"  /* 16: page */
                               "1100000000000000"  /* 24: page */
                               "00020000 00000000" /* 32: bytes, offset */
                               "2200000000000000", /* 40: page */
                               expected),
                     48);
    memset(raw, 0xa5, sizeof(raw));
    assert_int_equal(vmb_gpa_direct_encode(ranges, 2, raw, 48, &bytes), VMB_OK);
    assert_int_equal(bytes, 48);
    assert_memory_equal(raw, expected, 48);
    bytes = 0;
    assert_int_equal(vmb_gpa_direct_encode(ranges, 2, raw, 47, &bytes), VMB_ERR_TOO_SMALL);
    assert_int_equal(bytes, 48);

    assert_int_equal(vmb_gpa_direct_decode(expected, 48, &list), VMB_OK);
    assert_true(vmb_gpa_ranges_next(&list, &range));
    assert_int_equal(range.byte_count, 4096);
    assert_int_equal(range.byte_offset, 0x800);
    assert_int_equal(range.page_count, 2);
    assert_true(vmb_gpa_range_page(&range, 0) == 0x123456789);
    assert_true(vmb_gpa_range_page(&range, 1) == 0x11);
    assert_true(vmb_gpa_ranges_next(&list, &range));
    assert_int_equal(range.page_count, 1);
    assert_true(vmb_gpa_range_page(&range, 0) == 0x22);
    assert_false(vmb_gpa_ranges_next(&list, &range));
    assert_int_equal(list.words_left, 0);
}

static vmb_status decode_direct(const char *text, uint32_t *out_words_left)
{
    struct vmb_gpa_ranges list;
    struct vmb_gpa_range range;
    uint8_t raw[128];
    vmb_status status = vmb_gpa_direct_decode(raw, proto_hex(text, raw), &list);

    if (status == VMB_OK) {
        while (vmb_gpa_ranges_next(&list, &range)) {
            assert_true(range.page_count != 0);
        }
        *out_words_left = list.words_left;
    }
    return status;
}

static void test_gpa_direct_rules(void **state)
{
    uint32_t left = 0;

    (void)state;
    /* One page, and the same with garbage in the reserved field. */
    assert_int_equal(decode_direct(Z4 "01000000 00100000 00000000" Z8, &left), VMB_OK);
    assert_int_equal(decode_direct("deadbeef 01000000 00100000 00000000" Z8, &left), VMB_OK);
    assert_int_equal(left, 0);
    /* What the ranges leave is padding. */
    assert_int_equal(decode_direct(Z4 "01000000 00100000 00000000" Z8 Z8, &left), VMB_OK);
    assert_int_equal(left, 1);
    /* No range at all; more than there are; as many as there can be. */
    assert_int_equal(decode_direct(Z4 "00000000 00100000 00000000" Z8, &left), VMB_ERR_MALFORMED);
    assert_int_equal(decode_direct(Z4 "02000000 00100000 00000000" Z8, &left), VMB_ERR_MALFORMED);
    assert_int_equal(decode_direct(Z4 "ffffffff 00100000 00000000" Z8, &left), VMB_ERR_MALFORMED);
    /* No byte. */
    assert_int_equal(decode_direct(Z4 "01000000 00000000 00000000" Z8, &left), VMB_ERR_MALFORMED);
    /* The offset is within the first page. */
    assert_int_equal(decode_direct(Z4 "01000000 01000000 ff0f0000" Z8, &left), VMB_OK);
    assert_int_equal(decode_direct(Z4 "01000000 01000000 00100000" Z8, &left), VMB_ERR_MALFORMED);
    /* One byte more than a page touches two. */
    assert_int_equal(decode_direct(Z4 "01000000 02000000 ff0f0000" Z8, &left), VMB_ERR_MALFORMED);
    assert_int_equal(decode_direct(Z4 "01000000 02000000 ff0f0000" Z16, &left), VMB_OK);
    /* A sum of more than 32 bits. */
    assert_int_equal(decode_direct(Z4 "01000000 ffffffff 01000000" Z16, &left), VMB_ERR_MALFORMED);
    assert_int_equal(decode_direct(Z4 "01000000 ffffffff 00000000" Z16, &left), VMB_ERR_MALFORMED);
    /* A second range that breaks a rule spoils the first. */
    assert_int_equal(decode_direct(Z4 "02000000 00100000 00000000" Z8 Z16, &left),
                     VMB_ERR_MALFORMED);
}

static void test_gpa_direct_is_cut_short(void **state)
{
    struct vmb_gpa_ranges list;
    uint8_t raw[64];
    uint32_t length;

    (void)state;
    assert_int_equal(proto_hex(Z4 "01000000 00200000 00000000" Z16, raw), 32);
    for (length = 0; length < 32; length++) {
        assert_int_equal(vmb_gpa_direct_decode(raw, length, &list), VMB_ERR_MALFORMED);
    }
    assert_int_equal(vmb_gpa_direct_decode(raw, 32, &list), VMB_OK);
}

static void test_gpa_direct_encode_refuses_what_decode_would(void **state)
{
    static const vmb_gpn pages[2] = {1, 2};
    static const struct vmb_gpa_range bad[] = {
        {.byte_count = 0, .byte_offset = 0, .page_count = 0, .pages = pages},
        {.byte_count = 1, .byte_offset = 4096, .page_count = 2, .pages = pages},
        {.byte_count = 4096, .byte_offset = 0, .page_count = 2, .pages = pages},
        {.byte_count = 8192, .byte_offset = 1, .page_count = 2, .pages = pages},
        {.byte_count = UINT32_MAX, .byte_offset = 1, .page_count = 2, .pages = pages},
        {.byte_count = 0xfffff000, .byte_offset = 0, .page_count = 0xfffff, .pages = pages},
    };
    uint8_t raw[64];
    uint32_t bytes;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(vmb_gpa_direct_encode(&bad[i], 1, raw, sizeof(raw), &bytes),
                         VMB_ERR_INVALID_ARGUMENT);
    }
    assert_int_equal(vmb_gpa_direct_encode(bad, 0, raw, sizeof(raw), &bytes),
                     VMB_ERR_INVALID_ARGUMENT);
}

/* The longest extra header that a packet can have, and one word more. */
static void test_ranges_end_with_the_packet(void **state)
{
    enum {
        MOST = (VMB_PACKET_MAX_BYTES - 16 - 8) / 8
    };
    static vmb_gpn pages[MOST];
    static uint8_t raw[VMB_PACKET_MAX_BYTES];
    static const struct vmb_transfer_range ranges[MOST];
    struct vmb_gpa_range range[2] = {
        {.byte_count = (MOST - 1) * 4096u, .page_count = MOST - 1, .pages = pages},
        {.byte_count = 1, .page_count = 1, .pages = pages},
    };
    struct vmb_packet_descriptor descriptor;
    struct vmb_gpa_ranges list;
    uint32_t bytes;

    (void)state;
    assert_int_equal(vmb_gpa_direct_encode(range, 1, raw, sizeof(raw), &bytes), VMB_OK);
    assert_int_equal(vmb_packet_descriptor_init(9, 0, 0, bytes, 0, &descriptor), VMB_OK);
    assert_int_equal(descriptor.packet_bytes, VMB_PACKET_MAX_BYTES);
    assert_int_equal(vmb_gpa_direct_decode(raw, bytes, &list), VMB_OK);
    assert_int_equal(vmb_gpa_direct_encode(range, 2, raw, sizeof(raw), &bytes),
                     VMB_ERR_INVALID_ARGUMENT);
    range[0].byte_count += 4096;
    range[0].page_count++;
    assert_int_equal(vmb_gpa_direct_encode(range, 1, raw, sizeof(raw), &bytes),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_transfer_pages_encode(1, true, ranges, MOST, raw, sizeof(raw), &bytes),
                     VMB_OK);
    assert_int_equal(vmb_packet_descriptor_init(7, 0, 0, bytes, 0, &descriptor), VMB_OK);
    assert_int_equal(vmb_transfer_pages_encode(1, true, ranges, MOST + 1, raw, sizeof(raw), &bytes),
                     VMB_ERR_INVALID_ARGUMENT);
}

static void test_gpadl_words_are_ranges_too(void **state)
{
    static const uint64_t words[] = {0x0000080000001000, 0x10, 0x11, 0x0000000000000200, 0x22};
    struct vmb_gpa_ranges list;
    struct vmb_gpa_range range;
    uint32_t count;

    (void)state;
    for (count = 0; count < 5; count++) {
        assert_int_equal(vmb_gpa_ranges_of_words(words, count, 2, &list), VMB_ERR_MALFORMED);
    }
    assert_int_equal(vmb_gpa_ranges_of_words(words, 5, 2, &list), VMB_OK);
    assert_true(vmb_gpa_ranges_next(&list, &range));
    assert_int_equal(range.byte_offset, 0x800);
    assert_true(vmb_gpa_range_page(&range, 1) == 0x11);
    assert_true(vmb_gpa_ranges_next(&list, &range));
    assert_int_equal(range.byte_count, 512);
    assert_true(vmb_gpa_range_page(&range, 0) == 0x22);
    assert_false(vmb_gpa_ranges_next(&list, &range));
    assert_int_equal(vmb_gpa_ranges_of_words(words, 5, 0, &list), VMB_ERR_MALFORMED);
    assert_int_equal(vmb_gpa_ranges_of_words(words, 5, 3, &list), VMB_ERR_MALFORMED);
}

static void test_page_offsets(void **state)
{
    (void)state;
    assert_int_equal(VMB_RING_WRITE_OFFSET, 0);
    assert_int_equal(VMB_RING_READ_OFFSET, 4);
    assert_int_equal(VMB_RING_INTERRUPT_MASK, 8);
    assert_int_equal(VMB_RING_PENDING_SEND_BYTES, 12);
    assert_int_equal(VMB_RING_FEATURE_BITS, 64);
    assert_int_equal(VMB_MONITOR_PENDING(0), 8);
    assert_int_equal(VMB_MONITOR_PENDING(3), 32);
    assert_int_equal(VMB_MONITOR_ARMED(3), 36);
    assert_int_equal(VMB_MONITOR_NEXT_CHECK(127), 64 + 512 - 4);
    assert_int_equal(VMB_MONITOR_LATENCY(127), 576 + 256 - 2);
    assert_int_equal(VMB_MONITOR_CONNECTION(127), 1088 + 1024 - 8);
    assert_int_equal(VMB_MONITOR_FLAG(127), 1088 + 1024 - 4);
    assert_int_equal(VMB_MONITOR_PAGE_USED_BYTES, 2112);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptor_golden),
        cmocka_unit_test(test_trailer_golden),
        cmocka_unit_test(test_descriptor_needs_itself_and_a_trailer),
        cmocka_unit_test(test_packet_must_be_there_whole),
        cmocka_unit_test(test_header_is_a_descriptor_at_least_and_a_packet_at_most),
        cmocka_unit_test(test_unknown_types_and_flags_keep_their_lengths),
        cmocka_unit_test(test_init_rounds_up),
        cmocka_unit_test(test_init_refuses_more_than_the_length_can_say),
        cmocka_unit_test(test_transfer_pages_golden),
        cmocka_unit_test(test_transfer_pages_header_must_hold_its_ranges),
        cmocka_unit_test(test_transfer_range_stays_in_its_memory),
        cmocka_unit_test(test_gpa_direct_golden),
        cmocka_unit_test(test_gpa_direct_rules),
        cmocka_unit_test(test_gpa_direct_is_cut_short),
        cmocka_unit_test(test_gpa_direct_encode_refuses_what_decode_would),
        cmocka_unit_test(test_ranges_end_with_the_packet),
        cmocka_unit_test(test_gpadl_words_are_ranges_too),
        cmocka_unit_test(test_page_offsets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
