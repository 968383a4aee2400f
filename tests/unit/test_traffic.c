/* SPDX-License-Identifier: MIT */
/* Traffic: every packet checked and accounted for, rings full both ways, and peers that lie. */
#include "endpoint_pair.h"

#include <vmbus/drivers/traffic.h>

#define BUFFER_BYTES 8192u

struct world {
    struct pair *pair;
    struct vmb_traffic_guest guest;
    struct vmb_traffic_host host;
    uint64_t clock_ns;
    uint64_t round_trips;
    vmb_status guest_failure;
    vmb_status host_failure;
    _Alignas(8) uint8_t guest_buffer[BUFFER_BYTES];
    _Alignas(8) uint8_t host_buffer[BUFFER_BYTES];
};

static uint64_t world_now(void *context)
{
    return ++((struct world *)context)->clock_ns;
}

static void world_answered(void *context, uint64_t round_trip_ns, uint32_t pattern_bytes)
{
    (void)pattern_bytes;
    assert_true(round_trip_ns > 0);
    ((struct world *)context)->round_trips++;
}

static void world_guest_failed(void *context, vmb_status status)
{
    ((struct world *)context)->guest_failure = status;
}

static void world_host_failed(void *context, vmb_status status)
{
    ((struct world *)context)->host_failure = status;
}

static struct vmb_traffic_guest_options world_options(struct world *world)
{
    return (struct vmb_traffic_guest_options){
        .struct_bytes = sizeof(struct vmb_traffic_guest_options),
        .buffer = world->guest_buffer,
        .buffer_bytes = BUFFER_BYTES,
        .seed = 42,
        .packet_limit = 500,
        .context = world,
        .now_ns = world_now,
        .answered = world_answered,
        .failed = world_guest_failed,
    };
}

static struct world *world_new(uint32_t ring_bytes)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->pair = pair_new(ring_bytes);
    return world;
}

static void world_free(struct world *world)
{
    pair_free(world->pair);
    free(world);
}

static void world_open(struct world *world, const struct vmb_traffic_guest_options *options)
{
    assert_int_equal(vmb_traffic_host_init(&world->host, world->host_buffer, BUFFER_BYTES,
                                           world_host_failed, world),
                     VMB_OK);
    assert_int_equal(vmb_traffic_guest_init(&world->guest, options), VMB_OK);
    pair_open(&world->pair->host, vmb_traffic_host_driver(), &world->host);
    pair_open(&world->pair->guest, vmb_traffic_guest_driver(), &world->guest);
}

static struct vmb_traffic_counters guest_counters(const struct world *world)
{
    struct vmb_traffic_counters counters;

    vmb_traffic_guest_read_counters(&world->guest, &counters);
    return counters;
}

static struct vmb_traffic_counters host_counters(const struct world *world)
{
    struct vmb_traffic_counters counters;

    vmb_traffic_host_read_counters(&world->host, &counters);
    return counters;
}

static void assert_all_arrived(const struct world *world, uint64_t requests, uint64_t streamed)
{
    struct vmb_traffic_counters guest = guest_counters(world), host = host_counters(world);

    assert_int_equal(guest.packets_sent, requests);
    assert_int_equal(guest.answered, requests);
    assert_int_equal(guest.streamed, streamed);
    assert_int_equal(guest.packets_received, requests + streamed);
    assert_int_equal(host.packets_received, requests);
    assert_int_equal(host.answered, requests);
    assert_int_equal(host.packets_sent, requests + streamed);
    assert_int_equal(guest.corrupt + guest.out_of_order + guest.unasked + guest.peer_faults, 0);
    assert_int_equal(host.corrupt + host.out_of_order + host.peer_faults, 0);
    assert_int_equal(vmb_traffic_guest_expected(&world->guest), 0);
    assert_int_equal(world->round_trips, requests);
}

