/* SPDX-License-Identifier: MIT */
/*
 * Bursts of an endpoint promise what single packets do: the same packets and counters,
 * back-pressure at the first that does not fit, the peer rung once, its space given back when it
 * was before, and a broken ring told at the packet that broke it.
 */
#include "endpoint_pair.h"

#define RING_BYTES 4096u
#define BURST      16u

static struct pair *pair;
static struct vmb_packet_out out[BURST];
static struct vmb_slice payloads[BURST];
static struct vmb_packet in[BURST];
static uint8_t text[BURST][1024];
static uint8_t buffer[RING_BYTES];

static int set_up(void **state)
{
    (void)state;
    pair = pair_new(RING_BYTES);
    for (uint32_t i = 0; i < BURST; i++) {
        memset(text[i], 'a' + (int)i, sizeof(text[i]));
        out[i] = (struct vmb_packet_out){.transaction_id = 100 + i, .type = VMB_PACKET_IN_BAND};
        payloads[i] = (struct vmb_slice){text[i], 5 + i};
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pair_free(pair);
    return 0;
}

static struct vmb_endpoint *guest(void)
{
    return &pair->guest.endpoint;
}

static struct vmb_endpoint *host(void)
{
    return &pair->host.endpoint;
}

static void guest_sends(uint32_t count)
{
    uint32_t sent;

    assert_int_equal(vmb_endpoint_send_many(guest(), out, payloads, count, &sent), VMB_OK);
    assert_int_equal(sent, count);
}

/* What the host has taken are the packets from @first on. */
static void host_has(uint32_t first, uint32_t count)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(in[i].transaction_id, 100 + first + i);
        assert_int_equal(in[i].payload_bytes, (5 + first + i + 7) / 8 * 8);
        assert_memory_equal(buffer + at, text[first + i], 5 + first + i);
        at += in[i].payload_bytes;
    }
}

static vmb_status host_takes(uint32_t limit, uint32_t *count)
{
    return vmb_endpoint_receive_many(host(), buffer, sizeof(buffer), in, limit, count);
}

static void a_burst_arrives_in_order_and_rings_once(void **state)
{
    uint32_t count;

    (void)state;
    guest_sends(BURST);
    assert_true(pair->host.rung);
    assert_int_equal(guest()->tx.counters.signals_sent, 1);
    assert_int_equal(host_takes(BURST, &count), VMB_OK);
    assert_int_equal(count, BURST);
    host_has(0, BURST);
    assert_int_equal(host()->rx.counters.packets, BURST);
    assert_int_equal(host()->rx.counters.bytes, 4 * 8 + 8 * 16 + 4 * 24); /* As they travelled. */
    assert_int_equal(host_takes(BURST, &count), VMB_ERR_RING_EMPTY);
    assert_int_equal(count, 0);
}

static void staged_bursts_are_seen_by_nobody_before_the_flush(void **state)
{
    uint32_t count;

    (void)state;
    assert_int_equal(vmb_endpoint_stage_many(guest(), out, payloads, BURST, &count), VMB_OK);
    assert_int_equal(count, BURST);
    assert_false(pair->host.rung);
    assert_int_equal(host_takes(BURST, &count), VMB_ERR_RING_EMPTY);
    vmb_endpoint_flush(guest());
    assert_true(pair->host.rung);
    assert_int_equal(host_takes(BURST, &count), VMB_OK);
    assert_int_equal(count, BURST);
}

static void a_reader_that_looks_anyway_is_not_rung(void **state)
{
    (void)state;
    vmb_endpoint_mask(host());
    guest_sends(BURST);
    assert_false(pair->host.rung);
    assert_true(vmb_endpoint_unmask(host()));
}

/* A limit is the handler's budget: what it does not take stays in the ring, and is not forgotten.
 */
static void a_budget_leaves_the_rest_in_the_ring(void **state)
{
    struct vmb_endpoint_run run;
    uint32_t count;

    (void)state;
    guest_sends(BURST);
    vmb_endpoint_run_begin(host(), &run);
    assert_int_equal(host_takes(5, &count), VMB_OK);
    assert_int_equal(count, 5);
    host_has(0, 5);
    assert_true(vmb_endpoint_run_done(host(), &run)); /* Run again: no signal will come. */
    assert_int_equal(host_takes(BURST, &count), VMB_OK);
    assert_int_equal(count, BURST - 5);
    host_has(5, BURST - 5);
    assert_int_equal(host_takes(0, &count), VMB_ERR_INVALID_ARGUMENT);
}

