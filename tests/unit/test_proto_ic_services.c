/* SPDX-License-Identifier: MIT */
/* Bodies of key/value pairs, backup and file copy: layouts by hand, limits on both sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/proto/file_copy.h>
#include <vmbus/proto/kvp.h>
#include <vmbus/proto/vss.h>

#include "proto_hex.h"

/* "Key" and "Val" in UTF-16, with terminator. */
#define KEY_BYTES "4b00 6500 7900 0000"
#define VAL_BYTES "5600 6100 6c00 0000"

/* A body of zeros with some places filled in. */
struct body {
    uint8_t bytes[8192];
};

static void put(struct body *body, uint32_t offset, const char *text)
{
    uint8_t bytes[64];
    uint32_t count = proto_hex(text, bytes);

    memcpy(body->bytes + offset, bytes, count);
}

static void expect_slice(struct vmb_slice slice, const char *text)
{
    uint8_t bytes[64];
    uint32_t count = proto_hex(text, bytes);

    assert_int_equal(slice.byte_count, count);
    if (count != 0) {
        assert_memory_equal(slice.bytes, bytes, count);
    }
}

/* What decoded must encode to the same bytes, no more, and not into less room. */
static void expect_item_encodes(const struct vmb_kvp_item *item, const struct body *expected,
                                uint32_t expected_bytes)
{
    struct body raw;
    uint32_t bytes = 0;

    memset(&raw, 0xa5, sizeof(raw));
    assert_int_equal(vmb_kvp_item_encode(item, raw.bytes, expected_bytes - 1, &bytes),
                     VMB_ERR_TOO_SMALL);
    assert_int_equal(bytes, expected_bytes);
    assert_int_equal(raw.bytes[0], 0xa5);
    assert_int_equal(vmb_kvp_item_encode(item, raw.bytes, expected_bytes, &bytes), VMB_OK);
    assert_int_equal(bytes, expected_bytes);
    assert_memory_equal(raw.bytes, expected->bytes, expected_bytes);
    assert_int_equal(raw.bytes[expected_bytes], 0xa5);
}

static void test_kvp_set_golden(void **state)
{
    struct body body = {{0}};
    struct vmb_kvp_item item;

    (void)state;
    put(&body, 0, "01 00 0000"); /* set, external pool */
    put(&body, 4, "01000000");   /* a string */
    put(&body, 8, "08000000");   /* key bytes */
    put(&body, 12, "08000000");  /* value bytes */
    put(&body, 16, KEY_BYTES);   /* key */
    put(&body, 528, VAL_BYTES);  /* value */
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 2576, false, &item), VMB_OK);
    assert_int_equal(item.operation, VMB_KVP_SET);
    assert_int_equal(item.pool, VMB_KVP_POOL_EXTERNAL);
    assert_int_equal(item.value_type, VMB_KVP_STRING);
    expect_slice(item.key, KEY_BYTES);
    expect_slice(item.value, VAL_BYTES);
    expect_item_encodes(&item, &body, 2576);
}

static void test_kvp_enumerate_golden(void **state)
{
    struct body body = {{0}};
    struct vmb_kvp_item item;

    (void)state;
    put(&body, 0, "03 02 0000"); /* enumerate, auto pool */
    put(&body, 4, "09000000");   /* index */
    put(&body, 8, "01000000");   /* a string */
    put(&body, 12, "08000000");  /* key bytes */
    put(&body, 16, "08000000");  /* value bytes */
    put(&body, 20, KEY_BYTES);   /* key */
    put(&body, 532, VAL_BYTES);  /* value */
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 2580, true, &item), VMB_OK);
    assert_int_equal(item.pool, VMB_KVP_POOL_AUTO);
    assert_int_equal(item.index, VMB_KVP_FACT_PROCESSOR);
    expect_slice(item.key, KEY_BYTES);
    expect_slice(item.value, VAL_BYTES);
    expect_item_encodes(&item, &body, 2580);
    put(&body, 12, "ffffffff ffffffff"); /* A request has an index only. */
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 8, false, &item), VMB_OK);
    assert_int_equal(item.index, 9);
    expect_slice(item.key, "");
}

