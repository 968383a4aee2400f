/* SPDX-License-Identifier: MIT */
/* A host that is saved and another one that goes on: rings in the middle of traffic, and GPADLs. */
#include "save_kit.h"

#include <vmbus/proto/pages.h>

/* ---- Rings ----------------------------------------------------------------------------------- */

static struct vmb_ring_tx guest_tx;
static struct vmb_ring_rx guest_rx;

static void guest_makes_rings(struct hrig *rig)
{
    assert_int_equal(vmb_ring_tx_init(&guest_tx, hrig_page(rig, 0), 3 * VMB_PAGE_BYTES), VMB_OK);
    assert_int_equal(vmb_ring_rx_init(&guest_rx, hrig_page(rig, 4), 3 * VMB_PAGE_BYTES), VMB_OK);
}

static void guest_writes(struct hrig *rig, uint64_t first, uint32_t packets)
{
    struct vmb_slice slice = {"a packet", 8};

    for (uint32_t i = 0; i < packets; i++) {
        struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND, .transaction_id = first + i};

        assert_int_equal(vmb_ring_tx_write(&guest_tx, &packet, &slice, 1), VMB_OK);
    }
    if (vmb_ring_tx_commit(&guest_tx)) {
        assert_int_equal(vmb_host_on_signal(rig->host, SKIT_OWN, 0), VMB_OK);
    }
}

static uint64_t expected_id;
static uint32_t leave_after; /* Packets that the device reads in one run. */
static bool gives_back;

static void device_reads(struct hrig_device *device)
{
    struct vmb_packet packet;
    uint8_t buffer[64];
    uint32_t i;

    for (i = 0; i < leave_after &&
                vmb_endpoint_receive(device->endpoint, buffer, sizeof(buffer), &packet) == VMB_OK;
         i++) {
        assert_int_equal(packet.transaction_id, expected_id);
        expected_id++;
    }
    if (gives_back) {
        vmb_endpoint_release(device->endpoint);
    }
}

static void a_signal_that_nobody_has_served(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_restored restored;

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_run(rig);
    guest_makes_rings(rig);
    guest_writes(rig, 0, 5); /* Signals: the bit is set, nobody runs. */
    rig->devices[0].memo = 0xC0FFEE42;
    rig->event_count = 0;
    restored = skit_pass_on(rig);
    assert_int_equal(restored.version, VMB_VERSION_5_3);
    assert_int_equal(restored.channels, 1);
    assert_int_equal(restored.open, 1);
    assert_int_equal(restored.gpadls, 1);
    assert_int_equal(rig->devices[0].memo, 0xC0FFEE42);
    assert_int_equal(rig->devices[0].opened, 0); /* `restore` stands for it. */
    /* Both ends look once: the guest may have been about to be signalled. */
    assert_int_equal(rig->event_count, 1);
    assert_int_equal(rig->events[0].vp, 1);
    assert_int_equal(rig->events[0].flag, 1);
    expected_id = 0;
    leave_after = 100;
    gives_back = true;
    rig->devices[0].in_event = device_reads;
    hrig_run(rig);
    assert_int_equal(rig->devices[0].runs, 1);
    assert_int_equal(expected_id, 5);
    guest_writes(rig, 5, 3); /* And the next signal comes through the new doorbell. */
    hrig_run(rig);
    assert_int_equal(expected_id, 8);
    hrig_free(rig);
}

