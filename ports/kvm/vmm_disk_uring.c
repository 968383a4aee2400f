/* SPDX-License-Identifier: MIT */
/*
 * Raw files and block devices through io_uring. A job is one request of the kernel at a time, as
 * often as it takes: what came short goes on, what the file system cannot do is done another way.
 */
#include "ports/kvm/vmm_disk_engine.h"
#include "ports/kvm/vmm_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#define URING_ENTRIES      256u
#define URING_DIRECT_BYTES 4096u /* What every device takes. */
#define URING_ZERO_BYTES   (256u * 1024u)

/* How a job is being done: the next way when one is not possible. In io->note, above the bytes. */
#define URING_WAY_SHIFT  48
#define URING_DONE_MASK  ((UINT64_C(1) << URING_WAY_SHIFT) - 1)
#define URING_WAY_FIRST  0u
#define URING_WAY_PUNCH  1u /* Zeroes: a hole. */
#define URING_WAY_WRITE  2u /* Zeroes: written. */
#define URING_WAY_SYNC   3u /* Zeroes that must be durable: are there, not yet safe. */
#define URING_WAY_CACHED 4u /* Reads and writes: not past the page cache. */

struct uring_disk {
    struct vmm_disk disk;
    struct io_uring ring;
    int file;
    int direct;     /* The file again, past the page cache; or -1. */
    bool in_memory; /* The file never waits: see uring_move_now(). */
    uint32_t in_kernel;
    struct vmb_stor_io *waiting; /* For room in the ring; first in first out by `link`. */
    struct vmb_stor_io *waiting_last;
    void *zeroes; /* URING_ZERO_BYTES */
};

_Static_assert(sizeof(struct vmb_stor_segment) == sizeof(struct iovec) &&
                   offsetof(struct vmb_stor_segment, base) == offsetof(struct iovec, iov_base) &&
                   offsetof(struct vmb_stor_segment, byte_count) == offsetof(struct iovec, iov_len),
               "segments are what the kernel takes");

/* ---- One request of the kernel --------------------------------------------------------------- */

static unsigned uring_way(const struct vmb_stor_io *io)
{
    return (unsigned)(io->note >> URING_WAY_SHIFT);
}

static uint64_t uring_done(const struct vmb_stor_io *io)
{
    return io->note & URING_DONE_MASK;
}

static void uring_set_way(struct vmb_stor_io *io, unsigned way)
{
    io->note = uring_done(io) | (uint64_t)way << URING_WAY_SHIFT;
}

static bool uring_is_aligned(const struct vmb_stor_io *io)
{
    uintptr_t bits = (uintptr_t)((io->offset_bytes + uring_done(io)) % URING_DIRECT_BYTES);

    for (uint32_t i = 0; i < io->segment_count; i++) {
        bits |= (uintptr_t)io->segments[i].base | (uintptr_t)io->segments[i].byte_count;
    }
    return bits % URING_DIRECT_BYTES == 0;
}

static void uring_prepare_move(struct uring_disk *disk, struct io_uring_sqe *sqe,
                               const struct vmb_stor_io *io)
{
    const struct iovec *vector = (const struct iovec *)(const void *)io->segments;
    unsigned count = io->segment_count < IOV_MAX ? io->segment_count : IOV_MAX;
    uint64_t offset = io->offset_bytes + uring_done(io);
    bool direct = disk->direct >= 0 && uring_way(io) != URING_WAY_CACHED && uring_is_aligned(io);
    int file = direct ? disk->direct : disk->file;

    if (io->operation == VMB_STOR_READ) {
        io_uring_prep_readv(sqe, file, vector, count, offset);
    } else {
        io_uring_prep_writev2(sqe, file, vector, count, offset, io->is_durable ? RWF_DSYNC : 0);
    }
}

static void uring_prepare_zeroes(struct uring_disk *disk, struct io_uring_sqe *sqe,
                                 const struct vmb_stor_io *io)
{
    uint64_t left = io->byte_count - uring_done(io);
    int mode = FALLOC_FL_KEEP_SIZE;

    switch (uring_way(io)) {
    case URING_WAY_SYNC:
        io_uring_prep_fsync(sqe, disk->file, IORING_FSYNC_DATASYNC);
        return;
    case URING_WAY_WRITE:
        io_uring_prep_write(sqe, disk->file, disk->zeroes,
                            (unsigned)(left < URING_ZERO_BYTES ? left : URING_ZERO_BYTES),
                            io->offset_bytes + uring_done(io));
        return;
    case URING_WAY_PUNCH:
        mode |= FALLOC_FL_PUNCH_HOLE;
        break;
    default:
        mode |= io->may_unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
        break;
    }
    io_uring_prep_fallocate(sqe, disk->file, mode, (off_t)io->offset_bytes, (off_t)io->byte_count);
}

