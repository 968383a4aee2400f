/* SPDX-License-Identifier: MIT */
/* A guest and a host over real threads: every version, every fault, every end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "traffic_world.h"

#define WAIT_NS 60000000000u

static const uint32_t versions[] = {
    VMB_VERSION_0_13, VMB_VERSION_1_1, VMB_VERSION_2_4, VMB_VERSION_3_0,
    VMB_VERSION_4_0,  VMB_VERSION_4_1, VMB_VERSION_5_0, VMB_VERSION_5_1,
    VMB_VERSION_5_2,  VMB_VERSION_5_3, VMB_VERSION_6_0,
};

static struct traffic_world *world_new(uint64_t packet_limit)
{
    struct traffic_world *world = aligned_alloc(64, (sizeof(*world) + 63) / 64 * 64);

    assert_non_null(world);
    memset(world, 0, sizeof(*world));
    world->packet_limit = packet_limit;
    world->open_at_once = true;
    return world;
}

static void test_no_version_in_common(void **state)
{
    struct traffic_world *world = world_new(1);
    struct vmb_sim_world_options options = {
        .guest = {.max_version = VMB_VERSION_4_1},
        .host = {.min_version = VMB_VERSION_5_0},
    };

    (void)state;
    traffic_world_start(world, &options);
    assert_int_equal(vmb_sim_live_connect(world->live), VMB_ERR_VERSION);
    traffic_world_stop(world);
    free(world);
}

static void test_connect_again(void **state)
{
    struct traffic_world *world = world_new(1000);
    struct vmb_sim_world_options options = {.machine = {.vp_count = 3}};

    (void)state;
    traffic_world_start(world, &options);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(vmb_sim_live_connect(world->live), VMB_OK);
        assert_int_equal(vmb_sim_live_unload(world->live), VMB_OK);
    }
    assert_int_equal(vmb_sim_live_unload(world->live), VMB_ERR_WRONG_STATE);
    traffic_world_stop(world);
    free(world);
}

struct end_wait {
    struct traffic_device *device;
    uint32_t ends;
};

static bool end_reached(void *context)
{
    struct end_wait *wait = context;

    return vmb_atomic_load(&wait->device->ends, VMB_ACQUIRE) >= wait->ends;
}

static void wait_end(struct traffic_device *device, uint32_t ends)
{
    struct end_wait wait = {device, ends};

    assert_true(vmb_sim_live_wait(device->world->live, end_reached, &wait, WAIT_NS));
    assert_int_equal(1 - (int32_t)vmb_atomic_load(&device->end_status, VMB_ACQUIRE), VMB_OK);
}

/* Below 1.1 Unload has no answer: whoever wants the rings back must close them, which has. */
static void world_close_all(struct traffic_world *world)
{
    for (uint32_t i = 0; i < TRAFFIC_DEVICES; i++) {
        traffic_device_close(&world->devices[i]);
        wait_end(&world->devices[i], 2);
    }
}

static void test_every_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        struct traffic_world *world = world_new(200);
        struct vmb_sim_world_options options = {
            .machine = {.vp_count = 2, .memory_pages = 512, .seed = i, .explicit_eoi = i % 2 != 0},
            .host = {.max_version = versions[i]},
        };

        traffic_world_start(world, &options);
        assert_int_equal(vmb_sim_live_connect(world->live), VMB_OK);
        assert_int_equal(vmb_guest_version(world->live->world.guest.guest), versions[i]);
        assert_true(vmb_sim_live_wait(world->live, traffic_world_done, world, WAIT_NS));
        if (versions[i] < VMB_VERSION_1_1) {
            world_close_all(world);
            world->expect_pages = 3; /* The interrupt page and its two neighbours. */
        }
        traffic_world_stop(world);
        free(world);
    }
}

static void test_open_close_move_under_traffic(void **state)
{
    struct traffic_world *world = world_new(0); /* No limit: it ends by being closed. */
    struct vmb_sim_world_options options = {
        .machine = {.vp_count = 3, .seed = 7},
        .host_workers = 2,
    };
    struct traffic_device *device = &world->devices[0];
    uint32_t ends = 1;

    (void)state;
    traffic_world_start(world, &options);
    assert_int_equal(vmb_sim_live_connect(world->live), VMB_OK);
    wait_end(device, ends);
    for (uint32_t i = 0; i < 50; i++) {
        traffic_device_move(device, i % 3);
        wait_end(device, ++ends);
        traffic_device_close(device);
        wait_end(device, ++ends);
        traffic_device_open(device, i % 3);
        wait_end(device, ++ends);
    }
    traffic_world_stop(world);
    free(world);
}

