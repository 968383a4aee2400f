/* SPDX-License-Identifier: MIT */
/* When a handler has returned: must it run again, or does a signal come? */
#include "endpoint_pair.h"

static struct pair *pair;

static int set_up(void **state)
{
    (void)state;
    pair = pair_new(4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pair_free(pair);
    return 0;
}

static struct vmb_endpoint_run run;

static void begin(void)
{
    vmb_endpoint_run_begin(&pair->guest.endpoint, &run);
}

static bool again(void)
{
    return vmb_endpoint_run_done(&pair->guest.endpoint, &run);
}

static void host_sends(uint32_t payload_bytes)
{
    static const uint8_t payload[4096];

    assert_int_equal(vmb_endpoint_send(&pair->host.endpoint, payload, payload_bytes, 0, false),
                     VMB_OK);
}

static void guest_reads(uint32_t count)
{
    static uint8_t buffer[4096];
    struct vmb_packet packet;

    for (; count > 0; count--) {
        assert_int_equal(
            vmb_endpoint_receive(&pair->guest.endpoint, buffer, sizeof(buffer), &packet), VMB_OK);
    }
}

static void guest_fills_its_ring_and_waits(void)
{
    static const uint8_t payload[512];
    vmb_status status;

    do {
        status = vmb_endpoint_send(&pair->guest.endpoint, payload, sizeof(payload), 0, false);
    } while (status == VMB_OK);
    assert_int_equal(status, VMB_ERR_RING_FULL);
    assert_int_equal(vmb_endpoint_wait_space(&pair->guest.endpoint, sizeof(payload)),
                     VMB_ERR_RING_FULL);
}

static void a_drained_ring_needs_no_run(void **state)
{
    (void)state;
    host_sends(16);
    begin();
    guest_reads(1);
    assert_false(again());
    pair->guest.rung = false;
    host_sends(16);
    assert_true(pair->guest.rung); /* Unmasked: it is signalled. */
}

static void packets_that_came_while_masked_need_one(void **state)
{
    (void)state;
    host_sends(16);
    begin();
    guest_reads(1);
    pair->guest.rung = false;
    host_sends(16);
    assert_false(pair->guest.rung);
    assert_true(again());
}

static void packets_left_after_others_were_read_need_one(void **state)
{
    (void)state;
    host_sends(16);
    host_sends(16);
    begin();
    guest_reads(1);
    assert_true(again());
}

static void a_handler_that_reads_nothing_waits_for_something(void **state)
{
    (void)state;
    guest_fills_its_ring_and_waits();
    host_sends(16);
    host_sends(16);
    begin();
    guest_reads(1);
    assert_true(again()); /* It knows of the second; it may read that too. */
    begin();
    assert_false(again()); /* Not in a circle. */
    begin();
    host_sends(16);
    assert_true(again()); /* But news are looked at. */
}

/*
 * The producer comes round to where it was when the handler began: the same index, other packets.
 * Whoever compares the index with that of the beginning takes them for nothing.
 */
static void a_producer_that_came_round_is_not_overlooked(void **state)
{
    uint32_t turn;

    (void)state;
    guest_fills_its_ring_and_waits();
    begin(); /* The handler begins: the index is 0. */
    for (turn = 0; turn < 3; turn++) {
        host_sends(1000); /* 1024 with descriptor and trailer. */
        guest_reads(1);
        vmb_endpoint_release(&pair->guest.endpoint);
    }
    host_sends(1000); /* The index is 0 again, and nobody has seen this one. */
    pair->guest.rung = false;
    assert_true(again());
}

static void a_broken_ring_needs_no_run(void **state)
{
    uint8_t buffer[16];
    struct vmb_packet packet;

    (void)state;
    begin();
    pair->to_guest[0] = 3; /* An index that cannot be. */
    assert_int_equal(vmb_endpoint_receive(&pair->guest.endpoint, buffer, sizeof(buffer), &packet),
                     VMB_ERR_PEER);
    assert_false(again());
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_drained_ring_needs_no_run),
        TEST(packets_that_came_while_masked_need_one),
        TEST(packets_left_after_others_were_read_need_one),
        TEST(a_handler_that_reads_nothing_waits_for_something),
        TEST(a_producer_that_came_round_is_not_overlooked),
        TEST(a_broken_ring_needs_no_run),
    };

    return cmocka_run_group_tests_name("endpoint run", tests, NULL, NULL);
}
