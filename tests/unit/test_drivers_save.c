/* SPDX-License-Identifier: MIT */
/*
 * Devices that go on where another one stopped, over the same rings: traffic cut at every event,
 * the integration services at every step of a conversation and with another clock, and bytes that
 * are damaged.
 */
#include "device_save.h"
#include "ic_peer.h"

#include <vmbus/drivers/heartbeat.h>
#include <vmbus/drivers/shutdown.h>
#include <vmbus/drivers/timesync.h>
#include <vmbus/drivers/traffic.h>

#define SECOND       1000000000ull
#define BUFFER_BYTES 8192u

/* ---- Traffic --------------------------------------------------------------------------------- */

struct traffic {
    struct pair *pair;
    struct vmb_traffic_guest guest;
    struct vmb_traffic_host host;
    struct vmb_traffic_host next;
    uint64_t clock_ns;
    _Alignas(8) uint8_t guest_buffer[BUFFER_BYTES];
    _Alignas(8) uint8_t buffers[2][BUFFER_BYTES];
};

static uint64_t traffic_now(void *context)
{
    return ++((struct traffic *)context)->clock_ns;
}

static struct traffic *traffic_new(void)
{
    struct traffic *world = calloc(1, sizeof(*world));
    struct vmb_traffic_guest_options options = {
        .struct_bytes = sizeof(options),
        .buffer = world->guest_buffer,
        .buffer_bytes = BUFFER_BYTES,
        .seed = 7,
        .packet_limit = 300,
        .window = 16,
        .pattern_limit = 1500,
        .streams = 3,
        .answer = VMB_TRAFFIC_ANSWER_MIXED,
        .context = world,
        .now_ns = traffic_now,
    };

    world->pair = pair_new(4096);
    assert_int_equal(
        vmb_traffic_host_init(&world->host, world->buffers[0], BUFFER_BYTES, NULL, NULL), VMB_OK);
    assert_int_equal(vmb_traffic_guest_init(&world->guest, &options), VMB_OK);
    pair_open(&world->pair->host, vmb_traffic_host_driver(), &world->host);
    pair_open(&world->pair->guest, vmb_traffic_guest_driver(), &world->guest);
    return world;
}

static void traffic_free(struct traffic *world)
{
    pair_free(world->pair);
    free(world);
}

static void traffic_cut_at_every_event(void **state)
{
    uint32_t cut, owed = 0;
    bool quiet = false;

    (void)state;
    for (cut = 1; !quiet; cut++) {
        struct traffic *world = traffic_new();
        struct vmb_traffic_counters guest, host;

        quiet = pair_run(world->pair, cut);
        owed += world->host.streams_owed > 0;
        save(vmb_traffic_host_hooks(), &world->host, true);
        assert_int_equal(
            vmb_traffic_host_init(&world->next, world->buffers[1], BUFFER_BYTES, NULL, NULL),
            VMB_OK);
        memset(world->buffers[0], 0xEE, BUFFER_BYTES);
        memset(&world->host, 0xEE, sizeof(world->host));
        restore(vmb_traffic_host_hooks(), &world->next, world->pair);
        assert_true(pair_run(world->pair, 100000));
        vmb_traffic_guest_read_counters(&world->guest, &guest);
        vmb_traffic_host_read_counters(&world->next, &host);
        assert_int_equal(guest.answered, 300);
        assert_int_equal(guest.streamed, 900);
        assert_int_equal(guest.corrupt + guest.out_of_order + guest.unasked, 0);
        assert_int_equal(host.packets_received, 300);
        assert_int_equal(host.packets_sent, 1200);
        assert_int_equal(host.corrupt + host.out_of_order, 0);
        traffic_free(world);
    }
    assert_true(cut > 50); /* It had something to cut. */
    assert_true(owed > 10);
}

static void traffic_damaged(void **state)
{
    struct traffic *world = traffic_new();

    (void)state;
    (void)pair_run(world->pair, 20);
    save(vmb_traffic_host_hooks(), &world->host, true);
    assert_int_equal(
        vmb_traffic_host_init(&world->next, world->buffers[1], BUFFER_BYTES, NULL, NULL), VMB_OK);
    damage(vmb_traffic_host_hooks(), &world->next, sizeof(world->next), vmb_traffic_host_driver(),
           world->pair);
    traffic_free(world);
}

