/* SPDX-License-Identifier: MIT */
/* Streams of packets between two processes, and within one, through each kind of ring. */
#include "tools/vmbus/bench/bench.h"

#include <stdio.h>
#include <string.h>

#include "tools/vmbus/bench/bench_place.h"
#include "tools/vmbus/bench/bench_stream.h"

#define SIZES       7u
#define CHECKED     2000u /* Packets of the pass in which every byte is looked at. */
#define TRIES       6u    /* The best of them counts: others use the machine too. */
#define RING_BYTES  262144u
#define GROW_ROUNDS 5u
#define GROW_TRIES  10u
#define PATIENCE_NS UINT64_C(1500000000) /* For pairs of CPUs, times the rounds wanted. */

static const uint32_t sizes[SIZES] = {16, 64, 256, 1504, 4096, 16384, 65000};

/* Both ends in one process, a batch at a time; ns a packet. */
static double ring_same_core(const struct transport_kind *kind, uint32_t bytes, uint64_t count)
{
    struct transport *transport = kind->make();
    uint64_t at_once = transport_ring_bytes / 2 / (bytes + 64), done = 0, started;

    at_once = at_once < 1 ? 1 : at_once < TRANSPORT_BATCH ? at_once : TRANSPORT_BATCH;
    transport_touch(transport);
    started = bench_now_ns();
    while (done < count) {
        kind->send(transport, stream_payload, bytes, at_once);
        (void)kind->receive(transport, bytes, at_once, false);
        done += at_once;
    }
    started = bench_now_ns() - started;
    kind->free(transport);
    return (double)started / (double)done;
}

/* Every byte of every packet arrives. */
static void ring_verify(struct bench *bench, uint32_t size)
{
    uint64_t wanted = 0;

    for (uint32_t i = 0; i < sizes[size]; i++) {
        wanted += stream_payload[i];
    }
    for (uint32_t kind = 0; kind < TRANSPORTS; kind++) {
        struct stream *stream;

        if (transport_kinds[kind].pointers) {
            continue;
        }
        stream = stream_open(&transport_kinds[kind], sizes[size]);
        if (stream == NULL) {
            continue;
        }
        if (stream_sum(stream, CHECKED) != wanted * CHECKED) {
            bench_wrong(bench, "%s, %u bytes: not what was sent arrived",
                        transport_kinds[kind].name, sizes[size]);
        }
        stream_close(stream);
    }
}

static double ring_stream(const struct transport_kind *kind, uint32_t bytes)
{
    struct stream *stream = stream_open(kind, bytes);
    double best = stream_best(stream, 50 + bytes / 20.0, TRIES);

    stream_close(stream);
    return best;
}

/* All rounds of a size: by pair of CPUs, and on one core. */
struct ring_times {
    struct bench_series stream[PLACES][TRANSPORTS];
    struct bench_series line[PLACES]; /* There and back, after each round. */
    struct bench_series same[TRANSPORTS];
    struct place_count count[PLACES];
};

/*
 * A round on a pair of CPUs. It counts if the pair was of that kind before it, behind each ring and
 * at the end, whatever the rings took.
 */
static void ring_place(struct ring_times *times, enum place place, uint32_t bytes, uint32_t round,
                       const bool *there)
{
    double stream[TRANSPORTS], line;

    if (!place_take(place)) {
        return;
    }
    for (uint32_t i = 0; i < TRANSPORTS; i++) {
        uint32_t kind = (i + round) % TRANSPORTS;

        stream[kind] = there[kind] ? ring_stream(&transport_kinds[kind], bytes) : 0;
        if (!place_holds(place, &line)) {
            times->count[place].left_out++;
            return;
        }
    }
    times->count[place].judged++;
    bench_add(&times->line[place], line);
    for (uint32_t kind = 0; kind < TRANSPORTS; kind++) {
        if (there[kind]) {
            bench_add(&times->stream[place][kind], stream[kind]);
        }
    }
}

/* Both ends on one CPU. */
static void ring_alone(struct ring_times *times, uint32_t bytes, uint32_t round, const bool *there)
{
    uint64_t count = (uint64_t)(500000.0 / (50 + bytes / 20.0)) + 64;

    place_forget();
    bench_pin(0);
    for (uint32_t i = 0; i < TRANSPORTS; i++) {
        uint32_t kind = (i + round) % TRANSPORTS;

        if (there[kind]) {
            bench_add(&times->same[kind], ring_same_core(&transport_kinds[kind], bytes, count));
        }
    }
}

/*
 * Until each kind of pair has its rounds, but for siblings, which are taken as they come; or until
 * the time is over that one waits for what the machine does not give.
 */