static void every_mode_delivers_everything(void **state)
{
    static const uint32_t windows[] = {1, 2, 7, 64};
    static const uint32_t patterns[] = {1, 8, 200, 3900};
    static const uint32_t streams[] = {0, 3, 16};
    uint32_t answer, window, pattern, stream;

    (void)state;
    for (answer = 0; answer <= VMB_TRAFFIC_ANSWER_MIXED; answer++) {
        for (window = 0; window < 4; window++) {
            for (pattern = 0; pattern < 4; pattern++) {
                for (stream = 0; stream < 3; stream++) {
                    struct world *world = world_new(4096);
                    struct vmb_traffic_guest_options options = world_options(world);

                    options.answer = (enum vmb_traffic_answer)answer;
                    options.window = windows[window];
                    options.pattern_limit = patterns[pattern];
                    options.streams = streams[stream];
                    world_open(world, &options);
                    assert_true(pair_run(world->pair, 100000));
                    assert_all_arrived(world, 500, 500 * (uint64_t)options.streams);
                    world_free(world);
                }
            }
        }
    }
}

static void full_rings_both_ways_do_not_lock_up(void **state)
{
    struct world *world = world_new(4096);
    struct vmb_traffic_guest_options options = world_options(world);

    (void)state;
    options.window = 64;
    options.pattern_limit = 2000;
    options.streams = 2;
    world_open(world, &options);
    assert_true(pair_run(world->pair, 100000));
    assert_all_arrived(world, 500, 1000);
    assert_true(guest_counters(world).ring_full > 0);
    assert_true(host_counters(world).ring_full > 0);
    world_free(world);
}

static void a_stopped_guest_drains(void **state)
{
    struct world *world = world_new(16384);
    struct vmb_traffic_guest_options options = world_options(world);
    struct vmb_traffic_counters counters;

    (void)state;
    options.packet_limit = 0;
    options.window = 8;
    options.streams = 1;
    world_open(world, &options);
    assert_false(pair_run(world->pair, 1000)); /* It goes on for ever. */
    assert_true(vmb_traffic_guest_expected(&world->guest) > 0);
    vmb_traffic_guest_stop(&world->guest);
    assert_true(pair_run(world->pair, 1000));
    counters = guest_counters(world);
    assert_all_arrived(world, counters.packets_sent, counters.packets_sent);
    world_free(world);
}

static void a_close_abandons_what_is_under_way(void **state)
{
    struct world *world = world_new(16384);
    struct vmb_traffic_guest_options options = world_options(world);
    struct pair *second = pair_new(16384);
    struct vmb_traffic_counters counters;

    (void)state;
    options.window = 8;
    options.streams = 2;
    options.pattern_limit = 100;
    world_open(world, &options);
    assert_int_equal(vmb_traffic_guest_expected(&world->guest), 24);
    world->pair->guest.driver->closed(&world->guest, VMB_ERR_GONE);
    world->pair->host.driver->closed(&world->host, VMB_ERR_GONE);
    counters = guest_counters(world);
    assert_int_equal(counters.packets_sent, 8);
    assert_int_equal(counters.abandoned, 24);
    assert_int_equal(vmb_traffic_guest_expected(&world->guest), 0);

    /* Opened again, with fresh rings: it goes on where its limit allows. */
    pair_open(&second->host, vmb_traffic_host_driver(), &world->host);
    pair_open(&second->guest, vmb_traffic_guest_driver(), &world->guest);
    assert_true(pair_run(second, 100000));
    counters = guest_counters(world);
    assert_int_equal(counters.packets_sent, 500);
    assert_int_equal(counters.answered, 492);
    assert_int_equal(counters.corrupt + counters.out_of_order + counters.unasked, 0);
    assert_int_equal(host_counters(world).corrupt + host_counters(world).out_of_order, 0);
    pair_free(second);
    world_free(world);
}

/* Each byte of a request that lies in the ring, wrong once: the host sees it. */
static void every_wrong_byte_shows(void **state)
{
    const uint32_t pattern_bytes = 37;
    const uint32_t first = VMB_PAGE_BYTES + VMB_PACKET_DESCRIPTOR_BYTES;
    uint32_t offset, length;

    (void)state;
    for (offset = 0;; offset++) {
        struct world *world = world_new(4096);
        struct vmb_traffic_guest_options options = world_options(world);

        options.packet_limit = 1;
        options.pattern_limit = pattern_bytes;
        world_open(world, &options);
        length = 8u * world->pair->to_host[first - 12] - VMB_PACKET_DESCRIPTOR_BYTES;
        if (offset == length) {
            world_free(world);
            break;
        }
        world->pair->to_host[first + offset] ^= 0x10;
        assert_true(pair_run(world->pair, 100));
        assert_int_equal(host_counters(world).corrupt, 1);
        assert_int_equal(guest_counters(world).corrupt, 1); /* Told by an empty answer. */
        assert_int_equal(vmb_traffic_guest_expected(&world->guest), 0);
        world_free(world);
    }
    assert_true(length > VMB_TRAFFIC_HEADER_BYTES);
}

