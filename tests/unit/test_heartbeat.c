/* SPDX-License-Identifier: MIT */
/* Heartbeat, both roles, and through it what all integration services have in common. */
#include "ic_peer.h"

#include <vmbus/drivers/heartbeat.h>

#define SECOND 1000000000ull

static const struct vmb_ic_version v1 = {1, 0}, v3 = {3, 0}, v9 = {9, 0};

struct world {
    struct pair *pair;
    struct vmb_heartbeat_guest guest;
    struct vmb_heartbeat_host host;
    uint64_t now_ns;
    enum vmb_heartbeat heartbeat;
    uint32_t application_state;
    uint32_t changes;
    vmb_status failure;
};

static uint64_t world_now(void *context)
{
    return ((struct world *)context)->now_ns;
}

static void world_changed(void *context, enum vmb_heartbeat heartbeat, uint32_t application_state)
{
    struct world *world = context;

    world->heartbeat = heartbeat;
    world->application_state = application_state;
    world->changes++;
}

static void world_failed(void *context, vmb_status status)
{
    ((struct world *)context)->failure = status;
}

static struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof(*world));
    struct vmb_heartbeat_host_options options = {
        .struct_bytes = sizeof(options),
        .context = world,
        .now_ns = world_now,
        .changed = world_changed,
        .failed = world_failed,
    };

    assert_non_null(world);
    world->now_ns = SECOND;
    world->pair = pair_new(4096);
    vmb_heartbeat_guest_init(&world->guest);
    assert_int_equal(vmb_heartbeat_host_init(&world->host, &options), VMB_OK);
    return world;
}

static void world_open_guest(struct world *world)
{
    pair_open(&world->pair->guest, vmb_heartbeat_guest_driver(), &world->guest);
}

static void world_open_host(struct world *world)
{
    pair_open(&world->pair->host, vmb_heartbeat_host_driver(), &world->host);
}

/* Let time pass to the host's next deadline, and everything happen that then does. */
static void world_advance(struct world *world)
{
    uint64_t deadline = vmb_heartbeat_host_next_deadline_ns(&world->host);

    assert_true(deadline != VMB_NEVER);
    if (deadline > world->now_ns) {
        world->now_ns = deadline;
    }
    pair_deliver(&world->pair->host);
    assert_true(pair_run(world->pair, 100));
}

static void world_free(struct world *world)
{
    pair_free(world->pair);
    free(world);
}

static void a_guest_lives(void **state)
{
    struct world *world = world_new();
    uint32_t beat;

    (void)state;
    world_open_host(world);
    world_open_guest(world);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->heartbeat, VMB_HEARTBEAT_ALIVE);
    for (beat = 0; beat < 5; beat++) {
        uint64_t before = world->now_ns;

        world_advance(world);
        assert_int_equal(world->now_ns - before, 2 * SECOND);
    }
    assert_int_equal(world->host.ic.counters.requests, 6);
    assert_int_equal(world->host.ic.counters.answers, 6);
    assert_int_equal(world->guest.ic.counters.requests, 6);
    assert_int_equal(world->host.sequence, 6);
    assert_int_equal(world->host.wrong_answers, 0);
    assert_int_equal(world->changes, 1);
    vmb_heartbeat_guest_set_state(&world->guest, VMB_IC_HEARTBEAT_CRITICAL);
    world_advance(world);
    assert_int_equal(world->application_state, VMB_IC_HEARTBEAT_CRITICAL);
    world->pair->host.driver->closed(&world->host, VMB_OK);
    assert_int_equal(world->heartbeat, VMB_HEARTBEAT_UNKNOWN);
    assert_true(vmb_heartbeat_host_next_deadline_ns(&world->host) == VMB_NEVER);
    world_free(world);
}

static void a_late_answer_brings_it_back(void **state)
{
    struct world *world = world_new();
    struct ic_message beat;

    (void)state;
    world_open_host(world);
    ic_choose_as_guest(world->pair, v3, v3, 1);
    assert_true(ic_receive(&world->pair->guest, &beat));
    assert_int_equal(beat.header.message_type, VMB_IC_HEARTBEAT);
    world->now_ns += 9 * SECOND;
    pair_deliver(&world->pair->host);
    assert_int_equal(world->heartbeat, VMB_HEARTBEAT_UNKNOWN);
    world->now_ns += 1 * SECOND;
    pair_deliver(&world->pair->host);
    assert_int_equal(world->heartbeat, VMB_HEARTBEAT_DEAD);
    assert_false(ic_receive(&world->pair->guest, &beat)); /* Asked nothing more meanwhile. */
    ic_answer_as_guest(world->pair, &beat, VMB_IC_STATUS_OK);
    pair_deliver(&world->pair->host);
    assert_int_equal(world->heartbeat, VMB_HEARTBEAT_ALIVE);
    assert_int_equal(world->host.ic.counters.late, 1);
    world_free(world);
}