static void uring_prepare(struct uring_disk *disk, struct io_uring_sqe *sqe, struct vmb_stor_io *io)
{
    switch (io->operation) {
    case VMB_STOR_FLUSH:
        io_uring_prep_fsync(sqe, disk->file, IORING_FSYNC_DATASYNC);
        break;
    case VMB_STOR_DISCARD:
        io_uring_prep_fallocate(sqe, disk->file, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
                                (off_t)io->offset_bytes, (off_t)io->byte_count);
        break;
    case VMB_STOR_WRITE_ZEROES:
        uring_prepare_zeroes(disk, sqe, io);
        break;
    case VMB_STOR_READ:
    case VMB_STOR_WRITE:
    default:
        uring_prepare_move(disk, sqe, io);
        break;
    }
    io_uring_sqe_set_data(sqe, io);
}

/* Into the ring, or behind those that wait for room: never more than the ring has places for. */
static void uring_begin(struct uring_disk *disk, struct vmb_stor_io *io)
{
    struct io_uring_sqe *sqe =
        disk->in_kernel < URING_ENTRIES ? io_uring_get_sqe(&disk->ring) : NULL;

    if (sqe != NULL) {
        uring_prepare(disk, sqe, io);
        disk->in_kernel++;
        return;
    }
    io->link = NULL;
    if (disk->waiting == NULL) {
        disk->waiting = io;
    } else {
        disk->waiting_last->link = io;
    }
    disk->waiting_last = io;
}

/* ---- What came of it ------------------------------------------------------------------------- */

/* Reads and writes. True: the job goes on. */
static bool uring_moved(struct vmb_stor_io *io, int result)
{
    io->note += (uint64_t)result;
    if (uring_done(io) < io->byte_count) {
        io->error_offset_bytes = io->offset_bytes + uring_done(io);
        vmm_disk_advance(io, (size_t)result);
        return result != 0; /* Nothing: the file has become shorter. */
    }
    return false;
}

/* A part of the zeroes, or all. True: the job goes on. */
static bool uring_zeroed(struct vmb_stor_io *io, int result)
{
    if (uring_way(io) == URING_WAY_SYNC) {
        return false;
    }
    io->note += uring_way(io) == URING_WAY_WRITE ? (uint64_t)result : io->byte_count;
    if (uring_done(io) < io->byte_count) {
        return result != 0;
    }
    uring_set_way(io, URING_WAY_SYNC);
    return io->is_durable;
}

/* A request failed. True: there is another way, on which the job goes on. */
static bool uring_retry(struct uring_disk *disk, struct vmb_stor_io *io, int error)
{
    if (error == EINTR || error == EAGAIN) {
        return true;
    }
    if (error == EINVAL && disk->direct >= 0 && io->segment_count != 0 &&
        uring_way(io) == URING_WAY_FIRST) {
        uring_set_way(io, URING_WAY_CACHED); /* This device wants more than the usual alignment. */
        return true;
    }
    if (io->operation == VMB_STOR_WRITE_ZEROES && (error == EOPNOTSUPP || error == EINVAL) &&
        uring_way(io) < URING_WAY_WRITE) {
        uring_set_way(io, uring_way(io) + 1);
        return true;
    }
    return false;
}

static void uring_ended(struct uring_disk *disk, struct vmb_stor_io *io, int result)
{
    bool goes_on = false;
    int error = 0;

    if (result < 0) {
        goes_on = uring_retry(disk, io, -result);
        error = io->operation == VMB_STOR_DISCARD && result == -EOPNOTSUPP ? 0 : -result;
    } else if (io->operation == VMB_STOR_READ || io->operation == VMB_STOR_WRITE) {
        goes_on = uring_moved(io, result);
        error = uring_done(io) < io->byte_count ? EIO : 0;
    } else if (io->operation == VMB_STOR_WRITE_ZEROES) {
        goes_on = uring_zeroed(io, result);
        error = uring_done(io) < io->byte_count ? EIO : 0;
    }
    if (goes_on) {
        uring_begin(disk, io);
    } else {
        vmm_disk_complete(&disk->disk, io, error);
    }
}

/* ---- Files in memory ------------------------------------------------------------------------- */

/*
 * For a file system that cannot say "this would wait" the ring hands every request to a thread of
 * the kernel, which costs more than the copy that it makes. One that keeps its files in memory does
 * not wait, so we copy at once.
 */
