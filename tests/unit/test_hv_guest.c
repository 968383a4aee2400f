/* SPDX-License-Identifier: MIT */
/* What a guest reads and writes: CPUID leaves, hypercalls, registers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/hv.h>

/* The leaves of a current host, for a guest that may do everything. */
static struct vmb_hv_cpuid good_leaves(void)
{
    struct vmb_hv_cpuid leaves = {
        .processor = {.ecx = 1u << 31},
        .vendor = {0x4000000C, 0x7263694D, 0x666F736F, 0x76482074},
        .interface = {.eax = 0x31237648},
        .version = {26100, 10u << 16 | 3, 7, 5u << 24 | 1742},
        .features = {.eax = 1u << 2 | 1u << 5 | 1u << 6, .ebx = 1u << 4 | 1u << 5, .edx = 1u << 17},
        .recommendations = {.eax = 1u << 9},
    };

    return leaves;
}

static void test_features_of_a_good_host(void **state)
{
    struct vmb_hv_cpuid leaves = good_leaves();
    struct vmb_hv_features features;

    (void)state;
    assert_int_equal(vmb_hv_features_decode(&leaves, &features), VMB_OK);
    assert_int_equal(features.missing, 0);
    assert_int_equal(features.build, 26100);
    assert_int_equal(features.major, 10);
    assert_int_equal(features.minor, 3);
    assert_int_equal(features.service_pack, 7);
    assert_int_equal(features.service_branch, 5);
    assert_int_equal(features.service_number, 1742);
    assert_true((features.features & VMB_HV_FEATURE_SINT_POLLING) != 0);
    assert_false(features.use_auto_eoi);
    leaves.recommendations.eax = 0;
    assert_int_equal(vmb_hv_features_decode(&leaves, &features), VMB_OK);
    assert_true(features.use_auto_eoi);
    leaves.vendor.eax = 0x40000105; /* The block lies higher: another interface comes first. */
    assert_int_equal(vmb_hv_features_decode(&leaves, &features), VMB_OK);
}

static void test_features_say_what_hypervisor_is_missing(void **state)
{
    struct vmb_hv_features features;
    struct vmb_hv_cpuid leaves = good_leaves();

    (void)state;
    leaves.processor.ecx = 0x7FFFFFFF;
    assert_int_equal(vmb_hv_features_decode(&leaves, &features), VMB_ERR_UNSUPPORTED);
    assert_int_equal(features.missing, VMB_HV_MISSING_HYPERVISOR);
    leaves = good_leaves();
    leaves.vendor.ecx = 0x4D564B4B;
    assert_int_equal(vmb_hv_features_decode(&leaves, &features), VMB_ERR_UNSUPPORTED);
    assert_int_equal(features.missing, VMB_HV_MISSING_VENDOR);
    leaves = good_leaves();
    leaves.interface.eax = 0;
    assert_int_equal(vmb_hv_features_decode(&leaves, &features), VMB_ERR_UNSUPPORTED);
    assert_int_equal(features.missing, VMB_HV_MISSING_INTERFACE);
    leaves = good_leaves();
    leaves.vendor.eax = 0x40000004;
    assert_int_equal(vmb_hv_features_decode(&leaves, &features), VMB_ERR_UNSUPPORTED);
    assert_int_equal(features.missing, VMB_HV_MISSING_LEAVES);
    assert_true(features.privileges == 0);
}

static void test_features_say_which_privilege_is_missing(void **state)
{
    static const struct {
        bool high;
        uint32_t bit;
        enum vmb_hv_missing missing;
    } cases[] = {
        {false, 2, VMB_HV_MISSING_SYNIC},        {false, 5, VMB_HV_MISSING_HYPERCALL},
        {false, 6, VMB_HV_MISSING_VP_INDEX},     {true, 4, VMB_HV_MISSING_POST_MESSAGES},
        {true, 5, VMB_HV_MISSING_SIGNAL_EVENTS},
    };
    struct vmb_hv_features features;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vmb_hv_cpuid leaves = good_leaves();
        uint32_t *word = cases[i].high ? &leaves.features.ebx : &leaves.features.eax;

        *word &= ~(1u << cases[i].bit);
        assert_int_equal(vmb_hv_features_decode(&leaves, &features), VMB_ERR_ACCESS_DENIED);
        assert_int_equal(features.missing, cases[i].missing);
        assert_string_not_equal(vmb_hv_missing_text(cases[i].missing), "unknown");
    }
    assert_string_equal(vmb_hv_missing_text((enum vmb_hv_missing)0), "unknown");
}

