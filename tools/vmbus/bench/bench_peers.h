/* SPDX-License-Identifier: MIT */
/*
 * How others turn event flags into channels: our own writing of what they do, without what their
 * kernels add (tracing, request ids, interrupts off). That flatters them.
 */
#ifndef VMB_BENCH_PEERS_H
#define VMB_BENCH_PEERS_H

#include <pthread.h>
#include <stdint.h>

#include "tools/vmbus/bench/bench_guest.h"

/* A channel of theirs: what is touched lies where it does in a struct of this size. */
struct peer_channel {
    uint32_t relid;
    uint32_t lock;
    void (*on_event)(void *device);
    void *device;
    struct peer_channel *next;
    uint8_t rest[984]; /* 1 KiB in all: what a kernel's allocator gives for theirs. */
};

struct peer_map {
    struct peer_channel *channels[2048];
    struct peer_channel *lists[16]; /* Of each VP, for the oldest. */
    struct peer_channel *memory;
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

/* Linux up to 5.7: each bit cleared with a locked operation; each event searches the VP's list. */
void peer_list_scan(struct peer_map *map, struct peer_vp *vp);
/* Linux from 5.8 on: a global array, a lock of the channel around each event; all 2048 bits. */
void peer_array_scan(struct peer_map *map, struct peer_vp *vp);
/* FreeBSD: up to the VP's last word, a look before the word is swapped, a map of pointers. */
void peer_swap_scan(struct peer_map *map, struct peer_vp *vp);
/* A map behind a readers' lock. */
void peer_rwlock_scan(struct peer_map *map, struct peer_vp *vp);

/* Channels of relids 1 to @channels on VPs as those of bench_guest_new(). */
struct peer_map *peer_map_new(uint32_t vps, uint32_t channels, struct bench_guest *guest);
void peer_map_free(struct peer_map *map);

#endif /* VMB_BENCH_PEERS_H */
