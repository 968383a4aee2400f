/* SPDX-License-Identifier: MIT */
/* Pipe headers, and the class-specific bytes of offers that say how a pipe is used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/proto/offer.h>
#include <vmbus/proto/pipe.h>

#include "proto_hex.h"

static vmb_status decode(const char *text, uint32_t payload_bytes, struct vmb_pipe_header *header)
{
    uint8_t raw[8];

    assert_int_equal(proto_hex(text, raw), 8);
    return vmb_pipe_header_decode(raw, payload_bytes, header);
}

static void test_data_golden(void **state)
{
    struct vmb_pipe_header header;
    uint8_t expected[8], raw[8];

    (void)state;
    (void)proto_hex("01000000 05000000", expected);
    vmb_pipe_data_encode(5, raw);
    assert_memory_equal(raw, expected, 8);
    assert_int_equal(vmb_pipe_header_decode(raw, 16, &header), VMB_OK);
    assert_int_equal(header.type, VMB_PIPE_DATA);
    assert_int_equal(header.data_offset, 8);
    assert_int_equal(header.data_bytes, 5);
}

static void test_partial_golden(void **state)
{
    struct vmb_pipe_header header;
    uint8_t expected[8], raw[8];

    (void)state;
    (void)proto_hex("02000000 0a00 0300", expected);
    assert_int_equal(vmb_pipe_partial_encode(10, 3, raw), VMB_OK);
    assert_memory_equal(raw, expected, 8);
    assert_int_equal(vmb_pipe_header_decode(raw, 24, &header), VMB_OK);
    assert_int_equal(header.type, VMB_PIPE_PARTIAL);
    assert_int_equal(header.data_offset, 11);
    assert_int_equal(header.data_bytes, 7);
}

static void test_data_must_fit_its_payload(void **state)
{
    struct vmb_pipe_header header;
    uint32_t length;

    (void)state;
    for (length = 0; length < 13; length++) {
        assert_int_equal(decode("01000000 05000000", length, &header), VMB_ERR_MALFORMED);
    }
    assert_int_equal(decode("01000000 05000000", 13, &header), VMB_OK);
    assert_int_equal(decode("01000000 ffffffff", 64, &header), VMB_ERR_MALFORMED);
    assert_int_equal(decode("01000000 f8ffffff", UINT32_MAX, &header), VMB_ERR_MALFORMED);
    assert_int_equal(decode("01000000 00000000", 8, &header), VMB_OK); /* End of stream. */
    assert_int_equal(header.data_bytes, 0);
}

static void test_partial_data_has_some_left(void **state)
{
    struct vmb_pipe_header header;
    uint8_t raw[8];

    (void)state;
    assert_int_equal(decode("02000000 0a00 0a00", 24, &header), VMB_ERR_MALFORMED);
    assert_int_equal(decode("02000000 0a00 0b00", 24, &header), VMB_ERR_MALFORMED);
    assert_int_equal(decode("02000000 0000 0000", 24, &header), VMB_ERR_MALFORMED);
    assert_int_equal(decode("02000000 0a00 0900", 17, &header), VMB_ERR_MALFORMED);
    assert_int_equal(decode("02000000 0a00 0900", 18, &header), VMB_OK);
    assert_int_equal(header.data_offset + header.data_bytes, 18);
    assert_int_equal(vmb_pipe_partial_encode(10, 10, raw), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_pipe_partial_encode(65536, 1, raw), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_pipe_partial_encode(65535, 65534, raw), VMB_OK);
}

static void test_types(void **state)
{
    struct vmb_pipe_header header;

    (void)state;
    assert_int_equal(decode("00000000 00000000", 8, &header), VMB_ERR_UNKNOWN);
    assert_int_equal(decode("03000000 00000000", 8, &header), VMB_OK);
    assert_int_equal(decode("04000000 00000000", 8, &header), VMB_OK);
    assert_int_equal(decode("05000000 00000000", 8, &header), VMB_OK);
    assert_int_equal(decode("06000000 00000000", 8, &header), VMB_ERR_UNKNOWN);
    assert_int_equal(decode("01000080 00000000", 8, &header), VMB_ERR_UNKNOWN);
}

