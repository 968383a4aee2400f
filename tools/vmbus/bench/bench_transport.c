/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/bench/bench_transport.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmbus/endpoint.h>
#include <vmbus/platform/atomic.h>
#include <vmbus/ring.h>

#include "tools/vmbus/bench/bench.h"

#ifdef BENCH_HAS_CK
#include <ck_ring.h>
#endif

/* DPDK's struct vmbus_channel of 22.11, as far as its ring functions look at it. */
struct dpdk_channel {
    void *link[2], *next, *device;
    struct {
        void *ring;
        uint32_t data_bytes, write_offset;
    } rx, tx;
    uint16_t relid, subchannel;
    uint8_t monitor;
    void *monitor_page;
};

/* DPDK's struct rte_ring of 22.11, as far as its own inline functions look at it. */
struct rte_end {
    uint32_t head;
    uint32_t tail;
    uint32_t sync_type;
};

struct rte_ring {
    _Alignas(64) char name[32];
    int flags;
    const void *memzone;
    uint32_t size;
    uint32_t mask;
    uint32_t capacity;
    _Alignas(64) char gap0;
    _Alignas(64) struct rte_end producer;
    _Alignas(64) char gap1;
    _Alignas(64) struct rte_end consumer;
    _Alignas(64) char gap2;
};

/* The indices of bare copies, counted on without end; a line each. */
struct bare_ends {
    _Alignas(64) uint64_t in;
    _Alignas(64) uint64_t out;
};

typedef int (*dpdk_send)(void *channel, uint16_t type, void *data, uint32_t bytes, uint64_t id,
                         uint32_t flags, bool *need_signal);
typedef int (*dpdk_receive)(void *channel, void *buffer, uint32_t *bytes, uint64_t *id);

struct transport {
    uint8_t *ring; /* Control page, data. */
    size_t bytes;
    VMB_CACHE_ALIGNED struct vmb_ring_tx tx;
    VMB_CACHE_ALIGNED struct vmb_ring_rx rx;
    VMB_CACHE_ALIGNED struct vmb_endpoint sender;
    VMB_CACHE_ALIGNED struct vmb_endpoint receiver;
    struct dpdk_channel dpdk_from, dpdk_to;
    dpdk_send dpdk_send;
    dpdk_receive dpdk_receive;
    struct rte_ring *rte;
    struct bare_ends bare;
    uint32_t data_bytes;
    uint32_t batch;
#ifdef BENCH_HAS_CK
    struct ck_ring ck;
#endif
};

uint32_t transport_ring_bytes = 262144;
uint32_t transport_batch = TRANSPORT_BATCH;

static struct transport *transport_new(void)
{
    struct transport *self = bench_shared(sizeof(*self));

    self->data_bytes = transport_ring_bytes;
    self->batch = transport_batch;
    self->bytes = VMB_RING_MAPPING_BYTES(transport_ring_bytes);
    self->ring = bench_shared(self->bytes);
    return self;
}

static void transport_free(struct transport *self)
{
    bench_shared_free(self->ring, self->bytes);
    bench_shared_free(self, sizeof(*self));
}

static uint8_t received[TRANSPORT_LARGEST + 64];
static struct vmb_packet packets_in[TRANSPORT_MOST];
static struct vmb_packet_out packets_out[TRANSPORT_MOST];
static struct vmb_slice slices_out[TRANSPORT_MOST];

void transport_touch(struct transport *self)
{
    volatile const uint8_t *bytes = self->ring;

    for (size_t at = 0; at < self->bytes; at += 4096) {
        (void)bytes[at];
    }
    bytes = (volatile const uint8_t *)self;
    for (size_t at = 0; at < sizeof(*self); at += 4096) {
        (void)bytes[at];
    }
    memset(received, 1, sizeof(received));
}

/* Who looks all the time takes the line away from the one who is to write it. */
static void transport_wait(void)
{
    for (uint32_t i = 0; i < 4; i++) {
        vmb_atomic_pause();
    }
}

static uint64_t transport_sum(const uint8_t *bytes, uint32_t count)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        sum += bytes[i];
    }
    return sum;
}