/* The host has let go of the device, and the guest has been told that it is gone. */
static bool device_gone(void *context)
{
    struct traffic_device *device = context;

    return vmb_atomic_load(&device->released, VMB_ACQUIRE) != 0 &&
           vmb_atomic_load(&device->state, VMB_ACQUIRE) == TRAFFIC_ABSENT;
}

static void test_revoke_under_traffic(void **state)
{
    struct traffic_world *world = world_new(0);
    struct vmb_sim_world_options options = {.machine = {.seed = 8}, .host_workers = 2};

    (void)state;
    traffic_world_start(world, &options);
    assert_int_equal(vmb_sim_live_connect(world->live), VMB_OK);
    for (uint32_t i = 0; i < TRAFFIC_DEVICES; i++) {
        wait_end(&world->devices[i], 1);
        traffic_device_revoke(&world->devices[i]);
        assert_true(vmb_sim_live_wait(world->live, device_gone, &world->devices[i], WAIT_NS));
        assert_int_equal(vmb_atomic_load(&world->devices[i].state, VMB_ACQUIRE), TRAFFIC_ABSENT);
    }
    traffic_world_stop(world);
    free(world);
}

/* R11: relids are new after a sleep, and an old one means nothing. */
static void test_sleep_under_traffic(void **state)
{
    struct traffic_world *world = world_new(0);
    struct vmb_sim_world_options options = {.machine = {.seed = 10}, .host_workers = 2};

    (void)state;
    traffic_world_start(world, &options);
    assert_int_equal(vmb_sim_live_connect(world->live), VMB_OK);
    for (uint32_t i = 0; i < 20; i++) {
        for (uint32_t k = 0; k < TRAFFIC_DEVICES; k++) {
            wait_end(&world->devices[k], i + 1);
        }
        assert_int_equal(vmb_sim_live_suspend(world->live), VMB_OK);
        assert_int_equal(vmb_sim_live_resume(world->live), VMB_OK);
    }
    assert_int_equal(vmb_sim_live_resume(world->live), VMB_ERR_WRONG_STATE);
    traffic_world_stop(world);
    free(world);
}

struct vp_wait {
    struct traffic_world *world;
    uint32_t vp;
    bool stop;
    vmb_status status;
    vmb_atomic_u32 done;
};

static void vp_stopped(void *context, uint32_t vp, vmb_status status)
{
    struct vp_wait *wait = context;

    (void)vp;
    wait->status = status;
    vmb_atomic_store(&wait->done, 1u, VMB_RELEASE);
}

static void vp_ask(void *context)
{
    struct vp_wait *wait = context;
    struct vmb_sim_guest *guest = &wait->world->live->world.guest;

    wait->status = wait->stop ? vmb_sim_guest_vp_stop(guest, wait->vp, vp_stopped, wait)
                              : vmb_sim_guest_vp_start(guest, wait->vp);
    if (wait->status != VMB_OK || !wait->stop) {
        vmb_atomic_store(&wait->done, 1u, VMB_RELEASE);
    }
}

static bool vp_is_done(void *context)
{
    return vmb_atomic_load(&((struct vp_wait *)context)->done, VMB_ACQUIRE) != 0;
}

static void vp_do(struct traffic_world *world, uint32_t vp, bool stop)
{
    struct vp_wait wait = {.world = world, .vp = vp, .stop = stop};

    vmb_sim_live_on_guest(world->live, vp_ask, &wait);
    assert_true(vmb_sim_live_wait(world->live, vp_is_done, &wait, WAIT_NS));
    assert_int_equal(wait.status, VMB_OK);
}

/* R12, with a host that answers moves and one that does not. */
static void test_a_vp_leaves_under_traffic(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct traffic_world *world = world_new(4000);
        struct vmb_sim_world_options options = {
            .machine = {.vp_count = 2, .seed = 11 + i},
            .host = {.max_version = i == 0 ? VMB_VERSION_5_3 : VMB_VERSION_4_1},
        };

        traffic_world_start(world, &options);
        assert_int_equal(vmb_sim_live_connect(world->live), VMB_OK);
        for (uint32_t k = 0; k < 20; k++) {
            vp_do(world, 1, true);
            vp_do(world, 1, false);
        }
        assert_true(vmb_sim_live_wait(world->live, traffic_world_done, world, WAIT_NS));
        traffic_world_stop(world);
        free(world);
    }
}