static void a_guest_that_never_answers_is_negotiated_with_again(void **state)
{
    struct world *world = world_new();
    struct ic_message message;

    (void)state;
    world_open_host(world);
    ic_choose_as_guest(world->pair, v3, v3, 1);
    assert_true(ic_receive(&world->pair->guest, &message));
    world_advance(world); /* The patience is over. */
    world_advance(world); /* That of waiting for a late answer, too. */
    assert_int_equal(world->heartbeat, VMB_HEARTBEAT_DEAD);
    ic_choose_as_guest(world->pair, v1, v1, 1); /* It is back, another system perhaps. */
    assert_true(ic_receive(&world->pair->guest, &message));
    assert_int_equal(message.header.message.major, 1);
    ic_answer_as_guest(world->pair, &message, VMB_IC_STATUS_OK);
    pair_deliver(&world->pair->host);
    assert_int_equal(world->heartbeat, VMB_HEARTBEAT_ALIVE);
    assert_int_equal(world->host.wrong_answers, 1); /* The same number, not the next. */
    world_free(world);
}

/* ---- Negotiation ----------------------------------------------------------------------------- */

static void the_guest_picks_the_best_of_every_offer(void **state)
{
    const struct vmb_ic_version all[] = {v1, v9, v3};
    uint32_t frameworks, messages;

    (void)state;
    /* Every subset of three versions as frameworks and as message versions. */
    for (frameworks = 0; frameworks < 8; frameworks++) {
        for (messages = 0; messages < 8; messages++) {
            struct world *world = world_new();
            struct vmb_ic_version offered[2][3];
            uint16_t counts[2] = {0, 0};
            struct vmb_ic_negotiate chosen;
            struct ic_message answer;
            bool common = (frameworks & 5) != 0 && (messages & 5) != 0;
            uint32_t bit;

            for (bit = 0; bit < 3; bit++) {
                if ((frameworks >> bit & 1) != 0) {
                    offered[0][counts[0]++] = all[bit];
                }
                if ((messages >> bit & 1) != 0) {
                    offered[1][counts[1]++] = all[bit];
                }
            }
            world_open_guest(world);
            ic_negotiate_as_host(world->pair, offered[0], counts[0], offered[1], counts[1],
                                 &answer);
            assert_int_equal(answer.header.flags, VMB_IC_TRANSACTION | VMB_IC_RESPONSE);
            assert_int_equal(answer.header.transaction_id, 7);
            assert_int_equal(answer.packet.transaction_id, 7);
            assert_int_equal(
                vmb_ic_negotiate_decode(answer.body, answer.header.body_bytes, &chosen), VMB_OK);
            assert_int_equal(chosen.framework_count, common ? 1 : 0);
            assert_int_equal(chosen.message_count, common ? 1 : 0);
            if (common) {
                assert_int_equal(vmb_ic_negotiate_framework(&chosen, 0).major,
                                 (frameworks & 4) != 0 ? 3 : 1);
                assert_int_equal(vmb_ic_negotiate_message(&chosen, 0).major,
                                 (messages & 4) != 0 ? 3 : 1);
            }
            world_free(world);
        }
    }
}

static void every_pair_of_versions_works_for_the_host(void **state)
{
    const struct vmb_ic_version known[] = {v1, v3};
    uint32_t framework, version;

    (void)state;
    for (framework = 0; framework < 2; framework++) {
        for (version = 0; version < 2; version++) {
            struct world *world = world_new();
            struct ic_message beat;

            world_open_host(world);
            ic_choose_as_guest(world->pair, known[framework], known[version], 1);
            assert_true(ic_receive(&world->pair->guest, &beat));
            assert_int_equal(beat.header.framework.major, known[framework].major);
            assert_int_equal(beat.header.message.major, known[version].major);
            world_free(world);
        }
    }
}