/* ---- Peers that lie -------------------------------------------------------------------------- */

static void answers_to_nothing_are_counted(void **state)
{
    struct world *world = world_new(16384);
    struct vmb_traffic_guest_options options = world_options(world);
    uint8_t junk[64] = {0};

    (void)state;
    options.packet_limit = 1;
    world_open(world, &options);
    assert_int_equal(vmb_endpoint_complete(&world->pair->host.endpoint, 0, junk, 64), VMB_OK);
    assert_int_equal(vmb_endpoint_complete(&world->pair->host.endpoint, 12345, junk, 64), VMB_OK);
    assert_int_equal(vmb_endpoint_send(&world->pair->host.endpoint, junk, 0, 0, true), VMB_OK);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(guest_counters(world).unasked, 3);
    assert_int_equal(guest_counters(world).answered, 1);
    world_free(world);
}

static void streamed_packets_nobody_asked_for_are_counted(void **state)
{
    struct world *world = world_new(16384);
    struct world *source = world_new(16384);
    struct vmb_traffic_guest_options options = world_options(world);
    struct vmb_packet packet;
    uint8_t payload[1024];
    vmb_status status;

    (void)state;
    options.packet_limit = 1;
    options.pattern_limit = 64;
    world_open(world, &options);
    /* A world with the same seed in which streamed packets were asked for makes valid ones. */
    options.streams = 2;
    options.context = source;
    world_open(source, &options);
    pair_deliver(&source->pair->host);
    for (;;) {
        status =
            vmb_endpoint_receive(&source->pair->guest.endpoint, payload, sizeof(payload), &packet);
        if (status != VMB_OK) {
            break;
        }
        assert_int_equal(
            vmb_endpoint_send(&world->pair->host.endpoint, payload, packet.payload_bytes, 0, false),
            VMB_OK);
    }
    assert_true(pair_run(world->pair, 100));
    assert_true(guest_counters(world).unasked >= 2);
    assert_int_equal(guest_counters(world).streamed, 0);
    assert_int_equal(vmb_traffic_guest_expected(&world->guest), 0);
    world_free(world);
    world_free(source);
}

static uint64_t mix(uint64_t number)
{
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9u;
    number = (number ^ number >> 27) * 0x94D049BB133111EBu;
    return number ^ number >> 31;
}

static void put(uint8_t *payload, uint32_t byte_count, uint64_t value)
{
    for (uint32_t i = 0; i < byte_count; i++) {
        payload[i] = (uint8_t)(value >> 8 * i);
    }
}

static uint64_t get(const uint8_t *payload)
{
    uint64_t value = 0;

    for (uint32_t i = 8; i > 0; i--) {
        value = value << 8 | payload[i - 1];
    }
    return value;
}

/* A whole packet without a pattern, its check word right, whatever stands in it. */
static void make_packet(uint8_t *payload, uint16_t kind, uint16_t streams, uint64_t seed,
                        uint64_t stamp)
{
    uint64_t check = 0;

    memset(payload, 0, VMB_TRAFFIC_HEADER_BYTES);
    put(payload, 4, 0x54424D56u);
    put(payload + 4, 2, kind);
    put(payload + 6, 2, streams);
    put(payload + 24, 8, seed);
    put(payload + 32, 8, stamp);
    for (uint32_t offset = 0; offset < 40; offset += 8) {
        check = mix(check + 0x9E3779B97F4A7C15u + get(payload + offset));
    }
    put(payload + 40, 8, check);
}

enum {
    REQUEST = 1,
    STREAMED = 2
};

