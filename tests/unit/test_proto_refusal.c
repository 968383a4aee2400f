/* SPDX-License-Identifier: MIT */
/*
 * Which message exists when: the protocol's table of first versions and features against every
 * version, feature, direction and length. And what encoding refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/proto/message.h>

#define GUEST VMB_GUEST_TO_HOST
#define HOST  VMB_HOST_TO_GUEST
#define V(x)  VMB_VERSION_##x

struct rule {
    uint32_t number;
    enum vmb_message_direction sender;
    uint32_t first;
    uint32_t feature;
    uint32_t minimum; /* In the first version, with that feature only. */
};

/* The protocol's message number table, once more and by hand. */
static const struct rule rules[] = {
    {1, HOST, V(0_13), 0, 190},    {2, HOST, V(0_13), 0, 12},    {3, GUEST, V(0_13), 0, 8},
    {4, HOST, V(0_13), 0, 8},      {5, GUEST, V(0_13), 0, 148},  {6, HOST, V(0_13), 0, 20},
    {7, GUEST, V(0_13), 0, 12},    {8, GUEST, V(0_13), 0, 20},   {9, GUEST, V(0_13), 0, 16},
    {10, HOST, V(0_13), 0, 20},    {11, GUEST, V(0_13), 0, 16},  {12, HOST, V(0_13), 0, 12},
    {13, GUEST, V(0_13), 0, 12},   {14, GUEST, 0, 0, 40},        {15, HOST, 0, 0, 16},
    {16, GUEST, V(0_13), 0, 8},    {17, HOST, V(1_1), 0, 8},     {18, GUEST, V(4_0), 0, 28},
    {19, GUEST, 0, 0, 20},         {20, HOST, V(4_0), 0, 12},    {21, GUEST, V(4_0), 0, 40},
    {22, GUEST, V(4_1), 0, 16},    {23, HOST, V(4_1), 0, 44},    {24, HOST, V(5_3), 0, 16},
    {25, GUEST, V(6_0), 0x04, 24}, {26, HOST, V(6_0), 0x04, 9},  {27, GUEST, V(6_0), 0x20, 8},
    {28, HOST, V(6_0), 0x20, 8},   {29, GUEST, V(6_0), 0x20, 8},
};

#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

/* Nothing negotiated, each version, and one that nobody knows. */
static const uint32_t versions[] = {
    0,      V(0_13), V(1_1), V(2_4), V(3_0), V(4_0),  V(4_1),
    V(5_0), V(5_1),  V(5_2), V(5_3), V(6_0), 0x70001,
};

#define VERSION_COUNT (sizeof(versions) / sizeof(versions[0]))

static bool rule_allows(const struct rule *rule, uint32_t version, uint32_t features)
{
    return version >= rule->first && (rule->feature == 0 || (rule->feature & features) != 0);
}

/* A message of 240 bytes: zeros behind its number. */
static vmb_status decode_blank(uint32_t number, enum vmb_message_direction direction,
                               uint32_t version, uint32_t features)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES] = {(uint8_t)number, (uint8_t)(number >> 8)};
    struct vmb_message message;

    return vmb_message_decode(bytes, sizeof(bytes), direction, version, features, &message);
}

static void check_rule(const struct rule *rule, uint32_t version, uint32_t features)
{
    bool allowed = rule_allows(rule, version, features);
    struct vmb_message message = {.number = rule->number};
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t byte_count = 0;

    assert_int_equal(decode_blank(rule->number, rule->sender, version, features),
                     allowed ? VMB_OK : VMB_ERR_UNKNOWN);
    assert_int_equal(
        decode_blank(rule->number, rule->sender == GUEST ? HOST : GUEST, version, features),
        VMB_ERR_UNKNOWN);
    assert_int_equal(
        vmb_message_encode(&message, version, features, bytes, sizeof(bytes), &byte_count),
        allowed ? VMB_OK : VMB_ERR_VERSION);
    if (allowed) {
        assert_true(vmb_message_minimum_bytes(rule->number, version, features) >= rule->minimum);
    } else {
        assert_int_equal(vmb_message_minimum_bytes(rule->number, version, features), 0);
    }
}