static bool uring_is_in_memory(int file)
{
    struct statfs status;

    return fstatfs(file, &status) == 0 &&
           ((uint64_t)status.f_type == TMPFS_MAGIC || (uint64_t)status.f_type == RAMFS_MAGIC);
}

static void uring_move_now(struct uring_disk *disk, struct vmb_stor_io *io)
{
    int error = 0;
    bool goes_on = io->byte_count != 0;

    while (goes_on) {
        const struct iovec *vector = (const struct iovec *)(const void *)io->segments;
        int count = io->segment_count < IOV_MAX ? (int)io->segment_count : IOV_MAX;
        off_t offset = (off_t)(io->offset_bytes + uring_done(io));
        ssize_t result = io->operation == VMB_STOR_READ
                             ? preadv(disk->file, vector, count, offset)
                             : pwritev(disk->file, vector, count, offset);

        if (result < 0) {
            goes_on = errno == EINTR;
            error = goes_on ? 0 : errno;
        } else {
            goes_on = uring_moved(io, (int)result);
            error = !goes_on && uring_done(io) < io->byte_count ? EIO : 0;
        }
    }
    vmm_disk_complete(&disk->disk, io, error);
}

/* ---- Engine ---------------------------------------------------------------------------------- */

static void uring_submit(struct vmm_disk *disk, struct vmb_stor_io *io)
{
    struct uring_disk *own = (struct uring_disk *)disk;

    io->note = 0;
    if (own->in_memory && (io->operation == VMB_STOR_READ || io->operation == VMB_STOR_WRITE)) {
        uring_move_now(own, io);
    } else {
        uring_begin(own, io);
    }
}

/* Complete what has ended, and put those that waited for room into the ring. */
static void uring_take(struct uring_disk *own)
{
    struct io_uring_cqe *cqe;

    while (io_uring_peek_cqe(&own->ring, &cqe) == 0) {
        struct vmb_stor_io *io = io_uring_cqe_get_data(cqe);
        int result = cqe->res;

        io_uring_cqe_seen(&own->ring, cqe);
        own->in_kernel--;
        uring_ended(own, io, result);
    }
    while (own->waiting != NULL && own->in_kernel < URING_ENTRIES) {
        struct vmb_stor_io *io = own->waiting;

        own->waiting = io->link;
        uring_begin(own, io);
    }
}

/*
 * Send off what stands in the ring. What ends at once, such as a read of something cached, is taken
 * at once and needs no event. What the kernel does not take now goes with the next reap.
 */
static void uring_submitted(struct vmm_disk *disk)
{
    struct uring_disk *own = (struct uring_disk *)disk;

    if (io_uring_sq_ready(&own->ring) == 0) {
        return;
    }
    (void)io_uring_cq_eventfd_toggle(&own->ring, false);
    (void)io_uring_submit(&own->ring);
    (void)io_uring_cq_eventfd_toggle(&own->ring, true);
    uring_take(own); /* After the toggle: what ends from there on is told. */
    if (io_uring_sq_ready(&own->ring) != 0) {
        vmm_event_signal(disk->fd);
    }
}

static void uring_reap(struct vmm_disk *disk)
{
    struct uring_disk *own = (struct uring_disk *)disk;

    vmm_event_take(disk->fd);
    uring_take(own);
    if (io_uring_sq_ready(&own->ring) != 0 && io_uring_submit(&own->ring) < 0) {
        vmm_event_signal(disk->fd); /* Short of memory for a moment: come back. */
    }
}

static void uring_close(struct vmm_disk *disk)
{
    struct uring_disk *own = (struct uring_disk *)disk;

    if (disk->fd >= 0) {
        io_uring_queue_exit(&own->ring);
        (void)close(disk->fd);
    }
    if (own->direct >= 0) {
        (void)close(own->direct);
    }
    if (own->file >= 0) {
        (void)close(own->file);
    }
    free(own->zeroes);
    free(own);
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* Files that are not what they seem: their raw bytes are no disk. */
static const char *uring_other_format(int file)
{
    static const struct {
        const char *magic;
        size_t magic_bytes;
        const char *name;
    } formats[] = {
        {"QFI\xfb", 4, "qcow2"},
        {"KDMV", 4, "VMDK"},
        {"vhdxfile", 8, "VHDX"},
        {"conectix", 8, "VHD"},
        {"<<< ", 4, "VDI"},
        {"QED\0", 4, "QED"},
        {"# Disk Descriptor", 17, "VMDK"},
    };
    char start[32] = {0};

    if (pread(file, start, sizeof(start), 0) < 0) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (memcmp(start, formats[i].magic, formats[i].magic_bytes) == 0) {
            return formats[i].name;
        }
    }
    return NULL;
}

