/* SPDX-License-Identifier: MIT */
/* Integration services at their edges: peers that break rings, flood, or answer what was not asked.
 */
#include "ic_peer.h"

#include <vmbus/drivers/heartbeat.h>
#include <vmbus/drivers/shutdown.h>
#include <vmbus/drivers/timesync.h>
#include <vmbus/drivers/traffic.h>

#define SECOND 1000000000ull

static const struct vmb_ic_version v1 = {1, 0}, v3 = {3, 0};

struct world {
    struct pair *pair;
    struct vmb_heartbeat_guest heartbeat_guest;
    struct vmb_heartbeat_host heartbeat_host;
    struct vmb_shutdown_guest shutdown_guest;
    struct vmb_shutdown_host shutdown_host;
    struct vmb_timesync_guest timesync_guest;
    struct vmb_timesync_host timesync_host;
    struct vmb_traffic_guest traffic_guest;
    struct vmb_traffic_host traffic_host;
    uint64_t now_ns;
    uint32_t failures;
    _Alignas(8) uint8_t buffers[2][4096];
};

static uint64_t world_now(void *context)
{
    return ((struct world *)context)->now_ns;
}

static void world_failed(void *context, vmb_status status)
{
    assert_int_equal(status, VMB_ERR_PEER);
    ((struct world *)context)->failures++;
}

static void world_go(void *context, const struct vmb_shutdown_request *request)
{
    (void)context;
    (void)request;
    fail_msg("nobody asked to go");
}

static void world_reading(void *context, const struct vmb_timesync_reading *reading)
{
    (void)context;
    (void)reading;
}

/* Every driver of either role; its user wants to be told of failures, or does not. */
static struct world *world_new(bool wants)
{
    struct world *world = calloc(1, sizeof(*world));
    void (*failed)(void *context, vmb_status status) = wants ? world_failed : NULL;
    struct vmb_heartbeat_host_options beats = {.struct_bytes = sizeof(beats),
                                               .interval_ns = SECOND,
                                               .patience_ns = SECOND,
                                               .context = world,
                                               .now_ns = world_now,
                                               .failed = failed};
    struct vmb_shutdown_guest_options goes = {
        .struct_bytes = sizeof(goes), .context = world, .go = world_go, .failed = failed};
    struct vmb_shutdown_host_options asks = {.struct_bytes = sizeof(asks),
                                             .patience_ns = SECOND,
                                             .context = world,
                                             .now_ns = world_now,
                                             .failed = failed};
    struct vmb_timesync_guest_options reads = {.struct_bytes = sizeof(reads),
                                               .context = world,
                                               .reading = world_reading,
                                               .failed = failed};
    struct vmb_timesync_host_options tells = {.struct_bytes = sizeof(tells),
                                              .interval_ns = SECOND,
                                              .patience_ns = SECOND,
                                              .context = world,
                                              .now_ns = world_now,
                                              .utc_100ns = world_now,
                                              .failed = failed};
    struct vmb_traffic_guest_options traffic = {.struct_bytes = sizeof(traffic),
                                                .buffer = world->buffers[0],
                                                .buffer_bytes = sizeof(world->buffers[0]),
                                                .seed = 5,
                                                .packet_limit = 3,
                                                .context = world,
                                                .failed = failed};

    world->now_ns = SECOND;
    world->pair = pair_new(8192);
    vmb_heartbeat_guest_init(&world->heartbeat_guest);
    assert_int_equal(vmb_heartbeat_host_init(&world->heartbeat_host, &beats), VMB_OK);
    assert_int_equal(vmb_shutdown_guest_init(&world->shutdown_guest, &goes), VMB_OK);
    assert_int_equal(vmb_shutdown_host_init(&world->shutdown_host, &asks), VMB_OK);
    assert_int_equal(vmb_timesync_guest_init(&world->timesync_guest, &reads), VMB_OK);
    assert_int_equal(vmb_timesync_host_init(&world->timesync_host, &tells), VMB_OK);
    assert_int_equal(vmb_traffic_guest_init(&world->traffic_guest, &traffic), VMB_OK);
    assert_int_equal(vmb_traffic_host_init(&world->traffic_host, world->buffers[1],
                                           sizeof(world->buffers[1]), failed, world),
                     VMB_OK);
    return world;
}