static void test_kvp_delete_golden(void **state)
{
    struct body body = {{0}};
    struct vmb_kvp_item item;

    (void)state;
    put(&body, 0, "02 03 0000"); /* delete, automatic pool of the host */
    put(&body, 4, "08000000");   /* key bytes */
    put(&body, 8, KEY_BYTES);    /* key */
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 520, false, &item), VMB_OK);
    assert_int_equal(item.pool, VMB_KVP_POOL_AUTO_HOST);
    expect_slice(item.key, KEY_BYTES);
    expect_item_encodes(&item, &body, 520);
}

static void test_kvp_get_asks_with_a_key_and_answers_with_a_value(void **state)
{
    struct body body = {{0}};
    struct vmb_kvp_item item;

    (void)state;
    put(&body, 0, "00 01 0000");
    put(&body, 4, "0b000000");  /* a 64-bit number */
    put(&body, 8, "08000000");  /* key bytes */
    put(&body, 12, "ffffffff"); /* value bytes: junk in a request */
    put(&body, 16, KEY_BYTES);
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 2576, false, &item), VMB_OK);
    expect_slice(item.key, KEY_BYTES);
    expect_slice(item.value, "");
    assert_int_equal(item.value_type, 0);
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 2576, true, &item), VMB_ERR_MALFORMED);
    put(&body, 12, "08000000");
    put(&body, 528, "efcdab8967452301");
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 2576, true, &item), VMB_OK);
    assert_int_equal(item.value_type, VMB_KVP_U64);
    expect_slice(item.value, "efcdab8967452301");
    expect_item_encodes(&item, &body, 2576);
}

static void test_kvp_sizes_have_limits(void **state)
{
    struct body body = {{0}}, raw;
    struct vmb_kvp_item item;
    uint32_t bytes;

    (void)state;
    put(&body, 0, "01");
    put(&body, 8, "00020000 00080000"); /* 512 and 2048: as full as can be. */
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 2576, false, &item), VMB_OK);
    assert_int_equal(item.key.byte_count, 512);
    assert_int_equal(item.value.byte_count, 2048);
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 2575, false, &item), VMB_ERR_MALFORMED);
    put(&body, 8, "01020000 00080000");
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 4096, false, &item), VMB_ERR_MALFORMED);
    put(&body, 8, "00020000 01080000");
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 4096, false, &item), VMB_ERR_MALFORMED);
    put(&body, 0, "02");
    put(&body, 4, "01020000");
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 4096, false, &item), VMB_ERR_MALFORMED);
    put(&body, 4, "00020000");
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 519, false, &item), VMB_ERR_MALFORMED);
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 520, false, &item), VMB_OK);
    item.operation = VMB_KVP_SET;
    item.value = item.key;
    item.value.byte_count = 2048;
    item.key.byte_count = 512;
    assert_int_equal(vmb_kvp_item_encode(&item, raw.bytes, 2576, &bytes), VMB_OK);
    item.key.byte_count = 513;
    assert_int_equal(vmb_kvp_item_encode(&item, body.bytes, 8192, &bytes),
                     VMB_ERR_INVALID_ARGUMENT);
    item.key.byte_count = 0;
    item.value.byte_count = 2049;
    assert_int_equal(vmb_kvp_item_encode(&item, body.bytes, 8192, &bytes),
                     VMB_ERR_INVALID_ARGUMENT);
    item.value.byte_count = 0;
    item.operation = VMB_KVP_GET_IP;
    assert_int_equal(vmb_kvp_item_encode(&item, body.bytes, 8192, &bytes),
                     VMB_ERR_INVALID_ARGUMENT);
}

/* Every operation at every length: nothing accepted below what it needs. */
static void test_kvp_is_cut_short(void **state)
{
    static const struct {
        uint8_t operation;
        bool is_answer;
        uint32_t needed;
    } shapes[] = {{0, false, 16}, {0, true, 528}, {1, false, 528},
                  {2, false, 8},  {3, false, 8},  {3, true, 532}};
    struct body body = {{0}};
    struct vmb_kvp_item item;
    uint32_t length;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        body.bytes[0] = shapes[i].operation;
        for (length = 0; length < 600; length++) {
            assert_int_equal(vmb_kvp_item_decode(body.bytes, length, shapes[i].is_answer, &item),
                             length < shapes[i].needed ? VMB_ERR_MALFORMED : VMB_OK);
        }
    }
    body.bytes[0] = 4;
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 3, false, &item), VMB_ERR_MALFORMED);
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 4, false, &item), VMB_ERR_UNKNOWN);
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 4096, false, &item), VMB_ERR_UNKNOWN);
    body.bytes[0] = 255;
    assert_int_equal(vmb_kvp_item_decode(body.bytes, 4096, false, &item), VMB_ERR_UNKNOWN);
}