static void ring_size(struct bench *bench, uint32_t size, struct ring_times *times,
                      const bool *there)
{
    uint32_t wanted = bench_rounds(bench), round = 0;
    uint64_t end = bench_now_ns() + PATIENCE_NS * wanted;

    while (round < wanted || (bench_now_ns() < end && (times->count[PLACE_NEAR].judged < wanted ||
                                                       times->count[PLACE_FAR].judged < wanted))) {
        bench_progress(bench, "ring: %u bytes, round %u, %u near and %u far of %u", sizes[size],
                       round + 1, times->count[PLACE_NEAR].judged, times->count[PLACE_FAR].judged,
                       wanted);
        place_scan();
        for (uint32_t place = 0; place < PLACES; place++) {
            if (times->count[place].judged < wanted) {
                ring_place(times, (enum place)place, sizes[size], round, there);
            }
        }
        if (round < wanted) {
            ring_alone(times, sizes[size], round, there);
        }
        round++;
    }
    place_forget();
}

/* A ratio, and its target if enough rounds are there to judge it by. */
static void ring_ratio(struct bench *bench, const char *name, const struct bench_series *ratio,
                       double at_least, bool judged)
{
    if (judged) {
        bench_at_least(bench, name, ratio, at_least);
    } else {
        bench_figure(bench, name, "times", ratio);
    }
}

static void ring_targets(struct bench *bench, uint32_t size, const struct ring_times *times,
                         enum place place, const bool *there, bool judged)
{
    const struct bench_series *stream = times->stream[place];
    const struct bench_series *ours = &stream[TRANSPORT_OURS_BATCH];
    struct bench_series ratio;
    char name[56], what[96];

    snprintf(name, sizeof(name), "ring stream, %u bytes, %s", sizes[size], place_names[place]);
    if (there[TRANSPORT_DPDK]) {
        ratio = bench_ratio(&stream[TRANSPORT_DPDK], ours);
        snprintf(what, sizeof(what), "%s: times DPDK", name);
        ring_ratio(bench, what, &ratio, sizes[size] <= 64 ? 9.0 : 1.3, judged);
        if (sizes[size] >= 256) {
            ratio = bench_ratio(&stream[TRANSPORT_DPDK], &stream[TRANSPORT_OURS_VIEW]);
            snprintf(what, sizeof(what), "%s, in place: times DPDK", name);
            ring_ratio(bench, what, &ratio, 2.0, judged);
        }
    }
    if (there[TRANSPORT_CK] && sizes[size] <= 64) {
        ratio = bench_ratio(ours, &stream[TRANSPORT_CK]);
        snprintf(what, sizeof(what), "%s: of Concurrency Kit's pointers", name);
        if (judged) {
            bench_at_most(bench, what, &ratio, 1.7);
        } else {
            bench_figure(bench, what, "times", &ratio);
        }
    }
    ratio = bench_ratio(&stream[TRANSPORT_ENDPOINT], &stream[TRANSPORT_ENDPOINT_BURST]);
    snprintf(what, sizeof(what), "%s: bursts of endpoints, times one by one", name);
    bench_figure(bench, what, "times", &ratio);
    ratio = bench_ratio(ours, &stream[TRANSPORT_BARE]);
    snprintf(what, sizeof(what), "%s: of bare copies", name);
    bench_figure(bench, what, "times", &ratio);
}

static void ring_probe(struct bench *bench, bool *there)
{
    for (uint32_t kind = 0; kind < TRANSPORTS; kind++) {
        struct transport *probe = transport_kinds[kind].make();

        there[kind] = probe != NULL;
        if (probe != NULL) {
            transport_kinds[kind].free(probe);
        }
    }
    if (!there[TRANSPORT_DPDK]) {
        bench_skipped(bench, "ring: DPDK",
                      "librte_bus_vmbus.so.23 is not installed (package librte-bus-vmbus23)");
    }
    if (!there[TRANSPORT_CK]) {
        bench_skipped(bench, "ring: Concurrency Kit",
                      "not built in (package libck-dev, then build again)");
    }
    if (!there[TRANSPORT_RTE]) {
        bench_skipped(bench, "ring: DPDK's rte_ring",
                      "librte_ring.so.23 is not installed (package librte-ring23)");
    }
}

static void ring_figures(struct bench *bench, uint32_t size, const struct ring_times *times,
                         enum place place, const bool *there)
{
    char name[96], plot[96];
    bool judged;