static void world_free(struct world *world)
{
    pair_free(world->pair);
    free(world);
}

/* ---- Broken rings ----------------------------------------------------------------------------
 */

static void break_ring(struct pair_side *side, const struct vmb_driver *driver, void *device,
                       uint8_t *inbound)
{
    pair_open(side, driver, device);
    inbound[0] = 3; /* A write index that no writer has. */
    pair_deliver(side);
    pair_deliver(side); /* Nothing more is said, and nothing more is read. */
    driver->closed(device, VMB_OK);
}

static uint32_t break_each(bool wants)
{
    uint32_t failures = 0;

    for (uint32_t which = 0; which < 7; which++) {
        struct world *world = world_new(wants);
        struct pair *pair = world->pair;

        switch (which) {
        case 0:
            break_ring(&pair->host, vmb_heartbeat_host_driver(), &world->heartbeat_host,
                       pair->to_host);
            break;
        case 1:
            break_ring(&pair->guest, vmb_shutdown_guest_driver(), &world->shutdown_guest,
                       pair->to_guest);
            break;
        case 2:
            break_ring(&pair->host, vmb_shutdown_host_driver(), &world->shutdown_host,
                       pair->to_host);
            break;
        case 3:
            break_ring(&pair->guest, vmb_timesync_guest_driver(), &world->timesync_guest,
                       pair->to_guest);
            break;
        case 4:
            break_ring(&pair->host, vmb_timesync_host_driver(), &world->timesync_host,
                       pair->to_host);
            break;
        case 5:
            break_ring(&pair->guest, vmb_traffic_guest_driver(), &world->traffic_guest,
                       pair->to_guest);
            break;
        default:
            break_ring(&pair->host, vmb_traffic_host_driver(), &world->traffic_host, pair->to_host);
            break;
        }
        failures += world->failures;
        world_free(world);
    }
    return failures;
}

static void a_broken_ring_is_told_once(void **state)
{
    struct world *world = world_new(true);

    (void)state;
    assert_int_equal(break_each(true), 7);
    assert_int_equal(break_each(false), 0); /* And by itself, if nobody wants to know. */
    break_ring(&world->pair->guest, vmb_heartbeat_guest_driver(), &world->heartbeat_guest,
               world->pair->to_guest); /* It has nobody to tell. */
    world_free(world);
}

static void fill(struct pair_side *side)
{
    uint8_t bytes[8] = {0};

    while (vmb_endpoint_send(&side->endpoint, bytes, sizeof(bytes), 0, false) == VMB_OK) {
    }
    while (vmb_endpoint_send(&side->endpoint, bytes, 0, 0, false) == VMB_OK) {
    }
}

/* The other ring: it is full, and what looks for space in it finds its index broken. */
static void a_broken_outbound_ring_is_told_too(void **state)
{
    (void)state;
    for (uint32_t which = 0; which < 3; which++) {
        struct world *world = world_new(true);
        struct pair *pair = world->pair;

        fill(which == 1 ? &pair->guest : &pair->host);
        if (which == 0) {
            pair->to_guest[4] = 3; /* A read index that no reader has. */
            pair_open(&pair->host, vmb_heartbeat_host_driver(), &world->heartbeat_host);
        } else if (which == 1) {
            pair->to_host[4] = 3;
            pair_open(&pair->guest, vmb_traffic_guest_driver(), &world->traffic_guest);
        } else {
            pair_open(&pair->host, vmb_traffic_host_driver(), &world->traffic_host);
            pair->to_guest[4] = 3;
            assert_int_equal(vmb_endpoint_send(&pair->guest.endpoint, "x", 1, 0, false), VMB_OK);
            pair_deliver(&pair->host);
        }
        assert_int_equal(world->failures, 1);
        world_free(world);
    }
}

