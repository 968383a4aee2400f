/* SPDX-License-Identifier: MIT */
/*
 * The disks of a machine: one SCSI controller on the bus, with a LUN for each disk and a
 * sub-channel for each CPU but the first. Guest memory is where disks read and write; nothing is
 * copied here.
 *
 * Everything runs on the event loop's thread.
 */
#ifndef VMM_STORAGE_H
#define VMM_STORAGE_H

#include "ports/kvm/vmm_device.h"
#include "ports/kvm/vmm_disk.h"
#include "ports/kvm/vmm_loop.h"
#include "ports/kvm/vmm_memory.h"

#include <vmbus/drivers/stor_host.h>

#define VMM_STORAGE     "storage"
#define VMM_DISKS_MAX   VMB_STOR_LUN_COUNT
#define VMM_DISKS_LATER 8u /* That can be added to a running machine. */

struct vmm_storage;

/* A LUN. */
struct vmm_storage_unit {
    struct vmm_storage *storage;
    struct vmm_disk *disk; /* NULL: none. */
    struct vmm_source source;
};

/* The device on the bus; its table owns it. */
struct vmm_storage {
    struct vmm_device device;
    struct vmm_loop *loop;
    const struct vmm_memory *memory;
    struct vmb_stor_host *controller;
    void *memory_of_controller;
    struct vmm_storage_unit units[VMM_DISKS_MAX];
    struct vmm_disk *reserves[VMM_DISKS_LATER]; /* NULL: used, or never made. */
};

struct vmm_storage_options {
    struct vmm_loop *loop;
    const struct vmm_memory *memory; /* The guest's. */
    uint32_t cpu_count;
    /* Sources as vmm_disk_open() has them, ",ro" behind them for read-only disks, ",direct" for
     * files past the page cache. LUNs from 0 on. */
    const char *const *disks;
    uint32_t disk_count; /* Up to VMM_DISKS_MAX. */
    bool more_later;     /* Prepare for vmm_storage_plug(). */
};

/* Open the disks and add the controller to the table, which owns it: *out_storage is to look at. */
bool vmm_storage_add(struct vmm_devices *devices, const struct vmm_storage_options *options,
                     struct vmm_storage **out_storage, struct vmm_error *error);

/*
 * Give a running guest one disk more, on the first LUN that is free: a file that somebody else has
 * opened, since this process cannot any more, and which @name they call it by. It is read-only if
 * the descriptor is. The descriptor is taken over, whatever comes of it.
 */
bool vmm_storage_plug(struct vmm_storage *storage, int file, const char *name, uint32_t *out_lun,
                      struct vmm_error *error);

/* The machine ends and cannot wait any longer: disks let go of servers that do not answer. */
void vmm_storage_give_up(struct vmm_storage *storage);

#endif /* VMM_STORAGE_H */