static bool uring_is_disk(const struct stat *status)
{
    return S_ISREG(status->st_mode) || S_ISBLK(status->st_mode);
}

static bool uring_no_disk(const char *path, struct vmm_error *error)
{
    return vmm_fail(error, "'%s' is neither a file nor a block device", path);
}

static bool uring_size_device(struct uring_disk *own, const char *path, struct vmm_error *error)
{
    unsigned physical = 0;
    uint64_t bytes = 0;
    int logical = 0;

    if (ioctl(own->file, BLKGETSIZE64, &bytes) != 0 || ioctl(own->file, BLKSSZGET, &logical) != 0 ||
        ioctl(own->file, BLKPBSZGET, &physical) != 0) {
        return vmm_fail_errno(error, "cannot ask how large '%s' is", path);
    }
    own->disk.is.block_bytes = (uint32_t)logical;
    own->disk.is.physical_block_bytes = physical;
    own->disk.is.discard_bytes = URING_DIRECT_BYTES;
    own->disk.is.block_count = bytes / (unsigned)logical;
    return true;
}

static bool uring_size_file(struct uring_disk *own, const struct stat *status)
{
    own->disk.is.block_bytes = 512;
    own->disk.is.physical_block_bytes = 4096;
    own->disk.is.block_count = (uint64_t)status->st_size / 512;
    /* A hole behind the end changes nothing and says whether this file system has holes. */
    if (!own->disk.is.read_only && status->st_size <= INT64_MAX - 3 * 4096 &&
        fallocate(own->file, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
                  (status->st_size + 4095) & ~(off_t)4095, 4096) == 0) {
        own->disk.is.discard_bytes = URING_DIRECT_BYTES;
        own->disk.is.discard_zeroes = true;
    }
    return true;
}

static bool uring_size(struct uring_disk *own, const char *path, bool any_format,
                       struct vmm_error *error)
{
    struct stat status;
    const char *format;

    if (fstat(own->file, &status) != 0) {
        return vmm_fail_errno(error, "cannot look at '%s'", path);
    }
    if (!uring_is_disk(&status)) {
        return uring_no_disk(path, error);
    }
    format = any_format ? NULL : uring_other_format(own->file);
    if (format != NULL) {
        return vmm_fail(error,
                        "'%s' is a %s image, not a raw disk: serve it with `qemu-nbd "
                        "--persistent --socket /run/disk.sock '%s'` and name "
                        "nbd+unix:///?socket=/run/disk.sock, or name raw:%s if you mean its bytes",
                        path, format, path, path);
    }
    if (S_ISBLK(status.st_mode) ? !uring_size_device(own, path, error)
                                : !uring_size_file(own, &status)) {
        return false;
    }
    if (own->disk.is.block_count == 0) {
        return vmm_fail(error, "'%s' is empty", path);
    }
    return true;
}

