/* SPDX-License-Identifier: MIT */
/* Time synchronisation, both roles, both layouts, and the correction by reference time. */
#include "ic_peer.h"

#include <vmbus/drivers/timesync.h>

#define SECOND     1000000000ull
#define SECOND_UTC 10000000ull
#define MIDNIGHT   (VMB_IC_UNIX_EPOCH_100NS + 1234 * SECOND_UTC)
#define ON_THE_WAY (SECOND_UTC / 4)

struct world {
    struct pair *pair;
    struct vmb_timesync_guest guest;
    struct vmb_timesync_host host;
    uint64_t now_ns;
    uint64_t reference;
    uint32_t readings;
    uint32_t steps;
    struct vmb_timesync_reading last;
};

static uint64_t world_now(void *context)
{
    return ((struct world *)context)->now_ns;
}

static uint64_t world_utc(void *context)
{
    return MIDNIGHT + ((struct world *)context)->now_ns / 100u;
}

/* The guest's and the host's: each look takes place a quarter of a second later. */
static uint64_t world_reference(void *context)
{
    struct world *world = context;

    world->reference += ON_THE_WAY;
    return world->reference;
}

static void world_reading(void *context, const struct vmb_timesync_reading *reading)
{
    struct world *world = context;

    world->readings++;
    world->steps += reading->step ? 1 : 0;
    world->last = *reading;
}

static struct world *world_new(bool guest_has_reference, bool host_has_reference)
{
    struct world *world = calloc(1, sizeof(*world));
    struct vmb_timesync_guest_options guest = {
        .struct_bytes = sizeof(guest),
        .context = world,
        .reading = world_reading,
        .reference_100ns = guest_has_reference ? world_reference : NULL,
    };
    struct vmb_timesync_host_options host = {
        .struct_bytes = sizeof(host),
        .leap = 1,
        .stratum = 3,
        .context = world,
        .now_ns = world_now,
        .utc_100ns = world_utc,
        .reference_100ns = host_has_reference ? world_reference : NULL,
    };

    assert_non_null(world);
    world->pair = pair_new(4096);
    assert_int_equal(vmb_timesync_guest_init(&world->guest, &guest), VMB_OK);
    assert_int_equal(vmb_timesync_host_init(&world->host, &host), VMB_OK);
    return world;
}

static void world_open(struct world *world)
{
    pair_open(&world->pair->host, vmb_timesync_host_driver(), &world->host);
    pair_open(&world->pair->guest, vmb_timesync_guest_driver(), &world->guest);
    assert_true(pair_run(world->pair, 100));
}

static void world_advance(struct world *world)
{
    uint64_t deadline = vmb_timesync_host_next_deadline_ns(&world->host);

    assert_true(deadline != VMB_NEVER);
    world->now_ns = deadline;
    pair_deliver(&world->pair->host);
    assert_true(pair_run(world->pair, 100));
}

static void world_free(struct world *world)
{
    pair_free(world->pair);
    free(world);
}

static void the_clock_is_set_then_sampled(void **state)
{
    struct world *world = world_new(true, true);
    uint32_t sample;

    (void)state;
    world_open(world);
    assert_int_equal(world->host.version.major, 4);
    assert_int_equal(world->readings, 1);
    assert_true(world->last.step);
    assert_true(world->last.age_known);
    assert_int_equal(world->last.age_100ns, ON_THE_WAY);
    assert_int_equal(world->last.utc_100ns, MIDNIGHT + ON_THE_WAY);
    assert_int_equal(world->last.leap, 1);
    assert_int_equal(world->last.stratum, 3);
    for (sample = 1; sample <= 4; sample++) {
        world_advance(world);
        assert_int_equal(world->now_ns, sample * 5 * SECOND);
        assert_false(world->last.step);
        assert_true(world->last.sample);
        assert_int_equal(world->last.utc_100ns, MIDNIGHT + sample * 5 * SECOND_UTC + ON_THE_WAY);
    }
    vmb_timesync_host_step(&world->host); /* Restored from a snapshot, say. */
    pair_deliver(&world->pair->host);
    assert_true(pair_run(world->pair, 100));
    assert_true(world->last.step);
    assert_int_equal(world->steps, 2);
    world_free(world);
}

static void every_version_carries_the_time(void **state)
{
    static const struct vmb_ic_version versions[] = {{1, 0}, {3, 0}, {4, 0}};
    size_t index;

    (void)state;
    for (index = 0; index < 3; index++) {
        struct world *world = world_new(true, true);

        vmb_ic_host_limit_version(&world->host.ic, versions[index]);
        world->now_ns = 7 * SECOND;
        world_open(world);
        assert_int_equal(world->host.version.major, versions[index].major);
        assert_int_equal(world->readings, 1);
        assert_int_equal(world->last.age_known, index == 2);
        assert_int_equal(world->last.utc_100ns,
                         MIDNIGHT + 7 * SECOND_UTC + (index == 2 ? ON_THE_WAY : 0));
        world_free(world);
    }
}

static void without_reference_times_nothing_is_added(void **state)
{
    struct world *world = world_new(false, true);

    (void)state;
    world_open(world);
    assert_int_equal(world->host.version.major, 4);
    assert_false(world->last.age_known);
    assert_int_equal(world->last.utc_100ns, MIDNIGHT);
    world_free(world);

    world = world_new(true, false); /* Such a host does not offer 4.0 at all. */
    world_open(world);
    assert_int_equal(world->host.version.major, 3);
    assert_false(world->last.age_known);
    world_free(world);
}

static void odd_bodies_are_refused(void **state)
{
    static const struct vmb_ic_version framework = {3, 0}, versions[] = {{3, 0}, {4, 0}};
    static const uint16_t shortest[] = {25, 17};
    uint16_t version, bytes;

    (void)state;
    for (version = 0; version < 2; version++) {
        struct world *world = world_new(true, true);
        struct ic_message answer;
        uint8_t body[40] = {0};

        pair_open(&world->pair->guest, vmb_timesync_guest_driver(), &world->guest);
        ic_negotiate_as_host(world->pair, &framework, 1, &versions[version], 1, &answer);
        for (bytes = 0; bytes <= 40; bytes++) {
            struct vmb_ic_header header = ic_request_header(VMB_IC_TIMESYNC, bytes, 1);
            uint32_t before = world->readings;

            ic_send(&world->pair->host, &header, body, 1);
            pair_deliver(&world->pair->guest);
            assert_true(ic_receive(&world->pair->host, &answer));
            assert_int_equal(answer.header.body_bytes, bytes);
            if (bytes < shortest[version]) {
                assert_int_equal(answer.header.status, VMB_IC_STATUS_INVALID_ARGUMENT);
                assert_int_equal(world->readings, before);
            } else if (bytes >= 28) {
                assert_int_equal(answer.header.status, VMB_IC_STATUS_OK);
                assert_int_equal(world->readings, before + 1);
            }
        }
        /* A reading from the future is taken as it is. */
        memset(body + 8, 0xFF, 8);
        {
            struct vmb_ic_header header = ic_request_header(VMB_IC_TIMESYNC, 28, 1);

            ic_send(&world->pair->host, &header, body, 1);
            pair_deliver(&world->pair->guest);
        }
        assert_int_equal(world->guest.from_the_future, version);
        assert_int_equal(world->last.utc_100ns, 0);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_is_set_then_sampled),
        cmocka_unit_test(every_version_carries_the_time),
        cmocka_unit_test(without_reference_times_nothing_is_added),
        cmocka_unit_test(odd_bodies_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