/* --- Ours -------------------------------------------------------------------------------------
 */

static struct transport *ours_make(void)
{
    struct transport *self = transport_new();

    vmb_ring_format(self->ring);
    if (vmb_ring_tx_init(&self->tx, self->ring, transport_ring_bytes) != VMB_OK ||
        vmb_ring_rx_init(&self->rx, self->ring, transport_ring_bytes) != VMB_OK) {
        fprintf(stderr, "vmbus bench: no ring\n");
        exit(3);
    }
    vmb_ring_rx_mask(&self->rx); /* Who spins wants no signals. */
    return self;
}

/* Packets in a batch: so many, or an eighth of the ring. */
static uint32_t ours_batch(const struct transport *self, uint32_t bytes)
{
    uint32_t fit = self->data_bytes / 8 / (bytes + 24);

    return fit < 1 ? 1 : fit < self->batch ? fit : self->batch;
}

/* Packets that are received at once: no more than a first cache holds beside other things. */
static uint32_t ours_burst(const struct transport *self, uint32_t bytes)
{
    uint32_t batch = ours_batch(self, bytes), fit = 16384u / bytes;

    return fit < 1 ? 1 : fit < batch ? fit : batch;
}

static void ours_send(struct transport *self, const uint8_t *payload, uint32_t bytes,
                      uint64_t count)
{
    const struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND};
    const struct vmb_slice slice = {.bytes = payload, .byte_count = bytes};

    while (count > 0) {
        if (vmb_ring_tx_write(&self->tx, &packet, &slice, 1) == VMB_OK) {
            bench_ignore(vmb_ring_tx_commit(&self->tx));
            count--;
        } else {
            transport_wait();
        }
    }
}

/* Bursts, each published at once. */
static void ours_send_many(struct transport *self, const uint8_t *payload, uint32_t bytes,
                           uint64_t count)
{
    uint32_t batch = ours_batch(self, bytes), staged;

    for (uint32_t i = 0; i < batch; i++) {
        packets_out[i].type = VMB_PACKET_IN_BAND;
        slices_out[i] = (struct vmb_slice){.bytes = payload, .byte_count = bytes};
    }
    while (count > 0) {
        uint32_t wanted = count < batch ? (uint32_t)count : batch;

        if (vmb_ring_tx_write_many(&self->tx, packets_out, slices_out, wanted, &staged) != VMB_OK) {
            transport_wait();
        }
        bench_ignore(vmb_ring_tx_commit(&self->tx));
        count -= staged;
    }
}

static uint64_t ours_receive(struct transport *self, uint32_t bytes, uint64_t count, bool check)
{
    struct vmb_packet packet;
    uint64_t sum = 0;

    (void)bytes;
    while (count > 0) {
        if (vmb_ring_rx_next(&self->rx, received, sizeof(received), &packet) == VMB_OK) {
            bench_ignore(vmb_ring_rx_commit(&self->rx));
            count--;
            sum += check ? transport_sum(received, packet.payload_bytes) : 0;
        } else {
            transport_wait();
        }
    }
    return sum;
}

/* Space goes back when it is an eighth of the ring, and before anybody waits. */
static uint64_t ours_receive_many(struct transport *self, uint32_t bytes, uint64_t count,
                                  bool check)
{
    uint32_t batch = ours_burst(self, bytes), taken, unreturned = 0;
    uint64_t sum = 0;

    while (count > 0) {
        if (vmb_ring_rx_next_many(&self->rx, received, sizeof(received), packets_in, batch,
                                  &taken) == VMB_OK) {
            count -= taken;
            unreturned += taken * (bytes + 24);
            for (uint32_t i = 0, at = 0; check && i < taken; i++) {
                sum += transport_sum(received + at, packets_in[i].payload_bytes);
                at += packets_in[i].payload_bytes;
            }
            if (unreturned < self->data_bytes / 8 && count > 0) {
                continue;
            }
        } else {
            transport_wait();
        }
        bench_ignore(vmb_ring_rx_commit(&self->rx));
        unreturned = 0;
    }
    return sum;
}

