/* SPDX-License-Identifier: MIT */
/* Rings to be compared: each moves so many packets of one size, from one end or to the other. */
#ifndef VMB_BENCH_TRANSPORT_H
#define VMB_BENCH_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#define TRANSPORT_LARGEST 65000u
#define TRANSPORT_BATCH   32u
#define TRANSPORT_MOST    128u /* The largest batch. */

/* Of each ring that is made from now on: its data's bytes, and packets in a batch. */
extern uint32_t transport_ring_bytes;
extern uint32_t transport_batch;

/* In memory that both processes share; each end of it is used by one of them. */
struct transport;

struct transport_kind {
    const char *name;
    bool pointers; /* It moves pointers and no bytes: a floor. */
    /* NULL: not on this machine. */
    struct transport *(*make)(void);
    void (*free)(struct transport *self);
    /* Send and receive @count packets of @bytes; spin while the ring is full, or empty. */
    void (*send)(struct transport *self, const uint8_t *payload, uint32_t bytes, uint64_t count);
    /* Returns a sum over what has come: all bytes of all packets, if @check. */
    uint64_t (*receive)(struct transport *self, uint32_t bytes, uint64_t count, bool check);
};

enum {
    TRANSPORT_OURS,           /* Committed packet by packet. */
    TRANSPORT_OURS_BATCH,     /* In batches of 32 packets, or an eighth of the ring. */
    TRANSPORT_OURS_VIEW,      /* And read in place: a word of each line. */
    TRANSPORT_ENDPOINT,       /* Between endpoints: staged and received one by one, in batches, */
    TRANSPORT_ENDPOINT_BURST, /* and in bursts. */
    TRANSPORT_BARE,           /* The same bytes copied in and out, without any ring: a floor. */
    TRANSPORT_DPDK,           /* librte_bus_vmbus, if it is installed. */
    TRANSPORT_CK,  /* Concurrency Kit's ring of pointers, if it was there when we were built. */
    TRANSPORT_RTE, /* DPDK's ring of pointers, if librte_ring is installed. */
    TRANSPORTS
};

extern const struct transport_kind transport_kinds[TRANSPORTS];

/* Look at every page once, so that no fault is measured. */
void transport_touch(struct transport *self);

/* Signals that the first three would have sent to a sleeping peer, and packets. */
void transport_signals(const struct transport *self, uint64_t *out_signals, uint64_t *out_packets);

#endif /* VMB_BENCH_TRANSPORT_H */
