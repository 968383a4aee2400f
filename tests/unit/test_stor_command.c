/* SPDX-License-Identifier: MIT */
/* A guest's commands to a disk, to the byte, and what it makes of answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto_hex.h"

#include <vmbus/drivers/stor_command.h>

static void assert_command(struct vmb_stor_command command, const char *cdb, uint8_t direction,
                           uint32_t data_bytes)
{
    uint8_t expected[64];

    assert_int_equal(command.cdb_bytes, proto_hex(cdb, expected));
    assert_memory_equal(command.cdb, expected, command.cdb_bytes);
    assert_int_equal(command.direction, direction);
    assert_int_equal(command.data_bytes, data_bytes);
}

static void commands_to_the_byte(void **state)
{
    const struct vmb_stor_blocks range = {0x123456789A, 0xBCDEF012};
    uint8_t list[VMB_STOR_UNMAP_BYTES(1)], expected[64];

    (void)state;
    assert_command(vmb_stor_test_ready(), "000000000000", VMB_STOR_NO_DATA, 0);
    assert_command(vmb_stor_inquiry(VMB_STOR_INQUIRY_STANDARD, 36), "120000002400",
                   VMB_STOR_TO_GUEST, 36);
    assert_command(vmb_stor_inquiry(0xB0, 300), "1201b0012c00", VMB_STOR_TO_GUEST, 300);
    assert_command(vmb_stor_report_luns(520), "a00000000000 00000208 0000", VMB_STOR_TO_GUEST, 520);
    assert_command(vmb_stor_read_capacity(), "9e10 0000000000000000 00000020 0000",
                   VMB_STOR_TO_GUEST, 32);
    assert_command(vmb_stor_read(0x123456789A, 0x102, 512), "8800 000000123456789a 00000102 0000",
                   VMB_STOR_TO_GUEST, 0x20400);
    assert_command(vmb_stor_write(7, 1, 4096, false), "8a00 0000000000000007 00000001 0000",
                   VMB_STOR_TO_DEVICE, 4096);
    assert_command(vmb_stor_write(7, 1, 4096, true), "8a08 0000000000000007 00000001 0000",
                   VMB_STOR_TO_DEVICE, 4096);
    assert_command(vmb_stor_flush(), "3500 00000000 00 0000 00", VMB_STOR_NO_DATA, 0);
    assert_command(vmb_stor_write_same(9, 100, 512, true), "9308 0000000000000009 00000064 0000",
                   VMB_STOR_TO_DEVICE, 512);
    assert_command(vmb_stor_unmap(1), "4200 00000000 00 0018 00", VMB_STOR_TO_DEVICE, 24);
    vmb_stor_unmap_encode(&range, 1, list);
    assert_int_equal(proto_hex("0016 0010 00000000 000000123456789a bcdef012 00000000", expected),
                     24);
    assert_memory_equal(list, expected, 24);
}

static void answers_that_make_no_sense_are_refused(void **state)
{
    uint8_t data[40] = {0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 2, 0};
    struct vmb_stor_capacity capacity;
    struct vmb_stor_sense sense;

    (void)state;
    assert_int_equal(vmb_stor_capacity_decode(data, 32, &capacity), VMB_OK);
    assert_true(capacity.block_count == 100);
    assert_int_equal(vmb_stor_capacity_decode(data, 31, &capacity), VMB_ERR_MALFORMED);
    data[10] = 3;
    assert_int_equal(vmb_stor_capacity_decode(data, 32, &capacity), VMB_ERR_MALFORMED);
    data[10] = 0;
    assert_int_equal(vmb_stor_capacity_decode(data, 32, &capacity), VMB_ERR_MALFORMED);
    data[10] = 2;
    memset(data, 0xFF, 8);
    assert_int_equal(vmb_stor_capacity_decode(data, 32, &capacity), VMB_ERR_MALFORMED);
    /* A list that claims to go on for ever; LUN 70 and a bus of its own are left out. */
    memset(data, 0, sizeof(data));
    memset(data, 0xFF, 4);
    data[9] = 1;
    data[17] = 70;
    data[24] = 1;
    data[33] = 63;
    assert_true(vmb_stor_luns_decode(data, 40) == (UINT64_C(1) << 63 | 2));
    assert_true(vmb_stor_luns_decode(data, 39) == 2);
    assert_true(vmb_stor_luns_decode(data, 15) == 0);
    memset(data, 0, sizeof(data));
    assert_int_equal(vmb_stor_sense_decode(data, 0, &sense), VMB_ERR_MALFORMED);
    assert_int_equal(vmb_stor_sense_decode(data, 20, &sense), VMB_ERR_MALFORMED);
    data[0] = 0x70;
    assert_int_equal(vmb_stor_sense_decode(data, 13, &sense), VMB_ERR_MALFORMED);
    data[0] = 0x72;
    data[1] = 5;
    data[2] = 0x24;
    data[10] = 0x80;
    data[19] = 7;
    assert_int_equal(vmb_stor_sense_decode(data, 20, &sense), VMB_OK);
    assert_int_equal(sense.key, 5);
    assert_int_equal(sense.asc, 0x2400);
    assert_true(sense.has_block && sense.block == 7);
}