/* A packet in place: all of it if it is checked, else a word of each line. */
static uint64_t ours_look(const struct vmb_ring_piece pieces[2], bool check)
{
    uint64_t sum = 0, word;

    for (uint32_t piece = 0; piece < 2; piece++) {
        const uint8_t *bytes = (const uint8_t *)pieces[piece].bytes;

        if (check) {
            sum += transport_sum(bytes, pieces[piece].byte_count);
            continue;
        }
        for (uint32_t at = 0; at + 8 <= pieces[piece].byte_count; at += 64) {
            memcpy(&word, bytes + at, sizeof(word));
            sum += word;
        }
    }
    return sum;
}

static uint64_t ours_receive_view(struct transport *self, uint32_t bytes, uint64_t count,
                                  bool check)
{
    struct vmb_ring_piece pieces[2];
    struct vmb_packet packet;
    uint32_t unreturned = 0;
    uint64_t sum = 0;

    while (count > 0) {
        if (vmb_ring_rx_peek(&self->rx, &packet) == VMB_OK &&
            vmb_ring_rx_view(&self->rx, &packet, packet.header_bytes, packet.payload_bytes,
                             pieces) == VMB_OK) {
            sum += ours_look(pieces, check);
            vmb_ring_rx_advance(&self->rx, &packet);
            count--;
            unreturned += bytes + 24;
            if (unreturned < self->data_bytes / 8 && count > 0) {
                continue;
            }
        } else {
            transport_wait();
        }
        bench_ignore(vmb_ring_rx_commit(&self->rx));
        unreturned = 0;
    }
    return sum;
}

void transport_signals(const struct transport *self, uint64_t *out_signals, uint64_t *out_packets)
{
    *out_signals = self->tx.counters.signals_sent;
    *out_packets = self->tx.counters.packets;
}

/* --- Ours, between endpoints ------------------------------------------------------------------
 */

static void endpoint_doorbell(void *context)
{
    (void)context; /* Both look all the time. */
}

/* Behind the ring that is measured there is the one that no packet goes through. */
static struct transport *endpoint_make(void)
{
    struct transport *self = transport_new();
    uint8_t *back;

    bench_shared_free(self->ring, self->bytes);
    self->bytes += VMB_RING_MAPPING_BYTES(VMB_RING_MIN_BYTES);
    self->ring = bench_shared(self->bytes);
    back = self->ring + VMB_RING_MAPPING_BYTES(self->data_bytes);
    vmb_ring_format(self->ring);
    vmb_ring_format(back);
    if (vmb_endpoint_init(
            &self->sender,
            &(struct vmb_endpoint_rings){self->ring, back, self->data_bytes, VMB_RING_MIN_BYTES},
            endpoint_doorbell, NULL) != VMB_OK ||
        vmb_endpoint_init(
            &self->receiver,
            &(struct vmb_endpoint_rings){back, self->ring, VMB_RING_MIN_BYTES, self->data_bytes},
            endpoint_doorbell, NULL) != VMB_OK) {
        fprintf(stderr, "vmbus bench: no endpoints\n");
        exit(3);
    }
    vmb_endpoint_mask(&self->receiver);
    return self;
}

static void endpoint_send(struct transport *self, const uint8_t *payload, uint32_t bytes,
                          uint64_t count)
{
    const struct vmb_slice slice = {.bytes = payload, .byte_count = bytes};
    uint32_t batch = ours_batch(self, bytes), staged = 0;

    while (count > 0) {
        if (vmb_endpoint_stage(&self->sender, &slice, 1, 0, false) == VMB_OK) {
            count--;
            staged++;
            if (staged < batch && count > 0) {
                continue;
            }
        } else {
            transport_wait();
        }
        vmb_endpoint_flush(&self->sender);
        staged = 0;
    }
}