static void a_ring_in_the_middle(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct hrig_device *device = &rig->devices[0];
    struct vmb_slice slice = {"to guest", 8};
    struct vmb_packet packet;
    uint8_t buffer[64];

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_run(rig);
    guest_makes_rings(rig);
    guest_writes(rig, 0, 10);
    /* Outside of a run: four read and not given back, three staged and not committed. */
    expected_id = 0;
    leave_after = 4;
    gives_back = false;
    device_reads(device);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(vmb_endpoint_stage(device->endpoint, &slice, 1, id, false), VMB_OK);
    }
    /* A guest that scribbles over our indices gains nothing. */
    memset(hrig_page(rig, 0) + VMB_RING_READ_OFFSET, 0x55, 4);
    memset(hrig_page(rig, 4) + VMB_RING_WRITE_OFFSET, 0x55, 4);
    skit_pass_on(rig);
    assert_int_equal(vmb_ring_rx_peek(&guest_rx, &packet), VMB_ERR_RING_EMPTY);
    vmb_endpoint_flush(device->endpoint);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(vmb_ring_rx_next(&guest_rx, buffer, sizeof(buffer), &packet), VMB_OK);
        assert_int_equal(packet.transaction_id, id);
        assert_memory_equal(buffer, "to guest", 8);
    }
    assert_int_equal(vmb_ring_tx_free_bytes(&guest_tx),
                     3 * VMB_PAGE_BYTES - 8 - 10 * vmb_ring_packet_bytes(0, 8));
    leave_after = 100;
    gives_back = true;
    device_reads(device);
    assert_int_equal(expected_id, 10); /* None twice, none left out. */
    assert_int_equal(vmb_ring_tx_free_bytes(&guest_tx), 3 * VMB_PAGE_BYTES - 8);
    assert_int_equal(device->endpoint->rx.counters.packets, 10);
    hrig_free(rig);
}

static void a_producer_that_waits(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct hrig_device *device = &rig->devices[0];
    struct vmb_packet packet;
    uint8_t buffer[2048];

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    guest_makes_rings(rig);
    memset(buffer, 7, sizeof(buffer));
    while (vmb_endpoint_send(device->endpoint, buffer, sizeof(buffer), 1, false) == VMB_OK) {
    }
    assert_int_equal(vmb_endpoint_wait_space(device->endpoint, sizeof(buffer)), VMB_ERR_RING_FULL);
    skit_pass_on(rig);
    assert_int_equal(vmb_ring_rx_next(&guest_rx, buffer, sizeof(buffer), &packet), VMB_OK);
    assert_true(vmb_ring_rx_commit(&guest_rx)); /* It still knows that we wait. */
    assert_int_equal(vmb_endpoint_send(device->endpoint, buffer, sizeof(buffer), 1, false), VMB_OK);
    hrig_free(rig);
}

static void a_ring_that_the_guest_has_broken(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_packet packet;
    uint8_t buffer[8];

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    memset(hrig_page(rig, 0) + VMB_RING_WRITE_OFFSET, 0x55, 4); /* Nobody has looked yet. */
    skit_pass_on(rig);
    assert_int_equal(
        vmb_endpoint_receive(rig->devices[0].endpoint, buffer, sizeof(buffer), &packet),
        VMB_ERR_PEER);
    memset(hrig_page(rig, 0) + VMB_RING_WRITE_OFFSET, 0, 4); /* Too late. */
    skit_pass_on(rig);
    assert_int_equal(
        vmb_endpoint_receive(rig->devices[0].endpoint, buffer, sizeof(buffer), &packet),
        VMB_ERR_PEER);
    hrig_free(rig);
}

/* ---- GPADLs ---------------------------------------------------------------------------------- */