static void a_host_asks_nothing_of_a_guest_without_a_version(void **state)
{
    struct world *world = world_new();
    struct ic_message message;

    (void)state;
    world_open_host(world);
    ic_choose_as_guest(world->pair, v3, v3, 0);
    assert_false(ic_receive(&world->pair->guest, &message));
    assert_true(vmb_heartbeat_host_next_deadline_ns(&world->host) == VMB_NEVER);
    world_free(world);

    world = world_new();
    world_open_host(world);
    ic_choose_as_guest(world->pair, v3, v9, 1); /* Nobody offered that. */
    assert_false(ic_receive(&world->pair->guest, &message));
    assert_int_equal(world->host.ic.counters.malformed, 1);
    world_free(world);
}

static void renegotiation_forgets_the_request(void **state)
{
    struct world *world = world_new();
    struct ic_message old, message;

    (void)state;
    world_open_host(world);
    ic_choose_as_guest(world->pair, v3, v3, 1);
    assert_true(ic_receive(&world->pair->guest, &old));
    assert_int_equal(vmb_ic_host_negotiate(&world->host.ic), VMB_OK);
    ic_answer_as_guest(world->pair, &old, VMB_IC_STATUS_OK); /* Too late for that. */
    pair_deliver(&world->pair->host);
    assert_int_equal(world->host.ic.counters.unasked, 1);
    assert_int_equal(world->heartbeat, VMB_HEARTBEAT_UNKNOWN);
    ic_choose_as_guest(world->pair, v3, v3, 1);
    assert_true(ic_receive(&world->pair->guest, &message));
    assert_int_equal(message.header.message_type, VMB_IC_HEARTBEAT);
    world_free(world);
}

static void a_guest_answers_renegotiation_any_time(void **state)
{
    struct world *world = world_new();
    struct vmb_ic_header header;
    struct ic_message answer;
    uint8_t body[16] = {41};

    (void)state;
    world_open_guest(world);
    header = ic_request_header(VMB_IC_HEARTBEAT, 16, 1);
    ic_send(&world->pair->host, &header, body, 1); /* Before any version: refused. */
    pair_deliver(&world->pair->guest);
    assert_true(ic_receive(&world->pair->host, &answer));
    assert_int_equal(answer.header.status, VMB_IC_STATUS_NOT_SUPPORTED);
    ic_negotiate_as_host(world->pair, &v3, 1, &v3, 1, &answer);
    ic_send(&world->pair->host, &header, body, 1);
    pair_deliver(&world->pair->guest);
    assert_true(ic_receive(&world->pair->host, &answer));
    assert_int_equal(answer.header.status, VMB_IC_STATUS_OK);
    assert_int_equal(answer.body[0], 42);
    ic_negotiate_as_host(world->pair, &v1, 1, &v1, 1, &answer);
    ic_negotiate_as_host(world->pair, &v9, 1, &v1, 1, &answer);
    ic_send(&world->pair->host, &header, body, 1); /* Nothing in common any more: refused. */
    pair_deliver(&world->pair->guest);
    assert_true(ic_receive(&world->pair->host, &answer));
    assert_int_equal(answer.header.status, VMB_IC_STATUS_NOT_SUPPORTED);
    assert_int_equal(world->guest.ic.counters.negotiations, 3);
    world_free(world);
}

/* ---- What the peer must not do --------------------------------------------------------------- */

static void the_answer_is_as_long_as_the_request(void **state)
{
    uint16_t body_bytes;

    (void)state;
    for (body_bytes = 0; body_bytes <= 64; body_bytes++) {
        struct world *world = world_new();
        uint8_t body[64] = {9, 0, 0, 0, 0, 0, 0, 0, 1};
        struct vmb_ic_header header;
        struct ic_message answer;

        world_open_guest(world);
        ic_negotiate_as_host(world->pair, &v3, 1, &v3, 1, &answer);
        header = ic_request_header(VMB_IC_HEARTBEAT, body_bytes, 3);
        ic_send(&world->pair->host, &header, body, 3);
        pair_deliver(&world->pair->guest);
        assert_true(ic_receive(&world->pair->host, &answer));
        assert_int_equal(answer.header.body_bytes, body_bytes);
        assert_int_equal(answer.packet.payload_bytes,
                         (VMB_IC_HEADER_BYTES + body_bytes + 7u) & ~7u);
        assert_int_equal(answer.header.status,
                         body_bytes < 8 ? VMB_IC_STATUS_INVALID_ARGUMENT : VMB_IC_STATUS_OK);
        if (body_bytes >= 8) {
            assert_int_equal(answer.body[0], 10);
        }
        world_free(world);
    }
}