static void test_features_of_an_isolated_guest(void **state)
{
    struct vmb_hv_cpuid leaves = good_leaves();
    struct vmb_hv_features features;

    (void)state;
    leaves.isolation.eax = 1;
    leaves.isolation.ebx = VMB_HV_ISOLATION_SNP | 1u << 5 | 46u << 6;
    leaves.stack_vendor.eax = 0x40000082;
    leaves.stack_interface.eax = 0x31235356;
    leaves.stack_features.eax = 1u << 3;
    assert_int_equal(vmb_hv_features_decode(&leaves, &features), VMB_OK);
    assert_int_equal(features.isolation, VMB_HV_ISOLATION_NONE); /* Not without the privilege. */
    leaves.features.ebx |= 1u << (54 - 32);
    assert_int_equal(vmb_hv_features_decode(&leaves, &features), VMB_OK);
    assert_int_equal(features.isolation, VMB_HV_ISOLATION_SNP);
    assert_true(features.paravisor);
    assert_true(features.shared_boundary_active);
    assert_int_equal(features.shared_boundary_bit, 46);
    assert_true(features.confidential_vmbus);
    leaves.stack_interface.eax = 0;
    assert_int_equal(vmb_hv_features_decode(&leaves, &features), VMB_OK);
    assert_false(features.confidential_vmbus);
}

static void test_control_words(void **state)
{
    (void)state;
    assert_true(vmb_hv_call_control(VMB_HV_CALL_SIGNAL_EVENT, true) == 0x1005Dull);
    assert_true(vmb_hv_call_control(VMB_HV_CALL_POST_MESSAGE, false) == 0x5Cull);
    assert_true(vmb_hv_call_control_rep(VMB_HV_CALL_SET_VP_REGISTERS, 3, 1) ==
                0x0001000300000051ull);
    assert_int_equal(vmb_hv_call_reps_done(0x0000000700000000ull), 7);
}

static void test_every_result_has_a_meaning(void **state)
{
    (void)state;
    assert_int_equal(vmb_hv_call_status(0), VMB_OK);
    assert_int_equal(vmb_hv_call_status(VMB_HV_INSUFFICIENT_BUFFERS), VMB_ERR_RETRY);
    assert_int_equal(vmb_hv_call_status(VMB_HV_INSUFFICIENT_MEMORY), VMB_ERR_RETRY);
    assert_int_equal(vmb_hv_call_status(VMB_HV_NOT_ACKNOWLEDGED), VMB_ERR_RETRY);
    assert_int_equal(vmb_hv_call_status(VMB_HV_TIMEOUT), VMB_ERR_RETRY);
    assert_int_equal(vmb_hv_call_status(VMB_HV_INVALID_CONNECTION_ID), VMB_ERR_INVALID_TARGET);
    assert_int_equal(vmb_hv_post_message_status(VMB_HV_INVALID_CONNECTION_ID),
                     VMB_ERR_INVALID_TARGET);
    assert_int_equal(vmb_hv_post_message_status(VMB_HV_INVALID_PORT_ID), VMB_ERR_INVALID_TARGET);
    assert_int_equal(vmb_hv_call_status(VMB_HV_ACCESS_DENIED), VMB_ERR_ACCESS_DENIED);
    assert_int_equal(vmb_hv_call_status(0x7777), VMB_ERR_PLATFORM);
    assert_int_equal(vmb_hv_call_status(0xFFFFF0000ull << 16), VMB_OK); /* Only 15:0 count. */
    assert_string_equal(vmb_hv_call_name(0x13), "INSUFFICIENT_BUFFERS");
    assert_string_equal(vmb_hv_call_name(0x7777), "UNKNOWN");
    assert_string_equal(vmb_hv_call_text(0), "success");
    assert_non_null(vmb_hv_call_text(0x7777));
}

