/* SPDX-License-Identifier: MIT */
/*
 * A handler in the middle of a burst while its channel is closed, rescinded, or its ring broken by
 * the host: it keeps what it has taken, and may go on until it returns; `closed` comes after it,
 * and it is not started again. What a burst leaves behind is not forgotten, what it frees is told.
 */
#include "guest_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VP     1u
#define BURST  8u
#define MIDDLE 3u

static struct rig rig;
static struct vmb_channel *channel;
static struct vmb_ring_tx host; /* The host's half of the ring to the guest. */
static uint32_t sent, taken, bursts;
static vmb_status ended; /* What the handler's last look at the ring said. */
static void (*in_the_middle)(void);

/* The driver: one burst a start, each of its packets looked at. */
static void take_a_burst(struct rig *self)
{
    uint64_t numbers[BURST];
    struct vmb_packet packets[BURST];
    uint32_t count;

    ended =
        vmb_endpoint_receive_many(self->endpoint, numbers, sizeof(numbers), packets, BURST, &count);
    bursts += count > 0;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(numbers[i] == ++taken); /* Each once, in order. */
        if (taken == MIDDLE && in_the_middle != NULL) {
            in_the_middle();
        }
    }
}

/* One that reads until nothing is left, as direct ones must. */
static void take_all(struct rig *self)
{
    do {
        take_a_burst(self);
    } while (ended == VMB_OK);
}

static void host_begins(void)
{
    assert_int_equal(vmb_ring_tx_init(&host,
                                      (uint8_t *)(void *)rig.last_pages.base + 5 * VMB_PAGE_BYTES,
                                      4 * VMB_PAGE_BYTES),
                     VMB_OK);
}

/* The host writes packets, and signals if it has to. True: it had. */
static bool host_sends(uint32_t count)
{
    const struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND};

    for (; count > 0; count--) {
        uint64_t number = ++sent;
        struct vmb_slice slice = {&number, sizeof(number)};

        assert_int_equal(vmb_ring_tx_write(&host, &packet, &slice, 1), VMB_OK);
    }
    if (!vmb_ring_tx_commit(&host)) {
        return false;
    }
    (void)rig_event(&rig, VP, 1);
    return true;
}

/* The port serves the VP until nothing is due. */
static void serve(void)
{
    uint32_t turns = 0;

    while (vmb_guest_run(rig.guest, VP, 1)) {
        assert_true(++turns < 1000);
    }
}

static void begin(enum vmb_notify notify, void (*handler)(struct rig *self))
{
    sent = taken = bursts = 0;
    in_the_middle = NULL;
    rig_start(&rig, NULL);
    rig_connect(&rig, VMB_VERSION_5_3, 2);
    channel = rig_open(&rig, 1, notify);
    serve();
    host_begins();
    rig.in_event = handler;
}

static void end(void)
{
    rig_stop(&rig);
}

static const enum vmb_notify modes[] = {VMB_NOTIFY_DIRECT, VMB_NOTIFY_DEFERRED};

/* ---- In the middle --------------------------------------------------------------------------- */

static void control_plane_closes(void)
{
    assert_int_equal(vmb_channel_close(channel, rig_done, &rig), VMB_OK);
    assert_false(vmb_guest_poll(rig.guest));
    assert_int_equal(rig.closed_count, 0);
}

static void a_close_waits_for_the_end_of_the_burst(void **state)
{
    (void)state;
    for (uint32_t mode = 0; mode < 2; mode++) {
        begin(modes[mode], take_a_burst);
        in_the_middle = control_plane_closes;
        assert_true(host_sends(BURST + 5));
        serve();
        assert_int_equal(taken, BURST); /* What it had, it kept. */
        rig_poll(&rig);
        assert_int_equal(rig.closed_count, 1);
        (void)host_sends(1);
        (void)rig_event(&rig, VP, 1);
        serve();
        assert_int_equal(taken, BURST); /* The rest is nobody's. */
        end();
    }
}

static void host_rescinds(void)
{
    rig_rescind(&rig, 1);
    assert_int_equal(rig.closed_count, 0);
    /* It knows of nothing yet: it may answer, into rings that are still there. */
    assert_int_equal(vmb_endpoint_send(rig.endpoint, "12345678", 8, 0, false), VMB_OK);
}