/* The first that does not fit is named; those before it have gone out, and their space comes back.
 */
static void a_full_ring_takes_what_fits(void **state)
{
    uint32_t sent, count, after = 0;

    (void)state;
    for (uint32_t i = 0; i < BURST; i++) {
        payloads[i].byte_count = 1000;
    }
    assert_int_equal(vmb_endpoint_send_many(guest(), out, payloads, BURST, &sent),
                     VMB_ERR_RING_FULL);
    assert_int_equal(sent, 3);
    assert_true(pair->host.rung);
    assert_int_equal(vmb_endpoint_wait_space(guest(), payloads[sent].byte_count),
                     VMB_ERR_RING_FULL);
    assert_int_equal(host_takes(BURST, &count), VMB_OK);
    assert_int_equal(count, 3);
    assert_false(pair->guest.rung); /* Read, but not given back. */
    vmb_endpoint_release(host());
    assert_true(pair->guest.rung);
    assert_int_equal(
        vmb_endpoint_send_many(guest(), out + sent, payloads + sent, BURST - sent, &after),
        VMB_ERR_RING_FULL);
    assert_int_equal(after, 3);
    assert_int_equal(host_takes(BURST, &count), VMB_OK);
    assert_int_equal(in[0].transaction_id, 103); /* None twice, none left out. */
}

/* A burst of a thousand laps: the ring wraps within packets, descriptors and bursts. */
static void bursts_wrap_around(void **state)
{
    uint32_t sent, count, next = 0, total = 0;
    vmb_status status;

    (void)state;
    while (total < 20000) {
        status = vmb_endpoint_send_many(guest(), out, payloads, BURST, &sent);
        assert_true(status == VMB_OK || status == VMB_ERR_RING_FULL);
        for (next = 0; next < sent; next += count) {
            assert_int_equal(host_takes(7, &count), VMB_OK);
            host_has(next, count);
        }
        vmb_endpoint_release(host());
        total += sent;
    }
    assert_int_equal(host()->rx.counters.packets, guest()->tx.counters.packets);
}