static void test_faults_are_survived(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct traffic_world *world = world_new(300);
        struct vmb_sim_world_options options = {
            .machine = {.vp_count = 2,
                        .seed = seed,
                        .explicit_eoi = seed % 2 != 0,
                        .always_remap = seed / 2 % 2 != 0,
                        .faults = {.interrupt_late_per_mille = 100,
                                   .interrupt_spurious_per_mille = 100,
                                   .guest_post_per_mille = 300,
                                   .host_post_per_mille = 300,
                                   .foreign_message_per_mille = 300}},
            .host_workers = 2,
        };

        traffic_world_start(world, &options);
        assert_int_equal(vmb_sim_live_connect(world->live), VMB_OK);
        assert_true(vmb_sim_live_wait(world->live, traffic_world_done, world, WAIT_NS));
        traffic_world_stop(world);
        free(world);
    }
}

/* Each request for pages fails once: what fails is told, and nothing is left of it. */
static void test_no_memory_at_each_share(void **state)
{
    (void)state;
    for (uint32_t at = 1; at <= 8; at++) {
        struct traffic_world *world = world_new(20);
        struct vmb_sim_world_options options = {
            .machine = {.seed = at, .faults = {.share_at = at}},
        };
        vmb_status status;

        traffic_world_start(world, &options);
        status = vmb_sim_live_connect(world->live);
        if (status == VMB_ERR_NO_MEMORY) {
            status = vmb_sim_live_connect(world->live);
        }
        assert_int_equal(status, VMB_OK);
        for (uint32_t i = 0; i < TRAFFIC_DEVICES; i++) {
            struct end_wait wait = {&world->devices[i], 1};
            struct traffic_device *device = wait.device;

            assert_true(vmb_sim_live_wait(world->live, end_reached, &wait, WAIT_NS));
            if (1 - (int32_t)vmb_atomic_load(&device->end_status, VMB_ACQUIRE) ==
                VMB_ERR_NO_MEMORY) {
                vmb_atomic_store(&world->failed, 0u, VMB_RELAXED);
                traffic_device_open(device, 0);
                wait_end(device, 2);
            }
        }
        assert_true(vmb_sim_live_wait(world->live, traffic_world_done, world, WAIT_NS));
        traffic_world_stop(world);
        free(world);
    }
}

static void test_dump_says_where_it_stands(void **state)
{
    struct traffic_world *world = world_new(10);
    struct vmb_sim_world_options options = {.machine = {.seed = 9}};
    struct vmb_sim_world *sim;
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);

    (void)state;
    traffic_world_start(world, &options);
    assert_int_equal(vmb_sim_live_connect(world->live), VMB_OK);
    assert_true(vmb_sim_live_wait(world->live, traffic_world_done, world, WAIT_NS));
    sim = &world->live->world;
    vmb_sim_threads_stop(world->live->threads); /* So that the dump may read what is not atomic. */
    vmb_sim_world_dump(sim, file);
    (void)fclose(file);
    assert_non_null(strstr(text, "guest: version 6.0"));
    assert_non_null(strstr(text, "host: version 6.0"));
    assert_non_null(strstr(text, "vp 1: line"));
    assert_non_null(strstr(text, "relid 1: open"));
    free(text);
    {
        struct vmb_sim_actor *actors[VMB_SIM_WORLD_ACTORS(2)];

        world->live->threads = vmb_sim_threads_start(actors, vmb_sim_world_actors(sim, actors), 0);
    }
    assert_non_null(world->live->threads);
    traffic_world_stop(world);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_version),
        cmocka_unit_test(test_no_version_in_common),
        cmocka_unit_test(test_connect_again),
        cmocka_unit_test(test_open_close_move_under_traffic),
        cmocka_unit_test(test_revoke_under_traffic),
        cmocka_unit_test(test_sleep_under_traffic),
        cmocka_unit_test(test_a_vp_leaves_under_traffic),
        cmocka_unit_test(test_faults_are_survived),
        cmocka_unit_test(test_no_memory_at_each_share),
        cmocka_unit_test(test_dump_says_where_it_stands),
    };

    return cmocka_run_group_tests_name("sim_world", tests, NULL, NULL);
}
