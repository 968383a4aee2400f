/* SPDX-License-Identifier: MIT */
/*
 * A kernel that crashes at every message of its life: opening, moving, closing, a device that
 * goes. It leaves the bus polled, also when posts fail now and then; then a new kernel has the bus
 * as if nothing had been. At every version.
 */
#include "pair.h"

#include <vmbus/proto/version.h>

#define CRASH_POLL_NS 10000000u

static const uint32_t versions[] = {
    VMB_VERSION_0_13, VMB_VERSION_1_1, VMB_VERSION_2_4, VMB_VERSION_3_0,
    VMB_VERSION_4_0,  VMB_VERSION_4_1, VMB_VERSION_5_0, VMB_VERSION_5_1,
    VMB_VERSION_5_2,  VMB_VERSION_5_3, VMB_VERSION_6_0,
};

static uint32_t crash_at; /* The message that the kernel does not live to see passed on, from 1. */
static uint32_t crash_passed;
static bool crash_post_fails;

static bool crash_counts(struct pair *pair, enum pair_way way, uint32_t number)
{
    (void)way;
    (void)number;
    if (++crash_passed == crash_at) {
        pair->guest_stopped = true;
    }
    return true;
}

static void crash_open(struct pair *pair, uint32_t number, uint32_t vp)
{
    if (!pair->guest_stopped) {
        (void)pair_open_begin(pair, number, vp, false);
        pair_pump(pair);
    }
}

static void crash_send(struct pair *pair, uint32_t number)
{
    if (!pair->guest_stopped) {
        pair_send(pair, number, 50);
        pair_pump(pair);
    }
}

/* What a kernel does with a bus, until it crashes. */
static void crash_life(struct pair *pair)
{
    struct pair_device *devices = pair->devices;

    crash_send(pair, 0);
    crash_open(pair, 1, 1);
    crash_send(pair, 1);
    if (!pair->guest_stopped) {
        vmb_status status =
            vmb_channel_set_target_vp(devices[0].channel, 2, pair_done, &devices[0]);

        assert_true(status == VMB_OK || status == VMB_ERR_VERSION);
        pair_pump(pair);
    }
    if (!pair->guest_stopped) {
        assert_int_equal(vmb_channel_close(devices[1].channel, pair_done, &devices[1]), VMB_OK);
        pair_pump(pair);
    }
    crash_open(pair, 1, 3);
    pair_revoke(pair, 2);
    pair_pump(pair);
}

static vmb_status crash_leave(struct pair *pair)
{
    vmb_status status = VMB_ERR_RETRY;

    pair->passes = NULL;
    pair->guest_stopped = true;
    pair->post_busy = crash_post_fails ? 3 : 0;
    for (uint32_t turn = 0; turn < 2000 && status == VMB_ERR_RETRY; turn++) {
        status = vmb_guest_crash_unload(pair->guest);
        pair->now_ns += CRASH_POLL_NS;
        pair_pump(pair);
    }
    pair->post_busy = 0;
    return status;
}

static struct pair *crash_pair(uint32_t version)
{
    const struct vmb_host_options host = {.struct_bytes = sizeof(host), .max_version = version};
    struct pair *pair = pair_new(NULL, &host, false);

    for (uint32_t i = 0; i < 3; i++) {
        pair_offer(pair, i, 0, 0);
    }
    assert_int_equal(pair_connect(pair), VMB_OK);
    assert_int_equal(pair_open(pair, 0, 0, false), VMB_OK);
    return pair;
}

/* A life without a crash: how many messages it has. */
static uint32_t crash_messages(uint32_t version)
{
    struct pair *pair = crash_pair(version);

    crash_at = 0;
    crash_passed = 0;
    pair->passes = crash_counts;
    crash_life(pair);
    pair->passes = NULL;
    (void)crash_leave(pair);
    pair_reboot(pair, NULL);
    pair_free(pair);
    return crash_passed;
}

static void crash_once(uint32_t version, uint32_t at)
{
    struct pair *pair = crash_pair(version);
    vmb_status status;

    crash_at = at;
    crash_passed = 0;
    pair->passes = crash_counts;
    crash_life(pair);
    status = crash_leave(pair);
    assert_int_equal(status, version < VMB_VERSION_3_0 ? VMB_ERR_VERSION : VMB_OK);
    pair_reboot(pair, NULL);
    assert_int_equal(pair_connect(pair), VMB_OK);
    assert_int_equal(vmb_guest_version(pair->guest), version);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(pair_open(pair, i, i, false), VMB_OK);
        pair_send(pair, i, 100);
        assert_int_equal(pair_drained(pair, i), VMB_OK);
    }
    pair_free(pair);
}

static void crash_everywhere(bool post_fails)
{
    crash_post_fails = post_fails;
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        uint32_t messages = crash_messages(versions[i]);

        assert_true(messages > 5);
        for (uint32_t at = 1; at <= messages; at++) {
            crash_once(versions[i], at);
        }
    }
}

static void a_kernel_that_crashes_at_any_message_leaves_the_bus(void **state)
{
    (void)state;
    crash_everywhere(false);
}

static void also_when_the_hypervisor_is_short_of_buffers(void **state)
{
    (void)state;
    crash_everywhere(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kernel_that_crashes_at_any_message_leaves_the_bus),
        cmocka_unit_test(also_when_the_hypervisor_is_short_of_buffers),
    };

    return cmocka_run_group_tests_name("crash steps", tests, NULL, NULL);
}
