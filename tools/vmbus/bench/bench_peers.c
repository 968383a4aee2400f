/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/bench/bench_peers.h"

#include <stdlib.h>

#include <vmbus/platform/atomic.h>

#include "tools/vmbus/bench/bench.h"

/* Bits are cleared one at a time, as the kernel's locked bit operations do. */
static bool peer_clear_bit(uint64_t *word, uint32_t bit)
{
    return (__atomic_fetch_and(word, ~(UINT64_C(1) << bit), __ATOMIC_SEQ_CST) >> bit & 1) != 0;
}

static void peer_message(struct peer_vp *vp)
{
    vp->interrupts++;
    if (*vp->slot != 0) {
        abort(); /* No message comes in a benchmark. */
    }
}

static struct peer_channel *peer_list_find(const struct peer_map *map, uint32_t vp, uint32_t relid)
{
    struct peer_channel *channel;

    for (channel = __atomic_load_n(&map->lists[vp], __ATOMIC_ACQUIRE); channel != NULL;
         channel = __atomic_load_n(&channel->next, __ATOMIC_ACQUIRE)) {
        if (channel->relid == relid) {
            return channel;
        }
    }
    return NULL;
}

void peer_list_scan(struct peer_map *map, struct peer_vp *vp)
{
    for (uint32_t word = 0; word < 32; word++) {
        uint64_t bits = __atomic_load_n(&vp->flags[word], __ATOMIC_RELAXED);

        while (bits != 0) {
            uint32_t bit = (uint32_t)__builtin_ctzll(bits);
            struct peer_channel *channel;

            bits &= bits - 1;
            if (peer_clear_bit(&vp->flags[word], bit)) {
                channel = peer_list_find(map, vp->index, word * 64 + bit);
                if (channel != NULL && channel->on_event != NULL) {
                    channel->on_event(channel->device);
                }
            }
        }
    }
    peer_message(vp);
}

void peer_array_scan(struct peer_map *map, struct peer_vp *vp)
{
    for (uint32_t word = 0; word < 32; word++) {
        uint64_t bits = __atomic_load_n(&vp->flags[word], __ATOMIC_RELAXED);

        while (bits != 0) {
            uint32_t bit = (uint32_t)__builtin_ctzll(bits);
            struct peer_channel *channel;

            bits &= bits - 1;
            if (!peer_clear_bit(&vp->flags[word], bit)) {
                continue;
            }
            channel = __atomic_load_n(&map->channels[word * 64 + bit], __ATOMIC_ACQUIRE);
            if (channel == NULL) {
                continue;
            }
            while (__atomic_exchange_n(&channel->lock, 1, __ATOMIC_ACQUIRE) != 0) {
                vmb_atomic_pause();
            }
            if (channel->on_event != NULL) {
                channel->on_event(channel->device);
            }
            __atomic_store_n(&channel->lock, 0, __ATOMIC_RELEASE);
        }
    }
    peer_message(vp);
}

static void peer_swap_words(struct peer_map *map, struct peer_vp *vp)
{
    for (uint32_t word = 0; word < map->words; word++) {
        uint64_t bits;

        if (__atomic_load_n(&vp->flags[word], __ATOMIC_RELAXED) == 0) {
            continue;
        }
        bits = __atomic_exchange_n(&vp->flags[word], 0, __ATOMIC_SEQ_CST);
        while (bits != 0) {
            uint32_t bit = (uint32_t)__builtin_ctzll(bits);
            struct peer_channel *channel =
                __atomic_load_n(&map->channels[word * 64 + bit], __ATOMIC_ACQUIRE);

            bits &= bits - 1;
            if (channel != NULL) {
                channel->on_event(channel->device);
            }
        }
    }
}

void peer_swap_scan(struct peer_map *map, struct peer_vp *vp)
{
    peer_swap_words(map, vp);
    peer_message(vp);
}

void peer_rwlock_scan(struct peer_map *map, struct peer_vp *vp)
{
    (void)pthread_rwlock_rdlock(&map->lock);
    peer_swap_words(map, vp);
    (void)pthread_rwlock_unlock(&map->lock);
    peer_message(vp);
}

struct peer_map *peer_map_new(uint32_t vps, uint32_t channels, struct bench_guest *guest)
{
    struct peer_map *map = bench_memory(64, sizeof(*map));

    map->memory = bench_memory(64, (channels + 1) * sizeof(*map->memory));
    map->words = channels / 64 + 1;
    (void)pthread_rwlock_init(&map->lock, NULL);
    for (uint32_t relid = 1; relid <= channels; relid++) {
        struct peer_channel *channel = &map->memory[relid];
        uint32_t vp = vps == 1 ? 0 : 1 + relid % (vps - 1);

        channel->relid = relid;
        channel->on_event = bench_on_event;
        channel->device = bench_guest_device(guest, relid);
        channel->next = map->lists[vp];
        map->lists[vp] = channel;
        map->channels[relid] = channel;
    }
    return map;
}

void peer_map_free(struct peer_map *map)
{
    (void)pthread_rwlock_destroy(&map->lock);
    free(map->memory);
    free(map);
}