static void endpoint_send_many(struct transport *self, const uint8_t *payload, uint32_t bytes,
                               uint64_t count)
{
    uint32_t batch = ours_batch(self, bytes), sent;

    for (uint32_t i = 0; i < batch; i++) {
        packets_out[i].type = VMB_PACKET_IN_BAND;
        slices_out[i] = (struct vmb_slice){.bytes = payload, .byte_count = bytes};
    }
    while (count > 0) {
        if (vmb_endpoint_send_many(&self->sender, packets_out, slices_out,
                                   count < batch ? (uint32_t)count : batch, &sent) != VMB_OK) {
            transport_wait();
        }
        count -= sent;
    }
}

static uint64_t endpoint_receive(struct transport *self, uint32_t bytes, uint64_t count, bool check)
{
    struct vmb_packet packet;
    uint32_t unreturned = 0;
    uint64_t sum = 0;

    while (count > 0) {
        if (vmb_endpoint_receive(&self->receiver, received, sizeof(received), &packet) == VMB_OK) {
            sum += check ? transport_sum(received, packet.payload_bytes) : 0;
            count--;
            unreturned += bytes + 24;
            if (unreturned < self->data_bytes / 8 && count > 0) {
                continue;
            }
        } else {
            transport_wait();
        }
        vmb_endpoint_release(&self->receiver);
        unreturned = 0;
    }
    return sum;
}

static uint64_t endpoint_receive_many(struct transport *self, uint32_t bytes, uint64_t count,
                                      bool check)
{
    uint32_t batch = ours_batch(self, bytes), taken, unreturned = 0;
    uint64_t sum = 0;

    while (count > 0) {
        if (vmb_endpoint_receive_many(&self->receiver, received, sizeof(received), packets_in,
                                      batch, &taken) == VMB_OK) {
            count -= taken;
            unreturned += taken * (bytes + 24);
            for (uint32_t i = 0, at = 0; check && i < taken; i++) {
                sum += transport_sum(received + at, packets_in[i].payload_bytes);
                at += packets_in[i].payload_bytes;
            }
            if (unreturned < self->data_bytes / 8 && count > 0) {
                continue;
            }
        } else {
            transport_wait();
        }
        vmb_endpoint_release(&self->receiver);
        unreturned = 0;
    }
    return sum;
}

/* --- Bare copies ------------------------------------------------------------------------------
 */

static struct transport *bare_make(void)
{
    return transport_new();
}

/* What a packet takes in our ring, so that as many lines are moved. */
static uint32_t bare_step(uint32_t bytes)
{
    return (bytes + 31u) & ~7u;
}

static void bare_send(struct transport *self, const uint8_t *payload, uint32_t bytes,
                      uint64_t count)
{
    uint64_t in = self->bare.in, seen = __atomic_load_n(&self->bare.out, __ATOMIC_ACQUIRE);
    uint32_t step = bare_step(bytes), slots = self->data_bytes / step, staged = 0;
    uint32_t batch = ours_batch(self, bytes);

    while (count > 0) {
        if (in - seen < slots) {
            memcpy(self->ring + 4096 + in % slots * step, payload, bytes);
            in++;
            count--;
            staged++;
            if (staged < batch && count > 0) {
                continue;
            }
        }
        __atomic_store_n(&self->bare.in, in, __ATOMIC_RELEASE);
        staged = 0;
        if (in - seen >= slots) {
            seen = __atomic_load_n(&self->bare.out, __ATOMIC_ACQUIRE);
            transport_wait();
        }
    }
}

/* The reader writes into each line that it gives back, as ours does: bare copies gain as much. */
static void bare_give(struct transport *self, uint64_t given, uint64_t out, uint32_t step,
                      uint32_t slots)
{
    for (; given != out; given++) {
        size_t at = (4096u + given % slots * step + 63u) & ~(size_t)63u;

        for (; at < 4096u + (given % slots + 1) * step; at += 64) {
            *(volatile uint32_t *)(void *)(self->ring + at) = 0;
        }
    }
    __atomic_store_n(&self->bare.out, out, __ATOMIC_RELEASE);
}

