/* SPDX-License-Identifier: MIT */
/* A stream between two processes, for as many runs as one likes: a fresh ring is not measured. */
#ifndef VMB_BENCH_STREAM_H
#define VMB_BENCH_STREAM_H

#include "tools/vmbus/bench/bench_transport.h"

struct stream;

/*
 * Start a process that receives on the CPU beside ours. Goes on until every page of the ring has
 * been written and read twice. NULL: this transport is not on this machine.
 */
struct stream *stream_open(const struct transport_kind *kind, uint32_t bytes);
void stream_close(struct stream *stream);

/* Send so many packets: ns a packet, from the first send until the last has arrived. */
double stream_run(struct stream *stream, uint64_t count);

/* The best of some tries, of half a millisecond each if a packet takes so many ns. */
double stream_best(struct stream *stream, double ns, uint32_t tries);

/* Packets of which every byte is added up: that sum. */
uint64_t stream_sum(struct stream *stream, uint64_t count);

/* What is sent. */
extern uint8_t stream_payload[TRANSPORT_LARGEST];

#endif /* VMB_BENCH_STREAM_H */