static void test_kvp_ip_golden(void **state)
{
    struct body body = {{0}}, raw;
    struct vmb_kvp_ip ip;

    (void)state;
    put(&body, 0, "05 00");       /* set IP */
    put(&body, 2, "6100");        /* adapter "a" */
    put(&body, 258, "03");        /* IPv4 and IPv6 */
    put(&body, 259, "01");        /* DHCP */
    put(&body, 260, "6200 6200"); /* addresses "bb" */
    put(&body, 2308, "6300");     /* subnets "c" */
    put(&body, 4356, "6400");     /* gateways "d" */
    put(&body, 5380, "6500");     /* DNS servers "e" */
    assert_int_equal(vmb_kvp_ip_decode(body.bytes, 7427, false, &ip), VMB_ERR_MALFORMED);
    assert_int_equal(vmb_kvp_ip_decode(body.bytes, 7428, false, &ip), VMB_OK);
    assert_int_equal(ip.operation, VMB_KVP_SET_IP);
    assert_int_equal(ip.family, 3);
    assert_true(ip.dhcp_enabled);
    expect_slice(ip.adapter_id, "6100");
    expect_slice(ip.addresses, "6200 6200");
    expect_slice(ip.subnets, "6300");
    expect_slice(ip.gateways, "6400");
    expect_slice(ip.dns_servers, "6500");
    memset(&raw, 0xa5, sizeof(raw));
    assert_int_equal(vmb_kvp_ip_encode(&ip, raw.bytes, 7427), VMB_ERR_TOO_SMALL);
    assert_int_equal(vmb_kvp_ip_encode(&ip, raw.bytes, 7428), VMB_OK);
    assert_memory_equal(raw.bytes, body.bytes, 7428);
    assert_int_equal(raw.bytes[7428], 0xa5);
    ip.gateways.byte_count = 1023;
    assert_int_equal(vmb_kvp_ip_encode(&ip, raw.bytes, 7428), VMB_ERR_INVALID_ARGUMENT);
    ip.gateways.byte_count = 1022;
    assert_int_equal(vmb_kvp_ip_encode(&ip, raw.bytes, 7428), VMB_OK);
    ip.adapter_id.byte_count = 255;
    assert_int_equal(vmb_kvp_ip_encode(&ip, raw.bytes, 7428), VMB_ERR_INVALID_ARGUMENT);
    ip.adapter_id.byte_count = 254;
    ip.dns_servers.byte_count = 2047;
    assert_int_equal(vmb_kvp_ip_encode(&ip, raw.bytes, 7428), VMB_ERR_INVALID_ARGUMENT);
}

static void test_kvp_ip_request_names_an_adapter_only(void **state)
{
    struct body body = {{0}};
    struct vmb_kvp_ip ip;

    (void)state;
    put(&body, 0, "04 00");
    memset(body.bytes + 2, 'x', 300); /* No terminator: as long as its field. */
    assert_int_equal(vmb_kvp_ip_decode(body.bytes, 257, false, &ip), VMB_ERR_MALFORMED);
    assert_int_equal(vmb_kvp_ip_decode(body.bytes, 258, false, &ip), VMB_OK);
    assert_int_equal(ip.adapter_id.byte_count, 256);
    assert_int_equal(ip.family, 0);
    assert_int_equal(ip.addresses.byte_count, 0);
    assert_int_equal(vmb_kvp_ip_decode(body.bytes, 258, true, &ip), VMB_ERR_MALFORMED);
    assert_int_equal(vmb_kvp_ip_decode(body.bytes, 3, false, &ip), VMB_ERR_MALFORMED);
    body.bytes[0] = 3;
    assert_int_equal(vmb_kvp_ip_decode(body.bytes, 4, false, &ip), VMB_ERR_UNKNOWN);
    assert_int_equal(vmb_kvp_ip_decode(body.bytes, 7428, false, &ip), VMB_ERR_UNKNOWN);
    ip.operation = 3;
    assert_int_equal(vmb_kvp_ip_encode(&ip, body.bytes, 7428), VMB_ERR_INVALID_ARGUMENT);
}