/* The open file as it is: ours alone if we may write to it. */
static bool uring_take_file(struct uring_disk *own, const char *path, struct vmm_error *error)
{
    if (flock(own->file, (own->disk.is.read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK
                   ? vmm_fail(error, "the disk '%s' is in use by another machine", path)
                   : vmm_fail_errno(error, "cannot lock the disk '%s'", path);
    }
    own->in_memory = uring_is_in_memory(own->file);
    return true;
}

static bool uring_open_file(struct uring_disk *own, const char *path,
                            const struct vmm_disk_options *options, struct vmm_error *error)
{
    int flags = O_CLOEXEC | (options->read_only ? O_RDONLY : O_RDWR);
    struct stat status;

    if (stat(path, &status) == 0 && !uring_is_disk(&status)) { /* To open a pipe may take ever. */
        return uring_no_disk(path, error);
    }
    own->disk.is.read_only = options->read_only;
    own->file = open(path, flags);
    if (own->file < 0 && !options->read_only && (errno == EACCES || errno == EROFS)) {
        own->disk.is.read_only = true;
        flags = O_CLOEXEC | O_RDONLY;
        own->file = open(path, flags);
    }
    if (own->file < 0) {
        return vmm_fail_errno(error, "cannot open the disk '%s'", path);
    }
    if (options->direct) {
        own->direct = open(path, flags | O_DIRECT); /* Not every file system has that. */
    }
    return uring_take_file(own, path, error);
}

/*
 * A ring can do what no filter of system calls sees. Before it can do anything, it forgets all that
 * a disk does not need.
 */
static int uring_restrict(struct io_uring *ring)
{
    static const uint8_t allowed[] = {IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_WRITE,
                                      IORING_OP_FSYNC, IORING_OP_FALLOCATE};
    struct io_uring_restriction restrictions[sizeof(allowed)];
    int result;

    memset(restrictions, 0, sizeof(restrictions));
    for (size_t i = 0; i < sizeof(allowed); i++) {
        restrictions[i].opcode = IORING_RESTRICTION_SQE_OP;
        restrictions[i].sqe_op = allowed[i];
    }
    /* By number: the functions with names are in the header, but not in the library, of 2.3. */
    result = io_uring_register((unsigned)ring->ring_fd, IORING_REGISTER_RESTRICTIONS, restrictions,
                               sizeof(allowed));
    return result < 0
               ? result
               : io_uring_register((unsigned)ring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

static bool uring_open_ring(struct uring_disk *own, struct vmm_error *error)
{
    int result = io_uring_queue_init(URING_ENTRIES, &own->ring,
                                     IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED);

    if (result < 0) {
        errno = -result;
        return vmm_fail_errno(error, "no io_uring for a disk (is it forbidden by "
                                     "kernel.io_uring_disabled?)");
    }
    own->disk.fd = vmm_event_open();
    if (own->disk.fd < 0) {
        io_uring_queue_exit(&own->ring);
        return vmm_fail_errno(error, "no eventfd for a disk");
    }
    result = io_uring_register_eventfd(&own->ring, own->disk.fd);
    if (result == 0) {
        result = uring_restrict(&own->ring);
    }
    if (result < 0) {
        errno = -result;
        return vmm_fail_errno(error, "no io_uring of Linux 5.10 or newer for a disk");
    }
    return true;
}

/* Everything but the file. */
static struct uring_disk *uring_new(struct vmm_error *error)
{
    static const struct vmm_disk_engine engine = {
        .submit = uring_submit,
        .submitted = uring_submitted,
        .reap = uring_reap,
        .close = uring_close,
    };
    struct uring_disk *own = calloc(1, sizeof(*own));

    if (own == NULL) {
        (void)vmm_fail(error, "out of memory");
        return NULL;
    }
    own->disk.engine = &engine;
    own->disk.fd = own->file = own->direct = -1;
    own->zeroes = calloc(1, URING_ZERO_BYTES);
    if (own->zeroes == NULL) {
        (void)vmm_fail(error, "out of memory");
    } else if (uring_open_ring(own, error)) {
        return own;
    }
    uring_close(&own->disk);
    return NULL;
}

bool vmm_disk_open_file(const char *path, const struct vmm_disk_options *options,
                        struct vmm_disk **out_disk, struct vmm_error *error)
{
    bool any_format = strncmp(path, "raw:", 4) == 0;
    struct uring_disk *own = uring_new(error);

    if (own == NULL) {
        return false;
    }
    path += any_format ? 4 : 0;
    if (uring_open_file(own, path, options, error) && uring_size(own, path, any_format, error)) {
        *out_disk = &own->disk;
        return true;
    }
    uring_close(&own->disk);
    return false;
}

/* ---- Later ----------------------------------------------------------------------------------- */

struct vmm_disk *vmm_disk_reserve_file(struct vmm_error *error)
{
    struct uring_disk *own = uring_new(error);

    return own != NULL ? &own->disk : NULL;
}

bool vmm_disk_adopt_file(struct vmm_disk *reserve, int file, const char *name,
                         struct vmm_error *error)
{
    struct uring_disk *own = (struct uring_disk *)reserve;
    bool any_format = strncmp(name, "raw:", 4) == 0;
    int flags = fcntl(file, F_GETFL);

    name += any_format ? 4 : 0;
    if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY) {
        return vmm_fail(error, "'%s' came without a descriptor that can be read", name);
    }
    /* Writes behind the end whatever their place; reads that never wait, and so fail for ever. */
    if ((flags & (O_APPEND | O_NONBLOCK | O_PATH)) != 0) {
        return vmm_fail(error,
                        "'%s' came with a descriptor that is opened for something else: "
                        "leave O_APPEND, O_NONBLOCK and O_PATH out",
                        name);
    }
    own->disk.is = (struct vmb_stor_disk){.read_only = (flags & O_ACCMODE) == O_RDONLY};
    own->file = file;
    if (uring_take_file(own, name, error)) {
        if (uring_size(own, name, any_format, error)) {
            return true;
        }
        (void)flock(file, LOCK_UN);
    }
    own->file = -1;
    return false;
}
