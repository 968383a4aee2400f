/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/bench/bench_peers.h"

#include <stdlib.h>
#include <string.h>

#include <vmbus/platform/atomic.h>

#include "tools/vmbus/bench/bench.h"

#define FLAGS        2048u
#define WORD         64u
#define MODE_BATCHED 0u
#define MODE_ISR     2u
#define SCHEDULED    1u /* States of a tasklet. */
#define RUNNING      2u
#define PAGE_BYTES   4096u
#define MASKS_RINGS  2u /* FreeBSD's flag for batched reading. */

/* Where pointers have 8 bytes they are of an allocator's size. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct peer_linux) == 2048, "Linux's channel");
_Static_assert(sizeof(void *) != 8 || sizeof(struct peer_freebsd) == 1024, "FreeBSD's channel");

static void peer_lock(uint32_t *lock)
{
    uint32_t free_lock = 0;

    while (!__atomic_compare_exchange_n(lock, &free_lock, 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
        free_lock = 0;
        vmb_atomic_pause();
    }
}

static void peer_unlock(uint32_t *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

static void peer_message(struct peer_vp *vp)
{
    vp->interrupts++;
    if (*vp->slot != 0) {
        abort(); /* No message comes in a benchmark. */
    }
}

/* The next flag from @from on, searched in memory; FLAGS if there is none. */
static __attribute__((noinline)) uint32_t peer_next_flag(const uint64_t *flags, uint32_t from)
{
    uint32_t word = from / WORD;
    uint64_t bits;

    if (from >= FLAGS) {
        return FLAGS;
    }
    bits = __atomic_load_n(&flags[word], __ATOMIC_RELAXED) & ~UINT64_C(0) << from % WORD;
    while (bits == 0) {
        if (++word == FLAGS / WORD) {
            return FLAGS;
        }
        bits = __atomic_load_n(&flags[word], __ATOMIC_RELAXED);
    }
    return word * WORD + (uint32_t)__builtin_ctzll(bits);
}

/* Flags are cleared one at a time, as the kernel's locked bit operations do. */
static bool peer_clear_flag(uint64_t *flags, uint32_t relid)
{
    uint64_t bit = UINT64_C(1) << relid % WORD;

    return (__atomic_fetch_and(&flags[relid / WORD], ~bit, __ATOMIC_SEQ_CST) & bit) != 0;
}

/* Say that we sleep, or do not, before anything else is looked at. */
static void peer_mask(struct peer_linux *channel, uint32_t masked)
{
    __atomic_store_n(&channel->inbound->masked, masked, __ATOMIC_RELAXED);
    vmb_atomic_fence(VMB_SEQ_CST);
}

static void peer_schedule(struct peer_map *map, struct peer_linux *channel, uint32_t vp)
{
    struct peer_tasklets *list = &map->tasklets[vp];

    if ((__atomic_fetch_or(&channel->tasklet.state, SCHEDULED, __ATOMIC_SEQ_CST) & SCHEDULED) !=
        0) {
        return;
    }
    channel->tasklet.next = NULL;
    *list->last = channel;
    list->last = &channel->tasklet.next;
    list->due |= 1;
}

static void peer_linux_call(struct peer_map *map, struct peer_linux *channel, uint32_t vp)
{
    channel->interrupts++;
    switch (channel->mode) {
    case MODE_ISR:
        channel->on_event(channel->device);
        break;
    case MODE_BATCHED:
        peer_mask(channel, 1);
        peer_schedule(map, channel, vp);
        break;
    default:
        abort();
    }
}

/* What a channel's tasklet does. */
static void peer_tasklet_run(struct peer_map *map, struct peer_linux *channel)
{
    struct peer_ring *ring = channel->inbound;

    (void)map;
    channel->on_event(channel->device);
    peer_mask(channel, 0);
    if (__atomic_load_n(&ring->write_offset, __ATOMIC_RELAXED) != ring->read_offset) {
        abort(); /* The rings are empty here. */
    }
}

