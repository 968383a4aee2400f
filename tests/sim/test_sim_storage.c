/* SPDX-License-Identifier: MIT */
/*
 * Storage in both roles over the simulated bus: a controller of ours with sub-channels, a guest of
 * ours that reads and writes on all of them from several threads, every byte compared; channels
 * that move, close and vanish meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/vmb_sim_live.h"
#include "tests/unit/stor_memory_disk.h"

#include <vmbus/drivers/stor_guest.h>
#include <vmbus/drivers/stor_host.h>

#define STORAGE_CHANNELS 3u
#define STORAGE_JOBS     12u
#define JOB_BLOCKS       64u
#define JOB_PAGES        9u
#define DISK_BLOCKS      (STORAGE_JOBS * JOB_BLOCKS)
#define WAIT_NS          60000000000u

struct storage_world;

/* A client: it writes its own blocks, reads them back, compares, and begins again. */
struct job {
    struct storage_world *world;
    uint32_t index;
    struct vmb_stor_request request;
    struct vmb_pages memory;
    vmb_gpn pages[JOB_PAGES];
    uint8_t pattern[JOB_BLOCKS * 512];
    uint64_t seed;
    bool writes;
    vmb_atomic_u32 busy;
    vmb_atomic_u32 rounds; /* Writes that were read back and found right. */
    vmb_atomic_u32 wrong;
    vmb_atomic_u32 ended;   /* Requests that ended with GONE or STILL_SHARED. */
    vmb_atomic_u32 refused; /* Requests that ended with anything else. */
};

struct storage_world {
    struct vmb_sim_live *live;
    struct vmb_stor_guest *guest;
    struct vmb_stor_host *host;
    void *guest_memory, *host_memory;
    struct memory_disk disk;
    struct vmb_channel *channels[STORAGE_CHANNELS]; /* The guest's control plane. */
    struct vmb_host_channel *host_channel;
    uint32_t closing, closed;
    vmb_atomic_u32 ready;
    vmb_atomic_u32 open;
    vmb_atomic_u32 released;
    vmb_atomic_u32 stop;
    struct job jobs[STORAGE_JOBS];
};

/* ---- The guest's work ------------------------------------------------------------------------ */

static uint64_t job_dice(struct job *job)
{
    job->seed = job->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return job->seed >> 33;
}

static uint8_t *job_byte(const struct job *job, uint32_t at)
{
    uint32_t place = job->request.data.byte_offset + at;
    vmb_gpa address = job->pages[place / VMB_PAGE_BYTES] * VMB_PAGE_BYTES + place % VMB_PAGE_BYTES;

    return vmb_sim_memory_at(&job->world->live->world.machine.memory, address, 1);
}

/* Any open channel; false if there is none. */
static bool job_submit(struct job *job)
{
    uint32_t first = (uint32_t)job_dice(job), i;

    for (i = 0; i < STORAGE_CHANNELS; i++) {
        if (vmb_stor_guest_submit(job->world->guest, (first + i) % STORAGE_CHANNELS,
                                  &job->request) == VMB_OK) {
            return true;
        }
    }
    return false;
}

static void job_begin(struct job *job, bool writes)
{
    uint32_t first = job->index * JOB_BLOCKS;

    job->writes = writes;
    job->request.data.byte_offset = (uint32_t)(job_dice(job) % 8) * 512;
    job->request.command = writes ? vmb_stor_write(first, JOB_BLOCKS, 512, false)
                                  : vmb_stor_read(first, JOB_BLOCKS, 512);
    for (uint32_t i = 0; i < sizeof(job->pattern); i++) {
        if (writes) {
            job->pattern[i] = (uint8_t)job_dice(job);
        }
        *job_byte(job, i) = writes ? job->pattern[i] : 0xEE;
    }
    if (!job_submit(job)) {
        vmb_atomic_store(&job->busy, 0, VMB_RELEASE);
    }
}

static void job_compare(struct job *job)
{
    for (uint32_t i = 0; i < sizeof(job->pattern); i++) {
        if (*job_byte(job, i) != job->pattern[i]) {
            (void)vmb_atomic_fetch_add(&job->wrong, 1, VMB_RELAXED);
            return;
        }
    }
    (void)vmb_atomic_fetch_add(&job->rounds, 1, VMB_RELAXED);
}

