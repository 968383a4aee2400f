/* SPDX-License-Identifier: MIT */
#include "ports/kvm/vmm_disk.h"

#include "ports/kvm/vmm_disk_engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool disk_is_nbd(const char *source)
{
    static const char *const schemes[] = {"nbd://",       "nbds://",      "nbd+unix://",
                                          "nbds+unix://", "nbd+vsock://", "nbds+vsock://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strncmp(source, schemes[i], strlen(schemes[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void disk_submit(void *context, struct vmb_stor_io *io)
{
    struct vmm_disk *disk = context;

    disk->jobs++;
    if (disk->flush_failed && io->operation != VMB_STOR_READ) {
        vmm_disk_complete(disk, io, EIO);
        return;
    }
    disk->engine->submit(disk, io);
}

static void disk_submitted(void *context)
{
    struct vmm_disk *disk = context;

    if (disk->engine->submitted != NULL) {
        disk->engine->submitted(disk);
    }
}

/* The same source has the same number after a restart, and two sources have two (FNV-1a). */
static void disk_name(struct vmm_disk *disk, const char *source)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);

    for (; *source != '\0'; source++) {
        hash = (hash ^ (uint8_t)*source) * UINT64_C(0x100000001B3);
    }
    (void)snprintf(disk->is.serial, sizeof(disk->is.serial), "%016" PRIx64, hash);
}

static void disk_finish(struct vmm_disk *disk, const char *source)
{
    static const struct vmb_stor_disk_ops ops = {
        .submit = disk_submit,
        .submitted = disk_submitted,
    };

    disk->is.ops = &ops;
    disk->is.context = disk;
    disk_name(disk, source);
}

bool vmm_disk_open(const char *source, const struct vmm_disk_options *options,
                   struct vmm_disk **out_disk, struct vmm_error *error)
{
    struct vmm_disk *disk = NULL;

    if (disk_is_nbd(source) ? !vmm_disk_open_nbd(source, options, &disk, error)
                            : !vmm_disk_open_file(source, options, &disk, error)) {
        return false;
    }
    disk_finish(disk, source);
    *out_disk = disk;
    return true;
}

struct vmm_disk *vmm_disk_reserve(struct vmm_error *error)
{
    return vmm_disk_reserve_file(error);
}

bool vmm_disk_open_passed(struct vmm_disk *reserve, int file, const char *name,
                          struct vmm_error *error)
{
    if (!vmm_disk_adopt_file(reserve, file, name, error)) {
        return false;
    }
    disk_finish(reserve, name);
    return true;
}

void vmm_disk_close(struct vmm_disk *disk)
{
    disk->engine->close(disk);
}

int vmm_disk_fd(const struct vmm_disk *disk)
{
    return disk->fd;
}

void vmm_disk_reap(struct vmm_disk *disk)
{
    disk->engine->reap(disk);
}

void vmm_disk_give_up(struct vmm_disk *disk)
{
    if (disk->engine->give_up != NULL) {
        disk->engine->give_up(disk);
    }
}

uint32_t vmm_disk_jobs(const struct vmm_disk *disk)
{
    return disk->jobs;
}

struct vmb_stor_disk vmm_disk_describe(struct vmm_disk *disk)
{
    return disk->is;
}

static enum vmb_stor_result disk_result(int error)
{
    switch (error) {
    case 0:
        return VMB_STOR_DONE;
    case EIO:
    case EILSEQ:
    case EBADMSG:
    case ENODATA:
        return VMB_STOR_MEDIA_ERROR;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return VMB_STOR_NO_SPACE;
    case EROFS:
    case EPERM:
    case EACCES:
        return VMB_STOR_READ_ONLY;
    case ENODEV:
    case ENXIO:
    case ENOTCONN:
    case ESHUTDOWN:
    case ECONNRESET:
    case EPIPE:
        return VMB_STOR_GONE;
    default:
        return VMB_STOR_FAILED;
    }
}

void vmm_disk_complete(struct vmm_disk *disk, struct vmb_stor_io *io, int error)
{
    /*
     * After a flush has failed, nobody knows which writes were lost, and the kernel reports it only
     * once: a second flush would succeed although they are gone. So the guest is told each time.
     */
    if (io->operation == VMB_STOR_FLUSH && error != 0) {
        disk->flush_failed = true;
    }
    disk->jobs--;
    vmb_stor_host_complete(io, disk_result(error));
}

void vmm_disk_advance(struct vmb_stor_io *io, size_t bytes)
{
    while (bytes > 0) {
        struct vmb_stor_segment *segment = io->segments;

        if (bytes < segment->byte_count) {
            segment->base = (uint8_t *)segment->base + bytes;
            segment->byte_count -= bytes;
            return;
        }
        bytes -= segment->byte_count;
        io->segments++;
        io->segment_count--;
    }
}