/* When the interrupt is over. */
static void peer_run_tasklets(struct peer_map *map, struct peer_tasklets *list)
{
    struct peer_linux *channel = list->first;

    list->due = 0;
    list->first = NULL;
    list->last = &list->first;
    while (channel != NULL) {
        struct peer_tasklet *tasklet = &channel->tasklet;
        struct peer_linux *next = tasklet->next;

        if ((__atomic_fetch_or(&tasklet->state, RUNNING, __ATOMIC_SEQ_CST) & RUNNING) != 0 ||
            __atomic_load_n(&tasklet->disabled, __ATOMIC_RELAXED) != 0 ||
            (__atomic_fetch_and(&tasklet->state, ~(uint64_t)SCHEDULED, __ATOMIC_SEQ_CST) &
             SCHEDULED) == 0) {
            abort(); /* There is one VP here. */
        }
        tasklet->run(map, tasklet->argument);
        (void)__atomic_fetch_and(&tasklet->state, ~(uint64_t)RUNNING, __ATOMIC_SEQ_CST);
        channel = next;
    }
}

static struct peer_linux *peer_list_find(const struct peer_map *map, uint32_t vp, uint32_t relid)
{
    struct peer_linux *channel;

    for (channel = __atomic_load_n(&map->lists[vp], __ATOMIC_ACQUIRE); channel != NULL;
         channel = __atomic_load_n(&channel->next, __ATOMIC_ACQUIRE)) {
        if (channel->relid == relid && channel->rescind == 0) {
            return channel;
        }
    }
    return NULL;
}

void peer_linux_before_scan(struct peer_map *map, struct peer_vp *vp)
{
    for (uint32_t relid = peer_next_flag(vp->flags, 0); relid < FLAGS;
         relid = peer_next_flag(vp->flags, relid + 1)) {
        struct peer_linux *channel;

        if (peer_clear_flag(vp->flags, relid) && relid != 0) {
            channel = peer_list_find(map, vp->index, relid);
            if (channel != NULL && channel->on_event != NULL) {
                peer_linux_call(map, channel, vp->index);
            }
        }
    }
    peer_message(vp);
}

void peer_linux_scan(struct peer_map *map, struct peer_vp *vp)
{
    for (uint32_t relid = peer_next_flag(vp->flags, 0); relid < FLAGS;
         relid = peer_next_flag(vp->flags, relid + 1)) {
        struct peer_linux *channel;

        if (!peer_clear_flag(vp->flags, relid) || relid == 0) {
            continue;
        }
        channel = __atomic_load_n(&map->linux_channels[relid], __ATOMIC_ACQUIRE);
        if (channel == NULL || __atomic_load_n(&channel->rescind, __ATOMIC_RELAXED) != 0) {
            continue;
        }
        peer_lock(&channel->lock);
        if (channel->on_event != NULL) {
            peer_linux_call(map, channel, vp->index);
        }
        peer_unlock(&channel->lock);
    }
    peer_message(vp);
}

void peer_linux_deferred_scan(struct peer_map *map, struct peer_vp *vp)
{
    struct peer_tasklets *list = &map->tasklets[vp->index];

    peer_linux_scan(map, vp);
    if (list->due != 0) {
        peer_run_tasklets(map, list);
    }
}

static void peer_task(struct peer_freebsd *channel)
{
    channel->on_event(channel->device);
}

static void peer_enqueue(struct peer_freebsd *channel)
{
    struct peer_queue *queue = channel->queue;

    peer_lock(&queue->lock);
    if (channel->pending != 0) {
        channel->pending++;
    } else {
        channel->next = NULL;
        if (queue->last == NULL) {
            queue->first = channel;
        } else {
            queue->last->next = channel; /* All are of one priority. */
        }
        queue->last = channel;
        channel->pending = 1;
    }
    peer_unlock(&queue->lock);
}

/* What the thread does that the queue wakes. */
static void peer_run_queue(struct peer_queue *queue)
{
    struct peer_freebsd *channel;

    peer_lock(&queue->lock);
    while ((channel = queue->first) != NULL) {
        queue->first = channel->next;
        if (queue->first == NULL) {
            queue->last = NULL;
        }
        channel->pending = 0;
        queue->running = channel;
        peer_unlock(&queue->lock);
        channel->task(channel);
        peer_lock(&queue->lock);
    }
    queue->running = NULL;
    peer_unlock(&queue->lock);
}