static void job_done(struct vmb_stor_request *request)
{
    struct job *job = request->context;

    if (request->status == VMB_ERR_GONE || request->status == VMB_ERR_STILL_SHARED) {
        (void)vmb_atomic_fetch_add(&job->ended, 1, VMB_RELAXED);
        vmb_atomic_store(&job->busy, 0, VMB_RELEASE);
        return;
    }
    if (request->status == VMB_ERR_REFUSED && request->sense_bytes != 0 &&
        (request->sense[2] & 15) == 6) {
        job_begin(job, true); /* The disk is new to us. */
        return;
    }
    if (request->status != VMB_OK || request->moved_bytes != sizeof(job->pattern)) {
        (void)vmb_atomic_fetch_add(&job->refused, 1, VMB_RELAXED);
        vmb_atomic_store(&job->busy, 0, VMB_RELEASE);
        return;
    }
    if (!job->writes) {
        job_compare(job);
    }
    if (!job->writes && vmb_atomic_load(&job->world->stop, VMB_RELAXED) != 0) {
        vmb_atomic_store(&job->busy, 0, VMB_RELEASE);
    } else {
        job_begin(job, !job->writes);
    }
}

static void jobs_start(struct storage_world *world)
{
    vmb_atomic_store(&world->stop, 0, VMB_RELAXED);
    for (uint32_t i = 0; i < STORAGE_JOBS; i++) {
        struct job *job = &world->jobs[i];

        assert_int_equal(vmb_atomic_load(&job->busy, VMB_ACQUIRE), 0);
        vmb_atomic_store(&job->busy, 1, VMB_RELEASE);
        job_begin(job, true);
    }
}

/* ---- The guest's channels -------------------------------------------------------------------- */

static void storage_ready(void *context, vmb_status status)
{
    struct storage_world *world = context;

    if (status == VMB_OK) {
        (void)vmb_atomic_fetch_add(&world->ready, 1, VMB_RELEASE);
    }
}

static void storage_open_done(void *context, struct vmb_channel *channel, vmb_status status)
{
    struct storage_world *world = context;

    (void)channel;
    if (status == VMB_OK) {
        (void)vmb_atomic_fetch_add(&world->open, 1, VMB_RELEASE);
    }
}

static void storage_offered(void *context, struct vmb_channel *channel)
{
    struct storage_world *world = context;
    uint32_t index = vmb_channel_offer(channel)->subchannel_index;

    world->channels[index] = channel;
    if (vmb_stor_guest_open(world->guest, channel, index % 2, storage_open_done, world) != VMB_OK) {
        world->channels[index] = NULL;
    }
}

static void storage_rescinded(void *context, struct vmb_channel *channel)
{
    struct storage_world *world = context;

    world->channels[vmb_channel_offer(channel)->subchannel_index] = NULL;
    (void)vmb_atomic_fetch_add(&world->open, (uint32_t)-1, VMB_RELEASE);
    if (vmb_channel_let_go(channel) != VMB_OK) {
        abort();
    }
}

/* ---- The host -------------------------------------------------------------------------------- */

static void VMB_SHARED *storage_guest_memory(void *context, vmb_gpn gpn, uint32_t offset,
                                             uint32_t bytes)
{
    struct storage_world *world = context;

    return vmb_sim_memory_at(&world->live->world.machine.memory, gpn * VMB_PAGE_BYTES + offset,
                             bytes);
}

static void storage_released(void *device)
{
    struct storage_world *world = vmb_stor_host_context(device);

    vmb_atomic_store(&world->released, 1, VMB_RELEASE);
}

static void storage_offer(void *context)
{
    static const struct vmb_guid instance = VMB_GUID_INIT(1, 2, 3, 4, 5);
    static struct vmb_host_hooks hooks;
    struct storage_world *world = context;
    struct vmb_stor_host_options options = {
        .struct_bytes = sizeof(options),
        .guest_memory = storage_guest_memory,
        .context = world,
        .bus = world->live->world.host.host,
        .instance_id = instance,
        .sub_channel_limit = STORAGE_CHANNELS - 1,
    };
    size_t bytes = (vmb_stor_host_memory_bytes(&options) + 63) & ~(size_t)63;
    struct vmb_stor_disk disk = memory_disk_describe(&world->disk);
    struct vmb_host_offer_options offer = {
        .struct_bytes = sizeof(offer),
        .driver = vmb_stor_host_driver(),
        .hooks = &hooks,
        .instance_id = instance,
    };

    hooks = *vmb_stor_host_hooks();
    hooks.released = storage_released;
    if (world->host_memory == NULL) {
        world->host_memory = aligned_alloc(64, bytes);
        if (vmb_stor_host_init(world->host_memory, bytes, &options, &world->host) != VMB_OK ||
            vmb_stor_host_add(world->host, 0, &disk) != VMB_OK) {
            abort();
        }
    }
    offer.device = vmb_stor_host_device(world->host, 0);
    vmb_atomic_store(&world->released, 0, VMB_RELAXED);
    if (vmb_host_offer(offer.device != NULL ? options.bus : NULL, &offer, &world->host_channel) !=
        VMB_OK) {
        abort();
    }
}