    snprintf(name, sizeof(name), "ring stream, %u bytes", sizes[size]);
    judged = place_report(bench, name, place, &times->count[place]);
    if (times->count[place].judged == 0) {
        return;
    }
    snprintf(name, sizeof(name), "ring stream, %u bytes, %s: a line there and back", sizes[size],
             place_names[place]);
    bench_figure(bench, name, "ns", &times->line[place]);
    snprintf(plot, sizeof(plot), "Stream between processes, by packet size%s",
             place == PLACE_NEAR ? "" : ", no cache shared");
    for (uint32_t kind = 0; kind < TRANSPORTS; kind++) {
        if (there[kind]) {
            snprintf(name, sizeof(name), "ring stream, %u bytes, %s: %s", sizes[size],
                     place_names[place], transport_kinds[kind].name);
            bench_figure(bench, name, "ns/packet", &times->stream[place][kind]);
            if (place != PLACE_SIBLINGS) {
                bench_point(bench, plot, "bytes|ns a packet", transport_kinds[kind].name,
                            sizes[size], bench_median(&times->stream[place][kind]));
            }
        }
    }
    ring_targets(bench, size, times, place, there, judged);
}

static void ring_sizes(struct bench *bench, const bool *there)
{
    static struct ring_times times;
    char name[96];

    for (uint32_t size = 0; size < SIZES; size++) {
        memset(&times, 0, sizeof(times));
        transport_ring_bytes = RING_BYTES;
        ring_verify(bench, size);
        ring_size(bench, size, &times, there);
        for (uint32_t place = 0; place < PLACES; place++) {
            ring_figures(bench, size, &times, (enum place)place, there);
        }
        for (uint32_t kind = 0; kind < TRANSPORTS; kind++) {
            if (there[kind]) {
                snprintf(name, sizeof(name), "ring same core, %u bytes: %s", sizes[size],
                         transport_kinds[kind].name);
                bench_figure(bench, name, "ns/packet", &times.same[kind]);
                bench_point(bench, "Send and receive on one core, by packet size",
                            "bytes|ns a packet", transport_kinds[kind].name, sizes[size],
                            bench_median(&times.same[kind]));
            }
        }
    }
}

/* One point of a curve: the median of the rounds in which the pair was near, before and after. */
static void ring_grow(struct bench *bench, const char *plot, const char *axes, uint32_t kind,
                      uint32_t bytes, double x)
{
    struct bench_series series = {.count = 0};
    char curve[96];

    for (uint32_t round = 0; round < GROW_TRIES && series.count < GROW_ROUNDS; round++) {
        place_scan();
        if (place_take(PLACE_NEAR)) {
            double ns = ring_stream(&transport_kinds[kind], bytes), line;

            if (place_holds(PLACE_NEAR, &line)) {
                bench_add(&series, ns);
            }
        }
    }
    place_forget();
    if (series.count != 0) {
        snprintf(curve, sizeof(curve), "%s, %u bytes", transport_kinds[kind].name, bytes);
        bench_point(bench, plot, axes, curve, x, bench_median(&series));
    }
}

/* Against packets in a batch, and against the ring's size. */
static void ring_growth(struct bench *bench, const bool *there)
{
    static const uint32_t kinds[] = {TRANSPORT_OURS_BATCH, TRANSPORT_BARE, TRANSPORT_RTE};
    static const uint32_t by_ring[] = {TRANSPORT_OURS_BATCH, TRANSPORT_BARE, TRANSPORT_DPDK};

    transport_ring_bytes = RING_BYTES;
    for (uint32_t batch = 1; batch <= TRANSPORT_MOST; batch *= 2) {
        bench_progress(bench, "ring: batches of %u", batch);
        transport_batch = batch;
        for (uint32_t i = 0; i < 3; i++) {
            if (there[kinds[i]]) {
                ring_grow(bench, "Stream between processes, by batch",
                          "packets in a batch|ns a packet", kinds[i], 16, batch);
            }
        }
        ring_grow(bench, "Stream between processes, by batch", "packets in a batch|ns a packet",
                  TRANSPORT_OURS_BATCH, 64, batch);
    }
    transport_batch = TRANSPORT_BATCH;
    for (uint32_t bytes = 16384; bytes <= 8388608; bytes *= 2) {
        bench_progress(bench, "ring: of %u bytes", bytes);
        transport_ring_bytes = bytes;
        for (uint32_t i = 0; i < 3; i++) {
            if (there[by_ring[i]]) {
                ring_grow(bench, "Stream between processes, by the ring's size",
                          "KiB of the ring|ns a packet", by_ring[i], 64, bytes / 1024.0);
            }
        }
    }
    transport_ring_bytes = RING_BYTES;
}

bool bench_ring(struct bench *bench)
{
    bool there[TRANSPORTS];

    for (uint32_t i = 0; i < sizeof(stream_payload); i++) {
        stream_payload[i] = (uint8_t)(i * 7 + 3);
    }
    ring_probe(bench, there);
    ring_sizes(bench, there);
    ring_growth(bench, there);
    return bench_hostile(bench);
}
