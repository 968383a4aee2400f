/* SPDX-License-Identifier: MIT */
/*
 * A disk in memory for tests: does jobs at once, or keeps them until it is told to go on; fails
 * where it is told to; and knows what a power failure would leave of it.
 */
#ifndef STOR_MEMORY_DISK_H
#define STOR_MEMORY_DISK_H

#include <stdlib.h>
#include <string.h>

#include <vmbus/drivers/stor_disk.h>

#define MEMORY_DISK_KEPT 512u

struct memory_disk {
    uint64_t bytes;
    uint8_t *now;     /* As reads see it. */
    uint8_t *durable; /* As after a power failure. */
    bool keeps;       /* Jobs wait for memory_disk_go_on(). */
    struct vmb_stor_io *kept[MEMORY_DISK_KEPT];
    uint32_t kept_count;
    uint64_t fail_from, fail_to; /* Byte range that cannot be used. */
    enum vmb_stor_result failure;
    uint32_t jobs[VMB_STOR_WRITE_ZEROES + 1];
    uint32_t batches;
    uint32_t bad_jobs; /* That the contract rules out. */
};

static inline void memory_disk_init(struct memory_disk *disk, uint64_t bytes)
{
    memset(disk, 0, sizeof(*disk));
    disk->bytes = bytes;
    disk->now = calloc(1, (size_t)bytes);
    disk->durable = calloc(1, (size_t)bytes);
    if (disk->now == NULL || disk->durable == NULL) {
        abort();
    }
}

static inline void memory_disk_deinit(struct memory_disk *disk)
{
    free(disk->now);
    free(disk->durable);
}

static inline uint64_t memory_disk_segment_bytes(const struct vmb_stor_io *io)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < io->segment_count; i++) {
        sum += io->segments[i].byte_count;
    }
    return sum;
}

static inline void memory_disk_move(struct memory_disk *disk, const struct vmb_stor_io *io)
{
    uint8_t *at = disk->now + io->offset_bytes;

    for (uint32_t i = 0; i < io->segment_count; i++) {
        const struct vmb_stor_segment *segment = &io->segments[i];

        if (io->operation == VMB_STOR_READ) {
            memcpy((void *)segment->base, at, segment->byte_count);
        } else {
            memcpy(at, (const void *)segment->base, segment->byte_count);
        }
        at += segment->byte_count;
    }
}

static inline enum vmb_stor_result memory_disk_do(struct memory_disk *disk, struct vmb_stor_io *io)
{
    bool moves = io->operation == VMB_STOR_READ || io->operation == VMB_STOR_WRITE;

    if (io->offset_bytes > disk->bytes || io->byte_count > disk->bytes - io->offset_bytes ||
        (moves && memory_disk_segment_bytes(io) != io->byte_count)) {
        __atomic_fetch_add(&disk->bad_jobs, 1, __ATOMIC_RELAXED);
        return VMB_STOR_FAILED;
    }
    if (io->offset_bytes < disk->fail_to && io->offset_bytes + io->byte_count > disk->fail_from) {
        io->error_offset_bytes = disk->fail_from;
        return disk->failure;
    }
    if (moves) {
        memory_disk_move(disk, io);
    } else if (io->operation == VMB_STOR_FLUSH) {
        memcpy(disk->durable, disk->now, (size_t)disk->bytes);
    } else {
        memset(disk->now + io->offset_bytes, 0, (size_t)io->byte_count);
    }
    if (io->is_durable) {
        memcpy(disk->durable + io->offset_bytes, disk->now + io->offset_bytes,
               (size_t)io->byte_count);
    }
    return VMB_STOR_DONE;
}

static inline void memory_disk_submit(void *context, struct vmb_stor_io *io)
{
    struct memory_disk *disk = context;

    __atomic_fetch_add(&disk->jobs[io->operation], 1, __ATOMIC_RELAXED); /* Several workers. */
    if (disk->keeps) {
        disk->kept[disk->kept_count++] = io;
    } else {
        vmb_stor_host_complete(io, memory_disk_do(disk, io));
    }
}

static inline void memory_disk_submitted(void *context)
{
    __atomic_fetch_add(&((struct memory_disk *)context)->batches, 1, __ATOMIC_RELAXED);
}

/* Do one of the kept jobs. */
static inline void memory_disk_go_on(struct memory_disk *disk, uint32_t which)
{
    struct vmb_stor_io *io = disk->kept[which];

    disk->kept[which] = disk->kept[--disk->kept_count];
    vmb_stor_host_complete(io, memory_disk_do(disk, io));
}

static inline struct vmb_stor_disk memory_disk_describe(struct memory_disk *disk)
{
    static const struct vmb_stor_disk_ops ops = {
        .submit = memory_disk_submit,
        .submitted = memory_disk_submitted,
    };

    return (struct vmb_stor_disk){
        .ops = &ops,
        .context = disk,
        .block_count = disk->bytes / 512,
        .discard_bytes = 4096,
        .discard_zeroes = true,
        .serial = "serial-1",
    };
}

#endif /* STOR_MEMORY_DISK_H */