static void test_kvp_ip_texts_end_with_their_fields(void **state)
{
    struct body body = {{0}};
    struct vmb_kvp_ip ip;

    (void)state;
    memset(body.bytes, 'x', sizeof(body.bytes));
    body.bytes[0] = VMB_KVP_GET_IP;
    assert_int_equal(vmb_kvp_ip_decode(body.bytes, 7428, true, &ip), VMB_OK);
    assert_int_equal(ip.adapter_id.byte_count, 256);
    assert_int_equal(ip.addresses.byte_count, 2048);
    assert_int_equal(ip.subnets.byte_count, 2048);
    assert_int_equal(ip.gateways.byte_count, 1024);
    assert_int_equal(ip.dns_servers.byte_count, 2048);
    assert_ptr_equal((const uint8_t *)ip.dns_servers.bytes + 2048, body.bytes + 7428);
}

static void test_vss_golden(void **state)
{
    struct vmb_guid set;
    struct vmb_vss vss;
    uint8_t body[64], raw[64];
    uint32_t bytes, flags, backup_type, length;

    (void)state;
    assert_int_equal(proto_hex("00 00000000000000"                    /* 0: create */
                               "33221100 5544 7766 8899 aabbccddeeff" /* 8: set */
                               "05000000",                            /* 24: type */
                               body),
                     28);
    for (length = 0; length < 8; length++) {
        assert_int_equal(vmb_vss_decode(body, length, &vss), VMB_ERR_MALFORMED);
    }
    assert_int_equal(vmb_vss_decode(body, 8, &vss), VMB_OK);
    assert_int_equal(vss.data.byte_count, 0);
    vss.data.bytes = NULL; /* An operation alone. */
    memset(raw, 0xa5, sizeof(raw));
    assert_int_equal(vmb_vss_encode(&vss, raw, 8, &bytes), VMB_OK);
    assert_int_equal(bytes, 8);
    assert_memory_equal(raw, body, 8);
    assert_int_equal(raw[8], 0xa5);
    assert_int_equal(vmb_vss_decode(body, 28, &vss), VMB_OK);
    assert_int_equal(vss.operation, VMB_VSS_CREATE);
    assert_int_equal(vss.data.byte_count, 20);
    assert_int_equal(vmb_vss_snapshot_decode(&vss, &set, &backup_type), VMB_OK);
    assert_memory_equal(set.bytes, body + 8, 16);
    assert_int_equal(backup_type, 5);
    memset(raw, 0xa5, sizeof(raw));
    assert_int_equal(vmb_vss_encode(&vss, raw, 27, &bytes), VMB_ERR_TOO_SMALL);
    assert_int_equal(bytes, 28);
    assert_int_equal(vmb_vss_encode(&vss, raw, 28, &bytes), VMB_OK);
    assert_memory_equal(raw, body, 28);
    assert_int_equal(raw[28], 0xa5);
    assert_int_equal(vmb_vss_decode(body, 27, &vss), VMB_OK);
    assert_int_equal(vmb_vss_snapshot_decode(&vss, &set, &backup_type), VMB_OK);
    assert_int_equal(backup_type, 0);
    assert_int_equal(vmb_vss_decode(body, 23, &vss), VMB_OK);
    assert_int_equal(vmb_vss_snapshot_decode(&vss, &set, &backup_type), VMB_ERR_MALFORMED);

    assert_int_equal(proto_hex("02 00000000000000 05000000", body), VMB_VSS_FLAGS_BYTES);
    memset(raw, 0xa5, sizeof(raw));
    vmb_vss_flags_encode(VMB_VSS_HOT_BACKUP, VMB_VSS_NO_AUTO_RECOVERY, raw);
    assert_memory_equal(raw, body, 12);
    assert_int_equal(raw[12], 0xa5);
    assert_int_equal(vmb_vss_decode(body, 12, &vss), VMB_OK);
    assert_int_equal(vmb_vss_flags_decode(&vss, &flags), VMB_OK);
    assert_int_equal(flags, 5);
    assert_int_equal(vmb_vss_decode(body, 11, &vss), VMB_OK);
    assert_int_equal(vmb_vss_flags_decode(&vss, &flags), VMB_ERR_MALFORMED);
    vss.data.byte_count = VMB_IC_MAX_BYTES;
    assert_int_equal(vmb_vss_encode(&vss, raw, sizeof(raw), &bytes), VMB_ERR_INVALID_ARGUMENT);
}

