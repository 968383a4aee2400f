/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/bench/bench_transport.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

typedef int (*dpdk_send)(void *channel, uint16_t type, void *data, uint32_t bytes, uint64_t id,
                         uint32_t flags, bool *need_signal);
typedef int (*dpdk_receive)(void *channel, void *buffer, uint32_t *bytes, uint64_t *id);

struct transport {
    uint8_t *ring; /* Control page, data. */
    size_t bytes;
    VMB_CACHE_ALIGNED struct vmb_ring_tx tx;
    VMB_CACHE_ALIGNED struct vmb_ring_rx rx;
    struct dpdk_channel dpdk_from, dpdk_to;
    dpdk_send dpdk_send;
    dpdk_receive dpdk_receive;
#ifdef BENCH_HAS_CK
    struct ck_ring ck;
#endif
};

static struct transport *transport_new(void)
{
    struct transport *self = bench_shared(sizeof(*self));

    self->bytes = VMB_RING_MAPPING_BYTES(TRANSPORT_RING_BYTES);
    self->ring = bench_shared(self->bytes);
    return self;
}

static void transport_free(struct transport *self)
{
    bench_shared_free(self->ring, self->bytes);
    bench_shared_free(self, sizeof(*self));
}

static uint8_t received[TRANSPORT_LARGEST + 64];

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
    if (vmb_ring_tx_init(&self->tx, self->ring, TRANSPORT_RING_BYTES) != VMB_OK ||
        vmb_ring_rx_init(&self->rx, self->ring, TRANSPORT_RING_BYTES) != VMB_OK) {
        fprintf(stderr, "vmbus bench: no ring\n");
        exit(3);
    }
    vmb_ring_rx_mask(&self->rx); /* Who spins wants no signals. */
    return self;
}

/* Packets in a batch: so many, or an eighth of the ring. */
static uint32_t ours_batch(uint32_t bytes, uint32_t most)
{
    uint32_t fit = TRANSPORT_RING_BYTES / 8 / (bytes + 24);

    return fit < 1 ? 1 : fit < most ? fit : most;
}

static void ours_send_batched(struct transport *self, const uint8_t *payload, uint32_t bytes,
                              uint64_t count, uint32_t batch)
{
    const struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND};
    const struct vmb_slice slice = {.bytes = payload, .byte_count = bytes};
    uint32_t staged = 0;

    while (count > 0) {
        if (vmb_ring_tx_write(&self->tx, &packet, &slice, 1) == VMB_OK) {
            count--;
            staged++;
            if (staged < batch && count > 0) {
                continue;
            }
        } else {
            vmb_atomic_pause();
        }
        if (staged > 0) {
            bench_ignore(vmb_ring_tx_commit(&self->tx));
            staged = 0;
        }
    }
}

static void ours_send(struct transport *self, const uint8_t *payload, uint32_t bytes,
                      uint64_t count)
{
    ours_send_batched(self, payload, bytes, count, 1);
}

static void ours_send_many(struct transport *self, const uint8_t *payload, uint32_t bytes,
                           uint64_t count)
{
    ours_send_batched(self, payload, bytes, count, ours_batch(bytes, TRANSPORT_BATCH));
}

static uint64_t ours_receive_batched(struct transport *self, uint64_t count, bool check,
                                     uint32_t batch)
{
    struct vmb_packet packet;
    uint32_t taken = 0;
    uint64_t sum = 0;

    while (count > 0) {
        if (vmb_ring_rx_next(&self->rx, received, sizeof(received), &packet) == VMB_OK) {
            count--;
            taken++;
            if (check) {
                sum += transport_sum(received, packet.payload_bytes);
            }
            if (taken < batch && count > 0) {
                continue;
            }
        } else {
            vmb_atomic_pause();
        }
        if (taken > 0) {
            bench_ignore(vmb_ring_rx_commit(&self->rx));
            taken = 0;
        }
    }
    return sum;
}

static uint64_t ours_receive(struct transport *self, uint32_t bytes, uint64_t count, bool check)
{
    (void)bytes;
    return ours_receive_batched(self, count, check, 1);
}

static uint64_t ours_receive_many(struct transport *self, uint32_t bytes, uint64_t count,
                                  bool check)
{
    return ours_receive_batched(self, count, check, ours_batch(bytes, TRANSPORT_BATCH));
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
    uint32_t batch = ours_batch(bytes, TRANSPORT_BATCH), taken = 0;
    struct vmb_ring_piece pieces[2];
    struct vmb_packet packet;
    uint64_t sum = 0;

    while (count > 0) {
        if (vmb_ring_rx_peek(&self->rx, &packet) == VMB_OK &&
            vmb_ring_rx_view(&self->rx, &packet, packet.header_bytes, packet.payload_bytes,
                             pieces) == VMB_OK) {
            sum += ours_look(pieces, check);
            vmb_ring_rx_advance(&self->rx, &packet);
            count--;
            taken++;
            if (taken < batch && count > 0) {
                continue;
            }
        } else {
            vmb_atomic_pause();
        }
        if (taken > 0) {
            bench_ignore(vmb_ring_rx_commit(&self->rx));
            taken = 0;
        }
    }
    return sum;
}

void transport_signals(const struct transport *self, uint64_t *out_signals, uint64_t *out_packets)
{
    *out_signals = self->tx.counters.signals_sent;
    *out_packets = self->tx.counters.packets;
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
    self->dpdk_from.tx.data_bytes = TRANSPORT_RING_BYTES;
    self->dpdk_from.monitor = 255;
    self->dpdk_to.rx.ring = self->ring;
    self->dpdk_to.rx.data_bytes = TRANSPORT_RING_BYTES;
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
            vmb_atomic_pause();
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
            vmb_atomic_pause();
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
            vmb_atomic_pause();
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
            vmb_atomic_pause();
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

const struct transport_kind transport_kinds[TRANSPORTS] = {
    {"libvmbus", false, ours_make, transport_free, ours_send, ours_receive},
    {"libvmbus, batched", false, ours_make, transport_free, ours_send_many, ours_receive_many},
    {"libvmbus, in place", false, ours_make, transport_free, ours_send_many, ours_receive_view},
    {"DPDK", false, dpdk_make, transport_free, dpdk_send_all, dpdk_receive_all},
    {"Concurrency Kit (pointers)", true, ck_make, transport_free, ck_send, ck_receive},
};
