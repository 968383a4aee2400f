/* SPDX-License-Identifier: MIT */
/* The SCSI target: what each command makes of a disk, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/stor/vmb_scsi.h"

#include "proto_hex.h"

#define BLOCKS 0x200000u /* 1 GiB */

struct target {
    struct vmbi_scsi_disk disk;
    bool stopped;
    uint8_t cdb[32];
    uint8_t data[VMBI_SCSI_DATA_BYTES];
    struct vmbi_scsi_outcome outcome;
};

static void nothing(void *context, struct vmb_stor_io *io)
{
    (void)context;
    (void)io;
}

static const struct vmb_stor_disk_ops ops = {.submit = nothing};

static struct vmb_stor_disk plain(void)
{
    return (struct vmb_stor_disk){.ops = &ops,
                                  .block_count = BLOCKS,
                                  .discard_bytes = 4096,
                                  .discard_zeroes = true,
                                  .physical_block_bytes = 4096,
                                  .serial = "abc-123",
                                  .unique_id = 0xF123456789ABCDEF};
}

static struct target target_new(const struct vmb_stor_disk *disk)
{
    struct target target;

    memset(&target, 0, sizeof(target));
    assert_int_equal(vmbi_scsi_disk_init(&target.disk, disk, 1 << 20), VMB_OK);
    return target;
}

static enum vmbi_scsi_action ask(struct target *target, const char *cdb)
{
    struct vmbi_scsi_command command = {target->cdb, 0, target->data};

    memset(target->cdb, 0, sizeof(target->cdb));
    memset(target->data, 0xEE, sizeof(target->data));
    command.cdb_bytes = proto_hex(cdb, target->cdb);
    vmbi_scsi_execute(&target->disk, target->stopped, &command, &target->outcome);
    return target->outcome.action;
}

static void assert_fails(struct target *target, const char *cdb, uint8_t key, uint16_t asc)
{
    assert_int_equal(ask(target, cdb), VMBI_SCSI_FAIL);
    assert_int_equal(target->outcome.sense.key, key);
    assert_int_equal(target->outcome.sense.asc, asc);
}

static void assert_answers(struct target *target, const char *cdb, const char *answer)
{
    uint8_t expected[VMBI_SCSI_DATA_BYTES];
    uint32_t bytes = proto_hex(answer, expected);

    assert_int_equal(ask(target, cdb), VMBI_SCSI_DATA);
    assert_int_equal(target->outcome.data_bytes, bytes);
    assert_memory_equal(target->data, expected, bytes);
}

