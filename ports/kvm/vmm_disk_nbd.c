/* SPDX-License-Identifier: MIT */
/*
 * Disks behind an NBD server, through libnbd: every format and place that some server knows. One
 * connection, as many commands on their way as there are jobs. A job over several pieces of memory
 * goes through a buffer, since an NBD command has one.
 */
#include "ports/kvm/vmm_disk_engine.h"

#include <errno.h>
#include <libnbd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define NBD_BLOCK_BYTES     512u
#define NBD_BLOCK_BYTES_MAX 4096u
#define NBD_DISCARD_BYTES   4096u
#define NBD_ZERO_BYTES      (1u << 20)
#define NBD_TRIM_BYTES      (1u << 30) /* A command has 32 bits for its length. */
#define NBD_GOODBYE_MS      1000
#define NBD_TURNS           256u /* Then others have theirs; the socket stays ready. */

struct nbd_job;

struct nbd_disk {
    struct vmm_disk disk; /* fd: an epoll instance around the socket. */
    struct nbd_handle *nbd;
    uint32_t interest; /* EPOLL bits of the socket. */
    bool can_fua;
    bool can_zero;
    bool can_flush;
    void *zeroes;          /* If it cannot zero. */
    struct nbd_job *again; /* Jobs that need another command. */
};

/* A job on its way. */
struct nbd_job {
    struct nbd_job *next;
    struct nbd_disk *disk;
    struct vmb_stor_io *io;
    uint8_t *buffer; /* NULL: the one segment itself. */
    uint64_t done;   /* Zeroes that are written, bytes that are discarded. */
    bool syncs;      /* The job is done but for a flush. */
};

static int nbd_job_ended(void *context, int *error);

/* ---- The socket ------------------------------------------------------------------------------ */

/* Be told when the socket can do what libnbd waits for; of a dead connection nothing is expected.
 */
static void nbd_watch(struct nbd_disk *own)
{
    unsigned direction = nbd_aio_get_direction(own->nbd);
    uint32_t interest = ((direction & LIBNBD_AIO_DIRECTION_READ) != 0 ? EPOLLIN : 0u) |
                        ((direction & LIBNBD_AIO_DIRECTION_WRITE) != 0 ? EPOLLOUT : 0u);
    struct epoll_event event = {.events = interest};
    int socket = nbd_aio_get_fd(own->nbd);

    if (interest != own->interest && socket >= 0) {
        own->interest = interest;
        (void)epoll_ctl(own->disk.fd, EPOLL_CTL_MOD, socket, &event);
    }
}

/* ---- Jobs ------------------------------------------------------------------------------------ */

static void nbd_copy(const struct nbd_job *job)
{
    uint8_t *at = job->buffer;

    for (uint32_t i = 0; i < job->io->segment_count; i++) {
        const struct vmb_stor_segment *segment = &job->io->segments[i];

        if (job->io->operation == VMB_STOR_READ) {
            memcpy(segment->base, at, segment->byte_count);
        } else {
            memcpy(at, segment->base, segment->byte_count);
        }
        at += segment->byte_count;
    }
}

static void nbd_job_free(struct nbd_job *job)
{
    free(job->buffer);
    free(job);
}

static int64_t nbd_write_zeroes(struct nbd_job *job, nbd_completion_callback ended, uint32_t flags)
{
    const struct nbd_disk *own = job->disk;
    const struct vmb_stor_io *io = job->io;
    uint64_t left = io->byte_count - job->done;

    if (own->can_zero) {
        job->done = io->byte_count;
        return nbd_aio_zero(own->nbd, io->byte_count, io->offset_bytes, ended,
                            flags | (io->may_unmap ? 0 : LIBNBD_CMD_FLAG_NO_HOLE));
    }
    if (left > NBD_ZERO_BYTES) {
        left = NBD_ZERO_BYTES;
    }
    job->done += left;
    return nbd_aio_pwrite(own->nbd, own->zeroes, (size_t)left, io->offset_bytes + job->done - left,
                          ended, flags);
}

static int64_t nbd_discard(struct nbd_job *job, nbd_completion_callback ended)
{
    const struct vmb_stor_io *io = job->io;
    uint64_t from = io->offset_bytes + job->done;
    uint64_t left = io->byte_count - job->done;

    left = left < NBD_TRIM_BYTES ? left : NBD_TRIM_BYTES;
    job->done += left;
    return nbd_aio_trim(job->disk->nbd, left, from, ended, 0);
}