static uint64_t bare_receive(struct transport *self, uint32_t bytes, uint64_t count, bool check)
{
    uint64_t out = self->bare.out, seen = out, given = out, sum = 0;
    uint32_t step = bare_step(bytes), slots = self->data_bytes / step;

    while (count > 0) {
        if (out == seen || out - given >= slots / 8 + 1) {
            bare_give(self, given, out, step, slots);
            given = out;
        }
        if (out == seen) {
            seen = __atomic_load_n(&self->bare.in, __ATOMIC_ACQUIRE);
            transport_wait();
            continue;
        }
        memcpy(received, self->ring + 4096 + out % slots * step, bytes);
        sum += check ? transport_sum(received, bytes) : 0;
        out++;
        count--;
    }
    bare_give(self, given, out, step, slots);
    return sum;
}

/* --- DPDK -------------------------------------------------------------------------------------
 */

static struct transport *dpdk_make(void)
{
    void *library = dlopen("librte_bus_vmbus.so.23", RTLD_NOW);
    dpdk_send send;
    dpdk_receive receive;
    struct transport *self;

    if (library == NULL) {
        return NULL;
    }
    *(void **)&send = dlsym(library, "rte_vmbus_chan_send");
    *(void **)&receive = dlsym(library, "rte_vmbus_chan_recv");
    if (send == NULL || receive == NULL) {
        return NULL;
    }
    self = transport_new();
    self->dpdk_send = send;
    self->dpdk_receive = receive;
    self->dpdk_from.tx.ring = self->ring;
    self->dpdk_from.tx.data_bytes = transport_ring_bytes;
    self->dpdk_from.monitor = 255;
    self->dpdk_to.rx.ring = self->ring;
    self->dpdk_to.rx.data_bytes = transport_ring_bytes;
    self->dpdk_to.monitor = 255;
    return self;
}

static void dpdk_send_all(struct transport *self, const uint8_t *payload, uint32_t bytes,
                          uint64_t count)
{
    while (count > 0) {
        bool need_signal = false;

        if (self->dpdk_send(&self->dpdk_from, VMB_PACKET_IN_BAND, (void *)(uintptr_t)payload, bytes,
                            0, 0, &need_signal) == 0) {
            count--;
        } else {
            transport_wait();
        }
    }
}

static uint64_t dpdk_receive_all(struct transport *self, uint32_t bytes, uint64_t count, bool check)
{
    uint64_t sum = 0, id;

    (void)bytes;
    while (count > 0) {
        uint32_t room = sizeof(received);

        if (self->dpdk_receive(&self->dpdk_to, received, &room, &id) == 0) {
            count--;
            if (check) {
                sum += transport_sum(received, room);
            }
        } else {
            transport_wait();
        }
    }
    return sum;
}

/* --- Concurrency Kit --------------------------------------------------------------------------
 */

#ifdef BENCH_HAS_CK
static struct transport *ck_make(void)
{
    struct transport *self = transport_new();

    ck_ring_init(&self->ck, 4096);
    return self;
}

static void ck_send(struct transport *self, const uint8_t *payload, uint32_t bytes, uint64_t count)
{
    (void)bytes;
    while (count > 0) {
        if (ck_ring_enqueue_spsc(&self->ck, (ck_ring_buffer_t *)(void *)self->ring,
                                 (void *)(uintptr_t)payload)) {
            count--;
        } else {
            transport_wait();
        }
    }
}

static uint64_t ck_receive(struct transport *self, uint32_t bytes, uint64_t count, bool check)
{
    void *pointer;

    (void)bytes;
    (void)check;
    while (count > 0) {
        if (ck_ring_dequeue_spsc(&self->ck, (ck_ring_buffer_t *)(void *)self->ring, &pointer)) {
            count--;
        } else {
            transport_wait();
        }
    }
    return 0;
}
#else
static struct transport *ck_make(void)
{
    return NULL;
}
#define ck_send    NULL
#define ck_receive NULL
#endif

/* --- DPDK's ring of pointers ------------------------------------------------------------------
 */

#define RTE_SLOTS       4096u
#define RTE_ONE_OF_EACH 3u /* RING_F_SP_ENQ, RING_F_SC_DEQ. */

/*
 * The library makes the ring. What moves pointers is inline in its headers, which are not needed
 * for this: for one producer and one consumer it is written anew below.
 */