static void a_request_that_wants_no_answer_gets_none(void **state)
{
    struct world *world = world_new();
    struct vmb_ic_header header;
    struct ic_message answer;
    uint8_t body[16] = {0};

    (void)state;
    world_open_guest(world);
    ic_negotiate_as_host(world->pair, &v3, 1, &v3, 1, &answer);
    header = ic_request_header(VMB_IC_HEARTBEAT, 16, 3);
    header.flags = VMB_IC_REQUEST;
    ic_send(&world->pair->host, &header, body, 3);
    pair_deliver(&world->pair->guest);
    assert_false(ic_receive(&world->pair->host, &answer));
    assert_int_equal(world->guest.ic.counters.requests, 1);
    world_free(world);
}

static void lies_about_lengths_are_dropped(void **state)
{
    struct world *world = world_new();
    struct ic_message answer;
    uint8_t payload[64] = {0};
    uint32_t bytes;

    (void)state;
    world_open_guest(world);
    ic_negotiate_as_host(world->pair, &v3, 1, &v3, 1, &answer);
    for (bytes = 0; bytes < VMB_IC_HEADER_BYTES; bytes++) { /* Less than its headers. */
        struct vmb_ic_header header = ic_request_header(VMB_IC_HEARTBEAT, 16, 1);

        vmb_ic_header_encode(&header, payload);
        assert_int_equal(vmb_endpoint_send(&world->pair->host.endpoint, payload, bytes, 1, false),
                         VMB_OK);
        pair_deliver(&world->pair->guest);
        assert_false(ic_receive(&world->pair->host, &answer));
    }
    assert_int_equal(world->guest.ic.counters.malformed, VMB_IC_HEADER_BYTES);
    /* A body longer than the packet. */
    payload[18] = 200;
    assert_int_equal(vmb_endpoint_send(&world->pair->host.endpoint, payload, 44, 1, false), VMB_OK);
    /* A packet longer than any buffer. */
    assert_int_equal(
        vmb_endpoint_send(&world->pair->host.endpoint, (uint8_t[2000]){0}, 2000, 1, false), VMB_OK);
    pair_deliver(&world->pair->guest);
    assert_false(ic_receive(&world->pair->host, &answer));
    assert_int_equal(world->guest.ic.counters.malformed, VMB_IC_HEADER_BYTES + 2u);
    world_free(world);
}

/* H91: more versions than there are bytes for. */
static void lies_about_versions_are_refused(void **state)
{
    static const uint16_t counts[][2] = {{1, 2}, {2, 1}, {65535, 65535}, {0, 65535}, {65535, 0}};
    size_t index;

    (void)state;
    for (index = 0; index < sizeof(counts) / sizeof(counts[0]); index++) {
        struct world *world = world_new();
        struct vmb_ic_header header = ic_request_header(VMB_IC_NEGOTIATE, 16, 7);
        struct ic_message answer;
        uint8_t body[16] = {0};

        body[0] = (uint8_t)counts[index][0];
        body[1] = (uint8_t)(counts[index][0] >> 8);
        body[2] = (uint8_t)counts[index][1];
        body[3] = (uint8_t)(counts[index][1] >> 8);
        world_open_guest(world);
        ic_send(&world->pair->host, &header, body, 7);
        pair_deliver(&world->pair->guest);
        assert_true(ic_receive(&world->pair->host, &answer));
        assert_int_equal(answer.header.status, VMB_IC_STATUS_INVALID_ARGUMENT);
        assert_int_equal(world->guest.ic.counters.malformed, 1);
        assert_int_equal(answer.packet.payload_bytes, 48);
        world_free(world);
    }
}

/* The guest cannot answer for lack of space: the answer waits, and comes. */
static void an_answer_is_never_lost(void **state)
{
    struct world *world = world_new();
    struct ic_message message;
    struct vmb_packet packet;
    uint8_t filler[256] = {0};
    uint32_t fillers = 0;

    (void)state;
    world_open_guest(world);
    ic_negotiate_as_host(world->pair, &v3, 1, &v3, 1, &message);
    while (vmb_endpoint_send(&world->pair->guest.endpoint, filler, sizeof(filler), 0, false) ==
           VMB_OK) {
        fillers++;
    }
    while (vmb_endpoint_send(&world->pair->guest.endpoint, filler, 8, 0, false) == VMB_OK) {
        fillers++;
    }
    message.header = ic_request_header(VMB_IC_HEARTBEAT, 16, 9);
    ic_send(&world->pair->host, &message.header, filler, 9);
    pair_deliver(&world->pair->guest);
    assert_true(world->guest.ic.counters.ring_full > 0);
    world->pair->guest.rung = false;
    for (; fillers > 0; fillers--) {
        assert_int_equal(vmb_endpoint_receive(&world->pair->host.endpoint, message.payload,
                                              sizeof(message.payload), &packet),
                         VMB_OK);
    }
    assert_false(ic_receive(&world->pair->host, &message));
    assert_true(world->pair->guest.rung); /* Told that there is space. */
    pair_deliver(&world->pair->guest);
    assert_true(ic_receive(&world->pair->host, &message));
    assert_int_equal(message.header.transaction_id, 9);
    world_free(world);
}

