/* SPDX-License-Identifier: MIT */
/* Versions, features, GUIDs and classes by number and by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/proto/guid.h>
#include <vmbus/proto/version.h>

#include "proto_hex.h"

static void test_versions_go_down(void **state)
{
    static const char *const names[] = {"6.0", "5.3", "5.2", "5.1", "5.0", "4.1",
                                        "4.0", "3.0", "2.4", "1.1", "0.13"};
    static const uint32_t numbers[] = {0x60000, 0x50003, 0x50002, 0x50001, 0x50000, 0x40001,
                                       0x40000, 0x30000, 0x20004, 0x10001, 13};
    uint32_t version = UINT32_MAX;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        version = vmb_version_next_lower(version);
        assert_int_equal(version, numbers[i]);
        assert_true(vmb_version_known(version));
        assert_string_equal(vmb_version_name(version), names[i]);
    }
    assert_int_equal(vmb_version_next_lower(version), VMB_VERSION_NONE);
    assert_int_equal(vmb_version_next_lower(VMB_VERSION_NONE), VMB_VERSION_NONE);
    assert_int_equal(vmb_version_next_lower(0x50004), 0x50003);
    assert_int_equal(VMB_VERSION_MAJOR(VMB_VERSION_5_3), 5);
    assert_int_equal(VMB_VERSION_MINOR(VMB_VERSION_5_3), 3);
}

static void test_versions_that_are_none(void **state)
{
    (void)state;
    assert_false(vmb_version_known(VMB_VERSION_NONE));
    assert_false(vmb_version_known(0x50004));
    assert_false(vmb_version_known(UINT32_MAX));
    assert_string_equal(vmb_version_name(0x50004), "?");
}

static void test_features(void **state)
{
    (void)state;
    assert_string_equal(vmb_feature_name(0x01), "signal-parameters");
    assert_string_equal(vmb_feature_name(0x02), "interrupt-redirect");
    assert_string_equal(vmb_feature_name(0x04), "modify-connection");
    assert_string_equal(vmb_feature_name(0x08), "client-id");
    assert_string_equal(vmb_feature_name(0x10), "confidential");
    assert_string_equal(vmb_feature_name(0x20), "pause-resume");
    assert_string_equal(vmb_feature_name(0x40), "host-monitor-pages");
    assert_string_equal(vmb_feature_name(0x80), "pinning");
    assert_string_equal(vmb_feature_name(0x100), "?");
    assert_string_equal(vmb_feature_name(0x80000000), "?");
    assert_string_equal(vmb_feature_name(0x03), "?");
    assert_string_equal(vmb_feature_name(0), "?");
}

static void test_guid_text_is_mixed_endian(void **state)
{
    static const struct vmb_guid network = VMB_GUID_NETWORK;
    struct vmb_guid guid;
    uint8_t expected[16];
    char text[VMB_GUID_TEXT_BYTES];

    (void)state;
    (void)proto_hex("635161f8 3edf c546 913f f2d2f965ed0e", expected);
    assert_memory_equal(network.bytes, expected, 16);
    assert_int_equal(vmb_guid_parse("f8615163-df3e-46c5-913f-f2d2f965ed0e", &guid), VMB_OK);
    assert_memory_equal(guid.bytes, expected, 16);
    assert_int_equal(vmb_guid_parse("{F8615163-DF3E-46C5-913F-F2D2F965ED0E}", &guid), VMB_OK);
    assert_true(vmb_guid_equal(&guid, &network));
    vmb_guid_format(&guid, text);
    assert_string_equal(text, "f8615163-df3e-46c5-913f-f2d2f965ed0e");
}

static void test_guid_text_that_is_none(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "{}",
        "f8615163-df3e-46c5-913f-f2d2f965ed0",
        "f8615163-df3e-46c5-913f-f2d2f965ed0e0",
        "f8615163-df3e-46c5-913f-f2d2f965ed0e}",
        "{f8615163-df3e-46c5-913f-f2d2f965ed0e",
        "{f8615163-df3e-46c5-913f-f2d2f965ed0e} ",
        "f8615163df3e46c5913ff2d2f965ed0e",
        "f8615163-df3e-46c5-913ff-2d2f965ed0e",
        "g8615163-df3e-46c5-913f-f2d2f965ed0e",
        "fg615163-df3e-46c5-913f-f2d2f965ed0e",
        " f8615163-df3e-46c5-913f-f2d2f965ed0e",
    };
    struct vmb_guid guid;
    size_t i;

    (void)state;
    memset(&guid, 0xa5, sizeof(guid));
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(vmb_guid_parse(texts[i], &guid), VMB_ERR_INVALID_ARGUMENT);
    }
    assert_int_equal(guid.bytes[0], 0xa5);
}

/* Each prefix of a GUID's text, in an array that ends with it. */
static void test_guid_text_is_not_read_beyond_its_end(void **state)
{
    static const char whole[] = "{f8615163-df3e-46c5-913f-f2d2f965ed0e}";
    struct vmb_guid guid;
    size_t length;

    (void)state;
    for (length = 0; length + 1 < sizeof(whole); length++) {
        char text[sizeof(whole)];

        memset(text, '0', sizeof(text));
        memcpy(text, whole, length);
        text[length] = '\0';
        assert_int_equal(vmb_guid_parse(text, &guid), VMB_ERR_INVALID_ARGUMENT);
    }
}