static struct transport *rte_make(void)
{
    void *library = dlopen("librte_ring.so.23", RTLD_NOW);
    int (*init)(struct rte_ring * ring, const char *name, unsigned count, unsigned flags);
    ssize_t (*bytes_of)(unsigned count);
    struct transport *self;

    if (library == NULL) {
        return NULL;
    }
    *(void **)&init = dlsym(library, "rte_ring_init");
    *(void **)&bytes_of = dlsym(library, "rte_ring_get_memsize");
    self = transport_new();
    self->rte = (struct rte_ring *)(void *)self->ring;
    if (init == NULL || bytes_of == NULL || bytes_of(RTE_SLOTS) < 0 ||
        (size_t)bytes_of(RTE_SLOTS) > self->bytes ||
        init(self->rte, "bench", RTE_SLOTS, RTE_ONE_OF_EACH) != 0 || self->rte->size != RTE_SLOTS ||
        self->rte->mask != RTE_SLOTS - 1 || self->rte->producer.sync_type != 1 ||
        self->rte->consumer.sync_type != 1) {
        transport_free(self); /* Another layout than that of 22.11. */
        return NULL;
    }
    return self;
}

static void rte_send(struct transport *self, const uint8_t *payload, uint32_t bytes, uint64_t count)
{
    struct rte_ring *ring = self->rte;
    const void **slots = (const void **)(void *)&ring[1];

    (void)bytes;
    while (count > 0) {
        uint32_t head = ring->producer.head, wanted = self->batch, i;
        uint32_t room = ring->capacity - head;

        room += __atomic_load_n(&ring->consumer.tail, __ATOMIC_ACQUIRE);
        wanted = wanted < count ? wanted : (uint32_t)count;
        if (room < wanted) {
            transport_wait();
            continue;
        }
        ring->producer.head = head + wanted;
        for (i = 0; i < wanted; i++) {
            slots[(head + i) & ring->mask] = payload;
        }
        __atomic_store_n(&ring->producer.tail, head + wanted, __ATOMIC_RELEASE);
        count -= wanted;
    }
}

static uint64_t rte_receive(struct transport *self, uint32_t bytes, uint64_t count, bool check)
{
    struct rte_ring *ring = self->rte;
    void **slots = (void **)(void *)&ring[1];
    void *taken[TRANSPORT_MOST];
    uint64_t sum = 0;

    (void)bytes;
    (void)check;
    while (count > 0) {
        uint32_t head = ring->consumer.head, i;
        uint32_t there = __atomic_load_n(&ring->producer.tail, __ATOMIC_ACQUIRE) - head;

        there = there < self->batch ? there : self->batch;
        if (there == 0) {
            transport_wait();
            continue;
        }
        ring->consumer.head = head + there;
        for (i = 0; i < there; i++) {
            taken[i] = slots[(head + i) & ring->mask];
        }
        sum += (uintptr_t)taken[there - 1] & 1u;
        __atomic_store_n(&ring->consumer.tail, head + there, __ATOMIC_RELEASE);
        count -= there;
    }
    return sum;
}

const struct transport_kind transport_kinds[TRANSPORTS] = {
    {"libvmbus", false, ours_make, transport_free, ours_send, ours_receive},
    {"libvmbus, batched", false, ours_make, transport_free, ours_send_many, ours_receive_many},
    {"libvmbus, in place", false, ours_make, transport_free, ours_send_many, ours_receive_view},
    {"libvmbus, endpoints one by one", false, endpoint_make, transport_free, endpoint_send,
     endpoint_receive},
    {"libvmbus, endpoints in bursts", false, endpoint_make, transport_free, endpoint_send_many,
     endpoint_receive_many},
    {"bare copies", false, bare_make, transport_free, bare_send, bare_receive},
    {"DPDK", false, dpdk_make, transport_free, dpdk_send_all, dpdk_receive_all},
    {"Concurrency Kit (pointers)", true, ck_make, transport_free, ck_send, ck_receive},
    {"DPDK's rte_ring (pointers)", true, rte_make, transport_free, rte_send, rte_receive},
};