static void test_file_copy_start_golden(void **state)
{
    struct body body = {{0}}, raw;
    struct vmb_file_copy copy;
    uint32_t bytes, length;

    (void)state;
    put(&body, 0, "00000000");            /* start */
    put(&body, 36, "6100 6200");          /* name "ab" */
    put(&body, 556, "2f00");              /* path "/" */
    put(&body, 1076, "03000000");         /* overwrite, create path */
    put(&body, 1080, "efcdab8967452301"); /* file size */
    for (length = 0; length < 1088; length++) {
        assert_int_equal(vmb_file_copy_decode(body.bytes, length, &copy), VMB_ERR_MALFORMED);
    }
    assert_int_equal(vmb_file_copy_decode(body.bytes, 1088, &copy), VMB_OK);
    expect_slice(copy.name, "6100 6200");
    expect_slice(copy.path, "2f00");
    assert_int_equal(copy.flags, VMB_FILE_COPY_OVERWRITE | VMB_FILE_COPY_CREATE_PATH);
    assert_true(copy.file_bytes == 0x0123456789abcdefu);
    memset(&raw, 0xa5, sizeof(raw));
    assert_int_equal(vmb_file_copy_encode(&copy, raw.bytes, 1087, &bytes), VMB_ERR_TOO_SMALL);
    assert_int_equal(bytes, 1088);
    assert_int_equal(vmb_file_copy_encode(&copy, raw.bytes, 1088, &bytes), VMB_OK);
    assert_memory_equal(raw.bytes, body.bytes, 1088);
    assert_int_equal(raw.bytes[1088], 0xa5);
    copy.name.byte_count = 519;
    assert_int_equal(vmb_file_copy_encode(&copy, raw.bytes, 8192, &bytes),
                     VMB_ERR_INVALID_ARGUMENT);
    copy.name.byte_count = 518;
    copy.path.byte_count = 519;
    assert_int_equal(vmb_file_copy_encode(&copy, raw.bytes, 8192, &bytes),
                     VMB_ERR_INVALID_ARGUMENT);
    memset(body.bytes + 36, 'x', 1040); /* No terminators: as long as their fields. */
    assert_int_equal(vmb_file_copy_decode(body.bytes, 1088, &copy), VMB_OK);
    assert_int_equal(copy.name.byte_count, 520);
    assert_int_equal(copy.path.byte_count, 520);
}