static void a_gpadl_half_told(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_message message = {.number = VMB_MSG_GPADL_HEADER};
    struct vmb_host_gpadl *gpadl;
    struct vmb_host_gpadl_range range;

    (void)state;
    hrig_with_rings(rig, VMB_VERSION_5_3, 0);
    message.u.gpadl_header.relid = 1;
    message.u.gpadl_header.gpadl = 7;
    message.u.gpadl_header.range_count = 2;
    message.u.gpadl_header.range_data_bytes = 6 * 8;
    message.u.gpadl_header.range_words[0] = (uint64_t)16 << 32 | VMB_PAGE_BYTES; /* Two pages. */
    message.u.gpadl_header.range_words[1] = HRIG_FIRST_GPN + 30;
    message.u.gpadl_header.range_word_count = 2;
    hrig_post(rig, &message);
    skit_pass_on(rig);
    memset(&message, 0, sizeof(message));
    message.number = VMB_MSG_GPADL_BODY;
    message.u.gpadl_body.gpadl = 7;
    message.u.gpadl_body.range_words[0] = HRIG_FIRST_GPN + 31;
    message.u.gpadl_body.range_words[1] = 2 * VMB_PAGE_BYTES;
    message.u.gpadl_body.range_words[2] = HRIG_FIRST_GPN + 32;
    message.u.gpadl_body.range_words[3] = HRIG_FIRST_GPN + 33;
    message.u.gpadl_body.range_word_count = 4;
    hrig_post(rig, &message);
    assert_int_equal(hrig_expect(rig, VMB_MSG_GPADL_CREATED)->u.gpadl_created.status, 0);
    skit_pass_on(rig); /* And whole. */
    assert_int_equal(vmb_host_gpadl_get(rig->devices[0].channel, 7, &gpadl), VMB_OK);
    assert_int_equal(vmb_host_gpadl_range(gpadl, 0, &range), VMB_OK);
    assert_ptr_equal(range.base, hrig_page(rig, 30) + 16);
    assert_int_equal(range.byte_count, VMB_PAGE_BYTES);
    assert_int_equal(vmb_host_gpadl_range(gpadl, 1, &range), VMB_OK);
    assert_ptr_equal(range.base, hrig_page(rig, 32));
    assert_int_equal(range.byte_count, 2 * VMB_PAGE_BYTES);
    vmb_host_gpadl_put(gpadl);
    hrig_free(rig);
}

static void a_gpadl_that_is_wanted_back(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct vmb_host_gpadl *gpadl;

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_gpadl(rig, 1, 7, HRIG_FIRST_GPN + 30, 40); /* Two messages. */
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    assert_int_equal(vmb_host_gpadl_get(rig->devices[0].channel, 7, &gpadl), VMB_OK);
    hrig_gpadl_teardown(rig, 1, 7);
    hrig_gpadl_teardown(rig, 1, SKIT_RINGS); /* And the rings, under the feet of the channel. */
    hrig_expect_nothing(rig);
    skit_pass_on(rig);
    /* The new device holds nothing; the channel holds its rings. */
    assert_int_equal(hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN)->u.gpadl_torndown.gpadl, 7);
    hrig_expect_nothing(rig);
    assert_int_equal(vmb_host_gpadl_get(rig->devices[0].channel, SKIT_RINGS, &gpadl),
                     VMB_ERR_REFUSED);
    skit_pass_on(rig);
    hrig_expect_nothing(rig);
    hrig_close(rig, 1);
    assert_int_equal(hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN)->u.gpadl_torndown.gpadl, SKIT_RINGS);
    hrig_free(rig);
}

static struct vmb_host_gpadl *held_gpadl;

static void hold_seven(struct hrig_device *device)
{
    assert_int_equal(vmb_host_gpadl_get(device->channel, 7, &held_gpadl), VMB_OK);
}

static void a_device_holds_again_what_it_held(void **state)
{
    struct hrig *rig = hrig_new(NULL);
    struct skit_bytes saved;

    (void)state;
    hrig_with_open(rig, VMB_VERSION_5_3, 0);
    hrig_gpadl(rig, 1, 7, HRIG_FIRST_GPN + 30, 2);
    hrig_expect(rig, VMB_MSG_GPADL_CREATED);
    hold_seven(&rig->devices[0]);
    saved = skit_save(rig);
    skit_die(rig);
    rig->devices[0].in_restore = hold_seven;
    skit_restore(rig, saved);
    hrig_gpadl_teardown(rig, 1, 7);
    hrig_expect_nothing(rig);
    vmb_host_gpadl_put(held_gpadl);
    hrig_poll(rig);
    hrig_expect(rig, VMB_MSG_GPADL_TORNDOWN);
    hrig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_that_nobody_has_served),
        cmocka_unit_test(a_ring_in_the_middle),
        cmocka_unit_test(a_producer_that_waits),
        cmocka_unit_test(a_ring_that_the_guest_has_broken),
        cmocka_unit_test(a_gpadl_half_told),
        cmocka_unit_test(a_gpadl_that_is_wanted_back),
        cmocka_unit_test(a_device_holds_again_what_it_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