static void storage_revoke(void *context)
{
    struct storage_world *world = context;

    if (vmb_host_revoke(world->host_channel) != VMB_OK) {
        abort();
    }
}

/* ---- Worlds ---------------------------------------------------------------------------------- */

static struct storage_world *world_new(uint64_t seed)
{
    struct storage_world *world = aligned_alloc(64, (sizeof(*world) + 63) & ~(size_t)63);
    struct vmb_stor_guest_options guest = {
        .struct_bytes = sizeof(guest),
        .sub_channel_limit = STORAGE_CHANNELS - 1,
        .request_limit = 4, /* So that some wait. */
        .context = world,
        .ready = storage_ready,
    };
    struct vmb_sim_world_options options = {
        .machine = {.vp_count = 2, .seed = seed},
        .host_workers = 2,
        .guest_events = {.context = world,
                         .offered = storage_offered,
                         .rescinded = storage_rescinded},
    };
    size_t bytes = (vmb_stor_guest_memory_bytes(&guest) + 63) & ~(size_t)63;

    assert_non_null(world);
    memset(world, 0, sizeof(*world));
    memory_disk_init(&world->disk, DISK_BLOCKS * 512);
    world->guest_memory = aligned_alloc(64, bytes);
    assert_int_equal(vmb_stor_guest_init(world->guest_memory, bytes, &guest, &world->guest),
                     VMB_OK);
    assert_int_equal(vmb_sim_live_start(&options, &world->live), VMB_OK);
    for (uint32_t i = 0; i < STORAGE_JOBS; i++) {
        struct job *job = &world->jobs[i];

        job->world = world;
        job->index = i;
        job->seed = seed + i;
        job->request.context = job;
        job->request.done = job_done;
        job->request.data.pages = job->pages;
        assert_int_equal(
            vmb_sim_memory_take(&world->live->world.machine.memory, JOB_PAGES, &job->memory),
            VMB_OK);
        for (uint32_t k = 0; k < JOB_PAGES; k++) { /* In no order. */
            job->pages[k] = job->memory.first_gpn + k * 4 % JOB_PAGES;
        }
    }
    vmb_sim_live_on_host(world->live, storage_offer, world);
    return world;
}

static bool all_open(void *context)
{
    struct storage_world *world = context;

    return vmb_atomic_load(&world->ready, VMB_ACQUIRE) != 0 &&
           vmb_atomic_load(&world->open, VMB_ACQUIRE) == STORAGE_CHANNELS;
}

static bool is_released(void *context)
{
    return vmb_atomic_load(&((struct storage_world *)context)->released, VMB_ACQUIRE) != 0;
}

static bool none_busy(void *context)
{
    struct storage_world *world = context;

    for (uint32_t i = 0; i < STORAGE_JOBS; i++) {
        if (vmb_atomic_load(&world->jobs[i].busy, VMB_ACQUIRE) != 0) {
            return false;
        }
    }
    return true;
}

static uint32_t jobs_rounds(struct storage_world *world)
{
    uint32_t least = UINT32_MAX;

    for (uint32_t i = 0; i < STORAGE_JOBS; i++) {
        uint32_t rounds = vmb_atomic_load(&world->jobs[i].rounds, VMB_RELAXED);

        least = rounds < least ? rounds : least;
    }
    return least;
}

static bool some_rounds(void *context)
{
    return jobs_rounds(context) >= 40;
}

static void wait_for(struct storage_world *world, bool (*condition)(void *context))
{
    assert_true(vmb_sim_live_wait(world->live, condition, world, WAIT_NS));
}