/* The next command of a job; -1 if the connection does not take it. */
static int64_t nbd_command(struct nbd_job *job)
{
    const struct nbd_disk *own = job->disk;
    const struct vmb_stor_io *io = job->io;
    void *memory = job->buffer;
    nbd_completion_callback ended = {.callback = nbd_job_ended, .user_data = job};
    uint32_t flags = io->is_durable && own->can_fua ? LIBNBD_CMD_FLAG_FUA : 0;

    if (job->syncs) {
        return nbd_aio_flush(own->nbd, ended, 0);
    }
    if (memory == NULL && io->segment_count != 0) {
        memory = io->segments[0].base;
    }
    switch (io->operation) {
    case VMB_STOR_READ:
        return nbd_aio_pread(own->nbd, memory, (size_t)io->byte_count, io->offset_bytes, ended, 0);
    case VMB_STOR_WRITE:
        return nbd_aio_pwrite(own->nbd, memory, (size_t)io->byte_count, io->offset_bytes, ended,
                              flags);
    case VMB_STOR_DISCARD:
        return nbd_discard(job, ended);
    case VMB_STOR_WRITE_ZEROES:
        return nbd_write_zeroes(job, ended, flags);
    case VMB_STOR_FLUSH:
    default:
        return nbd_aio_flush(own->nbd, ended, 0);
    }
}

static void nbd_job_finish(struct nbd_job *job, int error)
{
    struct nbd_disk *own = job->disk;
    struct vmb_stor_io *io = job->io;

    if (error == 0 && job->buffer != NULL && io->operation == VMB_STOR_READ) {
        nbd_copy(job);
    }
    nbd_job_free(job);
    vmm_disk_complete(&own->disk, io, error);
}

/* What a job needs after a command that succeeded. */
static bool nbd_goes_on(struct nbd_job *job)
{
    const struct vmb_stor_io *io = job->io;

    if ((io->operation == VMB_STOR_WRITE_ZEROES || io->operation == VMB_STOR_DISCARD) &&
        job->done < io->byte_count) {
        return true;
    }
    if (io->is_durable && !job->syncs && !job->disk->can_fua && job->disk->can_flush) {
        job->syncs = true;
        return true;
    }
    return false;
}

/* From within libnbd. 1: the command is forgotten. */
static int nbd_job_ended(void *context, int *error)
{
    struct nbd_job *job = context;
    int result = *error;

    if (result == 0 && nbd_goes_on(job)) {
        job->next = job->disk->again; /* libnbd takes no commands from here. */
        job->disk->again = job;
        return 1;
    }
    nbd_job_finish(job, result);
    return 1;
}

/* Send the next command of a job, or end it. */
static void nbd_begin(struct nbd_disk *own, struct nbd_job *job)
{
    if (nbd_command(job) < 0) {
        nbd_job_finish(job, nbd_aio_is_ready(own->nbd) > 0 ? nbd_get_errno() : ENOTCONN);
    }
}

static void nbd_submit(struct vmm_disk *disk, struct vmb_stor_io *io)
{
    struct nbd_disk *own = (struct nbd_disk *)disk;
    struct nbd_job *job;

    if (io->operation == VMB_STOR_FLUSH && !own->can_flush) {
        vmm_disk_complete(disk, io, 0); /* It says that it keeps nothing back. */
        return;
    }
    job = calloc(1, sizeof(*job));
    if (job != NULL && io->segment_count > 1) {
        job->buffer = malloc((size_t)io->byte_count);
    }
    if (job == NULL || (io->segment_count > 1 && job->buffer == NULL)) {
        free(job);
        vmm_disk_complete(disk, io, ENOMEM);
        return;
    }
    job->disk = own;
    job->io = io;
    if (job->buffer != NULL && io->operation == VMB_STOR_WRITE) {
        nbd_copy(job);
    }
    nbd_begin(own, job);
}

static void nbd_submitted(struct vmm_disk *disk)
{
    nbd_watch((struct nbd_disk *)disk);
}

static void nbd_reap(struct vmm_disk *disk)
{
    struct nbd_disk *own = (struct nbd_disk *)disk;
    uint32_t turns = 0;
    bool more;

    /* Until there is nothing to do without waiting, or the server talks without end. One that dies
     * ends every job with an error, and libnbd closes the socket, which takes it out of the epoll
     * instance. */
    do {
        while (own->again != NULL) {
            struct nbd_job *job = own->again;

            own->again = job->next;
            nbd_begin(own, job);
        }
        more = nbd_poll(own->nbd, 0) > 0 && ++turns < NBD_TURNS;
    } while (more || own->again != NULL);
    nbd_watch(own);
}