static void traffic_with_a_smaller_buffer(void **state)
{
    struct traffic *world = traffic_new();
    uint32_t events = 0;

    (void)state;
    while (world->host.streams_owed == 0) {
        (void)pair_run(world->pair, 1);
        assert_true(++events < 1000);
    }
    save(vmb_traffic_host_hooks(), &world->host, true);
    assert_int_equal(vmb_traffic_host_init(&world->next, world->buffers[1], 64, NULL, NULL),
                     VMB_OK);
    assert_int_equal(vmb_traffic_host_restore(&world->next, NULL, &world->pair->host.endpoint,
                                              blob.bytes, blob.byte_count),
                     VMB_ERR_MALFORMED);
    traffic_free(world);
}

/* ---- Integration services -------------------------------------------------------------------- */

struct services {
    struct pair *pair;
    struct vmb_heartbeat_guest heartbeat_guest;
    struct vmb_heartbeat_host heartbeat[2];
    struct vmb_shutdown_host shutdown[2];
    struct vmb_timesync_guest timesync_guest;
    struct vmb_timesync_host timesync[2];
    uint64_t now_ns;
    uint32_t readings, steps;
    uint32_t answers;
    bool ready;
    enum vmb_heartbeat life;
};

static uint64_t services_now(void *context)
{
    return ((struct services *)context)->now_ns;
}

static void services_changed(void *context, enum vmb_heartbeat heartbeat, uint32_t state)
{
    (void)state;
    ((struct services *)context)->life = heartbeat;
}

static void services_ready(void *context, bool ready)
{
    ((struct services *)context)->ready = ready;
}

static void services_answered(void *context, vmb_status status, uint32_t ic_status)
{
    (void)ic_status;
    ((struct services *)context)->answers += status == VMB_OK;
}

static void services_reading(void *context, const struct vmb_timesync_reading *reading)
{
    struct services *world = context;

    world->readings++;
    world->steps += reading->step;
}

static struct services *services_new(void)
{
    struct services *world = calloc(1, sizeof(*world));
    struct vmb_heartbeat_host_options heartbeat = {.struct_bytes = sizeof(heartbeat),
                                                   .context = world,
                                                   .now_ns = services_now,
                                                   .changed = services_changed};
    struct vmb_shutdown_host_options shutdown = {.struct_bytes = sizeof(shutdown),
                                                 .context = world,
                                                 .now_ns = services_now,
                                                 .ready = services_ready,
                                                 .answered = services_answered};
    struct vmb_timesync_host_options timesync = {.struct_bytes = sizeof(timesync),
                                                 .context = world,
                                                 .now_ns = services_now,
                                                 .utc_100ns = services_now};
    struct vmb_timesync_guest_options timesync_guest = {
        .struct_bytes = sizeof(timesync_guest), .context = world, .reading = services_reading};

    world->now_ns = 1000 * SECOND;
    world->pair = pair_new(8192);
    vmb_heartbeat_guest_init(&world->heartbeat_guest);
    assert_int_equal(vmb_timesync_guest_init(&world->timesync_guest, &timesync_guest), VMB_OK);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(vmb_heartbeat_host_init(&world->heartbeat[i], &heartbeat), VMB_OK);
        assert_int_equal(vmb_shutdown_host_init(&world->shutdown[i], &shutdown), VMB_OK);
        assert_int_equal(vmb_timesync_host_init(&world->timesync[i], &timesync), VMB_OK);
    }
    return world;
}

static void services_free(struct services *world)
{
    pair_free(world->pair);
    free(world);
}

/* The new machine's clock has begun anew. */
static void pass_heartbeat_on(struct services *world)
{
    save(vmb_heartbeat_host_hooks(), &world->heartbeat[0], true);
    world->now_ns = 5 * SECOND;
    restore(vmb_heartbeat_host_hooks(), &world->heartbeat[1], world->pair);
}

static void a_beat_under_way(void **state)
{
    struct services *world = services_new();
    uint32_t cut;

    (void)state;
    for (cut = 0; cut < 6; cut++) { /* Events: negotiating, agreed, asked, answered. */
        pair_open(&world->pair->host, vmb_heartbeat_host_driver(), &world->heartbeat[0]);
        pair_open(&world->pair->guest, vmb_heartbeat_guest_driver(), &world->heartbeat_guest);
        if (cut > 0) {
            (void)pair_run(world->pair, cut);
        }
        pass_heartbeat_on(world);
        assert_true(pair_run(world->pair, 100));
        assert_int_equal(world->life, VMB_HEARTBEAT_ALIVE);
        assert_int_equal(world->heartbeat[1].sequence, 1);
        assert_int_equal(world->heartbeat[1].wrong_answers, 0);
        /* The next beat is as far away as it was. */
        assert_in_range(vmb_heartbeat_host_next_deadline_ns(&world->heartbeat[1]), 5 * SECOND,
                        7 * SECOND);
        services_free(world);
        world = services_new();
    }
    services_free(world);
}