/* @queues: the handlers are queued, not called. */
static inline __attribute__((always_inline)) void peer_swap_words(struct peer_map *map,
                                                                  struct peer_vp *vp, bool queues)
{
    for (uint32_t word = 0; word < map->words; word++) {
        uint64_t bits;

        if (__atomic_load_n(&vp->flags[word], __ATOMIC_RELAXED) == 0) {
            continue;
        }
        bits = __atomic_exchange_n(&vp->flags[word], 0, __ATOMIC_SEQ_CST);
        while (bits != 0) {
            uint32_t relid = word * WORD + (uint32_t)__builtin_ctzll(bits);
            struct peer_freebsd *channel =
                __atomic_load_n(&map->freebsd_channels[relid], __ATOMIC_ACQUIRE);

            bits &= bits - 1;
            if (channel == NULL) {
                continue;
            }
            if ((channel->flags & MASKS_RINGS) != 0) {
                abort(); /* None does here. */
            }
            if (queues) {
                peer_enqueue(channel);
            } else {
                channel->on_event(channel->device);
            }
        }
    }
}

void peer_freebsd_scan(struct peer_map *map, struct peer_vp *vp)
{
    peer_message(vp); /* FreeBSD looks for messages first. */
    peer_swap_words(map, vp, true);
    if (map->queues[vp->index].first != NULL) {
        peer_run_queue(&map->queues[vp->index]);
    }
}

void peer_swap_scan(struct peer_map *map, struct peer_vp *vp)
{
    peer_swap_words(map, vp, false);
    peer_message(vp);
}

void peer_rwlock_scan(struct peer_map *map, struct peer_vp *vp)
{
    (void)pthread_rwlock_rdlock(&map->lock);
    peer_swap_words(map, vp, false);
    (void)pthread_rwlock_unlock(&map->lock);
    peer_message(vp);
}

void peer_floor_scan(struct peer_map *map, struct peer_vp *vp)
{
    for (uint32_t word = 0; word < map->words; word++) {
        const struct peer_slot *slots = &map->slots[word * WORD];
        uint64_t bits;

        if (__atomic_load_n(&vp->flags[word], __ATOMIC_RELAXED) == 0) {
            continue;
        }
        bits = __atomic_exchange_n(&vp->flags[word], 0, __ATOMIC_SEQ_CST);
        while (bits != 0) {
            const struct peer_slot *slot = &slots[__builtin_ctzll(bits)];

            bits &= bits - 1;
            slot->on_event(slot->device);
        }
    }
}

static void peer_linux_init(struct peer_map *map, uint32_t relid, bool deferred)
{
    struct peer_linux *channel = &map->linux_memory[relid];

    channel->relid = relid;
    channel->mode = deferred ? MODE_BATCHED : MODE_ISR;
    channel->inbound = (struct peer_ring *)(void *)(map->rings + (size_t)relid * PAGE_BYTES);
    channel->tasklet.run = peer_tasklet_run;
    channel->tasklet.argument = channel;
    map->linux_channels[relid] = channel;
}

struct peer_map *peer_map_new(uint32_t vps, uint32_t channels, struct bench_guest *guest,
                              bool deferred)
{
    struct peer_map *map = bench_memory(64, sizeof(*map));

    map->linux_memory = bench_memory(4096, (channels + 1) * sizeof(*map->linux_memory));
    map->freebsd_memory = bench_memory(4096, (channels + 1) * sizeof(*map->freebsd_memory));
    map->rings = bench_memory(PAGE_BYTES, (size_t)(channels + 1) * PAGE_BYTES);
    map->words = channels / WORD + 1;
    for (uint32_t vp = 0; vp < vps; vp++) {
        map->tasklets[vp].last = &map->tasklets[vp].first;
    }
    (void)pthread_rwlock_init(&map->lock, NULL);
    for (uint32_t relid = 1; relid <= channels; relid++) {
        struct peer_linux *one = &map->linux_memory[relid];
        struct peer_freebsd *other = &map->freebsd_memory[relid];
        uint32_t vp = vps == 1 ? 0 : 1 + relid % (vps - 1);

        peer_linux_init(map, relid, deferred);
        one->on_event = bench_on_event;
        one->device = bench_guest_device(guest, relid);
        one->next = map->lists[vp];
        map->lists[vp] = one;
        other->queue = &map->queues[vp];
        other->task = peer_task;
        other->on_event = bench_on_event;
        other->device = one->device;
        map->freebsd_channels[relid] = other;
        map->slots[relid].on_event = bench_on_event;
        map->slots[relid].device = one->device;
    }
    return map;
}

void peer_map_free(struct peer_map *map)
{
    (void)pthread_rwlock_destroy(&map->lock);
    free(map->rings);
    free(map->linux_memory);
    free(map->freebsd_memory);
    free(map);
}