static void test_message_exists_from_its_first_version(void **state)
{
    size_t rule, version;
    uint32_t features;

    (void)state;
    for (rule = 0; rule < RULE_COUNT; rule++) {
        for (version = 0; version < VERSION_COUNT; version++) {
            for (features = 0; features <= VMB_FEATURE_ALL; features++) {
                check_rule(&rules[rule], versions[version], features);
            }
        }
    }
}

static void test_smallest_form_is_that_of_the_table(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < RULE_COUNT; i++) {
        assert_int_equal(
            vmb_message_minimum_bytes(rules[i].number, rules[i].first, rules[i].feature),
            rules[i].minimum);
        assert_int_equal(vmb_message_sender(rules[i].number), rules[i].sender);
    }
}

static void test_smallest_form_grows_with_version_and_features(void **state)
{
    (void)state;
    assert_int_equal(vmb_message_minimum_bytes(VMB_MSG_OFFER_CHANNEL, V(1_1), 0), 196);
    assert_int_equal(vmb_message_minimum_bytes(VMB_MSG_OPEN_CHANNEL, V(6_0), 0x01), 156);
    assert_int_equal(vmb_message_minimum_bytes(VMB_MSG_OPEN_CHANNEL, V(6_0), 0x02), 156);
    assert_int_equal(vmb_message_minimum_bytes(VMB_MSG_OPEN_CHANNEL, V(6_0), 0xfc), 148);
    assert_int_equal(vmb_message_minimum_bytes(VMB_MSG_OPEN_CHANNEL, V(5_3), 0x03), 148);
    assert_int_equal(vmb_message_minimum_bytes(VMB_MSG_INITIATE_CONTACT, V(6_0), 0x08), 56);
    assert_int_equal(vmb_message_minimum_bytes(VMB_MSG_INITIATE_CONTACT, V(5_3), 0x08), 40);
    assert_int_equal(vmb_message_minimum_bytes(VMB_MSG_INITIATE_CONTACT, 0x70000, 0x08), 40);
    assert_int_equal(vmb_message_minimum_bytes(VMB_MSG_OFFER_CHANNEL, 0x70000, 0), 196);
    assert_int_equal(vmb_message_minimum_bytes(VMB_MSG_VERSION_RESPONSE, V(6_0), 0xff), 16);
    assert_int_equal(vmb_message_minimum_bytes(VMB_MSG_TL_CONNECT_REQUEST, V(5_2), 0), 40);
}

static void test_no_such_number(void **state)
{
    static const uint32_t numbers[] = {0, 30, 31, 255, 256 + 1, 0x80000001, UINT32_MAX};
    struct vmb_message message;
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES] = {0};
    uint32_t byte_count;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        memset(&message, 0, sizeof(message));
        message.number = numbers[i];
        assert_int_equal(vmb_message_encode(&message, V(6_0), VMB_FEATURE_ALL, bytes, sizeof(bytes),
                                            &byte_count),
                         VMB_ERR_INVALID_ARGUMENT);
        bytes[0] = (uint8_t)numbers[i];
        bytes[1] = (uint8_t)(numbers[i] >> 8);
        bytes[2] = (uint8_t)(numbers[i] >> 16);
        bytes[3] = (uint8_t)(numbers[i] >> 24);
        assert_int_equal(
            vmb_message_decode(bytes, sizeof(bytes), GUEST, V(6_0), VMB_FEATURE_ALL, &message),
            VMB_ERR_UNKNOWN);
        assert_int_equal(message.number, numbers[i]);
        assert_int_equal(vmb_message_minimum_bytes(numbers[i], V(6_0), VMB_FEATURE_ALL), 0);
        assert_string_equal(vmb_message_name(numbers[i]), "?");
        assert_int_equal(vmb_message_sender(numbers[i]), 0);
    }
}