static void patience_goes_on(void **state)
{
    struct services *world = services_new();
    struct ic_message beat;

    (void)state;
    pair_open(&world->pair->host, vmb_heartbeat_host_driver(), &world->heartbeat[0]);
    ic_choose_as_guest(world->pair, (struct vmb_ic_version){3, 0}, (struct vmb_ic_version){3, 0},
                       1);
    assert_true(ic_receive(&world->pair->guest, &beat));
    world->now_ns += 7 * SECOND; /* Of ten. */
    pass_heartbeat_on(world);
    assert_true(vmb_heartbeat_host_next_deadline_ns(&world->heartbeat[1]) == 8 * SECOND);
    world->now_ns = 8 * SECOND;
    pair_deliver(&world->pair->host);
    assert_int_equal(world->life, VMB_HEARTBEAT_DEAD);
    world->heartbeat[0] = world->heartbeat[1];
    world->heartbeat[1].heartbeat = VMB_HEARTBEAT_UNKNOWN;
    pass_heartbeat_on(world); /* And late. */
    ic_answer_as_guest(world->pair, &beat, VMB_IC_STATUS_OK);
    pair_deliver(&world->pair->host);
    assert_int_equal(world->life, VMB_HEARTBEAT_ALIVE);
    assert_int_equal(world->heartbeat[1].ic.counters.late, 1);
    damage(vmb_heartbeat_host_hooks(), &world->heartbeat[1], sizeof(world->heartbeat[1]),
           vmb_heartbeat_host_driver(), world->pair);
    services_free(world);
}

static void a_shutdown_under_way(void **state)
{
    struct vmb_shutdown_request request = {.kind = VMB_SHUTDOWN_RESTART};
    struct services *world = services_new();
    struct ic_message message;

    (void)state;
    pair_open(&world->pair->host, vmb_shutdown_host_driver(), &world->shutdown[0]);
    ic_choose_as_guest(world->pair, (struct vmb_ic_version){3, 0}, (struct vmb_ic_version){3, 2},
                       1);
    assert_int_equal(vmb_shutdown_host_request(&world->shutdown[0], &request), VMB_OK);
    assert_true(ic_receive(&world->pair->guest, &message));
    world->ready = false;
    save(vmb_shutdown_host_hooks(), &world->shutdown[0], true);
    restore(vmb_shutdown_host_hooks(), &world->shutdown[1], world->pair);
    assert_true(world->ready);
    assert_int_equal(vmb_shutdown_host_request(&world->shutdown[1], &request), VMB_ERR_BUSY);
    ic_answer_as_guest(world->pair, &message, VMB_IC_STATUS_OK);
    pair_deliver(&world->pair->host);
    assert_int_equal(world->answers, 1);
    damage(vmb_shutdown_host_hooks(), &world->shutdown[1], sizeof(world->shutdown[1]),
           vmb_shutdown_host_driver(), world->pair);
    services_free(world);
}

/* A request that found no space waits in the device, and goes out from the new one. */
static void a_request_without_space(void **state)
{
    struct vmb_shutdown_request request = {.kind = VMB_SHUTDOWN_POWER_OFF};
    struct services *world = services_new();
    struct vmb_slice slice = {world, 64};
    struct ic_message message;
    uint64_t filled = 0;

    (void)state;
    pair_open(&world->pair->host, vmb_shutdown_host_driver(), &world->shutdown[0]);
    ic_choose_as_guest(world->pair, (struct vmb_ic_version){3, 0}, (struct vmb_ic_version){3, 2},
                       1);
    while (vmb_endpoint_stage(&world->pair->host.endpoint, &slice, 1, 0, false) == VMB_OK) {
        filled++;
    }
    vmb_endpoint_flush(&world->pair->host.endpoint);
    assert_int_equal(vmb_shutdown_host_request(&world->shutdown[0], &request), VMB_OK);
    assert_true(world->shutdown[0].ic.unsent_bytes > 0);
    save(vmb_shutdown_host_hooks(), &world->shutdown[0], true);
    memset(&world->shutdown[0], 0xEE, sizeof(world->shutdown[0]));
    restore(vmb_shutdown_host_hooks(), &world->shutdown[1], world->pair);
    for (; filled > 0; filled--) {
        assert_int_equal(vmb_endpoint_receive(&world->pair->guest.endpoint, message.payload,
                                              sizeof(message.payload), &message.packet),
                         VMB_OK);
    }
    vmb_endpoint_release(&world->pair->guest.endpoint);
    pair_deliver(&world->pair->host);
    assert_true(ic_receive(&world->pair->guest, &message));
    assert_int_equal(message.header.message_type, VMB_IC_SHUTDOWN);
    services_free(world);
}