/* The connection ends as if the server had ended it. */
static void nbd_give_up(struct vmm_disk *disk)
{
    const struct nbd_disk *own = (const struct nbd_disk *)disk;

    (void)shutdown(nbd_aio_get_fd(own->nbd), SHUT_RDWR);
}

static void nbd_close_disk(struct vmm_disk *disk)
{
    struct nbd_disk *own = (struct nbd_disk *)disk;

    if (own->nbd != NULL) {
        /* A server that does not answer any more keeps nobody. */
        if (nbd_aio_is_ready(own->nbd) > 0 && nbd_aio_disconnect(own->nbd, 0) == 0) {
            (void)nbd_poll(own->nbd, NBD_GOODBYE_MS);
        }
        nbd_close(own->nbd);
    }
    if (disk->fd >= 0) {
        (void)close(disk->fd);
    }
    free(own->zeroes);
    free(own);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static bool nbd_open_epoll(struct nbd_disk *own, struct vmm_error *error)
{
    struct epoll_event event = {.events = EPOLLIN};

    own->interest = EPOLLIN;
    own->disk.fd = epoll_create1(EPOLL_CLOEXEC);
    if (own->disk.fd < 0 ||
        epoll_ctl(own->disk.fd, EPOLL_CTL_ADD, nbd_aio_get_fd(own->nbd), &event) != 0) {
        return vmm_fail_errno(error, "cannot wait for an NBD server");
    }
    return true;
}

static uint32_t nbd_block_size(const struct nbd_disk *own, int which, uint32_t least)
{
    int64_t bytes = nbd_get_block_size(own->nbd, which);

    if (bytes <= least || (bytes & (bytes - 1)) != 0) {
        return least;
    }
    return bytes < NBD_BLOCK_BYTES_MAX ? (uint32_t)bytes : NBD_BLOCK_BYTES_MAX;
}

static bool nbd_describe(struct nbd_disk *own, const char *uri,
                         const struct vmm_disk_options *options, struct vmm_error *error)
{
    struct vmb_stor_disk *is = &own->disk.is;
    int64_t bytes = nbd_get_size(own->nbd);

    is->block_bytes = nbd_block_size(own, LIBNBD_SIZE_MINIMUM, NBD_BLOCK_BYTES);
    is->physical_block_bytes = nbd_block_size(own, LIBNBD_SIZE_PREFERRED, is->block_bytes);
    is->block_count = bytes < 0 ? 0 : (uint64_t)bytes / is->block_bytes;
    is->read_only = options->read_only || nbd_is_read_only(own->nbd) != 0;
    is->discard_bytes = nbd_can_trim(own->nbd) > 0 ? NBD_DISCARD_BYTES : 0;
    own->can_flush = nbd_can_flush(own->nbd) > 0;
    own->can_fua = nbd_can_fua(own->nbd) > 0;
    own->can_zero = nbd_can_zero(own->nbd) > 0;
    is->write_through = !own->can_flush;
    if (is->block_count == 0) {
        return vmm_fail(error, "the NBD server of '%s' exports nothing", uri);
    }
    if (!own->can_zero) {
        own->zeroes = calloc(1, NBD_ZERO_BYTES);
    }
    return own->can_zero || own->zeroes != NULL || vmm_fail(error, "out of memory");
}

static bool nbd_reach(struct nbd_disk *own, const char *uri, struct vmm_error *error)
{
    own->nbd = nbd_create();
    if (own->nbd == NULL || nbd_connect_uri(own->nbd, uri) != 0) {
        return vmm_fail(error, "cannot connect to '%s': %s", uri, nbd_get_error());
    }
    return true;
}

bool vmm_disk_open_nbd(const char *uri, const struct vmm_disk_options *options,
                       struct vmm_disk **out_disk, struct vmm_error *error)
{
    static const struct vmm_disk_engine engine = {
        .submit = nbd_submit,
        .submitted = nbd_submitted,
        .reap = nbd_reap,
        .give_up = nbd_give_up,
        .close = nbd_close_disk,
    };
    struct nbd_disk *own = calloc(1, sizeof(*own));

    if (own == NULL) {
        return vmm_fail(error, "out of memory");
    }
    own->disk.engine = &engine;
    own->disk.fd = -1;
    if (nbd_reach(own, uri, error) && nbd_describe(own, uri, options, error) &&
        nbd_open_epoll(own, error)) {
        *out_disk = &own->disk;
        return true;
    }
    nbd_close_disk(&own->disk);
    return false;
}
