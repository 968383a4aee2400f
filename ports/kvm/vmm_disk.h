/* SPDX-License-Identifier: MIT */
/*
 * What holds a disk: a raw file or a block device through io_uring, anything else through an NBD
 * server. Jobs of a storage controller (<vmbus/drivers/stor_disk.h>) go in; one descriptor becomes
 * readable when some have ended, and vmm_disk_reap() completes them.
 *
 * One thread, the event loop's: jobs are submitted and reaped there. What a confined process needs:
 * io_uring_enter for files; sendmsg and recvfrom, or what the TLS library takes, for NBD.
 */
#ifndef VMM_DISK_H
#define VMM_DISK_H

#include "ports/kvm/vmm_error.h"

#include <vmbus/drivers/stor_disk.h>

struct vmm_disk;

struct vmm_disk_options {
    bool read_only; /* Refuse writes. A disk that cannot be written is read-only anyway. */
    bool direct;    /* Files: past the page cache of this machine, where alignment allows. */
};

/*
 * Open what @source names: "nbd://…", "nbds://…", "nbd+unix://…" (as libnbd has them), or the path
 * of a file or block device, which is raw: a file that looks like another format is refused unless
 * it is named "raw:PATH". What follows its last whole block is no part of the disk. Why the result
 * is false is in @error.
 */
bool vmm_disk_open(const char *source, const struct vmm_disk_options *options,
                   struct vmm_disk **out_disk, struct vmm_error *error);

/*
 * For a process that will soon not be able to open anything: what a disk needs besides its file,
 * made beforehand. NULL if it cannot be made; then why is in @error.
 */
struct vmm_disk *vmm_disk_reserve(struct vmm_error *error);

/*
 * Make a disk of a reserve and of a file that somebody else has opened: @name is what they call it.
 * It is read-only if the descriptor is. On success both are the disk's; else both are still yours.
 */
bool vmm_disk_open_passed(struct vmm_disk *reserve, int file, const char *name,
                          struct vmm_error *error);

/* It has no job any more; or it is a reserve. */
void vmm_disk_close(struct vmm_disk *disk);

/* Readable when vmm_disk_reap() has something to do. Stays the same. */
int vmm_disk_fd(const struct vmm_disk *disk);

/* Complete the jobs that have ended, and send off what had to wait. Does not block. */
void vmm_disk_reap(struct vmm_disk *disk);

/*
 * Nobody can wait for its jobs any more: let go of a server that does not answer, which ends them
 * with errors, by the next vmm_disk_reap(). Files end theirs by themselves.
 */
void vmm_disk_give_up(struct vmm_disk *disk);

/* Jobs that were submitted and have not been completed. */
uint32_t vmm_disk_jobs(const struct vmm_disk *disk);

/* What to give to vmb_stor_host_add(). The serial number follows from the source's name. */
struct vmb_stor_disk vmm_disk_describe(struct vmm_disk *disk);

#endif /* VMM_DISK_H */