static void world_free(struct storage_world *world)
{
    struct vmb_stor_guest_counters guest;
    struct vmb_stor_host_counters host;
    struct vmb_sim_report report;

    for (uint32_t i = 0; i < STORAGE_JOBS; i++) {
        vmb_sim_memory_give(&world->live->world.machine.memory, &world->jobs[i].memory);
        assert_int_equal(world->jobs[i].wrong.value, 0);
        assert_int_equal(world->jobs[i].refused.value, 0);
    }
    vmb_sim_live_stop(world->live, &report);
    assert_true(report.clean);
    vmb_stor_guest_read_counters(world->guest, &guest);
    vmb_stor_host_read_counters(world->host, &host);
    assert_int_equal(guest.unknown + guest.malformed + guest.lies, 0);
    assert_int_equal(host.malformed + host.refused + host.out_of_order + host.offers_failed, 0);
    assert_int_equal(world->disk.bad_jobs, 0);
    memory_disk_deinit(&world->disk);
    free(world->guest_memory);
    free(world->host_memory);
    free(world);
}

static void jobs_stop(struct storage_world *world)
{
    vmb_atomic_store(&world->stop, 1, VMB_RELAXED);
    wait_for(world, none_busy);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void every_byte_arrives_on_all_channels(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct storage_world *world = world_new(seed);

        assert_int_equal(vmb_sim_live_connect(world->live), VMB_OK);
        wait_for(world, all_open);
        jobs_start(world);
        wait_for(world, some_rounds);
        jobs_stop(world);
        for (uint32_t i = 0; i < STORAGE_JOBS; i++) {
            assert_memory_equal(world->disk.now + i * JOB_BLOCKS * 512, world->jobs[i].pattern,
                                JOB_BLOCKS * 512);
        }
        world_free(world);
    }
}

struct mover {
    struct storage_world *world;
    uint32_t vp;
};

static void move_all(void *context)
{
    struct mover *mover = context;

    for (uint32_t i = 0; i < STORAGE_CHANNELS; i++) {
        vmb_status status =
            vmb_channel_set_target_vp(mover->world->channels[i], mover->vp, NULL, NULL);

        if (status != VMB_OK && status != VMB_ERR_BUSY) {
            abort();
        }
    }
}

static void channels_may_move_under_load(void **state)
{
    struct storage_world *world = world_new(7);

    (void)state;
    assert_int_equal(vmb_sim_live_connect(world->live), VMB_OK);
    wait_for(world, all_open);
    jobs_start(world);
    for (uint32_t i = 0; i < 200; i++) {
        struct mover mover = {world, i % 2};

        vmb_sim_live_on_guest(world->live, move_all, &mover);
    }
    wait_for(world, some_rounds);
    jobs_stop(world);
    world_free(world);
}

/* The host takes the controller away in the middle, and gives it back: each request ends once. */
static void a_controller_may_vanish_and_return(void **state)
{
    struct storage_world *world = world_new(9);
    uint32_t ended = 0;

    (void)state;
    assert_int_equal(vmb_sim_live_connect(world->live), VMB_OK);
    for (uint32_t i = 0; i < 5; i++) {
        wait_for(world, all_open);
        jobs_start(world);
        vmb_sim_live_on_host(world->live, storage_revoke, world);
        wait_for(world, is_released);
        wait_for(world, none_busy);
        vmb_atomic_store(&world->ready, 0, VMB_RELAXED);
        vmb_sim_live_on_host(world->live, storage_offer, world);
    }
    wait_for(world, all_open);
    for (uint32_t i = 0; i < STORAGE_JOBS; i++) {
        ended += vmb_atomic_load(&world->jobs[i].ended, VMB_RELAXED);
    }
    assert_true(ended > 0);
    jobs_start(world);
    jobs_stop(world);
    world_free(world);
}

/* The guest leaves in the middle of everything. */
static void a_guest_may_leave_under_load(void **state)
{
    (void)state;
    for (uint64_t seed = 20; seed < 25; seed++) {
        struct storage_world *world = world_new(seed);

        assert_int_equal(vmb_sim_live_connect(world->live), VMB_OK);
        wait_for(world, all_open);
        jobs_start(world);
        assert_int_equal(vmb_sim_live_unload(world->live), VMB_OK);
        wait_for(world, none_busy);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_arrives_on_all_channels),
        cmocka_unit_test(channels_may_move_under_load),
        cmocka_unit_test(a_controller_may_vanish_and_return),
        cmocka_unit_test(a_guest_may_leave_under_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