static void a_clock_still_to_be_set(void **state)
{
    struct services *world = services_new();

    (void)state;
    pair_open(&world->pair->host, vmb_timesync_host_driver(), &world->timesync[0]);
    pair_open(&world->pair->guest, vmb_timesync_guest_driver(), &world->timesync_guest);
    save(vmb_timesync_host_hooks(), &world->timesync[0], true); /* Before versions are agreed. */
    world->now_ns = 5 * SECOND;
    restore(vmb_timesync_host_hooks(), &world->timesync[1], world->pair);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->readings, 1);
    assert_int_equal(world->steps, 1);
    world->timesync[0] = world->timesync[1];
    world->timesync[0].ic.device = &world->timesync[0];
    save(vmb_timesync_host_hooks(), &world->timesync[1], true); /* And after: it is set once. */
    world->now_ns = 100 * SECOND;
    restore(vmb_timesync_host_hooks(), &world->timesync[0], world->pair);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->readings, 1);
    assert_true(vmb_timesync_host_next_deadline_ns(&world->timesync[0]) == 105 * SECOND);
    world->now_ns = 105 * SECOND;
    pair_deliver(&world->pair->host);
    assert_true(pair_run(world->pair, 100));
    assert_int_equal(world->readings, 2);
    assert_int_equal(world->steps, 1);
    damage(vmb_timesync_host_hooks(), &world->timesync[0], sizeof(world->timesync[0]),
           vmb_timesync_host_driver(), world->pair);
    services_free(world);
}

/* Closed, a device has little to say, and says it. */
static void devices_that_are_closed(void **state)
{
    struct services *world = services_new();
    struct vmb_traffic_host traffic[2];

    (void)state;
    pair_open(&world->pair->host, vmb_heartbeat_host_driver(), &world->heartbeat[0]);
    save(vmb_heartbeat_host_hooks(), &world->heartbeat[0], false); /* Being closed. */
    assert_int_equal(
        vmb_heartbeat_host_restore(&world->heartbeat[1], NULL, NULL, blob.bytes, blob.byte_count),
        VMB_OK);
    assert_int_equal(world->heartbeat[1].ic.state, VMB_IC_HOST_CLOSED);
    assert_true(vmb_heartbeat_host_next_deadline_ns(&world->heartbeat[1]) == VMB_NEVER);
    save(vmb_shutdown_host_hooks(), &world->shutdown[0], false);
    assert_int_equal(
        vmb_shutdown_host_restore(&world->shutdown[1], NULL, NULL, blob.bytes, blob.byte_count),
        VMB_OK);
    save(vmb_timesync_host_hooks(), &world->timesync[0], false);
    assert_int_equal(
        vmb_timesync_host_restore(&world->timesync[1], NULL, NULL, blob.bytes, blob.byte_count),
        VMB_OK);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(vmb_traffic_host_init(&traffic[i], blob.bytes + 16384, 64, NULL, NULL),
                         VMB_OK);
    }
    save(vmb_traffic_host_hooks(), &traffic[0], false);
    assert_int_equal(vmb_traffic_host_restore(&traffic[1], NULL, NULL, blob.bytes, blob.byte_count),
                     VMB_OK);
    assert_null(traffic[1].endpoint);
    services_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traffic_cut_at_every_event),
        cmocka_unit_test(traffic_damaged),
        cmocka_unit_test(traffic_with_a_smaller_buffer),
        cmocka_unit_test(a_beat_under_way),
        cmocka_unit_test(patience_goes_on),
        cmocka_unit_test(a_shutdown_under_way),
        cmocka_unit_test(a_request_without_space),
        cmocka_unit_test(a_clock_still_to_be_set),
        cmocka_unit_test(devices_that_are_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