static void a_rescind_waits_for_the_end_of_the_burst(void **state)
{
    (void)state;
    for (uint32_t mode = 0; mode < 2; mode++) {
        begin(modes[mode], take_a_burst);
        in_the_middle = host_rescinds;
        assert_true(host_sends(BURST + 5));
        serve();
        assert_int_equal(taken, BURST);
        rig_poll(&rig);
        assert_int_equal(rig.closed_count, 1);
        assert_int_equal(rig.closed_reason, VMB_ERR_GONE);
        end();
    }
}

/* The host spoils the packet behind the next one while the burst before is being looked at. */
static void host_spoils(void)
{
    uint32_t packet_bytes = vmb_ring_packet_bytes(0, 8);

    memset((uint8_t *)(void *)rig.last_pages.base + 6 * VMB_PAGE_BYTES +
               (size_t)(BURST + 1) * packet_bytes,
           0xFF, 8);
}

static void a_broken_ring_is_told_once_its_good_packets_are_taken(void **state)
{
    (void)state;
    for (uint32_t mode = 0; mode < 2; mode++) {
        struct vmb_channel_counters counters;
        uint32_t starts;

        begin(modes[mode], take_all);
        in_the_middle = host_spoils;
        assert_true(host_sends(BURST + 5));
        serve();
        assert_int_equal(taken, BURST + 1);
        assert_int_equal(ended, VMB_ERR_PEER);
        vmb_channel_read_counters(channel, &counters);
        assert_int_equal(counters.packets_received, BURST + 1);
        starts = rig.event_count;
        serve();
        assert_int_equal(rig.event_count, starts); /* Nobody turns in circles. */
        end();
    }
}

/* ---- Behind it ------------------------------------------------------------------------------- */

/* Deferred: a handler that stops after a burst is started again until all is read, unsignalled. */
static void what_a_burst_leaves_is_read_without_a_signal(void **state)
{
    (void)state;
    begin(VMB_NOTIFY_DEFERRED, take_a_burst);
    assert_true(host_sends(10 * BURST + 3));
    serve();
    assert_int_equal(taken, 10 * BURST + 3);
    assert_true(bursts >= 11);
    assert_true(host_sends(1)); /* And asleep again: this one has to be signalled. */
    serve();
    assert_int_equal(taken, sent);
    end();
}

static void host_sends_more(void)
{
    assert_false(host_sends(5)); /* It sees that somebody looks anyway. */
}

static void what_comes_during_a_burst_is_read_without_a_signal(void **state)
{
    (void)state;
    begin(VMB_NOTIFY_DEFERRED, take_a_burst);
    in_the_middle = host_sends_more;
    assert_true(host_sends(MIDDLE));
    serve();
    assert_int_equal(taken, MIDDLE + 5);
    end();
}

/* A host that waits for space is signalled at the end of the run that makes it, and once. */
static void the_space_of_a_burst_is_given_back_at_the_end_of_its_run(void **state)
{
    const struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND};
    uint32_t signals;

    (void)state;
    begin(VMB_NOTIFY_DEFERRED, take_a_burst);
    for (;;) {
        uint64_t number = sent + 1;
        struct vmb_slice slice = {&number, sizeof(number)};

        if (vmb_ring_tx_write(&host, &packet, &slice, 1) != VMB_OK) {
            break;
        }
        sent++;
    }
    assert_true(vmb_ring_tx_commit(&host));
    assert_int_equal(vmb_ring_tx_wait_space(&host, vmb_ring_packet_bytes(0, 8)), VMB_ERR_RING_FULL);
    (void)rig_event(&rig, VP, 1);
    signals = rig.signals;
    assert_true(vmb_guest_run(rig.guest, VP, 1)); /* And more is due. */
    assert_int_equal(taken, BURST);
    assert_int_equal(rig.signals, signals + 1);
    serve();
    assert_int_equal(taken, sent);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_close_waits_for_the_end_of_the_burst),
        cmocka_unit_test(a_rescind_waits_for_the_end_of_the_burst),
        cmocka_unit_test(a_broken_ring_is_told_once_its_good_packets_are_taken),
        cmocka_unit_test(what_a_burst_leaves_is_read_without_a_signal),
        cmocka_unit_test(what_comes_during_a_burst_is_read_without_a_signal),
        cmocka_unit_test(the_space_of_a_burst_is_given_back_at_the_end_of_its_run),
    };

    return cmocka_run_group_tests_name("guest bursts", tests, NULL, NULL);
}
