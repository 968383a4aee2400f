/* SPDX-License-Identifier: MIT */
/*
 * How others turn event flags into handler calls: our own writing of what each does for an event,
 * with the memory that it touches. Left out is what needs their kernels (tracing, interrupts off,
 * preemption counts, waking a thread), which flatters them.
 *
 * Linux, drivers/hv: the channel is looked at in three places of a struct of about 1.3 KB, which
 * the allocator puts into 2 KiB: whether it is rescinded; interrupts counted; callback, context,
 * lock and mode. Channels in ISR mode, whose callback is called where ours is: a network card's. Up
 * to 5.7: for each flag, cleared with a locked operation, the VP's list is searched. No lock.
 *   From 5.8 on: a global array instead, and a lock of the channel around the callback. The next
 *   flag is searched in memory each time, up to 2048.
 *   Deferred, which is how a channel is opened unless its driver asks for ISR mode: the interrupt
 *   masks the ring, with a fence, and puts the channel's tasklet on the CPU's list, with a locked
 *   operation. When the interrupt is over each tasklet is claimed, taken off and given up, by a
 *   locked operation each; in between it calls the callback, unmasks the ring, with a fence, and
 *   looks whether it is empty.
 * FreeBSD, sys/dev/hyperv/vmbus: up to the VP's last word a word that is not 0 is swapped; for each
 *   flag the channel is found in a map of pointers, its flags are looked at, and its task is
 * queued, under the queue's lock, if it is not yet. A thread takes the tasks from the queue, one by
 * one under the lock, and calls the handler outside of it: there is no other way to one. Channels
 *   without batched reading, which masks the ring besides.
 * FreeBSD's scan: the same up to the queue, and the handler is called there, which FreeBSD does
 * not. rwlock map: FreeBSD's scan, and the map under a readers' lock of the C library. Floor: the
 * least that any of them can do. A look, a swap, and a call from a dense table of handlers and
 * devices. It knows of no close, no other VP and no counter.
 */
#ifndef VMB_BENCH_PEERS_H
#define VMB_BENCH_PEERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "tools/vmbus/bench/bench_guest.h"

struct peer_map;
struct peer_linux;

struct peer_tasklet {
    struct peer_linux *next;
    uint64_t state;
    uint32_t disabled;
    void (*run)(struct peer_map *map, struct peer_linux *channel);
    void *argument;
};

/* The control page of a ring. */
struct peer_ring {
    uint32_t write_offset, read_offset, masked;
};

/* What is touched lies in the lines where it does on x86-64. */
struct peer_linux {
    struct peer_linux *next;
    uint8_t offer[216];
    uint32_t relid;
    uint8_t monitor[2];
    uint8_t rescind;
    uint8_t outbound[233];
    struct peer_ring *inbound;
    uint8_t rings[216];
    uint64_t interrupts;
    struct peer_tasklet tasklet;
    uint8_t between[32];
    void (*on_event)(void *device);
    void *device;
    void *change_target;
    uint32_t lock;
    uint32_t mode;
    uint8_t rest[1248];
};

struct peer_freebsd {
    uint32_t flags;
    uint8_t ring[60];
    struct peer_queue *queue;
    struct peer_freebsd *next; /* From here on its task. */
    uint16_t pending;
    void (*task)(struct peer_freebsd *channel);
    uint8_t poll[120];
    void (*on_event)(void *device);
    void *device;
    uint8_t rest[792];
};

/* The tasklets that wait for the end of a VP's interrupt. */
struct peer_tasklets {
    _Alignas(64) struct peer_linux *first;
    struct peer_linux **last;
    uint32_t due;
};

/* The tasks that wait for the thread of a VP. */
struct peer_queue {
    _Alignas(64) uint32_t lock;
    struct peer_freebsd *first, *last;
    struct peer_freebsd *running;
};

struct peer_slot {
    void (*on_event)(void *device);
    void *device;
};

struct peer_map {
    struct peer_linux *linux_channels[2048];
    struct peer_linux *lists[16]; /* Of each VP, for the oldest. */
    struct peer_linux *linux_memory;
    struct peer_tasklets tasklets[16];
    uint8_t *rings; /* A page each, as on the bus. */
    struct peer_freebsd *freebsd_channels[2048];
    struct peer_freebsd *freebsd_memory;
    struct peer_queue queues[16];
    struct peer_slot slots[2048];
    pthread_rwlock_t lock;
    uint32_t words; /* That can have a mapped relid. */
};

/* What all of them look at in an interrupt besides. */
struct peer_vp {
    uint64_t *flags;
    volatile uint32_t *slot;
    uint64_t interrupts;
    uint32_t index;
};

typedef void (*peer_scan)(struct peer_map *map, struct peer_vp *vp);

void peer_linux_before_scan(struct peer_map *map, struct peer_vp *vp);
void peer_linux_scan(struct peer_map *map, struct peer_vp *vp);
/* Of a map whose channels are deferred. */
void peer_linux_deferred_scan(struct peer_map *map, struct peer_vp *vp);
void peer_freebsd_scan(struct peer_map *map, struct peer_vp *vp);
void peer_swap_scan(struct peer_map *map, struct peer_vp *vp);
void peer_rwlock_scan(struct peer_map *map, struct peer_vp *vp);
void peer_floor_scan(struct peer_map *map, struct peer_vp *vp);

/*
 * The same channels and devices as the guest's. Channels live on VPs as in bench_guest_new().
 * @deferred: Linux's are, by tasklets.
 */
struct peer_map *peer_map_new(uint32_t vps, uint32_t channels, struct bench_guest *guest,
                              bool deferred);
void peer_map_free(struct peer_map *map);

#endif /* VMB_BENCH_PEERS_H */