static void test_file_copy_write_golden(void **state)
{
    struct body body = {{0}}, raw;
    struct vmb_file_copy copy;
    uint32_t bytes;

    (void)state;
    put(&body, 0, "01000000");          /* write */
    put(&body, 40, "0010000000000000"); /* offset */
    put(&body, 48, "03000000");         /* bytes */
    put(&body, 52, "112233");           /* data */
    assert_int_equal(vmb_file_copy_decode(body.bytes, 54, &copy), VMB_ERR_MALFORMED);
    assert_int_equal(vmb_file_copy_decode(body.bytes, 51, &copy), VMB_ERR_MALFORMED);
    assert_int_equal(vmb_file_copy_decode(body.bytes, 55, &copy), VMB_OK);
    assert_int_equal(copy.file_offset, 4096);
    expect_slice(copy.data, "112233");
    memset(&raw, 0xa5, sizeof(raw));
    assert_int_equal(vmb_file_copy_encode(&copy, raw.bytes, 55, &bytes), VMB_OK);
    assert_int_equal(bytes, 55);
    assert_memory_equal(raw.bytes, body.bytes, 55);
    assert_int_equal(raw.bytes[55], 0xa5);
    put(&body, 48, "00000000"); /* Nothing at all. */
    assert_int_equal(vmb_file_copy_decode(body.bytes, 51, &copy), VMB_ERR_MALFORMED);
    assert_int_equal(vmb_file_copy_decode(body.bytes, 52, &copy), VMB_OK);
    assert_int_equal(copy.data.byte_count, 0);
    copy.data.bytes = NULL;
    memset(&raw, 0xa5, sizeof(raw));
    assert_int_equal(vmb_file_copy_encode(&copy, raw.bytes, 52, &bytes), VMB_OK);
    assert_int_equal(bytes, 52);
    assert_memory_equal(raw.bytes, body.bytes, 52);
    put(&body, 48, "00180000"); /* 6144: as much as can be. */
    assert_int_equal(vmb_file_copy_decode(body.bytes, 6196, &copy), VMB_OK);
    assert_int_equal(vmb_file_copy_encode(&copy, raw.bytes, 6196, &bytes), VMB_OK);
    assert_int_equal(bytes, VMB_FILE_COPY_BODY_BYTES_MAX);
    assert_int_equal(vmb_file_copy_decode(body.bytes, 6195, &copy), VMB_ERR_MALFORMED);
    put(&body, 48, "01180000");
    assert_int_equal(vmb_file_copy_decode(body.bytes, 8192, &copy), VMB_ERR_MALFORMED);
    put(&body, 40, "feffffffffffffff"); /* The end of the data would lie beyond 64 bits. */
    put(&body, 48, "02000000");
    assert_int_equal(vmb_file_copy_decode(body.bytes, 8192, &copy), VMB_ERR_MALFORMED);
    put(&body, 48, "01000000");
    assert_int_equal(vmb_file_copy_decode(body.bytes, 8192, &copy), VMB_OK);
    copy.data.byte_count = 6145;
    assert_int_equal(vmb_file_copy_encode(&copy, raw.bytes, 8192, &bytes),
                     VMB_ERR_INVALID_ARGUMENT);
}

static void test_file_copy_end_golden(void **state)
{
    struct body body = {{0}}, raw;
    struct vmb_file_copy copy;
    uint32_t bytes;

    (void)state;
    put(&body, 0, "03000000"); /* cancel */
    assert_int_equal(vmb_file_copy_decode(body.bytes, 35, &copy), VMB_ERR_MALFORMED);
    assert_int_equal(vmb_file_copy_decode(body.bytes, 36, &copy), VMB_OK);
    assert_int_equal(copy.operation, VMB_FILE_COPY_CANCEL);
    assert_int_equal(vmb_file_copy_encode(&copy, raw.bytes, 36, &bytes), VMB_OK);
    assert_memory_equal(raw.bytes, body.bytes, 36);
    copy.operation = VMB_FILE_COPY_COMPLETE;
    assert_int_equal(vmb_file_copy_encode(&copy, raw.bytes, 36, &bytes), VMB_OK);
    put(&body, 0, "04000000");
    assert_int_equal(vmb_file_copy_decode(body.bytes, 36, &copy), VMB_ERR_UNKNOWN);
    copy.operation = 4;
    assert_int_equal(vmb_file_copy_encode(&copy, raw.bytes, 36, &bytes), VMB_ERR_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kvp_set_golden),
        cmocka_unit_test(test_kvp_enumerate_golden),
        cmocka_unit_test(test_kvp_delete_golden),
        cmocka_unit_test(test_kvp_get_asks_with_a_key_and_answers_with_a_value),
        cmocka_unit_test(test_kvp_sizes_have_limits),
        cmocka_unit_test(test_kvp_is_cut_short),
        cmocka_unit_test(test_kvp_ip_golden),
        cmocka_unit_test(test_kvp_ip_request_names_an_adapter_only),
        cmocka_unit_test(test_kvp_ip_texts_end_with_their_fields),
        cmocka_unit_test(test_vss_golden),
        cmocka_unit_test(test_file_copy_start_golden),
        cmocka_unit_test(test_file_copy_write_golden),
        cmocka_unit_test(test_file_copy_end_golden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
