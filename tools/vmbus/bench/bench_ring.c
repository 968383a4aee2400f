/* SPDX-License-Identifier: MIT */
/* Streams of packets between two processes, and within one, through each kind of ring. */
#include "tools/vmbus/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/vmbus/bench/bench_transport.h"

#define SIZES     7u
#define CHECKED   2000u    /* Packets of the pass in which every byte is looked at. */
#define STREAM_NS 500000.0 /* Of one try; the best of TRIES counts: others use the machine too. */
#define TRIES     6u

static const uint32_t sizes[SIZES] = {16, 64, 256, 1504, 4096, 16384, 65000};

/* What the two processes of a stream tell each other. */
struct meeting {
    _Alignas(64) uint32_t go;
    _Alignas(64) uint32_t ready;
    _Alignas(64) uint64_t sum;
    uint64_t ended;
};

static uint8_t payload[TRANSPORT_LARGEST];

static void meeting_wait(const uint32_t *word)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0) {
    }
}

/* ns a packet, from the first send until the last has arrived. */
static double ring_stream(const struct transport_kind *kind, uint32_t bytes, uint64_t count,
                          bool check, uint64_t *out_sum)
{
    struct transport *transport = kind->make();
    struct meeting *meeting = bench_shared(sizeof(*meeting));
    uint64_t started, elapsed;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        bench_pin(1);
        transport_touch(transport);
        __atomic_store_n(&meeting->ready, 1, __ATOMIC_RELEASE);
        meeting_wait(&meeting->go);
        meeting->sum = kind->receive(transport, bytes, count, check);
        meeting->ended = bench_now_ns();
        _exit(0);
    }
    if (child < 0) {
        perror("vmbus bench: fork");
        exit(3);
    }
    bench_pin(0);
    transport_touch(transport);
    meeting_wait(&meeting->ready);
    started = bench_now_ns();
    __atomic_store_n(&meeting->go, 1, __ATOMIC_RELEASE);
    kind->send(transport, payload, bytes, count);
    (void)waitpid(child, NULL, 0);
    elapsed = meeting->ended - started;
    *out_sum = meeting->sum;
    bench_shared_free(meeting, sizeof(*meeting));
    kind->free(transport);
    return (double)elapsed / (double)count;
}

/* Both ends in one process, a batch at a time; ns a packet. */
static double ring_same_core(const struct transport_kind *kind, uint32_t bytes, uint64_t count)
{
    struct transport *transport = kind->make();
    uint64_t at_once = TRANSPORT_RING_BYTES / 2 / (bytes + 64), done = 0, started;

    at_once = at_once < 1 ? 1 : at_once < TRANSPORT_BATCH ? at_once : TRANSPORT_BATCH;
    transport_touch(transport);
    started = bench_now_ns();
    while (done < count) {
        kind->send(transport, payload, bytes, at_once);
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
    for (uint32_t kind = 0; kind < TRANSPORTS; kind++) {
        uint64_t wanted = 0, sum;
        struct transport *probe = transport_kinds[kind].make();

        if (probe == NULL || transport_kinds[kind].pointers) {
            continue;
        }
        transport_kinds[kind].free(probe);
        for (uint32_t i = 0; i < sizes[size]; i++) {
            wanted += payload[i];
        }
        (void)ring_stream(&transport_kinds[kind], sizes[size], CHECKED, true, &sum);
        if (sum != wanted * CHECKED) {
            bench_wrong(bench, "%s, %u bytes: not what was sent arrived",
                        transport_kinds[kind].name, sizes[size]);
        }
    }
}

static double ring_best(const struct transport_kind *kind, uint32_t bytes, uint64_t count)
{
    uint64_t sum;
    double best = ring_stream(kind, bytes, count, false, &sum), again;

    for (uint32_t i = 1; i < TRIES; i++) {
        again = ring_stream(kind, bytes, count, false, &sum);
        best = again < best ? again : best;
    }
    return best;
}

static void ring_size(struct bench *bench, uint32_t size, struct bench_series stream[TRANSPORTS],
                      struct bench_series same[TRANSPORTS], const bool *there)
{
    uint64_t count = (uint64_t)(STREAM_NS / (50 + sizes[size] / 20.0)) + 64;

    for (uint32_t round = 0; round < bench_rounds(bench); round++) {
        bench_progress(bench, "ring: %u bytes, round %u of %u", sizes[size], round + 1,
                       bench_rounds(bench));
        for (uint32_t i = 0; i < TRANSPORTS; i++) {
            uint32_t kind = (i + round) % TRANSPORTS;

            if (there[kind]) {
                bench_add(&stream[kind], ring_best(&transport_kinds[kind], sizes[size], count));
                bench_add(&same[kind], ring_same_core(&transport_kinds[kind], sizes[size], count));
            }
        }
    }
}

static void ring_targets(struct bench *bench, uint32_t size, struct bench_series stream[TRANSPORTS],
                         const bool *there)
{
    struct bench_series ratio;
    char name[96];

    if (there[TRANSPORT_DPDK]) {
        ratio = bench_ratio(&stream[TRANSPORT_DPDK], &stream[TRANSPORT_OURS_BATCH]);
        snprintf(name, sizeof(name), "ring stream, %u bytes: times DPDK", sizes[size]);
        bench_at_least(bench, name, &ratio, sizes[size] <= 64 ? 9.0 : 1.3);
        if (sizes[size] >= 256) {
            ratio = bench_ratio(&stream[TRANSPORT_DPDK], &stream[TRANSPORT_OURS_VIEW]);
            snprintf(name, sizeof(name), "ring stream, %u bytes in place: times DPDK", sizes[size]);
            bench_at_least(bench, name, &ratio, 2.0);
        }
    }
    if (there[TRANSPORT_CK] && sizes[size] <= 64) {
        ratio = bench_ratio(&stream[TRANSPORT_OURS_BATCH], &stream[TRANSPORT_CK]);
        snprintf(name, sizeof(name), "ring stream, %u bytes: of Concurrency Kit's pointers",
                 sizes[size]);
        bench_at_most(bench, name, &ratio, 1.7);
    }
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
}

bool bench_ring(struct bench *bench)
{
    static struct bench_series stream[TRANSPORTS], same[TRANSPORTS];
    bool there[TRANSPORTS];
    char name[96];

    for (uint32_t i = 0; i < sizeof(payload); i++) {
        payload[i] = (uint8_t)(i * 7 + 3);
    }
    ring_probe(bench, there);
    for (uint32_t size = 0; size < SIZES; size++) {
        memset(stream, 0, sizeof(stream));
        memset(same, 0, sizeof(same));
        ring_verify(bench, size);
        ring_size(bench, size, stream, same, there);
        for (uint32_t kind = 0; kind < TRANSPORTS; kind++) {
            if (!there[kind]) {
                continue;
            }
            snprintf(name, sizeof(name), "ring stream, %u bytes: %s", sizes[size],
                     transport_kinds[kind].name);
            bench_figure(bench, name, "ns/packet", &stream[kind]);
            bench_point(bench, "Stream between processes, by packet size", "bytes|ns a packet",
                        transport_kinds[kind].name, sizes[size], bench_median(&stream[kind]));
            snprintf(name, sizeof(name), "ring same core, %u bytes: %s", sizes[size],
                     transport_kinds[kind].name);
            bench_figure(bench, name, "ns/packet", &same[kind]);
            bench_point(bench, "Send and receive on one core, by packet size", "bytes|ns a packet",
                        transport_kinds[kind].name, sizes[size], bench_median(&same[kind]));
        }
        ring_targets(bench, size, stream, there);
    }
    return true;
}