static void one_that_never_fits_is_left_out_by_its_sender(void **state)
{
    uint32_t sent, count;

    (void)state;
    out[2].flags = 0x80; /* Of no meaning. */
    assert_int_equal(vmb_endpoint_send_many(guest(), out, payloads, BURST, &sent),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(sent, 2);
    assert_int_equal(vmb_endpoint_send_many(guest(), out + 3, payloads + 3, BURST - 3, &sent),
                     VMB_OK);
    assert_int_equal(host_takes(2, &count), VMB_OK);
    host_has(0, 2);
    assert_int_equal(host_takes(BURST, &count), VMB_OK);
    host_has(3, BURST - 3);
}

/* Taking stops before a packet that does not fit; as the first one it is told, and can be dropped.
 */
static void one_larger_than_the_buffer_is_told_when_it_is_the_first(void **state)
{
    uint32_t count;

    (void)state;
    payloads[3].byte_count = 900;
    guest_sends(BURST);
    assert_int_equal(vmb_endpoint_receive_many(host(), buffer, 64, in, BURST, &count), VMB_OK);
    assert_int_equal(count, 3);
    host_has(0, 3);
    assert_int_equal(vmb_endpoint_receive_many(host(), buffer, 64, in, BURST, &count),
                     VMB_ERR_TOO_SMALL);
    assert_int_equal(count, 0);
    assert_int_equal(in[0].payload_bytes, 904);
    assert_int_equal(in[0].transaction_id, 103);
    vmb_endpoint_skip(host(), &in[0]);
    assert_int_equal(host_takes(BURST, &count), VMB_OK);
    host_has(4, BURST - 4);
}

/* Completions, and packets with a header of their own, go in a burst like any other. */
static void kinds_may_be_mixed(void **state)
{
    struct vmb_slice header = {"0123456789abcdef", 16};
    uint8_t copy[16];
    uint32_t count;

    (void)state;
    out[1].type = VMB_PACKET_COMPLETION;
    out[2].type = VMB_PACKET_GPA_DIRECT;
    out[2].header = &header;
    out[2].header_count = 1;
    out[3].flags = VMB_PACKET_WANTS_COMPLETION;
    guest_sends(5);
    assert_int_equal(host_takes(BURST, &count), VMB_OK);
    assert_int_equal(count, 5);
    host_has(0, 5);
    assert_int_equal(in[1].type, VMB_PACKET_COMPLETION);
    assert_int_equal(in[2].type, VMB_PACKET_GPA_DIRECT);
    assert_int_equal(in[3].flags, VMB_PACKET_WANTS_COMPLETION);
    assert_int_equal(vmb_endpoint_receive_header(host(), &in[2], copy, sizeof(copy)), VMB_OK);
    assert_memory_equal(copy, header.bytes, sizeof(copy));
}

/*
 * A peer writes a descriptor that cannot be in the middle of a burst. One by one the reader would
 * get the packets before it, and then the verdict; as a burst it gets the same, and the same count.
 */
static void a_broken_packet_is_told_behind_the_good_ones(void **state)
{
    uint32_t offset = 0, count;

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        offset += vmb_ring_packet_bytes(0, payloads[i].byte_count);
    }
    guest_sends(BURST);
    memset(pair->to_host + VMB_PAGE_BYTES + offset, 0xFF, 8);
    assert_int_equal(host_takes(BURST, &count), VMB_OK);
    assert_int_equal(count, 4);
    host_has(0, 4);
    assert_int_equal(host()->rx.counters.packets, 4);
    assert_int_equal(host_takes(BURST, &count), VMB_ERR_PEER);
    assert_int_equal(count, 0);
    assert_int_equal(vmb_endpoint_receive(host(), buffer, sizeof(buffer), in), VMB_ERR_PEER);
    pair->guest.rung = false;
    vmb_endpoint_release(host()); /* A broken ring gives nothing back. */
    assert_false(pair->guest.rung);
    assert_false(vmb_endpoint_unmask(host()));
}

static void nothing_is_sent_into_a_broken_ring(void **state)
{
    uint32_t sent, i;

    (void)state;
    pair->to_host[4] = 3; /* A read index that cannot be: seen when the ring seems full. */
    for (i = 0; i < 100; i++) {
        vmb_status status = vmb_endpoint_send_many(guest(), out, payloads, BURST, &sent);

        if (status == VMB_ERR_PEER) {
            break;
        }
        assert_int_equal(status, VMB_OK);
    }
    assert_true(i < 100);
    pair->host.rung = false;
    assert_int_equal(vmb_endpoint_send_many(guest(), out, payloads, BURST, &sent), VMB_ERR_PEER);
    assert_int_equal(sent, 0);
    assert_false(pair->host.rung);
}

static void an_empty_burst_flushes_what_is_staged(void **state)
{
    uint32_t sent = 7;

    (void)state;
    assert_int_equal(vmb_endpoint_stage(guest(), payloads, 1, 0, false), VMB_OK);
    assert_int_equal(vmb_endpoint_send_many(guest(), NULL, NULL, 0, &sent), VMB_OK);
    assert_int_equal(sent, 0);
    assert_true(pair->host.rung);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_burst_arrives_in_order_and_rings_once),
        TEST(staged_bursts_are_seen_by_nobody_before_the_flush),
        TEST(a_reader_that_looks_anyway_is_not_rung),
        TEST(a_budget_leaves_the_rest_in_the_ring),
        TEST(a_full_ring_takes_what_fits),
        TEST(bursts_wrap_around),
        TEST(one_that_never_fits_is_left_out_by_its_sender),
        TEST(one_larger_than_the_buffer_is_told_when_it_is_the_first),
        TEST(kinds_may_be_mixed),
        TEST(a_broken_packet_is_told_behind_the_good_ones),
        TEST(nothing_is_sent_into_a_broken_ring),
        TEST(an_empty_burst_flushes_what_is_staged),
    };

    return cmocka_run_group_tests_name("endpoint bursts", tests, NULL, NULL);
}
