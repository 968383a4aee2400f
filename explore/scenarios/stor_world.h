/* SPDX-License-Identifier: MIT */
/*
 * A storage controller of the library with two channels, without a bus: who runs a channel plays
 * its guest between two events, so that the rings are nobody else's and all that is explored is
 * what channels, disks and the control plane share.
 */
#ifndef EXPLORE_STOR_WORLD_H
#define EXPLORE_STOR_WORLD_H

#include <vmbus/drivers/stor_host.h>
#include <vmbus/platform/atomic.h>
#include <vmbus/proto/stor.h>

#include "explore/engine/xpl.h"
#include "explore/scenarios/host_world.h"

#define STOR_WORLD_CHANNELS 2u
#define STOR_WORLD_KEPT     4u

/* A disk, and the jobs that it has. Its memory is plain: who uses it must be allowed to. */
struct stor_disk {
    bool keeps; /* Jobs, until a thread of the disk's ends them. */
    vmb_atomic_u32 kept_count;
    struct vmb_stor_io *kept[STOR_WORLD_KEPT];
    vmb_atomic_u32 taken;     /* Ghost: jobs that a thread of the disk's has begun. */
    vmb_atomic_u32 under_way; /* Ghost: jobs that have begun and not ended. */
    bool removed;             /* Plain: its memory is its owner's. */
};

/* What a guest hears. */
struct stor_answer {
    uint64_t id; /* Of the request: counted from 1 on each channel; 0: not an answer. */
    struct vmb_stor_header header;
    struct vmb_stor_srb srb;
};

extern struct vmb_stor_host *stor_world;

/* For `prepare`: a controller with these disks, from LUN 0 on. */
void stor_world_begin(struct stor_disk *const *disks);

/*
 * The same on a real bus, which its channels are offered on and whose devices these are: the driver
 * is the controller's, or calls it. The guest opens them, and signals, as it does in that world.
 */
void stor_world_begin_on_bus(struct stor_disk *const *disks, const struct vmb_driver *driver,
                             struct host_device *devices);

/* For `prepare`: its guest has opened and initialised it; and opened both channels, and met the
 * disks. */
void stor_world_initialise(uint16_t version);
void stor_world_ready(struct stor_disk *const *disks);

/* Open a channel; close one that has no jobs and is not run. */
void stor_world_open(uint32_t channel);
void stor_world_close(uint32_t channel);

/* The controller's description of a disk. */
struct vmb_stor_disk stor_world_describe(struct stor_disk *disk);

/* The guest: a step of the initialisation; a READ of one block; what needs no disk; a reset. */
void stor_world_ask(uint32_t operation, uint16_t argument);
void stor_world_read(uint32_t channel, uint8_t lun);
void stor_world_inquire(uint32_t channel, uint8_t lun);
void stor_world_reset(uint32_t channel);

/* The guest: what the controller has said. False: nothing more. */
bool stor_world_hear(uint32_t channel, struct stor_answer *out_answer);

/* How much a channel's guest has asked so far: the id of its last request. */
uint64_t stor_world_asked(uint32_t channel);

/* What an INQUIRY says: there is a disk. */
bool stor_world_found(uint32_t channel, uint64_t id);

/* The guest has the memory of a request again, and writes to it. */
void stor_world_use_data(uint32_t channel, uint64_t id);

/* Run a channel's handler once. */
void stor_world_run(uint32_t channel);

/* Wait, as the runner of a channel, until the controller has it called. */
void stor_world_await_wake(uint32_t channel);

/* A disk's thread: end the job that nobody else has taken. */
void stor_world_end_job(struct stor_disk *disk);

/* A job of the disk has begun and not ended. */
bool stor_world_under_way(struct stor_disk *disk);

#endif /* EXPLORE_STOR_WORLD_H */