static void test_class_names(void **state)
{
    static const struct {
        const char *guid;
        const char *name;
    } classes[] = {
        {"f8615163-df3e-46c5-913f-f2d2f965ed0e", "network"},
        {"ba6163d9-04a1-4d29-b605-72e2ffb1dc7f", "scsi"},
        {"32412632-86cb-44a2-9b5c-50d1417354f5", "ide"},
        {"2f9bcc4a-0069-4af3-b76b-6fd0be528cda", "fibre-channel"},
        {"44c4f61d-4444-4400-9d52-802e27ede19f", "pci"},
        {"8c2eaf3d-32a7-4b09-ab99-bd1f1c86b501", "network-direct"},
        {"da0a7802-e377-4aac-8e77-0558eb1073f8", "video"},
        {"f912ad6d-2b17-48ea-bd65-f927a61c7684", "keyboard"},
        {"cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a", "mouse"},
        {"0e0b6031-5213-4934-818b-38d90ced39db", "shutdown"},
        {"9527e630-d0ae-497b-adce-e80ab0175caf", "timesync"},
        {"57164f39-9115-4e78-ab55-382f3bd5422d", "heartbeat"},
        {"a9a0f4e7-5a45-4d96-b827-8a841e8c03e6", "kvp"},
        {"35fa2e29-ea23-4236-96ae-3a6ebacba440", "vss"},
        {"34d14be3-dee4-41c8-9ae7-6b174977c192", "file-copy"},
        {"525074dc-8985-46e2-8057-a307dc18a502", "balloon"},
        {"276aacf4-ac15-426c-98dd-7521ad3f01fe", "remote-desktop"},
        {"f8e65716-3cb3-4a06-9a60-1889c5cccab5", "activation"},
        {"3375baf4-9e15-4b30-b765-67acb10d607b", "activation-2"},
        {"c376c1c3-d276-48d2-90a9-c04748072c60", "machine-config"},
        {"8b60ccf6-709f-4c11-90b5-229c959a9e6a", "serial"},
        {"8dedd1aa-9056-49e4-bfd6-1bf90dc38ef0", "emulation"},
        {"aa5de534-d149-487a-9053-05972ba20a7c", "emulation-log"},
        {"427b03e7-4ceb-4286-b5fc-486f4a1dd439", "crash-dump"},
        {"ffa09cd8-af47-45d6-9117-fb4bfba71885", "libvmbus traffic"},
        {"00001389-facb-11e6-bd58-64006a7986d3", "hv_sock"},
        {"628180b8-308d-4c5e-b7db-1beb62e62ef4", "unknown"},
    };
    struct vmb_guid guid;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        assert_int_equal(vmb_guid_parse(classes[i].guid, &guid), VMB_OK);
        assert_string_equal(vmb_class_name(&guid), classes[i].name);
    }
}

static void test_class_to_guid_and_back(void **state)
{
    uint32_t number;

    (void)state;
    for (number = 1; number < (uint32_t)VMB_CLASS_HVSOCK; number++) {
        const struct vmb_guid *guid = vmb_class_guid((enum vmb_class)number);

        assert_non_null(guid);
        assert_int_equal(vmb_class_of(guid), number);
    }
    assert_null(vmb_class_guid(VMB_CLASS_UNKNOWN));
    assert_null(vmb_class_guid(VMB_CLASS_HVSOCK));
    assert_int_equal(vmb_class_traits(VMB_CLASS_UNKNOWN), 0);
    assert_int_equal(vmb_class_traits((enum vmb_class)1000), 0);
    assert_int_equal(vmb_class_traits(VMB_CLASS_HVSOCK), VMB_CLASS_TRAIT_PIPE);
    assert_int_equal(vmb_class_traits(VMB_CLASS_NETWORK), VMB_CLASS_TRAIT_SPREADS);
    assert_int_equal(vmb_class_traits(VMB_CLASS_HEARTBEAT), VMB_CLASS_TRAIT_PIPE);
    assert_int_equal(vmb_class_traits(VMB_CLASS_KEYBOARD), 0);
}

static void test_hvsock_ports(void **state)
{
    static const struct vmb_guid network = VMB_GUID_NETWORK;
    struct vmb_guid guid, expected;
    uint32_t port = 0;

    (void)state;
    vmb_guid_from_hvsock(0x12345678, &guid);
    assert_int_equal(vmb_guid_parse("12345678-facb-11e6-bd58-64006a7986d3", &expected), VMB_OK);
    assert_true(vmb_guid_equal(&guid, &expected));
    assert_true(vmb_guid_is_hvsock(&guid, &port));
    assert_int_equal(port, 0x12345678);
    assert_true(vmb_guid_is_hvsock(&guid, NULL));
    guid.bytes[15] ^= 1;
    assert_false(vmb_guid_is_hvsock(&guid, &port));
    assert_false(vmb_guid_is_hvsock(&network, &port));
}

static void test_zero_guid(void **state)
{
    struct vmb_guid guid = {{0}};
    uint32_t i;

    (void)state;
    assert_true(vmb_guid_is_zero(&guid));
    for (i = 0; i < 16; i++) {
        guid.bytes[i] = 1;
        assert_false(vmb_guid_is_zero(&guid));
        guid.bytes[i] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions_go_down),
        cmocka_unit_test(test_versions_that_are_none),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_guid_text_is_mixed_endian),
        cmocka_unit_test(test_guid_text_that_is_none),
        cmocka_unit_test(test_guid_text_is_not_read_beyond_its_end),
        cmocka_unit_test(test_class_names),
        cmocka_unit_test(test_class_to_guid_and_back),
        cmocka_unit_test(test_hvsock_ports),
        cmocka_unit_test(test_zero_guid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