static void blocks_of_every_size(void **state)
{
    uint8_t data[32] = {0, 0, 0, 0, 0, 0, 0, 99};
    struct vmb_stor_capacity capacity;

    (void)state;
    for (uint32_t bytes = 512; bytes <= 65536; bytes *= 2) {
        data[9] = (uint8_t)(bytes >> 16);
        data[10] = (uint8_t)(bytes >> 8);
        data[13] = 3;
        assert_int_equal(vmb_stor_capacity_decode(data, 32, &capacity), VMB_OK);
        assert_int_equal(capacity.block_bytes, bytes);
        assert_int_equal(capacity.physical_block_bytes, 8 * bytes);
    }
    data[9] = 2; /* 128 KiB: a number of bytes would not fit 32 bits any more. */
    assert_int_equal(vmb_stor_capacity_decode(data, 32, &capacity), VMB_ERR_MALFORMED);
}

/* SPC-4 4.5: fixed or with descriptors, current or deferred; what is not there is not made up. */
static void sense_data_of_all_formats(void **state)
{
    uint8_t fixed[18] = {0xF0, 0, 3, 0x12, 0x34, 0x56, 0x78, 10, 0, 0, 0, 0, 0x11, 0x04};
    uint8_t described[20] = {0x72, 4, 0x44, 0x01, 0, 0, 0, 12, 0, 10, 0x80, 0, 1, 2, 3, 4, 5, 6, 7};
    struct vmb_stor_sense sense;

    (void)state;
    assert_int_equal(vmb_stor_sense_decode(fixed, 18, &sense), VMB_OK);
    assert_int_equal(sense.key, 3);
    assert_int_equal(sense.asc, 0x1104);
    assert_true(sense.has_block && sense.block == 0x12345678);
    fixed[0] = 0x71; /* Deferred, and the information is not valid. */
    assert_int_equal(vmb_stor_sense_decode(fixed, 14, &sense), VMB_OK);
    assert_false(sense.has_block);
    assert_true(sense.block == 0);

    assert_int_equal(vmb_stor_sense_decode(described, 20, &sense), VMB_OK);
    assert_int_equal(sense.key, 4);
    assert_int_equal(sense.asc, 0x4401);
    assert_true(sense.has_block && sense.block == 0x0102030405060700);
    described[0] = 0x73; /* Deferred. */
    assert_int_equal(vmb_stor_sense_decode(described, 20, &sense), VMB_OK);
    assert_true(sense.has_block);
    assert_int_equal(vmb_stor_sense_decode(described, 19, &sense), VMB_OK); /* Cut in the block. */
    assert_false(sense.has_block);
    assert_true(sense.block == 0);
    assert_int_equal(vmb_stor_sense_decode(described, 8, &sense), VMB_OK);
    assert_int_equal(sense.key, 4);
    assert_int_equal(vmb_stor_sense_decode(described, 7, &sense), VMB_ERR_MALFORMED);
    described[10] = 0; /* An information descriptor that is not valid. */
    assert_int_equal(vmb_stor_sense_decode(described, 20, &sense), VMB_OK);
    assert_false(sense.has_block);
    described[10] = 0x80;
    described[8] = 2; /* Another descriptor: sense key specific. */
    assert_int_equal(vmb_stor_sense_decode(described, 20, &sense), VMB_OK);
    assert_false(sense.has_block);
    described[0] = 0x74;
    assert_int_equal(vmb_stor_sense_decode(described, 20, &sense), VMB_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_to_the_byte),
        cmocka_unit_test(answers_that_make_no_sense_are_refused),
        cmocka_unit_test(blocks_of_every_size),
        cmocka_unit_test(sense_data_of_all_formats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