/* The host's request waits for space; what the guest says meanwhile answers nothing. */
static void a_request_that_waits_for_space_is_sent(void **state)
{
    struct world *world = world_new();
    struct ic_message message;
    struct vmb_packet packet;
    uint8_t filler[256] = {0};

    (void)state;
    while (vmb_endpoint_send(&world->pair->host.endpoint, filler, sizeof(filler), 0, false) ==
           VMB_OK) {
    }
    while (vmb_endpoint_send(&world->pair->host.endpoint, filler, 8, 0, false) == VMB_OK) {
    }
    world_open_host(world);
    assert_true(world->host.ic.counters.ring_full > 0);
    while (vmb_endpoint_send(&world->pair->guest.endpoint, filler, 8, 0, false) == VMB_OK) {
    }
    pair_deliver(&world->pair->host); /* Reads it all, so the guest has space at least. */
    assert_int_equal(vmb_endpoint_wait_space(&world->pair->guest.endpoint, 2000), VMB_OK);
    assert_true(world->host.ic.counters.unasked > 0);
    while (vmb_endpoint_receive(&world->pair->guest.endpoint, message.payload,
                                sizeof(message.payload), &packet) == VMB_OK) {
    }
    vmb_endpoint_release(&world->pair->guest.endpoint);
    pair_deliver(&world->pair->host);
    ic_choose_as_guest(world->pair, v3, v3, 1);
    assert_true(ic_receive(&world->pair->guest, &message));
    assert_int_equal(message.header.message_type, VMB_IC_HEARTBEAT);
    world_free(world);
}

static void random_rings_do_no_harm(void **state)
{
    uint32_t round, byte;

    (void)state;
    srand(11);
    for (round = 0; round < 500; round++) {
        struct world *world = world_new();

        world_open_host(world);
        world_open_guest(world);
        for (byte = 0; byte < 16; byte++) {
            uint32_t where = VMB_PAGE_BYTES + (uint32_t)rand() % 200u;

            world->pair->to_guest[where] = (uint8_t)rand();
        }
        (void)pair_run(world->pair, 50);
        for (byte = 0; byte < 16; byte++) {
            uint32_t where = VMB_PAGE_BYTES + (uint32_t)rand() % 200u;

            world->pair->to_host[where] = (uint8_t)rand();
        }
        world->now_ns += 60 * SECOND;
        pair_deliver(&world->pair->host);
        pair_deliver(&world->pair->guest);
        (void)pair_run(world->pair, 50);
        world_free(world);
    }
}

static void a_broken_ring_is_reported(void **state)
{
    struct world *world = world_new();

    (void)state;
    world_open_host(world);
    memset(world->pair->to_host, 0xFF, 4);
    pair_deliver(&world->pair->host);
    assert_int_equal(world->failure, VMB_ERR_PEER);
    pair_deliver(&world->pair->host); /* Nothing more happens. */
    assert_true(vmb_heartbeat_host_next_deadline_ns(&world->host) == VMB_NEVER);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_lives),
        cmocka_unit_test(a_late_answer_brings_it_back),
        cmocka_unit_test(a_guest_that_never_answers_is_negotiated_with_again),
        cmocka_unit_test(the_guest_picks_the_best_of_every_offer),
        cmocka_unit_test(every_pair_of_versions_works_for_the_host),
        cmocka_unit_test(a_host_asks_nothing_of_a_guest_without_a_version),
        cmocka_unit_test(renegotiation_forgets_the_request),
        cmocka_unit_test(a_guest_answers_renegotiation_any_time),
        cmocka_unit_test(the_answer_is_as_long_as_the_request),
        cmocka_unit_test(a_request_that_wants_no_answer_gets_none),
        cmocka_unit_test(lies_about_lengths_are_dropped),
        cmocka_unit_test(lies_about_versions_are_refused),
        cmocka_unit_test(an_answer_is_never_lost),
        cmocka_unit_test(a_request_that_waits_for_space_is_sent),
        cmocka_unit_test(random_rings_do_no_harm),
        cmocka_unit_test(a_broken_ring_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
