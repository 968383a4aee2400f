/* SPDX-License-Identifier: MIT */
#include "disk.h"

#include "x86_boot.h"
#include "x86_console.h"
#include "x86_pages.h"
#include "x86_vmbus.h"

enum {
    DISK_JOBS = 8,    /* Under way at once. */
    DISK_PAGES = 16,  /* Of each: 64 KiB. */
    DISK_ROUNDS = 64, /* How often they begin anew. */
    DISK_BYTES = DISK_PAGES * 4096
};

enum disk_step {
    DISK_READY,
    DISK_CAPACITY,
    DISK_WORK,
    DISK_FLUSH,
    DISK_DONE
};

/* A part of the disk: written if that is wanted, read, compared. */
struct disk_job {
    struct vmb_stor_request request;
    uint32_t round;
    bool writes;
    uint64_t *data;
};

static struct {
    struct vmb_stor_guest *guest;
    struct vmb_stor_request request; /* Of the steps, one after the other. */
    uint8_t *page;
    struct vmb_stor_capacity capacity;
    struct disk_job jobs[DISK_JOBS];
    bool writes; /* The word was said. */
    uint32_t step;
    uint32_t next;    /* Part of the disk. */
    uint32_t running; /* Jobs. */
    uint32_t done;    /* Rounds. */
    uint32_t wrong;   /* Of which the data were not those that were written. */
    uint32_t failed;
    uint32_t used[DISK_CHANNELS]; /* Requests by channel. */
} disk;

/* Jobs end on several CPUs at once. */
static uint32_t disk_add(uint32_t *count, uint32_t amount)
{
    return __atomic_add_fetch(count, amount, __ATOMIC_ACQ_REL);
}

static void disk_set_step(enum disk_step step)
{
    __atomic_store_n(&disk.step, (uint32_t)step, __ATOMIC_RELEASE);
    x86_vmbus_wake();
}

bool disk_settled(void)
{
    return __atomic_load_n(&disk.step, __ATOMIC_ACQUIRE) == DISK_DONE;
}

static void disk_fail(const char *what, const struct vmb_stor_request *request)
{
    x86_printf("vmbus: disk: %s: %s (SRB status %x, SCSI status %x, sense key %x)\n", what,
               vmb_status_text(request->status), request->srb_status, request->scsi_status,
               request->sense[2] & 0xFu);
    disk_set_step(DISK_DONE);
}

/* On any channel that is open, one after the other. */
static bool disk_submit(struct vmb_stor_request *request)
{
    static uint32_t turn;
    uint32_t first = disk_add(&turn, 1), i;

    for (i = 0; i < DISK_CHANNELS; i++) {
        uint32_t channel = (first + i) % DISK_CHANNELS;

        if (vmb_stor_guest_submit(disk.guest, channel, request) == VMB_OK) {
            disk_add(&disk.used[channel], 1);
            return true;
        }
    }
    return false;
}

/* ---- Steps ------------------------------------------------------------------------------- */

static void disk_begin_work(void);

static void disk_step_done(struct vmb_stor_request *request);

static void disk_ask(struct vmb_stor_command command, enum disk_step step)
{
    disk.request = (struct vmb_stor_request){
        .command = command,
        .data = {.first_gpn = (uintptr_t)disk.page / VMB_PAGE_BYTES},
        .done = disk_step_done,
    };
    disk_set_step(step);
    if (!disk_submit(&disk.request)) {
        disk_set_step(DISK_DONE);
    }
}

static void disk_step_done(struct vmb_stor_request *request)
{
    struct vmb_stor_sense sense;

    if (request->status == VMB_ERR_REFUSED &&
        vmb_stor_sense_decode(request->sense, request->sense_bytes, &sense) == VMB_OK &&
        sense.key == 6) {
        disk_ask(request->command, (enum disk_step)disk.step); /* It had to tell us something. */
    } else if (request->status != VMB_OK) {
        disk_fail("no disk", request);
    } else if (disk.step == DISK_READY) {
        disk_ask(vmb_stor_read_capacity(), DISK_CAPACITY);
    } else if (disk.step == DISK_CAPACITY) {
        if (vmb_stor_capacity_decode(disk.page, request->moved_bytes, &disk.capacity) != VMB_OK) {
            disk_fail("its capacity makes no sense", request);
        } else {
            disk_begin_work();
        }
    } else {
        disk_set_step(DISK_DONE); /* Flushed. */
    }
}

/* ---- Work -------------------------------------------------------------------------------- */

static uint64_t disk_word(uint32_t round, uint32_t index)
{
    return ((uint64_t)round << 32 | index) * 0x9E3779B97F4A7C15u;
}

static bool disk_job_submit(struct disk_job *job, bool writes)
{
    uint32_t blocks = DISK_BYTES / disk.capacity.block_bytes;
    uint64_t parts = disk.capacity.block_count / blocks;
    uint64_t block = job->round % (parts < DISK_ROUNDS ? parts : DISK_ROUNDS) * blocks;
    uint32_t i;

    for (i = 0; i < DISK_BYTES / sizeof(uint64_t); i++) {
        job->data[i] = writes ? disk_word(job->round, i) : 0;
    }
    job->writes = writes;
    job->request.command = writes ? vmb_stor_write(block, blocks, disk.capacity.block_bytes, false)
                                  : vmb_stor_read(block, blocks, disk.capacity.block_bytes);
    return disk_submit(&job->request);
}