/* A request is answered by its own bytes; one that is whole and still none, by nothing. */
static void whole_requests_that_make_no_sense_are_refused(void **state)
{
    static const struct {
        uint16_t kind, streams;
        uint32_t corrupt, answer_bytes;
    } requests[] = {
        {REQUEST, 0, 0, VMB_TRAFFIC_HEADER_BYTES},
        {STREAMED, 0, 1, 0},
        {REQUEST, VMB_TRAFFIC_STREAM_LIMIT + 1, 1, 0},
        {7, 0, 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct world *world = world_new(16384);
        struct vmb_endpoint *guest = &world->pair->guest.endpoint;
        uint8_t payload[VMB_TRAFFIC_HEADER_BYTES], answer[256];
        struct vmb_packet packet;

        assert_int_equal(vmb_traffic_host_init(&world->host, world->host_buffer, BUFFER_BYTES,
                                               world_host_failed, world),
                         VMB_OK);
        pair_open(&world->pair->host, vmb_traffic_host_driver(), &world->host);
        make_packet(payload, requests[i].kind, requests[i].streams, 42, 0);
        assert_int_equal(vmb_endpoint_send(guest, payload, sizeof(payload), 9, true), VMB_OK);
        pair_deliver(&world->pair->host);
        assert_int_equal(host_counters(world).corrupt, requests[i].corrupt);
        assert_int_equal(vmb_endpoint_receive(guest, answer, sizeof(answer), &packet), VMB_OK);
        assert_int_equal(packet.type, VMB_PACKET_COMPLETION);
        assert_int_equal(packet.transaction_id, 9);
        assert_int_equal(packet.payload_bytes, requests[i].answer_bytes);
        assert_int_equal(vmb_endpoint_receive(guest, answer, sizeof(answer), &packet),
                         VMB_ERR_RING_EMPTY); /* And no streamed ones. */
        world_free(world);
    }
}

static void world_answered_at_once(void *context, uint64_t round_trip_ns, uint32_t pattern_bytes)
{
    (void)pattern_bytes;
    assert_int_equal(round_trip_ns, 0); /* Unknown, and never a huge one. */
    ((struct world *)context)->round_trips++;
}

/* The host sends these in place of the one request that comes to it. */
static void answers_that_are_whole_and_wrong_are_counted(void **state)
{
    static const struct {
        uint16_t kind;
        uint64_t other_seed, stamp;
        uint32_t corrupt, round_trips;
        bool has_clock;
    } answers[] = {
        {REQUEST, 0, 0, 0, 1, false},
        {REQUEST, 0, UINT64_MAX, 0, 1, true}, /* From the future. */
        {REQUEST, 1, 0, 1, 0, true},          /* Another guest's. */
        {STREAMED, 0, 0, 1, 0, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct world *world = world_new(16384);
        struct vmb_traffic_guest_options options = world_options(world);
        struct vmb_endpoint *host = &world->pair->host.endpoint;
        uint8_t payload[1024];
        struct vmb_packet packet;

        options.packet_limit = 1;
        options.pattern_limit = 64;
        options.answered = world_answered_at_once;
        options.now_ns = answers[i].has_clock ? world_now : NULL;
        assert_int_equal(vmb_traffic_guest_init(&world->guest, &options), VMB_OK);
        pair_open(&world->pair->guest, vmb_traffic_guest_driver(), &world->guest);
        assert_int_equal(vmb_endpoint_receive(host, payload, sizeof(payload), &packet), VMB_OK);
        make_packet(payload, answers[i].kind, 0, get(payload + 24) ^ answers[i].other_seed,
                    answers[i].stamp);
        assert_int_equal(
            vmb_endpoint_complete(host, packet.transaction_id, payload, VMB_TRAFFIC_HEADER_BYTES),
            VMB_OK);
        pair_deliver(&world->pair->guest);
        assert_int_equal(guest_counters(world).answered, 1);
        assert_int_equal(guest_counters(world).corrupt, answers[i].corrupt);
        assert_int_equal(guest_counters(world).streamed, 0);
        assert_int_equal(world->round_trips, answers[i].round_trips);
        assert_int_equal(vmb_traffic_guest_expected(&world->guest), 0);
        world_free(world);
    }
}

static void oversized_packets_are_dropped(void **state)
{
    struct world *world = world_new(65536);
    struct vmb_traffic_guest_options options = world_options(world);
    static uint8_t junk[BUFFER_BYTES + 8];

    (void)state;
    options.packet_limit = 1;
    world_open(world, &options);
    assert_int_equal(vmb_endpoint_send(&world->pair->host.endpoint, junk, sizeof(junk), 1, false),
                     VMB_OK);
    assert_int_equal(vmb_endpoint_send(&world->pair->guest.endpoint, junk, sizeof(junk), 1, true),
                     VMB_OK);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(guest_counters(world).unasked, 2); /* The junk, and the answer to the other. */
    assert_int_equal(host_counters(world).corrupt, 1);
    assert_int_equal(guest_counters(world).answered, 1);
    world_free(world);
}

static void a_broken_ring_is_reported_once(void **state)
{
    struct world *world = world_new(4096);
    struct vmb_traffic_guest_options options = world_options(world);

    (void)state;
    world_open(world, &options);
    memset(world->pair->to_host, 0xFF, 4); /* Write index, as the host sees it. */
    memset(world->pair->to_guest, 0xFF, 4);
    pair_deliver(&world->pair->host);
    pair_deliver(&world->pair->guest);
    pair_deliver(&world->pair->host);
    pair_deliver(&world->pair->guest);
    assert_int_equal(world->host_failure, VMB_ERR_PEER);
    assert_int_equal(world->guest_failure, VMB_ERR_PEER);
    assert_int_equal(host_counters(world).peer_faults, 1);
    assert_int_equal(guest_counters(world).peer_faults, 1);
    world_free(world);
}

/* Whatever stands in the rings: no crash, no endless loop. Sanitizers watch. */
static void random_rings_do_no_harm(void **state)
{
    uint32_t round, byte;

    (void)state;
    srand(7);
    for (round = 0; round < 300; round++) {
        struct world *world = world_new(4096);
        struct vmb_traffic_guest_options options = world_options(world);

        options.window = 8;
        options.streams = 2;
        options.pattern_limit = 100;
        world_open(world, &options);
        for (byte = 0; byte < 64; byte++) {
            uint32_t where = (uint32_t)rand() % 8192u;

            world->pair->to_host[where] = (uint8_t)rand();
            world->pair->to_guest[where] = (uint8_t)rand();
        }
        (void)pair_run(world->pair, 200);
        world_free(world);
    }
}

static void options_are_checked(void **state)
{
    struct world *world = world_new(4096);
    struct vmb_traffic_guest_options good = world_options(world), bad;

    (void)state;
    bad = good;
    bad.struct_bytes = 0;
    assert_int_equal(vmb_traffic_guest_init(&world->guest, &bad), VMB_ERR_INVALID_ARGUMENT);
    bad = good;
    bad.buffer = world->guest_buffer + 1;
    assert_int_equal(vmb_traffic_guest_init(&world->guest, &bad), VMB_ERR_INVALID_ARGUMENT);
    bad = good;
    bad.window = VMB_TRAFFIC_WINDOW_LIMIT + 1u;
    assert_int_equal(vmb_traffic_guest_init(&world->guest, &bad), VMB_ERR_INVALID_ARGUMENT);
    bad = good;
    bad.streams = VMB_TRAFFIC_STREAM_LIMIT + 1u;
    assert_int_equal(vmb_traffic_guest_init(&world->guest, &bad), VMB_ERR_INVALID_ARGUMENT);
    bad = good;
    bad.pattern_limit = BUFFER_BYTES;
    assert_int_equal(vmb_traffic_guest_init(&world->guest, &bad), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_traffic_host_init(&world->host, NULL, 64, NULL, NULL),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_traffic_host_init(&world->host, world->host_buffer, 63, NULL, NULL),
                     VMB_ERR_INVALID_ARGUMENT);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mode_delivers_everything),
        cmocka_unit_test(full_rings_both_ways_do_not_lock_up),
        cmocka_unit_test(a_stopped_guest_drains),
        cmocka_unit_test(a_close_abandons_what_is_under_way),
        cmocka_unit_test(every_wrong_byte_shows),
        cmocka_unit_test(answers_to_nothing_are_counted),
        cmocka_unit_test(streamed_packets_nobody_asked_for_are_counted),
        cmocka_unit_test(whole_requests_that_make_no_sense_are_refused),
        cmocka_unit_test(answers_that_are_whole_and_wrong_are_counted),
        cmocka_unit_test(oversized_packets_are_dropped),
        cmocka_unit_test(a_broken_ring_is_reported_once),
        cmocka_unit_test(random_rings_do_no_harm),
        cmocka_unit_test(options_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
