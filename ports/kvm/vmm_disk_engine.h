/* SPDX-License-Identifier: MIT */
/* Between vmm_disk.c and what does the work. */
#ifndef VMM_DISK_ENGINE_H
#define VMM_DISK_ENGINE_H

#include "ports/kvm/vmm_disk.h"

#include <stddef.h>

struct vmm_disk_engine {
    void (*submit)(struct vmm_disk *disk, struct vmb_stor_io *io);
    void (*submitted)(struct vmm_disk *disk);
    void (*reap)(struct vmm_disk *disk);
    void (*give_up)(struct vmm_disk *disk); /* NULL: nothing to let go of. */
    void (*close)(struct vmm_disk *disk);   /* Frees it. */
};

/* At the start of each engine's own. */
struct vmm_disk {
    const struct vmm_disk_engine *engine;
    int fd;            /* To be polled. */
    uint32_t jobs;     /* Submitted and not completed. */
    bool flush_failed; /* What was written is lost for good: see vmm_disk_complete(). */
    struct vmb_stor_disk is;
};

/* Each sets fd and `is`, but for serial number and functions. */
bool vmm_disk_open_file(const char *path, const struct vmm_disk_options *options,
                        struct vmm_disk **out_disk, struct vmm_error *error);
bool vmm_disk_open_nbd(const char *uri, const struct vmm_disk_options *options,
                       struct vmm_disk **out_disk, struct vmm_error *error);

struct vmm_disk *vmm_disk_reserve_file(struct vmm_error *error);
bool vmm_disk_adopt_file(struct vmm_disk *reserve, int file, const char *name,
                         struct vmm_error *error);

/* The end of a job. @error: 0 or a number of errno. */
void vmm_disk_complete(struct vmm_disk *disk, struct vmb_stor_io *io, int error);

/* Take @bytes off the front of a job's segments. */
void vmm_disk_advance(struct vmb_stor_io *io, size_t bytes);

#endif /* VMM_DISK_ENGINE_H */
