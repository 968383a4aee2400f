/* SPDX-License-Identifier: MIT */
/* Channels that hang, seen from the host: found at the second look, told apart, and mended. */
#include "host_rig.h"

#include <vmbus/host_stuck.h>
#include <vmbus/proto/packet.h>
#include <vmbus/proto/pages.h>

static struct vmb_ring_tx guest_tx;
static struct vmb_ring_rx guest_rx;
static struct vmb_host_stuck_report last;
static uint32_t reports;

static void on_stuck(void *context, const struct vmb_host_stuck_report *report)
{
    (void)context;
    last = *report;
    reports++;
}

static uint32_t look(struct hrig *rig, bool mend)
{
    return vmb_host_check_stuck(rig->host, mend, on_stuck, rig);
}

static void read_all(struct hrig_device *device)
{
    struct vmb_packet packet;
    uint8_t buffer[64];

    while (vmb_endpoint_receive(device->endpoint, buffer, sizeof(buffer), &packet) == VMB_OK) {
    }
}

static struct hrig *with_rings_at_rest(void)
{
    struct hrig *rig = hrig_new(NULL);

    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_run(rig);
    assert_int_equal(vmb_ring_tx_init(&guest_tx, hrig_page(rig, 0), 3 * VMB_PAGE_BYTES), VMB_OK);
    assert_int_equal(vmb_ring_rx_init(&guest_rx, hrig_page(rig, 4), 3 * VMB_PAGE_BYTES), VMB_OK);
    rig->devices[0].in_event = read_all;
    rig->event_count = 0;
    reports = 0;
    return rig;
}

/* A packet of the guest whose signal is lost on the way. */
static void guest_sends_unheard(void)
{
    struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND};
    struct vmb_slice slice = {"a packet", 8};

    assert_int_equal(vmb_ring_tx_write(&guest_tx, &packet, &slice, 1), VMB_OK);
    (void)!vmb_ring_tx_commit(&guest_tx);
}

static void a_lost_signal_of_the_guest(void **state)
{
    struct hrig *rig = with_rings_at_rest();
    struct vmb_host_counters counters;
    uint32_t runs = rig->devices[0].runs;

    (void)state;
    assert_int_equal(look(rig, true), 0);
    guest_sends_unheard();
    assert_int_equal(look(rig, true), 0); /* Perhaps its signal is still on the way. */
    assert_int_equal(look(rig, false), 1);
    assert_int_equal(reports, 1);
    assert_true(last.host_hangs && !last.guest_hangs && !last.due);
    assert_int_equal(last.relid, 1);
    assert_int_equal(last.target_vp, 1);
    assert_int_equal(last.inbound.used_bytes, vmb_ring_packet_bytes(0, 8));
    assert_int_equal(last.outbound.used_bytes, 0);
    assert_int_equal(rig->devices[0].runs, runs); /* Not mended. */
    assert_int_equal(look(rig, true), 1);
    assert_int_equal(rig->event_count, 0); /* It is not the guest that hangs. */
    hrig_run(rig);
    assert_int_equal(rig->devices[0].runs, runs + 1);
    assert_int_equal(look(rig, true), 0);
    vmb_host_read_counters(rig->host, &counters);
    assert_int_equal(counters.stuck, 2);
    hrig_free(rig);
}

static void traffic_does_not_hang(void **state)
{
    struct hrig *rig = with_rings_at_rest();

    (void)state;
    guest_sends_unheard();
    assert_int_equal(look(rig, true), 0);
    guest_sends_unheard(); /* It writes: its signals come, or did. */
    assert_int_equal(look(rig, true), 0);
    vmb_host_kick(rig->devices[0].channel);
    hrig_run(rig);
    assert_int_equal(look(rig, true), 0);
    assert_int_equal(look(rig, true), 0);
    assert_int_equal(reports, 0);
    hrig_free(rig);
}

static void nobody_calls_run(void **state)
{
    struct hrig *rig = with_rings_at_rest();
    uint32_t wakes;

    (void)state;
    guest_sends_unheard();
    vmb_host_kick(rig->devices[0].channel); /* It was heard, and nothing came of it. */
    assert_int_equal(look(rig, true), 0);
    wakes = rig->run_ready_count;
    assert_int_equal(look(rig, true), 1);
    assert_true(last.host_hangs && last.due);
    assert_int_equal(rig->run_ready_count, wakes + 1); /* Said once more. */
    hrig_run(rig);
    assert_int_equal(look(rig, true), 0);
    hrig_free(rig);
}

static void a_guest_that_sleeps_on_its_packets(void **state)
{
    struct hrig *rig = with_rings_at_rest();
    struct vmb_packet packet;
    uint8_t buffer[64];

    (void)state;
    assert_int_equal(vmb_endpoint_send(rig->devices[0].endpoint, "x", 1, 0, false), VMB_OK);
    rig->event_count = 0; /* The interrupt was lost. */
    assert_int_equal(look(rig, true), 0);
    assert_int_equal(look(rig, true), 1);
    assert_true(last.guest_hangs && !last.host_hangs);
    assert_int_equal(rig->event_count, 1);
    assert_int_equal(rig->events[0].vp, 1);
    /* One that has masked its signals polls, or is about to look. */
    vmb_ring_rx_mask(&guest_rx);
    assert_int_equal(look(rig, true), 0);
    assert_false(vmb_ring_rx_next(&guest_rx, buffer, sizeof(buffer), &packet) != VMB_OK);
    (void)!vmb_ring_rx_commit(&guest_rx);
    (void)!vmb_ring_rx_unmask(&guest_rx);
    assert_int_equal(look(rig, true), 0);
    assert_int_equal(rig->event_count, 1);
    hrig_free(rig);
}

static void a_device_that_waits_for_space_does_not_hang(void **state)
{
    struct hrig *rig = with_rings_at_rest();
    struct vmb_endpoint *endpoint = rig->devices[0].endpoint;
    uint8_t buffer[1024] = {0};

    (void)state;
    rig->devices[0].in_event = NULL;
    while (vmb_endpoint_send(endpoint, buffer, sizeof(buffer), 0, false) == VMB_OK) {
    }
    assert_int_equal(vmb_endpoint_wait_space(endpoint, sizeof(buffer)), VMB_ERR_RING_FULL);
    guest_sends_unheard();
    assert_int_equal(look(rig, true), 0);
    assert_int_equal(look(rig, true), 1); /* The one that hangs is the guest. */
    assert_true(last.guest_hangs && !last.host_hangs);
    hrig_free(rig);
}

static void rings_that_are_broken_or_closed(void **state)
{
    struct hrig *rig = with_rings_at_rest();

    (void)state;
    guest_sends_unheard();
    assert_int_equal(look(rig, true), 0);
    memset(hrig_page(rig, 0) + VMB_RING_WRITE_OFFSET, 0x77, 4);
    assert_int_equal(look(rig, true), 0);
    assert_int_equal(look(rig, true), 0);
    hrig_close(rig, 1);
    assert_int_equal(look(rig, true), 0);
    assert_int_equal(vmb_host_check_stuck(rig->host, true, NULL, NULL), 0);
    hrig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_signal_of_the_guest),
        cmocka_unit_test(traffic_does_not_hang),
        cmocka_unit_test(nobody_calls_run),
        cmocka_unit_test(a_guest_that_sleeps_on_its_packets),
        cmocka_unit_test(a_device_that_waits_for_space_does_not_hang),
        cmocka_unit_test(rings_that_are_broken_or_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