/* ---- Making devices --------------------------------------------------------------------------
 */

static void devices_need_their_callbacks(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct vmb_heartbeat_host_options beats = {.struct_bytes = sizeof(beats)};
    struct vmb_shutdown_guest_options goes = {.struct_bytes = sizeof(goes)};
    struct vmb_shutdown_host_options asks = {.struct_bytes = sizeof(asks)};
    struct vmb_timesync_guest_options reads = {.struct_bytes = sizeof(reads)};
    struct vmb_timesync_host_options tells = {.struct_bytes = sizeof(tells)};
    struct vmb_traffic_guest_options traffic = {.struct_bytes = sizeof(traffic)};

    (void)state;
    for (uint32_t pass = 0; pass < 2; pass++) {
        assert_int_equal(vmb_heartbeat_host_init(&world->heartbeat_host, &beats),
                         VMB_ERR_INVALID_ARGUMENT);
        assert_int_equal(vmb_shutdown_guest_init(&world->shutdown_guest, &goes),
                         VMB_ERR_INVALID_ARGUMENT);
        assert_int_equal(vmb_shutdown_host_init(&world->shutdown_host, &asks),
                         VMB_ERR_INVALID_ARGUMENT);
        assert_int_equal(vmb_timesync_guest_init(&world->timesync_guest, &reads),
                         VMB_ERR_INVALID_ARGUMENT);
        assert_int_equal(vmb_timesync_host_init(&world->timesync_host, &tells),
                         VMB_ERR_INVALID_ARGUMENT);
        assert_int_equal(vmb_traffic_guest_init(&world->traffic_guest, &traffic),
                         VMB_ERR_INVALID_ARGUMENT);
        /* The second time everything is there, but of another library's size. */
        beats = (struct vmb_heartbeat_host_options){.struct_bytes = 4, .now_ns = world_now};
        goes = (struct vmb_shutdown_guest_options){.struct_bytes = 4, .go = world_go};
        asks = (struct vmb_shutdown_host_options){.struct_bytes = 4, .now_ns = world_now};
        reads = (struct vmb_timesync_guest_options){.struct_bytes = 4, .reading = world_reading};
        tells =
            (struct vmb_timesync_host_options){.struct_bytes = sizeof(tells), .now_ns = world_now};
        traffic = (struct vmb_traffic_guest_options){
            .struct_bytes = sizeof(traffic), .buffer = world->buffers[0], .buffer_bytes = 8};
    }
    tells.utc_100ns = world_now;
    tells.struct_bytes = 4;
    assert_int_equal(vmb_timesync_host_init(&world->timesync_host, &tells),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(
        vmb_traffic_host_init(&world->traffic_host, world->buffers[1] + 1, 1024, NULL, NULL),
        VMB_ERR_INVALID_ARGUMENT);
    free(world);
}

/* ---- Wrong messages --------------------------------------------------------------------------
 */

/* A host made by hand floods the guest with requests that want no answer. */
static void a_guest_that_is_flooded_lets_others_run(void **state)
{
    struct world *world = world_new(true);
    struct pair *pair = world->pair;
    struct vmb_ic_header header = ic_request_header(VMB_IC_SHUTDOWN, 0, 1);
    uint32_t sent;

    (void)state;
    header.flags = VMB_IC_REQUEST;
    pair_open(&pair->guest, vmb_shutdown_guest_driver(), &world->shutdown_guest);
    for (sent = 0; sent < 70; sent++) {
        ic_send(&pair->host, &header, NULL, sent);
    }
    pair_deliver(&pair->guest);
    assert_int_equal(world->shutdown_guest.ic.counters.unknown, 64);
    pair_deliver(&pair->guest);
    assert_int_equal(world->shutdown_guest.ic.counters.unknown, 70);
    world_free(world);
}

static void completions_and_answers_are_no_requests(void **state)
{
    struct world *world = world_new(true);
    struct pair *pair = world->pair;
    struct vmb_ic_header header = ic_request_header(VMB_IC_SHUTDOWN, 0, 1);
    uint8_t bytes[64] = {0};

    (void)state;
    pair_open(&pair->guest, vmb_shutdown_guest_driver(), &world->shutdown_guest);
    assert_int_equal(vmb_endpoint_complete(&pair->host.endpoint, 1, bytes, sizeof(bytes)), VMB_OK);
    header.flags = VMB_IC_TRANSACTION | VMB_IC_RESPONSE;
    ic_send(&pair->host, &header, NULL, 1);
    pair_deliver(&pair->guest);
    assert_int_equal(world->shutdown_guest.ic.counters.malformed, 2);
    world_free(world);
}

static void wrong_answers_to_the_host_are_counted(void **state)
{
    struct world *world = world_new(true);
    struct pair *pair = world->pair;
    struct ic_message message;
    uint8_t bytes[64] = {0};

    (void)state;
    pair_open(&pair->host, vmb_heartbeat_host_driver(), &world->heartbeat_host);
    assert_int_equal(vmb_endpoint_complete(&pair->guest.endpoint, 1, bytes, sizeof(bytes)), VMB_OK);
    ic_choose_as_guest(pair, v3, v3, 1);
    assert_int_equal(world->heartbeat_host.ic.counters.malformed, 1);
    assert_true(ic_receive(&pair->guest, &message));
    assert_int_equal(message.header.message_type, VMB_IC_HEARTBEAT);
    message.header.flags = VMB_IC_TRANSACTION | VMB_IC_REQUEST; /* A guest asks nothing. */
    ic_send(&pair->guest, &message.header, message.body, message.packet.transaction_id);
    message.header.message_type = VMB_IC_SHUTDOWN; /* The answer of another service. */
    ic_answer_as_guest(pair, &message, VMB_IC_STATUS_OK);
    pair_deliver(&pair->host);
    assert_int_equal(world->heartbeat_host.ic.counters.malformed, 2);
    assert_int_equal(world->heartbeat_host.ic.counters.unasked, 1);
    message.header.message_type = VMB_IC_HEARTBEAT;
    ic_answer_as_guest(pair, &message, VMB_IC_STATUS_INVALID_ARGUMENT); /* It lives, though. */
    pair_deliver(&pair->host);
    assert_int_equal(world->heartbeat_host.wrong_answers, 1);
    world->now_ns += SECOND;
    pair_deliver(&pair->host);
    assert_true(ic_receive(&pair->guest, &message));
    message.header.body_bytes = 0;
    ic_answer_as_guest(pair, &message, VMB_IC_STATUS_OK);
    pair_deliver(&pair->host);
    assert_int_equal(world->heartbeat_host.wrong_answers, 2);
    world_free(world);
}

/* What the guest picks: @frameworks and @messages of them, these. */
static uint32_t pick(struct vmb_ic_version framework, uint16_t frameworks, uint16_t messages,
                     uint16_t cut)
{
    const struct vmb_ic_version chosen[2] = {framework, {3, 0}};
    struct world *world = world_new(true);
    struct pair *pair = world->pair;
    struct ic_message message;
    uint32_t bytes, state;

    pair_open(&pair->host, vmb_heartbeat_host_driver(), &world->heartbeat_host);
    assert_true(ic_receive(&pair->guest, &message));
    assert_int_equal(
        vmb_ic_negotiate_encode(chosen, frameworks, chosen + 1, messages, message.body, 64, &bytes),
        VMB_OK);
    message.header.body_bytes = (uint16_t)(bytes - cut);
    ic_answer_as_guest(pair, &message, VMB_IC_STATUS_OK);
    pair_deliver(&pair->host);
    state = world->heartbeat_host.ic.state;
    world_free(world);
    return state;
}

static void a_choice_must_be_one_of_each_and_offered(void **state)
{
    const struct vmb_ic_version never = {9, 9};

    (void)state;
    assert_int_equal(pick(v3, 1, 1, 0), VMB_IC_HOST_WAITING); /* The first beat. */
    assert_int_equal(pick(v1, 1, 1, 0), VMB_IC_HOST_WAITING);
    assert_int_equal(pick(never, 1, 1, 0), VMB_IC_HOST_UNSUPPORTED);
    assert_int_equal(pick(v3, 1, 0, 0), VMB_IC_HOST_UNSUPPORTED);
    assert_int_equal(pick(v3, 0, 1, 0), VMB_IC_HOST_UNSUPPORTED);
    assert_int_equal(pick(v3, 1, 1, 8), VMB_IC_HOST_UNSUPPORTED); /* Cut off. */
}

static void requests_have_their_time_and_size(void **state)
{
    static uint8_t large[VMB_IC_MAX_BYTES];
    struct world *world = world_new(true);
    struct pair *pair = world->pair;
    struct vmb_shutdown_request request = {.kind = VMB_SHUTDOWN_POWER_OFF};

    (void)state;
    assert_int_equal(vmb_shutdown_host_request(&world->shutdown_host, &request),
                     VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_ic_host_negotiate(&world->shutdown_host.ic), VMB_ERR_WRONG_STATE);
    pair_open(&pair->host, vmb_shutdown_host_driver(), &world->shutdown_host);
    assert_int_equal(vmb_shutdown_host_request(&world->shutdown_host, &request), VMB_ERR_BUSY);
    ic_choose_as_guest(pair, v3, v3, 1);
    assert_int_equal(vmb_ic_host_request(&world->shutdown_host.ic, large, sizeof(large)),
                     VMB_ERR_INVALID_ARGUMENT);
    request.text_bytes = 0x10000;
    request.text = large;
    assert_int_equal(vmb_shutdown_host_request(&world->shutdown_host, &request),
                     VMB_ERR_INVALID_ARGUMENT);
    request.text_bytes = 0;
    /* Starting over while nothing is under way tells nobody of an end. */
    assert_int_equal(vmb_ic_host_negotiate(&world->shutdown_host.ic), VMB_OK);
    ic_choose_as_guest(pair, v3, v3, 0);
    assert_int_equal(vmb_shutdown_host_request(&world->shutdown_host, &request),
                     VMB_ERR_WRONG_STATE); /* It supports none of our versions. */
    vmb_shutdown_host_driver()->closed(&world->shutdown_host, VMB_OK);
    world_free(world);
}

static void a_host_that_nobody_listens_to_asks_and_is_answered(void **state)
{
    struct world *world = world_new(false);
    struct pair *pair = world->pair;
    struct vmb_shutdown_request request = {.kind = VMB_SHUTDOWN_POWER_OFF};
    struct ic_message message;

    (void)state;
    pair_open(&pair->host, vmb_shutdown_host_driver(), &world->shutdown_host);
    ic_choose_as_guest(pair, v3, v3, 1);
    assert_int_equal(vmb_shutdown_host_request(&world->shutdown_host, &request), VMB_OK);
    assert_true(ic_receive(&pair->guest, &message));
    world->now_ns += 2 * SECOND;
    pair_deliver(&pair->host); /* Too late. */
    ic_answer_as_guest(pair, &message, VMB_IC_STATUS_OK);
    pair_deliver(&pair->host);
    assert_int_equal(world->shutdown_host.ic.counters.late, 1);
    vmb_shutdown_host_driver()->closed(&world->shutdown_host, VMB_OK);
    world_free(world);
}

static void a_clock_that_is_not_answered_is_asked_again(void **state)
{
    struct world *world = world_new(true);
    struct pair *pair = world->pair;
    struct ic_message message;

    (void)state;
    pair_open(&pair->host, vmb_timesync_host_driver(), &world->timesync_host);
    pair_deliver(&pair->host); /* Not ready yet. */
    world->now_ns += 2 * SECOND;
    pair_deliver(&pair->host); /* The negotiation is not answered: once more. */
    assert_true(ic_receive(&pair->guest, &message));
    ic_choose_as_guest(pair, v3, v3, 1);
    assert_true(ic_receive(&pair->guest, &message));
    assert_int_equal(message.header.message_type, VMB_IC_TIMESYNC);
    assert_true(vmb_timesync_host_next_deadline_ns(&world->timesync_host) <=
                world->now_ns + SECOND);
    world->now_ns += 2 * SECOND;
    pair_deliver(&pair->host);
    ic_answer_as_guest(pair, &message, VMB_IC_STATUS_OK);
    pair_deliver(&pair->host); /* Late: the next reading follows at once. */
    assert_true(ic_receive(&pair->guest, &message));
    ic_answer_as_guest(pair, &message, VMB_IC_STATUS_OK);
    pair_deliver(&pair->host);
    assert_int_equal(vmb_timesync_host_next_deadline_ns(&world->timesync_host),
                     world->now_ns + SECOND);
    world_free(world);
}

/* ---- Traffic ---------------------------------------------------------------------------------
 */

static void traffic_without_a_clock_or_a_listener(void **state)
{
    struct world *world = world_new(true);
    struct pair *pair = world->pair;
    struct vmb_traffic_counters counters;

    (void)state;
    pair_open(&pair->host, vmb_traffic_host_driver(), &world->traffic_host);
    pair_open(&pair->guest, vmb_traffic_guest_driver(), &world->traffic_guest);
    assert_true(pair_run(pair, 100));
    vmb_traffic_guest_read_counters(&world->traffic_guest, &counters);
    assert_int_equal(counters.answered, 3);
    assert_int_equal(counters.corrupt + counters.out_of_order, 0);
    world_free(world);
}

static void a_traffic_host_that_is_flooded_lets_others_run(void **state)
{
    struct world *world = world_new(true);
    struct vmb_ring_state left;
    struct pair *pair = pair_new(65536);

    (void)state;
    pair_free(world->pair);
    world->pair = pair;
    pair_open(&pair->host, vmb_traffic_host_driver(), &world->traffic_host);
    /* Completions: nothing is answered, so nothing ever waits for space. */
    while (vmb_endpoint_complete(&pair->guest.endpoint, 1, NULL, 0) == VMB_OK) {
    }
    pair_deliver(&pair->host);
    assert_int_equal(vmb_ring_inspect(pair->to_host, 65536, &left), VMB_OK);
    assert_int_not_equal(left.used_bytes, 0);
    while (left.used_bytes != 0) {
        pair_deliver(&pair->host);
        assert_int_equal(vmb_ring_inspect(pair->to_host, 65536, &left), VMB_OK);
    }
    world_free(world);
}

#define TEST(function) cmocka_unit_test(function)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_broken_ring_is_told_once),
        TEST(a_broken_outbound_ring_is_told_too),
        TEST(devices_need_their_callbacks),
        TEST(a_guest_that_is_flooded_lets_others_run),
        TEST(completions_and_answers_are_no_requests),
        TEST(wrong_answers_to_the_host_are_counted),
        TEST(a_choice_must_be_one_of_each_and_offered),
        TEST(requests_have_their_time_and_size),
        TEST(a_host_that_nobody_listens_to_asks_and_is_answered),
        TEST(a_clock_that_is_not_answered_is_asked_again),
        TEST(traffic_without_a_clock_or_a_listener),
        TEST(a_traffic_host_that_is_flooded_lets_others_run),
    };

    return cmocka_run_group_tests_name("integration services, edges", tests, NULL, NULL);
}