static void test_inquiry(void **state)
{
    struct vmb_stor_disk disk = plain();
    struct target target = target_new(&disk);

    (void)state;
    assert_answers(&target, "1200 00 00ff 00",
                   "00 00 06 12 45 00 00 02 6c6962766d627573 5669727475616c204469736b20202020"
                   "312e3020" Z16 "00000000 0000 00a0 0460 04c0" Z8 "0000");
    assert_answers(&target, "1200 00 0005 00", "00 00 06 12 45");
    assert_answers(&target, "1201 00 00ff 00", "00 00 0006 00 80 83 b0 b1 b2");
    assert_answers(&target, "1201 80 00ff 00", "00 80 0007 6162632d313233");
    assert_answers(&target, "1201 83 00ff 00",
                   "00 83 001f 01 03 00 08 3123456789abcdef"
                   "02 01 00 0f 6c6962766d627573 6162632d313233");
    assert_answers(&target, "1201 b0 00ff 00",
                   "00 b0 003c 01 00 0008 00000800 00000800 00000000 ffffffff 00000010 00000008"
                   "80000000 0000000000020000" Z16 Z4);
    assert_answers(&target, "1201 b1 00ff 00", "00 b1 003c 0001" Z20 Z20 Z16 "0000");
    assert_answers(&target, "1201 b2 00ff 00", "00 b2 0004 00 e4 02 00");
    assert_fails(&target, "1201 b3 00ff 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2400);
    assert_int_equal(target.outcome.sense.field_byte, 2);
    assert_fails(&target, "1200 80 00ff 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2400);
    assert_fails(&target, "1202 00 00ff 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2400);
}

static void test_a_disk_without_discards_says_so(void **state)
{
    struct vmb_stor_disk disk = plain();
    struct target target;

    (void)state;
    disk.discard_bytes = 0;
    disk.rotates = true;
    target = target_new(&disk);
    assert_answers(&target, "1201 b2 00ff 00", "00 b2 0004 00 00 00 00");
    assert_answers(&target, "1201 b1 0006 00", "00 b1 003c 1c20");
    assert_fails(&target, "4200 00000000 00 0018 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2000);
    assert_fails(&target, "4108 00000000 00 0001 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2400);
    assert_int_equal(ask(&target, "4100 00000000 00 0001 00"), VMBI_SCSI_SAME);
}

static void test_capacity(void **state)
{
    struct vmb_stor_disk disk = plain();
    struct target target = target_new(&disk);

    (void)state;
    assert_answers(&target, "25000000000000000000", "001fffff 00000200");
    assert_answers(&target, "9e10 0000000000000000 00000020 0000",
                   "00000000001fffff 00000200 00 03 c0 00" Z16);
    assert_fails(&target, "9e12 0000000000000000 00000020 0000", VMBI_SENSE_ILLEGAL_REQUEST,
                 0x2400);
    disk.block_count = UINT64_C(0x123456789A);
    disk.block_bytes = 4096;
    disk.discard_bytes = 0;
    target = target_new(&disk);
    assert_answers(&target, "25000000000000000000", "ffffffff 00001000");
    assert_answers(&target, "9e10 0000000000000000 00000020 0000",
                   "0000001234567899 00001000 00 00 00 00" Z16);
}

static void test_mode_pages(void **state)
{
    struct vmb_stor_disk disk = plain();
    struct target target = target_new(&disk);

    (void)state;
    assert_answers(&target, "1a08 08 00 ff 00", "17 00 10 00 0812 04" Z16 "00");
    assert_answers(&target, "1a00 08 00 ff 00", "1f 00 10 08 00200000 00000200 0812 04" Z16 "00");
    assert_answers(&target, "1a08 48 00 ff 00", "17 00 10 00 0812 00" Z16 "00");
    assert_answers(&target, "5a08 0a 00 000000 00ff 00",
                   "0012 00 10 00 00 0000 0a0a 0010 0000 0000 ffff 0000");
    assert_answers(&target, "1a08 3f 00 04 00", "23 00 10 00");
    assert_answers(&target, "1a08 3f ff 04 00", "23 00 10 00");
    assert_fails(&target, "1a08 1c 00 ff 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2400);
    assert_fails(&target, "1a08 08 01 ff 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2400);
    assert_fails(&target, "1a08 c8 00 ff 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x3900);
    disk.read_only = true;
    target = target_new(&disk);
    assert_answers(&target, "1a08 08 00 ff 00", "17 00 90 00 0812 00" Z16 "00");
    disk.read_only = false;
    disk.write_through = true;
    target = target_new(&disk);
    assert_answers(&target, "1a08 08 00 ff 00", "17 00 10 00 0812 00" Z16 "00");
}

static void assert_io(struct target *target, const char *cdb, enum vmb_stor_operation operation,
                      uint64_t block, uint64_t block_count)
{
    assert_int_equal(ask(target, cdb), VMBI_SCSI_IO);
    assert_int_equal(target->outcome.operation, operation);
    assert_true(target->outcome.block == block);
    assert_true(target->outcome.block_count == block_count);
}

static void test_reads_and_writes(void **state)
{
    struct vmb_stor_disk disk = plain();
    struct target target = target_new(&disk);

    (void)state;
    assert_io(&target, "08 1fffff 01 00", VMB_STOR_READ, 0x1fffff, 1);
    assert_io(&target, "08 e00010 00 00", VMB_STOR_READ, 0x10, 256); /* An old LUN field. */
    assert_io(&target, "0a 000010 02 00", VMB_STOR_WRITE, 0x10, 2);
    assert_io(&target, "2800 00012345 00 0007 00", VMB_STOR_READ, 0x12345, 7);
    assert_io(&target, "2a08 00012345 00 0007 00", VMB_STOR_WRITE, 0x12345, 7);
    assert_true(target.outcome.is_durable);
    assert_io(&target, "a800 00012345 00000007 00 00", VMB_STOR_READ, 0x12345, 7);
    assert_io(&target, "aa00 00012345 00000007 00 00", VMB_STOR_WRITE, 0x12345, 7);
    assert_false(target.outcome.is_durable);
    assert_io(&target, "8810 0000000000012345 00000800 0000", VMB_STOR_READ, 0x12345, 0x800);
    assert_io(&target, "8a00 0000000000012345 00000007 0000", VMB_STOR_WRITE, 0x12345, 7);
    assert_int_equal(ask(&target, "2800 00200000 00 0000 00"), VMBI_SCSI_GOOD);
    assert_fails(&target, "2820 00000000 00 0001 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2400);
    assert_int_equal(target.outcome.sense.field_byte, 1);
    assert_fails(&target, "2800 00000000 00 0801 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2400);
    assert_int_equal(target.outcome.sense.field_byte, 7);
    assert_fails(&target, "2800 001fffff 00 0002 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2100);
    assert_true(target.outcome.sense.block == 0x200000);
    assert_fails(&target, "8800 ffffffffffffffff 00000001 0000", VMBI_SENSE_ILLEGAL_REQUEST,
                 0x2100);
    assert_fails(&target, "8800 fffffffffffffff8 ffffffff 0000", VMBI_SENSE_ILLEGAL_REQUEST,
                 0x2100);
}

static void test_the_rest_of_the_medium(void **state)
{
    struct vmb_stor_disk disk = plain();
    struct target target = target_new(&disk);

    (void)state;
    assert_io(&target, "3500 00000000 00 0000 00", VMB_STOR_FLUSH, 0, 0);
    assert_io(&target, "9102 0000000000000000 00000000 0000", VMB_STOR_FLUSH, 0, 0);
    assert_fails(&target, "3500 00200000 00 0001 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2100);
    assert_int_equal(ask(&target, "2f00 00000000 00 ffff 00"), VMBI_SCSI_GOOD);
    assert_int_equal(ask(&target, "8f00 0000000000000000 00200000 0000"), VMBI_SCSI_GOOD);
    assert_fails(&target, "2f02 00000000 00 0001 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2400);
    assert_fails(&target, "af00 00200000 00000001 00 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2100);
    assert_io(&target, "9309 0000000000000010 00000400 0000", VMB_STOR_WRITE_ZEROES, 16, 1024);
    assert_true(target.outcome.may_unmap);
    assert_fails(&target, "9300 0000000000000000 00000000 0000", VMBI_SENSE_ILLEGAL_REQUEST,
                 0x2400);
    assert_fails(&target, "9300 0000000000000000 00020001 0000", VMBI_SENSE_ILLEGAL_REQUEST,
                 0x2400);
    assert_fails(&target, "4101 00000000 00 0001 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2400);
    assert_fails(&target, "4201 00000000 00 0018 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2400);
    assert_fails(&target, "4200 00000000 00 0007 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x1A00);
    assert_int_equal(ask(&target, "4200 00000000 00 0000 00"), VMBI_SCSI_GOOD);
    assert_int_equal(ask(&target, "4200 00000000 00 ffff 00"), VMBI_SCSI_UNMAP_LIST);
    assert_int_equal(target.outcome.data_bytes, VMBI_SCSI_UNMAP_LIST_BYTES);
}

static void test_unmap_lists(void **state)
{
    struct vmb_stor_disk disk = plain();
    struct target target = target_new(&disk);
    struct vmbi_scsi_range ranges[VMBI_SCSI_UNMAP_DESCRIPTORS];
    struct vmbi_sense sense;
    uint8_t list[VMBI_SCSI_UNMAP_LIST_BYTES];
    uint32_t count;

    (void)state;
    (void)proto_hex("0036 0030 00000000"
                    "0000000000000008 00000010 00000000"
                    "0000000000000100 00000000 00000000"
                    "00000000001ffff8 00000008 00000000",
                    list);
    assert_true(vmbi_scsi_unmap_list(&target.disk, list, 56, ranges, &count, &sense));
    assert_int_equal(count, 2);
    assert_true(ranges[1].block == 0x1ffff8);
    assert_true(vmbi_scsi_unmap_list(&target.disk, list, 55, ranges, &count, &sense));
    assert_int_equal(count, 1);
    list[55 - 4] = 9;
    assert_false(vmbi_scsi_unmap_list(&target.disk, list, 56, ranges, &count, &sense));
    assert_int_equal(sense.asc, 0x2100);
    list[2] = 1;
    list[3] = 1;
    assert_false(vmbi_scsi_unmap_list(&target.disk, list, sizeof(list), ranges, &count, &sense));
    assert_int_equal(sense.asc, 0x2600);
    assert_int_equal(sense.field_byte, 2);
    assert_false(vmbi_scsi_unmap_list(&target.disk, list, 4, ranges, &count, &sense));
}

static void test_sense_data(void **state)
{
    struct vmbi_sense sense = {.key = 5, .asc = 0x2400, .has_field = true, .field_byte = 0x102};
    uint8_t bytes[VMBI_SENSE_BYTES], expected[VMBI_SENSE_BYTES];

    (void)state;
    vmbi_sense_encode(&sense, bytes);
    (void)proto_hex("70 00 05 00000000 0a 00000000 2400 00 c8 0102", expected);
    assert_memory_equal(bytes, expected, sizeof(bytes));
    sense = (struct vmbi_sense){.key = 3, .asc = 0x1100, .has_block = true, .block = 0xABCDEF01};
    vmbi_sense_encode(&sense, bytes);
    (void)proto_hex("f0 00 03 abcdef01 0a 00000000 1100 00 00 0000", expected);
    assert_memory_equal(bytes, expected, sizeof(bytes));
    sense.block = UINT64_C(0x1ABCDEF01); /* Does not fit: it is left out. */
    vmbi_sense_encode(&sense, bytes);
    assert_int_equal(bytes[0], 0x70);
}

static void test_sense_and_ready(void **state)
{
    struct vmb_stor_disk disk = plain();
    struct target target = target_new(&disk);

    (void)state;
    assert_int_equal(ask(&target, "000000000000"), VMBI_SCSI_GOOD);
    assert_answers(&target, "0300000012 00", "70 00 00 00000000 0a 00000000 0000 00 00 0000");
    assert_fails(&target, "0301000012 00", VMBI_SENSE_ILLEGAL_REQUEST, 0x2400);
    assert_fails(&target, "000000000004", VMBI_SENSE_ILLEGAL_REQUEST, 0x2400); /* NACA */
    assert_int_equal(target.outcome.sense.field_byte, 5);
    assert_fails(&target, "0000000000", VMBI_SENSE_ILLEGAL_REQUEST, 0x2000); /* Cut short. */
    assert_fails(&target, "ff0000000000", VMBI_SENSE_ILLEGAL_REQUEST, 0x2000);
    target.stopped = true;
    assert_fails(&target, "000000000000", VMBI_SENSE_NOT_READY, 0x0402);
    assert_fails(&target, "25000000000000000000", VMBI_SENSE_NOT_READY, 0x0402);
    assert_int_equal(ask(&target, "1200 00 00ff 00"), VMBI_SCSI_DATA);
    assert_int_equal(ask(&target, "1b0000000100"), VMBI_SCSI_GOOD);
    assert_true(target.outcome.starts);
    assert_int_equal(ask(&target, "1b0000000000"), VMBI_SCSI_IO);
    assert_true(target.outcome.stops);
    assert_int_equal(ask(&target, "1b0000000400"), VMBI_SCSI_GOOD); /* NO FLUSH */
    assert_true(target.outcome.stops);
    assert_int_equal(ask(&target, "1b0000003000"), VMBI_SCSI_GOOD); /* Standby. */
    assert_false(target.outcome.stops);
    assert_fails(&target, "1b0000000200", VMBI_SENSE_ILLEGAL_REQUEST, 0x2400);
}

static void test_impossible_disks(void **state)
{
    struct vmbi_scsi_disk out;
    struct vmb_stor_disk disk = plain();

    (void)state;
    disk.block_count = 0;
    assert_int_equal(vmbi_scsi_disk_init(&out, &disk, 4096), VMB_ERR_INVALID_ARGUMENT);
    disk.block_count = UINT64_MAX / 512;
    assert_int_equal(vmbi_scsi_disk_init(&out, &disk, 4096), VMB_ERR_INVALID_ARGUMENT);
    disk = plain();
    disk.block_bytes = 513;
    assert_int_equal(vmbi_scsi_disk_init(&out, &disk, 4096), VMB_ERR_INVALID_ARGUMENT);
    disk.block_bytes = 8192;
    assert_int_equal(vmbi_scsi_disk_init(&out, &disk, 4096), VMB_ERR_INVALID_ARGUMENT);
    disk = plain();
    disk.block_bytes = 4096;
    disk.physical_block_bytes = 512;
    assert_int_equal(vmbi_scsi_disk_init(&out, &disk, 4096), VMB_ERR_INVALID_ARGUMENT);
    disk = plain();
    disk.ops = NULL;
    assert_int_equal(vmbi_scsi_disk_init(&out, &disk, 4096), VMB_ERR_INVALID_ARGUMENT);
}

/* What a guest knows a disk by: the number that it was given, or one that follows from its serial.
 */
static void identity_of(const struct vmb_stor_disk *disk, uint8_t *identity)
{
    struct target target = target_new(disk);

    assert_int_equal(ask(&target, "1201 83 00ff 00"), VMBI_SCSI_DATA);
    memcpy(identity, target.data + 8, 8);
}

static void test_a_disk_without_a_number(void **state)
{
    struct vmb_stor_disk disk = plain();
    uint8_t first[8], again[8], other[8], none[8];
    struct target target;

    (void)state;
    disk.unique_id = 0;
    identity_of(&disk, first);
    identity_of(&disk, again);
    assert_memory_equal(first, again, 8);
    assert_int_equal(first[0] >> 4, 3); /* NAA: locally assigned. */
    disk.serial[6] = '4';
    identity_of(&disk, other);
    assert_memory_not_equal(first, other, 8);
    disk.serial[0] = '\0';
    identity_of(&disk, none);
    assert_memory_not_equal(first, none, 8);
    target = target_new(&disk);
    assert_answers(&target, "1201 80 00ff 00", "00 80 0001 30"); /* "0" */
}

static void test_names_are_printable(void **state)
{
    struct vmb_stor_disk disk = plain();
    struct target target;

    (void)state;
    memcpy(disk.product, "a\tb\x7f\xc3\xa4~", 8);
    memcpy(disk.serial, "\x1f \x80", 4);
    target = target_new(&disk);
    assert_int_equal(ask(&target, "1200 00 00ff 00"), VMBI_SCSI_DATA);
    assert_memory_equal(target.data + 16, "a b   ~         ", 16);
    assert_answers(&target, "1201 80 00ff 00", "00 80 0003 202020");
    memset(disk.serial, 'S', sizeof(disk.serial)); /* Not even ended. */
    memset(disk.product, 'P', sizeof(disk.product));
    target = target_new(&disk);
    assert_int_equal(ask(&target, "1201 80 00ff 00"), VMBI_SCSI_DATA);
    assert_int_equal(target.outcome.data_bytes, 4 + VMB_STOR_SERIAL_CHARS);
    assert_int_equal(ask(&target, "1200 00 00ff 00"), VMBI_SCSI_DATA);
    assert_memory_equal(target.data + 30, "PP1.0 ", 6);
}

/* It can discard, but nobody may: nothing is promised, nothing is flushed. */
static void test_a_read_only_disk_promises_nothing(void **state)
{
    struct vmb_stor_disk disk = plain();
    struct target target;

    (void)state;
    disk.read_only = true;
    target = target_new(&disk);
    assert_answers(&target, "1201 b2 00ff 00", "00 b2 0004 00 00 00 00");
    assert_answers(&target, "1201 b0 0024 00",
                   "00 b0 003c 01 00 0008 00000800 00000800 00000000" Z16);
    assert_answers(&target, "9e10 0000000000000000 00000020 0000",
                   "00000000001fffff 00000200 00 03 00 00" Z16);
    assert_int_equal(ask(&target, "1b0000000000"), VMBI_SCSI_GOOD); /* Stop: nothing to save. */
    assert_true(target.outcome.stops);
    assert_int_equal(ask(&target, "9100 0000000000000000 00000000 0000"), VMBI_SCSI_GOOD);
}

static void test_discards_that_leave_anything(void **state)
{
    struct vmb_stor_disk disk = plain();
    struct target target;

    (void)state;
    disk.discard_zeroes = false;
    target = target_new(&disk);
    assert_answers(&target, "1201 b2 00ff 00", "00 b2 0004 00 e0 02 00"); /* No LBPRZ. */
    assert_answers(&target, "9e10 0000000000000000 00000020 0000",
                   "00000000001fffff 00000200 00 03 80 00" Z16);
}

static void test_more_of_the_mode_pages(void **state)
{
    struct vmb_stor_disk disk = plain();
    struct target target = target_new(&disk);

    (void)state;
    assert_fails(&target, "1a08 08 ff ff 00", VMBI_SENSE_ILLEGAL_REQUEST,
                 0x2400);                                               /* No subpages. */
    assert_int_equal(ask(&target, "1a08 4a 00 ff 00"), VMBI_SCSI_DATA); /* What can be changed: */
    assert_memory_equal(target.data + 4, "\x0a\x0a\0\0\0\0\0\0\0\0\0\0", 12); /* nothing. */
    disk.block_count = UINT64_C(0x100000000);
    target = target_new(&disk);
    assert_int_equal(ask(&target, "1a00 08 00 ff 00"), VMBI_SCSI_DATA);
    assert_memory_equal(target.data + 4, "\xff\xff\xff\xff\0\0\x02\0", 8); /* "Many". */
}

/* P_I_EXPONENT and the granularity have 4 and 16 bits. */
static void test_physical_blocks(void **state)
{
    struct vmb_stor_disk disk = plain();
    struct vmbi_scsi_disk out;
    struct target target;

    (void)state;
    disk.physical_block_bytes = 512u << 15;
    target = target_new(&disk);
    assert_int_equal(ask(&target, "9e10 0000000000000000 00000020 0000"), VMBI_SCSI_DATA);
    assert_int_equal(target.data[13], 15);
    assert_answers(&target, "1201 b0 0008 00", "00 b0 003c 01 00 8000");
    disk.physical_block_bytes = 512u << 16;
    assert_int_equal(vmbi_scsi_disk_init(&out, &disk, 4096), VMB_ERR_INVALID_ARGUMENT);
}

static void test_lists_of_luns(void **state)
{
    struct vmb_stor_disk disk = plain();
    struct target target = target_new(&disk);
    struct vmbi_scsi_command command = {target.cdb, 12, target.data};

    (void)state;
    (void)proto_hex("a000 00 000000 00001000 0000", target.cdb);
    vmbi_scsi_report_luns(UINT64_MAX, &command, &target.outcome);
    assert_int_equal(target.outcome.data_bytes, VMBI_SCSI_DATA_BYTES);
    assert_int_equal(target.data[2] << 8 | target.data[3], 8 * VMBI_SCSI_LUNS);
    assert_int_equal(target.data[VMBI_SCSI_DATA_BYTES - 7], VMBI_SCSI_LUNS - 1);
    target.cdb[2] = 1; /* Well-known LUNs only: there are none. */
    vmbi_scsi_report_luns(UINT64_MAX, &command, &target.outcome);
    assert_int_equal(target.outcome.data_bytes, 8);
    assert_int_equal(target.data[3], 0);
    target.cdb[2] = 3;
    vmbi_scsi_report_luns(UINT64_MAX, &command, &target.outcome);
    assert_int_equal(target.outcome.action, VMBI_SCSI_FAIL);
    target.cdb[2] = 0;
    command.cdb_bytes = 11;
    vmbi_scsi_report_luns(UINT64_MAX, &command, &target.outcome);
    assert_int_equal(target.outcome.action, VMBI_SCSI_FAIL);
    /* These three leave a unit attention to the next command (SAM-5 5.14). */
    assert_false(vmbi_scsi_reports_attention(VMBI_SCSI_INQUIRY));
    assert_false(vmbi_scsi_reports_attention(VMBI_SCSI_REPORT_LUNS));
    assert_false(vmbi_scsi_reports_attention(VMBI_SCSI_REQUEST_SENSE));
    assert_true(vmbi_scsi_reports_attention(VMBI_SCSI_TEST_UNIT_READY));
}

/* What a back end says, and what the guest hears. */
static void test_results_as_sense(void **state)
{
    static const struct {
        enum vmb_stor_operation operation;
        enum vmb_stor_result result;
        uint8_t key;
        uint16_t asc;
    } results[] = {
        {VMB_STOR_READ, VMB_STOR_DONE, 0, 0},
        {VMB_STOR_READ, VMB_STOR_MEDIA_ERROR, VMBI_SENSE_MEDIUM_ERROR, 0x1100},
        {VMB_STOR_WRITE, VMB_STOR_MEDIA_ERROR, VMBI_SENSE_MEDIUM_ERROR, 0x0C00},
        {VMB_STOR_FLUSH, VMB_STOR_MEDIA_ERROR, VMBI_SENSE_MEDIUM_ERROR, 0x0C00},
        {VMB_STOR_WRITE, VMB_STOR_NO_SPACE, VMBI_SENSE_DATA_PROTECT, 0x2707},
        {VMB_STOR_WRITE, VMB_STOR_READ_ONLY, VMBI_SENSE_DATA_PROTECT, 0x2700},
        {VMB_STOR_READ, VMB_STOR_GONE, VMBI_SENSE_HARDWARE_ERROR, 0x4400},
        {VMB_STOR_READ, VMB_STOR_FAILED, VMBI_SENSE_HARDWARE_ERROR, 0x4400},
        {VMB_STOR_READ, (enum vmb_stor_result)77, VMBI_SENSE_HARDWARE_ERROR, 0x4400},
    };
    struct vmb_stor_disk disk = plain();
    struct target target = target_new(&disk);
    struct vmb_stor_io io = {.offset_bytes = 8 * 512, .byte_count = 8 * 512};
    struct vmbi_sense sense;

    (void)state;
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        io.operation = results[i].operation;
        sense = vmbi_sense_of_result(&target.disk, &io, results[i].result);
        assert_int_equal(sense.key, results[i].key);
        assert_int_equal(sense.asc, results[i].asc);
        assert_int_equal(sense.has_block, results[i].key == VMBI_SENSE_MEDIUM_ERROR &&
                                              results[i].operation != VMB_STOR_FLUSH);
    }
    io.operation = VMB_STOR_READ;
    sense = vmbi_sense_of_result(&target.disk, &io, VMB_STOR_MEDIA_ERROR);
    assert_true(sense.block == 8); /* It did not say where: the first. */
    io.error_offset_bytes = 11 * 512;
    sense = vmbi_sense_of_result(&target.disk, &io, VMB_STOR_MEDIA_ERROR);
    assert_true(sense.block == 11);
}

/* A field of the parameter list is told apart from one of the CDB (SPC-4 4.5.2.4.2). */
static void test_which_byte_is_wrong(void **state)
{
    static const struct {
        uint16_t asc;
        uint8_t specific;
    } codes[] = {{VMBI_ASC_INVALID_FIELD_IN_CDB, 0xC8},
                 {VMBI_ASC_INVALID_FIELD_IN_LIST, 0x88},
                 {VMBI_ASC_PARAMETER_LIST_LENGTH, 0x88}};
    uint8_t bytes[VMBI_SENSE_BYTES];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct vmbi_sense sense = {
            .key = 5, .asc = codes[i].asc, .has_field = true, .field_byte = 7, .field_bit = 3};

        vmbi_sense_encode(&sense, bytes);
        assert_int_equal(bytes[15], codes[i].specific | 3);
        assert_int_equal(bytes[17], 7);
    }
}

/* Any command at all: no field leads outside, whatever it holds. */
static void test_any_command(void **state)
{
    struct vmb_stor_disk disk = plain();
    struct target target = target_new(&disk);
    uint64_t seed = 3;

    (void)state;
    for (uint32_t round = 0; round < 300000; round++) {
        struct vmbi_scsi_command command = {target.cdb, 16, target.data};

        for (uint32_t i = 0; i < 16; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1;
            target.cdb[i] = (uint8_t)(seed >> 56) & (uint8_t)(seed >> 48);
        }
        target.cdb[0] = (uint8_t)round;
        vmbi_scsi_execute(&target.disk, false, &command, &target.outcome);
        assert_true(target.outcome.data_bytes <= VMBI_SCSI_DATA_BYTES);
        if (target.outcome.action == VMBI_SCSI_IO || target.outcome.action == VMBI_SCSI_SAME) {
            assert_true(target.outcome.block <= BLOCKS);
            assert_true(target.outcome.block_count <= BLOCKS - target.outcome.block);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inquiry),
        cmocka_unit_test(test_a_disk_without_discards_says_so),
        cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_mode_pages),
        cmocka_unit_test(test_reads_and_writes),
        cmocka_unit_test(test_the_rest_of_the_medium),
        cmocka_unit_test(test_unmap_lists),
        cmocka_unit_test(test_sense_data),
        cmocka_unit_test(test_sense_and_ready),
        cmocka_unit_test(test_impossible_disks),
        cmocka_unit_test(test_a_disk_without_a_number),
        cmocka_unit_test(test_names_are_printable),
        cmocka_unit_test(test_a_read_only_disk_promises_nothing),
        cmocka_unit_test(test_discards_that_leave_anything),
        cmocka_unit_test(test_more_of_the_mode_pages),
        cmocka_unit_test(test_physical_blocks),
        cmocka_unit_test(test_lists_of_luns),
        cmocka_unit_test(test_results_as_sense),
        cmocka_unit_test(test_which_byte_is_wrong),
        cmocka_unit_test(test_any_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