static void test_post_message_block(void **state)
{
    uint8_t block[VMB_HV_POST_BYTES];
    uint8_t expected[VMB_HV_POST_BYTES] = {0x04, 0, 0, 0, 0, 0, 0,    0,    1,   0,
                                           0,    0, 3, 0, 0, 0, 0xAA, 0xBB, 0xCC};
    uint8_t message[241] = {0xAA, 0xBB, 0xCC};

    (void)state;
    memset(block, 0xFF, sizeof(block));
    assert_int_equal(vmb_hv_post_message_encode(block, 4, VMB_HV_MESSAGE_VMBUS, message, 3),
                     VMB_OK);
    assert_memory_equal(block, expected, sizeof(block));
    assert_int_equal(vmb_hv_post_message_encode(block, 4, 1, NULL, 0), VMB_OK);
    assert_int_equal(vmb_hv_post_message_encode(block, 4, 1, message, 240), VMB_OK);
    assert_int_equal(vmb_hv_post_message_encode(block, 4, 1, message, 241),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_hv_post_message_encode(block, 4, 0, message, 3), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_hv_post_message_encode(block, 4, 0x80000000, message, 3),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_hv_post_message_encode(block, 0x01000000, 1, message, 3),
                     VMB_ERR_INVALID_ARGUMENT);
}

static void test_words(void **state)
{
    (void)state;
    assert_true(vmb_hv_signal_event_input(0x2005, 7) == 0x0000000700002005ull);
    assert_true(vmb_hv_guest_os_id(1, 2, 0x00060100, 0x1234) == 0x8102000601001234ull);
    assert_true(vmb_hv_guest_os_id(0, 0, 0, 0) != 0);
    assert_true(vmb_hv_call_page_on(0xFF4, 0x12345000) == 0x12345FF5);
    assert_true(vmb_hv_call_page_on(0x777001, 0x12345000) == 0x777001); /* On: keep its page. */
    assert_true(vmb_hv_call_page_on(0x777002, 0x12345000) == 0x777002); /* Locked. */
    assert_true(vmb_hv_call_page_off(0x777FF5) == 0x777FF4);
}

static void test_registers_preserve_what_is_not_ours(void **state)
{
    const uint64_t all = ~0ull;

    (void)state;
    assert_true(vmb_hv_page_on(0xABC, 0x7000) == 0x7ABD);
    assert_true(vmb_hv_page_off(0x7ABD) == 0x7ABC);
    assert_true(vmb_hv_page_gpa(0x7ABD) == 0x7000);
    assert_true(vmb_hv_page_gpa(0x7ABC) == 0);
    assert_true(vmb_hv_sint_on(VMB_HV_SINT_RESET, 0x41, true) == 0x20041);
    assert_true(vmb_hv_sint_on(all, 0x41, false) == (all & ~0x700FFull) + 0x41);
    assert_true(vmb_hv_sint_on_arm64(VMB_HV_SINT_RESET, 0x212) == 0x212);
    assert_true(vmb_hv_sint_off(0x41) == 0x10041);
    assert_true(vmb_hv_scontrol_on(2) == 3);
    assert_true(vmb_hv_scontrol_off(3) == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features_of_a_good_host),
        cmocka_unit_test(test_features_say_what_hypervisor_is_missing),
        cmocka_unit_test(test_features_say_which_privilege_is_missing),
        cmocka_unit_test(test_features_of_an_isolated_guest),
        cmocka_unit_test(test_control_words),
        cmocka_unit_test(test_every_result_has_a_meaning),
        cmocka_unit_test(test_post_message_block),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_registers_preserve_what_is_not_ours),
    };

    return cmocka_run_group_tests_name("hv_guest", tests, NULL, NULL);
}