static void test_refused_message_leaves_its_number_only(void **state)
{
    const struct vmb_message blank = {.number = 0};
    struct vmb_message message;
    uint8_t bytes[12] = {VMB_MSG_OPEN_RESULT, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4};

    (void)state;
    memset(&message, 0xff, sizeof(message));
    assert_int_equal(vmb_message_decode(bytes, sizeof(bytes), HOST, V(4_0), 0, &message),
                     VMB_ERR_MALFORMED);
    assert_int_equal(message.number, VMB_MSG_OPEN_RESULT);
    assert_memory_equal(&message.u, &blank.u, sizeof(message.u));
    memset(&message, 0xff, sizeof(message));
    assert_int_equal(vmb_message_decode(bytes, 7, HOST, V(4_0), 0, &message), VMB_ERR_MALFORMED);
    assert_int_equal(message.number, 0);
}

/* Found by fuzzing: with a version above all, no field was there and none was looked for. */
static void test_version_above_all_is_the_newest(void **state)
{
    static const uint32_t above[] = {VMB_VERSION_NEWEST + 1u, 0x00070000u, UINT32_MAX};
    uint8_t bytes[VMB_MESSAGE_HEADER_BYTES] = {VMB_MSG_GPADL_BODY};
    struct vmb_message message;
    uint32_t number;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(above) / sizeof(above[0]); i++) {
        assert_int_equal(
            vmb_message_decode(bytes, sizeof(bytes), VMB_GUEST_TO_HOST, above[i], 0, &message),
            VMB_ERR_MALFORMED);
        for (number = 1; number <= VMB_MSG_LAST; number++) {
            if (number == VMB_MSG_INITIATE_CONTACT) {
                continue; /* Chooses its own form. */
            }
            assert_int_equal(vmb_message_minimum_bytes(number, above[i], VMB_FEATURE_ALL),
                             vmb_message_minimum_bytes(number, V(6_0), VMB_FEATURE_ALL));
        }
    }
}

static void test_too_many_words_are_our_fault(void **state)
{
    struct vmb_message message = {.number = VMB_MSG_GPADL_HEADER};
    uint8_t bytes[512];
    uint32_t byte_count;

    (void)state;
    message.u.gpadl_header.range_word_count = VMB_GPADL_HEADER_WORDS + 1;
    assert_int_equal(vmb_message_encode(&message, V(4_0), 0, bytes, sizeof(bytes), &byte_count),
                     VMB_ERR_INVALID_ARGUMENT);
    message.u.gpadl_header.range_word_count = UINT32_MAX;
    assert_int_equal(vmb_message_encode(&message, V(4_0), 0, bytes, sizeof(bytes), &byte_count),
                     VMB_ERR_INVALID_ARGUMENT);
    memset(&message, 0, sizeof(message));
    message.number = VMB_MSG_GPADL_BODY;
    message.u.gpadl_body.range_word_count = VMB_GPADL_BODY_WORDS + 1;
    assert_int_equal(vmb_message_encode(&message, V(4_0), 0, bytes, sizeof(bytes), &byte_count),
                     VMB_ERR_INVALID_ARGUMENT);
}

static void test_every_form_fits_a_message(void **state)
{
    size_t rule, version;
    uint32_t features, byte_count;
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];

    (void)state;
    for (rule = 0; rule < RULE_COUNT; rule++) {
        for (version = 0; version < VERSION_COUNT; version++) {
            for (features = 0; features <= VMB_FEATURE_ALL; features++) {
                struct vmb_message message = {.number = rules[rule].number};

                if (message.number == VMB_MSG_GPADL_HEADER) {
                    message.u.gpadl_header.range_word_count = VMB_GPADL_HEADER_WORDS;
                } else if (message.number == VMB_MSG_GPADL_BODY) {
                    message.u.gpadl_body.range_word_count = VMB_GPADL_BODY_WORDS;
                }
                assert_int_not_equal(vmb_message_encode(&message, versions[version], features,
                                                        bytes, sizeof(bytes), &byte_count),
                                     VMB_ERR_TOO_SMALL);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_exists_from_its_first_version),
        cmocka_unit_test(test_smallest_form_is_that_of_the_table),
        cmocka_unit_test(test_smallest_form_grows_with_version_and_features),
        cmocka_unit_test(test_no_such_number),
        cmocka_unit_test(test_refused_message_leaves_its_number_only),
        cmocka_unit_test(test_version_above_all_is_the_newest),
        cmocka_unit_test(test_too_many_words_are_our_fault),
        cmocka_unit_test(test_every_form_fits_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