static void disk_job_over(void)
{
    if (disk_add(&disk.running, (uint32_t)-1) == 0) {
        if (disk.writes && __atomic_load_n(&disk.failed, __ATOMIC_RELAXED) == 0) {
            disk_ask(vmb_stor_flush(), DISK_FLUSH);
        } else {
            disk_set_step(DISK_DONE);
        }
    }
}

static void disk_job_next(struct disk_job *job)
{
    job->round = disk_add(&disk.next, 1) - 1;
    if (job->round >= DISK_ROUNDS || !disk_job_submit(job, disk.writes)) {
        disk_job_over();
    }
}

static void disk_job_done(struct vmb_stor_request *request)
{
    struct disk_job *job = (struct disk_job *)request; /* The first member. */
    uint32_t i;

    if (request->status != VMB_OK || request->moved_bytes != DISK_BYTES) {
        disk_add(&disk.failed, 1);
        disk_job_over();
        return;
    }
    if (job->writes) {
        if (!disk_job_submit(job, false)) {
            disk_job_over();
        }
        return;
    }
    for (i = 0; disk.writes && i < DISK_BYTES / sizeof(uint64_t); i++) {
        if (job->data[i] != disk_word(job->round, i)) {
            disk_add(&disk.wrong, 1);
            break;
        }
    }
    disk_add(&disk.done, 1);
    disk_job_next(job);
}

static void disk_begin_work(void)
{
    uint32_t i;

    disk_set_step(DISK_WORK);
    if (disk.capacity.block_count < DISK_BYTES / disk.capacity.block_bytes) {
        disk_set_step(DISK_DONE); /* Not even one job's worth. */
        return;
    }
    disk.next = 0;
    disk.running = DISK_JOBS;
    for (i = 0; i < DISK_JOBS; i++) {
        disk_job_next(&disk.jobs[i]);
    }
}

/* ---- Life -------------------------------------------------------------------------------- */

static void disk_ready(void *context, vmb_status status)
{
    (void)context;
    if (status != VMB_OK) {
        x86_printf("vmbus: disk: %s\n", vmb_status_text(status));
        disk_set_step(DISK_DONE);
        return;
    }
    disk_ask(vmb_stor_test_ready(), DISK_READY);
}

static void disk_broken(void *context, uint32_t channel, vmb_status status)
{
    (void)context;
    x86_printf("vmbus: disk: channel %u: %s\n", channel, vmb_status_text(status));
    disk_set_step(DISK_DONE);
}

struct vmb_stor_guest *disk_init(void)
{
    const struct vmb_stor_guest_options options = {
        .struct_bytes = sizeof(options),
        .sub_channel_limit = DISK_CHANNELS - 1,
        .ready = disk_ready,
        .failed = disk_broken,
    };
    size_t bytes = vmb_stor_guest_memory_bytes(&options);
    void *memory = x86_pages_keep((bytes + VMB_PAGE_BYTES - 1) / VMB_PAGE_BYTES);
    vmb_status status;
    uint32_t i;

    disk.page = x86_pages_keep(1);
    for (i = 0; i < DISK_JOBS; i++) {
        struct disk_job *job = &disk.jobs[i];

        job->data = x86_pages_keep(DISK_PAGES);
        job->request.data.first_gpn = (uintptr_t)job->data / VMB_PAGE_BYTES;
        job->request.done = disk_job_done;
    }
    if (memory == NULL || disk.page == NULL || disk.jobs[DISK_JOBS - 1].data == NULL) {
        x86_panic("disk: not enough memory");
    }
    status = vmb_stor_guest_init(memory, bytes, &options, &disk.guest);
    if (status != VMB_OK) {
        x86_panic("disk: %s", vmb_status_text(status));
    }
    disk.writes = x86_boot_has("write");
    return disk.guest;
}

vmb_status disk_open(struct vmb_channel *channel, uint32_t vp, vmb_channel_done done, void *context)
{
    return vmb_stor_guest_open(disk.guest, channel, vp, done, context);
}

void disk_say(void)
{
    struct vmb_stor_guest_counters counters;
    uint32_t i;

    vmb_stor_guest_read_counters(disk.guest, &counters);
    x86_printf("vmbus: disk: %lu blocks of %u bytes, %u times 64 KiB %s, %u wrong, %u failed\n",
               disk.capacity.block_count, disk.capacity.block_bytes, disk.done,
               disk.writes ? "written, read, compared, then flushed" : "read", disk.wrong,
               disk.failed);
    x86_printf("vmbus: disk: %lu requests, %lu answers, %lu abandoned, %lu odd; by channel:",
               counters.requests, counters.answers, counters.abandoned,
               counters.unknown + counters.malformed + counters.lies);
    for (i = 0; i < DISK_CHANNELS; i++) {
        x86_printf(" %u", disk.used[i]);
    }
    x86_printf("\n");
}