static void test_pipe_offer_golden(void **state)
{
    struct vmb_offer_pipe pipe;
    uint8_t expected[VMB_USER_DEFINED_BYTES], raw[VMB_USER_DEFINED_BYTES];

    (void)state;
    assert_int_equal(proto_hex("04000000"         /* 0: messages */
                               "11"               /* 4: class data */
                               Z80 Z20 Z8 Z2 "22" /* 115 */
                               "01000000",        /* 116: GPA direct */
                               expected),
                     sizeof(expected));
    vmb_offer_pipe_decode(expected, &pipe);
    assert_int_equal(pipe.pipe_type, VMB_OFFER_PIPE_MESSAGES);
    assert_int_equal(pipe.class_data[0], 0x11);
    assert_int_equal(pipe.class_data[111], 0x22);
    assert_int_equal(pipe.pipe_flags, VMB_OFFER_PIPE_GPA_DIRECT);
    memset(raw, 0xa5, sizeof(raw));
    vmb_offer_pipe_encode(&pipe, raw);
    assert_memory_equal(raw, expected, sizeof(raw));
}

static void test_hvsock_offer_golden(void **state)
{
    static const struct vmb_guid silo =
        VMB_GUID_INIT(0x00112233, 0x4455, 0x6677, 0x8899, 0xaabbccddeeff);
    struct vmb_offer_hvsock hvsock;
    uint8_t expected[VMB_USER_DEFINED_BYTES], raw[VMB_USER_DEFINED_BYTES];

    (void)state;
    assert_int_equal(proto_hex("00000000"                             /* 0: bytes */
                               "01"                                   /* 4: for guest accept */
                               "00"                                   /* 5: not a container */
                               "01000000"                             /* 6: parameters version */
                               "33221100 5544 7766 8899 aabbccddeeff" /* 10: silo */
                               "0000"                                 /* 26 */
                               Z80 Z12,
                               expected),
                     sizeof(expected));
    vmb_offer_hvsock_decode(expected, &hvsock);
    assert_int_equal(hvsock.pipe_type, VMB_OFFER_PIPE_BYTES);
    assert_true(hvsock.is_for_guest_accept);
    assert_false(hvsock.is_for_guest_container);
    assert_int_equal(hvsock.parameters_version, 1);
    assert_true(vmb_guid_equal(&hvsock.silo_guid, &silo));
    memset(raw, 0xa5, sizeof(raw));
    vmb_offer_hvsock_encode(&hvsock, raw);
    assert_memory_equal(raw, expected, sizeof(raw));
    expected[6] = 0; /* Parameters version 0 has no silo. */
    vmb_offer_hvsock_decode(expected, &hvsock);
    assert_true(vmb_guid_is_zero(&hvsock.silo_guid));
}

/* Nothing of the silo gets out that parameters of version 0 do not have. */
static void test_old_hvsock_offer_golden(void **state)
{
    const struct vmb_offer_hvsock hvsock = {.pipe_type = VMB_OFFER_PIPE_MESSAGES,
                                            .is_for_guest_container = true,
                                            .silo_guid = {{0x11, 0x22}}};
    uint8_t expected[VMB_USER_DEFINED_BYTES] = {0}, raw[VMB_USER_DEFINED_BYTES];

    (void)state;
    expected[0] = VMB_OFFER_PIPE_MESSAGES;
    expected[5] = 1;
    memset(raw, 0xa5, sizeof(raw));
    vmb_offer_hvsock_encode(&hvsock, raw);
    assert_memory_equal(raw, expected, sizeof(raw));
}

static void test_storage_offer_golden(void **state)
{
    struct vmb_offer_storage storage;
    uint8_t expected[VMB_USER_DEFINED_BYTES], raw[VMB_USER_DEFINED_BYTES];

    (void)state;
    assert_int_equal(proto_hex("0000"     /* 0 */
                               "01"       /* 2: path */
                               "02"       /* 3: target */
                               "00000000" /* 4 */
                               "02000000" /* 8: an emulated IDE disk */
                               Z80 Z20 Z8,
                               expected),
                     sizeof(expected));
    vmb_offer_storage_decode(expected, &storage);
    assert_int_equal(storage.path_id, 1);
    assert_int_equal(storage.target_id, 2);
    assert_int_equal(storage.flags, VMB_OFFER_STORAGE_EMULATED_IDE);
    memset(raw, 0xa5, sizeof(raw));
    vmb_offer_storage_encode(&storage, raw);
    assert_memory_equal(raw, expected, sizeof(raw));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_golden),
        cmocka_unit_test(test_partial_golden),
        cmocka_unit_test(test_data_must_fit_its_payload),
        cmocka_unit_test(test_partial_data_has_some_left),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_pipe_offer_golden),
        cmocka_unit_test(test_hvsock_offer_golden),
        cmocka_unit_test(test_old_hvsock_offer_golden),
        cmocka_unit_test(test_storage_offer_golden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
